#include "core/wire/reassembly.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire/dgram.h"

void reassembly_init(struct reassembly *r, uint32_t events_max, size_t bytes_max, struct reassembly_total *total)
{
        assert(events_max <= REASSEMBLY_EVENTS_MAX);
        *r = (struct reassembly){ .events_max = events_max, .bytes_max = bytes_max, .total = total };
}

void reassembly_free(struct reassembly *r)
{
        while (r->n > 0)
                reassembly_drop(r, r->event[r->n - 1]);
}

struct reassembly_event *reassembly_find(const struct reassembly *r, uint64_t channel, uint64_t number)
{
        for (uint32_t i = 0; i < r->n; i++)
                if (r->event[i]->number == number && r->event[i]->channel == channel)
                        return r->event[i];
        return NULL;
}

/* head: of memory beside the bytes. */
static bool fits(const struct reassembly *r, size_t bytes, size_t head)
{
        return bytes <= r->bytes_max - r->bytes && (!r->total || bytes + head <= r->total->bytes_max - r->total->bytes);
}

/* So many bytes more are taken; below 0: given back. */
static void account(struct reassembly *r, int64_t bytes, int64_t head)
{
        r->bytes += (size_t)bytes;
        if (r->total)
                r->total->bytes += (size_t)(bytes + head);
}

uint64_t reassembly_missing(const struct reassembly_event *e)
{
        return ~e->have & ((UINT64_C(1) << e->cnt) - 1);
}

struct reassembly_event *reassembly_begin(struct reassembly *r, struct mono now, const struct reassembly_part *p)
{
        struct reassembly_event *e;
        if (r->n >= r->events_max || !fits(r, p->event_bytes, sizeof *e) || !(e = malloc(sizeof *e + p->event_bytes)))
                return NULL;
        *e = (struct reassembly_event){ .channel = p->channel,
                                        .number = p->number,
                                        .fed = now,
                                        .event_bytes = p->event_bytes,
                                        .cnt = p->cnt,
                                        .opened = MONO_NEVER };
        memcpy(e->stamp, p->stamp, sizeof e->stamp);
        r->event[r->n++] = e;
        account(r, e->event_bytes, sizeof *e);
        return e;
}

bool reassembly_agrees(struct reassembly_event *e, const struct reassembly_part *p, bool *liar)
{
        bool agrees = e->event_bytes == p->event_bytes && memcmp(e->stamp, p->stamp, sizeof e->stamp) == 0;
        *liar = !agrees && e->disputed;
        e->disputed = !agrees;
        return agrees;
}

bool reassembly_put(struct reassembly_event *e, struct mono now, const struct reassembly_part *p)
{
        uint64_t bit = UINT64_C(1) << p->idx;
        assert(p->idx < e->cnt && p->bytes.n == dgram_fragment_bytes(e->event_bytes, p->idx));
        if (!(e->have & bit)) {
                memcpy(e->bytes + (size_t)p->idx * DGRAM_FRAGMENT_BYTES, p->bytes.at, p->bytes.n);
                e->have |= bit;
                e->fed = now;
        }
        return reassembly_missing(e) == 0;
}

/* ---- parity ------------------------------------------------------------------------------- */

bool reassembly_put_parity(struct reassembly *r, struct reassembly_event *e, struct mono now, uint8_t row,
                           const uint8_t *symbol)
{
        assert(row < DGRAM_FEC_M_MAX);
        if (e->parity[row] || !fits(r, DGRAM_FRAGMENT_BYTES, 0) || !(e->parity[row] = malloc(DGRAM_FRAGMENT_BYTES)))
                return false;
        memcpy(e->parity[row], symbol, DGRAM_FRAGMENT_BYTES);
        e->parity_n++;
        e->fed = now;
        account(r, DGRAM_FRAGMENT_BYTES, 0);
        return true;
}

uint32_t reassembly_solve(const struct reassembly_event *e, uint64_t *missing, uint8_t (*out)[FEC_SYMBOL_MAX])
{
        struct fec_group g = {
                .k = e->cnt, .m = DGRAM_FEC_M_MAX, .missing = reassembly_missing(e), .bytes = DGRAM_FRAGMENT_BYTES
        };
        *missing = g.missing;
        if (__builtin_popcountll(g.missing) > e->parity_n)
                return 0;
        for (uint8_t i = 0; i < e->cnt; i++)
                if (!(g.missing & UINT64_C(1) << i))
                        g.data[i] = bytes_of(e->bytes + (size_t)i * DGRAM_FRAGMENT_BYTES,
                                             dgram_fragment_bytes(e->event_bytes, i));
        memcpy(g.parity, e->parity, sizeof g.parity);
        return fec_solve(&g, out);
}

/* ---- ends --------------------------------------------------------------------------------- */

struct bytes reassembly_bytes(const struct reassembly_event *e)
{
        return bytes_of(e->bytes, e->event_bytes);
}

struct reassembly_event *reassembly_behind(const struct reassembly *r, uint64_t channel, uint64_t number)
{
        struct reassembly_event *last = NULL;
        for (uint32_t i = 0; i < r->n; i++) {
                struct reassembly_event *e = r->event[i];
                if (e->channel == channel && e->number > (last ? last->number : number))
                        last = e;
        }
        return last;
}

void reassembly_drop(struct reassembly *r, struct reassembly_event *e)
{
        uint32_t i = 0;
        while (r->event[i] != e)
                i++;
        r->event[i] = r->event[--r->n];
        account(r, -(int64_t)e->event_bytes - (int64_t)e->parity_n * DGRAM_FRAGMENT_BYTES, -(int64_t)sizeof *e);
        for (int row = 0; row < DGRAM_FEC_M_MAX; row++)
                free(e->parity[row]);
        free(e);
}

struct reassembly_event *reassembly_idle(const struct reassembly *r, struct mono now)
{
        for (uint32_t i = 0; i < r->n; i++)
                if (mono_since(now, r->event[i]->fed) >= REASSEMBLY_IDLE_NS)
                        return r->event[i];
        return NULL;
}

struct mono reassembly_deadline(const struct reassembly *r)
{
        struct mono due = MONO_NEVER;
        for (uint32_t i = 0; i < r->n; i++)
                due = mono_min(due, mono_add(r->event[i]->fed, REASSEMBLY_IDLE_NS));
        return due;
}
