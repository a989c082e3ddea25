#include "udp_server/udp_cut.h"

#include "core/base/bytes.h"
#include "core/wire/place.h"

uint64_t udp_cut_place(const uint8_t *at, bool last)
{
        struct reader in = reader_of(at + 24, 8);
        uint64_t seq = reader_u64(&in);
        return last && at[54] + 1 == at[55] ? place_last(seq) : place_of(seq, at[54]);
}

uint64_t udp_cut_end(const struct piece *p, size_t bytes)
{
        size_t at = 0;
        while (at + udp_cut_bytes(p->at + at) < bytes)
                at += udp_cut_bytes(p->at + at);
        return udp_cut_place(p->at + at, true);
}

void udp_cut(struct piece *p, uint64_t from, uint64_t to)
{
        if (p->kind != PIECE_BYTES || (from <= place_first(p->seq_first) && place_last(p->seq_last) <= to))
                return;
        size_t start = 0, end;
        while (start < p->n && udp_cut_place(p->at + start, false) < from)
                start += udp_cut_bytes(p->at + start);
        for (end = start; end < p->n && udp_cut_place(p->at + end, false) <= to;)
                end += udp_cut_bytes(p->at + end);
        p->at += start;
        p->n = end - start;
}

static uint64_t eid_of(const uint8_t *at)
{
        struct reader in = reader_of(at + 32, 8);
        return reader_u64(&in);
}

void udp_cut_in_two(struct piece *p, uint64_t last, struct piece *rest)
{
        size_t at = 0, before = 0;
        while (place_seq(udp_cut_place(p->at + at, false)) <= last) {
                before = at;
                at += udp_cut_bytes(p->at + at);
        }
        *rest = *p;
        rest->seq_first = last + 1;
        rest->eid_first = eid_of(p->at + at);
        rest->at = p->at + at;
        rest->n = p->n - at;
        p->seq_last = last;
        p->eid_last = eid_of(p->at + before);
        p->n = at;
}
