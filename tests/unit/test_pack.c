#include "tests/unit/harness.h"

#include <math.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/event/pack.h"

#define B(literal)                                              \
        {                                                       \
                (const uint8_t *)(literal), sizeof(literal) - 1 \
        }

static const struct pack_limits wide = { .bytes_max = 1 << 20, .items_max = 100000, .depth_max = 32, .ext = true };
static const struct pack_limits small = { .bytes_max = 40, .items_max = 6, .depth_max = 2, .plain = true };

struct scan_row {
        const char *name;
        struct bytes in;
        int wide, small; /* the verdict under each of the limits above */
};

static const struct scan_row scan_rows[] = {
        { "scan: nothing", B(""), ERR_TRUNCATED, ERR_TRUNCATED },
        { "scan: nil", B("\xc0"), 0, 0 },
        { "scan: the byte that is never used", B("\xc1"), ERR_MALFORMED, ERR_MALFORMED },
        { "scan: the byte that is never used, inside", B("\x92\x01\xc1"), ERR_MALFORMED, ERR_MALFORMED },
        { "scan: two values are not one", B("\x01\x02"), ERR_MALFORMED, ERR_MALFORMED },
        { "scan: one byte behind an array", B("\x91\x01\xc0"), ERR_MALFORMED, ERR_MALFORMED },
        { "scan: five bytes that ask for 137 GB", B("\xdd\xff\xff\xff\xff"), ERR_TOO_BIG, ERR_TOO_BIG },
        { "scan: a map of 2^32 - 1", B("\xdf\xff\xff\xff\xff"), ERR_TOO_BIG, ERR_TOO_BIG },
        { "scan: a text of 4 GB", B("\xdb\xff\xff\xff\xff"), ERR_TOO_BIG, ERR_TOO_BIG },
        { "scan: a bin of 4 GB", B("\xc6\xff\xff\xff\xff"), ERR_TOO_BIG, ERR_TOO_BIG },
        { "scan: an ext of 4 GB", B("\xc9\xff\xff\xff\xff\x01"), ERR_TOO_BIG, ERR_TOO_BIG },
        { "scan: nested promises add up", B("\x93\x93\x93"), ERR_TRUNCATED, ERR_TOO_BIG },
        { "scan: items at the limit", B("\x95\x01\x02\x03\x04\x05"), 0, 0 },
        { "scan: one item over the limit", B("\x96\x01\x02\x03\x04\x05\x06"), 0, ERR_TOO_BIG },
        { "scan: keys are items", B("\x83\x01\x02\x03\x04\x05\x06"), 0, ERR_TOO_BIG },
        { "scan: depth at the limit", B("\x91\x91\x01"), 0, 0 },
        { "scan: depth one over, even of nothing", B("\x91\x91\x90"), 0, ERR_TOO_BIG },
        { "scan: depth counts the open last member", B("\x91\x81\x01\x80"), 0, ERR_TOO_BIG },
        { "scan: siblings are not deeper", B("\x92\x91\x01\x91\x02"), 0, 0 },
        { "scan: a promise beyond the byte limit", B("\xd9\x27"), ERR_TRUNCATED, ERR_TOO_BIG },
        { "scan: a promise at the byte limit", B("\xd9\x26"), ERR_TRUNCATED, ERR_TRUNCATED },
        { "scan: an ext where none is allowed", B("\xd4\x01\x02"), 0, ERR_MALFORMED },
        { "scan: text that is not UTF-8", B("\xa2\xc3\x28"), 0, ERR_MALFORMED },
        { "scan: overlong UTF-8", B("\xa2\xc0\x80"), 0, ERR_MALFORMED },
        { "scan: a surrogate in UTF-8", B("\xa3\xed\xa0\x80"), 0, ERR_MALFORMED },
        { "scan: beyond the last code point", B("\xa4\xf4\x90\x80\x80"), 0, ERR_MALFORMED },
        { "scan: a key that is not UTF-8", B("\x81\xa1\xff\x01"), 0, ERR_MALFORMED },
        { "scan: a bin may hold anything", B("\xc4\x02\xc3\x28"), 0, 0 },
        { "scan: NUL in text", B("\xa1\x00"), 0, 0 },
        { "scan: an integer as key", B("\x81\xff\x01"), 0, 0 },
        { "scan: nil as key", B("\x81\xc0\x01"), 0, ERR_MALFORMED },
        { "scan: a bool as key", B("\x82\x01\x01\xc3\x01"), 0, ERR_MALFORMED },
        { "scan: a real as key", B("\x81\xca\x3f\x80\x00\x00\x01"), 0, ERR_MALFORMED },
        { "scan: a bin as key", B("\x81\xc4\x01\x61\x01"), 0, ERR_MALFORMED },
        { "scan: an array as key", B("\x81\x90\x01"), 0, ERR_MALFORMED },
        { "scan: nil as value is no key", B("\x82\x01\xc0\x02\xc0"), 0, 0 },
        { "scan: after a map inside, the outer one goes on", B("\x82\x01\x81\x02\xc0\xc0\x01"), 0, ERR_TOO_BIG },
        { "scan: after a map inside, keys are known again", B("\x92\x81\x01\xc0\xc0"), 0, 0 },
};

static void scan_row(void **state)
{
        const struct scan_row *row = *state;
        assert_int_equal(pack_scan(row->in, &wide), row->wide);
        assert_int_equal(pack_scan(row->in, &small), row->small);
}

/* One value: what it is, and what each getter says. */
struct value_row {
        const char *name;
        struct bytes in;
        enum pack_kind kind;
        uint64_t u;
        int64_t i;
        double real;
        bool u_ok, i_ok, real_ok;
};

static const struct value_row value_rows[] = {
        { "value: fixint", B("\x7f"), PACK_UINT, 127, 127, 127, 1, 1, 1 },
        { "value: fixint below 0", B("\xe0"), PACK_INT, 0, -32, -32, 0, 1, 1 },
        { "value: uint 8", B("\xcc\xff"), PACK_UINT, 255, 255, 255, 1, 1, 1 },
        { "value: uint 16", B("\xcd\xff\xfe"), PACK_UINT, 65534, 65534, 65534, 1, 1, 1 },
        { "value: uint 32", B("\xce\xff\xff\xff\xff"), PACK_UINT, 4294967295, 4294967295, 4294967295., 1, 1, 1 },
        { "value: uint 64 at the end", B("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), PACK_UINT, UINT64_MAX, 0, 0x1p64, 1,
          0, 1 },
        { "value: uint 64 that is an i64", B("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), PACK_UINT, INT64_MAX, INT64_MAX,
          0x1p63, 1, 1, 1 },
        { "value: int 8", B("\xd0\x80"), PACK_INT, 0, -128, -128, 0, 1, 1 },
        { "value: int 8 not below 0", B("\xd0\x05"), PACK_UINT, 5, 5, 5, 1, 1, 1 },
        { "value: int 16", B("\xd1\x80\x00"), PACK_INT, 0, -32768, -32768, 0, 1, 1 },
        { "value: int 32", B("\xd2\x80\x00\x00\x00"), PACK_INT, 0, INT32_MIN, INT32_MIN, 0, 1, 1 },
        { "value: int 64", B("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), PACK_INT, 0, INT64_MIN, -0x1p63, 0, 1, 1 },
        { "value: float", B("\xca\x3f\xc0\x00\x00"), PACK_REAL, 0, 0, 1.5, 0, 0, 1 },
        { "value: double", B("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), PACK_REAL, 0, 0, 0.1, 0, 0, 1 },
        { "value: nil", B("\xc0"), PACK_NIL, 0, 0, 0, 0, 0, 0 },
        { "value: false", B("\xc2"), PACK_BOOL, 0, 0, 0, 0, 0, 0 },
        { "value: true", B("\xc3"), PACK_BOOL, 0, 0, 0, 0, 0, 0 },
        { "value: text 32", B("\xdb\x00\x00\x00\x02hi"), PACK_TEXT, 0, 0, 0, 0, 0, 0 },
        { "value: bin 16", B("\xc5\x00\x01\xff"), PACK_BIN, 0, 0, 0, 0, 0, 0 },
        { "value: ext 8", B("\xc7\x02\xfe\x01\x02"), PACK_EXT, 0, 0, 0, 0, 0, 0 },
        { "value: fixext 16",
          B("\xd8\x05"
            "0123456789abcdef"),
          PACK_EXT, 0, 0, 0, 0, 0, 0 },
        { "value: array 16", B("\xdc\x00\x01\x00"), PACK_ARRAY, 0, 0, 0, 0, 0, 0 },
        { "value: array 32", B("\xdd\x00\x00\x00\x00"), PACK_ARRAY, 0, 0, 0, 0, 0, 0 },
        { "value: map 16", B("\xde\x00\x01\x00\x01"), PACK_MAP, 0, 0, 0, 0, 0, 0 },
        { "value: map 32", B("\xdf\x00\x00\x00\x01\xa0\xc0"), PACK_MAP, 0, 0, 0, 0, 0, 0 },
};

static void value_row(void **state)
{
        const struct value_row *row = *state;
        uint64_t u = 77;
        int64_t i = 77;
        double real = 77;
        assert_int_equal(pack_scan(row->in, &wide), 0);
        assert_int_equal(pack_kind(row->in), row->kind);
        assert_int_equal(pack_get_u64(row->in, &u), row->u_ok);
        assert_int_equal(pack_get_i64(row->in, &i), row->i_ok);
        assert_int_equal(pack_get_real(row->in, &real), row->real_ok);
        assert_true(u == (row->u_ok ? row->u : 77));
        assert_true(i == (row->i_ok ? row->i : 77));
        assert_true(real == (row->real_ok ? row->real : 77));
        for (size_t n = 0; n < row->in.n; n++)
                assert_int_equal(pack_scan(bytes_of(row->in.at, n), &wide), ERR_TRUNCATED);
}

/* Every getter changes nothing when the item is of another kind. */
static void getters_refuse_strangers(void **state)
{
        (void)state;
        struct bytes five = B("\x05"), nothing = { 0 }, rest = { 0 }, run = { 0 };
        uint32_t n = 9;
        bool yes = true;
        int8_t type = 9;
        assert_false(pack_get_text(five, &run) || pack_get_bin(five, &run) || pack_get_ext(five, &type, &run));
        assert_false(pack_get_array(five, &n, &run) || pack_get_map(five, &n, &run) || pack_get_bool(five, &yes));
        assert_false(pack_get_text(nothing, &run) || pack_get_bool(nothing, &yes) || pack_next(&rest, &run));
        assert_null(run.at);
        assert_true(n == 9 && yes && type == 9);
        assert_int_equal(pack_kind(nothing), PACK_NONE);
        assert_int_equal(pack_kind(pack_map_text(five, "a")), PACK_NONE);
}

static void ext_gives_type_and_body(void **state)
{
        (void)state;
        struct bytes item = B("\xc7\x02\xfe\x01\x02"), body;
        int8_t type;
        assert_true(pack_get_ext(item, &type, &body));
        assert_int_equal(type, -2);
        assert_true(bytes_equal(body, bytes_of("\x01\x02", 2)));
}

/* Depth 16 of arrays in arrays passes the event's limits; 17 and a million do not. */
static void depth_bomb(void **state)
{
        (void)state;
        static uint8_t bomb[1000000];
        memset(bomb, 0x91, sizeof bomb);
        bomb[16] = 0xc0;
        assert_int_equal(pack_scan(bytes_of(bomb, 17), &pack_limits_event), 0);
        bomb[16] = 0x91;
        assert_int_equal(pack_scan(bytes_of(bomb, 17), &pack_limits_event), ERR_TOO_BIG);
        assert_int_equal(pack_scan(bytes_of(bomb, sizeof bomb), &pack_limits_event), ERR_TOO_BIG);
}

static void items_bomb(void **state)
{
        (void)state;
        static uint8_t bomb[5000] = { 0xdc, 0x0f, 0xff };
        assert_int_equal(pack_scan(bytes_of(bomb, 3 + 4095), &pack_limits_event), 0);
        bomb[1] = 0x10, bomb[2] = 0x00;
        assert_int_equal(pack_scan(bytes_of(bomb, 3 + 4096), &pack_limits_event), ERR_TOO_BIG);
        assert_int_equal(pack_scan(bytes_of(bomb, 3), &pack_limits_event), ERR_TOO_BIG);
}

static void bytes_limit(void **state)
{
        (void)state;
        static uint8_t big[1000001] = { 0xc6, 0x00, 0x0f, 0x42, 0x3b };
        assert_int_equal(pack_scan(bytes_of(big, 1000000), &pack_limits_event), 0);
        big[4]++;
        assert_int_equal(pack_scan(bytes_of(big, 1000001), &pack_limits_event), ERR_TOO_BIG);
}

static void census_counts(void **state)
{
        (void)state;
        struct bytes in = B("\x93\xc4\x00\x81\x01\xc4\x01x\xa1y");
        struct pack_census census;
        assert_int_equal(pack_scan_census(in, &wide, &census), 0);
        assert_int_equal(census.items, 6);
        assert_int_equal(census.bins, 2);
}

static void maps_are_searched(void **state)
{
        (void)state;
        struct bytes map = B("\x84\xa1"
                             "a\x01\x07\xa3"
                             "two\x05\x92\x01\x02\xa1"
                             "b\x81\xa1"
                             "a\x09");
        uint64_t v;
        struct bytes inner;
        assert_int_equal(pack_scan(map, &wide), 0);
        assert_true(pack_get_u64(pack_map_text(map, "a"), &v) && v == 1);
        assert_true(pack_get_text(pack_map_u64(map, 7), &inner) && bytes_equal(inner, bytes_text("two")));
        assert_int_equal(pack_kind(pack_map_u64(map, 5)), PACK_ARRAY);
        assert_true(pack_get_u64(pack_map_text(pack_map_text(map, "b"), "a"), &v) && v == 9);
        assert_int_equal(pack_kind(pack_map_text(map, "c")), PACK_NONE);
        assert_int_equal(pack_kind(pack_map_u64(map, 1)), PACK_NONE); /* a value, no key */
}

/* Writes a random value and counts its items. */
static uint32_t put_random(struct rng *r, struct buf *out, unsigned depth)
{
        uint8_t noise[300] = { 0 };
        size_t n = (size_t)rng_below(r, rng_below(r, 8) ? 40 : sizeof noise);
        uint64_t number = rng_u64(r) >> rng_below(r, 64);
        uint32_t items = 1, members = (uint32_t)rng_below(r, 20);
        switch (rng_below(r, depth < 6 ? 9 : 7)) {
        case 0:
                return pack_put_nil(out), items;
        case 1:
                return pack_put_bool(out, number & 1), items;
        case 2:
                return pack_put_u64(out, number), items;
        case 3:
                return pack_put_i64(out, -(int64_t)(number >> 1)), items;
        case 4:
                return pack_put_real(out, rng_unit(r)), items;
        case 5:
                return pack_put_text(out, bytes_of(noise, n)), items;
        case 6:
                return pack_put_bin(out, bytes_of(noise, n)), items;
        case 7:
                pack_put_array(out, members);
                break;
        default:
                pack_put_map(out, members / 2);
                members = members / 2 * 2;
        }
        while (members-- > 0)
                items += put_random(r, out, depth + 3);
        return items;
}

/* msgpack-c's own unpacker agrees with the scan about what is whole, and takes it. */
static bool unpacks(struct bytes in)
{
        msgpack_unpacked result;
        msgpack_unpacked_init(&result);
        size_t end = 0;
        bool whole = msgpack_unpack_next(&result, (const char *)in.at, in.n, &end) == MSGPACK_UNPACK_SUCCESS;
        msgpack_unpacked_destroy(&result);
        return whole && end == in.n;
}

static void random_values(void **state)
{
        (void)state;
        for (unsigned long seed = 0; seed < harness_seeds(300); seed++) {
                struct rng r = rng_seeded(seed, "pack");
                struct buf b = { 0 };
                struct pack_census census = { 0 };
                uint32_t items = put_random(&r, &b, 0);
                struct bytes rest = buf_bytes(&b), item;
                bool good = pack_scan_census(rest, &wide, &census) == 0 && census.items == items && unpacks(rest);
                good = good && pack_next(&rest, &item) && rest.n == 0 && item.n == b.n;
                for (size_t n = 0; good && n < b.n; n++) {
                        uint8_t *prefix = malloc(n + 1); /* the sanitizer sees a step past it */
                        memcpy(prefix, b.at, n);
                        good = pack_scan(bytes_of(prefix, n), &wide) == ERR_TRUNCATED;
                        free(prefix);
                }
                buf_free(&b);
                if (!good)
                        fail_msg("seed %lu", seed);
        }
}

/* What the scan takes of random bytes, the unpacker takes too, with the same end. */
static void random_bytes(void **state)
{
        (void)state;
        struct rng r = rng_seeded(1, "noise");
        unsigned taken = 0;
        for (int i = 0; i < 20000; i++) {
                uint8_t noise[12];
                size_t n = 1 + (size_t)rng_below(&r, sizeof noise);
                for (size_t k = 0; k < n; k++)
                        noise[k] = (uint8_t)rng_u64(&r);
                if (pack_scan(bytes_of(noise, n), &wide) == 0) {
                        assert_true(unpacks(bytes_of(noise, n)));
                        taken++;
                }
        }
        assert_true(taken > 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(getters_refuse_strangers),
                cmocka_unit_test(ext_gives_type_and_body),
                cmocka_unit_test(depth_bomb),
                cmocka_unit_test(items_bomb),
                cmocka_unit_test(bytes_limit),
                cmocka_unit_test(census_counts),
                cmocka_unit_test(maps_are_searched),
                cmocka_unit_test(random_values),
                cmocka_unit_test(random_bytes),
        };
        int failed = RUN_ROWS("pack: scan", scan_rows, scan_row);
        failed += RUN_ROWS("pack: values", value_rows, value_row);
        failed += cmocka_run_group_tests_name("pack", tests, NULL, NULL);
        return failed;
}
