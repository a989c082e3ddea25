/* What can be read out of a ledger: delays, pairs, the CSV, complaints. Uses the public calls only. */
#include "bench/ledger.h"

#include <inttypes.h>

#include "core/base/err.h"

int64_t ledger_delay_ns(const struct ledger *l, uint32_t subscriber, uint32_t index)
{
        struct mono received = ledger_row(l, subscriber, index)->received;
        return mono_is_never(received) ? LEDGER_NO_DELAY : mono_since(received, ledger_intended(l, index));
}

void ledger_delays(const struct ledger *l, struct hist *intended, struct hist *sent)
{
        for (uint32_t s = 0; s < ledger_subscribers(l); s++) {
                for (uint32_t i = 0; i < ledger_events(l); i++) {
                        struct mono received = ledger_row(l, s, i)->received, said = ledger_said(l, i);
                        if (mono_is_never(received))
                                continue;
                        hist_record(intended, mono_since(received, ledger_intended(l, i)));
                        if (sent && !mono_is_never(said))
                                hist_record(sent, mono_since(received, said));
                }
        }
}

void ledger_lateness(const struct ledger *l, struct hist *late)
{
        for (uint32_t i = 0; i < ledger_events(l); i++) {
                struct mono said = ledger_said(l, i);
                if (!mono_is_never(said))
                        hist_record(late, mono_since(said, ledger_intended(l, i)));
        }
}

size_t ledger_pairs(const struct ledger *a, const struct ledger *b, int64_t *a_ns, int64_t *b_ns, size_t cap)
{
        uint32_t subscribers = ledger_subscribers(a), events = ledger_events(a);
        size_t n = 0;
        if (ledger_subscribers(b) < subscribers)
                subscribers = ledger_subscribers(b);
        for (uint32_t i = 0; i < events; i++) {
                for (uint32_t s = 0; s < subscribers && n < cap; s++) {
                        int64_t x = ledger_delay_ns(a, s, i), y = ledger_delay_ns(b, s, i);
                        if (x == LEDGER_NO_DELAY || y == LEDGER_NO_DELAY)
                                continue;
                        a_ns[n] = x;
                        b_ns[n++] = y;
                }
        }
        return n;
}

/* ---- CSV ---- */

static void put_number(uint64_t v, FILE *out)
{
        if (v)
                fprintf(out, "%" PRIu64, v);
        fputc(',', out);
}

static void put_instant(const struct ledger *l, struct mono at, FILE *out)
{
        if (!mono_is_never(at))
                fprintf(out, "%" PRId64, mono_since(at, ledger_t0(l)));
        fputc(',', out);
}

static void write_row(const struct ledger *l, uint32_t subscriber, uint32_t index, FILE *out)
{
        const struct ledger_row *row = ledger_row(l, subscriber, index);
        struct ledger_place place = ledger_place(l, index);
        fprintf(out, "%s,%" PRIu32 ",%" PRIu32 ",", ledger_path(l), subscriber, index);
        put_number(place.eid, out);
        put_number(place.seq, out);
        put_instant(l, ledger_intended(l, index), out);
        put_instant(l, ledger_said(l, index), out);
        put_instant(l, row->received, out);
        fprintf(out, "%s,%s\n", ledger_outcome_text(row->outcome), ledger_reason_text(row->reason));
}

int ledger_write_head(FILE *out)
{
        fputs("path,subscriber,index,eid,seq,intended_ns,sent_ns,received_ns,outcome,reason\n", out);
        return ferror(out) ? ERR_SYSTEM : 0;
}

int ledger_write(const struct ledger *l, FILE *out)
{
        for (uint32_t i = 0; i < ledger_events(l) && !ferror(out); i++) {
                for (uint32_t s = 0; s < ledger_subscribers(l); s++)
                        write_row(l, s, i, out);
        }
        return ferror(out) ? ERR_SYSTEM : 0;
}

/* ---- complaints ---- */

static bool wrong(const struct ledger_row *row)
{
        return row->outcome == LEDGER_NONE || row->copies > 0 || row->denied;
}

static void complain_row(const struct ledger *l, uint32_t subscriber, uint32_t index, FILE *out)
{
        const struct ledger_row *row = ledger_row(l, subscriber, index);
        struct ledger_place place = ledger_place(l, index);
        fprintf(out,
                "%s: subscriber %" PRIu32 ", event %" PRIu32 " (eid %" PRIu64 ", seq %" PRIu64 "): ", ledger_path(l),
                subscriber, index, place.eid, place.seq);
        if (row->outcome == LEDGER_NONE)
                fprintf(out, "missing%s\n", mono_is_never(ledger_said(l, index)) ? ", and never said" : "");
        else if (row->denied)
                fputs("both delivered and reported as not coming\n", out);
        else
                fprintf(out, "delivered %d times\n", row->copies + 1);
}

static void complain_counts(const struct ledger *l, FILE *out)
{
        struct ledger_tally t = ledger_tally(l);
        if (t.strangers > 0)
                fprintf(out, "%s: %" PRIu64 " deliveries of events that the plan does not hold\n", ledger_path(l),
                        t.strangers);
        if (t.misplaced > 0)
                fprintf(out, "%s: %" PRIu64 " events placed twice in the log\n", ledger_path(l), t.misplaced);
        if (t.gaps_refused > 0)
                fprintf(out, "%s: %" PRIu64 " gap reports more than fit\n", ledger_path(l), t.gaps_refused);
}

void ledger_complain(const struct ledger *l, uint32_t max, FILE *out)
{
        uint64_t more = 0;
        uint32_t said = 0;
        complain_counts(l, out);
        for (uint32_t s = 0; s < ledger_subscribers(l); s++) {
                for (uint32_t i = 0; i < ledger_events(l); i++) {
                        if (!wrong(ledger_row(l, s, i)))
                                continue;
                        more += said >= max;
                        if (said < max)
                                complain_row(l, s, i, out);
                        said += said < max;
                }
        }
        if (more > 0)
                fprintf(out, "%s: and %" PRIu64 " more\n", ledger_path(l), more);
}
