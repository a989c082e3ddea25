#include "core/wire/gaps.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire/gaps_inside.h"
#include "core/wire/reassembly.h"

enum { SPARE = REASSEMBLY_EVENTS_MAX }; /* ranges always free for gaps_absent, which may not fail */

const char *gaps_reason_text(uint8_t reason)
{
        static const char *const wire[] = { NULL, "evicted", "excluded", "yours", "expired", "epoch", "too big" };
        static const char *const own[] = { "timeout", "not repaired", "closed" };
        if (reason >= GAPS_EVICTED && reason <= GAPS_TOO_BIG)
                return wire[reason];
        if (reason >= GAPS_TIMEOUT && reason <= GAPS_CLOSED)
                return own[reason - GAPS_TIMEOUT];
        return "unknown";
}

/* A stranger's reason is a loss. */
static enum gaps_outcome outcome_of(uint16_t reason)
{
        return reason == GAPS_EXCLUDED || reason == GAPS_YOURS ? GAPS_SKIPPED : GAPS_LOST;
}

static void know(struct gaps *g, uint64_t upto)
{
        g->edge = upto;
        g->highest = place_seq(upto);
}

void gaps_init(struct gaps *g, uint64_t contig, bool asks)
{
        *g = (struct gaps){ .contig = contig, .asks = asks };
        know(g, place_last(contig));
}

void gaps_free(struct gaps *g)
{
        free(g->hole);
        *g = (struct gaps){ 0 };
}

_Static_assert((int)PLACES == (int)DGRAM_FRAGMENTS_MAX, "a place for each fragment");

/* ---- the list of holes -------------------------------------------------------------------- */

/* The first hole that ends at this place or later; holes_n when there is none. */
static uint32_t find(const struct gaps *g, uint64_t place)
{
        uint32_t low = 0, high = g->holes_n;
        while (low < high) {
                uint32_t mid = (low + high) / 2;
                if (g->hole[mid].to < place)
                        low = mid + 1;
                else
                        high = mid;
        }
        return low;
}

static bool reserve(struct gaps *g, uint32_t more)
{
        if (g->holes_n + more > GAPS_RANGES_MAX)
                return false;
        if (g->holes_n + more + SPARE <= g->holes_cap)
                return true;
        uint32_t cap = 2 * (g->holes_n + more) + SPARE;
        struct gaps_hole *hole = realloc(g->hole, cap * sizeof *hole);
        if (!hole)
                return false;
        g->hole = hole;
        g->holes_cap = cap;
        return true;
}

/* Makes hole i twice; the caller reserved the place and sets the two apart. */
static void twin(struct gaps *g, uint32_t i)
{
        memmove(&g->hole[i + 1], &g->hole[i], (g->holes_n - i) * sizeof *g->hole);
        g->holes_n++;
}

static void drop(struct gaps *g, uint32_t i)
{
        g->holes_n--;
        memmove(&g->hole[i], &g->hole[i + 1], (g->holes_n - i) * sizeof *g->hole);
}

bool gaps_isolate(struct gaps *g, uint32_t i, uint64_t from, uint64_t to, uint32_t *at)
{
        bool left = g->hole[i].from < from, right = to < g->hole[i].to;
        if (!reserve(g, (uint32_t)left + right))
                return false;
        if (left) {
                twin(g, i);
                g->hole[i].to = from - 1;
                g->hole[++i].from = from;
        }
        if (right) {
                twin(g, i);
                g->hole[i].to = to;
                g->hole[i + 1].from = to + 1;
        }
        *at = i;
        return true;
}

/* ---- time --------------------------------------------------------------------------------- */

/* What the path's late originals taught, 10 % less for every second since. */
static int64_t learned(const struct gaps *g, struct mono now)
{
        int64_t reorder_ns = g->reorder_ns;
        for (int64_t s = mono_since(now, g->reorder_at) / NS_PER_S; s > 0 && reorder_ns > 0; s--)
                reorder_ns -= (reorder_ns + 9) / 10;
        return reorder_ns;
}

int64_t gaps_reorder_ns(const struct gaps *g, struct mono now, const struct resend *rtt)
{
        int64_t base = resend_reorder_ns(rtt), late = learned(g, now);
        return base > late ? base : late;
}

/* For so long a copy, or parity, may come unasked. */
static int64_t ahead(const struct gaps *g, struct mono now)
{
        bool parity = g->parity_to > 0 && mono_since(now, g->parity_last) < GAPS_PARITY_LAST_NS;
        return !g->ahead ? 0 : parity ? GAPS_PARITY_NS : GAPS_COPY_NS;
}

/* An original came although its hole was noticed: holes may be that much older from now on. */
static void learn(struct gaps *g, struct mono now, const struct resend *rtt, const struct gaps_hole *h)
{
        bool original = h->state == ABSENT || h->state == ASK || h->state == GONE ||
                        (h->state == WAIT && h->tries == 1 && mono_since(now, h->asked) < rtt->srtt_ns / 2);
        int64_t late = mono_since(now, h->opened) - ahead(g, now); /* a copy is not late */
        late += late / 4;
        if (late > GAPS_REORDER_NS_MAX)
                late = GAPS_REORDER_NS_MAX;
        if (!original || late <= learned(g, now))
                return;
        g->reorder_ns = late;
        g->reorder_at = now;
}

/* ---- holes come, wake and end ------------------------------------------------------------- */

/* Up to here the stream's progress is believed. */
static uint64_t believed(const struct gaps *g)
{
        for (uint32_t i = 0; i < g->holes_n; i++)
                if (g->hole[i].state == HELD)
                        return g->hole[i].from - 1;
        return g->edge;
}

static bool is_jump(const struct gaps *g, uint64_t seq)
{
        uint64_t near = place_seq(believed(g));
        return g->asks && seq > near && seq - near > GAPS_JUMP_MAX;
}

/* How much longer what comes unasked may take. Of a copy: what is missing was sent between what came last and now,
 * most likely at even distances. */
static int64_t patience(const struct gaps *g, struct mono now, const struct gaps_hole *h)
{
        int64_t events = (int64_t)(place_seq(h->to) - place_seq(h->from)) + 1, wait_ns = ahead(g, now);
        if (wait_ns == GAPS_COPY_NS)
                wait_ns -= mono_since(now, g->moved) / (events + 1);
        return wait_ns > 0 ? wait_ns : 0;
}

static void notice(struct gaps *g, struct mono now, const struct resend *rtt, struct gaps_hole *h)
{
        h->state = ABSENT;
        h->since = now;
        h->due = mono_add(now, gaps_reorder_ns(g, now, rtt) + patience(g, now, h));
        h->later_at = g->later;
}

/* Makes all places up to `upto` known of: the new ones are one hole. */
static bool extend(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t upto, bool jump)
{
        if (upto <= g->edge)
                return true;
        if (!reserve(g, 1))
                return false;
        struct gaps_hole h = { .from = g->edge + 1, .to = upto, .opened = now, .state = HELD };
        if (!jump)
                notice(g, now, rtt, &h);
        g->hole[g->holes_n++] = h;
        know(g, upto);
        return true;
}

/* Believable news of a place: what is held below it is noticed now. */
static void wake(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t place)
{
        for (uint32_t i = 0; i < g->holes_n && g->hole[i].to < place; i++)
                if (g->hole[i].state == HELD)
                        notice(g, now, rtt, &g->hole[i]);
}

/* A datagram moved the channel forward: holes that it is the third later one of are losses. Where originals come
 * late, being overtaken says little, and only time counts (RFC 8985 6.2). */
static void move_on(struct gaps *g, struct mono now, uint64_t datagram)
{
        if (datagram == g->datagram_last)
                return;
        int64_t late_ns = learned(g, now);
        g->datagram_last = datagram;
        g->moved = now;
        g->later++;
        for (uint32_t i = 0; i < g->holes_n; i++) {
                struct gaps_hole *h = &g->hole[i];
                if (g->ahead && h->to > g->parity_to)
                        break; /* what comes unasked may have been sent behind many */
                if (h->state == ABSENT && g->later - h->later_at >= GAPS_LATER_DATAGRAMS)
                        h->due = mono_min(h->due, mono_add(h->since, late_ns));
        }
}

/* ---- arrivals ----------------------------------------------------------------------------- */

static enum gaps_verdict seen(const struct gaps *g, uint64_t seq)
{
        for (uint32_t i = 0; i < GAPS_REMEMBERED; i++)
                if (seq >= g->lost[i].from && seq <= g->lost[i].to)
                        return GAPS_LATE;
        return GAPS_DUPLICATE;
}

static struct gaps_arrival plain(enum gaps_verdict verdict)
{
        return (struct gaps_arrival){ .verdict = verdict, .opened = MONO_NEVER };
}

/* Something of the event was lost at the first try, and is here before it was asked for. */
static void count_lost(struct gaps *g, uint64_t seq)
{
        g->losses++;
        g->lost_first_try += g->counted != seq;
        g->counted = seq;
}

/* Places from..to, the first of which is in a hole, have arrived; mended: from parity. */
static struct gaps_arrival fill(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t from, uint64_t to,
                                bool mended)
{
        uint32_t i = find(g, from);
        struct gaps_hole was = g->hole[i];
        to = to < was.to ? to : was.to;
        if (!gaps_isolate(g, i, from, to, &i))
                return plain(GAPS_FULL);
        drop(g, i);
        if (!mended)
                learn(g, now, rtt, &was);
        else if (was.state == ABSENT || was.state == HELD)
                count_lost(g, place_seq(from));
        if (was.state == WAIT) {
                /* Repairs of this hole flow: the rest of it gets its time afresh. */
                g->progress = now;
                if (i < g->holes_n && g->hole[i].from == to + 1 && g->hole[i].state == WAIT)
                        g->hole[i].due = mono_add(now, resend_repair_ns(rtt, was.tries));
        }
        return (struct gaps_arrival){ .verdict = GAPS_NEW, .tries = was.tries, .opened = was.opened };
}

/* Places from..to, not known of until now, have arrived. */
static struct gaps_arrival append(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t from, uint64_t to)
{
        if (!extend(g, now, rtt, from - 1, is_jump(g, place_seq(from))))
                return plain(GAPS_FULL);
        know(g, to);
        return plain(GAPS_NEW);
}

enum gaps_verdict gaps_look(const struct gaps *g, uint64_t seq, uint8_t idx)
{
        uint64_t place = place_of(seq, idx);
        if (seq <= g->contig)
                return seen(g, seq);
        if (g->asks && seq - g->contig > GAPS_WINDOW)
                return GAPS_BEYOND;
        if (place > g->edge)
                return GAPS_NEW;
        uint32_t i = find(g, place);
        if (i == g->holes_n || g->hole[i].from > place)
                return GAPS_DUPLICATE;
        if (g->hole[i].state != ENDED)
                return GAPS_NEW;
        return outcome_of(g->hole[i].reason) == GAPS_LOST ? GAPS_LATE : GAPS_DUPLICATE;
}

static struct gaps_arrival mark(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t datagram,
                                uint64_t seq, uint8_t idx, uint8_t cnt, bool mended)
{
        uint64_t from = place_of(seq, idx), to = idx + 1 == cnt ? place_last(seq) : from;
        struct gaps_arrival a = plain(gaps_look(g, seq, idx));
        if (seq <= g->contig || a.verdict == GAPS_BEYOND)
                return a;
        bool jump = is_jump(g, seq), forward = from > believed(g);
        if (a.verdict == GAPS_NEW && cnt > 1 && !reserve(g, 1)) /* for gaps_absent */
                a.verdict = GAPS_FULL;
        else if (a.verdict == GAPS_NEW)
                a = from <= g->edge ? fill(g, now, rtt, from, to, mended) : append(g, now, rtt, from, to);
        if (a.verdict == GAPS_FULL) {
                g->full++;
                return a;
        }
        if (!jump && forward)
                wake(g, now, rtt, from);
        if (forward)
                move_on(g, now, datagram);
        return a;
}

struct gaps_arrival gaps_mark_part(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t datagram,
                                   uint64_t seq, uint8_t idx, uint8_t cnt)
{
        return mark(g, now, rtt, datagram, seq, idx, cnt, false);
}

struct gaps_arrival gaps_mend(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t datagram,
                              uint64_t seq, uint8_t idx, uint8_t cnt)
{
        return mark(g, now, rtt, datagram, seq, idx, cnt, true);
}

/* The hole that takes the place of all that is missing of the event from..to. False: it has ended. */
static bool gather(const struct gaps *g, struct gaps_hole *whole)
{
        for (uint32_t i = find(g, whole->from); i < g->holes_n && g->hole[i].from <= whole->to; i++) {
                const struct gaps_hole *h = &g->hole[i];
                if (h->state == ENDED)
                        return false;
                if (h->state == HELD)
                        whole->state = HELD;
                whole->tries = h->tries > whole->tries ? h->tries : whole->tries;
                whole->opened = mono_min(whole->opened, h->opened);
                whole->since = mono_min(whole->since, h->since);
                whole->due = mono_min(whole->due, h->due);
        }
        return true;
}

void gaps_absent(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t seq,
                 const struct gaps_arrival *was)
{
        struct gaps_hole whole = { .from = place_first(seq), .to = place_last(seq), .tries = was->tries };
        if (seq <= g->contig || whole.from > g->edge)
                return;
        notice(g, now, rtt, &whole);
        whole.opened = mono_min(now, was->opened);
        if (!gather(g, &whole))
                return;
        if (whole.tries > 0 && whole.state != HELD) {
                whole.state = WAIT; /* that is over */
                whole.asked = whole.due = now;
        }
        uint32_t i = find(g, whole.from);
        if (i < g->holes_n && g->hole[i].from <= whole.from && g->hole[i].to >= whole.to)
                return; /* nothing of it had come */
        if (i < g->holes_n && g->hole[i].from < whole.from)
                g->hole[i++].to = whole.from - 1;
        while (i < g->holes_n && g->hole[i].to <= whole.to)
                drop(g, i);
        if (i < g->holes_n && g->hole[i].from <= whole.to)
                g->hole[i].from = whole.to + 1;
        assert(g->holes_n < g->holes_cap);
        memmove(&g->hole[i + 1], &g->hole[i], (g->holes_n - i) * sizeof *g->hole);
        g->hole[i] = whole;
        g->holes_n++;
        if (g->edge < whole.to)
                know(g, whole.to);
}

void gaps_beat(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t head, bool sure)
{
        bool jump = !sure && is_jump(g, head);
        uint64_t last = place_last(head);
        extend(g, now, rtt, last, jump);
        if (jump)
                return;
        uint32_t i = find(g, last);
        if (i < g->holes_n && g->hole[i].state == HELD && g->hole[i].from <= last)
                gaps_isolate(g, i, g->hole[i].from, last, &i);
        wake(g, now, rtt, last + 1);
}

bool gaps_doubts(const struct gaps *g)
{
        return believed(g) != g->edge;
}

/* ---- ends --------------------------------------------------------------------------------- */

static void remember_lost(struct gaps *g, const struct gaps_run *run)
{
        if (run->outcome == GAPS_LOST)
                g->lost[g->lost_next++ % GAPS_REMEMBERED] = (struct dgram_range){ run->from, run->to };
}

void gaps_close(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t from, uint64_t to, uint8_t reason)
{
        uint64_t first = place_first(from), last = place_last(to);
        if (!extend(g, now, rtt, last, is_jump(g, to)))
                return;
        for (uint32_t i = find(g, first); i < g->holes_n && g->hole[i].from <= last; i++) {
                struct gaps_hole *h = &g->hole[i];
                if (h->state == ENDED)
                        continue;
                if (!gaps_isolate(g, i, h->from > first ? h->from : first, h->to < last ? h->to : last, &i))
                        return;
                gaps_hole_end(&g->hole[i], reason);
        }
}

void gaps_forget_end(struct gaps *g)
{
        for (; g->holes_n > 0; g->holes_n--) {
                const struct gaps_hole *last = &g->hole[g->holes_n - 1];
                if (last->to != g->edge || last->state == ENDED)
                        return;
                know(g, last->from - 1);
        }
}

void gaps_finish(struct gaps *g, uint8_t reason)
{
        for (uint32_t i = 0; i < g->holes_n; i++)
                if (g->hole[i].state != ENDED)
                        gaps_hole_end(&g->hole[i], reason);
}

void gaps_rewind(struct gaps *g)
{
        for (uint32_t i = 0; i < g->holes_n; i++) {
                if (g->hole[i].state != ENDED) {
                        g->hole[i].state = HELD;
                        g->hole[i].tries = 0;
                }
        }
}

/* The first hole has ended, and so have all events that it has a part of. */
static void take_ended(struct gaps *g, struct gaps_run *run)
{
        struct gaps_hole *h = g->hole;
        uint64_t last = place_last(place_seq(h->to));
        run->reason = h->reason;
        run->outcome = outcome_of(h->reason);
        run->opened = h->opened;
        while (g->holes_n > 0 && h->from <= last + 1) {
                bool same = h->state == ENDED && h->reason == run->reason;
                if (h->from == last + 1 && !same)
                        break;
                if (same)
                        last = place_last(place_seq(h->to)) > last ? place_last(place_seq(h->to)) : last;
                if (h->to > last)
                        h->from = last + 1;
                else
                        drop(g, 0);
        }
        if (g->edge < last)
                know(g, last);
        run->to = place_seq(last);
        remember_lost(g, run);
}

bool gaps_next(struct gaps *g, struct gaps_run *run)
{
        const struct gaps_hole *h = g->holes_n > 0 ? g->hole : NULL;
        uint64_t whole = place_seq(g->edge + 1) - 1; /* of the one behind it some may be still to come */
        if (g->contig == whole)
                return false;
        *run = (struct gaps_run){ .from = g->contig + 1, .outcome = GAPS_DELIVERED, .opened = MONO_NEVER };
        if (!h || place_seq(h->from) > run->from)
                run->to = h ? place_seq(h->from) - 1 : whole;
        else if (h->state == ENDED)
                take_ended(g, run);
        else
                return false;
        g->contig = run->to;
        return true;
}
