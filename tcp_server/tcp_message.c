/* tcp_message: what a client's messages mean: in which parser they are, when a packet with attachments
 * is whole, and what each packet does.
 */
#include "core/base/err.h"
#include "core/chat/ask.h"
#include "core/event/pack.h"
#include "core/wire/sio_msgpack.h"
#include "tcp_server/tcp_session_inside.h"

static void end(struct tcp_session *s, struct mono now, enum tcp_end why)
{
        session_end(s, now, why, tcp_end_code(why));
}

/* ---- packets ---------------------------------------------------------------------------------- */

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
        return event_parse(data, SIZE_MAX, e); /* the message was bounded; whether it may be published is the hub's */
}

static void answer(struct tcp_session *s, struct mono now, struct tcp_seat *seat, uint64_t id,
                   const struct app_reply *reply)
{
        struct buf *data = &s->service->answer;
        data->n = 0;
        int err = pack_put_array(data, reply->args_n);
        err = err ? err : pack_put_raw(data, buf_bytes(&reply->args));
        struct sio_packet p = { .type = SIO_ACK, .has_id = true, .id = id, .data = buf_bytes(data) };
        if (err)
                end(s, now, TCP_END_MEMORY);
        else
                session_put_placed(s, now, seat, &p);
}

static void on_event(struct tcp_session *s, struct mono now, struct tcp_seat *seat, const struct sio_packet *p)
{
        struct event e;
        int err = read_event(s, p->data, &e);
        if (err) {
                end(s, now, err == ERR_NO_MEMORY ? TCP_END_MEMORY : TCP_END_PARSE);
                return;
        }
        struct app_reply reply = { 0 };
        s->service->counts.events_in++;
        app_event(seat->space->app, seat->socket, now, &e, &reply);
        if (p->has_id && !reply.silent)
                answer(s, now, seat, p->id, &reply);
        buf_free(&reply.args);
}

static void on_connect(struct tcp_session *s, struct mono now, const struct sio_packet *p)
{
        struct tcp_space *space = tcp_service_space(s->service, p->nsp);
        if (space)
                session_connect(s, now, space, p->data);
        else
                session_refuse(s, now, p->nsp, "Invalid namespace", bytes_text(""));
}

static void on_packet(struct tcp_session *s, struct mono now, const struct sio_packet *p)
{
        struct tcp_space *space = tcp_service_space(s->service, p->nsp);
        struct tcp_seat *seat = space ? session_seat(s, space) : NULL;
        bucket_spend(&s->said, &app_limits(s->service->spaces->app)->events, now, 1);
        if (p->type == SIO_CONNECT)
                session_see_off(s, now); /* it may have been told already, and be quick */
        else if (seat && (seat->sent_away || (seat->socket && app_socket_dismissed(seat->socket))))
                return;
        if (s->ended)
                return;
        bool joined = seat && seat->socket;
        if (joined == (p->type == SIO_CONNECT) || p->type == SIO_CONNECT_ERROR) {
                end(s, now, TCP_END_STATE);
                return;
        }
        switch (p->type) {
        case SIO_CONNECT:
                on_connect(s, now, p);
                return;
        case SIO_DISCONNECT:
                session_leave(s, now, seat, "client namespace disconnect");
                return;
        case SIO_EVENT:
                on_event(s, now, seat, p);
                return;
        case SIO_ACK:
                if (p->has_id)
                        ask_answer(seat->socket, now, p->id, p->data);
                return;
        case SIO_CONNECT_ERROR:
        case SIO_BINARY_EVENT:
        case SIO_BINARY_ACK:
                return;
        }
}

/* ---- messages --------------------------------------------------------------------------------- */

static void on_parsed(struct tcp_session *s, struct mono now, int err, const struct sio_packet *p)
{
        if (err)
                end(s, now, err == ERR_NO_MEMORY ? TCP_END_MEMORY : TCP_END_PARSE);
        else
                on_packet(s, now, p);
}

static void on_attachment(struct tcp_session *s, struct mono now, struct bytes body)
{
        struct tcp_parts *parts = s->parts;
        struct sio_packet p;
        int err = tcp_parts_add(parts, body, s->service->config.payload_bytes_max);
        if (err) {
                on_parsed(s, now, err, NULL);
                return;
        }
        if (!tcp_parts_whole(parts))
                return;
        s->parts = NULL; /* the packet may end the session, and borrows from them */
        err = tcp_parts_parse(parts, &s->service->data, &p);
        on_parsed(s, now, err, &p);
        tcp_parts_destroy(parts);
}

static void on_text(struct tcp_session *s, struct mono now, struct bytes text)
{
        struct sio_packet p;
        int attachments = sio_attachments(text);
        if (attachments > 0) {
                s->parts = tcp_parts_create(text, attachments);
                session_check(s, now, s->parts ? 0 : ERR_NO_MEMORY);
                return;
        }
        int err = attachments < 0 ? attachments : sio_parse(text, &s->service->data, &p);
        on_parsed(s, now, err, &p);
}

void session_message(struct tcp_session *s, struct mono now, const struct eio_packet *message)
{
        struct tcp_service *v = s->service;
        struct sio_packet p;
        if (s->form == SIO_FORM_NONE)
                s->form = sio_sniff(message->binary, message->body);
        if (s->form == SIO_FORM_JSON && message->binary == (s->parts != NULL)) {
                if (message->binary)
                        on_attachment(s, now, message->body);
                else
                        on_text(s, now, message->body);
                return;
        }
        int err = ERR_MALFORMED;
        if (s->form == SIO_FORM_MSGPACK && message->binary)
                err = sio_msgpack_parse(message->body, v->config.payload_bytes_max, &v->data, &p);
        on_parsed(s, now, err, &p);
}
