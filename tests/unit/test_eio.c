#include "tests/unit/harness.h"

#include "core/base/err.h"
#include "core/base/mono.h"
#include "core/wire/eio.h"

struct eio_row {
        const char *name;
        bool binary;
        const char *message;
        int err;
        char type;
        bool is_binary;
        const char *body;
};

static const struct eio_row rows[] = {
        { "message", false, "4hello", 0, EIO_MESSAGE, false, "hello" },
        { "empty message", false, "4", 0, EIO_MESSAGE, false, "" },
        { "open", false, "0{}", 0, EIO_OPEN, false, "{}" },
        { "close", false, "1", 0, EIO_CLOSE, false, "" },
        { "ping", false, "2", 0, EIO_PING, false, "" },
        { "ping with a body", false, "2probe", 0, EIO_PING, false, "probe" },
        { "pong", false, "3probe", 0, EIO_PONG, false, "probe" },
        { "upgrade", false, "5", 0, EIO_UPGRADE, false, "" },
        { "noop", false, "6", 0, EIO_NOOP, false, "" },
        { "binary", true, "\x01\x02", 0, EIO_MESSAGE, true, "\x01\x02" },
        { "binary has no digit", true, "4", 0, EIO_MESSAGE, true, "4" },
        { "empty binary", true, "", 0, EIO_MESSAGE, true, "" },
        { "base64", false, "bAQIDBA==", 0, EIO_MESSAGE, true, "\x01\x02\x03\x04" },
        { "base64 of nothing", false, "b", 0, EIO_MESSAGE, true, "" },
        { "base64 without padding", false, "bAQIDBA", ERR_MALFORMED, 0, false, NULL },
        { "base64 with junk", false, "bAQ*DBA==", ERR_MALFORMED, 0, false, NULL },
        { "base64 with a url alphabet", false, "b__8=", ERR_MALFORMED, 0, false, NULL },
        { "base64 with a byte above ASCII", false, "b\xc1QIDBA==", ERR_MALFORMED, 0, false, NULL },
        { "nothing", false, "", ERR_MALFORMED, 0, false, NULL },
        { "type 7", false, "7", ERR_MALFORMED, 0, false, NULL },
        { "letters", false, "abc", ERR_MALFORMED, 0, false, NULL },
        { "a space first", false, " 4", ERR_MALFORMED, 0, false, NULL },
};

static void run_row(void **state)
{
        const struct eio_row *row = *state;
        struct buf scratch = { 0 };
        struct eio_packet p;
        assert_int_equal(eio_parse(row->binary, bytes_text(row->message), &scratch, &p), row->err);
        if (row->err == 0) {
                assert_int_equal(p.type, row->type);
                assert_int_equal(p.binary, row->is_binary);
                assert_true(bytes_equal(p.body, bytes_text(row->body)));
        }
        buf_free(&scratch);
}

struct open_row {
        const char *name;
        const char *body;
        int err;
        int64_t interval_ms, timeout_ms;
        uint64_t payload;
};

static const struct open_row opens[] = {
        { "the reference's",
          "{\"sid\":\"a\",\"upgrades\":[],\"pingInterval\":300,\"pingTimeout\":200,\"maxPayload\":9}", 0, 300, 200, 9 },
        { "no payload limit", "{\"sid\":\"a\",\"pingInterval\":300,\"pingTimeout\":200}", 0, 300, 200, 0 },
        { "no sid", "{\"pingInterval\":300,\"pingTimeout\":200}", ERR_MALFORMED, 0, 0, 0 },
        { "empty sid", "{\"sid\":\"\",\"pingInterval\":300,\"pingTimeout\":200}", ERR_MALFORMED, 0, 0, 0 },
        { "sid of 65",
          "{\"sid\":\"0123456789012345678901234567890123456789012345678901234567890123x\",\"pingInterval\":300,"
          "\"pingTimeout\":200}",
          ERR_MALFORMED, 0, 0, 0 },
        { "interval 0", "{\"sid\":\"a\",\"pingInterval\":0,\"pingTimeout\":200}", ERR_MALFORMED, 0, 0, 0 },
        { "interval below 0", "{\"sid\":\"a\",\"pingInterval\":-1,\"pingTimeout\":200}", ERR_MALFORMED, 0, 0, 0 },
        { "timeout of centuries", "{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":9223372036854775807}",
          ERR_MALFORMED, 0, 0, 0 },
        { "a sum of centuries", "{\"sid\":\"a\",\"pingInterval\":9223372036854,\"pingTimeout\":9223372036854}",
          ERR_MALFORMED, 0, 0, 0 },
        { "a sum that just fits", "{\"sid\":\"a\",\"pingInterval\":4611686018427,\"pingTimeout\":4611686018427}", 0,
          4611686018427, 4611686018427, 0 },
        { "a sid of other servers", "{\"sid\":\"0-a_Z.~\",\"pingInterval\":1,\"pingTimeout\":2}", 0, 1, 2, 0 },
        { "a sid with a zero", "{\"sid\":\"a\\u0000b\",\"pingInterval\":1,\"pingTimeout\":2}", ERR_MALFORMED, 0, 0, 0 },
        { "a sid with a quote", "{\"sid\":\"a\\\"b\",\"pingInterval\":1,\"pingTimeout\":2}", ERR_MALFORMED, 0, 0, 0 },
        { "a sid with a line's end", "{\"sid\":\"a\\r\\nb\",\"pingInterval\":1,\"pingTimeout\":2}", ERR_MALFORMED, 0, 0,
          0 },
        { "timeout as text", "{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":\"2\"}", ERR_MALFORMED, 0, 0, 0 },
        { "an array", "[1]", ERR_MALFORMED, 0, 0, 0 },
        { "no JSON", "{", ERR_MALFORMED, 0, 0, 0 },
        { "nothing", "", ERR_MALFORMED, 0, 0, 0 },
};

static void run_open(void **state)
{
        const struct open_row *row = *state;
        struct eio_open o;
        assert_int_equal(eio_parse_open(bytes_text(row->body), &o), row->err);
        if (row->err == 0) {
                assert_int_equal(o.ping_interval_ns, row->interval_ms * NS_PER_MS);
                assert_int_equal(o.ping_timeout_ns, row->timeout_ms * NS_PER_MS);
                assert_int_equal(o.payload_bytes_max, row->payload);
        }
}

static void the_open_packet_has_the_keys_of_the_reference(void **state)
{
        (void)state;
        struct buf out = { 0 };
        struct eio_open o = { "lv_VI97HAXpY6yYWAAAC", 25 * NS_PER_S, 20 * NS_PER_S, 1000000, false };
        assert_int_equal(eio_put_open(&out, &o), 0);
        assert_true(bytes_equal(buf_bytes(&out), bytes_text("0{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[],"
                                                            "\"pingInterval\":25000,\"pingTimeout\":20000,"
                                                            "\"maxPayload\":1000000}")));
        struct eio_open back;
        assert_int_equal(eio_parse_open(bytes_of(out.at + 1, out.n - 1), &back), 0);
        assert_string_equal(back.sid, o.sid);
        for (size_t cut = 0; cut < out.n - 1; cut++)
                assert_int_equal(eio_parse_open(bytes_of(out.at + 1, cut), &back), ERR_MALFORMED);
        out.n = 0;
        o.upgrade = true;
        assert_int_equal(eio_put_open(&out, &o), 0);
        assert_non_null(memmem(out.at, out.n, "\"upgrades\":[\"websocket\"],", 25));
        buf_free(&out);
}

int main(void)
{
        const struct CMUnitTest stories[] = { cmocka_unit_test(the_open_packet_has_the_keys_of_the_reference) };
        return RUN_ROWS("eio", rows, run_row) + RUN_ROWS("eio open", opens, run_open) +
               cmocka_run_group_tests_name("eio stories", stories, NULL, NULL);
}
