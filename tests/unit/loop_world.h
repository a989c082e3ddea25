/* loop_world: one test's loop with alarms, a flush and socket pairs, for the tests of core/loop. */
#ifndef TESTS_UNIT_LOOP_WORLD_H
#define TESTS_UNIT_LOOP_WORLD_H
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loop/loop.h"
#include "tests/unit/harness.h"

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
        w->loop = loop_create();
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

#define STORY(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
