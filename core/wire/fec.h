/* fec: Reed-Solomon parity over runs of events, and events as the symbols that it covers.
 *
 * A code (k, m) makes m parity symbols of k data symbols; any k of the k + m give the k back. It is
 * systematic and Cauchy: the coefficient of data symbol i in parity row r is 1 / ((k + r) xor i) in
 * GF(2^8), so every square part of the matrix can be inverted, whatever is lost. Data symbols that a
 * group does not have (it was sent before it was full) are zeros that both ends know of; symbols of
 * several lengths count as filled up with zeros.
 *
 * The symbol of an event is 28 bytes of what DATA says of it, then its bytes:
 *
 *     0 flags u16   2 origin u32   6 eid u64   14 t u64 us   22 crc32c u32   26 event bytes u16   28 event
 *
 * Its channel, epoch and seq are those of the group. So an event that is solved for is complete, and
 * its CRC32C, which came in the symbol, says whether the parity was true.
 *
 * Everything is the caller's memory; no heap, no clock. Arithmetic: ISA-L.
 *
 * Source: the project's UDP wire spec, section 3 (FEC); RFC 5510 for the name of the code, ISA-L's
 * gf_gen_cauchy1_matrix for the matrix.
 */
#ifndef CORE_WIRE_FEC_H
#define CORE_WIRE_FEC_H
#include "core/wire/dgram.h"

enum {
        FEC_SYMBOL_MAX = DGRAM_FEC_HEADER + DGRAM_FRAGMENT_BYTES, /* of an event in one DATA */
};

/* ---- the code ----------------------------------------------------------------------------- */

/* Adds data symbol i of k to the m parity symbols, each zeroed before the first one and at least
 * symbol.n long. k <= DGRAM_FEC_K_MAX, m <= DGRAM_FEC_M_MAX, i < k. */
void fec_add(uint8_t k, uint8_t m, uint8_t i, struct bytes symbol, uint8_t *const parity[]);

/* What one group has come to. */
struct fec_group {
        uint8_t k, m;
        uint64_t missing;                       /* data symbols, as bits, that are to be solved for */
        struct bytes data[DGRAM_FEC_K_MAX];     /* the others; n 0: zeros */
        const uint8_t *parity[DGRAM_FEC_M_MAX]; /* NULL: it did not come */
        size_t bytes; /* of each parity symbol, <= FEC_SYMBOL_MAX; data symbols are no longer */
};

/* Solves for the missing symbols, in ascending order: out[0], out[1], ..., each of g->bytes.
 * returns how many; 0: none is missing, or more than there are parity symbols */
uint32_t fec_solve(const struct fec_group *g, uint8_t (*out)[FEC_SYMBOL_MAX]);

/* ---- symbols ------------------------------------------------------------------------------ */

/* The symbol of a DATA that holds a whole event; returns its length. */
size_t fec_symbol(const struct dgram_msg *data, uint8_t out[FEC_SYMBOL_MAX]);

/* The other way: fills flags, origin, eid, t_us, crc32c and the event, which is borrowed from the
 * symbol, and makes it DATA; channel, epoch and seq are left alone. False: this is no event. Its checksum is not
 * looked at. */
bool fec_event(struct bytes symbol, struct dgram_msg *data);

#endif
