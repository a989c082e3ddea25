#include "core/base/rng.h"

#include <sodium.h>
#include <string.h>

_Static_assert(crypto_shorthash_KEYBYTES == 16 && crypto_shorthash_BYTES == 8, "SipHash-2-4");

static uint64_t hash(const uint8_t key[16], const void *in, size_t n)
{
        uint64_t out;
        crypto_shorthash((unsigned char *)&out, in, n, key);
        return out;
}

struct rng rng_seeded(uint64_t seed, const char *stream)
{
        struct rng r = { .next = 0 };
        uint8_t key[16] = { 0 };
        memcpy(key, &seed, sizeof seed);
        for (uint8_t half = 0; half < 2; half++) {
                key[15] = half;
                uint64_t word = hash(key, stream, strlen(stream));
                memcpy(r.key + 8 * half, &word, sizeof word);
        }
        return r;
}

uint64_t rng_at(const struct rng *r, uint64_t n)
{
        return hash(r->key, &n, sizeof n);
}

uint64_t rng_keyed(const struct rng *r, const uint64_t *values, size_t values_n)
{
        return hash(r->key, values, values_n * sizeof *values);
}

uint64_t rng_u64(struct rng *r)
{
        return rng_at(r, r->next++);
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
        /* Numbers below 2^64 mod bound would make the low results likelier; draw again. */
        uint64_t unfair = (0 - bound) % bound;
        uint64_t v;
        do
                v = rng_u64(r);
        while (v < unfair);
        return v % bound;
}

double rng_unit(struct rng *r)
{
        return rng_to_unit(rng_u64(r));
}

void rng_os(void *out, size_t n)
{
        randombytes_buf(out, n);
}

uint64_t rng_os_u64(void)
{
        uint64_t v;
        do
                rng_os(&v, sizeof v);
        while (v == 0);
        return v;
}
