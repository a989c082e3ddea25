#include "bench/plan.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/base/units.h"

/* A plan that grows. */
struct builder {
        struct plan *plan;
        const struct plan_limits *limits;
        uint32_t cap;
};

static uint32_t fitting(struct plan_tally *tally, const struct plan_limits *limits, uint32_t bytes)
{
        tally->grown += bytes < limits->bytes_min;
        tally->cut += bytes > limits->bytes_max;
        return bytes < limits->bytes_min ? limits->bytes_min : bytes > limits->bytes_max ? limits->bytes_max : bytes;
}

static int append(struct builder *b, int64_t at_ns, uint32_t bytes)
{
        struct plan *plan = b->plan;
        if (plan->events_n == b->limits->events_max)
                return ERR_TOO_BIG;
        if (plan->events_n == b->cap) {
                uint32_t cap = b->cap ? b->cap * 2 : 1024;
                struct plan_event *events = realloc(plan->events, cap * sizeof *events);
                if (!events)
                        return ERR_NO_MEMORY;
                plan->events = events;
                b->cap = cap;
        }
        plan->events[plan->events_n++] = (struct plan_event){ at_ns, fitting(&plan->tally, b->limits, bytes) };
        return 0;
}

static int constant(struct builder *b, const struct plan_shape *s)
{
        /* From the number, not from the last instant: a sum would drift. */
        for (uint64_t i = 0;; i++) {
                double at = round((double)i * 1e9 / s->rate_per_s);
                if (at >= (double)s->duration_ns)
                        return 0;
                int err = append(b, (int64_t)at, s->bytes);
                if (err)
                        return err;
        }
}

static int poisson(struct builder *b, const struct plan_shape *s)
{
        struct rng r = rng_seeded(s->seed, "plan");
        double at = 0;
        for (;;) {
                at += -log1p(-rng_unit(&r)) * 1e9 / s->rate_per_s;
                if (at >= (double)s->duration_ns)
                        return 0;
                int err = append(b, (int64_t)at, s->bytes);
                if (err)
                        return err;
        }
}

/* The plan's own time line: the capture's, without steps back and long silences. */
struct timeline {
        bool started;
        int64_t stamp_ns; /* latest stamp, on the capture's clock */
        int64_t at_ns;    /* where that is in the plan */
};

static int64_t follow(struct timeline *t, int64_t stamp_ns, int64_t gap_ns_max, struct plan_tally *tally)
{
        int64_t step = t->started ? stamp_ns - t->stamp_ns : 0;
        bool clock_was_set = step < -gap_ns_max;
        tally->backwards += step < 0;
        tally->gaps_capped += step > gap_ns_max;
        if (!t->started || step > 0 || clock_was_set)
                t->stamp_ns = stamp_ns;
        t->started = true;
        t->at_ns += step < 0 ? 0 : step > gap_ns_max ? gap_ns_max : step;
        return t->at_ns;
}

/* A stranger's stamp, such that the difference of any two fits. */
static int64_t stamp_of(const struct pcap_pkthdr *head)
{
        int64_t limit = INT64_C(4000000000), s = head->ts.tv_sec, ns = head->ts.tv_usec;
        s = s < -limit ? -limit : s > limit ? limit : s;
        ns = ns < 0 ? 0 : ns >= NS_PER_S ? NS_PER_S - 1 : ns;
        return s * NS_PER_S + ns;
}

static int take_packet(struct builder *b, struct timeline *t, enum packet_link link, const struct pcap_pkthdr *head,
                       const uint8_t *at)
{
        struct plan_tally *tally = &b->plan->tally;
        uint32_t bytes = 0, wire = head->len < head->caplen ? head->caplen : head->len;
        enum packet_verdict verdict = packet_payload(link, bytes_of(at, head->caplen), wire, &bytes);
        tally->packets++;
        tally->verdicts[verdict]++;
        if (verdict != PACKET_PAYLOAD)
                return 0;
        int64_t at_ns = follow(t, stamp_of(head), b->limits->gap_ns_max, tally);
        bool late = b->limits->span_ns_max > 0 && at_ns >= b->limits->span_ns_max;
        int err = late ? ERR_TOO_BIG : append(b, at_ns, bytes);
        tally->left_out += err == ERR_TOO_BIG;
        return err == ERR_TOO_BIG ? 0 : err;
}

static int read_packets(struct builder *b, pcap_t *pcap, enum packet_link link)
{
        struct timeline timeline = { 0 };
        struct pcap_pkthdr *head;
        const uint8_t *at;
        int got, err = 0;
        while (!err && (got = pcap_next_ex(pcap, &head, &at)) == 1)
                err = take_packet(b, &timeline, link, head, at);
        if (err)
                return err;
        b->plan->tally.cut_short = got == PCAP_ERROR;
        if (b->plan->events_n > 0)
                return 0;
        return got == PCAP_ERROR ? ERR_MALFORMED : ERR_NOT_FOUND;
}

/* Numbers in files are LINKTYPE_ values; libpcap hands out DLT_ values, which differ for RAW. */
static int link_number(pcap_t *pcap)
{
        int dlt = pcap_datalink(pcap);
        return dlt == DLT_RAW ? PACKET_RAW : dlt;
}

static void say_link(pcap_t *pcap, const char *file, char why[PLAN_WHY_MAX])
{
        const char *name = pcap_datalink_val_to_name(pcap_datalink(pcap));
#define KNOWN(link, number, words) " " words ","
        static const char known[] = PACKET_LINK_LIST(KNOWN);
#undef KNOWN
        snprintf(why, PLAN_WHY_MAX, "%s: link type %s (%d) is not supported; known are%.*s", file,
                 name ? name : "unknown", link_number(pcap), (int)sizeof known - 2, known);
}

static void say_why(int err, pcap_t *pcap, const char *file, char why[PLAN_WHY_MAX])
{
        if (err == ERR_MALFORMED)
                snprintf(why, PLAN_WHY_MAX, "%s: damaged before its first packet with payload: %s", file,
                         pcap_geterr(pcap));
        else if (err == ERR_NOT_FOUND)
                snprintf(why, PLAN_WHY_MAX, "%s: no packet with TCP, UDP or SCTP payload in it", file);
        else
                snprintf(why, PLAN_WHY_MAX, "%s: %s", file, err_text(err));
}

static void print_skipped(const struct plan_tally *t, FILE *out)
{
        static const char *const words[PACKET_VERDICTS] = {
                [PACKET_NO_PAYLOAD] = "without payload",
                [PACKET_FRAGMENT] = "later fragments",
                [PACKET_OTHER] = "other IP",
                [PACKET_NOT_IP] = "not IP",
                [PACKET_BAD] = "malformed or cut",
        };
        const char *between = "; skipped: ";
        for (int v = 0; v < PACKET_VERDICTS; v++) {
                if (!words[v] || t->verdicts[v] == 0)
                        continue;
                fprintf(out, "%s%" PRIu64 " %s", between, t->verdicts[v], words[v]);
                between = ", ";
        }
        fputc('\n', out);
}

static void print_changes(const struct plan *plan, FILE *out)
{
        const struct plan_tally *t = &plan->tally;
        if (t->grown + t->cut > 0)
                fprintf(out, "plan: sizes clamped: %" PRIu64 " raised to what an event needs, %" PRIu64 " cut\n",
                        t->grown, t->cut);
        if (t->backwards + t->gaps_capped > 0)
                fprintf(out, "plan: time: %" PRIu64 " stamps went backwards, %" PRIu64 " silences shortened\n",
                        t->backwards, t->gaps_capped);
        if (t->left_out > 0)
                fprintf(out, "plan: %" PRIu64 " later packets with payload left out\n", t->left_out);
        if (t->cut_short)
                fputs("plan: the capture ends in the middle of a packet or is damaged there\n", out);
}

int plan_from_seed(const struct plan_shape *shape, const struct plan_limits *limits, struct plan *plan)
{
        assert(limits->bytes_min >= PAYLOAD_BYTES_MIN && limits->bytes_max >= limits->bytes_min);
        *plan = (struct plan){ 0 };
        /* Written so that a NaN fails too. */
        if (!(shape->rate_per_s > 0) || !isfinite(shape->rate_per_s) || shape->duration_ns <= 0)
                return ERR_RANGE;
        struct builder b = { plan, limits, 0 };
        int err = shape->spacing == PLAN_POISSON ? poisson(&b, shape) : constant(&b, shape);
        if (!err && plan->events_n == 0)
                err = ERR_RANGE;
        if (err)
                plan_free(plan);
        return err;
}

int plan_from_capture(const char *file, const struct plan_limits *limits, struct plan *plan, char why[PLAN_WHY_MAX])
{
        assert(limits->bytes_min >= PAYLOAD_BYTES_MIN && limits->bytes_max >= limits->bytes_min);
        assert(limits->gap_ns_max > 0 && limits->gap_ns_max <= 3600 * NS_PER_S);
        *plan = (struct plan){ 0 };
        char words[PCAP_ERRBUF_SIZE] = "";
        errno = 0;
        pcap_t *pcap = pcap_open_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, words);
        if (!pcap) {
                /* libpcap names the file itself when the system refused, and not otherwise. */
                bool named = strncmp(words, file, strlen(file)) == 0;
                snprintf(why, PLAN_WHY_MAX, "%s%s%s", named ? "" : file, named ? "" : ": ", words);
                return named ? ERR_SYSTEM : ERR_MALFORMED;
        }
        struct builder b = { plan, limits, 0 };
        int err = ERR_UNSUPPORTED;
        if (!packet_link_known(link_number(pcap))) {
                say_link(pcap, file, why);
        } else {
                err = read_packets(&b, pcap, (enum packet_link)link_number(pcap));
                if (err)
                        say_why(err, pcap, file, why);
        }
        if (err)
                plan_free(plan);
        pcap_close(pcap);
        return err;
}

int64_t plan_span_ns(const struct plan *plan)
{
        return plan->events_n ? plan->events[plan->events_n - 1].at_ns : 0;
}

uint64_t plan_bytes(const struct plan *plan)
{
        uint64_t sum = 0;
        for (uint32_t i = 0; i < plan->events_n; i++)
                sum += plan->events[i].bytes;
        return sum;
}

uint64_t plan_hash(const struct plan *plan)
{
        struct rng r = rng_seeded(0, "plan hash");
        uint64_t hash = plan->events_n;
        for (uint32_t i = 0; i < plan->events_n; i++) {
                uint64_t step[] = { hash, (uint64_t)plan->events[i].at_ns, plan->events[i].bytes };
                hash = rng_keyed(&r, step, sizeof step / sizeof *step);
        }
        return hash;
}

void plan_describe(const struct plan *plan, FILE *out)
{
        char span[UNITS_TEXT_MAX];
        fprintf(out, "plan: %" PRIu32 " events over %s, %" PRIu64 " bytes of payload", plan->events_n,
                units_span_text(plan_span_ns(plan), span), plan_bytes(plan));
        if (plan->tally.packets > 0) {
                fprintf(out, "\nplan: from a capture of %" PRIu64 " packets", plan->tally.packets);
                print_skipped(&plan->tally, out);
        } else {
                fputc('\n', out);
        }
        print_changes(plan, out);
}

void plan_free(struct plan *plan)
{
        free(plan->events);
        *plan = (struct plan){ 0 };
}
