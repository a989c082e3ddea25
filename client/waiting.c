#include "client/waiting.h"

#include <stdlib.h>

#include "core/base/err.h"

static int make_room(struct waiting *w)
{
        if (w->n < w->cap)
                return 0;
        size_t cap = w->cap ? 2 * w->cap : 16;
        struct call *calls = realloc(w->calls, cap * sizeof *calls);
        if (!calls)
                return ERR_NO_MEMORY;
        w->calls = calls;
        w->cap = cap;
        return 0;
}

int waiting_add(struct waiting *w, uint64_t number, enum phrase_kind kind, struct bytes about)
{
        struct call c = { .number = number, .kind = kind };
        int err = make_room(w);
        err = err ? err : buf_put(&c.about, about.at, about.n);
        if (!err)
                w->calls[w->n++] = c;
        return err;
}

bool waiting_take(struct waiting *w, uint64_t number, struct call *call)
{
        for (size_t i = 0; i < w->n; i++) {
                if (w->calls[i].number != number)
                        continue;
                *call = w->calls[i];
                w->calls[i] = w->calls[--w->n];
                return true;
        }
        return false;
}

void call_free(struct call *c)
{
        buf_free(&c->about);
}

void waiting_free(struct waiting *w)
{
        for (size_t i = 0; i < w->n; i++)
                call_free(&w->calls[i]);
        free(w->calls);
        *w = (struct waiting){ 0 };
}
