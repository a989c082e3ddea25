/* gaps_inside: what gaps.c and gaps_ask.c share: the states of a hole. */
#ifndef CORE_WIRE_GAPS_INSIDE_H
#define CORE_WIRE_GAPS_INSIDE_H
#include "core/wire/gaps.h"
#include "core/wire/place.h"

enum { HELD, ABSENT, ASK, WAIT, GONE, ENDED };

static inline void gaps_hole_end(struct gaps_hole *h, uint8_t reason)
{
        h->state = ENDED;
        h->reason = reason;
}

#endif
