#include "lab/link_report.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static struct link_total *total_named(struct link_way *way, const char *name)
{
        for (size_t i = 0; i < way->totals_n; i++)
                if (strcmp(way->totals[i].name, name) == 0)
                        return &way->totals[i];
        assert(way->totals_n <= LINK_RULES_MAX);
        struct link_total *total = &way->totals[way->totals_n++];
        *total = (struct link_total){ 0 };
        strncpy(total->name, name, sizeof total->name - 1);
        return total;
}

void link_report_totals(const struct link *l, struct link_way *way)
{
        way->totals_n = 0;
        for (size_t i = 0; i < link_flows(l); i++) {
                const struct link_flow *flow = link_flow_at(l, i);
                struct link_total *total = total_named(way, flow->name);
                for (int v = 0; v < LINK_VERDICTS; v++)
                        total->first_data[v] += flow->first_data[v];
                for (int c = 0; c < LINK_CLASSES; c++)
                        for (int v = 0; v < LINK_VERDICTS; v++) {
                                total->count[c][v].packets += flow->count[c][v].packets;
                                total->count[c][v].bytes += flow->count[c][v].bytes;
                        }
        }
}

void link_report_loss(const struct link_way *way, const char *rule, uint64_t *datagrams, uint64_t *lost)
{
        *datagrams = *lost = 0;
        for (size_t i = 0; i < way->totals_n; i++) {
                if (*rule && strcmp(rule, way->totals[i].name) != 0)
                        continue;
                const uint64_t *first = way->totals[i].first_data;
                *datagrams += first[LINK_PASSED] + first[LINK_LOST];
                *lost += first[LINK_LOST];
        }
}

static int put_flow(struct buf *out, const struct link_flow *flow, bool *first)
{
        int err = 0;
        for (int c = 0; c < LINK_CLASSES; c++)
                for (int v = 0; v < LINK_VERDICTS && err == 0; v++) {
                        const struct link_count *count = &flow->count[c][v];
                        if (count->packets == 0)
                                continue;
                        err = buf_printf(out,
                                         "%s\n   {\"flow\": \"%s\", \"number\": %" PRIu32 ", \"class\": \"%s\", "
                                         "\"verdict\": \"%s\", \"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 "}",
                                         *first ? "" : ",", flow->name, flow->number,
                                         link_class_text((enum link_class)c), link_verdict_text((enum link_verdict)v),
                                         count->packets, count->bytes);
                        *first = false;
                }
        return err;
}

static int put_way(struct buf *out, const struct link_way *way, const struct link_config *c, const struct link *l)
{
        int err = buf_printf(out,
                             "  {\"direction\": \"%s\", \"seed\": %" PRIu64 ", \"delay_ns\": %" PRId64 ",\n"
                             "   \"loss\": {\"model\": \"%s\", \"share\": %.9g}, \"rate_bytes_per_s\": %" PRId64
                             ", \"queue_bytes\": %" PRIu64 ",\n"
                             "   \"blackout_at_ns\": %" PRId64 ", \"blackout_for_ns\": %" PRId64 ",\n"
                             "   \"lateness_ns\": {\"p50\": %" PRId64 ", \"p99\": %" PRId64 ", \"max\": %" PRId64 "},\n"
                             "   \"delivered\": %" PRIu64 ", \"write_failed\": %" PRIu64
                             ", \"device_dropped\": %" PRIu64 ",\n"
                             "   \"early_overflow\": %" PRIu64 ", \"waiting\": %" PRIu64 ",\n   \"flows\": [",
                             link_direction_text(c->direction), c->seed, c->delay_ns, loss_name(&c->loss),
                             loss_expected(&c->loss), c->rate, c->queue_bytes, c->blackout_at_ns, c->blackout_for_ns,
                             way->late_p50_ns, way->late_p99_ns, way->late_max_ns, way->delivered, way->write_failed,
                             way->device_dropped, way->early_overflow, way->waiting);
        bool first = true;
        for (size_t i = 0; i < link_flows(l) && err == 0; i++)
                err = put_flow(out, link_flow_at(l, i), &first);
        return err == 0 ? buf_text(out, "]}") : err;
}

int link_report_json(struct buf *out, const struct link_summary *s, const struct link_config config[LINK_DIRECTIONS],
                     struct link *const links[LINK_DIRECTIONS])
{
        int err = mono_is_never(s->t0) ? buf_text(out, "{\"t0_ns\": null")
                                       : buf_printf(out, "{\"t0_ns\": %" PRId64, s->t0.ns);
        if (err == 0)
                err = buf_printf(out,
                                 ", \"sched_fifo\": %s, \"decisions\": %" PRIu64 ", \"decisions_dropped\": %" PRIu64
                                 ",\n \"directions\": [\n",
                                 s->fifo ? "true" : "false", s->decisions, s->decisions_dropped);
        for (int d = 0; d < LINK_DIRECTIONS && err == 0; d++) {
                err = put_way(out, &s->way[d], &config[d], links[d]);
                if (err == 0)
                        err = buf_text(out, d + 1 < LINK_DIRECTIONS ? ",\n" : "\n ]}\n");
        }
        return err;
}
