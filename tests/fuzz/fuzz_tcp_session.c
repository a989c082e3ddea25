/* Two connections to one server with two namespaces, chat on / and echo on /custom, driven by a
 * stranger. The input is a list of steps: one byte says what (its low half) and to whom, one how much,
 * then so many bytes of payload.
 *
 * Whatever it is: what a client is sent are good frames, never cut inside; what waits for one client
 * alone stays bounded; and everything can be taken down at the end.
 */
#include <stdlib.h>

#include "core/chat/ask.h"
#include "core/chat/chat.h"
#include "core/chat/echo.h"
#include "tcp_server/tcp_session_inside.h"

enum { PEERS = 2, SPACES = 2, PAYLOAD_MAX = 4096 };

struct peer {
        struct tcp_session *session;
        struct ws ws;
};

struct world {
        struct tcp_service *service;
        struct mono now;
        struct peer peer[PEERS];
        struct hub *hub[SPACES];
        struct app *app[SPACES];
        char pid[SPACES][TCP_PID_CHARS];
        bool has_pid[SPACES];
};

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void no_news(void *owner)
{
        (void)owner;
}

static void open_peer(struct world *w, struct peer *p)
{
        tcp_session_destroy(p->session, w->now);
        ws_free(&p->ws);
        ws_init(&p->ws, WS_CLIENT, SIZE_MAX);
        p->session = tcp_session_create(w->service, w->now, &(struct hub_sink){ no_news, NULL });
}

static void hear(struct peer *p, const uint8_t *bytes, size_t n)
{
        uint8_t *copy = malloc(n + 1);
        struct ws_event ev;
        memcpy(copy, bytes, n);
        for (size_t used = 0; used < n;) {
                used += ws_recv(&p->ws, copy + used, n - used, &ev);
                if (ev.got == WS_GOT_FAULT)
                        abort();
        }
        free(copy);
}

/* Takes at most `budget` bytes. */
static void drain(struct world *w, struct peer *p, size_t budget)
{
        struct iovec v[TCP_SLICES_MAX];
        for (;;) {
                int n = tcp_session_slices(p->session, w->now, v, TCP_SLICES_MAX);
                size_t taken = 0, lent = 0;
                if (n == 0)
                        return;
                for (int i = 0; i < n; i++) {
                        size_t part = v[i].iov_len < budget ? v[i].iov_len : budget;
                        hear(p, v[i].iov_base, part);
                        lent += v[i].iov_len;
                        taken += part;
                        budget -= part;
                }
                tcp_session_sent(p->session, taken);
                if (taken < lent)
                        return;
        }
}

static void deliver(struct world *w, struct peer *p, const uint8_t *bytes, size_t n)
{
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, bytes, n);
        for (size_t used = 0; used < n;) {
                used += tcp_session_recv(p->session, w->now, copy + used, n - used);
                if (tcp_private_bytes(&p->session->private) > TCP_PRIVATE_MAX + 2 * PAYLOAD_MAX)
                        abort();
                for (int i = 0; i < SPACES && used < n; i++)
                        hub_announce(w->hub[i]);
        }
        for (int i = 0; i < SPACES; i++) {
                const struct tcp_seat *seat = session_seat(p->session, &w->service->spaces[i]);
                if (seat && seat->kept) {
                        memcpy(w->pid[i], seat->kept->pid, sizeof w->pid[i]);
                        w->has_pid[i] = true;
                }
        }
        free(copy);
}

static void say(struct world *w, struct peer *p, enum ws_opcode opcode, struct bytes message)
{
        static const uint8_t mask[4] = { 1, 2, 3, 4 };
        struct buf frame = { 0 };
        ws_put(&frame, opcode, message, mask);
        deliver(w, p, frame.at, frame.n);
        buf_free(&frame);
}

/* In the second namespace on the connection that it has. */
static void come_back(struct world *w, struct peer *p, int space, struct bytes offset)
{
        struct buf text = { 0 };
        if (space == 0)
                open_peer(w, p);
        buf_printf(&text, "40%s{\"pid\":\"%.*s\",\"gaps\":%s,\"offset\":\"", space ? "/custom," : "",
                   w->has_pid[space] ? TCP_PID_CHARS : 0, w->pid[space], offset.n & 1 ? "true" : "false");
        buf_put(&text, offset.at, offset.n);
        buf_text(&text, "\"}");
        say(w, p, WS_TEXT, buf_bytes(&text));
        buf_free(&text);
}

static void pass(struct world *w, int64_t span_ns)
{
        w->now = mono_add(w->now, span_ns);
        tcp_service_expire(w->service, w->now);
        for (int i = 0; i < SPACES; i++) {
                ask_expire(w->app[i], w->now);
                hub_expire(w->hub[i], w->now);
        }
        for (int i = 0; i < PEERS; i++)
                tcp_session_expire(w->peer[i].session, w->now);
}

static void step(struct world *w, uint8_t what, struct bytes payload)
{
        struct peer *p = &w->peer[what >> 7];
        switch (what & 7) {
        case 0:
                say(w, p, WS_TEXT, payload);
                return;
        case 1:
                say(w, p, WS_BINARY, payload);
                return;
        case 2:
                deliver(w, p, payload.at, payload.n);
                return;
        case 3:
                drain(w, p, payload.n);
                return;
        case 4:
                drain(w, p, SIZE_MAX);
                return;
        case 5:
                come_back(w, p, what >> 3 & 1, payload);
                return;
        case 6:
                tcp_session_lost(p->session, w->now, TCP_END_LOST);
                open_peer(w, p);
                return;
        case 7:
                pass(w, (int64_t)payload.n * NS_PER_S);
                return;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        struct app_handlers custom = echo_handlers;
        const struct app_handlers *handlers[SPACES] = { &chat_handlers, &custom };
        struct tcp_config config = tcp_config_defaults();
        struct world w = { .now = { NS_PER_S } };
        custom.nsp = "/custom";
        for (int i = 0; i < SPACES; i++) {
                w.hub[i] = hub_create(&(struct hub_config){ .epoch = 7, .room_events_max = 3 });
                w.app[i] = app_create(w.hub[i], handlers[i]);
        }
        app_chain(w.app[0], w.app[1]);
        config.payload_bytes_max = PAYLOAD_MAX;
        config.away_max = 2;
        if (tcp_service_create(w.app[0], &config, &w.service) != 0)
                abort();
        for (int i = 0; i < PEERS; i++)
                open_peer(&w, &w.peer[i]);
        struct reader r = reader_of(in, n);
        while (reader_left(&r) >= 2) {
                uint8_t what = reader_u8(&r);
                size_t bytes = reader_u8(&r);
                step(&w, what, reader_take(&r, bytes < reader_left(&r) ? bytes : reader_left(&r)));
        }
        for (int i = 0; i < PEERS; i++) {
                drain(&w, &w.peer[i], SIZE_MAX);
                tcp_session_destroy(w.peer[i].session, w.now);
                ws_free(&w.peer[i].ws);
        }
        tcp_service_destroy(w.service);
        for (int i = 0; i < SPACES; i++) {
                app_destroy(w.app[i]);
                hub_destroy(w.hub[i]);
        }
        return 0;
}
