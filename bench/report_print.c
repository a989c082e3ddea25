/* The printed report: verdict and warnings first, then what was run, the table, and validity. */
#include "bench/report.h"

#include <inttypes.h>
#include <string.h>

#include "bench/figure.h"
#include "bench/report_table.h"
#include "core/base/units.h"

enum { KEY = 12, MARK = 28, BOUND = 10 }; /* width of the header's left column, and of validity's */

static void put_bar(FILE *out)
{
        for (int i = 0; i < REPORT_WIDTH; i++)
                fputc('#', out);
        fputc('\n', out);
}

/* Prints text broken at spaces into lines of at most REPORT_WIDTH, each behind `margin` spaces;
 * the first line's margin is already there. */
static void put_wrapped(const char *text, int margin, FILE *out)
{
        size_t room = (size_t)(REPORT_WIDTH - margin);
        for (;;) {
                size_t n = strlen(text);
                if (n <= room) {
                        fprintf(out, "%s\n", text);
                        return;
                }
                for (n = room; n > 0 && text[n] != ' '; n--)
                        ;
                if (n == 0) /* a word longer than a line */
                        n = room;
                fprintf(out, "%.*s\n%*s", (int)n, text, margin, "");
                text += n + (text[n] == ' ');
        }
}

/* A warning that cannot be overlooked: between bars, and behind a mark on each line. */
static void put_loud(const char *mark, const char *text, FILE *out)
{
        put_bar(out);
        int margin = fprintf(out, "##  %s: ", mark);
        put_wrapped(text, margin, out);
        put_bar(out);
}

static void put_key(const char *key, const char *text, FILE *out)
{
        fprintf(out, "  %-*s", KEY - 2, key);
        put_wrapped(text, KEY, out);
}

/* ---- verdict ---- */

static void put_network_warning(const struct report *r, FILE *out)
{
        char text[2 * REPORT_TEXT_MAX];
        const char *what = r->network == REPORT_LOOPBACK
                                   ? "paths ran on loopback, without delay and without loss"
                                   : "UDP's engines ran in simulated time, and TCP was not compared";
        if (r->network == REPORT_LINK)
                return;
        snprintf(text, sizeof text, "%s%s%s%s", what, r->network_why[0] ? " (" : "", r->network_why,
                 r->network_why[0] ? ")" : "");
        put_loud("NO BAD NETWORK", text, out);
}

static void put_verdict(const struct report *r, FILE *out)
{
        char text[REPORT_TEXT_MAX + 64], rows[FIGURE_MAX];
        uint64_t all = 0;
        for (uint32_t i = 0; i < r->paths_n; i++)
                all += r->paths[i].tally.rows;
        if (!r->valid) {
                snprintf(text, sizeof text, "do not quote these figures: %s", r->invalid_why);
                put_loud("INVALID RUN", text, out);
        }
        if (!r->balanced)
                put_loud("NOT ALL ACCOUNTED FOR", r->unbalanced_why, out);
        put_network_warning(r, out);
        if (r->balanced) {
                snprintf(text, sizeof text, "%sAll %s outcomes accounted for: missing = 0, delivered twice = 0.",
                         r->valid ? "Valid run. " : "", figure_count(all, rows));
                put_wrapped(text, 0, out);
        }
        fputc('\n', out);
}

/* ---- what was run ---- */

static void put_load(const struct report *r, FILE *out)
{
        char text[2 * REPORT_TEXT_MAX], events[FIGURE_MAX], rate[FIGURE_MAX], span[UNITS_TEXT_MAX];
        figure_count(r->events, events);
        units_span_text(r->duration_ns, span);
        if (r->plan_file[0])
                snprintf(text, sizeof text, "%s events over %s, times and sizes of %s; %" PRIu32 " subscribers a path",
                         events, span, r->plan_file, r->subscribers);
        else
                snprintf(text, sizeof text,
                         "%s events/s of %" PRIu32 " B for %s: %s events; %" PRIu32 " subscribers a path",
                         figure_decimal(r->rate_per_s, r->rate_per_s < 10 ? 2 : 0, rate), r->payload_size, span, events,
                         r->subscribers);
        put_key("load", text, out);
}

static void put_identity(const struct report *r, FILE *out)
{
        char text[REPORT_TEXT_MAX];
        int n = snprintf(text, sizeof text, "seed %" PRIu64 ", plan %016" PRIx64 ", epoch", r->seed, r->plan_hash);
        for (uint32_t i = 0; i < r->paths_n; i++) {
                bool again = false;
                for (uint32_t k = 0; k < i; k++)
                        again = again || r->paths[k].epoch == r->paths[i].epoch;
                if (!again)
                        n += snprintf(text + n, sizeof text - (size_t)n, "%s%08" PRIx32, i ? ", " : " ",
                                      r->paths[i].epoch);
        }
        put_key("identity", text, out);
}

static void put_network(const struct report *r, FILE *out)
{
        char text[REPORT_TEXT_MAX + 64];
        if (r->network == REPORT_LOOPBACK)
                snprintf(text, sizeof text, "loopback");
        else
                snprintf(text, sizeof text, "%s (scenario %016" PRIx64 ")", r->scenario, r->scenario_hash);
        put_key("network", text, out);
}

static void put_transports(const struct report *r, FILE *out)
{
        char text[2 * REPORT_TEXT_MAX], receives[FIGURE_MAX];
        const char *congestion = "";
        for (uint32_t i = 0; i < r->paths_n && !congestion[0]; i++)
                congestion = r->paths[i].congestion;
        snprintf(text, sizeof text, "recovery %s, TCP_NODELAY %s, congestion control %s, receive buffer %s B",
                 r->recovery_on ? "on (offset bytes included)" : "off", r->nodelay[0] ? r->nodelay : "not read",
                 congestion[0] ? congestion : "not read", figure_count(r->tcp_rcvbuf_bytes, receives));
        put_key("tcp", text, out);
        snprintf(text, sizeof text, "%scongestion controlled, receive buffer %s B",
                 r->udp_congestion_controlled ? "" : "not ", figure_count(r->udp_rcvbuf_bytes, receives));
        put_key("udp", text, out);
}

static void put_machine(const struct report *r, FILE *out)
{
        char text[REPORT_TEXT_MAX + 64];
        snprintf(text, sizeof text, "%s, %" PRIu32 " cores", r->kernel, r->cores);
        put_key("machine", text, out);
}

/* ---- validity ---- */

static void put_late(const char *label, const struct report_lateness *l, FILE *out)
{
        const int64_t ns[] = { l->late.p50_ns, l->late.p99_ns, l->late.max_ns, l->p99_ns_max };
        char text[FIGURE_MAX];
        fprintf(out, "  %-*s", MARK - 2, label);
        if (!l->known) {
                fputs("  not measured\n", out);
                return;
        }
        for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
                fprintf(out, "%*s", BOUND, figure_decimal((double)ns[i] / 1e3, ns[i] < 100 * NS_PER_MS, text));
        fprintf(out, "  %s\n", l->late.p99_ns > l->p99_ns_max ? "BROKEN" : "ok");
}

static void put_drops(const char *label, const struct report_drops *d, FILE *out)
{
        char text[FIGURE_MAX];
        fprintf(out, "  %-*s", MARK - 2, label);
        if (!d->known)
                fputs("  not measured\n", out);
        else
                fprintf(out, "%*s%*s%*s  %s\n", BOUND, figure_count(d->dropped, text), 2 * BOUND, "", BOUND, "0",
                        d->dropped ? "BROKEN" : "ok");
}

static void put_validity(const struct report *r, FILE *out)
{
        const struct report_validity *v = &r->validity;
        char span[UNITS_TEXT_MAX];
        fprintf(out, "\n%-*s%*s%*s%*s%*s\n", MARK, "validity", BOUND, "p50", BOUND, "p99", BOUND, "max", BOUND,
                "bound p99");
        put_late("emulator lateness, us", &v->emulator, out);
        put_late("generator lateness, us", &v->generator, out);
        put_drops("packets dropped by devices", &v->device, out);
        put_drops("drops of full UDP buffers", &v->udp_buffer, out);
        fprintf(out, "  drained in %s\n", units_span_text(r->drain_ns, span));
}

void report_print(const struct report *r, FILE *out)
{
        put_verdict(r, out);
        put_load(r, out);
        put_identity(r, out);
        put_network(r, out);
        put_transports(r, out);
        put_machine(r, out);
        report_table_print(r, out);
        put_validity(r, out);
}
