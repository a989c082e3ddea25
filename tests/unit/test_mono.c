#include "tests/unit/harness.h"

#include "core/base/mono.h"

struct add_row {
        const char *name;
        int64_t m_ns, span_ns, sum_ns;
};

static const struct add_row rows[] = {
        { "add: a span", 5, 7, 12 },
        { "add: a span below 0", 5, -7, -2 },
        { "add: to never", INT64_MAX, -1, INT64_MAX },
        { "add: what would overflow is never", INT64_MAX - 5, 6, INT64_MAX },
        { "add: the last instant before never", INT64_MAX - 5, 4, INT64_MAX - 1 },
};

static void add_row(void **state)
{
        const struct add_row *row = *state;
        assert_true(mono_add((struct mono){ row->m_ns }, row->span_ns).ns == row->sum_ns);
}

static void order(void **state)
{
        (void)state;
        struct mono a = { 1 }, b = { 2 };
        assert_true(mono_before(a, b));
        assert_false(mono_before(b, a) || mono_before(a, a));
        assert_true(mono_before(b, MONO_NEVER));
        assert_true(mono_since(b, a) == 1 && mono_since(a, b) == -1);
        assert_true(mono_min(a, b).ns == 1 && mono_min(b, a).ns == 1 && mono_min(MONO_NEVER, b).ns == 2);
        assert_true(mono_is_never(MONO_NEVER));
        assert_false(mono_is_never(a));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(order) };
        int failed = RUN_ROWS("mono: add", rows, add_row);
        return failed + cmocka_run_group_tests_name("mono", tests, NULL, NULL);
}
