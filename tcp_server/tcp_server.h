/* tcp_server: Socket.IO on WebSocket and HTTP polling, over real sockets. EDGE.
 *
 * Listens, reads HTTP requests, and runs one tcp_session for each client. It owns sockets,
 * alarms and buffers; every decision is the session's. The loop, the application and (through it)
 * the hub are the caller's and outlive the server.
 *
 * Who owns the end of the turn: the caller. The server asks for it through `wake`; at the turn's
 * end the caller calls hub_announce once, then tcp_server_flush (and the UDP twin's), so that both
 * transports of one hub are flushed in an order that the caller chooses.
 */
#ifndef TCP_SERVER_TCP_SERVER_H
#define TCP_SERVER_TCP_SERVER_H
#include "core/base/mono.h"
#include "core/chat/app.h"
#include "core/loop/loop.h"
#include "core/loop/sock.h"
#include "core/service/service.h"
#include "tcp_server/tcp_service.h"
#include "tcp_server/web.h"

struct tcp_server;

struct tcp_server_config {
        struct loop *loop;
        struct app *app;
        struct sock_addr listen;
        void (*wake)(void *ctx); /* asks for a flush at the end of this turn */
        void *wake_ctx;
        struct tcp_config session;  /* heartbeats, limits, recovery */
        const char *path;           /* "/socket.io/" */
        const char *cors_origin;    /* whose pages are told that they may connect; "*": any; NULL: none */
        const char *const *origins; /* whose pages may, others being refused, up to a NULL; NULL: any page may */
        const struct web *web;      /* files for browsers, borrowed; NULL: none */
        const char *congestion;     /* NULL: the system's default */
        int64_t head_timeout_ns;    /* for a request's whole head, */
        int64_t body_timeout_ns;    /* for its body behind that */
        uint32_t connections_max;   /* 0: as many as there are descriptors for */
        uint32_t per_address_max;   /* of one address (IPv6: of a /64), */
        bool per_address_loopback;  /* of the machine's own, too */
        bool nodelay;
};

/* tcp_config_defaults, "/socket.io/", 10 s for a head, 60 s for a body, nodelay on, 1,024 connections of an
 * address, but the machine's own. */
struct tcp_server_config tcp_server_defaults(void);

/* Registers its two encodings at the hub and listens. Strings are borrowed.
 * returns 0 and *out; ERR_SYSTEM (errno: the address is busy or not ours, no such congestion
 *         control); ERR_FULL; ERR_NO_MEMORY */
int tcp_server_create(const struct tcp_server_config *config, struct tcp_server **out);

/* The address it listens on, with its real port. */
struct sock_addr tcp_server_address(const struct tcp_server *s);

/* Sends what every session marked since the last flush has to send. */
void tcp_server_flush(struct tcp_server *s, struct mono now);

/* Stops listening, tells every client ("server shutting down"), gives what is written a last
 * chance to leave, closes. */
void tcp_server_stop(struct tcp_server *s, struct mono now);

/* For a program's main: serves the service's application at an address (as in 127.0.0.1:3000, where
 * port 0 picks one) and is one of the service's transports. config may be NULL: the defaults; its loop,
 * app, listen and wake are not looked at. Ends the process with one line when it cannot. */
struct tcp_server *tcp_server_serve(struct service *service, const char *address,
                                    const struct tcp_server_config *config);

void tcp_server_destroy(struct tcp_server *s); /* accepts NULL */

/* Says what was counted, each refusal and end by its reason, a line each as log_info. */
void tcp_server_tell(const struct tcp_server *s);

#endif
