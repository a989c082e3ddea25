/* eid_set: which events that went to several rooms have been told already?
 *
 * Such an event arrives once in each of its rooms, perhaps seconds apart when one copy has to be
 * repaired. An eid is remembered for EID_SET_KEEP_NS at least, in two generations: when the younger
 * one is old (or holds EID_SET_MAX) the elder is forgotten. No I/O, no clock; a zeroed struct is an
 * empty set, without heap until the first event of several rooms.
 */
#ifndef CLIENT_EID_SET_H
#define CLIENT_EID_SET_H
#include <stdbool.h>
#include <stdint.h>

#include "core/base/mono.h"

enum { EID_SET_MAX = 65536 };           /* eids in a generation */
#define EID_SET_KEEP_NS (40 * NS_PER_S) /* more than any hole is waited for (GAPS_LAST_NS) */

struct eid_place {
        uint64_t eid; /* 0: empty */
        uint32_t epoch;
};

struct eid_generation {
        struct eid_place *place;
        uint32_t n, cap; /* cap: a power of two, or 0 */
};

struct eid_set {
        struct eid_generation young, old;
        struct mono turned; /* when young was empty */
};

/* Remembers the event. now: of a clock that stands still while no session does, since the copies may
 * come one before an absence and one after it. Returns false when it was known. Without memory it is taken for new. */
bool eid_set_add(struct eid_set *s, struct mono now, uint32_t epoch, uint64_t eid);

void eid_set_free(struct eid_set *s);

#endif
