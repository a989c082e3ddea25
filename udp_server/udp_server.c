#include "udp_server/udp_server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/base/options.h"
#include "core/base/rng.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_gate.h"

enum {
        READ_DATAGRAMS = 64,     /* in one system call */
        READ_CALLS_MAX = 4,      /* in one turn: about 256 KiB, then the others' turn */
        READ_BYTES_MAX = 2048,   /* of one datagram; a longer one is not ours and is cut */
        RECEIVE_BYTES = 4 << 20, /* of the socket's buffer, asked for */
        SEGMENTS_MAX = 64,       /* Linux's limits for one segmented send */
        SEGMENTED_BYTES_MAX = 65000,
        IOVS_MAX = 1024,
};

struct udp_server {
        struct udp_server_config config;
        int fd;
        struct watch watch;
        struct alarm alarm;
        struct udp_gate *gate;
        bool no_segments; /* the kernel or the device has no UDP_SEGMENT */
        bool full;        /* the socket's buffer took no more */
        bool stopped;     /* nothing is read any more */
        bool rests;       /* it filled the logs in the last turn: in this one the other transport may */
        uint64_t sends;
        struct udp_batch batch;
        uint8_t in[READ_DATAGRAMS][READ_BYTES_MAX];
};

struct udp_server_config udp_server_defaults(void)
{
        return (struct udp_server_config){ .pace.on = true };
}

/* ---- addresses ---------------------------------------------------------------------------- */

static struct udp_addr from_sockaddr(const struct sockaddr_storage *at)
{
        struct udp_addr a = { 0 };
        if (at->ss_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)at;
                memcpy(a.ip, &in6->sin6_addr, 16);
                memcpy(a.port, &in6->sin6_port, 2);
        } else {
                const struct sockaddr_in *in = (const struct sockaddr_in *)at;
                a.ip[10] = a.ip[11] = 0xFF;
                memcpy(a.ip + 12, &in->sin_addr, 4);
                memcpy(a.port, &in->sin_port, 2);
        }
        return a;
}

static struct dgram_group group_address(const struct sock_addr *at)
{
        struct udp_addr a = from_sockaddr(&at->at);
        struct dgram_group group = { .port = sock_addr_port(at) };
        memcpy(group.ip, a.ip, sizeof group.ip);
        return group;
}

static socklen_t to_sockaddr(const struct udp_server *s, const struct udp_addr *a, struct sockaddr_storage *at)
{
        if (s->config.listen.at.ss_family == AF_INET6) {
                struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)at;
                *in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
                memcpy(&in6->sin6_addr, a->ip, 16);
                memcpy(&in6->sin6_port, a->port, 2);
                return sizeof *in6;
        }
        struct sockaddr_in *in = (struct sockaddr_in *)at;
        *in = (struct sockaddr_in){ .sin_family = AF_INET };
        memcpy(&in->sin_addr, a->ip + 12, 4);
        memcpy(&in->sin_port, a->port, 2);
        return sizeof *in;
}

/* ---- receiving ---------------------------------------------------------------------------- */

static void take(struct udp_server *s, struct mono now, const struct sockaddr_storage *from, socklen_t from_n,
                 struct bytes datagram)
{
        uint8_t answer[DGRAM_COOKIE_BYTES];
        struct udp_addr addr = from_sockaddr(from);
        size_t n = udp_gate_recv(s->gate, now, &addr, datagram, answer);
        if (n > 0) /* stateless: if the kernel has no place for it, the stranger asks again */
                (void)sendto(s->fd, answer, n, 0, (const struct sockaddr *)from, from_n);
}

static int receive(struct udp_server *s)
{
        struct sockaddr_storage from[READ_DATAGRAMS];
        struct iovec iov[READ_DATAGRAMS];
        struct mmsghdr msg[READ_DATAGRAMS];
        for (int i = 0; i < READ_DATAGRAMS; i++) {
                iov[i] = (struct iovec){ s->in[i], READ_BYTES_MAX };
                msg[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i],
                                                        .msg_namelen = sizeof from[i],
                                                        .msg_iov = &iov[i],
                                                        .msg_iovlen = 1 } };
        }
        int n = recvmmsg(s->fd, msg, READ_DATAGRAMS, 0, NULL);
        struct mono now = loop_clock();
        for (int i = 0; i < n; i++)
                take(s, now, &from[i], msg[i].msg_hdr.msg_namelen, bytes_of(s->in[i], msg[i].msg_len));
        return n;
}

/* More events could evict some that no member was offered yet: datagrams wait for the announce. */
static bool crowded(const struct udp_server *s)
{
        const struct app *a = s->config.app;
        while (a && !hub_crowded(app_hub(a)))
                a = app_next(a);
        return a != NULL;
}

static void read_turn(struct udp_server *s)
{
        int calls = 0;
        while (!s->rests && calls < READ_CALLS_MAX && !crowded(s) && (calls++, receive(s) == READ_DATAGRAMS))
                ;
        s->rests = calls > 0 && crowded(s);
}

static void on_ready(void *ctx, unsigned what)
{
        struct udp_server *s = ctx;
        if (what & WATCH_WRITE)
                s->full = false;
        if (what & WATCH_READ)
                read_turn(s);
        watch_want(&s->watch, s->stopped ? 0 : WATCH_READ);
        s->config.wake(s->config.wake_ctx);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* How many datagrams from `first` on can go as one segmented send: all as long as the first, but
 * the last, which may be shorter. */
static int segments(const struct udp_batch *b, int first)
{
        size_t size = b->datagram[first].bytes, bytes = 0;
        int n = 0, iovs = 0;
        while (first + n < b->n && n < SEGMENTS_MAX) {
                const struct udp_datagram *d = &b->datagram[first + n];
                bytes += d->bytes;
                iovs += d->iov_n;
                if (d->bytes > size || bytes > SEGMENTED_BYTES_MAX || iovs > IOVS_MAX)
                        break;
                n++;
                if (d->bytes < size)
                        break;
        }
        return n;
}

/* Their iovecs stand back to back in the batch. Returns as sendmsg. */
static ssize_t send_segmented(struct udp_server *s, const struct udp_batch *b, int first, int n, struct msghdr *msg)
{
        union {
                struct cmsghdr header;
                uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
        } control = { 0 };
        int iovs = 0;
        for (int i = 0; i < n; i++)
                iovs += b->datagram[first + i].iov_n;
        msg->msg_iov = b->datagram[first].iov;
        msg->msg_iovlen = (size_t)iovs;
        msg->msg_control = control.bytes;
        msg->msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(msg);
        c->cmsg_level = SOL_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t size = (uint16_t)b->datagram[first].bytes;
        memcpy(CMSG_DATA(c), &size, sizeof size);
        ssize_t sent = sendmsg(s->fd, msg, 0);
        msg->msg_control = NULL;
        msg->msg_controllen = 0;
        return sent;
}

/* The usual datagram is one run of bytes, which sendto() sends for less than sendmsg(). */
static ssize_t send_one(struct udp_server *s, const struct udp_datagram *d, struct msghdr *msg)
{
        if (d->iov_n == 1)
                return sendto(s->fd, d->iov->iov_base, d->iov->iov_len, 0, msg->msg_name, msg->msg_namelen);
        msg->msg_iov = d->iov;
        msg->msg_iovlen = (size_t)d->iov_n;
        return sendmsg(s->fd, msg, 0);
}

/* The usual answers of a kernel or device without segmentation; anything else is the network's. */
static bool lacks_segments(int error)
{
        return error == EIO || error == EINVAL || error == EOPNOTSUPP || error == ENOPROTOOPT;
}

/* One datagram, or several as one segmented send. Returns how many went; 0: the socket is full. */
static int send_some(struct udp_server *s, const struct udp_batch *b, int first, struct msghdr *msg)
{
        int n = s->no_segments ? 1 : segments(b, first);
        ssize_t sent;
        if (n > 1) {
                sent = send_segmented(s, b, first, n, msg);
                if (sent < 0 && lacks_segments(errno)) {
                        log_info("no segmented sends here; going on without");
                        s->no_segments = true;
                }
        }
        if (n <= 1 || s->no_segments) {
                n = 1;
                sent = send_one(s, &b->datagram[first], msg);
        }
        s->sends++;
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
                return 0;
        return n; /* an address that cannot be reached loses its datagrams, as the network does */
}

/* Sends the batch; returns how many of it the socket took. */
static int send_batch(struct udp_server *s, struct msghdr *msg)
{
        struct udp_batch *b = &s->batch;
        int taken = 0, n;
        if (b->n > 1 && !s->no_segments)
                udp_batch_even(b);
        while (taken < b->n && (n = send_some(s, b, taken, msg)) > 0)
                taken += n;
        return taken;
}

/* A batch of what one peer has to send. False: the socket takes no more. */
static bool serve(struct udp_server *s, struct udp_peer *p, struct mono now)
{
        struct sockaddr_storage at;
        struct udp_batch *b = &s->batch;
        struct msghdr msg = { .msg_name = &at, .msg_namelen = to_sockaddr(s, udp_peer_addr(p), &at) };
        if (udp_peer_slices(p, now, b) == 0)
                return true;
        int taken = send_batch(s, &msg);
        bool full = taken < b->n;
        udp_peer_sent(p, now, b, taken);
        return !full;
}

/* The same for the multicast group. */
static bool serve_group(struct udp_server *s, struct mono now)
{
        struct udp_group *g = udp_gate_group(s->gate);
        struct udp_batch *b = &s->batch;
        struct msghdr msg = { .msg_name = &s->config.group.at, .msg_namelen = s->config.group.n };
        while (g && udp_group_slices(g, now, b) > 0) {
                int taken = send_batch(s, &msg);
                bool full = taken < b->n;
                udp_group_sent(g, now, b, taken);
                if (full)
                        return false;
        }
        return true;
}

static void wait_for_place(struct udp_server *s)
{
        s->full = true;
        watch_want(&s->watch, (s->stopped ? 0u : WATCH_READ) | WATCH_WRITE);
}

void udp_server_flush(struct udp_server *s, struct mono now)
{
        struct udp_peer *p;
        while (!s->full && (p = udp_gate_pending(s->gate)))
                if (!serve(s, p, now))
                        wait_for_place(s);
        if (!s->full && !serve_group(s, now))
                wait_for_place(s);
        alarm_set(&s->alarm, udp_gate_deadline(s->gate));
}

static void on_alarm(void *ctx)
{
        struct udp_server *s = ctx;
        udp_gate_expire(s->gate, loop_clock());
        s->config.wake(s->config.wake_ctx);
}

/* ---- the server itself -------------------------------------------------------------------- */

int udp_server_key(const char *file, uint8_t key[UDP_KEY_BYTES])
{
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
                ssize_t n = read(fd, key, UDP_KEY_BYTES);
                int kept = errno;
                close(fd);
                errno = kept;
                return n < 0 ? ERR_SYSTEM : n == UDP_KEY_BYTES ? 0 : ERR_MALFORMED;
        }
        if (errno != ENOENT)
                return ERR_SYSTEM;
        rng_os(key, UDP_KEY_BYTES);
        fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return ERR_SYSTEM;
        ssize_t n = write(fd, key, UDP_KEY_BYTES);
        return close(fd) == 0 && n == UDP_KEY_BYTES ? 0 : ERR_SYSTEM;
}

/* Every namespace's hub is given the same encodings in the same order, so the number is one. */
static int add_encodings(const struct app *first)
{
        int encoding = 0;
        for (const struct app *a = first; a; a = app_next(a)) {
                int number = udp_encoding_add(app_hub(a));
                if (number < 0)
                        return number;
                assert(a == first || number == encoding);
                encoding = number;
        }
        return encoding;
}

static int open_gate(struct udp_server *s)
{
        int encoding = add_encodings(s->config.app);
        if (encoding < 0)
                return encoding;
        int64_t group_rate = s->config.group_rate ? s->config.group_rate : UDP_GROUP_RATE / 8;
        struct udp_group_config group = { group_address(&s->config.group), group_rate, encoding };
        if (s->config.group.n == 0)
                group.rate = 0;
        s->gate = udp_gate_create(&(struct udp_gate_config){ .app = s->config.app,
                                                             .encoding = encoding,
                                                             .reset_key = s->config.reset_key,
                                                             .pace = s->config.pace,
                                                             .group = group,
                                                             .per_ip_max = s->config.per_address,
                                                             .per_ip_loopback = s->config.per_address_loopback },
                                  loop_clock());
        return s->gate ? 0 : ERR_NO_MEMORY;
}

/* DF on every datagram, and no fragmentation by the kernel (RFC 8899): what is too big is lost. */
static void dont_fragment(int fd)
{
        int probe = IP_PMTUDISC_PROBE, probe6 = IPV6_PMTUDISC_PROBE;
        (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe6, sizeof probe6);
}

int udp_server_create(const struct udp_server_config *config, struct udp_server **out)
{
        struct udp_server *s = calloc(1, sizeof *s);
        if (!s)
                return ERR_NO_MEMORY;
        s->config = *config;
        s->fd = sock_udp_bind(&config->listen, RECEIVE_BYTES);
        const struct sock_addr *by = config->group_by.n > 0 ? &config->group_by : &config->listen;
        int err = s->fd < 0 ? s->fd : config->group.n > 0 ? sock_group_send(s->fd, &config->group, by) : 0;
        err = err ? err : open_gate(s);
        if (err) {
                int kept = errno;
                if (s->fd >= 0)
                        close(s->fd);
                free(s);
                errno = kept;
                return err;
        }
        dont_fragment(s->fd);
        watch_init(&s->watch, config->loop, s->fd, on_ready, s);
        watch_want(&s->watch, WATCH_READ);
        alarm_init(&s->alarm, config->loop, on_alarm, s);
        alarm_set(&s->alarm, udp_gate_deadline(s->gate));
        *out = s;
        return 0;
}

struct sock_addr udp_server_address(const struct udp_server *s)
{
        struct sock_addr a = s->config.listen;
        (void)sock_local(s->fd, &a);
        return a;
}

void udp_server_stop(struct udp_server *s, struct mono now)
{
        udp_gate_close(s->gate, now, DGRAM_CODE_SHUTDOWN);
        s->stopped = true; /* a client that comes straight back must not find us again */
        watch_want(&s->watch, 0);
        udp_server_flush(s, now);
}

static void flush(void *server, struct mono now)
{
        udp_server_flush(server, now);
}

static void stop(void *server, struct mono now)
{
        udp_server_stop(server, now);
}

struct udp_server *udp_server_serve(struct service *service, const char *address,
                                    const struct udp_server_config *config)
{
        struct udp_server_config c = config ? *config : udp_server_defaults();
        struct udp_server *s;
        if (sock_addr_parse(address, &c.listen) != 0)
                options_fail("%s: not an address; write it as in 127.0.0.1:3000", address);
        c.loop = service_loop(service);
        c.app = service_app(service);
        c.wake = service_wake;
        c.wake_ctx = service;
        service_need(udp_server_create(&c, &s), "bind udp", address);
        struct service_transport transport = { s, "udp", udp_server_address(s), flush, stop };
        service_need(service_add(service, &transport), "add udp at", address);
        return s;
}

void udp_server_destroy(struct udp_server *s)
{
        if (!s)
                return;
        watch_end(&s->watch);
        alarm_end(&s->alarm);
        udp_gate_destroy(s->gate, loop_clock());
        close(s->fd);
        free(s);
}

void udp_server_tell(const struct udp_server *s)
{
        struct udp_stats counted = *udp_gate_stats(s->gate);
        const struct {
                uint64_t n;
                const char *words;
        } lines[] = {
#define LINE(name, words) { counted.name, words },
                UDP_STATS(LINE)
#undef LINE
                        { s->sends, "sends" },
                { sock_drops(s->fd), "datagrams that the receive buffer had no place for" },
        };
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
                if (lines[i].n > 0)
                        log_info("counted %" PRIu64 " %s", lines[i].n, lines[i].words);
}
