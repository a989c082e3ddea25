#include "client/eid_set.h"

#include <stdlib.h>

enum { PLACES_FIRST = 64 };

/* Where the event is, or the empty place where it belongs. */
static struct eid_place *find(const struct eid_generation *g, uint32_t epoch, uint64_t eid)
{
        uint64_t at = eid * UINT64_C(0x9E3779B97F4A7C15) >> 20;
        struct eid_place *p;
        do
                p = &g->place[at++ & (g->cap - 1)];
        while (p->eid != 0 && (p->eid != eid || p->epoch != epoch));
        return p;
}

static bool has(const struct eid_generation *g, uint32_t epoch, uint64_t eid)
{
        return g->cap > 0 && find(g, epoch, eid)->eid != 0;
}

/* At most half of the places are taken, so that a search is short. */
static bool widen(struct eid_generation *g)
{
        if (2 * g->n < g->cap)
                return true;
        struct eid_generation wider = { .cap = g->cap ? 2 * g->cap : PLACES_FIRST };
        wider.place = calloc(wider.cap, sizeof *wider.place);
        if (!wider.place)
                return false;
        for (uint32_t i = 0; i < g->cap; i++)
                if (g->place[i].eid != 0)
                        *find(&wider, g->place[i].epoch, g->place[i].eid) = g->place[i];
        wider.n = g->n;
        free(g->place);
        *g = wider;
        return true;
}

bool eid_set_add(struct eid_set *s, struct mono now, uint32_t epoch, uint64_t eid)
{
        if (s->young.n > 0 && (mono_since(now, s->turned) >= EID_SET_KEEP_NS || s->young.n >= EID_SET_MAX)) {
                free(s->old.place);
                s->old = s->young;
                s->young = (struct eid_generation){ 0 };
        }
        if (s->young.n == 0)
                s->turned = now;
        if (has(&s->young, epoch, eid) || has(&s->old, epoch, eid))
                return false;
        if (!widen(&s->young))
                return true;
        *find(&s->young, epoch, eid) = (struct eid_place){ eid, epoch };
        s->young.n++;
        return true;
}

void eid_set_free(struct eid_set *s)
{
        free(s->young.place);
        free(s->old.place);
        *s = (struct eid_set){ 0 };
}
