#include "client/udp_client.h"

#include <stdlib.h>

#include "client/udp_client_inside.h"
#include "core/base/err.h"

void udp_client_tell(struct client *c, const struct client_event *ev)
{
        event_queue_push(&c->told, ev); /* torn? The next pull ends it: whoever tells may hold what that would free */
}

int udp_client_say(struct client *c, struct dgram_msg *m)
{
        return dgram_queue_put(&c->queue, m);
}

/* ---- receiving ---------------------------------------------------------------------------- */

/* Most errors are about something that is tried again anyway. */
static void take_error(struct client *c, struct mono now, const struct dgram_error *m)
{
        if (m->code == DGRAM_CODE_LIMIT && m->in_reply_to == DGRAM_RESPONSE) /* the session does not follow us here */
                udp_connect_lose(c, now, "too many sessions from this address", false);
        if (m->code != DGRAM_CODE_SLOW || m->in_reply_to != DGRAM_REPORT || c->advised)
                return;
        c->advised = true;
        udp_client_tell(c, &(struct client_event){ .kind = CLIENT_ADVICE,
                                                   .reason = "too much is lost on the way for datagrams; TCP "
                                                             "may serve you better" });
}

/* Our address has changed, or somebody says so. */
static void take_challenge(struct client *c, const struct dgram_challenge *m)
{
        udp_client_say(c, &(struct dgram_msg){ .type = DGRAM_RESPONSE, .response = *m });
}

/* A room is left. Nobody asked? Then it is said until we say that we know. */
static void take_left(struct client *c, struct mono now, const struct dgram_leave_ok *m)
{
        bool known = udp_rooms_left(c, now, m);
        if (m->end == 0)
                return;
        if (!known && !udp_ref_gone(c, m->chan_ref))
                c->gone_ref[c->gone_next++ % GONE_REFS] = m->chan_ref;
        udp_client_say(c, &(struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { m->chan_ref } });
}

static void take_session(struct client *c, struct mono now, const struct dgram_msg *m)
{
        switch ((enum dgram_type)m->type) {
        case DGRAM_PING: {
                uint64_t now_us = (uint64_t)(now.ns / NS_PER_US);
                udp_client_say(c, &(struct dgram_msg){ .type = DGRAM_PONG, .pong = { m->ping.t1, now_us, now_us } });
                return;
        }
        case DGRAM_PONG:
                udp_pulse_pong(c, now, &m->pong);
                return;
        case DGRAM_CHALLENGE:
                take_challenge(c, &m->challenge);
                return;
        case DGRAM_JOIN_OK:
                udp_rooms_joined(c, now, m->join_ok.tail);
                return;
        case DGRAM_LEAVE_OK:
                take_left(c, now, &m->leave_ok);
                return;
        case DGRAM_GROUP:
                udp_hearing_offered(&c->hearing, &m->group);
                return;
        case DGRAM_LISTEN:
                udp_hearing_answer(&c->hearing, &m->listen);
                return;
        case DGRAM_PUB_ACK:
                udp_calls_pub_ack(c, &m->pub_ack);
                return;
        case DGRAM_GAP:
                udp_rooms_gap(c, now, &m->gap);
                return;
        case DGRAM_ERROR:
                take_error(c, now, &m->error);
                return;
        case DGRAM_CLOSE:
                if (m->close.code == DGRAM_CODE_SLOW)
                        udp_connect_slow(c, now);
                else
                        udp_connect_lose(c, now, dgram_code_text(m->close.code), false);
                return;
        default:
                return; /* ACCEPT again */
        }
}

static void hear(struct client *c, struct mono now)
{
        if (mono_before(c->heard, now))
                udp_rooms_light(c, now);
        c->heard = now;
}

bool udp_client_broadcast(struct client *c, struct mono now, const struct dgram_msg *m)
{
        bool known = m->type == DGRAM_DATA   ? udp_rooms_data(c, now, m)
                     : m->type == DGRAM_BEAT ? udp_rooms_beat(c, now, m)
                     : m->type == DGRAM_FEC  ? udp_parity_take(c, now, m)
                     : m->type == DGRAM_NCF  ? udp_overhear_ncf(c, now, m)
                                             : false;
        c->more.unknown_tag += !known;
        return known;
}

static void take(struct client *c, struct mono now, struct bytes message)
{
        struct dgram_msg m;
        int err = dgram_parse(message, &m);
        if (err == ERR_UNSUPPORTED)
                c->more.level_2++;
        else if (err)
                c->stats.malformed++;
        if (err)
                return;
        if (c->state == UDP_BYE) {
                if (m.type == DGRAM_CLOSE && m.tag == c->queue.tag)
                        c->retry = MONO_NEVER;
                else if (m.type == DGRAM_ACCEPT)
                        udp_connect_late(c, now, &m);
                else if (m.type == DGRAM_CHALLENGE && m.tag == c->queue.tag)
                        take_challenge(c, &m.challenge); /* or our CLOSE is not believed */
        } else if (c->state != UDP_UP) {
                udp_connect_take(c, now, &m);
        } else if (dgram_is_broadcast(m.type)) {
                if (udp_client_broadcast(c, now, &m))
                        hear(c, now);
        } else if (m.type == DGRAM_RESET) {
                if (m.tag == c->queue.tag && memcmp(m.reset.token, c->reset_token, DGRAM_TOKEN) == 0)
                        udp_connect_lose(c, now, "the server was restarted", false);
                else
                        c->more.unknown_tag++;
        } else if (m.type == DGRAM_COOKIE && m.cookie.nonce == c->nonce && udp_pulse_silent(c)) {
                udp_connect_lose(c, now, "the server does not know this session", false);
        } else if (m.tag != c->queue.tag || !dgram_has_pktno(m.type)) {
                c->more.unknown_tag++;
        } else if (seqwin_mark(&c->seen, m.pktno) != SEQWIN_NEW) {
                c->more.replayed++;
        } else {
                hear(c, now);
                take_session(c, now, &m);
        }
}

static int udp_recv(struct client *c, struct mono now, const uint8_t *in, size_t in_bytes)
{
        struct bytes rest = bytes_of(in, in_bytes), message;
        c->now = now;
        c->stats.datagrams_in++;
        c->stats.bytes_in += in_bytes;
        if (dgram_check(rest) != DGRAM_GOOD) {
                c->stats.malformed++;
                return ERR_MALFORMED;
        }
        c->datagram++;
        uint64_t messages = c->data_messages, news = c->news_messages;
        while (dgram_next(&rest, &message))
                take(c, now, message);
        if (c->data_messages != messages) {
                udp_meter_came(&c->meter, now, in_bytes, c->news_messages != news);
                udp_pulse_data(c, now);
        }
        if (c->state == UDP_UP)
                udp_rooms_work(c, now);
        return 0;
}

/* ---- sending ------------------------------------------------------------------------------ */

static size_t udp_send(struct client *c, struct mono now, uint8_t *out, size_t out_max)
{
        if (c->state == UDP_UP)
                udp_calls_send(c, now);
        struct bytes ready = buf_bytes(&c->queue.ready);
        size_t room = out_max < DGRAM_BYTES_MAX ? out_max : DGRAM_BYTES_MAX;
        size_t n = dgram_queue_front(&c->queue, room);
        if (n == 0 || c->state == UDP_OVER)
                return 0;
        memcpy(out, ready.at, n);
        bool connect = out[3] == DGRAM_CONNECT;
        buf_drop(&c->queue.ready, n);
        if (connect && n < DGRAM_CONNECT_BYTES_MIN) { /* as large as its answer */
                memset(out + n, 0, DGRAM_CONNECT_BYTES_MIN - n);
                n = DGRAM_CONNECT_BYTES_MIN;
        }
        c->stats.datagrams_out++;
        c->stats.bytes_out += n;
        return n;
}

/* ---- time --------------------------------------------------------------------------------- */

static struct mono udp_deadline(const struct client *c)
{
        switch (c->state) {
        case UDP_IDLE:
                return mono_min(c->reopen, udp_calls_deadline(c));
        case UDP_COOKIE_WAIT:
        case UDP_ACCEPT_WAIT:
                return mono_min(c->retry, udp_calls_deadline(c));
        case UDP_BYE:
                return c->retry;
        case UDP_UP: {
                struct mono due = mono_add(c->heard, c->idle_ns);
                if (dgram_queue_is_full(&c->queue)) /* nothing more can be said before the socket takes some */
                        return due;
                due = mono_min(due, udp_pulse_deadline(c));
                due = mono_min(due, udp_calls_deadline(c));
                due = mono_min(due, udp_hearing_deadline(&c->hearing));
                return mono_min(due, udp_rooms_deadline(c));
        }
        default:
                return MONO_NEVER;
        }
}

static void expire_up(struct client *c, struct mono now)
{
        if (mono_since(now, c->heard) >= c->idle_ns) {
                udp_connect_lose(c, now, "the server fell silent", false);
                return;
        }
        udp_overhear_work(c, now);
        udp_rooms_work(c, now);
        udp_pulse_expire(c, now); /* rooms may want one */
}

static void udp_expire(struct client *c, struct mono now)
{
        c->now = now;
        switch (c->state) {
        case UDP_COOKIE_WAIT:
        case UDP_ACCEPT_WAIT:
                udp_connect_expire(c, now);
                break;
        case UDP_BYE:
                if (!mono_before(now, c->retry))
                        udp_connect_bye(c, now);
                return;
        case UDP_UP:
                expire_up(c, now);
                break;
        case UDP_IDLE:
                if (!mono_before(now, c->reopen))
                        c->state = UDP_OPENING;
                break;
        default:
                break;
        }
        udp_calls_send(c, now);
}

/* ---- the table ---------------------------------------------------------------------------- */

static void udp_destroy(struct client *c)
{
        if (!c)
                return;
        while (c->calls_n > 0)
                free(c->call[--c->calls_n]);
        udp_rooms_free(c);
        reassembly_free(&c->parts);
        eid_set_free(&c->several);
        event_queue_free(&c->told);
        dgram_queue_free(&c->queue);
        free(c->name);
        free(c);
}

static struct client *udp_create(const struct client_config *config, struct mono now)
{
        struct client *c = calloc(1, sizeof *c);
        if (!c)
                return NULL;
        event_queue_init(&c->told);
        LIST_INIT(&c->feeds);
        reassembly_init(&c->parts, PARTS_EVENTS_MAX, PARTS_BYTES_MAX, NULL);
        c->config = *config;
        c->rng = rng_seeded(config->seed, "udp reconnect");
        rng_os(c->instance, sizeof c->instance);
        resend_init(&c->rtt);
        udp_hearing_begin(&c->hearing);
        c->retry = c->ping_due = c->rejoin_due = c->reopen = MONO_NEVER;
        c->heard = now;
        c->next_req = UINT64_C(1) << 32; /* calls' numbers are below */
        c->pubs_max = CALLS_MAX;
        c->state = UDP_OPENING;
        if (config->name && !(c->name = strdup(config->name))) {
                udp_destroy(c);
                return NULL;
        }
        c->config.name = c->name;
        return c;
}

static enum client_wish udp_wish(const struct client *c)
{
        switch (c->state) {
        case UDP_OPENING:
                return CLIENT_OPEN;
        case UDP_BYE:
                return mono_is_never(c->retry) ? CLIENT_CLOSE : CLIENT_HOLD;
        case UDP_LOST:
                return CLIENT_CLOSE;
        default:
                return CLIENT_HOLD;
        }
}

static void udp_opened(struct client *c, struct mono now)
{
        if (c->state != UDP_OPENING)
                return;
        c->tries = 0;
        udp_connect_hello(c, now);
}

static void udp_closed(struct client *c, struct mono now, const char *why)
{
        if (c->state == UDP_BYE) {
                c->state = UDP_OVER;
                udp_client_tell(c, &(struct client_event){ .kind = CLIENT_DOWN, .reason = "goodbye", .final = true });
                return;
        }
        if (c->state == UDP_OVER)
                return;
        if (c->state != UDP_LOST)
                udp_connect_lose(c, now, why, false);
        c->state = mono_is_never(c->reopen) ? UDP_OVER : UDP_IDLE;
}

/* An event could not be kept: coming back would go on behind it, and nobody would know. */
static void end_torn(struct client *c)
{
        if (c->state == UDP_COOKIE_WAIT || c->state == UDP_ACCEPT_WAIT || c->state == UDP_UP)
                udp_connect_lose(c, c->now, "out of memory", true);
        else if (c->state == UDP_IDLE || c->state == UDP_OPENING)
                c->state = UDP_OVER;
        else if (c->state == UDP_LOST)
                c->reopen = MONO_NEVER;
}

static bool udp_next(struct client *c, struct client_event *ev)
{
        if (c->told.torn)
                end_torn(c);
        return event_queue_next(&c->told, ev);
}

static int64_t udp_join(struct client *c, struct mono now, struct bytes room)
{
        if (room.n == 0 || room.n > UDP_ROOM_NAME_MAX)
                return ERR_TOO_BIG;
        return udp_call_add(c, now, CALL_JOIN, room);
}

static int64_t udp_leave(struct client *c, struct mono now, struct bytes room)
{
        if (room.n == 0 || room.n > UDP_ROOM_NAME_MAX)
                return ERR_TOO_BIG;
        return udp_call_add(c, now, CALL_LEAVE, room);
}

static int64_t udp_call(struct client *c, struct mono now, struct bytes event)
{
        if (event.n == 0)
                return ERR_RANGE;
        if (event.n > DGRAM_EVENT_MAX)
                return ERR_TOO_BIG;
        return udp_call_add(c, now, CALL_PUB, event);
}

static int udp_bye(struct client *c, struct mono now)
{
        if (c->state == UDP_OVER || c->state == UDP_BYE)
                return ERR_CLOSED;
        udp_rooms_finish(c);
        bool had_socket = c->state == UDP_UP || c->state == UDP_COOKIE_WAIT || c->state == UDP_ACCEPT_WAIT ||
                          c->state == UDP_LOST;
        udp_connect_leave(c, now);
        udp_calls_over(c);
        if (!had_socket)
                udp_closed(c, now, "goodbye");
        return 0;
}

static struct client_stats udp_stats(const struct client *c)
{
        struct client_stats stats = c->stats;
        const struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        stats.lost_first_try += f->gaps.lost_first_try;
        return stats;
}

static void udp_dropped(struct client *c, uint64_t datagrams)
{
        c->meter.kernel_drops = datagrams;
}

struct udp_client_stats udp_client_stats(const struct client *c)
{
        return c->more;
}

const struct transport udp_transport = {
        .name = "udp",
        .scheme = "udp",
        .datagrams = true,
        .create = udp_create,
        .destroy = udp_destroy,
        .wish = udp_wish,
        .opened = udp_opened,
        .closed = udp_closed,
        .recv = udp_recv,
        .send = udp_send,
        .next = udp_next,
        .deadline = udp_deadline,
        .expire = udp_expire,
        .join = udp_join,
        .leave = udp_leave,
        .call = udp_call,
        .bye = udp_bye,
        .stats = udp_stats,
        .dropped = udp_dropped,
        .group = udp_overhear_group,
        .overheard = udp_overhear_recv,
};
