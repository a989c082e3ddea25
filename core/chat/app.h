/* app: what an application is to the two servers, and what it can do: one namespace of it is told
 * of connects, events and leavings, emits, joins and answers.
 *
 * An application is written as handlers, one struct for each namespace, chained by `also`; each
 * namespace has a hub of its own. A *socket* here is Socket.IO's word: one client in one
 * namespace, on whichever transport. It has a public id, and its member in the hub. Sessions call
 * app_connect, app_event and so on; handlers are called from there, act through app_emit and its
 * neighbours (or hub.h itself) and answer through `reply`; they never see a connection. The users
 * are chat.h and echo.h.
 */
#ifndef CORE_CHAT_APP_H
#define CORE_CHAT_APP_H
#include "core/base/mono.h"
#include "core/chat/hub.h"
#include "core/chat/limits.h"
#include "core/event/event.h"

struct app;
struct app_socket;

enum { APP_TOKEN_MAX = 256 }; /* bytes, so that it fits into a datagram too */
enum { APP_ID_CHARS = 20 };   /* of a socket's id: 15 bytes from the OS in url-safe base64 */

/* The answer to an event that asked for one: arguments, msgpack items back to back. */
struct app_reply {
        struct buf args; /* the caller's, empty at the call */
        uint32_t args_n;
        bool silent; /* no answer at all: as on Socket.IO for an event that nobody listens to */
};

/* Why a client is not let in: Socket.IO's connect_error. On UDP it learns only that it is refused. */
struct app_refusal {
        const char *message; /* static words */
        struct buf data;     /* one msgpack item more; empty: none. The caller's, empty at the call */
};

/* Who knocks, before there is anything else: what the transport knows by then. Borrowed for the call. */
struct app_visitor {
        uint8_t ip[16];      /* IPv4 as ::ffff:a.b.c.d; the proxy's, if there is one between */
        struct bytes origin; /* of the page that asks, as in https://example.org; empty: no page, or not told */
        struct bytes path;   /* of the URL, as in /socket.io/; empty on UDP */
        struct bytes query;  /* behind its `?`, nothing unescaped */
};

/* Each of the functions may be NULL: not told. */
struct app_handlers {
        const char *name;
        const char *nsp;                 /* the namespace, "/news"; NULL: "/" */
        const struct app_handlers *also; /* the application's next namespace; NULL: no more */
        bool greets;                     /* sessions send `hello` {id} after connect */
        bool exact; /* on Socket.IO the reference's bytes: no recovery, so no offsets behind arguments */
        /* May this visitor begin a session at all? Of the first namespace's handlers alone, at each handshake of
         * a transport, whoever was here before included: the reference's allowRequest.
         * returns false with refusal->message filled in (`Forbidden` if not); data is told to nobody */
        bool (*allow)(struct app *a, struct mono now, const struct app_visitor *visitor, struct app_refusal *refusal);
        /* May this client come in? Asked before it has a socket, and not again when it comes back.
         * auth, here and below: the CONNECT payload as one msgpack item; empty bytes when there was none.
         * returns false with *refusal filled in */
        bool (*admit)(struct app *a, struct mono now, struct bytes auth, struct app_refusal *refusal);
        void (*connect)(struct app *a, struct app_socket *s, struct mono now, struct bytes auth);
        void (*event)(struct app *a, struct app_socket *s, struct mono now, const struct event *e,
                      struct app_reply *reply);
        /* Rooms are still set. reason: Socket.IO's words ("transport close", "ping timeout", ...). */
        void (*disconnecting)(struct app *a, struct app_socket *s, struct mono now, const char *reason);
        /* Behind that: gone. Its rooms are left, but for one that may come back. */
        void (*disconnect)(struct app *a, struct app_socket *s, struct mono now, const char *reason);
        /* Back after an absence with the same id and rooms. */
        void (*recovered)(struct app *a, struct app_socket *s, struct mono now);
        void (*forget)(struct app *a, struct app_socket *s); /* last call for s: free what is attached */
};

/* ---- namespaces --------------------------------------------------------------------------- */

/* One namespace. Borrows the hub and handlers for its life. NULL when memory is out. */
struct app *app_create(struct hub *hub, const struct app_handlers *handlers);

/* Chains another namespace of the same application behind a; borrowed. */
void app_chain(struct app *a, struct app *other);
struct app *app_next(const struct app *a);

/* The namespace of that name among a and those behind it; NULL: none. */
struct app *app_find(struct app *a, struct bytes nsp);
struct bytes app_nsp(const struct app *a);

/* What its clients may ask, and the counts of more; limits_defaults until it is given others, which are
 * borrowed for its life. */
void app_limits_set(struct app *a, struct limits *limits);
struct limits *app_limits(struct app *a);

void app_destroy(struct app *a); /* accepts NULL */
struct hub *app_hub(const struct app *a);

/* From now on only those come in whose auth says {token: this text}; borrowed. Empty: anyone. */
void app_token_set(struct app *a, struct bytes token);

const struct app_handlers *app_handlers(const struct app *a);

/* ---- for the application ------------------------------------------------------------------ */

/* Whom an event is for: Socket.IO's to (or in), except and volatile. Zeroed: everyone. */
struct app_target {
        const struct bytes *to; /* union of these rooms */
        uint32_t to_n;          /* 0: the whole namespace */
        const struct bytes *except;
        uint32_t except_n;
        bool dispensable; /* not for those who are behind, and never recovered */
};

/* All of these take an event in its canonical form (event_begin and pack_put_*, or event.packed) and
 * return what hub_publish does. target NULL: everyone. */
int app_emit(struct app *a, struct mono now, const struct app_target *target, struct bytes event);
int app_socket_emit(struct app_socket *s, struct mono now, struct bytes event); /* to this one alone */
/* To all of the target but s: socket.broadcast and socket.to. */
int app_socket_cast(struct app_socket *s, struct mono now, const struct app_target *target, struct bytes event);

/* As hub_join and hub_leave. */
int app_socket_join(struct app_socket *s, struct mono now, struct bytes room);
int app_socket_quit(struct app_socket *s, struct mono now, struct bytes room);

/* Sends the client away: behind all that is published by the end of this turn it gets Socket.IO's
 * DISCONNECT, on UDP a CLOSE. Nothing happens at once, so any handler may ask it of any socket; what the
 * client says from now on is passed over. When it was told, the application is: disconnecting and
 * disconnect, "server namespace disconnect". It does not come back by recovery; a new connect is a new
 * socket's.
 * close: its sockets in all other namespaces are sent away, too, and its connection is closed */
void app_socket_disconnect(struct app_socket *s, bool close);

/* ---- for the sessions --------------------------------------------------------------------- */

/* How a socket's client can be asked (ask.h); zeroed: not at all. `ask` sends the event with that id,
 * for ask_answer to bring back; it never ends the session. Returns 0 or ERR_*. */
struct app_line {
        int (*ask)(void *owner, struct app_socket *s, struct mono now, uint64_t id, struct bytes event);
        void *owner;
};

/* May a session begin? *refusal as in app_admit. */
bool app_allow(struct app *a, struct mono now, const struct app_visitor *visitor, struct app_refusal *refusal);

/* May a client that was not here before connect? Asks for the token, then the application. *refusal:
 * zeroed; its data is the caller's to free, whatever the answer. */
bool app_admit(struct app *a, struct mono now, struct bytes auth, struct app_refusal *refusal);

/* A client connected: makes its socket and member, then tells the application. The socket is the
 * session's until app_leave (gone) or app_away (kept for recovery). NULL when memory is out. */
struct app_socket *app_connect(struct app *a, struct mono now, struct bytes auth, int encoding,
                               const struct hub_sink *sink, struct app_line line);

/* Is the event's name within the limit? Counts one that is not. */
bool app_takes(struct app *a, const struct event *e);

/* An event arrived from the client. reply->args are what to answer if an answer was asked for; an event
 * that is not taken is answered {error} and otherwise passed over. */
void app_event(struct app *a, struct app_socket *s, struct mono now, const struct event *e, struct app_reply *reply);

/* Gone for good: tells the application, removes the member, frees the socket. The reason of one that was
 * sent away is the application's own. */
void app_leave(struct app_socket *s, struct mono now, const char *reason);

/* The connection was lost without goodbye: tells the application, detaches the member; the socket
 * is kept by whoever may bring it back. */
void app_away(struct app_socket *s, struct mono now, const char *reason);

/* Back from away: attaches the member and tells the application. The session resumes the member's
 * place itself (member_resume). */
void app_return(struct app_socket *s, struct mono now, int encoding, const struct hub_sink *sink);

/* Another connection takes the socket over from a living one: no word to the application. */
void app_take_over(struct app_socket *s, struct mono now, int encoding, const struct hub_sink *sink);

/* After a take-over, and before a return: the new session's. */
void app_socket_line(struct app_socket *s, struct app_line line);

/* An away socket's time is up: frees it (its leaving was told already). */
void app_forget(struct app_socket *s);

/* Did the application send it away, and is its connection to be closed? Its sink had news then. Such a
 * socket leaves; it is not put away to come back. */
bool app_socket_dismissed(const struct app_socket *s);
bool app_socket_closing(const struct app_socket *s);

struct bytes app_socket_id(const struct app_socket *s);
struct member *app_socket_member(const struct app_socket *s);
struct app *app_socket_app(const struct app_socket *s);
void **app_socket_data(struct app_socket *s); /* the application's own pointer, NULL at first */

/* reply->args get one more argument; see pack.h. */
static inline struct buf *app_reply_arg(struct app_reply *reply)
{
        reply->args_n++;
        return &reply->args;
}

#endif
