/* overhear: rooms that come by the server's multicast group: who hears it, who may ask, who reports when. */
#include "client/udp_client_inside.h"
#include "core/base/err.h"

#define REPORT_NS (1 * NS_PER_S)

bool udp_overhear_to(const struct client *c, const struct udp_feed *f)
{
        return c->hearing.listens && f != c->own;
}

/* ---- hearing ------------------------------------------------------------------------------ */

bool udp_overhear_group(const struct client *c, uint8_t ip[16], uint16_t *port)
{
        memcpy(ip, c->hearing.address.ip, 16);
        *port = c->hearing.address.port;
        return c->state == UDP_UP && c->hearing.offered;
}

/* Only what is for all may come this way. */
static bool all_broadcast(struct bytes datagram)
{
        struct bytes message;
        while (dgram_next(&datagram, &message))
                if (!dgram_is_broadcast(message.at[3]))
                        return false;
        return true;
}

/* The session itself is not alive for it: hear() is for what comes to us alone. */
int udp_overhear_recv(struct client *c, struct mono now, const uint8_t *in, size_t in_bytes)
{
        struct bytes rest = bytes_of(in, in_bytes), message;
        uint64_t messages = c->data_messages, news = c->news_messages;
        bool ours = false;
        c->now = now;
        if (c->state != UDP_UP)
                return 0;
        c->stats.datagrams_in++;
        c->stats.bytes_in += in_bytes;
        if (dgram_check(rest) != DGRAM_GOOD || !all_broadcast(rest)) {
                c->stats.malformed++;
                return ERR_MALFORMED;
        }
        c->datagram++;
        c->more.by_group++;
        while (dgram_next(&rest, &message)) {
                struct dgram_msg m;
                int err = dgram_parse(message, &m);
                c->more.level_2 += err == ERR_UNSUPPORTED;
                c->stats.malformed += err && err != ERR_UNSUPPORTED;
                ours |= !err && udp_client_broadcast(c, now, &m);
        }
        if (c->data_messages != messages)
                udp_meter_came(&c->meter, now, in_bytes, c->news_messages != news);
        if (ours)
                udp_hearing_heard(&c->hearing, now);
        udp_rooms_work(c, now);
        return 0;
}

void udp_overhear_work(struct client *c, struct mono now)
{
        bool on;
        if (udp_hearing_says(&c->hearing, now, &c->rtt, &on))
                udp_client_say(c, &(struct dgram_msg){ .type = DGRAM_LISTEN, .listen = { on } });
}

/* ---- asking ------------------------------------------------------------------------------- */

/* Others miss the same, perhaps: whose back-off ends first asks for all. */
bool udp_overhear_turn(struct client *c, struct mono now, struct udp_feed *f)
{
        if (!udp_overhear_to(c, f) || !gaps_wants(&f->gaps)) {
                f->backoff = MONO_NEVER;
                return true;
        }
        if (mono_is_never(f->backoff))
                f->backoff = f->gaps.ask_not_before = mono_add(now, udp_hearing_backoff_ns(&c->hearing, &c->rng));
        if (mono_before(now, f->backoff))
                return false;
        f->backoff = MONO_NEVER;
        return true;
}

void udp_overhear_await(struct client *c, struct mono now, struct udp_feed *f, const struct dgram_range *range,
                        uint32_t n)
{
        struct mono due = mono_add(now, udp_hearing_hold_off_ns(&c->hearing));
        for (uint32_t i = 0; i < n; i++)
                gaps_hush(&f->gaps, now, &range[i], due);
}

bool udp_overhear_ncf(struct client *c, struct mono now, const struct dgram_msg *m)
{
        struct udp_feed *f = udp_room_tagged(c, m->tag);
        if (!f)
                return false;
        c->more.ncfs++;
        if (m->ncf.epoch == f->epoch)
                udp_overhear_await(c, now, f, m->ncf.range, m->ncf.n);
        else
                c->stats.wrong_epoch++;
        return true;
}

/* ---- reporting ---------------------------------------------------------------------------- */

/* All hear the same, and are not to answer at once. */
void udp_overhear_report(struct client *c, struct mono now, struct udp_feed *f)
{
        int64_t wait = REPORT_NS / 2 + (int64_t)rng_below(&c->rng, REPORT_NS / 2);
        f->report_due = mono_min(f->report_due, mono_add(now, wait));
}
