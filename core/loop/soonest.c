#include "core/loop/soonest.h"

#include <stddef.h>

/* One heap of two; both are first in theirs, without siblings. */
static struct soon *meld(struct soon *a, struct soon *b)
{
        if (!a || !b)
                return a ? a : b;
        if (mono_before(b->at, a->at)) {
                struct soon *sooner = b;
                b = a;
                a = sooner;
        }
        b->prev = a;
        b->next = a->child;
        if (b->next)
                b->next->prev = b;
        a->child = b;
        return a;
}

static struct soon *part(struct soon *s)
{
        s->next = s->prev = NULL;
        return s;
}

/* One heap of siblings: in pairs from the first on, then the pairs from the last back. That way the
 * next to come first has few children, which is all that makes it fast. */
static struct soon *meld_all(struct soon *s)
{
        struct soon *pairs = NULL, *all = NULL;
        while (s) {
                struct soon *other = s->next, *rest = other ? other->next : NULL;
                struct soon *pair = other ? meld(part(s), part(other)) : part(s);
                pair->next = pairs;
                pairs = pair;
                s = rest;
        }
        while (pairs) {
                struct soon *rest = pairs->next;
                all = meld(all, part(pairs));
                pairs = rest;
        }
        return all;
}

void soonest_put(struct soon **first, struct soon *s)
{
        s->child = NULL;
        *first = meld(*first, part(s));
}

void soonest_take(struct soon **first, struct soon *s)
{
        struct soon *below = meld_all(s->child);
        if (!s->prev) {
                *first = below;
                return;
        }
        *(s->prev->child == s ? &s->prev->child : &s->prev->next) = s->next;
        if (s->next)
                s->next->prev = s->prev;
        *first = meld(*first, below);
}
