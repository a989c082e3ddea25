/* hub_watch: what the hub says of its rooms and its memory after each operation, held against the
 * history. Here the oracle learns what was evicted, and asks why. */
#ifndef TESTS_SIM_HUB_WATCH_H
#define TESTS_SIM_HUB_WATCH_H
#include "tests/sim/hub_judge.h"

static struct peer *somebody_in(struct world *w, int room)
{
        for (int i = 0; i < w->peers_n; i++) {
                if (w->peers[i].alive && (rooms_now(&w->peers[i]) >> room & 1))
                        return &w->peers[i];
        }
        return NULL;
}

/* A room is seen for the first time, or again under another tag. */
static void room_is_new(struct world *w, struct room_seen *r, int room, const struct room *real)
{
        if (!r->tag && r->occupied) { /* left alone until now; what it says is held against its head below */
                r->tag = room_tag(real);
                return;
        }
        must(w, !r->occupied, "room '%s' was replaced under its members", r->name);
        for (uint64_t i = w->head; r->tag && i > r->created_eid; i--) {
                const struct event *e = &w->events[i];
                must(w, !e->seq[room] || w->pressed || mono_since(w->now, e->at) >= w->config.age_ns_max,
                     "room '%s' was deleted with eid %" PRIu64 " in its log", r->name, i);
                if (e->seq[room])
                        break;
        }
        must(w,
             room_head_seq(real) == w->head && room_tail_seq(real) == w->head + 1 && room_evicted_eid(real) == w->head,
             "a new room '%s' begins at seq %" PRIu64 ", tail %" PRIu64 ", evicted %" PRIu64 "; the head is %" PRIu64,
             r->name, room_head_seq(real), room_tail_seq(real), room_evicted_eid(real), w->head);
        r->tag = room_tag(real);
        r->created_eid = r->head_seq = w->head;
        r->tail_seq = w->head + 1;
}

/* Back in a room that stood without anybody to look: it got every event that was for it. */
static void room_stood(struct world *w, struct room_seen *r, int room, const struct room *real)
{
        for (uint64_t i = r->created_eid + 1; i <= w->head; i++) {
                struct event *e = &w->events[i];
                if ((e->rooms >> room & 1) && e->seq[room] == 0)
                        e->seq[room] = ++r->head_seq;
        }
        must(w, r->head_seq == room_head_seq(real), "room '%s' stands at seq %" PRIu64 ", not %" PRIu64, r->name,
             room_head_seq(real), r->head_seq);
        r->tail_seq = room_tail_seq(real);
}

/* Events have gone from a log: was there a reason, and is what is said of them true? */
static void room_lost_some(struct world *w, struct room_seen *r, int room, uint64_t tail)
{
        uint64_t events = 0, bytes = 0;
        struct mono oldest = MONO_NEVER;
        for (uint64_t i = w->head; i > r->created_eid; i--) {
                const struct event *e = &w->events[i];
                if (e->seq[room] >= r->tail_seq) {
                        events++;
                        bytes += e->n;
                        oldest = e->at;
                }
        }
        bool reason = w->pressed || events > w->config.room_events_max || bytes > w->config.room_bytes_max ||
                      mono_since(w->now, oldest) >= w->config.age_ns_max;
        must(w, reason,
             "room '%s' evicts up to seq %" PRIu64 " without a reason (%" PRIu64 " events, %" PRIu64 " bytes)", r->name,
             tail - 1, events, bytes);
        w->evicted += tail - r->tail_seq;
        r->tail_seq = tail;
}

static void check_bounds(struct world *w, const struct room_seen *r, int room, const struct room *real)
{
        uint64_t bytes = 0;
        for (uint64_t i = w->head; i > r->created_eid; i--) {
                const struct event *e = &w->events[i];
                if (e->seq[room] < r->tail_seq)
                        continue;
                bytes += e->n;
                must(w, mono_since(w->now, e->at) <= w->config.age_ns_max,
                     "eid %" PRIu64 " is in the log of '%s' past its age", i, r->name);
        }
        must(w, r->head_seq + 1 - r->tail_seq <= w->config.room_events_max, "too many events in the log of '%s'",
             r->name);
        must(w, bytes <= w->config.room_bytes_max, "too many bytes in the log of '%s'", r->name);
        uint64_t eid = eid_of_seq(w, room, r->tail_seq - 1);
        must(w, room_evicted_eid(real) == (eid ? eid : r->created_eid),
             "room '%s' says it evicted up to eid %" PRIu64 ", not %" PRIu64, r->name, room_evicted_eid(real),
             eid ? eid : r->created_eid);
}

/* A member's own room that nobody has meant yet: to look at it would make it. It has been there since the
 * member was, as far as anybody can tell. */
static bool left_alone(struct world *w, int room, const struct peer *p)
{
        struct room_seen *r = &w->rooms[room];
        if (r->tag || room != p->own_room || hub_room_members(w->hub, name_of(w, room)) != 1)
                return false;
        if (!r->occupied) {
                r->created_eid = r->head_seq = p->start;
                r->tail_seq = p->start + 1;
        }
        w->left_alone += r->head_seq == r->created_eid;
        return r->head_seq == r->created_eid;
}

/* After each operation: what the hub says of each room that has somebody in it. */
static void look_at_rooms(struct world *w)
{
        for (int i = 0; i < ROOMS; i++) {
                struct room_seen *r = &w->rooms[i];
                struct peer *p = somebody_in(w, i);
                if (p && !left_alone(w, i, p)) {
                        const struct room *real = member_room(p->m, name_of(w, i));
                        must(w, real, "member %d is in room '%s', which is not to be found", p->place, r->name);
                        must(w, bytes_equal(room_name(real), name_of(w, i)), "room '%s' has another name", r->name);
                        if (room_tag(real) != r->tag)
                                room_is_new(w, r, i, real);
                        else if (!r->occupied)
                                room_stood(w, r, i, real);
                        must(w, room_head_seq(real) == r->head_seq, "room '%s' has head %" PRIu64 ", not %" PRIu64,
                             r->name, room_head_seq(real), r->head_seq);
                        must(w, room_tail_seq(real) >= r->tail_seq, "the tail of '%s' goes back", r->name);
                        if (room_tail_seq(real) > r->tail_seq)
                                room_lost_some(w, r, i, room_tail_seq(real));
                        check_bounds(w, r, i, real);
                }
                r->occupied = p != NULL;
        }
}

/* Bytes are copied only for rests of half-given entries that were evicted, once for each. */
static void look_at_stats(struct world *w)
{
        struct hub_stats s = hub_stats(w->hub);
        uint64_t members = 0, rests = 0;
        for (int i = 0; i < w->peers_n; i++) {
                const struct peer *p = &w->peers[i];
                members += p->alive;
                if (p->alive && p->half_rest > 0 && evicted_from(w, p, p->half_room, &w->events[p->half_eid]))
                        rests += p->half_rest;
        }
        must(w, s.members == members && s.events == w->head, "stats: %" PRIu64 " members, %" PRIu64 " events",
             s.members, s.events);
        must(w, s.encodes == w->encodes && s.encoded_bytes == w->encoded_bytes,
             "stats: %" PRIu64 " encodes, %" PRIu64 " bytes", s.encodes, s.encoded_bytes);
        must(w, s.copied_bytes - w->copied <= rests,
             "%" PRIu64 " bytes were copied, with %" PRIu64 " to give of half-given evicted entries",
             s.copied_bytes - w->copied, rests);
        w->copied = s.copied_bytes;
}

#endif
