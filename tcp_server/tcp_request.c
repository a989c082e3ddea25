/* tcp_request: what a connection's requests ask, one after the other, and how they are answered. EDGE.
 */
#include <stdlib.h>

#include "tcp_server/tcp_server_inside.h"

#define IDLE_NS (75 * NS_PER_S) /* between two requests; longer than two heartbeats usually are apart */
#define LAST_NS (10 * NS_PER_S) /* for our last words to leave */

/* ---- answering ---------------------------------------------------------------------------- */

void conn_close_after(struct conn *c)
{
        conn_drop_http(c);
        c->closing = true;
        alarm_set(&c->alarm, mono_add(loop_clock(), LAST_NS));
        conn_mark(c);
}

void conn_refuse(struct conn *c, enum http_refusal refusal)
{
        if (refusal)
                http_refuse(c->http, refusal);
        struct bytes answer = http_answer(c->http);
        (void)buf_put(&c->desk->first, answer.at, answer.n);
        c->server->stats.refused[http_refusal(c->http)]++;
        conn_close_after(c);
}

/* The answer is written: the next request may come, unless the client wants no other. */
static void answered(struct conn *c, struct mono now, int err)
{
        c->waiting = false;
        c->served = true;
        if (err || !http_next(c->http))
                conn_close_after(c);
        alarm_set(&c->alarm, mono_add(now, IDLE_NS));
        conn_mark(c);
}

void conn_answer(struct conn *c, struct mono now, enum polling_answer_kind kind, struct bytes packets)
{
        c->polled = NULL;
        switch (kind) {
        case POLLING_PACKETS:
                answered(c, now, http_put_packets(c->http, packets, &c->desk->first));
                return;
        case POLLING_OK:
                answered(c, now, http_put_ok(c->http, &c->desk->first));
                return;
        case POLLING_REFUSED:
                conn_refuse(c, HTTP_BAD_REQUEST);
                return;
        case POLLING_DROP:
                (void)ws_put_close(&c->desk->first, WS_NO_CODE, "", NULL); /* without it it is dropped all the same */
                conn_drop_probe(c);
                conn_close_after(c);
                return;
        }
}

void conn_close(struct conn *c, struct mono now)
{
        if (c->session)
                tcp_session_close(c->session, now, TCP_END_SHUTDOWN);
        else if (!c->waiting)
                c->closing = true;
        conn_mark(c);
}

static void on_news(void *owner)
{
        conn_mark(owner);
}

/* ---- requests ----------------------------------------------------------------------------- */

/* The request waits for its session's answer. */
static void wait_for(struct conn *c, struct polled *p)
{
        c->polled = p;
        c->waiting = true;
        alarm_set(&c->alarm, MONO_NEVER);
        polled_mark(p);
}

static struct app_visitor visitor_of(const struct conn *c)
{
        struct app_visitor v = { .origin = http_origin(c->http), .path = http_url(c->http) };
        const uint8_t *mark = v.path.n > 0 ? memchr(v.path.at, '?', v.path.n) : NULL;
        struct sock_addr from;
        if (mark) {
                v.query = bytes_of(mark + 1, (size_t)(v.path.at + v.path.n - mark) - 1);
                v.path.n = (size_t)(mark - v.path.at);
        }
        if (sock_remote(c->fd, &from) == 0)
                sock_addr_ip(&from, v.ip);
        return v;
}

/* A handshake: may it begin a session? Who may not is told why. */
static bool allowed(struct conn *c, struct mono now)
{
        struct app *app = c->server->config.app;
        struct app_refusal refusal = { 0 };
        struct app_visitor visitor;
        if (!app_handlers(app)->allow)
                return true;
        visitor = visitor_of(c);
        bool may = app_allow(app, now, &visitor, &refusal);
        if (!may) {
                http_forbid(c->http, refusal.message);
                conn_refuse(c, HTTP_NOT_REFUSED);
        }
        buf_free(&refusal.data);
        return may;
}

static void on_poll(struct conn *c, struct mono now)
{
        struct bytes sid = http_sid(c->http);
        if (sid.n == 0 && !allowed(c, now))
                return;
        struct polled *p = sid.n > 0 ? polled_find(c->server, sid) : polled_create(c->server, now, http_bare(c->http));
        if (!p) {
                conn_refuse(c, HTTP_FULL); /* an id that is unknown was refused before */
        } else if (polling_get(&p->polling, now, c)) {
                wait_for(c, p);
        } else {
                polled_mark(p);
                conn_refuse(c, HTTP_BAD_REQUEST);
        }
}

/* A POST's head is there: its session must know, should the rest never come. */
static void on_post(struct conn *c, struct mono now)
{
        struct polled *p = polled_find(c->server, http_sid(c->http));
        if (p && polling_post(&p->polling, now, c)) {
                c->polled = p;
                alarm_set(&c->alarm, mono_add(now, c->server->config.body_timeout_ns));
                return;
        }
        if (p)
                polled_mark(p);
        conn_refuse(c, p ? HTTP_BAD_REQUEST : HTTP_SID);
}

static void on_packets(struct conn *c, struct mono now)
{
        if (!c->polled)
                on_post(c, now);
        if (!c->polled)
                return;
        polling_packets(&c->polled->polling, now, http_body(c->http));
        wait_for(c, c->polled);
}

static void on_binary(struct conn *c, struct mono now)
{
        struct polled *p = polled_find(c->server, http_sid(c->http));
        if (!p)
                return;
        tcp_session_lost(p->polling.session, now, TCP_END_LOST);
        polled_mark(p);
}

/* A WebSocket that may not take over is closed behind its 101, as the reference does: many clients tell
 * their user of a close, but break on a refusal. */
static void on_probe(struct conn *c, struct mono now, struct polled *p)
{
        c->probe = calloc(1, sizeof *c->probe);
        if (!c->probe || !polling_probe(&p->polling, now, c)) {
                conn_drop_probe(c);
                (void)ws_put_close(&c->desk->first, WS_NO_CODE, "",
                                   NULL); /* without a frame it is closed all the same */
                return;
        }
        probe_init(c->probe);
        c->polled = p;
        polled_mark(p);
        alarm_set(&c->alarm, MONO_NEVER);
}

/* What was agreed on is the session's, or the probe's until it has said `5`. */
static void give_inflate(struct conn *c, struct ws_inflate *inflate)
{
        if (c->session)
                tcp_session_deflate(c->session, inflate);
        else if (c->probe)
                c->probe->ws.inflate = inflate;
        else
                ws_inflate_destroy(inflate);
}

static void on_upgrade(struct conn *c, struct mono now)
{
        struct bytes sid = http_sid(c->http), answer = http_answer(c->http);
        if (sid.n == 0 && !allowed(c, now))
                return;
        struct polled *p = sid.n > 0 ? polled_find(c->server, sid) : NULL;
        bool bare = http_bare(c->http);
        const struct ws_terms *terms = http_terms(c->http);
        struct ws_inflate *inflate = terms ? ws_inflate_create(c->server->service->deflate, terms) : NULL;
        c->closing = buf_put(&c->desk->first, answer.at, answer.n) != 0 || (terms && !inflate);
        conn_drop_http(c);
        if (p)
                on_probe(c, now, p);
        else if (!c->closing)
                c->session = tcp_session_create(c->server->service, now, &(struct hub_sink){ on_news, c });
        if (c->session && bare)
                tcp_session_bare(c->session);
        give_inflate(c, inflate);
        c->closing = c->closing || !(c->session || c->probe);
        conn_mark(c);
}

void conn_asked(struct conn *c, struct mono now, enum http_verdict verdict)
{
        struct bytes answer;
        switch (verdict) {
        case HTTP_MORE:
                if (http_posting(c->http) && !c->polled)
                        on_post(c, now);
                return;
        case HTTP_POLL:
                on_poll(c, now);
                return;
        case HTTP_PACKETS:
                on_packets(c, now);
                return;
        case HTTP_ANSWERED:
                answer = http_answer(c->http);
                c->desk->lent = http_rest(c->http);
                answered(c, now, buf_put(&c->desk->first, answer.at, answer.n));
                return;
        case HTTP_UPGRADE:
                on_upgrade(c, now);
                return;
        case HTTP_REFUSED:
                if (http_refusal(c->http) == HTTP_BINARY)
                        on_binary(c, now);
                if (c->polled)
                        polling_post_refused(&c->polled->polling);
                c->polled = NULL;
                conn_refuse(c, HTTP_NOT_REFUSED);
                return;
        }
}
