/* udp_gate_inside: what udp_gate.c and udp_move.c share. */
#ifndef UDP_SERVER_UDP_GATE_INSIDE_H
#define UDP_SERVER_UDP_GATE_INSIDE_H
#include <sys/queue.h>

#include "core/base/admission.h"
#include "udp_server/udp_due.h"
#include "udp_server/udp_gate.h"
#include "udp_server/udp_hash.h"
#include "udp_server/udp_path.h"
#include "udp_server/udp_session.h"
#include "udp_server/udp_shield.h"
#include "udp_server/udp_stranger.h"

/* First what each delivery looks at. */
struct udp_peer {
        struct udp_gate *gate;
        struct udp_session *session;
        TAILQ_ENTRY(udp_peer) pending;
        bool is_pending;
        struct udp_due due;
        struct udp_path path; /* its address first */
        uint64_t tag, nonce;
        struct admission_source *source;
        UT_hash_handle by_tag, by_addr;
};

struct udp_gate {
        struct udp_gate_config config;
        struct udp_shared shared;
        struct udp_stats stats;
        struct udp_shields shields;
        struct udp_strangers strangers;
        struct udp_peer *by_tag, *by_addr;
        struct admission *admission;
        struct udp_dues dues;
        TAILQ_HEAD(, udp_peer) pending;
        uint32_t pending_n;
        uint64_t flushes;
        bool flushing; /* since somebody was pending */
};

struct udp_peer *udp_peer_at(const struct udp_gate *g, const struct udp_addr *addr); /* NULL: none */
void udp_peer_note_addr(struct udp_peer *p);                                         /* it is found there from now on */
void udp_peer_forget_addr(struct udp_peer *p);                                       /* no change when it is not */
void udp_peer_mark(void *peer);                                                      /* it may have something to send */
void udp_peer_take(struct udp_peer *p, struct mono now, struct bytes datagram);      /* of its own */

/* A datagram that bears the peer's tag, from another address than its own; newest: the highest pktno in it.
 * Returns the bytes of the answer that goes back there. */
size_t udp_move_recv(struct udp_peer *p, struct mono now, const struct udp_addr *from, struct bytes datagram,
                     uint32_t newest, uint8_t answer[DGRAM_COOKIE_BYTES]);

#endif
