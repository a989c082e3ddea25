#include "core/chat/stream.h"

#include <stdlib.h>

#include "core/base/err.h"

void stream_init(struct stream *s, uint64_t seq_first)
{
        *s = (struct stream){ .seq_first = seq_first, .seq_next = seq_first };
}

static uint64_t footprint(const struct segment *g)
{
        return sizeof *g + g->cap + g->n_cap * sizeof *g->end;
}

static void segment_destroy(struct segment *g)
{
        free(g->end);
        free(g);
}

void stream_free(struct stream *s)
{
        for (uint32_t i = 0; i < s->n; i++)
                segment_destroy(s->segment[i]);
        free(s->segment);
        stream_init(s, s->seq_next);
}

static int reserve(struct stream *s, uint32_t more)
{
        uint32_t cap = s->cap ? s->cap : 2;
        while (cap < s->n + more)
                cap *= 2;
        if (cap == s->cap)
                return 0;
        struct segment **list = realloc(s->segment, cap * sizeof(struct segment *));
        if (!list)
                return ERR_NO_MEMORY;
        s->segment = list;
        s->cap = cap;
        return 0;
}

static struct segment *segment_add(struct stream *s, size_t entry_bytes)
{
        size_t cap = s->n > 0 ? (size_t)s->segment[s->n - 1]->cap * 2 : STREAM_SEGMENT_MIN;
        if (cap > STREAM_SEGMENT_MAX)
                cap = STREAM_SEGMENT_MAX;
        if (cap < entry_bytes)
                cap = entry_bytes;
        if (cap > UINT32_MAX || reserve(s, 1) != 0)
                return NULL;
        struct segment *g = malloc(sizeof *g + cap);
        if (!g)
                return NULL;
        *g = (struct segment){ .seq_first = s->seq_next, .cap = (uint32_t)cap };
        s->segment[s->n++] = g;
        s->bytes += footprint(g);
        return g;
}

static int segment_reserve(struct stream *s, struct segment *g)
{
        if (g->n < g->n_cap)
                return 0;
        uint32_t n_cap = g->n_cap ? g->n_cap * 2 : 4;
        uint32_t *end = realloc(g->end, n_cap * sizeof *end);
        if (!end)
                return ERR_NO_MEMORY;
        s->bytes += (n_cap - g->n_cap) * sizeof *end;
        g->end = end;
        g->n_cap = n_cap;
        return 0;
}

int stream_append(struct stream *s, struct bytes entry)
{
        struct segment *g = s->n > 0 ? s->segment[s->n - 1] : NULL;
        if (!g || g->cap - g->used < entry.n)
                g = segment_add(s, entry.n);
        if (!g || segment_reserve(s, g) != 0)
                return ERR_NO_MEMORY;
        if (entry.n > 0)
                memcpy(g->data + g->used, entry.at, entry.n);
        else
                s->empties++;
        g->used += (uint32_t)entry.n;
        g->end[g->n++] = g->used;
        s->seq_next++;
        return 0;
}

int stream_prepend(struct stream *s, struct stream *front)
{
        if (reserve(s, front->n) != 0)
                return ERR_NO_MEMORY;
        memmove(s->segment + front->n, s->segment, s->n * sizeof *s->segment);
        memcpy(s->segment, front->segment, front->n * sizeof *s->segment);
        s->n += front->n;
        s->seq_first = front->seq_first;
        s->empties += front->empties;
        s->bytes += front->bytes;
        front->n = 0;
        stream_free(front);
        return 0;
}

struct segment *stream_segment(const struct stream *s, uint64_t seq)
{
        uint32_t low = 0, high = s->n - 1;
        if (s->segment[high]->seq_first <= seq) /* most cursors are near the head */
                return s->segment[high];
        while (low + 1 < high) {
                uint32_t middle = low + (high - low) / 2;
                if (s->segment[middle]->seq_first <= seq)
                        low = middle;
                else
                        high = middle;
        }
        return s->segment[low];
}

struct segment *stream_stale(const struct stream *s, uint64_t seq_keep)
{
        if (s->n == 0 || s->segment[0]->seq_first + s->segment[0]->n > seq_keep)
                return NULL;
        return s->segment[0];
}

void stream_drop_first(struct stream *s)
{
        struct segment *g = s->segment[0];
        for (uint32_t i = 0; i < g->n; i++)
                s->empties -= g->end[i] == (i ? g->end[i - 1] : 0);
        s->bytes -= footprint(g);
        s->seq_first += g->n;
        s->n--;
        memmove(s->segment, s->segment + 1, s->n * sizeof *s->segment);
        segment_destroy(g);
}
