/* Which datagrams carry events, and which is their first seq. */
#include "tests/unit/harness.h"
#include "tests/unit/lab_packets.h"

#include "lab/classify.h"

enum { UNTOUCHED = 999, PAD = 20, LONGER = 21, SHORT_DATA = 22 };

struct row {
        const char *name;
        uint64_t seqs[4]; /* of DATA; 0: the end */
        int beat_first, after;
        uint64_t seq; /* UNTOUCHED: no data */
};

static const struct row rows[] = {
        { "one event", { 41 }, 0, 0, 41 },
        { "a bundle is its first event", { 7, 8, 9 }, 0, 0, 7 },
        { "a beat ahead of the event", { 12 }, 1, 0, 12 },
        { "a beat alone", { 0 }, 1, 0, UNTOUCHED },
        { "padding after the event", { 5 }, 0, PAD, 5 },
        { "padding alone after a beat", { 0 }, 1, PAD, UNTOUCHED },
        { "empty", { 0 }, 0, 0, UNTOUCHED },
        { "a datagram that would be dropped whole", { 5 }, 0, LONGER, UNTOUCHED },
        { "a DATA without its seq is passed over", { 0 }, 1, SHORT_DATA, 77 },
};

static size_t build(const struct row *row, uint8_t *out, size_t out_bytes)
{
        struct writer w = writer_of(out, out_bytes);
        if (row->beat_first)
                dgram_put(&w, &(struct dgram_msg){ .type = DGRAM_BEAT, .tag = 1, .beat = { .head = 3, .tail = 1 } });
        for (const uint64_t *seq = row->seqs; *seq; seq++)
                put_data(&w, *seq);
        if (row->after == PAD)
                writer_zeros(&w, 20);
        if (row->after == LONGER)
                writer_put(&w, "\x0e\x4c\x01\x32\0\0\0\x11\0\0\0\0\0\0\0\0", 16); /* says 17 */
        if (row->after == SHORT_DATA) {
                writer_put(&w, "\x0e\x4c\x01\x30\0\0\0\x10\0\0\0\0\0\0\0\0", 16);
                put_data(&w, 77);
        }
        assert_false(w.failed);
        return writer_used(&w);
}

static void run_row(void **state)
{
        const struct row *row = *state;
        uint8_t payload[512];
        uint64_t seq = UNTOUCHED;
        size_t n = build(row, payload, sizeof payload);
        assert_int_equal(classify_dgram(payload, n, &seq), row->seq != UNTOUCHED);
        assert_int_equal(seq, row->seq);
}

/* Every prefix, in memory of just its size so that the sanitizer sees a step outside. */
static void every_prefix(void **state)
{
        (void)state;
        uint8_t payload[512];
        size_t n = build(&rows[2], payload, sizeof payload); /* a beat, then data */
        for (size_t cut = 0; cut <= n; cut++) {
                uint8_t *exact = test_malloc(cut + 1);
                memcpy(exact + 1, payload, cut);
                uint64_t seq = UNTOUCHED;
                assert_int_equal(classify_dgram(exact + 1, cut, &seq), cut == n);
                assert_int_equal(seq, cut == n ? 12 : UNTOUCHED);
                test_free(exact);
        }
}

/* Fragments of one event are datagrams of their own. */
static void fragments_are_told_apart(void **state)
{
        (void)state;
        static const uint8_t fragment[DGRAM_FRAGMENT_BYTES];
        struct dgram_msg m = { .type = DGRAM_DATA,
                               .data = { .seq = 41, .eid = 1, .event_bytes = 3300, .frag_cnt = 3 } };
        m.data.event = bytes_of(fragment, sizeof fragment);
        for (uint8_t idx = 0; idx < 3; idx++) {
                uint8_t payload[DGRAM_BYTES_MAX];
                struct writer w = writer_of(payload, sizeof payload);
                uint64_t seq;
                m.data.frag_idx = idx;
                assert_true(dgram_put(&w, &m));
                assert_true(classify_dgram(payload, writer_used(&w), &seq));
                assert_true(seq == (41 | (uint64_t)idx << 57));
        }
}

int main(void)
{
        const struct CMUnitTest plain[] = { cmocka_unit_test(every_prefix),
                                            cmocka_unit_test(fragments_are_told_apart) };
        return RUN_ROWS("classify", rows, run_row) + cmocka_run_group_tests_name("classify: cut", plain, NULL, NULL);
}
