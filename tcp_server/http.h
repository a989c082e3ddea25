/* http: one HTTP request head, up to the moment it becomes a WebSocket or is refused.
 *
 * Sans-I/O. It is given bytes; it says what to answer. One lives for the short time before the
 * upgrade and is then freed. What is refused is refused before 101, with Engine.IO's own words:
 * a client that gets an error never believes that it was connected.
 *
 * Source: RFC 9112 (parsed by llhttp, strictly), RFC 6455 4.2, engine.io-protocol 4.
 */
#ifndef TCP_SERVER_HTTP_H
#define TCP_SERVER_HTTP_H
#include "core/base/bytes.h"

/* X(name, status, body): what may be wrong with a request. */
#define HTTP_REFUSAL_LIST(X)                                                                             \
        X(HTTP_NOT_REFUSED, "", "")                                                                      \
        X(HTTP_MALFORMED, "400 Bad Request", "malformed HTTP request\n")                                 \
        X(HTTP_HEAD_TOO_BIG, "431 Request Header Fields Too Large", "request head over 8 KiB\n")         \
        X(HTTP_TOO_SLOW, "408 Request Timeout", "no whole request head in time\n")                       \
        X(HTTP_NO_SUCH_PATH, "404 Not Found", "Socket.IO is served here, on another path\n")             \
        X(HTTP_TRANSPORT, "400 Bad Request", "{\"code\":0,\"message\":\"Transport unknown\"}")           \
        X(HTTP_SID, "400 Bad Request", "{\"code\":1,\"message\":\"Session ID unknown\"}")                \
        X(HTTP_METHOD, "400 Bad Request", "{\"code\":2,\"message\":\"Bad handshake method\"}")           \
        X(HTTP_BAD_REQUEST, "400 Bad Request", "{\"code\":3,\"message\":\"Bad request\"}")               \
        X(HTTP_PROTOCOL, "400 Bad Request", "{\"code\":5,\"message\":\"Unsupported protocol version\"}") \
        X(HTTP_WS_VERSION, "426 Upgrade Required", "Sec-WebSocket-Version must be 13\n")                 \
        X(HTTP_WS_KEY, "400 Bad Request", "Sec-WebSocket-Key must be sixteen bytes in base64\n")

enum http_refusal {
#define HTTP_REFUSAL_ENUM(name, status, body) name,
        HTTP_REFUSAL_LIST(HTTP_REFUSAL_ENUM)
#undef HTTP_REFUSAL_ENUM
                HTTP_REFUSALS
};

enum { HTTP_HEAD_BYTES_MAX = 8192 };

enum http_verdict {
        HTTP_MORE,    /* give it more bytes */
        HTTP_UPGRADE, /* send the answer; what follows is WebSocket */
        HTTP_REFUSED, /* send the answer, then close */
};

struct http;

/* path: where Socket.IO is served, with both slashes; cors_origin: NULL or the origin allowed.
 * Both are borrowed. NULL when memory is out. */
struct http *http_create(const char *path, const char *cors_origin);
void http_destroy(struct http *h); /* accepts NULL */

/* taken: how many of the n bytes belong to the request; the rest is WebSocket's. After UPGRADE or
 * REFUSED it must not be called again. */
enum http_verdict http_recv(struct http *h, const uint8_t *in, size_t n, size_t *taken);

/* Refuses from outside (HTTP_TOO_SLOW). */
void http_refuse(struct http *h, enum http_refusal refusal);

struct bytes http_answer(const struct http *h); /* borrowed until http_destroy */
enum http_refusal http_refusal(const struct http *h);

/* What the refused are told: the answer's body, with its line's end if it has one. */
const char *http_refusal_text(enum http_refusal refusal);

#endif
