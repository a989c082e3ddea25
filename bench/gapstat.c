#include "bench/gapstat.h"

#include <assert.h>
#include <stdlib.h>

struct gap {
        struct mono opened, closed; /* closed: the last that was told of it */
        uint64_t recovered, lost;
        uint64_t touched; /* when it was last told of, in tellings */
};

/* The gaps of one subscriber that may still be told of. */
struct book {
        struct gap open[GAPSTAT_OPEN_MAX];
        uint32_t open_n;
};

struct gapstat {
        struct hist *gap_ns, *event_ns;
        struct book *books;
        uint32_t subscribers;
        uint64_t tellings;
        struct gapstat_runs raw;
        uint64_t gaps_whole, gaps_partly, gaps_lost;
};

/* 0 adds nothing. */
static void runs_add(struct gapstat_runs *r, uint64_t length)
{
        if (length == 0)
                return;
        r->runs++;
        r->events += length;
        r->by_length[length < GAPSTAT_LENGTHS ? length - 1 : GAPSTAT_LENGTHS - 1]++;
        if (length > r->longest)
                r->longest = length;
}

void gapstat_runs_scan(struct gapstat_runs *r, const bool *lost, size_t n)
{
        uint64_t length = 0;
        for (size_t i = 0; i < n; i++) {
                if (!lost[i])
                        runs_add(r, length);
                length = lost[i] ? length + 1 : 0;
        }
        runs_add(r, length);
}

struct gapstat *gapstat_create(uint32_t subscribers)
{
        struct gapstat *g = calloc(1, sizeof *g);
        if (!g)
                return NULL;
        g->gap_ns = hist_create();
        g->event_ns = hist_create();
        g->books = calloc(subscribers + 1u, sizeof *g->books);
        g->subscribers = subscribers;
        if (!g->gap_ns || !g->event_ns || !g->books) {
                gapstat_destroy(g);
                return NULL;
        }
        return g;
}

void gapstat_destroy(struct gapstat *g)
{
        if (!g)
                return;
        hist_destroy(g->gap_ns);
        hist_destroy(g->event_ns);
        free(g->books);
        free(g);
}

static void close_gap(struct gapstat *g, const struct gap *gap)
{
        runs_add(&g->raw, gap->recovered + gap->lost);
        if (gap->recovered == 0) {
                g->gaps_lost++;
        } else if (gap->lost > 0) {
                g->gaps_partly++;
        } else {
                g->gaps_whole++;
                hist_record(g->gap_ns, mono_since(gap->closed, gap->opened));
        }
}

static struct gap *stalest(struct book *b)
{
        struct gap *gap = &b->open[0];
        for (uint32_t i = 1; i < b->open_n; i++) {
                if (b->open[i].touched < gap->touched)
                        gap = &b->open[i];
        }
        return gap;
}

static struct gap *find(struct gapstat *g, uint32_t subscriber, struct mono opened)
{
        assert(subscriber < g->subscribers);
        struct book *b = &g->books[subscriber];
        for (uint32_t i = 0; i < b->open_n; i++) {
                if (b->open[i].opened.ns == opened.ns)
                        return &b->open[i];
        }
        struct gap *gap;
        if (b->open_n < GAPSTAT_OPEN_MAX) {
                gap = &b->open[b->open_n++];
        } else {
                gap = stalest(b);
                close_gap(g, gap);
        }
        *gap = (struct gap){ .opened = opened };
        return gap;
}

void gapstat_recovered(struct gapstat *g, uint32_t subscriber, struct mono opened, struct mono now)
{
        struct gap *gap = find(g, subscriber, opened);
        gap->recovered++;
        gap->closed = now;
        gap->touched = ++g->tellings;
        hist_record(g->event_ns, mono_since(now, opened));
}

void gapstat_lost(struct gapstat *g, uint32_t subscriber, struct mono opened, uint64_t events, struct mono now)
{
        if (events == 0)
                return;
        if (mono_is_never(opened)) {
                close_gap(g, &(struct gap){ .lost = events });
                return;
        }
        struct gap *gap = find(g, subscriber, opened);
        gap->lost += events;
        gap->closed = now;
        gap->touched = ++g->tellings;
}

void gapstat_finish(struct gapstat *g)
{
        for (uint32_t s = 0; s < g->subscribers; s++) {
                for (uint32_t i = 0; i < g->books[s].open_n; i++)
                        close_gap(g, &g->books[s].open[i]);
                g->books[s].open_n = 0;
        }
}

struct gapstat_figures gapstat_figures(const struct gapstat *g)
{
        return (struct gapstat_figures){ g->gap_ns, g->event_ns, g->raw, g->gaps_whole, g->gaps_partly, g->gaps_lost };
}
