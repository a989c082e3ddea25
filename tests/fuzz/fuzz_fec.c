/* Eleven bytes say the code, the group's size and what is lost; the rest are its events' symbols. What comes
 * back is what was there; and the same bytes as parity nobody made, or as a symbol, break nothing. */
#include <stdlib.h>
#include <string.h>

#include "core/wire/fec.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

enum { HEAD = 11 };

static void need(bool good)
{
        if (!good)
                abort();
}

struct run {
        struct fec_group g;
        uint8_t parity[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX], out[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX];
        struct bytes symbol[DGRAM_FEC_K_MAX];
};

static void make(struct run *r, struct bytes rest)
{
        uint8_t *to[DGRAM_FEC_M_MAX];
        size_t each = rest.n / r->g.k;
        each = each < FEC_SYMBOL_MAX ? each : FEC_SYMBOL_MAX;
        for (uint8_t i = 0; i < r->g.m; i++)
                to[i] = r->parity[i];
        for (uint8_t i = 0; i < r->g.k; i++) {
                size_t bytes = each > 0 ? each - i % (each < 7 ? each : 7) : 0; /* of several lengths */
                r->symbol[i] = bytes_of(rest.at + i * each, bytes);
                fec_add(r->g.k, r->g.m, i, r->symbol[i], to);
        }
        r->g.bytes = each;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        static struct run r;
        if (n < HEAD)
                return 0;
        memset(&r, 0, sizeof r);
        r.g.k = (uint8_t)(1 + in[0] % DGRAM_FEC_K_MAX);
        r.g.m = (uint8_t)(1 + in[1] % DGRAM_FEC_M_MAX);
        memcpy(&r.g.missing, in + 3, 8);
        if (r.g.k < 64)
                r.g.missing &= (UINT64_C(1) << r.g.k) - 1;
        make(&r, bytes_of(in + HEAD, n - HEAD));
        for (uint8_t i = 0; i < r.g.m; i++)
                r.g.parity[i] = in[2] & 1u << i ? NULL : r.parity[i];
        for (uint8_t i = 0; i < r.g.k; i++)
                if (!(r.g.missing & UINT64_C(1) << i))
                        r.g.data[i] = r.symbol[i];
        uint32_t solved = fec_solve(&r.g, r.out), at = 0;
        for (uint8_t i = 0; solved > 0 && i < r.g.k; i++)
                if (r.g.missing & UINT64_C(1) << i) {
                        need(at < solved);
                        need(memcmp(r.out[at++], r.symbol[i].at, r.symbol[i].n) == 0);
                }
        for (uint8_t i = 0; i < r.g.m && r.g.parity[i] && r.g.bytes > 0; i++)
                r.parity[i][n % r.g.bytes] ^= in[2]; /* a lie: anything may come, of the same size */
        need(fec_solve(&r.g, r.out) == solved);
        struct dgram_msg m;
        if (fec_event(bytes_of(in + HEAD, n - HEAD), &m))
                need(m.data.event.n == m.data.event_bytes && m.data.event.n <= DGRAM_FRAGMENT_BYTES);
        return 0;
}
