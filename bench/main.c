/* bin/bench: measures both paths, and prints figures that cannot lie about an event. */
#include "bench/idle.h"
#include "bench/run.h"
#include "bench/speed.h"
#include "core/base/log.h"
#include "core/base/options.h"

static const struct options_command commands[] = {
        { "run", "say a plan of events, and measure what becomes of each at each subscriber", run_main },
        { "speed", "server CPU per delivery, beside a bare batch send of the same bytes", speed_main },
        { "idle", "what connections cost that only stand, and what is left of those that went", idle_main },
        { 0 },
};

int main(int argc, char **argv)
{
        log_name_set("bench");
        return options_command(commands, argc, argv);
}
