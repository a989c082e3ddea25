/* client: what a URL means: which transport, and where to.
 *
 *   ws://HOST:PORT[/path/]    Socket.IO on WebSocket; the path is /socket.io/ unless given
 *   udp://HOST:PORT           sequenced datagrams
 *
 * HOST is a name, an IPv4 address or an IPv6 address in brackets. EDGE: names are resolved here.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H
#include "client/client_io.h"

enum { CLIENT_URL_PART_MAX = 256 }; /* bytes of host and of path, the final zero included */

struct client_url {
        const struct transport *transport;
        char host[CLIENT_URL_PART_MAX]; /* without brackets */
        char port[6];
        char authority[CLIENT_URL_PART_MAX + 8]; /* host:port as written */
        char path[CLIENT_URL_PART_MAX];          /* begins and ends with a slash */
};

/* Takes a URL apart. returns 0; ERR_MALFORMED with *why in words (static), *url is then void */
int client_url_parse(const char *text, struct client_url *url, const char **why);

/* Looks the host up and fills the transport, addresses and engine parts of the config that come
 * from the URL, which it borrows. Waits for the resolver.
 * returns 0; ERR_NOT_FOUND with *why in words (static) */
int client_url_resolve(const struct client_url *url, struct client_io_config *config, const char **why);

#endif
