/* udp_due: which of many deadlines is the next? A binary heap of entries that live in their
 * owners; each knows its place, so that moving one costs log n.
 *
 * A deadline that is put off, as every session's is in every turn that sends, is only noted: the
 * entry keeps its place until that comes up, and moves then. So an instant told here is one at
 * which there *may* be something due, never too late. What the heap compares stands in the heap: an
 * entry finds its place without a look into ten others' owners. */
#ifndef UDP_SERVER_UDP_DUE_H
#define UDP_SERVER_UDP_DUE_H
#include <stdint.h>

#include "core/base/mono.h"

struct udp_due {
        struct mono at;     /* when it is due */
        struct mono placed; /* what the heap knows: at, or earlier */
        void *owner;
        uint32_t place; /* in the heap, from 1; 0: not in it */
};

struct udp_due_place {
        struct mono placed; /* the entry's */
        struct udp_due *due;
};

struct udp_dues {
        struct udp_due_place *heap; /* heap[0] is place 1 */
        uint32_t n, cap;
};

/* Makes room for so many entries, so that udp_due_set never fails. Returns 0 or ERR_NO_MEMORY. */
int udp_dues_reserve(struct udp_dues *h, uint32_t entries);

/* Puts the entry at a new instant; MONO_NEVER: takes it out. The caller reserved the room. */
void udp_due_set(struct udp_dues *h, struct udp_due *d, struct mono at);

/* One that is due at `now`, until it is set anew; NULL: none is. */
struct udp_due *udp_dues_due(struct udp_dues *h, struct mono now);

/* Nothing is due before this instant; MONO_NEVER when there is nothing. */
struct mono udp_dues_next_at(const struct udp_dues *h);

void udp_dues_free(struct udp_dues *h);

#endif
