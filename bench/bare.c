#include "bench/bare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/wire/dgram.h"

enum { READ_BYTES = 256 << 10 };

static uint8_t in[READ_BYTES];

/* Reads until a whole burst has come. False: the publisher is gone. */
static bool read_burst(int fd, size_t burst_bytes)
{
        for (size_t got = 0; got < burst_bytes;) {
                ssize_t n = recv(fd, in, sizeof in, 0);
                if (n <= 0)
                        return false;
                got += (size_t)n;
        }
        return true;
}

static bool send_all(int fd, struct bytes b)
{
        for (size_t at = 0; at < b.n;) {
                ssize_t n = send(fd, b.at + at, b.n - at, MSG_NOSIGNAL);
                if (n < 0)
                        return false;
                at += (size_t)n;
        }
        return true;
}

static bool accept_all(const struct bare_config *c, int listener, int *fds)
{
        for (uint32_t i = 0; i < c->subscribers; i++) {
                fds[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (fds[i] < 0)
                        return false;
                (void)sock_nodelay_set(fds[i], true);
        }
        return true;
}

static void serve_tcp(const struct bare_config *c, int listener)
{
        int *fds = calloc(c->subscribers, sizeof *fds);
        bool on = fds && accept_all(c, listener, fds);
        while (on && read_burst(fds[0], c->burst_bytes))
                for (uint32_t i = 0; on && i < c->subscribers; i++)
                        on = send_all(fds[i], buf_bytes(&c->batch->bytes));
}

static bool meet_all(const struct bare_config *c, int fd, struct sock_addr *peers)
{
        uint8_t byte;
        for (uint32_t i = 0; i < c->subscribers; i++) {
                struct sock_addr *p = &peers[i];
                p->n = sizeof p->at;
                if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&p->at, &p->n) != 1 ||
                    sendto(fd, &byte, 1, 0, (struct sockaddr *)&p->at, p->n) != 1)
                        return false;
        }
        return true;
}

static bool send_bundles(int fd, struct mmsghdr *msg, uint32_t n, struct sock_addr *to)
{
        for (uint32_t i = 0; i < n; i++) {
                msg[i].msg_hdr.msg_name = &to->at;
                msg[i].msg_hdr.msg_namelen = to->n;
        }
        for (uint32_t sent = 0; sent < n;) {
                int took = sendmmsg(fd, msg + sent, n - sent, 0);
                if (took <= 0)
                        return false;
                sent += (uint32_t)took;
        }
        return true;
}

static void serve_udp(const struct bare_config *c, int fd)
{
        struct bytes bundle[BATCH_ENTRIES_MAX];
        struct iovec iov[BATCH_ENTRIES_MAX];
        struct mmsghdr msg[BATCH_ENTRIES_MAX];
        uint32_t n = batch_bundle(c->batch, DGRAM_BYTES_MAX, bundle);
        for (uint32_t i = 0; i < n; i++) {
                iov[i] = (struct iovec){ (void *)(uintptr_t)bundle[i].at, bundle[i].n };
                msg[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
        }
        struct sock_addr *peers = calloc(c->subscribers, sizeof *peers);
        bool on = peers && meet_all(c, fd, peers);
        while (on && read_burst(fd, c->burst_bytes))
                for (uint32_t i = 0; on && i < c->subscribers; i++)
                        on = send_bundles(fd, msg, n, &peers[i]);
}

static int bind_any(bool datagrams, struct sock_addr *at)
{
        (void)sock_addr_parse("127.0.0.1:0", at);
        int fd = datagrams ? sock_udp_bind(at, 4 << 20) : sock_tcp_listen(at);
        if (fd < 0 || sock_local(fd, at) != 0)
                return ERR_SYSTEM;
        (void)fcntl(fd, F_SETFL, 0); /* blocking */
        return fd;
}

pid_t bare_start(const struct bare_config *config, struct sock_addr *at)
{
        int fd = bind_any(config->datagrams, at);
        if (fd < 0)
                return ERR_SYSTEM;
        pid_t pid = child_fork(&config->cores, fd);
        if (pid == 0) {
                if (config->datagrams)
                        serve_udp(config, fd);
                else
                        serve_tcp(config, fd);
                _exit(0);
        }
        close(fd);
        return pid < 0 ? ERR_SYSTEM : pid;
}
