#include "tests/unit/harness.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/figure.h"
#include "bench/report.h"
#include "bench/report_table.h"

/* ---- a run as `compare` would have found it, with round numbers ---- */

static struct report_dist dist(uint64_t count, double p50_ms, double p90_ms, double p99_ms, double p999_ms,
                               double max_ms)
{
        return (struct report_dist){ count,
                                     (int64_t)(p50_ms * 1e6),
                                     (int64_t)(p90_ms * 1e6),
                                     (int64_t)(p99_ms * 1e6),
                                     (int64_t)(p999_ms * 1e6),
                                     (int64_t)(max_ms * 1e6),
                                     p50_ms * 1.1e6 };
}

static struct report_path path(const char *name, uint64_t live, uint64_t recovered, uint64_t lost)
{
        struct report_path p = { .epoch = 0x1a2b3c4d, .subscribers = 5 };
        snprintf(p.name, sizeof p.name, "%s", name);
        p.tally.rows = 20000;
        p.tally.outcomes[LEDGER_LIVE] = live;
        p.tally.outcomes[LEDGER_RECOVERED] = recovered;
        p.tally.outcomes[LEDGER_LOST] = lost;
        p.tally.reasons[LEDGER_NOT_REPAIRED] = lost;
        p.payload_bytes = (live + recovered) * 64;
        p.arrivals = live + recovered;
        p.jitter_ns = 310000;
        return p;
}

static void fill_udp(struct report_path *p, double median_ms)
{
        p->raw_known = true;
        p->raw_sent = 20000;
        p->raw_lost = 398;
        p->raw_runs.longest = 3;
        p->transport_bytes = p->arrivals * 140;
        p->wire_bytes = p->arrivals * 168;
        p->versus_known = p->versus_one_epoch = true;
        p->versus = (struct compare_result){
                .pairs = p->arrivals,
                .median = { median_ms * 1e6, (median_ms - 0.2) * 1e6, (median_ms + 0.2) * 1e6 },
                .mean = { 2 * median_ms * 1e6, (2 * median_ms - 1) * 1e6, 2e6 * median_ms + 1e6 },
                .favour = -0.913,
                .z = -80.5,
                .p = 0,
                .resamples = 1000,
                .block = 500
        };
}

static void fill_run(struct report *r)
{
        snprintf(r->scenario, sizeof r->scenario, "rtt 50ms, loss 2%%");
        snprintf(r->kernel, sizeof r->kernel, "Linux 6.18.0 x86_64");
        snprintf(r->nodelay, sizeof r->nodelay, "on");
        r->seed = UINT64_MAX;
        r->plan_hash = 0xfeedfacecafebeef;
        r->rate_per_s = 200;
        r->payload_size = 64;
        r->events = 4000;
        r->subscribers = 5;
        r->duration_ns = 20 * NS_PER_S;
        r->loss_configured = 0.02;
        r->network = REPORT_LINK;
        r->recovery_on = true;
        r->cores = 2;
        r->drain_ns = 310 * NS_PER_MS;
        r->tcp_rcvbuf_bytes = 131072;
        r->udp_rcvbuf_bytes = 212992;
        r->validity.emulator =
                (struct report_lateness){ true, dist(90000, 0.025, 0.05, 0.093, 0.3, 0.41), 2 * NS_PER_MS };
        r->validity.generator =
                (struct report_lateness){ true, dist(4000, 0.06, 0.08, 0.151, 0.2, 0.6), 2 * NS_PER_MS };
        r->validity.device = (struct report_drops){ true, 0 };
        r->validity.udp_buffer = (struct report_drops){ true, 0 };
}

static struct report *sample(void)
{
        struct report *r = calloc(1, sizeof *r);
        fill_run(r);
        r->paths[0] = path("tcp", 20000, 0, 0);
        r->paths[1] = path("udp-raw", 19602, 0, 398);
        r->paths[2] = path("udp-nack-ordered", 19602, 398, 0);
        r->paths[3] = path("udp-nack-unordered", 19602, 398, 0);
        r->paths_n = 4;
        snprintf(r->paths[0].congestion, sizeof r->paths[0].congestion, "cubic");
        r->paths[0].server_cpu_s = 0.09;
        r->paths[0].delay = r->paths[0].delay_from_sent = dist(20000, 32.91, 78.2, 109.4, 160.3, 213.55);
        r->paths[1].delay = r->paths[1].delay_from_sent = dist(19602, 25.1, 25.3, 25.9, 26.4, 27.01);
        r->paths[2].delay = r->paths[2].delay_from_sent = dist(20000, 25.12, 25.6, 84.3, 97.5, 132.8);
        r->paths[3].delay = r->paths[3].delay_from_sent = dist(20000, 25.11, 25.4, 80.1, 91, 1132.8);
        for (uint32_t i = 1; i < 4; i++)
                fill_udp(&r->paths[i], -7.81);
        for (uint32_t i = 2; i < 4; i++) {
                r->paths[i].recovery = dist(390, 57.3, 61, 83.2, 110, 110.4);
                r->paths[i].gaps_whole = 390;
                r->paths[i].nacks = 401;
        }
        r->paths[3].reordered = 398;
        r->paths[3].extent_max = 17;
        return r;
}

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
        { "loss after repair", "after repair, %", "after repair, % of events 0.000 1.990 0.000 0.000" },
        { "thousands in spans", "max", "max 213.55 27.01 132.80 1,132.80" },
        { "bytes of a delivery", "on the wire, bytes", "on the wire, bytes (IP) - 168.0 168.0 168.0" },
        { "CPU of a delivery", "server CPU", "server CPU, us 4.50 - - -" },
        { "paired median", "median", "median - -7.81 -7.81 -7.81" },
        { "its interval", "95 % interval", "95 % interval - -8.01..-7.61 -8.01..-7.61 -8.01..-7.61" },
        { "paired by", "paired by", "paired by - same event same event same event" },
        { "title with unit and reference", "paired difference",
          "paired difference to tcp, ms (below 0: faster than tcp)" },
        { "TCP's conditions", "tcp ",
          "tcp recovery on (offset bytes included), TCP_NODELAY on, congestion control cubic, receive" },
        { "UDP's conditions", "udp ",
          "udp not congestion controlled, receive buffer 212,992 B" },
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
        { "emulator late", emulator_late, 4,
          "##  INVALID RUN: do not quote these figures: emulator lateness p99 3.1ms is above its bound of 2.0ms",
          "BROKEN" },
        { "generator late", generator_late, 4, "##  INVALID RUN: do not quote these figures: generator lateness p99",
          NULL },
        { "at the bound is within it", at_the_bound, 0, "Valid run.", NULL },
        { "device drops", device_drops, 4, "##  INVALID RUN: do not quote these figures: 7 packets dropped by a device",
          "BROKEN" },
        { "receive buffer drops", buffer_drops, 4,
          "##  INVALID RUN: do not quote these figures: 2 datagrams dropped by a full UDP receive buffer", NULL },
        { "missing outweighs invalid, and both are said", both, 1,
          "##  INVALID RUN:", "##  NOT ALL ACCOUNTED FOR: udp-raw: 1" },
        { "loopback is said loudly", on_loopback, 0,
          "##  NO BAD NETWORK: paths ran on loopback, without delay and without loss (this machine",
          "emulator lateness, us               not measured" },
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

/* ---- results.json ---- */

static json_t *written(const struct report *r)
{
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);
        assert_int_equal(report_write_json(r, out), 0);
        fclose(out);
        json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(read);
        free(text);
        return read;
}

/* Follows a path such as "paths/1/outcomes/missing". */
static json_t *follow(json_t *at, const char *where)
{
        char part[64];
        while (at && *where) {
                size_t n = strcspn(where, "/");
                snprintf(part, sizeof part, "%.*s", (int)n, where);
                at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10)) : json_object_get(at, part);
                where += n + (where[n] == '/');
        }
        return at;
}

static const struct json_row {
        const char *name; /* the place */
        const char *text; /* as JSON */
} json_rows[] = {
        { "schema", "\"twincast-results-1\"" },
        { "seed", "\"18446744073709551615\"" },
        { "verdict/exit_code", "0" },
        { "verdict/valid", "true" },
        { "load/rate_per_s", "200" },
        { "load/plan_hash", "\"feedfacecafebeef\"" },
        { "load/plan_file", "null" },
        { "conditions/scenario", "\"rtt 50ms, loss 2%\"" },
        { "conditions/network", "\"link\"" },
        { "conditions/udp_congestion_controlled", "false" },
        { "validity/emulator/late/p99_ns", "93000" },
        { "validity/emulator/p99_ns_max", "2000000" },
        { "validity/device_drops", "0" },
        { "paths/0/congestion_control", "\"cubic\"" },
        { "paths/1/congestion_control", "null" },
        { "paths/1/outcomes/missing", "0" },
        { "paths/1/outcomes/lost", "398" },
        { "paths/1/outcomes/reasons", "{\"not repaired\": 398}" },
        { "paths/1/loss/raw_share", "0.0199" },
        { "paths/0/loss/raw_share", "null" },
        { "paths/2/latency/p999_ns", "97500000" },
        { "paths/2/recovery/gap/count", "390" },
        { "paths/0/recovery/gap", "null" },
        { "paths/3/order/reordered", "398" },
        { "paths/0/cost/wire_bytes", "null" },
        { "paths/1/versus/path", "\"tcp\"" },
        { "paths/1/versus/median/low_ns", "-8010000" },
        { "paths/0/versus", "null" },
};

static void json_place(void **state)
{
        const struct json_row *row = *state;
        struct report *r = sample();
        report_judge(r);
        json_t *read = written(r), *found = follow(read, row->name);
        assert_non_null(found);
        char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        double number = strtod(row->text, NULL);
        if (json_is_real(found))
                assert_true(fabs(json_real_value(found) - number) <= 1e-6 * fabs(number));
        else
                assert_string_equal(text, row->text);
        free(text);
        json_decref(read);
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

static const struct figure_row {
        const char *name;
        double v;
        int decimals;
        const char *text;
} figure_rows[] = {
        { "nothing", 0, 2, "0.00" },
        { "a thousand", 1000, 0, "1,000" },
        { "no comma yet", 999.4, 0, "999" },
        { "rounds up into one", 999.996, 2, "1,000.00" },
        { "negative", -1234.5, 1, "-1,234.5" },
        { "no minus nought", -0.001, 2, "0.00" },
        { "millions", 1234567.891, 3, "1,234,567.891" },
        { "no number", NAN, 2, "nan" },
        { "beyond commas", 1e30, 2, "1e+30" },
};

static void figure(void **state)
{
        const struct figure_row *row = *state;
        char text[FIGURE_MAX];
        assert_string_equal(figure_decimal(row->v, row->decimals, text) + (isnan(row->v) && text[0] == '-'), row->text);
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
        failed += RUN_ROWS("results.json", json_rows, json_place);
        failed += RUN_ROWS("figure", figure_rows, figure);
        return failed + cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
