#include "tcp_server/tcp_server.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "tcp_server/http.h"
#include "tcp_server/tcp_session.h"

enum {
        READ_BYTES = 64 << 10,
        READ_CALLS_MAX = 4, /* in one turn: 256 KiB, then the others' turn */
        ACCEPTS_MAX = 64,   /* in one turn */
};
#define HEAD_NS   (10 * NS_PER_S)   /* for a whole request head */
#define LINGER_NS (2 * NS_PER_S)    /* for the peer to close after us */
#define SCARCE_NS (100 * NS_PER_MS) /* between two tries to accept while descriptors are out */

/* A connection is in one of three states, told by what it has: an http (its request is being
 * read), a session, or neither (we have said all; the peer is given a moment to read it, since
 * closing with its bytes unread would send RST and could destroy our last words). */
struct conn {
        LIST_ENTRY(conn) link;
        TAILQ_ENTRY(conn) dirty_link;
        struct tcp_server *server;
        int fd;
        struct watch watch;
        struct alarm alarm;
        struct http *http;
        struct tcp_session *session;
        struct buf first; /* an HTTP answer on its way out */
        struct buf held;  /* bytes that the session could not take yet */
        bool dirty, blocked, closing;
};

struct tcp_server {
        struct tcp_server_config config;
        struct tcp_service *service;
        int fd;
        struct watch watch;
        struct alarm alarm, scarce;
        bool scarce_said; /* once for each want */
        LIST_HEAD(, conn) conns;
        TAILQ_HEAD(dirty_list, conn) dirty;
        struct {
                uint64_t accepted, open, sends, bytes_in, bytes_out;
                uint64_t refused[HTTP_REFUSALS]; /* before the upgrade */
        } stats;
        uint8_t in[READ_BYTES];
};

struct tcp_server_config tcp_server_defaults(void)
{
        return (struct tcp_server_config){ .session = tcp_config_defaults(), .path = "/socket.io/", .nodelay = true };
}

/* ---- one connection ----------------------------------------------------------------------- */

static void mark(struct conn *c)
{
        if (c->dirty)
                return;
        c->dirty = true;
        TAILQ_INSERT_TAIL(&c->server->dirty, c, dirty_link);
        c->server->config.wake(c->server->config.wake_ctx);
}

static void on_news(void *owner)
{
        mark(owner);
}

static void conn_destroy(struct conn *c)
{
        struct tcp_server *s = c->server;
        tcp_session_destroy(c->session, loop_clock());
        http_destroy(c->http);
        if (c->dirty)
                TAILQ_REMOVE(&s->dirty, c, dirty_link);
        LIST_REMOVE(c, link);
        watch_end(&c->watch);
        alarm_end(&c->alarm);
        close(c->fd);
        buf_free(&c->first);
        buf_free(&c->held);
        free(c);
        s->stats.open--;
}

/* We have said all: no more writing, and reading only to throw away. */
static void conn_linger(struct conn *c, struct mono now)
{
        tcp_session_destroy(c->session, now);
        http_destroy(c->http);
        c->session = NULL;
        c->http = NULL;
        c->held.n = 0;
        shutdown(c->fd, SHUT_WR);
        watch_want(&c->watch, WATCH_READ);
        alarm_set(&c->alarm, mono_add(now, LINGER_NS));
}

/* ---- sending ------------------------------------------------------------------------------ */

/* Hands iovecs to the kernel. Returns how many bytes it took; -1: the connection is broken. */
static ssize_t give(struct conn *c, struct iovec *v, int v_n)
{
        struct msghdr msg = { .msg_iov = v, .msg_iovlen = (size_t)v_n };
        ssize_t sent =
                v_n == 1 ? send(c->fd, v->iov_base, v->iov_len, MSG_NOSIGNAL) : sendmsg(c->fd, &msg, MSG_NOSIGNAL);
        c->server->stats.sends++;
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
                return 0;
        if (sent > 0)
                c->server->stats.bytes_out += (uint64_t)sent;
        return sent;
}

static bool send_first(struct conn *c)
{
        struct iovec v = { c->first.at, c->first.n };
        ssize_t sent = give(c, &v, 1);
        if (sent < 0)
                return false;
        buf_drop(&c->first, (size_t)sent);
        c->blocked = c->first.n > 0;
        if (!c->blocked)
                buf_free(&c->first);
        return true;
}

static bool send_session(struct conn *c, struct mono now)
{
        struct iovec v[TCP_SLICES_MAX];
        int n;
        while (!c->blocked && (n = tcp_session_slices(c->session, now, v, TCP_SLICES_MAX)) > 0) {
                size_t bytes = 0;
                for (int i = 0; i < n; i++)
                        bytes += v[i].iov_len;
                ssize_t sent = give(c, v, n);
                tcp_session_sent(c->session, sent > 0 ? (size_t)sent : 0);
                c->blocked = sent < (ssize_t)bytes;
                if (sent < 0)
                        return false;
        }
        return true;
}

static void feed_held(struct conn *c, struct mono now);

/* All that this connection has to send, and what follows from having sent it. */
static void conn_flush(struct conn *c, struct mono now)
{
        bool alive = c->first.n == 0 || c->blocked || send_first(c);
        if (alive && c->session && c->first.n == 0) {
                alive = send_session(c, now);
                if (alive && c->held.n > 0 && !c->blocked)
                        feed_held(c, now);
        }
        if (!alive) {
                if (c->session)
                        tcp_session_lost(c->session, now, TCP_END_LOST);
                conn_destroy(c);
                return;
        }
        bool said = !c->blocked && c->first.n == 0;
        if ((c->session && tcp_session_done(c->session)) || (!c->session && c->closing && said)) {
                conn_linger(c, now);
                return;
        }
        watch_want(&c->watch, (c->held.n > 0 ? 0u : WATCH_READ) | (c->blocked ? WATCH_WRITE : 0u));
        if (c->session)
                alarm_set(&c->alarm, tcp_session_deadline(c->session));
}

/* ---- receiving ---------------------------------------------------------------------------- */

static void feed_session(struct conn *c, struct mono now, uint8_t *in, size_t n)
{
        size_t taken = tcp_session_recv(c->session, now, in, n);
        mark(c);
        /* Its answers pile up: the rest waits until some are sent, and nothing more is read. */
        if (taken < n && !tcp_session_done(c->session) && buf_put(&c->held, in + taken, n - taken) != 0)
                tcp_session_close(c->session, now, TCP_END_MEMORY);
}

static void feed_held(struct conn *c, struct mono now)
{
        struct buf held = c->held;
        c->held = (struct buf){ 0 };
        feed_session(c, now, held.at, held.n);
        buf_free(&held);
}

static void feed_http(struct conn *c, struct mono now, uint8_t *in, size_t n)
{
        size_t taken;
        enum http_verdict verdict = http_recv(c->http, in, n, &taken);
        if (verdict == HTTP_MORE)
                return;
        struct bytes answer = http_answer(c->http);
        bool kept = buf_put(&c->first, answer.at, answer.n) == 0;
        c->server->stats.refused[http_refusal(c->http)] += verdict == HTTP_REFUSED;
        http_destroy(c->http);
        c->http = NULL;
        if (verdict == HTTP_UPGRADE && kept)
                c->session = tcp_session_create(c->server->service, now, &(struct hub_sink){ on_news, c });
        c->closing = !c->session;
        mark(c);
        if (c->session && taken < n)
                feed_session(c, now, in + taken, n - taken);
}

/* False: the peer has closed, or the connection broke. */
static bool conn_read(struct conn *c)
{
        struct tcp_server *s = c->server;
        for (int calls = 0; calls < READ_CALLS_MAX && c->held.n == 0; calls++) {
                ssize_t n = recv(c->fd, s->in, sizeof s->in, 0);
                if (n < 0 && errno == EAGAIN)
                        return true;
                struct mono now = loop_clock();
                if (n <= 0) {
                        if (c->session)
                                tcp_session_lost(c->session, now, n == 0 ? TCP_END_PEER : TCP_END_LOST);
                        return false;
                }
                s->stats.bytes_in += (uint64_t)n;
                if (c->http)
                        feed_http(c, now, s->in, (size_t)n);
                else if (c->session)
                        feed_session(c, now, s->in, (size_t)n);
                if ((size_t)n < sizeof s->in)
                        return true;
        }
        return true;
}

static void on_ready(void *ctx, unsigned what)
{
        struct conn *c = ctx;
        if ((what & WATCH_READ) && !conn_read(c)) {
                conn_destroy(c);
                return;
        }
        if (what & WATCH_WRITE) {
                c->blocked = false;
                mark(c);
        }
}

static void on_alarm(void *ctx)
{
        struct conn *c = ctx;
        if (c->session) {
                tcp_session_expire(c->session, loop_clock());
                mark(c);
        } else if (c->http) {
                http_refuse(c->http, HTTP_TOO_SLOW);
                struct bytes answer = http_answer(c->http);
                (void)buf_put(&c->first, answer.at, answer.n);
                http_destroy(c->http);
                c->http = NULL;
                c->closing = true;
                c->server->stats.refused[HTTP_TOO_SLOW]++;
                mark(c);
        } else {
                conn_destroy(c);
        }
}

/* ---- accepting ---------------------------------------------------------------------------- */

static struct conn *conn_create(struct tcp_server *s, int fd)
{
        struct conn *c = calloc(1, sizeof *c);
        struct http *http = http_create(s->config.path, s->config.cors_origin);
        if (!c || !http) {
                http_destroy(http);
                free(c);
                return NULL;
        }
        c->server = s;
        c->fd = fd;
        c->http = http;
        LIST_INSERT_HEAD(&s->conns, c, link);
        watch_init(&c->watch, s->config.loop, fd, on_ready, c);
        watch_want(&c->watch, WATCH_READ);
        alarm_init(&c->alarm, s->config.loop, on_alarm, c);
        alarm_set(&c->alarm, mono_add(loop_clock(), HEAD_NS));
        s->stats.accepted++;
        s->stats.open++;
        return c;
}

static void on_accept(void *ctx, unsigned what)
{
        struct tcp_server *s = ctx;
        (void)what;
        for (int i = 0; i < ACCEPTS_MAX; i++) {
                int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
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
                if (fd >= 0 && !conn_create(s, fd))
                        close(fd);
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

void tcp_server_flush(struct tcp_server *s, struct mono now)
{
        struct dirty_list turn = TAILQ_HEAD_INITIALIZER(turn);
        TAILQ_CONCAT(&turn, &s->dirty, dirty_link); /* what is marked from here on is the next turn's */
        struct conn *c;
        while ((c = TAILQ_FIRST(&turn))) {
                TAILQ_REMOVE(&turn, c, dirty_link);
                c->dirty = false;
                conn_flush(c, now);
        }
        alarm_set(&s->alarm, tcp_service_deadline(s->service));
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
        s->fd = sock_tcp_listen(&config->listen);
        int err = s->fd < 0 ? s->fd : prepare_listener(s);
        if (!err)
                err = tcp_service_create(config->app, &config->session, &s->service);
        if (err) {
                int kept = errno;
                if (s->fd >= 0)
                        close(s->fd);
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
        LIST_FOREACH(c, &s->conns, link)
        {
                if (c->session)
                        tcp_session_close(c->session, now, TCP_END_SHUTDOWN);
                mark(c);
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

struct service_transport tcp_server_transport(struct tcp_server *s)
{
        return (struct service_transport){ s, flush, stop };
}

void tcp_server_destroy(struct tcp_server *s)
{
        if (!s)
                return;
        watch_end(&s->watch);
        alarm_end(&s->alarm);
        alarm_end(&s->scarce);
        while (!LIST_EMPTY(&s->conns))
                conn_destroy(LIST_FIRST(&s->conns));
        tcp_service_destroy(s->service);
        close(s->fd);
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
        tell(c->connects, "sockets connected", "");
        tell(c->recovered, "sockets recovered", "");
        tell(c->partly_recovered, "sockets recovered in part", "");
        tell(c->taken_over, "sockets taken over", "");
        tell(c->gaps, "gaps told", "");
        tell(c->events_in, "events received", "");
}
