/* hub: rooms, members, publishing and recovery of one namespace. A room is a log, a member is a
 * cursor.
 *
 * An event is appended once to the bounded log of each room it is for, and encoded once for each
 * encoding that has a member there, into that room's *stream*: segments of whole ready-to-send
 * entries. A member owns no queue of events, only its place. Live delivery, a slow reader, a NACK
 * repair and a reconnect are all the same walk: from the member's place towards the head.
 *
 *   publish -> log (eid, and seq in its room) -> wake -> announce -> sink.news of each member
 *           -> the session walks its member, sends the lent bytes, advances by what was taken
 *
 * Not thread-safe; no I/O; no clock; the hub never calls anything that calls back into it.
 * Lent bytes (pieces, names, walks) are borrowed until the next hub call that takes a `struct hub`
 * or changes a member, but member_advance on the pieces of the same walk. A call to one hub may evict
 * from the others of its budget.
 *
 * Counters: eid is the place in the namespace's order, from 1, contiguous; seq the place in one
 * room's log, contiguous there, its first being (highest eid so far) + 1, so that no (room name,
 * seq) repeats in one epoch.
 */
#ifndef CORE_CHAT_HUB_H
#define CORE_CHAT_HUB_H
#include <stdbool.h>
#include <stdint.h>

#include "core/base/bytes.h"
#include "core/base/mono.h"

struct hub;
struct room;
struct member; /* one session's place in this namespace; it stays while the session is away */

enum { HUB_ROOM_NAME_MAX = 255, HUB_ENCODINGS_MAX = 5, HUB_TARGETS_MAX = 64, HUB_STAYS_MAX = 120 };

/* What the logs and streams of several hubs may hold together: an application's namespaces have one.
 * Over it, the oldest event of all goes first, whichever hub's it is, and a hub is crowded by what all
 * of them publish. The caller's, set to a size and otherwise zeroed; it outlives its hubs. */
struct hub_budget {
        uint64_t bytes_max;   /* 0: the default (256 MiB, or sixteen of the largest events) */
        uint64_t fresh_bytes; /* events' bytes that their hubs have not announced */
        struct hub *hubs;
};

struct hub_config {
        uint32_t epoch;            /* not 0; identity of this log; from rng_os but in simulations */
        uint64_t room_events_max;  /* each room's log; 0 here and below: the default (10,000) */
        uint64_t room_bytes_max;   /* events' bytes in a room's log (16 MiB, or four of the largest events) */
        int64_t age_ns_max;        /* of an event in any log (120 s) */
        uint64_t bytes_total_max;  /* all logs and streams together (256 MiB, or sixteen of the largest) */
        struct hub_budget *budget; /* NULL: its own, of bytes_total_max; else that is not looked at */
        int64_t retain_ns;         /* how long the record of a left room is kept (120 s) */
        uint32_t stays_max; /* rooms a member may be in, its own and `everyone` not counted (64; at most HUB_STAYS_MAX)
                             */
        uint32_t event_bytes_max; /* one event (1,000,000) */
};

/* Returns NULL when memory is out. */
struct hub *hub_create(const struct hub_config *config);
void hub_destroy(struct hub *h); /* accepts NULL; all members must be gone */

uint32_t hub_epoch(const struct hub *h);
uint64_t hub_head(const struct hub *h); /* highest eid given so far; 0: none */

/* ---- encodings ---------------------------------------------------------------------------- */

/* What an encoder is given: one entry of one room's log. */
struct hub_entry {
        uint32_t epoch;
        uint32_t origin; /* who published it; 0: the server */
        uint64_t room_tag, seq, eid;
        uint64_t t_us; /* publish time, microseconds since the hub's first event */
        bool multi;    /* published to more than one room */
        bool own;      /* its origin is to deliver it too */
        struct bytes event;
};

struct hub_encoding {
        const char *name;
        void *ctx;
        /* One copy per room of an event published to several (UDP: every channel's seq must
         * arrive; the receiver hides doubles and its own). Otherwise one copy in all, and the
         * sender of an event without `own` is not given it (TCP). */
        bool per_room;
        /* Appends everything one member is sent for this entry; never cut between. Appending
         * nothing means: it does not fit this path (the member is shown PIECE_HIDDEN TOO_BIG).
         * Returns 0 or ERR_NO_MEMORY. */
        int (*encode)(void *ctx, const struct hub_entry *entry, struct buf *out);
};

/* Returns the encoding's number, or ERR_FULL. Copies *e; ctx is borrowed for the hub's life. */
int hub_encoding_add(struct hub *h, const struct hub_encoding *e);

/* ---- news --------------------------------------------------------------------------------- */

/* `wake` is called at the first publish (or other news) after an announce; it only marks, and
 * whoever set it calls hub_announce at the end of the turn. */
void hub_wake_set(struct hub *h, void (*wake)(void *ctx), void *ctx);

/* Calls sink.news once for each attached member that has something new since the last announce. */
void hub_announce(struct hub *h);

/* Has so much been published since the last announce (a quarter of what a log, or all of them, may
 * hold) that more could evict events which no member was offered yet? Then whoever takes events from
 * clients waits for the announce. What is published nevertheless is published: the hub only says. */
bool hub_crowded(const struct hub *h);

/* Evicts what has grown too old. The deadline is when there will be more to evict. */
void hub_expire(struct hub *h, struct mono now);
struct mono hub_deadline(const struct hub *h);

/* ---- members ------------------------------------------------------------------------------ */

struct hub_sink {
        void (*news)(void *owner); /* only marks; must not call the hub */
        void *owner;
};

/* Adds a member, attached, in `everyone` and in the room of its own id (which takes memory only once
 * someone means it). Its place is the head.
 * id: copied, 1..HUB_ROOM_NAME_MAX bytes. user: the caller's own pointer, given back as is.
 * Returns NULL when memory is out or the id is empty or too long. */
struct member *hub_member_add(struct hub *h, struct bytes id, int encoding, const struct hub_sink *sink, void *user);

/* Removes a member and all its stays; accepts NULL. */
void hub_member_remove(struct member *m);

/* Calls its sink.news, if it is attached: there is something to do that no event tells. */
void member_nudge(struct member *m);

/* The session lost its connection: the member keeps its place, rooms and intervals, but gets no
 * news and takes no walk until it is attached again (perhaps with another encoding of the same
 * per_room kind). Both ends of a half-written entry are forgotten. */
void member_detach(struct member *m);
void member_attach(struct member *m, int encoding, const struct hub_sink *sink);
bool member_attached(const struct member *m);

/* An attached member goes on in another encoding of the same per_room kind. No entry may be half given. */
void member_recode(struct member *m, int encoding);

uint32_t member_origin(const struct member *m); /* its number as publisher; not 0; that of another after 2^32 - 1 */
struct bytes member_id(const struct member *m);
void *member_user(const struct member *m);
uint64_t member_start(const struct member *m); /* hub_head when it was added */

/* Joins; a second join of the same room is no change. Events after this are for it.
 * returns 0; ERR_EXISTS (in it already; nothing changed); ERR_RANGE (name empty or too long);
 *         ERR_FULL (stays_max); ERR_NO_MEMORY */
int hub_join(struct member *m, struct mono now, struct bytes room);

/* Leaves: events up to this moment are still for it. Returns 0 or ERR_NOT_MEMBER. */
int hub_leave(struct member *m, struct mono now, struct bytes room);

bool member_is_in(const struct member *m, struct bytes room);

/* The rooms it is in now, own-id room and `everyone` left out; i from 0; false past the last.
 * Joining or leaving renumbers them. */
bool member_room_at(const struct member *m, uint32_t i, struct bytes *name);
uint32_t member_rooms(const struct member *m); /* how many these are */

/* Is it out of a room, and has it been given all that was for it there? */
bool member_parted(const struct member *m, const struct room *r);

/* How often something happened to it that no event tells: it was nudged, or is out of a room. */
uint32_t member_changes(const struct member *m);

/* The members of a room now, i from 0; NULL past the last or when there is no such room. */
struct member *hub_room_member_at(const struct hub *h, struct bytes room, uint32_t i);
uint32_t hub_room_members(const struct hub *h, struct bytes room);

/* ---- rooms -------------------------------------------------------------------------------- */

/* The room a member is in (or was, while its stay is kept), by name; "" is `everyone`. NULL: none, or
 * its own could not be made. */
struct room *member_room(struct member *m, struct bytes name);
struct bytes room_name(const struct room *r); /* "" for `everyone` */
uint64_t room_tag(const struct room *r);      /* random, for the room's life */

/* For who knows a room by its address: it stays until it is released, as often as it was kept; before the hub goes. */
void room_keep(struct room *r);
void room_release(struct room *r);
uint64_t room_tail_seq(const struct room *r); /* lowest seq still in the log; head + 1 when empty */
uint64_t room_head_seq(const struct room *r); /* highest seq given; (first seq) - 1: none yet */
uint64_t room_evicted_eid(const struct room *r);

/* ---- publishing --------------------------------------------------------------------------- */

struct publish {
        struct bytes event;         /* canonical and scanned (event_parse); copied */
        const struct bytes *rooms;  /* union of these; rooms nobody knows are passed over */
        uint32_t rooms_n;           /* 0: everyone */
        const struct bytes *except; /* members of these get nothing, judged at the event's eid */
        uint32_t except_n;
        struct member *from; /* NULL: the server */
        bool own;            /* deliver to `from` too */
        bool dispensable;    /* Socket.IO's volatile: skipped for members that are behind, and by every resume */
};

struct published {
        uint64_t eid;
        uint64_t seq; /* in the room, when exactly one room was meant and it exists; else 0 */
};

/* returns 0; ERR_TOO_BIG (event_bytes_max); ERR_RANGE (over HUB_TARGETS_MAX rooms or exceptions);
 *         ERR_NO_MEMORY (nothing was published) */
int hub_publish(struct hub *h, struct mono now, const struct publish *p, struct published *out);

/* ---- walking: how a session sends --------------------------------------------------------- */

enum piece_kind {
        PIECE_BYTES,   /* whole entries, ready to send, back to back */
        PIECE_HIDDEN,  /* what this member does not get, and why: all such seqs (per_room), or TOO_BIG alone */
        PIECE_EVICTED, /* the log lost these before this member was given them */
};

/* Numbers as on the wire (UDP.md, GAP reasons). */
enum gap_reason { GAP_EVICTED = 1, GAP_EXCLUDED = 2, GAP_YOURS = 3, GAP_EXPIRED = 4, GAP_EPOCH = 5, GAP_TOO_BIG = 6 };
const char *gap_reason_text(enum gap_reason reason); /* "evicted", ...; NULL for a stranger */

struct piece {
        enum piece_kind kind;
        enum gap_reason reason; /* HIDDEN and EVICTED */
        const struct room *room;
        uint64_t seq_first, seq_last;
        uint64_t eid_first, eid_last; /* EVICTED: every event of the room meant for it in here is gone */
        const uint8_t *at;            /* BYTES */
        size_t n;
        struct stay *stay; /* the hub's own */
};

/* What the member has to be given next, in strict eid order across its rooms; only events with
 * eid <= upto_eid (UINT64_MAX: all). If an entry was half given, its rest is the first piece.
 * EVICTED pieces come before all but that. Fills up to v_max pieces; 0 pieces: nothing to give.
 * Nothing moves until member_advance. When memory is out for encoding the walk is shorter.
 * returns the number of pieces, or ERR_CLOSED (memory was out when an entry half given had to be
 *         saved from eviction: only closing the connection is left) */
int member_walk(struct member *m, uint64_t upto_eid, struct piece *v, int v_max);

/* The transport took `bytes` of this piece (BYTES; less than all of it: the walk's remaining
 * pieces are void), or the member was told (HIDDEN, EVICTED; bytes ignored). In the walk's order.
 * An entry may be given in parts; where its rest is evicted meanwhile, a per_room member is told of it
 * as EVICTED, and for others the rest is saved. */
void member_advance(struct member *m, const struct piece *p, size_t bytes);

/* Is an entry half given? Then nothing else may be sent before the rest of it. */
bool member_half(const struct member *m);

/* Is there anything to walk up to that eid? */
bool member_behind(struct member *m, uint64_t upto_eid);

/* The highest eid such that everything meant for the member up to it has been given: the offset
 * that a private packet sent now states. */
uint64_t member_place(struct member *m);

/* The transport takes again after it had taken no more (EAGAIN, pacing): dispensable events
 * published in between are skipped. */
void member_unblocked(struct member *m);

/* A repair: what there is of seqs from..to of that room for this member, cursor unmoved: BYTES,
 * HIDDEN and EVICTED pieces that together cover [from, min(to, member_given - 1)] in order, or their
 * beginning when v_max is short. These pieces are not for member_advance. */
int member_repair(struct member *m, const struct room *r, uint64_t seq_from, uint64_t seq_to, struct piece *v,
                  int v_max);

/* What there is of seqs from..to of the room, for nobody in particular: as member_repair, but HIDDEN is what
 * leaves out some member, or is TOO_BIG. For a place of the caller's own in a room's log, one for many members;
 * some attached member must be in the room with that encoding, which is per_room: 0 pieces otherwise. Not for
 * member_advance. */
int room_read(const struct room *r, int encoding, uint64_t from, uint64_t to, struct piece *v, int v_max);

/* The first seq in seq..last whose event leaves out some members (an exception); last + 1: none. */
uint64_t room_exception(const struct room *r, uint64_t seq, uint64_t last);

/* ---- recovery ----------------------------------------------------------------------------- */

/* TCP: puts the member's place back to `offset_eid` (what the client has seen; below the member's
 * start, the start; never above the head). Whole: nothing meant for it after that was evicted or
 * forgotten. The next walk gives what was missed, EVICTED pieces first where it is not whole.
 * returns true when whole */
bool member_resume(struct member *m, uint64_t offset_eid);

/* UDP: puts the cursor of one room back to seq `contig` + 1 (clamped to what it may see). Where it is
 * not member_resumable, events with exceptions are hidden as EVICTED: whom they leave out is forgotten.
 * returns 0; ERR_NOT_MEMBER; ERR_RANGE (contig above the room's head) */
int member_resume_room(struct member *m, const struct room *r, uint64_t contig);

/* The seq the next walk begins with in that room (UDP's `start`); 0: not a member. */
uint64_t member_cursor(const struct member *m, const struct room *r);

/* The same, but behind the entry that is half given, if it is this room's. */
uint64_t member_given(const struct member *m, const struct room *r);

/* The first seq of the room that is for the member since it joined last; 0: not in it. An earlier
 * stay may still have something to give, before that. */
uint64_t member_joined_seq(const struct member *m, const struct room *r);

/* False once records of rooms it left had to be forgotten above offset_eid: then it cannot be
 * resumed from there at all, since what was missed can no longer be named. */
bool member_resumable(const struct member *m, uint64_t offset_eid);

/* ---- figures ------------------------------------------------------------------------------ */

struct hub_stats {
        uint64_t events;         /* published */
        uint64_t encodes;        /* entry encodings made: one per event, room and encoding in use */
        uint64_t encoded_bytes;  /* copied from encoders into streams, once per encode */
        uint64_t copied_bytes;   /* copied for one member's sake: rests of evicted half-written entries */
        uint64_t evicted_events; /* log entries dropped by a bound */
        uint64_t log_bytes, stream_bytes, rooms, members;
};
struct hub_stats hub_stats(const struct hub *h);

#endif
