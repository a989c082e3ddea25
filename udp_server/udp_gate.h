/* udp_gate: the UDP server without its socket: strangers, sessions and their deadlines.
 *
 * Given a datagram with its source address, it answers strangers without remembering them (HELLO
 * with COOKIE, an unknown session with RESET), makes a session of a CONNECT with a valid cookie,
 * and hands everything else to its session. What sessions have to send is fetched one session
 * after the other. The edge's turn:
 *
 *     recv each datagram (and send its answer);  hub_announce;
 *     while ((p = udp_gate_pending(g)))  lend, send, say what was taken;
 *     set the alarm to the deadline; on it: expire
 *
 * A stranger can make nothing grow: answers are stateless and limited by rate, and a session is
 * made only for an address that has shown that it receives.
 *
 * Source: the project's UDP wire spec, sections 7 and 8.
 */
#ifndef UDP_SERVER_UDP_GATE_H
#define UDP_SERVER_UDP_GATE_H
#include "core/base/mono.h"
#include "core/chat/app.h"
#include "udp_server/pace.h"
#include "udp_server/udp_addr.h"
#include "udp_server/udp_batch.h"
#include "udp_server/udp_group.h"
#include "udp_server/udp_stats.h"

struct udp_gate;
struct udp_peer; /* a session at its address */

struct udp_gate_config {
        struct app *app; /* with the namespaces behind it; borrowed for the gate's life */
        int encoding;    /* of udp_encoding_add, the same at each namespace's hub */
        const uint8_t
                *reset_key;    /* UDP_KEY_BYTES, copied; NULL: a random one (no RESET is understood after a restart) */
        uint32_t sessions_max; /* 0 here and below: the default (20,000) */
        uint32_t per_ip_max;   /* sessions of one address, of IPv6 of a /64 (64) */
        bool per_ip_loopback;  /* of the loopback's, too */
        uint32_t hellos_per_s; /* answered, of all strangers (1,000) */
        uint32_t repair_rate;  /* bytes per second and session, where it is not paced (UDP_REPAIR_RATE) */
        struct pace_config pace;       /* zeroed: off */
        struct udp_group_config group; /* rate 0: no multicast */
};

/* Returns NULL when memory is out. */
struct udp_gate *udp_gate_create(const struct udp_gate_config *config, struct mono now);

/* Frees all sessions without a word (udp_gate_close says one). Accepts NULL. */
void udp_gate_destroy(struct udp_gate *g, struct mono now);

/* Takes one datagram. Returns the bytes of a stateless answer written to `answer`, to be sent back
 * to `from` at once; 0: none. */
size_t udp_gate_recv(struct udp_gate *g, struct mono now, const struct udp_addr *from, struct bytes datagram,
                     uint8_t answer[DGRAM_COOKIE_BYTES]);

/* The next peer that may have something to send; NULL: none. Fetch it (udp_peer_slices) and say what
 * was taken (udp_peer_sent) until another is the next one: it is no longer pending when it has no more.
 * Who is the first after a NULL changes from time to time, so that nobody always comes last. */
struct udp_peer *udp_gate_pending(struct udp_gate *g);
const struct udp_addr *udp_peer_addr(const struct udp_peer *p);

/* 0: nothing more; the peer is no longer pending, and is freed if its session is over. */
int udp_peer_slices(struct udp_peer *p, struct mono now, struct udp_batch *b);
/* What goes to the multicast group; NULL: there is none. Its deadlines are the gate's. */
struct udp_group *udp_gate_group(struct udp_gate *g);

void udp_peer_sent(struct udp_peer *p, struct mono now, struct udp_batch *b, int taken);

/* CLOSE to everybody (shutdown: SHUTDOWN); their instances are not kept. */
void udp_gate_close(struct udp_gate *g, struct mono now, uint16_t code);

struct mono udp_gate_deadline(const struct udp_gate *g);
void udp_gate_expire(struct udp_gate *g, struct mono now);

uint32_t udp_gate_sessions(const struct udp_gate *g);
const struct udp_stats *udp_gate_stats(const struct udp_gate *g);

#endif
