/* A scenario in words, as a number, and as what a link does. */
#include "tests/unit/harness.h"

#include "lab/classify.h"
#include "lab/scenario.h"

#include <string.h>

struct row {
        const char *name;
        struct scenario scenario;
        const char *words;
};

static const struct row rows[] = {
        { "nothing bad", { 0 }, "rtt 0ns, loss 0% each way" },
        { "delay both ways is a round trip", { .delay_ns = 25 * NS_PER_MS }, "rtt 50.0ms, loss 0% each way" },
        { "a blackout",
          { .blackout_at_ns = 9 * NS_PER_S, .blackout_for_ns = 2 * NS_PER_S },
          "rtt 0ns, loss 0% each way, blackout of 2.00s at 9.00s" },
        { "a line",
          { .rate = 1250000, .queue_bytes = 25000 },
          "rtt 0ns, loss 0% each way, 10 Mbit/s behind a queue of 25000 B" },
        { "a line, its queue not said",
          { .rate = 16000 },
          "rtt 0ns, loss 0% each way, 0.128 Mbit/s behind a queue of 64000 B" },
        { "a queue without a line is none", { .queue_bytes = 25000 }, "rtt 0ns, loss 0% each way" },
        { "a blackout of no length is none", { .blackout_at_ns = 9 * NS_PER_S }, "rtt 0ns, loss 0% each way" },
};

static void says(void **state)
{
        const struct row *row = *state;
        char text[SCENARIO_TEXT_MAX];
        assert_string_equal(scenario_text(&row->scenario, text), row->words);
}

static void loss_is_said(void **state)
{
        (void)state;
        char text[SCENARIO_TEXT_MAX];
        struct scenario s = { .loss = loss_bernoulli(.025) };
        assert_string_equal(scenario_text(&s, text), "rtt 0ns, loss 2.5% each way");
}

/* Whatever a scenario says changes its hash, and nothing else does. */
static void each_part_is_in_the_hash(void **state)
{
        (void)state;
        const struct scenario s = { 1, loss_bernoulli(.02), 2, 3, 0, 0 }, line = { 1, loss_bernoulli(.02), 2, 3, 4, 5 };
        struct scenario other[] = { s, s, s, s, s, line, line, line };
        other[0].delay_ns++;
        other[1].loss = loss_bernoulli(.03);
        other[2].loss = (struct loss){ 0 };
        other[3].blackout_at_ns++;
        other[4].blackout_for_ns++;
        other[6].rate++;
        other[7].queue_bytes++;
        assert_true(scenario_hash(&other[5]) != scenario_hash(&other[6]));
        assert_true(scenario_hash(&other[5]) != scenario_hash(&other[7]));
        struct scenario same = { 1, loss_bernoulli(.02), 2, 3, 0, 0 };
        assert_true(scenario_hash(&same) == scenario_hash(&s));
        for (size_t i = 0; i < sizeof other / sizeof *other; i++)
                assert_true(scenario_hash(&other[i]) != scenario_hash(&s));
}

static void a_link_does_what_it_says(void **state)
{
        (void)state;
        const struct scenario s = { 1, loss_bernoulli(.02), 2, 3, 4, 5 };
        struct link_config way = scenario_link(&s, 42);
        assert_true(way.seed == 42 && way.delay_ns == 1 && way.blackout_at_ns == 2 && way.blackout_for_ns == 3);
        assert_true(way.rate == 4 && way.queue_bytes == 5);
        assert_true(loss_expected(&way.loss) == .02 && way.classify == classify_dgram);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(loss_is_said),
                cmocka_unit_test(each_part_is_in_the_hash),
                cmocka_unit_test(a_link_does_what_it_says),
        };
        return RUN_ROWS("scenario", rows, says) + cmocka_run_group_tests_name("scenario", tests, NULL, NULL);
}
