#include "client/tcp_upgrade.h"

#include <strings.h>

enum { HEAD_MAX = 8192, SWITCHING = 101 };

static struct tcp_upgrade *upgrade_of(llhttp_t *parser)
{
        return parser->data;
}

/* Keeps what fits of a text that comes in parts; a text that is cut is as long as the room. */
static void keep(char *text, size_t room, size_t *n, const char *at, size_t more)
{
        size_t part = more < room - *n ? more : room - *n;
        memcpy(text + *n, at, part);
        *n += part;
}

static int on_name(llhttp_t *parser, const char *at, size_t n)
{
        struct tcp_upgrade *u = upgrade_of(parser);
        keep(u->name, sizeof u->name, &u->name_n, at, n);
        return HPE_OK;
}

static int on_value(llhttp_t *parser, const char *at, size_t n)
{
        static const char header[] = "sec-websocket-accept";
        struct tcp_upgrade *u = upgrade_of(parser);
        if (u->name_n == sizeof header - 1 && strncasecmp(u->name, header, u->name_n) == 0)
                keep(u->given, sizeof u->given, &u->given_n, at, n);
        return HPE_OK;
}

static int on_value_complete(llhttp_t *parser)
{
        upgrade_of(parser)->name_n = 0;
        return HPE_OK;
}

/* "Assume an upgrade": llhttp stops right behind the head, whatever it says. */
static int on_headers_complete(llhttp_t *parser)
{
        upgrade_of(parser)->complete = true;
        return 2;
}

static const llhttp_settings_t settings = {
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_header_value_complete = on_value_complete,
        .on_headers_complete = on_headers_complete,
};

int tcp_upgrade_begin(struct tcp_upgrade *u, const char *host, const char *path, const uint8_t key[WS_KEY_RAW],
                      struct buf *out)
{
        char text[WS_KEY_TEXT + 1];
        *u = (struct tcp_upgrade){ 0 };
        llhttp_init(&u->parser, HTTP_RESPONSE, &settings);
        u->parser.data = u;
        ws_key(key, text);
        ws_accept(bytes_text(text), u->accept);
        return buf_printf(out,
                          "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
                          path, host, text);
}

static enum tcp_upgrade_got judge(const struct tcp_upgrade *u)
{
        if (u->parser.status_code != SWITCHING)
                return TCP_UPGRADE_REFUSED;
        bool proven = u->given_n == WS_ACCEPT_TEXT && memcmp(u->given, u->accept, WS_ACCEPT_TEXT) == 0;
        return proven ? TCP_UPGRADE_DONE : TCP_UPGRADE_BAD;
}

enum tcp_upgrade_got tcp_upgrade_recv(struct tcp_upgrade *u, const uint8_t *in, size_t n, size_t *used)
{
        size_t part = n < HEAD_MAX - u->taken ? n : HEAD_MAX - u->taken;
        llhttp_errno_t err = llhttp_execute(&u->parser, (const char *)in, part);
        *used = part;
        if (err == HPE_PAUSED_UPGRADE && u->complete) {
                *used = (size_t)(llhttp_get_error_pos(&u->parser) - (const char *)in);
                return judge(u);
        }
        u->taken += part;
        return err != HPE_OK || u->taken == HEAD_MAX ? TCP_UPGRADE_BAD : TCP_UPGRADE_MORE;
}
