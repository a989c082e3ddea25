/* udp_cookie: proof that a stranger receives at the address he writes from, without remembering him.
 *
 * A cookie is a MAC over version, minute, address and the client's nonce. Two random keys live at
 * a time; a new one is made every 60 s, so that a cookie is good for 60 to 120 s. No heap, no I/O.
 *
 * Source: the project's UDP wire spec, section 7; BLAKE2b-128 keyed (libsodium).
 */
#ifndef UDP_SERVER_UDP_COOKIE_H
#define UDP_SERVER_UDP_COOKIE_H
#include "core/base/mono.h"
#include "core/wire/dgram.h"
#include "udp_server/udp_addr.h"

enum { UDP_KEY_BYTES = 32 };

struct udp_cookies {
        uint8_t key[2][UDP_KEY_BYTES]; /* key id k lives in key[k % 2] */
        uint8_t key_id;                /* of the newer one */
        struct mono rotated;
};

void udp_cookies_init(struct udp_cookies *c, struct mono now);

/* Fills key_id, minute and cookie for out->nonce. */
void udp_cookie_make(struct udp_cookies *c, struct mono now, const struct udp_addr *from, struct dgram_cookie *out);

bool udp_cookie_check(struct udp_cookies *c, struct mono now, const struct udp_addr *from,
                      const struct dgram_cookie *in);

/* The token that a RESET for this session tag proves itself with. */
void udp_reset_token(const uint8_t reset_key[UDP_KEY_BYTES], uint64_t session_tag, uint8_t token[DGRAM_TOKEN]);

#endif
