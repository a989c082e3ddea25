#include "tests/unit/harness.h"

#include <math.h>

#include "bench/seqstat.h"

enum { MS = 1000000 };

static void close_to(double got, double want)
{
        if (fabs(got - want) > 1e-6 * (1 + fabs(want)))
                fail_msg("%.9f is not %.9f", got, want);
}

/* Arrivals come 20 ms apart; said 20 ms apart in sequence order. */
static const struct order_row {
        const char *name;
        uint64_t seqs[12];
        uint64_t reordered, extent_max;
        int64_t late_ms;
} order_rows[] = {
        { "in order", { 1, 2, 3, 4, 5 }, 0, 0, 0 },
        { "one comes four arrivals late", { 1, 2, 3, 5, 6, 7, 8, 4, 9, 10 }, 1, 4, 80 },
        { "two come behind a third, in order", { 1, 2, 3, 4, 7, 5, 6, 8, 9, 10 }, 2, 2, 40 },
        { "three upside down", { 1, 2, 3, 4, 7, 6, 5, 8, 9, 10 }, 2, 2, 40 },
        { "a hole is no reordering", { 1, 2, 5, 6, 9 }, 0, 0, 0 },
        { "extent counts from the first later one, not the highest", { 1, 3, 9, 2 }, 1, 2, 40 },
        { "the first arrival is never reordered", { 9, 1, 2 }, 2, 2, 40 },
};

static void order(void **state)
{
        const struct order_row *row = *state;
        struct seqstat s = { 0 };
        size_t n = 0;
        for (; n < 12 && row->seqs[n]; n++) {
                struct mono said = { (int64_t)row->seqs[n] * 20 * MS }, now = { (int64_t)(n + 100) * 20 * MS };
                seqstat_arrived(&s, row->seqs[n], said, now);
        }
        assert_int_equal(s.arrivals, n);
        assert_int_equal(s.reordered, row->reordered);
        assert_int_equal(s.extent_max, row->extent_max);
        assert_int_equal(s.late_ns_max, row->late_ms * MS);
        assert_int_equal(s.beyond, 0);
}

/* More arrivals than are remembered: a latecomer's extent is then at least what is told. */
static void far_back(void **state)
{
        (void)state;
        static struct seqstat s;
        enum { N = 3 * SEQSTAT_RECORDS };
        for (uint64_t i = 2; i < N; i++)
                seqstat_arrived(&s, i, (struct mono){ 0 }, (struct mono){ (int64_t)i });
        seqstat_arrived(&s, 1, (struct mono){ 0 }, (struct mono){ N });
        assert_int_equal(s.reordered, 1);
        assert_int_equal(s.beyond, 1);
        assert_int_equal(s.extent_max, SEQSTAT_RECORDS);
        seqstat_arrived(&s, N - 5, (struct mono){ 0 }, (struct mono){ N + 1 });
        assert_int_equal(s.beyond, 1);
}

static const struct jitter_row {
        const char *name;
        int64_t transit_ms[8];
        size_t n;
        double jitter_ms, jitter_ms_max;
} jitter_rows[] = {
        { "even transit", { 25, 25, 25, 25 }, 4, 0, 0 },
        { "one arrival says nothing", { 25 }, 1, 0, 0 },
        { "RFC 3550 A.8: a sixteenth of each step", { 25, 41 }, 2, 1, 1 },
        { "a step back counts alike, then it fades", { 25, 41, 25, 25 }, 4, (1 + 15.0 / 16) * 15 / 16, 1 + 15.0 / 16 },
        { "clocks apart make no difference", { -975, -959 }, 2, 1, 1 },
};

static void jitter(void **state)
{
        const struct jitter_row *row = *state;
        struct seqstat s = { 0 };
        for (size_t i = 0; i < row->n; i++) {
                struct mono said = { (int64_t)(i + 1) * 20 * MS };
                seqstat_arrived(&s, i, said, mono_add(said, row->transit_ms[i] * MS));
        }
        close_to(s.jitter_ns / MS, row->jitter_ms);
        close_to(s.jitter_ns_max / MS, row->jitter_ms_max);
}

/* A long even alternation of d settles at d itself. */
static void jitter_settles(void **state)
{
        (void)state;
        struct seqstat s = { 0 };
        for (int64_t i = 0; i < 1000; i++)
                seqstat_arrived(&s, (uint64_t)i, (struct mono){ i * 20 * MS },
                                (struct mono){ i * 20 * MS + (25 + 3 * (i % 2)) * MS });
        close_to(s.jitter_ns / MS, 3);
}

static void variation(void **state)
{
        (void)state;
        static const int64_t delays[] = { 100, 150, INT64_MIN, 130, 120, 120, INT64_MIN };
        struct hist *h = hist_create();
        seqstat_variation(delays, sizeof delays / sizeof *delays, INT64_MIN, h);
        assert_int_equal(hist_count(h), 3);
        assert_int_equal(hist_max(h), 50);
        assert_int_equal(hist_min(h), 0);
        assert_int_equal(hist_quantile(h, 0.5), 10);
        seqstat_variation(delays, 0, INT64_MIN, h);
        assert_int_equal(hist_count(h), 3);
        hist_destroy(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(far_back),
                cmocka_unit_test(jitter_settles),
                cmocka_unit_test(variation),
        };
        int failed = RUN_ROWS("seqstat reordering", order_rows, order);
        failed += RUN_ROWS("seqstat jitter", jitter_rows, jitter);
        return failed + cmocka_run_group_tests_name("seqstat", tests, NULL, NULL);
}
