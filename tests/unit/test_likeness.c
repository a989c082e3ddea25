/* Comparing two decision logs: which differences count against "same seed, same datagrams". */
#include "tests/unit/harness.h"

#include "core/base/err.h"
#include "lab/decision.h"
#include "lab/likeness.h"

struct row {
        const char *name, *first, *second; /* lines after the header */
        struct likeness expected;
};

#define A1 "1,down,udp-raw,0,data,1,1,passed,87\n"
#define A2 "2,down,udp-raw,0,data,2,1,lost,87\n"
#define B1 "9,down,udp-raw,0,data,1,1,passed,87\n"

static const struct row rows[] = {
        { "both empty", "", "", { 0, 0, 0, 0, 0 } },
        { "the time may differ", A1 A2, B1 A2, { 2, 2, 2, 0, 0 } },
        { "so may the order", A2 A1, A1 A2, { 2, 2, 2, 0, 0 } },
        { "another fate", A1, "1,down,udp-raw,0,data,1,1,lost,87\n", { 1, 1, 1, 1, 0 } },
        { "only in one", A1 A2, A1, { 2, 1, 1, 0, 0 } },
        { "another sighting is another datagram", A1, "1,down,udp-raw,0,data,1,2,lost,87\n", { 1, 1, 0, 0, 0 } },
        { "so is another subscriber's", A1, "1,down,udp-raw,1,data,1,1,lost,87\n", { 1, 1, 0, 0, 0 } },
        { "and another direction's", A1, "1,up,udp-raw,0,data,1,1,lost,87\n", { 1, 1, 0, 0, 0 } },
        { "a blackout goes by time", A1, "1,down,udp-raw,0,data,1,1,blackout,87\n", { 1, 1, 1, 0, 1 } },
        { "TCP is not compared",
          A1 "1,down,tcp,0,tcp,0,1,passed,9\n",
          A1 "1,down,tcp,0,tcp,0,1,lost,9\n",
          { 1, 1, 1, 0, 0 } },
};

static void put_log(struct buf *csv, const char *lines)
{
        buf_text(csv, decision_csv_header);
        buf_text(csv, lines);
}

static void run_row(void **state)
{
        const struct row *row = *state;
        struct buf first = { 0 }, second = { 0 };
        struct likeness l;
        put_log(&first, row->first);
        put_log(&second, row->second);
        assert_int_equal(likeness_of(buf_bytes(&first), buf_bytes(&second), &l), 0);
        assert_memory_equal(&l, &row->expected, sizeof l);
        buf_free(&first);
        buf_free(&second);
}

struct holds_row {
        const char *name;
        struct likeness l;
        int holds;
};

static const struct holds_row verdicts[] = {
        { "all alike", { 1000, 1000, 1000, 0, 0 }, 1 },
        { "one fate differs", { 1000, 1000, 1000, 1, 0 }, 0 },
        { "99 % common", { 1000, 1000, 990, 0, 0 }, 1 },
        { "too few of the first", { 1000, 980, 980, 0, 0 }, 0 },
        { "too few of the second", { 980, 1000, 980, 0, 0 }, 0 },
        { "differences by time are none", { 1000, 1000, 1000, 0, 9 }, 1 },
};

static void holds(void **state)
{
        const struct holds_row *row = *state;
        assert_int_equal(likeness_holds(&row->l), row->holds);
}

/* Cut anywhere but at a line's end, a log is refused; memory of just its size for the sanitizer. */
static void every_prefix(void **state)
{
        (void)state;
        struct buf csv = { 0 };
        put_log(&csv, A1 A2);
        for (size_t cut = 0; cut < csv.n; cut++) {
                uint8_t *exact = test_malloc(cut + 1);
                memcpy(exact + 1, csv.at, cut);
                struct likeness l;
                int whole = cut >= strlen(decision_csv_header) && csv.at[cut - 1] == '\n';
                assert_int_equal(likeness_of(bytes_of(exact + 1, cut), buf_bytes(&csv), &l), whole ? 0 : ERR_MALFORMED);
                assert_int_equal(likeness_of(buf_bytes(&csv), bytes_of(exact + 1, cut), &l), whole ? 0 : ERR_MALFORMED);
                test_free(exact);
        }
        buf_free(&csv);
}

static void too_many_columns(void **state)
{
        (void)state;
        struct buf csv = { 0 };
        put_log(&csv, "1,down,udp-raw,0,data,1,1,passed,87,1\n");
        struct likeness l;
        assert_int_equal(likeness_of(buf_bytes(&csv), buf_bytes(&csv), &l), ERR_MALFORMED);
        buf_free(&csv);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(every_prefix), cmocka_unit_test(too_many_columns) };
        return RUN_ROWS("likeness", rows, run_row) + RUN_ROWS("likeness: holds", verdicts, holds) +
               cmocka_run_group_tests_name("likeness: malformed", tests, NULL, NULL);
}
