#include "udp_server/udp_stranger.h"

#include "udp_server/udp_hash.h"

void udp_strangers_init(struct udp_strangers *s, struct mono now, struct udp_stats *stats, const uint8_t *reset_key,
                        uint32_t hellos_per_s, uint32_t per_address)
{
        s->stats = stats;
        s->reset_key = reset_key;
        s->hellos_per_s = hellos_per_s;
        s->hellos = s->resets = (struct udp_per_second){ .since = now };
        s->begins = bucket_rule((double)per_address / UDP_STRANGER_BEGINS_S,
                                per_address < UINT32_MAX / UDP_STRANGER_BURST ? UDP_STRANGER_BURST * per_address
                                                                              : UINT32_MAX);
        s->near = bucket_rule(UDP_STRANGER_NEAR, UDP_STRANGER_NEAR);
        udp_cookies_init(&s->cookies, now);
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

/* For tables of fixed size: two prefixes of so many bytes may share a place. */
static uint64_t hash_of(const struct udp_addr *from, size_t v4, size_t v6)
{
        uint64_t hash;
        crypto_shorthash((unsigned char *)&hash, from->ip, udp_addr_is_v4(from) ? v4 : v6, udp_hash_key);
        return hash;
}

/* So many for each /24 (IPv6: /56). */
static bool may_reset(struct udp_strangers *s, struct mono now, const struct udp_addr *from)
{
        struct bucket *b = &s->reset[hash_of(from, 15, 7) % UDP_STRANGER_PLACES];
        if (!bucket_open(b, &s->near, now) || !within_rate(&s->resets, now, UDP_STRANGER_RESETS))
                return false;
        bucket_spend(b, &s->near, now, 1);
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

/* A place that is spent already owes nothing for it: one that many share would else stay shut long after them. */
static void spend(struct bucket *b, const struct bucket_rule *rule, struct mono now)
{
        bucket_spend(b, rule, now, 1);
        b->full_at = mono_min(b->full_at, mono_add(now, rule->burst_ns));
}

bool udp_stranger_begins(struct udp_strangers *s, struct mono now, const struct udp_addr *from)
{
        struct bucket *place[UDP_STRANGER_WAYS];
        uint64_t hash = hash_of(from, 16, 8);
        bool open = false;
        for (int i = 0; i < UDP_STRANGER_WAYS; i++) {
                place[i] = &s->begun[(hash >> 32 * i) % UDP_STRANGER_BEGUN];
                open |= bucket_open(place[i], &s->begins, now);
        }
        for (int i = 0; open && i < UDP_STRANGER_WAYS; i++)
                if (i == 0 || place[i] != place[0])
                        spend(place[i], &s->begins, now);
        return open;
}
