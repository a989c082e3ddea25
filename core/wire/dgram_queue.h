/* dgram_queue: the control messages that one side of a session has still to send.
 *
 * Messages are put in ready to go, with the session's header and a fresh pktno, and are lent from
 * there; no events of rooms. Bounded: full means that the other side, or the path, has not taken
 * 16 KiB of control. No I/O, no clock.
 */
#ifndef CORE_WIRE_DGRAM_QUEUE_H
#define CORE_WIRE_DGRAM_QUEUE_H
#include "core/wire/dgram.h"

enum { DGRAM_QUEUE_BYTES_MAX = 16384 };

/* Zeroed, with tag and epoch set, it is ready. */
struct dgram_queue {
        uint64_t tag; /* of the session */
        uint32_t epoch;
        uint32_t pktno;   /* last given */
        struct buf ready; /* whole messages, back to back */
};

/* Appends the message; class S types that have a session header get it. Returns 0, ERR_FULL or
 * ERR_NO_MEMORY (nothing was appended). */
int dgram_queue_put(struct dgram_queue *q, struct dgram_msg *m);

/* May there be no place for one more message? */
static inline bool dgram_queue_is_full(const struct dgram_queue *q)
{
        return q->ready.n + DGRAM_BYTES_MAX > DGRAM_QUEUE_BYTES_MAX;
}

/* Gives m the session's header with the next pktno, for a message that goes its own way. */
void dgram_queue_address(struct dgram_queue *q, struct dgram_msg *m);

/* Bytes of the whole messages at the front that fit into `room` together. */
size_t dgram_queue_front(const struct dgram_queue *q, size_t room);

void dgram_queue_free(struct dgram_queue *q);

#endif
