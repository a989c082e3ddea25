#include "lab/runs.h"

#include "core/base/options.h"
#include "lab/compare.h"

#include <stdio.h>
#include <string.h>

static const struct named {
        const char *name, *words;
        int (*run)(int argc, char **argv);
} runs[] = {
        { "compare", "the same events over TCP and UDP through one bad network, in one table", compare_main },
};

static void list(FILE *out)
{
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
                fprintf(out, "  %-10s %s\n", runs[i].name, runs[i].words);
}

static int usage(FILE *out, int code)
{
        fprintf(out, "Usage: lab run NAME [OPTION...]\n\n");
        list(out);
        fprintf(out, "\n`lab run NAME --help` says more.\n");
        return code;
}

int runs_main(int argc, char **argv)
{
        if (argc < 2)
                return usage(stderr, EXIT_USAGE);
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)
                return usage(stdout, EXIT_DONE);
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
                if (strcmp(argv[1], runs[i].name) == 0) {
                        char name[64];
                        snprintf(name, sizeof name, "lab run %s", argv[1]);
                        argv[1] = name;
                        return runs[i].run(argc - 1, argv + 1);
                }
        fprintf(stderr, "lab: there is no run '%s'; `lab list` shows them\n", argv[1]);
        return EXIT_USAGE;
}

int runs_list_main(int argc, char **argv)
{
        if (argc > 1 && strcmp(argv[1], "--help") != 0) {
                fprintf(stderr, "lab: list takes no '%s'\n", argv[1]);
                return EXIT_USAGE;
        }
        printf("Runs, for `lab run NAME`:\n\n");
        list(stdout);
        return EXIT_DONE;
}
