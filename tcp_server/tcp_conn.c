/* tcp_conn: one connection: its bytes in and out, whoever they are for. What its requests ask is in
 * tcp_request.c. EDGE.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp_server/tcp_server_inside.h"

enum {
        HELD_MAX = 16 << 10,  /* bytes behind a request that waits; we read on to see the peer leave */
        FIRST_MAX = 64 << 10, /* bytes of answers that wait to leave, before more requests are read */
        FIRST_KEPT = 1 << 10, /* room for an answer that a desk keeps for its next connection */
};
#define LINGER_NS (2 * NS_PER_S) /* for the peer to close after us */

/* ---- life --------------------------------------------------------------------------------- */

void conn_mark(struct conn *c)
{
        if (c->dirty)
                return;
        c->dirty = true;
        TAILQ_INSERT_TAIL(&c->server->dirty, c, dirty_link);
        c->server->config.wake(c->server->config.wake_ctx);
}

void conn_drop_http(struct conn *c)
{
        if (c->http)
                (void)http_next(c->http); /* as new, and the desk's */
        c->http = NULL;
        c->waiting = false;
}

void conn_drop_probe(struct conn *c)
{
        if (c->probe)
                probe_free(c->probe);
        free(c->probe);
        c->probe = NULL;
}

bool conn_take_desk(struct conn *c)
{
        struct tcp_server *s = c->server;
        if (!c->desk)
                c->desk = s->kept_n > 0 ? s->kept[--s->kept_n] : calloc(1, sizeof *c->desk);
        if (c->desk)
                c->desk->conn = c;
        return c->desk != NULL;
}

void desk_free(struct desk *d)
{
        http_destroy(d->http);
        buf_free(&d->first);
        buf_free(&d->held);
        free(d);
}

static void drop_desk(struct conn *c)
{
        struct tcp_server *s = c->server;
        struct desk *d = c->desk;
        turn_want_no_more(c);
        c->desk = NULL;
        if (!d)
                return;
        buf_free(&d->held);
        if (s->kept_n == DESKS_KEPT || d->first.cap > FIRST_KEPT) {
                desk_free(d);
                return;
        }
        d->first.n = 0;
        d->lent = bytes_of(NULL, 0);
        s->kept[s->kept_n++] = d;
}

/* Parts from the polled session whose request or probe this is: it will not be answered here any more. */
static void part(struct conn *c, struct mono now)
{
        struct polled *p = c->polled;
        c->polled = NULL;
        if (!p)
                return;
        polling_gone(&p->polling, now, c);
        polled_mark(p);
}

/* Parts from all that this connection served; an upgraded session ends with it. */
static void let_go(struct conn *c, struct mono now)
{
        if (c->polled && c->session) {
                polled_destroy(c->polled, now);
                c->polled = NULL;
        } else {
                part(c, now);
                tcp_session_destroy(c->session, now);
        }
        c->session = NULL;
        conn_drop_probe(c);
        conn_drop_http(c);
}

void conn_destroy(struct conn *c)
{
        struct tcp_server *s = c->server;
        let_go(c, loop_clock());
        if (c->dirty)
                TAILQ_REMOVE(&s->dirty, c, dirty_link);
        LIST_REMOVE(c, link);
        watch_end(&c->watch);
        alarm_end(&c->alarm);
        close(c->fd);
        drop_desk(c);
        admission_end(s->admission, c->source);
        free(c);
}

/* We have said all: no more writing, and reading only to throw away. */
static void linger(struct conn *c, struct mono now)
{
        let_go(c, now);
        drop_desk(c);
        shutdown(c->fd, SHUT_WR);
        watch_want(&c->watch, WATCH_READ);
        alarm_set(&c->alarm, mono_add(now, LINGER_NS));
}

/* Answers are on their way out. */
static bool unsaid(const struct conn *c)
{
        return c->desk && (c->desk->first.n > 0 || c->desk->lent.n > 0);
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
        struct desk *d = c->desk;
        struct iovec v[] = { { d->first.at, d->first.n }, { (void *)(uintptr_t)d->lent.at, d->lent.n } };
        ssize_t sent = give(c, v, d->lent.n > 0 ? 2 : 1);
        if (sent < 0)
                return false;
        size_t first = (size_t)sent < d->first.n ? (size_t)sent : d->first.n, rest = (size_t)sent - first;
        buf_drop(&d->first, first);
        if (rest > 0)
                d->lent = bytes_of(d->lent.at + rest, d->lent.n - rest);
        c->blocked = unsaid(c);
        if (!c->blocked && !c->session)
                buf_free(&d->first); /* a session's goes with its desk */
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

static size_t held(const struct conn *c)
{
        return c->desk ? c->desk->held.n : 0;
}

/* Something more to read would have a place. */
static bool reads(const struct conn *c)
{
        return held(c) < (c->waiting ? HELD_MAX : 1);
}

/* What was held may be taken now: all answers have left, and the client is within its rate. */
static bool takes_held(const struct conn *c)
{
        return held(c) > 0 && !unsaid(c) && !c->blocked && !c->waiting &&
               !(c->session && tcp_session_held_back(c->session));
}

/* All that this connection has to send, and what follows from having sent it. */
void conn_flush(struct conn *c, struct mono now)
{
        bool alive = !unsaid(c) || c->blocked || send_first(c);
        if (alive && c->session && !unsaid(c))
                alive = send_session(c, now);
        if (alive && takes_held(c))
                turn_want(c);
        if (!alive) {
                if (c->session)
                        tcp_session_lost(c->session, now, TCP_END_LOST);
                conn_destroy(c);
                return;
        }
        bool said = !c->blocked && !unsaid(c);
        if ((c->session && tcp_session_done(c->session)) || (!c->session && c->closing && said)) {
                linger(c, now);
                return;
        }
        watch_want(&c->watch, (reads(c) ? WATCH_READ : 0u) | (c->blocked ? WATCH_WRITE : 0u));
        if (!c->session)
                return;
        alarm_set(&c->alarm, tcp_session_deadline(c->session));
        if (held(c) == 0 && !unsaid(c) && !c->hungry)
                drop_desk(c);
}

/* ---- receiving ---------------------------------------------------------------------------- */

/* The rest waits until there is room for it. */
static void hold(struct conn *c, struct mono now, const uint8_t *in, size_t n)
{
        if (n == 0)
                return;
        if (conn_take_desk(c) && buf_put(&c->desk->held, in, n) == 0)
                return;
        if (c->session)
                tcp_session_close(c->session, now, TCP_END_MEMORY);
        c->closing = true;
}

static void feed_session(struct conn *c, struct mono now, uint8_t *in, size_t n)
{
        size_t taken = tcp_session_recv(c->session, now, in, n);
        conn_mark(c);
        if (!tcp_session_done(c->session))
                hold(c, now, in + taken, n - taken);
}

static void feed_probe(struct conn *c, struct mono now, uint8_t *in, size_t n)
{
        struct polled *p = c->polled;
        size_t taken;
        bool before = c->probe->answered;
        enum probe_verdict verdict = probe_recv(c->probe, in, n, &taken, &c->desk->first);
        if (c->probe->answered && !before)
                polling_probed(&p->polling, now);
        polled_mark(p);
        conn_mark(c);
        if (verdict == PROBE_MORE)
                return;
        if (verdict == PROBE_BAD) {
                conn_drop_probe(c);
                part(c, now);
                conn_close_after(c);
                return;
        }
        polled_upgrade(p, c);
        conn_drop_probe(c);
        c->session = p->polling.session;
        if (taken < n)
                feed_session(c, now, in + taken, n - taken);
}

static void feed(struct conn *c, struct mono now, uint8_t *in, size_t n);

/* Requests as they come, until one has to wait. */
static void feed_http(struct conn *c, struct mono now, uint8_t *in, size_t n)
{
        size_t taken = 0;
        if (c->served && !http_begun(c->http))
                alarm_set(&c->alarm, mono_add(now, c->server->config.head_timeout_ns));
        conn_asked(c, now, http_recv(c->http, in, n, &taken));
        if (taken < n)
                feed(c, now, in + taken, n - taken);
}

static void feed(struct conn *c, struct mono now, uint8_t *in, size_t n)
{
        if (c->session)
                feed_session(c, now, in, n);
        else if (c->probe)
                feed_probe(c, now, in, n);
        else if (c->http && (c->waiting || c->desk->lent.n > 0 || c->desk->first.n > FIRST_MAX))
                hold(c, now, in, n);
        else if (c->http)
                feed_http(c, now, in, n);
}

static void feed_held(struct conn *c, struct mono now)
{
        struct buf in = c->desk->held;
        c->desk->held = (struct buf){ 0 };
        feed(c, now, in.at, in.n);
        buf_free(&in);
}

/* False: the peer has closed, or the connection broke. */
static bool conn_read(struct conn *c, size_t bytes_max)
{
        struct tcp_server *s = c->server;
        ssize_t n = recv(c->fd, s->in, bytes_max, 0);
        if (n < 0 && errno == EAGAIN)
                return true;
        struct mono now = loop_clock();
        if (n <= 0) {
                if (c->session)
                        tcp_session_lost(c->session, now, n == 0 ? TCP_END_PEER : TCP_END_LOST);
                return false;
        }
        s->stats.bytes_in += (uint64_t)n;
        feed(c, now, s->in, (size_t)n);
        if (!reads(c))
                conn_mark(c); /* it stops reading */
        else if ((size_t)n == bytes_max)
                turn_want(c); /* there is more */
        return true;
}

bool conn_serve(struct conn *c, size_t bytes_max)
{
        if (takes_held(c)) {
                feed_held(c, loop_clock());
        } else if (reads(c) && !conn_read(c, bytes_max)) {
                conn_destroy(c);
                return false;
        }
        return true;
}

static void on_ready(void *ctx, unsigned what)
{
        struct conn *c = ctx;
        if ((what & WATCH_READ) && !turn_read(c))
                return;
        if (what & WATCH_WRITE) {
                c->blocked = false;
                conn_mark(c);
        }
}

static void on_alarm(void *ctx)
{
        struct conn *c = ctx;
        if (c->session) {
                tcp_session_expire(c->session, loop_clock());
                conn_mark(c);
        } else if (c->http && c->served && !http_begun(c->http) && !unsaid(c)) {
                conn_close_after(c); /* no other request came */
        } else if (c->http && !unsaid(c)) {
                part(c, loop_clock());
                conn_refuse(c, HTTP_TOO_SLOW);
        } else {
                conn_destroy(c);
        }
}

/* ---- accepting ---------------------------------------------------------------------------- */

static bool take_http(struct conn *c)
{
        if (!conn_take_desk(c))
                return false;
        if (!c->desk->http)
                c->desk->http = http_create(&c->server->http);
        c->http = c->desk->http;
        return c->http != NULL;
}

struct conn *conn_create(struct tcp_server *s, int fd, struct admission_source *source)
{
        struct conn *c = calloc(1, sizeof *c);
        if (!c)
                return NULL;
        c->server = s;
        c->fd = fd;
        c->source = source;
        if (!take_http(c)) {
                drop_desk(c);
                free(c);
                return NULL;
        }
        LIST_INSERT_HEAD(&s->conns, c, link);
        watch_init(&c->watch, s->config.loop, fd, on_ready, c);
        watch_want(&c->watch, WATCH_READ);
        alarm_init(&c->alarm, s->config.loop, on_alarm, c);
        alarm_set(&c->alarm, mono_add(loop_clock(), s->config.head_timeout_ns));
        s->stats.accepted++;
        return c;
}
