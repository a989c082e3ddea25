#include "lab/seen.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct entry {
        uint64_t key, times; /* times 0: the place is free */
};

struct seen {
        struct entry *young, *old; /* places each, at most half of them taken */
        size_t places, young_n;
};

static size_t power_of_two(size_t at_least)
{
        size_t n = 1;
        while (n < at_least)
                n *= 2;
        return n;
}

/* The key's entry, or the free one where it would go. */
static struct entry *find(const struct seen *s, struct entry *table, uint64_t key)
{
        size_t at = (size_t)key & (s->places - 1);
        while (table[at].times != 0 && table[at].key != key)
                at = (at + 1) & (s->places - 1);
        return &table[at];
}

static void grow_old(struct seen *s)
{
        struct entry *forgotten = s->old;
        s->old = s->young;
        s->young = forgotten;
        memset(s->young, 0, s->places * sizeof *s->young);
        s->young_n = 0;
}

struct seen *seen_create(size_t keys_max)
{
        struct seen *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->places = 2 * power_of_two(keys_max);
        s->young = calloc(s->places, sizeof *s->young);
        s->old = calloc(s->places, sizeof *s->old);
        if (s->young && s->old)
                return s;
        seen_destroy(s);
        return NULL;
}

void seen_destroy(struct seen *s)
{
        if (!s)
                return;
        free(s->young);
        free(s->old);
        free(s);
}

uint64_t seen_again(struct seen *s, uint64_t key)
{
        struct entry *e = find(s, s->young, key);
        if (e->times == 0) {
                uint64_t before = find(s, s->old, key)->times;
                if (s->young_n == s->places / 2) {
                        grow_old(s);
                        e = find(s, s->young, key);
                }
                *e = (struct entry){ key, before };
                s->young_n++;
        }
        return ++e->times;
}
