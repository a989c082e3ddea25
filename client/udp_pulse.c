/* pulse: PINGs, which tell how long the way is, whether a jump is true, and whether the server still
 * knows us. */
#include "client/udp_client_inside.h"

enum {
        PINGS_QUICK = 10, /* until the round trip is known well */
        PINGS_SILENT = 4, /* without an answer or any other word, after which a stranger's HELLO goes with each */
};

#define SHORT_NS (10 * NS_PER_MS) /* on a way no longer than this the repair timer is at its least, whatever comes */
#define PING_NS  (5 * NS_PER_S)   /* also keeps NAT bindings (15 s) and consent (30 s) alive */

/* A stream that breaks off for so many times the usual has either ended, or the server says it to an address
 * at which we are no more: it follows us as soon as it hears us. */
enum { QUIET_GAPS = 8, GAPS_MEANT = 8 };
#define QUIET_NS (100 * NS_PER_MS) /* at least, and two round trips */

void udp_pulse_up(struct client *c, struct mono now)
{
        c->ping_due = now;
        c->answered = (struct mono){ 0 };
        c->pings_open = 0;
        c->pings_quick = PINGS_QUICK;
        c->streams = false;
        c->data_at = now;
        c->data_gap_ns = PING_NS;
}

void udp_pulse_data(struct client *c, struct mono now)
{
        int64_t gap = mono_since(now, c->data_at);
        c->data_gap_ns += ((gap < PING_NS ? gap : PING_NS) - c->data_gap_ns) / GAPS_MEANT;
        c->data_at = now;
        c->streams = true;
}

struct mono udp_pulse_deadline(const struct client *c)
{
        if (!c->streams || c->pings_open > 0)
                return c->ping_due;
        int64_t quiet = QUIET_GAPS * c->data_gap_ns + 2 * c->rtt.srtt_ns;
        return mono_min(c->ping_due, mono_add(c->heard, quiet < QUIET_NS ? QUIET_NS : quiet));
}

void udp_pulse_late(struct client *c, struct mono now)
{
        if (c->pings_open == 0 && mono_since(now, c->pinged) >= c->rtt.srtt_ns)
                c->ping_due = mono_min(c->ping_due, now);
}

void udp_pulse_ask(struct client *c, struct mono now)
{
        c->ping_due = mono_min(c->ping_due, now);
}

void udp_pulse_doubt(struct client *c, struct mono now)
{
        c->doubt_pings = 0;
        udp_pulse_ask(c, now);
}

bool udp_pulse_silent(const struct client *c)
{
        return c->pings_open >= PINGS_SILENT && mono_before(c->heard, c->asked);
}

/* A server that was started anew knows nothing of this session, and its RESET proves nothing without
 * the old key; but it answers a HELLO, which a path that is dark does not. */
static void say_hello(struct client *c)
{
        c->nonce = rng_os_u64();
        udp_client_say(c, &(struct dgram_msg){ .type = DGRAM_HELLO, .hello = { c->nonce, DGRAM_VERSION } });
}

void udp_pulse_expire(struct client *c, struct mono now)
{
        if (mono_before(now, udp_pulse_deadline(c)))
                return;
        if (mono_before(now, c->ping_due))
                c->streams = false; /* one PING each time that it breaks off */
        bool silent = udp_pulse_silent(c);
        if (!mono_before(c->heard, c->pinged)) /* the path is not dark, the PING or its PONG was lost */
                c->pings_open = 0;
        c->pinged = (struct mono){ now.ns / NS_PER_US * NS_PER_US }; /* as the PONG will tell it */
        if (c->pings_open++ == 0)
                c->asked = c->pinged;
        c->more.pings++;
        udp_client_say(c, &(struct dgram_msg){ .type = DGRAM_PING, .ping = { (uint64_t)(now.ns / NS_PER_US) } });
        if (silent)
                say_hello(c);
        int64_t wait = resend_request_ns(&c->rtt, c->pings_open);
        c->ping_due = mono_add(now, wait < PING_NS ? wait : PING_NS);
}

/* The first answer of a path leaves so wide a margin that a lost NACK is noticed after three round
 * trips. So there is one PING a round trip until the margin has shrunk. A doubt that no BEAT ends is
 * asked about ever more rarely. */
static int64_t next_wait(struct client *c)
{
        int64_t wait = c->pings_quick > 0 ? c->rtt.srtt_ns + c->rtt.srtt_ns / 4 : PING_NS;
        int64_t doubt = udp_rooms_doubt(c) ? resend_request_ns(&c->rtt, ++c->doubt_pings) : wait;
        return doubt < wait ? doubt : wait;
}

/* Longer than a repair is waited for, or half as long as before: the path is another. But on a short one
 * round trips vary by more than that, and nothing hangs on them. */
static void measure(struct client *c, int64_t round_ns)
{
        bool known = c->rtt.samples > 0;
        bool shorter = round_ns < c->rtt.srtt_ns / 2 && c->rtt.srtt_ns > SHORT_NS;
        bool other = shorter || round_ns > resend_repair_ns(&c->rtt, 1);
        if (!resend_sample(&c->rtt, round_ns))
                return;
        c->stats.rtt_ns = c->rtt.srtt_ns;
        if (known && other)
                c->pings_quick = PINGS_QUICK;
        else if (c->pings_quick > 0)
                c->pings_quick--;
}

void udp_pulse_pong(struct client *c, struct mono now, const struct dgram_pong *m)
{
        uint64_t now_us = (uint64_t)(now.ns / NS_PER_US), round_us = now_us - m->t1, held_us = m->t3 - m->t2;
        if (m->t1 > now_us || m->t2 > m->t3 || held_us > round_us)
                return;
        measure(c, (int64_t)(round_us - held_us) * NS_PER_US);
        struct mono sent = { (int64_t)m->t1 * NS_PER_US };
        if (mono_before(c->answered, sent))
                c->answered = sent;
        udp_meter_answered(&c->meter, now, sent, resend_reorder_ns(&c->rtt));
        c->pings_open = 0;
        c->ping_due = mono_add(c->pinged, next_wait(c));
}
