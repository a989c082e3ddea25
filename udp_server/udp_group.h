/* udp_group: rooms sent to a multicast group: one datagram for all who hear it.
 *
 * A room is a log and the group has one place in it, as any member; but it stands in no member's list
 * (core/chat/reading). What it sends are the same DATA and BEAT messages that others get by unicast; an event that
 * leaves somebody out is not sent to the group, but to each of the others alone.
 *
 *   udp_session (udp_listen.c): its client hears the group -> enters its rooms here: what is at or above the place
 *   where it enters comes to it by the group, and what it misses of that it asks for (NACK, unicast)
 *
 * The first NACK for something has all told at once that it comes again (NCF), and AGG_NS later it does, once, to
 * the group. What the group was sent so within a round trip is not sent again; who still misses it after
 * UDP_GROUP_TRIES asks its session, which repairs by unicast.
 *
 * The rate is a fixed ceiling of whoever runs it, not congestion controlled (RFC 8085 4.1 wants a managed network
 * then); the log is the queue. Sans-I/O, as udp_session. Bounded: UDP_GROUP_ROOMS_MAX rooms; others stay unicast.
 *
 * Source: the project's UDP wire spec; RFC 5401, RFC 5740 5.3 and 5.4.
 */
#ifndef UDP_SERVER_UDP_GROUP_H
#define UDP_SERVER_UDP_GROUP_H
#include "core/base/mono.h"
#include "core/chat/hub.h"
#include "udp_server/udp_batch.h"
#include "udp_server/udp_stats.h"

enum {
        UDP_GROUP_ROOMS_MAX = 256,
        UDP_GROUP_TRIES = 2,      /* NACKs with more tries than that are answered by unicast */
        UDP_GROUP_RATE = 1000000, /* bits per second, unless told otherwise */
};

struct udp_group_config {
        struct dgram_group address;
        int64_t rate; /* bytes per second */
        int encoding; /* of udp_encoding_add */
};

struct udp_group;
struct udp_group_room; /* the group's place in a room */

/* NULL: out of memory. stats is borrowed. */
struct udp_group *udp_group_create(const struct udp_group_config *config, struct udp_stats *stats, struct mono now);
void udp_group_destroy(struct udp_group *g); /* accepts NULL; all have left */

struct dgram_group udp_group_address(const struct udp_group *g);

/* A session was told of the group: from soon on BEATs of this room, everyone's, go there, so that its client can
 * find out whether it hears them. NULL: no place. */
struct udp_group_room *udp_group_offer(struct udp_group *g, struct mono now, uint32_t epoch, const struct room *room);
void udp_group_withdraw(struct udp_group_room *r); /* accepts NULL */

/* A session in this room hears the group: from seq *from on, what is for all is sent to the group. NULL: no place. */
struct udp_group_room *udp_group_enter(struct udp_group *g, uint32_t epoch, const struct room *room, uint64_t *from);
void udp_group_leave(struct udp_group_room *r);

/* The first seq that the group was not sent (whole) yet. */
uint64_t udp_group_next(const struct udp_group_room *r);

/* Somebody misses these places (core/wire/place.h), which the group was sent. True: they will come to the group, or
 * have just been sent; false: not all of them can. */
bool udp_group_want(struct udp_group_room *r, struct mono now, uint64_t from, uint64_t to);

/* The round trip of one who listens was measured. */
void udp_group_round_trip(struct udp_group *g, int64_t rtt_ns);

/* As udp_session's: what is to be sent now, and how many datagrams of it were taken. */
int udp_group_slices(struct udp_group *g, struct mono now, struct udp_batch *b);
void udp_group_sent(struct udp_group *g, struct mono now, struct udp_batch *b, int taken);

struct mono udp_group_deadline(const struct udp_group *g);
void udp_group_expire(struct udp_group *g, struct mono now);

#endif
