/* bare: the least that any server can do for a burst: the reference of `bench speed`. EDGE.
 *
 * A forked child that reads the publisher's bytes without looking at them and, once a whole burst
 * is there, sends each subscriber a batch that was ready before:
 *
 *   TCP   one send() of all of it
 *   UDP   its messages in bundles of at most 1,200 bytes, one sendmmsg()
 *
 * No event loop, no log, no membership, no encoding; blocking calls. What a real server costs more
 * than this is what it costs to be one. (Segmented sends, UDP_SEGMENT, are not bare: udp_server may
 * be cheaper than this.)
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H
#include "bench/batch.h"
#include "bench/speed_child.h"

struct bare_config {
        bool datagrams;
        uint32_t subscribers; /* the first to connect is the publisher */
        size_t burst_bytes;   /* audience_burst_bytes */
        const struct batch *batch;
        struct cores cores;
};

/* Returns the child's pid and where it listens, or ERR_SYSTEM (errno). End it with child_stop. */
pid_t bare_start(const struct bare_config *config, struct sock_addr *at);

#endif
