#include "tests/unit/harness.h"

#include <string.h>

#include "bench/payload.h"

enum { RUN = 0x6f3a9c01 };

static const struct row {
        const char *name;
        uint32_t run;
        const char *text;
        bool good;
        uint32_t index;
} rows[] = {
        { "head alone", RUN, "6f3a9c010000002a", true, 42 },
        { "letters follow from the index", RUN, "6f3a9c0100000000abcdef", true, 0 },
        { "letters wrap", RUN, "6f3a9c0100000018yzab", true, 24 },
        { "largest index", RUN, "6f3a9c01ffffffffvwx", true, UINT32_MAX },
        { "another run's event", 7, "6f3a9c010000002a", false, 0 },
        { "a letter changed", RUN, "6f3a9c0100000000abxdef", false, 0 },
        { "upper case is not ours", RUN, "6F3A9C010000002A", false, 0 },
        { "not hex", RUN, "6f3a9c010000002g", false, 0 },
        { "one byte short", RUN, "6f3a9c010000002", false, 0 },
        { "empty", RUN, "", false, 0 },
};

static void reads(void **state)
{
        const struct row *row = *state;
        uint32_t index = 0;
        assert_int_equal(payload_read(row->run, bytes_text(row->text), &index), row->good);
        assert_int_equal(index, row->index);
}

static void round_trip(void **state)
{
        (void)state;
        char text[1001];
        for (uint32_t n = PAYLOAD_BYTES_MIN; n <= 1000; n++) {
                uint32_t wanted = n * 2654435761u, got;
                text[n] = '!';
                payload_write(RUN, wanted, text, n);
                assert_int_equal(text[n], '!');
                assert_true(payload_read(RUN, bytes_of(text, n), &got));
                assert_int_equal(got, wanted);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip) };
        int failed = RUN_ROWS("payload", rows, reads);
        return failed + cmocka_run_group_tests_name("payload round trip", tests, NULL, NULL);
}
