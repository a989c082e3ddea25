#include "tcp_server/http.h"

#include <llhttp/llhttp.h>
#include <stdlib.h>
#include <strings.h>

#include "core/wire/ws_handshake.h"

enum { NAME_MAX_BYTES = 32 };

/* The headers we look at; each is kept whole or not at all. */
#define HEADER_LIST(X)                                    \
        X(HEADER_HOST, "host")                            \
        X(HEADER_UPGRADE, "upgrade")                      \
        X(HEADER_KEY, "sec-websocket-key")                \
        X(HEADER_VERSION, "sec-websocket-version")        \
        X(HEADER_ORIGIN, "origin")                        \
        X(HEADER_TYPE, "content-type")                    \
        X(HEADER_ASKED, "access-control-request-headers") \
        X(HEADER_KNOWN, "if-none-match")

#define HEADER_ENUM(header, name) header,
#define HEADER_NAME(header, name) [header] = name,
enum header { HEADER_OTHER, HEADER_LIST(HEADER_ENUM) HEADERS };
static const char *const header_names[HEADERS] = { HEADER_LIST(HEADER_NAME) };

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
        bool head_whole, posting, body_whole, body_too_big;
};

static const char *status_of(enum http_refusal refusal)
{
        static const char *const status[] = {
#define HTTP_STATUS(name, words, body) words,
                HTTP_REFUSAL_LIST(HTTP_STATUS)
#undef HTTP_STATUS
        };
        return status[refusal];
}

/* ---- what llhttp tells ---------------------------------------------------------------------- */

static int on_url(llhttp_t *p, const char *at, size_t n)
{
        return buf_put(&((struct http *)p->data)->url, at, n);
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
        struct http *h = p->data;
        for (size_t i = 0; i < n; i++, h->name_n++)
                if (h->name_n < NAME_MAX_BYTES - 1)
                        h->name[h->name_n] = at[i];
        return memchr(at, ' ', n) ? HPE_USER : HPE_OK; /* "Host : a": a proxy may read it otherwise */
}

static int on_field_end(llhttp_t *p)
{
        struct http *h = p->data;
        if (h->name_n == 0)
                return HPE_USER;
        h->name[h->name_n < NAME_MAX_BYTES ? h->name_n : 0] = '\0';
        h->name_n = 0;
        h->header = HEADER_OTHER;
        for (int i = HEADER_OTHER + 1; i < HEADERS; i++)
                if (strcasecmp(h->name, header_names[i]) == 0)
                        h->header = (enum header)i;
        if (h->header != HEADER_OTHER && h->value[h->header].at)
                h->doubled = true;
        return h->header == HEADER_OTHER ? HPE_OK : buf_put(&h->value[h->header], "", 0);
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
        struct http *h = p->data;
        return h->header == HEADER_OTHER ? HPE_OK : buf_put(&h->value[h->header], at, n);
}

/* The head is whole: llhttp stops here, so that it is judged before a body is read. */
static int on_head_end(llhttp_t *p)
{
        ((struct http *)p->data)->head_whole = true;
        return p->upgrade ? 2 : HPE_PAUSED;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
        struct http *h = p->data;
        h->body_too_big = n > h->config->body_bytes_max - h->body.n;
        return h->body_too_big ? HPE_USER : buf_put(&h->body, at, n);
}

static int on_end(llhttp_t *p)
{
        ((struct http *)p->data)->body_whole = true;
        return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_field_complete = on_field_end,
        .on_header_value = on_value,
        .on_headers_complete = on_head_end,
        .on_body = on_body,
        .on_message_complete = on_end,
};

/* A line that begins with a space goes on with the header above it, which proxies read in different
 * ways (RFC 9112 5.2 lets us refuse it); llhttp joins such lines without a word. */
static void look_for_folds(struct http *h, const uint8_t *in, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (h->last == '\n' && (in[i] == ' ' || in[i] == '\t'))
                        h->folded = true;
                h->last = in[i];
        }
}

/* ---- judging -------------------------------------------------------------------------------- */

/* The value of a query parameter; empty when it is not there. */
static struct bytes query(struct bytes url, const char *name)
{
        size_t name_n = strlen(name);
        const uint8_t *at = url.n ? memchr(url.at, '?', url.n) : NULL, *end = url.at + url.n;
        while (at && at < end) {
                const uint8_t *start = at + 1;
                at = memchr(start, '&', (size_t)(end - start));
                const uint8_t *stop = at ? at : end;
                if ((size_t)(stop - start) > name_n && memcmp(start, name, name_n) == 0 && start[name_n] == '=')
                        return bytes_of(start + name_n + 1, (size_t)(stop - start) - name_n - 1);
        }
        return bytes_of(NULL, 0);
}

static bool is_text(struct bytes b, const char *text)
{
        return bytes_equal(b, bytes_text(text));
}

/* Control characters in an origin would end up in an answer's headers. */
static bool plain(struct bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                if (b.at[i] < 0x20 || b.at[i] > 0x7e)
                        return false;
        return true;
}

static bool is_upgrade(const struct http *h)
{
        struct bytes upgrade = buf_bytes(&h->value[HEADER_UPGRADE]);
        return h->parser.upgrade && upgrade.n == 9 && strncasecmp((const char *)upgrade.at, "websocket", 9) == 0;
}

static bool has_body(const struct http *h)
{
        return (h->parser.flags & F_TRANSFER_ENCODING) || h->parser.content_length > 0;
}

static enum http_refusal judge_upgrade(const struct http *h)
{
        if (!is_upgrade(h) || h->parser.http_major != 1 || h->parser.http_minor != 1 || has_body(h))
                return HTTP_BAD_REQUEST;
        if (!is_text(buf_bytes(&h->value[HEADER_VERSION]), "13"))
                return HTTP_WS_VERSION;
        return ws_key_valid(buf_bytes(&h->value[HEADER_KEY])) ? HTTP_NOT_REFUSED : HTTP_WS_KEY;
}

static enum http_refusal judge_post(const struct http *h)
{
        static const char binary[] = "application/octet-stream"; /* was Engine.IO 3's */
        struct bytes type = buf_bytes(&h->value[HEADER_TYPE]);
        if (h->parser.upgrade || (type.n >= sizeof binary - 1 && memcmp(type.at, binary, sizeof binary - 1) == 0))
                return HTTP_BAD_REQUEST;
        return h->parser.content_length > h->config->body_bytes_max ? HTTP_TOO_BIG : HTTP_NOT_REFUSED;
}

/* A request that names a session: it must be there, and be carried as the request says. */
static enum http_refusal judge_session(const struct http *h, bool websocket)
{
        const struct http_config *c = h->config;
        enum http_session found = c->look_up ? c->look_up(c->ctx, http_sid(h)) : HTTP_NO_SESSION;
        if (found == HTTP_NO_SESSION)
                return HTTP_SID;
        if (websocket != (found == HTTP_UPGRADED) && !is_upgrade(h))
                return HTTP_BAD_REQUEST;
        return HTTP_NOT_REFUSED;
}

/* A file for browsers. One with a transport is Engine.IO's, should --path be the page's own. */
static bool is_file(const struct http *h)
{
        struct bytes url = buf_bytes(&h->url);
        return h->config->web && h->parser.method != HTTP_OPTIONS && !h->parser.upgrade && !has_body(h) &&
               query(url, "transport").n == 0 && web_has(h->config->web, url);
}

/* In the reference's order (its verify()), but the protocol version is looked at before 101. */
static enum http_refusal judge(const struct http *h)
{
        struct bytes url = buf_bytes(&h->url);
        size_t path_n = strlen(h->config->path);
        bool websocket = is_text(query(url, "transport"), "websocket"), named = http_sid(h).n > 0;
        if (h->doubled || h->folded || (h->parser.http_minor == 1 && !h->value[HEADER_HOST].at))
                return HTTP_MALFORMED;
        if (is_file(h))
                return HTTP_NOT_REFUSED;
        if (url.n < path_n || memcmp(url.at, h->config->path, path_n) != 0)
                return HTTP_NO_SUCH_PATH;
        if (h->parser.method == HTTP_OPTIONS && h->config->cors_origin && !has_body(h) && !h->parser.upgrade)
                return HTTP_NOT_REFUSED;
        if (!websocket && !is_text(query(url, "transport"), "polling"))
                return HTTP_TRANSPORT;
        if (!plain(buf_bytes(&h->value[HEADER_ORIGIN])))
                return HTTP_BAD_REQUEST;
        enum http_refusal refusal = named ? judge_session(h, websocket) : HTTP_NOT_REFUSED;
        if (refusal)
                return refusal;
        bool post = h->parser.method == HTTP_POST && named && !websocket;
        if (h->parser.method != HTTP_GET && !post)
                return HTTP_METHOD;
        if (!named && !is_text(query(url, "EIO"), "4"))
                return HTTP_PROTOCOL;
        if (websocket)
                return judge_upgrade(h);
        if (post)
                return judge_post(h);
        return is_upgrade(h) || has_body(h) ? HTTP_BAD_REQUEST : HTTP_NOT_REFUSED;
}

/* ---- answering ------------------------------------------------------------------------------ */

static int put_cors(const struct http *h, struct buf *out)
{
        const char *origin = h->config->cors_origin;
        if (!origin)
                return 0;
        return buf_printf(out, "Access-Control-Allow-Origin: %s\r\n%s", origin,
                          strcmp(origin, "*") == 0 ? "" : "Vary: Origin\r\n");
}

static bool stays(const struct http *h)
{
        return h->parser.http_minor == 1 && !(h->parser.flags & F_CONNECTION_CLOSE);
}

static int put_found(const struct http *h, const char *type, struct bytes body, struct buf *out)
{
        int err = buf_printf(out,
                             "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                             "Cache-Control: no-store\r\n%s",
                             type, body.n, stays(h) ? "" : "Connection: close\r\n");
        err = err ? err : put_cors(h, out);
        err = err ? err : buf_text(out, "\r\n");
        return err ? err : buf_put(out, body.at, body.n);
}

int http_put_packets(const struct http *h, struct bytes packets, struct buf *out)
{
        return put_found(h, "text/plain; charset=UTF-8", packets, out);
}

int http_put_ok(const struct http *h, struct buf *out)
{
        return put_found(h, "text/html", bytes_text("ok"), out);
}

/* What the browser asks before it lets a page of another origin send more than a plain request. */
static void put_preflight(struct http *h)
{
        struct bytes asked = buf_bytes(&h->value[HEADER_ASKED]);
        (void)buf_text(&h->answer, "HTTP/1.1 204 No Content\r\n"
                                   "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n");
        if (asked.n > 0 && plain(asked))
                (void)buf_printf(&h->answer,
                                 "Vary: Access-Control-Request-Headers\r\nAccess-Control-Allow-Headers: %.*s\r\n",
                                 (int)asked.n, (const char *)asked.at);
        (void)put_cors(h, &h->answer);
        (void)buf_printf(&h->answer, "%s\r\n", stays(h) ? "" : "Connection: close\r\n");
}

void http_refuse(struct http *h, enum http_refusal refusal)
{
        const char *body = http_refusal_text(refusal);
        h->refusal = refusal;
        h->answer.n = 0;
        (void)buf_printf(&h->answer, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n",
                         status_of(refusal), body[0] == '{' ? "application/json" : "text/plain; charset=UTF-8",
                         strlen(body));
        if (refusal == HTTP_WS_VERSION)
                (void)buf_text(&h->answer, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
        (void)put_cors(h, &h->answer);
        (void)buf_printf(&h->answer, "\r\n%s", body);
}

static enum http_verdict refuse(struct http *h, enum http_refusal refusal)
{
        http_refuse(h, refusal);
        return HTTP_REFUSED;
}

static enum http_verdict put_file(struct http *h)
{
        struct buf more = { 0 };
        int err = put_cors(h, &more);
        err = err || stays(h) ? err : buf_text(&more, "Connection: close\r\n");
        struct web_request r = {
                .method = llhttp_method_name(h->parser.method),
                .url = buf_bytes(&h->url),
                .if_none_match = buf_bytes(&h->value[HEADER_KNOWN]),
                .headers = buf_bytes(&more),
        };
        err = err ? err : web_answer(h->config->web, &r, &h->answer, &h->rest);
        buf_free(&more);
        if (!err)
                return HTTP_ANSWERED;
        h->answer.n = 0; /* half a head is none */
        return HTTP_REFUSED;
}

static void put_switch(struct http *h)
{
        char accept[WS_ACCEPT_TEXT + 1];
        ws_accept(buf_bytes(&h->value[HEADER_KEY]), accept);
        (void)buf_printf(&h->answer,
                         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: %s\r\n",
                         accept);
        (void)put_cors(h, &h->answer);
        (void)buf_text(&h->answer, "\r\n");
}

/* What an accepted head asks for; a body may have to come first. */
static enum http_verdict accept_head(struct http *h)
{
        if (is_file(h))
                return put_file(h);
        switch (h->parser.method) {
        case HTTP_OPTIONS:
                put_preflight(h);
                return HTTP_ANSWERED;
        case HTTP_POST:
                h->posting = has_body(h);
                return h->posting ? HTTP_MORE : HTTP_PACKETS;
        default:
                if (!is_upgrade(h))
                        return HTTP_POLL;
                put_switch(h);
                return HTTP_UPGRADE;
        }
}

/* ---- reading -------------------------------------------------------------------------------- */

static size_t stopped_at(const struct http *h, const uint8_t *in, size_t n)
{
        const char *pos = llhttp_get_error_pos(&h->parser);
        return pos ? (size_t)((const uint8_t *)pos - in) : n;
}

static enum http_verdict recv_head(struct http *h, const uint8_t *in, size_t n, size_t *taken)
{
        size_t room = HTTP_HEAD_BYTES_MAX - h->head_bytes;
        enum llhttp_errno err = llhttp_execute(&h->parser, (const char *)in, n < room ? n : room);
        if (err == HPE_OK && !h->head_whole) {
                look_for_folds(h, in, n < room ? n : room);
                *taken = n;
                h->head_bytes += n;
                return n < room ? HTTP_MORE : refuse(h, HTTP_HEAD_TOO_BIG);
        }
        *taken = stopped_at(h, in, n);
        look_for_folds(h, in, *taken);
        enum http_refusal refusal = h->head_whole ? judge(h) : HTTP_MALFORMED;
        return refusal ? refuse(h, refusal) : accept_head(h);
}

static enum http_verdict recv_body(struct http *h, const uint8_t *in, size_t n, size_t *taken)
{
        llhttp_resume(&h->parser);
        enum llhttp_errno err = llhttp_execute(&h->parser, (const char *)in, n);
        *taken = err == HPE_OK ? n : stopped_at(h, in, n);
        if (h->body_too_big)
                return refuse(h, HTTP_TOO_BIG);
        if (h->body_whole)
                return HTTP_PACKETS;
        return err == HPE_OK ? HTTP_MORE : refuse(h, HTTP_MALFORMED);
}

/* ---- public --------------------------------------------------------------------------------- */

static void begin(struct http *h)
{
        llhttp_init(&h->parser, HTTP_REQUEST, &settings);
        h->parser.data = h;
}

struct http *http_create(const struct http_config *config)
{
        struct http *h = calloc(1, sizeof *h);
        if (!h)
                return NULL;
        h->config = config;
        begin(h);
        return h;
}

static void free_bufs(struct http *h)
{
        buf_free(&h->url);
        buf_free(&h->answer);
        buf_free(&h->body);
        for (int i = 0; i < HEADERS; i++)
                buf_free(&h->value[i]);
}

void http_destroy(struct http *h)
{
        if (h)
                free_bufs(h);
        free(h);
}

bool http_next(struct http *h)
{
        bool on = stays(h);
        free_bufs(h);
        *h = (struct http){ .config = h->config };
        begin(h);
        return on;
}

enum http_verdict http_recv(struct http *h, const uint8_t *in, size_t n, size_t *taken)
{
        size_t head_n = 0, body_n = 0;
        enum http_verdict verdict = h->posting ? HTTP_MORE : recv_head(h, in, n, &head_n);
        if (verdict == HTTP_MORE && h->posting && head_n < n)
                verdict = recv_body(h, in + head_n, n - head_n, &body_n);
        *taken = head_n + body_n;
        return verdict;
}

bool http_begun(const struct http *h)
{
        return h->head_bytes > 0 || h->head_whole;
}

bool http_posting(const struct http *h)
{
        return h->posting;
}

struct bytes http_sid(const struct http *h)
{
        return query(buf_bytes(&h->url), "sid");
}

struct bytes http_body(const struct http *h)
{
        return buf_bytes(&h->body);
}

struct bytes http_rest(const struct http *h)
{
        return h->rest;
}

struct bytes http_answer(const struct http *h)
{
        return buf_bytes(&h->answer);
}

enum http_refusal http_refusal(const struct http *h)
{
        return h->refusal;
}

const char *http_refusal_text(enum http_refusal refusal)
{
        static const char *const bodies[] = {
#define HTTP_BODY(name, words, body) body,
                HTTP_REFUSAL_LIST(HTTP_BODY)
#undef HTTP_BODY
        };
        return bodies[refusal];
}
