/* ledger: what became of each event at each subscriber of one path.
 *
 * One row for each planned event and subscriber, with exactly one outcome: the first that the
 * client engine claimed. A delivery is claimed by index, since an event carries its plan index; a
 * gap is claimed as a range of seqs (UDP) or eids (TCP), and is translated by the places that the
 * publisher's acks gave the events. A row that nobody claimed is missing: nothing is ever booked
 * as lost because it did not arrive.
 *
 * The run is balanced when no row is missing and no client said anything twice: an event delivered
 * again, one that the plan does not hold, one delivered and reported lost.
 *
 * Pure bookkeeping: no clock, no I/O but the writers at the end. Not for several threads.
 */
#ifndef BENCH_LEDGER_H
#define BENCH_LEDGER_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/hist.h"
#include "bench/plan.h"
#include "core/base/bytes.h"
#include "core/base/mono.h"

enum ledger_outcome { LEDGER_NONE, LEDGER_LIVE, LEDGER_RECOVERED, LEDGER_SKIPPED, LEDGER_LOST, LEDGER_OUTCOMES };

/* X(name, text, outcome): why an event was not delivered. The words are those that both client
 * engines report their gaps with. */
#define LEDGER_REASON_LIST(X)                               \
        X(LEDGER_EVICTED, "evicted", LEDGER_LOST)           \
        X(LEDGER_EXCLUDED, "excluded", LEDGER_SKIPPED)      \
        X(LEDGER_YOURS, "yours", LEDGER_SKIPPED)            \
        X(LEDGER_EXPIRED, "expired", LEDGER_LOST)           \
        X(LEDGER_EPOCH, "epoch", LEDGER_LOST)               \
        X(LEDGER_TOO_BIG, "too big", LEDGER_LOST)           \
        X(LEDGER_TIMEOUT, "timeout", LEDGER_LOST)           \
        X(LEDGER_NOT_REPAIRED, "not repaired", LEDGER_LOST) \
        X(LEDGER_CLOSED, "closed", LEDGER_LOST)             \
        X(LEDGER_OTHER, "other", LEDGER_LOST)

enum ledger_reason {
        LEDGER_NO_REASON,
#define LEDGER_REASON_ENUM(name, text, outcome) name,
        LEDGER_REASON_LIST(LEDGER_REASON_ENUM)
#undef LEDGER_REASON_ENUM
                LEDGER_REASONS
};

/* The reason with these words, whatever their case and whether '-', '_' or ' ' parts them;
 * LEDGER_OTHER for a stranger's. */
enum ledger_reason ledger_reason_named(struct bytes text);

const char *ledger_reason_text(enum ledger_reason reason);    /* "" for LEDGER_NO_REASON */
const char *ledger_outcome_text(enum ledger_outcome outcome); /* "missing" for LEDGER_NONE */

struct ledger;

/* path   copied, at most LEDGER_PATH_MAX - 1 bytes; goes into the CSV as it is
 * run    the payloads' tag (payload.h)
 * plan   borrowed until ledger_destroy
 * returns NULL when memory is out. The caller destroys; NULL is accepted. */
enum { LEDGER_PATH_MAX = 32 };
struct ledger *ledger_create(const char *path, uint32_t run, const struct plan *plan, uint32_t subscribers);
void ledger_destroy(struct ledger *l);

/* Sets the instant that the plan counts from. Before the first event is said. */
void ledger_start(struct ledger *l, struct mono t0);

/* The instant at which event `index` is meant to be said. */
struct mono ledger_intended(const struct ledger *l, uint32_t index);

/* --- the publisher's side */

/* Event `index` was handed to the transport at `now`. */
void ledger_sent(struct ledger *l, uint32_t index, struct mono now);

/* Where the log put an event. 0 means "not known (yet)". */
struct ledger_place {
        uint32_t epoch;
        uint64_t eid, seq;
};

/* The place of event `index` became known: from the publish's ack, or from a delivery that states
 * it. Knowing more each time is fine.
 * returns  0; ERR_RANGE (no such event); ERR_EXISTS when it contradicts what is known (kept, counted in the
 *          tally's `misplaced`): the event was published twice, or acked wrongly */
int ledger_placed(struct ledger *l, uint32_t index, struct ledger_place place);

/* --- the subscribers' side; `subscriber` counts from 0 */

enum ledger_verdict {
        LEDGER_FIRST,     /* the row's outcome is now live or recovered */
        LEDGER_DUPLICATE, /* delivered before: counted, an error of the run */
        LEDGER_DENIED,    /* reported lost or skipped before: counted, an error of the run */
        LEDGER_STRANGER,  /* not in the plan: counted, an error of the run */
};

/* A client engine delivered an event.
 * recovered  it came by repair or after a reconnect, in the engine's own words
 * text       its payload, read by payload_read; a size other than the plan's is a stranger
 * index      NULL, or where the plan index goes (not for a stranger) */
enum ledger_verdict ledger_heard(struct ledger *l, uint32_t subscriber, struct bytes text, bool recovered,
                                 struct mono now, uint32_t *index);

/* The same for a caller that knows the index. */
enum ledger_verdict ledger_received(struct ledger *l, uint32_t subscriber, uint32_t index, bool recovered,
                                    struct mono now);

enum ledger_unit { LEDGER_EID, LEDGER_SEQ };

/* "None of these will come": every planned event of `epoch` whose number lies in from..to, both
 * included. to = UINT64_MAX: all from `from` on. */
struct ledger_gap {
        enum ledger_unit unit;
        uint32_t epoch;
        uint64_t from, to;
        enum ledger_reason reason;
};

/* A client engine reported a gap. May come before the events' places are known.
 * returns  0; ERR_RANGE (subscriber; from after to); ERR_FULL (LEDGER_GAPS_MAX: the run cannot balance any more);
 *          ERR_NO_MEMORY (likewise) */
enum { LEDGER_GAPS_MAX = 1 << 20 };
int ledger_gap(struct ledger *l, uint32_t subscriber, const struct ledger_gap *gap);

/* --- accounts */

/* Translates the gaps reported so far into outcomes. Cheap when nothing new was placed or
 * reported: ask it as often as you like while the run drains.
 * returns  the number of rows that still have no outcome */
uint64_t ledger_settle(struct ledger *l);

struct ledger_tally {
        uint64_t rows;                      /* events x subscribers */
        uint64_t outcomes[LEDGER_OUTCOMES]; /* they add up to rows; [LEDGER_NONE] is `missing` */
        uint64_t reasons[LEDGER_REASONS];   /* of the skipped and lost */
        uint64_t duplicates, strangers;     /* deliveries, not rows */
        uint64_t denied;                    /* rows both delivered and reported lost or skipped */
        uint64_t misplaced;                 /* events whose places contradict each other */
        uint64_t gaps, gaps_refused;        /* reports taken, and not taken for want of room */
        uint64_t unsaid, unplaced;          /* events never handed to the transport; without eid and seq */
};

/* Of all subscribers, or of one. Only what was settled: call ledger_settle first. */
struct ledger_tally ledger_tally(const struct ledger *l);
struct ledger_tally ledger_tally_of(const struct ledger *l, uint32_t subscriber);

/* Is every event accounted for, once, at every subscriber? Not so: exit 1. */
bool ledger_balanced(const struct ledger_tally *t);

/* One row. received is MONO_NEVER unless the outcome is live or recovered. */
struct ledger_row {
        struct mono received;
        uint8_t outcome, reason; /* enum ledger_outcome, enum ledger_reason */
        uint8_t copies;          /* deliveries after the first, at most 255 */
        bool denied;
};

const struct ledger_row *ledger_row(const struct ledger *l, uint32_t subscriber, uint32_t index);
struct ledger_place ledger_place(const struct ledger *l, uint32_t index);
struct mono ledger_said(const struct ledger *l, uint32_t index); /* when it was sent; MONO_NEVER: it was not */
struct mono ledger_t0(const struct ledger *l);
uint32_t ledger_bytes(const struct ledger *l, uint32_t index); /* of the event's payload, as planned */
uint32_t ledger_events(const struct ledger *l);
uint32_t ledger_subscribers(const struct ledger *l);
const char *ledger_path(const struct ledger *l);

#define LEDGER_NO_DELAY INT64_MIN

/* The delay of one row: received minus intended; LEDGER_NO_DELAY when it was not delivered. */
int64_t ledger_delay_ns(const struct ledger *l, uint32_t subscriber, uint32_t index);

/* Records all delays: `intended` counts from the intended instants, `sent` (may be NULL) from the
 * actual ones. */
void ledger_delays(const struct ledger *l, struct hist *intended, struct hist *sent);

/* Records how late the generator said each event. */
void ledger_lateness(const struct ledger *l, struct hist *late);

/* The delays of rows that were delivered on both paths, ordered by index, then subscriber.
 * a_ns, b_ns  room for `cap` each; pairs beyond are left out
 * returns     how many pairs were written. The ledgers share one plan. */
size_t ledger_pairs(const struct ledger *a, const struct ledger *b, int64_t *a_ns, int64_t *b_ns, size_t cap);

/* The CSV's first line, and all rows of a ledger: path, subscriber, index, eid, seq, intended_ns,
 * sent_ns, received_ns (after t0; empty when there is none), outcome, reason.
 * returns  0, or ERR_SYSTEM when `out` refused */
int ledger_write_head(FILE *out);
int ledger_write(const struct ledger *l, FILE *out);

/* Says in words what is wrong with the first `max` rows that are: a line each, for the person who
 * has to find it. Prints nothing for a balanced ledger. */
void ledger_complain(const struct ledger *l, uint32_t max, FILE *out);

#endif
