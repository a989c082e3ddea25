/* tcp_leave: leaving a namespace while the connection stays: the client's wish, or the application's.
 *
 * Who is sent away is told by DISCONNECT, which leaves behind all that was published before it, answers
 * too; only then does the socket leave, so that last words are heard.
 */
#include "tcp_server/tcp_session_inside.h"

/* When the member takes half an entry with it, nothing can follow on this connection. */
void session_leave(struct tcp_session *s, struct mono now, struct tcp_seat *seat, const char *reason)
{
        bool half = member_half(seat_member(seat));
        if (seat->kept)
                tcp_recover_drop(s->service->recover, seat->kept);
        seat->kept = NULL;
        app_leave(seat->socket, now, reason);
        seat->socket = NULL;
        if (half)
                tcp_session_lost(s, now, TCP_END_PEER);
}

static void see_off(struct tcp_session *s, struct mono now, struct tcp_seat *seat)
{
        static const struct sio_packet disconnect = { .type = SIO_DISCONNECT };
        if (seat->sent_away && seat->placed.records.n == 0) {
                session_leave(s, now, seat, tcp_end_reason(TCP_END_SENT_AWAY));
        } else if (!seat->sent_away) {
                seat->sent_away = true;
                session_put_placed(s, now, seat, &disconnect);
        }
}

void session_see_off(struct tcp_session *s, struct mono now)
{
        bool joined = false;
        for (struct tcp_seat *seat = &s->seat; seat; seat = seat->next)
                s->closing = s->closing || (seat->socket && app_socket_closing(seat->socket));
        for (struct tcp_seat *seat = &s->seat; seat && !s->ended; seat = seat->next) {
                if (seat->socket && s->closing && !app_socket_dismissed(seat->socket))
                        app_socket_disconnect(seat->socket, true);
                if (seat->socket && app_socket_dismissed(seat->socket))
                        see_off(s, now, seat);
                joined = joined || seat->socket;
        }
        if (s->closing && !joined)
                session_end(s, now, TCP_END_SENT_AWAY, tcp_end_code(TCP_END_SENT_AWAY));
}
