/* tcp_world: the TCP twin's two ends over a byte pipe that cuts anywhere, in simulated time.
 *
 * Server and client are the real engines; between them are bytes that each end has written and the other
 * has not read. The pipe carries them in pieces of any size, drawn from a seed, and breaks where the rules
 * say; the client comes back by itself. What the client is told is written down, and judged by sim_tcp.c.
 */
#ifndef TESTS_SIM_TCP_WORLD_H
#define TESTS_SIM_TCP_WORLD_H
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/tcp_client.h"
#include "core/base/rng.h"
#include "core/chat/chat.h"
#include "core/event/pack.h"
#include "tcp_server/http.h"
#include "tcp_server/tcp_session.h"

enum { EVENTS = 20, TICK_MS = 10, SLOW_MS = 15, LINKS_MAX = 64 };

struct rules {
        const char *name;
        uint64_t log_events; /* of each room; 0: enough */
        bool half_open;      /* the server is not told of the break */
        bool every_link;     /* each connection breaks after so many bytes, not only the first */
        uint32_t restart_at; /* the server is replaced by a new one at this event; 0: never */
        bool client_says;    /* the events are the client's own calls */
        bool forgotten;      /* the server keeps nobody, and what the client says comes late */
};

/* One connection: what each end has written and the other has not read. */
struct link {
        bool open, client_knows, server_gone;
        struct http *http;
        struct tcp_session *session;
        struct buf to_server, to_client;
        size_t held; /* of to_server: still on its slow way */
        uint64_t carried;
        bool news;
};

struct heard {
        uint64_t number, eid;
};

struct world {
        const struct rules *rules;
        struct mono now, ripe_at; /* when what is held arrives */
        struct rng rng;
        struct hub *hub;
        struct app *app;
        struct tcp_service *service;
        struct client *client;
        struct link link[LINKS_MAX];
        uint32_t links;
        uint64_t script_bytes; /* that the first connection carried */
        uint64_t cut_at;       /* bytes of a connection, both ways; 0: never */
        bool armed;
        uint32_t published, epoch;
        struct heard heard[4 * EVENTS];
        uint32_t heard_n;
        uint64_t eid[EVENTS]; /* as published */
        uint32_t gap_covers[EVENTS], answered[EVENTS + 2], ups, downs, recovered;
        bool joined, failed;
};

static const struct transport *const t = &tcp_transport;

/* ---- the server --------------------------------------------------------------------------------- */

static void on_news(void *owner)
{
        ((struct link *)owner)->news = true;
}

static void server_begin(struct world *w)
{
        struct hub_config hub = { .epoch = ++w->epoch, .room_events_max = w->rules->log_events };
        struct tcp_config config = tcp_config_defaults();
        if (w->rules->forgotten)
                config.away_ns = 1;
        w->hub = hub_create(&hub);
        w->app = app_create(w->hub, &chat_handlers);
        assert_int_equal(tcp_service_create(w->app, &config, &w->service), 0);
}

static void server_end(struct world *w)
{
        for (uint32_t i = 0; i < w->links; i++) {
                tcp_session_destroy(w->link[i].session, w->now);
                http_destroy(w->link[i].http);
                w->link[i].session = NULL;
                w->link[i].http = NULL;
                w->link[i].server_gone = true;
        }
        tcp_service_destroy(w->service);
        app_destroy(w->app);
        hub_destroy(w->hub);
}

static void server_reads(struct world *w, struct link *l, uint8_t *in, size_t n)
{
        size_t used = 0;
        if (l->server_gone)
                return;
        if (l->http) {
                enum http_verdict verdict = http_recv(l->http, in, n, &used);
                if (verdict == HTTP_MORE)
                        return;
                assert_int_equal(verdict, HTTP_UPGRADE);
                struct bytes answer = http_answer(l->http);
                buf_put(&l->to_client, answer.at, answer.n);
                http_destroy(l->http);
                l->http = NULL;
                l->session = tcp_session_create(w->service, w->now, &(struct hub_sink){ on_news, l });
        }
        while (used < n) {
                size_t taken = tcp_session_recv(l->session, w->now, in + used, n - used);
                assert_true(taken > 0);
                used += taken;
                hub_announce(w->hub);
        }
}

/* Moves what the session lends into the pipe; the pipe takes a random number of bytes a call. */
static void server_writes(struct world *w, struct link *l)
{
        struct iovec v[TCP_SLICES_MAX];
        int n;
        while (l->session && !l->server_gone &&
               (n = tcp_session_slices(l->session, w->now, v, 1 + (int)rng_below(&w->rng, TCP_SLICES_MAX))) > 0) {
                size_t room = 1 + rng_below(&w->rng, 200), taken = 0;
                for (int i = 0; i < n; i++) {
                        size_t part = v[i].iov_len < room - taken ? v[i].iov_len : room - taken;
                        buf_put(&l->to_client, v[i].iov_base, part);
                        taken += part;
                }
                tcp_session_sent(l->session, taken);
        }
}

/* ---- the client --------------------------------------------------------------------------------- */

static void note_event(struct world *w, const struct client_event *ev)
{
        struct event e;
        uint64_t number;
        assert_int_equal(event_parse(ev->event, SIZE_MAX, &e), 0);
        if (!event_is(&e, "tick") || !pack_get_u64(event_arg(&e, 0), &number))
                return;
        assert_true(w->heard_n < 4 * EVENTS);
        w->heard[w->heard_n++] = (struct heard){ number, ev->eid };
}

static bool was_heard(const struct world *w, uint32_t number)
{
        for (uint32_t i = 0; i < w->heard_n; i++)
                if (w->heard[i].number == number)
                        return true;
        return false;
}

/* A gap with an unknown end names all up to now that was not heard. */
static void note_gap(struct world *w, const struct client_event *ev)
{
        for (uint32_t i = 0; i < w->published; i++) {
                bool tea = i % 2 == 1, same = tea ? bytes_equal(ev->room, bytes_text("tea")) : ev->room.n == 0;
                bool inside = w->eid[i] >= ev->from && w->eid[i] <= ev->to;
                if (ev->to == UINT64_MAX)
                        inside = !was_heard(w, i);
                if (same && inside)
                        w->gap_covers[i]++;
        }
}

static void note(struct world *w, const struct client_event *ev)
{
        switch (ev->kind) {
        case CLIENT_UP:
                w->ups++;
                w->recovered += ev->recovered;
                return;
        case CLIENT_DOWN:
                w->downs++;
                return;
        case CLIENT_EVENT:
                note_event(w, ev);
                return;
        case CLIENT_GAP:
                note_gap(w, ev);
                return;
        case CLIENT_ANSWER:
                assert_true(ev->call <= EVENTS + 1);
                assert_int_not_equal(ev->status, CLIENT_REFUSED);
                w->answered[ev->call]++;
                return;
        case CLIENT_JOINED:
                w->joined = true;
                return;
        case CLIENT_OUT:
        case CLIENT_ADVICE:
                return;
        }
}

static void drain(struct world *w)
{
        struct client_event ev;
        while (t->next(w->client, &ev))
                note(w, &ev);
}

/* ---- the pipe ----------------------------------------------------------------------------------- */

static void cut(struct world *w, struct link *l)
{
        l->open = false;
        if (l->session && !w->rules->half_open)
                tcp_session_lost(l->session, w->now, TCP_END_LOST);
        if (!w->rules->half_open)
                l->server_gone = true;
        if (!w->rules->every_link)
                w->armed = false;
        t->closed(w->client, w->now, "connection reset");
        drain(w);
}

/* Carries some bytes one way; false when there were none. */
static bool carry(struct world *w, struct link *l, struct buf *from, bool to_server)
{
        size_t held = to_server ? l->held : 0;
        if (!l->open || from->n == held)
                return false;
        size_t n = 1 + rng_below(&w->rng, from->n - held);
        if (w->armed && l->carried + n > w->cut_at)
                n = (size_t)(w->cut_at - l->carried);
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, from->at, n);
        buf_drop(from, n);
        l->carried += n;
        if (to_server) {
                server_reads(w, l, copy, n);
        } else {
                t->recv(w->client, w->now, copy, n);
                drain(w);
        }
        free(copy);
        if (w->armed && l->carried == w->cut_at)
                cut(w, l);
        return true;
}

static void open_link(struct world *w)
{
        assert_true(w->links < LINKS_MAX);
        struct link *l = &w->link[w->links++];
        l->open = true;
        static const struct http_config http = { .path = "/socket.io/" };
        l->http = http_create(&http);
        t->opened(w->client, w->now);
        drain(w);
}

static void client_writes(struct world *w, struct link *l)
{
        uint8_t out[64];
        size_t n;
        while ((n = t->send(w->client, w->now, out, sizeof out)) > 0) {
                buf_put(&l->to_server, out, n);
                if (!w->rules->forgotten)
                        continue;
                l->held += n;
                w->ripe_at = mono_min(w->ripe_at, mono_add(w->now, SLOW_MS * NS_PER_MS));
        }
}

static void follow_wish(struct world *w)
{
        struct link *l = w->links ? &w->link[w->links - 1] : NULL;
        enum client_wish wish = t->wish(w->client);
        if (wish == CLIENT_OPEN) {
                open_link(w);
        } else if (wish == CLIENT_CLOSE && l && l->open) {
                client_writes(w, l);
                cut(w, l);
        } else if (wish == CLIENT_CLOSE) {
                t->closed(w->client, w->now, "closed");
                drain(w);
        }
}

/* Everything that can happen at this instant. */
static void settle(struct world *w)
{
        for (bool busy = true; busy;) {
                follow_wish(w);
                hub_announce(w->hub);
                struct link *l = w->links ? &w->link[w->links - 1] : NULL;
                if (!l)
                        return;
                if (l->open)
                        client_writes(w, l);
                server_writes(w, l);
                busy = carry(w, l, &l->to_server, true);
                busy = carry(w, l, &l->to_client, false) || busy;
                bool ended = l->open && l->to_client.n == 0 &&
                             (l->server_gone || (l->session && tcp_session_done(l->session)));
                if (ended) {
                        cut(w, l);
                        busy = true;
                }
                busy = busy || t->wish(w->client) == CLIENT_OPEN;
        }
}

static struct mono soonest(const struct world *w)
{
        struct mono at = mono_min(t->deadline(w->client), tcp_service_deadline(w->service));
        at = mono_min(at, w->ripe_at);
        at = mono_min(at, hub_deadline(w->hub));
        for (uint32_t i = 0; i < w->links; i++)
                if (w->link[i].session && !w->link[i].server_gone)
                        at = mono_min(at, tcp_session_deadline(w->link[i].session));
        return at;
}

static void let_pass(struct world *w)
{
        if (mono_before(w->now, w->ripe_at))
                return;
        w->ripe_at = MONO_NEVER;
        for (uint32_t i = 0; i < w->links; i++)
                w->link[i].held = 0;
}

static void pass(struct world *w, int64_t span_ns)
{
        struct mono until = mono_add(w->now, span_ns);
        settle(w);
        for (struct mono due; due = soonest(w), !mono_before(until, due);) {
                w->now = due;
                let_pass(w);
                tcp_service_expire(w->service, w->now);
                hub_expire(w->hub, w->now);
                for (uint32_t i = 0; i < w->links; i++)
                        if (w->link[i].session && !w->link[i].server_gone)
                                tcp_session_expire(w->link[i].session, w->now);
                t->expire(w->client, w->now);
                drain(w);
                settle(w);
        }
        w->now = until;
}

#endif
