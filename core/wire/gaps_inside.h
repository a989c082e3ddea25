/* gaps_inside: what gaps.c and gaps_ask.c share: the states of a hole, and the places of the book. */
#ifndef CORE_WIRE_GAPS_INSIDE_H
#define CORE_WIRE_GAPS_INSIDE_H
#include "core/wire/gaps.h"

enum { HELD, ABSENT, ASK, WAIT, GONE, ENDED };

static inline void gaps_hole_end(struct gaps_hole *h, uint8_t reason)
{
        h->state = ENDED;
        h->reason = reason;
}

/* A place is a seq and the number of a fragment. */
static inline uint64_t first_place(uint64_t seq)
{
        return seq * DGRAM_FRAGMENTS_MAX;
}

static inline uint64_t last_place(uint64_t seq)
{
        return first_place(seq) + DGRAM_FRAGMENTS_MAX - 1;
}

static inline uint64_t seq_of(uint64_t place)
{
        return place / DGRAM_FRAGMENTS_MAX;
}

#endif
