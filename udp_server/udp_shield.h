/* udp_shield: what a room's members are sent before they ask for it: copies of events, or parity.
 *
 * One per room with members in a fec mode, shared by them: parity is computed once, and all are sent
 * the same bytes. It follows the room's stream. While the room has less than UDP_SHIELD_RATE events a
 * second each is to be sent once more, UDP_SHIELD_COPY_NS later; from there on UDP_SHIELD_K events
 * get UDP_SHIELD_M symbols of parity (above UDP_SHIELD_FAST twice as many of both). They go at UDP_SHIELD_FLUSH_NS
 * after the group's first event if it is not full by then. An event in fragments has parity of its own at any rate, a
 * symbol for each UDP_SHIELD_K fragments begun, at once. No parity is made of events that some member is not given: it
 * could make from the others' what it is not to see.
 *
 * While some member reports UDP_SHIELD_LOSSY % of loss half as many symbols more are made: two of ten mend 5 % of
 * loss but for one group in ninety, and each such group holds up all behind it for a round trip. They are for members
 * that report so much; so one that lies about it has more sent to itself alone.
 *
 * What there is to send is a list of items, of which the last UDP_SHIELD_ITEMS are kept; a session
 * has its place in it. No clock.
 *
 * Source: the project's UDP wire spec, sections 3 and 8; core/wire/fec.h.
 */
#ifndef UDP_SERVER_UDP_SHIELD_H
#define UDP_SERVER_UDP_SHIELD_H
#include "core/base/mono.h"
#include "core/chat/hub.h"

enum {
        UDP_SHIELD_RATE = 100, /* events per second: copies below, parity from here on */
        UDP_SHIELD_FAST = 1000,
        UDP_SHIELD_K = 8,
        UDP_SHIELD_M = 2,
        UDP_SHIELD_LOSSY = 3, /* % lost at the first try, as reported */
        UDP_SHIELD_ITEMS = 16,
};
#define UDP_SHIELD_COPY_NS  (10 * NS_PER_MS)
#define UDP_SHIELD_FLUSH_NS (20 * NS_PER_MS)
#define UDP_SHIELD_LOSSY_NS (5 * NS_PER_S) /* after the last such REPORT */

struct udp_shield;

struct udp_shield_item {
        uint64_t seq_first, seq_last; /* to be sent when all of these were */
        struct mono due;              /* and not before */
        const uint8_t *parity;        /* FEC messages, or DATA of parity, back to back; NULL: the events again */
        size_t bytes;                 /* for everyone, */
        size_t bytes_lossy;           /* and with those for members that lose much */
};

/* The rooms' shields of one server. A zeroed one is empty. */
struct udp_shields {
        struct udp_shield *by_room;
};

/* The room's shield, made for the first session that wants it; each of them drops it once. It begins behind the
 * room's head. The room outlives it. NULL: no memory. */
struct udp_shield *udp_shield_take(struct udp_shields *all, struct mono now, const struct room *room, int encoding,
                                   uint32_t epoch);
void udp_shield_drop(struct udp_shields *all, struct udp_shield *s); /* accepts NULL */

/* Looks at what was published since, and sends off a group that is due. */
void udp_shield_read(struct udp_shield *s, struct mono now);

/* A member reports what came to it since it did so last, and what was lost at the first try. True: that is much, and
 * for UDP_SHIELD_LOSSY_NS it is one of those that more is made for. */
bool udp_shield_report(struct udp_shield *s, struct mono now, uint32_t came, uint32_t lost);

/* Items made so far; they count from 1. */
uint64_t udp_shield_items(const struct udp_shield *s);

/* Item n; NULL: not made yet, or forgotten already. Good until the next read. */
const struct udp_shield_item *udp_shield_item(const struct udp_shield *s, uint64_t n);

/* When a group is to be sent off; MONO_NEVER: none is open. */
struct mono udp_shield_deadline(const struct udp_shield *s);

#endif
