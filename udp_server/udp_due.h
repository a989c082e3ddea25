/* udp_due: which of many deadlines is the next? A binary heap of entries that live in their
 * owners; each knows its place, so that moving one costs log n. */
#ifndef UDP_SERVER_UDP_DUE_H
#define UDP_SERVER_UDP_DUE_H
#include <stdint.h>

#include "core/base/mono.h"

struct udp_due {
        struct mono at;
        void *owner;
        uint32_t place; /* in the heap, from 1; 0: not in it */
};

struct udp_dues {
        struct udp_due **heap; /* heap[0] is place 1 */
        uint32_t n, cap;
};

/* Makes room for so many entries, so that udp_due_set never fails. Returns 0 or ERR_NO_MEMORY. */
int udp_dues_reserve(struct udp_dues *h, uint32_t entries);

/* Puts the entry at a new instant; MONO_NEVER: takes it out. The caller reserved the room. */
void udp_due_set(struct udp_dues *h, struct udp_due *d, struct mono at);

/* The earliest; NULL or MONO_NEVER when there is none. */
struct udp_due *udp_dues_first(const struct udp_dues *h);
struct mono udp_dues_first_at(const struct udp_dues *h);

void udp_dues_free(struct udp_dues *h);

#endif
