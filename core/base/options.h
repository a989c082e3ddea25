/* options: command lines read with argp, and one clear line for each way to get them wrong.
 *
 * For the programs' main files: these functions end the process with exit code 2, the contract's
 * code for wrong usage, after a line such as
 *
 *     bench: --rate 200: a unit is required, as in 200/s
 */
#ifndef CORE_BASE_OPTIONS_H
#define CORE_BASE_OPTIONS_H
#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

enum exit_code {
        EXIT_DONE = 0,
        EXIT_EXPECTATION = 1,
        EXIT_USAGE = 2,
        EXIT_MACHINE = 3,
        EXIT_INVALID = 4,
        EXIT_STOPPED = 130, /* a measurement was interrupted; as a shell says it of SIGINT */
};

/* argp_parse with one line for an unknown option. argv[0] is the name in front of every line. */
void options_parse(const struct argp *argp, int argc, char **argv, void *input);

/* The same, but options end at the first word, so that another program's own may follow it. */
void options_parse_until_word(const struct argp *argp, int argc, char **argv, void *input);

/* A program that is several: its commands, the list ending with a row without a name. */
struct options_command {
        const char *name, *words;
        int (*run)(int argc, char **argv); /* argv[0] is "PROGRAM NAME" */
};

/* Runs the command that argv[1] names and returns its exit code; or says --help or --version; or
 * ends the process with one line. */
int options_command(const struct options_command *commands, int argc, char **argv);
void options_command_list(const struct options_command *commands);

/* Ends the process: `PROGRAM: words`, exit 2 (usage) or 3 (the machine). */
void options_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void options_machine(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The quantity behind option `name`, or the end of the process. */
int64_t options_span(const char *name, const char *text, int64_t min_ns, int64_t max_ns);
uint64_t options_size(const char *name, const char *text, uint64_t min_bytes, uint64_t max_bytes);
uint64_t options_bitrate(const char *name, const char *text, uint64_t min_bps, uint64_t max_bps); /* bits per second */
double options_rate(const char *name, const char *text);
double options_share(const char *name, const char *text);
uint64_t options_count(const char *name, const char *text, uint64_t min, uint64_t max);
/* One of the words in the NULL-ended list: its index. */
int options_word(const char *name, const char *text, const char *const *words);
/* A secret, kept in a file since command lines are seen by all: one line of 1 to `max` printable ASCII
 * characters, at most OPTIONS_SECRET_MAX. Stays until the process ends, or asks for another. */
enum { OPTIONS_SECRET_MAX = 1024 };
const char *options_secret(const char *name, const char *file, size_t max);
bool options_switch(const char *name, const char *text); /* on, off */

#endif
