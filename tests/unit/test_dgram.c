#include "tests/unit/harness.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/wire/dgram.h"

/* One message of every level 1 type, with no two neighbouring fields alike. */
static const struct dgram_msg samples[] = {
        { .type = DGRAM_HELLO, .hello = { .nonce = 0x1122334455667788, .version_max = 1 } },
        { .type = DGRAM_COOKIE,
          .flags = DGRAM_VERSION_UNKNOWN,
          .cookie = { .nonce = 7, .key_id = 2, .minute = 3, .cookie = { 1, 2, 3, [15] = 16 } } },
        { .type = DGRAM_CONNECT,
          .connect = { .proof = { .nonce = 9, .key_id = 1, .minute = 59, .cookie = { 4 } },
                       .instance = { 5, [15] = 6 },
                       .tail = { (const uint8_t *)"\x80", 1 } } },
        { .type = DGRAM_ACCEPT,
          .tag = 3,
          .epoch = 4,
          .pktno = 5,
          .accept = { .session_tag = 3,
                      .origin = 6,
                      .datagram_bytes_max = 1200,
                      .beat_ms = 1000,
                      .idle_s = 30,
                      .repair_rate = 2500000,
                      .key_id = 1,
                      .reset_token = { 7 },
                      .server_us = 8,
                      .unix_offset_us = -9,
                      .own = { 10, 11, 12, 13 },
                      .all = { 14, 15, 16, 17 },
                      .nonce = 18,
                      .id = { (const uint8_t *)"abc", 3 } } },
        { .type = DGRAM_CLOSE, .tag = 1, .epoch = 2, .pktno = 3, .close = { .code = DGRAM_CODE_SHUTDOWN } },
        { .type = DGRAM_ERROR, .tag = 1, .epoch = 2, .pktno = 3, .error = { 8, DGRAM_PUB, 77 } },
        { .type = DGRAM_CHALLENGE, .tag = 1, .epoch = 2, .pktno = 3, .challenge = { 0x1122334455667788 } },
        { .type = DGRAM_RESPONSE, .tag = 1, .epoch = 2, .pktno = 3, .response = { 0x1122334455667788 } },
        { .type = DGRAM_PING, .tag = 1, .epoch = 2, .pktno = 3, .ping = { .t1 = 4 } },
        { .type = DGRAM_PONG, .tag = 1, .epoch = 2, .pktno = 3, .pong = { 4, 5, 6 } },
        { .type = DGRAM_RESET, .tag = 1, .reset = { .token = { 2, [15] = 3 } } },
        { .type = DGRAM_JOIN, .tag = 1, .epoch = 2, .pktno = 3, .join = { { (const uint8_t *)"\x80", 1 } } },
        { .type = DGRAM_JOIN_OK, .tag = 1, .epoch = 2, .pktno = 3, .join_ok = { { (const uint8_t *)"\x80", 1 } } },
        { .type = DGRAM_LEAVE, .tag = 1, .epoch = 2, .pktno = 3, .leave = { .chan_ref = 4 } },
        { .type = DGRAM_LEAVE_OK, .tag = 1, .epoch = 2, .pktno = 3, .leave_ok = { .chan_ref = 4, .end = 9 } },
        { .type = DGRAM_GROUP,
          .tag = 1,
          .epoch = 2,
          .pktno = 3,
          .group = { { [10] = 0xFF, [11] = 0xFF, [12] = 239, [15] = 4 }, 5007 } },
        { .type = DGRAM_LISTEN, .tag = 1, .epoch = 2, .pktno = 3, .listen = { 1 } },
        { .type = DGRAM_PUB,
          .tag = 1,
          .epoch = 2,
          .pktno = 3,
          .pub = { .pub_id = 4,
                   .chan_ref = 5,
                   .frag_cnt = 1,
                   .event_bytes = 3,
                   .flags = DGRAM_PUB_OWN,
                   .event = { (const uint8_t *)"\x91\xa1x", 3 } } },
        { .type = DGRAM_PUB_ACK,
          .tag = 1,
          .epoch = 2,
          .pktno = 3,
          .pub_ack = { .n = 2, .ack = { { 4, 5, 6, 7, 8 }, { 9, 10, 11, 12, 13 } } } },
        { .type = DGRAM_DATA,
          .flags = DGRAM_MULTI | DGRAM_OWN,
          .tag = 1,
          .data = { .epoch = 2,
                    .origin = 3,
                    .seq = 4,
                    .eid = 5,
                    .t_us = 6,
                    .crc32c = 7,
                    .event_bytes = 3,
                    .frag_cnt = 1,
                    .event = { (const uint8_t *)"\x91\xa1x", 3 } } },
        { .type = DGRAM_FEC,
          .tag = 1,
          .fec = { .epoch = 2,
                   .k = 3,
                   .m = 5,
                   .idx = 4,
                   .base = 6,
                   .mask = 11,
                   .symbol = { (const uint8_t *)"twenty-eight before an event", 29 } } },
        { .type = DGRAM_BEAT, .tag = 1, .beat = { 2, 3, 4, 5, 6, 7, 8, 9 } },
        { .type = DGRAM_NCF, .tag = 1, .ncf = { 2, 2, { { 5, 6 }, { 7, DGRAM_FRAGMENTS_BIT | 5 } } } },
        { .type = DGRAM_GAP, .tag = 1, .epoch = 2, .pktno = 3, .gap = { 4, 2, 1, { { 5, 6 }, { 7, 7 } } } },
        { .type = DGRAM_NACK, .tag = 1, .epoch = 2, .pktno = 3, .nack = { 4, 2, 1, 9, { { 5, 6 }, { 7, 7 } } } },
        { .type = DGRAM_REPORT, .tag = 1, .epoch = 2, .pktno = 3, .report = { 4, 14, 5, 6, 7, 8, 9, 10, 11, 12, 13 } },
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static size_t put(const struct dgram_msg *m, uint8_t out[DGRAM_BYTES_MAX])
{
        struct writer w = writer_of(out, DGRAM_BYTES_MAX);
        assert_true(dgram_put(&w, m));
        return writer_used(&w);
}

/* ---- every type --------------------------------------------------------------------------- */

/* Written, checked, split, parsed and written again, the bytes are the same. */
static void there_and_back(void **state)
{
        (void)state;
        for (int i = 0; i < SAMPLES; i++) {
                uint8_t first[DGRAM_BYTES_MAX], second[DGRAM_BYTES_MAX];
                size_t n = put(&samples[i], first);
                struct bytes rest = bytes_of(first, n), message;
                assert_int_equal(dgram_check(rest), DGRAM_GOOD);
                assert_true(dgram_next(&rest, &message));
                assert_int_equal(message.n, n);
                assert_false(dgram_next(&rest, &message));
                struct dgram_msg m;
                assert_int_equal(dgram_parse(message, &m), 0);
                assert_int_equal(m.type, samples[i].type);
                assert_int_equal(m.tag, samples[i].tag);
                assert_int_equal(m.pktno, samples[i].pktno);
                assert_int_equal(put(&m, second), n);
                assert_memory_equal(first, second, n);
        }
}

/* Every prefix is refused by the check, and by the parser even if a liar mends the length. */
static void every_prefix_is_refused(void **state)
{
        (void)state;
        for (int i = 0; i < SAMPLES; i++) {
                uint8_t whole[DGRAM_BYTES_MAX];
                size_t n = put(&samples[i], whole);
                for (size_t cut = 0; cut < n; cut++) {
                        uint8_t *exact = malloc(cut ? cut : 1); /* the sanitizer sees a byte too far */
                        memcpy(exact, whole, cut);
                        assert_int_not_equal(dgram_check(bytes_of(exact, cut)), DGRAM_GOOD);
                        bool open_end = samples[i].type == DGRAM_HELLO || samples[i].type == DGRAM_PING ||
                                        samples[i].type == DGRAM_CONNECT || samples[i].type == DGRAM_ACCEPT ||
                                        samples[i].type == DGRAM_JOIN || samples[i].type == DGRAM_JOIN_OK;
                        struct dgram_msg m;
                        if (cut >= DGRAM_HEADER && dgram_parse(bytes_of(exact, cut), &m) == 0)
                                assert_true(open_end);
                        free(exact);
                }
        }
}

/* Any byte changed to anything: no crash, no read outside; and a changed message that parses is
 * written back as it was parsed. */
static void every_byte_corrupted(void **state)
{
        (void)state;
        for (int i = 0; i < SAMPLES; i++) {
                uint8_t whole[DGRAM_BYTES_MAX];
                size_t n = put(&samples[i], whole);
                for (size_t at = 0; at < n && at < 128; at++) {
                        for (int v = 0; v < 256; v++) {
                                uint8_t *bad = malloc(n);
                                memcpy(bad, whole, n);
                                bad[at] = (uint8_t)v;
                                struct bytes rest = bytes_of(bad, n), message;
                                struct dgram_msg m;
                                if (dgram_check(rest) == DGRAM_GOOD)
                                        while (dgram_next(&rest, &message))
                                                if (dgram_parse(message, &m) == 0) {
                                                        uint8_t again[DGRAM_BYTES_MAX];
                                                        assert_in_range(put(&m, again), DGRAM_HEADER, DGRAM_BYTES_MAX);
                                                }
                                free(bad);
                        }
                }
        }
}

/* ---- offsets as the spec has them --------------------------------------------------------- */

struct offset_row {
        const char *name;
        uint8_t type;
        size_t at, n;
        const char *bytes;
};

static const struct offset_row offsets[] = {
        { "the magic's first byte lies outside RFC 7983's ranges", DGRAM_DATA, 0, 4, "\x0E\x4C\x01\x30" },
        { "flags", DGRAM_DATA, 4, 2, "\x00\x06" },
        { "length stands at 6", DGRAM_DATA, 6, 2, "\x00\x3B" },
        { "tag stands at 8", DGRAM_DATA, 8, 8, "\0\0\0\0\0\0\0\x01" },
        { "pktno stands at 20", DGRAM_PING, 20, 4, "\0\0\0\x03" },
        { "DATA's epoch and origin", DGRAM_DATA, 16, 8, "\0\0\0\x02\0\0\0\x03" },
        { "DATA's seq", DGRAM_DATA, 24, 8, "\0\0\0\0\0\0\0\x04" },
        { "DATA's eid", DGRAM_DATA, 32, 8, "\0\0\0\0\0\0\0\x05" },
        { "DATA's checksum, size and fragment", DGRAM_DATA, 48, 8, "\0\0\0\x07\x00\x03\x00\x01" },
        { "DATA's event", DGRAM_DATA, 56, 3, "\x91\xa1x" },
        { "HELLO's nonce", DGRAM_HELLO, 16, 9, "\x11\x22\x33\x44\x55\x66\x77\x88\x01" },
        { "COOKIE's cookie", DGRAM_COOKIE, 32, 3, "\x01\x02\x03" },
        { "CONNECT's instance", DGRAM_CONNECT, 48, 1, "\x05" },
        { "CONNECT's tail", DGRAM_CONNECT, 64, 1, "\x80" },
        { "RESET's token", DGRAM_RESET, 16, 1, "\x02" },
        { "CHALLENGE's number", DGRAM_CHALLENGE, 24, 8, "\x11\x22\x33\x44\x55\x66\x77\x88" },
        { "RESPONSE's number", DGRAM_RESPONSE, 24, 8, "\x11\x22\x33\x44\x55\x66\x77\x88" },
        { "PUB's event", DGRAM_PUB, 44, 3, "\x91\xa1x" },
        { "PUB_ACK's first entry", DGRAM_PUB_ACK, 32, 10, "\0\0\0\0\0\0\0\x04\0\x05" },
        { "FEC's k, m, number and header", DGRAM_FEC, 20, 4, "\x03\x05\x04\x1C" },
        { "FEC's group", DGRAM_FEC, 24, 18, "\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\x0B\0\x1D" },
        { "FEC's symbol", DGRAM_FEC, 48, 6, "twenty" },
        { "BEAT's head", DGRAM_BEAT, 24, 8, "\0\0\0\0\0\0\0\x04" },
        { "GAP's reason and first range", DGRAM_GAP, 30, 10, "\0\x01\0\0\0\0\0\0\0\x05" },
        { "NACK's contig and first range", DGRAM_NACK, 32, 16, "\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x05" },
        { "REPORT's loss event rate", DGRAM_REPORT, 28, 4, "\0\0\0\x0E" },
        { "REPORT's last BEAT", DGRAM_REPORT, 72, 4, "\0\0\0\x0D" },
};

static void run_offset(void **state)
{
        const struct offset_row *row = *state;
        uint8_t out[DGRAM_BYTES_MAX];
        for (int i = 0; i < SAMPLES; i++)
                if (samples[i].type == row->type)
                        put(&samples[i], out);
        assert_memory_equal(out + row->at, row->bytes, row->n);
}

static void sizes(void **state)
{
        (void)state;
        uint8_t out[DGRAM_BYTES_MAX];
        for (int i = 0; i < SAMPLES; i++) {
                size_t n = put(&samples[i], out);
                switch (samples[i].type) {
                case DGRAM_HELLO:
                        assert_int_equal(n, 1200);
                        break;
                case DGRAM_COOKIE:
                        assert_int_equal(n, DGRAM_COOKIE_BYTES);
                        break;
                case DGRAM_ACCEPT:
                        assert_in_range(n, 1, DGRAM_CONNECT_BYTES_MIN);
                        break;
                case DGRAM_RESET:
                        assert_int_equal(n, DGRAM_RESET_BYTES);
                        break;
                case DGRAM_PING:
                        assert_int_equal(n, DGRAM_PING_BYTES);
                        break;
                }
        }
}

/* ---- whole datagrams ---------------------------------------------------------------------- */

struct check_row {
        const char *name;
        const char *bytes;
        size_t n;
        enum dgram_verdict verdict;
        int messages;
};

/* A CLOSE of 28 bytes. */
#define CLOSE28 "\x0E\x4C\x01\x05\0\0\0\x1C\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\x0F\0\0"

static const struct check_row checks[] = {
        { "empty", "", 0, DGRAM_NO_MAGIC, 0 },
        { "one byte of magic", "\x0E", 1, DGRAM_NO_MAGIC, 0 },
        { "a STUN request", "\0\1\0\0\x21\x12\xa4\x42\0\0\0\0\0\0\0\0\0\0\0\0", 20, DGRAM_NO_MAGIC, 0 },
        { "zeros", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, DGRAM_NO_MAGIC, 0 },
        { "one message", CLOSE28, 28, DGRAM_GOOD, 1 },
        { "two messages", CLOSE28 CLOSE28, 56, DGRAM_GOOD, 2 },
        { "padding", CLOSE28 "\0\0\0\0\0", 33, DGRAM_GOOD, 1 },
        { "dirty padding", CLOSE28 "\0\0\0\1\0", 33, DGRAM_BAD_PADDING, 0 },
        { "a message behind padding", CLOSE28 "\0\0" CLOSE28, 58, DGRAM_BAD_PADDING, 0 },
        { "rubbish behind", CLOSE28 "xy", 30, DGRAM_NO_MAGIC, 0 },
        { "the second is cut", CLOSE28 CLOSE28, 55, DGRAM_BAD_LENGTH, 0 },
        { "the second is another version", CLOSE28 "\x0E\x4C\x02\x05\0\0\0\x10\0\0\0\0\0\0\0\1", 44, DGRAM_BAD_VERSION,
          0 },
        { "a length of zero", "\x0E\x4C\x01\x30\0\0\0\0\0\0\0\0\0\0\0\1", 16, DGRAM_BAD_LENGTH, 0 },
        { "a length below the session header", "\x0E\x4C\x01\x05\0\0\0\x10\0\0\0\0\0\0\0\1", 16, DGRAM_BAD_LENGTH, 0 },
        { "a length beyond the end", "\x0E\x4C\x01\x30\0\0\xFF\xFF\0\0\0\0\0\0\0\1", 16, DGRAM_BAD_LENGTH, 0 },
        { "a level 2 type is walked past", "\x0E\x4C\x01\x33\0\0\0\x10\0\0\0\0\0\0\0\1" CLOSE28, 44, DGRAM_GOOD, 2 },
        { "an unknown type is walked past", "\x0E\x4C\x01\xEE\0\0\0\x10\0\0\0\0\0\0\0\1" CLOSE28, 44, DGRAM_GOOD, 2 },
};

static void run_check(void **state)
{
        const struct check_row *row = *state;
        struct bytes rest = bytes_of(row->bytes, row->n), message;
        assert_int_equal(dgram_check(rest), row->verdict);
        int messages = 0;
        while (row->verdict == DGRAM_GOOD && dgram_next(&rest, &message))
                messages++;
        assert_int_equal(messages, row->messages);
}

/* ---- messages that contradict themselves -------------------------------------------------- */

struct parse_row {
        const char *name;
        uint8_t type;
        size_t at; /* these bytes of the sample are changed */
        const char *bytes;
        size_t n;
        int err;
};

static const struct parse_row parses[] = {
        { "as it is", DGRAM_DATA, 0, "", 0, 0 },
        { "sealed", DGRAM_DATA, 4, "\0\1", 2, ERR_UNSUPPORTED },
        { "unknown flags are ignored", DGRAM_DATA, 4, "\xFF\xF0", 2, 0 },
        { "a new key", DGRAM_DATA, 3, "\x14", 1, ERR_UNSUPPORTED },
        { "a group without its first event", DGRAM_FEC, 39, "\x0A", 1, ERR_MALFORMED },
        { "a group of more than k events", DGRAM_FEC, 39, "\x0F", 1, ERR_MALFORMED },
        { "a group of none", DGRAM_FEC, 20, "\0", 1, ERR_MALFORMED },
        { "a group of more than 64", DGRAM_FEC, 20, "\x41", 1, ERR_MALFORMED },
        { "no parity", DGRAM_FEC, 21, "\0\0", 2, ERR_MALFORMED },
        { "more than eight of parity", DGRAM_FEC, 21, "\x09", 1, ERR_MALFORMED },
        { "the sixth of five", DGRAM_FEC, 22, "\x05", 1, ERR_MALFORMED },
        { "symbols of another make", DGRAM_FEC, 23, "\x1A", 1, ERR_MALFORMED },
        { "a group that begins at 0", DGRAM_FEC, 31, "\0", 1, ERR_MALFORMED },
        { "a group beyond all counting", DGRAM_FEC, 24, "\x01\xFF\xFF\xFF\xFF\xFF\xFF\xF0", 8, ERR_MALFORMED },
        { "a symbol longer than it says", DGRAM_FEC, 40, "\0\x1C", 2, ERR_MALFORMED },
        { "an unknown type", DGRAM_DATA, 3, "\xEE", 1, ERR_UNSUPPORTED },
        { "no fragments", DGRAM_DATA, 55, "\0", 1, ERR_MALFORMED },
        { "65 fragments", DGRAM_DATA, 55, "\x41", 1, ERR_MALFORMED },
        { "the last fragment of two", DGRAM_DATA, 52, "\x04\x4F\x01\x02", 4, 0 },
        { "the last fragment of sixty", DGRAM_DATA, 52, "\xFD\x87\x3B\x3C", 4, 0 },
        { "a first fragment that is short", DGRAM_DATA, 52, "\x04\x4F\x00\x02", 4, ERR_MALFORMED },
        { "a last fragment that is short", DGRAM_DATA, 52, "\x04\x50\x01\x02", 4, ERR_MALFORMED },
        { "more fragments than the size has", DGRAM_DATA, 52, "\x04\x4F\x01\x03", 4, ERR_MALFORMED },
        { "fewer fragments than the size has", DGRAM_DATA, 52, "\x08\x9B\x01\x02", 4, ERR_MALFORMED },
        { "an event of no bytes", DGRAM_DATA, 52, "\0\0\0\0", 4, ERR_MALFORMED },
        { "parity as short as the last fragment", DGRAM_DATA, 52, "\x04\x4F\x02\x02", 4, ERR_MALFORMED },
        { "parity of an event that cannot be", DGRAM_DATA, 52, "\x04\x4F\x09\x09", 4, ERR_MALFORMED },
        { "whole, but of another size", DGRAM_DATA, 52, "\0\4", 2, ERR_MALFORMED },
        { "seq 0", DGRAM_DATA, 31, "\0", 1, ERR_MALFORMED },
        { "seq of 64 bits", DGRAM_DATA, 24, "\x80", 1, ERR_MALFORMED },
        { "seq of 58 bits", DGRAM_DATA, 24, "\x02", 1, ERR_MALFORMED },
        { "eid 0", DGRAM_DATA, 39, "\0", 1, ERR_MALFORMED },
        { "a head of 64 bits", DGRAM_BEAT, 24, "\x80", 1, ERR_MALFORMED },
        { "more acks than bytes", DGRAM_PUB_ACK, 24, "\3", 1, ERR_MALFORMED },
        { "fewer acks than bytes", DGRAM_PUB_ACK, 24, "\1", 1, ERR_MALFORMED },
        { "no acks", DGRAM_PUB_ACK, 24, "\0", 1, ERR_MALFORMED },
        { "255 acks", DGRAM_PUB_ACK, 24, "\xFF", 1, ERR_MALFORMED },
        { "a NACK of no ranges", DGRAM_NACK, 28, "\0\0", 2, ERR_MALFORMED },
        { "a NACK of 65,535 ranges", DGRAM_NACK, 28, "\xFF\xFF", 2, ERR_MALFORMED },
        { "a range upside down", DGRAM_NACK, 55, "\4", 1, ERR_MALFORMED },
        { "a range from 0", DGRAM_NACK, 47, "\0", 1, ERR_MALFORMED },
        { "a NACK for fragments", DGRAM_NACK, 48, "\x80", 1, 0 },
        { "a NACK up to 58 bits", DGRAM_NACK, 48, "\x02", 1, ERR_MALFORMED },
        { "a GAP for fragments", DGRAM_GAP, 40, "\x80", 1, ERR_MALFORMED },
        { "a GAP upside down", DGRAM_GAP, 47, "\4", 1, ERR_MALFORMED },
        { "a PUB of no fragments", DGRAM_PUB, 37, "\0", 1, ERR_MALFORMED },
        { "a PUB's second fragment of one", DGRAM_PUB, 36, "\1", 1, ERR_MALFORMED },
        { "a PUB's last fragment of two", DGRAM_PUB, 36, "\x01\x02\x04\x4F", 4, 0 },
        { "a PUB's fragment that is short", DGRAM_PUB, 36, "\x00\x02\x04\x4F", 4, ERR_MALFORMED },
        { "a PUB has no parity", DGRAM_PUB, 36, "\x02\x02\x04\x4F", 4, ERR_MALFORMED },
        { "a PUB of another size", DGRAM_PUB, 39, "\4", 1, ERR_MALFORMED },
};

static void run_parse(void **state)
{
        const struct parse_row *row = *state;
        uint8_t out[DGRAM_BYTES_MAX];
        size_t n = 0;
        for (int i = 0; i < SAMPLES; i++)
                if (samples[i].type == row->type)
                        n = put(&samples[i], out);
        memcpy(out + row->at, row->bytes, row->n);
        struct dgram_msg m;
        assert_int_equal(dgram_parse(bytes_of(out, n), &m), row->err);
}

/* ---- the rest ----------------------------------------------------------------------------- */

static void a_full_writer_is_left_alone(void **state)
{
        (void)state;
        for (int i = 0; i < SAMPLES; i++) {
                uint8_t out[DGRAM_BYTES_MAX];
                size_t n = put(&samples[i], out);
                struct writer tight = writer_of(out, n - 1);
                assert_false(dgram_put(&tight, &samples[i]));
                assert_int_equal(writer_used(&tight), 0);
                assert_false(tight.failed);
        }
}

/* Of an event in fragments, as long as the first of them, and eight at most. */
static void parity(void **state)
{
        (void)state;
        static const uint8_t symbol[DGRAM_FRAGMENT_BYTES];
        struct dgram_msg m = { .type = DGRAM_DATA,
                               .data = { .seq = 1, .eid = 1, .event_bytes = 1103, .frag_cnt = 2, .frag_idx = 2 } };
        uint8_t out[DGRAM_BYTES_MAX];
        m.data.event = bytes_of(symbol, sizeof symbol);
        struct bytes message = bytes_of(out, put(&m, out));
        for (uint8_t idx = 0; idx < 20; idx++) {
                out[54] = idx;
                bool fits = idx != 1 && idx < 2 + DGRAM_FEC_M_MAX;
                assert_int_equal(dgram_parse(message, &m), fits ? 0 : ERR_MALFORMED);
                assert_int_equal(dgram_is_parity(&m.data), idx >= 2);
        }
        memcpy(out + 52, "\x04\x4C\x01\x01", 4); /* of one that has but one */
        assert_int_equal(dgram_parse(message, &m), ERR_MALFORMED);
}

static void fragments(void **state)
{
        (void)state;
        static const struct {
                size_t bytes;
                uint8_t cnt;
                size_t last;
        } sizes[] = { { 0, 0, 0 },       { 1, 1, 1 },        { 1100, 1, 1100 },  { 1101, 2, 1 },
                      { 2200, 2, 1100 }, { 60000, 55, 600 }, { 65535, 60, 635 }, { 65536, 0, 0 } };
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                size_t n = sizes[i].bytes, sum = 0;
                assert_int_equal(dgram_fragments(n), sizes[i].cnt);
                for (uint8_t f = 0; f < sizes[i].cnt; f++)
                        sum += dgram_fragment_bytes(n, f);
                if (sizes[i].cnt == 0)
                        continue;
                assert_int_equal(sum, n);
                assert_int_equal(dgram_fragment_bytes(n, (uint8_t)(sizes[i].cnt - 1)), sizes[i].last);
                assert_int_equal(dgram_fragment_bytes(n, sizes[i].cnt), 0);
        }
        assert_in_range(dgram_fragments(DGRAM_EVENT_MAX), 1, DGRAM_FRAGMENTS_MAX - 1); /* bit 63 stays free */
}

static void hello_of_another_version(void **state)
{
        (void)state;
        uint8_t out[DGRAM_BYTES_MAX];
        uint64_t nonce = 0;
        size_t n = put(&samples[0], out);
        assert_false(dgram_hello_other_version(bytes_of(out, n), &nonce));
        out[2] = 9;
        assert_true(dgram_hello_other_version(bytes_of(out, n), &nonce));
        assert_int_equal(nonce, samples[0].hello.nonce);
        assert_false(dgram_hello_other_version(bytes_of(out, n - 1), &nonce));
        assert_false(dgram_hello_other_version(bytes_of(out, 0), &nonce));
}

static void session_head(void **state)
{
        (void)state;
        for (int i = 0; i < SAMPLES; i++) {
                uint8_t out[DGRAM_BYTES_MAX];
                size_t n = put(&samples[i], out);
                uint64_t tag;
                uint32_t epoch, pktno;
                bool has = dgram_session_head(bytes_of(out, n), &tag, &epoch, &pktno);
                assert_int_equal(has, samples[i].pktno != 0);
                if (has)
                        assert_int_equal(pktno, samples[i].pktno);
        }
}

static void names(void **state)
{
        (void)state;
        assert_string_equal(dgram_type_text(DGRAM_DATA), "DATA");
        assert_null(dgram_type_text(0xEE));
        assert_string_equal(dgram_code_text(DGRAM_CODE_OK), "ok");
        assert_string_equal(dgram_code_text(DGRAM_CODE_ENGINE), "log unreachable");
        assert_string_equal(dgram_code_text(DGRAM_CODE_NOT_REPAIRED), "not repaired");
        assert_string_equal(dgram_code_text(99), "unknown code");
        assert_true(dgram_is_broadcast(DGRAM_NCF));
        assert_false(dgram_is_broadcast(DGRAM_GAP));
}

int main(void)
{
        const struct CMUnitTest more[] = {
                cmocka_unit_test(there_and_back),
                cmocka_unit_test(every_prefix_is_refused),
                cmocka_unit_test(every_byte_corrupted),
                cmocka_unit_test(sizes),
                cmocka_unit_test(a_full_writer_is_left_alone),
                cmocka_unit_test(fragments),
                cmocka_unit_test(parity),
                cmocka_unit_test(hello_of_another_version),
                cmocka_unit_test(session_head),
                cmocka_unit_test(names),
        };
        int failed = RUN_ROWS("dgram offsets", offsets, run_offset);
        failed += RUN_ROWS("dgram check", checks, run_check);
        failed += RUN_ROWS("dgram parse", parses, run_parse);
        return failed + cmocka_run_group_tests_name("dgram", more, NULL, NULL);
}
