#include "core/loop/loop.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "core/base/err.h"

_Static_assert(sizeof(struct event) <= sizeof(struct loop_event), "libevent's struct grew");
_Static_assert(offsetof(struct alarm, soon) == 0, "an alarm is found by its place in the heap");
_Static_assert((int)WATCH_READ == EV_READ && (int)WATCH_WRITE == EV_WRITE, "masks are passed through");

static struct event *inside(struct loop_event *e)
{
        return (struct event *)(void *)e->bytes;
}

struct loop {
        struct event_base *base;
        struct event timer;   /* rings the alarms: one stands for all */
        struct mono timed;    /* the instant it is set to; NEVER: off */
        struct soon *soonest; /* alarms that are on */
        uint32_t alarms;      /* how many */
        struct event *signals[2];
        void (*stop)(void *ctx);
        void *stop_ctx;
        bool stopping;
};

static struct event_base *base_create(enum loop_kind kind)
{
        struct event_config *config = event_config_new();
        if (!config)
                return NULL;
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        /* Else libevent reckons with the time at which the turn's callbacks began: an alarm set late in
         * a long turn could ring early by the turn's length, and all others ring late by it. */
        event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
        if (kind == LOOP_FILES)
                event_config_require_features(config, EV_FEATURE_FDS);
        struct event_base *base = event_base_new_with_config(config);
        event_config_free(config);
        return base;
}

static void on_time(evutil_socket_t fd, short what, void *ctx);

struct loop *loop_create(enum loop_kind kind)
{
        struct loop *l = calloc(1, sizeof *l);
        if (!l)
                return NULL;
        l->base = base_create(kind);
        if (!l->base) {
                free(l);
                return NULL;
        }
        l->timed = MONO_NEVER;
        evtimer_assign(&l->timer, l->base, on_time, l);
        signal(SIGPIPE, SIG_IGN);
        return l;
}

void loop_destroy(struct loop *l)
{
        if (!l)
                return;
        for (int i = 0; i < 2; i++)
                if (l->signals[i])
                        event_free(l->signals[i]);
        event_base_free(l->base);
        free(l);
}

void loop_run(struct loop *l)
{
        event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
        event_base_loopexit(l->base, NULL);
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
        struct loop *l = ctx;
        (void)number;
        (void)what;
        if (l->stopping)
                event_base_loopbreak(l->base);
        l->stopping = true;
        l->stop(l->stop_ctx);
}

int loop_on_signals(struct loop *l, void (*stop)(void *ctx), void *ctx)
{
        static const int numbers[] = { SIGINT, SIGTERM };
        l->stop = stop;
        l->stop_ctx = ctx;
        for (int i = 0; i < 2; i++) {
                l->signals[i] = evsignal_new(l->base, numbers[i], on_signal, l);
                if (!l->signals[i] || evsignal_add(l->signals[i], NULL) != 0)
                        return ERR_NO_MEMORY;
        }
        return 0;
}

struct mono loop_clock(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (struct mono){ t.tv_sec * NS_PER_S + t.tv_nsec };
}

int64_t loop_unix_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return t.tv_sec * (NS_PER_S / NS_PER_US) + t.tv_nsec / NS_PER_US;
}

int64_t loop_process_cpu_ns(pid_t pid)
{
        clockid_t clock;
        struct timespec t;
        if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
                return -1;
        return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
        struct watch *w = ctx;
        (void)fd;
        w->ready(w->ctx, (unsigned)what & (WATCH_READ | WATCH_WRITE));
}

void watch_init(struct watch *w, struct loop *l, int fd, void (*ready)(void *ctx, unsigned what), void *ctx)
{
        *w = (struct watch){ .loop = l, .ready = ready, .ctx = ctx, .fd = fd };
}

void watch_want(struct watch *w, unsigned what)
{
        if (what == w->wanted)
                return;
        if (w->wanted)
                event_del(inside(&w->event));
        w->wanted = what;
        if (!what)
                return;
        event_assign(inside(&w->event), w->loop->base, w->fd, (short)(what | EV_PERSIST), on_ready, w);
        event_add(inside(&w->event), NULL);
}

void watch_end(struct watch *w)
{
        if (w->loop)
                watch_want(w, 0);
}

/* libevent counts in whole microseconds: rounded up, so that an alarm is never early. */
static struct timeval span(int64_t ns)
{
        int64_t us = ns <= 0 ? 0 : (ns + NS_PER_US - 1) / NS_PER_US;
        return (struct timeval){ us / 1000000, us % 1000000 };
}

/* The timer is moved only to be sooner: set to an alarm that was put off, it rings nobody and is set anew. */
static void set_timer(struct loop *l)
{
        if (!l->soonest || !mono_before(l->soonest->at, l->timed))
                return;
        l->timed = l->soonest->at;
        struct timeval wait = span(mono_since(l->timed, loop_clock()));
        evtimer_add(&l->timer, &wait);
}

static void turn_off(struct alarm *a)
{
        soonest_take(&a->loop->soonest, &a->soon);
        a->loop->alarms--;
        a->soon.at = MONO_NEVER;
}

/* Rings those that are due. No more than there are alarms at first, so that one that is set again for an
 * instant that is past cannot hold up the turn. */
static void on_time(evutil_socket_t fd, short what, void *ctx)
{
        struct loop *l = ctx;
        struct mono now = loop_clock();
        (void)fd;
        (void)what;
        l->timed = (struct mono){ INT64_MIN }; /* no timer while they ring */
        for (uint32_t n = l->alarms; n > 0 && l->soonest && !mono_before(now, l->soonest->at); n--) {
                struct alarm *a = (struct alarm *)(void *)l->soonest;
                turn_off(a);
                a->ring(a->ctx);
        }
        l->timed = MONO_NEVER;
        set_timer(l);
}

void alarm_init(struct alarm *a, struct loop *l, void (*ring)(void *ctx), void *ctx)
{
        *a = (struct alarm){ .soon.at = MONO_NEVER, .loop = l, .ring = ring, .ctx = ctx };
}

void alarm_set(struct alarm *a, struct mono at)
{
        if (at.ns == a->soon.at.ns)
                return;
        if (!mono_is_never(a->soon.at))
                turn_off(a);
        if (mono_is_never(at))
                return;
        a->soon.at = at;
        soonest_put(&a->loop->soonest, &a->soon);
        a->loop->alarms++;
        set_timer(a->loop);
}

void alarm_end(struct alarm *a)
{
        if (a->loop)
                alarm_set(a, MONO_NEVER);
}

static void on_turn_end(evutil_socket_t fd, short what, void *ctx)
{
        struct flush *f = ctx;
        (void)fd;
        (void)what;
        f->wanted = false;
        f->turn_end(f->ctx);
}

void flush_init(struct flush *f, struct loop *l, void (*turn_end)(void *ctx), void *ctx)
{
        *f = (struct flush){ .loop = l, .turn_end = turn_end, .ctx = ctx };
        event_assign(inside(&f->event), l->base, -1, 0, on_turn_end, f);
}

void flush_want(struct flush *f)
{
        if (f->wanted)
                return;
        f->wanted = true;
        event_active(inside(&f->event), EV_TIMEOUT, 0);
}

void flush_end(struct flush *f)
{
        if (f->loop)
                event_del(inside(&f->event));
        f->wanted = false;
}
