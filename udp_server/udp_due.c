#include "udp_server/udp_due.h"

#include <stdlib.h>

#include "core/base/err.h"

int udp_dues_reserve(struct udp_dues *h, uint32_t entries)
{
        uint32_t cap = h->cap ? h->cap : 16;
        while (cap < entries)
                cap *= 2;
        if (cap == h->cap)
                return 0;
        struct udp_due_place *heap = realloc(h->heap, cap * sizeof *heap);
        if (!heap)
                return ERR_NO_MEMORY;
        h->heap = heap;
        h->cap = cap;
        return 0;
}

static void settle(struct udp_dues *h, struct udp_due_place entry, uint32_t place)
{
        h->heap[place - 1] = entry;
        entry.due->place = place;
}

static void rise(struct udp_dues *h, struct udp_due_place entry, uint32_t place)
{
        for (; place > 1 && mono_before(entry.placed, h->heap[place / 2 - 1].placed); place /= 2)
                settle(h, h->heap[place / 2 - 1], place);
        settle(h, entry, place);
}

static void sink(struct udp_dues *h, struct udp_due_place entry, uint32_t place)
{
        for (;;) {
                uint32_t child = 2 * place;
                if (child < h->n && mono_before(h->heap[child].placed, h->heap[child - 1].placed))
                        child++;
                if (child > h->n || !mono_before(h->heap[child - 1].placed, entry.placed))
                        break;
                settle(h, h->heap[child - 1], place);
                place = child;
        }
        settle(h, entry, place);
}

static void take_out(struct udp_dues *h, struct udp_due *d)
{
        struct udp_due_place last = h->heap[--h->n];
        if (last.due != d) {
                rise(h, last, d->place);
                sink(h, last, last.due->place);
        }
        d->place = 0;
}

void udp_due_set(struct udp_dues *h, struct udp_due *d, struct mono at)
{
        d->at = at;
        if (mono_is_never(at)) {
                if (d->place > 0)
                        take_out(h, d);
                return;
        }
        if (d->place > 0 && !mono_before(at, d->placed))
                return;
        d->placed = at;
        rise(h, (struct udp_due_place){ at, d }, d->place > 0 ? d->place : ++h->n);
}

struct udp_due *udp_dues_due(struct udp_dues *h, struct mono now)
{
        while (h->n > 0 && !mono_before(now, h->heap[0].placed)) {
                struct udp_due *first = h->heap[0].due;
                if (!mono_before(now, first->at))
                        return first;
                first->placed = first->at;
                sink(h, (struct udp_due_place){ first->at, first }, 1);
        }
        return NULL;
}

struct mono udp_dues_next_at(const struct udp_dues *h)
{
        return h->n > 0 ? h->heap[0].placed : MONO_NEVER;
}

void udp_dues_free(struct udp_dues *h)
{
        free(h->heap);
        *h = (struct udp_dues){ 0 };
}
