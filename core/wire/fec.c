#include "core/wire/fec.h"

#include <assert.h>
#include <isa-l/erasure_code.h>

enum { TABLE = 32 }; /* bytes that ISA-L wants for one coefficient */

/* ISA-L takes pointers to what it only reads. */
static unsigned char *unconst(const uint8_t *at)
{
        return (unsigned char *)(uintptr_t)at;
}

static uint8_t coefficient(uint8_t k, uint8_t row, uint8_t i)
{
        return gf_inv((unsigned char)((k + row) ^ i));
}

/* Adds a data symbol, times its coefficient in each of those rows, to out[]. */
static void add(uint8_t k, const uint8_t *row, uint32_t rows, uint8_t i, struct bytes symbol, uint8_t *const out[])
{
        uint8_t column[DGRAM_FEC_M_MAX], table[DGRAM_FEC_M_MAX * TABLE], *to[DGRAM_FEC_M_MAX];
        for (uint32_t r = 0; r < rows; r++) {
                column[r] = coefficient(k, row[r], i);
                to[r] = out[r];
        }
        ec_init_tables(1, (int)rows, column, table);
        if (symbol.n > 0)
                ec_encode_data_update((int)symbol.n, 1, (int)rows, 0, table, unconst(symbol.at), to);
}

void fec_add(uint8_t k, uint8_t m, uint8_t i, struct bytes symbol, uint8_t *const parity[])
{
        static const uint8_t rows[DGRAM_FEC_M_MAX] = { 0, 1, 2, 3, 4, 5, 6, 7 };
        assert(k <= DGRAM_FEC_K_MAX && m <= DGRAM_FEC_M_MAX && i < k && symbol.n <= FEC_SYMBOL_MAX);
        add(k, rows, m, i, symbol, parity);
}

/* out = inverse of (rows by missing) times sums. False: never, for a Cauchy matrix. */
static bool untangle(const struct fec_group *g, const uint8_t *row, const uint8_t *missing, uint32_t n,
                     uint8_t (*sum)[FEC_SYMBOL_MAX], uint8_t (*out)[FEC_SYMBOL_MAX])
{
        uint8_t matrix[DGRAM_FEC_M_MAX * DGRAM_FEC_M_MAX], inverse[sizeof matrix], table[sizeof matrix * TABLE];
        uint8_t *from[DGRAM_FEC_M_MAX], *to[DGRAM_FEC_M_MAX];
        for (uint32_t r = 0; r < n; r++) {
                for (uint32_t i = 0; i < n; i++)
                        matrix[r * n + i] = coefficient(g->k, row[r], missing[i]);
                from[r] = sum[r];
                to[r] = out[r];
        }
        if (gf_invert_matrix(matrix, inverse, (int)n) != 0)
                return false;
        ec_init_tables((int)n, (int)n, inverse, table);
        ec_encode_data((int)g->bytes, (int)n, (int)n, table, from, to);
        return true;
}

uint32_t fec_solve(const struct fec_group *g, uint8_t (*out)[FEC_SYMBOL_MAX])
{
        uint8_t sum[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX], *sums[DGRAM_FEC_M_MAX];
        uint8_t row[DGRAM_FEC_M_MAX], missing[DGRAM_FEC_M_MAX];
        uint32_t wanted = (uint32_t)__builtin_popcountll(g->missing), n = 0, lost = 0;
        if (wanted == 0 || wanted > g->m)
                return 0;
        for (uint8_t r = 0; r < g->m && n < wanted; r++) {
                if (!g->parity[r])
                        continue;
                row[n] = r;
                memcpy(sum[n], g->parity[r], g->bytes);
                sums[n] = sum[n];
                n++;
        }
        if (n < wanted)
                return 0;
        for (uint8_t i = 0; i < g->k; i++) {
                if (g->missing & UINT64_C(1) << i)
                        missing[lost++] = i;
                else
                        add(g->k, row, n, i, g->data[i], sums); /* takes it out: to add is to subtract */
        }
        return lost == wanted && untangle(g, row, missing, n, sum, out) ? n : 0;
}

/* ---- symbols ------------------------------------------------------------------------------ */

size_t fec_symbol(const struct dgram_msg *data, uint8_t out[FEC_SYMBOL_MAX])
{
        const struct dgram_data *d = &data->data;
        struct writer w = writer_of(out, FEC_SYMBOL_MAX);
        writer_u16(&w, data->flags);
        writer_u32(&w, d->origin);
        writer_u64(&w, d->eid);
        writer_u64(&w, d->t_us);
        writer_u32(&w, d->crc32c);
        writer_u16(&w, d->event_bytes);
        writer_put(&w, d->event.at, d->event.n);
        assert(!w.failed && d->frag_cnt == 1);
        return writer_used(&w);
}

bool fec_event(struct bytes symbol, struct dgram_msg *data)
{
        struct reader in = reader_of(symbol.at, symbol.n);
        struct dgram_data *d = &data->data;
        data->type = DGRAM_DATA;
        data->flags = reader_u16(&in);
        d->origin = reader_u32(&in);
        d->eid = reader_u64(&in);
        d->t_us = reader_u64(&in);
        d->crc32c = reader_u32(&in);
        d->event_bytes = reader_u16(&in);
        d->event = reader_take(&in, d->event_bytes);
        d->frag_idx = 0;
        d->frag_cnt = 1;
        return !in.failed && d->eid > 0 && d->eid <= DGRAM_COUNT_MAX && dgram_fragments(d->event_bytes) == 1;
}
