#include "bench/report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/units.h"

struct report_dist report_dist_of(const struct hist *h)
{
        return (struct report_dist){
                .count = hist_count(h),
                .p50_ns = hist_quantile(h, 0.5),
                .p90_ns = hist_quantile(h, 0.9),
                .p99_ns = hist_quantile(h, 0.99),
                .p999_ns = hist_quantile(h, 0.999),
                .max_ns = hist_max(h),
                .mean_ns = hist_mean(h),
        };
}

/* ---- taking figures ---- */

/* One subscriber's delays in plan order: what they vary by, and the runs that stayed lost. */
static void take_subscriber(struct report_path *p, const struct ledger *l, uint32_t subscriber, int64_t *delay,
                            bool *lost, struct hist *variation)
{
        uint32_t n = ledger_events(l);
        for (uint32_t i = 0; i < n; i++) {
                delay[i] = ledger_delay_ns(l, subscriber, i);
                lost[i] = ledger_row(l, subscriber, i)->outcome == LEDGER_LOST;
                p->payload_bytes += delay[i] == LEDGER_NO_DELAY ? 0 : ledger_bytes(l, i);
        }
        seqstat_variation(delay, n, LEDGER_NO_DELAY, variation);
        gapstat_runs_scan(&p->lost_runs, lost, n);
}

int report_take_ledger(struct report_path *p, const struct ledger *l)
{
        uint32_t n = ledger_events(l);
        struct hist *intended = hist_create(), *sent = hist_create(), *variation = hist_create();
        int64_t *delay = calloc(n + 1u, sizeof *delay);
        bool *lost = calloc(n + 1u, sizeof *lost);
        int err = intended && sent && variation && delay && lost ? 0 : ERR_NO_MEMORY;
        if (!err) {
                snprintf(p->name, sizeof p->name, "%s", ledger_path(l));
                p->subscribers = ledger_subscribers(l);
                p->epoch = n > 0 ? ledger_place(l, 0).epoch : 0;
                p->tally = ledger_tally(l);
                ledger_delays(l, intended, sent);
                for (uint32_t s = 0; s < p->subscribers; s++)
                        take_subscriber(p, l, s, delay, lost, variation);
                p->delay = report_dist_of(intended);
                p->delay_from_sent = report_dist_of(sent);
                p->variation = report_dist_of(variation);
        }
        hist_destroy(intended);
        hist_destroy(sent);
        hist_destroy(variation);
        free(delay);
        free(lost);
        return err;
}

void report_take_gaps(struct report_path *p, const struct gapstat *g)
{
        struct gapstat_figures f = gapstat_figures(g);
        p->recovery = report_dist_of(f.gap_ns);
        p->recovery_event = report_dist_of(f.event_ns);
        p->raw_runs = f.raw;
        p->gaps_whole = f.gaps_whole;
        p->gaps_partly = f.gaps_partly;
        p->gaps_lost = f.gaps_lost;
}

void report_take_order(struct report_path *p, const struct seqstat *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                p->arrivals += s[i].arrivals;
                p->reordered += s[i].reordered;
                p->jitter_ns += s[i].jitter_ns / (double)n;
                if (s[i].extent_max > p->extent_max)
                        p->extent_max = s[i].extent_max;
        }
}

int report_take_versus(struct report_path *p, const struct ledger *first, const struct ledger *own,
                       const struct compare_setup *setup)
{
        size_t cap = (size_t)ledger_events(own) * ledger_subscribers(own);
        int64_t *own_ns = calloc(cap + 1, sizeof *own_ns), *first_ns = calloc(cap + 1, sizeof *first_ns);
        int err = own_ns && first_ns ? 0 : ERR_NO_MEMORY;
        if (!err) {
                size_t n = ledger_pairs(own, first, own_ns, first_ns, cap);
                if (n > 0)
                        err = compare_pairs(own_ns, first_ns, n, setup, &p->versus);
                p->versus_known = n > 0 && !err;
                p->versus_one_epoch =
                        ledger_place(own, 0).epoch != 0 && ledger_place(own, 0).epoch == ledger_place(first, 0).epoch;
        }
        free(own_ns);
        free(first_ns);
        return err;
}

/* ---- judging ---- */

/* Adds one more reason; what does not fit is cut. */
static void add_reason(char why[REPORT_TEXT_MAX], const char *format, ...)
{
        size_t n = strlen(why);
        if (n > 0 && n + 2 < REPORT_TEXT_MAX)
                n += (size_t)snprintf(why + n, REPORT_TEXT_MAX - n, "; ");
        va_list args;
        va_start(args, format);
        vsnprintf(why + n, REPORT_TEXT_MAX - n, format, args);
        va_end(args);
}

static void judge_lateness(struct report *r, const struct report_lateness *l, const char *what)
{
        char got[UNITS_TEXT_MAX], bound[UNITS_TEXT_MAX];
        if (l->known && l->late.p99_ns > l->p99_ns_max)
                add_reason(r->invalid_why, "%s lateness p99 %s is above its bound of %s", what,
                           units_span_text(l->late.p99_ns, got), units_span_text(l->p99_ns_max, bound));
}

static void judge_drops(struct report *r, const struct report_drops *d, const char *what)
{
        if (d->known && d->dropped > 0)
                add_reason(r->invalid_why, "%" PRIu64 " %s", d->dropped, what);
}

static void judge_path(struct report *r, const struct report_path *p)
{
        const struct {
                uint64_t n;
                const char *what;
        } wrongs[] = {
                { p->tally.outcomes[LEDGER_NONE], "missing" },     { p->tally.duplicates, "delivered twice" },
                { p->tally.strangers, "not in the plan" },         { p->tally.denied, "delivered and reported lost" },
                { p->tally.misplaced, "placed twice in the log" }, { p->tally.gaps_refused, "gap reports too many" },
        };
        for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
                if (wrongs[i].n > 0)
                        add_reason(r->unbalanced_why, "%s: %" PRIu64 " %s", p->name, wrongs[i].n, wrongs[i].what);
        }
        r->balanced = r->balanced && ledger_balanced(&p->tally);
}

enum report_verdict report_judge(struct report *r)
{
        assert(r->paths_n <= REPORT_PATHS_MAX);
        const struct report_validity *v = &r->validity;
        r->invalid_why[0] = r->unbalanced_why[0] = '\0';
        r->balanced = true;
        judge_lateness(r, &v->emulator, "emulator");
        judge_lateness(r, &v->generator, "generator");
        judge_drops(r, &v->device, "packets dropped by a device");
        judge_drops(r, &v->udp_buffer, "datagrams dropped by a full UDP receive buffer");
        if (r->paths_n == 0)
                add_reason(r->invalid_why, "no path was measured");
        for (uint32_t i = 0; i < r->paths_n; i++)
                judge_path(r, &r->paths[i]);
        r->valid = r->invalid_why[0] == '\0';
        r->verdict = !r->balanced ? REPORT_UNBALANCED : !r->valid ? REPORT_INVALID : REPORT_GOOD;
        return r->verdict;
}
