/* udp_stranger: what somebody without a session gets: a COOKIE for a HELLO, a RESET for a session that
 * nobody knows. Nothing of him is remembered, no answer is larger than what asked for it, and there are so
 * many of each a second, whoever asks.
 *
 * Nor may an address begin sessions as fast as it likes, whose cookie is good.
 *
 * Value module: no heap, no clock.
 *
 * Source: RFC 9000 8.1 and 10.3, and the project's UDP wire spec, section 7.
 */
#ifndef UDP_SERVER_UDP_STRANGER_H
#define UDP_SERVER_UDP_STRANGER_H
#include "core/base/bucket.h"
#include "core/wire/dgram.h"
#include "udp_server/udp_cookie.h"
#include "udp_server/udp_stats.h"

enum {
        UDP_STRANGER_RESETS = 100,  /* in a second, of all */
        UDP_STRANGER_NEAR = 10,     /* of these, of one prefix; as many at once: a class that comes back asks for six */
        UDP_STRANGER_PLACES = 1024, /* to remember how many a prefix had, and */
        UDP_STRANGER_BEGUN = 4096,  /* what an address has begun, of which */
        UDP_STRANGER_WAYS = 2,      /* are its own: who shares one with a flood has the other */
        UDP_STRANGER_BEGINS_S = 10, /* an address may begin as many sessions in so many seconds as it may have; and */
        UDP_STRANGER_BURST = 4,     /* so many times as many at once: all may come back, and again */
};

/* At most so many in each second. */
struct udp_per_second {
        struct mono since;
        uint32_t n;
};

struct udp_strangers {
        struct udp_stats *stats;  /* borrowed, like the key */
        const uint8_t *reset_key; /* UDP_KEY_BYTES */
        uint32_t hellos_per_s;
        struct udp_cookies cookies;
        struct udp_per_second hellos, resets;
        struct bucket_rule near;
        struct bucket reset[UDP_STRANGER_PLACES];
        struct bucket_rule begins;
        struct bucket begun[UDP_STRANGER_BEGUN];
};

void udp_strangers_init(struct udp_strangers *s, struct mono now, struct udp_stats *stats, const uint8_t *reset_key,
                        uint32_t hellos_per_s, uint32_t per_address);

/* These return the bytes of the answer; 0: none. flags: of the COOKIE. */
size_t udp_stranger_hello(struct udp_strangers *s, struct mono now, const struct udp_addr *from, uint64_t nonce,
                          uint16_t flags, uint8_t answer[DGRAM_COOKIE_BYTES]);
size_t udp_stranger_reset(struct udp_strangers *s, struct mono now, const struct udp_addr *from, uint64_t tag,
                          size_t datagram_bytes, uint8_t answer[DGRAM_COOKIE_BYTES]);

/* May one more session begin at this address now? Counts it when it may. Sessions that end make no place here: who
 * comes and goes all the time would otherwise leave as much behind as he likes (instances that are away).
 *
 * Never more than the rule says of one address, whoever shares its places; less only where others have spent both. */
bool udp_stranger_begins(struct udp_strangers *s, struct mono now, const struct udp_addr *from);

/* Writes a message that is one of these answers. Returns its bytes; 0: it is longer. */
size_t udp_stranger_put(const struct dgram_msg *m, uint8_t answer[DGRAM_COOKIE_BYTES]);

#endif
