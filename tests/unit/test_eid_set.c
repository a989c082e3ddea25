#include "tests/unit/harness.h"

#include "client/eid_set.h"

static struct mono at_s(int64_t s)
{
        return (struct mono){ s * NS_PER_S };
}

static void new_once(void **state)
{
        (void)state;
        struct eid_set s = { 0 };
        for (uint64_t eid = 1; eid <= 5000; eid++)
                assert_true(eid_set_add(&s, at_s(1), 7, eid));
        for (uint64_t eid = 1; eid <= 5000; eid++)
                assert_false(eid_set_add(&s, at_s(1), 7, eid));
        eid_set_free(&s);
}

static void another_epoch_is_another_event(void **state)
{
        (void)state;
        struct eid_set s = { 0 };
        assert_true(eid_set_add(&s, at_s(1), 7, 1));
        assert_true(eid_set_add(&s, at_s(1), 8, 1));
        assert_false(eid_set_add(&s, at_s(1), 7, 1));
        eid_set_free(&s);
}

static void kept_for_forty_seconds_and_not_for_ever(void **state)
{
        (void)state;
        struct eid_set s = { 0 };
        assert_true(eid_set_add(&s, at_s(0), 7, 1));
        assert_true(eid_set_add(&s, at_s(39), 7, 2));
        assert_true(eid_set_add(&s, at_s(40), 7, 3)); /* a new generation */
        assert_false(eid_set_add(&s, at_s(79), 7, 2));
        assert_true(eid_set_add(&s, at_s(80), 7, 4)); /* and another */
        assert_false(eid_set_add(&s, at_s(80), 7, 3));
        assert_true(eid_set_add(&s, at_s(80), 7, 1));
        eid_set_free(&s);
}

static void it_is_bounded(void **state)
{
        (void)state;
        struct eid_set s = { 0 };
        for (uint64_t eid = 1; eid <= 10 * (uint64_t)EID_SET_MAX; eid++)
                assert_true(eid_set_add(&s, at_s(0), 7, eid));
        assert_in_range(s.young.cap + s.old.cap, 1, 4 * EID_SET_MAX);
        assert_false(eid_set_add(&s, at_s(0), 7, 10 * (uint64_t)EID_SET_MAX - 9));
        eid_set_free(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(new_once),
                cmocka_unit_test(another_epoch_is_another_event),
                cmocka_unit_test(kept_for_forty_seconds_and_not_for_ever),
                cmocka_unit_test(it_is_bounded),
        };
        return cmocka_run_group_tests_name("eid_set", tests, NULL, NULL);
}
