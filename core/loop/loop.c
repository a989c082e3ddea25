#include "core/loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "core/base/err.h"

_Static_assert(sizeof(struct event) <= sizeof(struct loop_event), "libevent's struct grew");
_Static_assert(offsetof(struct alarm, soon) == 0, "an alarm is found by its place in the heap");

static struct event *inside(struct loop_event *e)
{
        return (struct event *)(void *)e->bytes;
}

enum {
        READY_MAX = 1024, /* watches told in one turn */
        FILES_MAX = 4,    /* regular files that are watched: standard input, and little more */
};

struct loop {
        struct event_base *base;
        int watched; /* the epoll set of all watches, and libevent's event for it */
        struct event some_ready;
        struct epoll_event ready[READY_MAX]; /* this turn's; those before ready_at were told */
        int ready_at, ready_n;
        struct watch *file[FILES_MAX]; /* watches that epoll does not take */
        struct event file_turn;
        struct event timer;   /* rings the alarms: one stands for all */
        struct mono timed;    /* the instant it is set to; NEVER: off */
        struct soon *soonest; /* alarms that are on */
        uint32_t alarms;      /* how many */
        struct event *signals[2];
        void (*stop)(void *ctx);
        void *stop_ctx;
        bool stopping;
};

static struct event_base *base_create(void)
{
        struct event_config *config = event_config_new();
        if (!config)
                return NULL;
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        /* Else libevent reckons with the time at which the turn's callbacks began: an alarm set late in
         * a long turn could ring early by the turn's length, and all others ring late by it. */
        event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
        struct event_base *base = event_base_new_with_config(config);
        event_config_free(config);
        return base;
}

static void on_ready(evutil_socket_t fd, short what, void *ctx);
static void on_files(evutil_socket_t fd, short what, void *ctx);
static void on_time(evutil_socket_t fd, short what, void *ctx);

static int prepare(struct loop *l)
{
        l->timed = MONO_NEVER;
        l->base = base_create();
        l->watched = epoll_create1(EPOLL_CLOEXEC);
        if (!l->base || l->watched < 0)
                return ERR_NO_MEMORY;
        evtimer_assign(&l->timer, l->base, on_time, l);
        evtimer_assign(&l->file_turn, l->base, on_files, l);
        event_assign(&l->some_ready, l->base, l->watched, EV_READ | EV_PERSIST, on_ready, l);
        return event_add(&l->some_ready, NULL) == 0 ? 0 : ERR_NO_MEMORY;
}

struct loop *loop_create(void)
{
        struct loop *l = calloc(1, sizeof *l);
        if (!l)
                return NULL;
        if (prepare(l) != 0) {
                loop_destroy(l);
                return NULL;
        }
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
        if (l->base)
                event_base_free(l->base);
        if (l->watched >= 0)
                close(l->watched);
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

int64_t loop_process_cpu_ns(pid_t pid)
{
        clockid_t clock;
        struct timespec t;
        if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
                return -1;
        return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* ---- watches ------------------------------------------------------------------------------ */

static void tell(struct watch *w, unsigned what)
{
        if (what & w->wanted)
                w->ready(w->ctx, what & w->wanted);
}

/* What is wrong with a descriptor is found by reading it, or by writing if that is all it is watched for. */
static unsigned meaning(uint32_t events)
{
        unsigned what = events & (EPOLLERR | EPOLLHUP) ? WATCH_READ | WATCH_WRITE : 0;
        return what | (events & EPOLLIN ? WATCH_READ : 0) | (events & EPOLLOUT ? WATCH_WRITE : 0);
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
        struct loop *l = ctx;
        (void)what;
        l->ready_n = epoll_wait(fd, l->ready, READY_MAX, 0);
        for (l->ready_at = 0; l->ready_at < l->ready_n; l->ready_at++) {
                const struct epoll_event *e = &l->ready[l->ready_at];
                if (e->data.ptr)
                        tell(e->data.ptr, meaning(e->events));
        }
        l->ready_n = 0;
}

/* It ends in the turn in which it was found ready. */
static void forget_ready(struct loop *l, const struct watch *w)
{
        for (int i = l->ready_at; i < l->ready_n; i++)
                if (l->ready[i].data.ptr == w)
                        l->ready[i].data.ptr = NULL;
}

/* epoll takes no regular file, for one is always ready: so it is told in every turn. */
static void on_files(evutil_socket_t fd, short what, void *ctx)
{
        static const struct timeval at_once;
        struct loop *l = ctx;
        (void)fd;
        (void)what;
        for (int i = 0; i < FILES_MAX; i++)
                if (l->file[i])
                        tell(l->file[i], WATCH_READ | WATCH_WRITE);
        for (int i = 0; i < FILES_MAX; i++)
                if (l->file[i])
                        evtimer_add(&l->file_turn, &at_once);
}

static void watch_file(struct loop *l, struct watch *w)
{
        static const struct timeval at_once;
        int i = 0;
        while (i < FILES_MAX && l->file[i])
                i++;
        assert(i < FILES_MAX);
        l->file[i] = w;
        w->is_file = true;
        evtimer_add(&l->file_turn, &at_once);
}

static void unwatch_file(struct loop *l, struct watch *w)
{
        for (int i = 0; i < FILES_MAX; i++)
                if (l->file[i] == w)
                        l->file[i] = NULL;
        w->is_file = false;
}

void watch_init(struct watch *w, struct loop *l, int fd, void (*ready)(void *ctx, unsigned what), void *ctx)
{
        *w = (struct watch){ .loop = l, .ready = ready, .ctx = ctx, .fd = fd };
}

void watch_want(struct watch *w, unsigned what)
{
        struct loop *l = w->loop;
        if (what == w->wanted)
                return;
        struct epoll_event e = { .events = (what & WATCH_READ ? EPOLLIN : 0u) | (what & WATCH_WRITE ? EPOLLOUT : 0u),
                                 .data.ptr = w };
        int change = !w->wanted ? EPOLL_CTL_ADD : what ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
        w->wanted = (uint8_t)what;
        if (!what)
                forget_ready(l, w);
        if (w->is_file && !what)
                unwatch_file(l, w);
        else if (!w->is_file && epoll_ctl(l->watched, change, w->fd, &e) != 0 && errno == EPERM)
                watch_file(l, w);
}

void watch_end(struct watch *w)
{
        if (w->loop)
                watch_want(w, 0);
}

/* ---- alarms ------------------------------------------------------------------------------- */

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

/* ---- the end of a turn -------------------------------------------------------------------- */

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
