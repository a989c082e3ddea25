/* udp_repair: what one session has asked to be sent again, and how fast it may be.
 *
 * Ranges of places (core/wire/place.h: an event is 64 of them, a fragment one), at most
 * UDP_REPAIR_RANGES_MAX, no bytes. What was repaired within the hold-off is not wanted again: its
 * repair is on its way; nor, for a longer while, what nothing shows yet that it must be there: when a
 * queue has grown on the way, clients ask again too soon. A token bucket keeps repairs within their
 * budget. Value module: no heap, no clock.
 *
 * Source: the project's UDP wire spec, section 7 (sender of repairs) and 8.
 */
#ifndef UDP_SERVER_UDP_REPAIR_H
#define UDP_SERVER_UDP_REPAIR_H
#include <stdbool.h>
#include <stdint.h>

#include "core/base/mono.h"

enum {
        UDP_REPAIR_RANGES_MAX = 128, /* four NACKs of ranges; one of bitmaps, each with four holes */
        UDP_REPAIR_REMEMBERED = 256, /* a round trip full of them; 8 KiB of a session that asks */
        UDP_REPAIR_LATER_MAX = 64,   /* one more than that is not remembered */
        UDP_REPAIR_BURST_BYTES = 64 * 1200,
        UDP_REPAIR_RATE = 2500000, /* bytes per second, unless told otherwise */
};

struct udp_repair_range {
        uint32_t chan_ref;
        uint64_t from, to; /* places */
        struct mono at;    /* done: when; later: when it is to be wanted */
};

struct udp_repair {
        struct udp_repair_range want[UDP_REPAIR_RANGES_MAX];
        uint32_t want_n;
        struct udp_repair_range done[UDP_REPAIR_REMEMBERED];
        uint32_t done_next;
        struct udp_repair_range later[UDP_REPAIR_LATER_MAX];
        uint32_t later_n;
        int64_t rate;   /* bytes per second */
        int64_t tokens; /* bytes that may go now; below 0 after the last datagram of a burst */
        struct mono filled;
        struct mono shown;       /* what was sent up to here has arrived, or never will: a PING after it was answered */
        int64_t hold_off_ns_max; /* a repair after that is held off so long; 0: it does not matter */
};

void udp_repair_init(struct udp_repair *r, struct mono now, int64_t rate);

/* Wants from..to of a channel, but for what was repaired less than hold_off_ns ago. Returns false
 * when something found no place (it will be asked for again). *held: places held off. */
bool udp_repair_want(struct udp_repair *r, struct mono now, int64_t hold_off_ns, uint32_t chan_ref, uint64_t from,
                     uint64_t to, uint64_t *held);

/* from..to was sent (or nothing is to be sent for it): no longer wanted. */
void udp_repair_done(struct udp_repair *r, struct mono now, uint32_t chan_ref, uint64_t from, uint64_t to);

/* from..to is to be wanted then, whenever it was repaired last; not before what was said to be so till now. */
void udp_repair_later(struct udp_repair *r, struct mono at, uint32_t chan_ref, uint64_t from, uint64_t to);

/* What was to be wanted by now is. And when there is more of it (MONO_NEVER: never). */
void udp_repair_ripen(struct udp_repair *r, struct mono now);
struct mono udp_repair_ripe_at(const struct udp_repair *r);

/* The channel is gone. */
void udp_repair_forget(struct udp_repair *r, uint32_t chan_ref);

/* May a repair go now? Fills the bucket first. */
bool udp_repair_may(struct udp_repair *r, struct mono now);
void udp_repair_spend(struct udp_repair *r, uint64_t bytes);

/* When there will be something to send that may go; MONO_NEVER: nothing is wanted. */
struct mono udp_repair_deadline(const struct udp_repair *r);

#endif
