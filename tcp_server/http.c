#include "tcp_server/http.h"

#include <stdlib.h>
#include <strings.h>

#include "core/event/json.h"
#include "core/event/pack.h"
#include "core/wire/ws_handshake.h"
#include "tcp_server/http_inside.h"

static const char *const header_names[HEADERS] = { HEADER_LIST(HEADER_NAME) };

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

/* Of which more lines than one are one list; all others may stand once. */
static bool is_list(enum header header)
{
        return header == HEADER_PROTOCOL || header == HEADER_EXTENSIONS || header == HEADER_ENCODINGS;
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
        if (h->header == HEADER_OTHER)
                return HPE_OK;
        bool again = h->value[h->header].at != NULL;
        h->doubled = h->doubled || (again && !is_list(h->header));
        return buf_put(&h->value[h->header], ",", again);
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

/* ---- answering ------------------------------------------------------------------------------ */

/* A list's answer depends on who asks, also when it is none. */
static int put_listed(const struct http *h, struct buf *out)
{
        struct bytes origin = http_origin(h);
        int err = http_is_listed(h) ? buf_printf(out, "Access-Control-Allow-Origin: %.*s\r\n", (int)origin.n,
                                                 (const char *)origin.at)
                                    : 0;
        return err ? err : buf_text(out, "Vary: Origin\r\n");
}

static int put_cors(const struct http *h, struct buf *out)
{
        const char *origin = h->config->cors_origin;
        if (h->config->origins)
                return put_listed(h, out);
        if (!origin)
                return 0;
        return buf_printf(out, "Access-Control-Allow-Origin: %s\r\n%s", origin,
                          strcmp(origin, "*") == 0 ? "" : "Vary: Origin\r\n");
}

static bool stays(const struct http *h)
{
        return h->parser.http_minor == 1 && !(h->parser.flags & F_CONNECTION_CLOSE);
}

/* more: further lines of the head. */
static int put_found(const struct http *h, const char *type, const char *more, struct bytes body, struct buf *out)
{
        int err = buf_printf(out,
                             "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                             "Cache-Control: no-store\r\n%s%s",
                             type, body.n, more, stays(h) ? "" : "Connection: close\r\n");
        err = err ? err : put_cors(h, out);
        err = err ? err : buf_text(out, "\r\n");
        return err ? err : buf_put(out, body.at, body.n);
}

int http_put_packets(const struct http *h, struct bytes packets, struct buf *out)
{
        static const char type[] = "text/plain; charset=UTF-8";
        struct gzip *g = h->config->gzip;
        if (!g || packets.n < GZIP_BYTES_MIN || !gzip_accepted(buf_bytes(&h->value[HEADER_ENCODINGS])))
                return put_found(h, type, "", packets, out);
        struct buf packed = { 0 };
        int err = gzip_put(g, packets, &packed);
        err = err ? err : put_found(h, type, "Content-Encoding: gzip\r\n", buf_bytes(&packed), out);
        buf_free(&packed);
        return err;
}

int http_put_ok(const struct http *h, struct buf *out)
{
        return put_found(h, "text/html", "", bytes_text("ok"), out);
}

/* What the browser asks before it lets a page of another origin send more than a plain request. */
static void put_preflight(struct http *h)
{
        struct bytes asked = buf_bytes(&h->value[HEADER_ASKED]);
        (void)buf_text(&h->answer, "HTTP/1.1 204 No Content\r\n"
                                   "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n"
                                   "Vary: Access-Control-Request-Headers\r\n");
        if (asked.n > 0 && http_plain(asked))
                (void)buf_printf(&h->answer, "Access-Control-Allow-Headers: %.*s\r\n", (int)asked.n,
                                 (const char *)asked.at);
        (void)put_cors(h, &h->answer);
        (void)buf_printf(&h->answer, "%s\r\n", stays(h) ? "" : "Connection: close\r\n");
}

static void put_refusal(struct http *h, enum http_refusal refusal, struct bytes body)
{
        h->refusal = refusal;
        h->answer.n = 0;
        (void)buf_printf(&h->answer, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n",
                         status_of(refusal), body.at[0] == '{' ? "application/json" : "text/plain; charset=UTF-8",
                         body.n);
        if (refusal == HTTP_WS_VERSION)
                (void)buf_text(&h->answer, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
        (void)put_cors(h, &h->answer);
        bool bodiless = h->head_whole && h->parser.method == HTTP_HEAD;
        (void)buf_text(&h->answer, "\r\n");
        (void)buf_put(&h->answer, body.at, bodiless ? 0 : body.n);
}

void http_refuse(struct http *h, enum http_refusal refusal)
{
        put_refusal(h, refusal, bytes_text(http_refusal_text(refusal)));
}

void http_forbid(struct http *h, const char *message)
{
        struct buf map = { 0 }, body = { 0 };
        int err = pack_put_map(&map, 2);
        err = err ? err : pack_put_word(&map, "code");
        err = err ? err : pack_put_u64(&map, 4);
        err = err ? err : pack_put_word(&map, "message");
        err = err ? err : pack_put_word(&map, message);
        err = err ? err : json_from_pack(buf_bytes(&map), &body, NULL);
        if (err)
                http_refuse(h, HTTP_FORBIDDEN);
        else
                put_refusal(h, HTTP_FORBIDDEN, buf_bytes(&body));
        buf_free(&map);
        buf_free(&body);
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
                .accept_encoding = buf_bytes(&h->value[HEADER_ENCODINGS]),
        };
        err = err ? err : web_answer(h->config->web, &r, &h->answer, &h->rest);
        buf_free(&more);
        if (!err)
                return HTTP_ANSWERED;
        h->answer.n = 0; /* half a head is none */
        return HTTP_REFUSED;
}

static int put_extensions(struct http *h)
{
        if (!h->config->deflate)
                return 0;
        struct ws_deflate_rules rules = ws_deflate_rules(h->config->deflate);
        h->deflated = ws_offer_accept(buf_bytes(&h->value[HEADER_EXTENSIONS]), &rules, &h->terms);
        if (!h->deflated)
                return 0;
        int err = buf_text(&h->answer, "Sec-WebSocket-Extensions: ");
        err = err ? err : ws_offer_answer(&h->terms, &h->answer);
        return err ? err : buf_text(&h->answer, "\r\n");
}

static void put_switch(struct http *h)
{
        char accept[WS_ACCEPT_TEXT + 1];
        ws_accept(buf_bytes(&h->value[HEADER_KEY]), accept);
        (void)buf_printf(&h->answer,
                         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: %s\r\n",
                         accept);
        struct bytes protocol = http_subprotocol(h);
        if (protocol.n > 0)
                (void)buf_printf(&h->answer, "Sec-WebSocket-Protocol: %.*s\r\n", (int)protocol.n,
                                 (const char *)protocol.at);
        (void)put_extensions(h);
        (void)put_cors(h, &h->answer);
        (void)buf_text(&h->answer, "\r\n");
}

/* What an accepted head asks for; a body may have to come first. */
static enum http_verdict accept_head(struct http *h)
{
        if (http_is_file(h))
                return put_file(h);
        switch (h->parser.method) {
        case HTTP_OPTIONS:
                put_preflight(h);
                return HTTP_ANSWERED;
        case HTTP_POST:
                h->posting = http_has_body(h);
                return h->posting ? HTTP_MORE : HTTP_PACKETS;
        default:
                if (!http_is_upgrade(h))
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
        enum http_refusal refusal = h->head_whole ? http_judge(h) : HTTP_MALFORMED;
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

const struct ws_terms *http_terms(const struct http *h)
{
        return h->deflated ? &h->terms : NULL;
}

struct bytes http_sid(const struct http *h)
{
        return http_query(buf_bytes(&h->url), "sid");
}

struct bytes http_url(const struct http *h)
{
        return buf_bytes(&h->url);
}

struct bytes http_origin(const struct http *h)
{
        return buf_bytes(&h->value[HEADER_ORIGIN]);
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
