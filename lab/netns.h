/* netns: two private networks with an emulated path and a clean one between them. EDGE.
 *
 *      near (servers)                                  far (subscribers)
 *        link  10.77.0.1  --- TUN --- link_run --- TUN ---  10.77.0.2  link
 *        clean 10.78.0.1  -------------- veth -----------  10.78.0.2  clean
 *
 * The namespaces are anonymous: they, their devices and all in them live as long as the descriptors
 * here and the processes inside, and vanish by themselves when those end, after kill -9 too.
 * Nothing is written to /run/netns. The calling process stays in its own namespaces; the work is
 * done by a short-lived child, in a user namespace of its own where we lack the right otherwise.
 */
#ifndef LAB_NETNS_H
#define LAB_NETNS_H
#include "lab/wire_tun.h"

#include <stdbool.h>
#include <sys/types.h>

enum netns_side { NETNS_NEAR, NETNS_FAR, NETNS_SIDES };

#define NETNS_NEAR_LINK  "10.77.0.1"
#define NETNS_FAR_LINK   "10.77.0.2"
#define NETNS_NEAR_CLEAN "10.78.0.1"
#define NETNS_FAR_CLEAN  "10.78.0.2"

enum { NETNS_WHY_MAX = 200 };

struct netns_pair {
        int user_fd; /* -1 unless they are in a user namespace of their own */
        int net_fd[NETNS_SIDES];
        struct wire_tun tun[NETNS_SIDES];
};

/* Makes both. Returns 0, or ERR_SYSTEM with one line in `why` that says what the machine refused and
 * what would cure it; nothing is left behind then. */
int netns_create(struct netns_pair *pair, char why[NETNS_WHY_MAX]);
void netns_destroy(struct netns_pair *pair);

/* Moves the calling process, which must have one thread, into a side; for a forked child. Where the
 * pair has its own user namespace the process is root in there. Returns 0 or ERR_SYSTEM with errno. */
int netns_enter(const struct netns_pair *pair, enum netns_side side);

struct netns_command {
        enum netns_side side;
        const char *file;  /* the program, looked for in PATH; NULL: argv[0] */
        char *const *argv; /* NULL at the end */
        int stdout_fd;     /* becomes its standard output; -1: ours */
        int keep_fd;       /* stays open under its own number; -1: none */
        bool own_group;    /* of processes: a terminal's Ctrl-C does not reach it */
};

/* Starts a program in a side, or where we are if pair is NULL. It is killed when the calling thread ends, however that
 * happens; what it starts itself is its own to end. Returns its pid for waitpid(), or ERR_SYSTEM with errno. */
pid_t netns_spawn(const struct netns_pair *pair, const struct netns_command *command);

#endif
