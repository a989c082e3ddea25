/* queue: packets on their way, first in first out, each with the instant when it is due.
 *
 * A ring of equal slots, all of its memory taken at _create: packets_max packets of at most
 * packet_bytes_max each. Packets are copied in, and lent out.
 */
#ifndef LAB_QUEUE_H
#define LAB_QUEUE_H
#include "core/base/bytes.h"
#include "core/base/mono.h"

#include <stdbool.h>
#include <stddef.h>

struct queue;

/* NULL: out of memory. Both limits are at least 1. */
struct queue *queue_create(size_t packets_max, size_t packet_bytes_max);
void queue_destroy(struct queue *q); /* NULL is fine */

/* Puts a packet last (copies it). `due` does not lie before that of the packet ahead of it.
 * Returns 0, ERR_FULL, or ERR_TOO_BIG for more than packet_bytes_max. */
int queue_put(struct queue *q, struct mono due, struct bytes packet);

/* Takes the first packet if it is due at `now`: true, with *packet borrowed until the next put. */
bool queue_take(struct queue *q, struct mono now, struct bytes *packet, struct mono *due);

struct mono queue_due(const struct queue *q); /* when the first is due; MONO_NEVER: empty */
size_t queue_packets(const struct queue *q);

#endif
