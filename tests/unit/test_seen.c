/* Counting comings of keys in bounded memory. */
#include "tests/unit/harness.h"

#include "core/base/rng.h"
#include "lab/seen.h"

static void counts_each_key_apart(void **state)
{
        (void)state;
        struct seen *s = seen_create(8);
        assert_int_equal(seen_again(s, 5), 1);
        assert_int_equal(seen_again(s, 5 + 1024), 1); /* the same place in the table */
        assert_int_equal(seen_again(s, 5), 2);
        assert_int_equal(seen_again(s, 0), 1); /* 0 is a key like any other */
        assert_int_equal(seen_again(s, 0), 2);
        assert_int_equal(seen_again(s, 5 + 1024), 2);
        seen_destroy(s);
}

/* Against plain counting: nothing is forgotten while fewer than keys_max others have come by. */
static void remembers_keys_max(void **state)
{
        (void)state;
        enum { KEYS = 64 };
        struct seen *s = seen_create(KEYS);
        struct rng rng = rng_seeded(3, "seen");
        uint64_t truth[KEYS] = { 0 };
        for (int i = 0; i < 10000; i++) {
                uint64_t k = rng_below(&rng, KEYS);
                assert_int_equal(seen_again(s, rng_at(&rng, k)), ++truth[k]);
        }
        seen_destroy(s);
}

static void forgets_what_is_long_gone(void **state)
{
        (void)state;
        struct seen *s = seen_create(16);
        assert_int_equal(seen_again(s, 1000), 1);
        for (uint64_t k = 0; k < 16; k++)
                seen_again(s, k);
        assert_int_equal(seen_again(s, 1000), 2); /* 16 others since: still known */
        for (uint64_t k = 0; k < 48; k++)
                seen_again(s, k);
        assert_int_equal(seen_again(s, 1000), 1);
        seen_destroy(s);
}

static void a_busy_key_outlives_any_crowd(void **state)
{
        (void)state;
        struct seen *s = seen_create(16);
        for (uint64_t k = 0; k < 1000; k++) {
                assert_int_equal(seen_again(s, UINT64_MAX), k + 1);
                seen_again(s, k);
        }
        seen_destroy(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(counts_each_key_apart),
                cmocka_unit_test(remembers_keys_max),
                cmocka_unit_test(forgets_what_is_long_gone),
                cmocka_unit_test(a_busy_key_outlives_any_crowd),
        };
        return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
