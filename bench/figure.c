#include "bench/figure.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

const char *figure_count(uint64_t v, char text[FIGURE_MAX])
{
        char digits[24];
        int n = snprintf(digits, sizeof digits, "%" PRIu64, v), at = 0;
        for (int i = 0; i < n; i++) {
                if (i > 0 && (n - i) % 3 == 0)
                        text[at++] = ',';
                text[at++] = digits[i];
        }
        text[at] = '\0';
        return text;
}

const char *figure_decimal(double v, int decimals, char text[FIGURE_MAX])
{
        double scale = pow(10, decimals), rounded = round(fabs(v) * scale);
        if (!(rounded < 1e18)) { /* too large for commas, or no number */
                snprintf(text, FIGURE_MAX, "%g", v);
                return text;
        }
        uint64_t units = (uint64_t)rounded, one = (uint64_t)scale;
        char whole[FIGURE_MAX];
        figure_count(units / one, whole);
        const char *sign = v < 0 && units > 0 ? "-" : "";
        if (decimals == 0)
                snprintf(text, FIGURE_MAX, "%s%.24s", sign, whole);
        else
                snprintf(text, FIGURE_MAX, "%s%.24s.%0*" PRIu64, sign, whole, decimals, units % one);
        return text;
}
