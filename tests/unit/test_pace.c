/* A rate, from its first window to its end. The round trip is 50 ms, so a first window each is 240 kB/s. */
#include "tests/unit/harness.h"

#include "udp_server/pace.h"

enum { FULL = TFRC_SEGMENT_BYTES - PACE_HEADERS_BYTES, FIRST = 240000 };

struct rig {
        struct pace pace;
        struct resend rtt;
        struct mono now;
};

static struct rig begin(bool on, int64_t rate_max)
{
        struct rig r = { .now = { 100 * NS_PER_S } };
        resend_init(&r.rtt);
        pace_init(&r.pace, r.now, (struct pace_config){ on, rate_max });
        resend_sample(&r.rtt, 50 * NS_PER_MS);
        pace_round_trip(&r.pace, &r.rtt);
        return r;
}

/* Sends full datagrams as long as it may; how many. */
static int send_all(struct rig *r, int max)
{
        int n = 0;
        for (; n < max && pace_credit_ns(&r->pace, r->now) > 0; n++)
                pace_sent(&r->pace, r->now, FULL, true);
        if (n < max)
                pace_wait(&r->pace);
        return n;
}

/* Sends all the time, as the alarm rings; how many bytes a second. */
static int64_t send_for(struct rig *r, int64_t span_ns)
{
        struct mono end = mono_add(r->now, span_ns);
        int64_t sent = 0;
        while (mono_before(r->now, end)) {
                sent += send_all(r, 1000) * (int64_t)TFRC_SEGMENT_BYTES;
                struct mono ready = pace_ready_at(&r->pace);
                assert_true(mono_before(r->now, ready)); /* time must not stand still */
                r->now = mono_min(ready, end);
        }
        return sent * NS_PER_S / span_ns;
}

static enum pace_word report(struct rig *r, double loss_rate, int64_t received, uint32_t came, uint32_t lost)
{
        struct pace_report m = { loss_rate, received, came, lost };
        return pace_report(&r->pace, r->now, &r->rtt, &m);
}

static void pass(struct rig *r, int64_t ms)
{
        r->now = mono_add(r->now, ms * NS_PER_MS);
}

static void assert_near(int64_t got, int64_t want)
{
        assert_in_range(got, want - want / 50, want + want / 50);
}

/* ---- sending ------------------------------------------------------------------------------- */

static void it_begins_with_a_first_window(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        assert_near(r.pace.rate, FIRST);
        assert_int_equal(send_all(&r, 1000), 10);
        pass(&r, 25); /* half a round trip */
        assert_int_equal(send_all(&r, 1000), 5);
        pass(&r, 10000); /* time not used is kept, but no more than a burst */
        assert_int_equal(send_all(&r, 1000), 10);
        assert_near(send_for(&r, NS_PER_S), FIRST);
}

static void one_that_is_off_lets_everything_pass(void **state)
{
        (void)state;
        struct rig r = begin(false, 0);
        assert_int_equal(send_all(&r, 100000), 100000);
        assert_true(mono_is_never(pace_deadline(&r.pace)));
        pass(&r, 60000);
        assert_int_equal(pace_expire(&r.pace, r.now, &r.rtt), PACE_FINE);
        assert_int_equal(report(&r, 1, 0, 0, 100), PACE_FINE);
        assert_int_equal(send_all(&r, 100000), 100000);
}

static void a_burst_is_at_most_64_datagrams(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        for (int i = 0; i < 10; i++) {
                send_for(&r, 200 * NS_PER_MS);
                report(&r, 0, 1000000000, 100, 0);
        }
        pass(&r, 1000);
        assert_int_equal(send_all(&r, 1000), PACE_BURST_MAX);
}

static void small_datagrams_pay_for_their_headers(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        int n = 0;
        for (; pace_credit_ns(&r.pace, r.now) > 0; n++)
                pace_sent(&r.pace, r.now, 92, true);
        assert_int_equal(n, 10 * TFRC_SEGMENT_BYTES / 120);
}

/* ---- the rate ------------------------------------------------------------------------------ */

static void it_doubles_until_something_is_lost(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        send_all(&r, 1000);
        for (int64_t rate = FIRST; rate < 4000000; rate *= 2) {
                assert_near(r.pace.rate, rate);
                assert_near(send_for(&r, NS_PER_S), rate);
                report(&r, 0, rate, 100, 0);
        }
        send_for(&r, 200 * NS_PER_MS);
        report(&r, 0.02, 10000000, 100, 2);
        assert_near(r.pace.rate, tfrc_rate(r.rtt.srtt_ns, 0.02));
}

static void it_does_not_outrun_what_arrives(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        send_for(&r, 200 * NS_PER_MS);
        report(&r, 0, 150000, 100, 0);
        assert_near(r.pace.rate, 300000);
        send_for(&r, 200 * NS_PER_MS);
        report(&r, 1e-6, 220000, 100, 1); /* the equation would give 30 MB/s */
        assert_near(r.pace.rate, 275000);
        send_for(&r, 200 * NS_PER_MS);
        report(&r, 1e-6, 10, 100, 1); /* a measurement as odd as that halves it, no more */
        assert_near(r.pace.rate, 137500);
}

static void who_need_not_wait_proves_nothing(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        for (int i = 0; i < 20; i++) {
                assert_int_equal(send_all(&r, 1), 1);
                pass(&r, 1000);
                report(&r, 0, 1228, 1, 0);
        }
        assert_near(r.pace.rate, FIRST);
        report(&r, 1e-6, 1228, 1, 0); /* and a loss does not take away what it may, but does not use */
        assert_near(r.pace.rate, FIRST);
        report(&r, 0.05, 1228, 1, 0); /* unless a TCP would have less */
        assert_near(r.pace.rate, tfrc_rate(r.rtt.srtt_ns, 0.05));
}

static void the_ceiling_holds(void **state)
{
        (void)state;
        struct rig r = begin(true, 100000);
        assert_near(send_for(&r, 10 * NS_PER_S), 100000 + 1200); /* and the burst it began with */
        report(&r, 0, 1000000, 100, 0);
        assert_near(r.pace.rate, 100000);
}

static void a_report_that_does_not_come_halves_it(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        assert_true(mono_is_never(pace_deadline(&r.pace))); /* nothing was sent, so none is awaited */
        send_all(&r, 1);
        assert_int_equal(mono_since(pace_deadline(&r.pace), r.now), 1500 * NS_PER_MS);
        pass(&r, 1499);
        pace_expire(&r.pace, r.now, &r.rtt);
        assert_near(r.pace.rate, FIRST);
        pass(&r, 1);
        assert_int_equal(pace_expire(&r.pace, r.now, &r.rtt), PACE_FINE);
        assert_near(r.pace.rate, FIRST / 2);
        report(&r, 0, 1000, 1, 0);
        assert_true(mono_is_never(pace_deadline(&r.pace)));
}

/* ---- the breaker --------------------------------------------------------------------------- */

static void three_reports_missed_open_the_breaker(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        send_all(&r, 5);
        static const enum pace_word words[] = { PACE_FINE, PACE_FINE, PACE_ADVISE, PACE_FINE };
        for (int i = 0; i < 4; i++) {
                r.now = pace_deadline(&r.pace);
                assert_int_equal(pace_expire(&r.pace, r.now, &r.rtt), words[i]);
        }
        assert_near(r.pace.rate, TFRC_SEGMENT_BYTES * 20); /* one a round trip */
        assert_near(send_for(&r, NS_PER_S), TFRC_SEGMENT_BYTES * 20);
        /* The path is back: from the first window on. */
        assert_int_equal(report(&r, 0.001, 24000, 10, 1000), PACE_FINE);
        assert_near(r.pace.rate, FIRST);
}

static void bad_reports_for_10_s_open_it(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        for (int i = 1; i < 10; i++) {
                send_for(&r, NS_PER_S);
                assert_int_equal(report(&r, 0.1, 100000, 79, 21), PACE_FINE);
        }
        send_for(&r, NS_PER_S);
        assert_int_equal(report(&r, 0.1, 100000, 79, 21), PACE_ADVISE);
        assert_true(r.pace.rate <= TFRC_SEGMENT_BYTES * 20);
        for (int i = 0; i < 10; i++) { /* now it is good for 10 s; the client is told every 5 s until then */
                assert_false(mono_is_never(r.pace.open_since));
                send_for(&r, NS_PER_S);
                assert_int_equal(report(&r, 0.1, 100000, 80, 20), i == 4 ? PACE_ADVISE : PACE_FINE);
        } /* 20 % is not more than 20 % */
        assert_true(mono_is_never(r.pace.open_since));
}

static void one_good_report_in_between_is_enough(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        for (int i = 0; i < 40; i++) {
                send_for(&r, NS_PER_S);
                assert_int_equal(report(&r, 0.1, 100000, 1, i % 8 != 7), PACE_FINE);
        }
}

static void open_for_30_s_is_the_end(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        struct mono opened = { 0 };
        enum pace_word word = PACE_FINE;
        int advised = 0;
        for (int i = 0; i < 100 && word != PACE_OVER; i++) {
                send_all(&r, 1);
                r.now = pace_deadline(&r.pace);
                word = pace_expire(&r.pace, r.now, &r.rtt);
                if (word == PACE_ADVISE && advised++ == 0)
                        opened = r.now;
        }
        assert_int_equal(word, PACE_OVER);
        assert_int_equal(mono_since(r.now, opened), PACE_OPEN_NS);
        assert_int_equal(advised, 5);
}

/* Three REPORTs are missed. */
static void open_breaker(struct rig *r)
{
        send_all(r, 1000);
        for (int i = 0; i < 3; i++) {
                r->now = pace_deadline(&r->pace);
                pace_expire(&r->pace, r->now, &r->rtt);
        }
        assert_false(mono_is_never(r->pace.open_since));
}

/* ---- the next session ------------------------------------------------------------------------ */

static struct rig resume(enum pace_breaker breaker)
{
        struct rig r = { .now = { 100 * NS_PER_S } };
        resend_init(&r.rtt);
        pace_init(&r.pace, r.now, (struct pace_config){ .on = true });
        pace_resume(&r.pace, r.now, breaker);
        resend_sample(&r.rtt, 50 * NS_PER_MS);
        pace_round_trip(&r.pace, &r.rtt);
        pass(&r, 1);
        return r;
}

static void an_open_breaker_outlives_its_session(void **state)
{
        (void)state;
        struct rig r = resume(PACE_CLOSED);
        assert_near(r.pace.rate, FIRST);
        r = resume(PACE_OPEN_FOR_SILENCE);
        assert_int_equal(pace_breaker(&r.pace), PACE_OPEN_FOR_SILENCE);
        assert_int_equal(send_all(&r, 1000), 1);
        pass(&r, 50);
        assert_near(send_for(&r, NS_PER_S), TFRC_SEGMENT_BYTES * 20);
        assert_int_equal(report(&r, 0, 24000, 0, 0), PACE_FINE); /* it is heard */
        assert_int_equal(pace_breaker(&r.pace), PACE_CLOSED);
        assert_near(r.pace.rate, FIRST);
        r = begin(false, 0);
        pace_resume(&r.pace, r.now, PACE_OPEN_FOR_LOSS);
        assert_int_equal(send_all(&r, 1000), 1000); /* paced no more */
}

static void less_loss_for_10_s_closes_that_one_too(void **state)
{
        (void)state;
        struct rig r = resume(PACE_OPEN_FOR_LOSS);
        for (int i = 0; i < 10; i++) {
                assert_int_equal(pace_breaker(&r.pace), PACE_OPEN_FOR_LOSS);
                assert_near(send_for(&r, NS_PER_S), TFRC_SEGMENT_BYTES * 20);
                assert_int_equal(report(&r, 0.1, 24000, 80, 20), i == 4 ? PACE_ADVISE : PACE_FINE);
        }
        assert_int_equal(pace_breaker(&r.pace), PACE_CLOSED);
        r = resume(PACE_OPEN_FOR_LOSS);
        pass(&r, 60000);
        report(&r, 0, 0, 0, 0); /* of nothing */
        assert_int_equal(pace_breaker(&r.pace), PACE_OPEN_FOR_LOSS);
        report(&r, 0, 24000, 10, 0);
        assert_int_equal(pace_breaker(&r.pace), PACE_CLOSED);
}

static void who_says_nothing_is_not_sent_away_again(void **state)
{
        (void)state;
        struct rig r = resume(PACE_OPEN_FOR_LOSS);
        assert_true(mono_is_never(pace_deadline(&r.pace)));
        pass(&r, 100000);
        assert_int_equal(pace_expire(&r.pace, r.now, &r.rtt), PACE_FINE);
        assert_near(r.pace.rate, TFRC_SEGMENT_BYTES * 20);
}

static void a_path_no_better_is_the_end_again(void **state)
{
        (void)state;
        struct rig r = resume(PACE_OPEN_FOR_LOSS);
        for (int i = 1; i <= 10; i++) {
                send_for(&r, NS_PER_S);
                report(&r, 0.1, 24000, 50, 50);
                assert_int_equal(mono_is_never(r.pace.over_at), i < 10);
        }
        assert_int_equal(mono_since(r.pace.over_at, r.now), PACE_OPEN_NS);
        r = resume(PACE_OPEN_FOR_LOSS);
        open_breaker(&r);
        assert_int_equal(mono_since(r.pace.over_at, r.now), PACE_OPEN_NS);
        r.now = r.pace.over_at;
        assert_int_equal(pace_expire(&r.pace, r.now, &r.rtt), PACE_OVER);
}

/* ---- another path -------------------------------------------------------------------------- */

static void move(struct rig *r)
{
        resend_init(&r->rtt);
        pace_move(&r->pace, r->now, &r->rtt);
        resend_sample(&r->rtt, 50 * NS_PER_MS);
        pace_round_trip(&r->pace, &r->rtt);
}

static void a_new_path_begins_with_a_first_window(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        for (int i = 0; i < 4; i++) {
                send_for(&r, NS_PER_S);
                report(&r, 0, 1000000000, 100, 0);
        }
        report(&r, 1e-6, 1000000000, 100, 1);
        assert_true(r.pace.rate > 4 * FIRST && r.pace.lossy);
        send_all(&r, 1000);
        pass(&r, PACE_ANEW_NS / NS_PER_MS);
        move(&r);
        assert_near(r.pace.rate, FIRST);
        assert_false(r.pace.lossy);
        assert_int_equal(send_all(&r, 1000), 10);
        move(&r); /* nothing for nothing */
        assert_int_equal(send_all(&r, 1000), 0);
}

static void the_breaker_was_the_old_paths(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        pass(&r, PACE_ANEW_NS / NS_PER_MS);
        open_breaker(&r);
        move(&r);
        assert_true(mono_is_never(r.pace.open_since));
        assert_near(r.pace.rate, FIRST);
        open_breaker(&r); /* this one is no better */
        struct mono opened = r.pace.open_since;
        move(&r);
        assert_true(mono_since(r.pace.open_since, opened) == 0);
        assert_near(r.pace.rate,
                    TFRC_SEGMENT_BYTES * NS_PER_S / RESEND_RTT_NS_INITIAL); /* one a round trip of any path */
        assert_int_equal(report(&r, 0, 24000, 10, 0), PACE_FINE);           /* the next is, as far as one knows */
        assert_near(r.pace.rate, FIRST);
}

/* Of 40 s, in which it may begin anew once, over a path that loses 40 %: bytes sent; the client reports, or does not,
 * and moves to and fro, or does not (0). */
static int64_t sent_while_moving(bool reports, int64_t move_ms)
{
        struct rig r = begin(true, 0);
        int64_t sent = 0;
        for (int64_t ms = 100; ms <= 40000; ms += 100) {
                sent += send_for(&r, 100 * NS_PER_MS) / 10;
                if (reports && ms % 1000 == 0)
                        report(&r, 0.1, 100000, 60, 40);
                if (pace_expire(&r.pace, r.now, &r.rtt) == PACE_OVER)
                        break;
                if (move_ms && ms % move_ms == 0)
                        move(&r);
        }
        return sent;
}

struct move_row {
        const char *name;
        bool reports;
        int64_t move_ms;
};

static const struct move_row moves[] = {
        { "twice a second, no REPORT", false, 500 },       { "twice a second, REPORTs", true, 500 },
        { "before three are missed", false, 1400 },        { "when the breaker opens, no REPORT", false, 4500 },
        { "before 10 s of loss have passed", true, 9000 }, { "once it is open for loss", true, 10500 },
};

/* But what another beginning gives, until a REPORT of it comes or is missed. */
static void moving_gains_nothing(void **state)
{
        const struct move_row *row = *state;
        int64_t stays = sent_while_moving(row->reports, 0), moves_about = sent_while_moving(row->reports, row->move_ms);
        assert_in_range(moves_about, stays / 2, stays + FIRST + FIRST / 20);
}

static void a_round_trip_of_nothing_is_no_division_by_it(void **state)
{
        (void)state;
        struct rig r = begin(true, 0);
        for (int i = 0; i < 100; i++)
                resend_sample(&r.rtt, 0);
        pace_round_trip(&r.pace, &r.rtt);
        report(&r, 1e-9, INT64_MAX, 1, 0);
        report(&r, 1, INT64_MAX, UINT32_MAX, UINT32_MAX);
        for (int i = 0; i < 100; i++)
                resend_sample(&r.rtt, RESEND_SAMPLE_NS_MAX);
        pace_round_trip(&r.pace, &r.rtt);
        report(&r, 1, 0, 0, UINT32_MAX);
        assert_true(r.pace.rate >= PACE_RATE_MIN && pace_credit_ns(&r.pace, r.now) >= 0);
}

static void what_people_write(void **state)
{
        (void)state;
        struct pace_config c;
        assert_int_equal(pace_parse("auto", &c), 0);
        assert_true(c.on && c.rate_max == 0);
        assert_int_equal(pace_parse("off", &c), 0);
        assert_false(c.on);
        assert_int_equal(pace_parse("10mbit", &c), 0);
        assert_true(c.on && c.rate_max == 1250000);
        assert_int_not_equal(pace_parse("1kbit", &c), 0); /* not one datagram a second */
        assert_int_not_equal(pace_parse("10", &c), 0);
        assert_int_not_equal(pace_parse("", &c), 0);
        assert_int_not_equal(pace_parse("0bit", &c), 0);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(it_begins_with_a_first_window),
                cmocka_unit_test(one_that_is_off_lets_everything_pass),
                cmocka_unit_test(a_burst_is_at_most_64_datagrams),
                cmocka_unit_test(small_datagrams_pay_for_their_headers),
                cmocka_unit_test(it_doubles_until_something_is_lost),
                cmocka_unit_test(it_does_not_outrun_what_arrives),
                cmocka_unit_test(who_need_not_wait_proves_nothing),
                cmocka_unit_test(the_ceiling_holds),
                cmocka_unit_test(a_report_that_does_not_come_halves_it),
                cmocka_unit_test(three_reports_missed_open_the_breaker),
                cmocka_unit_test(bad_reports_for_10_s_open_it),
                cmocka_unit_test(an_open_breaker_outlives_its_session),
                cmocka_unit_test(less_loss_for_10_s_closes_that_one_too),
                cmocka_unit_test(who_says_nothing_is_not_sent_away_again),
                cmocka_unit_test(a_path_no_better_is_the_end_again),
                cmocka_unit_test(a_new_path_begins_with_a_first_window),
                cmocka_unit_test(the_breaker_was_the_old_paths),
                cmocka_unit_test(one_good_report_in_between_is_enough),
                cmocka_unit_test(open_for_30_s_is_the_end),
                cmocka_unit_test(what_people_write),
                cmocka_unit_test(a_round_trip_of_nothing_is_no_division_by_it),
        };
        return RUN_ROWS("pace, of one who moves", moves, moving_gains_nothing) +
               cmocka_run_group_tests_name("pace", stories, NULL, NULL);
}
