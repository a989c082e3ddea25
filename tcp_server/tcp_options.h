/* tcp_options: what the command lines of all who run a TCP server have in common.
 */
#ifndef TCP_SERVER_TCP_OPTIONS_H
#define TCP_SERVER_TCP_OPTIONS_H
#include <argp.h>

#include "tcp_server/tcp_server.h"
#include "tcp_server/web_load.h"

enum { TCP_ORIGINS_MAX = 16 };

struct tcp_options {
        struct tcp_server_config server;
        struct web_sources web;
        const char *origins[TCP_ORIGINS_MAX + 1]; /* of --origin, up to a NULL */
};

/* argp child for everything but the address to listen on, and how many may come from one. Its input is a struct
 * tcp_options, which begins with the defaults; strings are the command line's own. */
extern const struct argp tcp_argp;

/* What these options ask of the service and the machine, behind the parsing; ends the process with one line when it
 * cannot be had. */
void tcp_options_service(const struct tcp_options *o, struct service_config *service);

/* Serves what was asked for, as tcp_server_serve; *web is the caller's to destroy behind the server. */
struct tcp_server *tcp_options_serve(struct tcp_options *o, struct service *service, const char *address,
                                     struct web **web);

#endif
