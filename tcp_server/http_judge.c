#include "tcp_server/http_inside.h"

#include <ctype.h>
#include <strings.h>

#include "core/wire/ws_handshake.h"

struct bytes http_query(struct bytes url, const char *name)
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

bool http_plain(struct bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                if (b.at[i] < 0x20 || b.at[i] == 0x7f)
                        return false;
        return true;
}

bool http_is_upgrade(const struct http *h)
{
        struct bytes upgrade = buf_bytes(&h->value[HEADER_UPGRADE]);
        return h->parser.upgrade && upgrade.n == 9 && strncasecmp((const char *)upgrade.at, "websocket", 9) == 0;
}

static bool is_token(struct bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                if (!isalnum(b.at[i]) && (b.at[i] == '\0' || !strchr("!#$%&'*+-.^_`|~", b.at[i])))
                        return false;
        return true;
}

/* The first that is offered, as the reference takes it: a browser that offers some fails without one. */
struct bytes http_subprotocol(const struct http *h)
{
        struct bytes list = buf_bytes(&h->value[HEADER_PROTOCOL]);
        const uint8_t *comma = list.n ? memchr(list.at, ',', list.n) : NULL;
        struct bytes first = comma ? bytes_of(list.at, (size_t)(comma - list.at)) : list;
        while (first.n > 0 && (first.at[first.n - 1] == ' ' || first.at[first.n - 1] == '\t'))
                first.n--;
        return is_token(first) ? first : bytes_of(NULL, 0);
}

bool http_has_body(const struct http *h)
{
        return (h->parser.flags & F_TRANSFER_ENCODING) || h->parser.content_length > 0;
}

static enum http_refusal judge_upgrade(const struct http *h)
{
        if (h->parser.http_major != 1 || h->parser.http_minor != 1 || http_has_body(h))
                return HTTP_BAD_REQUEST;
        if (h->value[HEADER_PROTOCOL].at && http_subprotocol(h).n == 0)
                return HTTP_BAD_REQUEST;
        if (!is_text(buf_bytes(&h->value[HEADER_VERSION]), "13"))
                return HTTP_WS_VERSION;
        return ws_key_valid(buf_bytes(&h->value[HEADER_KEY])) ? HTTP_NOT_REFUSED : HTTP_WS_KEY;
}

static enum http_refusal judge_post(const struct http *h)
{
        static const char binary[] = "application/octet-stream"; /* was Engine.IO 3's */
        struct bytes type = buf_bytes(&h->value[HEADER_TYPE]);
        if (h->parser.upgrade)
                return HTTP_BAD_REQUEST;
        if (type.n >= sizeof binary - 1 && memcmp(type.at, binary, sizeof binary - 1) == 0)
                return HTTP_BINARY;
        return h->parser.content_length > h->config->body_bytes_max ? HTTP_TOO_BIG : HTTP_NOT_REFUSED;
}

static bool speaks_version_4(const struct http *h)
{
        return is_text(http_query(buf_bytes(&h->url), "EIO"), "4");
}

/* A request that names a session: it must be there, and be carried as the request says. */
static enum http_refusal judge_session(const struct http *h, bool websocket)
{
        const struct http_config *c = h->config;
        enum http_session found = c->look_up ? c->look_up(c->ctx, http_sid(h)) : HTTP_NO_SESSION;
        if (found == HTTP_NO_SESSION)
                return HTTP_SID;
        if (websocket != (found == HTTP_UPGRADED) && !http_is_upgrade(h))
                return HTTP_BAD_REQUEST;
        return speaks_version_4(h) ? HTTP_NOT_REFUSED : HTTP_BAD_REQUEST;
}

/* A file for browsers. One with a transport is Engine.IO's, should --path be the page's own. */
bool http_is_file(const struct http *h)
{
        struct bytes url = buf_bytes(&h->url);
        return h->config->web && h->parser.method != HTTP_OPTIONS && !h->parser.upgrade && !http_has_body(h) &&
               http_query(url, "transport").n == 0 && web_has(h->config->web, url);
}

static bool lists(const char *const *origins, struct bytes origin)
{
        while (*origins && !is_text(origin, *origins))
                origins++;
        return *origins;
}

bool http_is_listed(const struct http *h)
{
        return h->config->origins && h->head_whole && lists(h->config->origins, http_origin(h));
}

/* What asks without an origin is no other site's page: a program, or a page from here. */
static bool is_foreign(const struct http *h)
{
        return h->config->origins && http_origin(h).n > 0 && !http_is_listed(h);
}

static bool has_cors(const struct http *h)
{
        return h->config->cors_origin || h->config->origins;
}

static bool below(struct bytes url, const char *path)
{
        size_t n = strlen(path);
        return url.n >= n && memcmp(url.at, path, n) == 0;
}

bool http_bare(const struct http *h)
{
        return h->config->bare_path && below(buf_bytes(&h->url), h->config->bare_path);
}

enum http_refusal http_judge(const struct http *h)
{
        struct bytes url = buf_bytes(&h->url);
        bool websocket = is_text(http_query(url, "transport"), "websocket"), named = http_sid(h).n > 0;
        if (h->doubled || h->folded || (h->parser.http_minor == 1 && !h->value[HEADER_HOST].at))
                return HTTP_MALFORMED;
        if (http_is_file(h))
                return HTTP_NOT_REFUSED;
        if (!below(url, h->config->path) && !http_bare(h))
                return HTTP_NO_SUCH_PATH;
        if (h->parser.method == HTTP_OPTIONS && has_cors(h) && !http_has_body(h) && !h->parser.upgrade)
                return HTTP_NOT_REFUSED;
        if (!websocket && !is_text(http_query(url, "transport"), "polling"))
                return HTTP_TRANSPORT;
        if (!http_plain(buf_bytes(&h->value[HEADER_ORIGIN])))
                return HTTP_BAD_REQUEST;
        enum http_refusal refusal = named ? judge_session(h, websocket) : HTTP_NOT_REFUSED;
        if (refusal)
                return refusal;
        bool post = h->parser.method == HTTP_POST && named && !websocket;
        if (h->parser.method != HTTP_GET && !post)
                return HTTP_METHOD;
        if (websocket && !http_is_upgrade(h))
                return HTTP_BAD_REQUEST;
        if (!named && is_foreign(h))
                return HTTP_FORBIDDEN;
        if (!named && !speaks_version_4(h))
                return HTTP_PROTOCOL;
        if (websocket)
                return judge_upgrade(h);
        if (post)
                return judge_post(h);
        return http_is_upgrade(h) || http_has_body(h) ? HTTP_BAD_REQUEST : HTTP_NOT_REFUSED;
}
