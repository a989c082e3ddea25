#include "tests/unit/harness.h"

#include <string.h>

#include "core/base/err.h"
#include "core/event/event.h"
#include "core/event/pack.h"

#define B(literal)                                              \
        {                                                       \
                (const uint8_t *)(literal), sizeof(literal) - 1 \
        }
#define HOLDER "\xac_placeholder"

struct parse_row {
        const char *name;
        struct bytes in;
        int err;
        uint32_t args_n, bins_n;
};

static const struct parse_row rows[] = {
        { "parse: a name alone", B("\x91\xa2hi"), 0, 0, 0 },
        { "parse: a name and arguments", B("\x93\xa2hi\x01\x91\x02"), 0, 2, 0 },
        { "parse: bins are counted where they are", B("\x93\xa2hi\xc4\x01x\x91\xc4\x00"), 0, 2, 2 },
        { "parse: nothing", B(""), ERR_MALFORMED, 0, 0 },
        { "parse: cut short", B("\x92\xa2hi"), ERR_MALFORMED, 0, 0 },
        { "parse: no array", B("\xa2hi"), ERR_MALFORMED, 0, 0 },
        { "parse: a map", B("\x81\xa2hi\x01"), ERR_MALFORMED, 0, 0 },
        { "parse: an empty array", B("\x90"), ERR_MALFORMED, 0, 0 },
        { "parse: a name that is a number", B("\x92\x01\x02"), ERR_MALFORMED, 0, 0 },
        { "parse: a name that is a bin", B("\x91\xc4\x02hi"), ERR_MALFORMED, 0, 0 },
        { "parse: an empty name", B("\x92\xa0\x01"), ERR_MALFORMED, 0, 0 },
        { "parse: a name that is not UTF-8", B("\x91\xa1\xff"), ERR_MALFORMED, 0, 0 },
        { "parse: an argument that is not UTF-8",
          B("\x92\xa1"
            "a\xa1\xff"),
          ERR_MALFORMED, 0, 0 },
        { "parse: an ext",
          B("\x92\xa1"
            "a\xd4\x00\x00"),
          ERR_MALFORMED, 0, 0 },
        { "parse: something behind it",
          B("\x91\xa1"
            "a\xc0"),
          ERR_MALFORMED, 0, 0 },
        { "parse: a hostile length", B("\xdd\xff\xff\xff\xff"), ERR_TOO_BIG, 0, 0 },
        { "parse: a placeholder without a bin is a map like any other",
          B("\x92\xa1"
            "a\x81" HOLDER "\xc3"),
          0, 1, 0 },
        { "parse: a placeholder beside a bin",
          B("\x93\xa1"
            "a\xc4\x00\x81" HOLDER "\xc3"),
          ERR_MALFORMED, 0, 0 },
        { "parse: a placeholder deep down beside a bin",
          B("\x93\xa1"
            "a\xc4\x00\x91\x81\x01\x91\x81" HOLDER "\xc3"),
          ERR_MALFORMED, 0, 0 },
        { "parse: a placeholder hidden by an equal key",
          B("\x93\xa1"
            "a\xc4\x00\x82" HOLDER "\xc2" HOLDER "\xc3"),
          ERR_MALFORMED, 0, 0 },
        { "parse: a placeholder that says false",
          B("\x93\xa1"
            "a\xc4\x00\x81" HOLDER "\xc2"),
          0, 2, 1 },
        { "parse: the placeholder's words as values",
          B("\x93\xa1"
            "a\xc4\x00\x94" HOLDER "\xc3\x81\x01" HOLDER "\xc3"),
          0, 2, 1 },
        { "parse: 10 bins",
          B("\x9b\xa1"
            "a\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0"),
          0, 10, 10 },
        { "parse: 11 bins",
          B("\x9c\xa1"
            "a\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0"),
          ERR_TOO_BIG, 0, 0 },
};

static void parse_row(void **state)
{
        const struct parse_row *row = *state;
        struct event e = { .args_n = 77 };
        assert_int_equal(event_parse(row->in, SIZE_MAX, &e), row->err);
        if (row->err) {
                assert_int_equal(e.args_n, 77);
                return;
        }
        assert_int_equal(e.args_n, row->args_n);
        assert_int_equal(e.bins_n, row->bins_n);
        assert_true(e.packed.at == row->in.at && e.packed.n == row->in.n);
        for (size_t n = 0; n < row->in.n; n++)
                assert_int_equal(event_parse(bytes_of(row->in.at, n), SIZE_MAX, &e), ERR_MALFORMED);
}

static void written_is_read(void **state)
{
        (void)state;
        struct buf b = { 0 };
        struct event e;
        uint64_t v;
        assert_int_equal(event_begin(&b, "chat message", 2), 0);
        assert_int_equal(pack_put_u64(&b, 7), 0);
        assert_int_equal(pack_put_word(&b, "hello"), 0);
        assert_int_equal(event_parse(buf_bytes(&b), SIZE_MAX, &e), 0);
        assert_true(event_is(&e, "chat message"));
        assert_false(event_is(&e, "chat") || event_is(&e, "chat messages") || event_is(&e, ""));
        assert_true(pack_get_u64(event_arg(&e, 0), &v) && v == 7);
        assert_int_equal(pack_kind(event_arg(&e, 1)), PACK_TEXT);
        assert_int_equal(pack_kind(event_arg(&e, 2)), PACK_NONE);
        assert_int_equal(pack_kind(event_arg(&e, UINT32_MAX)), PACK_NONE);
        buf_free(&b);
}

static void name_at_its_limit(void **state)
{
        (void)state;
        char name[EVENT_NAME_MAX + 2];
        struct event e;
        for (size_t n = EVENT_NAME_MAX; n <= EVENT_NAME_MAX + 1; n++) {
                struct buf b = { 0 };
                memset(name, 'n', n);
                name[n] = '\0';
                assert_int_equal(event_begin(&b, name, 0), 0);
                assert_int_equal(event_parse(buf_bytes(&b), SIZE_MAX, &e), n > EVENT_NAME_MAX ? ERR_MALFORMED : 0);
                buf_free(&b);
        }
}

static void callers_limit_counts(void **state)
{
        (void)state;
        struct bytes in = B("\x92\xa2hi\x01");
        struct event e;
        assert_int_equal(event_parse(in, in.n, &e), 0);
        assert_int_equal(event_parse(in, in.n - 1, &e), ERR_TOO_BIG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(written_is_read),
                cmocka_unit_test(name_at_its_limit),
                cmocka_unit_test(callers_limit_counts),
        };
        int failed = RUN_ROWS("event: parse", rows, parse_row);
        return failed + cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
