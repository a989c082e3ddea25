/* hub_judge: each piece, place and repair that the hub gives, held against hub_oracle's history. */
#ifndef TESTS_SIM_HUB_JUDGE_H
#define TESTS_SIM_HUB_JUDGE_H
#include "tests/sim/hub_oracle.h"

/* ---- stream members: one pipe, every event once, in order ------------------------------------ */

/* Is this the event that is due now, and rightly? */
static void stream_is_due(struct world *w, const struct peer *p, uint64_t eid, int room)
{
        must(w, rooms_at(p, eid) >> room & 1, "eid %" PRIu64 " came through a room the member was not in", eid);
        must(w, meant(p, &w->events[eid]), "member %d got eid %" PRIu64 ", not meant for it", p->place, eid);
        must(w, !(p->settled[eid] & GIVEN), "member %d got eid %" PRIu64 " twice", p->place, eid);
        must(w, !(p->settled[eid] & LOST), "member %d got eid %" PRIu64 ", reported lost before", p->place, eid);
        must(w, !(p->settled[eid] & MUST_SKIP), "member %d got eid %" PRIu64 ", to be skipped", p->place, eid);
        for (uint64_t i = p->start + 1; i < eid; i++) {
                if (meant(p, &w->events[i]) && !settled(p, i) && !(p->settled[i] & MAY_SKIP))
                        wrong(w, "member %d got eid %" PRIu64 " but not %" PRIu64 " before it", p->place, eid, i);
        }
}

static void stream_entry_given(struct world *w, struct peer *p, const uint8_t *at, size_t n)
{
        int room = check_entry(w, p, at, n);
        uint64_t eid = entry_eid(at);
        stream_is_due(w, p, eid, room);
        p->settled[eid] |= GIVEN;
        p->at = eid;
        p->items[p->items_n++] = (struct item){ .eid = eid, .offset = eid, .end = p->sent_bytes };
        w->deliveries++;
}

/* It is told of an event that does not fit its encoding. */
static void stream_hidden(struct world *w, struct peer *p, const struct piece *v, int room)
{
        uint64_t eid = v->eid_first;
        must(w, p->half_rest == 0 && v->eid_last == eid && v->reason == GAP_TOO_BIG,
             "a stream is told of hidden seqs: %s", gap_reason_text(v->reason));
        must(w, does_not_fit(w, p->encoding, w->events[eid].n), "eid %" PRIu64 " would fit", eid);
        stream_is_due(w, p, eid, room);
        p->settled[eid] |= LOST;
        p->at = eid;
}

/* The transport took these bytes: whole entries come out of the pipe's other end. */
static void stream_took(struct world *w, struct peer *p, const uint8_t *at, size_t n)
{
        buf_put(&p->partial, at, n);
        size_t used = 0;
        while (p->partial.n - used >= HEAD_BYTES) {
                const uint8_t *entry = p->partial.at + used;
                size_t whole = entry_bytes(entry);
                if (p->partial.n - used < whole)
                        break;
                used += whole;
                p->sent_bytes += whole;
                stream_entry_given(w, p, entry, whole);
        }
        buf_drop(&p->partial, used);
}

/* A slice is whole entries of one room back to back, but that the first may be the rest of the
 * half-given one. Notes what a cut after `take` bytes leaves half given. */
static void stream_slice(struct world *w, struct peer *p, const struct piece *v, size_t take)
{
        size_t at = 0, rest = 0;
        uint64_t seq = v->seq_first;
        if (p->half_rest > 0) {
                must(w, v->n >= p->half_rest, "the rest of eid %" PRIu64 " has %zu bytes, not %zu", p->half_eid, v->n,
                     p->half_rest);
                must(w, v->seq_first == p->half_seq && v->eid_first == p->half_eid,
                     "the rest is said to be of eid %" PRIu64 ", not %" PRIu64, v->eid_first, p->half_eid);
                at = p->half_rest;
                rest = take < at ? at - take : 0;
                seq++;
        }
        for (; at < v->n; seq++) {
                size_t n = v->n - at >= HEAD_BYTES ? entry_bytes(v->at + at) : SIZE_MAX;
                must(w, n <= v->n - at, "a slice ends inside an entry");
                uint64_t eid = entry_eid(v->at + at);
                must(w, entry_seq(v->at + at) == seq, "a slice is not contiguous at seq %" PRIu64, seq);
                must(w, eid >= v->eid_first && eid <= v->eid_last, "eid %" PRIu64 " lies outside its piece", eid);
                if (take > at && take < at + n) {
                        rest = at + n - take;
                        p->half_eid = eid;
                        p->half_seq = seq;
                        p->half_room = room_by_tag(w, field_u64(v->at + at, 13));
                }
                at += n;
        }
        must(w, seq == v->seq_last + 1, "a slice ends at seq %" PRIu64 ", not %" PRIu64, seq - 1, v->seq_last);
        p->half_rest = rest;
}

/* May a gap have no event in it? What is evicted is forgotten: when the member left before the last
 * eviction, or when other rooms still give some of the events, nobody knows what else there was. */
static bool gap_may_be_empty(const struct world *w, const struct peer *p, int room, uint64_t evicted_eid)
{
        for (int i = 0; i < p->stays_n; i++) {
                if (p->stays[i].room == room && p->stays[i].left < evicted_eid)
                        return true;
        }
        for (uint64_t i = p->at + 1; i <= evicted_eid; i++) {
                if (w->events[i].multi && ((w->events[i].rooms & rooms_at(p, i)) >> room & 1))
                        return true;
        }
        return false;
}

static void stream_gap(struct world *w, struct peer *p, const struct piece *v, int room)
{
        must(w, p->half_rest == 0, "a gap inside an entry");
        must(w, v->eid_first > p->start && v->eid_first <= v->eid_last && v->eid_last <= room_evicted_eid(v->room),
             "a gap of eids %" PRIu64 "..%" PRIu64 ", evicted to %" PRIu64, v->eid_first, v->eid_last,
             room_evicted_eid(v->room));
        int n = 0;
        for (uint64_t i = v->eid_first; i <= v->eid_last; i++) {
                struct event *e = &w->events[i];
                if (!(e->rooms >> room & 1) || !(rooms_at(p, i) >> room & 1))
                        continue;
                n++;
                if (!meant(p, e))
                        continue;
                must(w, evicted_from(w, p, room, e), "eid %" PRIu64 " is reported lost, and is in the log", i);
                must(w, !(p->settled[i] & GIVEN), "eid %" PRIu64 " is reported lost after it was given", i);
                must(w, !(p->settled[i] & LOST) || e->multi, "eid %" PRIu64 " is reported lost twice", i);
                p->settled[i] |= LOST;
        }
        must(w, n > 0 || gap_may_be_empty(w, p, room, room_evicted_eid(v->room)), "a gap with no event in it");
        w->gaps++;
        w->empty_gaps += n == 0;
}

/* After a gap the place it states is asked for at once, as the session that tells it does. */
static void stream_gap_told(struct peer *p, const struct piece *v, int room)
{
        p->items[p->items_n++] = (struct item){ .offset = member_place(p->m),
                                                .from = v->eid_first,
                                                .to = v->eid_last,
                                                .room = room,
                                                .end = ++p->sent_bytes };
}

/* The client sees everything on the connection up to `cut` bytes, its last ones perhaps half. */
static void client_sees(struct world *w, struct peer *p, size_t cut)
{
        for (int i = 0; i < p->items_n && p->items[i].end <= cut; i++) {
                const struct item *it = &p->items[i];
                must(w, it->offset >= p->seen_eid, "the offset goes back to %" PRIu64 ", and %" PRIu64 " was seen",
                     it->offset, p->seen_eid);
                p->offset = it->offset;
                if (it->eid > 0) {
                        must(w, !p->seen[it->eid] && !p->told[it->eid], "the client sees eid %" PRIu64 " twice",
                             it->eid);
                        p->seen[it->eid] = 1;
                        p->seen_eid = it->eid;
                        continue;
                }
                for (uint64_t e = it->from; e <= it->to; e++) {
                        if ((w->events[e].rooms & rooms_at(p, e)) >> it->room & 1 && meant(p, &w->events[e])) {
                                must(w, !p->seen[e], "the client is told that eid %" PRIu64 " is lost, and has it", e);
                                p->told[e] = 1;
                        }
                }
        }
        p->items_n = 0;
        p->sent_bytes = 0;
}

/* ---- message members: every seq of every room, once ------------------------------------------- */

/* The first event above `eid` whose seq in the room is still to be accounted for; 0: none. */
static uint64_t next_due(const struct world *w, const struct peer *p, int room, uint64_t eid)
{
        while (++eid <= w->head) {
                bool visible = (w->events[eid].rooms & rooms_at(p, eid)) >> room & 1;
                if (visible && !(p->done[eid] >> room & 1))
                        return eid;
        }
        return 0;
}

static uint64_t eid_of_seq(const struct world *w, int room, uint64_t seq)
{
        for (uint64_t i = w->head; seq > 0 && i > w->rooms[room].created_eid; i--) {
                if (w->events[i].seq[room] == seq)
                        return i;
        }
        return 0;
}

static bool hidden_rightly(const struct world *w, const struct peer *p, const struct event *e, enum gap_reason reason)
{
        switch (reason) {
        case GAP_EXCLUDED:
                return excluded(p, e);
        case GAP_TOO_BIG:
                return does_not_fit(w, p->encoding, e->n);
        case GAP_EXPIRED:
                return e->dispensable && (p->settled[e->eid] & MAY_SKIP);
        case GAP_EVICTED: /* whom it leaves out is forgotten */
                return e->except != 0 && !member_resumable(p->m, e->eid - 1);
        default:
                return false;
        }
}

/* Whole entries back to back; each must be the next seq that is due. Returns bytes looked at. */
static size_t message_slice(struct world *w, struct peer *p, const struct piece *v, int room, size_t take)
{
        size_t at = 0;
        uint64_t seq = v->seq_first;
        for (; at < v->n; seq++) {
                size_t n = v->n - at >= HEAD_BYTES ? entry_bytes(v->at + at) : SIZE_MAX;
                must(w, n <= v->n - at, "a slice ends inside an entry");
                uint64_t eid = entry_eid(v->at + at);
                must(w, entry_seq(v->at + at) == seq, "a slice is not contiguous at seq %" PRIu64, seq);
                must(w, check_entry(w, p, v->at + at, n) == room, "an entry of another room in a slice");
                must(w, meant(p, &w->events[eid]), "member %d got seq %" PRIu64 ", not meant for it", p->place, seq);
                if (at < take) {
                        must(w, next_due(w, p, room, p->start) == eid, "seq %" PRIu64 " comes out of turn", seq);
                        must(w, !(p->settled[eid] & MUST_SKIP), "seq %" PRIu64 " was to be skipped", seq);
                        p->done[eid] |= (room_set)1 << room;
                        w->deliveries++;
                }
                at += n;
        }
        must(w, seq == v->seq_last + 1, "a slice ends at seq %" PRIu64 ", not %" PRIu64, seq - 1, v->seq_last);
        return at;
}

static void message_told(struct world *w, struct peer *p, const struct piece *v, int room)
{
        uint64_t eid = p->start;
        int n = 0;
        while ((eid = next_due(w, p, room, eid))) {
                const struct event *e = &w->events[eid];
                uint64_t seq = e->seq[room];
                if (seq < v->seq_first || seq > v->seq_last)
                        continue;
                if (v->kind == PIECE_EVICTED)
                        must(w, evicted_from(w, p, room, e), "seq %" PRIu64 " is in the log, and told as evicted", seq);
                else
                        must(w, hidden_rightly(w, p, e, v->reason), "seq %" PRIu64 " is hidden: %s", seq,
                             gap_reason_text(v->reason));
                must(w, v->kind == PIECE_EVICTED || next_due(w, p, room, p->start) == eid,
                     "seq %" PRIu64 " is hidden out of turn", seq);
                p->done[eid] |= (room_set)1 << room;
                n++;
        }
        must(w, n > 0, "told of seqs %" PRIu64 "..%" PRIu64 ", none of them due", v->seq_first, v->seq_last);
        for (uint64_t seq = v->seq_first; seq <= v->seq_last; seq++) {
                eid = eid_of_seq(w, room, seq);
                must(w, !eid || !(rooms_at(p, eid) >> room & 1) || (p->done[eid] >> room & 1), "seq %" PRIu64 " twice",
                     seq);
        }
        w->gaps += v->kind == PIECE_EVICTED;
}

static void check_repair_piece(struct world *w, struct peer *p, const struct piece *v, int room)
{
        size_t at = 0;
        for (uint64_t seq = v->seq_first; seq <= v->seq_last; seq++) {
                uint64_t eid = eid_of_seq(w, room, seq);
                const struct event *e = eid ? &w->events[eid] : NULL;
                bool may_see = e && (rooms_at(p, eid) >> room & 1);
                if (v->kind == PIECE_BYTES) {
                        must(w, at + HEAD_BYTES <= v->n && at + entry_bytes(v->at + at) <= v->n,
                             "a repair ends inside an entry");
                        must(w, may_see && meant(p, e) && entry_seq(v->at + at) == seq,
                             "seq %" PRIu64 " is repaired, and was not meant", seq);
                        must(w, check_entry(w, p, v->at + at, entry_bytes(v->at + at)) == room,
                             "a repair from another room");
                        at += entry_bytes(v->at + at);
                } else if (v->kind == PIECE_EVICTED) {
                        must(w, seq < room_tail_seq(v->room),
                             "seq %" PRIu64 " is repaired as evicted, and is in the log", seq);
                } else if (may_see && member_resumable(p->m, eid - 1)) {
                        must(w, hidden_rightly(w, p, e, v->reason) || (v->reason == GAP_EXPIRED && e->dispensable),
                             "seq %" PRIu64 " is repaired as hidden: %s", seq, gap_reason_text(v->reason));
                } else {
                        must(w, may_see || v->reason == GAP_EXCLUDED, "seq %" PRIu64 " outside its stay is hidden: %s",
                             seq, gap_reason_text(v->reason));
                }
        }
        must(w, at == (v->kind == PIECE_BYTES ? v->n : 0), "a repair has bytes over");
}

/* ---- places ------------------------------------------------------------------------------------ */

/* Is the event still owed to the member? perhaps: also when it may be skipped. */
static bool owed(const struct world *w, const struct peer *p, const struct event *e, bool perhaps)
{
        if (!meant(p, e) || (p->settled[e->eid] & (perhaps ? MUST_SKIP : MAY_SKIP)))
                return false;
        if (p->encoding != PER_ROOM)
                return !settled(p, e->eid);
        if (does_not_fit(w, p->encoding, e->n))
                return false;
        room_set set = rooms_at(p, e->eid) & e->rooms;
        for (int r = 0; r < ROOMS; r++) {
                if ((set & ~p->done[e->eid]) >> r & 1)
                        return true;
        }
        return false;
}

/* Nothing owed lies at or below the place, and it is no lower than it must be. */
static void check_place(struct world *w, struct peer *p)
{
        uint64_t place = member_place(p->m);
        must(w, place <= w->head && place >= p->start, "place %" PRIu64 " of %" PRIu64, place, w->head);
        bool forgotten = false; /* the hub cannot know what was in an evicted part */
        for (uint64_t i = p->start + 1; i <= w->head; i++) {
                const struct event *e = &w->events[i];
                if (i <= place) {
                        must(w, !owed(w, p, e, false), "place is %" PRIu64 ", and eid %" PRIu64 " is still owed", place,
                             i);
                        continue;
                }
                forgotten |= i > p->at && !settled(p, i) && evicted_somewhere(w, p, e);
                if (forgotten || p->encoding == PER_ROOM || owed(w, p, e, true))
                        return;
        }
        must(w, forgotten || p->encoding == PER_ROOM || place == w->head,
             "place %" PRIu64 ": nothing is owed up to %" PRIu64, place, w->head);
}

static void check_nothing_owed(struct world *w, struct peer *p, uint64_t upto)
{
        must(w, p->half_rest == 0, "half an entry is given, and no piece comes");
        for (uint64_t i = p->start + 1; i <= w->head && i <= upto; i++)
                must(w, !owed(w, p, &w->events[i], false),
                     "member %d is still owed eid %" PRIu64 ", and no piece comes", p->place, i);
}

#endif
