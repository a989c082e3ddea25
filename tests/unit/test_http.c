#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "tcp_server/http.h"
#include "tests/unit/http_heads.h"

struct http_row {
        const char *name;
        const char *head;
        enum http_refusal refusal;
};

#define WITH(h) GET(URL) h REST

/* The key and its answer are RFC 6455's own, section 1.3. */
#define SWITCHED                                                                            \
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static const struct http_row rows[] = {
        { "an upgrade", GET(URL) REST, HTTP_NOT_REFUSED },
        { "as browsers say it",
          GET(URL "&t=abc") HOST "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n" KEY V13 "\r\n",
          HTTP_NOT_REFUSED },
        { "two Connection headers", GET(URL) HOST "Connection: keep-alive\r\n" UP KEY V13 "\r\n", HTTP_NOT_REFUSED },
        { "names in any case", GET(URL) "hOST: a\r\nuPGRADE: websocket\r\nCONNECTION: upgrade\r\n" KEY V13 "\r\n",
          HTTP_NOT_REFUSED },
        { "parameters in another order", GET("/socket.io/?transport=websocket&x&y=&EIO=4") REST, HTTP_NOT_REFUSED },
        { "below the path", GET("/socket.io/x?EIO=4&transport=websocket") REST, HTTP_NOT_REFUSED },
        { "an empty sid is none", GET(URL "&sid=") REST, HTTP_NOT_REFUSED },
        { "a body of no bytes", WITH("Content-Length: 0\r\n"), HTTP_NOT_REFUSED },
        { "headers nobody knows",
          WITH("A-header-with-a-name-longer-than-any-that-we-look-at: 1\r\nX:\r\nCookie: a=b; c=d\r\n"),
          HTTP_NOT_REFUSED },
        { "an origin", WITH("Origin: https://example.org\r\n"), HTTP_NOT_REFUSED },
        { "empty lines before it", "\r\n\r\n" GET(URL) REST, HTTP_NOT_REFUSED },

        { "no HTTP", "hello\r\n\r\n", HTTP_MALFORMED },
        { "a TLS hello", "\x16\x03\x01\x02\xff\x01\x01\xfc", HTTP_MALFORMED },
        { "a datagram of the UDP path", "\x0e\x4c\x01\x01", HTTP_MALFORMED },
        { "an answer", "HTTP/1.1 200 OK\r\n\r\n", HTTP_MALFORMED },
        { "a method nobody knows", "GOT " URL " HTTP/1.1\r\n" REST, HTTP_MALFORMED },
        { "a method in small letters", "get " URL " HTTP/1.1\r\n" REST, HTTP_MALFORMED },
        { "another protocol", "GET " URL " SMTP/1.1\r\n" REST, HTTP_MALFORMED },
        { "HTTP 9.9", "GET " URL " HTTP/9.9\r\n" REST, HTTP_MALFORMED },
        { "a control character in the URL", "GET /socket.io/?\x01 HTTP/1.1\r\n" REST, HTTP_MALFORMED },
        { "a control character in a header", WITH("X: a\x01z\r\n"), HTTP_MALFORMED },
        { "a lone carriage return in a header", WITH("X: a\rb\r\n"), HTTP_MALFORMED },
        { "a header without a colon", WITH("X\r\n"), HTTP_MALFORMED },
        { "a header without a name", WITH(": x\r\n"), HTTP_MALFORMED },
        { "a space before the colon", GET(URL) "Host : a\r\n" UP KEY V13 "\r\n", HTTP_MALFORMED },
        { "a space before the colon of a header nobody knows", WITH("X : a\r\n"), HTTP_MALFORMED },
        { "a folded header", WITH("X: a\r\n b\r\n"), HTTP_MALFORMED },
        { "a header folded with a tab", WITH("X: a\r\n\tb\r\n"), HTTP_MALFORMED },
        { "a first header that begins with a space", GET(URL) " X: a\r\n" REST, HTTP_MALFORMED },
        { "lines that end in a line feed alone", "GET " URL " HTTP/1.1\nHost: a\n\n", HTTP_MALFORMED },
        { "bytes above 127 in a header", GET(URL) "X: \xff\r\n" REST, HTTP_NOT_REFUSED },
        { "no host", GET(URL) UP KEY V13 "\r\n", HTTP_MALFORMED },
        { "two hosts", WITH("Host: b\r\n"), HTTP_MALFORMED },
        { "two keys", WITH(KEY), HTTP_MALFORMED },
        { "two versions of WebSocket", WITH(V13), HTTP_MALFORMED },
        { "two upgrades", WITH("Upgrade: h2c\r\n"), HTTP_MALFORMED },
        { "two lengths", WITH("Content-Length: 1\r\nContent-Length: 2\r\n"), HTTP_MALFORMED },
        { "a length below zero", WITH("Content-Length: -1\r\n"), HTTP_MALFORMED },
        { "a length beyond all bounds", WITH("Content-Length: 18446744073709551616\r\n"), HTTP_MALFORMED },
        { "a length and chunks", WITH("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), HTTP_MALFORMED },
        { "chunks and a length", WITH("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), HTTP_MALFORMED },

        { "the root", GET("/") REST, HTTP_NO_SUCH_PATH },
        { "another path", GET("/socket.oi/?EIO=4&transport=websocket") REST, HTTP_NO_SUCH_PATH },
        { "the path without its slash", GET("/socket.io?EIO=4&transport=websocket") REST, HTTP_NO_SUCH_PATH },
        { "the path in capitals", GET("/SOCKET.IO/?EIO=4&transport=websocket") REST, HTTP_NO_SUCH_PATH },
        { "a whole URL", GET("http://a" URL) REST, HTTP_NO_SUCH_PATH },
        { "a proxy's request", "CONNECT a:80 HTTP/1.1\r\n" REST, HTTP_NO_SUCH_PATH },

        { "no transport", GET("/socket.io/?EIO=4") REST, HTTP_TRANSPORT },
        { "no parameters", GET("/socket.io/") REST, HTTP_TRANSPORT },
        { "transport abc", GET("/socket.io/?EIO=4&transport=abc") REST, HTTP_TRANSPORT },
        { "transport websocke", GET("/socket.io/?EIO=4&transport=websocke") REST, HTTP_TRANSPORT },
        { "transport websockets", GET("/socket.io/?EIO=4&transport=websockets") REST, HTTP_TRANSPORT },
        { "another parameter that ends in transport", GET("/socket.io/?EIO=4&xtransport=websocket") REST,
          HTTP_TRANSPORT },
        { "polling that asks for an upgrade", GET("/socket.io/?EIO=4&transport=polling") REST, HTTP_BAD_REQUEST },
        { "a session id", GET(URL "&sid=abc") REST, HTTP_SID },
        { "POST", "POST " URL " HTTP/1.1\r\n" REST, HTTP_METHOD },
        { "PUT", "PUT " URL " HTTP/1.1\r\n" REST, HTTP_METHOD },
        { "no EIO", GET("/socket.io/?transport=websocket") REST, HTTP_PROTOCOL },
        { "EIO 3", GET("/socket.io/?EIO=3&transport=websocket") REST, HTTP_PROTOCOL },
        { "EIO 44", GET("/socket.io/?EIO=44&transport=websocket") REST, HTTP_PROTOCOL },
        { "EIO abc", GET("/socket.io/?EIO=abc&transport=websocket") REST, HTTP_PROTOCOL },
        { "EIO of nothing", GET("/socket.io/?EIO=&transport=websocket") REST, HTTP_PROTOCOL },

        { "no upgrade", GET(URL) HOST KEY V13 "\r\n", HTTP_BAD_REQUEST },
        { "Upgrade without Connection", GET(URL) HOST "Upgrade: websocket\r\n" KEY V13 "\r\n", HTTP_BAD_REQUEST },
        { "Connection without Upgrade", GET(URL) HOST "Connection: upgrade\r\n" KEY V13 "\r\n", HTTP_BAD_REQUEST },
        { "upgrade to something else", GET(URL) HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY V13 "\r\n",
          HTTP_BAD_REQUEST },
        { "an old protocol cannot be left", "GET " URL " HTTP/1.0\r\n" REST, HTTP_BAD_REQUEST },
        { "a body", WITH("Content-Length: 5\r\n"), HTTP_BAD_REQUEST },
        { "a body in chunks", WITH("Transfer-Encoding: chunked\r\n"), HTTP_BAD_REQUEST },
        { "an origin beyond ASCII", WITH("Origin: \xc3\xa4\r\n"), HTTP_NOT_REFUSED },
        { "a subprotocol of no name", WITH("Sec-WebSocket-Protocol:\r\n"), HTTP_BAD_REQUEST },
        { "a subprotocol of two words", WITH("Sec-WebSocket-Protocol: a b, c\r\n"), HTTP_BAD_REQUEST },

        { "no version of WebSocket", GET(URL) HOST UP KEY "\r\n", HTTP_WS_VERSION },
        { "version 8 of WebSocket", GET(URL) HOST UP KEY "Sec-WebSocket-Version: 8\r\n\r\n", HTTP_WS_VERSION },
        { "version 130 of WebSocket", GET(URL) HOST UP KEY "Sec-WebSocket-Version: 130\r\n\r\n", HTTP_WS_VERSION },
        { "no key", GET(URL) HOST UP V13 "\r\n", HTTP_WS_KEY },
        { "an empty key", GET(URL) HOST UP V13 "Sec-WebSocket-Key:\r\n\r\n", HTTP_WS_KEY },
        { "a short key", GET(URL) HOST UP V13 "Sec-WebSocket-Key: abcd\r\n\r\n", HTTP_WS_KEY },
        { "a long key", GET(URL) HOST UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==AAAA\r\n\r\n", HTTP_WS_KEY },
        { "a key that is no base64", GET(URL) HOST UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==\r\n\r\n",
          HTTP_WS_KEY },
};

/* What has been said to one request, in pieces of any size; each lies in memory of exactly its size. */
static const struct http_config config = { .path = "/socket.io/" };

struct talk {
        struct http *http;
        enum http_verdict verdict;
        size_t taken;
};

static struct talk talk_begin(void)
{
        struct talk t = { .http = http_create(&config), .verdict = HTTP_MORE };
        assert_non_null(t.http);
        return t;
}

static void talk_say(struct talk *t, struct bytes piece)
{
        if (t->verdict != HTTP_MORE)
                return;
        uint8_t *exact = malloc(piece.n + !piece.n);
        size_t taken = SIZE_MAX;
        memcpy(exact, piece.at, piece.n);
        t->verdict = http_recv(t->http, exact, piece.n, &taken);
        assert_true(taken <= piece.n);
        assert_true(t->verdict != HTTP_MORE || taken == piece.n);
        t->taken += taken;
        free(exact);
}

/* The whole answer must be well formed, and the right one. */
static void check_answer(struct bytes answer, enum http_refusal refusal)
{
        static const char *const texts[] = {
#define TEXT(name, status, body) "HTTP/1.1 " status "\r\n", "\r\n\r\n" body,
                HTTP_REFUSAL_LIST(TEXT)
#undef TEXT
        };
        char text[1024], length[64];
        assert_true(answer.n < sizeof text);
        memcpy(text, answer.at, answer.n);
        text[answer.n] = '\0';
        if (refusal == HTTP_NOT_REFUSED) {
                assert_string_equal(text, SWITCHED "\r\n");
                return;
        }
        const char *status = texts[2 * refusal], *body = texts[2 * refusal + 1], *end = strstr(text, "\r\n\r\n");
        assert_memory_equal(text, status, strlen(status));
        assert_string_equal(end, body);
        snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", strlen(body) - 4);
        assert_non_null(strstr(text, length));
        assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
        assert_int_equal(strstr(text, "\r\nSec-WebSocket-Version: 13\r\n") != NULL, refusal == HTTP_WS_VERSION);
        assert_int_equal(strstr(text, "\r\nUpgrade: websocket\r\n") != NULL, refusal == HTTP_WS_VERSION);
}

static void check_end(const struct talk *t, const struct http_row *row)
{
        assert_int_equal(t->verdict, row->refusal ? HTTP_REFUSED : HTTP_UPGRADE);
        assert_int_equal(http_refusal(t->http), row->refusal);
        check_answer(http_answer(t->http), row->refusal);
}

/* What follows an accepted head belongs to the WebSocket, however it is cut. */
static const char behind[] = "\x81\x80GET / HTTP/1.1\r\n\r\n";

static void run_row(void **state)
{
        const struct http_row *row = *state;
        size_t head_n = strlen(row->head), n = head_n + sizeof behind - 1;
        uint8_t text[1024];
        assert_true(n < sizeof text);
        memcpy(text, row->head, head_n);
        memcpy(text + head_n, behind, sizeof behind - 1);

        struct talk slow = talk_begin();
        for (size_t i = 0; i < n; i++)
                talk_say(&slow, bytes_of(text + i, 1));
        check_end(&slow, row);
        http_destroy(slow.http);

        for (size_t cut = 0; cut <= n; cut++) {
                struct talk t = talk_begin();
                talk_say(&t, bytes_of(text, cut));
                if (t.verdict == HTTP_UPGRADE)
                        assert_true(cut >= head_n);
                talk_say(&t, bytes_of(text + cut, n - cut));
                check_end(&t, row);
                if (t.verdict == HTTP_UPGRADE)
                        assert_int_equal(t.taken, head_n);
                http_destroy(t.http);
        }
}

struct size_row {
        const char *name;
        size_t head_bytes;
        enum http_refusal refusal;
};

static const struct size_row sizes[] = {
        { "a head of 8,191 bytes", HTTP_HEAD_BYTES_MAX - 1, HTTP_NOT_REFUSED },
        { "a head of 8,192 bytes", HTTP_HEAD_BYTES_MAX, HTTP_NOT_REFUSED },
        { "a head of 8,193 bytes", HTTP_HEAD_BYTES_MAX + 1, HTTP_HEAD_TOO_BIG },
        { "a head of a megabyte", 1000000, HTTP_HEAD_TOO_BIG },
};

/* One header makes the head as long as the row asks. */
static void run_size(void **state)
{
        const struct size_row *row = *state;
        static const char before[] = GET(URL) "X: ", after[] = "\r\n" REST;
        size_t fixed = sizeof before - 1 + sizeof after - 1;
        uint8_t *head = malloc(row->head_bytes);
        memcpy(head, before, sizeof before - 1);
        memset(head + sizeof before - 1, 'x', row->head_bytes - fixed);
        memcpy(head + row->head_bytes - (sizeof after - 1), after, sizeof after - 1);

        static const size_t pieces[] = { 1, 7, 4096, 8192, 1 << 20 };
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
                struct talk t = talk_begin();
                for (size_t at = 0; at < row->head_bytes; at += pieces[p]) {
                        size_t left = row->head_bytes - at;
                        talk_say(&t, bytes_of(head + at, left < pieces[p] ? left : pieces[p]));
                }
                check_end(&t, &(struct http_row){ .refusal = row->refusal });
                http_destroy(t.http);
        }
        free(head);
}

static void a_handshake_is_forbidden_in_words_of_ones_own(void **state)
{
        (void)state;
        struct talk t = talk_begin();
        talk_say(&t, bytes_text(GET(URL) REST));
        assert_int_equal(t.verdict, HTTP_UPGRADE);
        http_forbid(t.http, "not \"today\"");
        assert_int_equal(http_refusal(t.http), HTTP_FORBIDDEN);
        static const char expected[] =
                "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 36\r\n"
                "Connection: close\r\n\r\n{\"code\":4,\"message\":\"not \\\"today\\\"\"}";
        assert_true(bytes_equal(http_answer(t.http), bytes_text(expected)));
        http_destroy(t.http);
}

static void the_first_subprotocol_is_taken(void **state)
{
        (void)state;
        static const char *const offers[] = { "Sec-WebSocket-Protocol: a.b-1 , c\r\n",
                                              "Sec-WebSocket-Protocol: a.b-1\r\nsec-websocket-protocol: c d\r\n" };
        for (int i = 0; i < 2; i++) {
                char request[1024];
                struct talk t = talk_begin();
                snprintf(request, sizeof request, GET(URL) "%s" REST, offers[i]);
                talk_say(&t, bytes_text(request));
                assert_int_equal(t.verdict, HTTP_UPGRADE);
                struct bytes answer = http_answer(t.http), words = bytes_text("\r\nSec-WebSocket-Protocol: a.b-1\r\n");
                assert_non_null(memmem(answer.at, answer.n, words.at, words.n));
                http_destroy(t.http);
        }
}

struct packets_row {
        const char *name, *header;
        size_t bytes;
        bool packed;
};

static const struct packets_row packets_rows[] = {
        { "many packets, by gzip", "Accept-Encoding: gzip, deflate\r\n", GZIP_BYTES_MIN, true },
        { "many packets, said in two headers", "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n", GZIP_BYTES_MIN,
          true },
        { "few packets", "Accept-Encoding: gzip\r\n", GZIP_BYTES_MIN - 1, false },
        { "many packets, gzip never", "Accept-Encoding: gzip;q=0, *\r\n", GZIP_BYTES_MIN, false },
        { "many packets, nothing said", "", GZIP_BYTES_MIN, false },
};

static void run_packets(void **state)
{
        const struct packets_row *row = *state;
        struct http_config with = { .path = "/socket.io/", .gzip = gzip_create(GZIP_QUICK) };
        struct http *h = http_create(&with);
        struct buf packets = { 0 }, out = { 0 };
        char request[256], length[64];
        size_t taken;
        while (packets.n < row->bytes)
                buf_put(&packets, "4", 1);
        snprintf(request, sizeof request, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n" HOST "%s\r\n",
                 row->header);
        assert_int_equal(http_recv(h, (const uint8_t *)request, strlen(request), &taken), HTTP_POLL);
        assert_int_equal(http_put_packets(h, buf_bytes(&packets), &out), 0);
        const uint8_t *end = memmem(out.at, out.n, "\r\n\r\n", 4);
        size_t n = out.n - (size_t)(end + 4 - out.at);
        snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", n);
        assert_non_null(memmem(out.at, out.n, length, strlen(length)));
        static const char words[] = "\r\nContent-Encoding: gzip\r\n";
        assert_int_equal(memmem(out.at, out.n, words, sizeof words - 1) != NULL, row->packed);
        if (row->packed)
                assert_true(n < 100 && end[4] == 0x1f && end[5] == 0x8b);
        else
                assert_int_equal(n, row->bytes);
        buf_free(&packets);
        buf_free(&out);
        http_destroy(h);
        gzip_destroy(with.gzip);
}

static void a_refusal_of_head_has_no_body(void **state)
{
        (void)state;
        struct talk t = talk_begin();
        talk_say(&t, bytes_text("HEAD / HTTP/1.1\r\n" HOST "\r\n"));
        struct bytes answer = http_answer(t.http);
        assert_int_equal(t.verdict, HTTP_REFUSED);
        assert_memory_equal(answer.at + answer.n - 4, "\r\n\r\n", 4);
        http_destroy(t.http);
}

/* With one offer in two lines; the answer's line, or that there is none. */
static void compression_is_agreed_on(void **state)
{
        (void)state;
#define ANSWER "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"
        static const struct {
                const char *request, *line;
                bool off;
        } asked[] = {
                { WITH("Sec-WebSocket-Extensions: permessage-deflate\r\n"), ANSWER "\r\n", false },
                { WITH("sec-websocket-extensions: x-other\r\n"
                       "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12\r\n"),
                  ANSWER "; server_max_window_bits=12\r\n", false },
                { WITH("Sec-WebSocket-Extensions: x-other\r\nSec-WebSocket-Extensions: nonsense;\r\n"), NULL, false },
                { WITH("Sec-WebSocket-Extensions:\r\n"), NULL, false },
                { WITH(""), NULL, false },
                { WITH("Sec-WebSocket-Extensions: permessage-deflate\r\n"), NULL, true },
                { WITH("Sec-WebSocket-Extensions: nonsense;\r\n"), NULL, true },
        };
        struct ws_deflate *deflate = ws_deflate_create(&(struct ws_deflate_rules){ 15, true, 0 });
        for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
                struct http_config with = { .path = "/socket.io/", .deflate = asked[i].off ? NULL : deflate };
                struct http *h = http_create(&with);
                size_t taken, n = strlen(asked[i].request);
                assert_int_equal(http_recv(h, (const uint8_t *)asked[i].request, n, &taken), HTTP_UPGRADE);
                struct bytes answer = http_answer(h);
                const char *line = asked[i].line ? asked[i].line : "Extensions";
                assert_int_equal(memmem(answer.at, answer.n, line, strlen(line)) != NULL, asked[i].line != NULL);
                assert_int_equal(http_terms(h) != NULL, asked[i].line != NULL);
                http_destroy(h);
        }
        ws_deflate_destroy(deflate);
}

static void who_is_slow_is_told_so(void **state)
{
        (void)state;
        struct talk t = talk_begin();
        talk_say(&t, bytes_text("GET "));
        http_refuse(t.http, HTTP_TOO_SLOW);
        assert_int_equal(http_refusal(t.http), HTTP_TOO_SLOW);
        check_answer(http_answer(t.http), HTTP_TOO_SLOW);
        http_destroy(t.http);
        http_destroy(NULL);
}

int main(void)
{
        static const struct CMUnitTest others[] = {
                cmocka_unit_test(the_first_subprotocol_is_taken),
                cmocka_unit_test(a_refusal_of_head_has_no_body),
                cmocka_unit_test(compression_is_agreed_on),
                cmocka_unit_test(who_is_slow_is_told_so),
                cmocka_unit_test(a_handshake_is_forbidden_in_words_of_ones_own),
        };
        int failed = RUN_ROWS("http", rows, run_row);
        failed += RUN_ROWS("http sizes", sizes, run_size);
        failed += RUN_ROWS("http packets", packets_rows, run_packets);
        failed += cmocka_run_group_tests_name("http others", others, NULL, NULL);
        return failed;
}
