#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

#include "bench/speed_core.h"
#include "bench/speed_table.h"

static const struct quantile_row {
        const char *name;
        double values[5];
        uint32_t n;
        double q, answer;
} rows[] = {
        { "nothing measured is 0", { 0 }, 0, 0.5, 0 },
        { "one value is every quantile", { 7 }, 1, 0.25, 7 },
        { "the median of an odd number is one of them", { 9, 1, 5 }, 3, 0.5, 5 },
        { "the median of an even number lies between", { 4, 1, 3, 2 }, 4, 0.5, 2.5 },
        { "the lower quarter of five", { 50, 40, 30, 20, 10 }, 5, 0.25, 20 },
        { "the upper quarter between two", { 10, 20 }, 2, 0.75, 17.5 },
        { "the top", { 1, 3, 2 }, 3, 1, 3 },
};

static void quantile(void **state)
{
        const struct quantile_row *row = *state;
        double values[5];
        memcpy(values, row->values, sizeof values);
        assert_true(speed_quantile(values, row->n, row->q) == row->answer);
}

/* Costs in ns become seconds per million; the ratio is that of the rounds, not of the medians. */
static void row_is_printed(void **state)
{
        double server[] = { 90, 70, 80 }, bare[] = { 100, 50, 70 }, ratio[] = { 0.9, 1.4, 1.14 };
        struct speed_row row = { .subscribers = 1000, .event_bytes = 64, .burst_events = 64, .rounds = 3 };
        char *text = NULL;
        size_t n;
        (void)state;
        row.server_ns = server;
        row.bare_ns = bare;
        row.ratio = ratio;
        row.server_packet_events = 64;
        row.bare_packet_events = 8;
        FILE *out = open_memstream(&text, &n);
        speed_table_row(out, &row);
        fclose(out);
        assert_non_null(strstr(text, " 1000    64 B   64 "));
        assert_non_null(strstr(text, " 0.080 "));
        assert_non_null(strstr(text, " 0.070 "));
        assert_non_null(strstr(text, " 1.14   1.02 .. 1.27 "));
        assert_non_null(strstr(text, " 64.0     8.0\n"));
        assert_true(n <= 101);
        free(text);
        double pace_ratio[] = { 1.1, 1.02, 0.9 };
        row.pace_ratio = pace_ratio;
        out = open_memstream(&text, &n);
        speed_table_row(out, &row);
        fclose(out);
        assert_non_null(strstr(text, " 1.02\n"));
        assert_true(n <= 101);
        free(text);
}

static void growth_is_printed(void **state)
{
        double server[] = { 1.3, 1.1, 1.2 }, bare[] = { 1.0, 1.5, 1.1 };
        char *text = NULL;
        size_t n;
        (void)state;
        FILE *out = open_memstream(&text, &n);
        speed_table_growth_head(out, 100, 1000);
        speed_table_growth(out, 64, 1, server, bare, 3);
        fclose(out);
        assert_non_null(strstr(text, "N=1000 over N=100:"));
        assert_non_null(strstr(text, " 64 B    1 "));
        assert_non_null(strstr(text, " 1.20   1.15 .. 1.25 "));
        assert_non_null(strstr(text, " 1.10   1.05 .. 1.30\n"));
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
                assert_true(strlen(line) <= 100);
        free(text);
}

static void head_fits(void **state)
{
        (void)state;
        for (int i = 0; i < 6; i++) {
                char *text = NULL;
                size_t n;
                FILE *out = open_memstream(&text, &n);
                speed_table_head(out, (enum speed_path)(i / 2), i % 2);
                fclose(out);
                for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
                        assert_true(strlen(line) <= 100);
                free(text);
        }
}

/* The promise behind every figure of the table: encoded once, copied for nobody. */
static void core_encodes_once(void **state)
{
        struct speed_core core;
        (void)state;
        assert_int_equal(speed_core_measure(30, 64, 64, 1, &core), 0);
        assert_true(core.encodes == 1.0);
        assert_int_equal(core.copied_bytes, 0);
        assert_true(core.delivery_ns > 0);
}

int main(void)
{
        const struct CMUnitTest more[] = {
                cmocka_unit_test(row_is_printed),
                cmocka_unit_test(growth_is_printed),
                cmocka_unit_test(head_fits),
                cmocka_unit_test(core_encodes_once),
        };
        int failed = RUN_ROWS("speed_quantile", rows, quantile);
        return failed + cmocka_run_group_tests_name("speed", more, NULL, NULL);
}
