/* parts: DATA as it comes in, whole or in fragments, to events that may be told. What is not whole and good in the
 * end counts as if it had never come: it is missing in the book, and asked for again. */
#include "client/udp_client_inside.h"
#include "core/event/event.h"
#include "core/wire/crc32c.h"

/* Is it an event, and the one that was published? */
static bool intact(struct client *c, struct bytes event, uint32_t checksum)
{
        struct event e;
        if (crc32c(event) != checksum) {
                c->more.bad_checksum++;
                return false;
        }
        if (event_parse(event, DGRAM_EVENT_MAX, &e) != 0) {
                c->stats.malformed++;
                return false;
        }
        return true;
}

static void put_back(struct client *c, struct udp_feed *f, struct reassembly_event *e)
{
        struct gaps_arrival was = { .tries = e->tries, .opened = e->opened };
        if (f)
                gaps_absent(&f->gaps, c->now, &c->rtt, e->number, &was);
        reassembly_drop(&c->parts, e);
        c->more.put_back++;
}

/* ---- fragments ---------------------------------------------------------------------------- */

static struct reassembly_part part_of(const struct dgram_msg *m)
{
        const struct dgram_data *d = &m->data;
        return (struct reassembly_part){ .channel = m->tag,
                                         .number = d->seq,
                                         .stamp = { d->eid, d->t_us ^ (uint64_t)m->flags << 48,
                                                    (uint64_t)d->origin << 32 | d->crc32c },
                                         .event_bytes = d->event_bytes,
                                         .idx = d->frag_idx,
                                         .cnt = d->frag_cnt,
                                         .bytes = d->event };
}

/* The event that this is a fragment of, found or begun; NULL: the fragment is not taken. */
static struct reassembly_event *under_way(struct client *c, struct udp_feed *f, const struct reassembly_part *p)
{
        struct reassembly_event *e = reassembly_find(&c->parts, p->channel, p->number), *last;
        bool liar = false;
        if (e && !reassembly_agrees(e, p, &liar)) {
                c->more.disputed++;
                if (!liar)
                        return NULL;
                put_back(c, f, e);
                e = NULL;
        }
        while (!e && !(e = reassembly_begin(&c->parts, c->now, p))) {
                last = reassembly_behind(&c->parts, p->channel, p->number);
                if (!last) {
                        c->more.no_place++;
                        return NULL;
                }
                put_back(c, f, last);
        }
        return e;
}

/* All of it is here. */
static bool take_whole(struct client *c, struct udp_feed *f, const struct dgram_msg *m, struct reassembly_event *e,
                       struct udp_told *told)
{
        struct gaps_arrival was = { .verdict = GAPS_NEW, .tries = e->tries, .opened = e->opened };
        struct bytes event = reassembly_bytes(e);
        enum udp_feed_verdict verdict = UDP_FEED_FULL;
        if (intact(c, event, m->data.crc32c))
                verdict = udp_feed_whole(f, m, event, &was, told);
        if (verdict == UDP_FEED_FULL)
                put_back(c, f, e);
        else if (verdict == UDP_FEED_WAITS)
                reassembly_drop(&c->parts, e);
        else
                c->lent = e;
        return verdict == UDP_FEED_TELL;
}

static bool take_part(struct client *c, struct udp_feed *f, const struct dgram_msg *m, struct udp_told *told,
                      enum gaps_verdict *verdict)
{
        struct reassembly_part p = part_of(m);
        bool fresh = gaps_look(&f->gaps, p.number, p.idx) == GAPS_NEW;
        struct reassembly_event *e = fresh ? under_way(c, f, &p) : NULL;
        *verdict = GAPS_FULL;
        if (fresh && !e)
                return false;
        struct gaps_arrival a = udp_feed_part(f, c->now, &c->rtt, c->datagram, m);
        *verdict = a.verdict;
        if (a.verdict != GAPS_NEW) {
                if (e && e->have == 0)
                        reassembly_drop(&c->parts, e);
                return false;
        }
        c->more.fragments++;
        e->tries = a.tries > e->tries ? a.tries : e->tries;
        e->opened = mono_min(e->opened, a.opened);
        return reassembly_put(e, c->now, &p) && take_whole(c, f, m, e, told);
}

static bool take_single(struct client *c, struct udp_feed *f, const struct dgram_msg *m, struct udp_told *told,
                        enum gaps_verdict *verdict)
{
        struct reassembly_event *e = reassembly_find(&c->parts, m->tag, m->data.seq);
        *verdict = GAPS_FULL;
        if (!intact(c, m->data.event, m->data.crc32c))
                return false;
        if (e) /* then those were no fragments of it: a whole one proves itself */
                put_back(c, f, e);
        return udp_feed_data(f, c->now, &c->rtt, c->datagram, m, told, verdict);
}

bool udp_parts_take(struct client *c, struct udp_feed *f, const struct dgram_msg *m, struct udp_told *told,
                    enum gaps_verdict *verdict)
{
        return m->data.frag_cnt > 1 ? take_part(c, f, m, told, verdict) : take_single(c, f, m, told, verdict);
}

/* Is some of it missing, and not given up? */
static bool awaits(const struct udp_feed *f, const struct dgram_data *d)
{
        for (uint8_t idx = 0; idx < d->frag_cnt; idx++)
                if (gaps_look(&f->gaps, d->seq, idx) == GAPS_NEW)
                        return true;
        return false;
}

bool udp_parts_parity(struct client *c, struct udp_feed *f, const struct dgram_msg *m)
{
        struct reassembly_part p = part_of(m);
        if (!awaits(f, &m->data))
                return false;
        udp_rooms_head(c, c->now, f, p.number); /* all its fragments were sent before */
        struct reassembly_event *e = under_way(c, f, &p);
        return e && reassembly_put_parity(&c->parts, e, c->now, (uint8_t)(p.idx - p.cnt), p.bytes.at);
}

/* ---- ends --------------------------------------------------------------------------------- */

void udp_parts_told(struct client *c)
{
        if (c->lent)
                reassembly_drop(&c->parts, c->lent);
        c->lent = NULL;
}

void udp_parts_lost(struct client *c, const struct udp_feed *f, uint64_t from, uint64_t to)
{
        for (uint32_t i = c->parts.n; i-- > 0;) {
                struct reassembly_event *e = c->parts.event[i];
                if (e->channel == f->tag && e->number >= from && e->number <= to)
                        reassembly_drop(&c->parts, e);
        }
}

void udp_parts_forget(struct client *c, struct udp_feed *f)
{
        for (uint32_t i = c->parts.n; i-- > 0;)
                if (c->parts.event[i]->channel == f->tag)
                        put_back(c, f, c->parts.event[i]);
}

void udp_parts_expire(struct client *c)
{
        struct reassembly_event *e;
        while ((e = reassembly_idle(&c->parts, c->now)))
                put_back(c, udp_room_tagged(c, e->channel), e);
}

void udp_parts_mask(const struct client *c, const struct udp_feed *f, struct dgram_range *range, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                const struct reassembly_event *e = NULL;
                if (dgram_range_is_fragments(&range[i]))
                        e = reassembly_find(&c->parts, f->tag, range[i].from);
                if (e)
                        range[i].to &= DGRAM_FRAGMENTS_BIT | ((UINT64_C(1) << e->cnt) - 1);
        }
}
