/* sock: addresses as people write them, and the sockets this project opens. EDGE.
 *
 * Every socket is non-blocking and close-on-exec. Functions that return int give a descriptor or
 * 0, or ERR_SYSTEM with errno set. What the kernel granted is read back, never assumed.
 */
#ifndef CORE_LOOP_SOCK_H
#define CORE_LOOP_SOCK_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { SOCK_ADDR_TEXT_MAX = 64, SOCK_CONGESTION_MAX = 16 };

struct sock_addr {
        struct sockaddr_storage at;
        socklen_t n;
};

/* "127.0.0.1:3000", "[::1]:0": numbers only, no names. Returns 0 or ERR_MALFORMED. */
int sock_addr_parse(const char *text, struct sock_addr *a);

/* Writes it the same way and returns text. */
const char *sock_addr_text(const struct sock_addr *a, char text[SOCK_ADDR_TEXT_MAX]);
uint16_t sock_addr_port(const struct sock_addr *a);
/* The address alone; IPv4 as ::ffff:a.b.c.d. */
void sock_addr_ip(const struct sock_addr *a, uint8_t ip[16]);
void sock_addr_port_set(struct sock_addr *a, uint16_t port);

int sock_tcp_listen(const struct sock_addr *a);
/* A connection under way: writable when decided, then ask sock_error. source_port 0: any. */
int sock_tcp_connect(const struct sock_addr *a, uint16_t source_port);
/* receive_bytes: SO_RCVBUF to ask for (SO_RCVBUFFORCE where the right is there); 0: the default. */
int sock_udp_bind(const struct sock_addr *a, int receive_bytes);
int sock_udp_connect(const struct sock_addr *a, uint16_t source_port, int receive_bytes);

/* IPv4 multicast: is it a group, and are both IPv4? */
bool sock_group_fits(const struct sock_addr *group, const struct sock_addr *by);
/* A datagram socket sends to the group by the interface that has the address `by`, one hop far, and
 * to listeners on this machine. errno: EAFNOSUPPORT (not all of them are IPv4), EINVAL (not a group). */
int sock_group_send(int fd, const struct sock_addr *group, const struct sock_addr *by);
/* One that hears what `source` sends to the group, and by the interface of that address: source-specific where the
 * kernel can, else it hears others, too. Its port is shared with other such sockets. */
int sock_group_hear(const struct sock_addr *group, const struct sock_addr *source, const struct sock_addr *by,
                    int receive_bytes);

int sock_local(int fd, struct sock_addr *a);  /* with the real port when 0 was asked for */
int sock_remote(int fd, struct sock_addr *a); /* who is connected to it */
int sock_error(int fd);                       /* SO_ERROR: an errno, 0 for none */

int sock_nodelay_set(int fd, bool on);
bool sock_nodelay(int fd);
int sock_congestion_set(int fd, const char *name);
bool sock_congestion_allowed(const char *name);                      /* may this process choose it? */
const char *sock_congestion(int fd, char name[SOCK_CONGESTION_MAX]); /* "" when the kernel does not say */
int sock_receive_bytes(int fd);
uint64_t sock_drops(int fd); /* datagrams dropped because the receive buffer was full (SO_MEMINFO) */

#endif
