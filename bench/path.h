/* path: the transports with their modes that a run compares, by name.
 *
 * Also where each subscriber's fixed source port lies: the lab's link knows a packet's path and
 * subscriber by it, so that the same datagrams meet the same fate in two runs.
 */
#ifndef BENCH_PATH_H
#define BENCH_PATH_H
#include "client/transport.h"

enum {
        PATHS_MAX = 6,
        PATHS_USUAL = 4,  /* the first so many: what is compared unless asked otherwise */
        PATH_PORTS = 1000 /* of each path, one a subscriber and some to reconnect from */
};

struct path {
        const char *name; /* "tcp", "udp-raw", ... */
        const struct transport *transport;
        enum client_mode mode;
        uint16_t port_first;
};

/* The i-th of all paths; NULL past the last. */
const struct path *path_at(int i);

/* Reads "tcp,udp-raw,...", each at most once; "udp-nack" is short for "udp-nack-ordered", "udp-fec" for
 * "udp-fec-ordered". Returns how many, or ERR_NOT_FOUND (a name that is none; *bad is where it starts), ERR_EXISTS
 * (twice), ERR_MALFORMED (nothing there). */
int path_list(const char *text, const struct path *list[PATHS_MAX], const char **bad);

#endif
