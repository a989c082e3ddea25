#include "bench/report_table.h"

#include <math.h>
#include <string.h>

#include "bench/figure.h"

enum { LABEL = REPORT_LABEL, CELL = REPORT_CELL, COLUMNS = (REPORT_WIDTH - LABEL) / CELL };

/* Spans are printed in one unit throughout a report, so that a column can be read downwards. */
struct scale {
        const char *unit; /* "ms" or "us" */
        double ns;
        int decimals;
};

static struct scale scale_of(const struct report *r)
{
        int64_t slowest = 0;
        for (uint32_t i = 0; i < r->paths_n; i++)
                slowest = r->paths[i].delay.p50_ns > slowest ? r->paths[i].delay.p50_ns : slowest;
        bool small = slowest < 2 * NS_PER_MS;
        return small ? (struct scale){ "us", 1e3, 1 } : (struct scale){ "ms", 1e6, 2 };
}

/* ---- cells: each writes text and says whether there is anything to say ---- */

struct table {
        const struct report *r;
        struct scale scale;
        FILE *out;
};

typedef bool cell_fn(const struct table *t, const struct report_path *p, char text[FIGURE_MAX]);

static uint64_t delivered(const struct report_path *p)
{
        return p->tally.outcomes[LEDGER_LIVE] + p->tally.outcomes[LEDGER_RECOVERED];
}

static bool share(double part, double whole, double factor, int decimals, char text[FIGURE_MAX])
{
        if (whole > 0)
                figure_decimal(factor * part / whole, decimals, text);
        return whole > 0;
}

static bool raw_lost(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        figure_count(p->raw_lost, text);
        return p->raw_known;
}

static bool raw_sent(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        figure_count(p->raw_sent, text);
        return p->raw_known;
}

static bool raw_share(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        return share((double)p->raw_lost, p->raw_known ? (double)p->raw_sent : 0, 100, 3, text);
}

static bool raw_sigma(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        double n = (double)p->raw_sent, q = t->r->loss_configured;
        double sigma = sqrt(n * q * (1 - q));
        return share((double)p->raw_lost - n * q, p->raw_known ? sigma : 0, 1, 2, text);
}

static bool lost_share(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        return share((double)p->tally.outcomes[LEDGER_LOST], (double)p->tally.rows, 100, 3, text);
}

static bool reorder_share(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        return share((double)p->reordered, (double)p->arrivals, 100, 3, text);
}

static bool jitter(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        return share(p->jitter_ns, p->arrivals ? t->scale.ns : 0, 1, t->scale.decimals, text);
}

static bool bytes_each(uint64_t bytes, const struct report_path *p, char text[FIGURE_MAX])
{
        return share((double)bytes, bytes ? (double)delivered(p) : 0, 1, 1, text);
}

static bool payload_each(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        return bytes_each(p->payload_bytes, p, text);
}

static bool transport_each(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        return bytes_each(p->transport_bytes, p, text);
}

static bool wire_each(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        return bytes_each(p->wire_bytes, p, text);
}

static bool cpu_each(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        return share(p->server_cpu_s, p->server_cpu_s > 0 ? (double)delivered(p) : 0, 1e6, 2, text);
}

static bool versus_ns(const struct table *t, const struct report_path *p, double ns, char text[FIGURE_MAX])
{
        figure_decimal(ns / t->scale.ns, t->scale.decimals, text);
        return p->versus_known;
}

static bool median(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        return versus_ns(t, p, p->versus.median.value, text);
}

static bool mean(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        return versus_ns(t, p, p->versus.mean.value, text);
}

static bool median_low(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        return versus_ns(t, p, p->versus.median.low, text);
}

static bool median_high(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        return versus_ns(t, p, p->versus.median.high, text);
}

static bool mean_low(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        return versus_ns(t, p, p->versus.mean.low, text);
}

static bool mean_high(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        return versus_ns(t, p, p->versus.mean.high, text);
}

static bool favour(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        figure_decimal(p->versus.favour, 3, text);
        return p->versus_known;
}

static bool pairs(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        figure_count(p->versus.pairs, text);
        return p->versus_known;
}

static bool paired_by(const struct table *t, const struct report_path *p, char text[FIGURE_MAX])
{
        (void)t;
        snprintf(text, FIGURE_MAX, "%s", p->versus_one_epoch ? "same event" : "plan index");
        return p->versus_known;
}

/* ---- rows ---- */

enum row_kind {
        SECTION, /* a title; printed when one of its rows is */
        COUNT,   /* a uint64_t of struct report_path */
        RARE,    /* the same, printed only when some path has more than 0 */
        SPAN,    /* an int64_t of ns in the struct report_dist at `dist` */
        MADE,    /* by a function */
        REASONS, /* a row for each reason that occurs */
};

struct row {
        enum row_kind kind;
        const char *label;
        size_t at, dist;
        cell_fn *cell;
};

#define AT(field) offsetof(struct report_path, field)
#define ROW_SECTION(label)                 \
        {                                  \
                SECTION, label, 0, 0, NULL \
        }
#define ROW_COUNT(label, field)                  \
        {                                        \
                COUNT, label, AT(field), 0, NULL \
        }
#define ROW_RARE(label, field)                  \
        {                                       \
                RARE, label, AT(field), 0, NULL \
        }
#define ROW_SPAN(label, dist, span)                        \
        {                                                  \
                SPAN, label, AT(dist.span), AT(dist), NULL \
        }
#define ROW_MADE(label, cell)           \
        {                               \
                MADE, label, 0, 0, cell \
        }

/* In titles, $ stands for the unit of spans, and @ for the first path's name. */
static const struct row rows[] = {
        ROW_SECTION("outcome, events x subscribers"),
        ROW_COUNT("delivered live", tally.outcomes[LEDGER_LIVE]),
        ROW_COUNT("delivered after recovery", tally.outcomes[LEDGER_RECOVERED]),
        ROW_RARE("skipped", tally.outcomes[LEDGER_SKIPPED]),
        ROW_COUNT("reported lost", tally.outcomes[LEDGER_LOST]),
        { REASONS, "", 0, 0, NULL },
        ROW_COUNT("missing", tally.outcomes[LEDGER_NONE]),
        ROW_COUNT("delivered twice", tally.duplicates),
        ROW_RARE("not in the plan", tally.strangers),
        ROW_RARE("delivered and reported lost", tally.denied),
        ROW_RARE("reconnects", reconnects),

        ROW_SECTION("loss"),
        ROW_MADE("before repair, datagrams lost", raw_lost),
        ROW_MADE("  of datagrams sent", raw_sent),
        ROW_MADE("before repair, %", raw_share),
        ROW_MADE("off the configured loss, sigma", raw_sigma),
        ROW_RARE("packets that the queue dropped", queue_packets),
        ROW_RARE("packets in the blackout", blackout_packets),
        ROW_MADE("after repair, % of events", lost_share),
        ROW_RARE("longest run before, events", raw_runs.longest),
        ROW_RARE("longest run after, events", lost_runs.longest),

        ROW_SECTION("latency from the intended instant, $"),
        ROW_SPAN("p50", delay, p50_ns),
        ROW_SPAN("p90", delay, p90_ns),
        ROW_SPAN("p99", delay, p99_ns),
        ROW_SPAN("p99.9", delay, p999_ns),
        ROW_SPAN("max", delay, max_ns),

        ROW_SECTION("latency from the actual send, $ (uncorrected)"),
        ROW_SPAN("p50", delay_from_sent, p50_ns),
        ROW_SPAN("p99", delay_from_sent, p99_ns),

        ROW_SECTION("recovery, gap opened to gap closed, $"),
        ROW_SPAN("p50", recovery, p50_ns),
        ROW_SPAN("p99", recovery, p99_ns),
        ROW_SPAN("max", recovery, max_ns),
        ROW_RARE("gaps closed whole", gaps_whole),
        ROW_RARE("gaps closed in part", gaps_partly),
        ROW_RARE("gaps that stayed lost", gaps_lost),
        ROW_RARE("events made from parity", mended),

        ROW_SECTION("order and evenness"),
        ROW_MADE("reordered, % (RFC 4737)", reorder_share),
        ROW_RARE("worst extent, arrivals", extent_max),
        ROW_MADE("jitter, $ (RFC 3550)", jitter),
        ROW_SPAN("variation p99, $ (RFC 3393)", variation, p99_ns),

        ROW_SECTION("cost of a delivery"),
        ROW_MADE("payload, bytes", payload_each),
        ROW_MADE("on the sockets, bytes", transport_each),
        ROW_MADE("on the wire, bytes (IP)", wire_each),
        ROW_MADE("server CPU, us", cpu_each),
        ROW_RARE("NACKs sent", nacks),

        ROW_SECTION("paired difference to @, $ (below 0: faster than @)"),
        ROW_MADE("median", median),
        ROW_MADE("  95 % interval from", median_low),
        ROW_MADE("  to", median_high),
        ROW_MADE("mean", mean),
        ROW_MADE("  95 % interval from", mean_low),
        ROW_MADE("  to", mean_high),
        ROW_MADE("rank effect, -1 always faster", favour),
        ROW_MADE("pairs", pairs),
        ROW_MADE("paired by", paired_by),
};

static uint64_t count_at(const struct report_path *p, size_t at)
{
        uint64_t v;
        memcpy(&v, (const char *)p + at, sizeof v);
        return v;
}

static bool span_cell(const struct table *t, const struct row *row, const struct report_path *p, char text[FIGURE_MAX])
{
        struct report_dist dist;
        int64_t ns;
        memcpy(&dist, (const char *)p + row->dist, sizeof dist);
        memcpy(&ns, (const char *)p + row->at, sizeof ns);
        figure_decimal((double)ns / t->scale.ns, t->scale.decimals, text);
        return dist.count > 0;
}

static bool cell_of(const struct table *t, const struct row *row, const struct report_path *p, char text[FIGURE_MAX])
{
        switch (row->kind) {
        case COUNT:
        case RARE:
                figure_count(count_at(p, row->at), text);
                return true;
        case SPAN:
                return span_cell(t, row, p, text);
        case MADE:
                return row->cell(t, p, text);
        default:
                return false;
        }
}

/* Is there a path for which the row says something? */
static bool row_speaks(const struct table *t, const struct row *row)
{
        char text[FIGURE_MAX];
        for (uint32_t i = 0; i < t->r->paths_n; i++) {
                const struct report_path *p = &t->r->paths[i];
                if (row->kind == RARE ? count_at(p, row->at) > 0 : cell_of(t, row, p, text))
                        return true;
        }
        return false;
}

/* Prints a label with $ and @ filled in, padded to `width`. */
static void put_label(const struct table *t, const char *label, int width)
{
        int n = 0;
        for (; *label; label++) {
                if (*label == '$')
                        n += fprintf(t->out, "%s", t->scale.unit);
                else if (*label == '@')
                        n += fprintf(t->out, "%s", t->r->paths[0].name);
                else
                        n += fprintf(t->out, "%c", *label);
        }
        fprintf(t->out, "%*s", width > n ? width - n : 0, "");
}

/* A figure that is too wide for its column does without commas. */
static const char *fit(char text[FIGURE_MAX])
{
        char *to = text;
        if (strlen(text) < CELL)
                return text;
        for (const char *at = text; *at; at++)
                if (*at != ',')
                        *to++ = *at;
        *to = '\0';
        return to - text < CELL ? text : "(too wide)";
}

static void put_row(const struct table *t, const struct row *row, uint32_t first, uint32_t end)
{
        fputs("  ", t->out);
        put_label(t, row->label, LABEL - 2);
        for (uint32_t i = first; i < end; i++) {
                char text[FIGURE_MAX];
                bool said = cell_of(t, row, &t->r->paths[i], text);
                fprintf(t->out, "%*s", CELL, said ? fit(text) : "-");
        }
        fputc('\n', t->out);
}

static void put_reasons(const struct table *t, uint32_t first, uint32_t end)
{
        for (int reason = LEDGER_NO_REASON + 1; reason < LEDGER_REASONS; reason++) {
                char label[FIGURE_MAX];
                snprintf(label, sizeof label, "  %s", ledger_reason_text((enum ledger_reason)reason));
                struct row row = { RARE, label, AT(tally.reasons) + (size_t)reason * sizeof(uint64_t), 0, NULL };
                if (row_speaks(t, &row))
                        put_row(t, &row, first, end);
        }
}

/* A path's name over its column; a long one is parted at its last '-' over two lines. */
static void put_heads(const struct table *t, uint32_t first, uint32_t end)
{
        for (int line = 0; line < 2; line++) {
                fprintf(t->out, "%*s", LABEL, "");
                for (uint32_t i = first; i < end; i++) {
                        const char *name = t->r->paths[i].name, *dash = strrchr(name, '-');
                        int upper = strlen(name) < CELL || !dash ? 0 : (int)(dash - name) + 1;
                        fprintf(t->out, "%*.*s", CELL, line == 0 ? upper : CELL - 1, line == 0 ? name : name + upper);
                }
                fputc('\n', t->out);
        }
}

static void put_group(const struct table *t, uint32_t first, uint32_t end)
{
        const struct row *title = NULL;
        fputc('\n', t->out);
        put_heads(t, first, end);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct row *row = &rows[i];
                if (row->kind == SECTION) {
                        title = row;
                } else if (row->kind == REASONS) {
                        put_reasons(t, first, end);
                } else if (row_speaks(t, row)) {
                        if (title) {
                                put_label(t, title->label, 0);
                                fputc('\n', t->out);
                        }
                        title = NULL;
                        put_row(t, row, first, end);
                }
        }
}

void report_table_print(const struct report *r, FILE *out)
{
        struct table t = { r, scale_of(r), out };
        for (uint32_t first = 0; first < r->paths_n; first += COLUMNS)
                put_group(&t, first, r->paths_n - first < COLUMNS ? r->paths_n : first + COLUMNS);
}
