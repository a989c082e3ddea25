#include "bench/hist.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/err.h"

/* A row is a power of two; the first row also holds all values below its start, hence the one
 * half row more in all. */
enum { HALF = 1024, FULL = 2 * HALF, ROWS = 32, CELLS = (ROWS + 1) * HALF };
_Static_assert(HIST_NS_MAX == ((int64_t)FULL << (ROWS - 1)) - 1, "the largest value has the last cell");

enum { LINES_PER_HALVING = 5 };

struct hist {
        uint64_t records, clamped;
        int64_t min_ns, max_ns; /* exact; meaningless while records is 0 */
        double sum_ns;
        uint64_t cells[CELLS];
};

static uint32_t cell_of(int64_t ns)
{
        int row = 64 - __builtin_clzll((uint64_t)ns | (FULL - 1)) - 11;
        return (uint32_t)(row * HALF + (ns >> row));
}

static int row_of(uint32_t cell)
{
        return cell < FULL ? 0 : (int)(cell / HALF) - 1;
}

/* The largest value that falls into the cell. */
static int64_t cell_end(uint32_t cell)
{
        int row = row_of(cell);
        return ((int64_t)(cell - (uint32_t)row * HALF + 1) << row) - 1;
}

static double cell_middle(uint32_t cell)
{
        int row = row_of(cell);
        return (double)cell_end(cell) - 0.5 * (double)((INT64_C(1) << row) - 1);
}

/* The last cell that may hold something. */
static uint32_t last_cell(const struct hist *h)
{
        return h->records ? cell_of(h->max_ns) : 0;
}

static double deviation_ns(const struct hist *h)
{
        double mean = hist_mean(h), squares = 0;
        for (uint32_t i = 0; i <= last_cell(h); i++) {
                double off = h->cells[i] ? cell_middle(i) - mean : 0;
                squares += (double)h->cells[i] * off * off;
        }
        return h->records ? sqrt(squares / (double)h->records) : 0;
}

static int64_t shown_end(const struct hist *h, uint32_t cell)
{
        int64_t end = cell_end(cell);
        return end < h->max_ns ? end : h->max_ns;
}

/* The next percentile at which a line is due: a fifth of the current halving further. Counted in
 * per cent, as HdrHistogram does: 10 + 10 + 10 is 30, but 0.1 + 0.1 + 0.1 is not 0.3. */
static double next_percent(double percent)
{
        double halving = exp2(floor(log2(100 / (100 - percent))) + 1);
        return percent + 100 / (LINES_PER_HALVING * halving);
}

static void write_lines(const struct hist *h, FILE *out)
{
        double due = 0;
        uint64_t below = 0;
        for (uint32_t i = 0; i <= last_cell(h) && below < h->records; i++) {
                below += h->cells[i];
                double reached = 100 * (double)below / (double)h->records;
                while (h->cells[i] && due <= reached) {
                        fprintf(out, "%12.3f %2.12f %10llu %14.2f\n", (double)shown_end(h, i) / 1e3, due / 100,
                                (unsigned long long)below, 100 / (100 - due));
                        due = next_percent(due);
                        if (below == h->records)
                                break; /* the line for 1.0 says the rest */
                }
        }
        if (h->records)
                fprintf(out, "%12.3f %2.12f %10llu\n", (double)h->max_ns / 1e3, 1.0, (unsigned long long)h->records);
}

struct hist *hist_create(void)
{
        return calloc(1, sizeof(struct hist));
}

void hist_destroy(struct hist *h)
{
        free(h);
}

void hist_record(struct hist *h, int64_t span_ns)
{
        int64_t ns = span_ns < 0 ? 0 : span_ns > HIST_NS_MAX ? HIST_NS_MAX : span_ns;
        h->clamped += ns != span_ns;
        if (h->records == 0 || ns < h->min_ns)
                h->min_ns = ns;
        if (h->records == 0 || ns > h->max_ns)
                h->max_ns = ns;
        h->records++;
        h->sum_ns += (double)ns;
        h->cells[cell_of(ns)]++;
}

void hist_merge(struct hist *h, const struct hist *from)
{
        if (from->records == 0)
                return;
        if (h->records == 0 || from->min_ns < h->min_ns)
                h->min_ns = from->min_ns;
        if (h->records == 0 || from->max_ns > h->max_ns)
                h->max_ns = from->max_ns;
        h->records += from->records;
        h->clamped += from->clamped;
        h->sum_ns += from->sum_ns;
        for (uint32_t i = 0; i <= last_cell(from); i++)
                h->cells[i] += from->cells[i];
}

int64_t hist_quantile(const struct hist *h, double q)
{
        if (h->records == 0 || q <= 0)
                return hist_min(h);
        if (q >= 1)
                return h->max_ns;
        /* One ulp down: 0.07 of 100 records is the 7th, though 0.07 * 100 > 7 in binary. */
        double wanted = ceil(nextafter(q, 0) * (double)h->records);
        uint64_t below = 0;
        for (uint32_t i = 0; i <= last_cell(h); i++) {
                below += h->cells[i];
                if (below > 0 && (double)below >= wanted)
                        return shown_end(h, i);
        }
        return h->max_ns;
}

int64_t hist_min(const struct hist *h)
{
        return h->records ? h->min_ns : 0;
}

int64_t hist_max(const struct hist *h)
{
        return h->records ? h->max_ns : 0;
}

double hist_mean(const struct hist *h)
{
        return h->records ? h->sum_ns / (double)h->records : 0;
}

uint64_t hist_count(const struct hist *h)
{
        return h->records;
}

uint64_t hist_clamped(const struct hist *h)
{
        return h->clamped;
}

int hist_write(const struct hist *h, FILE *out)
{
        fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
        write_lines(h, out);
        fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", hist_mean(h) / 1e3, deviation_ns(h) / 1e3);
        fprintf(out, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)hist_max(h) / 1e3,
                (unsigned long long)h->records);
        fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", ROWS, FULL);
        return ferror(out) ? ERR_SYSTEM : 0;
}
