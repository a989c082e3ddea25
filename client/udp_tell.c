/* tell: what comes of a room is told to the user: its events, and its end. */
#include "client/udp_client_inside.h"

/* The clock of sessions: it stands still between two. */
static struct mono session_now(const struct client *c)
{
        return mono_add(c->state == UDP_UP ? c->now : c->lost_at, -c->away_ns);
}

static int64_t opened_ns(struct mono opened)
{
        return mono_is_never(opened) ? 0 : opened.ns;
}

static void tell_gap(struct client *c, const struct udp_feed *f, uint64_t from, uint64_t to, const char *reason,
                     struct mono opened)
{
        c->stats.gaps++;
        if (f == c->own)
                udp_calls_lost(c, from, to);
        udp_client_tell(c, &(struct client_event){ .kind = CLIENT_GAP,
                                                   .room = udp_feed_name(f),
                                                   .epoch = f->epoch,
                                                   .unit = CLIENT_UNIT_SEQ,
                                                   .from = from,
                                                   .to = to,
                                                   .reason = reason,
                                                   .gap_opened_ns = opened_ns(opened) });
}

void udp_tell(struct client *c, const struct udp_feed *f, const struct udp_told *t)
{
        if (t->lost) {
                udp_parts_lost(c, f, t->run.from, t->run.to);
                tell_gap(c, f, t->run.from, t->run.to, gaps_reason_text(t->run.reason), t->run.opened);
                return;
        }
        if (t->mine)
                return;
        if (t->flags & DGRAM_MULTI && !eid_set_add(&c->several, session_now(c), f->epoch, t->eid)) {
                c->stats.duplicates++;
                return;
        }
        if (f == c->own && udp_calls_event(c, t->event))
                return;
        c->stats.events++;
        c->stats.recovered += t->recovered;
        udp_client_tell(c, &(struct client_event){ .kind = CLIENT_EVENT,
                                                   .room = udp_feed_name(f),
                                                   .event = t->event,
                                                   .epoch = f->epoch,
                                                   .eid = t->eid,
                                                   .seq = t->seq,
                                                   .recovered = t->recovered,
                                                   .gap_opened_ns = opened_ns(t->opened) });
}

void udp_tell_ready(struct client *c, struct udp_feed *f)
{
        struct udp_told t;
        while (udp_feed_next(f, &t))
                udp_tell(c, f, &t);
}

void udp_tell_end(struct client *c, struct udp_feed *f, uint8_t reason, bool unknown)
{
        udp_parts_forget(c, f);
        if (unknown)
                gaps_forget_end(&f->gaps);
        gaps_finish(&f->gaps, reason);
        udp_tell_ready(c, f);
        if (unknown && f->epoch != 0)
                tell_gap(c, f, f->gaps.contig + 1, UINT64_MAX, gaps_reason_text(reason), f->away_since);
}

void udp_tell_out(struct client *c, const struct udp_feed *f, const char *reason)
{
        udp_client_tell(c, &(struct client_event){ .kind = CLIENT_OUT, .room = udp_feed_name(f), .reason = reason });
}
