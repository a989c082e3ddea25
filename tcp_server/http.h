/* http: the HTTP requests of one connection, one after the other, up to the moment it becomes a
 * WebSocket or is refused.
 *
 * Sans-I/O. It is given bytes; it says what is asked, and writes what is answered. A WebSocket frees
 * it. What is refused is refused before 101, with Engine.IO's own words: a client that gets an error
 * never believes that it was connected. After a refusal nothing more is read from the connection.
 *
 * Source: RFC 9112 (parsed by llhttp, strictly), RFC 6455 4.2, engine.io-protocol 4.
 */
#ifndef TCP_SERVER_HTTP_H
#define TCP_SERVER_HTTP_H
#include "core/base/bytes.h"
#include "core/wire/ws_deflate.h"
#include "tcp_server/gzip.h"
#include "tcp_server/web.h"

/* X(name, status, body): what may be wrong with a request. */
#define HTTP_REFUSAL_LIST(X)                                                                             \
        X(HTTP_NOT_REFUSED, "", "")                                                                      \
        X(HTTP_MALFORMED, "400 Bad Request", "malformed HTTP request\n")                                 \
        X(HTTP_HEAD_TOO_BIG, "431 Request Header Fields Too Large", "request head over 8 KiB\n")         \
        X(HTTP_TOO_SLOW, "408 Request Timeout", "no whole request in time\n")                            \
        X(HTTP_TOO_BIG, "413 Content Too Large", "body over the limit\n")                                \
        X(HTTP_NO_SUCH_PATH, "404 Not Found", "Socket.IO is served here, on another path\n")             \
        X(HTTP_TRANSPORT, "400 Bad Request", "{\"code\":0,\"message\":\"Transport unknown\"}")           \
        X(HTTP_SID, "400 Bad Request", "{\"code\":1,\"message\":\"Session ID unknown\"}")                \
        X(HTTP_METHOD, "400 Bad Request", "{\"code\":2,\"message\":\"Bad handshake method\"}")           \
        X(HTTP_BAD_REQUEST, "400 Bad Request", "{\"code\":3,\"message\":\"Bad request\"}")               \
        X(HTTP_BINARY, "400 Bad Request", "{\"code\":3,\"message\":\"Bad request\"}")                    \
        X(HTTP_FORBIDDEN, "403 Forbidden", "{\"code\":4,\"message\":\"Forbidden\"}")                     \
        X(HTTP_PROTOCOL, "400 Bad Request", "{\"code\":5,\"message\":\"Unsupported protocol version\"}") \
        X(HTTP_WS_VERSION, "426 Upgrade Required", "Sec-WebSocket-Version must be 13\n")                 \
        X(HTTP_WS_KEY, "400 Bad Request", "Sec-WebSocket-Key must be sixteen bytes in base64\n")         \
        X(HTTP_FULL, "503 Service Unavailable", "too many sessions\n")                                   \
        X(HTTP_CONNECTIONS, "503 Service Unavailable", "too many connections\n")                         \
        X(HTTP_ADDRESS, "429 Too Many Requests", "too many connections of this address\n")

/* After HTTP_BINARY, a POST as Engine.IO 3 had it, the session has to end. */
enum http_refusal {
#define HTTP_REFUSAL_ENUM(name, status, body) name,
        HTTP_REFUSAL_LIST(HTTP_REFUSAL_ENUM)
#undef HTTP_REFUSAL_ENUM
                HTTP_REFUSALS
};

enum { HTTP_HEAD_BYTES_MAX = 8192 };

enum http_verdict {
        HTTP_MORE,     /* give it more bytes */
        HTTP_POLL,     /* a GET for packets, of the session http_sid or of a new one */
        HTTP_PACKETS,  /* a whole POST: http_body for the session http_sid */
        HTTP_ANSWERED, /* send the answer, then http_rest, then http_next: a preflight, a file */
        HTTP_UPGRADE,  /* send the answer; what follows is WebSocket, for http_sid if that is not empty */
        HTTP_REFUSED,  /* send the answer, then close */
};

/* What a session id stands for. */
enum http_session { HTTP_NO_SESSION, HTTP_POLLED, HTTP_UPGRADED };

struct http_config {
        const char *path;                 /* where Socket.IO is served, with both slashes */
        const char *bare_path;            /* and Engine.IO without it; NULL: nowhere */
        const char *cors_origin;          /* whose pages are told that they may; "*": any; NULL: none */
        const char *const *origins;       /* whose may, all others being refused, up to a NULL; NULL: no such list */
        const struct web *web;            /* files for browsers; NULL: none */
        const struct ws_deflate *deflate; /* whose rules are agreed on; NULL: no compression */
        struct gzip *gzip;                /* for packets that are many; NULL: they go as they are */
        size_t body_bytes_max;
        enum http_session (*look_up)(void *ctx, struct bytes sid); /* must not call back */
        void *ctx;
};

struct http;

/* config is borrowed. NULL when memory is out. */
struct http *http_create(const struct http_config *config);
void http_destroy(struct http *h); /* accepts NULL */

/* taken: how many of the n bytes belong to the request; the rest is the next one's or WebSocket's.
 * After any verdict but MORE it must not be called again before http_next. */
enum http_verdict http_recv(struct http *h, const uint8_t *in, size_t n, size_t *taken);

/* Has a request begun? And: is its head accepted, its body still on the way? */
bool http_begun(const struct http *h);
bool http_posting(const struct http *h);

/* Whose page asks (empty: not told), and for what. Borrowed until http_next. */
struct bytes http_origin(const struct http *h);
struct bytes http_url(const struct http *h);

/* Is Engine.IO wanted without Socket.IO inside it? */
bool http_bare(const struct http *h);

/* What an UPGRADE agreed on; NULL: no compression. */
const struct ws_terms *http_terms(const struct http *h);

/* Borrowed until http_next. */
struct bytes http_sid(const struct http *h);
struct bytes http_body(const struct http *h);

/* Appends the whole answer to a POLL (packets, compressed if they are many and the client takes it) or
 * to PACKETS ("ok"). Returns 0 or ERR_NO_MEMORY. */
int http_put_packets(const struct http *h, struct bytes packets, struct buf *out);
int http_put_ok(const struct http *h, struct buf *out);

/* What follows an ANSWERED's answer: a file's bytes, lent as long as the web lives. */
struct bytes http_rest(const struct http *h);

/* The request is answered: begins the next one. False: the client wants the connection closed. */
bool http_next(struct http *h);

/* Refuses from outside (HTTP_TOO_SLOW, or a session that cannot take the request). */
void http_refuse(struct http *h, enum http_refusal refusal);

/* HTTP_FORBIDDEN in words of one's own. */
void http_forbid(struct http *h, const char *message);

struct bytes http_answer(const struct http *h); /* of ANSWERED, UPGRADE and REFUSED; borrowed */
enum http_refusal http_refusal(const struct http *h);

/* What the refused are told: the answer's body, with its line's end if it has one. */
const char *http_refusal_text(enum http_refusal refusal);

#endif
