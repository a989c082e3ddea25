/* servers: `lab serve` as a process of ours, started, waited for, and ended. EDGE.
 *
 * It runs this very program. It is killed when the calling thread ends, however that happens.
 */
#ifndef LAB_SERVERS_H
#define LAB_SERVERS_H
#include "core/loop/sock.h"
#include "lab/netns.h"

struct servers_config {
        const struct netns_pair *pair; /* it runs on the near side; NULL: where we are */
        const char *tcp, *udp;         /* where it listens, as in 127.0.0.1:0 */
        const char *congestion;        /* of its TCP connections; NULL: the system's */
        uint64_t seed;                 /* of the coin that says which path is flushed first */
        uint32_t per_address;          /* UDP sessions that one address may have; not 0 */
};

struct servers {
        pid_t pid;                 /* 0: none */
        int out_fd;                /* its standard output */
        struct sock_addr tcp, udp; /* with the real ports */
};

enum { SERVERS_WHY_MAX = 200 };

/* Starts it and waits until both listen. Returns 0, or ERR_SYSTEM with one line in `why`; nothing is
 * left behind then. */
int servers_start(struct servers *s, const struct servers_config *config, char why[SERVERS_WHY_MAX]);

/* Has it ended by itself? Then says how in `why`. */
bool servers_ended(struct servers *s, char why[SERVERS_WHY_MAX]);

/* Asks it to end, and makes it after 2 s. Does nothing when there is none. */
void servers_stop(struct servers *s);

#endif
