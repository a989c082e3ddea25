#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"

static const uint8_t octets[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                  0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f };

static void fields_are_big_endian(void **state)
{
        (void)state;
        struct reader r = reader_of(octets, sizeof octets);
        assert_int_equal(reader_u8(&r), 0x01);
        assert_int_equal(reader_u16(&r), 0x0203);
        assert_int_equal(reader_u32(&r), 0x04050607);
        assert_true(reader_u64(&r) == 0x08090a0b0c0d0e0f);
        assert_int_equal(reader_left(&r), 0);
        assert_false(r.failed);
}

/* A field that is not all there: what the row wants from n bytes. */
struct short_row {
        const char *name;
        size_t n;
        uint64_t (*read)(struct reader *);
};

static uint64_t read_u8(struct reader *r)
{
        return reader_u8(r);
}

static uint64_t read_u16(struct reader *r)
{
        return reader_u16(r);
}

static uint64_t read_u32(struct reader *r)
{
        return reader_u32(r);
}

static uint64_t read_take(struct reader *r)
{
        struct bytes run = reader_take(r, 5);
        return run.n + (run.at ? 1 : 0);
}

static uint64_t read_take_all_there_is(struct reader *r)
{
        struct bytes run = reader_take(r, SIZE_MAX);
        return run.n + (run.at ? 1 : 0);
}

static const struct short_row short_rows[] = {
        { "reader: u8 of 0 bytes", 0, read_u8 },       { "reader: u16 of 1 byte", 1, read_u16 },
        { "reader: u32 of 3 bytes", 3, read_u32 },     { "reader: u64 of 7 bytes", 7, reader_u64 },
        { "reader: a run of 5 from 4", 4, read_take }, { "reader: a run of SIZE_MAX", 4, read_take_all_there_is },
};

static void short_row(void **state)
{
        const struct short_row *row = *state;
        struct reader r = reader_of(octets, row->n);
        assert_true(row->read(&r) == 0);
        assert_true(r.failed);
        assert_int_equal(reader_left(&r), row->n);
        assert_int_equal(reader_u8(&r), 0); /* failed for good, though a byte is there */
        assert_true(r.failed);
}

static void take_lends(void **state)
{
        (void)state;
        struct reader r = reader_of(octets, sizeof octets);
        reader_u8(&r);
        struct bytes run = reader_take(&r, 3);
        assert_true(run.at == octets + 1 && run.n == 3);
        assert_int_equal(reader_take(&r, 0).n, 0);
        assert_false(r.failed);
        assert_int_equal(reader_u8(&r), 0x05);
}

static void writer_mirrors_reader(void **state)
{
        (void)state;
        uint8_t out[sizeof octets + 4];
        struct writer w = writer_of(out, sizeof out);
        writer_u8(&w, 0x01);
        writer_u16(&w, 0x0203);
        writer_u32(&w, 0x04050607);
        writer_u64(&w, 0x08090a0b0c0d0e0f);
        writer_zeros(&w, 2);
        writer_put(&w, "ok", 2);
        writer_put(&w, NULL, 0);
        assert_false(w.failed);
        assert_int_equal(writer_used(&w), sizeof out);
        assert_memory_equal(out, octets, sizeof octets);
        assert_memory_equal(out + sizeof octets, "\0\0ok", 4);
}

/* For every capacity too small, nothing is written past it, nor anything after the field that
 * did not fit. */
static void writer_stays_inside(void **state)
{
        (void)state;
        for (size_t cap = 0; cap < 15; cap++) {
                uint8_t *out = malloc(cap + 1);
                memset(out, 0xee, cap + 1);
                struct writer w = writer_of(out, cap);
                writer_u64(&w, 1);
                writer_put(&w, "abcd", 4);
                writer_u16(&w, 1);
                writer_u8(&w, 1);
                assert_true(w.failed);
                assert_int_equal(writer_used(&w), cap >= 14 ? 14 : cap >= 12 ? 12 : cap >= 8 ? 8 : 0);
                for (size_t i = writer_used(&w); i <= cap; i++)
                        assert_int_equal(out[i], 0xee);
                free(out);
        }
}

static void buf_grows_and_drops(void **state)
{
        (void)state;
        struct buf b = { 0 };
        char wanted[4000], one[2] = { 0 };
        for (size_t i = 0; i < sizeof wanted; i++) {
                one[0] = wanted[i] = (char)('a' + i % 26);
                assert_int_equal(buf_text(&b, one), 0);
        }
        assert_int_equal(b.n, sizeof wanted);
        assert_true(b.cap >= b.n);
        assert_memory_equal(b.at, wanted, sizeof wanted);
        buf_drop(&b, 0);
        buf_drop(&b, 100);
        assert_int_equal(b.n, sizeof wanted - 100);
        assert_memory_equal(b.at, wanted + 100, b.n);
        buf_drop(&b, b.n);
        assert_int_equal(b.n, 0);
        assert_int_equal(buf_printf(&b, "%s-%d", "seq", 7), 0);
        assert_true(bytes_equal(buf_bytes(&b), bytes_text("seq-7")));
        buf_free(&b);
        assert_true(b.at == NULL && b.n == 0 && b.cap == 0);
}

static void printf_longer_than_the_buffer(void **state)
{
        (void)state;
        struct buf b = { 0 };
        assert_int_equal(buf_text(&b, "x"), 0);
        assert_int_equal(buf_printf(&b, "%0500d", 7), 0);
        assert_int_equal(b.n, 501);
        assert_int_equal(b.at[0], 'x');
        assert_int_equal(b.at[500], '7');
        buf_free(&b);
}

/* The sanitizer would end the process where malloc gives NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "allocator_may_return_null=1";
}

/* What no memory can hold is refused and changes nothing. */
static void room_for_too_much(void **state)
{
        (void)state;
        struct buf b = { 0 };
        assert_int_equal(buf_text(&b, "kept"), 0);
        assert_null(buf_room(&b, SIZE_MAX));
        assert_null(buf_room(&b, SIZE_MAX - 4));
        assert_null(buf_room(&b, SIZE_MAX / 4)); /* more than any address space */
        assert_true(bytes_equal(buf_bytes(&b), bytes_text("kept")));
        buf_free(&b);
}

static void equality(void **state)
{
        (void)state;
        assert_true(bytes_equal((struct bytes){ NULL, 0 }, bytes_text("")));
        assert_true(bytes_equal(bytes_text("abc"), bytes_of("abcd", 3)));
        assert_false(bytes_equal(bytes_text("abc"), bytes_text("abd")));
        assert_false(bytes_equal(bytes_text("abc"), bytes_text("ab")));
        assert_true(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0b", 3)));
        assert_false(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields_are_big_endian), cmocka_unit_test(take_lends),
                cmocka_unit_test(writer_mirrors_reader), cmocka_unit_test(writer_stays_inside),
                cmocka_unit_test(buf_grows_and_drops),   cmocka_unit_test(printf_longer_than_the_buffer),
                cmocka_unit_test(room_for_too_much),     cmocka_unit_test(equality),
        };
        int failed = RUN_ROWS("bytes: short", short_rows, short_row);
        return failed + cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
