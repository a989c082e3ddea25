/* ask: when holes become losses, how they are asked for, or waited for because another has, and when that is given up.
 */
#include "core/wire/gaps_inside.h"

#define ASK_SPACE_NS (10 * NS_PER_MS)   /* between NACKs when one did not hold all there is to ask */
#define DARK_NS      (1500 * NS_PER_MS) /* without a word, though BEATs come every second while something is missing */

/* ---- holes as ranges of a NACK ------------------------------------------------------------ */

/* Places from..to are of one event. */
static void put_parts(struct dgram_range *range, uint32_t *n, uint64_t from, uint64_t to)
{
        uint64_t seq = place_seq(from), bits = 0;
        for (uint64_t idx = from - place_first(seq); idx <= to - place_first(seq); idx++)
                bits |= UINT64_C(1) << idx;
        if (*n == 0 || range[*n - 1].from != seq) /* else of the same event as the last */
                range[(*n)++] = (struct dgram_range){ seq, DGRAM_FRAGMENTS_BIT };
        range[*n - 1].to |= bits;
}

/* Does the hole begin, does it end, inside an event? */
static bool has_head(const struct gaps_hole *h)
{
        return h->from != place_first(place_seq(h->from));
}

static bool has_tail(const struct gaps_hole *h)
{
        return h->to != place_last(place_seq(h->to));
}

/* Ranges of a NACK that the hole takes: one, or up to three. */
static uint32_t entries(const struct gaps_hole *h)
{
        uint64_t from = place_seq(h->from) + has_head(h), to = place_seq(h->to) - has_tail(h);
        if (place_seq(h->from) == place_seq(h->to))
                return 1;
        return (uint32_t)has_head(h) + has_tail(h) + (from <= to);
}

/* Parts of an event, whole ones, parts of another. */
static void put_hole(struct dgram_range *range, uint32_t *n, const struct gaps_hole *h)
{
        uint64_t from = place_seq(h->from), to = place_seq(h->to);
        bool head = has_head(h), tail = has_tail(h);
        if (from == to && (head || tail)) {
                put_parts(range, n, h->from, h->to);
                return;
        }
        if (head)
                put_parts(range, n, h->from, place_last(from));
        if (from + head <= to - tail)
                range[(*n)++] = (struct dgram_range){ from + head, to - tail };
        if (tail)
                put_parts(range, n, place_first(to), h->to);
}

uint32_t gaps_ask(struct gaps *g, struct mono now, const struct resend *rtt, struct dgram_range *range, uint8_t *tries)
{
        uint32_t n = 0;
        *tries = 0;
        if (mono_before(now, g->ask_not_before))
                return 0;
        for (uint32_t i = 0; i < g->holes_n; i++) {
                struct gaps_hole *h = &g->hole[i];
                if (h->state != ASK)
                        continue;
                if (n + entries(h) > DGRAM_RANGES_MAX) {
                        g->ask_not_before = mono_add(now, ASK_SPACE_NS);
                        break;
                }
                put_hole(range, &n, h);
                h->state = WAIT;
                if (h->tries < UINT8_MAX)
                        h->tries++;
                h->asked = now;
                h->due = mono_add(now, resend_repair_ns(rtt, h->tries));
                *tries = h->tries > *tries ? h->tries : *tries;
        }
        return n;
}

void gaps_parity(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t seq)
{
        uint64_t to = place_last(seq);
        int64_t late_ns = gaps_reorder_ns(g, now, rtt);
        g->parity_last = now;
        g->parity_to = to > g->parity_to ? to : g->parity_to;
        for (uint32_t i = 0; i < g->holes_n && g->hole[i].to <= to; i++) {
                struct gaps_hole *h = &g->hole[i];
                if (h->state == ABSENT)
                        h->due = mono_min(h->due, mono_add(h->since, late_ns));
        }
}

void gaps_parity_of(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t seq)
{
        int64_t late_ns = gaps_reorder_ns(g, now, rtt);
        for (uint32_t i = 0; i < g->holes_n && g->hole[i].to <= place_last(seq); i++) {
                struct gaps_hole *h = &g->hole[i];
                if (h->state == ABSENT && h->from >= place_first(seq))
                        h->due = mono_add(now, late_ns);
        }
}

/* ---- time --------------------------------------------------------------------------------- */

struct mono gaps_deadline(const struct gaps *g)
{
        struct mono due = MONO_NEVER;
        for (uint32_t i = 0; i < g->holes_n; i++) {
                const struct gaps_hole *h = &g->hole[i];
                if (h->state == ASK)
                        due = mono_min(due, g->ask_not_before);
                else if (h->state == ABSENT || h->state == WAIT || h->state == GONE)
                        due = mono_min(due, h->due);
        }
        return due;
}

void gaps_light(struct gaps *g, struct mono now, const struct resend *rtt, struct mono heard)
{
        int64_t silence_ns = mono_since(now, heard), answer_ns = resend_repair_ns(rtt, 1);
        for (uint32_t i = 0; silence_ns >= answer_ns && i < g->holes_n; i++) {
                struct gaps_hole *h = &g->hole[i];
                if ((h->state != WAIT && h->state != ASK) || !mono_before(heard, h->asked))
                        continue;
                bool answerable = mono_since(now, h->asked) >= answer_ns;
                uint8_t tries_max = answerable ? 1 : GAPS_TRIES_MAX - RESEND_REPAIRS_ALIKE;
                h->tries = h->tries < tries_max ? h->tries : tries_max;
                if (answerable)
                        h->state = ASK;
        }
        if (silence_ns >= DARK_NS)
                g->progress = now;
}

static bool out_of_patience(const struct gaps *g, struct mono now, struct mono heard, const struct gaps_hole *h)
{
        struct mono since = mono_before(h->since, g->progress) ? g->progress : h->since;
        if (mono_before(heard, h->asked))
                return false; /* nothing at all came since: not this event is lost, but the path */
        return h->tries >= GAPS_TRIES_MAX || mono_since(now, since) > GAPS_GIVE_UP_NS ||
               mono_since(now, h->since) > GAPS_LAST_NS;
}

/* Seqs of the hole that were not counted for another of their fragments just before. */
static uint64_t not_counted(struct gaps *g, const struct gaps_hole *h)
{
        uint64_t first = place_seq(h->from), last = place_seq(h->to);
        uint64_t n = last - first + (first != g->counted);
        g->counted = last;
        return n;
}

/* It does not count as late any more. Raw mode only notes that, and waits on. */
static void miss(struct gaps *g, struct gaps_hole *h)
{
        g->losses++;
        h->state = g->asks ? ASK : GONE;
        if (g->asks)
                g->lost_first_try += not_counted(g, h);
        else
                h->due = mono_add(h->since, GAPS_GIVE_UP_NS);
}

bool gaps_wants(const struct gaps *g)
{
        for (uint32_t i = 0; i < g->holes_n; i++)
                if (g->hole[i].state == ASK)
                        return true;
        return false;
}

static void hush_hole(struct gaps *g, struct mono now, struct gaps_hole *h, struct mono due)
{
        if (h->state == ABSENT)
                miss(g, h);
        if (h->state == ASK) {
                h->state = WAIT;
                if (h->tries < UINT8_MAX)
                        h->tries++;
                h->asked = h->due = now;
        }
        if (h->state == WAIT && mono_before(h->due, due))
                h->due = due;
}

/* Does a fragment of these bits lie in the hole? */
static bool meets(const struct gaps_hole *h, uint64_t seq, uint64_t bits)
{
        for (uint8_t idx = 0; idx < PLACES - 1; idx++)
                if (bits & UINT64_C(1) << idx && place_of(seq, idx) >= h->from && place_of(seq, idx) <= h->to)
                        return true;
        return false;
}

/* Holes are cut between events alone: the last fragment fills all the places that its event has left, in one hole. */
void gaps_hush(struct gaps *g, struct mono now, const struct dgram_range *range, struct mono due)
{
        bool parts = dgram_range_is_fragments(range);
        uint64_t from = place_first(range->from), to = place_last(parts ? range->from : range->to);
        for (uint32_t i = 0; g->asks && i < g->holes_n; i++) {
                struct gaps_hole *h = &g->hole[i];
                if (h->to < from || h->from > to || (parts && !meets(h, range->from, range->to)))
                        continue;
                if (!gaps_isolate(g, i, h->from > from ? h->from : from, h->to < to ? h->to : to, &i))
                        return; /* it is asked for in vain, at the worst */
                hush_hole(g, now, &g->hole[i], due);
        }
}

void gaps_expire(struct gaps *g, struct mono now, struct mono heard)
{
        for (uint32_t i = 0; i < g->holes_n; i++) {
                struct gaps_hole *h = &g->hole[i];
                bool due = !mono_before(now, h->due), missed = h->state == ABSENT && due;
                if (missed)
                        miss(g, h);
                if (h->state == GONE && !mono_before(now, h->due)) {
                        g->lost_first_try += not_counted(g, h);
                        gaps_hole_end(h, GAPS_NOT_REPAIRED);
                } else if (!missed && ((h->state == WAIT && due) || h->state == ASK)) {
                        h->state = ASK;
                        if (out_of_patience(g, now, heard, h))
                                gaps_hole_end(h, GAPS_TIMEOUT);
                }
        }
}
