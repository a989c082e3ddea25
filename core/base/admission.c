#include "core/base/admission.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"

/* Addresses are chosen by strangers: a keyed hash, or they choose the collisions. */
static uint8_t hash_key[crypto_shorthash_KEYBYTES];
#define HASH_FUNCTION(key, key_n, hash)                                                                      \
        do {                                                                                                 \
                uint64_t siphash_;                                                                           \
                crypto_shorthash((unsigned char *)&siphash_, (const unsigned char *)(key), key_n, hash_key); \
                (hash) = (unsigned)siphash_;                                                                 \
        } while (0)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct admission_source {
        UT_hash_handle hh;
        uint8_t ip[16];
        uint32_t present;
};

struct admission {
        struct admission_config config;
        struct admission_source *sources;
        uint32_t present;
};

struct admission *admission_create(const struct admission_config *config)
{
        static const uint8_t unset[sizeof hash_key];
        struct admission *a = calloc(1, sizeof *a);
        if (!a)
                return NULL;
        if (memcmp(hash_key, unset, sizeof unset) == 0)
                rng_os(hash_key, sizeof hash_key);
        a->config = *config;
        return a;
}

void admission_destroy(struct admission *a)
{
        free(a);
}

static bool is_v4(const uint8_t ip[16])
{
        static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
        return memcmp(ip, mapped, sizeof mapped) == 0;
}

static bool is_loopback(const uint8_t ip[16])
{
        static const uint8_t one[16] = { [15] = 1 };
        return is_v4(ip) ? ip[12] == 127 : memcmp(ip, one, sizeof one) == 0;
}

bool admission_counts(const struct admission *a, const uint8_t ip[16])
{
        return a->config.loopback || !is_loopback(ip);
}

/* The address's entry, made if there is none. NULL: no memory. */
static struct admission_source *source_of(struct admission *a, const uint8_t ip[16])
{
        struct admission_source *s;
        uint8_t key[16] = { 0 };
        memcpy(key, ip, is_v4(ip) ? 16 : 8);
        HASH_FIND(hh, a->sources, key, sizeof key, s);
        if (s)
                return s;
        s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        memcpy(s->ip, key, sizeof key);
        HASH_ADD(hh, a->sources, ip, sizeof s->ip, s);
        if (s->hh.tbl)
                return s;
        free(s);
        return NULL;
}

/* One more at that address. beyond: the limit does not matter. */
static enum admission_verdict enter(struct admission *a, const uint8_t ip[16], bool beyond,
                                    struct admission_source **out)
{
        *out = NULL;
        if (!admission_counts(a, ip))
                return ADMISSION_GRANTED;
        struct admission_source *s = source_of(a, ip);
        if (!s)
                return ADMISSION_FULL;
        if (!beyond && s->present >= a->config.per_address_max)
                return ADMISSION_ADDRESS;
        s->present++;
        *out = s;
        return ADMISSION_GRANTED;
}

static void leave(struct admission *a, struct admission_source *source)
{
        if (!source || --source->present > 0)
                return;
        HASH_DEL(a->sources, source);
        free(source);
}

enum admission_verdict admission_ask(struct admission *a, const uint8_t ip[16], bool replaces,
                                     struct admission_source **out)
{
        *out = NULL;
        if (!replaces && a->present >= a->config.all_max)
                return ADMISSION_FULL;
        enum admission_verdict verdict = enter(a, ip, replaces, out);
        a->present += verdict == ADMISSION_GRANTED;
        return verdict;
}

enum admission_verdict admission_move(struct admission *a, const uint8_t ip[16], struct admission_source **source)
{
        struct admission_source *to;
        uint8_t key[16] = { 0 };
        memcpy(key, ip, is_v4(ip) ? 16 : 8);
        if (*source && memcmp((*source)->ip, key, sizeof key) == 0)
                return ADMISSION_GRANTED;
        enum admission_verdict verdict = enter(a, ip, false, &to);
        if (verdict != ADMISSION_GRANTED)
                return verdict;
        leave(a, *source);
        *source = to;
        return ADMISSION_GRANTED;
}

void admission_end(struct admission *a, struct admission_source *source)
{
        a->present--;
        leave(a, source);
}

uint32_t admission_present(const struct admission *a)
{
        return a->present;
}

uint32_t admission_addresses(const struct admission *a)
{
        return HASH_COUNT(a->sources);
}
