#include "tests/unit/harness.h"

#include <math.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/units.h"

enum { KEPT = 77 };

enum what { SPAN, SIZE, RATE, BITRATE, SHARE, COUNT };

struct units_row {
        const char *name;
        enum what what;
        const char *text;
        int err;
        double value;
};

static const struct units_row rows[] = {
        { "span: ns", SPAN, "7ns", 0, 7 },
        { "span: us", SPAN, "3us", 0, 3e3 },
        { "span: ms", SPAN, "20ms", 0, 20e6 },
        { "span: s", SPAN, "10s", 0, 10e9 },
        { "span: m", SPAN, "2m", 0, 120e9 },
        { "span: h", SPAN, "1h", 0, 3600e9 },
        { "span: a decimal", SPAN, "1.5s", 0, 1.5e9 },
        { "span: a point first", SPAN, ".5s", 0, 5e8 },
        { "span: a point last", SPAN, "5.s", 0, 5e9 },
        { "span: nothing", SPAN, "0s", 0, 0 },
        { "span: rounded to the nearest ns", SPAN, "0.6ns", 0, 1 },
        { "span: a bare number", SPAN, "20", ERR_UNIT, 0 },
        { "span: a bare 0", SPAN, "0", ERR_UNIT, 0 },
        { "span: a unit of something else", SPAN, "20mbit", ERR_UNIT, 0 },
        { "span: a capital", SPAN, "20MS", ERR_UNIT, 0 },
        { "span: something behind", SPAN, "20msx", ERR_UNIT, 0 },
        { "span: a space between", SPAN, "20 ms", ERR_UNIT, 0 },
        { "span: a space behind", SPAN, "20ms ", ERR_UNIT, 0 },
        { "span: a space in front", SPAN, " 20ms", ERR_MALFORMED, 0 },
        { "span: a minus", SPAN, "-20ms", ERR_MALFORMED, 0 },
        { "span: a plus", SPAN, "+20ms", ERR_MALFORMED, 0 },
        { "span: an exponent", SPAN, "1e3s", ERR_UNIT, 0 },
        { "span: hexadecimal", SPAN, "0x10s", ERR_UNIT, 0 },
        { "span: two points", SPAN, "1.2.3s", ERR_MALFORMED, 0 },
        { "span: only a point", SPAN, ".s", ERR_MALFORMED, 0 },
        { "span: only a unit", SPAN, "ms", ERR_MALFORMED, 0 },
        { "span: nothing at all", SPAN, "", ERR_MALFORMED, 0 },
        { "span: nan", SPAN, "nan", ERR_MALFORMED, 0 },
        { "span: infinity", SPAN, "infs", ERR_MALFORMED, 0 },
        { "span: 292 years fit", SPAN, "2550000h", 0, 9.18e18 },
        { "span: 293 years do not", SPAN, "2570000h", ERR_RANGE, 0 },
        { "span: far too much", SPAN, "99999999999999999999999h", ERR_RANGE, 0 },
        { "span: more digits than any number needs", SPAN, "100000000000000000000000000000000000000s", ERR_MALFORMED,
          0 },
        { "size: b", SIZE, "64b", 0, 64 },
        { "size: kb", SIZE, "1kb", 0, 1000 },
        { "size: kib", SIZE, "1kib", 0, 1024 },
        { "size: mb", SIZE, "2mb", 0, 2e6 },
        { "size: mib", SIZE, "16mib", 0, 16777216 },
        { "size: gb", SIZE, "1gb", 0, 1e9 },
        { "size: gib", SIZE, "1gib", 0, 1073741824 },
        { "size: a bare number", SIZE, "64", ERR_UNIT, 0 },
        { "size: a negative one", SIZE, "-1b", ERR_MALFORMED, 0 },
        { "size: overflow", SIZE, "10000000000gib", ERR_RANGE, 0 },
        { "rate: a second", RATE, "200/s", 0, 200 },
        { "rate: a ms", RATE, "2/ms", 0, 2000 },
        { "rate: a minute", RATE, "90/m", 0, 1.5 },
        { "rate: a bare number", RATE, "200", ERR_UNIT, 0 },
        { "rate: a word", RATE, "fast", ERR_MALFORMED, 0 },
        { "bitrate: bit", BITRATE, "9600bit", 0, 9600 },
        { "bitrate: kbit", BITRATE, "64kbit", 0, 64e3 },
        { "bitrate: mbit", BITRATE, "10mbit", 0, 10e6 },
        { "bitrate: gbit", BITRATE, "2.5gbit", 0, 2.5e9 },
        { "bitrate: a bare number", BITRATE, "10", ERR_UNIT, 0 },
        { "bitrate: overflow", BITRATE, "99999999999gbit", ERR_RANGE, 0 },
        { "share: some", SHARE, "2%", 0, 0.02 },
        { "share: less than one percent", SHARE, "0.05%", 0, 0.0005 },
        { "share: all", SHARE, "100%", 0, 1 },
        { "share: none", SHARE, "0%", 0, 0 },
        { "share: more than all", SHARE, "100.1%", ERR_RANGE, 0 },
        { "share: a bare number", SHARE, "0.02", ERR_UNIT, 0 },
        { "share: a negative one", SHARE, "-2%", ERR_MALFORMED, 0 },
        { "count: some", COUNT, "10000", 0, 10000 },
        { "count: none", COUNT, "0", 0, 0 },
        { "count: nothing", COUNT, "", ERR_MALFORMED, 0 },
        { "count: a unit", COUNT, "10s", ERR_MALFORMED, 0 },
        { "count: a minus", COUNT, "-1", ERR_MALFORMED, 0 },
        { "count: a space", COUNT, " 1", ERR_MALFORMED, 0 },
        { "count: a decimal", COUNT, "1.5", ERR_MALFORMED, 0 },
        { "count: 2^64", COUNT, "18446744073709551616", ERR_RANGE, 0 },
};

static int parse(const struct units_row *row, double *value)
{
        int64_t span = KEPT;
        uint64_t whole = KEPT;
        double real = KEPT;
        int err = 0;
        switch (row->what) {
        case SPAN:
                err = units_span(row->text, &span);
                *value = (double)span;
                return err;
        case SIZE:
                err = units_size(row->text, &whole);
                break;
        case BITRATE:
                err = units_bitrate(row->text, &whole);
                break;
        case COUNT:
                err = units_count(row->text, &whole);
                break;
        case RATE:
                err = units_rate(row->text, &real);
                *value = real;
                return err;
        case SHARE:
                err = units_share(row->text, &real);
                *value = real;
                return err;
        }
        *value = (double)whole;
        return err;
}

static void units_row(void **state)
{
        const struct units_row *row = *state;
        double value, wanted = row->err ? KEPT : row->value;
        assert_int_equal(parse(row, &value), row->err);
        assert_true(fabs(value - wanted) <= fabs(wanted) * 1e-12);
}

static void the_largest_count_is_exact(void **state)
{
        (void)state;
        uint64_t v;
        assert_int_equal(units_count("18446744073709551615", &v), 0);
        assert_true(v == UINT64_MAX);
}

struct text_row {
        const char *name; /* the text itself */
        int64_t span_ns;
};

static const struct text_row text_rows[] = {
        { "0ns", 0 },
        { "999ns", 999 },
        { "1.0us", 1000 },
        { "25.0ms", 25000000 },
        { "1.20s", 1200000000 },
        { "-25.0ms", -25000000 },
        { "9223372036.85s", INT64_MAX },
};

static void text_row(void **state)
{
        const struct text_row *row = *state;
        char text[UNITS_TEXT_MAX];
        assert_string_equal(units_span_text(row->span_ns, text), row->name);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(the_largest_count_is_exact) };
        int failed = RUN_ROWS("units", rows, units_row);
        failed += RUN_ROWS("units: text", text_rows, text_row);
        return failed + cmocka_run_group_tests_name("units: exact", tests, NULL, NULL);
}
