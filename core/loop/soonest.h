/* soonest: many instants, and which of them comes first.
 *
 * The entries live inside their owners; nothing is ever allocated, so nothing can fail. Putting one
 * in and looking at the first take constant time, taking one out O(log n) on average over many.
 * No clock. A heap is a pointer to its first entry, NULL while it is empty.
 *
 * Source: Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", Algorithmica 1 (1986).
 */
#ifndef CORE_LOOP_SOONEST_H
#define CORE_LOOP_SOONEST_H
#include "core/base/mono.h"

struct soon {
        struct mono at;     /* its owner's to set while it is in no heap */
        struct soon *child; /* the first of those that come after this one */
        struct soon *next;  /* its sibling */
        struct soon *prev;  /* its elder sibling, the first child's parent; NULL: the heap's first */
};

void soonest_put(struct soon **first, struct soon *s);  /* s is in no heap */
void soonest_take(struct soon **first, struct soon *s); /* s is in this one */

#endif
