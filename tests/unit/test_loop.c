#include "tests/unit/loop_world.h"

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

static void ready_end_the_fourth(void *ctx, unsigned what)
{
        struct world *w = ctx;
        (void)what;
        note(w, 'x');
        watch_end(&w->watch[3]);
        if (++w->more == 5)
                loop_stop(w->loop);
}

/* `client < file`: epoll refuses the descriptor. A file is ready in every turn, its neighbours too. */
static void regular_files_are_watched(void **state)
{
        struct world *w = *state;
        FILE *f = tmpfile();
        assert_non_null(f);
        struct watch file;
        watch_init(&file, w->loop, fileno(f), ready_end_the_fourth, w);
        watch_want(&file, WATCH_READ);
        watch_want(&w->watch[3], WATCH_READ);
        watch_want(&w->watch[0], WATCH_READ);
        assert_int_equal(write(w->far[0], "x", 1), 1);
        loop_run(w->loop);
        assert_int_equal(strlen(w->notes), 6); /* the file five times, the socket once */
        assert_non_null(strchr(w->notes, 'r'));
        watch_want(&file, 0);
        assert_string_equal(run_for(w, 200), w->notes);
        assert_int_equal(strlen(w->notes), 6);
        watch_end(&file);
        fclose(f);
}

static void turn_all_to_writing(void *ctx, unsigned what)
{
        struct world *w = ctx;
        assert_int_equal(what, w->more++ == 0 ? WATCH_READ : WATCH_WRITE);
        for (int i = 0; i < PAIRS; i++)
                watch_want(&w->watch[i], w->more == 1 ? WATCH_WRITE : 0);
}

/* All can be read in one turn; whichever comes first turns all to writing. */
static void a_watch_is_told_only_what_is_still_wanted(void **state)
{
        struct world *w = *state;
        for (int i = 0; i < PAIRS; i++) {
                w->watch[i].ready = turn_all_to_writing;
                watch_want(&w->watch[i], WATCH_READ);
                assert_int_equal(write(w->far[i], "x", 1), 1);
        }
        run_for(w, 500);
        assert_int_equal(w->more, 2);
}

static void a_broken_connection_is_told_to_who_writes(void **state)
{
        struct world *w = *state;
        watch_want(&w->watch[0], WATCH_WRITE);
        assert_int_equal(shutdown(w->far[0], SHUT_RDWR), 0);
        assert_string_equal(run_for(w, 200), "r");
        assert_int_equal(w->what, WATCH_WRITE);
}

static void clocks(void **state)
{
        (void)state;
        struct mono a = loop_clock(), b = loop_clock();
        assert_false(mono_before(b, a));
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

int main(void)
{
        const struct CMUnitTest tests[] = {
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
                STORY(regular_files_are_watched),
                STORY(a_watch_is_told_only_what_is_still_wanted),
                STORY(a_broken_connection_is_told_to_who_writes),
                cmocka_unit_test(clocks),
                cmocka_unit_test(a_process_has_used_what_it_used),
                cmocka_unit_test(destroy_accepts_nothing),
        };
        return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
