#include "lab/link_main.h"

#include "core/base/options.h"
#include "core/base/units.h"
#include "core/loop/loop.h"
#include "lab/link_run.h"
#include "lab/netns.h"
#include "lab/scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MAX_MS = 10000, STOP_MAX_MS = 2000, POLL_MS = 20 };

struct options {
        struct scenario scenario; /* both directions alike */
        uint64_t seed;
        struct link_flow_rule rules[LINK_RULES_MAX];
        size_t rules_n;
        const char *near, *out;
        char **command;
};

enum { OPT_SEED = 1, OPT_FLOW, OPT_CLEAN, OPT_NEAR, OPT_OUT };

static const struct argp_option argp_options[] = {
        { "seed", OPT_SEED, "N", 0, "decides the fate of every packet (1)", 0 },
        { "flow", OPT_FLOW, "NAME=FIRST-LAST", 0,
          "names the far side's ports of one kind of traffic, as in tcp=20000-20099; again for more", 0 },
        { "clean", OPT_CLEAN, "NAME=FIRST-LAST", 0,
          "as --flow, and leaves that traffic alone: neither delayed nor lost", 0 },
        { "near", OPT_NEAR, "COMMAND", 0,
          "what the shell runs at " NETNS_NEAR_LINK " first; it has to print a line when it is ready", 0 },
        { "out", OPT_OUT, "DIR", 0, "write link.json and decisions.csv to this folder", 0 },
        { 0 },
};

/* Reads NAME=FIRST-LAST or NAME=PORT. */
static bool parse_rule(const char *text, bool clean, struct link_flow_rule *rule)
{
        unsigned first, last;
        char end;
        *rule = (struct link_flow_rule){ .clean = clean };
        int n = sscanf(text, "%31[A-Za-z0-9_-]=%5u-%5u%c", rule->name, &first, &last, &end);
        if (n == 2 && sscanf(text, "%*31[A-Za-z0-9_-]=%*5u%c", &end) != 1)
                last = first;
        else if (n != 3)
                return false;
        rule->port_first = (uint16_t)first;
        rule->port_last = (uint16_t)last;
        return first >= 1 && first <= last && last <= 65535;
}

static void add_rule(struct options *o, const char *name, const char *text, bool clean)
{
        if (o->rules_n == LINK_RULES_MAX)
                options_fail("--%s %s: at most %d of --flow and --clean", name, text, LINK_RULES_MAX);
        if (!parse_rule(text, clean, &o->rules[o->rules_n++]))
                options_fail("--%s %s: not NAME=FIRST-LAST; write it as in tcp=20000-20099", name, text);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
        struct options *o = state->input;
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &o->scenario;
                return 0;
        case OPT_SEED:
                o->seed = options_count("seed", arg, 0, UINT64_MAX);
                return 0;
        case OPT_FLOW:
                add_rule(o, "flow", arg, false);
                return 0;
        case OPT_CLEAN:
                add_rule(o, "clean", arg, true);
                return 0;
        case OPT_NEAR:
                o->near = arg;
                return 0;
        case OPT_OUT:
                o->out = arg;
                return 0;
        case ARGP_KEY_ARGS:
                o->command = state->argv + state->next;
                state->next = state->argc;
                return 0;
        case ARGP_KEY_NO_ARGS:
                options_fail("what shall run at " NETNS_FAR_LINK
                             "? A COMMAND is missing, as in -- ping " NETNS_NEAR_LINK);
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static const char doc[] =
        "Runs COMMAND in a network of its own at " NETNS_FAR_LINK ", behind an emulated path to " NETNS_NEAR_LINK
        ". A second, clean path leads from " NETNS_FAR_CLEAN " to " NETNS_NEAR_CLEAN ".\v"
        "Without options the path is perfect. A blackout's time counts from COMMAND's start. The same seed makes the "
        "same decisions.\n\n"
        "  lab link --delay 25ms --loss 2% -- ping -c 10 " NETNS_NEAR_LINK "\n"
        "  lab link --delay 25ms --near 'bin/udp_server -l 0.0.0.0:3001' -- \\\n"
        "      bin/client udp://" NETNS_NEAR_LINK ":3001";

/* What runs while the command does. */
struct stage {
        struct netns_pair pair;
        struct link_run *link;
        pid_t near_pid; /* 0: none, or it has ended */
        int near_out;   /* its standard output */
        pid_t far_pid;
};

/* Passes on what the near program has printed; true when there was something. */
static bool relay(struct stage *s)
{
        char text[4096];
        ssize_t n = s->near_out < 0 ? 0 : read(s->near_out, text, sizeof text);
        if (n <= 0 && s->near_out >= 0) {
                close(s->near_out);
                s->near_out = -1;
        }
        return n > 0 && fwrite(text, 1, (size_t)n, stderr) == (size_t)n;
}

static bool start_near(struct stage *s, const char *near)
{
        int out[2];
        if (pipe(out) < 0)
                return false;
        char *words = NULL;
        if (asprintf(&words, "exec %s", near) < 0)
                return false;
        char *argv[] = { "/bin/sh", "-c", words, NULL };
        pid_t pid = netns_spawn(
                &s->pair,
                &(struct netns_command){ .side = NETNS_NEAR, .argv = argv, .stdout_fd = out[1], .keep_fd = -1 });
        close(out[1]);
        free(words);
        s->near_out = out[0];
        s->near_pid = pid > 0 ? pid : 0;
        struct pollfd fd = { out[0], POLLIN, 0 };
        return pid > 0 && poll(&fd, 1, READY_MAX_MS) == 1 && relay(s);
}

/* Waits until the process ends, at most max_ms (-1: for ever), and relays meanwhile. */
static bool wait_for_end(struct stage *s, pid_t pid, int max_ms, int *status)
{
        for (int waited = 0; max_ms < 0 || waited < max_ms; waited += POLL_MS) {
                pid_t ended = waitpid(pid, status, WNOHANG);
                if (ended == pid || (ended < 0 && errno != EINTR))
                        return true;
                struct pollfd fd = { s->near_out, POLLIN, 0 };
                if (poll(&fd, 1, POLL_MS) == 1)
                        relay(s);
        }
        return false;
}

static void stop_near(struct stage *s)
{
        int status;
        if (s->near_pid > 0) {
                kill(s->near_pid, SIGTERM);
                if (!wait_for_end(s, s->near_pid, STOP_MAX_MS, &status)) {
                        kill(s->near_pid, SIGKILL);
                        waitpid(s->near_pid, &status, 0);
                }
        }
        if (s->near_out >= 0)
                close(s->near_out);
}

static int run_far(struct stage *s, char **command)
{
        link_run_t0(s->link, loop_clock());
        s->far_pid = netns_spawn(
                &s->pair,
                &(struct netns_command){ .side = NETNS_FAR, .argv = command, .stdout_fd = -1, .keep_fd = -1 });
        if (s->far_pid < 0) {
                fprintf(stderr, "link: cannot run %s: %s\n", command[0], strerror(errno));
                return EXIT_MACHINE;
        }
        int status = 0;
        wait_for_end(s, s->far_pid, -1, &status);
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void print_way(const struct link_way *way, enum link_direction d)
{
        uint64_t packets = 0, lost = 0, dark = 0, queue = 0, overflow = 0;
        for (size_t i = 0; i < way->totals_n; i++)
                for (int c = 0; c < LINK_CLASSES; c++)
                        for (int v = 0; v < LINK_VERDICTS; v++) {
                                uint64_t n = way->totals[i].count[c][v].packets;
                                packets += n;
                                lost += v == LINK_LOST ? n : 0;
                                dark += v == LINK_BLACKOUT ? n : 0;
                                queue += v == LINK_QUEUE ? n : 0;
                                overflow += v == LINK_OVERFLOW ? n : 0;
                        }
        char p50[UNITS_TEXT_MAX], p99[UNITS_TEXT_MAX];
        fprintf(stderr,
                "link: %-4s %" PRIu64 " packets, %" PRIu64 " lost, %" PRIu64 " in the dark, %" PRIu64
                " dropped by the queue, %" PRIu64 " overflowed, %" PRIu64
                " dropped by the device; late by %s (p50), %s (p99)\n",
                link_direction_text(d), packets, lost, dark, queue, overflow, way->device_dropped,
                units_span_text(way->late_p50_ns, p50), units_span_text(way->late_p99_ns, p99));
}

static void make_out(const char *dir)
{
        if (mkdir(dir, 0777) < 0 && errno != EEXIST)
                options_machine("--out %s: %s", dir, strerror(errno));
}

static int on_stage(struct stage *s, const struct options *o)
{
        char result[4096], decisions[4096];
        struct link_config way = scenario_link(&o->scenario, o->seed);
        way.rules = o->rules;
        way.rules_n = o->rules_n;
        snprintf(result, sizeof result, "%s/link.json", o->out ? o->out : "");
        snprintf(decisions, sizeof decisions, "%s/decisions.csv", o->out ? o->out : "");
        s->link = link_run_start(&(struct link_run_config){ .near = s->pair.tun[NETNS_NEAR],
                                                            .far = s->pair.tun[NETNS_FAR],
                                                            .way = { way, way },
                                                            .result_path = o->out ? result : NULL,
                                                            .decisions_path = o->out ? decisions : NULL });
        if (!s->link) {
                fprintf(stderr, "link: cannot start the link's process: %s\n", strerror(errno));
                return EXIT_MACHINE;
        }
        int code = EXIT_MACHINE;
        if (o->near && !start_near(s, o->near))
                fprintf(stderr, "link: the near program printed no line that it is ready: %s\n", o->near);
        else
                code = run_far(s, o->command);
        stop_near(s);
        struct link_summary summary;
        if (link_run_end(s->link, &summary) < 0)
                return EXIT_MACHINE;
        for (int d = 0; d < LINK_DIRECTIONS; d++)
                print_way(&summary.way[d], (enum link_direction)d);
        if (!summary.fifo)
                fprintf(stderr, "link: without real-time priority; expect packets to be late on a busy machine\n");
        return code;
}

int link_main(int argc, char **argv)
{
        static const struct argp_child children[] = { { &scenario_argp, 0, NULL, 0 }, { 0 } };
        static const struct argp argp = {
                argp_options, parse_option, "[--] COMMAND [ARG...]", doc, children, NULL, NULL
        };
        struct options o = { .seed = 1 };
        options_parse_until_word(&argp, argc, argv, &o);
        if (o.out)
                make_out(o.out);
        /* A terminal's Ctrl-C reaches the programs by itself; we stay to clear up after them. */
        signal(SIGINT, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        struct stage s = { .near_out = -1 };
        char why[NETNS_WHY_MAX];
        if (netns_create(&s.pair, why) < 0) {
                fprintf(stderr, "link: namespaces are not allowed here: %s\n", why);
                return EXIT_MACHINE;
        }
        int code = on_stage(&s, &o);
        netns_destroy(&s.pair);
        return code;
}
