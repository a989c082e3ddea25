#include "udp_server/udp_cookie.h"

#include <sodium.h>

#include "core/base/rng.h"

_Static_assert(UDP_KEY_BYTES == crypto_generichash_KEYBYTES && DGRAM_TOKEN == crypto_generichash_BYTES_MIN,
               "BLAKE2b-128 with a 256-bit key");

#define ROTATE_NS (60 * NS_PER_S)

static uint8_t minute(struct mono now)
{
        return (uint8_t)(now.ns / ROTATE_NS);
}

/* Keys have their minutes, whether or not somebody comes by: else a cookie would be good for three. */
static void rotate(struct udp_cookies *c, struct mono now)
{
        int64_t turns = mono_since(now, c->rotated) / ROTATE_NS;
        if (turns < 1)
                return;
        if (turns > 1) /* the one before is too old as well */
                rng_os(c->key[c->key_id % 2], UDP_KEY_BYTES);
        c->key_id++;
        c->rotated = mono_add(c->rotated, turns * ROTATE_NS);
        rng_os(c->key[c->key_id % 2], UDP_KEY_BYTES);
}

static void sign(const struct udp_cookies *c, const struct udp_addr *from, const struct dgram_cookie *in,
                 uint8_t cookie[DGRAM_TOKEN])
{
        uint8_t text[2 + sizeof from->ip + sizeof from->port + 8];
        struct writer w = writer_of(text, sizeof text);
        writer_u8(&w, DGRAM_VERSION);
        writer_u8(&w, in->minute);
        writer_put(&w, from->ip, sizeof from->ip);
        writer_put(&w, from->port, sizeof from->port);
        writer_u64(&w, in->nonce);
        crypto_generichash(cookie, DGRAM_TOKEN, text, writer_used(&w), c->key[in->key_id % 2], UDP_KEY_BYTES);
}

void udp_cookies_init(struct udp_cookies *c, struct mono now)
{
        *c = (struct udp_cookies){ .rotated = now };
        rng_os(c->key, sizeof c->key);
}

void udp_cookie_make(struct udp_cookies *c, struct mono now, const struct udp_addr *from, struct dgram_cookie *out)
{
        rotate(c, now);
        out->key_id = c->key_id;
        out->minute = minute(now);
        sign(c, from, out, out->cookie);
}

bool udp_cookie_check(struct udp_cookies *c, struct mono now, const struct udp_addr *from,
                      const struct dgram_cookie *in)
{
        uint8_t expected[DGRAM_TOKEN];
        rotate(c, now);
        if ((uint8_t)(c->key_id - in->key_id) > 1 || (uint8_t)(minute(now) - in->minute) > 2)
                return false;
        sign(c, from, in, expected);
        return sodium_memcmp(expected, in->cookie, sizeof expected) == 0;
}

void udp_reset_token(const uint8_t reset_key[UDP_KEY_BYTES], uint64_t session_tag, uint8_t token[DGRAM_TOKEN])
{
        uint8_t text[8];
        struct writer w = writer_of(text, sizeof text);
        writer_u64(&w, session_tag);
        crypto_generichash(token, DGRAM_TOKEN, text, sizeof text, reset_key, UDP_KEY_BYTES);
}
