#include "udp_server/udp_stranger.h"

#include "udp_server/udp_hash.h"

void udp_strangers_init(struct udp_strangers *s, struct mono now, struct udp_stats *stats, const uint8_t *reset_key,
                        uint32_t hellos_per_s)
{
        s->stats = stats;
        s->reset_key = reset_key;
        s->hellos_per_s = hellos_per_s;
        s->hellos = s->resets = (struct udp_per_second){ .since = now };
        udp_cookies_init(&s->cookies, now);
        for (int i = 0; i < UDP_STRANGER_PLACES; i++)
                s->reset_at[i] = mono_add(now, -NS_PER_S);
}

static bool within_rate(struct udp_per_second *r, struct mono now, uint32_t max)
{
        if (mono_since(now, r->since) >= NS_PER_S)
                *r = (struct udp_per_second){ .since = now };
        return r->n < max && ++r->n > 0;
}

size_t udp_stranger_put(const struct dgram_msg *m, uint8_t answer[DGRAM_COOKIE_BYTES])
{
        struct writer w = writer_of(answer, DGRAM_COOKIE_BYTES);
        return dgram_put(&w, m) ? writer_used(&w) : 0;
}

size_t udp_stranger_hello(struct udp_strangers *s, struct mono now, const struct udp_addr *from, uint64_t nonce,
                          uint16_t flags, uint8_t answer[DGRAM_COOKIE_BYTES])
{
        if (!within_rate(&s->hellos, now, s->hellos_per_s)) {
                s->stats->hello_limited++;
                return 0;
        }
        struct dgram_msg m = { .type = DGRAM_COOKIE, .flags = flags, .cookie = { .nonce = nonce } };
        udp_cookie_make(&s->cookies, now, from, &m.cookie);
        s->stats->cookies++;
        return udp_stranger_put(&m, answer);
}

/* One a second for each /24 (IPv6: /56), by a table of fixed size: two prefixes that share a place
 * share its second. */
static bool may_reset(struct udp_strangers *s, struct mono now, const struct udp_addr *from)
{
        uint64_t place;
        size_t prefix = udp_addr_is_v4(from) ? 15 : 7;
        crypto_shorthash((unsigned char *)&place, from->ip, prefix, udp_hash_key);
        struct mono *last = &s->reset_at[place % UDP_STRANGER_PLACES];
        if (mono_since(now, *last) < NS_PER_S || !within_rate(&s->resets, now, UDP_STRANGER_RESETS))
                return false;
        *last = now;
        return true;
}

size_t udp_stranger_reset(struct udp_strangers *s, struct mono now, const struct udp_addr *from, uint64_t tag,
                          size_t datagram_bytes, uint8_t answer[DGRAM_COOKIE_BYTES])
{
        s->stats->unknown_tag++;
        if (datagram_bytes <= DGRAM_COOKIE_BYTES)
                return 0;
        if (!may_reset(s, now, from)) {
                s->stats->reset_limited++;
                return 0;
        }
        struct dgram_msg m = { .type = DGRAM_RESET, .tag = tag };
        udp_reset_token(s->reset_key, tag, m.reset.token);
        s->stats->resets++;
        return udp_stranger_put(&m, answer);
}
