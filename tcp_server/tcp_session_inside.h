/* tcp_session_inside: what tcp_session.c (frames and time), tcp_message.c (Socket.IO's packets),
 * tcp_send.c (what leaves), tcp_connect.c (joining a namespace, new or back) and tcp_leave.c (leaving it)
 * share of one session.
 */
#ifndef TCP_SERVER_TCP_SESSION_INSIDE_H
#define TCP_SERVER_TCP_SESSION_INSIDE_H
#include "core/wire/eio.h"
#include "tcp_server/tcp_parts.h"
#include "tcp_server/tcp_private.h"
#include "tcp_server/tcp_session.h"

/* A client's place in one namespace. Once taken it stays the namespace's for the connection's life. */
struct tcp_seat {
        struct tcp_seat *next;
        struct tcp_space *space;   /* NULL: the first namespace was not joined yet */
        struct app_socket *socket; /* NULL: not joined, or left again */
        struct tcp_kept *kept;     /* NULL: not recoverable */
        struct tcp_placed placed;
        bool gaps;        /* this client understands gaps */
        bool sent_away;   /* by the application: DISCONNECT was queued; what it says goes unheard until a CONNECT */
        bool catching_up; /* resumed, not whole: the gaps of that resume are not an overrun */
};

struct tcp_session {
        struct tcp_service *service;
        struct hub_sink sink;
        enum tcp_end end : 8;
        enum sio_form form : 8; /* NONE until the first message */
        bool ended;
        bool pong_put_off; /* pong_by was moved once by another packet */
        bool bare;         /* Engine.IO alone */
        bool refused;      /* the transport took less than was lent */
        bool closing;      /* the application sends all its sockets away, and then it */
        bool held_back;    /* what it sent waits until there is a token for it */
        struct ws ws;
        struct tcp_parts *parts; /* NULL: no attachment is awaited */
        struct tcp_private private;
        struct mono ping_at;   /* when to send the next ping; NEVER while a pong is awaited */
        struct mono pong_by;   /* NEVER while none is awaited */
        struct mono end_by;    /* for joining a namespace, then NEVER; once ended, for sending the close frame */
        struct bucket said;    /* events, and all other packets of Socket.IO */
        struct tcp_seat *turn; /* NULL: the first; whose events are lent next */
        struct tcp_seat seat;  /* most clients join one namespace; the seats of others hang on it */
};

static inline struct member *seat_member(const struct tcp_seat *seat)
{
        return seat->socket ? app_socket_member(seat->socket) : NULL;
}

/* The seat of a namespace, joined or left again; NULL: never joined. */
struct tcp_seat *session_seat(struct tcp_session *s, const struct tcp_space *space);

/* Is it in the midst of an entry or a placed frame? */
bool seat_half(const struct tcp_seat *seat);

/* Ends the session: its sockets stay recoverable or leave, a close frame is queued unless an entry
 * is half sent. */
void session_end(struct tcp_session *s, struct mono now, enum tcp_end end, uint16_t code);

/* Queues packets; when memory or the room for them is out, the session ends. */
void session_put_border(struct tcp_session *s, struct mono now, const struct sio_packet *p);
void session_put_placed(struct tcp_session *s, struct mono now, struct tcp_seat *seat, const struct sio_packet *p);
/* The same, but what finds no room or memory is refused and harms nobody: 0, ERR_FULL, ERR_NO_MEMORY. */
int session_place(struct tcp_session *s, struct tcp_seat *seat, const struct sio_packet *p);
void session_put_gap(struct tcp_session *s, struct mono now, struct tcp_seat *seat, const struct piece *gap);
void session_put_hello(struct tcp_session *s, struct mono now, struct tcp_seat *seat);

/* May one more private packet be queued? The session ends as slow when as many bytes as may wait are
 * waiting already; so one packet, of any size, may go over that limit. False: it has ended. */
bool session_has_room(struct tcp_session *s, struct mono now);

/* Ends the session if err is set. */
void session_check(struct tcp_session *s, struct mono now, int err);

/* One Engine.IO message: one packet or one attachment, in the parser that the first message showed. */
void session_message(struct tcp_session *s, struct mono now, const struct eio_packet *message);

/* The socket leaves its namespace for good; the connection may stay. */
void session_leave(struct tcp_session *s, struct mono now, struct tcp_seat *seat, const char *reason);

/* Sees to the sockets that the application sends away. Never called from its handlers. */
void session_see_off(struct tcp_session *s, struct mono now);

/* The CONNECT for that namespace is refused; the connection lives on. data: one msgpack item or empty. */
void session_refuse(struct tcp_session *s, struct mono now, struct bytes nsp, const char *message, struct bytes data);

/* A CONNECT for a namespace: a new socket, or the client's old one. auth may be empty. */
void session_connect(struct tcp_session *s, struct mono now, struct tcp_space *space, struct bytes auth);

#endif
