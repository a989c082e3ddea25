/* The decision log: keeps what was added, in order, up to its bound. */
#include "tests/unit/harness.h"

#include "lab/decision.h"

#include <string.h>

static void keeps_all_in_order_and_counts_the_rest(void **state)
{
        (void)state;
        enum { MAX = 10000 }; /* more than one piece of its memory */
        struct decision_log *log = decision_log_create(MAX);
        for (uint64_t i = 0; i < MAX + 3; i++)
                decision_add(log, &(struct decision){ .flow = "tcp", .nth = i });
        assert_int_equal(decision_count(log), MAX);
        assert_int_equal(decision_dropped(log), 3);
        for (size_t i = 0; i < MAX; i++)
                assert_int_equal(decision_at(log, i)->nth, i);
        decision_log_destroy(log);
}

static void a_log_of_nothing(void **state)
{
        (void)state;
        struct decision_log *log = decision_log_create(0);
        decision_add(log, &(struct decision){ .flow = "tcp" });
        assert_int_equal(decision_count(log), 0);
        assert_int_equal(decision_dropped(log), 1);
        decision_log_destroy(log);
}

struct csv_row {
        const char *name;
        struct decision d;
        const char *line;
};

static const struct csv_row lines[] = {
        { "an event's datagram",
          { 1500000, "udp-raw", 3, 126, 41, 1, LINK_DOWN, LINK_DATA, LINK_LOST },
          "1500000,down,udp-raw,3,data,41,1,lost,126\n" },
        { "an ack", { 2, "tcp", 0, 52, 0, 977, LINK_UP, LINK_TCP, LINK_PASSED }, "2,up,tcp,0,tcp,0,977,passed,52\n" },
        { "the longest",
          { INT64_MIN, "a-name-of-thirty-one-characters", UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX, LINK_DOWN,
            LINK_FRAGMENT, LINK_OVERFLOW },
          "-9223372036854775808,down,a-name-of-thirty-one-characters,4294967295,fragment,18446744073709551615,"
          "18446744073709551615,overflow,4294967295\n" },
};

static void as_csv(void **state)
{
        const struct csv_row *row = *state;
        char line[DECISION_LINE_MAX];
        assert_int_equal(decision_csv(&row->d, line), strlen(row->line));
        assert_string_equal(line, row->line);
}

static int commas(const char *text)
{
        int n = 0;
        for (; *text; text++)
                n += *text == ',';
        return n;
}

static void header_has_the_columns(void **state)
{
        (void)state;
        char line[DECISION_LINE_MAX];
        decision_csv(&lines[0].d, line);
        assert_int_equal(commas(decision_csv_header), commas(line));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keeps_all_in_order_and_counts_the_rest),
                cmocka_unit_test(a_log_of_nothing),
                cmocka_unit_test(header_has_the_columns),
        };
        return cmocka_run_group_tests_name("decision", tests, NULL, NULL) + RUN_ROWS("decision: csv", lines, as_csv);
}
