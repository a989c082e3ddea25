#include "tests/unit/harness.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"

/* SipHash-2-4 with key 00..0f, from the reference's vectors (github.com/veorq/SipHash, vectors.h):
 * of the 8-byte input 00..07, and of the 16-byte input 00..0f which the keyed form hashes. */
static void siphash_vectors(void **state)
{
        (void)state;
        struct rng r = { .next = 0 };
        uint64_t in[2];
        uint8_t octets[16];
        for (uint8_t i = 0; i < 16; i++)
                r.key[i] = octets[i] = i;
        memcpy(in, octets, sizeof in);
        assert_true(rng_at(&r, in[0]) == 0x93f5f5799a932462);
        assert_true(rng_keyed(&r, in, 1) == 0x93f5f5799a932462);
        assert_true(rng_keyed(&r, in, 2) == 0x3f2acc7f57c29bdb);
        assert_true(rng_keyed(&r, in, 0) == 0x726fdb47dd0e0e31);
}

static void seeds_and_streams_differ(void **state)
{
        (void)state;
        struct rng a = rng_seeded(1, "loss"), same = rng_seeded(1, "loss");
        struct rng other_seed = rng_seeded(2, "loss"), other_stream = rng_seeded(1, "plan");
        for (int i = 0; i < 100; i++) {
                uint64_t v = rng_u64(&a);
                assert_true(v == rng_u64(&same));
                assert_true(v != rng_u64(&other_seed));
                assert_true(v != rng_u64(&other_stream));
        }
        assert_memory_not_equal(other_seed.key, other_seed.key + 8, 8);
}

/* The n-th number is the same whether the ones before it were asked for or not. */
static void a_number_is_a_place_not_a_history(void **state)
{
        (void)state;
        struct rng walked = rng_seeded(7, "x"), jumped = rng_seeded(7, "x");
        for (uint64_t n = 0; n < 50; n++)
                assert_true(rng_u64(&walked) == rng_at(&jumped, n));
        assert_true(jumped.next == 0);
        assert_true(walked.next == 50);
}

struct below_row {
        const char *name;
        uint64_t bound;
};

static const struct below_row below_rows[] = {
        { "below 1", 1 }, { "below 2", 2 }, { "below 3", 3 }, { "below 6", 6 }, { "below 10", 10 }, { "below 16", 16 },
};

/* Chi-squared of 60,000 draws; 60 is far beyond what 15 degrees of freedom give by chance. */
static void below_is_even(void **state)
{
        const struct below_row *row = *state;
        struct rng r = rng_seeded(3, row->name);
        double seen[16] = { 0 }, draws = 60000, chi2 = 0;
        for (int i = 0; i < 60000; i++) {
                uint64_t v = rng_below(&r, row->bound);
                assert_true(v < row->bound);
                seen[v]++;
        }
        double wanted = draws / (double)row->bound;
        for (uint64_t v = 0; v < row->bound; v++)
                chi2 += (seen[v] - wanted) * (seen[v] - wanted) / wanted;
        assert_true(chi2 < 60);
}

/* Of 2^64 numbers, a plain remainder of 3 x 2^62 would give the lowest third twice as often. */
static void below_a_huge_bound_has_no_bias(void **state)
{
        (void)state;
        struct rng r = rng_seeded(4, "huge");
        uint64_t bound = UINT64_C(3) << 62, third = UINT64_C(1) << 62;
        int low = 0;
        for (int i = 0; i < 30000; i++) {
                uint64_t v = rng_below(&r, bound);
                assert_true(v < bound);
                low += v < third;
        }
        assert_in_range(low, 9600, 10400); /* 10,000, sigma 82; biased: 15,000 */
        assert_true(r.next > 30000);       /* some draws were thrown away */
}

static void unit_is_even_and_below_1(void **state)
{
        (void)state;
        struct rng r = rng_seeded(5, "unit");
        double sum = 0, square = 0;
        for (int i = 0; i < 30000; i++) {
                double v = rng_unit(&r);
                assert_true(v >= 0 && v < 1);
                sum += v;
                square += v * v;
        }
        assert_true(fabs(sum / 30000 - 0.5) < 0.01);
        assert_true(fabs(square / 30000 - 1 / 3.0) < 0.01);
        assert_true(rng_to_unit(0) == 0);
        assert_true(rng_to_unit(UINT64_MAX) < 1);
        assert_true(rng_to_unit(UINT64_C(1) << 63) == 0.5);
}

static void the_os_gives_others_each_time(void **state)
{
        (void)state;
        uint8_t a[16] = { 0 }, b[16] = { 0 };
        rng_os(a, sizeof a);
        rng_os(b, sizeof b);
        assert_memory_not_equal(a, b, sizeof a);
        uint64_t first = rng_os_u64();
        assert_true(first != 0 && first != rng_os_u64());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(siphash_vectors),
                cmocka_unit_test(seeds_and_streams_differ),
                cmocka_unit_test(a_number_is_a_place_not_a_history),
                cmocka_unit_test(below_a_huge_bound_has_no_bias),
                cmocka_unit_test(unit_is_even_and_below_1),
                cmocka_unit_test(the_os_gives_others_each_time),
        };
        int failed = RUN_ROWS("rng: below", below_rows, below_is_even);
        return failed + cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
