#include "tests/unit/harness.h"

#include <string.h>

#include "bench/report_table.h"
#include "tests/unit/report_sample.h"

/* ---- what is printed ---- */

static char *printed(const struct report *r)
{
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);
        report_print(r, out);
        fclose(out);
        return text;
}

/* The line that begins, after its indent, with these words; NULL when there is none. In `line`. */
static char *line_of(const char *text, const char *words, char line[512])
{
        for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
                const char *start = at + strspn(at, " #");
                if (strncmp(start, words, strlen(words)) == 0) {
                        snprintf(line, 512, "%.*s", (int)strcspn(start, "\n"), start);
                        return line;
                }
        }
        return NULL;
}

/* Runs of blanks become one: the test reads words, not columns. */
static void squeeze(char *line)
{
        char *to = line;
        for (const char *at = line; *at; at++) {
                if (*at != ' ' || (to > line && to[-1] != ' '))
                        *to++ = *at;
        }
        *to = '\0';
}

static const struct cell_row {
        const char *name;
        const char *label, *line;
} cell_rows[] = {
        { "outcomes", "delivered live", "delivered live 20,000 19,602 19,602 19,602" },
        { "recovered", "delivered after recovery", "delivered after recovery 0 0 398 398" },
        { "a reason that occurs", "not repaired", "not repaired 0 398 0 0" },
        { "a reason that does not", "evicted", NULL },
        { "missing is always shown", "missing", "missing 0 0 0 0" },
        { "doubles are always shown", "delivered twice", "delivered twice 0 0 0 0" },
        { "strangers only when there are any", "not in the plan", NULL },
        { "raw loss, and where it is not known", "before repair, datagrams lost",
          "before repair, datagrams lost - 398 398 398" },
        { "of how many", "of datagrams sent", "of datagrams sent - 20,000 20,000 20,000" },
        { "raw share", "before repair, %", "before repair, % - 1.990 1.990 1.990" },
        { "sigma counts datagrams", "off the configured loss", "off the configured loss, sigma - -0.10 -0.10 -0.10" },
        { "what the line's queue dropped", "packets that the queue dropped",
          "packets that the queue dropped 12 0 0 345" },
        { "no blackout, no row", "packets in the blackout", NULL },
        { "loss after repair", "after repair, %", "after repair, % of events 0.000 1.990 0.000 0.000" },
        { "thousands in spans", "max", "max 213.55 27.01 132.80 1,132.80" },
        { "bytes of a delivery", "on the wire, bytes", "on the wire, bytes (IP) - 168.0 168.0 168.0" },
        { "CPU of a delivery", "server CPU", "server CPU, us 4.50 - - -" },
        { "paired median", "median", "median - -7.81 -7.81 -7.81" },
        { "its interval", "95 % interval", "95 % interval from - -8.01 -8.01 -8.01" },
        { "to its end", "to ", "to - -7.61 -7.61 -7.61" },
        { "paired by", "paired by", "paired by - same event same event same event" },
        { "title with unit and reference", "paired difference",
          "paired difference to tcp, ms (below 0: faster than tcp)" },
        { "TCP's conditions", "tcp ", "tcp recovery on (offset bytes included), TCP_NODELAY on, congestion" },
        { "UDP's conditions", "udp ", "udp not congestion controlled, receive buffer 212,992 B" },
        { "seed, plan, epoch", "identity",
          "identity seed 18446744073709551615, plan feedfacecafebeef, epoch 1a2b3c4d" },
        { "load", "load", "load 200 events/s of 64 B for 20.00s: 4,000 events; 5 subscribers a path" },
        { "lateness against its bound", "emulator lateness", "emulator lateness, us 25.0 93.0 410.0 2,000.0 ok" },
        { "the first words", "Valid run",
          "Valid run. All 80,000 outcomes accounted for: missing = 0, delivered twice = 0." },
};

static void cells(void **state)
{
        const struct cell_row *row = *state;
        struct report *r = sample();
        report_judge(r);
        char *text = printed(r), line[512];
        char *found = line_of(text, row->label, line);
        if (row->line) {
                assert_non_null(found);
                squeeze(found);
                assert_string_equal(found, row->line);
        } else {
                assert_null(found);
        }
        free(text);
        free(r);
}

static void narrow(const char *text)
{
        for (const char *at = text; *at; at += strcspn(at, "\n") + 1) {
                if (strcspn(at, "\n") > REPORT_WIDTH)
                        fail_msg("wider than %d: %.*s", REPORT_WIDTH, (int)strcspn(at, "\n"), at);
        }
}

/* No figure, however large, and no text, however long, makes a line wider than the terminal. */
static void width(void **state)
{
        (void)state;
        struct report *r = sample();
        r->paths_n = 7;
        for (uint32_t i = 4; i < 7; i++)
                r->paths[i] = r->paths[i - 3];
        memset(r->scenario, 'x', sizeof r->scenario - 1);
        memset(r->kernel, 'y', sizeof r->kernel - 1);
        snprintf(r->network_why, sizeof r->network_why, "no namespaces: %0200d", 7);
        r->network = REPORT_LOOPBACK;
        r->paths[3].tally.outcomes[LEDGER_NONE] = 999999999999;
        r->paths[3].raw_lost = 99999999;
        r->paths[3].raw_sent = 999999999;
        r->paths[3].delay = dist(1, 1e5, 1e6, 2e6, 3e6, 4300000.5);
        r->paths[3].versus.mean = (struct compare_interval){ -1e12, -2e12, 1e12 };
        r->validity.emulator.late.p99_ns = 4000000000000;
        report_judge(r);
        char *text = printed(r);
        narrow(text);
        free(text);
        free(r);
}

/* ---- the verdict ---- */

static void lose_one(struct report *r)
{
        r->paths[1].tally.outcomes[LEDGER_LIVE]--;
        r->paths[1].tally.outcomes[LEDGER_NONE]++;
}

static void double_one(struct report *r)
{
        r->paths[2].tally.duplicates = 1;
}

static void emulator_late(struct report *r)
{
        r->validity.emulator.late.p99_ns = 3100000;
}

static void generator_late(struct report *r)
{
        r->validity.generator.late.p99_ns = 2000001;
}

static void at_the_bound(struct report *r)
{
        r->validity.generator.late.p99_ns = 2000000;
}

static void device_drops(struct report *r)
{
        r->validity.device.dropped = 7;
}

static void buffer_drops(struct report *r)
{
        r->validity.udp_buffer.dropped = 2;
}

static void both(struct report *r)
{
        lose_one(r);
        emulator_late(r);
}

static void on_loopback(struct report *r)
{
        r->network = REPORT_LOOPBACK;
        r->validity.emulator.known = r->validity.device.known = false;
        snprintf(r->network_why, sizeof r->network_why, "this machine allows no namespaces");
}

static void nothing(struct report *r)
{
        r->paths_n = 0;
}

static void as_it_is(struct report *r)
{
        (void)r;
}

static const struct verdict_row {
        const char *name;
        void (*change)(struct report *r);
        int exit_code;
        const char *first; /* what the first line with words says */
        const char *also;  /* NULL, or what must be in the text too */
} verdict_rows[] = {
        { "all is well", as_it_is, 0, "Valid run. All 80,000 outcomes accounted for", NULL },
        { "one missing", lose_one, 1, "##  NOT ALL ACCOUNTED FOR: udp-raw: 1 missing", NULL },
        { "one doubled", double_one, 1, "##  NOT ALL ACCOUNTED FOR: udp-nack-ordered: 1 delivered twice", NULL },
        { "emulator late", emulator_late, 4, "##  INVALID RUN: do not quote these figures: emulator lateness p99",
          "BROKEN" },
        { "generator late", generator_late, 4, "##  INVALID RUN: do not quote these figures: generator lateness",
          NULL },
        { "at the bound is within it", at_the_bound, 0, "Valid run.", NULL },
        { "device drops", device_drops, 4, "##  INVALID RUN: do not quote these figures: 7 packets dropped by",
          "BROKEN" },
        { "receive buffer drops", buffer_drops, 4,
          "##  INVALID RUN: do not quote these figures: 2 datagrams dropped by", NULL },
        { "missing outweighs invalid, and both are said", both, 1,
          "##  INVALID RUN:", "##  NOT ALL ACCOUNTED FOR: udp-raw: 1" },
        { "loopback is said loudly", on_loopback, 0,
          "##  NO BAD NETWORK: paths ran on loopback, without delay and without loss",
          "emulator lateness, us       not measured" },
        { "nothing measured is not valid", nothing, 4,
          "##  INVALID RUN: do not quote these figures: no path was measured", NULL },
};

static void verdict(void **state)
{
        const struct verdict_row *row = *state;
        struct report *r = sample();
        row->change(r);
        assert_int_equal(report_judge(r), row->exit_code);
        char *text = printed(r);
        const char *first = text;
        while (strncmp(first, "####", 4) == 0)
                first = strchr(first, '\n') + 1;
        if (strncmp(first, row->first, strlen(row->first)) != 0)
                fail_msg("the first line is %.*s", (int)strcspn(first, "\n"), first);
        if (row->also)
                assert_non_null(strstr(text, row->also));
        narrow(text);
        free(text);
        free(r);
}

/* ---- taking figures from the measuring modules ---- */

static struct plan_event planned[] = { { 0, 100 }, { 10 * NS_PER_MS, 200 }, { 20 * NS_PER_MS, 300 } };
static const struct plan plan = { planned, 3, { 0 } };

static struct ledger *heard(const char *name, int64_t delay_ms, bool lose_last)
{
        struct ledger *l = ledger_create(name, 1, &plan, 2);
        for (uint32_t i = 0; i < 3; i++) {
                ledger_placed(l, i, (struct ledger_place){ 77, i + 1, i + 1 });
                ledger_sent(l, i, ledger_intended(l, i));
                for (uint32_t s = 0; s < 2; s++) {
                        if (!(lose_last && i == 2))
                                ledger_received(l, s, i, false,
                                                mono_add(ledger_intended(l, i), (delay_ms + i) * NS_PER_MS));
                }
        }
        for (uint32_t s = 0; s < 2 && lose_last; s++)
                ledger_gap(l, s, &(struct ledger_gap){ LEDGER_SEQ, 77, 3, 3, LEDGER_NOT_REPAIRED });
        ledger_settle(l);
        return l;
}

static void takes(void **state)
{
        (void)state;
        struct ledger *tcp = heard("tcp", 30, false), *udp = heard("udp-raw", 25, true);
        struct gapstat *g = gapstat_create(2);
        gapstat_lost(g, 0, MONO_NEVER, 1, (struct mono){ 0 });
        gapstat_recovered(g, 1, (struct mono){ 0 }, (struct mono){ 27 * NS_PER_MS });
        gapstat_finish(g);
        static struct seqstat order[2];
        seqstat_arrived(&order[0], 2, (struct mono){ 0 }, (struct mono){ 0 });
        seqstat_arrived(&order[0], 1, (struct mono){ 0 }, (struct mono){ 32 });
        seqstat_arrived(&order[1], 1, (struct mono){ 0 }, (struct mono){ 0 });
        struct report_path p = { 0 };
        assert_int_equal(report_take_ledger(&p, udp), 0);
        report_take_gaps(&p, g);
        report_take_order(&p, order, 2);
        assert_int_equal(report_take_versus(&p, tcp, udp, &(struct compare_setup){ 1, 100, 1 }), 0);

        assert_string_equal(p.name, "udp-raw");
        assert_int_equal(p.epoch, 77);
        assert_int_equal(p.tally.outcomes[LEDGER_LIVE], 4);
        assert_int_equal(p.tally.outcomes[LEDGER_LOST], 2);
        assert_int_equal(p.payload_bytes, 2 * (100 + 200));
        assert_int_equal(p.delay.count, 4);
        assert_int_equal(p.delay.max_ns, 26 * NS_PER_MS);
        assert_int_equal(p.variation.count, 2);
        assert_int_equal(p.variation.max_ns, NS_PER_MS);
        assert_int_equal(p.lost_runs.runs, 2);
        assert_int_equal(p.raw_runs.runs, 2);
        assert_int_equal(p.recovery.p50_ns, 27 * NS_PER_MS);
        assert_int_equal(p.gaps_lost, 1);
        assert_int_equal(p.arrivals, 3);
        assert_int_equal(p.reordered, 1);
        assert_int_equal(p.extent_max, 1);
        assert_true(p.jitter_ns == 1); /* a sixteenth of 32 at one of two */
        assert_true(p.versus_known && p.versus_one_epoch);
        assert_int_equal(p.versus.pairs, 4);
        assert_true(p.versus.median.value == -5e6);
        ledger_destroy(tcp);
        ledger_destroy(udp);
        gapstat_destroy(g);
}

int main(int argc, char **argv)
{
        /* `test_report show` prints the sample, for the eye. */
        if (argc == 2 && strcmp(argv[1], "show") == 0) {
                struct report *r = sample();
                report_judge(r);
                report_print(r, stdout);
                free(r);
                return 0;
        }
        const struct CMUnitTest tests[] = { cmocka_unit_test(width), cmocka_unit_test(takes) };
        int failed = RUN_ROWS("report table", cell_rows, cells);
        failed += RUN_ROWS("report verdict", verdict_rows, verdict);
        return failed + cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
