/* classify: does a UDP datagram carry events, and which is the first?
 *
 * The link keys the fate of such a datagram by that number, so that two runs of one seed lose the
 * same events whatever else was on the wire between them.
 */
#ifndef LAB_CLASSIFY_H
#define LAB_CLASSIFY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Puts the seq of the first good DATA message in a UDP payload into *first_seq; the number of its
 * fragment, from 0, in the bits from 57 on. Returns false, *first_seq left alone, when there is none
 * or the datagram is one that its receiver would drop whole. Any bytes will do. */
bool classify_dgram(const uint8_t *payload, size_t payload_bytes, uint64_t *first_seq);

#endif
