#include "tests/unit/harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loop/loop.h"

/* No test here fails because the machine is slow: alarms are checked for being early, never late. */

enum { PAIRS = 5, NOTES_MAX = 32 };

/* One test's world. Callbacks write a letter into `notes`; the test reads them as a story. */
struct world {
        struct loop *loop;
        struct alarm alarm, other, end;
        struct flush flush;
        struct watch watch[PAIRS];
        int near[PAIRS], far[PAIRS]; /* socket pairs; the near ends are watched */
        struct mono rang, begun;
        unsigned what; /* of the last watch that was ready */
        int more;
        char notes[NOTES_MAX];
};

static void note(struct world *w, char letter)
{
        size_t n = strlen(w->notes);
        if (n + 1 < NOTES_MAX)
                w->notes[n] = letter;
}

static void stop(void *ctx)
{
        struct world *w = ctx;
        loop_stop(w->loop);
}

static void ring(void *ctx)
{
        struct world *w = ctx;
        w->rang = loop_clock();
        note(w, 'a');
}

static void ring_and_stop(void *ctx)
{
        ring(ctx);
        stop(ctx);
}

static void ring_other(void *ctx)
{
        note(ctx, 'o');
}

static void turn_end(void *ctx)
{
        note(ctx, 'f');
}

static void ready(void *ctx, unsigned what)
{
        struct world *w = ctx;
        w->what = what;
        note(w, 'r');
        watch_want(&w->watch[0], 0);
}

static int set_up(void **state)
{
        struct world *w = calloc(1, sizeof *w);
        *state = w;
        w->loop = loop_create(LOOP_SOCKETS);
        if (!w->loop)
                return -1;
        alarm_init(&w->alarm, w->loop, ring, w);
        alarm_init(&w->other, w->loop, ring_other, w);
        alarm_init(&w->end, w->loop, stop, w);
        flush_init(&w->flush, w->loop, turn_end, w);
        for (int i = 0; i < PAIRS; i++) {
                int pair[2];
                if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
                        return -1;
                w->near[i] = pair[0];
                w->far[i] = pair[1];
                watch_init(&w->watch[i], w->loop, w->near[i], ready, w);
        }
        return 0;
}

static int tear_down(void **state)
{
        struct world *w = *state;
        alarm_end(&w->alarm);
        alarm_end(&w->other);
        alarm_end(&w->end);
        flush_end(&w->flush);
        for (int i = 0; i < PAIRS; i++) {
                watch_end(&w->watch[i]);
                close(w->near[i]);
                close(w->far[i]);
        }
        loop_destroy(w->loop);
        free(w);
        return 0;
}

static struct mono in_us(int64_t us)
{
        return mono_add(loop_clock(), us * NS_PER_US);
}

/* Runs until so far from now; what is due by then has been noted. */
static const char *run_for(struct world *w, int64_t us)
{
        alarm_set(&w->end, in_us(us));
        loop_run(w->loop);
        return w->notes;
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

static void a_watch_tells_what_it_was_asked(void **state)
{
        struct world *w = *state;
        watch_want(&w->watch[0], WATCH_READ);
        assert_string_equal(run_for(w, 200), ""); /* nothing to read yet */
        assert_int_equal(write(w->far[0], "x", 1), 1);
        assert_string_equal(run_for(w, 200), "r");
        assert_int_equal(w->what, WATCH_READ);
        watch_want(&w->watch[0], WATCH_WRITE);
        assert_string_equal(run_for(w, 200), "rr");
        assert_int_equal(w->what, WATCH_WRITE);
        watch_want(&w->watch[0], WATCH_READ | WATCH_WRITE);
        assert_string_equal(run_for(w, 200), "rrr");
        assert_int_equal(w->what, WATCH_READ | WATCH_WRITE);
        assert_string_equal(run_for(w, 200), "rrr"); /* `ready` narrowed it to nothing */
}

static void ready_thrice(void *ctx, unsigned what)
{
        struct world *w = ctx;
        (void)what;
        note(w, 'r');
        if (strlen(w->notes) == 3)
                loop_stop(w->loop);
}

static void a_watch_is_ready_until_it_is_read(void **state)
{
        struct world *w = *state;
        w->watch[0].ready = ready_thrice;
        watch_want(&w->watch[0], WATCH_READ);
        assert_int_equal(write(w->far[0], "x", 1), 1);
        loop_run(w->loop);
        assert_true(strlen(w->notes) >= 3);
}

static void the_end_of_the_other_side_is_read(void **state)
{
        struct world *w = *state;
        watch_want(&w->watch[0], WATCH_READ);
        assert_int_equal(shutdown(w->far[0], SHUT_WR), 0);
        assert_string_equal(run_for(w, 200), "r");
}

static void ready_ends_all(void *ctx, unsigned what)
{
        struct world *w = ctx;
        (void)what;
        note(w, 'r');
        for (int i = 0; i < PAIRS; i++)
                watch_end(&w->watch[i]);
}

/* All are ready in one turn; the first ends itself and the others, which must stay silent. */
static void an_ended_watch_is_silent_even_in_its_turn(void **state)
{
        struct world *w = *state;
        for (int i = 0; i < PAIRS; i++) {
                w->watch[i].ready = ready_ends_all;
                watch_want(&w->watch[i], WATCH_READ);
                assert_int_equal(write(w->far[i], "x", 1), 1);
        }
        assert_string_equal(run_for(w, 500), "r");
}

static void read_and_flush(void *ctx, unsigned what)
{
        struct world *w = ctx;
        char byte;
        (void)what;
        for (int i = 0; i < PAIRS; i++) { /* one read a call, as each watch would do */
                if (read(w->near[i], &byte, 1) == 1) {
                        note(w, 'r');
                        break;
                }
        }
        flush_want(&w->flush);
}

static void a_flush_comes_once_after_all_reads_of_the_turn(void **state)
{
        struct world *w = *state;
        for (int i = 0; i < PAIRS; i++) {
                w->watch[i].ready = read_and_flush;
                watch_want(&w->watch[i], WATCH_READ);
                assert_int_equal(write(w->far[i], "x", 1), 1);
        }
        alarm_set(&w->other, in_us(0)); /* due in the same turn: also before the flush */
        const char *notes = run_for(w, 1000);
        assert_int_equal(strlen(notes), PAIRS + 2);
        assert_int_equal(notes[PAIRS + 1], 'f');
        assert_true(strchr(notes, 'o') != NULL);
        flush_want(&w->flush);
        assert_int_equal(strlen(run_for(w, 500)), PAIRS + 3); /* and again when there is news */
}

static void flush_again(void *ctx)
{
        struct world *w = ctx;
        note(w, 'f');
        if (w->more-- > 0)
                flush_want(&w->flush);
}

static void news_during_a_flush_is_another_flush(void **state)
{
        struct world *w = *state;
        w->more = 2;
        w->flush.turn_end = flush_again;
        flush_want(&w->flush);
        flush_want(&w->flush);
        assert_string_equal(run_for(w, 500), "fff");
}

static void an_ended_flush_does_not_come(void **state)
{
        struct world *w = *state;
        flush_want(&w->flush);
        flush_end(&w->flush);
        assert_string_equal(run_for(w, 500), "");
}

static void stop_and_flush(void *ctx)
{
        struct world *w = ctx;
        note(w, 's');
        loop_stop(w->loop);
        flush_want(&w->flush);
}

/* What a server says when it stops is still sent. */
static void a_stopped_loop_ends_its_turn(void **state)
{
        struct world *w = *state;
        w->alarm.ring = stop_and_flush;
        alarm_set(&w->alarm, in_us(100));
        loop_run(w->loop);
        assert_string_equal(w->notes, "sf");
        loop_stop(w->loop); /* before it runs */
        loop_run(w->loop);
}

static void send_signal(void *ctx)
{
        (void)ctx;
        raise(SIGTERM);
}

static void on_stop(void *ctx)
{
        struct world *w = ctx;
        note(w, 's');
        raise(SIGINT); /* the impatient second one */
}

static void the_first_signal_asks_and_the_second_ends(void **state)
{
        struct world *w = *state;
        assert_int_equal(loop_on_signals(w->loop, on_stop, w), 0);
        w->alarm.ring = send_signal;
        alarm_set(&w->alarm, in_us(100));
        loop_run(w->loop);
        assert_string_equal(w->notes, "ss");
}

static void a_write_to_nobody_is_no_death(void **state)
{
        struct world *w = *state;
        assert_int_equal(shutdown(w->far[0], SHUT_RDWR), 0);
        assert_int_equal(write(w->near[0], "x", 1), -1); /* EPIPE; SIGPIPE is ignored */
}

static void stop_when_ready(void *ctx, unsigned what)
{
        struct world *w = ctx;
        w->what = what;
        loop_stop(w->loop);
}

/* `client < file`: epoll would refuse the descriptor. */
static void a_files_loop_watches_regular_files(void **state)
{
        struct world *w = *state;
        struct loop *sockets = w->loop, *files = loop_create(LOOP_FILES);
        FILE *f = tmpfile();
        assert_true(files && f);
        struct watch watch;
        watch_init(&watch, files, fileno(f), stop_when_ready, w);
        w->loop = files;
        watch_want(&watch, WATCH_READ);
        loop_run(files);
        assert_int_equal(w->what, WATCH_READ);
        watch_end(&watch);
        w->loop = sockets;
        loop_destroy(files);
        fclose(f);
}

static void clocks(void **state)
{
        (void)state;
        struct mono a = loop_clock(), b = loop_clock();
        assert_false(mono_before(b, a));
        assert_true(loop_unix_us() > INT64_C(1600000000) * 1000000); /* after 2020 */
}

/* Processor time passes with work, never faster than the clock, and belongs to a process. */
static void a_process_has_used_what_it_used(void **state)
{
        (void)state;
        struct mono start = loop_clock();
        int64_t before = loop_process_cpu_ns(0), after = before;
        while (after == before)
                after = loop_process_cpu_ns(getpid());
        assert_true(before >= 0 && after > before);
        assert_true(after - before <= mono_since(loop_clock(), start) + NS_PER_MS);
        assert_true(loop_process_cpu_ns(1 << 22) < 0); /* above every pid that Linux gives */
}

static void destroy_accepts_nothing(void **state)
{
        (void)state;
        struct watch zeroed = { 0 };
        struct alarm no_alarm = { 0 };
        struct flush no_flush = { 0 };
        watch_end(&zeroed);
        alarm_end(&no_alarm);
        flush_end(&no_flush);
        loop_destroy(NULL);
}

#define STORY(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

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
                STORY(a_watch_tells_what_it_was_asked),
                STORY(a_watch_is_ready_until_it_is_read),
                STORY(the_end_of_the_other_side_is_read),
                STORY(an_ended_watch_is_silent_even_in_its_turn),
                STORY(a_flush_comes_once_after_all_reads_of_the_turn),
                STORY(news_during_a_flush_is_another_flush),
                STORY(an_ended_flush_does_not_come),
                STORY(a_stopped_loop_ends_its_turn),
                STORY(the_first_signal_asks_and_the_second_ends),
                STORY(a_write_to_nobody_is_no_death),
                STORY(a_files_loop_watches_regular_files),
                cmocka_unit_test(clocks),
                cmocka_unit_test(a_process_has_used_what_it_used),
                cmocka_unit_test(destroy_accepts_nothing),
        };
        return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
