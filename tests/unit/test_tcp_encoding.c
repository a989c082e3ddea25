#include "tests/unit/harness.h"

#include "core/event/event.h"
#include "core/event/pack.h"
#include "core/wire/sio_msgpack.h"
#include "core/wire/ws.h"
#include "tcp_server/tcp_encoding.h"

struct encoding_row {
        const char *name;
        const char *json; /* the event */
        bool recovery;
        const char *text; /* of the frame */
};

static const struct encoding_row rows[] = {
        { "no offset", "[\"a\",1]", false, "42[\"a\",1]" },
        { "offset behind the arguments", "[\"a\",1]", true, "42[\"a\",1,\"9-5\"]" },
        { "offset behind nothing", "[\"a\"]", true, "42[\"a\",\"9-5\"]" },
        { "a last argument that ends in a bracket", "[\"a\",[1,[2]]]", true, "42[\"a\",[1,[2]],\"9-5\"]" },
        { "a long one",
          "[\"a\",\"0123456789012345678901234567890123456789012345678901234567890123456789"
          "0123456789012345678901234567890123456789012345678901234567890123456789\"]",
          true,
          "42[\"a\",\"0123456789012345678901234567890123456789012345678901234567890123456789"
          "0123456789012345678901234567890123456789012345678901234567890123456789\",\"9-5\"]" },
};

static const struct hub_entry entry_at_5 = { .epoch = 9, .eid = 5, .seq = 2 };

/* Takes the next frame off what an encoder wrote. */
static struct ws_event take(struct buf *out, size_t *at)
{
        struct ws ws;
        struct ws_event ev;
        ws_init(&ws, WS_CLIENT, 1000000);
        *at += ws_recv(&ws, out->at + *at, out->n - *at, &ev);
        assert_int_equal(ev.got, WS_GOT_MESSAGE);
        return ev;
}

static void run_json(void **state)
{
        const struct encoding_row *row = *state;
        struct tcp_encoding e = { .form = SIO_FORM_JSON, .recovery = row->recovery };
        struct buf event = { 0 }, out = { 0 };
        size_t at = 0;
        assert_int_equal(json_to_pack(bytes_text(row->json), &event, NULL), 0);
        struct hub_entry entry = entry_at_5;
        entry.event = buf_bytes(&event);
        struct hub_encoding hub = tcp_encoding_hub(&e);
        assert_int_equal(hub.encode(hub.ctx, &entry, &out), 0);
        struct ws_event ev = take(&out, &at);
        assert_int_equal(ev.opcode, WS_TEXT);
        assert_true(bytes_equal(ev.payload, bytes_text(row->text)));
        assert_int_equal(at, out.n);
        buf_free(&event);
        buf_free(&out);
}

static void run_msgpack(void **state)
{
        const struct encoding_row *row = *state;
        struct tcp_encoding e = { .form = SIO_FORM_MSGPACK, .recovery = row->recovery };
        struct buf event = { 0 }, out = { 0 }, scratch = { 0 }, text = { 0 };
        size_t at = 0;
        assert_int_equal(json_to_pack(bytes_text(row->json), &event, NULL), 0);
        assert_int_equal(tcp_encoding_event(&e, (struct sio_offset){ 9, 5 }, buf_bytes(&event), &out), 0);
        struct ws_event ev = take(&out, &at);
        assert_int_equal(ev.opcode, WS_BINARY);
        struct sio_packet p;
        assert_int_equal(sio_msgpack_parse(ev.payload, 1000000, &scratch, &p), 0);
        assert_int_equal(sio_put(&text, &p, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&text), bytes_text(row->text + 1)));
        buf_free(&event);
        buf_free(&out);
        buf_free(&scratch);
        buf_free(&text);
}

static void attachments_stand_behind_their_header(void **state)
{
        (void)state;
        struct tcp_encoding e = { .form = SIO_FORM_JSON, .recovery = true };
        struct buf event = { 0 }, out = { 0 };
        size_t at = 0;
        event_begin(&event, "a", 2);
        pack_put_bin(&event, bytes_text("one"));
        pack_put_bin(&event, bytes_text("two"));
        assert_int_equal(tcp_encoding_event(&e, (struct sio_offset){ 9, 5 }, buf_bytes(&event), &out), 0);
        assert_true(bytes_equal(take(&out, &at).payload, bytes_text("452-[\"a\",{\"_placeholder\":true,\"num\":0},"
                                                                    "{\"_placeholder\":true,\"num\":1},\"9-5\"]")));
        struct ws_event first = take(&out, &at), second = take(&out, &at);
        assert_int_equal(first.opcode, WS_BINARY);
        assert_true(bytes_equal(first.payload, bytes_text("one")));
        assert_true(bytes_equal(second.payload, bytes_text("two")));
        assert_int_equal(at, out.n);
        buf_free(&event);
        buf_free(&out);
}

/* Header and attachments each by itself: compressed if it is long enough and gets shorter. */
static void frames_are_compressed_one_by_one(void **state)
{
        (void)state;
        struct ws_deflate *d = ws_deflate_create(&(struct ws_deflate_rules){ 15, false, 60 });
        struct tcp_encoding e = { .form = SIO_FORM_JSON, .deflate = d };
        struct buf event = { 0 }, out = { 0 };
        static const uint8_t zeros[5000];
        event_begin(&event, "a", 2);
        pack_put_bin(&event, bytes_of(zeros, sizeof zeros));
        pack_put_bin(&event, bytes_text("short"));
        assert_int_equal(tcp_encoding_event(&e, (struct sio_offset){ 9, 5 }, buf_bytes(&event), &out), 0);
        static const struct {
                uint8_t head;
                size_t n;
        } frames[] = { { 0xc1, 69 }, { 0xc2, sizeof zeros }, { 0x82, 5 } };
        size_t at = 0;
        struct ws ws;
        ws_init(&ws, WS_CLIENT, 1000000);
        ws.inflate = ws_inflate_create(d, &(struct ws_terms){ 0 });
        for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
                struct ws_event ev;
                assert_int_equal(out.at[at], frames[i].head);
                at += ws_recv(&ws, out.at + at, out.n - at, &ev);
                assert_int_equal(ev.got, WS_GOT_MESSAGE);
                assert_int_equal(ev.payload.n, frames[i].n);
        }
        assert_int_equal(at, out.n);
        assert_true(out.n < 150);
        e.form = SIO_FORM_MSGPACK;
        out.n = 0;
        assert_int_equal(tcp_encoding_event(&e, (struct sio_offset){ 9, 5 }, buf_bytes(&event), &out), 0);
        assert_int_equal(out.at[0], 0xc2);
        out.n = 0;
        struct sio_packet p = { .type = SIO_EVENT, .data = buf_bytes(&event) };
        assert_int_equal(tcp_encoding_packet(SIO_FORM_MSGPACK, &p, &out), 0);
        assert_int_equal(out.at[0], 0x82); /* for one client alone */
        ws_free(&ws);
        buf_free(&event);
        buf_free(&out);
        ws_deflate_destroy(d);
}

static void what_json_cannot_say_leaves_nothing(void **state)
{
        (void)state;
        struct tcp_encoding e = { .form = SIO_FORM_JSON, .recovery = true };
        struct hub_encoding hub = tcp_encoding_hub(&e);
        struct buf event = { 0 }, out = { 0 };
        event_begin(&event, "a", 11);
        for (int i = 0; i < 11; i++)
                pack_put_bin(&event, bytes_text("x"));
        struct hub_entry entry = entry_at_5;
        entry.event = buf_bytes(&event);
        buf_text(&out, "before");
        assert_int_equal(hub.encode(hub.ctx, &entry, &out), 0);
        assert_int_equal(out.n, 6);
        buf_free(&event);
        buf_free(&out);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(attachments_stand_behind_their_header),
                cmocka_unit_test(frames_are_compressed_one_by_one),
                cmocka_unit_test(what_json_cannot_say_leaves_nothing),
        };
        return RUN_ROWS("tcp json", rows, run_json) + RUN_ROWS("tcp msgpack", rows, run_msgpack) +
               cmocka_run_group_tests_name("tcp_encoding stories", stories, NULL, NULL);
}
