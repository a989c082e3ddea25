#include "tests/unit/harness.h"

#include "core/base/rng.h"
#include "udp_server/udp_due.h"

enum { ENTRIES = 200 };

static void never_is_nowhere(void **state)
{
        (void)state;
        struct udp_dues h = { 0 };
        struct udp_due d = { .owner = &h };
        assert_int_equal(udp_dues_reserve(&h, 1), 0);
        assert_null(udp_dues_first(&h));
        assert_true(mono_is_never(udp_dues_first_at(&h)));
        udp_due_set(&h, &d, MONO_NEVER);
        assert_null(udp_dues_first(&h));
        udp_due_set(&h, &d, (struct mono){ 5 });
        assert_ptr_equal(udp_dues_first(&h), &d);
        udp_due_set(&h, &d, MONO_NEVER);
        assert_null(udp_dues_first(&h));
        udp_dues_free(&h);
}

/* Random moves against a search through all. */
static void the_first_is_the_earliest(void **state)
{
        (void)state;
        struct rng rng = rng_seeded(1, "due");
        struct udp_dues h = { 0 };
        struct udp_due due[ENTRIES] = { 0 };
        for (int i = 0; i < ENTRIES; i++)
                due[i].at = MONO_NEVER;
        assert_int_equal(udp_dues_reserve(&h, ENTRIES), 0);
        for (int step = 0; step < 20000; step++) {
                struct udp_due *d = &due[rng_below(&rng, ENTRIES)];
                struct mono at = { (int64_t)rng_below(&rng, 1000) };
                udp_due_set(&h, d, rng_below(&rng, 4) == 0 ? MONO_NEVER : at);
                struct mono earliest = MONO_NEVER;
                for (int i = 0; i < ENTRIES; i++)
                        earliest = mono_min(earliest, due[i].at);
                assert_int_equal(udp_dues_first_at(&h).ns, earliest.ns);
        }
        udp_dues_free(&h);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(never_is_nowhere),
                                            cmocka_unit_test(the_first_is_the_earliest) };
        return cmocka_run_group_tests_name("udp_due", tests, NULL, NULL);
}
