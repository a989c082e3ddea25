/* udp_server: sequenced datagrams, over a real socket. EDGE.
 *
 * One socket for all clients; every decision is udp_gate's and udp_session's. The loop, the
 * application and (through it) the hub are the caller's and outlive the server. The end of the
 * turn is the caller's too; see tcp_server.h.
 */
#ifndef UDP_SERVER_UDP_SERVER_H
#define UDP_SERVER_UDP_SERVER_H
#include "core/base/mono.h"
#include "core/chat/app.h"
#include "core/loop/loop.h"
#include "core/loop/sock.h"
#include "core/service/service.h"
#include "udp_server/pace.h"
#include "udp_server/udp_cookie.h"

struct udp_server;

struct udp_server_config {
        struct loop *loop;
        struct app *app;
        struct sock_addr listen;
        void (*wake)(void *ctx); /* asks for a flush at the end of this turn */
        void *wake_ctx;
        const uint8_t *reset_key;  /* UDP_KEY_BYTES, copied; NULL: no RESET after a restart */
        struct pace_config pace;   /* on, unless told otherwise */
        uint32_t per_address;      /* sessions of one address, of IPv6 of a /64; 0: 64, */
        bool per_address_loopback; /* of the machine's own, too */
        struct sock_addr group;    /* rooms are sent there, too; n 0: no multicast */
        struct sock_addr group_by; /* by the interface of this address; n 0: of `listen` */
        int64_t group_rate;        /* bytes per second; 0: UDP_GROUP_RATE */
};

struct udp_server_config udp_server_defaults(void);

/* Reads the reset key from a file, which is made with a new one (mode 0600) if it is not there.
 * returns 0; ERR_SYSTEM (errno); ERR_MALFORMED (the file is too short for a key) */
int udp_server_key(const char *file, uint8_t key[UDP_KEY_BYTES]);

/* Registers its encoding at the hub and binds.
 * returns 0 and *out; ERR_SYSTEM (errno; EAFNOSUPPORT: a group, and not all addresses are IPv4; EINVAL: it is none);
 *         ERR_FULL; ERR_NO_MEMORY */
int udp_server_create(const struct udp_server_config *config, struct udp_server **out);

/* The address it is bound to, with its real port. */
struct sock_addr udp_server_address(const struct udp_server *s);

/* Sends what every session marked since the last flush has to send. */
void udp_server_flush(struct udp_server *s, struct mono now);

/* Tells every client (CLOSE, SHUTDOWN) and takes nothing more. */
void udp_server_stop(struct udp_server *s, struct mono now);

/* For a program's main: serves the service's application at an address (as in 127.0.0.1:3000, where
 * port 0 picks one) and is one of the service's transports. config may be NULL: the defaults; its loop,
 * app, listen and wake are not looked at. Ends the process with one line when it cannot. */
struct udp_server *udp_server_serve(struct service *service, const char *address,
                                    const struct udp_server_config *config);

void udp_server_destroy(struct udp_server *s); /* accepts NULL */

/* Says what was counted, each rejection by its reason, a line each as log_info. */
void udp_server_tell(const struct udp_server *s);

#endif
