#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "tcp_server/http.h"
#include "tcp_server/web.h"

/* ---- one request, one answer ------------------------------------------------------------------ */

struct ask_row {
        const char *name;
        const char *method, *url, *if_none_match;
        const char *status; /* NULL: no such file */
        const char *body;
};

static const struct ask_row asks[] = {
        { "a file", "GET", "/io/client.js", "", "200 OK", "client" },
        { "its query is ignored", "GET", "/io/client.js?v=1&EIO=4", "", "200 OK", "client" },
        { "an empty query", "GET", "/io/client.js?", "", "200 OK", "client" },
        { "only its head", "HEAD", "/io/client.js", "", "200 OK", "" },
        { "the root", "GET", "/", "", "200 OK", "page" },
        { "an empty file", "GET", "/empty", "", "200 OK", "" },
        { "the later one of two with one path", "GET", "/twice", "", "200 OK", "second" },

        { "known already", "GET", "/io/client.js", "\"4.8.4\"", "304 Not Modified", "" },
        { "known, and only the head", "HEAD", "/io/client.js", "\"4.8.4\"", "304 Not Modified", "" },
        { "known weakly", "GET", "/io/client.js", "W/\"4.8.4\"", "304 Not Modified", "" },
        { "known in a list", "GET", "/io/client.js", "\"1\", W/\"2\" ,\t\"4.8.4\"", "304 Not Modified", "" },
        { "any version will do", "GET", "/io/client.js", "*", "304 Not Modified", "" },
        { "another version is known", "GET", "/io/client.js", "\"4.8.3\"", "200 OK", "client" },
        { "a tag that ours begins with", "GET", "/io/client.js", "\"4.8\"", "200 OK", "client" },
        { "a tag that begins with ours", "GET", "/io/client.js", "\"4.8.40\"", "200 OK", "client" },
        { "a tag without quotes", "GET", "/io/client.js", "4.8.4", "200 OK", "client" },
        { "half a tag", "GET", "/io/client.js", "\"4.8.4", "200 OK", "client" },
        { "one quote", "GET", "/io/client.js", "\"", "200 OK", "client" },
        { "W/ and nothing", "GET", "/io/client.js", "W/", "200 OK", "client" },
        { "commas and nothing", "GET", "/io/client.js", ",, ,", "200 OK", "client" },
        { "the small w is another letter", "GET", "/io/client.js", "w/\"4.8.4\"", "200 OK", "client" },

        { "what is missing says why", "GET", "/io/gone.js", "", "404 Not Found", "gone" },
        { "what is missing is never known", "GET", "/io/gone.js", "*", "404 Not Found", "gone" },
        { "a method for other things", "POST", "/io/client.js", "", "405 Method Not Allowed", "" },
        { "a method in small letters", "get", "/", "", "405 Method Not Allowed", "" },

        { "no such path", "GET", "/io/client.jsx", "", NULL, NULL },
        { "half a path", "GET", "/io/client", "", NULL, NULL },
        { "capitals are other letters", "GET", "/IO/client.js", "", NULL, NULL },
        { "a path that climbs", "GET", "/../io/client.js", "", NULL, NULL },
        { "a path in per cents", "GET", "/io%2fclient.js", "", NULL, NULL },
        { "no path", "GET", "", "", NULL, NULL },
        { "only a query", "GET", "?", "", NULL, NULL },
        { "an address in full", "GET", "http://a/io/client.js", "", NULL, NULL },
};

#define FILE_OF(p, t, text) .path = (p), .tag = (t), .type = "text/x", .body = bytes_text(text)

static struct web *example(void)
{
        struct web *w = web_create();
        const struct web_file files[] = {
                { FILE_OF("/", NULL, "page") },
                { FILE_OF("/io/client.js", "4.8.4", "client"), .headers = "X-Ours: 1\r\n" },
                { FILE_OF("/io/gone.js", NULL, "gone"), .missing = true },
                { FILE_OF("/empty", NULL, "") },
                { FILE_OF("/twice", NULL, "first") },
                { FILE_OF("/twice", NULL, "second") },
        };
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
                assert_int_equal(web_add(w, &files[i]), 0);
        return w;
}

/* The head as a string, to be freed; *body as it is lent. */
static char *answer(const struct web *w, const struct web_request *r, struct bytes *body)
{
        struct buf head = { 0 };
        assert_int_equal(web_answer(w, r, &head, body), 0);
        assert_int_equal(buf_put(&head, "", 1), 0);
        assert_int_equal(strlen((char *)head.at), head.n - 1);
        return (char *)head.at;
}

static void run_ask(void **state)
{
        const struct ask_row *row = *state;
        struct web *w = example();
        struct web_request r = { .method = row->method,
                                 .url = bytes_text(row->url),
                                 .if_none_match = bytes_text(row->if_none_match),
                                 .headers = bytes_text("X-More: 2\r\n"),
                                 .accept_encoding = bytes_text("gzip") };
        assert_int_equal(web_has(w, r.url), row->status != NULL);
        if (row->status) {
                char status[64], length[64];
                struct bytes body;
                char *head = answer(w, &r, &body);
                snprintf(status, sizeof status, "HTTP/1.1 %s\r\n", row->status);
                assert_memory_equal(head, status, strlen(status));
                assert_true(bytes_equal(body, bytes_text(row->body)));
                assert_string_equal(head + strlen(head) - 4, "\r\n\r\n");
                assert_ptr_equal(strstr(head, "\r\n\r\n"), head + strlen(head) - 4);
                assert_non_null(strstr(head, "\r\nX-More: 2\r\n"));
                bool client = strstr(row->url, "client") != NULL, file = row->status[0] == '2' || row->status[0] == '3';
                assert_int_equal(strstr(head, "\r\nETag: \"4.8.4\"\r\n") != NULL, client && file);
                assert_int_equal(strstr(head, "\r\nX-Ours: 1\r\n") != NULL, client && file);
                assert_int_equal(strstr(head, "\r\nETag: ") != NULL, file);
                if (row->status[0] == '2') {
                        size_t whole = strcmp(row->method, "HEAD") == 0 ? strlen("client") : body.n;
                        snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", whole);
                        assert_non_null(strstr(head, length));
                }
                free(head);
        }
        web_destroy(w);
}

static void a_made_tag_changes_with_the_bytes(void **state)
{
        (void)state;
        struct web *w = web_create();
        char *heads[3];
        const char *texts[] = { "one", "two", "one" };
        for (int i = 0; i < 3; i++) {
                struct bytes body;
                web_add(w, &(struct web_file){ FILE_OF("/a", NULL, texts[i]) });
                heads[i] = answer(w, &(struct web_request){ .method = "GET", .url = bytes_text("/a") }, &body);
        }
        assert_string_not_equal(heads[0], heads[1]);
        assert_string_equal(heads[0], heads[2]);
        for (int i = 0; i < 3; i++)
                free(heads[i]);
        web_destroy(w);
        web_destroy(NULL);
}

struct packed_row {
        const char *name, *accept, *known, *status;
        bool packed;
};

static const struct packed_row packed_rows[] = {
        { "who does not take gzip", "br", "", "200 OK", false },
        { "who does", "gzip", "", "200 OK", true },
        { "who has it, as it is", "", "\"4.8.4\"", "304 Not Modified", false },
        { "who has it by gzip", "gzip", "\"4.8.4-gzip\"", "304 Not Modified", true },
        { "who has it by gzip and takes that no more", "", "\"4.8.4-gzip\"", "200 OK", false },
        { "who has it as it is and takes gzip now", "gzip", "\"4.8.4\"", "200 OK", true },
        { "whoever has anything", "gzip", "*", "304 Not Modified", true },
};

static void run_packed(void **state)
{
        const struct packed_row *row = *state;
        struct web *w = web_create();
        uint8_t large[4096] = "var x = 1;";
        struct web_file f = { FILE_OF("/a", "4.8.4", ""), .headers = "" };
        f.body = bytes_of(large, sizeof large);
        assert_int_equal(web_add(w, &f), 0);
        struct web_request r = { .method = "GET",
                                 .url = bytes_text("/a"),
                                 .if_none_match = bytes_text(row->known),
                                 .accept_encoding = bytes_text(row->accept) };
        struct bytes body, none;
        char *head = answer(w, &r, &body), *about, length[64];
        assert_memory_equal(head + 9, row->status, strlen(row->status));
        assert_non_null(strstr(head, "\r\nVary: Accept-Encoding\r\n"));
        assert_int_equal(strstr(head, "\r\nETag: \"4.8.4-gzip\"\r\n") != NULL, row->packed);
        bool found = row->status[0] == '2';
        assert_int_equal(strstr(head, "\r\nContent-Encoding: gzip\r\n") != NULL, row->packed && found);
        if (found && row->packed)
                assert_true(body.n < 200 && body.at[0] == 0x1f && body.at[1] == 0x8b);
        else
                assert_int_equal(body.n, found ? sizeof large : 0);
        r.method = "HEAD";
        about = answer(w, &r, &none);
        assert_string_equal(about, head);
        assert_int_equal(none.n, 0);
        snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", body.n);
        assert_int_equal(strstr(head, length) != NULL, found);
        free(head);
        free(about);
        web_destroy(w);
}

/* Random bytes do not shrink, and little files are not worth it. */
static void what_gzip_does_not_make_smaller_goes_as_it_is(void **state)
{
        (void)state;
        struct web *w = web_create();
        uint8_t noise[4096];
        uint32_t x = 1;
        for (size_t i = 0; i < sizeof noise; i++)
                noise[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
        for (size_t i = 0; i < 2; i++) {
                struct web_file f = { FILE_OF("/a", NULL, "") };
                f.body = i ? bytes_of(noise, sizeof noise)
                           : bytes_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
                assert_int_equal(web_add(w, &f), 0);
                struct web_request r = { .method = "GET",
                                         .url = bytes_text("/a"),
                                         .accept_encoding = bytes_text("gzip") };
                struct bytes body;
                char *head = answer(w, &r, &body);
                assert_null(strstr(head, "gzip"));
                assert_null(strstr(head, "Vary"));
                assert_true(bytes_equal(body, f.body));
                free(head);
        }
        web_destroy(w);
}

static void the_table_is_bounded(void **state)
{
        (void)state;
        struct web *w = web_create();
        char path[16];
        for (int i = 0; i < WEB_FILES_MAX; i++) {
                snprintf(path, sizeof path, "/%d", i);
                assert_int_equal(web_add(w, &(struct web_file){ FILE_OF(path, NULL, "x") }), 0);
        }
        assert_int_equal(web_add(w, &(struct web_file){ FILE_OF("/more", NULL, "x") }), ERR_FULL);
        assert_false(web_has(w, bytes_text("/more")));
        uint8_t *big = calloc(1, WEB_BYTES_MAX + 1);
        struct web_file f = { .path = "/0", .type = "text/x", .body = { big, WEB_BYTES_MAX } };
        assert_int_equal(web_add(w, &f), ERR_FULL); /* the others have a byte each */
        web_destroy(w);

        w = web_create();
        for (int i = 0; i < 3; i++) /* one in place of the other */
                assert_int_equal(web_add(w, &f), 0);
        f.body.n++;
        assert_int_equal(web_add(w, &f), ERR_FULL);
        web_destroy(w);
        free(big);
}

/* ---- asked over HTTP ---------------------------------------------------------------------------- */

struct request_row {
        const char *name;
        const char *text;
        enum http_refusal refusal;
        const char *status, *rest;
        bool closes;
};

#define HOST "Host: a\r\n"
#define SAME "If-None-Match: \"4.8.4\"\r\n"

static const struct request_row requests[] = {
        { "a file", "GET / HTTP/1.1\r\n" HOST "\r\n", HTTP_NOT_REFUSED, "200 OK", "page", false },
        { "its head", "HEAD / HTTP/1.1\r\n" HOST "\r\n", HTTP_NOT_REFUSED, "200 OK", "", false },
        { "known already", "GET /io/client.js HTTP/1.1\r\n" HOST SAME "\r\n", HTTP_NOT_REFUSED, "304 Not Modified", "",
          false },
        { "the last one", "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", HTTP_NOT_REFUSED, "200 OK", "page",
          true },
        { "in HTTP 1.0", "GET / HTTP/1.0\r\n\r\n", HTTP_NOT_REFUSED, "200 OK", "page", true },
        { "another method", "PUT / HTTP/1.1\r\n" HOST "\r\n", HTTP_NOT_REFUSED, "405 Method Not Allowed", "", false },

        { "no file", "GET /no HTTP/1.1\r\n" HOST "\r\n", HTTP_NO_SUCH_PATH, NULL, NULL, true },
        { "without a host", "GET / HTTP/1.1\r\n\r\n", HTTP_MALFORMED, NULL, NULL, true },
        { "known twice", "GET / HTTP/1.1\r\n" HOST SAME SAME "\r\n", HTTP_MALFORMED, NULL, NULL, true },
        { "with a body", "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", HTTP_NO_SUCH_PATH, NULL, NULL, true },
        { "as a WebSocket", "GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
          HTTP_NO_SUCH_PATH, NULL, NULL, true },
        { "as a transport", "GET /?EIO=4&transport=polling HTTP/1.1\r\n" HOST "\r\n", HTTP_NO_SUCH_PATH, NULL, NULL,
          true },
        { "the engine's own path", "GET /io/ HTTP/1.1\r\n" HOST "\r\n", HTTP_TRANSPORT, NULL, NULL, true },
};

static void run_request(void **state)
{
        const struct request_row *row = *state;
        struct web *w = example();
        struct http_config config = { .path = "/io/", .cors_origin = "*", .web = w };
        struct http *h = http_create(&config);
        for (int again = 0; again < 2; again++) {
                size_t taken, n = strlen(row->text);
                enum http_verdict verdict = http_recv(h, (const uint8_t *)row->text, n, &taken);
                assert_int_equal(verdict, row->refusal ? HTTP_REFUSED : HTTP_ANSWERED);
                assert_int_equal(http_refusal(h), row->refusal);
                struct bytes answer = http_answer(h);
                assert_non_null(memmem(answer.at, answer.n, "\r\nAccess-Control-Allow-Origin: *\r\n", 34));
                assert_int_equal(memmem(answer.at, answer.n, "\r\nConnection: close\r\n", 21) != NULL, row->closes);
                if (row->refusal)
                        break;
                assert_int_equal(taken, n);
                assert_memory_equal(answer.at + strlen("HTTP/1.1 "), row->status, strlen(row->status));
                assert_true(bytes_equal(http_rest(h), bytes_text(row->rest)));
                assert_int_equal(http_next(h), !row->closes);
                assert_int_equal(http_rest(h).n, 0);
        }
        http_destroy(h);
        web_destroy(w);
}

int main(void)
{
        static const struct CMUnitTest others[] = {
                cmocka_unit_test(a_made_tag_changes_with_the_bytes),
                cmocka_unit_test(what_gzip_does_not_make_smaller_goes_as_it_is),
                cmocka_unit_test(the_table_is_bounded),
        };
        int failed = RUN_ROWS("web", asks, run_ask);
        failed += RUN_ROWS("web by gzip", packed_rows, run_packed);
        failed += RUN_ROWS("web over HTTP", requests, run_request);
        failed += cmocka_run_group_tests_name("web others", others, NULL, NULL);
        return failed;
}
