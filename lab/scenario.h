/* scenario: what a bad network does, apart from whom it does it to.
 *
 * Both ways alike. Its text and hash stand in every result, so that results of one scenario are
 * known by it; the seed is no part of it.
 */
#ifndef LAB_SCENARIO_H
#define LAB_SCENARIO_H
#include "lab/link.h"

#include <argp.h>

struct scenario {
        int64_t delay_ns; /* one way */
        struct loss loss; /* each way */
        int64_t blackout_at_ns, blackout_for_ns;
        int64_t rate;         /* bytes per second, each way; 0: without end */
        uint64_t queue_bytes; /* in front of that; 0: BOTTLENECK_QUEUE_BYTES */
};

enum { SCENARIO_TEXT_MAX = 160 };

/* Writes "rtt 50.0ms, loss 2% each way, 10 Mbit/s behind a queue of 64000 B, blackout of 2.00s at 9.00s" into text and
 * returns text. */
const char *scenario_text(const struct scenario *s, char text[SCENARIO_TEXT_MAX]);

/* 64 bits over all that the scenario says. */
uint64_t scenario_hash(const struct scenario *s);

/* One direction of a link that does it; the rest of the config is the caller's to fill. */
struct link_config scenario_link(const struct scenario *s, uint64_t seed);

/* The options --delay, --loss, --bandwidth, --queue, --blackout-at and --blackout-for: an argp child whose input is a
 * struct scenario. */
extern const struct argp scenario_argp;

#endif
