#include "lab/scenario.h"

#include "core/base/err.h"
#include "core/base/options.h"
#include "core/base/rng.h"
#include "core/base/units.h"
#include "lab/bottleneck.h"
#include "lab/classify.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t queue_of(const struct scenario *s)
{
        return s->queue_bytes > 0 ? s->queue_bytes : BOTTLENECK_QUEUE_BYTES;
}

const char *scenario_text(const struct scenario *s, char text[SCENARIO_TEXT_MAX])
{
        char rtt[UNITS_TEXT_MAX], at[UNITS_TEXT_MAX], span[UNITS_TEXT_MAX];
        int n = snprintf(text, SCENARIO_TEXT_MAX, "rtt %s, loss %.4g%% each way", units_span_text(2 * s->delay_ns, rtt),
                         100 * loss_expected(&s->loss));
        if (s->rate > 0)
                n += snprintf(text + n, SCENARIO_TEXT_MAX - (size_t)n, ", %.4g Mbit/s behind a queue of %" PRIu64 " B",
                              (double)s->rate * 8 / 1e6, queue_of(s));
        if (s->blackout_for_ns > 0)
                snprintf(text + n, SCENARIO_TEXT_MAX - (size_t)n, ", blackout of %s at %s",
                         units_span_text(s->blackout_for_ns, span), units_span_text(s->blackout_at_ns, at));
        return text;
}

uint64_t scenario_hash(const struct scenario *s)
{
        const struct rng r = rng_seeded(0, "scenario hash");
        const struct rng loss = rng_seeded(0, loss_name(&s->loss));
        const double share = loss_expected(&s->loss);
        uint64_t share_bits;
        _Static_assert(sizeof share == sizeof share_bits, "a double is 64 bits");
        memcpy(&share_bits, &share, sizeof share_bits);
        const uint64_t all[] = {
                (uint64_t)s->delay_ns,        rng_at(&loss, 0),  share_bits, (uint64_t)s->blackout_at_ns,
                (uint64_t)s->blackout_for_ns, (uint64_t)s->rate, queue_of(s)
        };
        /* One without a line keeps the hash it had before there were any. */
        return rng_keyed(&r, all, sizeof all / sizeof *all - (s->rate > 0 ? 0 : 2));
}

struct link_config scenario_link(const struct scenario *s, uint64_t seed)
{
        return (struct link_config){ .seed = seed,
                                     .delay_ns = s->delay_ns,
                                     .loss = s->loss,
                                     .rate = s->rate,
                                     .queue_bytes = queue_of(s),
                                     .blackout_at_ns = s->blackout_at_ns,
                                     .blackout_for_ns = s->blackout_for_ns,
                                     .classify = classify_dgram };
}

enum { KEY_DELAY = 0x3000, KEY_LOSS, KEY_BANDWIDTH, KEY_QUEUE, KEY_BLACKOUT_AT, KEY_BLACKOUT_FOR };

enum { SCENARIO_RATE_BPS_MIN = 12000, SCENARIO_QUEUE_MIN = 1500, SCENARIO_QUEUE_MAX = 20000000 };
#define SCENARIO_RATE_BPS_MAX UINT64_C(100000000000)
#define SCENARIO_SPAN_MAX_NS  (3600 * NS_PER_S)
#define SCENARIO_DELAY_MAX_NS (10 * NS_PER_S)

static const struct argp_option option_list[] = {
        { 0, 0, 0, 0, "The bad network:", 60 },
        { "delay", KEY_DELAY, "SPAN", 0, "how long each packet takes, each way", 0 },
        { "loss", KEY_LOSS, "SHARE", 0, "share of the packets that are lost, each way", 0 },
        { "bandwidth", KEY_BANDWIDTH, "BITRATE", 0,
          "of a line that everything shares, each way, as in 10mbit (no bound)", 0 },
        { "queue", KEY_QUEUE, "SIZE", 0,
          "how much may wait in front of that line; what finds no place is dropped (64kb)", 0 },
        { "blackout-at", KEY_BLACKOUT_AT, "SPAN", 0, "when both ways go dark", 0 },
        { "blackout-for", KEY_BLACKOUT_FOR, "SPAN", 0, "how long they stay so", 0 },
        { 0 },
};

static struct loss read_loss(const char *text)
{
        struct loss loss = { 0 };
        int err = loss_parse(text, &loss);
        if (err == ERR_NOT_FOUND)
                options_fail("--loss %s: there is no such loss model; write it as in 2%%", text);
        if (err)
                options_share("loss", text); /* says what is wrong with the number, and ends */
        return loss;
}

/* What would change nothing was meant otherwise. */
static void check(const struct scenario *s)
{
        if (s->blackout_at_ns > 0 && s->blackout_for_ns == 0)
                options_fail("--blackout-at: for how long? --blackout-for is missing, as in --blackout-for 2s");
        if (s->queue_bytes > 0 && s->rate == 0)
                options_fail("--queue: in front of which line? --bandwidth is missing, as in --bandwidth 10mbit");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct scenario *s = state->input;
        switch (key) {
        case KEY_DELAY:
                s->delay_ns = options_span("delay", arg, 0, SCENARIO_DELAY_MAX_NS);
                return 0;
        case KEY_LOSS:
                s->loss = read_loss(arg);
                return 0;
        case KEY_BANDWIDTH:
                s->rate =
                        (int64_t)(options_bitrate("bandwidth", arg, SCENARIO_RATE_BPS_MIN, SCENARIO_RATE_BPS_MAX) / 8);
                return 0;
        case KEY_QUEUE:
                s->queue_bytes = options_size("queue", arg, SCENARIO_QUEUE_MIN, SCENARIO_QUEUE_MAX);
                return 0;
        case KEY_BLACKOUT_AT:
                s->blackout_at_ns = options_span("blackout-at", arg, 0, SCENARIO_SPAN_MAX_NS);
                return 0;
        case KEY_BLACKOUT_FOR:
                s->blackout_for_ns = options_span("blackout-for", arg, 0, SCENARIO_SPAN_MAX_NS);
                return 0;
        case ARGP_KEY_SUCCESS:
                check(s);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

const struct argp scenario_argp = { option_list, parse, NULL, NULL, NULL, NULL, NULL };
