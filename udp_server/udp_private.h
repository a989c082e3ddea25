/* udp_private: the small bounded queue of one session's own messages: control, no events.
 *
 * Messages are put in ready to send, with the session's header and a fresh pktno, and are lent
 * from there. Full means that the client has not taken 16 KiB of control: the session is then
 * closed as SLOW. No I/O, no clock.
 */
#ifndef UDP_SERVER_UDP_PRIVATE_H
#define UDP_SERVER_UDP_PRIVATE_H
#include "core/wire/dgram.h"

enum { UDP_PRIVATE_BYTES_MAX = 16384 };

struct udp_private {
        uint64_t tag; /* of the session */
        uint32_t epoch;
        uint32_t pktno; /* last given */
        struct buf queue;
        bool full; /* something did not fit */
};

/* Appends the message. Class S types that have a session header get it. Returns 0, ERR_FULL (and
 * p->full) or ERR_NO_MEMORY. */
int udp_private_put(struct udp_private *p, struct dgram_msg *m);

/* Gives m the session's header with the next pktno, for a message that goes its own way. */
void udp_private_address(struct udp_private *p, struct dgram_msg *m);

void udp_private_free(struct udp_private *p);

#endif
