/* bottleneck: a line of so many bytes a second, with a drop-tail queue in front of it.
 *
 * It says when each packet will have left the line, or that the queue has no place for it. It holds
 * no packets: all that it needs to know is until when the line is busy. Value module, no clock.
 */
#ifndef LAB_BOTTLENECK_H
#define LAB_BOTTLENECK_H
#include "core/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bottleneck {
        int64_t rate;         /* bytes per second; 0: without end */
        uint64_t queue_bytes; /* that wait, or are being sent; an idle line takes any packet */
        struct mono busy_until;
};

enum { BOTTLENECK_QUEUE_BYTES = 64000 }; /* where nobody says otherwise */

/* A packet comes at `now`, which never runs backwards. True: *left is when its last byte will have
 * left. False: it is dropped. */
bool bottleneck_take(struct bottleneck *b, struct mono now, size_t bytes, struct mono *left);

/* Bytes that are waiting or half sent. */
uint64_t bottleneck_backlog(const struct bottleneck *b, struct mono now);

#endif
