#include "tests/unit/loop_world.h"

/* No test here fails because the machine is slow: alarms are checked for being early, never late. */

static void ring_and_stop(void *ctx)
{
        ring(ctx);
        stop(ctx);
}

static void an_alarm_is_never_early(void **state)
{
        static const int64_t spans_us[] = { -1000, 0, 1, 50, 500, 1001, 3000 };
        struct world *w = *state;
        for (size_t i = 0; i < sizeof spans_us / sizeof spans_us[0]; i++) {
                struct mono at = in_us(spans_us[i]);
                at.ns += 1; /* not a whole microsecond */
                alarm_set(&w->alarm, at);
                memset(w->notes, 0, sizeof w->notes);
                assert_string_equal(run_for(w, 4000), "a");
                assert_false(mono_before(w->rang, at));
                assert_true(mono_is_never(w->alarm.soon.at));
        }
}

static void spin(int64_t us)
{
        struct mono until = in_us(us);
        while (mono_before(loop_clock(), until))
                ;
}

static void set_after_a_long_turn(void *ctx)
{
        struct world *w = ctx;
        spin(3000);
        alarm_set(&w->alarm, in_us(1000));
}

static void nor_when_it_was_set_late_in_a_long_turn(void **state)
{
        struct world *w = *state;
        w->alarm.ring = ring_and_stop;
        w->other.ring = set_after_a_long_turn;
        watch_want(&w->watch[1], WATCH_WRITE); /* always ready: turn follows turn */
        struct mono earliest = in_us(4000);
        alarm_set(&w->other, in_us(0));
        loop_run(w->loop);
        assert_false(mono_before(w->rang, earliest));
}

static void a_long_turn(void *ctx)
{
        struct world *w = ctx;
        spin(10000);
        w->begun = loop_clock();
}

/* The best of some tries, since another process may take the processor in one of them. */
static void an_alarm_overdue_after_a_long_turn_rings_at_once(void **state)
{
        struct world *w = *state;
        int64_t late_ns = INT64_MAX;
        w->alarm.ring = ring_and_stop;
        w->other.ring = a_long_turn;
        for (int i = 0; i < 20 && late_ns > 2 * NS_PER_MS; i++) {
                struct mono now = loop_clock();
                alarm_set(&w->other, now);
                alarm_set(&w->alarm, mono_add(now, 8 * NS_PER_MS));
                loop_run(w->loop);
                late_ns = mono_since(w->rang, w->begun) < late_ns ? mono_since(w->rang, w->begun) : late_ns;
        }
        assert_true(late_ns < 2 * NS_PER_MS); /* libevent alone: 8 ms */
}

static void an_alarm_moves_both_ways_and_rings_once(void **state)
{
        struct world *w = *state;
        struct mono now = loop_clock();
        alarm_set(&w->alarm, mono_add(now, NS_PER_MS / 2));
        alarm_set(&w->alarm, mono_add(now, 3 * NS_PER_MS)); /* later */
        alarm_set(&w->other, mono_add(now, 60 * NS_PER_S));
        alarm_set(&w->other, mono_add(now, NS_PER_MS)); /* sooner */
        alarm_set(&w->other, w->other.soon.at);
        assert_string_equal(run_for(w, 4000), "oa");
}

static void never_turns_an_alarm_off(void **state)
{
        struct world *w = *state;
        alarm_set(&w->alarm, in_us(500));
        alarm_set(&w->alarm, MONO_NEVER);
        alarm_set(&w->other, (struct mono){ INT64_MAX - 1 }); /* as good as never */
        assert_string_equal(run_for(w, 1500), "");
}

static void ring_again(void *ctx)
{
        struct world *w = ctx;
        note(w, 'a');
        if (w->more-- > 0)
                alarm_set(&w->alarm, w->rang); /* the same past instant: due at once */
        else
                loop_stop(w->loop);
}

static void an_alarm_can_be_set_while_it_rings(void **state)
{
        struct world *w = *state;
        w->more = 3;
        w->rang = in_us(0);
        w->alarm.ring = ring_again;
        alarm_set(&w->alarm, w->rang);
        loop_run(w->loop);
        assert_string_equal(w->notes, "aaaa");
        assert_string_equal(run_for(w, 200), "aaaa");
}

static void ring_without_end(void *ctx)
{
        struct world *w = ctx;
        alarm_set(&w->alarm, w->begun);
}

static void stop_reading(void *ctx, unsigned what)
{
        ready(ctx, what);
        stop(ctx);
}

static void an_alarm_that_is_always_due_holds_nobody_up(void **state)
{
        struct world *w = *state;
        w->begun = in_us(0);
        w->alarm.ring = ring_without_end;
        w->watch[0].ready = stop_reading;
        watch_want(&w->watch[0], WATCH_WRITE);
        alarm_set(&w->alarm, w->begun);
        loop_run(w->loop);
        assert_string_equal(w->notes, "r");
}

static void ring_and_end_the_other(void *ctx)
{
        struct world *w = ctx;
        note(w, 'a');
        alarm_end(&w->other);
}

static void an_alarm_that_is_ended_while_another_rings_is_silent(void **state)
{
        struct world *w = *state;
        struct mono now = loop_clock();
        w->alarm.ring = ring_and_end_the_other;
        alarm_set(&w->alarm, now);
        alarm_set(&w->other, mono_add(now, 1)); /* both are due in one turn */
        assert_string_equal(run_for(w, 1000), "a");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                STORY(an_alarm_is_never_early),
                STORY(nor_when_it_was_set_late_in_a_long_turn),
                STORY(an_alarm_overdue_after_a_long_turn_rings_at_once),
                STORY(an_alarm_moves_both_ways_and_rings_once),
                STORY(never_turns_an_alarm_off),
                STORY(an_alarm_can_be_set_while_it_rings),
                STORY(an_alarm_that_is_always_due_holds_nobody_up),
                STORY(an_alarm_that_is_ended_while_another_rings_is_silent),
        };
        return cmocka_run_group_tests_name("alarm", tests, NULL, NULL);
}
