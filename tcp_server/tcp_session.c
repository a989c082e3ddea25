#include "tcp_server/tcp_session.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/wire/eio.h"
#include "tcp_server/tcp_session_inside.h"

enum {
        ANSWERS_BEFORE_SENDING = TCP_PRIVATE_MAX / 2, /* private bytes at which recv pauses, */
        ANSWERS_PER_CALL = TCP_PRIVATE_MAX / 4,       /* or this much more than at its call */
};

/* A flood that is held back goes on in gulps, not word by word. */
static const int64_t HELD_NS = 10 * NS_PER_MS;

/* Events that a newcomer may say at once: it joins and says a word or two. On UDP it may say more, but here what is
 * over waits, and is not refused. */
enum { NEWCOMER_EVENTS = 16 };

/* How long an ended session may still try to send its close frame. */
static const int64_t FAREWELL_NS = 2 * NS_PER_S;

/* ---- ending ----------------------------------------------------------------------------------- */

/* The application's side of an end: the socket is kept for the client's return, or leaves; one
 * that was taken over is another session's now. */
static void part(struct tcp_session *s, struct mono now, struct tcp_seat *seat, enum tcp_end end)
{
        struct app_socket *socket = seat->socket;
        struct tcp_kept *kept = seat->kept;
        seat->socket = NULL;
        seat->kept = NULL;
        if (!socket || (kept && kept->live != s))
                return;
        if (kept && tcp_end_kept(end) && !app_socket_dismissed(socket)) {
                app_away(socket, now, tcp_end_reason(end));
                tcp_recover_away(s->service->recover, kept, now);
                return;
        }
        if (kept)
                tcp_recover_drop(s->service->recover, kept);
        app_leave(socket, now, tcp_end_reason(end));
}

bool seat_half(const struct tcp_seat *seat)
{
        struct member *m = seat_member(seat);
        return tcp_private_half(&seat->placed) || (m && member_half(m));
}

void session_end(struct tcp_session *s, struct mono now, enum tcp_end end, uint16_t code)
{
        bool half = false;
        if (s->ended)
                return;
        s->ended = true;
        s->end = end;
        for (struct tcp_seat *seat = &s->seat; seat; seat = seat->next) {
                half = half || seat_half(seat);
                part(s, now, seat, end);
                tcp_private_unplace(&s->private, &seat->placed);
        }
        s->ping_at = s->pong_by = MONO_NEVER;
        s->end_by = mono_add(now, FAREWELL_NS);
        s->service->counts.ends[end]++;
        if (half) /* nothing may stand inside an entry: no farewell */
                tcp_private_free(&s->private);
        else
                ws_put_close(tcp_private_border(&s->private), code, tcp_end_text(end), NULL);
        s->sink.news(s->sink.owner);
}

static void end(struct tcp_session *s, struct mono now, enum tcp_end why)
{
        session_end(s, now, why, tcp_end_code(why));
}

void session_check(struct tcp_session *s, struct mono now, int err)
{
        if (err)
                end(s, now, TCP_END_MEMORY);
}

bool session_has_room(struct tcp_session *s, struct mono now)
{
        if (tcp_private_bytes(&s->private) >= TCP_PRIVATE_MAX)
                end(s, now, TCP_END_SLOW);
        return !s->ended;
}

/* ---- Engine.IO -------------------------------------------------------------------------------- */

static void on_pong(struct tcp_session *s, struct mono now)
{
        s->pong_by = MONO_NEVER;
        s->ping_at = mono_add(now, s->service->config.ping_interval_ns);
}

/* Whoever sends is alive: the first packet that is no pong gives the awaited one its time anew. */
static void put_off_pong(struct tcp_session *s, struct mono now)
{
        if (mono_is_never(s->pong_by) || s->pong_put_off)
                return;
        s->pong_put_off = true;
        s->pong_by = mono_add(now, s->service->config.ping_timeout_ns);
}

static int put_back(struct buf *out, const struct eio_packet *p)
{
        if (p->binary)
                return ws_put(out, WS_BINARY, p->body, NULL);
        ptrdiff_t frame = ws_begin(out);
        int err = frame < 0 ? ERR_NO_MEMORY : buf_text(out, "4");
        err = err ? err : buf_put(out, p->body.at, p->body.n);
        if (!err)
                ws_end(out, frame, WS_TEXT);
        return err;
}

static void send_back(struct tcp_session *s, struct mono now, const struct eio_packet *p)
{
        if (session_has_room(s, now))
                session_check(s, now, put_back(tcp_private_border(&s->private), p));
}

static void on_engine(struct tcp_session *s, struct mono now, const struct eio_packet *p)
{
        if (p->type != EIO_PONG)
                put_off_pong(s, now);
        switch (p->type) {
        case EIO_PONG:
                on_pong(s, now);
                return;
        case EIO_PING:
                end(s, now, TCP_END_PING);
                return;
        case EIO_CLOSE:
                end(s, now, TCP_END_PEER);
                return;
        case EIO_MESSAGE:
                if (s->bare)
                        send_back(s, now, p);
                else
                        session_message(s, now, p);
                return;
        case EIO_OPEN: /* outside an upgrade these mean nothing, and are passed over */
        case EIO_UPGRADE:
        case EIO_NOOP:
                return;
        }
}

static void on_engine_bytes(struct tcp_session *s, struct mono now, bool binary, struct bytes bytes)
{
        struct eio_packet p;
        if (eio_parse(binary, bytes, &s->service->base64, &p) == 0)
                on_engine(s, now, &p);
        else
                end(s, now, TCP_END_PARSE);
}

/* ---- polling ---------------------------------------------------------------------------------- */

void tcp_session_packet(struct tcp_session *s, struct mono now, struct bytes packet)
{
        if (!s->ended)
                on_engine_bytes(s, now, false, packet);
        tcp_service_rest(s->service);
}

void tcp_session_heard(struct tcp_session *s, struct mono now)
{
        if (!mono_is_never(s->pong_by))
                s->pong_by = mono_add(now, s->service->config.ping_timeout_ns);
}

/* The application's limit is for whole clients: one bucket for all namespaces of a connection. */
static bool within_rate(struct tcp_session *s, struct mono now)
{
        struct limits *limits = app_limits(s->service->spaces->app);
        if (bucket_open(&s->said, &limits->events, now))
                return true;
        limits->met[LIMIT_EVENTS] += !s->held_back;
        s->held_back = true;
        return false;
}

bool tcp_session_held_back(const struct tcp_session *s)
{
        return s->held_back;
}

bool tcp_session_takes(struct tcp_session *s, struct mono now)
{
        return tcp_private_bytes(&s->private) < ANSWERS_BEFORE_SENDING && !tcp_service_crowded(s->service) &&
               within_rate(s, now);
}

/* ---- WebSocket -------------------------------------------------------------------------------- */

static void on_frame(struct tcp_session *s, struct mono now, const struct ws_event *ev)
{
        switch (ev->got) {
        case WS_GOT_MESSAGE:
                on_engine_bytes(s, now, ev->opcode == WS_BINARY, ev->payload);
                return;
        case WS_GOT_PING:
                if (session_has_room(s, now))
                        session_check(s, now, ws_put(tcp_private_border(&s->private), WS_PONG, ev->payload, NULL));
                return;
        case WS_GOT_CLOSE:
                session_end(s, now, TCP_END_PEER, ev->code);
                return;
        case WS_GOT_FAULT:
                s->service->counts.faults[ev->fault]++;
                session_end(s, now, TCP_END_FRAME, ws_fault_code(ev->fault));
                return;
        case WS_GOT_NOTHING:
        case WS_GOT_PONG: /* Engine.IO has its own */
                return;
        }
}

/* The private bytes at which no more is taken. What a bare session is sent is all private and may be long;
 * it is as with a POST: the rest waits. */
static size_t private_bytes_max(const struct tcp_session *s)
{
        size_t pause = s->bare ? 0 : tcp_private_bytes(&s->private) + ANSWERS_PER_CALL;
        return pause < ANSWERS_BEFORE_SENDING ? ANSWERS_BEFORE_SENDING : pause;
}

size_t tcp_session_recv(struct tcp_session *s, struct mono now, uint8_t *in, size_t n)
{
        size_t used = 0, pause = private_bytes_max(s);
        while (used < n && !s->ended && tcp_private_bytes(&s->private) < pause && !tcp_service_crowded(s->service) &&
               within_rate(s, now)) {
                struct ws_event ev;
                used += ws_recv(&s->ws, in + used, n - used, &ev);
                on_frame(s, now, &ev);
        }
        ws_rest(&s->ws);
        tcp_service_rest(s->service);
        return s->ended ? n : used;
}

/* ---- time ------------------------------------------------------------------------------------- */

static struct mono held_until(const struct tcp_session *s)
{
        return s->held_back ? bucket_wide_at(&s->said, &app_limits(s->service->spaces->app)->events, HELD_NS)
                            : MONO_NEVER;
}

struct mono tcp_session_deadline(const struct tcp_session *s)
{
        struct mono soonest = mono_min(s->end_by, mono_min(s->ping_at, s->pong_by));
        soonest = mono_min(soonest, held_until(s));
        return tcp_session_done(s) ? MONO_NEVER : soonest;
}

static void ping(struct tcp_session *s, struct mono now)
{
        s->ping_at = MONO_NEVER;
        s->pong_by = mono_add(now, s->service->config.ping_timeout_ns);
        s->pong_put_off = false;
        session_check(s, now, ws_put(tcp_private_border(&s->private), WS_TEXT, bytes_text("2"), NULL));
        s->sink.news(s->sink.owner);
}

void tcp_session_expire(struct tcp_session *s, struct mono now)
{
        if (s->held_back)
                tcp_session_heard(s, now);
        if (!mono_before(now, held_until(s)))
                s->held_back = false;
        if (!mono_before(now, s->pong_by))
                end(s, now, TCP_END_SILENT);
        if (!mono_before(now, s->end_by) && s->ended)
                tcp_private_free(&s->private);
        else if (!mono_before(now, s->end_by))
                end(s, now, TCP_END_IDLE);
        if (!mono_before(now, s->ping_at))
                ping(s, now);
}

/* ---- life ------------------------------------------------------------------------------------- */

static int put_open(struct tcp_session *s, const char *sid)
{
        const struct tcp_config *c = &s->service->config;
        struct eio_open open = { .ping_interval_ns = c->ping_interval_ns,
                                 .ping_timeout_ns = c->ping_timeout_ns,
                                 .payload_bytes_max = c->payload_bytes_max,
                                 .upgrade = sid != NULL };
        if (sid)
                memcpy(open.sid, sid, EIO_SID_CHARS);
        else
                eio_sid(open.sid);
        struct buf *out = tcp_private_border(&s->private);
        ptrdiff_t frame = ws_begin(out);
        if (frame < 0)
                return ERR_NO_MEMORY;
        int err = eio_put_open(out, &open);
        if (!err)
                ws_end(out, frame, WS_TEXT);
        return err;
}

struct tcp_session *tcp_session_create_polled(struct tcp_service *v, struct mono now, const struct hub_sink *sink,
                                              const char *sid)
{
        struct tcp_session *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->service = v;
        s->sink = *sink;
        ws_init(&s->ws, WS_SERVER, v->config.payload_bytes_max);
        s->pong_by = MONO_NEVER;
        s->ping_at = mono_add(now, v->config.ping_interval_ns);
        s->end_by = mono_add(now, v->config.connect_timeout_ns);
        bucket_begin(&s->said, &app_limits(v->spaces->app)->events, now, NEWCOMER_EVENTS);
        if (put_open(s, sid) != 0) {
                tcp_private_free(&s->private);
                free(s);
                return NULL;
        }
        return s;
}

struct tcp_session *tcp_session_create(struct tcp_service *v, struct mono now, const struct hub_sink *sink)
{
        return tcp_session_create_polled(v, now, sink, NULL);
}

void tcp_session_bare(struct tcp_session *s)
{
        s->bare = true;
        s->end_by = MONO_NEVER;
}

bool tcp_session_done(const struct tcp_session *s)
{
        return s->ended && s->private.border.n == 0;
}

bool tcp_session_joined(const struct tcp_session *s)
{
        return s->seat.space != NULL;
}

enum tcp_end tcp_session_end(const struct tcp_session *s)
{
        return s->end;
}

void tcp_session_close(struct tcp_session *s, struct mono now, enum tcp_end why)
{
        end(s, now, why);
}

void tcp_session_lost(struct tcp_session *s, struct mono now, enum tcp_end why)
{
        end(s, now, why);
        tcp_private_free(&s->private);
}

void tcp_session_destroy(struct tcp_session *s, struct mono now)
{
        if (!s)
                return;
        tcp_session_lost(s, now, TCP_END_LOST);
        ws_free(&s->ws);
        tcp_parts_destroy(s->parts);
        for (struct tcp_seat *seat = s->seat.next, *next; seat; seat = next) {
                next = seat->next;
                free(seat);
        }
        free(s);
}
