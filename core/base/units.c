#include "core/base/units.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"

struct unit {
        const char *name;
        double factor;
};

static const struct unit spans[] = {
        { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 }, { 0 },
};
static const struct unit sizes[] = {
        { "b", 1 },         { "kb", 1e3 },      { "mb", 1e6 },      { "gb", 1e9 },
        { "kib", 1 << 10 }, { "mib", 1 << 20 }, { "gib", 1 << 30 }, { 0 },
};
static const struct unit rates[] = { { "/s", 1 }, { "/ms", 1e3 }, { "/m", 1 / 60.0 }, { 0 } };
static const struct unit bitrates[] = {
        { "bit", 1 }, { "kbit", 1e3 }, { "mbit", 1e6 }, { "gbit", 1e9 }, { 0 },
};
static const struct unit shares[] = { { "%", 0.01 }, { 0 } };

/* A number is digits with at most one point among them, and at least one digit. */
static int number(const char *text, double *value, const char **rest)
{
        size_t n = strspn(text, "0123456789.");
        char digits[32];
        if (n == 0 || n >= sizeof digits)
                return ERR_MALFORMED;
        memcpy(digits, text, n);
        digits[n] = '\0';
        char *end;
        *value = strtod(digits, &end);
        *rest = text + n;
        return *end == '\0' && end != digits ? 0 : ERR_MALFORMED;
}

static int quantity(const char *text, const struct unit *units, double *value)
{
        const char *rest;
        double v;
        int err = number(text, &v, &rest);
        if (err)
                return err;
        for (const struct unit *u = units; u->name; u++) {
                if (strcmp(rest, u->name) == 0) {
                        *value = v * u->factor;
                        return 0;
                }
        }
        return ERR_UNIT;
}

/* A quantity that must be a whole number of the base unit, rounded to the nearest one. */
static int whole(const char *text, const struct unit *units, double limit, uint64_t *value)
{
        double v;
        int err = quantity(text, units, &v);
        if (err)
                return err;
        if (v >= limit)
                return ERR_RANGE;
        *value = (uint64_t)llround(v);
        return 0;
}

int units_span(const char *text, int64_t *span_ns)
{
        uint64_t v;
        int err = whole(text, spans, 9.2e18, &v);
        if (!err)
                *span_ns = (int64_t)v;
        return err;
}

int units_size(const char *text, uint64_t *size_bytes)
{
        return whole(text, sizes, 9.2e18, size_bytes);
}

int units_rate(const char *text, double *rate_per_s)
{
        return quantity(text, rates, rate_per_s);
}

int units_bitrate(const char *text, uint64_t *rate_bps)
{
        return whole(text, bitrates, 9.2e18, rate_bps);
}

int units_share(const char *text, double *share)
{
        double v;
        int err = quantity(text, shares, &v);
        if (err)
                return err;
        if (v > 1)
                return ERR_RANGE;
        *share = v;
        return 0;
}

int units_count(const char *text, uint64_t *count)
{
        size_t n = strlen(text);
        if (n == 0 || strspn(text, "0123456789") != n)
                return ERR_MALFORMED;
        errno = 0;
        uint64_t v = strtoull(text, NULL, 10);
        if (errno == ERANGE)
                return ERR_RANGE;
        *count = v;
        return 0;
}

const char *units_span_text(int64_t span_ns, char text[UNITS_TEXT_MAX])
{
        double ns = (double)span_ns, size = fabs(ns);
        if (size < 1e3)
                snprintf(text, UNITS_TEXT_MAX, "%.0fns", ns);
        else if (size < 1e6)
                snprintf(text, UNITS_TEXT_MAX, "%.1fus", ns / 1e3);
        else if (size < 1e9)
                snprintf(text, UNITS_TEXT_MAX, "%.1fms", ns / 1e6);
        else
                snprintf(text, UNITS_TEXT_MAX, "%.2fs", ns / 1e9);
        return text;
}
