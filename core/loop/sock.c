#include "core/loop/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/units.h"

enum { BACKLOG = 4096 };

static int parse_port(const char *text, uint16_t *port)
{
        uint64_t v;
        if (strlen(text) > 5 || units_count(text, &v) != 0 || v > UINT16_MAX)
                return ERR_MALFORMED;
        *port = (uint16_t)v;
        return 0;
}

/* Cuts "HOST:PORT" or "[HOST]:PORT" in two. */
static int split(const char *text, char host[INET6_ADDRSTRLEN], bool *v6, const char **port)
{
        *v6 = text[0] == '[';
        const char *start = text + *v6;
        const char *end = *v6 ? strstr(start, "]:") : strchr(start, ':');
        if (!end || end - start >= INET6_ADDRSTRLEN)
                return ERR_MALFORMED;
        memcpy(host, start, (size_t)(end - start));
        host[end - start] = '\0';
        *port = end + 1 + *v6;
        return 0;
}

int sock_addr_parse(const char *text, struct sock_addr *a)
{
        char host[INET6_ADDRSTRLEN];
        const char *port_text;
        uint16_t port;
        bool v6;
        if (split(text, host, &v6, &port_text) != 0 || parse_port(port_text, &port) != 0)
                return ERR_MALFORMED;
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        if (inet_pton(v6 ? AF_INET6 : AF_INET, host, v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr) != 1)
                return ERR_MALFORMED;
        *a = (struct sock_addr){ .n = v6 ? sizeof in6 : sizeof in };
        memcpy(&a->at, v6 ? (void *)&in6 : (void *)&in, a->n);
        return 0;
}

void sock_addr_ip(const struct sock_addr *a, uint8_t ip[16])
{
        if (a->at.ss_family == AF_INET6) {
                memcpy(ip, &((const struct sockaddr_in6 *)&a->at)->sin6_addr, 16);
                return;
        }
        memset(ip, 0, 10);
        ip[10] = ip[11] = 0xFF;
        memcpy(ip + 12, &((const struct sockaddr_in *)&a->at)->sin_addr, 4);
}

static uint16_t *port_of(const struct sock_addr *a)
{
        struct sockaddr_storage *at = (struct sockaddr_storage *)(uintptr_t)&a->at;
        return at->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)at)->sin6_port
                                         : &((struct sockaddr_in *)at)->sin_port;
}

uint16_t sock_addr_port(const struct sock_addr *a)
{
        return ntohs(*port_of(a));
}

void sock_addr_port_set(struct sock_addr *a, uint16_t port)
{
        *port_of(a) = htons(port);
}

const char *sock_addr_text(const struct sock_addr *a, char text[SOCK_ADDR_TEXT_MAX])
{
        char host[INET6_ADDRSTRLEN] = "?";
        bool v6 = a->at.ss_family == AF_INET6;
        const void *from = v6 ? (const void *)&((const struct sockaddr_in6 *)&a->at)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)&a->at)->sin_addr;
        inet_ntop(a->at.ss_family, from, host, sizeof host);
        snprintf(text, SOCK_ADDR_TEXT_MAX, v6 ? "[%s]:%u" : "%s:%u", host, sock_addr_port(a));
        return text;
}

static int fail(int fd)
{
        int kept = errno;
        if (fd >= 0)
                close(fd);
        errno = kept;
        return ERR_SYSTEM;
}

static int open_socket(const struct sock_addr *a, int type)
{
        return socket(a->at.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int set(int fd, int level, int option, int value)
{
        return setsockopt(fd, level, option, &value, sizeof value);
}

static int get(int fd, int level, int option)
{
        int value = 0;
        socklen_t n = sizeof value;
        return getsockopt(fd, level, option, &value, &n) == 0 ? value : 0;
}

int sock_tcp_listen(const struct sock_addr *a)
{
        int fd = open_socket(a, SOCK_STREAM);
        if (fd < 0 || set(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0 ||
            bind(fd, (const struct sockaddr *)&a->at, a->n) != 0 || listen(fd, BACKLOG) != 0)
                return fail(fd);
        return fd;
}

/* Bound to a source port of the any-address of the family, if one is asked for. */
static int bind_source(int fd, const struct sock_addr *to, uint16_t source_port)
{
        struct sock_addr from = { .at.ss_family = to->at.ss_family, .n = to->n };
        if (source_port == 0)
                return 0;
        sock_addr_port_set(&from, source_port);
        if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0)
                return -1;
        return bind(fd, (const struct sockaddr *)&from.at, from.n);
}

int sock_tcp_connect(const struct sock_addr *a, uint16_t source_port)
{
        int fd = open_socket(a, SOCK_STREAM);
        if (fd < 0 || bind_source(fd, a, source_port) != 0)
                return fail(fd);
        if (connect(fd, (const struct sockaddr *)&a->at, a->n) != 0 && errno != EINPROGRESS)
                return fail(fd);
        return fd;
}

static void want_receive_bytes(int fd, int receive_bytes)
{
        if (receive_bytes > 0 && set(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive_bytes) != 0)
                (void)set(fd, SOL_SOCKET, SO_RCVBUF, receive_bytes); /* what was granted is read back */
}

int sock_udp_bind(const struct sock_addr *a, int receive_bytes)
{
        int fd = open_socket(a, SOCK_DGRAM);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&a->at, a->n) != 0)
                return fail(fd);
        want_receive_bytes(fd, receive_bytes);
        return fd;
}

int sock_udp_connect(const struct sock_addr *a, uint16_t source_port, int receive_bytes)
{
        int fd = open_socket(a, SOCK_DGRAM);
        if (fd < 0 || bind_source(fd, a, source_port) != 0 || connect(fd, (const struct sockaddr *)&a->at, a->n) != 0)
                return fail(fd);
        want_receive_bytes(fd, receive_bytes);
        return fd;
}

/* ---- multicast ---------------------------------------------------------------------------- */

static const struct sockaddr_in *ipv4(const struct sock_addr *a)
{
        return a->at.ss_family == AF_INET ? (const struct sockaddr_in *)&a->at : NULL;
}

bool sock_group_fits(const struct sock_addr *group, const struct sock_addr *by)
{
        const struct sockaddr_in *in = ipv4(group);
        bool is = in && ipv4(by) && IN_MULTICAST(ntohl(in->sin_addr.s_addr));
        errno = is ? 0 : in && ipv4(by) ? EINVAL : EAFNOSUPPORT;
        return is;
}

int sock_group_send(int fd, const struct sock_addr *group, const struct sock_addr *by)
{
        if (!sock_group_fits(group, by))
                return ERR_SYSTEM;
        struct in_addr address = ipv4(by)->sin_addr;
        bool fine = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address) == 0 &&
                    set(fd, IPPROTO_IP, IP_MULTICAST_TTL, 1) == 0 && set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1) == 0;
        return fine ? 0 : ERR_SYSTEM;
}

static int join_group(int fd, struct in_addr group, struct in_addr source, struct in_addr by)
{
        struct ip_mreq_source one = { .imr_multiaddr = group, .imr_interface = by, .imr_sourceaddr = source };
        struct ip_mreq any = { .imr_multiaddr = group, .imr_interface = by };
        if (setsockopt(fd, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &one, sizeof one) == 0)
                return 0;
        return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &any, sizeof any);
}

int sock_group_hear(const struct sock_addr *group, const struct sock_addr *source, const struct sock_addr *by,
                    int receive_bytes)
{
        if (!sock_group_fits(group, by) || !ipv4(source))
                return ERR_SYSTEM;
        int fd = open_socket(group, SOCK_DGRAM);
        if (fd < 0 || set(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0 || set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) != 0 ||
            bind(fd, (const struct sockaddr *)&group->at, group->n) != 0 ||
            join_group(fd, ipv4(group)->sin_addr, ipv4(source)->sin_addr, ipv4(by)->sin_addr) != 0)
                return fail(fd);
        want_receive_bytes(fd, receive_bytes);
        return fd;
}

int sock_local(int fd, struct sock_addr *a)
{
        a->n = sizeof a->at;
        return getsockname(fd, (struct sockaddr *)&a->at, &a->n) == 0 ? 0 : ERR_SYSTEM;
}

int sock_remote(int fd, struct sock_addr *a)
{
        a->n = sizeof a->at;
        return getpeername(fd, (struct sockaddr *)&a->at, &a->n) == 0 ? 0 : ERR_SYSTEM;
}

int sock_error(int fd)
{
        return get(fd, SOL_SOCKET, SO_ERROR);
}

int sock_nodelay_set(int fd, bool on)
{
        return set(fd, IPPROTO_TCP, TCP_NODELAY, on) == 0 ? 0 : ERR_SYSTEM;
}

bool sock_nodelay(int fd)
{
        return get(fd, IPPROTO_TCP, TCP_NODELAY) != 0;
}

int sock_congestion_set(int fd, const char *name)
{
        return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0 ? 0 : ERR_SYSTEM;
}

bool sock_congestion_allowed(const char *name)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool allowed = fd >= 0 && sock_congestion_set(fd, name) == 0;
        if (fd >= 0)
                close(fd);
        return allowed;
}

const char *sock_congestion(int fd, char name[SOCK_CONGESTION_MAX])
{
        socklen_t n = SOCK_CONGESTION_MAX;
        memset(name, 0, SOCK_CONGESTION_MAX);
        if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &n) != 0)
                name[0] = '\0';
        name[SOCK_CONGESTION_MAX - 1] = '\0';
        return name;
}

int sock_receive_bytes(int fd)
{
        return get(fd, SOL_SOCKET, SO_RCVBUF);
}

uint64_t sock_drops(int fd)
{
        uint32_t info[SK_MEMINFO_VARS] = { 0 };
        socklen_t n = sizeof info;
        return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}
