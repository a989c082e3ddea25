/* udp_client: the client's engine for the UDP path, behind client/transport.h.
 *
 *   IDLE -open-> HELLO sent -COOKIE-> CONNECT sent -ACCEPT-> UP -silence, RESET or CLOSE-> LOST
 *    ^                                                                                     |
 *    +-----------------------------------<- backoff -<-------------------------------------+
 *
 * Rooms are feeds (udp_feed.h): every event of a room is told once, in order or on arrival, or
 * told as a gap. Publishes are tried again with the same id until answered; the server does each
 * once. After a lost session the instance id brings back id, rooms and place; each room then goes
 * on from its contig. Sans-I/O; one datagram a call.
 *
 * Source: the project's UDP wire spec, sections 5, 7 and 8.
 */
#ifndef CLIENT_UDP_CLIENT_H
#define CLIENT_UDP_CLIENT_H
#include "client/transport.h"

/* What client_stats has no place for; since create. Of fragments: taken; contradicting those before them; events
 * that were put back as missing; events without a place. */
struct udp_client_stats {
        uint64_t level_2, unknown_tag, replayed, bad_checksum, fragments, disputed, put_back, no_place, doubts, pings,
                reports, joins, pubs, pub_tries, parity, by_group, ncfs;
        bool paced; /* the server says that it sends no faster than a TCP would */
};
struct udp_client_stats udp_client_stats(const struct client *c);

#endif
