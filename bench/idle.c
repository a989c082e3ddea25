#include "bench/idle.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bench/figure.h"
#include "bench/idlers.h"
#include "bench/resident.h"
#include "bench/speed_child.h"
#include "core/base/options.h"
#include "core/loop/loop.h"
#include "core/service/service.h"

enum {
        WARM_CYCLES = 64, /* code is in memory, first blocks are taken */
        /* Sockets that went without goodbye are kept for recovery, 10,000 of them: until then memory is
         * taken on purpose. */
        SETTLING_CYCLES = 10000,
        OTHER_FILES = 256,
        SETTLE_MS = 100, /* for a server to finish what it was told last */
};

struct options {
        struct sock_addr tcp; /* of a server that runs already */
        uint64_t pid;         /* its; 0: we start one */
        uint32_t connections, cycles;
        int64_t rest_ns;
        uint64_t bytes_max, growth_max;
};

struct idle {
        const struct options *options;
        struct sock_addr at;
        pid_t pid;
        struct idlers *idlers;
        int64_t start_bytes; /* resident, before the first of them */
        bool exceeded;
};

static int fail(const struct idle *s)
{
        fprintf(stderr, "bench idle: %s\n", idlers_why(s->idlers));
        return EXIT_EXPECTATION;
}

static int64_t resident(const struct idle *s)
{
        poll(NULL, 0, SETTLE_MS);
        return resident_bytes(s->pid);
}

static const char *kib(int64_t bytes, char text[FIGURE_MAX])
{
        return figure_count((uint64_t)(bytes < 0 ? 0 : bytes) / 1024, text);
}

/* ---- the three measurements --------------------------------------------------------------- */

static int64_t say_row(const struct idle *s, const char *words)
{
        char total[FIGURE_MAX];
        int64_t taken = resident(s) - s->start_bytes, each = taken / s->options->connections;
        printf("  %-34s %10s KiB %8lld B each\n", words, kib(taken, total), (long long)each);
        fflush(stdout);
        return each;
}

static int stand(struct idle *s)
{
        s->start_bytes = resident(s);
        if (idlers_open(s->idlers) != 0)
                return fail(s);
        say_row(s, "WebSockets open, nothing joined");
        if (idlers_join(s->idlers) != 0)
                return fail(s);
        int64_t each = say_row(s, "joined the namespace /");
        s->exceeded = each > (int64_t)s->options->bytes_max;
        return 0;
}

static int rest(struct idle *s)
{
        int64_t rest_ns = s->options->rest_ns, before = loop_process_cpu_ns(s->pid);
        poll(NULL, 0, (int)(rest_ns / NS_PER_MS));
        int64_t spent = loop_process_cpu_ns(s->pid) - before;
        if (idlers_check(s->idlers) != 0)
                return fail(s);
        printf("  %-34s %10.3f %% of a core, over %.1f s\n", "processor time, nobody saying a word",
               100.0 * (double)spent / (double)rest_ns, (double)rest_ns / (double)NS_PER_S);
        idlers_close(s->idlers);
        say_row(s, "closed; kept for recovery");
        return 0;
}

static int64_t say_cycles(const struct idle *s, uint32_t cycles)
{
        char words[64], total[FIGURE_MAX];
        int64_t taken = resident(s) - s->start_bytes;
        snprintf(words, sizeof words, "after %s connects and ends", figure_count(cycles, total));
        printf("  %-34s %10s KiB", words, kib(taken, total));
        return taken;
}

static int come_and_go(struct idle *s)
{
        uint32_t cycles = s->options->cycles;
        uint32_t settling = cycles > SETTLING_CYCLES ? SETTLING_CYCLES : cycles / 2;
        if (cycles == 0)
                return 0;
        if (idlers_cycle(s->idlers, settling) != 0)
                return fail(s);
        int64_t settled = say_cycles(s, settling);
        printf("\n");
        fflush(stdout);
        if (idlers_cycle(s->idlers, cycles - settling) != 0)
                return fail(s);
        int64_t growth = say_cycles(s, cycles) - settled;
        printf(", growth %+lld KiB\n", (long long)growth / 1024);
        s->exceeded = s->exceeded || growth > (int64_t)s->options->growth_max;
        return 0;
}

static int measure(struct idle *s)
{
        char text[FIGURE_MAX];
        if (idlers_cycle(s->idlers, WARM_CYCLES) != 0)
                return fail(s);
        printf("\nresident memory of tcp_server, beyond its own: %s connections\n",
               figure_count(s->options->connections, text));
        int code = stand(s);
        code = code ? code : rest(s);
        code = code ? code : come_and_go(s);
        if (!code && s->exceeded) {
                fprintf(stderr, "bench idle: the server holds more memory than it may (%llu B each, growth %llu B)\n",
                        (unsigned long long)s->options->bytes_max, (unsigned long long)s->options->growth_max);
                code = EXIT_EXPECTATION;
        }
        return code;
}

/* ---- whom ---------------------------------------------------------------------------------- */

/* Far apart heartbeats: who says nothing is not to be closed for it. */
static int start_server(struct idle *s)
{
        static char *argv[] = { "tcp_server", "--listen",          "127.0.0.1:0", "--ping-interval",
                                "3600s",      "--connect-timeout", "3600s",       NULL };
        struct cores cores = cores_take();
        s->pid = child_start(&cores, argv[0], argv, &s->at);
        if (s->pid >= 0)
                return 0;
        fprintf(stderr, "bench idle: cannot start %s beside this program: %s\n", argv[0],
                errno ? strerror(errno) : "it did not get ready");
        return EXIT_MACHINE;
}

static void need_files(uint32_t connections)
{
        uint64_t need = (uint64_t)connections + OTHER_FILES, allowed = 0;
        if (child_files(need, &allowed) != 0)
                options_machine("%u connections need %llu open files; this user may have %llu (ulimit -n, limits.conf)",
                                connections, (unsigned long long)need, (unsigned long long)allowed);
}

static int run(struct idle *s)
{
        int code = s->options->pid > 0 ? 0 : start_server(s);
        if (code)
                return code;
        if (resident_bytes(s->pid) < 0)
                options_machine("cannot read /proc/%d/smaps_rollup: is it there, and ours to read?", (int)s->pid);
        s->idlers = idlers_create(&s->at, s->options->connections);
        if (!s->idlers)
                options_machine("out of memory");
        code = measure(s);
        idlers_destroy(s->idlers);
        if (s->options->pid == 0)
                child_stop(s->pid);
        return code;
}

/* ---- command line ------------------------------------------------------------------------- */

static const char doc[] =
        "Resident memory of tcp_server: for each connection that only stands, and after many that came and went.\v"
        "N WebSockets are opened, join the namespace / and then say nothing. Then clients "
        "connect and end again and again: closed, reset, with a close frame, with goodbye, "
        "polling. Growth is counted from the ten thousandth on, since up to 10,000 sockets "
        "are kept for recovery. What the kernel holds is not counted. It starts tcp_server "
        "itself, or measures the one behind --tcp and --pid (whose heartbeats must be far "
        "apart: nobody answers them). Exit code 1: a connection is lost, or a bound broken.\n\n"
        "  bench idle\n"
        "  bench idle --connections 1000 --cycles 0\n"
        "  bench idle --tcp 127.0.0.1:3000 --pid $(pidof tcp_server)";

enum { KEY_CONNECTIONS = 256, KEY_CYCLES, KEY_TCP, KEY_PID, KEY_REST, KEY_BYTES_MAX, KEY_GROWTH_MAX };

static const struct argp_option option_list[] = {
        { "connections", KEY_CONNECTIONS, "N", 0, "how many stand at once (10000)", 0 },
        { "cycles", KEY_CYCLES, "N", 0, "how many connects and disconnects follow (100000)", 0 },
        { "rest", KEY_REST, "SPAN", 0, "how long nobody says a word (2s)", 0 },
        { "tcp", KEY_TCP, "ADDRESS", 0, "measure the server at this address (one is started)", 0 },
        { "pid", KEY_PID, "PID", 0, "the process of the server at --tcp", 0 },
        { "bytes-max", KEY_BYTES_MAX, "SIZE", 0, "memory that a connection may take (1kib)", 0 },
        { "growth-max", KEY_GROWTH_MAX, "SIZE", 0, "memory that the cycles may leave behind (256kib)", 0 },
        { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct options *o = state->input;
        switch (key) {
        case KEY_CONNECTIONS:
                o->connections = (uint32_t)options_count("connections", arg, 1, 1000000);
                return 0;
        case KEY_CYCLES:
                o->cycles = (uint32_t)options_count("cycles", arg, 0, 100000000);
                return 0;
        case KEY_REST:
                o->rest_ns = options_span("rest", arg, NS_PER_MS, 3600 * NS_PER_S);
                return 0;
        case KEY_TCP:
                service_need_address("tcp", arg, &o->tcp);
                return 0;
        case KEY_PID:
                o->pid = options_count("pid", arg, 1, 1 << 22);
                return 0;
        case KEY_BYTES_MAX:
                o->bytes_max = options_size("bytes-max", arg, 1, 1 << 30);
                return 0;
        case KEY_GROWTH_MAX:
                o->growth_max = options_size("growth-max", arg, 1, 1 << 30);
                return 0;
        case ARGP_KEY_ARG:
                options_fail("%s: takes options only; --help lists them", arg);
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

int idle_main(int argc, char **argv)
{
        static const struct argp argp = { option_list, parse, NULL, doc, NULL, NULL, NULL };
        struct options o = { .connections = 10000,
                             .cycles = 100000,
                             .rest_ns = 2 * NS_PER_S,
                             .bytes_max = 1024,
                             .growth_max = 256 << 10 };
        options_parse(&argp, argc, argv, &o);
        if ((o.tcp.n > 0) != (o.pid > 0))
                options_fail("--tcp and --pid belong together: where to connect, and whose memory to read");
        need_files(o.connections);
        return run(&(struct idle){ .options = &o, .at = o.tcp, .pid = (pid_t)o.pid });
}
