#include "tests/unit/harness.h"

#include <math.h>

#include "bench/figure.h"

static const struct figure_row {
        const char *name;
        double v;
        int decimals;
        const char *text;
} figure_rows[] = {
        { "nothing", 0, 2, "0.00" },
        { "a thousand", 1000, 0, "1,000" },
        { "no comma yet", 999.4, 0, "999" },
        { "rounds up into one", 999.996, 2, "1,000.00" },
        { "negative", -1234.5, 1, "-1,234.5" },
        { "no minus nought", -0.001, 2, "0.00" },
        { "millions", 1234567.891, 3, "1,234,567.891" },
        { "no number", NAN, 2, "nan" },
        { "beyond commas", 1e30, 2, "1e+30" },
};

static void figure(void **state)
{
        const struct figure_row *row = *state;
        char text[FIGURE_MAX];
        assert_string_equal(figure_decimal(row->v, row->decimals, text) + (isnan(row->v) && text[0] == '-'), row->text);
}

int main(void)
{
        return RUN_ROWS("figure", figure_rows, figure);
}
