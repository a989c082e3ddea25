/* udp_addr: where a datagram came from, as the engines see it: bytes to compare, no socket. */
#ifndef UDP_SERVER_UDP_ADDR_H
#define UDP_SERVER_UDP_ADDR_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct udp_addr {
        uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
        uint8_t port[2];
};

static inline bool udp_addr_equal(const struct udp_addr *a, const struct udp_addr *b)
{
        return memcmp(a, b, sizeof *a) == 0;
}

static inline bool udp_addr_is_v4(const struct udp_addr *a)
{
        static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
        return memcmp(a->ip, mapped, sizeof mapped) == 0;
}

#endif
