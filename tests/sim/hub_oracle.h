/* hub_oracle: what the hub owes each member, worked out the naive way from hub.h and the rules.
 *
 * The whole history is kept: every event with its rooms, exceptions and sender, and for every
 * member all intervals in which it was in each room. Whether an event was meant for a member is
 * looked up there each time, at the event's eid; there are no cursors, no lists of specials, no
 * segments to be wrong in the same way as the hub's. Eviction alone is learned from the hub
 * (room_tail_seq), and judged: nothing goes without a reason, nothing stays over a limit.
 *
 * Two kinds of member are modelled. A *stream* member (a `once` encoding, TCP) is a pipe of bytes
 * cut anywhere; what its client has seen is the whole entries before the cut. A *message* member
 * (a `per_room` encoding, UDP) takes whole entries, and every seq of its rooms must be accounted
 * for, exactly once from wherever it was resumed.
 */
#ifndef TESTS_SIM_HUB_ORACLE_H
#define TESTS_SIM_HUB_ORACLE_H
#include "tests/unit/harness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/chat/hub.h"

enum {
        NAMED = 6,                   /* rooms r1..r6 */
        MEMBERS = 48,                /* over one seed */
        ROOMS = 1 + NAMED + MEMBERS, /* everyone, the named ones, each member's own; below 64 */
        EVENTS = 1500,               /* over one seed */
        STAYS = 256,                 /* intervals of one member */
        ITEMS = 2 * EVENTS,          /* entries and gaps on one connection */
        HEAD_BYTES = 46,             /* of an encoded entry */
        ENCODINGS = 3,               /* two `once`, one `per_room` */
        PER_ROOM = 2,
        PIECES = 64,
};

typedef uint64_t room_set; /* bit r: room r */

struct event {
        uint64_t eid, seq[ROOMS]; /* seq 0: not known, or not in that room */
        room_set rooms, except;
        size_t n; /* bytes */
        int from; /* the peer's place; -1: the server */
        uint32_t origin;
        bool own, dispensable, multi, multi_sure;
        struct mono at;
};

struct room_seen {
        char name[16];
        uint64_t tag, created_eid, head_seq, tail_seq;
        bool occupied; /* somebody was in it when last looked at */
};

struct stay_seen {
        int room;
        uint64_t joined, left; /* (joined, left]; UINT64_MAX: is in it */
        struct mono left_at;
};

struct item {
        uint64_t eid;      /* 0: a gap */
        uint64_t offset;   /* what it states */
        uint64_t from, to; /* a gap's eids */
        int room;
        size_t end; /* bytes of the connection up to its end */
};

enum settled { GIVEN = 1, LOST = 2, MAY_SKIP = 4, MUST_SKIP = 8 };

struct peer {
        struct member *m;
        bool alive, attached, blocked;
        int encoding, own_room, place;
        struct hub_sink sink;
        unsigned news, leaves; /* since the last announce */
        struct stay_seen stays[STAYS];
        int stays_n;
        uint64_t start, blocked_at, attached_at; /* heads */
        uint8_t settled[EVENTS];                 /* by eid, on the way to the client */
        /* stream members */
        uint64_t at;        /* eid of the last entry given, or where it was resumed */
        uint64_t seen_eid;  /* of the last entry its client has */
        struct buf partial; /* of the entry now being written */
        size_t half_rest;   /* bytes it still lacks; 0: none is half given */
        uint64_t half_eid, half_seq;
        int half_room;
        struct item items[ITEMS];
        int items_n;
        size_t sent_bytes;
        uint64_t offset;                    /* what the client would state now; 0: it has none */
        uint8_t seen[EVENTS], told[EVENTS]; /* by eid: delivered, reported lost */
        /* message members */
        room_set done[EVENTS]; /* by eid: the rooms in which its seq is accounted for */
};

struct world {
        const char *row;
        unsigned long seed;
        unsigned op;
        bool loud;
        struct hub_config config;
        size_t too_big; /* encoders give nothing for events over this, but the second of them */
        bool pressed;   /* the total bound may be felt in this seed */
        struct rng rng;
        struct hub *hub;
        struct mono now;
        struct event *events; /* by eid; [0] unused */
        uint64_t head;
        struct room_seen rooms[ROOMS];
        struct peer *peers;
        int peers_n;
        unsigned wakes;
        uint64_t announced; /* the head then */
        uint64_t encodes, encoded_bytes;
        uint64_t deliveries, gaps, empty_gaps, repairs, resumes, copied, evicted, left_alone;
};

/* ---- saying what went wrong ---------------------------------------------------------------- */

#define wrong(w, ...) wrong_at(w, __LINE__, __VA_ARGS__)
#define must(w, what, ...)                     \
        do {                                   \
                if (!(what))                   \
                        wrong(w, __VA_ARGS__); \
        } while (0)
#define note(w, ...)                                      \
        do {                                              \
                if ((w)->loud) {                          \
                        fprintf(stderr, "%4u ", (w)->op); \
                        fprintf(stderr, __VA_ARGS__);     \
                        fputc('\n', stderr);              \
                }                                         \
        } while (0)

__attribute__((format(printf, 3, 4), noreturn)) static void wrong_at(const struct world *w, int line,
                                                                     const char *format, ...)
{
        char words[400];
        va_list args;
        va_start(args, format);
        vsnprintf(words, sizeof words, format, args);
        va_end(args);
        print_error("%s, seed %lu, operation %u (line %d): %s\n", w->row, w->seed, w->op, line, words);
        print_error("to repeat it, and see each operation: SEED=%lu %s\n", w->seed, program_invocation_name);
        fail();
        abort();
}

/* ---- what was meant ------------------------------------------------------------------------- */

static room_set rooms_at(const struct peer *p, uint64_t eid)
{
        room_set set = 0;
        for (int i = 0; i < p->stays_n; i++) {
                if (p->stays[i].joined < eid && eid <= p->stays[i].left)
                        set |= (room_set)1 << p->stays[i].room;
        }
        return set;
}

static room_set rooms_now(const struct peer *p)
{
        return rooms_at(p, UINT64_MAX);
}

static bool excluded(const struct peer *p, const struct event *e)
{
        return (rooms_at(p, e->eid) & e->except) != 0;
}

static bool meant(const struct peer *p, const struct event *e)
{
        if ((rooms_at(p, e->eid) & e->rooms) == 0 || excluded(p, e))
                return false;
        return p->encoding == PER_ROOM || e->from != p->place || e->own;
}

static bool settled(const struct peer *p, uint64_t eid)
{
        return (p->settled[eid] & (GIVEN | LOST)) != 0;
}

static struct bytes name_of(const struct world *w, int room)
{
        return bytes_text(w->rooms[room].name);
}

/* Has the log of that room lost the event? Only for a member that is or was in the room then. */
static bool evicted_from(const struct world *w, const struct peer *p, int room, const struct event *e)
{
        const struct room *r = member_room(p->m, name_of(w, room));
        return !r || e->seq[room] < room_tail_seq(r);
}

/* Have all the logs from which the member could be given it lost it? */
static bool evicted(const struct world *w, const struct peer *p, const struct event *e)
{
        room_set set = rooms_at(p, e->eid) & e->rooms;
        for (int r = 0; r < ROOMS; r++) {
                if ((set >> r & 1) && !evicted_from(w, p, r, e))
                        return false;
        }
        return true;
}

/* Is any log from which the member could be given it without it? */
static bool evicted_somewhere(const struct world *w, const struct peer *p, const struct event *e)
{
        room_set set = rooms_at(p, e->eid) & e->rooms;
        for (int r = 0; r < ROOMS; r++) {
                if ((set >> r & 1) && evicted_from(w, p, r, e))
                        return true;
        }
        return false;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void fill_event(const struct world *w, uint64_t eid, size_t n, uint8_t *out)
{
        for (size_t i = 0; i < n; i++)
                out[i] = (uint8_t)((w->seed * 31 + eid * 7 + i * (eid % 5 + 1)) & 255);
}

/* head and payload of an entry, as all three encodings write it */
static int put_entry(struct buf *out, int encoding, const struct hub_entry *e)
{
        uint8_t head[HEAD_BYTES];
        struct writer to = writer_of(head, sizeof head);
        writer_u8(&to, (uint8_t)('A' + encoding));
        writer_u32(&to, (uint32_t)(HEAD_BYTES + e->event.n));
        writer_u32(&to, e->epoch);
        writer_u32(&to, e->origin);
        writer_u64(&to, e->room_tag);
        writer_u64(&to, e->seq);
        writer_u64(&to, e->eid);
        writer_u64(&to, e->t_us);
        writer_u8(&to, (uint8_t)(e->multi | e->own << 1));
        int err = buf_put(out, head, sizeof head);
        return err ? err : buf_put(out, e->event.at, e->event.n);
}

static bool does_not_fit(const struct world *w, int encoding, size_t n)
{
        return encoding != 1 && n > w->too_big;
}

struct coder {
        struct world *w;
        int encoding;
};

static int encode(void *ctx, const struct hub_entry *e, struct buf *out)
{
        struct coder *c = ctx;
        struct world *w = c->w;
        w->encodes++;
        if (does_not_fit(w, c->encoding, e->event.n))
                return 0;
        w->encoded_bytes += HEAD_BYTES + e->event.n;
        return put_entry(out, c->encoding, e);
}

static int room_by_tag(const struct world *w, uint64_t tag)
{
        for (int r = 0; r < ROOMS; r++) {
                if (w->rooms[r].tag == tag)
                        return r;
        }
        return -1;
}

static uint64_t field_u64(const uint8_t *at, int where)
{
        struct reader r = reader_of(at + where, 8);
        return reader_u64(&r);
}

static size_t entry_bytes(const uint8_t *at)
{
        struct reader r = reader_of(at + 1, 4);
        return reader_u32(&r);
}

static uint64_t entry_seq(const uint8_t *at)
{
        return field_u64(at, 21);
}

static uint64_t entry_eid(const uint8_t *at)
{
        return field_u64(at, 29);
}

/* Every byte of a whole entry, against the history. Returns its room. */
static int check_entry(struct world *w, const struct peer *p, const uint8_t *at, size_t n)
{
        uint64_t eid = entry_eid(at), seq = entry_seq(at);
        int room = room_by_tag(w, field_u64(at, 13));
        must(w, room >= 0, "an entry bears a room tag that no room has");
        must(w, eid >= 1 && eid <= w->head, "an entry bears eid %" PRIu64 " of %" PRIu64, eid, w->head);
        const struct event *e = &w->events[eid];
        must(w, e->seq[room] == seq, "eid %" PRIu64 " in room '%s': seq %" PRIu64 ", not %" PRIu64, eid,
             w->rooms[room].name, seq, e->seq[room]);
        bool multi = at[HEAD_BYTES - 1] & 1;
        must(w, !e->multi_sure || multi == e->multi, "eid %" PRIu64 ": multi is %d", eid, multi);
        uint8_t *event = malloc(e->n);
        fill_event(w, eid, e->n, event);
        struct hub_entry good = {
                .epoch = w->config.epoch,
                .origin = e->origin,
                .room_tag = w->rooms[room].tag,
                .seq = seq,
                .eid = eid,
                .t_us = (uint64_t)mono_since(e->at, w->events[1].at) / 1000,
                .multi = multi,
                .own = e->own,
                .event = { event, e->n },
        };
        struct buf whole = { 0 };
        put_entry(&whole, p->encoding, &good);
        must(w, bytes_equal(buf_bytes(&whole), bytes_of(at, n)),
             "eid %" PRIu64 " reads otherwise than it was published", eid);
        buf_free(&whole);
        free(event);
        return room;
}

#endif
