/* http_inside: what http.c (reading and answering) and http_judge.c (what is asked, and whether it may
 * be) share of one connection's requests.
 */
#ifndef TCP_SERVER_HTTP_INSIDE_H
#define TCP_SERVER_HTTP_INSIDE_H
#include <llhttp/llhttp.h>

#include "tcp_server/http.h"

enum { NAME_MAX_BYTES = 32 };

/* The headers we look at; each is kept whole or not at all. */
#define HEADER_LIST(X)                                    \
        X(HEADER_HOST, "host")                            \
        X(HEADER_UPGRADE, "upgrade")                      \
        X(HEADER_KEY, "sec-websocket-key")                \
        X(HEADER_VERSION, "sec-websocket-version")        \
        X(HEADER_PROTOCOL, "sec-websocket-protocol")      \
        X(HEADER_EXTENSIONS, "sec-websocket-extensions")  \
        X(HEADER_ORIGIN, "origin")                        \
        X(HEADER_TYPE, "content-type")                    \
        X(HEADER_ASKED, "access-control-request-headers") \
        X(HEADER_KNOWN, "if-none-match")                  \
        X(HEADER_ENCODINGS, "accept-encoding")

#define HEADER_ENUM(header, name) header,
#define HEADER_NAME(header, name) [header] = name,
enum header { HEADER_OTHER, HEADER_LIST(HEADER_ENUM) HEADERS };
struct http {
        llhttp_t parser;
        const struct http_config *config;
        size_t head_bytes;
        struct buf url, value[HEADERS], answer, body;
        struct bytes rest;
        char name[NAME_MAX_BYTES];
        size_t name_n;
        enum header header; /* whose value is being read */
        bool doubled;       /* a header that may stand once stands twice */
        bool folded;        /* a header goes on in the next line */
        uint8_t last;       /* byte of the head so far */
        enum http_refusal refusal;
        struct ws_terms terms;
        bool head_whole, posting, body_whole, body_too_big, deflated;
};

/* The value of a query parameter; empty when it is not there. */
struct bytes http_query(struct bytes url, const char *name);

/* No control characters: they would end up in an answer's headers. */
bool http_plain(struct bytes b);

bool http_is_upgrade(const struct http *h);          /* to a WebSocket */
struct bytes http_subprotocol(const struct http *h); /* empty: none is offered, or no good name */
bool http_has_body(const struct http *h);
bool http_is_file(const struct http *h);

/* Is there a list of origins, and the one that asks on it? What breaks off may be the beginning of another. */
bool http_is_listed(const struct http *h);

/* The whole head, in the reference's order (its verify()), but the protocol version is looked at
 * before 101. */
enum http_refusal http_judge(const struct http *h);

#endif
