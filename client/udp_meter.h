/* udp_meter: what one session's path does to what the server sends: how fast it comes, and how often
 * some of it is lost. It is what REPORTs tell of the whole session, whichever room they are of.
 *
 * The rate is that of datagrams with events, headers included, between the first and the last that
 * came since it was told: a pause before or after them is the application's, not the path's. So what may
 * come when all news has been told, a copy or parity, begins no such span: the next news may be a second away.
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
        bool untold; /* a loss event began since */
        bool awaits; /* one was told, and what is lost until the answer to a PING said with it is of it */
        struct mono event_told_at, heeded_at; /* losses from here on are of another */
        uint64_t kernel_drops;
};

/* A datagram with events came, some of them new, or with parity. */
void udp_meter_came(struct udp_meter *m, struct mono now, size_t bytes, bool news);

/* Something is missing and does not count as late any more. Until the server has heard of the last
 * loss event, and what it sent after that is here, it is part of that: a TCP too has slowed down only
 * then. */
void udp_meter_lost(struct udp_meter *m, struct mono now, int64_t rtt_ns);

/* The answer to a PING came that was sent at `sent`, behind all that the server had sent by then. Losses
 * are noticed late_ns after the next datagrams, at most. */
void udp_meter_answered(struct udp_meter *m, struct mono now, struct mono sent, int64_t late_ns);

/* Is there something to tell before its time? A loss event, but not within a round trip (20 ms at least)
 * of the last time; a loss rate 5 % lower, or, while there is none, a rate a quarter higher, not within
 * 200 ms. */
bool udp_meter_changed(const struct udp_meter *m, struct mono now, int64_t rtt_ns);

/* Fills loss_rate, rate and kernel_drops; measures anew from here on. True: a loss event is told, and a
 * PING is to be said with it. */
bool udp_meter_tell(struct udp_meter *m, struct mono now, int64_t rtt_ns, struct dgram_report *r);

#endif
