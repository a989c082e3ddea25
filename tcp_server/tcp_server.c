#include "tcp_server/tcp_server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/base/options.h"
#include "tcp_server/tcp_server_inside.h"

enum {
        ACCEPTS_MAX = 64,       /* in one turn */
        PER_ADDRESS_MAX = 1024, /* many clients may stand behind one address */
        OTHER_DESCRIPTORS = 32, /* that the process has besides its connections */
};
#define SCARCE_NS (100 * NS_PER_MS) /* between two tries to accept while descriptors are out */

struct tcp_server_config tcp_server_defaults(void)
{
        return (struct tcp_server_config){ .session = tcp_config_defaults(),
                                           .path = "/socket.io/",
                                           .head_timeout_ns = 10 * NS_PER_S,
                                           .body_timeout_ns = 60 * NS_PER_S,
                                           .nodelay = true,
                                           .per_address_max = PER_ADDRESS_MAX };
}

/* ---- accepting ---------------------------------------------------------------------------- */

/* Who is refused costs no more than being told. What it has said by now is read: the kernel answers bytes
 * that nobody read with a reset, which may overtake our words. */
static void turn_away(struct tcp_server *s, int fd, enum http_refusal refusal)
{
        struct http *http = http_create(&s->http);
        if (http) {
                http_refuse(http, refusal);
                struct bytes answer = http_answer(http);
                (void)send(fd, answer.at, answer.n, MSG_NOSIGNAL);
                http_destroy(http);
        }
        s->stats.refused[refusal]++;
        shutdown(fd, SHUT_WR);
        (void)recv(fd, s->in, sizeof s->in, 0);
        close(fd);
}

static void welcome(struct tcp_server *s, int fd, const struct sock_addr *from)
{
        struct admission_source *source;
        uint8_t ip[16];
        sock_addr_ip(from, ip);
        switch (admission_ask(s->admission, ip, false, &source)) {
        case ADMISSION_GRANTED:
                if (conn_create(s, fd, source))
                        return;
                admission_end(s->admission, source);
                close(fd);
                return;
        case ADMISSION_FULL:
                turn_away(s, fd, HTTP_CONNECTIONS);
                return;
        case ADMISSION_ADDRESS:
                turn_away(s, fd, HTTP_ADDRESS);
                return;
        }
}

static void on_accept(void *ctx, unsigned what)
{
        struct tcp_server *s = ctx;
        (void)what;
        for (int i = 0; i < ACCEPTS_MAX; i++) {
                struct sock_addr from = { .n = sizeof from.at };
                int fd = accept4(s->fd, (struct sockaddr *)&from.at, &from.n, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
                        if (!s->scarce_said)
                                log_warn("cannot accept more connections for now; raise the limit of open files");
                        s->scarce_said = true;
                        watch_want(&s->watch, 0);
                        alarm_set(&s->scarce, mono_add(loop_clock(), SCARCE_NS));
                        return;
                }
                if (fd < 0 && errno == EAGAIN) {
                        s->scarce_said = false;
                        return;
                }
                if (fd >= 0)
                        welcome(s, fd, &from);
        }
}

static void on_scarce(void *ctx)
{
        watch_want(&((struct tcp_server *)ctx)->watch, WATCH_READ);
}

/* ---- the server itself -------------------------------------------------------------------- */

static void on_expiry(void *ctx)
{
        struct tcp_server *s = ctx;
        tcp_service_expire(s->service, loop_clock());
        alarm_set(&s->alarm, tcp_service_deadline(s->service));
}

/* What is marked from here on is the next turn's. Sessions first: their answers leave in this turn. */
void tcp_server_flush(struct tcp_server *s, struct mono now)
{
        turn_end(s);
        struct polled_dirty polled = TAILQ_HEAD_INITIALIZER(polled);
        TAILQ_CONCAT(&polled, &s->dirty_polled, dirty_link);
        struct polled *p;
        while ((p = TAILQ_FIRST(&polled))) {
                TAILQ_REMOVE(&polled, p, dirty_link);
                p->dirty = false;
                polled_flush(p, now);
        }
        struct conn_dirty turn = TAILQ_HEAD_INITIALIZER(turn);
        TAILQ_CONCAT(&turn, &s->dirty, dirty_link);
        struct conn *c;
        while ((c = TAILQ_FIRST(&turn))) {
                TAILQ_REMOVE(&turn, c, dirty_link);
                c->dirty = false;
                conn_flush(c, now);
        }
        alarm_set(&s->alarm, tcp_service_deadline(s->service));
}

/* Without a number the descriptors are the bound: better to be told than to wait for one. */
static uint32_t connections_max(const struct tcp_server_config *config)
{
        struct rlimit files;
        if (config->connections_max)
                return config->connections_max;
        if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > INT32_MAX)
                return INT32_MAX;
        return files.rlim_cur > 2 * OTHER_DESCRIPTORS ? (uint32_t)files.rlim_cur - OTHER_DESCRIPTORS
                                                      : (uint32_t)files.rlim_cur / 2;
}

static int open_admission(struct tcp_server *s)
{
        struct admission_config config = { .all_max = connections_max(&s->config),
                                           .per_address_max = s->config.per_address_max,
                                           .loopback = s->config.per_address_loopback };
        s->admission = admission_create(&config);
        return s->admission ? 0 : ERR_NO_MEMORY;
}

/* What every accepted connection inherits. */
static int prepare_listener(const struct tcp_server *s)
{
        const char *congestion = s->config.congestion;
        int err = sock_nodelay_set(s->fd, s->config.nodelay);
        return !err && congestion ? sock_congestion_set(s->fd, congestion) : err;
}

int tcp_server_create(const struct tcp_server_config *config, struct tcp_server **out)
{
        struct tcp_server *s = calloc(1, sizeof *s);
        if (!s)
                return ERR_NO_MEMORY;
        s->config = *config;
        LIST_INIT(&s->conns);
        TAILQ_INIT(&s->dirty);
        TAILQ_INIT(&s->dirty_polled);
        turn_init(s);
        s->http = (struct http_config){ .path = config->path,
                                        .bare_path = app_handlers(config->app)->exact ? "/engine.io/" : NULL,
                                        .cors_origin = config->cors_origin,
                                        .origins = config->origins,
                                        .web = config->web,
                                        .gzip = gzip_create(GZIP_QUICK), /* without memory: they go as they are */
                                        .body_bytes_max = config->session.payload_bytes_max,
                                        .look_up = polled_look_up,
                                        .ctx = s };
        s->fd = sock_tcp_listen(&config->listen);
        int err = s->fd < 0 ? s->fd : prepare_listener(s);
        err = err ? err : open_admission(s);
        if (!err)
                err = tcp_service_create(config->app, &config->session, &s->service);
        if (!err)
                s->http.deflate = s->service->deflate;
        if (err) {
                int kept = errno;
                if (s->fd >= 0)
                        close(s->fd);
                gzip_destroy(s->http.gzip);
                admission_destroy(s->admission);
                free(s);
                errno = kept;
                return err;
        }
        watch_init(&s->watch, config->loop, s->fd, on_accept, s);
        watch_want(&s->watch, WATCH_READ);
        alarm_init(&s->alarm, config->loop, on_expiry, s);
        alarm_init(&s->scarce, config->loop, on_scarce, s);
        *out = s;
        return 0;
}

struct sock_addr tcp_server_address(const struct tcp_server *s)
{
        struct sock_addr a = s->config.listen;
        (void)sock_local(s->fd, &a);
        return a;
}

void tcp_server_stop(struct tcp_server *s, struct mono now)
{
        struct conn *c;
        watch_end(&s->watch);
        alarm_end(&s->scarce);
        polled_close_all(s, now);
        LIST_FOREACH(c, &s->conns, link)
        {
                conn_close(c, now);
        }
        tcp_server_flush(s, now);
}

static void flush(void *server, struct mono now)
{
        tcp_server_flush(server, now);
}

static void stop(void *server, struct mono now)
{
        tcp_server_stop(server, now);
}

struct tcp_server *tcp_server_serve(struct service *service, const char *address,
                                    const struct tcp_server_config *config)
{
        struct tcp_server_config c = config ? *config : tcp_server_defaults();
        struct tcp_server *s;
        if (sock_addr_parse(address, &c.listen) != 0)
                options_fail("%s: not an address; write it as in 127.0.0.1:3000", address);
        c.loop = service_loop(service);
        c.app = service_app(service);
        c.wake = service_wake;
        c.wake_ctx = service;
        service_need(tcp_server_create(&c, &s), "listen on tcp", address);
        struct service_transport transport = { s, "tcp", tcp_server_address(s), flush, stop };
        service_need(service_add(service, &transport), "add tcp at", address);
        return s;
}

void tcp_server_destroy(struct tcp_server *s)
{
        if (!s)
                return;
        watch_end(&s->watch);
        alarm_end(&s->alarm);
        alarm_end(&s->scarce);
        alarm_end(&s->again);
        while (!LIST_EMPTY(&s->conns))
                conn_destroy(LIST_FIRST(&s->conns));
        while (s->kept_n > 0)
                desk_free(s->kept[--s->kept_n]);
        polled_destroy_all(s, loop_clock());
        tcp_service_destroy(s->service);
        admission_destroy(s->admission);
        close(s->fd);
        gzip_destroy(s->http.gzip);
        free(s);
}

static void tell(uint64_t n, const char *what, const char *words)
{
        if (n > 0)
                log_info("counted %" PRIu64 " %s%.*s", n, what, (int)strcspn(words, "\n"), words);
}

void tcp_server_tell(const struct tcp_server *s)
{
        const struct tcp_counts *c = &s->service->counts;
        tell(s->stats.accepted, "connections", "");
        tell(s->stats.sends, "sends", "");
        tell(s->stats.bytes_in, "bytes received", "");
        tell(s->stats.bytes_out, "bytes sent", "");
        for (int i = HTTP_NOT_REFUSED + 1; i < HTTP_REFUSALS; i++)
                tell(s->stats.refused[i], "refused: ", http_refusal_text((enum http_refusal)i));
        for (int i = TCP_END_NONE + 1; i < TCP_ENDS; i++)
                tell(c->ends[i], "sessions ended: ", tcp_end_text((enum tcp_end)i));
        for (int i = WS_FAULT_NONE + 1; i < WS_FAULTS; i++)
                tell(c->faults[i], "bad frames: ", ws_fault_text((enum ws_fault)i));
        struct ws_deflate_stats d = { 0 };
        if (s->service->deflate)
                d = ws_deflate_stats(s->service->deflate);
        tell(d.in_packed, "compressed bytes received", "");
        tell(d.in_plain, "bytes that they were", "");
        tell(d.out_plain, "bytes of events compressed", "");
        tell(d.out_packed, "bytes that they became, each sent to many", "");
        tell(c->connects, "sockets connected", "");
        tell(c->refused, "sockets refused", "");
        tell(c->recovered, "sockets recovered", "");
        tell(c->partly_recovered, "sockets recovered in part", "");
        tell(c->taken_over, "sockets taken over", "");
        tell(c->gaps, "gaps told", "");
        tell(c->events_in, "events received", "");
}
