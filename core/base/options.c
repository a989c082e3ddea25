#include "core/base/options.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/units.h"

const char *argp_program_version = "Twincast 0.1";

static const char *program = "twincast";

static void end(int code, const char *format, va_list args) __attribute__((noreturn, format(printf, 2, 0)));

static void end(int code, const char *format, va_list args)
{
        fprintf(stderr, "%s: ", program);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        exit(code);
}

void options_fail(const char *format, ...)
{
        va_list args;
        va_start(args, format);
        end(EXIT_USAGE, format, args);
}

void options_machine(const char *format, ...)
{
        va_list args;
        va_start(args, format);
        end(EXIT_MACHINE, format, args);
}

void options_parse(const struct argp *argp, int argc, char **argv, void *input)
{
        const char *slash = strrchr(argv[0], '/');
        program = slash ? slash + 1 : argv[0];
        argp_err_exit_status = EXIT_USAGE;
        int at = 0;
        /* argp's own message for a wrong option takes two lines and leaves out the cure. */
        if (argp_parse(argp, argc, argv, ARGP_NO_ERRS, &at, input) == 0)
                return;
        const char *word = at > 0 && at <= argc ? argv[at < argc && at > 0 ? at : argc - 1] : "";
        if (at > 0 && word[0] != '-')
                word = argv[at - 1];
        options_fail("%s: not understood here; --help lists what is", word);
}

static void refuse(const char *name, const char *text, int err, const char *example) __attribute__((noreturn));

static void refuse(const char *name, const char *text, int err, const char *example)
{
        if (err == ERR_UNIT)
                options_fail("--%s %s: a unit is required, as in %s", name, text, example);
        if (err == ERR_RANGE)
                options_fail("--%s %s: out of range", name, text);
        options_fail("--%s %s: not understood; write it as in %s", name, text, example);
}

int64_t options_span(const char *name, const char *text, int64_t min_ns, int64_t max_ns)
{
        int64_t v;
        char low[UNITS_TEXT_MAX], high[UNITS_TEXT_MAX];
        int err = units_span(text, &v);
        if (err)
                refuse(name, text, err, "20ms or 10s");
        if (v < min_ns || v > max_ns)
                options_fail("--%s %s: must lie between %s and %s", name, text, units_span_text(min_ns, low),
                             units_span_text(max_ns, high));
        return v;
}

uint64_t options_size(const char *name, const char *text, uint64_t min_bytes, uint64_t max_bytes)
{
        uint64_t v;
        int err = units_size(text, &v);
        if (err)
                refuse(name, text, err, "64b or 16mib");
        if (v < min_bytes || v > max_bytes)
                options_fail("--%s %s: must lie between %" PRIu64 "b and %" PRIu64 "b", name, text, min_bytes,
                             max_bytes);
        return v;
}

double options_rate(const char *name, const char *text)
{
        double v;
        int err = units_rate(text, &v);
        if (err)
                refuse(name, text, err, "200/s");
        if (v <= 0)
                options_fail("--%s %s: must be above 0", name, text);
        return v;
}

double options_share(const char *name, const char *text)
{
        double v;
        int err = units_share(text, &v);
        if (err)
                refuse(name, text, err, "2%");
        return v;
}

uint64_t options_count(const char *name, const char *text, uint64_t min, uint64_t max)
{
        uint64_t v;
        int err = units_count(text, &v);
        if (err)
                refuse(name, text, err, "10, a whole number");
        if (v < min || v > max)
                options_fail("--%s %s: must lie between %" PRIu64 " and %" PRIu64, name, text, min, max);
        return v;
}

int options_word(const char *name, const char *text, const char *const *words)
{
        char all[256] = "";
        for (int i = 0; words[i]; i++) {
                if (strcmp(text, words[i]) == 0)
                        return i;
                size_t n = strlen(all);
                snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", words[i]);
        }
        options_fail("--%s %s: must be one of %s", name, text, all);
}

bool options_switch(const char *name, const char *text)
{
        static const char *const words[] = { "off", "on", NULL };
        return options_word(name, text, words) == 1;
}
