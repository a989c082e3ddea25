/* tcp_connect: joining the namespace, as a new socket or as the one that was away.
 *
 * The CONNECT reply goes first, then what was missed as ordinary events, then `hello`: a replay
 * that breaks off leaves the client with the offset of the last event it saw, and never twice.
 */
#include "core/base/err.h"
#include "core/event/pack.h"
#include "tcp_server/tcp_session_inside.h"

static int encoding(const struct tcp_session *s)
{
        return s->form == SIO_FORM_JSON ? s->service->json_number : s->service->msgpack_number;
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
static void put_reply(struct tcp_session *s, struct mono now)
{
        struct buf *data = &s->service->answer;
        data->n = 0;
        int err = pack_put_map(data, s->kept ? 2 : 1);
        err = err ? err : pack_put_word(data, "sid");
        err = err ? err : pack_put_text(data, app_socket_id(s->socket));
        if (s->kept) {
                err = err ? err : pack_put_word(data, "pid");
                err = err ? err : pack_put_text(data, bytes_of(s->kept->pid, TCP_PID_CHARS));
        }
        struct sio_packet p = { .type = SIO_CONNECT, .data = buf_bytes(data) };
        if (err)
                session_check(s, now, err);
        else
                session_put_border(s, now, &p);
}

/* The place from which the client asks to go on: 0, its session's start, when it names none, or one
 * of another log. */
static uint64_t asked_eid(const struct tcp_session *s, struct bytes auth)
{
        struct bytes text;
        struct sio_offset at;
        bool ours = pack_get_text(pack_map_text(auth, "offset"), &text) && sio_offset_parse(text, &at) == 0 &&
                    at.epoch == hub_epoch(s->service->hub);
        return ours ? at.eid : 0;
}

/* Another connection of the same client: the later always wins. */
static void end_former(struct tcp_session *former, struct mono now)
{
        former->service->counts.taken_over++;
        session_end(former, now, TCP_END_TAKEN, tcp_end_code(TCP_END_TAKEN));
}

/* The client has its private id, but what it missed can no longer be told: it starts anew. */
static void discard(struct tcp_session *s, struct mono now, struct tcp_kept *k)
{
        struct app_socket *socket = k->socket;
        struct tcp_session *former = k->live;
        tcp_recover_drop(s->service->recover, k);
        if (former) {
                end_former(former, now);
                app_leave(socket, now, tcp_end_reason(TCP_END_TAKEN));
        } else {
                app_forget(socket);
        }
}

/* Puts the session in the away or living socket's place. */
static void take_socket(struct tcp_session *s, struct mono now, struct tcp_kept *k)
{
        struct tcp_session *former = k->live;
        struct app_socket *socket = k->socket;
        tcp_recover_back(s->service->recover, k, s);
        if (former) {
                end_former(former, now);
                app_take_over(socket, encoding(s), &s->sink);
        } else {
                app_return(socket, now, encoding(s), &s->sink);
        }
        s->socket = socket;
        s->kept = k;
}

/* The client's old socket, if the private id in its auth has one that can be resumed. */
static bool resume(struct tcp_session *s, struct mono now, struct bytes auth)
{
        struct tcp_service *v = s->service;
        struct bytes pid;
        if (!v->recover || !pack_get_text(pack_map_text(auth, "pid"), &pid))
                return false;
        struct tcp_kept *k = tcp_recover_find(v->recover, pid);
        if (!k)
                return false;
        uint64_t eid = asked_eid(s, auth);
        if (eid > hub_head(v->hub) || !member_resumable(app_socket_member(k->socket), eid)) {
                discard(s, now, k);
                return false;
        }
        take_socket(s, now, k);
        if (member_resume(session_member(s), eid)) {
                v->counts.recovered++;
                return true;
        }
        /* Not whole: a new private id tells every client that it missed something. */
        v->counts.partly_recovered++;
        s->catching_up = true;
        s->kept = tcp_recover_add(v->recover, s->socket, s);
        tcp_recover_drop(v->recover, k);
        return true;
}

void session_connect(struct tcp_session *s, struct mono now, struct bytes auth)
{
        struct tcp_service *v = s->service;
        s->gaps = understands_gaps(s, auth);
        s->catching_up = false;
        if (!resume(s, now, auth)) {
                s->socket = app_connect(v->app, now, auth, encoding(s), &s->sink);
                if (!s->socket) {
                        session_check(s, now, ERR_NO_MEMORY);
                        return;
                }
                v->counts.connects++;
                if (v->recover)
                        s->kept = tcp_recover_add(v->recover, s->socket, s);
        }
        s->state = TCP_UP;
        s->connect_by = MONO_NEVER;
        put_reply(s, now);
        if (s->state == TCP_UP && app_handlers(v->app)->greets)
                session_put_hello(s, now);
}
