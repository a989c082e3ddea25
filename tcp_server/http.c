#include "tcp_server/http.h"

#include <llhttp/llhttp.h>
#include <stdlib.h>
#include <strings.h>

#include "core/wire/ws_handshake.h"

enum { NAME_MAX_BYTES = 32 };

/* The headers we look at; each is kept whole or not at all. */
enum header { HEADER_OTHER, HEADER_HOST, HEADER_UPGRADE, HEADER_KEY, HEADER_VERSION, HEADER_ORIGIN, HEADERS };

static const char *const header_names[HEADERS] = {
        [HEADER_HOST] = "host",
        [HEADER_UPGRADE] = "upgrade",
        [HEADER_KEY] = "sec-websocket-key",
        [HEADER_VERSION] = "sec-websocket-version",
        [HEADER_ORIGIN] = "origin",
};

struct http {
        llhttp_t parser;
        const char *path, *cors_origin;
        size_t head_bytes;
        struct buf url, value[HEADERS], answer;
        char name[NAME_MAX_BYTES];
        size_t name_n;
        enum header header; /* whose value is being read */
        bool doubled;       /* a header that may stand once stands twice */
        bool folded;        /* a header goes on in the next line */
        uint8_t last;       /* byte of the head so far */
        enum http_refusal refusal;
        bool decided;
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

/* The head is whole: llhttp stops here, a body is not for us. */
static int on_head_end(llhttp_t *p)
{
        ((struct http *)p->data)->decided = true;
        return p->upgrade ? 2 : HPE_PAUSED;
}

static const llhttp_settings_t settings = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_field_complete = on_field_end,
        .on_header_value = on_value,
        .on_headers_complete = on_head_end,
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
        const uint8_t *at = memchr(url.at, '?', url.n), *end = url.at + url.n;
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

static enum http_refusal judge_upgrade(const struct http *h)
{
        struct bytes upgrade = buf_bytes(&h->value[HEADER_UPGRADE]);
        if (!h->parser.upgrade || upgrade.n != 9 || strncasecmp((const char *)upgrade.at, "websocket", 9) != 0)
                return HTTP_BAD_REQUEST;
        if (h->parser.http_major != 1 || h->parser.http_minor != 1)
                return HTTP_BAD_REQUEST;
        if ((h->parser.flags & F_TRANSFER_ENCODING) || h->parser.content_length > 0)
                return HTTP_BAD_REQUEST;
        if (!is_text(buf_bytes(&h->value[HEADER_VERSION]), "13"))
                return HTTP_WS_VERSION;
        return ws_key_valid(buf_bytes(&h->value[HEADER_KEY])) ? HTTP_NOT_REFUSED : HTTP_WS_KEY;
}

/* In the reference's order (its verify()), but the protocol version is looked at before 101. */
static enum http_refusal judge(const struct http *h)
{
        struct bytes url = buf_bytes(&h->url);
        size_t path_n = strlen(h->path);
        if (h->doubled || h->folded || (h->parser.http_minor == 1 && !h->value[HEADER_HOST].at))
                return HTTP_MALFORMED;
        if (url.n < path_n || memcmp(url.at, h->path, path_n) != 0)
                return HTTP_NO_SUCH_PATH;
        if (!is_text(query(url, "transport"), "websocket"))
                return HTTP_TRANSPORT;
        if (!plain(buf_bytes(&h->value[HEADER_ORIGIN])))
                return HTTP_BAD_REQUEST;
        if (query(url, "sid").n > 0)
                return HTTP_SID;
        if (h->parser.method != HTTP_GET)
                return HTTP_METHOD;
        if (!is_text(query(url, "EIO"), "4"))
                return HTTP_PROTOCOL;
        return judge_upgrade(h);
}

static void put_cors(struct http *h)
{
        if (h->cors_origin)
                (void)buf_printf(&h->answer, "Access-Control-Allow-Origin: %s\r\n%s", h->cors_origin,
                                 strcmp(h->cors_origin, "*") == 0 ? "" : "Vary: Origin\r\n");
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
        put_cors(h);
        (void)buf_printf(&h->answer, "\r\n%s", body);
}

static enum http_verdict answer(struct http *h, enum http_refusal refusal)
{
        if (refusal) {
                http_refuse(h, refusal);
                return HTTP_REFUSED;
        }
        char accept[WS_ACCEPT_TEXT + 1];
        ws_accept(buf_bytes(&h->value[HEADER_KEY]), accept);
        (void)buf_printf(&h->answer,
                         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: %s\r\n",
                         accept);
        put_cors(h);
        (void)buf_text(&h->answer, "\r\n");
        return HTTP_UPGRADE;
}

/* ---- public --------------------------------------------------------------------------------- */

struct http *http_create(const char *path, const char *cors_origin)
{
        struct http *h = calloc(1, sizeof *h);
        if (!h)
                return NULL;
        h->path = path;
        h->cors_origin = cors_origin;
        llhttp_init(&h->parser, HTTP_REQUEST, &settings);
        h->parser.data = h;
        return h;
}

void http_destroy(struct http *h)
{
        if (!h)
                return;
        buf_free(&h->url);
        buf_free(&h->answer);
        for (int i = 0; i < HEADERS; i++)
                buf_free(&h->value[i]);
        free(h);
}

enum http_verdict http_recv(struct http *h, const uint8_t *in, size_t n, size_t *taken)
{
        size_t room = HTTP_HEAD_BYTES_MAX - h->head_bytes;
        enum llhttp_errno err = llhttp_execute(&h->parser, (const char *)in, n < room ? n : room);
        if (err == HPE_OK && !h->decided) {
                look_for_folds(h, in, n < room ? n : room);
                *taken = n;
                h->head_bytes += n;
                return n < room ? HTTP_MORE : answer(h, HTTP_HEAD_TOO_BIG);
        }
        const char *pos = llhttp_get_error_pos(&h->parser);
        *taken = pos ? (size_t)((const uint8_t *)pos - in) : n;
        look_for_folds(h, in, *taken);
        return answer(h, h->decided ? judge(h) : HTTP_MALFORMED);
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
