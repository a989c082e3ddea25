/* lab: a repeatable bad network under the two twins, and what can be learned with it. */
#include "lab/doctor.h"
#include "lab/likeness.h"
#include "lab/link_main.h"
#include "lab/runs.h"
#include "lab/serve.h"

#include "core/base/log.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static const struct command {
        const char *name, *words;
        int (*run)(int argc, char **argv);
} commands[] = {
        { "doctor", "what this machine allows, and how to cure what it lacks", doctor_main },
        { "list", "the runs that have a name", runs_list_main },
        { "run", "one of them: `lab run compare` is the main job", runs_main },
        { "serve", "both servers on one hub: what is said on one path is heard on both", serve_main },
        { "link", "any two programs with an emulated path between them", link_main },
        { "same", "do two decision logs tell of the same fates?", likeness_main },
};

static int usage(FILE *out, int code)
{
        fprintf(out, "Usage: lab COMMAND [OPTION...]\n\n");
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
                fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].words);
        fprintf(out, "\n`lab COMMAND --help` says more.\n");
        return code;
}

int main(int argc, char **argv)
{
        log_name_set("lab");
        if (argc < 2)
                return usage(stderr, EXIT_USAGE);
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)
                return usage(stdout, 0);
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
                if (strcmp(argv[1], commands[i].name) == 0) {
                        char name[64];
                        snprintf(name, sizeof name, "lab %s", argv[1]);
                        argv[1] = name;
                        return commands[i].run(argc - 1, argv + 1);
                }
        fprintf(stderr, "lab: there is no command '%s'; `lab --help` lists them\n", argv[1]);
        return EXIT_USAGE;
}
