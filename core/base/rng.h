/* rng: seeded randomness that is a function of a counter, not of a history.
 *
 * The n-th number of a stream is SipHash-2-4(key from seed and stream, n): asking for one number
 * more in one place moves no other number. That is what lets the same datagram meet the same fate
 * in two runs whose other traffic differs. For experiments only: identities, epochs and keys come
 * from the OS (rng_os), never from a seed.
 *
 * Source: SipHash, Aumasson and Bernstein 2012 (libsodium crypto_shorthash).
 */
#ifndef CORE_BASE_RNG_H
#define CORE_BASE_RNG_H
#include <stddef.h>
#include <stdint.h>

struct rng {
        uint8_t key[16];
        uint64_t next; /* counter that rng_u64 takes next */
};

/* A stream of numbers. `stream` names the use ("loss", "plan"): equal seeds with different names
 * give unrelated numbers. */
struct rng rng_seeded(uint64_t seed, const char *stream);

/* The number at place n, without moving the counter. */
uint64_t rng_at(const struct rng *r, uint64_t n);

/* The number for a tuple of values: a decision keyed by (flow, index, purpose) is made so. */
uint64_t rng_keyed(const struct rng *r, const uint64_t *values, size_t values_n);

uint64_t rng_u64(struct rng *r);                   /* next number */
uint64_t rng_below(struct rng *r, uint64_t bound); /* uniform in 0..bound-1, without bias; bound >= 1 */
double rng_unit(struct rng *r);                    /* uniform in [0, 1), 53 bits */

/* Maps 64 random bits to [0, 1). */
static inline double rng_to_unit(uint64_t bits)
{
        return (double)(bits >> 11) * 0x1p-53;
}

/* n bytes from the operating system's randomness. Never fails (libsodium ends the process
 * when the OS has none). */
void rng_os(void *out, size_t n);

/* A random u64 from the OS that is not 0. */
uint64_t rng_os_u64(void);

#endif
