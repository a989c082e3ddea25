#include "tests/unit/harness.h"

#include <stdio.h>

#include "core/chat/once.h"

static struct bytes id(uint64_t n)
{
        static char text[ONCE_ID_MAX + 1];
        return bytes_of(text, (size_t)snprintf(text, sizeof text, "id %llu", (unsigned long long)n));
}

static void put(struct once *o, uint64_t n)
{
        assert_int_equal(once_reserve(o), 0);
        once_put(o, id(n), &(struct published){ .eid = n * 10, .seq = n });
}

static void expect(const struct once *o, uint64_t n, bool known)
{
        struct published p = { 0 };
        assert_int_equal(once_find(o, id(n), &p), known);
        assert_int_equal(p.eid, known ? n * 10 : 0);
        assert_int_equal(p.seq, known ? n : 0);
}

/* After any number of results the last ONCE_KEPT are known, and nothing else. */
static const struct row {
        const char *name;
        uint64_t n;
} rows[] = {
        { "none", 0 },
        { "one", 1 },
        { "the first memory full", 8 },
        { "one more, so it grows", 9 },
        { "grown twice", 17 },
        { "one less than are kept", ONCE_KEPT - 1 },
        { "as many as are kept", ONCE_KEPT },
        { "one more: the oldest is forgotten", ONCE_KEPT + 1 },
        { "three rounds and a bit", 3 * ONCE_KEPT + 5 },
};

static void run_row(void **state)
{
        const struct row *row = *state;
        struct once o = { 0 };
        for (uint64_t n = 1; n <= row->n; n++)
                put(&o, n);
        uint64_t oldest = row->n > ONCE_KEPT ? row->n - ONCE_KEPT + 1 : 1;
        for (uint64_t n = 1; n <= row->n + 1; n++)
                expect(&o, n, n >= oldest && n <= row->n);
        assert_true(o.cap <= ONCE_KEPT);
        once_free(&o);
        expect(&o, 1, false);
}

static void ids_differ_in_one_bit_or_in_length(void **state)
{
        (void)state;
        char longest[ONCE_ID_MAX];
        struct once o = { 0 };
        struct published p;
        memset(longest, 'x', sizeof longest);
        assert_int_equal(once_reserve(&o), 0);
        once_put(&o, bytes_of(longest, sizeof longest), &(struct published){ .eid = 1 });
        assert_true(once_find(&o, bytes_of(longest, sizeof longest), &p));
        assert_false(once_find(&o, bytes_of(longest, sizeof longest - 1), &p));
        longest[ONCE_ID_MAX - 1] ^= 1;
        assert_false(once_find(&o, bytes_of(longest, sizeof longest), &p));
        once_free(&o);
}

int main(void)
{
        static const struct CMUnitTest others[] = { cmocka_unit_test(ids_differ_in_one_bit_or_in_length) };
        int failed = RUN_ROWS("once", rows, run_row);
        return failed + cmocka_run_group_tests_name("once, ids", others, NULL, NULL);
}
