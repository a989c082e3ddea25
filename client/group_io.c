#include "client/group_io.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 32, DATAGRAM_BYTES = 2048 };

void group_io_init(struct group_io *g)
{
        *g = (struct group_io){ .fd = -1 };
}

void group_io_close(struct group_io *g)
{
        uint64_t dropped = group_io_drops(g);
        if (g->fd >= 0) {
                watch_end(&g->watch);
                close(g->fd);
        }
        group_io_init(g);
        g->dropped = dropped;
}

uint64_t group_io_drops(const struct group_io *g)
{
        return g->dropped + (g->fd >= 0 ? sock_drops(g->fd) : 0);
}

/* IPv4, as everything here is; false: it is not. */
static bool address_of(struct sock_addr *a, const uint8_t ip[16], uint16_t port)
{
        static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
        struct sockaddr_in *in = (struct sockaddr_in *)&a->at;
        *a = (struct sock_addr){ .n = sizeof *in };
        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, ip + 12, 4);
        sock_addr_port_set(a, port);
        return memcmp(ip, mapped, sizeof mapped) == 0;
}

static bool is_same(const struct sock_addr *a, const struct sock_addr *b)
{
        uint8_t x[16], y[16];
        sock_addr_ip(a, x);
        sock_addr_ip(b, y);
        return memcmp(x, y, 16) == 0 && sock_addr_port(a) == sock_addr_port(b);
}

void group_io_follow(struct group_io *g, struct loop *loop, const struct transport *t, const struct client *engine,
                     int fd, int receive_bytes, void (*ready)(void *ctx, unsigned what), void *ctx)
{
        struct sock_addr group, by;
        uint8_t ip[16];
        uint16_t port;
        bool wanted = fd >= 0 && t->group && t->group(engine, ip, &port) && address_of(&group, ip, port);
        if (!wanted || (g->tried && !is_same(&g->group, &group)))
                group_io_close(g);
        if (!wanted || g->tried)
                return;
        g->tried = true;
        g->group = group;
        g->from.n = sizeof g->from.at;
        if (sock_local(fd, &by) != 0 || getpeername(fd, (struct sockaddr *)&g->from.at, &g->from.n) != 0)
                return;
        g->fd = sock_group_hear(&group, &g->from, &by, receive_bytes);
        if (g->fd < 0)
                return;
        watch_init(&g->watch, loop, g->fd, ready, ctx);
        watch_want(&g->watch, WATCH_READ);
}

size_t group_io_read(struct group_io *g, void (*take)(void *ctx, struct mono now, const uint8_t *in, size_t in_bytes),
                     void *ctx)
{
        uint8_t space[BATCH][DATAGRAM_BYTES] __attribute__((uninitialized));
        struct sock_addr from[BATCH];
        struct iovec iov[BATCH];
        struct mmsghdr v[BATCH];
        memset(v, 0, sizeof v);
        for (int i = 0; i < BATCH; i++) {
                iov[i] = (struct iovec){ space[i], sizeof space[i] };
                v[i].msg_hdr = (struct msghdr){
                        .msg_name = &from[i].at, .msg_namelen = sizeof from[i].at, .msg_iov = &iov[i], .msg_iovlen = 1
                };
        }
        int n = recvmmsg(g->fd, v, BATCH, 0, NULL);
        struct mono now = loop_clock();
        size_t bytes = 0;
        for (int i = 0; i < n && g->fd >= 0; i++) {
                bytes += v[i].msg_len + 1;
                from[i].n = v[i].msg_hdr.msg_namelen;
                if (is_same(&from[i], &g->from))
                        take(ctx, now, space[i], v[i].msg_len);
        }
        return n == BATCH ? bytes : 0;
}
