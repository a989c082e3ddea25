/* Every row is fed whole, one byte at a time, and cut at every prefix; what is told must not
 * depend on how the bytes came. */
#include "core/base/rng.h"
#include "core/wire/ws_handshake.h"
#include "tests/unit/ws_told.h"

enum { ROW_MAX = 100 }; /* message_bytes_max of the rows */

struct ws_row {
        const char *name;
        enum ws_role role;
        const char *in;
        size_t in_n;
        const char *told; /* see tell() */
};

#define IN(text) text, sizeof(text) - 1
#define NOMASK   "\0\0\0\0" /* a mask that changes nothing, to keep server rows readable */

static const struct ws_row rows[] = {
        { "rfc 5.7 hello", WS_CLIENT, IN("\x81\x05Hello"), "text(Hello)" },
        { "rfc 5.7 masked hello", WS_SERVER, IN("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "text(Hello)" },
        { "rfc 5.7 fragmented hello", WS_CLIENT, IN("\x01\x03Hel\x80\x02lo"), "text(Hello)" },
        { "rfc 5.7 ping and masked pong", WS_SERVER,
          IN("\x89\x85" NOMASK "Hello\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "ping(Hello) pong(Hello)" },
        { "empty text", WS_CLIENT, IN("\x81\x00"), "text()" },
        { "empty binary", WS_SERVER, IN("\x82\x80" NOMASK), "binary()" },
        { "two messages", WS_CLIENT, IN("\x82\x01x\x81\x01y"), "binary(x) text(y)" },
        { "empty fragments", WS_CLIENT, IN("\x02\0\0\0\0\0\x80\0"), "binary()" },
        { "ping between fragments", WS_CLIENT,
          IN("\x01\x01"
             "a\x89\x02pi\x00\x01"
             "b\x8a\0\x80\x01"
             "c"),
          "ping(pi) pong() text(abc)" },
        { "close between fragments", WS_CLIENT,
          IN("\x01\x01"
             "a\x88\x02\x03\xe8"),
          "close(1000)" },
        { "message after message in fragments", WS_CLIENT,
          IN("\x01\x01"
             "a\x80\x01"
             "b\x82\x01"
             "c"),
          "text(ab) binary(c)" },
        { "largest allowed", WS_CLIENT,
          IN("\x82\x64"
             "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"),
          "binary("
          "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789)" },
        { "one byte over", WS_CLIENT, IN("\x82\x65"), "fault(1009)" },
        { "over by fragments", WS_CLIENT, IN("\x02\x01x\x80\x64"), "fault(1009)" },
        { "sixteen terabytes announced", WS_CLIENT, IN("\x82\x7f\0\0\x10\0\0\0\0\0"), "fault(1009)" },
        { "length's top bit", WS_CLIENT, IN("\x82\x7f\x80\0\0\0\0\0\0\0"), "fault(1002)" },
        { "16 bits for a short length", WS_CLIENT, IN("\x82\x7e\0\x7d"), "fault(1002)" },
        { "64 bits for a short length", WS_CLIENT, IN("\x82\x7f\0\0\0\0\0\0\xff\xff"), "fault(1002)" },
        { "rsv1", WS_CLIENT, IN("\xc1\0"), "fault(1002)" },
        { "rsv2", WS_CLIENT, IN("\xa1\0"), "fault(1002)" },
        { "rsv3", WS_CLIENT, IN("\x91\0"), "fault(1002)" },
        { "opcode 3", WS_CLIENT, IN("\x83\0"), "fault(1002)" },
        { "opcode 7", WS_CLIENT, IN("\x87\0"), "fault(1002)" },
        { "opcode 11", WS_CLIENT, IN("\x8b\0"), "fault(1002)" },
        { "opcode 15", WS_CLIENT, IN("\x8f\0"), "fault(1002)" },
        { "server wants masks", WS_SERVER, IN("\x81\x01"), "fault(1002)" },
        { "client forbids masks", WS_CLIENT, IN("\x81\x81"), "fault(1002)" },
        { "ping too long", WS_CLIENT, IN("\x89\x7e"), "fault(1002)" },
        { "ping in fragments", WS_CLIENT, IN("\x09\x00"), "fault(1002)" },
        { "continuation of nothing", WS_CLIENT, IN("\x80\x00"), "fault(1002)" },
        { "continuation after the end", WS_CLIENT, IN("\x81\0\x80\0"), "text() fault(1002)" },
        { "text inside a message", WS_CLIENT,
          IN("\x01\x01"
             "a\x81\x01"
             "b"),
          "fault(1002)" },
        { "close without code", WS_CLIENT, IN("\x88\0"), "close(1005)" },
        { "close with reason", WS_CLIENT,
          IN("\x88\x05\x03\xe9"
             "bye"),
          "close(1001 bye)" },
        { "bytes after close are dropped", WS_CLIENT, IN("\x88\0\xff\xff\xff"), "close(1005)" },
        { "bytes after a fault are dropped", WS_CLIENT, IN("\xff\0\x81\0"), "fault(1002)" },
        { "close of one byte", WS_CLIENT, IN("\x88\x01\x03"), "fault(1002)" },
        { "close 999", WS_CLIENT, IN("\x88\x02\x03\xe7"), "fault(1002)" },
        { "close 1004", WS_CLIENT, IN("\x88\x02\x03\xec"), "fault(1002)" },
        { "close 1005", WS_CLIENT, IN("\x88\x02\x03\xed"), "fault(1002)" },
        { "close 1006", WS_CLIENT, IN("\x88\x02\x03\xee"), "fault(1002)" },
        { "close 1011", WS_CLIENT, IN("\x88\x02\x03\xf3"), "close(1011)" },
        { "close 1015", WS_CLIENT, IN("\x88\x02\x03\xf7"), "fault(1002)" },
        { "close 2999", WS_CLIENT, IN("\x88\x02\x0b\xb7"), "fault(1002)" },
        { "close 3000", WS_CLIENT, IN("\x88\x02\x0b\xb8"), "close(3000)" },
        { "close 4999", WS_CLIENT, IN("\x88\x02\x13\x87"), "close(4999)" },
        { "close 5000", WS_CLIENT, IN("\x88\x02\x13\x88"), "fault(1002)" },
        { "close reason not text", WS_CLIENT, IN("\x88\x03\x03\xe8\xff"), "fault(1007)" },
        { "text of four-byte characters", WS_CLIENT, IN("\x81\x08\xf0\x9f\x98\x80\xf0\x9f\x98\x81"),
          "text(\xf0\x9f\x98\x80\xf0\x9f\x98\x81)" },
        { "character cut by a fragment", WS_CLIENT, IN("\x01\x02\xf0\x9f\x00\x01\x98\x80\x01\x80"),
          "text(\xf0\x9f\x98\x80)" },
        { "text ends inside a character", WS_CLIENT, IN("\x81\x02\xf0\x9f"), "fault(1007)" },
        { "fragments end inside a character", WS_CLIENT, IN("\x01\x01\xc3\x80\x00"), "fault(1007)" },
        { "overlong slash", WS_CLIENT, IN("\x81\x02\xc0\xaf"), "fault(1007)" },
        { "surrogate", WS_CLIENT, IN("\x81\x03\xed\xa0\x80"), "fault(1007)" },
        { "above the last character", WS_CLIENT, IN("\x81\x04\xf4\x90\x80\x80"), "fault(1007)" },
        { "binary need not be text", WS_CLIENT, IN("\x82\x01\xff"), "binary(\xff)" },
        { "bad byte fails before the frame ends", WS_CLIENT,
          IN("\x81\x40"
             "ab\xff"),
          "fault(1007)" },
        { "a byte that begins nothing fails at once", WS_CLIENT, IN("\x81\x40\xf5"), "fault(1007)" },
        { "bad byte fails before the message ends", WS_CLIENT, IN("\x01\x01\xf4\x00\x40\x90"), "fault(1007)" },
};

static void run_row(void **state)
{
        const struct ws_row *row = *state;
        struct ws ws;
        for (size_t piece = row->in_n; piece > 0; piece--) {
                char told[1024] = "";
                ws_init(&ws, row->role, ROW_MAX);
                feed(&ws, row->in, row->in_n, piece, told);
                ws_free(&ws);
                assert_string_equal(told, row->told);
        }
        for (size_t cut = 0; cut < row->in_n; cut++) {
                char told[1024] = "";
                ws_init(&ws, row->role, ROW_MAX);
                feed(&ws, row->in, cut, cut ? cut : 1, told);
                ws_free(&ws);
                assert_memory_equal(told, row->told, strlen(told));
        }
}

static void a_whole_frame_is_lent_and_not_copied(void **state)
{
        (void)state;
        uint8_t in[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        struct ws ws;
        struct ws_event ev;
        ws_init(&ws, WS_SERVER, ROW_MAX);
        assert_int_equal(ws_recv(&ws, in, sizeof in - 1, &ev), sizeof in - 1);
        assert_ptr_equal(ev.payload.at, in + 6);
        assert_null(ws.gathered.at);
}

static void memory_follows_what_arrived_not_what_was_announced(void **state)
{
        (void)state;
        uint8_t in[1000] = "\x82\x7f\0\0\0\0\x3f\xff\xff\xff";
        struct ws ws;
        struct ws_event ev;
        ws_init(&ws, WS_CLIENT, SIZE_MAX);
        assert_int_equal(ws_recv(&ws, in, sizeof in, &ev), sizeof in);
        assert_int_equal(ev.got, WS_GOT_NOTHING);
        assert_true(ws.gathered.cap <= 2 * sizeof in);
        ws_free(&ws);
}

static void a_gathered_message_is_let_go_of_when_asked(void **state)
{
        (void)state;
        uint8_t first[] = { 0x02, 1, 'a' }, ping[] = { 0x89, 1, 'p' }, last[] = { 0x80, 1, 'b' };
        struct ws ws;
        struct ws_event ev;
        ws_init(&ws, WS_CLIENT, ROW_MAX);
        ws_recv(&ws, first, sizeof first, &ev);
        ws_rest(&ws);
        ws_recv(&ws, ping, 2, &ev);
        ws_recv(&ws, ping + 2, 1, &ev);
        assert_int_equal(ev.got, WS_GOT_PING);
        ws_rest(&ws);
        assert_int_equal(ws_recv(&ws, last, sizeof last, &ev), sizeof last);
        assert_true(bytes_equal(ev.payload, bytes_text("ab")));
        ws_rest(&ws);
        assert_null(ws.gathered.at);
}

static void fragments_are_counted(void **state)
{
        (void)state;
        uint8_t first[] = { 0x02, 0 }, next[] = { 0x00, 0 };
        struct ws ws;
        struct ws_event ev;
        ws_init(&ws, WS_CLIENT, ROW_MAX);
        ws_recv(&ws, first, sizeof first, &ev);
        for (int i = 1; i < WS_FRAGMENTS_MAX; i++) {
                ws_recv(&ws, next, sizeof next, &ev);
                assert_int_equal(ev.got, WS_GOT_NOTHING);
        }
        ws_recv(&ws, next, sizeof next, &ev);
        assert_int_equal(ev.fault, WS_FAULT_FRAGMENTS);
        ws_free(&ws);
}

static void written_frames_are_read_back(void **state)
{
        (void)state;
        static const size_t sizes[] = { 0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 70001 };
        struct rng rng = rng_seeded(1, "frames");
        for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
                size_t n = sizes[i / 2];
                uint8_t *payload = malloc(n + 1), mask[4];
                for (size_t k = 0; k < n; k++)
                        payload[k] = (uint8_t)rng_u64(&rng);
                memcpy(mask, &(uint32_t){ (uint32_t)rng_u64(&rng) }, 4);
                struct buf out = { 0 };
                struct ws ws;
                struct ws_event ev;
                ws_init(&ws, i % 2 ? WS_SERVER : WS_CLIENT, 100000);
                assert_int_equal(ws_put(&out, WS_BINARY, bytes_of(payload, n), i % 2 ? mask : NULL), 0);
                assert_int_equal(ws_recv(&ws, out.at, out.n, &ev), out.n);
                assert_int_equal(ev.got, WS_GOT_MESSAGE);
                assert_true(bytes_equal(ev.payload, bytes_of(payload, n)));
                buf_free(&out);
                free(payload);
        }
}

static void a_frame_written_in_place_equals_one_put(void **state)
{
        (void)state;
        static const size_t sizes[] = { 0, 125, 126, 65535, 65536 };
        static const uint8_t payload[65536] = { 1, 2, 3 };
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct buf put = { 0 }, placed = { 0 };
                buf_text(&put, "before");
                buf_text(&placed, "before");
                ws_put(&put, WS_TEXT, bytes_of(payload, sizes[i]), NULL);
                ptrdiff_t start = ws_begin(&placed);
                assert_int_equal(start, 6);
                buf_put(&placed, payload, sizes[i]);
                ws_end(&placed, start, WS_TEXT);
                assert_true(bytes_equal(buf_bytes(&put), buf_bytes(&placed)));
                buf_free(&put);
                buf_free(&placed);
        }
}

static void masking_in_parts_equals_masking_at_once(void **state)
{
        (void)state;
        const uint8_t mask[4] = { 1, 2, 4, 8 };
        for (size_t cut = 0; cut <= 40; cut++) {
                uint8_t once[40] = { 0 }, parts[40] = { 0 };
                for (size_t i = 0; i < sizeof once; i++)
                        once[i] = mask[i % 4];
                ws_mask(parts, cut, mask, 0);
                ws_mask(parts + cut, sizeof parts - cut, mask, cut);
                assert_memory_equal(once, parts, sizeof once);
        }
}

static void a_close_is_written(void **state)
{
        (void)state;
        char told[64] = "";
        struct buf out = { 0 };
        struct ws ws;
        ws_init(&ws, WS_CLIENT, ROW_MAX);
        ws_put_close(&out, 1001, "going away", NULL);
        feed(&ws, (const char *)out.at, out.n, out.n, told);
        assert_string_equal(told, "close(1001 going away)");
        out.n = 0;
        ws_put_close(&out, WS_NO_CODE, "ignored", NULL);
        assert_int_equal(out.n, 2);
        buf_free(&out);
}

static void the_handshake_of_rfc_6455(void **state)
{
        (void)state;
        char text[WS_ACCEPT_TEXT + 1];
        struct bytes key = bytes_text("dGhlIHNhbXBsZSBub25jZQ==");
        assert_true(ws_key_valid(key));
        ws_accept(key, text);
        assert_string_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_false(ws_key_valid(bytes_text("dGhlIHNhbXBsZSBub25jZQ=")));
        assert_false(ws_key_valid(bytes_text("dGhlIHNhbXBsZSBub25jZUE=")));
        assert_false(ws_key_valid(bytes_text("dGhlIHNhbXBsZSBub25j*Q==")));
        assert_false(ws_key_valid(bytes_text("\xe4GhlIHNhbXBsZSBub25jZQ==")));
        char made[WS_KEY_TEXT + 1];
        ws_key((const uint8_t *)"the sample nonce", made);
        assert_string_equal(made, "dGhlIHNhbXBsZSBub25jZQ==");
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_whole_frame_is_lent_and_not_copied),
                cmocka_unit_test(memory_follows_what_arrived_not_what_was_announced),
                cmocka_unit_test(a_gathered_message_is_let_go_of_when_asked),
                cmocka_unit_test(fragments_are_counted),
                cmocka_unit_test(written_frames_are_read_back),
                cmocka_unit_test(a_frame_written_in_place_equals_one_put),
                cmocka_unit_test(masking_in_parts_equals_masking_at_once),
                cmocka_unit_test(a_close_is_written),
                cmocka_unit_test(the_handshake_of_rfc_6455),
        };
        return RUN_ROWS("ws", rows, run_row) + cmocka_run_group_tests_name("ws stories", stories, NULL, NULL);
}
