/* tcp_upgrade: the client's side of the HTTP upgrade: one request, one response head.
 *
 * Parsing is llhttp's. The response must be a 101 that proves it understood this key; anything else
 * is refused with its status.
 *
 * Source: RFC 6455, section 4.1.
 */
#ifndef CLIENT_TCP_UPGRADE_H
#define CLIENT_TCP_UPGRADE_H
#include <llhttp/llhttp.h>

#include "core/base/bytes.h"
#include "core/wire/ws_handshake.h"

struct tcp_upgrade {
        llhttp_t parser;
        char accept[WS_ACCEPT_TEXT + 1]; /* what the server has to answer */
        char given[WS_ACCEPT_TEXT + 2];  /* what it answered; longer than right is kept as one too long */
        char name[32];                   /* of the header being read, cut */
        size_t given_n, name_n, taken;
        bool complete;
};

enum tcp_upgrade_got {
        TCP_UPGRADE_MORE,
        TCP_UPGRADE_DONE,    /* the WebSocket is open */
        TCP_UPGRADE_REFUSED, /* a good response, but no upgrade */
        TCP_UPGRADE_BAD,     /* no HTTP, too long, or a wrong proof */
};

/* Appends the request; key is random. path begins with a slash and may not have a query.
 * Returns 0 or ERR_NO_MEMORY. u may not be moved afterwards. */
int tcp_upgrade_begin(struct tcp_upgrade *u, const char *host, const char *path, const uint8_t key[WS_KEY_RAW],
                      struct buf *out);

/* Takes bytes; *used says how many of them belong to the response's head. */
enum tcp_upgrade_got tcp_upgrade_recv(struct tcp_upgrade *u, const uint8_t *in, size_t n, size_t *used);

#endif
