#include "client/udp_feed.h"

#include <stdlib.h>

#include "client/udp_mend.h"

struct udp_held {
        uint64_t seq, eid;
        uint16_t flags;
        bool mine, recovered;
        struct mono opened;
        size_t n;
        uint8_t event[];
};

enum { HELD_FIRST = 16 };

struct udp_feed *udp_feed_create(struct bytes name, enum client_mode mode, size_t *total)
{
        struct udp_feed *f = name.n <= UDP_ROOM_NAME_MAX ? calloc(1, sizeof *f) : NULL;
        if (!f)
                return NULL;
        f->mode = mode;
        f->held_total = total;
        f->name_n = (uint8_t)name.n;
        if (name.n > 0)
                memcpy(f->name, name.at, name.n);
        f->away_since = f->doubted = f->report_due = f->reported_at = f->beat_at = f->backoff = MONO_NEVER;
        return f;
}

/* ---- events that wait --------------------------------------------------------------------- */

static bool orders(const struct udp_feed *f)
{
        return f->mode == CLIENT_MODE_NACK_ORDERED || f->mode == CLIENT_MODE_FEC_ORDERED;
}

static bool widen(struct udp_feed *f, uint64_t seq)
{
        uint32_t cap = f->held_cap ? f->held_cap : HELD_FIRST;
        while (seq - f->gaps.contig > cap)
                cap *= 2;
        if (cap == f->held_cap)
                return true;
        struct udp_held **held = calloc(cap, sizeof(struct udp_held *));
        if (!held)
                return false;
        for (uint32_t i = 0; i < f->held_cap; i++)
                if (f->held[i])
                        held[f->held[i]->seq % cap] = f->held[i];
        free(f->held);
        f->held = held;
        f->held_cap = cap;
        return true;
}

static size_t held_size(size_t event_bytes)
{
        return sizeof(struct udp_held) + event_bytes;
}

static void count_held(struct udp_feed *f, size_t bytes)
{
        f->held_n++;
        f->held_bytes += bytes;
        *f->held_total += bytes;
}

static void uncount_held(struct udp_feed *f, size_t bytes)
{
        f->held_n--;
        f->held_bytes -= bytes;
        *f->held_total -= bytes;
}

/* Room for an event that must wait: made before it is marked as arrived. */
static struct udp_held *hold(struct udp_feed *f, uint64_t seq, struct bytes event)
{
        if (seq <= f->gaps.contig || seq - f->gaps.contig > GAPS_WINDOW)
                return NULL;
        size_t bytes = held_size(event.n);
        bool fits = f->held_bytes + bytes <= UDP_HELD_BYTES_MAX && *f->held_total + bytes <= UDP_HELD_BYTES_TOTAL;
        struct udp_held *h = fits && widen(f, seq) ? malloc(bytes) : NULL;
        if (!h)
                return NULL;
        h->n = event.n;
        memcpy(h->event, event.at, event.n);
        return h;
}

static void drop_held(struct udp_feed *f, uint64_t seq)
{
        struct udp_held **slot = f->held_cap > 0 ? &f->held[seq % f->held_cap] : NULL;
        if (!slot || !*slot || (*slot)->seq != seq)
                return;
        uncount_held(f, held_size((*slot)->n));
        free(*slot);
        *slot = NULL;
}

static struct udp_held *find_held(const struct udp_feed *f, uint64_t seq)
{
        struct udp_held *h = f->held_cap > 0 ? f->held[seq % f->held_cap] : NULL;
        return h && h->seq == seq ? h : NULL;
}

void udp_feed_destroy(struct udp_feed *f)
{
        if (!f)
                return;
        for (uint32_t i = 0; i < f->held_cap; i++)
                free(f->held[i]);
        *f->held_total -= f->held_bytes;
        free(f->held);
        udp_mend_destroy(f->mend);
        gaps_free(&f->gaps);
        free(f);
}

struct bytes udp_feed_name(const struct udp_feed *f)
{
        return bytes_of(f->name, f->name_n);
}

/* ---- beginning and pausing ---------------------------------------------------------------- */

/* Nothing of the old book may be left to tell. */
static void begin_anew(struct udp_feed *f, uint64_t start)
{
        uint64_t lost_first_try = f->gaps.lost_first_try;
        gaps_free(&f->gaps);
        gaps_init(&f->gaps, start - 1, f->mode != CLIENT_MODE_RAW);
        f->gaps.lost_first_try = lost_first_try;
        f->gaps.ahead = client_mode_is_fec(f->mode);
        udp_mend_destroy(f->mend); /* it has another log's events */
        f->mend = NULL;
        f->reported = f->away_contig = 0;
        f->replay_to = 0;
}

bool udp_feed_start(struct udp_feed *f, struct mono now, const struct resend *rtt, uint32_t epoch, uint64_t tag,
                    uint64_t start, uint64_t head)
{
        /* A head below what was told before is another log's. Contig itself may have moved on since
         * JOIN was sent: events can overtake its answer. */
        bool goes_on = f->epoch == epoch && f->tag == tag && head >= f->away_contig;
        f->tag = tag;
        f->doubted = f->report_due = MONO_NEVER;
        if (f->epoch == 0) {
                f->epoch = epoch;
                begin_anew(f, start);
                return true;
        }
        if (!goes_on)
                return false;
        if (start - 1 > f->gaps.contig)
                gaps_close(&f->gaps, now, rtt, f->gaps.contig + 1, start - 1, GAPS_EVICTED);
        f->replay_to = head;
        return true;
}

void udp_feed_anew(struct udp_feed *f, uint32_t epoch, uint64_t start)
{
        f->epoch = epoch;
        begin_anew(f, start);
}

void udp_feed_away(struct udp_feed *f, struct mono now)
{
        if (f->ref != 0) /* else it has been away since the session before */
                f->away_since = now;
        f->ref = 0;
        f->away_contig = f->gaps.contig;
        f->doubted = f->report_due = MONO_NEVER;
        gaps_rewind(&f->gaps);
}

/* ---- arrivals ----------------------------------------------------------------------------- */

static struct udp_told told_of(const struct udp_held *h)
{
        return (struct udp_told){ .seq = h->seq,
                                  .eid = h->eid,
                                  .mine = h->mine,
                                  .flags = h->flags,
                                  .recovered = h->recovered,
                                  .opened = h->opened,
                                  .event = bytes_of(h->event, h->n) };
}

/* What is to be known of an event that arrived. */
static struct udp_told arrived(const struct udp_feed *f, const struct dgram_msg *m, struct bytes event,
                               const struct gaps_arrival *a)
{
        const struct dgram_data *d = &m->data;
        bool replay = d->seq <= f->replay_to;
        return (struct udp_told){ .seq = d->seq,
                                  .eid = d->eid,
                                  .mine = d->origin == f->origin && !(m->flags & DGRAM_OWN),
                                  .flags = m->flags,
                                  .recovered = a->tries > 0 || replay,
                                  .opened = a->tries > 0 ? a->opened
                                            : replay     ? f->away_since
                                                         : MONO_NEVER,
                                  .event = event };
}

static void put_held(struct udp_feed *f, struct udp_held *h, const struct udp_told *t)
{
        h->seq = t->seq;
        h->eid = t->eid;
        h->mine = t->mine;
        h->flags = t->flags;
        h->recovered = t->recovered;
        h->opened = t->opened;
        f->held[h->seq % f->held_cap] = h;
        count_held(f, held_size(h->n));
}

static bool must_wait(const struct udp_feed *f, uint64_t seq)
{
        return orders(f) && seq != f->gaps.contig + 1;
}

struct gaps_arrival udp_feed_part(struct udp_feed *f, struct mono now, const struct resend *rtt, uint64_t datagram,
                                  const struct dgram_msg *m)
{
        const struct dgram_data *d = &m->data;
        struct gaps_arrival a =
                f->mends ? gaps_mend(&f->gaps, now, rtt, datagram, d->seq, d->frag_idx, d->frag_cnt)
                         : gaps_mark_part(&f->gaps, now, rtt, datagram, d->seq, d->frag_idx, d->frag_cnt);
        f->duplicates += a.verdict == GAPS_DUPLICATE;
        f->received += a.verdict == GAPS_NEW && a.tries == 0;
        return a;
}

bool udp_feed_data(struct udp_feed *f, struct mono now, const struct resend *rtt, uint64_t datagram,
                   const struct dgram_msg *m, struct udp_told *told, enum gaps_verdict *verdict)
{
        const struct dgram_data *d = &m->data;
        bool waits = must_wait(f, d->seq);
        struct udp_held *h = waits ? hold(f, d->seq, d->event) : NULL;
        *verdict = GAPS_FULL;
        if (waits && !h && d->seq > f->gaps.contig && d->seq - f->gaps.contig <= GAPS_WINDOW)
                return false;
        struct gaps_arrival a = udp_feed_part(f, now, rtt, datagram, m);
        *verdict = a.verdict;
        if (a.verdict != GAPS_NEW) {
                free(h);
                return false;
        }
        *told = arrived(f, m, d->event, &a);
        if (h)
                put_held(f, h, told);
        return !h;
}

enum udp_feed_verdict udp_feed_whole(struct udp_feed *f, const struct dgram_msg *m, struct bytes event,
                                     const struct gaps_arrival *was, struct udp_told *told)
{
        uint64_t seq = m->data.seq;
        bool waits = must_wait(f, seq);
        struct udp_held *h = waits ? hold(f, seq, event) : NULL;
        if (waits && !h)
                return UDP_FEED_FULL;
        *told = arrived(f, m, event, was);
        if (!h)
                return UDP_FEED_TELL;
        put_held(f, h, told);
        return UDP_FEED_WAITS;
}

/* ---- telling ------------------------------------------------------------------------------ */

/* The events of the delivered run that waited; those told at once are passed over. */
static bool next_of_run(struct udp_feed *f, struct udp_told *told)
{
        if (f->run_next > f->run_to || f->held_n == 0) {
                f->run_next = f->run_to + 1;
                return false;
        }
        for (; f->run_next <= f->run_to; f->run_next++) {
                struct udp_held *h = find_held(f, f->run_next);
                if (!h)
                        continue;
                *told = told_of(h);
                f->run_next++;
                f->lent_seq = h->seq;
                return true;
        }
        return false;
}

bool udp_feed_next(struct udp_feed *f, struct udp_told *told)
{
        if (f->lent_seq > 0)
                drop_held(f, f->lent_seq);
        f->lent_seq = 0;
        for (;;) {
                struct gaps_run run;
                if (next_of_run(f, told))
                        return true;
                if (!gaps_next(&f->gaps, &run))
                        return false;
                if (run.outcome == GAPS_LOST) {
                        *told = (struct udp_told){ .lost = true, .run = run };
                        return true;
                }
                if (run.outcome == GAPS_DELIVERED) {
                        f->run_next = run.from;
                        f->run_to = run.to;
                }
        }
}
