#include "lab/world.h"

#include <stdlib.h>

#include "core/base/err.h"

struct packet {
        struct mono due;
        uint64_t order; /* of sending, between equals */
        uint32_t from, to, mark;
        size_t n;
        uint8_t bytes[];
};

struct world {
        struct mono now;
        struct rng script, network;
        struct world_path *path;
        struct packet **heap; /* the earliest first */
        size_t n, cap;
        struct packet *lent;
        uint64_t order;
        struct world_stats stats;
};

struct world *world_create(uint64_t seed, uint32_t nodes)
{
        struct world *w = calloc(1, sizeof *w);
        if (!w)
                return NULL;
        w->path = calloc(nodes, sizeof *w->path);
        if (!w->path) {
                free(w);
                return NULL;
        }
        w->now = (struct mono){ NS_PER_S };
        w->script = rng_seeded(seed, "world script");
        w->network = rng_seeded(seed, "world network");
        return w;
}

void world_destroy(struct world *w)
{
        if (!w)
                return;
        while (w->n > 0)
                free(w->heap[--w->n]);
        free(w->heap);
        free(w->lent);
        free(w->path);
        free(w);
}

struct mono world_now(const struct world *w)
{
        return w->now;
}

struct world_path *world_path(struct world *w, uint32_t node)
{
        return &w->path[node];
}

struct rng *world_rng(struct world *w)
{
        return &w->script;
}

/* ---- packets under way -------------------------------------------------------------------- */

static bool sooner(const struct packet *a, const struct packet *b)
{
        return a->due.ns != b->due.ns ? a->due.ns < b->due.ns : a->order < b->order;
}

static void swap(struct packet **a, struct packet **b)
{
        struct packet *was = *a;
        *a = *b;
        *b = was;
}

static int add(struct world *w, struct packet *p)
{
        if (w->n == w->cap) {
                size_t cap = w->cap ? 2 * w->cap : 64;
                struct packet **heap = realloc(w->heap, cap * sizeof(struct packet *));
                if (!heap)
                        return ERR_NO_MEMORY;
                w->heap = heap;
                w->cap = cap;
        }
        size_t i = w->n++;
        w->heap[i] = p;
        for (; i > 0 && sooner(w->heap[i], w->heap[(i - 1) / 2]); i = (i - 1) / 2)
                swap(&w->heap[i], &w->heap[(i - 1) / 2]);
        return 0;
}

static struct packet *take(struct world *w)
{
        struct packet *first = w->heap[0];
        w->heap[0] = w->heap[--w->n];
        for (size_t i = 0, child; (child = 2 * i + 1) < w->n; i = child) {
                if (child + 1 < w->n && sooner(w->heap[child + 1], w->heap[child]))
                        child++;
                if (!sooner(w->heap[child], w->heap[i]))
                        break;
                swap(&w->heap[child], &w->heap[i]);
        }
        return first;
}

static int launch(struct world *w, const struct world_path *path, uint32_t from, uint32_t to, uint32_t mark,
                  struct bytes bytes)
{
        struct packet *p = malloc(sizeof *p + bytes.n);
        if (!p)
                return ERR_NO_MEMORY;
        int64_t jitter_ns = path->jitter_ns > 0 ? (int64_t)rng_below(&w->network, (uint64_t)path->jitter_ns + 1) : 0;
        *p = (struct packet){ .due = mono_add(w->now, path->delay_ns + jitter_ns),
                              .order = w->order++,
                              .from = from,
                              .to = to,
                              .mark = mark,
                              .n = bytes.n };
        if (bytes.n > 0)
                memcpy(p->bytes, bytes.at, bytes.n);
        int err = add(w, p);
        if (err)
                free(p);
        return err;
}

int world_send(struct world *w, uint32_t from, uint32_t to, uint32_t mark, struct bytes packet)
{
        const struct world_path *path = &w->path[from != 0 ? from : to];
        bool lost = rng_unit(&w->network) < path->loss, twice = rng_unit(&w->network) < path->doubles;
        w->stats.sent++;
        if (path->dark || lost) {
                *(path->dark ? &w->stats.dark : &w->stats.lost) += 1;
                return 0;
        }
        int err = launch(w, path, from, to, mark, packet);
        if (!err && twice) {
                w->stats.doubled++;
                err = launch(w, path, from, to, mark, packet);
        }
        return err;
}

/* ---- time --------------------------------------------------------------------------------- */

struct mono world_deadline(const struct world *w)
{
        return w->n > 0 ? w->heap[0]->due : MONO_NEVER;
}

void world_pass(struct world *w, struct mono now)
{
        if (mono_before(w->now, now))
                w->now = now;
}

bool world_pop(struct world *w, struct world_packet *p)
{
        free(w->lent);
        w->lent = NULL;
        if (w->n == 0 || mono_before(w->now, w->heap[0]->due))
                return false;
        w->lent = take(w);
        w->stats.arrived++;
        *p = (struct world_packet){ w->lent->from, w->lent->to, w->lent->mark, bytes_of(w->lent->bytes, w->lent->n) };
        return true;
}

struct world_stats world_stats(const struct world *w)
{
        return w->stats;
}
