#include "lab/runs.h"

#include "core/base/options.h"
#include "lab/compare.h"

#include <stdio.h>

static const struct options_command runs[] = {
        { "compare", "the same events over TCP and UDP through one bad network, in one table", compare_main },
        { 0 },
};

int runs_main(int argc, char **argv)
{
        return options_command(runs, argc, argv);
}

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
        (void)state;
        if (key == ARGP_KEY_ARG)
                options_fail("%s: nothing more is wanted", arg);
        return ARGP_ERR_UNKNOWN;
}

int runs_list_main(int argc, char **argv)
{
        static const struct argp argp = { NULL, parse_list, NULL, "Lists what `lab run` can run.", NULL, NULL, NULL };
        options_parse(&argp, argc, argv, NULL);
        printf("Runs, for `lab run NAME`:\n\n");
        options_command_list(runs);
        return EXIT_DONE;
}
