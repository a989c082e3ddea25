/* run_main: the command line of a measured run, and what is done with its report. EDGE. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/payload.h"
#include "bench/run.h"
#include "core/base/err.h"
#include "core/base/options.h"
#include "core/service/service.h"
#include "core/base/units.h"

enum {
        KEY_RATE = 0x2000,
        KEY_SIZE,
        KEY_DURATION,
        KEY_SPACING,
        KEY_SUBSCRIBERS,
        KEY_PATHS,
        KEY_SEED,
        KEY_PLAN,
        KEY_OUT,
        KEY_FAULT,
        KEY_CONGESTION
};

static const struct argp_option option_list[] = {
        { 0, 0, 0, 0, "What is said, to whom:", 10 },
        { "rate", KEY_RATE, "RATE", 0, "events per second (200/s)", 0 },
        { "size", KEY_SIZE, "SIZE", 0, "payload of an event, 16b to 65000b (64b)", 0 },
        { "duration", KEY_DURATION, "SPAN", 0, "how long events are said (20s)", 0 },
        { "spacing", KEY_SPACING, "constant|poisson", 0, "the time between two events (constant)", 0 },
        { "plan", KEY_PLAN, "FILE", 0,
          "take times and sizes from a pcap or pcapng file instead; sizes over 65000b are clamped on all paths, and "
          "counted",
          0 },
        { "subscribers", KEY_SUBSCRIBERS, "N", 0, "how many on each path (5)", 0 },
        { "paths", KEY_PATHS, "LIST", 0,
          "some of tcp, udp-raw, udp-nack-ordered (or udp-nack), udp-nack-unordered (these four), udp-fec-ordered (or "
          "udp-fec), udp-fec-unordered, as in tcp,udp-nack",
          0 },
        { "seed", KEY_SEED, "N", 0, "decides everything random in the experiment (1)", 0 },
        { "congestion", KEY_CONGESTION, "NAME", 0, "TCP congestion control (the system's; in `lab run` see below)", 0 },
        { "out", KEY_OUT, "DIR", 0, "write results.json, ledger.csv and latency-*.hgrm to this folder", 0 },
        { "fault", KEY_FAULT, "swallow|double", 0,
          "let one subscriber keep an event for itself, or say one twice, to see the ledger notice it", 0 },
        { 0 },
};

struct run_options run_options_defaults(void)
{
        struct run_options o = { .rate_per_s = 200,
                                 .size_bytes = 64,
                                 .duration_ns = 20 * NS_PER_S,
                                 .spacing = PLAN_CONSTANT,
                                 .subscribers = 5,
                                 .seed = 1,
                                 .paths = PATHS_USUAL };
        for (int i = 0; i < PATHS_USUAL; i++)
                o.path[i] = path_at(i);
        return o;
}

static void read_paths(struct run_options *o, const char *text)
{
        const char *bad;
        o->paths = path_list(text, o->path, &bad);
        if (o->paths == ERR_NOT_FOUND)
                options_fail("--paths %s: there is no path '%.*s'; there are tcp, udp-raw, udp-nack-ordered, "
                             "udp-nack-unordered, udp-fec-ordered, udp-fec-unordered",
                             text, (int)strcspn(bad, ","), bad);
        if (o->paths < 0)
                options_fail("--paths %s: name one or more paths, each once", text);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
        static const char *const spacings[] = { "constant", "poisson", NULL };
        static const char *const faults[] = { "none", "swallow", "double", NULL };
        struct run_options *o = state->input;
        switch (key) {
        case KEY_RATE:
                o->rate_per_s = options_rate("rate", arg);
                return 0;
        case KEY_SIZE:
                o->size_bytes = (uint32_t)options_size("size", arg, PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX);
                return 0;
        case KEY_DURATION:
                o->duration_ns = options_span("duration", arg, 100 * NS_PER_MS, 24 * 3600 * NS_PER_S);
                return 0;
        case KEY_SPACING:
                o->spacing = (enum plan_spacing)options_word("spacing", arg, spacings);
                return 0;
        case KEY_SUBSCRIBERS:
                o->subscribers = (uint32_t)options_count("subscribers", arg, 1, PATH_PORTS / 2);
                return 0;
        case KEY_PATHS:
                read_paths(o, arg);
                return 0;
        case KEY_SEED:
                o->seed = options_count("seed", arg, 0, UINT64_MAX);
                return 0;
        case KEY_PLAN:
                o->plan_file = arg;
                return 0;
        case KEY_OUT:
                o->out_dir = arg;
                return 0;
        case KEY_CONGESTION:
                o->congestion = arg;
                return 0;
        case KEY_FAULT:
                o->fault = (enum run_fault)options_word("fault", arg, faults);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

const struct argp run_argp = { option_list, parse, 0, 0, 0, 0, 0 };

void run_plan(const struct run_options *o, struct plan *plan, struct report *r)
{
        char why[PLAN_WHY_MAX];
        struct plan_limits limits = PLAN_LIMITS_DEFAULT;
        int err;
        if (o->plan_file) {
                err = plan_from_capture(o->plan_file, &limits, plan, why);
                if (err)
                        options_machine("--plan: %s", why);
                plan_describe(plan, stderr);
                snprintf(r->plan_file, sizeof r->plan_file, "%s", o->plan_file);
        } else {
                struct plan_shape shape = { .rate_per_s = o->rate_per_s,
                                            .duration_ns = o->duration_ns,
                                            .bytes = o->size_bytes,
                                            .spacing = o->spacing,
                                            .seed = o->seed };
                err = plan_from_seed(&shape, &limits, plan);
                if (err)
                        options_fail("--rate and --duration: %s",
                                     err == ERR_TOO_BIG ? "over a million events" : "not one event");
                r->rate_per_s = o->rate_per_s;
                r->payload_size = o->size_bytes;
        }
        r->seed = o->seed;
        r->plan_hash = plan_hash(plan);
        r->events = plan->events_n;
        r->subscribers = o->subscribers;
        r->duration_ns = o->plan_file ? plan_span_ns(plan) : o->duration_ns;
}

int run_conclude(struct report *r, const char *out_dir)
{
        int code = report_judge(r);
        report_print(r, stdout);
        if (!out_dir)
                return code;
        char file[512];
        snprintf(file, sizeof file, "%s/results.json", out_dir);
        FILE *out = fopen(file, "w");
        int err = out ? report_write_json(r, out) : ERR_SYSTEM;
        if (out && fclose(out) != 0)
                err = ERR_SYSTEM;
        if (err)
                options_machine("cannot write %s: %s", file, strerror(errno));
        printf("results: %s/ (results.json, ledger.csv, latency-*.hgrm)\n", out_dir);
        return code;
}

/* ---- bench run ---------------------------------------------------------------------------- */

struct main_options {
        struct run_options run;
        const char *tcp, *udp, *publish;
};

static const char doc[] =
        "Says a plan of events once and measures what each subscriber of each path makes of it.\v"
        "The servers are `lab serve`, or any tcp_server and udp_server on one hub:\n\n"
        "  lab serve --tcp 127.0.0.1:3000 --udp 127.0.0.1:3001 &\n"
        "  bench run --rate 200/s --duration 10s --out results\n\n"
        "Exit code: 0 valid and every event accounted for; 1 an event is not; 3 the servers are not there "
        "or the machine lacks something; 4 a bound of the measurement was broken, so the figures are not valid.";

enum { KEY_TCP = 256, KEY_UDP, KEY_PUBLISH };

static const struct argp_option main_list[] = {
        { "tcp", KEY_TCP, "ADDRESS", 0, "the TCP server (127.0.0.1:3000)", 0 },
        { "udp", KEY_UDP, "ADDRESS", 0, "the UDP server (127.0.0.1:3001)", 0 },
        { "publish", KEY_PUBLISH, "ADDRESS", 0, "the TCP server as the publisher reaches it (as --tcp)", 0 },
        { 0 },
};

static error_t parse_main(int key, char *arg, struct argp_state *state)
{
        struct main_options *o = state->input;
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &o->run;
                return 0;
        case KEY_TCP:
                o->tcp = arg;
                return 0;
        case KEY_UDP:
                o->udp = arg;
                return 0;
        case KEY_PUBLISH:
                o->publish = arg;
                return 0;
        case ARGP_KEY_ARG:
                options_fail("%s: takes options only; --help lists them", arg);
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static void read_address(const char *name, const char *text, struct sock_addr *a)
{
        service_need_address(name, text, a);
        if (sock_addr_port(a) == 0)
                options_fail("--%s %s: port 0 is nobody's; write it as in 127.0.0.1:3000", name, text);
}

int run_main(int argc, char **argv)
{
        static const struct argp_child children[] = { { &run_argp, 0, NULL, 0 }, { 0 } };
        static const struct argp argp = { main_list, parse_main, NULL, doc, children, NULL, NULL };
        struct main_options o = { run_options_defaults(), "127.0.0.1:3000", "127.0.0.1:3001", NULL };
        static struct report report;
        struct plan plan;
        options_parse(&argp, argc, argv, &o);
        struct run_config config = { .plan = &plan,
                                     .paths = o.run.paths,
                                     .subscribers = o.run.subscribers,
                                     .congestion = o.run.congestion,
                                     .seed = o.run.seed,
                                     .fault = o.run.fault,
                                     .progress = true,
                                     .out_dir = o.run.out_dir };
        memcpy(config.path, o.run.path, sizeof config.path);
        read_address("tcp", o.tcp, &config.tcp);
        read_address("udp", o.udp, &config.udp);
        read_address("publish", o.publish ? o.publish : o.tcp, &config.publish);
        service_need_congestion(o.run.congestion);
        if (o.run.out_dir && mkdir(o.run.out_dir, 0777) != 0 && errno != EEXIST)
                options_machine("--out %s: %s", o.run.out_dir, strerror(errno));
        run_plan(&o.run, &plan, &report);
        report.network = REPORT_LOOPBACK;
        snprintf(report.network_why, sizeof report.network_why, "bench run adds none; `make compare` does");
        snprintf(report.scenario, sizeof report.scenario, "the network as it is");

        char why[RUN_WHY_MAX];
        int err = run_measure(&config, &report, why);
        plan_free(&plan);
        if (err == ERR_CLOSED) {
                fprintf(stderr, "bench run: stopped\n");
                return EXIT_STOPPED;
        }
        if (err)
                options_machine("%s", why);
        return run_conclude(&report, o.run.out_dir);
}
