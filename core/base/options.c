#include "core/base/options.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/units.h"

const char *argp_program_version = "Twincast 0.1";

static const char *program = "twincast";

enum { KEY_USAGE = 0x7000 };

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

/* argp's own help and errors come as a pair: silencing its two-line errors silences its help. So
 * both are done here, around the program's argp. */
static const struct argp_option common_options[] = {
        { "help", '?', 0, 0, "give this list", -1 },
        { "usage", KEY_USAGE, 0, 0, "give a short usage message", -1 },
        { "version", 'V', 0, 0, "print the version", -1 },
        { 0 },
};

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
        char *name = state->name;
        (void)arg;
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = state->input;
                state->err_stream = NULL; /* no "Try --help" of argp's; see complain */
                return 0;
        case '?':
                argp_help(state->root_argp, stdout, ARGP_HELP_LONG | ARGP_HELP_DOC | ARGP_HELP_USAGE, name);
                exit(EXIT_DONE);
        case KEY_USAGE:
                argp_help(state->root_argp, stdout, ARGP_HELP_USAGE, name);
                exit(EXIT_DONE);
        case 'V':
                puts(argp_program_version);
                exit(EXIT_DONE);
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

/* Only getopt knows which word it did not understand, and it tells nobody but stderr. */
static void complain(const struct argp *whole, int argc, char **argv, unsigned flags, void *input)
{
        char *words = NULL;
        size_t n = 0;
        FILE *real = stderr;
        FILE *memory = open_memstream(&words, &n);
        if (memory) {
                stderr = memory;
                (void)argp_parse(whole, argc, argv, flags | ARGP_NO_HELP, NULL, input);
                stderr = real;
                fclose(memory);
        }
        /* "PROGRAM: unrecognized option '--x'\n" */
        size_t name_n = strlen(argv[0]);
        char *line = words && n > name_n + 2 && strncmp(words, argv[0], name_n) == 0 ? words + name_n + 2 : words;
        if (line)
                line[strcspn(line, "\n")] = '\0';
        options_fail("%s; --help lists the options and what they take", line && line[0] ? line : "not understood");
}

static void program_set(char **argv)
{
        const char *slash = strrchr(argv[0], '/');
        program = slash ? slash + 1 : argv[0];
}

static void parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input)
{
        program_set(argv);
        struct argp inner = *argp;
        inner.args_doc = NULL; /* said by the outer one; else it is printed twice */
        struct argp_child children[] = { { &inner, 0, NULL, 0 }, { 0 } };
        struct argp whole = { common_options, parse_common, argp->args_doc, NULL, children, NULL, NULL };
        if (argp_parse(&whole, argc, argv, flags | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, input) != 0)
                complain(&whole, argc, argv, flags, input);
}

void options_parse(const struct argp *argp, int argc, char **argv, void *input)
{
        parse(argp, argc, argv, 0, input);
}

void options_parse_until_word(const struct argp *argp, int argc, char **argv, void *input)
{
        parse(argp, argc, argv, ARGP_IN_ORDER, input);
}

void options_command_list(const struct options_command *commands)
{
        for (; commands->name; commands++)
                printf("  %-10s %s\n", commands->name, commands->words);
}

int options_command(const struct options_command *commands, int argc, char **argv)
{
        program_set(argv);
        const char *word = argc > 1 ? argv[1] : "";
        if (strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0) {
                printf("Usage: %s COMMAND [OPTION...]\n\n", program);
                options_command_list(commands);
                printf("\n`%s COMMAND --help` says more.\n", program);
                return EXIT_DONE;
        }
        if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
                puts(argp_program_version);
                return EXIT_DONE;
        }
        if (argc < 2)
                options_fail("a command is missing; `%s --help` lists them", program);
        for (; commands->name; commands++) {
                if (strcmp(word, commands->name) == 0) {
                        char name[64];
                        snprintf(name, sizeof name, "%s %s", program, word);
                        argv[1] = name;
                        return commands->run(argc - 1, argv + 1);
                }
        }
        options_fail("there is no command '%s'; `%s --help` lists them", word, program);
}

static void refuse(const char *name, const char *text, int err, const char *example) __attribute__((noreturn));

static void refuse(const char *name, const char *text, int err, const char *example)
{
        if (err == ERR_UNIT)
                options_fail("--%s %s: a unit is required, as in %s", name, text, example);
        options_fail("--%s %s: not understood; write it as in %s", name, text, example);
}

int64_t options_span(const char *name, const char *text, int64_t min_ns, int64_t max_ns)
{
        int64_t v;
        char low[UNITS_TEXT_MAX], high[UNITS_TEXT_MAX];
        int err = units_span(text, &v);
        if (err && err != ERR_RANGE)
                refuse(name, text, err, "20ms or 10s");
        if (err || v < min_ns || v > max_ns)
                options_fail("--%s %s: must lie between %s and %s", name, text, units_span_text(min_ns, low),
                             units_span_text(max_ns, high));
        return v;
}

uint64_t options_size(const char *name, const char *text, uint64_t min_bytes, uint64_t max_bytes)
{
        uint64_t v;
        int err = units_size(text, &v);
        if (err && err != ERR_RANGE)
                refuse(name, text, err, "64b or 16mib");
        if (err || v < min_bytes || v > max_bytes)
                options_fail("--%s %s: must lie between %" PRIu64 "b and %" PRIu64 "b", name, text, min_bytes,
                             max_bytes);
        return v;
}

uint64_t options_bitrate(const char *name, const char *text, uint64_t min_bps, uint64_t max_bps)
{
        uint64_t v;
        int err = units_bitrate(text, &v);
        if (err && err != ERR_RANGE)
                refuse(name, text, err, "10mbit");
        if (err || v < min_bps || v > max_bps)
                options_fail("--%s %s: must lie between %" PRIu64 "bit and %" PRIu64 "bit", name, text, min_bps,
                             max_bps);
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
        if (err == ERR_RANGE)
                options_fail("--%s %s: must lie between 0%% and 100%%", name, text);
        if (err)
                refuse(name, text, err, "2%");
        return v;
}

uint64_t options_count(const char *name, const char *text, uint64_t min, uint64_t max)
{
        uint64_t v;
        int err = units_count(text, &v);
        if (err && err != ERR_RANGE)
                refuse(name, text, err, "10, a whole number");
        if (err || v < min || v > max)
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

const char *options_secret(const char *name, const char *file, size_t max)
{
        static char line[OPTIONS_SECRET_MAX + 2];
        FILE *f = fopen(file, "r");
        assert(max <= OPTIONS_SECRET_MAX);
        line[0] = '\0';
        bool read = f && (fgets(line, (int)max + 2, f) || !ferror(f));
        if (!read)
                options_machine("--%s %s: %s", name, file, strerror(errno));
        line[strcspn(line, "\n")] = '\0';
        size_t n = 0;
        while (line[n] >= ' ' && line[n] <= '~')
                n++;
        if (n == 0 || n > max || line[n])
                options_machine("--%s %s: must hold one line of 1 to %zu printable characters", name, file, max);
        fclose(f);
        return line;
}
