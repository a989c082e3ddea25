/* Fragments that nobody vouches for, five bytes each: number and channel, size (two), which one, stamp; from 128 on it
 * is parity that nobody made. What comes out whole is all made of fragments of one stamp; the bounds hold after each,
 * and what is solved for is of what is missing. */
#include <stdlib.h>
#include <string.h>

#include "core/wire/dgram.h"
#include "core/wire/reassembly.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

enum { STEP = 5, EVENTS = 6, BYTES = 100000 };

static void need(bool good)
{
        if (!good)
                abort();
}

static void take(struct reassembly *r, struct mono now, const struct reassembly_part *p)
{
        struct reassembly_event *e = reassembly_find(r, p->channel, p->number), *last;
        bool liar = false;
        if (e && !reassembly_agrees(e, p, &liar)) {
                if (!liar)
                        return;
                reassembly_drop(r, e);
                e = NULL;
        }
        while (!e && !(e = reassembly_begin(r, now, p))) {
                if (!(last = reassembly_behind(r, p->channel, p->number)))
                        return;
                reassembly_drop(r, last);
        }
        if (!reassembly_put(e, now, p))
                return;
        for (size_t i = 0; i < e->event_bytes; i++)
                need(reassembly_bytes(e).at[i] == (uint8_t)p->stamp[0]);
        reassembly_drop(r, e);
}

/* Of an event that is under way. */
static void take_parity(struct reassembly *r, struct mono now, const struct reassembly_part *p)
{
        struct reassembly_event *e = reassembly_find(r, p->channel, p->number);
        uint8_t symbol[DGRAM_FRAGMENT_BYTES], out[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX];
        uint64_t missing;
        memset(symbol, (int)p->stamp[0], sizeof symbol);
        if (!e)
                return;
        size_t before = r->bytes;
        bool taken = reassembly_put_parity(r, e, now, p->idx % DGRAM_FEC_M_MAX, symbol);
        need(r->bytes == before + (taken ? DGRAM_FRAGMENT_BYTES : 0));
        uint32_t n = reassembly_solve(e, &missing, out);
        need((missing & e->have) == 0);
        need(n == 0 ? __builtin_popcountll(missing) > e->parity_n : n == (uint32_t)__builtin_popcountll(missing));
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        struct reassembly r;
        struct reassembly_event *idle;
        struct mono now = { 0 };
        reassembly_init(&r, EVENTS, BYTES, NULL);
        for (; n >= STEP; in += STEP, n -= STEP) {
                struct reassembly_part p = { .channel = in[0] & 1,
                                             .number = in[0] >> 1,
                                             .stamp = { in[4] & 3 },
                                             .event_bytes = (uint16_t)(in[1] << 8 | in[2]),
                                             .idx = in[3] };
                p.cnt = dgram_fragments(p.event_bytes);
                size_t bytes = dgram_fragment_bytes(p.event_bytes, p.idx);
                now.ns += (in[4] >> 2) * 100 * NS_PER_MS;
                while ((idle = reassembly_idle(&r, now)))
                        reassembly_drop(&r, idle);
                if (in[3] >= 128)
                        take_parity(&r, now, &p);
                if (bytes == 0)
                        continue;
                uint8_t *exact = malloc(bytes);
                need(exact != NULL);
                memset(exact, (int)p.stamp[0], bytes);
                p.bytes = bytes_of(exact, bytes);
                take(&r, now, &p);
                free(exact);
                need(r.n <= EVENTS && r.bytes <= BYTES);
        }
        reassembly_free(&r);
        need(r.bytes == 0);
        return 0;
}
