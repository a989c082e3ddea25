/* backoff: how long does one of many receivers wait before it asks, so that others need not?
 *
 * All who miss the same datagram would ask at once. So each waits a random time, most of them long and a few
 * short (a truncated exponential distribution), and whoever hears meanwhile that the repair is coming keeps
 * silent. With max_ns = 6 round trips of the group, where an NCF comes one after the first NACK, 2.8 of 50 have
 * asked by then, and 4.7 of 1,000.
 *
 * Value module: no state, no heap, no clock.
 *
 * Source: RFC 5401 3.2.2 (its RandomBackoff), RFC 5740 5.3.
 */
#ifndef CORE_WIRE_BACKOFF_H
#define CORE_WIRE_BACKOFF_H
#include <stdint.h>

enum { BACKOFF_K = 6 }; /* round trips, where NACKs are unicast: an NCF has to come first. 4 if all hear them */

/* A span within 0..max_ns for a group of so many. unit: uniform in [0, 1), the caller's randomness. */
int64_t backoff_ns(int64_t max_ns, uint32_t group, double unit);

#endif
