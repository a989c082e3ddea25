/* udp_meter: what one session's path does to what the server sends: how fast it comes, and how often
 * some of it is lost. It is what REPORTs tell of the whole session, whichever room they are of.
 *
 * The rate is that of datagrams with events, headers included, between the first and the last that
 * came since it was told: a pause before or after them is the application's, not the path's.
 *
 * Value module: no heap, no clock; zeroed it is ready.
 *
 * Source: RFC 5348 6.1 and 6.2 (when to tell, X_recv).
 */
#ifndef CLIENT_UDP_METER_H
#define CLIENT_UDP_METER_H
#include <stddef.h>

#include "core/wire/dgram.h"
#include "core/wire/tfrc.h"

struct udp_meter {
        struct tfrc tfrc;
        uint64_t bytes; /* since the last REPORT */
        struct mono first, last;
        int64_t rate; /* bytes per second, told last */
        double loss_rate;
        struct mono told_at;
        uint64_t kernel_drops;
};

/* A datagram with events came. */
void udp_meter_came(struct udp_meter *m, struct mono now, size_t bytes);

/* Something is missing and does not count as late any more. */
void udp_meter_lost(struct udp_meter *m, struct mono now, int64_t rtt_ns);

/* Is there something to tell before its time? Losses 5 % more or less frequent, or, while there are
 * none, a rate a quarter higher; not within 200 ms of the last time. */
bool udp_meter_changed(const struct udp_meter *m, struct mono now, int64_t rtt_ns);

/* Fills loss_rate, rate and kernel_drops; measures anew from here on. */
void udp_meter_tell(struct udp_meter *m, struct mono now, int64_t rtt_ns, struct dgram_report *r);

#endif
