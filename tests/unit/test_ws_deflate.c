/* Rows are what a client's compressed frames are read as; stories compress with zlib as clients do. */
#include <zlib.h>

#include "core/base/rng.h"
#include "core/wire/ws_deflate.h"
#include "tests/unit/ws_told.h"

enum { ROW_MAX = 100 }; /* message_bytes_max of the rows */

struct deflate_row {
        const char *name;
        struct bytes in; /* frames without masks, as if we were a client */
        const char *told;
        bool context;
};

#define IN(text)  .in = { (const uint8_t *)text, sizeof(text) - 1 }
#define HELLO     "\xf2\x48\xcd\xc9\xc9\x07\x00" /* RFC 7692, 7.2.3.1 */
#define HELLO_2ND "\xf2\x00\x11\x00\x00"         /* 7.2.3.2: refers to the first */

static const struct deflate_row rows[] = {
        { "Hello", IN("\xc1\x07" HELLO), .told = "text(Hello)" },
        { "binary", IN("\xc2\x07" HELLO), .told = "binary(Hello)" },
        { "not compressed", IN("\x81\x05Hello"), .told = "text(Hello)" },
        { "in fragments", IN("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"), .told = "text(Hello)" },
        { "a ping between the fragments", IN("\x41\x03\xf2\x48\xcd\x89\x01p\x80\x04\xc9\xc9\x07\x00"),
          .told = "ping(p) text(Hello)" },
        { "empty fragments", IN("\x41\0\0\0\0\x07" HELLO "\x80\0"), .told = "text(Hello)" },
        { "a stored block", IN("\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"), .told = "text(Hello)" },
        { "a final block", IN("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), .told = "text(Hello)" },
        { "a final block and no more", IN("\xc1\x07\xf3\x48\xcd\xc9\xc9\x07\x00"), .told = "text(Hello)" },
        { "two blocks", IN("\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), .told = "text(Hello)" },
        { "empty, of one byte", IN("\xc1\x01\x00"), .told = "text()" },
        { "empty, of two bytes", IN("\xc1\x02\x02\x00"), .told = "text()" },
        { "empty, of none", IN("\xc1\x00"), .told = "text()" },
        { "empty, then another", IN("\xc2\x01\x00\xc1\x07" HELLO), .told = "binary() text(Hello)" },
        { "the same twice without context", IN("\xc1\x07" HELLO "\xc1\x07" HELLO), .told = "text(Hello) text(Hello)" },
        { "the second refers to the first", IN("\xc1\x07" HELLO "\xc1\x05" HELLO_2ND),
          .told = "text(Hello) text(Hello)", .context = true },
        { "a message that is not compressed is no part of the context",
          IN("\xc1\x07" HELLO "\x81\x03xyz\xc1\x05" HELLO_2ND), .told = "text(Hello) text(xyz) text(Hello)",
          .context = true },
        { "across a final block", IN("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00\xc1\x05" HELLO_2ND),
          .told = "text(Hello) text(Hello)", .context = true },
        { "a final block, and one that refers to it", IN("\xc1\x0c\xf3\x48\xcd\xc9\xc9\x07\x00" HELLO_2ND),
          .told = "text(HelloHello)" },
        { "a reference to what was not kept", IN("\xc1\x07" HELLO "\xc1\x05" HELLO_2ND),
          .told = "text(Hello) fault(1007)" },
        { "a reference before the first message", IN("\xc1\x05" HELLO_2ND), .told = "fault(1007)", .context = true },
        { "no deflate at all", IN("\xc1\x03\xff\xff\xff"), .told = "fault(1007)" },
        { "a stored block whose lengths differ", IN("\xc1\x05\x00\x05\x00\xfa\xfe"), .told = "fault(1007)" },
        { "a stored block cut short", IN("\xc1\x07\x00\x05\x00\xfa\xffHe"), .told = "fault(1007)" },
        { "codes cut short", IN("\xc1\x03\xf2\x48\xcd"), .told = "fault(1007)" },
        { "one reserved block", IN("\xc1\x02\x07\x00"), .told = "fault(1007)" },
        { "text that is not UTF-8", IN("\xc1\x08\x00\x02\x00\xfd\xff\xc3(\x00"), .told = "fault(1007)" },
        { "binary that is not UTF-8", IN("\xc2\x08\x00\x02\x00\xfd\xff\xc3(\x00"), .told = "binary(\xc3()" },
        { "text cut inside a character", IN("\xc1\x07\x00\x01\x00\xfe\xff\xc3\x00"), .told = "fault(1007)" },
        { "a compressed ping", IN("\xc9\x00"), .told = "fault(1002)" },
        { "a compressed close", IN("\xc8\x00"), .told = "fault(1002)" },
        { "a compressed continuation", IN("\x41\x01\x00\xc0\x00"), .told = "fault(1002)" },
        { "a compressed continuation of a plain message",
          IN("\x01\x01"
             "a\xc0\x01\x00"),
          .told = "fault(1002)" },
        { "reserved bit 2", IN("\xa1\x00"), .told = "fault(1002)" },
        { "reserved bits 1 and 3", IN("\xd1\x07" HELLO), .told = "fault(1002)" },
        { "a reserved opcode", IN("\xc3\x00"), .told = "fault(1002)" },
        { "longer on the wire than anything within the limit", IN("\xc1\x7e\x00\xb2"), .told = "fault(1009)" },
};

static struct ws_deflate *deflate_with(uint8_t bits, bool context, uint32_t threshold)
{
        struct ws_deflate *d = ws_deflate_create(&(struct ws_deflate_rules){ bits, context, threshold });
        assert_non_null(d);
        return d;
}

static void reader(struct ws *ws, struct ws_deflate *d, enum ws_role role, size_t bytes_max, bool context)
{
        ws_init(ws, role, bytes_max);
        ws->inflate = ws_inflate_create(d, &(struct ws_terms){ .sends = true, .client_context = context });
        assert_non_null(ws->inflate);
}

static void run_row(void **state)
{
        const struct deflate_row *row = *state;
        struct ws_deflate *d = deflate_with(15, row->context, 0);
        struct ws ws;
        for (size_t piece = row->in.n; piece > 0; piece--) {
                char told[1024] = "";
                reader(&ws, d, WS_CLIENT, ROW_MAX, row->context);
                feed(&ws, (const char *)row->in.at, row->in.n, piece, told);
                ws_free(&ws);
                assert_string_equal(told, row->told);
        }
        for (size_t cut = 0; cut < row->in.n; cut++) {
                char told[1024] = "";
                reader(&ws, d, WS_CLIENT, ROW_MAX, row->context);
                feed(&ws, (const char *)row->in.at, cut, cut ? cut : 1, told);
                ws_free(&ws);
                assert_memory_equal(told, row->told, strlen(told));
        }
        assert_int_equal(ws_deflate_stats(d).window_bytes, 0);
        ws_deflate_destroy(d);
}

/* ---- clients ------------------------------------------------------------------------------------ */

struct client {
        z_stream z;
        bool context;
};

static void client_begin(struct client *c, int bits, bool context)
{
        *c = (struct client){ .context = context };
        assert_int_equal(deflateInit2(&c->z, 9, Z_DEFLATED, -bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
}

/* The payload of a compressed message. */
static struct buf client_pack(struct client *c, struct bytes plain)
{
        struct buf out = { 0 };
        if (!c->context)
                deflateReset(&c->z);
        c->z.next_in = (uint8_t *)(uintptr_t)plain.at;
        c->z.avail_in = (uInt)plain.n;
        size_t room = plain.n + plain.n / 8 + 100;
        c->z.next_out = buf_room(&out, room);
        c->z.avail_out = (uInt)room;
        int err = deflate(&c->z, Z_SYNC_FLUSH);
        if (err == Z_BUF_ERROR) /* a second flush with nothing between: the empty block, as Chromium writes it */
                buf_put(&out, "\x02\x00", 2);
        else
                out.n = room - c->z.avail_out - 4;
        assert_true(err == Z_OK || err == Z_BUF_ERROR);
        return out;
}

/* Gives it in fragments of at most `most` bytes; *ev tells the message. */
static void say_packed(struct ws *ws, struct bytes packed, size_t most, struct ws_event *ev)
{
        static const uint8_t mask[4] = { 1, 2, 3, 4 };
        for (size_t at = 0; at == 0 || at < packed.n; at += most) {
                struct buf frame = { 0 };
                size_t n = packed.n - at < most ? packed.n - at : most;
                ws_put(&frame, at == 0 ? WS_BINARY : WS_CONTINUATION, bytes_of(packed.at + at, n), mask);
                frame.at[0] = (uint8_t)(frame.at[0] & ~(at + n < packed.n ? 0x80 : 0)) | (at == 0 ? WS_PACKED : 0);
                assert_int_equal(ws_recv(ws, frame.at, frame.n, ev), frame.n);
                buf_free(&frame);
        }
}

static struct buf words(struct rng *rng, size_t n)
{
        static const char *const word[] = { "twin", "cast", "tea ", "{\"room\":", "0123456789", "\n" };
        struct buf out = { 0 };
        while (out.n < n)
                buf_text(&out, word[rng_below(rng, 6)]);
        out.n = n;
        return out;
}

static void every_window_and_context_is_read(void **state)
{
        (void)state;
        static const size_t sizes[] = { 0, 1, 5, 600, 3000, 40000, 70000, 1 };
        struct rng rng = rng_seeded(1, "windows");
        for (int bits = 9; bits <= 15; bits++) {
                for (int context = 0; context < 2; context++) {
                        struct ws_deflate *d = deflate_with((uint8_t)bits, context, 0);
                        struct ws_terms terms = { .client_context = context, .client_bits = (uint8_t)bits };
                        struct client c;
                        struct ws ws;
                        client_begin(&c, bits, context);
                        ws_init(&ws, WS_SERVER, 100000);
                        ws.inflate = ws_inflate_create(d, &terms);
                        for (size_t i = 0; i < 3 * sizeof sizes / sizeof sizes[0]; i++) {
                                struct buf plain = words(&rng, sizes[i % (sizeof sizes / sizeof sizes[0])]);
                                struct buf packed = client_pack(&c, buf_bytes(&plain));
                                struct ws_event ev;
                                say_packed(&ws, buf_bytes(&packed), i % 3 ? SIZE_MAX / 2 : 100, &ev);
                                assert_int_equal(ev.got, WS_GOT_MESSAGE);
                                assert_true(bytes_equal(ev.payload, buf_bytes(&plain)));
                                buf_free(&plain);
                                buf_free(&packed);
                        }
                        assert_int_equal(ws_deflate_stats(d).window_bytes, context ? 1u << bits : 0u);
                        ws_free(&ws);
                        assert_int_equal(ws_deflate_stats(d).window_bytes, 0);
                        deflateEnd(&c.z);
                        ws_deflate_destroy(d);
                }
        }
}

static void connections_take_turns_with_their_contexts(void **state)
{
        (void)state;
        struct ws_deflate *d = deflate_with(15, true, 0);
        struct client c[3];
        struct ws ws[3];
        for (int i = 0; i < 3; i++) {
                client_begin(&c[i], 15, true);
                reader(&ws[i], d, WS_SERVER, 1000, true);
        }
        for (int turn = 0; turn < 30; turn++) {
                char text[64];
                struct ws_event ev;
                int who = turn * 7 % 3;
                snprintf(text, sizeof text, "client %d says this again and again, now number %d", who, turn);
                struct buf packed = client_pack(&c[who], bytes_text(text));
                say_packed(&ws[who], buf_bytes(&packed), 9, &ev);
                assert_true(bytes_equal(ev.payload, bytes_text(text)));
                buf_free(&packed);
        }
        assert_int_equal(ws_deflate_stats(d).windows, 3);
        assert_true(ws_deflate_stats(d).window_bytes < 3 * 2048); /* what was said, not what may be */
        for (int i = 0; i < 3; i++) {
                deflateEnd(&c[i].z);
                ws_free(&ws[i]);
        }
        ws_deflate_destroy(d);
}

static void a_bomb_costs_the_limit(void **state)
{
        (void)state;
        enum { LIMIT = 5000, BLAST = 10 << 20 };
        struct ws_deflate *d = deflate_with(15, false, 0);
        struct client c;
        client_begin(&c, 15, false);
        struct bytes zeros = bytes_of(calloc(1, BLAST), BLAST);
        static const size_t sizes[] = { LIMIT - 1, LIMIT, LIMIT + 1, BLAST };
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct ws_inflate *in = ws_inflate_create(d, &(struct ws_terms){ 0 });
                struct buf packed = client_pack(&c, bytes_of(zeros.at, sizes[i])), plain = { 0 };
                enum ws_fault fault = ws_inflate_message(in, buf_bytes(&packed), LIMIT, &plain);
                assert_int_equal(fault, sizes[i] > LIMIT ? WS_FAULT_TOO_BIG : WS_FAULT_NONE);
                assert_int_equal(plain.n, sizes[i] > LIMIT ? LIMIT + 1 : sizes[i]);
                assert_true(plain.cap <= 2 * LIMIT);
                buf_free(&packed);
                buf_free(&plain);
                ws_inflate_destroy(in);
        }
        free((void *)(uintptr_t)zeros.at);
        deflateEnd(&c.z);
        ws_deflate_destroy(d);
}

static void what_does_not_shrink_may_be_as_long_as_the_limit(void **state)
{
        (void)state;
        enum { LIMIT = 100000 };
        struct rng rng = rng_seeded(2, "noise");
        struct ws_deflate *d = deflate_with(15, false, 0);
        struct buf noise = { 0 };
        for (int i = 0; i < LIMIT; i++)
                buf_put(&noise, &(uint8_t){ (uint8_t)rng_u64(&rng) }, 1);
        struct client c;
        struct ws ws;
        struct ws_event ev;
        client_begin(&c, 15, false);
        reader(&ws, d, WS_SERVER, LIMIT, false);
        struct buf packed = client_pack(&c, buf_bytes(&noise));
        assert_true(packed.n > LIMIT);
        say_packed(&ws, buf_bytes(&packed), 1000, &ev);
        assert_true(bytes_equal(ev.payload, buf_bytes(&noise)));
        ws_free(&ws);
        buf_free(&packed);
        buf_free(&noise);
        deflateEnd(&c.z);
        ws_deflate_destroy(d);
}

static void windows_are_promised_within_bounds(void **state)
{
        (void)state;
        enum { MANY = WS_WINDOWS_BYTES_MAX >> 15 };
        struct ws_deflate *d = deflate_with(15, true, 0);
        static struct ws_inflate *in[MANY];
        for (int i = 0; i < MANY; i++) {
                assert_true(ws_deflate_rules(d).client_context);
                in[i] = ws_inflate_create(d, &(struct ws_terms){ .client_context = true });
        }
        assert_false(ws_deflate_rules(d).client_context);
        ws_inflate_destroy(in[0]);
        assert_true(ws_deflate_rules(d).client_context);
        for (int i = 1; i < MANY; i++)
                ws_inflate_destroy(in[i]);
        assert_int_equal(ws_deflate_stats(d).windows, 0);
        ws_deflate_destroy(d);
}

/* ---- what we send ------------------------------------------------------------------------------- */

static struct buf send_frame(struct ws_deflate *d, struct bytes plain)
{
        struct buf out = { 0 };
        buf_text(&out, "before");
        ptrdiff_t start = ws_begin(&out);
        buf_put(&out, plain.at, plain.n);
        ws_deflate_end(d, &out, start, WS_BINARY);
        return out;
}

static void what_we_send_is_read_back(void **state)
{
        (void)state;
        static const size_t sizes[] = { 0, 1, 99, 100, 1000, 20000, 65536, 300000, 2 << 20 };
        struct rng rng = rng_seeded(3, "sent");
        for (uint8_t bits = WS_WINDOW_BITS_MIN; bits <= WS_WINDOW_BITS_MAX; bits++) {
                struct ws_deflate *d = deflate_with(bits, false, 100);
                for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                        struct buf plain = words(&rng, sizes[i]);
                        struct buf sent = send_frame(d, buf_bytes(&plain)), again = send_frame(d, buf_bytes(&plain));
                        struct ws ws;
                        struct ws_event ev;
                        assert_true(bytes_equal(buf_bytes(&sent), buf_bytes(&again))); /* the same for all */
                        assert_memory_equal(sent.at, "before", 6);
                        assert_int_equal(sent.at[6], 0x82 | (sizes[i] >= 100 ? WS_PACKED : 0));
                        if (sizes[i] >= 1000)
                                assert_true(sent.n < plain.n);
                        reader(&ws, d, WS_CLIENT, 4 << 20, false);
                        assert_int_equal(ws_recv(&ws, sent.at + 6, sent.n - 6, &ev), sent.n - 6);
                        assert_true(bytes_equal(ev.payload, buf_bytes(&plain)));
                        ws_free(&ws);
                        buf_free(&plain);
                        buf_free(&sent);
                        buf_free(&again);
                }
                ws_deflate_destroy(d);
        }
}

static void what_does_not_shrink_is_sent_as_it_is(void **state)
{
        (void)state;
        static const size_t sizes[] = { 1, 100, 5000, 256 << 10, (256 << 10) + 1, 1 << 20 };
        struct rng rng = rng_seeded(4, "noise");
        struct ws_deflate *d = deflate_with(15, false, 0);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct buf noise = { 0 };
                for (size_t k = 0; k < sizes[i]; k++)
                        buf_put(&noise, &(uint8_t){ (uint8_t)rng_u64(&rng) }, 1);
                struct buf sent = send_frame(d, buf_bytes(&noise)), expected = { 0 };
                buf_text(&expected, "before");
                ws_put(&expected, WS_BINARY, buf_bytes(&noise), NULL);
                assert_true(bytes_equal(buf_bytes(&sent), buf_bytes(&expected)));
                buf_free(&sent);
                buf_free(&expected);
                buf_free(&noise);
        }
        assert_int_equal(ws_deflate_stats(d).out_packed, 0);
        ws_deflate_destroy(d);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(every_window_and_context_is_read),
                cmocka_unit_test(connections_take_turns_with_their_contexts),
                cmocka_unit_test(a_bomb_costs_the_limit),
                cmocka_unit_test(what_does_not_shrink_may_be_as_long_as_the_limit),
                cmocka_unit_test(windows_are_promised_within_bounds),
                cmocka_unit_test(what_we_send_is_read_back),
                cmocka_unit_test(what_does_not_shrink_is_sent_as_it_is),
        };
        return RUN_ROWS("ws_deflate", rows, run_row) +
               cmocka_run_group_tests_name("ws_deflate stories", stories, NULL, NULL);
}
