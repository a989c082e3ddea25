/* speed_core: what the core alone costs for a delivery, without sockets: the room log's own share.
 *
 * One hub in this process, N members of everyone, an encoder that copies the event. A turn is what
 * a server's turn asks of the hub: publish W events, announce, walk and advance every member.
 */
#ifndef BENCH_SPEED_CORE_H
#define BENCH_SPEED_CORE_H
#include <stdint.h>

struct speed_core {
        double delivery_ns;    /* of one turn / (N x W) */
        double member_ns;      /* of walk and advance, once a member and turn */
        double event_ns;       /* of publish, and of the encoding by the first walk */
        double encodes;        /* per event */
        uint64_t copied_bytes; /* for single members' sake, in all: 0 */
};

/* Measures about span_ns of processor time. Returns 0 or ERR_NO_MEMORY. */
int speed_core_measure(uint32_t members, uint32_t burst_events, uint32_t event_bytes, int64_t span_ns,
                       struct speed_core *out);

#endif
