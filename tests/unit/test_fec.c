/* Any k of k + m symbols give the k back; and what cannot be, or is a lie, is found out. */
#include "tests/unit/harness.h"

#include <stdlib.h>

#include "core/base/rng.h"
#include "core/wire/crc32c.h"
#include "core/wire/fec.h"

struct world {
        uint8_t k, m, n; /* n: of the k there are */
        uint8_t data[DGRAM_FEC_K_MAX][FEC_SYMBOL_MAX], parity[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX];
        size_t bytes[DGRAM_FEC_K_MAX], longest;
};

/* ---- the field, once more and slowly ------------------------------------------------------- */

static uint8_t times(uint8_t a, uint8_t b)
{
        uint8_t product = 0;
        for (; b; b >>= 1) {
                product ^= b & 1 ? a : 0;
                a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1D : 0));
        }
        return product;
}

static uint8_t inverse(uint8_t a)
{
        for (unsigned b = 1; b < 256; b++)
                if (times(a, (uint8_t)b) == 1)
                        return (uint8_t)b;
        return 0;
}

/* ---- making and losing --------------------------------------------------------------------- */

static struct world *world(uint8_t k, uint8_t m, uint8_t n, uint64_t seed)
{
        struct world *w = calloc(1, sizeof *w);
        struct rng rng = rng_seeded(seed, "fec");
        uint8_t *parity[DGRAM_FEC_M_MAX];
        assert_non_null(w);
        w->k = k, w->m = m, w->n = n;
        for (int r = 0; r < m; r++)
                parity[r] = w->parity[r];
        for (uint8_t i = 0; i < n; i++) {
                w->bytes[i] = 29 + rng_below(&rng, FEC_SYMBOL_MAX - 29 + 1);
                w->longest = w->bytes[i] > w->longest ? w->bytes[i] : w->longest;
                for (size_t b = 0; b < w->bytes[i]; b++)
                        w->data[i][b] = (uint8_t)rng_below(&rng, 256);
                fec_add(k, m, i, bytes_of(w->data[i], w->bytes[i]), parity);
        }
        return w;
}

/* lost: data symbols from bit 0, parity from bit k on. */
static uint32_t solve(const struct world *w, uint64_t lost_data, uint32_t lost_parity, uint8_t (*out)[FEC_SYMBOL_MAX])
{
        struct fec_group g = { .k = w->k, .m = w->m, .missing = lost_data, .bytes = w->longest };
        for (uint8_t i = 0; i < w->n; i++)
                if (!(lost_data & UINT64_C(1) << i))
                        g.data[i] = bytes_of(w->data[i], w->bytes[i]);
        for (uint8_t r = 0; r < w->m; r++)
                if (!(lost_parity & 1u << r))
                        g.parity[r] = w->parity[r];
        return fec_solve(&g, out);
}

/* All that is lost comes back; when too much is, nothing does. */
static void survives(const struct world *w, uint64_t lost_data, uint32_t lost_parity)
{
        uint8_t out[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX];
        int gone = __builtin_popcountll(lost_data), left = w->m - __builtin_popcount(lost_parity), at = 0;
        uint32_t n = solve(w, lost_data, lost_parity, out);
        assert_int_equal(n, gone <= left ? gone : 0);
        for (uint8_t i = 0; n > 0 && i < w->n; i++)
                if (lost_data & UINT64_C(1) << i)
                        assert_memory_equal(out[at++], w->data[i], w->longest); /* zeros behind its end */
}

static void the_parity_is_what_the_field_says(void **state)
{
        (void)state;
        struct world *w = world(8, 2, 8, 1);
        for (uint8_t r = 0; r < 2; r++)
                for (size_t b = 0; b < w->longest; b++) {
                        uint8_t sum = 0;
                        for (uint8_t i = 0; i < 8; i++)
                                sum ^= times(w->data[i][b], inverse((uint8_t)((8 + r) ^ i)));
                        assert_int_equal(w->parity[r][b], sum);
                }
        free(w);
}

static void a_known_answer(void **state)
{
        (void)state;
        uint8_t parity[2][4] = { { 0 } }, *to[] = { parity[0], parity[1] };
        fec_add(2, 2, 0, bytes_of("\x01\x02\x03\x04", 4), to);
        fec_add(2, 2, 1, bytes_of("\x05\x06\x07", 3), to);
        /* 1/2 = 8E, 1/3 = F4: row 0 is 8E a + F4 b, row 1 is F4 a + 8E b. */
        assert_memory_equal(parity[0], "\x8D\x03\x79\x02", 4);
        assert_memory_equal(parity[1], "\x78\xF6\x8C\xF7", 4);
}

static void any_two_of_eight_and_two(void **state)
{
        (void)state;
        struct world *w = world(8, 2, 8, 2);
        for (uint32_t lost = 0; lost < 1u << 10; lost++)
                if (__builtin_popcount(lost) <= 3) /* three: nothing comes of it, and nothing breaks */
                        survives(w, lost & 0xFF, lost >> 8);
        free(w);
}

static void a_group_that_is_not_full(void **state)
{
        (void)state;
        for (uint8_t n = 1; n < 8; n++) {
                struct world *w = world(8, 2, n, 10 + n);
                for (uint32_t lost = 0; lost < 1u << (n + 2); lost++)
                        if (__builtin_popcount(lost) <= 2)
                                survives(w, lost & ((1u << n) - 1), lost >> n);
                free(w);
        }
}

static void some_of_larger_codes(void **state)
{
        (void)state;
        static const uint8_t code[][2] = { { 16, 4 }, { 60, 8 }, { 64, 8 }, { 1, 1 }, { 1, 8 } };
        struct rng rng = rng_seeded(3, "lost");
        for (size_t c = 0; c < sizeof code / sizeof *code; c++) {
                uint8_t k = code[c][0], m = code[c][1];
                struct world *w = world(k, m, k, 30 + c);
                for (int tries = 0; tries < 300; tries++) {
                        uint64_t lost = 0;
                        uint32_t parity = 0;
                        for (uint8_t losses = (uint8_t)rng_below(&rng, m + 2u); losses > 0; losses--) {
                                uint64_t at = rng_below(&rng, (uint64_t)k + m);
                                if (at < k)
                                        lost |= UINT64_C(1) << at;
                                else
                                        parity |= 1u << (at - k);
                        }
                        survives(w, lost, parity);
                }
                free(w);
        }
}

/* ---- events -------------------------------------------------------------------------------- */

static struct dgram_msg event(size_t n)
{
        static uint8_t bytes[DGRAM_FRAGMENT_BYTES];
        memset(bytes, 'e', sizeof bytes);
        return (struct dgram_msg){ .type = DGRAM_DATA,
                                   .flags = DGRAM_MULTI | DGRAM_OWN,
                                   .tag = 5,
                                   .data = { .epoch = 6,
                                             .origin = 7,
                                             .seq = 8,
                                             .eid = 9,
                                             .t_us = 10,
                                             .crc32c = crc32c(bytes_of(bytes, n)),
                                             .event_bytes = (uint16_t)n,
                                             .frag_cnt = 1,
                                             .event = bytes_of(bytes, n) } };
}

static void an_event_is_whole_again(void **state)
{
        (void)state;
        static const size_t sizes[] = { 1, 64, DGRAM_FRAGMENT_BYTES };
        for (int i = 0; i < 3; i++) {
                uint8_t symbol[FEC_SYMBOL_MAX], a[DGRAM_BYTES_MAX], b[DGRAM_BYTES_MAX];
                struct dgram_msg was = event(sizes[i]), is = { .tag = 5, .data = { .epoch = 6, .seq = 8 } };
                size_t n = fec_symbol(&was, symbol);
                assert_int_equal(n, DGRAM_FEC_HEADER + sizes[i]);
                assert_true(fec_event(bytes_of(symbol, n), &is));
                struct writer wa = writer_of(a, sizeof a), wb = writer_of(b, sizeof b);
                assert_true(dgram_put(&wa, &was) && dgram_put(&wb, &is));
                assert_int_equal(writer_used(&wa), writer_used(&wb));
                assert_memory_equal(a, b, writer_used(&wa)); /* to the byte what was lost */
        }
}

struct bad_row {
        const char *name;
        size_t at, cut;
        const char *bytes; /* put at `at`, two of them */
};

static const struct bad_row bad_rows[] = {
        { "cut in its header", 0, 27, NULL },
        { "cut in its event", 0, 91, NULL },
        { "no event", 26, 92, "\0\0" },
        { "longer than its symbol", 26, 92, "\0\x41" },
        { "longer than a fragment", 26, 92, "\x10\0" },
        { "an eid that cannot be", 6, 92, "\xFF\0" },
};

static void run_bad(void **state)
{
        const struct bad_row *row = *state;
        uint8_t symbol[FEC_SYMBOL_MAX];
        struct dgram_msg was = event(64), is = { 0 };
        assert_int_equal(fec_symbol(&was, symbol), 92);
        if (row->bytes)
                memcpy(symbol + row->at, row->bytes, 2);
        uint8_t *exact = malloc(row->cut);
        memcpy(exact, symbol, row->cut);
        assert_false(fec_event(bytes_of(exact, row->cut), &is));
        free(exact);
}

/* Whatever the parity says, what comes out is taken by its checksum only. */
static void forged_parity_does_not_pass(void **state)
{
        (void)state;
        struct dgram_msg was = event(64), is = { 0 };
        uint8_t symbol[FEC_SYMBOL_MAX], parity[FEC_SYMBOL_MAX], out[1][FEC_SYMBOL_MAX], *to[] = { parity };
        for (size_t at = 0; at < 92; at++) {
                memset(parity, 0, sizeof parity);
                fec_add(8, 1, 0, bytes_of(symbol, fec_symbol(&was, symbol)), to);
                parity[at] ^= 0x40;
                struct fec_group g = { .k = 8, .m = 1, .missing = 1, .bytes = 92, .parity = { parity } };
                assert_int_equal(fec_solve(&g, out), 1);
                bool read = fec_event(bytes_of(out[0], 92), &is);
                if (at >= 22) /* before that stand flags, origin, eid and t: no checksum of the event covers them */
                        assert_true(!read || crc32c(is.data.event) != is.data.crc32c);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_known_answer),
                cmocka_unit_test(the_parity_is_what_the_field_says),
                cmocka_unit_test(any_two_of_eight_and_two),
                cmocka_unit_test(a_group_that_is_not_full),
                cmocka_unit_test(some_of_larger_codes),
                cmocka_unit_test(an_event_is_whole_again),
                cmocka_unit_test(forged_parity_does_not_pass),
        };
        int failed = cmocka_run_group_tests_name("fec", tests, NULL, NULL);
        return failed + RUN_ROWS("symbols that are no event", bad_rows, run_bad);
}
