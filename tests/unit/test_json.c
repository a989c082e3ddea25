#include "tests/unit/harness.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/event/json.h"
#include "core/event/pack.h"

#define B(literal)                                              \
        {                                                       \
                (const uint8_t *)(literal), sizeof(literal) - 1 \
        }
#define HOLDER "\xac_placeholder"

/* JSON text to msgpack; `again` is what the msgpack prints as, NULL when that is the text. */
struct parse_row {
        const char *name;
        struct bytes text;
        int err;
        struct bytes packed;
        const char *again;
};

static const struct parse_row parse_rows[] = {
        { "parse: null", B("null"), 0, B("\xc0"), NULL },
        { "parse: true", B("true"), 0, B("\xc3"), NULL },
        { "parse: an event", B("[\"hi\",1,{\"a\":[]}]"), 0,
          B("\x93\xa2hi\x01\x81\xa1"
            "a\x90"),
          NULL },
        { "parse: spaces", B(" [ 1 ,\t2\r\n] "), 0, B("\x92\x01\x02"), "[1,2]" },
        { "parse: keys keep their order", B("{\"z\":1,\"a\":2,\"m\":3}"), 0,
          B("\x83\xa1z\x01\xa1"
            "a\x02\xa1m\x03"),
          NULL },
        { "parse: the last of equal keys counts", B("{\"a\":1,\"b\":2,\"a\":3}"), 0,
          B("\x82\xa1"
            "a\x03\xa1"
            "b\x02"),
          "{\"a\":3,\"b\":2}" },
        { "parse: the empty key", B("{\"\":1}"), 0, B("\x81\xa0\x01"), NULL },
        { "parse: -0 is 0", B("-0"), 0, B("\x00"), "0" },
        { "parse: -0.0 is 0", B("-0.0"), 0, B("\x00"), "0" },
        { "parse: 1.0 is 1", B("1.0"), 0, B("\x01"), "1" },
        { "parse: 1e3 is 1000", B("1e3"), 0, B("\xcd\x03\xe8"), "1000" },
        { "parse: 1e17 is an integer", B("1e17"), 0, B("\xcf\x01\x63\x45\x78\x5d\x8a\x00\x00"), "100000000000000000" },
        { "parse: 0.1 stays", B("0.1"), 0, B("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), NULL },
        { "parse: the largest int64", B("9223372036854775807"), 0, B("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), NULL },
        { "parse: the smallest int64", B("-9223372036854775808"), 0, B("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), NULL },
        { "parse: one more is a double", B("9223372036854775808"), 0, B("\xcb\x43\xe0\x00\x00\x00\x00\x00\x00"),
          "9223372036854776000" },
        { "parse: small ones beside it stay integers", B("[5,18446744073709551616]"), 0,
          B("\x92\x05\xcb\x43\xf0\x00\x00\x00\x00\x00\x00"), "[5,18446744073709552000]" },
        { "parse: 1e300", B("1e300"), 0, B("\xcb\x7e\x37\xe4\x3c\x88\x00\x75\x9c"), "1e+300" },
        { "parse: beyond a double", B("1e999"), ERR_MALFORMED, B(""), NULL },
        { "parse: below a double is 0", B("1e-999"), 0, B("\x00"), "0" },
        { "parse: escapes", B("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\""), 0, B("\xa9\"\\/\b\f\n\r\tA"),
          "\"\\\"\\\\/\\b\\f\\n\\r\\tA\"" },
        { "parse: a pair of surrogates", B("\"\\ud83d\\ude00\""), 0, B("\xa4\xf0\x9f\x98\x80"),
          "\"\xf0\x9f\x98\x80\"" },
        { "parse: a lone high surrogate", B("\"\\ud83d\""), ERR_MALFORMED, B(""), NULL },
        { "parse: a lone low surrogate", B("\"\\ude00\""), ERR_MALFORMED, B(""), NULL },
        { "parse: NUL, escaped, in text", B("\"a\\u0000b\""), 0,
          B("\xa3"
            "a\0b"),
          NULL },
        { "parse: NUL, raw, in text", B("\"a\0b\""), ERR_MALFORMED, B(""), NULL },
        { "parse: NUL in a key", B("{\"a\\u0000b\":1}"), ERR_MALFORMED, B(""), NULL },
        { "parse: NUL outside text",
          B("[1,\0"
            "2]"),
          ERR_MALFORMED, B(""), NULL },
        { "parse: a raw line feed in text", B("\"a\nb\""), ERR_MALFORMED, B(""), NULL },
        { "parse: bad UTF-8 in text", B("\"\xc3\x28\""), ERR_MALFORMED, B(""), NULL },
        { "parse: overlong UTF-8", B("\"\xc0\xaf\""), ERR_MALFORMED, B(""), NULL },
        { "parse: a surrogate in UTF-8", B("\"\xed\xa0\x80\""), ERR_MALFORMED, B(""), NULL },
        { "parse: bad UTF-8 in a key", B("{\"\xff\":1}"), ERR_MALFORMED, B(""), NULL },
        { "parse: nothing", B(""), ERR_MALFORMED, B(""), NULL },
        { "parse: only spaces", B("  "), ERR_MALFORMED, B(""), NULL },
        { "parse: two values", B("1 2"), ERR_MALFORMED, B(""), NULL },
        { "parse: text behind", B("[1]x"), ERR_MALFORMED, B(""), NULL },
        { "parse: a comma too many", B("[1,]"), ERR_MALFORMED, B(""), NULL },
        { "parse: single quotes", B("'a'"), ERR_MALFORMED, B(""), NULL },
        { "parse: NaN", B("NaN"), ERR_MALFORMED, B(""), NULL },
        { "parse: a number with a leading 0", B("01"), ERR_MALFORMED, B(""), NULL },
        { "parse: an unclosed text after a backslash", B("\"a\\"), ERR_MALFORMED, B(""), NULL },
        { "parse: depth 16", B("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"), 0,
          B("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90"), NULL },
        { "parse: a quote behind an escaped slash ends the text", B("[\"\\\\\",[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"),
          ERR_TOO_BIG, B(""), NULL },
        { "parse: depth 17", B("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"), ERR_TOO_BIG, B(""), NULL },
        { "parse: brackets in text are not depth", B("\"[[[[[[[[[[[[[[[[[\\\"[\""), 0, B("\xb3[[[[[[[[[[[[[[[[[\"["),
          NULL },
        { "parse: a placeholder without attachments stays a map", B("{\"_placeholder\":true,\"num\":0}"), 0,
          B("\x82" HOLDER "\xc3\xa3num\x00"), NULL },
};

static void parse_row(void **state)
{
        const struct parse_row *row = *state;
        struct buf packed = { 0 }, text = { 0 };
        assert_int_equal(buf_text(&packed, "before"), 0);
        assert_int_equal(json_to_pack(row->text, &packed, NULL), row->err);
        struct bytes item = { packed.at + 6, packed.n - 6 };
        assert_true(bytes_equal(item, row->packed));
        if (!row->err) {
                assert_int_equal(pack_scan(item, &pack_limits_event), 0);
                assert_int_equal(json_from_pack(item, &text, NULL), 0);
                assert_true(bytes_equal(buf_bytes(&text), row->again ? bytes_text(row->again) : row->text));
        }
        buf_free(&packed);
        buf_free(&text);
}

/* msgpack that no JSON text gives, to JSON. */
struct print_row {
        const char *name;
        struct bytes packed;
        const char *text;
        int err;
};

static const struct print_row print_rows[] = {
        { "print: the largest u64", B("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615", 0 },
        { "print: integer keys", B("\x82\x05\x01\xff\x02"), "{\"5\":1,\"-1\":2}", 0 },
        { "print: the smallest and largest keys",
          B("\x82\xd3\x80\0\0\0\0\0\0\0\x01\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
          "{\"-9223372036854775808\":1,\"18446744073709551615\":2}", 0 },
        { "print: nil as key", B("\x81\xc0\x01"), NULL, ERR_UNSUPPORTED },
        { "print: a bin as key", B("\x81\xc4\x01\x61\x01"), NULL, ERR_UNSUPPORTED },
        { "print: an ext", B("\x91\xd4\x01\x02"), NULL, ERR_UNSUPPORTED },
        { "print: a bin that nobody takes", B("\xc4\x01x"), NULL, ERR_UNSUPPORTED },
        { "print: text that is not UTF-8", B("\x92\x01\xa2\xc3\x28"), NULL, ERR_MALFORMED },
        { "print: a key that is not UTF-8", B("\x81\xa1\xff\x01"), NULL, ERR_MALFORMED },
        { "print: all controls", B("\xa5\x01\x0b\x1f\x7f\x08"), "\"\\u0001\\u000b\\u001f\x7f\\b\"", 0 },
        { "print: NaN", B("\xcb\x7f\xf8\0\0\0\0\0\0"), "null", 0 },
        { "print: infinity", B("\xcb\x7f\xf0\0\0\0\0\0\0"), "null", 0 },
        { "print: minus infinity, a float", B("\xca\xff\x80\0\0"), "null", 0 },
        { "print: -0.0", B("\xcb\x80\0\0\0\0\0\0\0"), "0", 0 },
        { "print: a float that is no short decimal", B("\xca\x3d\xcc\xcc\xcd"), "0.10000000149011612", 0 },
        { "print: a float that is", B("\xca\xbf\xc0\0\0"), "-1.5", 0 },
        { "print: cut short", B("\x92\x01"), NULL, ERR_MALFORMED },
        { "print: nothing", B(""), NULL, ERR_MALFORMED },
};

static void print_row(void **state)
{
        const struct print_row *row = *state;
        struct buf text = { 0 };
        assert_int_equal(buf_text(&text, "x"), 0);
        assert_int_equal(json_from_pack(row->packed, &text, NULL), row->err);
        assert_true(bytes_equal(bytes_of(text.at + 1, text.n - 1), bytes_text(row->text ? row->text : "")));
        buf_free(&text);
}

/* Doubles as ECMA-262 writes them (checked against node). */
struct real_row {
        const char *name;
        double v;
};

static const struct real_row real_rows[] = {
        { "0.1", 0.1 },
        { "0.30000000000000004", 0.1 + 0.2 },
        { "123.456", 123.456 },
        { "-123.456", -123.456 },
        { "1", 1.0 },
        { "-1", -1.0 },
        { "9007199254740992", 0x1p53 },
        { "9007199254740994", 0x1p53 + 2 },
        { "100000000000000000000", 1e20 },
        { "1e+21", 1e21 },
        { "1.5e+21", 1.5e21 },
        { "-1e+300", -1e300 },
        { "1.7976931348623157e+308", DBL_MAX },
        { "0.000001", 1e-6 },
        { "0.0000015", 1.5e-6 },
        { "1e-7", 1e-7 },
        { "1.234e-7", 1.234e-7 },
        { "2.2250738585072014e-308", DBL_MIN },
        { "5e-324", 4.9406564584124654e-324 },
        { "-2.5e-323", -5 * 4.9406564584124654e-324 },
        { "3.141592653589793", 3.141592653589793 },
        { "123456789012345680000", 123456789012345678901.0 },
        { "0.5", 0.5 },
};

static void real_row(void **state)
{
        const struct real_row *row = *state;
        struct buf packed = { 0 }, text = { 0 };
        assert_int_equal(pack_put_real(&packed, row->v), 0);
        assert_int_equal(json_from_pack(buf_bytes(&packed), &text, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&text), bytes_text(row->name)));
        buf_free(&packed);
        buf_free(&text);
}

/* Attachments: what a text with placeholders and these bins gives. */
struct bins_row {
        const char *name;
        const char *text;
        uint32_t bins_n; /* "x", "y", ... one byte each */
        int err;
        struct bytes packed;
};

static const struct bins_row bins_rows[] = {
        { "bins: one in its place", "[\"a\",{\"_placeholder\":true,\"num\":0}]", 1, 0,
          B("\x92\xa1"
            "a\xc4\x01x") },
        { "bins: two, deep, out of order",
          "[{\"k\":{\"_placeholder\":true,\"num\":1}},{\"num\":0,\"_placeholder\":true}]", 2, 0,
          B("\x92\x81\xa1k\xc4\x01y\xc4\x01x") },
        { "bins: beside an integer that turns all into reals",
          "[{\"_placeholder\":true,\"num\":0},18446744073709551616]", 1, 0,
          B("\x92\xc4\x01x\xcb\x43\xf0\0\0\0\0\0\0") },
        { "bins: half a number", "[{\"_placeholder\":true,\"num\":0.5}]", 1, ERR_MALFORMED, B("") },
        { "bins: one not used", "[1]", 1, 0, B("\x91\x01") },
        { "bins: a number too high", "[{\"_placeholder\":true,\"num\":1}]", 1, ERR_MALFORMED, B("") },
        { "bins: a number far too high", "[{\"_placeholder\":true,\"num\":9223372036854775807}]", 1, ERR_MALFORMED,
          B("") },
        { "bins: a number below 0", "[{\"_placeholder\":true,\"num\":-1}]", 1, ERR_MALFORMED, B("") },
        { "bins: no number", "[{\"_placeholder\":true}]", 1, ERR_MALFORMED, B("") },
        { "bins: a number in text", "[{\"_placeholder\":true,\"num\":\"0\"}]", 1, ERR_MALFORMED, B("") },
        { "bins: one used twice", "[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":0}]", 1,
          ERR_MALFORMED, B("") },
        { "bins: a placeholder that says false", "{\"_placeholder\":false}", 1, 0, B("\x81" HOLDER "\xc2") },
        { "bins: a placeholder that says 1", "{\"_placeholder\":1}", 1, 0, B("\x81" HOLDER "\x01") },
};

static void bins_row(void **state)
{
        const struct bins_row *row = *state;
        struct json_bins bins = { .n = row->bins_n, .bin = { B("x"), B("y") } };
        struct buf packed = { 0 };
        assert_int_equal(json_to_pack(bytes_text(row->text), &packed, &bins), row->err);
        assert_true(bytes_equal(buf_bytes(&packed), row->packed));
        buf_free(&packed);
}

static void bins_are_lent_in_order(void **state)
{
        (void)state;
        struct bytes item = B("\x93\xa1"
                              "a\x81\xa1k\xc4\x01x\xc4\x02yz");
        struct buf text = { 0 };
        struct json_bins bins = { .n = 5 };
        assert_int_equal(json_from_pack(item, &text, &bins), 0);
        assert_true(bytes_equal(
                buf_bytes(&text),
                bytes_text("[\"a\",{\"k\":{\"_placeholder\":true,\"num\":0}},{\"_placeholder\":true,\"num\":1}]")));
        assert_int_equal(bins.n, 2);
        assert_true(bins.bin[0].at == item.at + 8 && bins.bin[0].n == 1);
        assert_true(bytes_equal(bins.bin[1], bytes_text("yz")));
        buf_free(&text);
}

static void ten_bins_and_no_more(void **state)
{
        (void)state;
        for (uint32_t n = JSON_BINS_MAX; n <= JSON_BINS_MAX + 1; n++) {
                struct buf packed = { 0 }, text = { 0 };
                struct json_bins bins;
                assert_int_equal(pack_put_array(&packed, n), 0);
                for (uint32_t i = 0; i < n; i++)
                        assert_int_equal(pack_put_bin(&packed, bytes_text("x")), 0);
                assert_int_equal(json_from_pack(buf_bytes(&packed), &text, &bins), n > JSON_BINS_MAX ? ERR_FULL : 0);
                assert_int_equal(text.n > 0, n <= JSON_BINS_MAX);
                buf_free(&packed);
                buf_free(&text);
        }
}

/* A reader of the text would take the map for an attachment. */
static void mimicry_is_refused(void **state)
{
        (void)state;
        struct bytes item = B("\x92\x81" HOLDER "\xc3\xc4\x01x");
        struct buf text = { 0 };
        struct json_bins bins;
        assert_int_equal(json_from_pack(item, &text, &bins), ERR_MALFORMED);
        assert_int_equal(text.n, 0);
        buf_free(&text);
}

/* 4,096 values pass and one more is too big, whatever they are made of. */
static void values_are_counted(void **state)
{
        static const struct {
                const char *open, *each, *close;
                int count; /* of `each`, for 4,096 values */
        } shapes[] = {
                { "[0", ",0", "]", 4094 },
                { "[ []", " , []", " ]", 4094 },
                { "[\"\\\"\"", ",\"[\"", "]", 4094 },
                { "{\"a\":{}", ",\"b\":{}", "}", 2046 },
        };
        (void)state;
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
                for (int more = 0; more <= 1; more++) {
                        struct buf text = { 0 }, packed = { 0 };
                        assert_int_equal(buf_text(&text, shapes[i].open), 0);
                        for (int k = 0; k < shapes[i].count + more; k++)
                                assert_int_equal(buf_text(&text, shapes[i].each), 0);
                        assert_int_equal(buf_text(&text, shapes[i].close), 0);
                        assert_int_equal(json_to_pack(buf_bytes(&text), &packed, NULL), more ? ERR_TOO_BIG : 0);
                        buf_free(&text);
                        buf_free(&packed);
                }
        }
}

static void depth_bomb(void **state)
{
        (void)state;
        static char bomb[1000000];
        struct buf packed = { 0 };
        for (size_t i = 0; i < sizeof bomb; i++)
                bomb[i] = i % 5 ? "{\"a\":"[i % 5] : '{';
        assert_int_equal(json_to_pack(bytes_of(bomb, sizeof bomb), &packed, NULL), ERR_TOO_BIG);
        memset(bomb, '[', sizeof bomb);
        assert_int_equal(json_to_pack(bytes_of(bomb, sizeof bomb), &packed, NULL), ERR_TOO_BIG);
        buf_free(&packed);
}

/* No prefix of an array is a JSON text, and none is read past its end. */
static void every_prefix(void **state)
{
        (void)state;
        static const char text[] =
                "[\"a\\u00e9\\ud83d\\ude00\xc3\xa9\",-1.5e-3,{\"k\":[true,false,null]},18446744073709551616]";
        struct buf packed = { 0 };
        for (size_t n = 0; n < sizeof text - 1; n++) {
                uint8_t *prefix = malloc(n + 1);
                memcpy(prefix, text, n);
                assert_int_equal(json_to_pack(bytes_of(prefix, n), &packed, NULL), ERR_MALFORMED);
                assert_int_equal(packed.n, 0);
                free(prefix);
        }
        assert_int_equal(json_to_pack(bytes_text(text), &packed, NULL), 0);
        buf_free(&packed);
}

static void put_random_text(struct rng *r, struct buf *out)
{
        static const char *const pieces[] = { "a", "\"",   "\\", "\n", "\x01", "\xc3\xa9", "\xf0\x9f\x98\x80",
                                              "/", "\x7f", "[" };
        struct buf text = { 0 };
        for (uint64_t n = rng_below(r, 12); n > 0; n--)
                assert_int_equal(buf_text(&text, pieces[rng_below(r, 10)]), 0);
        assert_int_equal(pack_put_text(out, buf_bytes(&text)), 0);
        buf_free(&text);
}

static double random_real(struct rng *r)
{
        double v;
        do {
                uint64_t bits = rng_u64(r);
                memcpy(&v, &bits, sizeof v);
                if (rng_below(r, 2))
                        v = trunc(rng_unit(r) * 1e6) / 1e3 + 0.0001;
        } while (!isfinite(v) || (fabs(v) < 0x1p63 && v == trunc(v)));
        return v;
}

static void put_random(struct rng *r, struct buf *out, int depth, uint32_t *bins_left)
{
        uint32_t members = (uint32_t)rng_below(r, 5);
        switch (rng_below(r, depth < 4 ? 8 : 6)) {
        case 0:
                assert_int_equal(pack_put_bool(out, rng_below(r, 2)), 0);
                return;
        case 1:
                assert_int_equal(pack_put_i64(out, (int64_t)rng_u64(r) >> rng_below(r, 64)), 0);
                return;
        case 2:
                assert_int_equal(pack_put_real(out, random_real(r)), 0);
                return;
        case 3:
                put_random_text(r, out);
                return;
        case 4:
                assert_int_equal(pack_put_nil(out), 0);
                return;
        case 5:
                if (*bins_left > 0) {
                        --*bins_left;
                        assert_int_equal(pack_put_bin(out, bytes_text("some bytes")), 0);
                } else {
                        assert_int_equal(pack_put_nil(out), 0);
                }
                return;
        case 6:
                assert_int_equal(pack_put_array(out, members), 0);
                while (members-- > 0)
                        put_random(r, out, depth + 1, bins_left);
                return;
        default:
                assert_int_equal(pack_put_map(out, members), 0);
                while (members-- > 0) {
                        char key[16];
                        snprintf(key, sizeof key, "k%u\t", (unsigned)members);
                        assert_int_equal(pack_put_word(out, key), 0);
                        put_random(r, out, depth + 1, bins_left);
                }
        }
}

static void round_trips(void **state)
{
        (void)state;
        for (unsigned long seed = 0; seed < harness_seeds(2000); seed++) {
                struct rng r = rng_seeded(seed, "json");
                struct buf first = { 0 }, text = { 0 }, second = { 0 };
                struct json_bins bins;
                uint32_t bins_left = JSON_BINS_MAX;
                put_random(&r, &first, 0, &bins_left);
                bool good = pack_scan(buf_bytes(&first), &pack_limits_event) == 0 &&
                            json_from_pack(buf_bytes(&first), &text, &bins) == 0 &&
                            bins.n == JSON_BINS_MAX - bins_left &&
                            json_to_pack(buf_bytes(&text), &second, &bins) == 0 &&
                            bytes_equal(buf_bytes(&first), buf_bytes(&second));
                buf_free(&first);
                buf_free(&text);
                buf_free(&second);
                if (!good)
                        fail_msg("seed %lu", seed);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bins_are_lent_in_order),
                cmocka_unit_test(ten_bins_and_no_more),
                cmocka_unit_test(mimicry_is_refused),
                cmocka_unit_test(values_are_counted),
                cmocka_unit_test(depth_bomb),
                cmocka_unit_test(every_prefix),
                cmocka_unit_test(round_trips),
        };
        int failed = RUN_ROWS("json: parse", parse_rows, parse_row);
        failed += RUN_ROWS("json: print", print_rows, print_row);
        failed += RUN_ROWS("json: reals", real_rows, real_row);
        failed += RUN_ROWS("json: bins", bins_rows, bins_row);
        failed += cmocka_run_group_tests_name("json", tests, NULL, NULL);
        return failed;
}
