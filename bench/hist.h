/* hist: how long things took, to three significant digits, at any quantile.
 *
 * A log-linear table: each power of two is cut into 1,024 equal cells, so a value is known to
 * better than one part in a thousand from 1 ns to 73 minutes, in 264 KiB, and recording costs a
 * shift and an increment. Smallest, largest and mean are exact. Recording never fails: a span
 * below 0 counts as 0 and one above HIST_NS_MAX as HIST_NS_MAX, and hist_clamped() counts both.
 *
 * Source: the cell layout and the percentile text are HdrHistogram's (hdrhistogram.org), with
 * lowest 1, highest 3,600 s and 3 digits; its plotter reads the text as it is.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H
#include <stdint.h>
#include <stdio.h>

#define HIST_NS_MAX ((INT64_C(1) << 42) - 1) /* 73 minutes */

struct hist;

/* An empty histogram, or NULL when memory is out. The caller destroys it; NULL is accepted. */
struct hist *hist_create(void);
void hist_destroy(struct hist *h);

void hist_record(struct hist *h, int64_t span_ns);

/* Adds all that `from` has counted to h; `from` is unchanged. */
void hist_merge(struct hist *h, const struct hist *from);

/* The smallest value v (rounded up to the end of its cell, never above the largest seen) such
 * that at least the share q of all records is <= v. q <= 0 gives the smallest record, q >= 1 the
 * largest, both exact. An empty histogram answers 0 to every question. */
int64_t hist_quantile(const struct hist *h, double q);

int64_t hist_min(const struct hist *h);
int64_t hist_max(const struct hist *h);
double hist_mean(const struct hist *h);
uint64_t hist_count(const struct hist *h);
uint64_t hist_clamped(const struct hist *h);

/* Writes HdrHistogram's percentile text (.hgrm), values in microseconds with three decimals,
 * five lines for each halving of what is left above.
 * returns 0, or ERR_SYSTEM when `out` refused */
int hist_write(const struct hist *h, FILE *out);

#endif
