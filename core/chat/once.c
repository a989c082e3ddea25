#include "core/chat/once.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"

enum { FIRST = 8 };

struct once_key {
        uint8_t hash[crypto_generichash_BYTES_MIN];
};

struct once_result {
        struct once_key key;
        struct published published;
};

static struct once_key key_of(struct bytes id)
{
        struct once_key key;
        assert(id.n > 0 && id.n <= ONCE_ID_MAX);
        crypto_generichash(key.hash, sizeof key.hash, id.at, id.n, NULL, 0);
        return key;
}

void once_free(struct once *o)
{
        free(o->result);
        *o = (struct once){ 0 };
}

bool once_find(const struct once *o, struct bytes id, struct published *p)
{
        if (o->n == 0)
                return false;
        struct once_key key = key_of(id);
        for (uint32_t i = 0; i < o->cap && i < o->n; i++) {
                if (memcmp(&o->result[i].key, &key, sizeof key) != 0)
                        continue;
                *p = o->result[i].published;
                return true;
        }
        return false;
}

/* It is full, so its results lie in order from the start: below the largest size nothing wraps. */
int once_reserve(struct once *o)
{
        if (o->n < o->cap || o->cap == ONCE_KEPT)
                return 0;
        uint32_t cap = o->cap ? o->cap * 2 : FIRST;
        struct once_result *result = realloc(o->result, cap * sizeof *result);
        if (!result)
                return ERR_NO_MEMORY;
        o->result = result;
        o->cap = cap;
        return 0;
}

void once_put(struct once *o, struct bytes id, const struct published *p)
{
        assert(o->n < o->cap || o->cap == ONCE_KEPT);
        o->result[o->n++ % o->cap] = (struct once_result){ key_of(id), *p };
}
