#include "tcp_server/tcp_session.h"

#include <sodium.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/event/pack.h"
#include "core/wire/eio.h"
#include "core/wire/sio_msgpack.h"
#include "tcp_server/tcp_session_inside.h"

enum {
        ANSWERS_BEFORE_SENDING = TCP_PRIVATE_MAX / 2, /* private bytes at which recv pauses, */
        ANSWERS_PER_CALL = TCP_PRIVATE_MAX / 4,       /* or this much more than at its call */
};

/* How long an ended session may still try to send its close frame. */
static const int64_t FAREWELL_NS = 2 * NS_PER_S;

/* ---- ending ----------------------------------------------------------------------------------- */

/* The application's side of an end: the socket is kept for the client's return, or leaves; one
 * that was taken over is another session's now. */
static void part(struct tcp_session *s, struct mono now, enum tcp_end end)
{
        struct app_socket *socket = s->socket;
        struct tcp_kept *kept = s->kept;
        s->socket = NULL;
        s->kept = NULL;
        if (!socket || end == TCP_END_TAKEN)
                return;
        if (kept && tcp_end_kept(end)) {
                app_away(socket, now, tcp_end_reason(end));
                tcp_recover_away(s->service->recover, kept, now);
                return;
        }
        if (kept)
                tcp_recover_drop(s->service->recover, kept);
        app_leave(socket, now, tcp_end_reason(end));
}

void session_end(struct tcp_session *s, struct mono now, enum tcp_end end, uint16_t code)
{
        if (s->state == TCP_ENDED)
                return;
        struct member *m = session_member(s);
        bool half = tcp_private_half(&s->private) || (m && member_half(m));
        part(s, now, end);
        s->state = TCP_ENDED;
        s->end = end;
        s->ping_at = s->pong_by = s->connect_by = MONO_NEVER;
        s->done_by = mono_add(now, FAREWELL_NS);
        s->service->counts.ends[end]++;
        if (half)
                tcp_private_free(&s->private); /* nothing may stand inside an entry: no farewell */
        tcp_private_unplace(&s->private);
        if (!half)
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
        return s->state != TCP_ENDED;
}

/* ---- Socket.IO -------------------------------------------------------------------------------- */

static void refuse_namespace(struct tcp_session *s, struct mono now, struct bytes nsp)
{
        struct buf *data = &s->service->answer;
        data->n = 0;
        int err = pack_put_map(data, 1);
        err = err ? err : pack_put_word(data, "message");
        err = err ? err : pack_put_word(data, "Invalid namespace");
        struct sio_packet p = { .type = SIO_CONNECT_ERROR, .nsp = nsp, .data = buf_bytes(data) };
        if (err)
                end(s, now, TCP_END_MEMORY);
        else
                session_put_border(s, now, &p);
}

/* Socket.IO allows numbers as names, and its emitters know them as text: so do we. */
static int name_as_text(struct bytes data, struct buf *event)
{
        uint32_t n;
        struct bytes members, name;
        struct buf text = { 0 };
        event->n = 0;
        pack_get_array(data, &n, &members);
        pack_next(&members, &name);
        int err = json_from_pack(name, &text, NULL);
        err = err ? err : pack_put_array(event, n);
        err = err ? err : pack_put_text(event, buf_bytes(&text));
        err = err ? err : pack_put_raw(event, members);
        buf_free(&text);
        return err;
}

static int read_event(struct tcp_session *s, struct bytes data, struct event *e)
{
        uint32_t n;
        struct bytes members, name;
        pack_get_array(data, &n, &members);
        if (pack_next(&members, &name) && pack_kind(name) != PACK_TEXT) {
                int err = name_as_text(data, &s->service->event);
                if (err)
                        return err;
                data = buf_bytes(&s->service->event);
        }
        return event_parse(data, s->service->config.payload_bytes_max, e);
}

static void answer(struct tcp_session *s, struct mono now, uint64_t id, const struct app_reply *reply)
{
        struct buf *data = &s->service->answer;
        data->n = 0;
        int err = pack_put_array(data, reply->args_n);
        err = err ? err : pack_put_raw(data, buf_bytes(&reply->args));
        struct sio_packet p = { .type = SIO_ACK, .has_id = true, .id = id, .data = buf_bytes(data) };
        if (err)
                end(s, now, TCP_END_MEMORY);
        else
                session_put_placed(s, now, &p);
}

static void on_event(struct tcp_session *s, struct mono now, const struct sio_packet *p)
{
        struct event e;
        int err = read_event(s, p->data, &e);
        if (err) {
                end(s, now, err == ERR_NO_MEMORY ? TCP_END_MEMORY : TCP_END_PARSE);
                return;
        }
        struct app_reply reply = { 0 };
        s->service->counts.events_in++;
        app_event(s->service->app, s->socket, now, &e, &reply);
        if (p->has_id)
                answer(s, now, p->id, &reply);
        buf_free(&reply.args);
}

/* The connection may stay; but when the member takes half an entry with it, nothing can follow. */
static void on_leave(struct tcp_session *s, struct mono now)
{
        bool half = member_half(session_member(s));
        if (s->kept)
                tcp_recover_drop(s->service->recover, s->kept);
        s->kept = NULL;
        app_leave(s->socket, now, "client namespace disconnect");
        s->socket = NULL;
        s->state = TCP_LEFT;
        if (half)
                tcp_session_lost(s, now, TCP_END_PEER);
}

/* Another namespace: none of ours. Only asking for it is allowed. */
static void on_stranger(struct tcp_session *s, struct mono now, const struct sio_packet *p)
{
        if (p->type == SIO_CONNECT)
                refuse_namespace(s, now, p->nsp);
        else
                end(s, now, TCP_END_STATE);
}

static void on_packet(struct tcp_session *s, struct mono now, const struct sio_packet *p)
{
        bool up = s->state == TCP_UP;
        if (!bytes_equal(p->nsp, bytes_text("/"))) {
                on_stranger(s, now, p);
                return;
        }
        if (up == (p->type == SIO_CONNECT) || p->type == SIO_CONNECT_ERROR) {
                end(s, now, TCP_END_STATE);
                return;
        }
        switch (p->type) {
        case SIO_CONNECT:
                session_connect(s, now, p->data);
                return;
        case SIO_DISCONNECT:
                on_leave(s, now);
                return;
        case SIO_EVENT:
                on_event(s, now, p);
                return;
        case SIO_ACK: /* we ask for no answers, and unknown ids are nobody's */
        case SIO_CONNECT_ERROR:
        case SIO_BINARY_EVENT:
        case SIO_BINARY_ACK:
                return;
        }
}

/* One Engine.IO message holds one packet, in the parser that the first message showed. */
static void on_message(struct tcp_session *s, struct mono now, const struct eio_packet *message)
{
        struct tcp_service *v = s->service;
        struct sio_packet p;
        if (s->form == SIO_FORM_NONE)
                s->form = sio_sniff(message->binary, message->body);
        int err = ERR_MALFORMED;
        if (s->form == SIO_FORM_JSON && !message->binary)
                err = sio_parse(message->body, &v->data, &p);
        else if (s->form == SIO_FORM_MSGPACK && message->binary)
                err = sio_msgpack_parse(message->body, v->config.payload_bytes_max, &v->data, &p);
        if (err)
                end(s, now, err == ERR_NO_MEMORY ? TCP_END_MEMORY : TCP_END_PARSE);
        else
                on_packet(s, now, &p);
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
                on_message(s, now, p);
                return;
        case EIO_OPEN: /* outside an upgrade these mean nothing, and are passed over */
        case EIO_UPGRADE:
        case EIO_NOOP:
                return;
        }
}

/* ---- WebSocket -------------------------------------------------------------------------------- */

static void on_frame(struct tcp_session *s, struct mono now, const struct ws_event *ev)
{
        struct eio_packet p;
        switch (ev->got) {
        case WS_GOT_MESSAGE:
                if (eio_parse(ev->opcode == WS_BINARY, ev->payload, &s->service->base64, &p) == 0)
                        on_engine(s, now, &p);
                else
                        end(s, now, TCP_END_PARSE);
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

size_t tcp_session_recv(struct tcp_session *s, struct mono now, uint8_t *in, size_t n)
{
        size_t used = 0, pause = tcp_private_bytes(&s->private) + ANSWERS_PER_CALL;
        if (pause < ANSWERS_BEFORE_SENDING)
                pause = ANSWERS_BEFORE_SENDING;
        while (used < n && s->state != TCP_ENDED && tcp_private_bytes(&s->private) < pause &&
               !hub_crowded(s->service->hub)) {
                struct ws_event ev;
                used += ws_recv(&s->ws, in + used, n - used, &ev);
                on_frame(s, now, &ev);
        }
        return s->state == TCP_ENDED ? n : used;
}

/* ---- time ------------------------------------------------------------------------------------- */

struct mono tcp_session_deadline(const struct tcp_session *s)
{
        struct mono soonest = mono_min(s->connect_by, mono_min(s->ping_at, s->pong_by));
        return tcp_session_done(s) ? MONO_NEVER : mono_min(soonest, s->done_by);
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
        if (!mono_before(now, s->pong_by))
                end(s, now, TCP_END_SILENT);
        if (!mono_before(now, s->connect_by))
                end(s, now, TCP_END_IDLE);
        if (!mono_before(now, s->ping_at))
                ping(s, now);
        if (!mono_before(now, s->done_by))
                tcp_private_free(&s->private);
}

/* ---- life ------------------------------------------------------------------------------------- */

static int put_open(struct tcp_session *s)
{
        const struct tcp_config *c = &s->service->config;
        struct eio_open open = { .ping_interval_ns = c->ping_interval_ns,
                                 .ping_timeout_ns = c->ping_timeout_ns,
                                 .payload_bytes_max = c->payload_bytes_max };
        uint8_t raw[15];
        rng_os(raw, sizeof raw);
        sodium_bin2base64(open.sid, sizeof open.sid, raw, sizeof raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        struct buf *out = tcp_private_border(&s->private);
        ptrdiff_t frame = ws_begin(out);
        if (frame < 0)
                return ERR_NO_MEMORY;
        int err = eio_put_open(out, &open);
        if (!err)
                ws_end(out, frame, WS_TEXT);
        return err;
}

struct tcp_session *tcp_session_create(struct tcp_service *v, struct mono now, const struct hub_sink *sink)
{
        struct tcp_session *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->service = v;
        s->sink = *sink;
        ws_init(&s->ws, WS_SERVER, v->config.payload_bytes_max);
        s->pong_by = s->done_by = MONO_NEVER;
        s->ping_at = mono_add(now, v->config.ping_interval_ns);
        s->connect_by = mono_add(now, v->config.connect_timeout_ns);
        if (put_open(s) != 0) {
                tcp_private_free(&s->private);
                free(s);
                return NULL;
        }
        return s;
}

bool tcp_session_done(const struct tcp_session *s)
{
        return s->state == TCP_ENDED && s->private.border.n == 0;
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
        free(s);
}
