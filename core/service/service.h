/* service: one application, a hub for each of its namespaces, on one loop, and the transports that serve it. EDGE.
 *
 * What tcp_server, udp_server and `lab serve` have in common. It owns loop, hubs and application,
 * flushes every transport at the end of a turn that had news, evicts what grows old, and stops
 * cleanly on SIGINT and SIGTERM. It takes as many descriptors as the machine lets it, and has large
 * blocks of memory given back at once. Which transport is flushed first in a turn is a seeded coin, so
 * that neither path of a comparison is always ahead.
 */
#ifndef CORE_SERVICE_SERVICE_H
#define CORE_SERVICE_SERVICE_H
#include <argp.h>

#include "core/chat/app.h"
#include "core/chat/hub.h"
#include "core/loop/loop.h"
#include "core/loop/sock.h"

struct service;

enum { SERVICE_NAMESPACES_MAX = 16 };

struct service_config {
        struct hub_config hub; /* of each namespace's; bytes_total_max: of all; epoch 0: from the OS */
        struct limits limits;  /* of each client */
        double event_rate;     /* its events a second; 0: as limits.events say */
        uint32_t event_burst;
        const struct app_handlers *handlers;      /* the application: at most SERVICE_NAMESPACES_MAX, by `also` */
        const char *more[SERVICE_NAMESPACES_MAX]; /* namespaces with the same handlers as the first one */
        uint32_t more_n;
        const char *token; /* to be let in, in every namespace (app_token_set); NULL: none */
        uint64_t seed;     /* of the coin */
};

/* Borrowed until service_destroy; flush and stop are never called from inside each other. */
struct service_transport {
        void *server;
        const char *kind;    /* "tcp", for its ready line */
        struct sock_addr at; /* where it listens */
        void (*flush)(void *server, struct mono now);
        void (*stop)(void *server, struct mono now);
};

/* returns 0 and *out; ERR_NO_MEMORY; ERR_FULL (too many namespaces); ERR_EXISTS (two of one name) */
int service_create(const struct service_config *config, struct service **out);
void service_destroy(struct service *s); /* accepts NULL; the servers are gone already */

struct loop *service_loop(struct service *s);
struct app *service_app(struct service *s); /* its first namespace; app_find, app_next for the others */

/* Asks for a flush at the end of this turn; ctx is the service. What servers are given as `wake`. */
void service_wake(void *ctx);

int service_add(struct service *s, const struct service_transport *t); /* 0 or ERR_FULL */

/* For a program's start: the service of an application, nothing else being asked for; or the end of the
 * process, as below. */
struct service *service_begin(const struct app_handlers *handlers);

/* Ends the process with one line and exit code 3 when err is a failure to WHAT WHERE. */
void service_need(int err, const char *what, const char *where);

/* The same when --congestion names one that sockets may not have here; NULL is the system's. */
void service_need_congestion(const char *name);

/* Reads the address that option --NAME tells; exit code 2 with one line when it is none. */
void service_need_address(const char *name, const char *text, struct sock_addr *address);

/* Says `listening KIND ADDRESS` of each transport on standard output, which is what scripts wait for. Runs
 * until a signal, then stops the transports and gives what they wrote a moment to leave. */
void service_run(struct service *s);

/* argp child for --verbose, the application (--app, --namespace, --auth-token-file), the logs (--log-events,
 * ...) and what a client may ask (--event-rate, ...). Its input is a struct service_config, whose limits it
 * sets to the defaults. Words that are no options it refuses. */
extern const struct argp service_argp;

/* Says how often each limit was met, a line each as log_info. */
void service_tell(const struct service *s);

#endif
