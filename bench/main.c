/* bin/bench: measures both paths, and prints figures that cannot lie about an event. */
#include <stdio.h>
#include <string.h>

#include "bench/run.h"
#include "bench/speed.h"
#include "core/base/log.h"
#include "core/base/options.h"

static const struct command {
        const char *name, *words;
        int (*run)(int argc, char **argv);
} commands[] = {
        { "run", "say a plan of events, and measure what becomes of each at each subscriber", run_main },
        { "speed", "server CPU per delivery, beside a bare batch send of the same bytes", speed_main },
};

static int usage(FILE *out, int code)
{
        fprintf(out, "Usage: bench COMMAND [OPTION...]\n\n");
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
                fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].words);
        fprintf(out, "\n`bench COMMAND --help` says more.\n");
        return code;
}

int main(int argc, char **argv)
{
        log_name_set("bench");
        if (argc < 2)
                return usage(stderr, EXIT_USAGE);
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)
                return usage(stdout, EXIT_DONE);
        if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
                return puts(argp_program_version) < 0;
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
                if (strcmp(argv[1], commands[i].name) == 0) {
                        char name[64];
                        snprintf(name, sizeof name, "bench %s", argv[1]);
                        argv[1] = name;
                        return commands[i].run(argc - 1, argv + 1);
                }
        }
        fprintf(stderr, "bench: there is no command '%s'; `bench --help` lists them\n", argv[1]);
        return EXIT_USAGE;
}
