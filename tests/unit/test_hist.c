#include "tests/unit/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/hist.h"
#include "core/base/rng.h"

enum { SAMPLES = 20000 };

/* A spread of latencies: evenly over the decades, so that every row of the table is met. */
static int64_t decades(struct rng *r)
{
        return (int64_t)pow(10, 12.5 * rng_unit(r));
}

static int64_t small_whole(struct rng *r)
{
        return (int64_t)rng_below(r, 2048);
}

static int64_t two_peaks(struct rng *r)
{
        return rng_below(r, 50) == 0 ? (int64_t)(75e6 + 1e6 * rng_unit(r)) : (int64_t)(25e6 + 1e5 * rng_unit(r));
}

static int64_t always_same(struct rng *r)
{
        (void)r;
        return 25000017;
}

static const struct sorted_row {
        const char *name;
        int64_t (*draw)(struct rng *r);
        double tolerance; /* share of the value */
} sorted_rows[] = {
        { "quantiles match sorted data over twelve decades", decades, 1.0 / 1024 },
        { "quantiles match sorted data exactly below 2 us", small_whole, 0 },
        { "quantiles match sorted data with a second peak", two_peaks, 1.0 / 1024 },
        { "one value only is answered exactly", always_same, 0 },
};

static int by_value(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
        return (x > y) - (x < y);
}

static void sorted(void **state)
{
        const struct sorted_row *row = *state;
        static const double shares[] = { 0, 0.001, 0.01, 0.07, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 };
        static int64_t values[SAMPLES];
        struct rng r = rng_seeded(7, row->name);
        struct hist *h = hist_create();
        double sum = 0;
        for (size_t i = 0; i < SAMPLES; i++) {
                values[i] = row->draw(&r);
                hist_record(h, values[i]);
                sum += (double)values[i];
        }
        qsort(values, SAMPLES, sizeof *values, by_value);
        for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
                double rank = ceil(nextafter(shares[i], 0) * SAMPLES);
                int64_t truth = values[rank < 1 ? 0 : (size_t)rank - 1], got = hist_quantile(h, shares[i]);
                assert_true(got >= truth);
                assert_true((double)(got - truth) <= row->tolerance * (double)truth);
        }
        assert_int_equal(hist_min(h), values[0]);
        assert_int_equal(hist_max(h), values[SAMPLES - 1]);
        assert_true(fabs(hist_mean(h) - sum / SAMPLES) <= 1e-9 * sum / SAMPLES);
        assert_int_equal(hist_count(h), SAMPLES);
        assert_int_equal(hist_clamped(h), 0);
        hist_destroy(h);
}

/* What hdr-histogram-js 3.0.1 wrote for these ten values, but for its Max and Mean, which it knows
 * to three digits and hist exactly. */
static const char golden[] = "       Value     Percentile TotalCount 1/(1-Percentile)\n"
                             "\n"
                             "       1.000 0.000000000000          1           1.00\n"
                             "       1.000 0.100000000000          1           1.11\n"
                             "       2.000 0.200000000000          2           1.25\n"
                             "       3.001 0.300000000000          3           1.43\n"
                             "       4.001 0.400000000000          4           1.67\n"
                             "       5.003 0.500000000000          5           2.00\n"
                             "       6.003 0.550000000000          6           2.22\n"
                             "       6.003 0.600000000000          6           2.50\n"
                             "       7.003 0.650000000000          7           2.86\n"
                             "       7.003 0.700000000000          7           3.33\n"
                             "       8.003 0.750000000000          8           4.00\n"
                             "       8.003 0.775000000000          8           4.44\n"
                             "       8.003 0.800000000000          8           5.00\n"
                             "       9.007 0.825000000000          9           5.71\n"
                             "       9.007 0.850000000000          9           6.67\n"
                             "       9.007 0.875000000000          9           8.00\n"
                             "       9.007 0.887500000000          9           8.89\n"
                             "       9.007 0.900000000000          9          10.00\n"
                             "   10000.000 0.912500000000         10          11.43\n"
                             "   10000.000 1.000000000000         10\n"
                             "#[Mean    =     1004.500, StdDeviation   =     2998.001]\n"
                             "#[Max     =    10000.000, Total count    =           10]\n"
                             "#[Buckets =           32, SubBuckets     =         2048]\n";

static char *written(const struct hist *h)
{
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);
        assert_int_equal(hist_write(h, out), 0);
        fclose(out);
        return text;
}

static void percentile_text(void **state)
{
        (void)state;
        struct hist *h = hist_create();
        for (int us = 1; us < 10; us++)
                hist_record(h, us * 1000);
        hist_record(h, 10000000);
        char *text = written(h);
        assert_string_equal(text, golden);
        free(text);
        hist_destroy(h);
}

static void empty(void **state)
{
        (void)state;
        struct hist *h = hist_create();
        assert_int_equal(hist_quantile(h, 0.5), 0);
        assert_int_equal(hist_max(h), 0);
        assert_int_equal(hist_count(h), 0);
        assert_true(hist_mean(h) == 0);
        char *text = written(h);
        assert_null(strstr(text, "nan"));
        assert_non_null(strstr(text, "Total count    =            0]"));
        free(text);
        hist_destroy(h);
        hist_destroy(NULL);
}

static void out_of_range(void **state)
{
        (void)state;
        struct hist *h = hist_create();
        hist_record(h, -5);
        hist_record(h, INT64_MIN);
        hist_record(h, HIST_NS_MAX);
        hist_record(h, INT64_MAX);
        assert_int_equal(hist_min(h), 0);
        assert_int_equal(hist_max(h), HIST_NS_MAX);
        assert_int_equal(hist_quantile(h, 0.99), HIST_NS_MAX);
        assert_int_equal(hist_clamped(h), 3);
        assert_int_equal(hist_count(h), 4);
        hist_destroy(h);
}

static void merge(void **state)
{
        (void)state;
        struct rng r = rng_seeded(3, "merge");
        struct hist *whole = hist_create(), *part[2] = { hist_create(), hist_create() }, *none = hist_create();
        for (size_t i = 0; i < 2000; i++) {
                int64_t ns = decades(&r);
                hist_record(whole, ns);
                hist_record(part[i % 2], ns);
        }
        hist_merge(part[0], part[1]);
        hist_merge(part[0], none);
        hist_merge(none, part[0]);
        char *want = written(whole), *got = written(none);
        assert_string_equal(got, want);
        free(want);
        free(got);
        hist_destroy(whole);
        hist_destroy(part[0]);
        hist_destroy(part[1]);
        hist_destroy(none);
}

/* A full disk must not look like a written file. */
static void refused(void **state)
{
        (void)state;
        struct hist *h = hist_create();
        FILE *out = fopen("/dev/full", "w");
        assert_non_null(out);
        setvbuf(out, NULL, _IONBF, 0);
        assert_true(hist_write(h, out) < 0);
        fclose(out);
        hist_destroy(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(percentile_text), cmocka_unit_test(empty),   cmocka_unit_test(out_of_range),
                cmocka_unit_test(merge),           cmocka_unit_test(refused),
        };
        int failed = RUN_ROWS("hist against sorted data", sorted_rows, sorted);
        return failed + cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
