/* report: what a run found, as one plain struct; the printed table and results.json made from it.
 *
 * The run fills a struct report (zeroed first; a figure that was not measured is simply left out),
 * with report_take_* where a measuring module has the figures. Then
 *
 *     report_judge(&r);              decides the verdict, which is the process's exit code
 *     report_print(&r, stdout);      the table, at most 80 columns wide, the verdict first
 *     report_write_json(&r, file);   results.json: everything in the table, and more
 *
 * The schema of results.json stands in bench/README.md.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/compare.h"
#include "bench/gapstat.h"
#include "bench/hist.h"
#include "bench/ledger.h"
#include "bench/seqstat.h"

enum {
        REPORT_PATHS_MAX = 8,
        REPORT_NAME_MAX = 32,
        REPORT_TEXT_MAX = 256,
};

/* A distribution; nothing was measured while count is 0. */
struct report_dist {
        uint64_t count;
        int64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
        double mean_ns;
};

struct report_dist report_dist_of(const struct hist *h);

struct report_path {
        char name[REPORT_NAME_MAX]; /* "tcp", "udp-nack-ordered" */
        uint32_t epoch;             /* of the log that its subscribers heard */
        uint32_t subscribers;
        char congestion[REPORT_NAME_MAX]; /* TCP_CONGESTION as read back; "" on UDP */

        struct ledger_tally tally;

        /* Datagrams that carried events, first sendings, before any repair; lost by the loss model alone. */
        bool raw_known;
        uint64_t raw_sent, raw_lost;

        /* Packets of any kind to its subscribers that were lost otherwise: the line's queue was full; the path was
         * dark. */
        uint64_t queue_packets, blackout_packets;

        struct report_dist delay;           /* from the intended instant */
        struct report_dist delay_from_sent; /* from the actual send: hides the generator's stalls */
        struct report_dist recovery;        /* of a gap: opened -> closed */
        struct report_dist recovery_event;  /* of an event: gap opened -> recovered */
        struct report_dist variation;       /* RFC 3393, without sign */
        uint64_t gaps_whole, gaps_partly, gaps_lost;
        struct gapstat_runs raw_runs, lost_runs; /* lengths of loss runs before and after repair */

        uint64_t arrivals, reordered, extent_max; /* RFC 4737; the worst extent of all subscribers */
        double jitter_ns;                         /* RFC 3550: mean over the subscribers */

        /* From server to subscribers, all subscribers. 0: not measured. */
        uint64_t payload_bytes;   /* of events delivered */
        uint64_t transport_bytes; /* read from sockets */
        uint64_t wire_bytes;      /* IP packets on the link */
        double server_cpu_s;      /* below or at 0: not measured */

        uint64_t nacks, reconnects;
        uint64_t mended; /* events made from parity; the copies that came first look like events that were not lost */

        /* Against the report's first path. */
        bool versus_known, versus_one_epoch; /* one_epoch: the very same events; else paired by plan index */
        struct compare_result versus;
};

/* How late something came, and how late it may be at p99. */
struct report_lateness {
        bool known;
        struct report_dist late;
        int64_t p99_ns_max;
};

struct report_drops {
        bool known;
        uint64_t dropped; /* more than 0 makes the run invalid */
};

struct report_validity {
        struct report_lateness emulator, generator;
        struct report_drops device, udp_buffer;
};

#define REPORT_LATE_P99_NS_MAX (2 * NS_PER_MS) /* of emulator and generator, when the run sets no other */

enum report_network {
        REPORT_LOOPBACK,  /* no bad network: said loudly */
        REPORT_LINK,      /* lab link between namespaces */
        REPORT_SIMULATED, /* engines in simulated time: said loudly */
};

/* The exit code. An event unaccounted for outweighs a run that is not valid: no lateness of the
 * host may lose one. */
enum report_verdict { REPORT_GOOD = 0, REPORT_UNBALANCED = 1, REPORT_INVALID = 4 };

struct report {
        /* What was asked for. */
        uint64_t seed, plan_hash;
        double rate_per_s;     /* 0: a capture's plan */
        uint32_t payload_size; /* 0: a capture's plan */
        char plan_file[REPORT_TEXT_MAX];
        uint32_t events, subscribers;
        int64_t duration_ns;
        char scenario[REPORT_TEXT_MAX]; /* "rtt 50ms, loss 2%, blackout 2s at 9s" */
        uint64_t scenario_hash;
        double loss_configured; /* 0..1; 0: none */

        /* What it ran on. */
        enum report_network network;
        char network_why[REPORT_TEXT_MAX]; /* why there is no link: "this machine allows no namespaces" */
        char kernel[REPORT_TEXT_MAX];
        uint32_t cores;
        bool recovery_on;               /* TCP's connection state recovery: offset bytes are included */
        char nodelay[REPORT_NAME_MAX];  /* TCP_NODELAY as read back: "on", "off", "on (server), off (client)" */
        bool udp_congestion_controlled; /* as the server says; while false, the table says so */
        uint32_t tcp_rcvbuf_bytes, udp_rcvbuf_bytes; /* of the subscribers, as read back */
        int64_t drain_ns; /* from the last planned instant until all was accounted for, or it gave up */

        struct report_path paths[REPORT_PATHS_MAX];
        uint32_t paths_n;
        struct report_validity validity;

        /* report_judge's. */
        enum report_verdict verdict;
        bool valid, balanced;
        char invalid_why[REPORT_TEXT_MAX];    /* every bound that is broken; "" when valid */
        char unbalanced_why[REPORT_TEXT_MAX]; /* "udp-raw: 1 missing"; "" when balanced */
};

/* From a settled ledger: tally, both delays, variation, runs of lost events, payload bytes.
 * returns 0 or ERR_NO_MEMORY */
int report_take_ledger(struct report_path *p, const struct ledger *l);

/* From a finished gapstat: recovery times and runs before repair. */
void report_take_gaps(struct report_path *p, const struct gapstat *g);

/* From the seqstats of all n subscribers. */
void report_take_order(struct report_path *p, const struct seqstat *s, size_t n);

/* Compares path p's delays with those of the first path: `first` and `own` are their settled
 * ledgers, `setup.block` counts pairs. Does nothing when they have no pair.
 * returns 0 or ERR_NO_MEMORY */
int report_take_versus(struct report_path *p, const struct ledger *first, const struct ledger *own,
                       const struct compare_setup *setup);

/* Sets verdict, valid, balanced and the reasons from the rest. */
enum report_verdict report_judge(struct report *r);

void report_print(const struct report *r, FILE *out);

/* returns 0, or ERR_SYSTEM when `out` refused */
int report_write_json(const struct report *r, FILE *out);

#endif
