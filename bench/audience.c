#include "bench/audience.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench/audience_inside.h"
#include "core/base/err.h"
#include "core/loop/loop.h"

#define NAP_NS (50 * NS_PER_US)

int audience_fail(struct audience *c, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vsnprintf(c->why, sizeof c->why, format, args);
        va_end(args);
        return ERR_SYSTEM;
}

bool audience_wait(int fd, short events, int ms)
{
        struct pollfd p = { .fd = fd, .events = events };
        int n;
        do
                n = poll(&p, 1, ms);
        while (n < 0 && errno == EINTR);
        return n > 0;
}

struct audience *audience_create(const struct audience_config *config)
{
        struct audience *c = calloc(1, sizeof *c);
        if (!c)
                return NULL;
        c->config = *config;
        c->way = config->datagrams ? &audience_udp : &audience_tcp;
        c->sub = calloc(config->subscribers, sizeof *c->sub);
        if (!c->sub || c->way->compose(c) != 0) {
                audience_destroy(c);
                return NULL;
        }
        return c;
}

void audience_destroy(struct audience *c)
{
        if (!c)
                return;
        for (uint32_t i = 0; i < c->connected; i++) {
                close(c->sub[i].fd);
                if (c->sub[i].hears != c->sub[i].fd)
                        close(c->sub[i].hears);
                ws_free(&c->sub[i].ws);
        }
        buf_free(&c->burst);
        free(c->sub);
        free(c);
}

const char *audience_why(const struct audience *c)
{
        return c->why;
}

size_t audience_burst_bytes(const struct audience *c)
{
        return c->burst.n;
}

int audience_connect(struct audience *c)
{
        for (uint32_t i = 0; i < c->config.subscribers; i++) {
                struct subscriber *s = &c->sub[i];
                ws_init(&s->ws, WS_CLIENT, AUDIENCE_READ_BYTES);
                int err = c->way->open(c, s);
                if (err)
                        return err;
                if (s->hears == 0)
                        s->hears = s->fd;
                c->connected++;
        }
        return 0;
}

int audience_got(struct audience *c, struct subscriber *s, struct bytes entry)
{
        if (s->due == 0)
                return audience_fail(c, "subscriber %td got an event twice", s - c->sub);
        s->due--;
        c->events++;
        return c->record && s == &c->sub[1] ? batch_add(c->record, entry) : 0;
}

static int late(struct audience *c, const struct subscriber *s)
{
        uint64_t drops = c->config.datagrams ? sock_drops(s->hears) : 0;
        if (drops > 0)
                return audience_fail(c, "subscriber %td: its receive buffer had no place for %llu datagrams",
                                     s - c->sub, (unsigned long long)drops);
        return audience_fail(c, "subscriber %td of %u: %u of %u events did not come within %d s", s - c->sub,
                             c->config.subscribers, s->due, c->config.burst_events, AUDIENCE_WAIT_MS / 1000);
}

/* Sleeps until subscriber i has something to read. Whoever slept on its socket would be woken at the server's expense,
 * so it looks from time to time. */
static int sleep_on(struct audience *c, uint32_t i)
{
        struct mono until = mono_add(loop_clock(), AUDIENCE_WAIT_MS * NS_PER_MS);
        while (!audience_wait(c->sub[i].hears, POLLIN, 0)) {
                if (!mono_before(loop_clock(), until))
                        return late(c, &c->sub[i]);
                nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
        }
        return 0;
}

/* Reads until subscriber i has all of this burst. */
static int drain(struct audience *c, uint32_t i)
{
        struct subscriber *s = &c->sub[i];
        int err = 0;
        while (!err && s->due > 0) {
                ptrdiff_t n = c->way->take(c, s);
                if (n < 0)
                        return (int)n;
                if (n == 0)
                        err = sleep_on(c, i);
        }
        return err;
}

int audience_burst(struct audience *c)
{
        int err = c->way->compose(c);
        for (uint32_t i = 0; i < c->config.subscribers; i++)
                c->sub[i].due = c->config.burst_events;
        struct mono start = loop_clock();
        cores_enter(&c->config.cores, c->config.cores.server);
        err = err ? err : c->way->publish(c);
        cores_enter(&c->config.cores, c->config.cores.clients);
        err = err ? err : sleep_on(c, c->config.subscribers / 2);
        for (uint32_t i = 0; !err && i < c->config.subscribers; i++)
                err = drain(c, i);
        c->flow_ns += mono_since(loop_clock(), start);
        if (!err)
                c->way->flows(c);
        return err;
}

int audience_record(struct audience *c, struct batch *batch)
{
        c->record = batch;
        int err = audience_burst(c);
        c->record = NULL;
        return err;
}

int audience_rest(struct audience *c)
{
        return c->way->rest(c);
}

int audience_settle(struct audience *c)
{
        int err = audience_rest(c);
        c->settled = true;
        return err;
}

struct audience_figures audience_figures(const struct audience *c)
{
        struct audience_figures f = { .events = c->events };
        for (uint32_t i = 0; i < c->connected; i++)
                f.packets += c->way->packets(&c->sub[i]);
        return f;
}
