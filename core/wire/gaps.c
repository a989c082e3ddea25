#include "core/wire/gaps.h"

#include <stdlib.h>
#include <string.h>

enum state { HELD, ABSENT, ASK, WAIT, GONE, ENDED };

#define ASK_SPACE_NS (10 * NS_PER_MS) /* between NACKs when one did not hold all there is to ask */
#define DARK_NS                                                                                              \
        (1500 * NS_PER_MS) /* without a word, though there is a BEAT every second while something is missing \
                            */

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

enum gaps_outcome gaps_outcome_of(uint16_t reason)
{
        return reason == GAPS_EXCLUDED || reason == GAPS_YOURS ? GAPS_SKIPPED : GAPS_LOST;
}

void gaps_init(struct gaps *g, uint64_t contig, bool asks)
{
        *g = (struct gaps){ .contig = contig, .highest = contig, .asks = asks };
}

void gaps_free(struct gaps *g)
{
        free(g->hole);
        *g = (struct gaps){ 0 };
}

/* ---- the list of holes -------------------------------------------------------------------- */

/* The first hole that ends at seq or later; holes_n when there is none. */
static uint32_t find(const struct gaps *g, uint64_t seq)
{
        uint32_t low = 0, high = g->holes_n;
        while (low < high) {
                uint32_t mid = (low + high) / 2;
                if (g->hole[mid].to < seq)
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
        if (g->holes_n + more <= g->holes_cap)
                return true;
        uint32_t cap = g->holes_cap ? 2 * g->holes_cap : 16;
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

/* Cuts hole i so that from..to, a part of it, stands alone; *at is where. False: no place. */
static bool isolate(struct gaps *g, uint32_t i, uint64_t from, uint64_t to, uint32_t *at)
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

static int64_t reorder(const struct gaps *g, struct mono now, const struct resend *rtt)
{
        int64_t base = resend_reorder_ns(rtt), late = learned(g, now);
        return base > late ? base : late;
}

/* An original came although its hole was noticed: holes may be that much older from now on. */
static void learn(struct gaps *g, struct mono now, const struct resend *rtt, const struct gaps_hole *h)
{
        bool original = h->state == ABSENT || h->state == ASK || h->state == GONE ||
                        (h->state == WAIT && h->tries == 1 && mono_since(now, h->asked) < rtt->srtt_ns / 2);
        int64_t late = mono_since(now, h->opened);
        late += late / 4;
        if (late > GAPS_REORDER_NS_MAX)
                late = GAPS_REORDER_NS_MAX;
        if (!original || late <= learned(g, now))
                return;
        g->reorder_ns = late;
        g->reorder_at = now;
}

/* ---- holes come, wake and end ------------------------------------------------------------- */

static uint64_t hole_seqs(const struct gaps_hole *h)
{
        return h->to - h->from + 1;
}

/* Up to here the stream's progress is believed. */
static uint64_t believed(const struct gaps *g)
{
        for (uint32_t i = 0; i < g->holes_n; i++)
                if (g->hole[i].state == HELD)
                        return g->hole[i].from - 1;
        return g->highest;
}

static bool is_jump(const struct gaps *g, uint64_t seq)
{
        uint64_t near = believed(g);
        return g->asks && seq > near && seq - near > GAPS_JUMP_MAX;
}

static void notice(struct gaps *g, struct mono now, const struct resend *rtt, struct gaps_hole *h)
{
        h->state = ABSENT;
        h->since = now;
        h->due = mono_add(now, reorder(g, now, rtt));
        h->later_at = g->later;
}

/* Makes all seqs up to `upto` known of: the new ones are one hole. */
static bool extend(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t upto, bool jump)
{
        if (upto <= g->highest)
                return true;
        if (!reserve(g, 1))
                return false;
        struct gaps_hole h = { .from = g->highest + 1, .to = upto, .opened = now, .state = HELD };
        if (!jump)
                notice(g, now, rtt, &h);
        g->hole[g->holes_n++] = h;
        g->highest = upto;
        return true;
}

/* Believable news of `seq`: what is held below it is noticed now. */
static void wake(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t seq)
{
        for (uint32_t i = 0; i < g->holes_n && g->hole[i].to < seq; i++)
                if (g->hole[i].state == HELD)
                        notice(g, now, rtt, &g->hole[i]);
}

static void end(struct gaps_hole *h, uint8_t reason)
{
        h->state = ENDED;
        h->reason = reason;
}

/* A datagram moved the channel forward: holes that it is the third later one of are losses. */
static void move_on(struct gaps *g, struct mono now, uint64_t datagram)
{
        if (datagram == g->datagram_last)
                return;
        g->datagram_last = datagram;
        g->later++;
        for (uint32_t i = 0; i < g->holes_n; i++) {
                struct gaps_hole *h = &g->hole[i];
                if (h->state == ABSENT && g->later - h->later_at >= GAPS_LATER_DATAGRAMS)
                        h->due = mono_min(h->due, now);
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

static struct gaps_arrival fill(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t seq)
{
        uint32_t i = find(g, seq);
        if (i == g->holes_n || g->hole[i].from > seq)
                return plain(GAPS_DUPLICATE);
        struct gaps_hole *h = &g->hole[i];
        if (h->state == ENDED)
                return plain(gaps_outcome_of(h->reason) == GAPS_LOST ? GAPS_LATE : GAPS_DUPLICATE);
        struct gaps_hole was = *h;
        if (!isolate(g, i, seq, seq, &i))
                return plain(GAPS_FULL);
        drop(g, i);
        learn(g, now, rtt, &was);
        if (was.state == WAIT) {
                /* Repairs of this hole flow: the rest of it gets its time afresh. */
                g->progress = now;
                if (i < g->holes_n && g->hole[i].from == seq + 1 && g->hole[i].state == WAIT)
                        g->hole[i].due = mono_add(now, resend_repair_ns(rtt, was.tries));
        }
        return (struct gaps_arrival){ .verdict = GAPS_NEW, .repaired = was.tries > 0, .opened = was.opened };
}

struct gaps_arrival gaps_mark(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t datagram,
                              uint64_t seq)
{
        if (seq <= g->contig)
                return plain(seen(g, seq));
        if (g->asks && seq - g->contig > GAPS_WINDOW)
                return plain(GAPS_BEYOND);
        bool jump = is_jump(g, seq), forward = seq > believed(g);
        struct gaps_arrival a = plain(GAPS_NEW);
        if (seq <= g->highest)
                a = fill(g, now, rtt, seq);
        else if (extend(g, now, rtt, seq - 1, jump))
                g->highest = seq;
        else
                a = plain(GAPS_FULL);
        if (a.verdict == GAPS_FULL) {
                g->full++;
                return a;
        }
        if (!jump && forward)
                wake(g, now, rtt, seq);
        if (forward)
                move_on(g, now, datagram);
        return a;
}

void gaps_beat(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t head, bool sure)
{
        bool jump = !sure && is_jump(g, head);
        extend(g, now, rtt, head, jump);
        if (jump)
                return;
        uint32_t i = find(g, head);
        if (i < g->holes_n && g->hole[i].state == HELD && g->hole[i].from <= head)
                isolate(g, i, g->hole[i].from, head, &i);
        wake(g, now, rtt, head + 1);
}

bool gaps_doubts(const struct gaps *g)
{
        return believed(g) != g->highest;
}

/* ---- ends --------------------------------------------------------------------------------- */

static void remember_lost(struct gaps *g, const struct gaps_run *run)
{
        if (run->outcome == GAPS_LOST)
                g->lost[g->lost_next++ % GAPS_REMEMBERED] = (struct dgram_range){ run->from, run->to };
}

void gaps_close(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t from, uint64_t to, uint8_t reason)
{
        if (!extend(g, now, rtt, to, is_jump(g, to)))
                return;
        for (uint32_t i = find(g, from); i < g->holes_n && g->hole[i].from <= to; i++) {
                struct gaps_hole *h = &g->hole[i];
                if (h->state == ENDED)
                        continue;
                if (!isolate(g, i, h->from > from ? h->from : from, h->to < to ? h->to : to, &i))
                        return;
                end(&g->hole[i], reason);
        }
}

void gaps_finish(struct gaps *g, uint8_t reason)
{
        for (uint32_t i = 0; i < g->holes_n; i++)
                if (g->hole[i].state != ENDED)
                        end(&g->hole[i], reason);
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

bool gaps_next(struct gaps *g, struct gaps_run *run)
{
        struct gaps_hole *h = g->hole;
        if (g->contig == g->highest)
                return false;
        *run = (struct gaps_run){ .from = g->contig + 1, .outcome = GAPS_DELIVERED, .opened = MONO_NEVER };
        if (g->holes_n == 0 || h->from > run->from) {
                run->to = g->holes_n == 0 ? g->highest : h->from - 1;
        } else if (h->state == ENDED) {
                run->reason = h->reason;
                run->outcome = gaps_outcome_of(h->reason);
                run->opened = h->opened;
                run->to = h->to;
                drop(g, 0);
                while (g->holes_n > 0 && h->from == run->to + 1 && h->state == ENDED && h->reason == run->reason) {
                        run->to = h->to;
                        drop(g, 0);
                }
                remember_lost(g, run);
        } else {
                return false;
        }
        g->contig = run->to;
        return true;
}

/* ---- asking ------------------------------------------------------------------------------- */

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
                if (n == DGRAM_RANGES_MAX) {
                        g->ask_not_before = mono_add(now, ASK_SPACE_NS);
                        break;
                }
                range[n++] = (struct dgram_range){ h->from, h->to };
                h->state = WAIT;
                if (h->tries < UINT8_MAX)
                        h->tries++;
                h->asked = now;
                h->due = mono_add(now, resend_repair_ns(rtt, h->tries));
                *tries = h->tries > *tries ? h->tries : *tries;
        }
        return n;
}

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

/* It does not count as late any more. Raw mode only notes that, and waits on. */
static void miss(struct gaps *g, struct gaps_hole *h)
{
        g->losses++;
        h->state = g->asks ? ASK : GONE;
        if (g->asks)
                g->lost_first_try += hole_seqs(h);
        else
                h->due = mono_add(h->since, GAPS_GIVE_UP_NS);
}

void gaps_expire(struct gaps *g, struct mono now, struct mono heard)
{
        for (uint32_t i = 0; i < g->holes_n; i++) {
                struct gaps_hole *h = &g->hole[i];
                bool due = !mono_before(now, h->due), missed = h->state == ABSENT && due;
                if (missed)
                        miss(g, h);
                if (h->state == GONE && !mono_before(now, h->due)) {
                        g->lost_first_try += hole_seqs(h);
                        end(h, GAPS_NOT_REPAIRED);
                } else if (!missed && ((h->state == WAIT && due) || h->state == ASK)) {
                        h->state = ASK;
                        if (out_of_patience(g, now, heard, h))
                                end(h, GAPS_TIMEOUT);
                }
        }
}
