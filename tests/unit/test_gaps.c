/* Each row is a story told in words, one after the other:
 *
 *   @40        it is 40 ms now (deadlines up to then expire, each at its instant)
 *   d7  +8     seq 7 arrives in a datagram of its own; 8 in the same one. =dup =late =beyond =full
 *              say what it is found to be, else it is new; * that it had been asked for
 *   d7.1/3     fragment 1 (from 0) of the three of event 7 does
 *   a7         what came of event 7 is worth nothing
 *   b9  B9     a BEAT with head 9 arrives; B: after a PING round trip
 *   g3-5:1     the server's GAP, reason 1
 *   n3-5,9     the next NACK asks for exactly this; n- for nothing; 7.1.4 fragments 1 and 4 of event 7, 7.1+ all
 *              from 1 on
 *   h          something else of the session comes, as all arrivals are words of it
 *   r1-4       gaps_next tells 1..4 as delivered; r3-5L1 lost, r3-5S2 skipped, with the reason; r-
 *              tells nothing
 *   t25  t-    the deadline is at 25 ms; there is none
 *   ?  !       there is nothing held; something is
 *   w          rewind;  e: the end is forgotten;  f: finish;  l4: four seqs were not there when their turn came
 *   x2         two holes did not count as late any more
 *
 * The round trip is 80 ms with a deviation of 0 (reorder time 10 ms, first repair after 95 ms).
 */
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire/gaps.h"

struct gaps_row {
        const char *name;
        bool raw;
        const char *story;
};

static const struct gaps_row rows[] = {
        { "in order", false, "d1 d2 +3 r1-3 r- n- t-" },
        { "a double", false, "d1 d1=dup r1-1 d1=dup" },
        { "nothing is told before it is known", false, "r- t- n-" },
        { "three later datagrams make a loss", false, "d1 d3 n- d4 n- d5 @0 n2-2 n- r1-1 r- d2* r2-5" },
        { "three messages of one datagram count once", false, "d1 d3 +4 +5 +6 @0 n- @9 n- @10 n2-2" },
        { "the reorder time makes a loss", false, "d1 d3 t10 @10 n2-2 t105" },
        { "late within the reorder time is no loss", false, "d1 d3 @5 d2 t- @100 n- l0 r1-3" },
        { "a late original makes the book patient", false, "d1 d3 @8 d2 @20 d5 t30 @28 d4 l0" },
        { "an original later than the reorder time teaches it", false,
          "d1 d3 @10 n2-2 @40 d2* @50 d5 t100 @99 n- @100 n4-4" },
        { "100 ms are the most that it learns", false,
          "d1 d3 @10 n2-2 @40 d2* @50 d5 t100 @100 n4-4 @139 d4* @150 d7 t250 @249 n- @250 n6-6" },
        { "what comes when the answer may be here teaches nothing", false, "d1 d3 @10 n2-2 @90 d2* @100 d5 t110" },
        { "where originals come late, three later datagrams make no loss", false,
          "d1 d3 d4 d5 @0 n2-2 @20 d2* @50 d7 d8 d9 t75 @74 n- @75 n6-6" },
        { "what was learned wears off", false, "d1 d3 @10 n2-2 @40 d2* @90000 d5 t90010" },
        { "a BEAT shows the loss at the end", false, "d1 b3 t10 @10 n2-3 l2" },
        { "a BEAT that knows nothing new", false, "d1 d2 b2 t- b1 t- r1-2 r-" },
        { "several holes go into one NACK", false, "d2 d5 d9 d10 d11 d12 @0 n1-1,3-4,6-8" },
        { "a hole is cut by what arrives in it", false,
          "d1 b9 @10 n2-9 @20 d5* d5=dup @120 n2-4,6-9 d2* d4* @400 n3-3,6-9" },
        { "asked again, thrice alike, then each time later, three seconds at most", false,
          "d1 d3 @10 n2-2 t105 d1=dup @105 n2-2 t200 d1=dup @200 n2-2 t295 d1=dup @295 n2-2 t437 d1=dup @438 n2-2 "
          "d1=dup @700 n2-2 d1=dup @1100 n2-2 d1=dup @1600 n2-2 d1=dup @2400 n2-2 d1=dup @3400 n- r1-1 r2-2L16 r3-3" },
        { "given up after three seconds", false, "b1 @10 n1-1 b1 @1500 n1-1 b1 @2900 n1-1 b1 @4000 n- r1-1L16 r- t-" },
        { "in the dark it is asked for, and not given up", false,
          "d1 d3 @10 n2-2 @105 n2-2 @200 n2-2 @500 n2-2 @1000 n2-2 @2000 n2-2 @3100 n2-2 @9000 n2-2 @30000 n2-2 r1-1 "
          "r-" },
        { "at the first light it is asked for at once, with new patience", false,
          "d1 d3 @10 n2-2 @105 n2-2 @200 n2-2 @500 n2-2 @3900 n2-2 n- @4100 d4 n2-2 n- t4195 @6900 n2-2 d2* r1-4" },
        { "a word before the answer can be there is no light", false, "d1 d3 @10 n2-2 @104 d4 n- @105 n2-2" },
        { "a word of the session is light, but no patience without end", false,
          "d1 d3 @10 n2-2 @3000 n2-2 @3200 h n2-2 h @4300 n2-2 h @5400 n2-2 h @6300 n- r1-1 r2-2L16" },
        { "patience with a flickering light ends, too", false,
          "d1 d3 @10 n2-2 @105 n2-2 @9000 h n2-2 @9095 n2-2 @18000 h n2-2 @18095 n2-2 @27000 h n2-2 @27095 n2-2 @31000 "
          "h "
          "n2-2 @31095 n- r1-1 r2-2L16" },
        { "tries in a short dark leave some for the light", false,
          "d1 d3 @10 n2-2 @105 n2-2 @200 n2-2 @295 n2-2 @438 n2-2 @652 n2-2 @973 n2-2 @1454 n2-2 @1455 h n- @2990 "
          "n2-2" },
        { "a GAP is light too", false, "d1 d3 @10 n2-2 @3000 n2-2 @3200 g4-4:2 n2-2" },
        { "repairs that flow prolong the patience", false,
          "b3 @10 n1-3 @2900 n1-3 d1* @3100 n2-3 d2* @5000 n3-3 d3* r1-3" },
        { "a late arrival is not delivered", false,
          "d2 @10 n1-1 d2=dup @1400 n1-1 d2=dup @2800 n1-1 d2=dup @4000 n- d1=late r1-1L16 d1=late r2-2" },
        { "a GAP ends what is missing, exactly", false, "d2 d4 g1-5:1 r1-1L1 r2-2 r3-3L1 r4-4 r5-5L1 r- t- d5=late" },
        { "the first GAP for an event stands", false, "d1 d5 g2-3:1 g2-4:2 r1-1 r2-3L1 r4-4S2 r5-5 r-" },
        { "a GAP in place of the next event", false, "d1 g2-2:2 d3 r1-1 r2-2S2 r3-3 t- d2=dup" },
        { "your own event is skipped", false, "g1-1:3 r1-1S3" },
        { "too big for this path", false, "d1 g2-2:6 r1-1 r2-2L6" },
        { "a GAP beyond a hole leaves the hole", false, "d1 g4-5:1 @10 n2-3 r1-1 r- d2* d3* r2-3 r4-5L1" },
        { "a GAP of a million events is one run", false,
          "d1 g2-1000000:1 r1-1 r2-1000000L1 d1000001 r1000001-1000001" },
        { "a GAP for what was told changes nothing", false, "d1 r1-1 g1-1:1 r- t-" },
        { "adjacent losses of one reason are told as one", false, "g1-2:1 g3-3:1 g4-4:2 r1-3L1 r4-4S2" },
        { "two later datagrams make none", false, "d1 d3 d4 @0 n- d5 @0 n2-2" },
        { "repairs that flow prolong it where it was never dark", false,
          "b3 @10 n1-3 @1000 h n1-3 @2000 h n1-3 @2900 h n1-3 d1* @3043 n2-3 d2* d3* r1-3" },
        { "where none flow it ends", false, "b3 @10 n1-3 @1000 h n1-3 @2000 h n1-3 @2900 h n1-3 h @3043 n- r1-3L16" },
        { "1,024 are believed at once, one more is not", false, "d1 d1025 ? d2050 !" },
        { "a jump starts no NACK", false, "d1 d2000 ! t- @500 n- d2000=dup d1=dup" },
        { "a jump that a BEAT confirms after a PING", false,
          "d1 d2000 b2001 ! @100 n- B2001 ? @110 n2-1999,2001-2001" },
        { "a BEAT below the jump wakes only what it covers", false, "d1 d2000 B500 ! @10 n2-500 n-" },
        { "a jump that the stream itself confirms", false, "d1 d2000 d2 d3 d5 ! @10 n4-4 d6 d7 n-" },
        { "a BEAT that jumps is doubted too", false, "d1 b5000 ! @100 n- B5000 @110 n2-5000" },
        { "more than the window over contig", false, "d1 r1-1 d65538=beyond d65537 !" },
        { "raw takes any jump", true, "d1 d100000 ? t10 @10 n- t3000 @3000 n- r1-1 r2-99999L17 r100000-100000" },
        { "raw never asks", true, "d1 d3 d4 d5 d6 @100 n- d2 r1-6" },
        { "raw knows what is missing long before that", true, "d1 d3 d4 d5 d6 x0 @0 x1 l0 d2 r1-6" },
        { "raw gives up after three seconds", true,
          "d1 @7 d3 t17 @17 x1 l0 n- t3007 @3006 r1-1 r- @3007 r2-2L17 r3-3 d2=late l1" },
        { "rewind stops the clocks and keeps what came", false, "d1 d3 @10 n2-2 w t- @9000 n- d2 d3=dup d4 r1-4" },
        { "after a rewind the replay shows new holes", false, "d1 d5 w d2 d4 t10 @10 n3-3 d3* r1-5" },
        { "after a rewind even a double is news", false, "d1 d4 w d4=dup t10 @10 n2-3" },
        { "fragments in order", false, "d1.0/3 r- t- n- d1.1/3 r- d1.2/3 r1-1 t-" },
        { "fragments out of order", false, "d1.2/3 d1.0/3 r- d1.1/3 r1-1 t- l0" },
        { "a fragment twice", false, "d1.0/3 d1.0/3=dup d1.1/3 d1.2/3 d1.1/3=dup r1-1 d1.1/3=dup" },
        { "fragments on their way are not asked for", false, "d1.0/9 d1.1/9 d1.2/9 t- @500 n- d1.3/9 n-" },
        { "three later fragments make a loss", false, "d1.0/9 d1.2/9 d1.3/9 n- d1.4/9 @0 n1.1 n- d1.1/9* t-" },
        { "the reorder time makes a fragment a loss", false, "d1.0/4 d1.2/4 t10 @10 n1.1 t105 @105 n1.1" },
        { "each fragment in its time", false,
          "d1.0/9 d1.2/9 d1.3/9 d1.4/9 @0 n1.1 d1.6/9 d1.7/9 d1.8/9 @0 n1.5 d1.5/9* d1.1/9* r1-1 l1" },
        { "fragments of one event are one entry", false, "d1.0/9 d1.2/9 d1.4/9 @20 n1.1.3 l1" },
        { "a later event shows the missing end", false, "d1.0/4 d1.1/4 d2 t10 @10 n1.2+ d1.2/4* d1.3/4* r1-2" },
        { "a BEAT shows the missing end", false, "d1.0/4 b1 t10 @10 n1.1+" },
        { "a BEAT with the beginning missing", false, "d1.3/4 b1 @10 n1.0.1.2 l1" },
        { "ends, whole events and beginnings", false, "d1.0/3 d5.1/3 @10 n1.1+,2-4,5.0 l5" },
        { "an end and a beginning", false, "d1.0/3 d2.1/3 @10 n1.1+,2.0 l2" },
        { "a GAP ends an event of which some came", false, "d1.0/3 d2 g1-1:1 r1-1L1 r2-2 d1.1/3=late" },
        { "a GAP ends the event that is on its way", false, "d1 d2.0/3 g2-2:1 r1-1 r2-2L1 d2.1/3=late d3 r3-3 t-" },
        { "a fragment given up is the event", false,
          "d1.0/3 d1.2/3 d2 @10 n1.1 d2=dup @1500 n1.1 d2=dup @2900 n1.1 d2=dup @4000 n- r1-1L16 r2-2 d1.1/3=late" },
        { "given up at the edge it takes the rest with it", false,
          "d1.0/3 d2.1/3 @10 n1.1+,2.0 d1=dup @1500 n1.1+,2.0 d1=dup @2900 n1.1+,2.0 d1=dup @4000 n- r1-2L16 "
          "d2.2/3=late d3 r3-3 t-" },
        { "put back it is missing whole", false, "d1.0/3 d1.1/3 d1.2/3 a1 r- t10 @10 n1-1 d1* r1-1" },
        { "put back with an end on its way", false, "d1.0/3 d1.1/3 a1 @10 n1-1 d1.0/3* d1.1/3* d1.2/3* r1-1" },
        { "put back between two holes", false, "d1 d3.0/2 d5 a3 @10 n2-2,3-3,4-4 d3.0/2* d3.1/2* d2* d4* r1-5" },
        { "put back when it had been asked for it is asked again at once", false,
          "d1.0/3 d2 @10 n1.1+ d1.1/3* a1 @10 n1-1 t105 l1" },
        { "put back when it has ended it stays so", false, "d1.0/3 g1-1:1 a1 r1-1L1 t-" },
        { "put back when nothing of it came", false, "d1 d4 a2 a3 @10 n2-3 a9 t105" },
        { "raw waits three seconds for fragments", true, "d1.0/3 d1.2/3 @2999 r- @3000 n- r1-1L17 t-" },
        { "raw puts back without more time", true, "d1.0/3 d1.2/3 d2 @1000 a1 @2999 r- @3000 r1-1L17 r2-2" },
        { "the end is forgotten", false, "d1 d3 b5 e f r1-1 r2-2L18 r3-3 r- t-" },
        { "of the end only what has not ended", false, "d1 b3 g3-3:1 b6 e f r1-1 r2-2L18 r3-3L1 r-" },
        { "finish loses the rest", false, "d1 d3 b4 f r1-1 r2-2L18 r3-3 r4-4L18 t- d4=late" },
};

struct told {
        struct gaps gaps;
        struct resend rtt;
        struct mono now, heard;
        uint64_t datagram;
        const char *word;
};

static struct mono ms(uint64_t v)
{
        return (struct mono){ (int64_t)v * NS_PER_MS };
}

static void check(const struct told *t, bool good, const char *why)
{
        if (!good)
                fail_msg("at `%s`: %s", t->word, why);
}

/* "3-5" or "3" */
static const char *range(const char *text, uint64_t *from, uint64_t *to)
{
        char *end;
        *from = *to = strtoull(text, &end, 10);
        if (*end == '-')
                *to = strtoull(end + 1, &end, 10);
        return end;
}

static void pass_time(struct told *t, struct mono until)
{
        for (;;) {
                struct mono due = gaps_deadline(&t->gaps);
                if (mono_before(until, due))
                        break;
                struct mono at = mono_before(t->now, due) ? due : t->now;
                gaps_expire(&t->gaps, at, t->heard);
                t->now = at;
                /* What is to be asked waits for the story to ask. */
                if (!mono_before(t->now, gaps_deadline(&t->gaps)))
                        break;
        }
        t->now = until;
        gaps_expire(&t->gaps, t->now, t->heard);
}

static void arrive(struct told *t, const char *text)
{
        static const char *const verdicts[] = { "=", "=dup", "=late", "=beyond", "=full" };
        char *end;
        uint64_t seq = strtoull(text, &end, 10), idx = 0, cnt = 1;
        if (*end == '.') {
                idx = strtoull(end + 1, &end, 10);
                cnt = strtoull(end + 1, &end, 10);
        }
        enum gaps_verdict seen = gaps_look(&t->gaps, seq, (uint8_t)idx);
        struct gaps_arrival a = gaps_mark_part(&t->gaps, t->now, &t->rtt, t->datagram, seq, (uint8_t)idx, (uint8_t)cnt);
        check(t, seen == a.verdict, "looked otherwise");
        bool asked = *end == '*';
        const char *want = *end == '=' ? end : "=";
        if (strcmp(verdicts[a.verdict], want) != 0)
                fail_msg("at `%s`: found %s", t->word, verdicts[a.verdict]);
        check(t, (a.tries > 0) == asked, "was asked for, or was not");
}

/* ".1.4" or ".1+" behind a seq: its fragments, as a NACK says them. */
static const char *fragments(const char *text, uint64_t *to)
{
        char *end;
        if (*text == '.')
                *to = DGRAM_FRAGMENTS_BIT;
        for (; *text == '.'; text = end) {
                uint64_t idx = strtoull(text + 1, &end, 10);
                *to |= UINT64_C(1) << idx;
                if (*end == '+') {
                        *to |= ~((UINT64_C(1) << idx) - 1);
                        end++;
                }
        }
        return text;
}

static void expect_nack(struct told *t, const char *text)
{
        struct dgram_range got[DGRAM_RANGES_MAX];
        uint8_t tries;
        uint32_t n = gaps_ask(&t->gaps, t->now, &t->rtt, got, &tries), i = 0;
        check(t, (n > 0) == (*text != '-'), "asks, or does not");
        while (*text != '-' && *text != '\0') {
                uint64_t from, to;
                text = fragments(range(text, &from, &to), &to);
                check(t, i < n && got[i].from == from && got[i].to == to, "another range");
                i++;
                text += *text == ',';
        }
        check(t, i == n, "more ranges");
}

static void expect_run(struct told *t, const char *text)
{
        struct gaps_run run;
        bool told = gaps_next(&t->gaps, &run);
        check(t, told == (*text != '-'), "tells, or does not");
        if (!told)
                return;
        uint64_t from, to;
        text = range(text, &from, &to);
        enum gaps_outcome outcome = *text == 'L' ? GAPS_LOST : *text == 'S' ? GAPS_SKIPPED : GAPS_DELIVERED;
        uint64_t reason = *text ? strtoull(text + 1, NULL, 10) : 0;
        if (run.from != from || run.to != to || run.outcome != outcome || run.reason != reason)
                fail_msg("at `%s`: told %d-%d outcome %d reason %d", t->word, (int)run.from, (int)run.to,
                         (int)run.outcome, run.reason);
        check(t, t->gaps.contig == to, "contig follows");
}

static void step(struct told *t, const char *text)
{
        uint64_t a, b;
        if (strchr("d+bBgh", *text)) {
                gaps_light(&t->gaps, t->now, &t->rtt, t->heard);
                t->heard = t->now;
        }
        switch (*text) {
        case 'h':
                return;
        case '@':
                pass_time(t, ms(strtoull(text + 1, NULL, 10)));
                return;
        case 'd':
                t->datagram++;
                arrive(t, text + 1);
                return;
        case '+':
                arrive(t, text + 1);
                return;
        case 'a':
                gaps_absent(&t->gaps, t->now, &t->rtt, strtoull(text + 1, NULL, 10),
                            &(struct gaps_arrival){ .opened = MONO_NEVER });
                return;
        case 'b':
        case 'B':
                gaps_beat(&t->gaps, t->now, &t->rtt, strtoull(text + 1, NULL, 10), *text == 'B');
                return;
        case 'g':
                text = range(text + 1, &a, &b);
                gaps_close(&t->gaps, t->now, &t->rtt, a, b, (uint8_t)atoi(text + 1));
                return;
        case 'n':
                expect_nack(t, text + 1);
                return;
        case 'r':
                expect_run(t, text + 1);
                return;
        case 't':
                if (text[1] == '-')
                        check(t, mono_is_never(gaps_deadline(&t->gaps)), "has a deadline");
                else
                        check(t, gaps_deadline(&t->gaps).ns / NS_PER_MS == atoi(text + 1), "another deadline");
                return;
        case '?':
        case '!':
                check(t, gaps_doubts(&t->gaps) == (*text == '!'), "doubts");
                return;
        case 'w':
                gaps_rewind(&t->gaps);
                return;
        case 'e':
                gaps_forget_end(&t->gaps);
                return;
        case 'f':
                gaps_finish(&t->gaps, GAPS_CLOSED);
                return;
        case 'l':
                check(t, t->gaps.lost_first_try == strtoull(text + 1, NULL, 10), "another loss count");
                return;
        case 'x':
                check(t, t->gaps.losses == strtoull(text + 1, NULL, 10), "another count of losses");
                return;
        default:
                fail_msg("no such word: %s", text);
        }
}

static void run_row(void **state)
{
        const struct gaps_row *row = *state;
        struct told t = { .now = { 0 } };
        resend_init(&t.rtt);
        resend_sample(&t.rtt, 80 * NS_PER_MS);
        t.rtt.rttvar_ns = 0;
        gaps_init(&t.gaps, 0, !row->raw);
        char story[512], *save = NULL;
        snprintf(story, sizeof story, "%s", row->story);
        for (t.word = strtok_r(story, " ", &save); t.word; t.word = strtok_r(NULL, " ", &save))
                step(&t, t.word);
        gaps_free(&t.gaps);
}

int main(void)
{
        return RUN_ROWS("gaps", rows, run_row);
}
