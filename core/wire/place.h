/* place: a seq and the number of a fragment as one number, in order.
 *
 * 64 places to a seq, one for each fragment that an event can have (a bitmap has no more). What keeps
 * ranges of events so keeps ranges of their fragments: a whole event is all its places.
 * Seqs are at most DGRAM_COUNT_MAX.
 */
#ifndef CORE_WIRE_PLACE_H
#define CORE_WIRE_PLACE_H
#include <stdint.h>

enum { PLACES = 64 };

static inline uint64_t place_of(uint64_t seq, uint8_t fragment)
{
        return seq * PLACES + fragment;
}

static inline uint64_t place_first(uint64_t seq)
{
        return place_of(seq, 0);
}

static inline uint64_t place_last(uint64_t seq)
{
        return place_of(seq, PLACES - 1);
}

static inline uint64_t place_seq(uint64_t place)
{
        return place / PLACES;
}

#endif
