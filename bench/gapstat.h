/* gapstat: how long a gap stays open, and how many events it takes.
 *
 * A gap is a run of consecutive events that were not there when their turn came, known by the
 * instant at which the client engine first saw it (client_event.gap_opened_ns). It closes when the
 * last of its events has been recovered or reported as not coming. One gapstat per path; gaps of
 * different subscribers are different gaps.
 *
 *   gap_ns     opened -> closed, of gaps from which everything came back
 *   event_ns   opened -> recovered, of each event
 *   raw        lengths of the gaps, before repair
 *   lost       lengths of the runs that stayed lost, after repair (RFC 3357's loss periods)
 *
 * An engine does not say how many events a gap had, so a gap counts as closed with the last event
 * that was told of it before gapstat_finish, or before its subscriber had GAPSTAT_OPEN_MAX newer ones.
 */
#ifndef BENCH_GAPSTAT_H
#define BENCH_GAPSTAT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/hist.h"
#include "core/base/mono.h"

enum { GAPSTAT_OPEN_MAX = 16, GAPSTAT_LENGTHS = 8 };

/* Lengths of runs: by_length[n - 1] counts the runs of n events, the last one also longer ones. */
struct gapstat_runs {
        uint64_t runs, events, longest;
        uint64_t by_length[GAPSTAT_LENGTHS];
};

/* Adds the runs of consecutive trues among n. */
void gapstat_runs_scan(struct gapstat_runs *r, const bool *lost, size_t n);

struct gapstat;

/* NULL when memory is out; destroy accepts NULL. */
struct gapstat *gapstat_create(uint32_t subscribers);
void gapstat_destroy(struct gapstat *g);

/* One event of the gap that was opened at `opened` came back at `now`. `subscriber` counts from 0
 * and is below what gapstat_create was told. */
void gapstat_recovered(struct gapstat *g, uint32_t subscriber, struct mono opened, struct mono now);

/* `events` events of the gap that was opened at `opened` were reported lost at `now`. An instant
 * of MONO_NEVER is not known: they make a gap of their own. */
void gapstat_lost(struct gapstat *g, uint32_t subscriber, struct mono opened, uint64_t events, struct mono now);

/* Closes what is open. Afterwards the figures below are whole. */
void gapstat_finish(struct gapstat *g);

struct gapstat_figures {
        const struct hist *gap_ns, *event_ns; /* borrowed for the gapstat's life */
        struct gapstat_runs raw;
        uint64_t gaps_whole, gaps_partly, gaps_lost; /* all, some, none of their events came back */
};

struct gapstat_figures gapstat_figures(const struct gapstat *g);

#endif
