/* The gap book at large: full, against a plain book over many seeds, and what no line of words tells. */
#include "tests/unit/harness.h"

#include "core/base/rng.h"
#include "core/wire/gaps.h"

static struct mono ms(uint64_t v)
{
        return (struct mono){ (int64_t)v * NS_PER_MS };
}

/* Every other seq is lost: the book fills up, refuses politely, and comes right again. */
static void the_book_is_bounded(void **state)
{
        (void)state;
        struct gaps g;
        struct resend rtt;
        resend_init(&rtt);
        gaps_init(&g, 0, true);
        uint64_t refused = 0;
        for (uint64_t seq = 2; seq < 4 * GAPS_RANGES_MAX; seq += 2)
                refused += gaps_mark_part(&g, ms(0), &rtt, seq, seq, 0, 1).verdict == GAPS_FULL;
        assert_int_equal(g.holes_n, GAPS_RANGES_MAX);
        assert_true(refused > 0);
        assert_int_equal(g.full, refused);
        for (uint64_t seq = 1; seq < 4 * GAPS_RANGES_MAX; seq++)
                gaps_mark_part(&g, ms(1), &rtt, seq, seq, 0, 1);
        struct gaps_run run;
        assert_true(gaps_next(&g, &run));
        assert_int_equal(run.from, 1);
        assert_int_equal(run.to, 4 * GAPS_RANGES_MAX - 1);
        assert_int_equal(run.outcome, GAPS_DELIVERED);
        gaps_free(&g);
}

/* Where there is no place to cut a hole in two, what arrives inside it has not arrived. */
static void no_place_inside_a_hole(void **state)
{
        (void)state;
        struct gaps g;
        struct resend rtt;
        resend_init(&rtt);
        gaps_init(&g, 0, true);
        gaps_beat(&g, ms(0), &rtt, 100, false);
        for (uint64_t seq = 102; g.holes_n < GAPS_RANGES_MAX; seq += 2)
                assert_int_equal(gaps_mark_part(&g, ms(0), &rtt, seq, seq, 0, 1).verdict, GAPS_NEW);
        assert_int_equal(gaps_mark_part(&g, ms(0), &rtt, 1, 50, 0, 1).verdict, GAPS_FULL);
        assert_int_equal(g.full, 1);
        assert_int_equal(gaps_look(&g, 50, 0), GAPS_NEW);
        assert_int_equal(g.holes_n, GAPS_RANGES_MAX);
        gaps_mark_part(&g, ms(0), &rtt, 1, 101, 0, 1);
        gaps_mark_part(&g, ms(0), &rtt, 1, 103, 0, 1); /* two are free again, for both sides of it */
        assert_int_equal(gaps_mark_part(&g, ms(0), &rtt, 1, 50, 0, 1).verdict, GAPS_NEW);
        assert_int_equal(gaps_look(&g, 49, 0), GAPS_NEW);
        assert_int_equal(gaps_look(&g, 50, 0), GAPS_DUPLICATE);
        assert_int_equal(gaps_look(&g, 51, 0), GAPS_NEW);
        gaps_free(&g);
}

/* On a short way ten tries take 1.2 s, well within the patience. */
static void ten_tries_and_no_more(void **state)
{
        (void)state;
        struct gaps g;
        struct gaps_run run;
        struct resend rtt = { .srtt_ns = NS_PER_MS, .samples = 9 };
        struct dgram_range range[DGRAM_RANGES_MAX];
        uint8_t tries;
        int asked = 0;
        gaps_init(&g, 0, true);
        gaps_beat(&g, ms(0), &rtt, 1, false);
        for (uint64_t t = 0; t < 2900; t++) {
                gaps_expire(&g, ms(t), ms(t)); /* all the time something else is heard */
                asked += gaps_ask(&g, ms(t), &rtt, range, &tries) > 0;
        }
        assert_int_equal(asked, 10);
        assert_true(gaps_next(&g, &run) && run.outcome == GAPS_LOST && run.reason == GAPS_TIMEOUT);
        gaps_free(&g);
}

/* A NACK holds 32 ranges; the rest is asked 10 ms later. */
static void many_holes_are_asked_in_turns(void **state)
{
        (void)state;
        struct gaps g;
        struct resend rtt;
        resend_init(&rtt);
        gaps_init(&g, 0, true);
        for (uint64_t seq = 2; seq <= 80; seq += 2)
                gaps_mark_part(&g, ms(0), &rtt, seq, seq, 0, 1);
        gaps_expire(&g, ms(30), ms(30));
        struct dgram_range range[DGRAM_RANGES_MAX];
        uint8_t tries;
        assert_int_equal(gaps_ask(&g, ms(30), &rtt, range, &tries), DGRAM_RANGES_MAX);
        assert_int_equal(gaps_ask(&g, ms(30), &rtt, range, &tries), 0);
        assert_int_equal(gaps_deadline(&g).ns, ms(40).ns);
        assert_int_equal(gaps_ask(&g, ms(40), &rtt, range, &tries), 40 - DGRAM_RANGES_MAX);
        assert_int_equal(range[0].from, 65);
        gaps_free(&g);
}

/* The plain book: of each event a bit for every fragment that has come. */
enum { SEQS = 400 };

static uint8_t cnt_of(uint64_t seq)
{
        return (uint8_t)(seq % 3 ? 1 : 2 + seq % 5);
}

static uint64_t all_of(uint64_t seq)
{
        return (UINT64_C(1) << cnt_of(seq)) - 1;
}

static bool has_part(const uint64_t *come, uint64_t seq)
{
        return come[seq] != 0 && come[seq] != all_of(seq);
}

static void put_back(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t *come, uint64_t seq)
{
        struct gaps_arrival never = { .opened = MONO_NEVER };
        if (has_part(come, seq))
                gaps_absent(g, now, rtt, seq, &never);
        come[seq] = has_part(come, seq) ? 0 : come[seq];
}

static void check_asked(const struct gaps *g, const struct dgram_range *r, const uint64_t *come, uint64_t told)
{
        uint64_t to = dgram_range_is_fragments(r) ? r->from : r->to;
        assert_true(r->from > told && to <= g->highest);
        for (uint64_t seq = r->from; seq <= to; seq++) {
                uint64_t asked = dgram_range_is_fragments(r) ? r->to & ~DGRAM_FRAGMENTS_BIT : all_of(seq);
                if (come[seq] & asked)
                        fail_msg("asked for what has come of %lu", seq);
                if ((asked & all_of(seq)) == 0)
                        fail_msg("asked for nothing of %lu", seq);
        }
}

/* Random arrivals of events and fragments, doubles, beats, gaps, rewinds and events put back against
 * the plain book: each seq is told once, in order, as what it was. */
static void against_a_naive_book(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= harness_seeds(150); seed++) { /* 2,000 pass, in forty seconds */
                struct rng rng = rng_seeded(seed, "gaps");
                struct resend rtt;
                resend_init(&rtt);
                struct gaps g;
                gaps_init(&g, 0, rng_below(&rng, 4) != 0);
                uint64_t come[SEQS + 1] = { 0 };
                uint64_t told = 0, head = 0;
                struct mono now = { 0 };
                for (int op = 0; told < SEQS; op++) {
                        now = mono_add(now, (int64_t)rng_below(&rng, 20) * NS_PER_MS);
                        uint64_t seq = 1 + rng_below(&rng, SEQS), kind = rng_below(&rng, 24);
                        head = seq > head ? seq : head;
                        if (kind < 16) {
                                uint8_t idx = (uint8_t)rng_below(&rng, cnt_of(seq));
                                uint64_t bit = UINT64_C(1) << idx;
                                struct gaps_arrival a =
                                        gaps_mark_part(&g, now, &rtt, (uint64_t)op, seq, idx, cnt_of(seq));
                                if (a.verdict == GAPS_NEW && ((come[seq] & bit) || seq <= told))
                                        fail_msg("seed %lu: %lu is new twice", seed, seq);
                                come[seq] |= a.verdict == GAPS_NEW ? bit : 0;
                        } else if (kind < 18) {
                                gaps_close(&g, now, &rtt, seq, seq + rng_below(&rng, 3) > SEQS ? SEQS : seq,
                                           GAPS_EVICTED);
                        } else if (kind < 21) {
                                gaps_beat(&g, now, &rtt, head, true);
                        } else if (kind < 23) {
                                put_back(&g, now, &rtt, come, seq);
                        } else {
                                for (uint64_t each = told + 1; each <= SEQS; each++)
                                        put_back(&g, now, &rtt, come, each);
                                gaps_rewind(&g);
                        }
                        gaps_expire(&g, now, now);
                        struct dgram_range range[DGRAM_RANGES_MAX];
                        uint8_t tries;
                        uint32_t asked = gaps_ask(&g, now, &rtt, range, &tries);
                        for (uint32_t i = 0; i < asked; i++)
                                check_asked(&g, &range[i], come, told);
                        struct gaps_run run;
                        while (gaps_next(&g, &run)) {
                                if (run.from != told + 1)
                                        fail_msg("seed %lu: %lu told after %lu", seed, run.from, told);
                                for (uint64_t s = run.from; s <= run.to; s++)
                                        if ((come[s] == all_of(s)) != (run.outcome == GAPS_DELIVERED))
                                                fail_msg("seed %lu: %lu is told wrongly", seed, s);
                                told = run.to;
                        }
                        if (op > 100000)
                                fail_msg("seed %lu: no end", seed);
                }
                gaps_free(&g);
        }
}

/* An NCF names the fragments of an event that come again; what arrives then must still fill all that the event has
 * left, although the book knows only from the last one how many there are. */
static void an_ncf_does_not_cut_an_event_in_two(void **state)
{
        (void)state;
        struct resend rtt = { .srtt_ns = 80 * NS_PER_MS, .samples = 9 };
        struct mono now = { NS_PER_S }, due = { 2 * NS_PER_S };
        struct dgram_range range[DGRAM_RANGES_MAX], last = { 1, DGRAM_FRAGMENTS_BIT | 4 };
        struct gaps_run run;
        struct gaps g;
        uint8_t tries;
        gaps_init(&g, 0, true);
        gaps_mark_part(&g, now, &rtt, 1, 1, 0, 3);
        gaps_mark_part(&g, now, &rtt, 2, 1, 1, 3);
        gaps_beat(&g, now, &rtt, 1, false);
        gaps_hush(&g, now, &last, due);
        assert_int_equal(g.lost_first_try, 1);
        now = mono_add(due, -1);
        gaps_expire(&g, now, now);
        assert_int_equal(gaps_ask(&g, now, &rtt, range, &tries), 0);
        assert_int_equal(gaps_mark_part(&g, now, &rtt, 3, 1, 2, 3).tries, 1); /* as if it had asked itself */
        assert_true(gaps_next(&g, &run) && run.outcome == GAPS_DELIVERED && run.to == 1);
        assert_true(mono_is_never(gaps_deadline(&g)));
        gaps_free(&g);
}

/* Two fragments of five are solved for: the event was lost, once; and teaches nothing of what is late. */
static void mended_fragments_are_one_loss(void **state)
{
        (void)state;
        struct gaps g;
        struct resend rtt;
        struct gaps_run run;
        resend_init(&rtt);
        gaps_init(&g, 0, true);
        g.ahead = true;
        for (uint8_t idx = 0; idx < 4; idx++)
                if (idx != 1)
                        gaps_mark_part(&g, ms(0), &rtt, idx, 1, idx, 5);
        gaps_beat(&g, ms(0), &rtt, 1, false);
        assert_int_equal(gaps_mend(&g, ms(90), &rtt, 9, 1, 1, 5).verdict, GAPS_NEW);
        assert_false(gaps_next(&g, &run));
        assert_int_equal(gaps_mend(&g, ms(90), &rtt, 9, 1, 4, 5).tries, 0);
        assert_int_equal(gaps_mend(&g, ms(90), &rtt, 9, 1, 4, 5).verdict, GAPS_DUPLICATE);
        assert_true(gaps_next(&g, &run) && run.to == 1 && run.outcome == GAPS_DELIVERED);
        assert_int_equal(g.lost_first_try, 1);
        assert_int_equal(g.losses, 2);
        assert_int_equal(g.reorder_ns, 0);
        gaps_free(&g);
}

/* Its own parity ends the wait of an event's holes, and of no other's. */
static void parity_of_one_event(void **state)
{
        (void)state;
        struct gaps g;
        struct resend rtt;
        resend_init(&rtt);
        gaps_init(&g, 0, true);
        g.ahead = true;
        for (uint64_t seq = 1; seq <= 2; seq++) {
                gaps_mark_part(&g, ms(0), &rtt, seq, seq, 0, 5);
                gaps_mark_part(&g, ms(0), &rtt, seq, seq, 4, 5);
        }
        int64_t late_ns = resend_reorder_ns(&rtt);
        assert_int_equal(gaps_deadline(&g).ns, GAPS_COPY_NS + late_ns);
        gaps_parity_of(&g, ms(2), &rtt, 2);
        assert_int_equal(gaps_deadline(&g).ns, ms(2).ns + late_ns);
        gaps_expire(&g, mono_add(ms(2), late_ns), ms(2));
        struct dgram_range range[DGRAM_RANGES_MAX];
        uint8_t tries;
        assert_int_equal(gaps_ask(&g, mono_add(ms(2), late_ns), &rtt, range, &tries), 1);
        assert_int_equal(range[0].from, 2);
        gaps_free(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(mended_fragments_are_one_loss),
                cmocka_unit_test(parity_of_one_event),
                cmocka_unit_test(an_ncf_does_not_cut_an_event_in_two),
                cmocka_unit_test(the_book_is_bounded),
                cmocka_unit_test(many_holes_are_asked_in_turns),
                cmocka_unit_test(against_a_naive_book),
                cmocka_unit_test(no_place_inside_a_hole),
                cmocka_unit_test(ten_tries_and_no_more),
        };
        return cmocka_run_group_tests_name("gaps at large", tests, NULL, NULL);
}
