/* udp_hash: uthash with a keyed hash, for tables whose keys a stranger chooses. Include instead of
 * <uthash.h>. Private to udp_server. */
#ifndef UDP_SERVER_UDP_HASH_H
#define UDP_SERVER_UDP_HASH_H
#include <sodium.h>

#include "core/base/rng.h"

extern uint8_t udp_hash_key[16];

/* Makes the key at the first call. */
static inline void udp_hash_key_init(void)
{
        static const uint8_t unset[sizeof udp_hash_key];
        if (sodium_memcmp(udp_hash_key, unset, sizeof unset) == 0)
                rng_os(udp_hash_key, sizeof udp_hash_key);
}

#define HASH_FUNCTION(key, key_n, hash)                                                                          \
        do {                                                                                                     \
                uint64_t siphash_;                                                                               \
                crypto_shorthash((unsigned char *)&siphash_, (const unsigned char *)(key), key_n, udp_hash_key); \
                (hash) = (unsigned)siphash_;                                                                     \
        } while (0)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
