/* Loss models: what they lose in the long run, and how they are written. */
#include "tests/unit/harness.h"

#include "core/base/err.h"
#include "core/base/rng.h"
#include "lab/loss.h"

#include <math.h>

struct rate_row {
        const char *name;
        double share;
        uint64_t seed;
};

static const struct rate_row rates[] = {
        { "no share loses nothing", 0, 1 }, { "a thousandth", .001, 1 }, { "2 % with seed 1", .02, 1 },
        { "2 % with seed 2", .02, 2 },      { "a third", 1. / 3, 7 },    { "all", 1, 1 },
};

/* Over 200,000 packets the count lies within 4 sigma of the binomial's mean. */
static void long_run(void **state)
{
        const struct rate_row *row = *state;
        const int n = 200000;
        struct rng rng = rng_seeded(row->seed, "loss");
        struct loss loss = loss_bernoulli(row->share);
        int lost = 0;
        for (int i = 0; i < n; i++)
                lost += loss_hits(&loss, rng_at(&rng, (uint64_t)i));
        double mean = n * row->share, sigma = sqrt(mean * (1 - row->share));
        if (fabs(lost - mean) > 4 * sigma)
                fail_msg("seed %lu: %d of %d lost, expected %.0f +- %.0f", row->seed, lost, n, mean, 4 * sigma);
        assert_true(loss_expected(&loss) == row->share);
}

struct parse_row {
        const char *name, *text;
        int err;
        double share;
};

static const struct parse_row texts[] = {
        { "a share is bernoulli", "2%", 0, .02 },
        { "named", "bernoulli:0.5%", 0, .005 },
        { "unit missing", "2", ERR_UNIT, 0 },
        { "unknown model", "burst:2%", ERR_NOT_FOUND, 0 },
        { "half a model's name", "bern:2%", ERR_NOT_FOUND, 0 },
        { "no model's name", ":2%", ERR_NOT_FOUND, 0 },
        { "nothing after the name", "bernoulli:", ERR_MALFORMED, 0 },
        { "more than all", "101%", ERR_RANGE, 0 },
};

static void parse(void **state)
{
        const struct parse_row *row = *state;
        struct loss loss = loss_bernoulli(.25);
        assert_int_equal(loss_parse(row->text, &loss), row->err);
        assert_true(loss_expected(&loss) == (row->err == 0 ? row->share : .25));
        assert_string_equal(loss_name(&loss), "bernoulli");
}

static void without_a_model(void **state)
{
        (void)state;
        struct loss none = { 0 };
        assert_false(loss_hits(&none, 0));
        assert_string_equal(loss_name(&none), "none");
        assert_true(loss_expected(&none) == 0);
}

int main(void)
{
        const struct CMUnitTest plain[] = { cmocka_unit_test(without_a_model) };
        return RUN_ROWS("loss: long run", rates, long_run) + RUN_ROWS("loss: text", texts, parse) +
               cmocka_run_group_tests_name("loss: none", plain, NULL, NULL);
}
