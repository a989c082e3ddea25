/* results.json. Its schema stands in bench/README.md; what was not measured is null. */
#include "bench/report.h"

#include <inttypes.h>

#include "bench/json_out.h"
#include "core/base/err.h"

static void put_hash(struct json_out *j, const char *key, uint64_t v)
{
        char text[24];
        snprintf(text, sizeof text, "%016" PRIx64, v);
        json_out_text(j, key, text);
}

static void put_dist(struct json_out *j, const char *key, const struct report_dist *d)
{
        if (d->count == 0) {
                json_out_null(j, key);
                return;
        }
        json_out_object(j, key);
        json_out_uint(j, "count", d->count);
        json_out_int(j, "p50_ns", d->p50_ns);
        json_out_int(j, "p90_ns", d->p90_ns);
        json_out_int(j, "p99_ns", d->p99_ns);
        json_out_int(j, "p999_ns", d->p999_ns);
        json_out_int(j, "max_ns", d->max_ns);
        json_out_real(j, "mean_ns", d->mean_ns);
        json_out_end(j);
}

static void put_runs(struct json_out *j, const char *key, const struct gapstat_runs *r)
{
        json_out_object(j, key);
        json_out_uint(j, "runs", r->runs);
        json_out_uint(j, "events", r->events);
        json_out_uint(j, "longest", r->longest);
        json_out_array(j, "by_length");
        for (int i = 0; i < GAPSTAT_LENGTHS; i++)
                json_out_uint(j, NULL, r->by_length[i]);
        json_out_end(j);
        json_out_end(j);
}

static void put_outcomes(struct json_out *j, const struct ledger_tally *t)
{
        json_out_object(j, "outcomes");
        json_out_uint(j, "rows", t->rows);
        for (int i = 0; i < LEDGER_OUTCOMES; i++)
                json_out_uint(j, ledger_outcome_text((enum ledger_outcome)i), t->outcomes[i]);
        json_out_object(j, "reasons");
        for (int i = LEDGER_NO_REASON + 1; i < LEDGER_REASONS; i++) {
                if (t->reasons[i] > 0)
                        json_out_uint(j, ledger_reason_text((enum ledger_reason)i), t->reasons[i]);
        }
        json_out_end(j);
        json_out_uint(j, "duplicates", t->duplicates);
        json_out_uint(j, "strangers", t->strangers);
        json_out_uint(j, "denied", t->denied);
        json_out_uint(j, "misplaced", t->misplaced);
        json_out_uint(j, "gap_reports", t->gaps);
        json_out_uint(j, "gap_reports_refused", t->gaps_refused);
        json_out_uint(j, "unsaid", t->unsaid);
        json_out_uint(j, "unplaced", t->unplaced);
        json_out_bool(j, "balanced", ledger_balanced(t));
        json_out_end(j);
}

static void put_loss(struct json_out *j, const struct report_path *p)
{
        json_out_object(j, "loss");
        if (p->raw_known) {
                json_out_uint(j, "raw_sent", p->raw_sent);
                json_out_uint(j, "raw_lost", p->raw_lost);
                json_out_real(j, "raw_share", (double)p->raw_lost / (double)p->raw_sent);
        } else {
                json_out_null(j, "raw_sent");
                json_out_null(j, "raw_lost");
                json_out_null(j, "raw_share");
        }
        json_out_uint(j, "queue_packets", p->queue_packets);
        json_out_uint(j, "blackout_packets", p->blackout_packets);
        json_out_real(j, "share_after_repair", (double)p->tally.outcomes[LEDGER_LOST] / (double)p->tally.rows);
        put_runs(j, "runs_before_repair", &p->raw_runs);
        put_runs(j, "runs_after_repair", &p->lost_runs);
        json_out_end(j);
}

static void put_recovery(struct json_out *j, const struct report_path *p)
{
        json_out_object(j, "recovery");
        put_dist(j, "gap", &p->recovery);
        put_dist(j, "event", &p->recovery_event);
        json_out_uint(j, "gaps_whole", p->gaps_whole);
        json_out_uint(j, "gaps_in_part", p->gaps_partly);
        json_out_uint(j, "gaps_lost", p->gaps_lost);
        json_out_uint(j, "nacks", p->nacks);
        json_out_uint(j, "mended", p->mended);
        json_out_uint(j, "reconnects", p->reconnects);
        json_out_end(j);
}

static void put_order(struct json_out *j, const struct report_path *p)
{
        json_out_object(j, "order");
        json_out_uint(j, "arrivals", p->arrivals);
        json_out_uint(j, "reordered", p->reordered);
        json_out_uint(j, "extent_max", p->extent_max);
        json_out_real(j, "jitter_ns", p->jitter_ns);
        put_dist(j, "variation", &p->variation);
        json_out_end(j);
}

static void put_measured(struct json_out *j, const char *key, uint64_t v)
{
        if (v > 0)
                json_out_uint(j, key, v);
        else
                json_out_null(j, key);
}

static void put_cost(struct json_out *j, const struct report_path *p)
{
        json_out_object(j, "cost");
        put_measured(j, "payload_bytes", p->payload_bytes);
        put_measured(j, "transport_bytes", p->transport_bytes);
        put_measured(j, "wire_bytes", p->wire_bytes);
        if (p->server_cpu_s > 0)
                json_out_real(j, "server_cpu_s", p->server_cpu_s);
        else
                json_out_null(j, "server_cpu_s");
        json_out_end(j);
}

static void put_interval(struct json_out *j, const char *key, const struct compare_interval *i)
{
        json_out_object(j, key);
        json_out_real(j, "value_ns", i->value);
        json_out_real(j, "low_ns", i->low);
        json_out_real(j, "high_ns", i->high);
        json_out_end(j);
}

static void put_versus(struct json_out *j, const struct report_path *p, const char *against)
{
        const struct compare_result *c = &p->versus;
        if (!p->versus_known) {
                json_out_null(j, "versus");
                return;
        }
        json_out_object(j, "versus");
        json_out_text(j, "path", against);
        json_out_text(j, "paired_by", p->versus_one_epoch ? "event" : "plan index");
        json_out_uint(j, "pairs", c->pairs);
        put_interval(j, "median", &c->median);
        put_interval(j, "mean", &c->mean);
        json_out_real(j, "rank_effect", c->favour);
        json_out_real(j, "wilcoxon_z", c->z);
        json_out_real(j, "wilcoxon_p", c->p);
        json_out_uint(j, "resamples", c->resamples);
        json_out_uint(j, "block_pairs", c->block);
        json_out_end(j);
}

static void put_path(struct json_out *j, const struct report_path *p, const char *against)
{
        json_out_object(j, NULL);
        json_out_text(j, "name", p->name);
        json_out_uint(j, "epoch", p->epoch);
        json_out_uint(j, "subscribers", p->subscribers);
        if (p->congestion[0])
                json_out_text(j, "congestion_control", p->congestion);
        else
                json_out_null(j, "congestion_control");
        put_outcomes(j, &p->tally);
        put_loss(j, p);
        put_dist(j, "latency", &p->delay);
        put_dist(j, "latency_from_send", &p->delay_from_sent);
        put_recovery(j, p);
        put_order(j, p);
        put_cost(j, p);
        put_versus(j, p, against);
        json_out_end(j);
}

static void put_load(struct json_out *j, const struct report *r)
{
        json_out_object(j, "load");
        if (r->plan_file[0]) {
                json_out_text(j, "plan_file", r->plan_file);
                json_out_null(j, "rate_per_s");
                json_out_null(j, "payload_bytes");
        } else {
                json_out_null(j, "plan_file");
                json_out_real(j, "rate_per_s", r->rate_per_s);
                json_out_uint(j, "payload_bytes", r->payload_size);
        }
        put_hash(j, "plan_hash", r->plan_hash);
        json_out_uint(j, "events", r->events);
        json_out_uint(j, "subscribers", r->subscribers);
        json_out_int(j, "duration_ns", r->duration_ns);
        json_out_int(j, "drain_ns", r->drain_ns);
        json_out_end(j);
}

static void put_conditions(struct json_out *j, const struct report *r)
{
        static const char *const networks[] = { "loopback", "link", "simulated" };
        json_out_object(j, "conditions");
        json_out_text(j, "network", networks[r->network]);
        json_out_text(j, "network_why", r->network_why);
        json_out_text(j, "scenario", r->scenario);
        put_hash(j, "scenario_hash", r->scenario_hash);
        json_out_real(j, "loss_configured", r->loss_configured);
        json_out_bool(j, "tcp_recovery", r->recovery_on);
        json_out_text(j, "tcp_nodelay", r->nodelay);
        json_out_bool(j, "udp_congestion_controlled", r->udp_congestion_controlled);
        json_out_uint(j, "tcp_rcvbuf_bytes", r->tcp_rcvbuf_bytes);
        json_out_uint(j, "udp_rcvbuf_bytes", r->udp_rcvbuf_bytes);
        json_out_text(j, "kernel", r->kernel);
        json_out_uint(j, "cores", r->cores);
        json_out_end(j);
}

static void put_late(struct json_out *j, const char *key, const struct report_lateness *l)
{
        if (!l->known) {
                json_out_null(j, key);
                return;
        }
        json_out_object(j, key);
        put_dist(j, "late", &l->late);
        json_out_int(j, "p99_ns_max", l->p99_ns_max);
        json_out_end(j);
}

static void put_drops(struct json_out *j, const char *key, const struct report_drops *d)
{
        if (d->known)
                json_out_uint(j, key, d->dropped);
        else
                json_out_null(j, key);
}

static void put_validity(struct json_out *j, const struct report *r)
{
        json_out_object(j, "validity");
        put_late(j, "emulator", &r->validity.emulator);
        put_late(j, "generator", &r->validity.generator);
        put_drops(j, "device_drops", &r->validity.device);
        put_drops(j, "udp_buffer_drops", &r->validity.udp_buffer);
        json_out_end(j);
}

static void put_verdict(struct json_out *j, const struct report *r)
{
        json_out_object(j, "verdict");
        json_out_bool(j, "valid", r->valid);
        json_out_bool(j, "balanced", r->balanced);
        json_out_int(j, "exit_code", r->verdict);
        json_out_text(j, "invalid_why", r->invalid_why);
        json_out_text(j, "unbalanced_why", r->unbalanced_why);
        json_out_end(j);
}

int report_write_json(const struct report *r, FILE *out)
{
        struct json_out j = json_out_to(out);
        json_out_object(&j, NULL);
        json_out_text(&j, "schema", "twincast-results-1");
        put_verdict(&j, r);
        json_out_uint_text(&j, "seed", r->seed);
        put_load(&j, r);
        put_conditions(&j, r);
        put_validity(&j, r);
        json_out_array(&j, "paths");
        for (uint32_t i = 0; i < r->paths_n; i++)
                put_path(&j, &r->paths[i], r->paths[0].name);
        json_out_end(&j);
        json_out_end(&j);
        return ferror(out) ? ERR_SYSTEM : 0;
}
