#include "lab/compare.h"

#include "bench/run.h"
#include "core/base/err.h"
#include "core/base/options.h"
#include "lab/link_figures.h"
#include "lab/link_run.h"
#include "lab/netns.h"
#include "lab/scenario.h"
#include "lab/servers.h"
#include "lab/urgent.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DIR_MAX = 400, FILE_MAX = DIR_MAX + 32 };

#define PREFERRED_CONGESTION "cubic" /* what most hosts run; bbr does not mind 2 % of loss and hides the lesson */
#define TCP_PORT             ":3000"
#define UDP_PORT             ":3001"

struct comparison {
        struct run_options run;
        struct scenario scenario;
        struct netns_pair pair;
        bool has_pair;
        struct servers servers;
        struct link_run *link; /* NULL: on loopback, or it has ended */
        struct link_summary summary;
        bool link_ended_well;
        struct plan plan;
        struct report report;
        char out_dir[DIR_MAX];
};

/* ---- options ------------------------------------------------------------------------------ */

static const char doc[] =
        "Says the same events to subscribers over TCP and over UDP, through the same bad network, and prints what "
        "became of them: latency, loss before and after repair, recovery, and that no event is unaccounted for.\v"
        "Unless told otherwise the network takes 25ms and loses 2% each way, a round trip of 50ms; a blackout's time "
        "counts from the first event.\n\n"
        "Results go to ./results/compare-SEED unless --out says otherwise: results.json, ledger.csv, "
        "latency-*.hgrm, and of the network link.json and decisions.csv. The congestion control "
        "is " PREFERRED_CONGESTION " where the machine allows it.\n\n"
        "  lab run compare --loss 5% --seed 7\n"
        "  lab run compare --loss 0% --blackout-at 9s --blackout-for 2s\n\n"
        "Exit code: 0 valid and every event accounted for; 1 an event is not; 3 the machine lacks something; "
        "4 a bound of the measurement was broken, so the figures are not valid.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct comparison *c = state->input;
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &c->run;
                state->child_inputs[1] = &c->scenario;
                return 0;
        case ARGP_KEY_ARG:
                options_fail("%s: takes options only; --help lists them", arg);
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

/* Makes the folder and those above it. */
static void make_dir(char *dir)
{
        for (char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                (void)mkdir(dir, 0777); /* what matters is the last one */
                *slash = '/';
        }
        if (mkdir(dir, 0777) < 0 && errno != EEXIST)
                options_machine("--out %s: %s", dir, strerror(errno));
}

static void choose_dir(struct comparison *c)
{
        int n = c->run.out_dir ? snprintf(c->out_dir, DIR_MAX, "%s", c->run.out_dir)
                               : snprintf(c->out_dir, DIR_MAX, "results/compare-%" PRIu64, c->run.seed);
        if (n == 0 || n >= DIR_MAX)
                options_fail("--out %s: not a name for a folder", c->run.out_dir);
        make_dir(c->out_dir);
}

/* ---- the stage ---------------------------------------------------------------------------- */

/* Asks where the sockets will be: rights differ there. */
static bool congestion_allowed(const struct comparison *c, const char *name)
{
        pid_t pid = fork();
        if (pid == 0)
                _exit((c->has_pair && netns_enter(&c->pair, NETNS_FAR) < 0) || !sock_congestion_allowed(name));
        int status = -1;
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return status == 0;
}

static void choose_congestion(struct comparison *c)
{
        const char *wanted = c->run.congestion ? c->run.congestion : PREFERRED_CONGESTION;
        bool allowed = congestion_allowed(c, wanted);
        if (!allowed && c->run.congestion)
                options_machine("--congestion %s: not allowed here, or not known to this kernel", wanted);
        c->run.congestion = allowed ? wanted : NULL;
}

static void start_link(struct comparison *c)
{
        struct link_flow_rule rules[PATHS_MAX] = { 0 };
        struct link_config way = scenario_link(&c->scenario, c->run.seed);
        char result[FILE_MAX], decisions[FILE_MAX];
        for (int i = 0; i < c->run.paths; i++) {
                const struct path *path = c->run.path[i];
                rules[i].port_first = path->port_first;
                rules[i].port_last = (uint16_t)(path->port_first + PATH_PORTS - 1);
                snprintf(rules[i].name, sizeof rules[i].name, "%s", path->name);
        }
        way.rules = rules;
        way.rules_n = (size_t)c->run.paths;
        snprintf(result, sizeof result, "%s/link.json", c->out_dir);
        snprintf(decisions, sizeof decisions, "%s/decisions.csv", c->out_dir);
        c->link = link_run_start(&(struct link_run_config){ .near = c->pair.tun[NETNS_NEAR],
                                                            .far = c->pair.tun[NETNS_FAR],
                                                            .way = { way, way },
                                                            .result_path = result,
                                                            .decisions_path = decisions });
        if (!c->link)
                options_machine("cannot start the link's process: %s", strerror(errno));
}

static void start_servers(struct comparison *c)
{
        char why[SERVERS_WHY_MAX];
        int err = servers_start(&c->servers,
                                &(struct servers_config){ .pair = c->has_pair ? &c->pair : NULL,
                                                          .tcp = c->has_pair ? "0.0.0.0" TCP_PORT : "127.0.0.1:0",
                                                          .udp = c->has_pair ? "0.0.0.0" UDP_PORT : "127.0.0.1:0",
                                                          .congestion = c->run.congestion,
                                                          .seed = c->run.seed,
                                                          .per_address = c->run.subscribers * (uint32_t)c->run.paths },
                                why);
        if (err)
                options_machine("%s", why);
}

/* Two networks with the servers in one and us in the other; or loopback. */
static void set_up(struct comparison *c)
{
        struct report *r = &c->report;
        char why[NETNS_WHY_MAX], text[SCENARIO_TEXT_MAX];
        c->has_pair = netns_create(&c->pair, why) == 0;
        choose_congestion(c);
        if (c->has_pair)
                start_link(c);
        bool urgent = urgent_become(URGENT_ENDS);
        start_servers(c);
        if (c->has_pair && netns_enter(&c->pair, NETNS_FAR) < 0)
                options_machine("cannot enter the subscribers' network: %s", strerror(errno));
        if (c->has_pair) {
                r->network = REPORT_LINK;
                snprintf(r->scenario, sizeof r->scenario, "%s", scenario_text(&c->scenario, text));
                r->scenario_hash = scenario_hash(&c->scenario);
                r->loss_configured = loss_expected(&c->scenario.loss);
        } else {
                r->network = REPORT_LOOPBACK;
                snprintf(r->network_why, sizeof r->network_why, "this machine allows no namespaces: %s", why);
                snprintf(r->scenario, sizeof r->scenario, "loopback");
        }
        fprintf(stderr, "compare: %s; %" PRIu32 " subscribers on each of %d paths; seed %" PRIu64 "\n",
                c->has_pair ? r->scenario : r->network_why, c->run.subscribers, c->run.paths, c->run.seed);
        if (!urgent)
                fprintf(stderr, "compare: no right to real-time priority; other work on this machine will show\n");
}

static void tear_down(struct comparison *c)
{
        if (c->link)
                (void)link_run_end(c->link, &c->summary);
        servers_stop(&c->servers);
        if (c->has_pair)
                netns_destroy(&c->pair);
        plan_free(&c->plan);
        urgent_become(URGENT_NOT);
}

/* ---- the run ------------------------------------------------------------------------------ */

static void on_started(void *ctx, struct mono t0)
{
        struct comparison *c = ctx;
        if (c->link)
                (void)link_run_t0(c->link, t0); /* a link that is gone is noticed at its end */
}

static void on_ended(void *ctx)
{
        struct comparison *c = ctx;
        if (c->link)
                c->link_ended_well = link_run_end(c->link, &c->summary) == 0;
        c->link = NULL;
}

static struct sock_addr address(const char *text)
{
        struct sock_addr a = { 0 };
        (void)sock_addr_parse(text, &a); /* our own words */
        return a;
}

static int measure(struct comparison *c, char why[RUN_WHY_MAX])
{
        struct run_config config = { .plan = &c->plan,
                                     .paths = c->run.paths,
                                     .subscribers = c->run.subscribers,
                                     .tcp = c->has_pair ? address(NETNS_NEAR_LINK TCP_PORT) : c->servers.tcp,
                                     .udp = c->has_pair ? address(NETNS_NEAR_LINK UDP_PORT) : c->servers.udp,
                                     .publish = c->has_pair ? address(NETNS_NEAR_CLEAN TCP_PORT) : c->servers.tcp,
                                     .fixed_ports = c->has_pair,
                                     .congestion = c->run.congestion,
                                     .seed = c->run.seed,
                                     .fault = c->run.fault,
                                     .progress = true,
                                     .out_dir = c->out_dir,
                                     .started = on_started,
                                     .ended = on_ended,
                                     .ctx = c };
        memcpy(config.path, c->run.path, sizeof config.path);
        int err = run_measure(&config, &c->report, why);
        char how[SERVERS_WHY_MAX];
        if (err != ERR_CLOSED && servers_ended(&c->servers, how)) {
                snprintf(why, RUN_WHY_MAX, "%s", how);
                return ERR_SYSTEM;
        }
        if (!err && c->has_pair && !c->link_ended_well) {
                snprintf(why, RUN_WHY_MAX, "the link's process failed; see above");
                return ERR_SYSTEM;
        }
        if (!err && c->has_pair)
                link_figures(&c->summary, &c->report);
        return err;
}

int compare_main(int argc, char **argv)
{
        static const struct argp_child children[] = { { &run_argp, 0, NULL, 0 },
                                                      { &scenario_argp, 0, NULL, 0 },
                                                      { 0 } };
        static const struct argp argp = { NULL, parse, NULL, doc, children, NULL, NULL };
        static struct comparison c = { .servers = { .out_fd = -1 } };
        char why[RUN_WHY_MAX];
        c.run = run_options_defaults();
        c.scenario = (struct scenario){ .delay_ns = 25 * NS_PER_MS, .loss = loss_bernoulli(0.02) };
        options_parse(&argp, argc, argv, &c);
        signal(SIGPIPE, SIG_IGN);
        choose_dir(&c);
        run_plan(&c.run, &c.plan, &c.report);
        set_up(&c);
        int err = measure(&c, why);
        tear_down(&c);
        if (err == ERR_CLOSED) {
                fprintf(stderr, "compare: stopped\n");
                return EXIT_STOPPED;
        }
        if (err)
                options_machine("%s", why);
        int code = run_conclude(&c.report, c.out_dir);
        if (c.has_pair)
                printf("network: %s/ (link.json, decisions.csv: the fate of every packet)\n", c.out_dir);
        return code;
}
