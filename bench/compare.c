#include "bench/compare.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/rng.h"

static void swap(double *a, double *b)
{
        double t = *a;
        *a = *b;
        *b = t;
}

enum { RESAMPLES_MIN = 100, BLOCKS_MIN = 10 };
static const double draws_max = 4e7; /* of pairs in all resamples: about a second */

/* Moves the k-th smallest of v to place k, with nothing larger before it and nothing smaller
 * behind it. Source: Hoare 1961; the middle one as pivot keeps sorted input quick. */
static double select_kth(double *v, size_t n, size_t k)
{
        ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, wanted = (ptrdiff_t)k;
        while (low < high) {
                double pivot = v[low + (high - low) / 2];
                ptrdiff_t i = low, j = high;
                while (i <= j) {
                        while (v[i] < pivot)
                                i++;
                        while (v[j] > pivot)
                                j--;
                        if (i <= j)
                                swap(&v[i++], &v[j--]);
                }
                if (wanted <= j)
                        high = j;
                else if (wanted >= i)
                        low = i;
                else
                        break; /* between the two halves all are equal to the pivot */
        }
        return v[k];
}

/* Reorders v. */
static double median_of(double *v, size_t n)
{
        double upper = select_kth(v, n, n / 2);
        if (n % 2 == 1)
                return upper;
        double lower = v[0];
        for (size_t i = 1; i < n / 2; i++)
                lower = v[i] > lower ? v[i] : lower;
        return (lower + upper) / 2;
}

static double mean_of(const double *v, size_t n)
{
        double sum = 0;
        for (size_t i = 0; i < n; i++)
                sum += v[i];
        return sum / (double)n;
}

/* ---- bootstrap ---- */

static void draw(struct rng *r, const double *from, double *to, size_t n, size_t block)
{
        for (size_t have = 0; have < n;) {
                size_t start = rng_below(r, n);
                for (size_t i = 0; i < block && have < n; i++)
                        to[have++] = from[start + i < n ? start + i : start + i - n];
        }
}

static int rising(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

static void interval(double *samples, size_t n, struct compare_interval *out)
{
        size_t tail = n * 25 / 1000;
        qsort(samples, n, sizeof *samples, rising);
        out->low = samples[tail];
        out->high = samples[n - 1 - tail];
}

/* scratch: n; medians, means: result->resamples each */
static void bootstrap(const double *d, size_t n, uint64_t seed, struct compare_result *result, double *scratch,
                      double *medians, double *means)
{
        struct rng r = rng_seeded(seed, "bootstrap");
        for (uint32_t i = 0; i < result->resamples; i++) {
                draw(&r, d, scratch, n, result->block);
                means[i] = mean_of(scratch, n);
                medians[i] = median_of(scratch, n);
        }
        interval(medians, result->resamples, &result->median);
        interval(means, result->resamples, &result->mean);
        memcpy(scratch, d, n * sizeof *d);
        result->mean.value = mean_of(d, n);
        result->median.value = median_of(scratch, n);
}

/* ---- Wilcoxon ---- */

static int by_size(const void *a, const void *b)
{
        double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
        return (x > y) - (x < y);
}

/* Sorts v by size. */
static void wilcoxon(double *v, size_t n, struct compare_result *result)
{
        qsort(v, n, sizeof *v, by_size);
        size_t zeros = 0;
        while (zeros < n && v[zeros] == 0)
                zeros++;
        v += zeros;
        double m = (double)(n - zeros), plus = 0, ties = 0;
        for (size_t i = 0; i < n - zeros;) {
                size_t end = i, positive = 0;
                for (; end < n - zeros && fabs(v[end]) == fabs(v[i]); end++)
                        positive += v[end] > 0;
                double tied = (double)(end - i), rank = (double)(i + 1 + end) / 2;
                plus += rank * (double)positive;
                ties += tied * tied * tied - tied;
                i = end;
        }
        double all = m * (m + 1) / 2, off = plus - all / 2;
        double sigma = sqrt(m * (m + 1) * (2 * m + 1) / 24 - ties / 48);
        double corrected = off > 0.5 ? off - 0.5 : off < -0.5 ? off + 0.5 : 0;
        result->z = sigma > 0 ? corrected / sigma : 0;
        result->p = erfc(fabs(result->z) / sqrt(2));
        result->favour = all > 0 ? 2 * off / all : 0;
}

/* ---- */

static uint32_t resamples_within(uint32_t wanted, size_t n)
{
        double most = draws_max / (double)n;
        uint32_t used = (double)wanted > most ? (uint32_t)most : wanted;
        return used < RESAMPLES_MIN ? RESAMPLES_MIN : used;
}

static size_t block_within(size_t wanted, size_t n)
{
        size_t most = n / BLOCKS_MIN, used = wanted < most ? wanted : most;
        return used < 1 ? 1 : used;
}

int compare_pairs(const int64_t *a_ns, const int64_t *b_ns, size_t n, const struct compare_setup *setup,
                  struct compare_result *result)
{
        assert(setup->resamples >= RESAMPLES_MIN && setup->block >= 1);
        *result = (struct compare_result){ .pairs = n, .p = 1 };
        if (n == 0)
                return ERR_RANGE;
        result->resamples = resamples_within(setup->resamples, n);
        result->block = block_within(setup->block, n);
        double *d = calloc(2 * n + 2 * (size_t)result->resamples, sizeof *d);
        if (!d)
                return ERR_NO_MEMORY;
        for (size_t i = 0; i < n; i++)
                d[i] = (double)(a_ns[i] - b_ns[i]);
        bootstrap(d, n, setup->seed, result, d + n, d + 2 * n, d + 2 * n + result->resamples);
        wilcoxon(d, n, result);
        free(d);
        return 0;
}
