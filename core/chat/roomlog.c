#include "core/chat/roomlog.h"

#include <stdlib.h>

#include "core/base/err.h"

struct log_body *log_body_create(struct bytes event)
{
        struct log_body *body = malloc(sizeof *body + event.n);
        if (!body)
                return NULL;
        body->refs = 1;
        body->n = (uint32_t)event.n;
        memcpy(body->at, event.at, event.n);
        return body;
}

void log_body_drop(struct log_body *body)
{
        if (--body->refs == 0)
                free(body);
}

struct log_entry *log_entry_create(struct log_body *body, const uint64_t *except, uint32_t except_n,
                                   const uint64_t *rooms, uint32_t rooms_n)
{
        if (rooms_n == 1)
                rooms_n = 0;
        struct log_entry *e = calloc(1, sizeof *e + (except_n + rooms_n) * sizeof *e->tag);
        if (!e)
                return NULL;
        e->body = body;
        body->refs++;
        e->multi = rooms_n > 0;
        e->except_n = (uint8_t)except_n;
        e->rooms_n = (uint8_t)rooms_n;
        if (except_n > 0)
                memcpy(e->tag, except, except_n * sizeof *except);
        if (rooms_n > 0)
                memcpy(e->tag + except_n, rooms, rooms_n * sizeof *rooms);
        return e;
}

bool log_entry_is_for(const struct log_entry *e, uint64_t room_tag)
{
        for (uint32_t i = 0; i < e->rooms_n; i++)
                if (e->tag[e->except_n + i] == room_tag)
                        return true;
        return false;
}

void log_entry_destroy(struct log_entry *e)
{
        if (!e)
                return;
        log_body_drop(e->body);
        free(e);
}

uint64_t log_entry_footprint(const struct log_entry *e)
{
        return sizeof *e + (e->except_n + e->rooms_n) * sizeof *e->tag + sizeof *e->body + e->body->n;
}

static int grow_ring(struct roomlog *l)
{
        uint32_t cap = l->cap ? l->cap * 2 : 4;
        struct log_entry **ring = malloc(cap * sizeof *ring);
        if (!ring)
                return ERR_NO_MEMORY;
        for (uint64_t seq = l->seq_first; seq < l->seq_next; seq++)
                ring[seq & (cap - 1)] = roomlog_at(l, seq);
        free(l->ring);
        l->ring = ring;
        l->cap = cap;
        return 0;
}

/* The specials are a vector whose front is eaten by eviction: slide before growing. */
static int grow_special(struct roomlog *l)
{
        uint32_t n = l->special_end - l->special_first;
        if (l->special_first > n) {
                memmove(l->special, l->special + l->special_first, n * sizeof *l->special);
        } else {
                uint32_t cap = l->special_cap ? l->special_cap * 2 : 4;
                uint64_t *special = malloc(cap * sizeof *special);
                if (!special)
                        return ERR_NO_MEMORY;
                if (n > 0)
                        memcpy(special, l->special + l->special_first, n * sizeof *special);
                free(l->special);
                l->special = special;
                l->special_cap = cap;
        }
        l->special_first = 0;
        l->special_end = n;
        return 0;
}

int roomlog_reserve(struct roomlog *l)
{
        if (roomlog_events(l) == l->cap && grow_ring(l) != 0)
                return ERR_NO_MEMORY;
        if (l->special_end == l->special_cap && grow_special(l) != 0)
                return ERR_NO_MEMORY;
        return 0;
}

void roomlog_append(struct roomlog *l, struct log_entry *e)
{
        e->seq = l->seq_next++;
        l->ring[e->seq & (l->cap - 1)] = e;
        l->body_bytes += e->body->n;
        if (e->except_n > 0 || e->dispensable)
                l->special[l->special_end++] = e->seq;
}

struct log_entry *roomlog_evict(struct roomlog *l)
{
        struct log_entry *e = roomlog_at(l, l->seq_first++);
        l->body_bytes -= e->body->n;
        if (l->special_first < l->special_end && l->special[l->special_first] == e->seq)
                l->special_first++;
        return e;
}

uint64_t roomlog_after(const struct roomlog *l, uint64_t eid)
{
        uint64_t low = l->seq_first, high = l->seq_next;
        while (low < high) {
                uint64_t middle = low + (high - low) / 2;
                if (roomlog_at(l, middle)->eid > eid)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

uint64_t roomlog_special(const struct roomlog *l, uint64_t seq)
{
        uint32_t low = l->special_first, high = l->special_end;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                if (l->special[middle] >= seq)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low < l->special_end ? l->special[low] : UINT64_MAX;
}

void roomlog_free(struct roomlog *l)
{
        free(l->ring);
        free(l->special);
        *l = (struct roomlog){ 0 };
}
