/* tcp_connect: joining a namespace, as a new socket or as the one that was away.
 *
 * The CONNECT reply goes first, then what was missed as ordinary events, then `hello`: a replay
 * that breaks off leaves the client with the offset of the last event it saw, and never twice.
 */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/event/pack.h"
#include "tcp_server/tcp_session_inside.h"

static int encoding(const struct tcp_session *s, const struct tcp_space *space)
{
        int packed = s->ws.inflate && ws_inflate_sends(s->ws.inflate);
        return s->form == SIO_FORM_JSON ? space->json_number[packed] : space->msgpack_number[packed];
}

/* Polling carries whole entries, so none is half given when its session gets here. */
void tcp_session_deflate(struct tcp_session *s, struct ws_inflate *inflate)
{
        s->ws.inflate = inflate;
        for (struct tcp_seat *seat = &s->seat; inflate && seat; seat = seat->next)
                if (seat->socket)
                        member_recode(seat_member(seat), encoding(s, seat->space));
}

static bool understands_gaps(const struct tcp_session *s, struct bytes auth)
{
        bool gaps = false;
        switch (s->service->config.overrun) {
        case TCP_OVERRUN_GAP:
                return true;
        case TCP_OVERRUN_CLOSE:
                return false;
        case TCP_OVERRUN_BY_CLIENT:
                pack_get_bool(pack_map_text(auth, "gaps"), &gaps);
                break;
        }
        return gaps;
}

/* {sid}, and {pid} while recovery is on. */
static void put_reply(struct tcp_session *s, struct mono now, const struct tcp_seat *seat)
{
        struct buf *data = &s->service->answer;
        data->n = 0;
        int err = pack_put_map(data, seat->kept ? 2 : 1);
        err = err ? err : pack_put_word(data, "sid");
        err = err ? err : pack_put_text(data, app_socket_id(seat->socket));
        if (seat->kept) {
                err = err ? err : pack_put_word(data, "pid");
                err = err ? err : pack_put_text(data, bytes_of(seat->kept->pid, TCP_PID_CHARS));
        }
        struct sio_packet p = { .type = SIO_CONNECT, .nsp = seat->space->nsp, .data = buf_bytes(data) };
        if (err)
                session_check(s, now, err);
        else
                session_put_border(s, now, &p);
}

/* The place from which the client asks to go on: 0, its session's start, when it names none, or one
 * of another log. */
static uint64_t asked_eid(const struct tcp_space *space, struct bytes auth)
{
        struct bytes text;
        struct sio_offset at;
        bool ours = pack_get_text(pack_map_text(auth, "offset"), &text) && sio_offset_parse(text, &at) == 0 &&
                    at.epoch == hub_epoch(space->hub);
        return ours ? at.eid : 0;
}

/* Gives the record to the session. Another connection of the same client ends, whatever it has in
 * other namespaces: the later always wins. Returns whether there was one. */
static bool take_over(struct tcp_session *s, struct mono now, struct tcp_kept *k)
{
        struct tcp_session *former = k->live;
        tcp_recover_back(s->service->recover, k, s);
        if (!former)
                return false;
        former->service->counts.taken_over++;
        session_end(former, now, TCP_END_TAKEN, tcp_end_code(TCP_END_TAKEN));
        return true;
}

/* The client has its private id, but what it missed can no longer be told: it starts anew. */
static void discard(struct tcp_session *s, struct mono now, struct tcp_kept *k)
{
        struct app_socket *socket = k->socket;
        bool living = take_over(s, now, k);
        tcp_recover_drop(s->service->recover, k);
        if (living)
                app_leave(socket, now, tcp_end_reason(TCP_END_TAKEN));
        else
                app_forget(socket);
}

/* A question from the application, as an event with an ack id. */
static int ask(void *owner, struct app_socket *socket, struct mono now, uint64_t id, struct bytes event)
{
        struct tcp_session *s = owner;
        struct sio_packet p = { .type = SIO_EVENT, .has_id = true, .id = id, .data = event };
        (void)now;
        return session_place(s, session_seat(s, tcp_service_space(s->service, app_nsp(app_socket_app(socket)))), &p);
}

static struct app_line line(struct tcp_session *s)
{
        return (struct app_line){ ask, s };
}

/* Puts the session in the away or living socket's place. */
static void take_socket(struct tcp_session *s, struct mono now, struct tcp_seat *seat, struct tcp_kept *k)
{
        struct app_socket *socket = k->socket;
        bool living = take_over(s, now, k);
        seat->socket = socket;
        seat->kept = k;
        if (living)
                app_take_over(socket, now, encoding(s, seat->space), &s->sink);
        app_socket_line(socket, line(s));
        if (!living)
                app_return(socket, now, encoding(s, seat->space), &s->sink);
}

/* The record under the private id in a client's auth; NULL: none, or of another namespace. */
static struct tcp_kept *find_kept(const struct tcp_session *s, const struct tcp_space *space, struct bytes auth,
                                  struct bytes *pid)
{
        struct tcp_recover *r = s->service->recover;
        if (!r || !pack_get_text(pack_map_text(auth, "pid"), pid))
                return NULL;
        struct tcp_kept *k = tcp_recover_find(r, *pid);
        return k && k->live != s && app_socket_app(k->socket) == space->app ? k : NULL;
}

/* The client's old socket, if the private id in its auth has one that can be resumed. */
static bool resume(struct tcp_session *s, struct mono now, struct tcp_seat *seat, struct bytes auth)
{
        struct tcp_service *v = s->service;
        struct bytes pid;
        struct tcp_kept *k = find_kept(s, seat->space, auth, &pid);
        if (!k)
                return false;
        bool newest = tcp_recover_is_newest(k, pid);
        uint64_t eid = asked_eid(seat->space, auth);
        if (app_socket_dismissed(k->socket) || eid > hub_head(seat->space->hub) ||
            !member_resumable(app_socket_member(k->socket), eid)) {
                discard(s, now, k);
                return false;
        }
        take_socket(s, now, seat, k);
        if (member_resume(seat_member(seat), eid) && newest) {
                v->counts.recovered++;
                return true;
        }
        /* Not whole: a new private id tells every client that it missed something. One that comes with
         * its former id was not told yet: the reply was lost. */
        v->counts.partly_recovered++;
        seat->catching_up = true;
        if (newest)
                tcp_recover_renew(k);
        return true;
}

struct tcp_seat *session_seat(struct tcp_session *s, const struct tcp_space *space)
{
        struct tcp_seat *seat = &s->seat;
        while (seat && seat->space != space)
                seat = seat->next;
        return seat;
}

/* Its seat, taken now if it never was. NULL when memory is out. */
static struct tcp_seat *take_seat(struct tcp_session *s, struct tcp_space *space)
{
        struct tcp_seat *seat = session_seat(s, space);
        if (seat)
                return seat;
        seat = &s->seat;
        if (seat->space) {
                seat = calloc(1, sizeof *seat);
                if (!seat)
                        return NULL;
                seat->next = s->seat.next;
                s->seat.next = seat;
        }
        seat->space = space;
        return seat;
}

void session_refuse(struct tcp_session *s, struct mono now, struct bytes nsp, const char *message, struct bytes data)
{
        struct buf *map = &s->service->answer;
        map->n = 0;
        int err = pack_put_map(map, data.n > 0 ? 2 : 1);
        err = err ? err : pack_put_word(map, "message");
        err = err ? err : pack_put_word(map, message);
        if (data.n > 0) {
                err = err ? err : pack_put_word(map, "data");
                err = err ? err : pack_put_raw(map, data);
        }
        struct sio_packet p = { .type = SIO_CONNECT_ERROR, .nsp = nsp, .data = buf_bytes(map) };
        if (err)
                session_check(s, now, err);
        else
                session_put_border(s, now, &p);
}

/* Whoever comes back has shown a private id and needs nothing else. */
static bool admit(struct tcp_session *s, struct mono now, const struct tcp_space *space, struct bytes auth)
{
        struct app_refusal refusal = { .message = "refused" };
        bool may = app_admit(space->app, now, auth, &refusal);
        if (!may) {
                s->service->counts.refused++;
                session_refuse(s, now, space->nsp, refusal.message, buf_bytes(&refusal.data));
        }
        buf_free(&refusal.data);
        return may;
}

/* The seat is taken, unless the application refuses. */
static int sit(struct tcp_session *s, struct mono now, struct tcp_seat *seat, struct bytes auth)
{
        struct tcp_service *v = s->service;
        if (resume(s, now, seat, auth) || !admit(s, now, seat->space, auth))
                return 0;
        seat->socket = app_connect(seat->space->app, now, auth, encoding(s, seat->space), &s->sink, line(s));
        if (!seat->socket)
                return ERR_NO_MEMORY;
        v->counts.connects++;
        if (v->recover)
                seat->kept = tcp_recover_add(v->recover, seat->socket, s);
        return 0;
}

void session_connect(struct tcp_session *s, struct mono now, struct tcp_space *space, struct bytes auth)
{
        struct tcp_seat *seat = take_seat(s, space);
        if (seat) {
                seat->gaps = understands_gaps(s, auth);
                seat->catching_up = seat->sent_away = false;
        }
        int err = seat ? sit(s, now, seat, auth) : ERR_NO_MEMORY;
        if (err) {
                session_check(s, now, err);
                return;
        }
        if (!seat->socket)
                return;
        s->end_by = MONO_NEVER;
        put_reply(s, now, seat);
        if (!s->ended && app_handlers(space->app)->greets)
                session_put_hello(s, now, seat);
}
