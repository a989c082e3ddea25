#include "tests/unit/harness.h"

#include <math.h>

#include "core/base/rng.h"
#include "core/base/mono.h"
#include "core/wire/backoff.h"

/* By hand, from RFC 5401's formula. */
struct known {
        const char *name;
        int64_t max_ns;
        uint32_t group;
        double unit;
        int64_t ns;
};

static const struct known answers[] = {
        { "the lowest number waits not at all", 600000000, 50, 0, 0 },
        { "in the middle of a group of one", 600000000, 1, 0.5, 372068704 },
        { "in the middle of 50: late", 600000000, 50, 0.5, 516228015 },
        { "one in a hundred of 50 is early", 600000000, 50, 0.01, 104321542 },
        { "in the middle of 1,000: later still", 600000000, 1000, 0.5, 547435447 },
        { "the highest number waits the longest", 600000000, 1000, 0.999999999999, 599999999 },
        { "a group of none counts as one", 600000000, 0, 0.5, 372068704 },
        { "no time to wait", 0, 50, 0.7, 0 },
        { "less than none", -5, 50, 0.7, 0 },
};

static void check_known(void **state)
{
        const struct known *row = *state;
        int64_t ns = backoff_ns(row->max_ns, row->group, row->unit);
        assert_in_range(ns - row->ns + 1000, 0, 2000);
}

/* Of 10, 100 and 1,000: how many have asked when the first NACK's answer has come half a round trip later (RFC 5401
 * foretells exp(1.2 L / 2 K)), and a whole one. */
static void few_of_many_ask(void **state)
{
        enum { ROUNDS = 1000 };
        struct rng rng = rng_seeded(1, "backoff");
        int64_t grtt = 100 * NS_PER_MS, wait[1000];
        (void)state;
        for (uint32_t group = 10; group <= 1000; group *= 10) {
                double half = 0, whole = 0, foretold = exp(1.2 * (log(group) + 1) / (2.0 * BACKOFF_K));
                for (int round = 0; round < ROUNDS; round++) {
                        int64_t first = INT64_MAX;
                        for (uint32_t i = 0; i < group; i++) {
                                wait[i] = backoff_ns(BACKOFF_K * grtt, group, rng_unit(&rng));
                                first = wait[i] < first ? wait[i] : first;
                        }
                        for (uint32_t i = 0; i < group; i++) {
                                half += wait[i] < first + grtt / 2;
                                whole += wait[i] < first + grtt;
                        }
                }
                assert_true(fabs(half / ROUNDS - foretold) < 0.1 * foretold);
                assert_true(whole / ROUNDS < 5);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(few_of_many_ask) };
        int failed = RUN_ROWS("backoff", answers, check_known);
        return failed + cmocka_run_group_tests_name("backoff: many", tests, NULL, NULL);
}
