/* Requests as they come from the wire: whole, one byte at a time, and cut at every prefix. */
#include "tests/unit/harness.h"

#include <stdlib.h>

#include "tcp_server/http.h"

struct http_row {
        const char *name;
        const char *request;
        const char *answer; /* how it begins; "" when more is needed */
};

#define URL    "/socket.io/?EIO=4&transport=websocket"
#define HOST   "Host: a\r\n"
#define UP     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13    "Sec-WebSocket-Version: 13\r\n"
#define GET(u) "GET " u " HTTP/1.1\r\n"
#define REST   HOST UP KEY V13 "\r\n"
#define OK                                                                                  \
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

static const struct http_row rows[] = {
        { "an upgrade", GET(URL) REST, OK },
        { "as browsers say it",
          GET(URL "&t=abc") HOST "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n" KEY V13 "\r\n", OK },
        { "in two Connection headers", GET(URL) HOST "Connection: keep-alive\r\n" UP KEY V13 "\r\n", OK },
        { "path without its slash", GET("/socket.io?EIO=4&transport=websocket") REST, "HTTP/1.1 404 Not Found" },
        { "another path", GET("/") REST, "HTTP/1.1 404 Not Found" },
        { "no transport", GET("/socket.io/?EIO=4") REST, "{\"code\":0,\"message\":\"Transport unknown\"}" },
        { "transport abc", GET("/socket.io/?EIO=4&transport=abc") REST, "{\"code\":0," },
        { "long polling", GET("/socket.io/?EIO=4&transport=polling") HOST "\r\n", "{\"code\":0," },
        { "no version", GET("/socket.io/?transport=websocket") REST,
          "{\"code\":5,\"message\":\"Unsupported protocol version\"}" },
        { "version 3", GET("/socket.io/?EIO=3&transport=websocket") REST, "{\"code\":5," },
        { "version abc", GET("/socket.io/?EIO=abc&transport=websocket") REST, "{\"code\":5," },
        { "a session id", GET(URL "&sid=abc") REST, "{\"code\":1,\"message\":\"Session ID unknown\"}" },
        { "another method", "POST " URL " HTTP/1.1\r\n" REST, "{\"code\":2,\"message\":\"Bad handshake method\"}" },
        { "no upgrade", GET(URL) HOST KEY V13 "\r\n", "{\"code\":3,\"message\":\"Bad request\"}" },
        { "upgrade to something else", GET(URL) HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY V13 "\r\n",
          "{\"code\":3," },
        { "no host", GET(URL) UP KEY V13 "\r\n", "malformed HTTP request" },
        { "no key", GET(URL) HOST UP V13 "\r\n", "sixteen bytes in base64" },
        { "a short key", GET(URL) HOST UP V13 "Sec-WebSocket-Key: abcd\r\n\r\n", "sixteen bytes in base64" },
        { "two keys", GET(URL) HOST UP KEY KEY V13 "\r\n", "malformed HTTP request" },
        { "no WebSocket version", GET(URL) HOST UP KEY "\r\n", "\r\nSec-WebSocket-Version: 13\r\n" },
        { "WebSocket version 8", GET(URL) HOST UP KEY "Sec-WebSocket-Version: 8\r\n\r\n", "HTTP/1.1 426" },
        { "a space before the colon", GET(URL) "Host : a\r\n" UP KEY V13 "\r\n", "malformed HTTP request" },
        { "length and chunks", GET(URL) "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n" REST,
          "malformed HTTP request" },
        { "bare line feeds", "GET " URL " HTTP/1.1\nHost: a\n\n", "malformed HTTP request" },
        { "no HTTP", "\x16\x03\x01\x02", "malformed HTTP request" },
        { "not whole", GET(URL) HOST UP, "" },
};

/* Feeds pieces of a heap copy each; returns the answer as text, "" while more is needed, and how
 * many bytes were the request's. */
static struct buf run(const char *request, size_t n, size_t piece, size_t *head_n)
{
        struct http *h = http_create("/socket.io/", NULL);
        struct buf out = { 0 };
        enum http_verdict verdict = HTTP_MORE;
        *head_n = 0;
        for (size_t at = 0; at < n && verdict == HTTP_MORE; at += piece) {
                size_t part = n - at < piece ? n - at : piece, taken;
                uint8_t *copy = malloc(part);
                memcpy(copy, request + at, part);
                verdict = http_recv(h, copy, part, &taken);
                *head_n += taken;
                free(copy);
        }
        if (verdict != HTTP_MORE) {
                assert_int_equal(verdict == HTTP_UPGRADE, http_refusal(h) == HTTP_NOT_REFUSED);
                buf_put(&out, http_answer(h).at, http_answer(h).n);
        }
        http_destroy(h);
        buf_put(&out, "", 1);
        return out;
}

static void run_row(void **state)
{
        const struct http_row *row = *state;
        size_t n = strlen(row->request), head_n;
        for (size_t piece = n; piece > 0; piece = piece > 40 ? piece / 2 : piece - 1) {
                struct buf out = run(row->request, n, piece, &head_n);
                if (row->answer[0])
                        assert_non_null(strstr((const char *)out.at, row->answer));
                else
                        assert_string_equal((const char *)out.at, "");
                buf_free(&out);
        }
        for (size_t cut = 1; cut < n; cut++) {
                struct buf out = run(row->request, cut, cut, &head_n);
                assert_null(strstr((const char *)out.at, "101 Switching"));
                buf_free(&out);
        }
}

static void the_head_ends_where_frames_begin(void **state)
{
        (void)state;
        static const char request[] = GET(URL) REST "\x81\x80";
        for (size_t piece = 1; piece < sizeof request; piece++) {
                size_t head_n;
                struct buf out = run(request, sizeof request - 1, piece, &head_n);
                assert_int_equal(head_n, sizeof request - 3);
                buf_free(&out);
        }
}

static void a_head_has_an_end(void **state)
{
        (void)state;
        static char request[HTTP_HEAD_BYTES_MAX + 100] = GET(URL) "X: ";
        memset(request + strlen(request), 'x', sizeof request - strlen(request) - 1);
        for (size_t piece = 7; piece < sizeof request; piece *= 3) {
                size_t head_n;
                struct buf out = run(request, sizeof request - 1, piece, &head_n);
                assert_non_null(strstr((const char *)out.at, "431 Request Header Fields Too Large"));
                assert_true(head_n < HTTP_HEAD_BYTES_MAX + piece);
                buf_free(&out);
        }
}

static struct buf refused(const char *cors_origin)
{
        struct http *h = http_create("/socket.io/", cors_origin);
        struct buf out = { 0 };
        http_refuse(h, HTTP_TOO_SLOW);
        buf_put(&out, http_answer(h).at, http_answer(h).n);
        buf_put(&out, "", 1);
        http_destroy(h);
        return out;
}

static void cors_is_said_when_asked_for(void **state)
{
        (void)state;
        struct buf none = refused(NULL), any = refused("*"), one = refused("http://x");
        assert_non_null(strstr((const char *)none.at, "HTTP/1.1 408 Request Timeout"));
        assert_null(strstr((const char *)none.at, "Access-Control"));
        assert_non_null(strstr((const char *)any.at, "\r\nAccess-Control-Allow-Origin: *\r\n"));
        assert_null(strstr((const char *)any.at, "Vary"));
        assert_non_null(strstr((const char *)one.at, "\r\nAccess-Control-Allow-Origin: http://x\r\nVary: Origin\r\n"));
        buf_free(&none);
        buf_free(&any);
        buf_free(&one);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(the_head_ends_where_frames_begin),
                cmocka_unit_test(a_head_has_an_end),
                cmocka_unit_test(cors_is_said_when_asked_for),
        };
        return RUN_ROWS("http", rows, run_row) + cmocka_run_group_tests_name("http stories", stories, NULL, NULL);
}
