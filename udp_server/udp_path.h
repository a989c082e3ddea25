/* udp_path: at which address is a session's client, and has it gone elsewhere?
 *
 * When something newer than all before comes from another address, either the client has moved (its NAT
 * gave it another port, its network another address), or somebody on the way sends what he copied. So both
 * addresses are asked, each with a random number of its own; meanwhile everything goes on to the old one,
 * and what came from the new one is not acted on. The newest right answer wins: the new address's number,
 * back from there in something newer than all before, is a move; the old one's, newer than what came from
 * elsewhere, ends the doubt. No answer in three PTO: it stays.
 *
 * One address at a time is asked, and a session moves a few times at once and then twice a second. A
 * CHALLENGE answers one datagram and is at most twice as long: never three times what came (RFC 9000 8.1).
 * The caller has checked the session's tag and admits the new address. Value module: no heap, no clock.
 *
 * Source: RFC 9000 8.2, 9.3 and 9.4 (path validation), and the project's UDP wire spec, section 7.
 */
#ifndef UDP_SERVER_UDP_PATH_H
#define UDP_SERVER_UDP_PATH_H
#include "core/base/bucket.h"
#include "core/wire/dgram.h"
#include "core/wire/resend.h"
#include "udp_server/udp_addr.h"

enum {
        UDP_PATH_MOVES = 4, /* at once; then one more each: */
        UDP_PATH_MOVES_MS = 500,
};

struct udp_path {
        struct udp_addr addr; /* the session's: everything goes there */
        struct bucket moves;
        bool doubt; /* then all below: */
        struct udp_addr asked;
        uint64_t random_here, random_there; /* for addr; for asked */
        uint32_t newest_there;              /* pktno */
        struct mono begun, asked_at, until;
};

enum udp_path_verdict {
        UDP_PATH_OLD,    /* not newer than what the session has had: a copy, or overtaken on the way */
        UDP_PATH_OFTEN,  /* it has moved too often */
        UDP_PATH_WAIT,   /* CHALLENGEs are on their way, or another address is asked */
        UDP_PATH_ASK,    /* to be done now: CHALLENGE random_here to addr, random_there to where this came from */
        UDP_PATH_PROVEN, /* the client is there: udp_path_move, or udp_path_stay if it may not */
};

void udp_path_init(struct udp_path *p, const struct udp_addr *addr);

/* A checked datagram of the session from another address than its own. newest: the highest pktno in it;
 * known: the highest that the session has had. */
enum udp_path_verdict udp_path_elsewhere(struct udp_path *p, struct mono now, const struct udp_addr *from,
                                         struct bytes datagram, uint32_t newest, uint32_t known,
                                         const struct resend *rtt);

/* One from its own address, while there is a doubt. True: the client has answered there; the doubt is over. */
bool udp_path_home(struct udp_path *p, struct bytes datagram, uint32_t newest);

void udp_path_move(struct udp_path *p, struct mono now);
void udp_path_stay(struct udp_path *p);

#endif
