/* report_sample: a run as `compare` would have found it, with round numbers: TCP and three UDP paths, each with
 * all its outcomes accounted for.
 */
#ifndef TESTS_UNIT_REPORT_SAMPLE_H
#define TESTS_UNIT_REPORT_SAMPLE_H
#include <stdio.h>
#include <stdlib.h>

#include "bench/report.h"

static struct report_dist dist(uint64_t count, double p50_ms, double p90_ms, double p99_ms, double p999_ms,
                               double max_ms)
{
        return (struct report_dist){ count,
                                     (int64_t)(p50_ms * 1e6),
                                     (int64_t)(p90_ms * 1e6),
                                     (int64_t)(p99_ms * 1e6),
                                     (int64_t)(p999_ms * 1e6),
                                     (int64_t)(max_ms * 1e6),
                                     p50_ms * 1.1e6 };
}

static struct report_path path(const char *name, uint64_t live, uint64_t recovered, uint64_t lost)
{
        struct report_path p = { .epoch = 0x1a2b3c4d, .subscribers = 5 };
        snprintf(p.name, sizeof p.name, "%s", name);
        p.tally.rows = 20000;
        p.tally.outcomes[LEDGER_LIVE] = live;
        p.tally.outcomes[LEDGER_RECOVERED] = recovered;
        p.tally.outcomes[LEDGER_LOST] = lost;
        p.tally.reasons[LEDGER_NOT_REPAIRED] = lost;
        p.payload_bytes = (live + recovered) * 64;
        p.arrivals = live + recovered;
        p.jitter_ns = 310000;
        return p;
}

static void fill_udp(struct report_path *p, double median_ms)
{
        p->raw_known = true;
        p->raw_sent = 20000;
        p->raw_lost = 398;
        p->raw_runs.longest = 3;
        p->transport_bytes = p->arrivals * 140;
        p->wire_bytes = p->arrivals * 168;
        p->versus_known = p->versus_one_epoch = true;
        p->versus = (struct compare_result){
                .pairs = p->arrivals,
                .median = { median_ms * 1e6, (median_ms - 0.2) * 1e6, (median_ms + 0.2) * 1e6 },
                .mean = { 2 * median_ms * 1e6, (2 * median_ms - 1) * 1e6, 2e6 * median_ms + 1e6 },
                .favour = -0.913,
                .z = -80.5,
                .p = 0,
                .resamples = 1000,
                .block = 500
        };
}

static void fill_run(struct report *r)
{
        snprintf(r->scenario, sizeof r->scenario, "rtt 50ms, loss 2%%");
        snprintf(r->kernel, sizeof r->kernel, "Linux 6.18.0 x86_64");
        snprintf(r->nodelay, sizeof r->nodelay, "on");
        r->seed = UINT64_MAX;
        r->plan_hash = 0xfeedfacecafebeef;
        r->rate_per_s = 200;
        r->payload_size = 64;
        r->events = 4000;
        r->subscribers = 5;
        r->duration_ns = 20 * NS_PER_S;
        r->loss_configured = 0.02;
        r->network = REPORT_LINK;
        r->recovery_on = true;
        r->cores = 2;
        r->drain_ns = 310 * NS_PER_MS;
        r->tcp_rcvbuf_bytes = 131072;
        r->udp_rcvbuf_bytes = 212992;
        r->validity.emulator =
                (struct report_lateness){ true, dist(90000, 0.025, 0.05, 0.093, 0.3, 0.41), 2 * NS_PER_MS };
        r->validity.generator =
                (struct report_lateness){ true, dist(4000, 0.06, 0.08, 0.151, 0.2, 0.6), 2 * NS_PER_MS };
        r->validity.device = (struct report_drops){ true, 0 };
        r->validity.udp_buffer = (struct report_drops){ true, 0 };
}

static struct report *sample(void)
{
        struct report *r = calloc(1, sizeof *r);
        fill_run(r);
        r->paths[0] = path("tcp", 20000, 0, 0);
        r->paths[1] = path("udp-raw", 19602, 0, 398);
        r->paths[2] = path("udp-nack-ordered", 19602, 398, 0);
        r->paths[3] = path("udp-nack-unordered", 19602, 398, 0);
        r->paths_n = 4;
        snprintf(r->paths[0].congestion, sizeof r->paths[0].congestion, "cubic");
        r->paths[0].server_cpu_s = 0.09;
        r->paths[0].delay = r->paths[0].delay_from_sent = dist(20000, 32.91, 78.2, 109.4, 160.3, 213.55);
        r->paths[1].delay = r->paths[1].delay_from_sent = dist(19602, 25.1, 25.3, 25.9, 26.4, 27.01);
        r->paths[2].delay = r->paths[2].delay_from_sent = dist(20000, 25.12, 25.6, 84.3, 97.5, 132.8);
        r->paths[3].delay = r->paths[3].delay_from_sent = dist(20000, 25.11, 25.4, 80.1, 91, 1132.8);
        for (uint32_t i = 1; i < 4; i++)
                fill_udp(&r->paths[i], -7.81);
        r->paths[0].queue_packets = 12;
        r->paths[3].queue_packets = 345;
        for (uint32_t i = 2; i < 4; i++) {
                r->paths[i].recovery = dist(390, 57.3, 61, 83.2, 110, 110.4);
                r->paths[i].gaps_whole = 390;
                r->paths[i].nacks = 401;
        }
        r->paths[3].reordered = 398;
        r->paths[3].extent_max = 17;
        return r;
}

#endif
