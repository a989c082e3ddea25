#include "tests/unit/harness.h"

#include <stdbool.h>

#include "core/base/rng.h"
#include "udp_server/udp_due.h"

enum { ENTRIES = 50, STEPS = 20000, SPAN_NS = 1000 };

/* How an entry's deadline moves when it is set. */
static struct mono put_off(struct rng *r, struct mono now)
{
        return mono_add(now, SPAN_NS - (int64_t)rng_below(r, 10));
}

static struct mono anywhere(struct rng *r, struct mono now)
{
        return mono_add(now, 1 + (int64_t)rng_below(r, SPAN_NS));
}

static struct mono often_never(struct rng *r, struct mono now)
{
        return rng_below(r, 3) == 0 ? MONO_NEVER : anywhere(r, now);
}

static struct mono overdue(struct rng *r, struct mono now)
{
        return mono_add(now, (int64_t)rng_below(r, SPAN_NS) - SPAN_NS / 4);
}

static const struct due_row {
        const char *name;
        struct mono (*at)(struct rng *r, struct mono now);
} rows[] = {
        { "deadlines that are always put off", put_off },
        { "deadlines that move both ways", anywhere },
        { "deadlines that come and go", often_never },
        { "deadlines that are past when they are set", overdue },
};

static bool is_due(const struct mono *at, struct mono now)
{
        return !mono_before(now, *at);
}

/* Against a list that is searched from end to end. */
static void like_a_list(void **state)
{
        const struct due_row *row = *state;
        struct rng r = rng_seeded(5, row->name);
        struct udp_dues h = { 0 };
        struct udp_due due[ENTRIES] = { 0 };
        struct mono at[ENTRIES], now = { 0 };
        assert_int_equal(udp_dues_reserve(&h, ENTRIES), 0);
        for (int i = 0; i < ENTRIES; i++)
                at[i] = MONO_NEVER;
        for (int step = 0; step < STEPS; step++) {
                uint64_t k = rng_below(&r, ENTRIES);
                at[k] = row->at(&r, now);
                udp_due_set(&h, &due[k], at[k]);
                now = mono_add(now, (int64_t)rng_below(&r, 40));
                for (struct udp_due *d; (d = udp_dues_due(&h, now));) {
                        assert_true(is_due(&at[d - due], now));
                        at[d - due] = MONO_NEVER;
                        udp_due_set(&h, d, MONO_NEVER);
                }
                for (int i = 0; i < ENTRIES; i++) {
                        assert_false(is_due(&at[i], now));
                        assert_false(mono_before(at[i], udp_dues_next_at(&h)));
                        assert_int_equal(due[i].place > 0, !mono_is_never(at[i]));
                }
        }
        udp_dues_free(&h);
}

static void never_is_nowhere(void **state)
{
        (void)state;
        const struct mono late = { INT64_MAX - 1 };
        struct udp_dues h = { 0 };
        struct udp_due d = { .owner = &h };
        assert_int_equal(udp_dues_reserve(&h, 1), 0);
        assert_null(udp_dues_due(&h, late));
        assert_true(mono_is_never(udp_dues_next_at(&h)));
        udp_due_set(&h, &d, MONO_NEVER);
        assert_null(udp_dues_due(&h, late));
        udp_due_set(&h, &d, (struct mono){ 5 });
        assert_ptr_equal(udp_dues_due(&h, late), &d);
        udp_due_set(&h, &d, MONO_NEVER);
        assert_null(udp_dues_due(&h, late));
        assert_true(mono_is_never(udp_dues_next_at(&h)));
        udp_dues_free(&h);
}

static void putting_off_moves_nothing(void **state)
{
        (void)state;
        struct udp_dues h = { 0 };
        struct udp_due a = { 0 }, b = { 0 };
        assert_int_equal(udp_dues_reserve(&h, 2), 0);
        udp_due_set(&h, &a, (struct mono){ 10 });
        udp_due_set(&h, &b, (struct mono){ 20 });
        udp_due_set(&h, &a, (struct mono){ 30 });
        assert_int_equal(a.place, 1);
        assert_int_equal(udp_dues_next_at(&h).ns, 10); /* early, and asked then, it knows better */
        assert_null(udp_dues_due(&h, (struct mono){ 10 }));
        assert_int_equal(udp_dues_next_at(&h).ns, 20);
        assert_ptr_equal(udp_dues_due(&h, (struct mono){ 25 }), &b);
        udp_dues_free(&h);
}

int main(void)
{
        const struct CMUnitTest more[] = {
                cmocka_unit_test(never_is_nowhere),
                cmocka_unit_test(putting_off_moves_nothing),
        };
        int failed = RUN_ROWS("udp_due", rows, like_a_list);
        return failed + cmocka_run_group_tests_name("udp_due one by one", more, NULL, NULL);
}
