/* loop: the libevent loop as Twincast uses it, and the one place that reads the clock. EDGE.
 *
 * One loop a process. Everything here runs in the loop's thread. The small structs live inside
 * their owners (no heap); they are zeroed or _init'ed once, and _end'ed before their memory goes.
 *
 *   loop    event_base with precise timers (without the flag libevent's are 2 ms late)
 *   watch   one descriptor: call me when it can be read, or written
 *   alarm   one instant: call me then
 *   flush   call me once at the end of this turn, after all reads
 */
#ifndef CORE_LOOP_LOOP_H
#define CORE_LOOP_LOOP_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/mono.h"
#include "core/loop/soonest.h"

struct loop;

/* Place for libevent's own `struct event`, whose name is ours for something else: libevent's
 * headers are included in loop.c alone. */
struct loop_event {
        _Alignas(16) unsigned char bytes[128];
};

/* NULL when memory or descriptors are out. */
struct loop *loop_create(void);
void loop_destroy(struct loop *l); /* accepts NULL; every watch, alarm and flush has ended */

/* Runs until loop_stop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* after the present turn */

/* On SIGINT and SIGTERM `stop` is called instead of the process being ended; a second signal
 * ends the loop at once. SIGPIPE is ignored. Returns 0 or ERR_NO_MEMORY. */
int loop_on_signals(struct loop *l, void (*stop)(void *ctx), void *ctx);

/* CLOCK_MONOTONIC now: the same for all processes of a machine. */
struct mono loop_clock(void);

/* Processor time that all threads of a process have used, what runs now included; pid 0 is
 * our own. Negative: there is no such process. */
int64_t loop_process_cpu_ns(pid_t pid);

enum { WATCH_READ = 2, WATCH_WRITE = 4 };

/* All watches of a loop are one epoll set, which libevent watches as one descriptor: its own events
 * are 128 bytes for each, and 48 more in its tables. */
struct watch {
        struct loop *loop;
        void (*ready)(void *ctx, unsigned what); /* WATCH_READ | WATCH_WRITE */
        void *ctx;
        int fd;
        uint8_t wanted;
        bool is_file; /* a regular one: always ready */
};

/* The fd stays the caller's; of regular files there may be four. Nothing is wanted yet. */
void watch_init(struct watch *w, struct loop *l, int fd, void (*ready)(void *ctx, unsigned what), void *ctx);
/* Widens or narrows the one event's mask; setting the same again costs nothing. */
void watch_want(struct watch *w, unsigned what);
void watch_end(struct watch *w); /* before the fd is closed; a zeroed watch is fine */

/* All alarms of a loop share one timer: an alarm is 56 bytes, and setting it cannot fail. */
struct alarm {
        struct soon soon; /* soon.at: MONO_NEVER while it is off */
        struct loop *loop;
        void (*ring)(void *ctx);
        void *ctx;
};

void alarm_init(struct alarm *a, struct loop *l, void (*ring)(void *ctx), void *ctx);
/* Rings once, at that instant or as soon as it is past; MONO_NEVER turns it off. Setting the same
 * instant again costs nothing. It is off when it rings. */
void alarm_set(struct alarm *a, struct mono at);
void alarm_end(struct alarm *a);

/* End of turn: one event without a descriptor, made active by the first news. libevent runs it
 * after all the reads that this turn found (same priority: a lower one would starve under load, a
 * zero timer would wait for the next turn). Wanted again inside turn_end, it runs again before
 * anything is read: let news from outside want it, not what a flush could not finish. */
struct flush {
        struct loop_event event;
        struct loop *loop;
        void (*turn_end)(void *ctx);
        void *ctx;
        bool wanted;
};

void flush_init(struct flush *f, struct loop *l, void (*turn_end)(void *ctx), void *ctx);
void flush_want(struct flush *f);
void flush_end(struct flush *f);

#endif
