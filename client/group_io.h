/* group_io: the second socket of a client on UDP: it hears the server's multicast group. EDGE.
 *
 * It is opened when the engine knows of a group, on the interface that the way to the server takes, and takes only
 * what comes from the server's own address and port. A group that cannot be joined is tried again with the next
 * session; the engine does not know, since it just hears nothing. Lives inside its owner.
 */
#ifndef CLIENT_GROUP_IO_H
#define CLIENT_GROUP_IO_H
#include "client/transport.h"
#include "core/loop/loop.h"
#include "core/loop/sock.h"

struct group_io {
        struct watch watch;
        int fd;           /* -1: none */
        bool tried;       /* for this group, in vain or not */
        uint64_t dropped; /* by the kernel, on sockets that are closed */
        struct sock_addr group, from;
};

void group_io_init(struct group_io *g);

/* What the engine wants now is opened, or closed. fd: its connected socket, -1 when there is none. ready: as
 * watch_init's, when there is something to read. */
void group_io_follow(struct group_io *g, struct loop *loop, const struct transport *t, const struct client *engine,
                     int fd, int receive_bytes, void (*ready)(void *ctx, unsigned what), void *ctx);

/* Hands out what is there, at most so many datagrams as one call reads; returns how many bytes it was, 0 when there may
 * be no more. take may close it. */
size_t group_io_read(struct group_io *g, void (*take)(void *ctx, struct mono now, const uint8_t *in, size_t in_bytes),
                     void *ctx);

void group_io_close(struct group_io *g);

/* Datagrams that its sockets had no place for, those that are closed, too. */
uint64_t group_io_drops(const struct group_io *g);

#endif
