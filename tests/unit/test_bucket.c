#include "tests/unit/harness.h"

#include "core/base/bucket.h"

enum { STEPS = 12 };

/* At each step so much time has passed; then as many tokens are asked for, one by one, as are there. */
static const struct bucket_row {
        const char *name;
        double per_s;
        uint32_t burst;
        struct {
                int64_t after_ns;
                uint32_t got;
        } step[STEPS];
} rows[] = {
        { "a burst, and then one by one",
          10,
          3,
          { { 0, 3 }, { 0, 0 }, { 99 * NS_PER_MS, 0 }, { NS_PER_MS, 1 }, { 100 * NS_PER_MS, 1 }, { 0, 0 } } },
        { "no more than the burst is saved up", 10, 3, { { 0, 3 }, { 3600 * NS_PER_S, 3 }, { 250 * NS_PER_MS, 2 } } },
        { "what is left of a token is not lost",
          10,
          1,
          { { 0, 1 }, { 150 * NS_PER_MS, 1 }, { 99 * NS_PER_MS, 0 }, { NS_PER_MS, 1 } } },
        { "a burst of one", 1000, 1, { { 0, 1 }, { NS_PER_MS, 1 }, { NS_PER_MS / 2, 0 } } },
        { "a rate that is no whole number of nanoseconds",
          3,
          1,
          { { 0, 1 }, { 333 * NS_PER_MS, 0 }, { NS_PER_MS, 1 } } },
        { "less than one an hour is one an hour", 1e-9, 2, { { 0, 2 }, { 3600 * NS_PER_S, 1 }, { 0, 0 } } },
        { "more than a million at once are a million", 1e9, 4000000000u, { { 0, 1000000 }, { NS_PER_S, 1000000 } } },
};

static void run_row(void **state)
{
        const struct bucket_row *row = *state;
        struct bucket_rule rule = bucket_rule(row->per_s, row->burst);
        struct bucket b = { { 0 } };
        struct mono now = { 5 * NS_PER_S };
        for (int i = 0; i < STEPS && (i == 0 || row->step[i].after_ns + row->step[i].got > 0); i++) {
                uint32_t got = 0;
                now = mono_add(now, row->step[i].after_ns);
                for (; bucket_open(&b, &rule, now); got++)
                        bucket_spend(&b, &rule, now, 1);
                assert_int_equal(got, row->step[i].got);
                assert_true(mono_before(now, bucket_open_at(&b, &rule)));
        }
}

static void what_is_owed_is_paid_first(void **state)
{
        struct bucket_rule rule = bucket_rule(10, 3);
        struct bucket b = { { 0 } };
        struct mono now = { NS_PER_S };
        (void)state;
        bucket_spend(&b, &rule, now, 10); /* three are there, seven owed */
        assert_int_equal(mono_since(bucket_open_at(&b, &rule), now), 800 * NS_PER_MS);
}

/* Who is to be woken for several at once, but no more than there can be. */
static void wide_open(void **state)
{
        struct bucket_rule rule = bucket_rule(1000, 30);
        struct bucket b = { { 0 } };
        struct mono now = { NS_PER_S };
        (void)state;
        bucket_spend(&b, &rule, now, 30);
        assert_int_equal(mono_since(bucket_wide_at(&b, &rule, 0), now), NS_PER_MS);
        assert_int_equal(mono_since(bucket_wide_at(&b, &rule, 10 * NS_PER_MS), now), 10 * NS_PER_MS);
        assert_int_equal(mono_since(bucket_wide_at(&b, &rule, NS_PER_S), now), 30 * NS_PER_MS);
}

/* Half of the burst, rounded up, but no more than may be; and then as ever. */
static const struct newcomer_row {
        const char *name;
        uint32_t burst, tokens_max, got;
} newcomers[] = {
        { "a newcomer has half of an even burst", 10, UINT32_MAX, 5 },
        { "and the larger half of an odd one", 11, UINT32_MAX, 6 },
        { "of one it has that", 1, UINT32_MAX, 1 },
        { "no more than it may have", 40, 16, 16 },
        { "half is less than it may have", 20, 16, 10 },
};

static void newcomer(void **state)
{
        const struct newcomer_row *row = *state;
        struct bucket_rule rule = bucket_rule(10, row->burst);
        struct bucket b = { { 0 } };
        struct mono now = { 5 * NS_PER_S };
        uint32_t got = 0;
        bucket_begin(&b, &rule, now, row->tokens_max);
        for (; bucket_open(&b, &rule, now); got++)
                bucket_spend(&b, &rule, now, 1);
        assert_int_equal(got, row->got);
        assert_int_equal(mono_since(bucket_open_at(&b, &rule), now), 100 * NS_PER_MS);
}

static void without_a_rule_it_is_always_open(void **state)
{
        struct bucket_rule none = { 0, 0 };
        struct bucket b = { { 0 } };
        struct mono now = { NS_PER_S };
        (void)state;
        bucket_begin(&b, &none, now, 0);
        for (int i = 0; i < 1000; i++) {
                assert_true(bucket_open(&b, &none, now));
                bucket_spend(&b, &none, now, 1000000);
        }
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(what_is_owed_is_paid_first),
                cmocka_unit_test(wide_open),
                cmocka_unit_test(without_a_rule_it_is_always_open),
        };
        return RUN_ROWS("bucket", rows, run_row) + RUN_ROWS("newcomers", newcomers, newcomer) +
               cmocka_run_group_tests_name("bucket stories", stories, NULL, NULL);
}
