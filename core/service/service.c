#include "core/service/service.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/base/options.h"
#include "core/base/rng.h"
#include "core/chat/ask.h"
#include "core/chat/chat.h"
#include "core/chat/echo.h"

enum { TRANSPORTS_MAX = 4, LARGE_BLOCK = 512 << 10 };
#define FAREWELL_NS (100 * NS_PER_MS) /* between telling the clients and ending */

struct service {
        struct loop *loop;
        struct hub_budget budget; /* of all namespaces together */
        struct limits limits;     /* and of each client in all of them */
        struct hub *hub[SERVICE_NAMESPACES_MAX];
        struct app *app[SERVICE_NAMESPACES_MAX];
        struct app_handlers more[SERVICE_NAMESPACES_MAX]; /* the application's first, under other names */
        uint32_t namespaces;
        struct flush flush;
        struct alarm expiry, farewell;
        struct rng coin;
        struct service_transport transport[TRANSPORTS_MAX];
        uint32_t transports;
};

static struct mono deadline(const struct service *s)
{
        struct mono soonest = MONO_NEVER;
        for (uint32_t i = 0; i < s->namespaces; i++)
                soonest = mono_min(soonest, mono_min(hub_deadline(s->hub[i]), ask_deadline(s->app[i])));
        return soonest;
}

static void on_turn_end(void *ctx)
{
        struct service *s = ctx;
        struct mono now = loop_clock();
        for (uint32_t i = 0; i < s->namespaces; i++)
                hub_announce(s->hub[i]);
        uint32_t first = s->transports > 1 ? (uint32_t)rng_below(&s->coin, s->transports) : 0;
        for (uint32_t i = 0; i < s->transports; i++) {
                const struct service_transport *t = &s->transport[(first + i) % s->transports];
                t->flush(t->server, now);
        }
        alarm_set(&s->expiry, deadline(s));
}

static void on_expiry(void *ctx)
{
        struct service *s = ctx;
        struct mono now = loop_clock();
        for (uint32_t i = 0; i < s->namespaces; i++) {
                ask_expire(s->app[i], now);
                hub_expire(s->hub[i], now);
        }
        alarm_set(&s->expiry, deadline(s));
}

void service_wake(void *ctx)
{
        flush_want(&((struct service *)ctx)->flush);
}

static void on_farewell(void *ctx)
{
        loop_stop(((struct service *)ctx)->loop);
}

static void on_signal(void *ctx)
{
        struct service *s = ctx;
        struct mono now = loop_clock();
        for (uint32_t i = 0; i < s->transports; i++)
                s->transport[i].stop(s->transport[i].server, now);
        alarm_set(&s->farewell, mono_add(now, FAREWELL_NS));
}

/* A shell allows 1,024 descriptors as a rule; up to the hard limit more are to be had for the asking. */
static void raise_file_limit(void)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* What a long message took goes back to the system when it is freed. Left alone, malloc raises its threshold to
 * the largest block it ever freed, and keeps such blocks from then on. */
static void return_large_blocks(void)
{
        (void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
}

static int add_namespace(struct service *s, const struct service_config *config, const struct app_handlers *handlers)
{
        uint32_t i = s->namespaces;
        struct hub_config hub = config->hub;
        if (hub.stays_max == 0 && s->limits.rooms_max > limits_defaults().rooms_max)
                hub.stays_max = s->limits.rooms_max;
        if (i == SERVICE_NAMESPACES_MAX)
                return ERR_FULL;
        if (i > 0 && app_find(s->app[0], bytes_text(handlers->nsp)))
                return ERR_EXISTS;
        if (hub.epoch == 0)
                hub.epoch = (uint32_t)rng_os_u64() | 1;
        hub.budget = &s->budget;
        s->hub[i] = hub_create(&hub);
        s->app[i] = s->hub[i] ? app_create(s->hub[i], handlers) : NULL;
        if (!s->app[i]) {
                hub_destroy(s->hub[i]);
                return ERR_NO_MEMORY;
        }
        s->namespaces++;
        if (config->token)
                app_token_set(s->app[i], bytes_text(config->token));
        if (i > 0)
                app_chain(s->app[0], s->app[i]);
        hub_wake_set(s->hub[i], service_wake, s);
        app_limits_set(s->app[i], &s->limits);
        return 0;
}

int service_create(const struct service_config *config, struct service **out)
{
        struct service *s = calloc(1, sizeof *s);
        if (!s)
                return ERR_NO_MEMORY;
        raise_file_limit();
        return_large_blocks();
        s->budget.bytes_max = config->hub.bytes_total_max;
        s->limits = config->limits;
        if (config->event_rate > 0)
                s->limits.events = bucket_rule(config->event_rate, config->event_burst);
        s->coin = rng_seeded(config->seed, "flush order");
        s->loop = loop_create();
        int err = !s->loop || loop_on_signals(s->loop, on_signal, s) != 0 ? ERR_NO_MEMORY : 0;
        for (const struct app_handlers *h = config->handlers; !err && h; h = h->also)
                err = add_namespace(s, config, h);
        for (uint32_t i = 0; !err && i < config->more_n; i++) {
                s->more[i] = *config->handlers;
                s->more[i].nsp = config->more[i];
                err = add_namespace(s, config, &s->more[i]);
        }
        if (err) {
                service_destroy(s);
                return err;
        }
        flush_init(&s->flush, s->loop, on_turn_end, s);
        alarm_init(&s->expiry, s->loop, on_expiry, s);
        alarm_init(&s->farewell, s->loop, on_farewell, s);
        *out = s;
        return 0;
}

void service_destroy(struct service *s)
{
        if (!s)
                return;
        flush_end(&s->flush);
        alarm_end(&s->expiry);
        alarm_end(&s->farewell);
        for (uint32_t i = 0; i < s->namespaces; i++) {
                app_destroy(s->app[i]);
                hub_destroy(s->hub[i]);
        }
        loop_destroy(s->loop);
        free(s);
}

struct loop *service_loop(struct service *s)
{
        return s->loop;
}

struct app *service_app(struct service *s)
{
        return s->app[0];
}

int service_add(struct service *s, const struct service_transport *t)
{
        if (s->transports == TRANSPORTS_MAX)
                return ERR_FULL;
        s->transport[s->transports++] = *t;
        return 0;
}

void service_need(int err, const char *what, const char *where)
{
        if (err)
                options_machine("cannot %s %s: %s", what, where, err == ERR_SYSTEM ? strerror(errno) : err_text(err));
}

struct service *service_begin(const struct app_handlers *handlers)
{
        struct service *s;
        struct service_config config = { .handlers = handlers, .limits = limits_defaults() };
        service_need(service_create(&config, &s), "start", "the service");
        return s;
}

void service_need_congestion(const char *name)
{
        if (name && !sock_congestion_allowed(name))
                options_machine("--congestion %s: not allowed here, or not known to this kernel", name);
}

void service_need_address(const char *name, const char *text, struct sock_addr *address)
{
        if (sock_addr_parse(text, address) != 0)
                options_fail("--%s %s: not an address; write it as in 127.0.0.1:3000", name, text);
}

static void say_ready(const struct service_transport *t)
{
        char text[SOCK_ADDR_TEXT_MAX];
        printf("listening %s %s\n", t->kind, sock_addr_text(&t->at, text));
        fflush(stdout);
}

void service_run(struct service *s)
{
        for (uint32_t i = 0; i < s->transports; i++)
                say_ready(&s->transport[i]);
        loop_run(s->loop);
}

void service_tell(const struct service *s)
{
        for (int i = 0; i < LIMITS; i++)
                if (s->limits.met[i] > 0)
                        log_info("counted %" PRIu64 " %s", s->limits.met[i], limit_text((enum limit)i));
}
