/* seqstat: did events arrive in order, and how evenly?
 *
 * One seqstat per subscriber, fed with each event's first arrival in the order of arrival.
 *
 *   reordering  RFC 4737: an arrival is reordered when a later one in sequence came before it
 *               (3.3); its extent is how many arrivals ago the first such one came (4.2.2), its
 *               lateness how long ago (4.2.3)
 *   jitter      RFC 3550 6.4.1 and A.8: the smoothed difference of neighbours' transit times
 *   variation   RFC 3393: the delay of event i less that of event i - 1, where both arrived
 *
 * Constant memory: the last SEQSTAT_RECORDS arrivals that moved forward are kept. An extent that
 * reaches further back counts from the oldest of them, and is counted as `beyond`.
 */
#ifndef BENCH_SEQSTAT_H
#define BENCH_SEQSTAT_H
#include <stddef.h>
#include <stdint.h>

#include "bench/hist.h"
#include "core/base/mono.h"

enum { SEQSTAT_RECORDS = 1024 };

struct seqstat_record {
        uint64_t seq, place; /* place: number of the arrival, from 1 */
        struct mono at;
};

/* A zeroed seqstat is empty and ready. */
struct seqstat {
        uint64_t arrivals, reordered, beyond;
        uint64_t extent_max;
        int64_t late_ns_max;
        double jitter_ns; /* after the last arrival */
        double jitter_ns_max;
        int64_t transit_ns; /* of the last arrival */
        uint64_t records;   /* ever made; the last SEQSTAT_RECORDS are kept */
        struct seqstat_record record[SEQSTAT_RECORDS];
};

/* Event `seq` (its plan index, or its place in the room's log) arrived first at `now`; it was
 * said at `said`. */
void seqstat_arrived(struct seqstat *s, uint64_t seq, struct mono said, struct mono now);

/* Records the size (without sign) of RFC 3393's variation for all neighbours among n delays in
 * sequence order. A delay of `none` did not arrive. */
void seqstat_variation(const int64_t *delay_ns, size_t n, int64_t none, struct hist *out);

#endif
