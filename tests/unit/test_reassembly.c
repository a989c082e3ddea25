/* Each row is a story told in words, one after the other:
 *
 *   @40       it is 40 ms now
 *   7.1/3     fragment 1 (from 0) of the three of event 7 comes; another channel: C7.1/3; with another
 *             stamp: x7.1/3. =w it makes the event whole, =r it is refused, =n there is no place; else it is
 *             taken and the event is not whole
 *   7+1/3     parity 1 of the three fragments of event 7 comes; =n it is not taken
 *   s7 s-     event 7's missing fragments can be solved for, and are right; they cannot
 *   i7 i-     the idle one is 7 (it is dropped then); none is
 *   n2 b2210  two events are under way; they take so many bytes
 *   v7        the one behind all others above 1 is 7
 *
 * There is place for four events, and for 10,000 bytes. An event of n fragments has 1,100 n - 90 bytes.
 */
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/wire/dgram.h"
#include "core/wire/reassembly.h"

struct reassembly_row {
        const char *name;
        const char *story;
};

static const struct reassembly_row rows[] = {
        { "in order", "7.0/3 7.1/3 n1 b3210 7.2/3=w n0 b0" },
        { "out of order", "7.2/3 7.0/3 7.1/3=w" },
        { "a double is no progress", "7.0/2 @1500 7.0/2 @2000 i7 n0" },
        { "two under way", "7.0/2 8.0/2 n2 7.1/2=w 8.1/2=w" },
        { "channels are apart", "7.0/2 C7.1/2 n2 C7.0/2=w 7.1/2=w" },
        { "fifty fragments are too many for this place", "7.0/50=n n0" },
        { "one that contradicts is refused", "7.0/3 x7.1/3=r 7.1/3 7.2/3=w" },
        { "contradicted now and then it stays", "7.0/4 x7.1/4=r 7.1/4 x7.2/4=r 7.2/4 7.3/4=w" },
        { "contradicted twice it was the liar", "x7.0/3 7.0/3=r 7.1/3 n1 7.2/3 7.0/3=w" },
        { "another size contradicts", "7.0/3 7.1/4=r 7.1/3 7.2/3=w" },
        { "idle for two seconds", "7.0/3 @100 8.0/3 @1999 i- @2000 i7 @2050 i- @2100 i8 i- n0" },
        { "fed it is not idle", "7.0/3 @1900 7.1/3 @3800 i- @3900 i7" },
        { "the furthest one is the highest of the channel", "7.0/2 9.0/2 8.0/2 C99.0/2 v9" },
        { "no place: the newcomer is the furthest", "1.0/2 2.0/2 3.0/2 4.0/2 5.0/2=n n4" },
        { "no place: the furthest goes", "2.0/2 3.0/2 5.0/2 4.0/2 1.0/2 n4 1.1/2=w 5.1/2 v5" },
        { "no bytes: as many go as it takes", "5.0/2 6.0/3 7.0/4 b9630 1.0/3 b8530 n3 v6" },
        { "one of parity for one that is missing", "7.0/3 7.2/3 s- 7+0/3 s7 b4310" },
        { "any of it will do, for the last one too", "7.0/3 7+5/3 s- 7+7/3 s7" },
        { "nothing but parity", "7+0/3 7+1/3 s- 7+2/3 s7 n1" },
        { "parity is kept once", "7.0/3 7+0/3 7+0/3=n b4310 7.1/3 7.2/3=w b0" },
        { "new parity is progress, a double is none", "7.0/4 @1500 7+0/4 @3000 7+0/4=n @3499 i- @3500 i7 b0" },
        { "no place for more parity", "7.0/6 7+0/6 7+1/6 7+2/6 b9810 7+3/6=n 7.1/6 n1" },
        { "parity of one event begins no other", "7.0/3 8.0/2 7+0/3 n2" },
        { "no bytes, and those that could go are nearer", "2.0/9 3.0/2=n n1" },
};

struct told {
        struct reassembly r;
        struct mono now;
        const char *word;
};

static uint8_t content(uint64_t number, size_t at)
{
        return (uint8_t)(number * 31 + at * 7 + at / 256);
}

/* As both ends do it. 'p' taken, 'w' whole, 'r' refused, 'n' no place. */
static char feed(struct reassembly *r, struct mono now, const struct reassembly_part *p)
{
        struct reassembly_event *e = reassembly_find(r, p->channel, p->number), *last;
        bool liar = false;
        if (e && !reassembly_agrees(e, p, &liar)) {
                if (!liar)
                        return 'r';
                reassembly_drop(r, e);
                e = NULL;
        }
        while (!e && !(e = reassembly_begin(r, now, p))) {
                if (!(last = reassembly_behind(r, p->channel, p->number)))
                        return 'n';
                reassembly_drop(r, last);
        }
        if (!reassembly_put(e, now, p))
                return 'p';
        for (size_t i = 0; p->stamp[0] == 0 && i < e->event_bytes; i++)
                assert_int_equal(reassembly_bytes(e).at[i], content(p->number, i));
        reassembly_drop(r, e);
        return 'w';
}

static char fragment(struct told *t, uint64_t channel, uint64_t stamp, uint64_t number, unsigned idx, unsigned cnt,
                     size_t bytes)
{
        static uint8_t exact[DGRAM_FRAGMENT_BYTES];
        struct reassembly_part p = { .channel = channel,
                                     .number = number,
                                     .stamp = { stamp },
                                     .event_bytes = (uint16_t)bytes,
                                     .idx = (uint8_t)idx,
                                     .cnt = (uint8_t)cnt };
        p.bytes = bytes_of(exact, dgram_fragment_bytes(bytes, p.idx));
        for (size_t i = 0; i < p.bytes.n; i++)
                exact[i] = content(number, (size_t)idx * DGRAM_FRAGMENT_BYTES + i);
        return feed(&t->r, t->now, &p);
}

static void arrive(struct told *t, const char *text)
{
        uint64_t channel = *text == 'C' ? 2 : 1, stamp = *text == 'x';
        unsigned number, idx, cnt;
        char expected = 'p';
        text += *text == 'C' || *text == 'x';
        if (sscanf(text, "%u.%u/%u=%c", &number, &idx, &cnt, &expected) < 3)
                fail_msg("no such word: %s", t->word);
        char got = fragment(t, channel, stamp, number, idx, cnt, 1100 * cnt - 90);
        if (got != expected)
                fail_msg("at `%s`: %c", t->word, got);
}

static void arrive_parity(struct told *t, const char *text)
{
        static uint8_t symbol[DGRAM_FEC_M_MAX][DGRAM_FRAGMENT_BYTES], one[DGRAM_FRAGMENT_BYTES];
        uint8_t *to[DGRAM_FEC_M_MAX];
        unsigned number, row, cnt;
        char expected = 'p';
        if (sscanf(text, "%u+%u/%u=%c", &number, &row, &cnt, &expected) < 3)
                fail_msg("no such word: %s", t->word);
        memset(symbol, 0, sizeof symbol);
        for (int r = 0; r < DGRAM_FEC_M_MAX; r++)
                to[r] = symbol[r];
        struct reassembly_part p = {
                .channel = 1, .number = number, .event_bytes = (uint16_t)(1100 * cnt - 90), .cnt = (uint8_t)cnt
        };
        for (uint8_t idx = 0; idx < cnt; idx++) {
                size_t n = dgram_fragment_bytes(p.event_bytes, idx);
                for (size_t i = 0; i < n; i++)
                        one[i] = content(number, (size_t)idx * DGRAM_FRAGMENT_BYTES + i);
                fec_add((uint8_t)cnt, DGRAM_FEC_M_MAX, idx, bytes_of(one, n), to);
        }
        struct reassembly_event *e = reassembly_find(&t->r, 1, number);
        if (!e)
                assert_non_null(e = reassembly_begin(&t->r, t->now, &p));
        char got = reassembly_put_parity(&t->r, e, t->now, (uint8_t)row, symbol[row]) ? 'p' : 'n';
        if (got != expected)
                fail_msg("at `%s`: %c", t->word, got);
}

/* number 0: none of the events can be */
static void solve(struct told *t, uint64_t number)
{
        uint8_t out[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX];
        uint64_t missing;
        for (uint32_t i = 0; number == 0 && i < t->r.n; i++)
                assert_int_equal(reassembly_solve(t->r.event[i], &missing, out), 0);
        if (number == 0)
                return;
        const struct reassembly_event *e = reassembly_find(&t->r, 1, number);
        uint32_t n = reassembly_solve(e, &missing, out);
        assert_int_equal(n, e->cnt - __builtin_popcountll(e->have));
        for (uint32_t k = 0; k < n; k++, missing &= missing - 1) {
                uint8_t idx = (uint8_t)__builtin_ctzll(missing);
                for (size_t i = 0; i < dgram_fragment_bytes(e->event_bytes, idx); i++)
                        assert_int_equal(out[k][i], content(number, (size_t)idx * DGRAM_FRAGMENT_BYTES + i));
        }
        assert_int_equal(missing, 0);
}

static void step(struct told *t, const char *text)
{
        unsigned long n = strtoul(text + 1, NULL, 10);
        struct reassembly_event *e;
        switch (*text) {
        case '@':
                t->now.ns = (int64_t)n * NS_PER_MS;
                return;
        case 'i':
                assert_int_equal(!mono_before(t->now, reassembly_deadline(&t->r)), n != 0);
                e = reassembly_idle(&t->r, t->now);
                assert_int_equal(e ? e->number : 0, n);
                if (e)
                        reassembly_drop(&t->r, e);
                return;
        case 'n':
                assert_int_equal(t->r.n, n);
                return;
        case 'b':
                assert_int_equal(t->r.bytes, n);
                return;
        case 'v':
                e = reassembly_behind(&t->r, 1, 1);
                assert_int_equal(e ? e->number : 0, n);
                return;
        case 's':
                solve(t, n);
                return;
        default:
                if (strchr(text, '+'))
                        arrive_parity(t, text);
                else
                        arrive(t, text);
        }
}

static void run_row(void **state)
{
        const struct reassembly_row *row = *state;
        struct told t = { .now = { 0 } };
        char story[256], *save = NULL;
        reassembly_init(&t.r, 4, 10000, NULL);
        snprintf(story, sizeof story, "%s", row->story);
        for (t.word = strtok_r(story, " ", &save); t.word; t.word = strtok_r(NULL, " ", &save))
                step(&t, t.word);
        reassembly_free(&t.r);
        assert_int_equal(t.r.bytes, 0);
}

/* Fragments of events of every size in any order, doubled: each event comes out as it was, once. */
static void every_size_in_any_order(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= harness_seeds(300); seed++) {
                struct rng rng = rng_seeded(seed, "reassembly");
                struct told t = { .now = { 0 } };
                reassembly_init(&t.r, REASSEMBLY_EVENTS_MAX, 1 << 20, NULL);
                size_t bytes = DGRAM_FRAGMENT_BYTES + 1 + rng_below(&rng, DGRAM_EVENT_MAX - DGRAM_FRAGMENT_BYTES);
                uint8_t cnt = dgram_fragments(bytes), order[2 * DGRAM_FRAGMENTS_MAX];
                uint64_t come = 0;
                for (uint8_t i = 0; i < cnt; i++)
                        order[i] = order[cnt + i] = i;
                for (int i = 2 * cnt - 1; i > 0; i--) {
                        uint64_t j = rng_below(&rng, (uint64_t)i + 1);
                        uint8_t swap = order[i];
                        order[i] = order[j];
                        order[j] = swap;
                }
                for (int i = 0; i < 2 * cnt; i++) {
                        come |= UINT64_C(1) << order[i];
                        bool whole = come == (UINT64_C(1) << cnt) - 1;
                        if (fragment(&t, 1, 0, seed, order[i], cnt, bytes) != (whole ? 'w' : 'p'))
                                fail_msg("seed %lu: fragment %d", seed, order[i]);
                        come = whole ? 0 : come; /* what comes twice begins it again */
                }
                reassembly_free(&t.r);
        }
}

static void sessions_share_a_total(void **state)
{
        (void)state;
        enum { HEAD = sizeof(struct reassembly_event) }; /* counts too */
        struct reassembly_total total = { .bytes_max = 5000 + 2 * HEAD };
        struct told a = { .now = { 0 } }, b = { .now = { 0 } };
        reassembly_init(&a.r, 4, 10000, &total);
        reassembly_init(&b.r, 4, 10000, &total);
        assert_int_equal(fragment(&a, 1, 0, 1, 0, 3, 3000), 'p');
        assert_int_equal(fragment(&b, 1, 0, 1, 0, 2, 2001), 'n');
        assert_int_equal(fragment(&b, 1, 0, 1, 0, 2, 2000), 'p');
        assert_int_equal(total.bytes, total.bytes_max);
        reassembly_free(&a.r);
        assert_int_equal(fragment(&b, 1, 0, 2, 0, 3, 3000), 'p');
        reassembly_free(&b.r);
        assert_int_equal(total.bytes, 0);
}

int main(void)
{
        const struct CMUnitTest more[] = { cmocka_unit_test(every_size_in_any_order),
                                           cmocka_unit_test(sessions_share_a_total) };
        return RUN_ROWS("reassembly", rows, run_row) +
               cmocka_run_group_tests_name("reassembly at large", more, NULL, NULL);
}
