/* hub_links: what happens on a connection: walks that the transport cuts short, repairs, drops,
 * resumes and takeovers. */
#ifndef TESTS_SIM_HUB_LINKS_H
#define TESTS_SIM_HUB_LINKS_H
#include "tests/sim/hub_judge.h"

static uint64_t below(struct world *w, uint64_t n)
{
        return rng_below(&w->rng, n);
}

static bool chance(struct world *w, unsigned per_cent)
{
        return below(w, 100) < per_cent;
}

static struct peer *pick_peer(struct world *w)
{
        struct peer *alive[MEMBERS];
        uint64_t n = 0;
        for (int i = 0; i < w->peers_n; i++) {
                if (w->peers[i].alive)
                        alive[n++] = &w->peers[i];
        }
        return n ? alive[below(w, n)] : NULL;
}

static int pick_room(struct world *w)
{
        if (w->peers_n > 0 && chance(w, 15))
                return w->peers[below(w, (uint64_t)w->peers_n)].own_room;
        return 1 + (int)below(w, NAMED);
}

static void remove_peer(struct world *w, struct peer *p)
{
        note(w, "member %d is removed", p->place);
        hub_member_remove(p->m);
        p->alive = p->attached = false;
        p->half_rest = 0;
        buf_free(&p->partial);
}

/* Records of rooms it left that may still have to be kept. */
static uint32_t kept_stays(const struct world *w, const struct peer *p)
{
        uint32_t n = 0;
        for (int i = 0; i < p->stays_n; i++)
                n += p->stays[i].left != UINT64_MAX && mono_since(w->now, p->stays[i].left_at) < w->config.retain_ns;
        return n;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void op_unblock(struct world *w, struct peer *p)
{
        for (uint64_t i = p->start + 1; i <= w->head; i++) {
                if (w->events[i].dispensable && !settled(p, i))
                        p->settled[i] |= (uint8_t)(MAY_SKIP | (i > p->blocked_at ? MUST_SKIP : 0));
        }
        p->blocked = false;
        member_unblocked(p->m);
        note(w, "member %d is unblocked", p->place);
}

/* Pieces stand in eid order; gaps come first. */
static void check_order(struct world *w, const struct peer *p, const struct piece *v, int n, uint64_t upto)
{
        uint64_t last = 0;
        bool began = false;
        for (int i = 0; i < n; i++) {
                must(w, v[i].eid_first <= v[i].eid_last && v[i].seq_first <= v[i].seq_last,
                     "a piece ends before it begins");
                must(w, room_by_tag(w, room_tag(v[i].room)) >= 0, "a piece of no known room");
                if (i == 0 && p->half_rest > 0) {
                        must(w, v[i].kind == PIECE_BYTES, "something comes before the rest of an entry");
                        continue;
                }
                if (v[i].kind == PIECE_EVICTED) {
                        must(w, !began, "a gap after other pieces");
                        continue;
                }
                must(w, v[i].eid_first >= last && v[i].eid_last <= upto, "eid %" PRIu64 " after %" PRIu64,
                     v[i].eid_first, last);
                last = v[i].eid_last;
                began = true;
        }
}

/* The same question again gives the same answer. */
static void check_pure(struct world *w, struct peer *p, uint64_t upto, const struct piece *v, int n, int v_max)
{
        struct piece again[PIECES];
        must(w, member_walk(p->m, upto, again, v_max) == n, "a second walk has other pieces");
        for (int i = 0; i < n; i++)
                must(w,
                     v[i].kind == again[i].kind && v[i].seq_first == again[i].seq_first &&
                             v[i].seq_last == again[i].seq_last && v[i].n == again[i].n &&
                             (v[i].kind != PIECE_BYTES || memcmp(v[i].at, again[i].at, v[i].n) == 0),
                     "a second walk differs at piece %d", i);
}

/* A cut after n bytes at most: anywhere for streams, at an entry's border for messages. */
static size_t cut(struct world *w, const struct peer *p, const struct piece *v)
{
        size_t n = below(w, v->n + 1);
        if (p->encoding != PER_ROOM)
                return n;
        size_t at = 0;
        while (at < v->n && at + entry_bytes(v->at + at) <= n)
                at += entry_bytes(v->at + at);
        return at;
}

/* Takes one piece, or a part of it; false: the transport takes no more. */
static bool take(struct world *w, struct peer *p, const struct piece *v, unsigned cut_per_cent)
{
        int room = room_by_tag(w, room_tag(v->room));
        bool stream = p->encoding != PER_ROOM;
        if (v->kind != PIECE_BYTES) {
                must(w, v->kind != PIECE_EVICTED || v->reason == GAP_EVICTED, "a piece of kind %d is %s", v->kind,
                     gap_reason_text(v->reason));
                note(w, "  %s: '%s' seq %" PRIu64 "..%" PRIu64 " eid %" PRIu64 "..%" PRIu64, gap_reason_text(v->reason),
                     w->rooms[room].name, v->seq_first, v->seq_last, v->eid_first, v->eid_last);
                if (stream && v->kind == PIECE_HIDDEN)
                        stream_hidden(w, p, v, room);
                else if (stream)
                        stream_gap(w, p, v, room);
                else
                        message_told(w, p, v, room);
                struct piece told = *v; /* what it lends is not touched, and its room stays for the walk */
                member_advance(p->m, v, 0);
                if (stream)
                        stream_gap_told(p, &told, room);
                return true;
        }
        size_t n = chance(w, cut_per_cent) ? cut(w, p, v) : v->n;
        bool all = n == v->n;
        note(w, "  '%s' seq %" PRIu64 "..%" PRIu64 " eid %" PRIu64 "..%" PRIu64 ": %zu of %zu bytes",
             w->rooms[room].name, v->seq_first, v->seq_last, v->eid_first, v->eid_last, n, v->n);
        if (stream) {
                stream_slice(w, p, v, n);
                stream_took(w, p, v->at, n);
        } else {
                message_slice(w, p, v, room, n);
        }
        if (n > 0)
                member_advance(p->m, v, n);
        must(w, member_half(p->m) == (p->half_rest > 0), "is an entry half given? the hub says %d", member_half(p->m));
        return all;
}

/* One walk. Returns false when there was nothing to give, or the transport took no more. */
static bool walk(struct world *w, struct peer *p, uint64_t upto, unsigned cut_per_cent)
{
        static const int room_for[] = { 1, 2, 3, 8, PIECES };
        struct piece v[PIECES];
        int v_max = room_for[below(w, 5)];
        bool behind = member_behind(p->m, upto);
        int n = member_walk(p->m, upto, v, v_max);
        must(w, n >= 0 && n <= v_max, "a walk gives %d", n);
        must(w, behind == (n > 0), "behind is %d, and a walk gives %d pieces", behind, n);
        note(w, "member %d walks up to %" PRId64 ": %d pieces", p->place, (int64_t)upto, n);
        if (n == 0) {
                check_nothing_owed(w, p, upto);
                return false;
        }
        if (chance(w, 10))
                check_pure(w, p, upto, v, n, v_max), n = member_walk(p->m, upto, v, v_max);
        check_order(w, p, v, n, upto);
        for (int i = 0; i < n; i++) {
                if (!take(w, p, &v[i], cut_per_cent)) {
                        p->blocked = true;
                        p->blocked_at = w->head;
                        return false;
                }
        }
        return true;
}

static void drain(struct world *w, struct peer *p)
{
        if (p->blocked)
                op_unblock(w, p);
        while (walk(w, p, UINT64_MAX, 0))
                ;
        check_place(w, p);
        if (p->encoding != PER_ROOM)
                must(w, member_place(p->m) == w->head, "all is given, and the place is %" PRIu64, member_place(p->m));
        for (int r = 0; r < ROOMS; r++) {
                bool counts = p->encoding == PER_ROOM && rooms_now(p) >> r & 1;
                const struct room *real = counts ? member_room(p->m, name_of(w, r)) : NULL;
                must(w, !real || member_cursor(p->m, real) == room_head_seq(real) + 1,
                     "all of '%s' is given, and its cursor is %" PRIu64, w->rooms[r].name, member_cursor(p->m, real));
        }
}

static void op_walk(struct world *w)
{
        struct peer *p = pick_peer(w);
        if (!p || !p->attached)
                return;
        if (p->blocked)
                op_unblock(w, p);
        if (chance(w, 40)) {
                drain(w, p);
                return;
        }
        uint64_t upto = chance(w, 80) ? UINT64_MAX : member_place(p->m) + below(w, 6);
        for (int i = 0; i < 4 && walk(w, p, upto, 30); i++)
                ;
        check_place(w, p);
}

static void op_repair(struct world *w)
{
        struct peer *p = pick_peer(w);
        if (!p || !p->attached || p->encoding != PER_ROOM)
                return;
        int room = chance(w, 50) ? pick_room(w) : chance(w, 50) ? 0 : p->own_room;
        const struct room *real = member_room(p->m, name_of(w, room));
        if (!real || room_tag(real) != w->rooms[room].tag || !w->rooms[room].occupied)
                return;
        uint64_t cursor = member_cursor(p->m, real), first = w->rooms[room].created_eid + 1;
        uint64_t from = first + below(w, cursor > first ? cursor - first : 1), to = from + below(w, 12);
        struct piece v[8];
        int v_max = 1 + (int)below(w, 8);
        note(w, "member %d asks for a repair of '%s' seq %" PRIu64 "..%" PRIu64 ", its cursor is %" PRIu64, p->place,
             w->rooms[room].name, from, to, cursor);
        int n = member_repair(p->m, real, from, to, v, v_max);
        must(w, n >= 0 && n <= v_max, "a repair gives %d", n);
        uint64_t next = from, end = to < cursor - 1 ? to : cursor - 1;
        for (int i = 0; i < n; i++) {
                must(w, v[i].seq_first == next && v[i].seq_last >= next,
                     "a repair jumps from seq %" PRIu64 " to %" PRIu64, next, v[i].seq_first);
                check_repair_piece(w, p, &v[i], room);
                next = v[i].seq_last + 1;
        }
        must(w, cursor == 0 || n == v_max || next == (end < from ? from : end + 1),
             "a repair of %" PRIu64 "..%" PRIu64 " (cursor %" PRIu64 ") ends at %" PRIu64, from, to, cursor, next - 1);
        must(w, next == from || next <= end + 1, "a repair goes beyond what was asked");
        w->repairs += n > 0;
}

/* ---- connections ---------------------------------------------------------------------------- */

static void drop(struct world *w, struct peer *p)
{
        if (p->encoding != PER_ROOM)
                client_sees(w, p, chance(w, 50) ? SIZE_MAX : below(w, p->sent_bytes + 1));
        else
                p->offset = member_place(p->m); /* now: a room forgotten later holds it back no more */
        member_detach(p->m);
        must(w, !member_attached(p->m), "still attached");
        p->attached = p->blocked = false;
        p->half_rest = 0;
        p->partial.n = 0;
        note(w, "member %d is dropped, having seen %" PRIu64, p->place, p->offset);
}

/* May the hub have forgotten a room that it left? After its time, or when there are too many. */
static bool may_be_forgotten(const struct world *w, const struct peer *p, uint64_t offset)
{
        for (int i = 0; i < p->stays_n; i++) {
                const struct stay_seen *stay = &p->stays[i];
                if (stay->left != UINT64_MAX && stay->left > offset &&
                    mono_since(w->now, stay->left_at) >= w->config.retain_ns)
                        return true;
        }
        return kept_stays(w, p) >= w->config.stays_max;
}

static bool resumable(struct world *w, struct peer *p, uint64_t offset)
{
        if (member_resumable(p->m, offset))
                return true;
        must(w, may_be_forgotten(w, p, offset), "member %d is not resumable from %" PRIu64 ", for no reason", p->place,
             offset);
        return false;
}

static void resume_stream(struct world *w, struct peer *p)
{
        uint64_t offset = p->offset > p->start ? p->offset : p->start;
        bool rule = true, lost = false;
        for (int i = 0; i < p->stays_n; i++) {
                bool known = p->stays[i].left > offset && w->rooms[p->stays[i].room].tag;
                const struct room *r = known ? member_room(p->m, name_of(w, p->stays[i].room)) : NULL;
                rule &= !r || room_evicted_eid(r) <= offset || room_evicted_eid(r) <= p->stays[i].joined;
        }
        for (uint64_t i = offset + 1; i <= w->head; i++) {
                const struct event *e = &w->events[i];
                lost |= meant(p, e) && !e->dispensable && evicted(w, p, e);
                p->settled[i] = e->dispensable ? MAY_SKIP | MUST_SKIP : 0;
        }
        bool whole = member_resume(p->m, p->offset);
        p->at = offset;
        note(w, "member %d resumes from %" PRIu64 ": %s", p->place, p->offset, whole ? "whole" : "not whole");
        must(w, whole || !rule, "a resume from %" PRIu64 " is not whole, and nothing was evicted above it", p->offset);
        must(w, !whole || !lost, "a resume from %" PRIu64 " is whole, and something was lost", p->offset);
        struct piece v;
        bool gap = member_walk(p->m, UINT64_MAX, &v, 1) == 1 && v.kind == PIECE_EVICTED;
        must(w, whole != gap, "a resume is%s whole, and the walk begins with%s a gap", whole ? "" : " not",
             gap ? "" : "out");
}

/* The client says up to where it has every seq of the room: between where it came in (sometimes at
 * an earlier stay) and what it was given. */
static void resume_room(struct world *w, struct peer *p, int room)
{
        const struct room *real = member_room(p->m, name_of(w, room));
        uint64_t came = p->start, first = 0, due;
        for (int i = 0; i < p->stays_n && !chance(w, 5); i++) {
                if (p->stays[i].room == room)
                        came = p->stays[i].joined;
        }
        if (!member_resumable(p->m, came))
                return;
        due = next_due(w, p, room, came);
        uint64_t given = due ? w->events[due].seq[room] - 1 : w->rooms[room].head_seq;
        for (uint64_t i = w->head; i > came; i--) {
                if ((w->events[i].rooms & rooms_at(p, i)) >> room & 1)
                        first = w->events[i].seq[room];
        }
        if (!first || given < first)
                return;
        uint64_t contig = first - 1 + below(w, given - first + 2);
        for (uint64_t i = p->start + 1; i <= w->head; i++) {
                const struct event *e = &w->events[i];
                room_set bit = (e->rooms & rooms_at(p, i)) & (room_set)1 << room;
                p->done[i] = e->seq[room] <= contig ? p->done[i] | bit : p->done[i] & ~bit;
                if (bit && e->seq[room] > contig && e->dispensable)
                        p->settled[i] |= (uint8_t)(MAY_SKIP | (e->rooms == bit ? MUST_SKIP : 0));
        }
        int err = member_resume_room(p->m, real, contig);
        must(w, err == 0, "resuming '%s' gives %d", w->rooms[room].name, err);
        due = next_due(w, p, room, p->start);
        must(w, !due || member_cursor(p->m, real) == w->events[due].seq[room],
             "resumed at seq %" PRIu64 ", the cursor is %" PRIu64, contig, member_cursor(p->m, real));
        note(w, "member %d resumes '%s' from %" PRIu64, p->place, w->rooms[room].name, contig);
}

static void resume_message(struct world *w, struct peer *p)
{
        for (int r = 0; r < ROOMS; r++) {
                if (rooms_now(p) >> r & 1)
                        resume_room(w, p, r);
        }
        /* what it was not given while away is not fresh any more */
        for (uint64_t i = p->start + 1; i <= w->head; i++)
                p->settled[i] |= w->events[i].dispensable ? MAY_SKIP : 0;
}

static void attach(struct world *w, struct peer *p)
{
        if (!resumable(w, p, p->offset)) {
                remove_peer(w, p);
                return;
        }
        if (p->encoding != PER_ROOM)
                p->encoding = (int)below(w, 2);
        member_attach(p->m, p->encoding, &p->sink);
        p->attached = true;
        p->attached_at = w->head;
        if (p->encoding == PER_ROOM)
                resume_message(w, p);
        else
                resume_stream(w, p);
        w->resumes++;
}

static void op_link(struct world *w)
{
        struct peer *p = pick_peer(w);
        if (!p)
                return;
        bool was = p->attached;
        if (was)
                drop(w, p);
        if (!was || chance(w, 40)) /* the second is a takeover */
                attach(w, p);
}

#endif
