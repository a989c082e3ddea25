/* gaps_inside: what gaps.c and gaps_ask.c share: the states of a hole. */
#ifndef CORE_WIRE_GAPS_INSIDE_H
#define CORE_WIRE_GAPS_INSIDE_H
#include "core/wire/gaps.h"
#include "core/wire/place.h"

enum { HELD, ABSENT, ASK, WAIT, GONE, ENDED };

/* Cuts hole i so that from..to, a part of it, stands alone; *at is where. False: no place. */
bool gaps_isolate(struct gaps *g, uint32_t i, uint64_t from, uint64_t to, uint32_t *at);

/* A hole is not late for so long. */
int64_t gaps_reorder_ns(const struct gaps *g, struct mono now, const struct resend *rtt);

static inline void gaps_hole_end(struct gaps_hole *h, uint8_t reason)
{
        h->state = ENDED;
        h->reason = reason;
}

#endif
