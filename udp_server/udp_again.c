/* again: what a NACK asks for, found in the stream, cut to the fragments that are missing, and counted. */
#include <stdlib.h>

#include "core/wire/place.h"
#include "udp_server/udp_cut.h"
#include "udp_server/udp_session_inside.h"

#define AGAIN_NS (10 * NS_PER_MS)

enum { AGAIN_TRIES = 2 };

/* ---- asked for ---------------------------------------------------------------------------- */

/* A try from the second on is repaired once more a little later, since it has been lost twice. */
static void want(struct udp_session *s, struct mono now, const struct udp_channel *c, uint8_t tries, uint64_t from,
                 uint64_t to)
{
        uint64_t held;
        bool by_group = c->group && tries <= UDP_GROUP_TRIES && place_seq(from) >= c->group_from;
        if (by_group && udp_group_want(c->group, now, from, to))
                return;
        if (!udp_repair_want(s->repair, now, resend_hold_off_ns(&s->rtt), c->ref, from, to, &held))
                s->shared->stats->nack_full++;
        s->shared->stats->repairs_held += (held + PLACES - 1) / PLACES;
        if (tries >= AGAIN_TRIES && held == 0)
                udp_repair_later(s->repair, mono_add(now, AGAIN_NS), c->ref, from, to);
}

/* Each run of ones in the bitmap. */
static void want_fragments(struct udp_session *s, struct mono now, const struct udp_channel *c, uint8_t tries,
                           uint64_t seq, uint64_t bits)
{
        for (uint8_t idx = 0, end; idx < PLACES; idx = end + 1) {
                for (end = idx; end < PLACES && bits & UINT64_C(1) << end; end++)
                        ;
                if (end > idx)
                        want(s, now, c, tries, place_of(seq, idx), place_of(seq, end) - 1);
        }
}

bool udp_again_begin(struct udp_session *s, struct mono now)
{
        if (s->repair)
                return true;
        s->repair = malloc(sizeof *s->repair);
        if (s->repair)
                udp_repair_init(s->repair, now, udp_rate_of_repairs(s));
        return s->repair != NULL;
}

void udp_again_nack(struct udp_session *s, struct mono now, const struct dgram_nack *m)
{
        const struct udp_channel *c = udp_channel_find(s, m->chan_ref);
        if (!c) {
                s->shared->stats->no_channel++;
                return;
        }
        if (!udp_again_begin(s, now))
                return;
        s->shared->stats->nacks++;
        s->repair->shown = s->shown;
        s->repair->hold_off_ns_max = 2 * s->rtt.srtt_ns;
        uint64_t given = udp_listen_given(c, member_given(s->member, c->room));
        for (unsigned i = 0; i < m->n; i++) {
                uint64_t from = m->range[i].from, to = m->range[i].to;
                if (from >= given)
                        continue; /* still to come */
                if (dgram_range_is_fragments(&m->range[i]))
                        want_fragments(s, now, c, m->tries, from, to & ~DGRAM_FRAGMENTS_BIT);
                else
                        want(s, now, c, m->tries, place_first(from), place_last(to < given ? to : given - 1));
        }
}

/* ---- found -------------------------------------------------------------------------------- */

void udp_again_find(struct udp_session *s, struct mono now, struct udp_batch *b)
{
        struct udp_repair *r = s->repair;
        if (!r)
                return;
        r->rate = udp_rate_of_repairs(s);
        if (!udp_repair_may(r, now))
                return;
        for (uint32_t i = 0; i < r->want_n && b->pieces_n < UDP_BATCH_PIECES / 2;) {
                struct udp_repair_range w = r->want[i];
                const struct udp_channel *c = udp_channel_find(s, w.chan_ref);
                struct piece *p = b->piece + b->pieces_n;
                int n = member_repair(s->member, c->room, place_seq(w.from), place_seq(w.to), p,
                                      UDP_BATCH_PIECES / 2 - b->pieces_n);
                for (int k = 0; k < n; k++)
                        udp_cut(&p[k], w.from, w.to);
                if (n == 0 || (n == 1 && p->kind == PIECE_BYTES && p->n == 0)) {
                        r->want[i] = r->want[--r->want_n]; /* nothing to be had; it will ask again */
                        continue;
                }
                i++;
                b->pieces_n += n;
        }
        b->repairs_n = b->pieces_n;
}

/* ---- given -------------------------------------------------------------------------------- */

void udp_again_gave(struct udp_session *s, struct mono now, const struct piece *p, size_t bytes)
{
        const struct udp_channel *c = udp_channel_of(s, p->room);
        bool sent = p->kind == PIECE_BYTES;
        uint64_t first = place_first(p->seq_first), last = place_last(p->seq_last);
        if (!c || (sent && bytes == 0))
                return;
        if (sent) {
                first = udp_cut_place(p->at, false);
                last = udp_cut_end(p, bytes);
        }
        udp_repair_done(s->repair, now, c->ref, first, last);
        udp_repair_spend(s->repair, sent ? bytes : DGRAM_GAP_BYTES);
        s->shared->stats->repairs++;
        s->shared->stats->repair_bytes += bytes;
        udp_rate_ping_behind(s, now);
}
