/* plan: when each event of a run is meant to be said, and how large it is.
 *
 * All instants are fixed before the run starts, in ns after its t0; the run says event i at
 * t0 + events[i].at_ns whatever the network does (open loop), and latency counts from there, so a
 * stall is charged to every event that it delays. Instants never decrease and the first is 0 in a
 * plan from a capture. Both paths carry the same plan.
 *
 * Constant spacing is the default: the run has exactly rate x duration events, and two rates can
 * be compared without the noise of arrivals. A constant plan can fall into step with a periodic
 * timer (a 20 ms heartbeat beside 5 ms spacing); PLAN_POISSON cannot, and also tries bursts.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/packet.h"
#include "bench/payload.h"
#include "core/base/mono.h"

struct plan_event {
        int64_t at_ns;  /* after t0 */
        uint32_t bytes; /* of payload (payload.h) */
};

struct plan_limits {
        uint32_t events_max;
        uint32_t bytes_min, bytes_max; /* an event's payload is clamped to these; bytes_min >= PAYLOAD_BYTES_MIN */
        int64_t gap_ns_max;            /* longest silence that a capture's plan keeps; at most an hour */
        int64_t span_ns_max;           /* a capture's events later than this are left out; 0: no limit */
};

#define PLAN_LIMITS_DEFAULT                                    \
        ((struct plan_limits){ .events_max = 1000000,          \
                               .bytes_min = PAYLOAD_BYTES_MIN, \
                               .bytes_max = PAYLOAD_BYTES_MAX, \
                               .gap_ns_max = NS_PER_S })

/* What became of a capture's packets and of the events' sizes. */
struct plan_tally {
        uint64_t packets;                   /* in the capture, as far as it was read */
        uint64_t verdicts[PACKET_VERDICTS]; /* they add up to packets */
        uint64_t left_out;                  /* had payload, but came after events_max or span_ns_max */
        uint64_t grown, cut;                /* events whose size was raised to bytes_min, lowered to bytes_max */
        uint64_t backwards;                 /* events stamped earlier than one before them; said together with it */
        uint64_t gaps_capped;
        bool cut_short; /* the file ends in the middle of a packet, or is damaged from there on */
};

struct plan {
        struct plan_event *events; /* owned; plan_free */
        uint32_t events_n;
        struct plan_tally tally;
};

enum plan_spacing { PLAN_CONSTANT, PLAN_POISSON };

struct plan_shape {
        double rate_per_s;
        int64_t duration_ns; /* all instants lie before it */
        uint32_t bytes;
        enum plan_spacing spacing;
        uint64_t seed; /* decides Poisson's instants; a constant plan does not depend on it */
};

/* On failure the plan is empty and needs no plan_free.
 * returns  0; ERR_RANGE (rate or duration not above 0, or so short that there is no event);
 *          ERR_TOO_BIG (more than events_max); ERR_NO_MEMORY */
int plan_from_seed(const struct plan_shape *shape, const struct plan_limits *limits, struct plan *plan);

enum { PLAN_WHY_MAX = 320 };

/* One event for every packet with TCP, UDP or SCTP payload of a pcap or pcapng file, at its stamp
 * (to the ns) and with its size. Which way a packet went does not matter.
 *
 * A stamp before an earlier one is said together with that one; when it lies more than gap_ns_max
 * back, the capturing clock was set, and time goes on from the new stamp.
 *
 * why      on failure: one clear sentence for the person who named the file
 * returns  0; ERR_SYSTEM (cannot be opened); ERR_MALFORMED (no capture, or damaged before the
 *          first event); ERR_UNSUPPORTED (link type not in packet.h's list); ERR_NOT_FOUND (no
 *          packet with payload); ERR_NO_MEMORY */
int plan_from_capture(const char *file, const struct plan_limits *limits, struct plan *plan, char why[PLAN_WHY_MAX]);

/* The last event's instant; 0 for an empty plan. */
int64_t plan_span_ns(const struct plan *plan);

/* Sum of all payload bytes. */
uint64_t plan_bytes(const struct plan *plan);

/* 64 bits of SipHash over all instants and sizes: results of the same plan show the same. */
uint64_t plan_hash(const struct plan *plan);

/* Prints what the plan is, and for a capture what was skipped, clamped and capped: one to four
 * lines. */
void plan_describe(const struct plan *plan, FILE *out);

void plan_free(struct plan *plan);

#endif
