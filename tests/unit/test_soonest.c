#include "tests/unit/harness.h"

#include <string.h>

#include "core/base/rng.h"
#include "core/loop/soonest.h"

enum { ENTRIES = 300, STEPS = 60000, LETTERS_MAX = 8 };

/* `put` in this order, take `take` out, then the rest comes `out` so. A letter's place in the
 * alphabet is its instant. */
static const struct row {
        const char *name, *put, *take, *out;
} rows[] = {
        { "none", "", "", "" },
        { "one", "a", "", "a" },
        { "in order", "abcdef", "", "abcdef" },
        { "from the last to the first", "fedcba", "", "abcdef" },
        { "mixed", "cafebd", "", "abcdef" },
        { "the first is taken out", "cafebd", "a", "bcdef" },
        { "the last is taken out", "cafebd", "f", "abcde" },
        { "one in the middle", "cafebd", "c", "abdef" },
        { "all but one", "cafebd", "bdface", "" },
        { "those that came later go first", "abcdef", "fed", "abc" },
        { "one with others below it", "fbdaec", "b", "acdef" },
};

static void take_first(struct soon **first, char *out)
{
        struct soon *s = *first;
        out[strlen(out)] = (char)s->at.ns;
        soonest_take(first, s);
}

static void run_row(void **state)
{
        const struct row *row = *state;
        struct soon of[128] = { 0 }, *first = NULL;
        char out[LETTERS_MAX + 1] = "";
        for (const char *c = row->put; *c; c++) {
                of[(int)*c].at.ns = *c;
                soonest_put(&first, &of[(int)*c]);
        }
        for (const char *c = row->take; *c; c++)
                soonest_take(&first, &of[(int)*c]);
        while (first && strlen(out) < LETTERS_MAX)
                take_first(&first, out);
        assert_string_equal(out, row->out);
}

/* What a list without any order would say. */
static int64_t sooner(const struct soon *of, const bool *in)
{
        int64_t ns = INT64_MAX;
        for (int i = 0; i < ENTRIES; i++)
                if (in[i] && of[i].at.ns < ns)
                        ns = of[i].at.ns;
        return ns;
}

static void the_first_is_always_the_soonest(void **state)
{
        static struct soon of[ENTRIES];
        bool in[ENTRIES] = { false };
        struct soon *first = NULL;
        struct rng r = rng_seeded(1, "soonest");
        (void)state;
        for (int step = 0; step < STEPS; step++) {
                uint64_t i = rng_below(&r, ENTRIES);
                if (in[i])
                        soonest_take(&first, &of[i]);
                else
                        soonest_put(&first, (of[i].at.ns = (int64_t)rng_below(&r, 1000), &of[i]));
                in[i] = !in[i];
                assert_int_equal(first ? first->at.ns : INT64_MAX, sooner(of, in));
        }
}

/* Each as late as no other before: all hang on the first, and nothing recurses over them. */
static void a_million_in_order_are_taken_in_order(void **state)
{
        enum { MANY = 1000000 };
        struct soon *of = test_calloc(MANY, sizeof *of), *first = NULL;
        (void)state;
        for (int64_t i = 0; i < MANY; i++) {
                of[i].at.ns = i;
                soonest_put(&first, &of[i]);
        }
        for (int64_t i = 0; i < MANY; i++) {
                assert_ptr_equal(first, &of[i]);
                soonest_take(&first, first);
        }
        assert_null(first);
        test_free(of);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_is_always_the_soonest),
                cmocka_unit_test(a_million_in_order_are_taken_in_order),
        };
        int failed = RUN_ROWS("soonest", rows, run_row);
        return cmocka_run_group_tests_name("soonest, many", tests, NULL, NULL) + failed;
}
