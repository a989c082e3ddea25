/* run: one measured run: a publisher, N subscribers on each path, real sockets. EDGE.
 *
 * The publisher says each planned event once, over TCP, to one room; every subscriber of every
 * path is in that room. All subscribers join first; then t0 is fixed (a second ahead) and told to
 * the caller, who may start a bad network with it; the run says the plan, drains until every
 * event has an outcome at every subscriber (at most drain_ns_max), and settles the ledgers.
 *
 * The report is left for the caller to complete (what a link knows) before report_judge.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H
#include "bench/path.h"
#include "bench/plan.h"
#include "bench/report.h"
#include "core/loop/sock.h"

/* A subscriber whose client lies, to prove that the ledger notices. Number 0 of the first path. */
enum run_fault { RUN_HONEST, RUN_SWALLOWS /* keeps one event for itself */, RUN_DOUBLES /* says one twice */ };

struct run_config {
        const struct plan *plan; /* borrowed */
        const struct path *path[PATHS_MAX];
        int paths;
        uint32_t subscribers;      /* of each path; at most PATH_PORTS / 2 */
        struct sock_addr tcp, udp; /* the servers, as subscribers reach them */
        struct sock_addr publish;  /* TCP, as the publisher reaches it */
        bool fixed_ports;          /* source ports from path.port_first + subscriber */
        const char *congestion;    /* of the clients' TCP sockets; NULL: the system's */
        uint64_t seed;             /* of the bootstrap and of reconnect jitter */
        int64_t drain_ns_max;      /* 0: 30 s */
        enum run_fault fault;
        bool progress;                              /* lines on standard error */
        const char *out_dir;                        /* exists; NULL: no files. Gets ledger.csv and latency-PATH.hgrm */
        void (*started)(void *ctx, struct mono t0); /* may be NULL */
        void (*ended)(void *ctx); /* all is accounted for, or given up; sockets still open. May be NULL */
        void *ctx;
};

enum { RUN_WHY_MAX = 320 };

/* Measures. *r (zeroed by the caller) gets everything that the run knows: paths, delays, order,
 * recovery, pairs, generator's lateness, drops of receive buffers, conditions.
 * returns 0; ERR_SYSTEM or ERR_NOT_FOUND (servers not reached, files not written: `why` is one
 *         line); ERR_CLOSED (stopped by a signal; nothing is measured); ERR_NO_MEMORY */
int run_measure(const struct run_config *config, struct report *r, char why[RUN_WHY_MAX]);

/* `bench run`. Returns the exit code. */
int run_main(int argc, char **argv);

/* Options that `bench run` and the lab's comparison share: rate, size, duration, subscribers, paths,
 * seed, plan, out. An argp child; its input is a struct run_options. */
struct run_options {
        double rate_per_s;
        uint32_t size_bytes;
        int64_t duration_ns;
        enum plan_spacing spacing;
        uint32_t subscribers;
        uint64_t seed;
        const char *plan_file, *out_dir, *congestion;
        const struct path *path[PATHS_MAX];
        int paths;
        enum run_fault fault;
};
struct run_options run_options_defaults(void); /* 200/s, 64b, 20s, 5, all paths, seed 1 */
extern const struct argp run_argp;

/* Makes the plan that the options ask for, tells about it on standard error when it comes from a
 * capture, and writes what was asked for into the report. Ends the process when it cannot be. */
void run_plan(const struct run_options *o, struct plan *plan, struct report *r);

/* Judges, prints the table, writes results.json into out_dir (if any) and says where.
 * Returns the exit code. */
int run_conclude(struct report *r, const char *out_dir);

#endif
