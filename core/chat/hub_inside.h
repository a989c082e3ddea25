/* hub_inside: what hub.c, room.c, member.c, resume.c, half.c and walk.c share, and nobody else sees.
 *
 *   hub --- room (by name) --- roomlog, one stream for each encoding in use
 *    |        |
 *    |       stay: one interval (joined_eid, left_eid] of a member in a room, with its cursor
 *    |        |
 *    +----- member --- its stays; one place `at_eid` for all of them
 */
#ifndef CORE_CHAT_HUB_INSIDE_H
#define CORE_CHAT_HUB_INSIDE_H
#include "core/chat/hub.h"
#include "core/chat/roomlog.h"
#include "core/chat/stream.h"

#include <sodium.h>
#include <sys/queue.h>

/* Rooms are named by strangers: a keyed hash, or they choose the collisions. */
extern uint8_t hub_hash_key[16];
static inline unsigned hub_hash(const void *name, size_t n)
{
        uint64_t hash;
        crypto_shorthash((unsigned char *)&hash, name, n, hub_hash_key);
        return (unsigned)hash;
}
#define HASH_FUNCTION(key, key_n, hash) ((hash) = hub_hash(key, key_n))
#define HASH_NONFATAL_OOM               1
#include <uthash.h>

/* A room's events; a room without any costs its table entry and nothing more. */
struct room_events {
        struct roomlog log;
        struct stream stream[HUB_ENCODINGS_MAX];
        bool streaming[HUB_ENCODINGS_MAX]; /* stream[i] is in use */
        uint64_t last_eid;                 /* of the newest entry ever */
        uint64_t fresh, fresh_bytes;       /* events since the last announce, and their bytes */
};

struct room {
        UT_hash_handle hh;
        struct hub *hub;
        uint64_t tag, first_seq;    /* seq of the first event this room ever has */
        uint64_t evicted_eid;       /* highest eid its log has lost; at first the head when it was made */
        uint64_t except_eid;        /* newest event that its members were left out of */
        struct room_events *events; /* NULL: none yet */
        struct stay **member;       /* who is in it now */
        uint32_t members, members_cap;
        uint32_t stays;                    /* members, and kept records of those who left */
        uint32_t keeps;                    /* room_keep */
        uint32_t users[HUB_ENCODINGS_MAX]; /* stays of attached members, by encoding */
        struct room *next_dirty;
        bool dirty; /* has news that was not announced; on hub->dirty */
        uint8_t name_n;
        uint8_t name[];
};

#define EID_STILL UINT64_MAX /* left_eid of a stay that goes on */

/* First what each delivery looks at. */
struct stay {
        struct member *member;
        struct room *room;
        struct stay *next_behind; /* of member->behind, while it is */
        bool behind;
        uint64_t cursor;             /* next seq to give */
        uint64_t seq_begin, seq_end; /* the interval in the room's seqs; seq_end UINT64_MAX: goes on */
        uint64_t joined_eid, left_eid;
        uint64_t last_eid; /* once left: newest eid of the room at that moment */
        uint64_t past_eid; /* EVICTED was told up to here */
        struct stay *next; /* of the member */
        union {
                uint32_t place;         /* in room->member, while it goes on */
                TAILQ_ENTRY(stay) kept; /* hub->kept, once left */
        };
        struct mono left_at;
};

/* An entry that a member was given in part. */
struct half {
        LIST_ENTRY(half) link; /* hub->half */
        struct stay *stay;     /* the entry at its cursor */
        uint64_t eid;
        struct buf rest; /* what is left of it, once its segment is evicted; else empty */
        uint32_t done;   /* bytes of it given */
};

/* First what each delivery looks at. */
struct member {
        struct hub *hub;
        struct stay *behind; /* what may have something to give: see stay_is_behind */
        struct hub_sink sink;
        uint64_t told_at; /* the announce that last called it */
        uint64_t at_eid;
        struct half *half; /* NULL: no entry is half given */
        uint32_t changes;  /* how often a stay ended, its record went, or it was nudged */
        uint8_t encoding;
        bool attached;
        bool torn; /* memory was out when its half was to be saved: it can be given nothing more */
        uint8_t id_n;
        uint64_t fresh_eid;    /* dispensable events up to here are skipped */
        uint64_t own_last_eid; /* newest event it published that is not for itself */
        uint64_t floor_eid;    /* records of left rooms up to here are forgotten */
        struct stay *stays;    /* everyone is the last one, for its whole life; its own, once made, the one before */
        struct room *own;      /* NULL: nobody needed it yet */
        LIST_ENTRY(member) id_link; /* hub->by_id */
        void *user;
        uint64_t start_eid;
        uint32_t origin;
        uint16_t joined, kept; /* rooms it is in, own and everyone left out; kept records of left ones */
        uint8_t id[];
};

LIST_HEAD(member_bucket, member);
enum { MEMBER_BUCKETS = 4096 }; /* chains of 25 at 100,000 members */

struct hub {
        struct hub_config config;
        struct hub_budget own, *budget;
        struct hub *next; /* of the budget */
        struct hub_encoding encoding[HUB_ENCODINGS_MAX];
        int encodings;
        struct room *rooms;                         /* by name */
        struct member_bucket by_id[MEMBER_BUCKETS]; /* whose own rooms these would be */
        struct room *everyone;
        struct room *dirty;
        struct log_entry *oldest, *newest; /* age list, eid order */
        TAILQ_HEAD(, stay) kept;           /* records of left rooms, oldest first */
        LIST_HEAD(, half) half;
        uint64_t head;
        struct mono epoch_start; /* instant of the first event; t_us counts from it */
        uint32_t next_origin;
        uint64_t announces;
        uint64_t fresh_bytes; /* events' bytes in all rooms since the last announce */
        bool crowded;
        bool awake; /* wake was called since the last announce */
        void (*wake)(void *ctx);
        void *wake_ctx;
        struct buf scratch; /* encoders write here */
        struct hub_stats stats;
};

/* ---- rooms (room.c) ---- */
struct room *room_find(const struct hub *h, struct bytes name); /* never everyone */
struct room *room_make(struct hub *h, struct bytes name,
                       uint64_t since_eid); /* empty since that eid; NULL: out of memory */
struct room *room_create(struct hub *h, struct bytes name, uint64_t since_eid); /* in no table yet */
void room_destroy(struct room *r);                                              /* in no table any more */
void room_unuse(struct room *r);                                                /* frees it if nothing holds it */

/* Memory that it takes for having a log, beside the entries; counts in log_bytes while there are any. */
uint64_t room_footprint(const struct room *r);

void room_evict(struct room *r);       /* the oldest entry of its log, which has one */
void room_keep_bounds(struct room *r); /* evicts until its log is within the limits */

/* Encodes so that [from, log head] is in the stream. Returns the stream, or NULL when memory is
 * out. from is in the log. */
struct stream *room_stream(struct room *r, int encoding, uint64_t from);
/* One stay more, or less, that may walk the room's stream; the last one out drops it. */
void room_use_stream(struct room *r, int encoding);
void room_leave_stream(struct room *r, int encoding);

/* ---- news (hub.c) ---- */
void hub_nudge(struct hub *h); /* wake, once between two announces */

/* ---- members (member.c) ---- */
struct member *member_find(const struct hub *h, struct bytes id); /* NULL: nobody's id */

/* *r is the room of that name, a member's own among them; NULL: there is none. Returns 0 or ERR_NO_MEMORY. */
int room_named(struct hub *h, struct bytes name, struct room **r);

/* ---- stays (member.c) ---- */
void hub_forget_stays(struct hub *h, struct mono now); /* kept records whose time is up */

/* ---- half-given entries (half.c) ---- */
void half_begin(struct stay *s, uint64_t seq, uint64_t eid, uint32_t done); /* the cursor is put there */
struct bytes half_rest(const struct half *h);
void half_given(struct half *h, size_t bytes);             /* not all of the rest */
void half_rescue(struct half *h, const struct segment *g); /* g is about to go; may free h */
void member_forget_half(struct member *m);

/* ---- walking (walk.c) ---- */
bool member_lost_some(struct member *m); /* is there an EVICTED piece in its next walk? */

static inline bool room_logged(const struct room *r)
{
        return r->events && roomlog_events(&r->events->log) > 0;
}

static inline bool stay_covers(const struct stay *s, uint64_t eid)
{
        return s->joined_eid < eid && eid <= s->left_eid;
}

/* It may have something to give, or will be found to have nothing by the next walk. A stay that is not marked is at the
 * head of its room, news that was not announced aside: so a walk costs what there is to give, in however many quiet
 * rooms the member is. Marked are those whose room has news (by the announce), that are left (which it does not find
 * any more), or put back. */
static inline void stay_is_behind(struct stay *s)
{
        if (s->behind)
                return;
        s->behind = true;
        s->next_behind = s->member->behind;
        s->member->behind = s;
}

/* Nothing after this eid is meant for the stay's member. */
static inline uint64_t stay_last_eid(const struct stay *s)
{
        return s->left_eid == EID_STILL ? EID_STILL : s->last_eid;
}

/* Is the entry at its cursor half given? */
static inline bool stay_half(const struct stay *s)
{
        return s->member->half && s->member->half->stay == s;
}

/* The seq it goes on with: a half-given entry counts as given. */
uint64_t stay_next_seq(const struct stay *s);

static inline bool member_per_room(const struct member *m)
{
        return m->hub->encoding[m->encoding].per_room;
}

#endif
