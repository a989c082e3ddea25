#include "tests/unit/harness.h"

#include <math.h>
#include <stdlib.h>

#include "bench/compare.h"
#include "core/base/err.h"
#include "core/base/rng.h"

static void close_to(double got, double want, double tolerance)
{
        if (fabs(got - want) > tolerance)
                fail_msg("%.6f is not within %.6f of %.6f", got, tolerance, want);
}

static const struct rank_row {
        const char *name;
        int64_t a[12], b[12];
        size_t n;
        double median, mean, favour, z, p;
} rank_rows[] = {
        /* Hollander and Wolfe 1973, table 3.1; R's wilcox.test(exact = FALSE) says V = 40, p = 0.04401. */
        { "depression scale, nine patients",
          { 1830, 500, 1620, 2480, 1680, 1880, 1550, 3060, 1300 },
          { 878, 647, 598, 2050, 1060, 1290, 1060, 3140, 1290 },
          9,
          490,
          3887.0 / 9,
          35.0 / 45,
          2.01399,
          0.04401 },
        /* The example of Wikipedia's article: a zero, a tie, W = 9. */
        { "a zero and a tie",
          { 125, 115, 130, 140, 140, 115, 140, 125, 140, 135 },
          { 110, 122, 125, 120, 140, 124, 123, 137, 135, 145 },
          10,
          2.5,
          2.4,
          9.0 / 45,
          0.47430,
          0.63529 },
        { "a is faster every time", { 1, 2, 3, 4 }, { 11, 22, 33, 44 }, 4, -25, -25, -1, -1.64317, 0.10035 },
        { "equal", { 5, 6, 7 }, { 5, 6, 7 }, 3, 0, 0, 0, 0, 1 },
        { "one pair", { 8 }, { 5 }, 1, 3, 3, 1, 0, 1 },
        { "all differences tied", { 3, 3, 3, 3 }, { 1, 1, 1, 5 }, 4, 2, 1, 0.5, 0.8, 0.42371 },
};

static void ranks(void **state)
{
        const struct rank_row *row = *state;
        struct compare_setup setup = { 1, 1000, 1 };
        struct compare_result r;
        assert_int_equal(compare_pairs(row->a, row->b, row->n, &setup, &r), 0);
        assert_int_equal(r.pairs, row->n);
        close_to(r.median.value, row->median, 1e-9);
        close_to(r.mean.value, row->mean, 1e-9);
        close_to(r.favour, row->favour, 1e-9);
        close_to(r.z, row->z, 1e-5);
        close_to(r.p, row->p, 1e-5);
        assert_true(r.median.low <= r.median.value && r.median.value <= r.median.high);
        assert_true(r.mean.low <= r.mean.value && r.mean.value <= r.mean.high);

        /* The other way round, everything changes its sign. */
        struct compare_result back;
        assert_int_equal(compare_pairs(row->b, row->a, row->n, &setup, &back), 0);
        close_to(back.median.value, -r.median.value, 1e-9);
        close_to(back.favour, -r.favour, 1e-9);
        close_to(back.z, -r.z, 1e-9);
        close_to(back.mean.low, -r.mean.high, 1e-6);
}

static int rising(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
        return (x > y) - (x < y);
}

/* The selection behind the median, against sorting, with few and with many equal values. */
static void median(void **state)
{
        (void)state;
        static const int64_t zero[64];
        struct rng r = rng_seeded(5, "median");
        for (int round = 0; round < 2000; round++) {
                size_t n = 1 + rng_below(&r, 60);
                uint64_t spread = round % 2 ? 4 : 100000;
                int64_t v[64];
                for (size_t i = 0; i < n; i++)
                        v[i] = (int64_t)rng_below(&r, spread) - 2;
                struct compare_result got;
                assert_int_equal(compare_pairs(v, zero, n, &(struct compare_setup){ 1, 100, 1 }, &got), 0);
                qsort(v, n, sizeof *v, rising);
                close_to(got.median.value, (double)(v[n / 2] + v[(n - 1) / 2]) / 2, 1e-9);
        }
}

/* n values, each `repeat` times in a row, evenly between 0 and a million. */
static void fill(struct rng *r, int64_t *v, size_t n, size_t repeat)
{
        for (size_t i = 0; i < n; i++)
                v[i] = i % repeat ? v[i - 1] : (int64_t)rng_below(r, 1000000);
}

/* The interval's width against the textbook: 1.96 sigma / sqrt(n) for the mean, and for the median
 * of an even spread W, 1.96 W / (2 sqrt(n)). */
static void width(void **state)
{
        (void)state;
        enum { N = 2000 };
        static int64_t v[N], zero[N];
        struct rng r = rng_seeded(11, "width");
        fill(&r, v, N, 1);
        struct compare_result got;
        assert_int_equal(compare_pairs(v, zero, N, &(struct compare_setup){ 3, 2000, 1 }, &got), 0);
        close_to((got.mean.high - got.mean.low) / 2, 1.96 * 1e6 / sqrt(12.0 * N), 0.1 * 12652);
        close_to((got.median.high - got.median.low) / 2, 1.96 * 1e6 / (2 * sqrt(N)), 0.15 * 21913);
        assert_int_equal(got.resamples, 2000);
}

/* How often does the interval hold the truth, when neighbours are alike? */
static int coverage(size_t block)
{
        enum { N = 600, REPEAT = 10, WORLDS = 200 };
        static int64_t v[N], zero[N];
        struct rng r = rng_seeded(17, "coverage");
        int held = 0;
        for (int i = 0; i < WORLDS; i++) {
                struct compare_result got;
                fill(&r, v, N, REPEAT);
                assert_int_equal(compare_pairs(v, zero, N, &(struct compare_setup){ (uint64_t)i, 200, block }, &got),
                                 0);
                held += got.mean.low <= 500000 && 500000 <= got.mean.high;
        }
        return held * 100 / WORLDS;
}

static void blocks(void **state)
{
        (void)state;
        assert_in_range(coverage(40), 88, 98);
        assert_in_range(coverage(1), 20, 60); /* what single draws would have claimed to be 95 % */
}

static void seeded(void **state)
{
        (void)state;
        enum { N = 300 };
        static int64_t v[N], zero[N];
        struct rng r = rng_seeded(23, "seeded");
        struct compare_result one, same, other;
        fill(&r, v, N, 1);
        compare_pairs(v, zero, N, &(struct compare_setup){ 1, 300, 5 }, &one);
        compare_pairs(v, zero, N, &(struct compare_setup){ 1, 300, 5 }, &same);
        compare_pairs(v, zero, N, &(struct compare_setup){ 2, 300, 5 }, &other);
        assert_memory_equal(&one, &same, sizeof one);
        assert_true(one.mean.low != other.mean.low);
        assert_true(one.mean.value == other.mean.value);
}

static void limits(void **state)
{
        (void)state;
        enum { N = 200000 };
        int64_t *v = calloc(N, sizeof *v), *zero = calloc(N, sizeof *v);
        struct compare_result got;
        assert_int_equal(compare_pairs(v, zero, 0, &(struct compare_setup){ 1, 1000, 1 }, &got), ERR_RANGE);
        assert_int_equal(got.pairs, 0);
        assert_int_equal(compare_pairs(v, zero, 30, &(struct compare_setup){ 1, 1000, 1000 }, &got), 0);
        assert_int_equal(got.block, 3); /* ten blocks at least, or the interval is a jest */
        assert_int_equal(compare_pairs(v, zero, N, &(struct compare_setup){ 1, 1000, 1000 }, &got), 0);
        assert_int_equal(got.resamples, 200); /* bounded work, and said */
        free(v);
        free(zero);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(median), cmocka_unit_test(width),  cmocka_unit_test(blocks),
                cmocka_unit_test(seeded), cmocka_unit_test(limits),
        };
        int failed = RUN_ROWS("compare", rank_rows, ranks);
        return failed + cmocka_run_group_tests_name("compare bootstrap", tests, NULL, NULL);
}
