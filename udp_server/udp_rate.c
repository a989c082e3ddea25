/* rate: what one session hears of its path, and how much of what it has to send may go now. */
#include "udp_server/udp_session_inside.h"
#include "udp_server/udp_shield.h"

#define PING_NS        (200 * NS_PER_MS) /* at least, between the server's own PINGs: as REPORTs of a changing path */
#define PING_BEHIND_NS (10 * NS_PER_MS)
#define BEAT_NS_MAX    (2 * NS_PER_S) /* an older one would compare clocks, of which one may have slept */
#define REPAIR_SHARE   4              /* repairs take one in so many bytes of the rate */

/* ---- the round trip ----------------------------------------------------------------------- */

/* One that finds no place is measured later: a client is not closed for them. */
static void ping(struct udp_session *s, struct mono now)
{
        if (udp_session_crowded(s))
                return;
        s->pinged = now;
        udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_PING, .ping = { (uint64_t)(now.ns / NS_PER_US) } });
}

void udp_rate_ping(struct udp_session *s, struct mono now)
{
        int64_t least = s->rtt.samples > 0 ? PING_NS : PING_BEHIND_NS;
        if (mono_since(now, s->pinged) >= least)
                ping(s, now);
}

void udp_rate_ping_behind(struct udp_session *s, struct mono now)
{
        if (mono_since(now, s->pinged) >= PING_BEHIND_NS)
                ping(s, now);
}

static void measure(struct udp_session *s, int64_t round_ns)
{
        if (!resend_sample(&s->rtt, round_ns))
                return;
        pace_round_trip(&s->pace, &s->rtt);
        if (s->listens)
                udp_group_round_trip(s->shared->group, s->rtt.srtt_ns);
}

void udp_rate_pong(struct udp_session *s, struct mono now, const struct dgram_pong *m)
{
        uint64_t now_us = (uint64_t)(now.ns / NS_PER_US), there = now_us - m->t1, held = m->t3 - m->t2;
        if (m->t1 > now_us || m->t2 > m->t3 || held > there)
                return;
        measure(s, (int64_t)(there - held) * NS_PER_US);
        struct mono sent = { (int64_t)(m->t1 + 1) * NS_PER_US }; /* t1 is cut to whole ones */
        if (mono_before(s->shown, sent))
                s->shown = sent;
}

/* ---- REPORT ------------------------------------------------------------------------------- */

static void obey(struct udp_session *s, struct mono now, enum pace_word word)
{
        if (word == PACE_ADVISE) {
                s->shared->stats->slow_paths++;
                udp_session_error(s, DGRAM_CODE_SLOW, DGRAM_REPORT, 0);
        } else if (word == PACE_OVER) {
                s->shared->stats->slow_closed++;
                udp_session_close(s, now, DGRAM_CODE_SLOW, false);
        }
}

/* Counts since the client's REPORT before this one; its counters are older than the session. */
static void count(struct udp_channel *c, const struct dgram_report *m, struct pace_report *r)
{
        if (c->counts) {
                r->came = m->received - c->came;
                r->lost = m->lost_first_try - c->lost;
        }
        c->counts = true;
        c->came = m->received;
        c->lost = m->lost_first_try;
}

void udp_rate_report(struct udp_session *s, struct mono now, const struct dgram_report *m)
{
        struct udp_channel *c = udp_channel_find(s, m->chan_ref);
        struct pace_report r = { .loss_rate = tfrc_unwire(m->loss_rate), .received = m->rate };
        s->shared->stats->reports++;
        if (!c) {
                s->shared->stats->no_channel++;
                return;
        }
        c->reported = m->contig;
        if (m->beat_no > 0 && m->beat_no == c->beat_no && mono_since(now, c->beat_at) < BEAT_NS_MAX)
                measure(s, mono_since(now, c->beat_at) - (int64_t)m->delay_us * NS_PER_US);
        count(c, m, &r);
        if (c->shield && udp_shield_report(c->shield, now, r.came, r.lost))
                s->lossy = now;
        obey(s, now, pace_report(&s->pace, now, &s->rtt, &r));
        udp_rate_ping(s, now);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* Full datagrams; what smaller ones leave of the credit is asked for again. */
int udp_rate_may(struct udp_session *s, struct mono now)
{
        int64_t credit_ns = pace_credit_ns(&s->pace, now), cost_ns = pace_cost_ns(&s->pace, DGRAM_BYTES_MAX);
        s->held = false;
        if (credit_ns > 0)
                return credit_ns / (cost_ns + 1) < UDP_BATCH_DATAGRAMS ? (int)(credit_ns / (cost_ns + 1)) + 1
                                                                       : UDP_BATCH_DATAGRAMS;
        if ((s->repair && s->repair->want_n > 0) || udp_ahead_waits(s) || member_behind(s->member, UINT64_MAX)) {
                s->held = s->blocked = true;
                s->shared->stats->held++;
                pace_wait(&s->pace);
        }
        return 0;
}

/* News is asked about, with BEATs, until a REPORT says that it came. A copy, a repair or parity may come when that
 * has been said; nothing more is, then. */
static bool has_news(const struct udp_batch *b, const struct udp_progress *end)
{
        return end->piece > b->unasked_n || (end->piece == b->unasked_n && end->piece_bytes > 0);
}

void udp_rate_sent(struct udp_session *s, struct mono now, const struct udp_batch *b, int taken)
{
        for (int i = 0; i < taken; i++)
                pace_sent(&s->pace, now, b->datagram[i].bytes, has_news(b, &b->datagram[i].end));
}

int64_t udp_rate_of_repairs(const struct udp_session *s)
{
        int64_t share = s->pace.rate / REPAIR_SHARE, most = s->shared->repair_rate;
        return !s->pace.on || share > most ? most : share > 0 ? share : 1;
}

void udp_rate_news(struct udp_session *s, size_t bytes)
{
        if (s->repair && s->pace.on && s->pace.rate / REPAIR_SHARE > s->shared->repair_rate)
                s->repair->tokens += (int64_t)(bytes / REPAIR_SHARE);
}

/* ---- time --------------------------------------------------------------------------------- */

struct mono udp_rate_deadline(const struct udp_session *s)
{
        struct mono due = pace_deadline(&s->pace);
        return s->held ? mono_min(due, pace_ready_at(&s->pace)) : due;
}

void udp_rate_expire(struct udp_session *s, struct mono now)
{
        if (pace_credit_ns(&s->pace, now) > 0)
                s->held = false; /* whether or not the transport takes it yet */
        obey(s, now, pace_expire(&s->pace, now, &s->rtt));
}
