/* lab: a repeatable bad network under the two twins, and what can be learned with it. */
#include "core/base/log.h"
#include "core/base/options.h"
#include "lab/doctor.h"
#include "lab/likeness.h"
#include "lab/link_main.h"
#include "lab/runs.h"
#include "lab/serve.h"

static const struct options_command commands[] = {
        { "doctor", "what this machine allows, and how to cure what it lacks", doctor_main },
        { "list", "the runs that have a name", runs_list_main },
        { "run", "one of them: `lab run compare` is the main job", runs_main },
        { "serve", "both servers on one hub: what is said on one path is heard on both", serve_main },
        { "link", "any two programs with an emulated path between them", link_main },
        { "same", "do two decision logs tell of the same fates?", likeness_main },
        { 0 },
};

int main(int argc, char **argv)
{
        log_name_set("lab");
        return options_command(commands, argc, argv);
}
