/* Which datagrams carry events, and which is their first seq. */
#include "tests/unit/harness.h"
#include "tests/unit/lab_packets.h"

#include "lab/classify.h"

enum { DATA = 0x30, BEAT = 0x32, NACK = 0x40, UNTOUCHED = 999 };

struct message {
        uint8_t type;
        uint16_t length;
        uint64_t seq;
};

struct row {
        const char *name;
        struct message messages[4]; /* up to the first of length 0 */
        const char *tail;           /* bytes after them */
        size_t tail_bytes;
        uint64_t seq; /* UNTOUCHED: no data */
};

static const struct row rows[] = {
        { "one event", { { DATA, 56, 41 } }, NULL, 0, 41 },
        { "a bundle is its first event", { { DATA, 60, 7 }, { DATA, 60, 8 }, { DATA, 60, 9 } }, NULL, 0, 7 },
        { "a beat ahead of the event", { { BEAT, 56, 3 }, { DATA, 56, 12 } }, NULL, 0, 12 },
        { "a beat alone", { { BEAT, 56, 3 } }, NULL, 0, UNTOUCHED },
        { "a nack", { { NACK, 48, 3 } }, NULL, 0, UNTOUCHED },
        { "padding after the event", { { DATA, 56, 5 } }, "\0\0\0\0", 4, 5 },
        { "padding ends the search", { { BEAT, 56, 3 } }, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, UNTOUCHED },
        { "empty", { { 0 } }, NULL, 0, UNTOUCHED },
        { "not ours", { { 0 } }, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, UNTOUCHED },
        { "data too short for its seq", { { DATA, 31, 0 }, { DATA, 56, 9 } }, NULL, 0, UNTOUCHED },
        { "length below the header", { { 0 } }, "\x0e\x4c\x01\x32\0\0\0\x0f\0\0\0\0\0\0\0\0", 16, UNTOUCHED },
        { "length past the end", { { 0 } }, "\x0e\x4c\x01\x32\0\0\0\x11\0\0\0\0\0\0\0\0", 16, UNTOUCHED },
        { "another version", { { 0 } }, "\x0e\x4c\x02\x32\0\0\0\x10\0\0\0\0\0\0\0\0", 16, UNTOUCHED },
};

static size_t build(const struct row *row, uint8_t *out, size_t out_bytes)
{
        struct writer w = writer_of(out, out_bytes);
        for (const struct message *m = row->messages; m < row->messages + 4 && m->length > 0; m++)
                put_message(&w, m->type, m->length, m->seq);
        if (row->tail)
                writer_put(&w, row->tail, row->tail_bytes);
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
        size_t n = build(&rows[2], payload, sizeof payload); /* beat of 56, then data of 56 */
        for (size_t cut = 0; cut <= n; cut++) {
                uint8_t *exact = test_malloc(cut + 1);
                memcpy(exact + 1, payload, cut);
                uint64_t seq = UNTOUCHED;
                assert_int_equal(classify_dgram(exact + 1, cut, &seq), cut == n);
                assert_int_equal(seq, cut == n ? 12 : UNTOUCHED);
                test_free(exact);
        }
}

int main(void)
{
        const struct CMUnitTest plain[] = { cmocka_unit_test(every_prefix) };
        return RUN_ROWS("classify", rows, run_row) + cmocka_run_group_tests_name("classify: cut", plain, NULL, NULL);
}
