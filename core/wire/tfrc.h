/* tfrc: what would a TCP take of this path? The loss event rate, and the rate that follows from it.
 *
 * The receiver keeps a struct tfrc: it sees every datagram that comes and every loss, so it knows the
 * lengths of loss intervals exactly, and tells the sender one number, p (RFC 5348 3.2.2). The sender
 * puts p and its own round trip into the throughput equation. Datagrams that are lost within one
 * round trip of the first are one loss event, as a TCP halves its window once for all of them.
 *
 * A segment is TFRC_SEGMENT_BYTES whatever a datagram's size: a session that has to wait bundles its
 * events into full datagrams, and one of many small ones must not get less for it (RFC 4828).
 *
 * Value module: no heap, no clock; spans in ns.
 *
 * Source: RFC 5348 3.1 (equation, b = 1, t_RTO = 4 R), 5.2, 5.4 and 5.5 (events, weights, discounts), 6.3.1 (first
 * interval).
 */
#ifndef CORE_WIRE_TFRC_H
#define CORE_WIRE_TFRC_H
#include <stdbool.h>
#include <stdint.h>

#include "core/base/mono.h"

enum { TFRC_INTERVALS = 8, TFRC_SEGMENT_BYTES = 1200, TFRC_WINDOW_FIRST = 10 /* segments; RFC 6928 */ };

/* Zeroed: nothing lost yet. */
struct tfrc {
        uint64_t open;                     /* datagrams since the last loss event began; at first, since ever */
        uint64_t interval[TFRC_INTERVALS]; /* those between loss events, the newest first */
        double discount[TFRC_INTERVALS];   /* how much each counts still, 0..1 (RFC 5348 5.5) */
        uint32_t intervals_n;
        struct mono event_at; /* when the last loss event began */
};

/* A datagram came. */
void tfrc_arrived(struct tfrc *t);

/* Something is found to be lost. Within a round trip of the last loss event's beginning it is part of
 * that. Before the first event of all there was no interval; what stands for it goes with a rate: with
 * `received`, bytes per second, where that is more than a first window a round trip (RFC 5348 6.3.1).
 * Below that the path was not probed, and the datagrams so far are an honest count; but it is no
 * shorter than what halves a first window, as a TCP's first loss does. */
void tfrc_lost(struct tfrc *t, struct mono now, int64_t rtt_ns, int64_t received);

/* p, loss events a datagram, 0..1; 0: nothing lost yet. */
double tfrc_loss_rate(const struct tfrc *t);

/* p on the wire: a fraction of 2^32; more than nothing stays more than nothing. */
uint32_t tfrc_wire(double p);
double tfrc_unwire(uint32_t wire);

/* The throughput equation: bytes per second; INT64_MAX where p is 0. rtt_ns > 0 */
int64_t tfrc_rate(int64_t rtt_ns, double p);

/* The p at which the equation gives that rate, within 1 %. */
double tfrc_loss_rate_at(int64_t rtt_ns, int64_t rate);

/* A first window each round trip, bytes per second. */
int64_t tfrc_rate_first(int64_t rtt_ns);

#endif
