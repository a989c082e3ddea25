#include "bench/ledger.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"

struct entry {
        struct mono sent; /* MONO_NEVER: not yet */
        struct ledger_place place;
};

struct claim {
        uint32_t subscriber;
        struct ledger_gap gap;
};

/* The placed events in the order of one unit. */
struct order {
        uint32_t *index;
        uint32_t n;
};

struct ledger {
        char path[LEDGER_PATH_MAX];
        uint32_t run, subscribers, events_n;
        const struct plan *plan;
        struct mono t0;
        struct entry *entries;   /* by index */
        struct ledger_row *rows; /* subscriber by subscriber, each by index */
        struct claim *claims;
        size_t claims_n, claims_cap, claims_settled;
        struct order order[2]; /* by enum ledger_unit */
        bool places_changed;   /* since the orders were made */
        uint64_t open;         /* rows without an outcome */
        uint64_t duplicates, strangers, denied, misplaced, gaps_refused;
};

/* ---- reasons ---- */

static bool same_words(const char *words, struct bytes text)
{
        size_t n = strlen(words);
        for (size_t i = 0; i < n && n == text.n; i++) {
                bool gap = text.at[i] == '-' || text.at[i] == '_';
                if (words[i] != (gap ? ' ' : tolower(text.at[i])))
                        return false;
        }
        return n == text.n;
}

static const struct {
        const char *text;
        enum ledger_outcome outcome;
} reasons[LEDGER_REASONS] = { [LEDGER_NO_REASON] = { "", LEDGER_LOST },
#define REASON_ROW(name, text, outcome) [name] = { text, outcome },
                              LEDGER_REASON_LIST(REASON_ROW)
#undef REASON_ROW
};

enum ledger_reason ledger_reason_named(struct bytes text)
{
        for (int i = LEDGER_NO_REASON + 1; i < LEDGER_REASONS; i++) {
                if (same_words(reasons[i].text, text))
                        return (enum ledger_reason)i;
        }
        return LEDGER_OTHER;
}

const char *ledger_reason_text(enum ledger_reason reason)
{
        return reasons[reason].text;
}

/* Skipped or lost. */
static enum ledger_outcome reason_outcome(enum ledger_reason reason)
{
        return reasons[reason].outcome;
}

const char *ledger_outcome_text(enum ledger_outcome outcome)
{
        static const char *const text[LEDGER_OUTCOMES] = { "missing", "live", "recovered", "skipped", "lost" };
        return text[outcome];
}

/* ---- making ---- */

struct ledger *ledger_create(const char *path, uint32_t run, const struct plan *plan, uint32_t subscribers)
{
        struct ledger *l = calloc(1, sizeof *l);
        if (!l)
                return NULL;
        size_t rows = (size_t)plan->events_n * subscribers;
        snprintf(l->path, sizeof l->path, "%s", path);
        l->run = run;
        l->subscribers = subscribers;
        l->events_n = plan->events_n;
        l->plan = plan;
        l->open = rows;
        l->entries = calloc(plan->events_n + 1u, sizeof *l->entries);
        l->rows = calloc(rows + 1, sizeof *l->rows);
        l->order[0].index = calloc(plan->events_n + 1u, sizeof *l->order[0].index);
        l->order[1].index = calloc(plan->events_n + 1u, sizeof *l->order[1].index);
        if (!l->entries || !l->rows || !l->order[0].index || !l->order[1].index) {
                ledger_destroy(l);
                return NULL;
        }
        for (uint32_t i = 0; i < l->events_n; i++)
                l->entries[i].sent = MONO_NEVER;
        for (size_t i = 0; i < rows; i++)
                l->rows[i].received = MONO_NEVER;
        return l;
}

void ledger_destroy(struct ledger *l)
{
        if (!l)
                return;
        free(l->entries);
        free(l->rows);
        free(l->claims);
        free(l->order[0].index);
        free(l->order[1].index);
        free(l);
}

void ledger_start(struct ledger *l, struct mono t0)
{
        l->t0 = t0;
}

struct mono ledger_intended(const struct ledger *l, uint32_t index)
{
        return mono_add(l->t0, l->plan->events[index].at_ns);
}

/* ---- the publisher's side ---- */

void ledger_sent(struct ledger *l, uint32_t index, struct mono now)
{
        assert(index < l->events_n);
        l->entries[index].sent = now;
}

/* Takes `more` where nothing was known; false when it contradicts. */
static bool learn(uint64_t *known, uint64_t more, bool *changed)
{
        if (more == 0 || more == *known)
                return true;
        if (*known != 0)
                return false;
        *known = more;
        *changed = true;
        return true;
}

int ledger_placed(struct ledger *l, uint32_t index, struct ledger_place place)
{
        if (index >= l->events_n)
                return ERR_RANGE;
        struct ledger_place *known = &l->entries[index].place;
        uint64_t epoch = known->epoch;
        bool good = learn(&epoch, place.epoch, &l->places_changed);
        known->epoch = (uint32_t)epoch;
        good = good && learn(&known->eid, place.eid, &l->places_changed);
        good = good && learn(&known->seq, place.seq, &l->places_changed);
        l->misplaced += !good;
        return good ? 0 : ERR_EXISTS;
}

/* ---- the subscribers' side ---- */

static struct ledger_row *row_at(const struct ledger *l, uint32_t subscriber, uint32_t index)
{
        return &l->rows[(size_t)subscriber * l->events_n + index];
}

static void deny(struct ledger *l, struct ledger_row *row)
{
        l->denied += !row->denied;
        row->denied = true;
}

enum ledger_verdict ledger_received(struct ledger *l, uint32_t subscriber, uint32_t index, bool recovered,
                                    struct mono now)
{
        if (subscriber >= l->subscribers || index >= l->events_n) {
                l->strangers++;
                return LEDGER_STRANGER;
        }
        struct ledger_row *row = row_at(l, subscriber, index);
        switch (row->outcome) {
        case LEDGER_NONE:
                row->outcome = recovered ? LEDGER_RECOVERED : LEDGER_LIVE;
                row->received = now;
                l->open--;
                return LEDGER_FIRST;
        case LEDGER_LIVE:
        case LEDGER_RECOVERED:
                row->copies = (uint8_t)(row->copies + (row->copies < UINT8_MAX));
                l->duplicates++;
                return LEDGER_DUPLICATE;
        default:
                deny(l, row);
                return LEDGER_DENIED;
        }
}

enum ledger_verdict ledger_heard(struct ledger *l, uint32_t subscriber, struct bytes text, bool recovered,
                                 struct mono now, uint32_t *index)
{
        uint32_t found;
        if (!payload_read(l->run, text, &found) || found >= l->events_n || l->plan->events[found].bytes != text.n) {
                l->strangers++;
                return LEDGER_STRANGER;
        }
        if (index)
                *index = found;
        return ledger_received(l, subscriber, found, recovered, now);
}

static int claims_grow(struct ledger *l)
{
        if (l->claims_n < l->claims_cap)
                return 0;
        if (l->claims_n == LEDGER_GAPS_MAX)
                return ERR_FULL;
        size_t cap = l->claims_cap ? l->claims_cap * 2 : 256;
        struct claim *claims = realloc(l->claims, cap * sizeof *claims);
        if (!claims)
                return ERR_NO_MEMORY;
        l->claims = claims;
        l->claims_cap = cap;
        return 0;
}

int ledger_gap(struct ledger *l, uint32_t subscriber, const struct ledger_gap *gap)
{
        if (subscriber >= l->subscribers || gap->from > gap->to)
                return ERR_RANGE;
        int err = claims_grow(l);
        if (err)
                l->gaps_refused++;
        else
                l->claims[l->claims_n++] = (struct claim){ subscriber, *gap };
        return err;
}

/* ---- settling ---- */

static uint64_t number_of(const struct ledger_place *p, enum ledger_unit unit)
{
        return unit == LEDGER_EID ? p->eid : p->seq;
}

struct sorting {
        const struct entry *entries;
        enum ledger_unit unit;
};

static int by_place(const void *a, const void *b, void *ctx)
{
        const struct sorting *s = ctx;
        const struct ledger_place *x = &s->entries[*(const uint32_t *)a].place;
        const struct ledger_place *y = &s->entries[*(const uint32_t *)b].place;
        uint64_t nx = number_of(x, s->unit), ny = number_of(y, s->unit);
        if (x->epoch != y->epoch)
                return x->epoch < y->epoch ? -1 : 1;
        return (nx > ny) - (nx < ny);
}

static void make_order(struct ledger *l, enum ledger_unit unit)
{
        struct order *o = &l->order[unit];
        o->n = 0;
        for (uint32_t i = 0; i < l->events_n; i++) {
                if (number_of(&l->entries[i].place, unit) != 0)
                        o->index[o->n++] = i;
        }
        qsort_r(o->index, o->n, sizeof *o->index, by_place, &(struct sorting){ l->entries, unit });
}

/* The first place in the order that is not before (epoch, number). */
static uint32_t order_find(const struct ledger *l, enum ledger_unit unit, uint32_t epoch, uint64_t number)
{
        const struct order *o = &l->order[unit];
        uint32_t low = 0, high = o->n;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                const struct ledger_place *p = &l->entries[o->index[middle]].place;
                bool before = p->epoch < epoch || (p->epoch == epoch && number_of(p, unit) < number);
                if (before)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static void settle_row(struct ledger *l, struct ledger_row *row, enum ledger_reason reason, bool open_ended)
{
        bool delivered = row->outcome == LEDGER_LIVE || row->outcome == LEDGER_RECOVERED;
        if (row->outcome == LEDGER_NONE) {
                row->outcome = (uint8_t)reason_outcome(reason);
                row->reason = (uint8_t)reason;
                l->open--;
        } else if (delivered && !open_ended) {
                deny(l, row);
        }
}

static void settle_claim(struct ledger *l, const struct claim *c)
{
        const struct ledger_gap *g = &c->gap;
        const struct order *o = &l->order[g->unit];
        for (uint32_t i = order_find(l, g->unit, g->epoch, g->from); i < o->n; i++) {
                const struct ledger_place *p = &l->entries[o->index[i]].place;
                if (p->epoch != g->epoch || number_of(p, g->unit) > g->to)
                        break;
                settle_row(l, row_at(l, c->subscriber, o->index[i]), g->reason, g->to == UINT64_MAX);
        }
}

uint64_t ledger_settle(struct ledger *l)
{
        if (l->places_changed && l->claims_n > 0) {
                make_order(l, LEDGER_EID);
                make_order(l, LEDGER_SEQ);
                l->places_changed = false;
                l->claims_settled = 0; /* earlier gaps may cover what was placed only now */
        }
        for (; l->claims_settled < l->claims_n; l->claims_settled++)
                settle_claim(l, &l->claims[l->claims_settled]);
        return l->open;
}

/* ---- accounts ---- */

static void count_rows(const struct ledger *l, uint32_t subscriber, struct ledger_tally *t)
{
        for (uint32_t i = 0; i < l->events_n; i++) {
                const struct ledger_row *row = row_at(l, subscriber, i);
                t->rows++;
                t->outcomes[row->outcome]++;
                t->reasons[row->reason] += row->outcome == LEDGER_SKIPPED || row->outcome == LEDGER_LOST;
        }
}

static void count_events(const struct ledger *l, struct ledger_tally *t)
{
        for (uint32_t i = 0; i < l->events_n; i++) {
                t->unsaid += mono_is_never(l->entries[i].sent);
                t->unplaced += l->entries[i].place.eid == 0 && l->entries[i].place.seq == 0;
        }
}

struct ledger_tally ledger_tally(const struct ledger *l)
{
        struct ledger_tally t = {
                .duplicates = l->duplicates,
                .strangers = l->strangers,
                .denied = l->denied,
                .misplaced = l->misplaced,
                .gaps = l->claims_n,
                .gaps_refused = l->gaps_refused,
        };
        for (uint32_t s = 0; s < l->subscribers; s++)
                count_rows(l, s, &t);
        count_events(l, &t);
        return t;
}

struct ledger_tally ledger_tally_of(const struct ledger *l, uint32_t subscriber)
{
        struct ledger_tally t = { 0 };
        count_rows(l, subscriber, &t);
        for (uint32_t i = 0; i < l->events_n; i++) {
                const struct ledger_row *row = row_at(l, subscriber, i);
                t.duplicates += row->copies;
                t.denied += row->denied;
        }
        for (size_t i = 0; i < l->claims_n; i++)
                t.gaps += l->claims[i].subscriber == subscriber;
        count_events(l, &t);
        return t;
}

bool ledger_balanced(const struct ledger_tally *t)
{
        return t->outcomes[LEDGER_NONE] == 0 && t->duplicates == 0 && t->strangers == 0 && t->denied == 0 &&
               t->misplaced == 0 && t->gaps_refused == 0;
}

const struct ledger_row *ledger_row(const struct ledger *l, uint32_t subscriber, uint32_t index)
{
        return row_at(l, subscriber, index);
}

struct ledger_place ledger_place(const struct ledger *l, uint32_t index)
{
        return l->entries[index].place;
}

struct mono ledger_said(const struct ledger *l, uint32_t index)
{
        return l->entries[index].sent;
}

struct mono ledger_t0(const struct ledger *l)
{
        return l->t0;
}

uint32_t ledger_bytes(const struct ledger *l, uint32_t index)
{
        return l->plan->events[index].bytes;
}

uint32_t ledger_events(const struct ledger *l)
{
        return l->events_n;
}

uint32_t ledger_subscribers(const struct ledger *l)
{
        return l->subscribers;
}

const char *ledger_path(const struct ledger *l)
{
        return l->path;
}
