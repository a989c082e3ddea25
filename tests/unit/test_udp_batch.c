#include "tests/unit/harness.h"

#include <string.h>

#include "udp_server/udp_batch.h"

enum { PIECES_MAX = 6, MESSAGES_MAX = 40, ROOM = 1300 };

/* What is sent must be what was given: messages of these sizes, in pieces that lie apart in memory
 * (as a stream's segments do), come out in order and whole, with nothing but padding between. */
static const struct even_row {
        const char *name;
        struct {
                uint16_t messages, bytes; /* each */
        } piece[PIECES_MAX];
        int datagrams;
} rows[] = {
        { "one datagram is left alone", { { 3, 100 } }, 1 },
        { "equal datagrams need no padding", { { 18, 129 } }, 2 },
        { "equal datagrams from pieces that begin inside them", { { 3, 129 }, { 7, 129 }, { 10, 129 } }, 3 },
        { "a shorter first one is padded", { { 1, 600 }, { 1, 1200 }, { 1, 30 } }, 3 },
        { "padding between, none around", { { 9, 129 }, { 2, 500 }, { 9, 129 } }, 3 },
        { "a last one longer than the rest", { { 1, 700 }, { 1, 800 }, { 1, 1200 } }, 3 },
};

static uint8_t memory[PIECES_MAX][MESSAGES_MAX * ROOM];

/* Messages are told apart by a number that runs over all of them. */
static size_t write_piece(uint8_t *to, uint16_t messages, uint16_t bytes, uint8_t *number)
{
        for (uint16_t i = 0; i < messages; i++) {
                uint8_t *m = to + (size_t)i * bytes;
                memset(m, ++*number, bytes);
                m[6] = (uint8_t)(bytes >> 8);
                m[7] = (uint8_t)bytes;
        }
        return (size_t)messages * bytes;
}

static void fill(struct udp_batch *b, const struct even_row *row)
{
        uint8_t number = 0;
        udp_batch_begin(b);
        for (int i = 0; i < PIECES_MAX && row->piece[i].messages > 0; i++) {
                b->piece[i] = (struct piece){ .kind = PIECE_BYTES, .at = memory[i] };
                b->piece[i].n = write_piece(memory[i], row->piece[i].messages, row->piece[i].bytes, &number);
                b->pieces_n++;
                assert_true(udp_batch_piece(b, i));
        }
}

/* Reads the datagrams as one segmented send does: so many iovecs from the first one's on. */
static size_t flatten(const struct udp_batch *b, uint8_t *out)
{
        size_t n = 0;
        int iovs = 0;
        for (int i = 0; i < b->n; i++)
                iovs += b->datagram[i].iov_n;
        for (int i = 0; i < iovs; i++) {
                const struct iovec *v = &b->datagram[0].iov[i];
                memcpy(out + n, v->iov_base, v->iov_len);
                n += v->iov_len;
        }
        return n;
}

static void sent_is_given(void **state)
{
        const struct even_row *row = *state;
        static struct udp_batch b;
        static uint8_t before[MESSAGES_MAX * ROOM], after[MESSAGES_MAX * ROOM];
        size_t size[UDP_BATCH_DATAGRAMS], longest = 0;
        fill(&b, row);
        assert_int_equal(b.n, row->datagrams);
        flatten(&b, before);
        for (int i = 0; i < b.n; i++) {
                size[i] = b.datagram[i].bytes;
                longest = size[i] > longest ? size[i] : longest;
        }
        udp_batch_even(&b);
        size_t total = flatten(&b, after), at = 0, from = 0;
        for (int i = 0; i < b.n; i++) {
                bool last = i == b.n - 1;
                assert_int_equal(b.datagram[i].bytes, last ? size[i] : longest);
                assert_memory_equal(after + at, before + from, size[i]);
                for (size_t k = size[i]; k < b.datagram[i].bytes; k++)
                        assert_int_equal(after[at + k], 0);
                at += b.datagram[i].bytes;
                from += size[i];
        }
        assert_int_equal(at, total);
}

int main(void)
{
        return RUN_ROWS("udp_batch", rows, sent_is_given);
}
