#include "bench/seqstat.h"

#include <math.h>

/* Records rise in both seq and place, so the first arrival with a higher seq than a latecomer's is
 * a record, and is found by halving. `n` is the record's number, counted from 0 for ever. */
static const struct seqstat_record *record(const struct seqstat *s, uint64_t n)
{
        return &s->record[n % SEQSTAT_RECORDS];
}

static const struct seqstat_record *first_above(const struct seqstat *s, uint64_t seq)
{
        uint64_t low = s->records > SEQSTAT_RECORDS ? s->records - SEQSTAT_RECORDS : 0, high = s->records - 1;
        while (low < high) {
                uint64_t middle = low + (high - low) / 2;
                if (record(s, middle)->seq > seq)
                        high = middle;
                else
                        low = middle + 1;
        }
        return record(s, low);
}

static void take_order(struct seqstat *s, uint64_t seq, struct mono now)
{
        bool forward = s->records == 0 || seq > record(s, s->records - 1)->seq;
        if (forward) {
                s->record[s->records % SEQSTAT_RECORDS] = (struct seqstat_record){ seq, s->arrivals, now };
                s->records++;
                return;
        }
        const struct seqstat_record *first = first_above(s, seq);
        uint64_t extent = s->arrivals - first->place;
        int64_t late_ns = mono_since(now, first->at);
        uint64_t oldest = s->records > SEQSTAT_RECORDS ? s->records - SEQSTAT_RECORDS : 0;
        s->beyond += oldest > 0 && first == record(s, oldest);
        s->reordered++;
        if (extent > s->extent_max)
                s->extent_max = extent;
        if (late_ns > s->late_ns_max)
                s->late_ns_max = late_ns;
}

static void take_jitter(struct seqstat *s, int64_t transit_ns)
{
        if (s->arrivals > 1) {
                double step = fabs((double)(transit_ns - s->transit_ns));
                s->jitter_ns += (step - s->jitter_ns) / 16;
        }
        if (s->jitter_ns > s->jitter_ns_max)
                s->jitter_ns_max = s->jitter_ns;
        s->transit_ns = transit_ns;
}

void seqstat_arrived(struct seqstat *s, uint64_t seq, struct mono said, struct mono now)
{
        s->arrivals++;
        take_order(s, seq, now);
        take_jitter(s, mono_since(now, said));
}

void seqstat_variation(const int64_t *delay_ns, size_t n, int64_t none, struct hist *out)
{
        for (size_t i = 1; i < n; i++) {
                if (delay_ns[i] == none || delay_ns[i - 1] == none)
                        continue;
                int64_t step = delay_ns[i] - delay_ns[i - 1];
                hist_record(out, step < 0 ? -step : step);
        }
}
