#include "tests/unit/harness.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/event/pack.h"
#include "core/wire/sio.h"

struct sio_row {
        const char *name;
        const char *text;
        int err;
        enum sio_type type;
        const char *nsp;
        int64_t id; /* -1: none */
        const char *json;
};

#define BAD  ERR_MALFORMED, 0, NULL, 0, NULL
#define DEEP "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"

static const struct sio_row rows[] = {
        { "connect", "0", 0, SIO_CONNECT, "/", -1, "" },
        { "connect with auth", "0{\"token\":1}", 0, SIO_CONNECT, "/", -1, "{\"token\":1}" },
        { "connect to a namespace", "0/custom,", 0, SIO_CONNECT, "/custom", -1, "" },
        { "connect to a namespace without comma", "0/custom", 0, SIO_CONNECT, "/custom", -1, "" },
        { "connect to a namespace with auth", "0/custom,{}", 0, SIO_CONNECT, "/custom", -1, "{}" },
        { "connect with an array", "0[]", BAD },
        { "connect with null", "0null", BAD },
        { "disconnect", "1", 0, SIO_DISCONNECT, "/", -1, "" },
        { "disconnect a namespace", "1/custom,", 0, SIO_DISCONNECT, "/custom", -1, "" },
        { "disconnect with a payload", "1{}", BAD },
        { "event", "2[\"message\",1,\"2\",{\"3\":[true]}]", 0, SIO_EVENT, "/", -1,
          "[\"message\",1,\"2\",{\"3\":[true]}]" },
        { "event with an id", "212[\"a\"]", 0, SIO_EVENT, "/", 12, "[\"a\"]" },
        { "event in a namespace with an id", "2/b,0[\"a\"]", 0, SIO_EVENT, "/b", 0, "[\"a\"]" },
        { "event named by a number", "2[5,1]", 0, SIO_EVENT, "/", -1, "[5,1]" },
        { "largest id", "218446744073709551615[\"a\"]", 0, SIO_EVENT, "/", -2, "[\"a\"]" },
        { "id over 64 bits", "218446744073709551616[\"a\"]", BAD },
        { "event without a payload", "2", BAD },
        { "event with an object", "2{}", BAD },
        { "event with an empty array", "2[]", BAD },
        { "event named by null", "2[null]", BAD },
        { "event named by true", "2[true]", BAD },
        { "event with a bad id", "2abc[\"message\"]", BAD },
        { "event with text behind", "2[\"a\"]x", BAD },
        { "event too deep", "2[\"a\"," DEEP "]", ERR_TOO_BIG, 0, NULL, 0, NULL },
        { "reserved connect", "2[\"connect\"]", BAD },
        { "reserved connect_error", "2[\"connect_error\"]", BAD },
        { "reserved disconnect", "2[\"disconnect\"]", BAD },
        { "reserved disconnecting", "2[\"disconnecting\"]", BAD },
        { "reserved newListener", "2[\"newListener\"]", BAD },
        { "reserved removeListener", "2[\"removeListener\"]", BAD },
        { "not reserved", "2[\"connected\"]", 0, SIO_EVENT, "/", -1, "[\"connected\"]" },
        { "ack", "3456[1,\"2\"]", 0, SIO_ACK, "/", 456, "[1,\"2\"]" },
        { "ack of nothing", "37[]", 0, SIO_ACK, "/", 7, "[]" },
        { "ack with an object", "37{}", BAD },
        { "ack without a payload", "37", BAD },
        { "connect error", "4{\"message\":\"no\"}", 0, SIO_CONNECT_ERROR, "/", -1, "{\"message\":\"no\"}" },
        { "connect error as text", "4\"no\"", 0, SIO_CONNECT_ERROR, "/", -1, "\"no\"" },
        { "connect error as number", "41", BAD },
        { "binary event", "51-[\"a\",{\"_placeholder\":true,\"num\":0}]", ERR_UNSUPPORTED, 0, NULL, 0, NULL },
        { "binary ack", "61-1[]", ERR_UNSUPPORTED, 0, NULL, 0, NULL },
        { "type 7", "7", BAD },
        { "letters", "abc", BAD },
        { "nothing", "", BAD },
};

/* The parse works on an exact heap copy, so that the sanitizer sees any step outside. */
static int parse_copy(const char *text, size_t n, struct buf *scratch, struct sio_packet *p, uint8_t **copy)
{
        *copy = malloc(n ? n : 1);
        memcpy(*copy, text, n);
        return sio_parse(bytes_of(*copy, n), scratch, p);
}

static void run_row(void **state)
{
        const struct sio_row *row = *state;
        struct buf scratch = { 0 }, json = { 0 };
        struct sio_packet p;
        uint8_t *copy;
        int err = parse_copy(row->text, strlen(row->text), &scratch, &p, &copy);
        assert_int_equal(err, row->err);
        if (err == 0) {
                assert_int_equal(p.type, row->type);
                assert_true(bytes_equal(p.nsp, bytes_text(row->nsp)));
                assert_int_equal(p.has_id, row->id != -1);
                if (row->id != -1)
                        assert_true(p.id == (row->id == -2 ? UINT64_MAX : (uint64_t)row->id));
                if (p.data.n > 0)
                        assert_int_equal(json_from_pack(p.data, &json, NULL), 0);
                assert_true(bytes_equal(buf_bytes(&json), bytes_text(row->json)));
        }
        free(copy);
        buf_free(&scratch);
        buf_free(&json);
}

/* What was read is written the same way: but for a namespace's comma, which is always written. */
static void run_back(void **state)
{
        const struct sio_row *row = *state;
        if (row->err != 0)
                return;
        struct buf scratch = { 0 }, out = { 0 };
        struct sio_packet p, again;
        assert_int_equal(sio_parse(bytes_text(row->text), &scratch, &p), 0);
        assert_int_equal(sio_put(&out, &p, NULL), 0);
        if (!strchr(row->text, '/') || strchr(row->text, ','))
                assert_true(bytes_equal(buf_bytes(&out), bytes_text(row->text)));
        struct buf scratch2 = { 0 };
        assert_int_equal(sio_parse(buf_bytes(&out), &scratch2, &again), 0);
        assert_true(bytes_equal(again.data, p.data));
        buf_free(&scratch);
        buf_free(&scratch2);
        buf_free(&out);
}

static void no_prefix_is_taken_for_more_than_it_is(void **state)
{
        (void)state;
        const char text[] = "2/custom,12[\"a\",{\"b\":[1,2,3]}]";
        struct buf scratch = { 0 };
        struct sio_packet p;
        uint8_t *copy;
        for (size_t cut = 0; cut < sizeof text - 1; cut++) {
                assert_int_equal(parse_copy(text, cut, &scratch, &p, &copy), ERR_MALFORMED);
                free(copy);
        }
        buf_free(&scratch);
}

static void binary_goes_out_as_attachments(void **state)
{
        (void)state;
        struct buf data = { 0 }, out = { 0 };
        struct json_bins bins;
        pack_put_array(&data, 3);
        pack_put_word(&data, "a");
        pack_put_bin(&data, bytes_text("one"));
        pack_put_map(&data, 1);
        pack_put_word(&data, "k");
        pack_put_bin(&data, bytes_text("two"));
        struct sio_packet p = { .type = SIO_EVENT, .data = buf_bytes(&data) };
        assert_int_equal(sio_put(&out, &p, &bins), 0);
        assert_true(bytes_equal(buf_bytes(&out), bytes_text("52-[\"a\",{\"_placeholder\":true,\"num\":0},"
                                                            "{\"k\":{\"_placeholder\":true,\"num\":1}}]")));
        assert_int_equal(bins.n, 2);
        assert_true(bytes_equal(bins.bin[1], bytes_text("two")));
        out.n = 0;
        p.type = SIO_ACK;
        p.has_id = true;
        p.id = 9;
        p.nsp = bytes_text("/x");
        assert_int_equal(sio_put(&out, &p, &bins), 0);
        assert_memory_equal(out.at, "62-/x,9[\"a\"", 11);
        size_t before = out.n;
        assert_int_equal(sio_put(&out, &p, NULL), ERR_UNSUPPORTED);
        assert_int_equal(out.n, before);
        buf_free(&data);
        buf_free(&out);
}

static void attachments_come_back_in(void **state)
{
        (void)state;
        struct buf data = { 0 }, json = { 0 };
        struct json_bins bins = { 1, { bytes_text("one") } }, back = { 0 };
        struct sio_packet p;
        struct bytes text = bytes_text("51-/x,9[\"a\",{\"_placeholder\":true,\"num\":0}]");
        assert_int_equal(sio_attachments(text), 1);
        assert_int_equal(sio_parse_with(text, &bins, &data, &p), 0);
        assert_int_equal(p.type, SIO_EVENT);
        assert_true(p.has_id && p.id == 9 && bytes_equal(p.nsp, bytes_text("/x")));
        assert_int_equal(json_from_pack(p.data, &json, &back), 0);
        assert_int_equal(back.n, 1);
        assert_true(bytes_equal(back.bin[0], bytes_text("one")));
        assert_int_equal(sio_parse_with(bytes_text("52-[\"a\"]"), &bins, &data, &p), ERR_MALFORMED);
        assert_int_equal(sio_parse_with(bytes_text("2[\"a\"]"), &bins, &data, &p), ERR_MALFORMED);
        assert_int_equal(sio_parse_with(bytes_text("51-[\"a\",{\"_placeholder\":true,\"num\":1}]"), &bins, &data, &p),
                         ERR_MALFORMED);
        buf_free(&data);
        buf_free(&json);
}

static void attachments_are_one_to_ten(void **state)
{
        (void)state;
        assert_int_equal(sio_attachments(bytes_text("2[\"a\"]")), 0);
        assert_int_equal(sio_attachments(bytes_text("510-[\"a\"]")), 10);
        assert_int_equal(sio_attachments(bytes_text("511-[\"a\"]")), ERR_MALFORMED);
        assert_int_equal(sio_attachments(bytes_text("50-[\"a\"]")), ERR_MALFORMED);
        assert_int_equal(sio_attachments(bytes_text("5-[\"a\"]")), ERR_MALFORMED);
        assert_int_equal(sio_attachments(bytes_text("51[\"a\"]")), ERR_MALFORMED);
        assert_int_equal(sio_attachments(bytes_text("599999999999-[]")), ERR_MALFORMED);
        assert_int_equal(sio_attachments(bytes_text("51")), ERR_MALFORMED);
        assert_int_equal(sio_attachments(bytes_text("")), 0);
}

static void the_first_message_tells_the_parser(void **state)
{
        (void)state;
        assert_int_equal(sio_sniff(false, bytes_text("0")), SIO_FORM_JSON);
        assert_int_equal(sio_sniff(true, bytes_of("\x83", 1)), SIO_FORM_MSGPACK);
        assert_int_equal(sio_sniff(true, bytes_of("\xde\0", 2)), SIO_FORM_MSGPACK);
        assert_int_equal(sio_sniff(true, bytes_of("\xdf", 1)), SIO_FORM_MSGPACK);
        assert_int_equal(sio_sniff(true, bytes_of("\x93", 1)), SIO_FORM_NONE);
        assert_int_equal(sio_sniff(true, bytes_text("")), SIO_FORM_NONE);
        assert_int_equal(sio_sniff(false, bytes_text("")), SIO_FORM_NONE);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(no_prefix_is_taken_for_more_than_it_is),
                cmocka_unit_test(binary_goes_out_as_attachments),
                cmocka_unit_test(attachments_come_back_in),
                cmocka_unit_test(attachments_are_one_to_ten),
                cmocka_unit_test(the_first_message_tells_the_parser),
        };
        return RUN_ROWS("sio", rows, run_row) + RUN_ROWS("sio back", rows, run_back) +
               cmocka_run_group_tests_name("sio stories", stories, NULL, NULL);
}
