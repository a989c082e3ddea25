/* roomlog: the bounded log of one room: entries by seq, and which of them need a second look.
 *
 * An entry is the truth of one event in one room. An event published to several rooms has one
 * entry in each, sharing its body. Entries are also threaded on the hub's age list, oldest first.
 * Private to core/chat.
 */
#ifndef CORE_CHAT_ROOMLOG_H
#define CORE_CHAT_ROOMLOG_H
#include <stdbool.h>
#include <stdint.h>

#include "core/base/bytes.h"
#include "core/base/mono.h"

struct room;

/* The event's bytes, shared by its entries. */
struct log_body {
        uint32_t refs, n;
        uint8_t at[];
};

struct log_entry {
        struct log_entry *older, *newer; /* on the hub's age list */
        struct room *room;
        struct log_body *body;
        struct mono t;
        uint64_t t_us, seq, eid;
        uint32_t origin;
        bool multi, own, dispensable;
        uint8_t except_n, rooms_n;
        uint64_t tag[]; /* of the except_n rooms whose members are left out; if multi, of all its rooms_n rooms */
};

struct roomlog {
        struct log_entry **ring; /* entry of seq at ring[seq & (cap - 1)] */
        uint32_t cap;            /* a power of two, or 0 */
        uint64_t seq_first;      /* lowest seq in the log; == seq_next when it is empty */
        uint64_t seq_next;
        uint64_t body_bytes;
        /* Seqs, ascending, of the entries that not every member gets. */
        uint64_t *special;
        uint32_t special_first, special_end, special_cap;
};

/* An entry with its own reference on body; NULL when memory is out. */
struct log_entry *log_entry_create(struct log_body *body, const uint64_t *except, uint32_t except_n,
                                   const uint64_t *rooms, uint32_t rooms_n);
void log_entry_destroy(struct log_entry *e); /* accepts NULL; drops the reference */

struct log_body *log_body_create(struct bytes event); /* one reference, the caller's */
void log_body_drop(struct log_body *body);

/* Was it published to the room of that tag too? Asked of multi entries. */
bool log_entry_is_for(const struct log_entry *e, uint64_t room_tag);

uint64_t log_entry_footprint(const struct log_entry *e); /* memory it holds, its body counted whole */

/* Makes sure that the next roomlog_append cannot fail. Returns 0 or ERR_NO_MEMORY. */
int roomlog_reserve(struct roomlog *l);
void roomlog_append(struct roomlog *l, struct log_entry *e); /* takes e; gives it its seq */
struct log_entry *roomlog_evict(struct roomlog *l);          /* hands back the oldest; the log is not empty */

static inline uint64_t roomlog_events(const struct roomlog *l)
{
        return l->seq_next - l->seq_first;
}

static inline struct log_entry *roomlog_at(const struct roomlog *l, uint64_t seq)
{
        return l->ring[seq & (l->cap - 1)];
}

/* The first seq in the log whose eid is above `eid`; seq_next when there is none. */
uint64_t roomlog_after(const struct roomlog *l, uint64_t eid);

/* The first special seq at or above `seq`; UINT64_MAX when there is none. */
uint64_t roomlog_special(const struct roomlog *l, uint64_t seq);

void roomlog_free(struct roomlog *l); /* the log must be empty */

#endif
