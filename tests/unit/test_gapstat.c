#include "tests/unit/harness.h"

#include <string.h>

#include "bench/gapstat.h"

enum { MS = 1000000, TELLINGS = 10 };

/* What an engine tells: at `now_ms`, of the gap opened at `opened_ms`, one event recovered
 * (lost = 0) or some lost. */
struct telling {
        int64_t now_ms;
        uint32_t subscriber;
        int64_t opened_ms; /* -1: not known */
        uint64_t lost;
};

static const struct row {
        const char *name;
        struct telling tellings[TELLINGS];
        uint64_t whole, partly, lost;
        int64_t gap_ms_max, event_ms_min;
        uint64_t events_back, longest;
} rows[] = {
        { "one event, back after 27 ms", { { 127, 0, 100, 0 } }, 1, 0, 0, 27, 27, 1, 1 },
        { "three events of one gap close with the last",
          { { 127, 0, 100, 0 }, { 128, 0, 100, 0 }, { 160, 0, 100, 0 } },
          1,
          0,
          0,
          60,
          27,
          3,
          3 },
        { "two gaps, woven into one another",
          { { 127, 0, 100, 0 }, { 135, 0, 110, 0 }, { 137, 0, 100, 0 }, { 138, 0, 110, 0 } },
          2,
          0,
          0,
          37,
          25,
          4,
          2 },
        { "equal instants at two subscribers are two gaps",
          { { 127, 0, 100, 0 }, { 150, 1, 100, 0 } },
          2,
          0,
          0,
          50,
          27,
          2,
          1 },
        { "a gap that stayed lost has no recovery time", { { 3100, 0, 100, 4 } }, 0, 0, 1, 0, 0, 0, 4 },
        { "a gap that came back in part has none either, its event has",
          { { 127, 0, 100, 0 }, { 3100, 0, 100, 2 } },
          0,
          1,
          0,
          0,
          27,
          1,
          3 },
        { "losses of unknown beginning", { { 3100, 0, -1, 7 }, { 3100, 0, -1, 2 } }, 0, 0, 2, 0, 0, 0, 7 },
        { "nothing lost is nothing", { { 3100, 0, -1, 0 } }, 0, 0, 0, 0, 0, 0, 0 },
};

/* A telling at 0 ms ends the list. */
static void tell(struct gapstat *g, const struct telling *t)
{
        struct mono now = { t->now_ms * MS },
                    opened = t->opened_ms < 0 ? MONO_NEVER : (struct mono){ t->opened_ms * MS };
        if (t->lost || t->opened_ms < 0)
                gapstat_lost(g, t->subscriber, opened, t->lost, now);
        else
                gapstat_recovered(g, t->subscriber, opened, now);
}

static void story(void **state)
{
        const struct row *row = *state;
        struct gapstat *g = gapstat_create(2);
        for (int i = 0; i < TELLINGS && row->tellings[i].now_ms; i++)
                tell(g, &row->tellings[i]);
        gapstat_finish(g);
        struct gapstat_figures f = gapstat_figures(g);
        assert_int_equal(f.gaps_whole, row->whole);
        assert_int_equal(f.gaps_partly, row->partly);
        assert_int_equal(f.gaps_lost, row->lost);
        assert_int_equal(hist_count(f.gap_ns), row->whole);
        assert_int_equal(hist_max(f.gap_ns), row->gap_ms_max * MS);
        assert_int_equal(hist_count(f.event_ns), row->events_back);
        assert_int_equal(hist_min(f.event_ns), row->event_ms_min * MS);
        assert_int_equal(f.raw.longest, row->longest);
        assert_int_equal(f.raw.runs, row->whole + row->partly + row->lost);
        gapstat_destroy(g);
}

/* More gaps at once than are kept open: the one not told of for longest closes first. */
static void many_open(void **state)
{
        (void)state;
        struct gapstat *g = gapstat_create(1);
        for (int64_t i = 0; i < GAPSTAT_OPEN_MAX; i++)
                gapstat_recovered(g, 0, (struct mono){ (100 + i) * MS }, (struct mono){ (200 + i) * MS });
        gapstat_recovered(g, 0, (struct mono){ 100 * MS }, (struct mono){ 300 * MS });
        assert_int_equal(gapstat_figures(g).gaps_whole, 0);
        gapstat_recovered(g, 0, (struct mono){ 250 * MS }, (struct mono){ 301 * MS });
        assert_int_equal(gapstat_figures(g).gaps_whole, 1);
        gapstat_recovered(g, 0, (struct mono){ 100 * MS }, (struct mono){ 400 * MS });
        gapstat_finish(g);
        gapstat_finish(g);
        struct gapstat_figures f = gapstat_figures(g);
        assert_int_equal(f.gaps_whole, GAPSTAT_OPEN_MAX + 1);
        assert_int_equal(hist_max(f.gap_ns), 300 * MS);
        assert_int_equal(f.raw.longest, 3);
        gapstat_destroy(g);
        gapstat_destroy(NULL);
}

static const struct runs_row {
        const char *name;
        const char *events; /* x: lost */
        struct gapstat_runs want;
} runs_rows[] = {
        { "nothing lost", "....", { 0 } },
        { "no events", "", { 0 } },
        { "at the borders", "x..xx", { .runs = 2, .events = 3, .longest = 2, .by_length = { 1, 1 } } },
        { "all", "xxx", { .runs = 1, .events = 3, .longest = 3, .by_length = { 0, 0, 1 } } },
        { "eight and more share a place",
          "xxxxxxx.xxxxxxxx.xxxxxxxxxx",
          { .runs = 3, .events = 25, .longest = 10, .by_length = { 0, 0, 0, 0, 0, 0, 1, 2 } } },
};

static void runs(void **state)
{
        const struct runs_row *row = *state;
        bool lost[32];
        size_t n = strlen(row->events);
        for (size_t i = 0; i < n; i++)
                lost[i] = row->events[i] == 'x';
        struct gapstat_runs got = { 0 };
        gapstat_runs_scan(&got, lost, n);
        assert_int_equal(got.runs, row->want.runs);
        assert_int_equal(got.events, row->want.events);
        assert_int_equal(got.longest, row->want.longest);
        assert_memory_equal(got.by_length, row->want.by_length, sizeof got.by_length);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(many_open) };
        int failed = RUN_ROWS("gapstat", rows, story);
        failed += RUN_ROWS("gapstat runs", runs_rows, runs);
        return failed + cmocka_run_group_tests_name("gapstat bounds", tests, NULL, NULL);
}
