/* What pacing is for: one line of 10 Mbit/s, one or several sessions on it, and a TCP. In virtual time.
 *
 * Shares are of the line, of events alone: headers take 2 % more. Bounds are those of the issue where it
 * names one; each figure is printed.
 */
#include "tests/sim/rate_world.h"

enum { LINE = 1250000 };

/* A queue of one round trip, as routers of that line have it at best. */
static struct story on_a_line(int64_t rtt_ms, int listeners)
{
        return (struct story){ .rate = LINE,
                               .queue_bytes = (uint64_t)(LINE * rtt_ms / 1000),
                               .rtt_ns = rtt_ms * NS_PER_MS,
                               .listeners = listeners,
                               .pace.on = true };
}

static bool all_is_told(void)
{
        int i = 0;
        while (i < w.listeners && w.listener[i].told + w.listener[i].gaps == w.published)
                i++;
        return i == w.listeners;
}

/* Nothing new is said; what is still missing comes, or is told as lost. */
static void let_it_end(void)
{
        offer(0);
        for (int s = 0; s < 10 || (s < 60 && !all_is_told()); s++)
                run_for(NS_PER_S);
        for (int i = 0; i < w.listeners; i++) {
                assert_int_equal(w.listener[i].told + w.listener[i].gaps, w.published);
                assert_int_equal(w.listener[i].advised + w.listener[i].downs, 0);
        }
        end();
}

static void repaired_once(const struct listener *l)
{
        if (l->repeats * 10 > l->drops * 11)
                fail_msg("%lu events sent again, %lu lost", (unsigned long)l->repeats, (unsigned long)l->drops);
}

/* More offered than the line carries is no reason to carry less; but where all of it fits, just, the
 * session need not always wait, and does better by some per cent. */
static void goodput_never_falls(void **state)
{
        static const double loads[] = { 0.5, 1, 2, 4 };
        const int64_t *rtt_ms = *state;
        double best = 0;
        for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
                struct story s = on_a_line(*rtt_ms, 1);
                begin(&s);
                offer(loads[i]);
                run_for(10 * NS_PER_S);
                double got = goodput(0, 20 * NS_PER_S);
                print_message("%.1f of the line offered: %.3f come, %lu lost on the way, %lu sent again\n", loads[i],
                              got, (unsigned long)w.listener[0].drops, (unsigned long)w.listener[0].repeats);
                assert_true(got > 0.92 * best && got > (loads[i] < 1 ? 0.49 : 0.85));
                best = got > best ? got : best;
                repaired_once(&w.listener[0]);
                let_it_end();
        }
}

static void share_alike(struct story s)
{
        uint64_t before[4];
        double sum = 0, squares = 0;
        begin(&s);
        offer(1);
        run_for(20 * NS_PER_S);
        for (int i = 0; i < 4; i++)
                before[i] = w.listener[i].told;
        run_for(30 * NS_PER_S);
        for (int i = 0; i < 4; i++) {
                double got = (double)(w.listener[i].told - before[i]) * event_bytes() / 30 / LINE;
                sum += got;
                squares += got * got;
        }
        print_message("together %.3f, Jain's index %.3f\n", sum, sum * sum / 4 / squares);
        assert_true(sum > 0.85 && sum * sum / 4 / squares >= 0.98);
        let_it_end();
}

static void four_share_alike(void **state)
{
        const int64_t *rtt_ms = *state;
        share_alike(on_a_line(*rtt_ms, 4));
}

/* Each fills a datagram and comes to all in the same instant: who were always the last to send would always
 * find the queue full. */
static void four_share_large_events_alike(void **state)
{
        const int64_t *rtt_ms = *state;
        struct story s = on_a_line(*rtt_ms, 4);
        s.filler_bytes = 1000;
        share_alike(s);
}

static void a_tcp_gets_its_share(void **state)
{
        const int64_t *rtt_ms = *state;
        struct story s = on_a_line(*rtt_ms, 1);
        begin(&s);
        rate_tcp_begin(&w.tcp, w.now);
        w.has_tcp = true;
        offer(2);
        run_for(20 * NS_PER_S);
        uint64_t before = w.tcp.delivered;
        double got = goodput(0, 60 * NS_PER_S);
        double tcp = (double)(w.tcp.delivered - before) * RATE_TCP_BYTES / 60 / LINE;
        print_message("the session %.3f, the TCP %.3f\n", got, tcp);
        assert_true(got > 0.25 && tcp > 0.25);
        w.has_tcp = false;
        let_it_end();
}

/* Loss that is not the line's: what a TCP would take is enough, and all of it comes. */
static void losses_are_repaired(void **state)
{
        const int64_t *rtt_ms = *state;
        struct story s = on_a_line(*rtt_ms, 1);
        s.loss = 0.05;
        begin(&s);
        offer(0.04); /* 190 events a second */
        run_for(30 * NS_PER_S);
        repaired_once(&w.listener[0]);
        assert_true(w.listener[0].drops > 100);
        let_it_end();
}

static void one_that_is_not_paced_fills_the_line(void **state)
{
        const int64_t *rtt_ms = *state;
        struct story s = on_a_line(*rtt_ms, 1);
        s.pace.on = false;
        begin(&s);
        rate_tcp_begin(&w.tcp, w.now);
        w.has_tcp = true;
        offer(0.95);
        run_for(10 * NS_PER_S);
        uint64_t before = w.tcp.delivered;
        run_for(20 * NS_PER_S);
        double tcp = (double)(w.tcp.delivered - before) * RATE_TCP_BYTES / 20 / LINE;
        print_message("the TCP %.3f\n", tcp);
        assert_true(tcp < 0.25);
        end();
}

static void a_path_that_loses_half_ends_the_session(void **state)
{
        const int64_t *rtt_ms = *state;
        struct story s = on_a_line(*rtt_ms, 1);
        begin(&s);
        w.loss = 0.5;
        offer(0.1);
        run_for(30 * NS_PER_S);
        assert_int_equal(w.listener[0].advised, 1);
        uint64_t bytes = udp_gate_stats(w.gate)->bytes_out;
        run_for(10 * NS_PER_S);
        /* One datagram a round trip, and what it takes to talk about it. */
        assert_in_range(udp_gate_stats(w.gate)->bytes_out - bytes, 1,
                        (uint64_t)(10 * 1000 / *rtt_ms) * DGRAM_BYTES_MAX + 100000);
        run_for(20 * NS_PER_S);
        assert_int_equal(udp_gate_stats(w.gate)->slow_closed, 1);
        end();
}

/* Until the server has ended so many sessions for their paths; how long that took. */
static int64_t run_until_closed(uint64_t sessions)
{
        struct mono from = w.now;
        while (udp_gate_stats(w.gate)->slow_closed < sessions && mono_since(w.now, from) < 100 * NS_PER_S)
                run_for(10 * NS_PER_MS);
        assert_int_equal(udp_gate_stats(w.gate)->slow_closed, sessions);
        return mono_since(w.now, from);
}

static uint64_t bytes_in(int64_t span_ns)
{
        uint64_t before = udp_gate_stats(w.gate)->bytes_out;
        run_for(span_ns);
        return udp_gate_stats(w.gate)->bytes_out - before;
}

/* It is never at the head, and where a GAP of thousands is lost, what comes then is doubted: the server's answer to
 * the PING that follows has to settle that, or nothing is repaired, told or reported as lost any more. */
static void who_is_behind_is_not_left_in_doubt(void **state)
{
        const int64_t *rtt_ms = *state;
        struct story s = on_a_line(*rtt_ms, 1);
        begin(&s);
        w.loss = 0.5;
        offer(1);
        int64_t took_ns = run_until_closed(1);
        print_message("a path that loses half, always behind: over after %.1f s\n", (double)took_ns / NS_PER_S);
        w.loss = 0;
        offer(0.5);
        run_for(20 * NS_PER_S);
        assert_true(goodput(0, 10 * NS_PER_S) > 0.4);
        end();
}

/* A first window each time would be 12 kB in the first round trip, and what slow start makes of it. */
static void coming_back_is_no_way_around_it(void **state)
{
        const int64_t *rtt_ms = *state;
        struct story s = on_a_line(*rtt_ms, 1);
        struct listener *l = &w.listener[0];
        begin(&s);
        w.loss = 0.5;
        offer(0.1);
        run_until_closed(1);
        run_for(2 * *rtt_ms * NS_PER_MS); /* its CLOSE, or the RESET that tells of it, has arrived */
        for (int i = 0; l->client->state == UDP_UP && i < 1000; i++)
                run_for(10 * NS_PER_MS);
        l->client->reopen = w.now; /* one that does not wait */
        for (int i = 0; l->client->state != UDP_UP && i < 1000; i++)
                run_for(10 * NS_PER_MS);
        assert_int_equal(l->client->state, UDP_UP);
        uint64_t bytes = bytes_in(5 * NS_PER_S);
        print_message("%lu bytes in the first 5 s of the next session\n", (unsigned long)bytes);
        assert_in_range(bytes, 1, (uint64_t)(5 * 1000 / *rtt_ms) * (DGRAM_BYTES_MAX + 300));
        w.loss = 0;
        offer(0.9);
        run_for(20 * NS_PER_S);
        double got = goodput(0, 10 * NS_PER_S);
        print_message("%.3f of the line once nothing is lost any more\n", got);
        assert_true(got > 0.8);
        assert_int_equal(udp_gate_stats(w.gate)->slow_closed, 1);
        end();
}

int main(void)
{
        static int64_t near = 20, middle = 50, far = 100;
#define AT_EACH(test)                                                                                 \
        { #test ", 20 ms", test, NULL, NULL, &near }, { #test ", 50 ms", test, NULL, NULL, &middle }, \
        {                                                                                             \
#test ", 100 ms", test, NULL, NULL, &far                                              \
        }
        const struct CMUnitTest tests[] = {
                AT_EACH(goodput_never_falls),
                AT_EACH(four_share_alike),
                AT_EACH(four_share_large_events_alike),
                AT_EACH(a_tcp_gets_its_share),
                AT_EACH(losses_are_repaired),
                { "one_that_is_not_paced_fills_the_line, 50 ms", one_that_is_not_paced_fills_the_line, NULL, NULL,
                  &middle },
                { "a_path_that_loses_half_ends_the_session, 50 ms", a_path_that_loses_half_ends_the_session, NULL, NULL,
                  &middle },
                { "who_is_behind_is_not_left_in_doubt, 50 ms", who_is_behind_is_not_left_in_doubt, NULL, NULL,
                  &middle },
                { "coming_back_is_no_way_around_it, 50 ms", coming_back_is_no_way_around_it, NULL, NULL, &middle },
        };
        return cmocka_run_group_tests_name("rates in simulated time", tests, NULL, NULL);
}
