#include "tests/unit/harness.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/event/pack.h"
#include "core/wire/sio_msgpack.h"

enum { PACKET_MAX = 1000 };

struct pack_row {
        const char *name;
        const char *in;
        size_t in_n;
        int err;
        const char *told; /* the same packet in the default parser's text */
};

#define IN(text)  text, sizeof(text) - 1
#define TYPE(n)   "\xa4type" n
#define NSP       "\xa3nsp\xa1/"
#define UNDEFINED "\xd4\0\0"
#define EVENT(data)                \
        "\x83" TYPE("\x02") "\xa4" \
                            "data" data NSP
#define EV2(arg) EVENT("\x92\xa1x" arg)
#define BAD      ERR_MALFORMED, NULL

static const struct pack_row rows[] = {
        { "the client's connect",
          IN("\x83" TYPE("\0") "\xa4"
                               "data" UNDEFINED NSP),
          0, "0" },
        { "connect with auth",
          IN("\x83" TYPE("\0") "\xa4"
                               "data\x81\xa1k\x01" NSP),
          0, "0{\"k\":1}" },
        { "connect with nil",
          IN("\x83" TYPE("\0") "\xa4"
                               "data\xc0" NSP),
          BAD },
        { "connect with an array",
          IN("\x83" TYPE("\0") "\xa4"
                               "data\x90" NSP),
          BAD },
        { "connect without data", IN("\x82" TYPE("\0") NSP), 0, "0" },
        { "the client's event with options and id",
          IN("\x85" TYPE("\x02") "\xa4"
                                 "data\x92\xa1x\x01\xa7options\x81\xa8"
                                 "compress\xc3\xa2id\x07" NSP),
          0, "27[\"x\",1]" },
        { "id first, as in acks",
          IN("\x84\xa2id\x05" TYPE("\x03") "\xa4"
                                           "data\x91\x09" NSP),
          0, "35[9]" },
        { "disconnect", IN("\x82" TYPE("\x01") NSP), 0, "1" },
        { "another namespace", IN("\x82" TYPE("\x01") "\xa3nsp\xa2/a"), 0, "1/a," },
        { "undefined inside is nil", IN(EV2(UNDEFINED)), 0, "2[\"x\",null]" },
        { "undefined id is none",
          IN("\x84" TYPE("\x02") "\xa4"
                                 "data\x91\xa1x\xa2id" UNDEFINED NSP),
          0, "2[\"x\"]" },
        { "a date", IN(EV2("\xd7\0\0\0\1\x8b\xcf\xe5\x68\x00")), 0, "2[\"x\",\"2023-11-14T22:13:20.000Z\"]" },
        { "a date before 1970", IN(EV2("\xd7\0\xff\xff\xff\xff\xff\xff\xff\xff")), 0,
          "2[\"x\",\"1969-12-31T23:59:59.999Z\"]" },
        { "the last date", IN(EV2("\xd7\0\0\x1e\xb2\x08\xc2\xdc\0\0")), 0, "2[\"x\",\"+275760-09-13T00:00:00.000Z\"]" },
        { "a date of nonsense", IN(EV2("\xd7\0\x7f\xff\xff\xff\xff\xff\xff\xff")), 0, "2[\"x\",null]" },
        { "another ext type", IN(EV2("\xd4\x01\0")), BAD },
        { "the standard timestamp", IN(EV2("\xd6\xff\0\0\0\0")), BAD },
        { "event named by a number", IN(EVENT("\x91\x05")), 0, "2[5]" },
        { "event without a name", IN(EVENT("\x90")), BAD },
        { "event with a map", IN(EVENT("\x80")), BAD },
        { "event with a reserved name",
          IN(EVENT("\x91\xaa"
                   "disconnect")),
          BAD },
        { "name not text", IN(EVENT("\x91\xa1\xff")), BAD },
        { "text inside not UTF-8", IN(EV2("\x81\xa1k\xa1\xff")), BAD },
        { "key not text", IN(EV2("\x81\x01\x01")), BAD },
        { "type 5",
          IN("\x83" TYPE("\x05") "\xa4"
                                 "data\x91\xa1x" NSP),
          BAD },
        { "type below 0", IN("\x82" TYPE("\xff") NSP), BAD },
        { "no type", IN("\x81" NSP), BAD },
        { "no namespace", IN("\x81" TYPE("\x01")), BAD },
        { "id as text",
          IN("\x84" TYPE("\x02") "\xa4"
                                 "data\x91\xa1x\xa2id\xa1"
                                 "7" NSP),
          BAD },
        { "id below 0",
          IN("\x84" TYPE("\x02") "\xa4"
                                 "data\x91\xa1x\xa2id\xff" NSP),
          BAD },
        { "no map", IN("\x91\xa1x"), BAD },
        { "bytes behind", IN("\x82" TYPE("\x01") NSP "\0"), BAD },
        { "137 gigabytes announced", IN("\xdd\xff\xff\xff\xff"), ERR_TOO_BIG, NULL },
        { "nothing", IN(""), BAD },
};

static int parse_copy(const char *in, size_t n, struct buf *scratch, struct sio_packet *p, uint8_t **copy)
{
        *copy = malloc(n ? n : 1);
        memcpy(*copy, in, n);
        return sio_msgpack_parse(bytes_of(*copy, n), PACKET_MAX, scratch, p);
}

static void run_row(void **state)
{
        const struct pack_row *row = *state;
        struct buf scratch = { 0 }, text = { 0 };
        struct sio_packet p;
        uint8_t *copy;
        assert_int_equal(parse_copy(row->in, row->in_n, &scratch, &p, &copy), row->err);
        if (row->err == 0) {
                assert_int_equal(sio_put(&text, &p, NULL), 0);
                assert_true(bytes_equal(buf_bytes(&text), bytes_text(row->told)));
        }
        free(copy);
        for (size_t cut = 0; row->err == 0 && cut < row->in_n; cut++) {
                assert_int_equal(parse_copy(row->in, cut, &scratch, &p, &copy), ERR_MALFORMED);
                free(copy);
        }
        buf_free(&scratch);
        buf_free(&text);
}

static void written_and_read_back(void **state)
{
        const struct pack_row *row = *state;
        if (row->err != 0)
                return;
        struct buf scratch = { 0 }, again = { 0 }, out = { 0 };
        struct sio_packet p, back;
        assert_int_equal(sio_msgpack_parse(bytes_of(row->in, row->in_n), PACKET_MAX, &scratch, &p), 0);
        assert_int_equal(sio_msgpack_put(&out, &p), 0);
        assert_int_equal(sio_msgpack_parse(buf_bytes(&out), PACKET_MAX, &again, &back), 0);
        assert_int_equal(back.type, p.type);
        assert_int_equal(back.has_id, p.has_id);
        assert_true(back.id == p.id);
        assert_true(bytes_equal(back.nsp, p.nsp));
        assert_true(bytes_equal(back.data, p.data));
        buf_free(&scratch);
        buf_free(&again);
        buf_free(&out);
}

static void an_array_buffer_becomes_a_bin(void **state)
{
        (void)state;
        static const char in[] = EV2("\xc7\x03\0abc");
        struct buf scratch = { 0 };
        struct sio_packet p;
        struct bytes members, item, bin;
        uint32_t n;
        assert_int_equal(sio_msgpack_parse(bytes_of(in, sizeof in - 1), PACKET_MAX, &scratch, &p), 0);
        assert_true(pack_get_array(p.data, &n, &members));
        assert_true(pack_next(&members, &item) && pack_next(&members, &item));
        assert_true(pack_get_bin(item, &bin));
        assert_true(bytes_equal(bin, bytes_text("abc")));
        buf_free(&scratch);
}

static void the_limit_is_kept(void **state)
{
        (void)state;
        static const char in[] = EVENT("\x91\xa1x");
        struct buf scratch = { 0 };
        struct sio_packet p;
        struct bytes packet = bytes_of(in, sizeof in - 1);
        assert_int_equal(sio_msgpack_parse(packet, packet.n, &scratch, &p), 0);
        assert_int_equal(sio_msgpack_parse(packet, packet.n - 1, &scratch, &p), ERR_TOO_BIG);
        buf_free(&scratch);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(an_array_buffer_becomes_a_bin),
                cmocka_unit_test(the_limit_is_kept),
        };
        return RUN_ROWS("sio_msgpack", rows, run_row) + RUN_ROWS("sio_msgpack back", rows, written_and_read_back) +
               cmocka_run_group_tests_name("sio_msgpack stories", stories, NULL, NULL);
}
