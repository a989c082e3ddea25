/* From which pages a request may come, and what the answer says of it. */
#include "tests/unit/harness.h"

#include <stdio.h>

#include "tcp_server/http.h"
#include "tests/unit/http_heads.h"

static void cors_is_said_in_every_answer(void **state)
{
        (void)state;
        static const struct {
                const char *origin, *words;
        } cors[] = {
                { "*", "Access-Control-Allow-Origin: *\r\n\r\n" },
                { "https://a.example", "Access-Control-Allow-Origin: https://a.example\r\nVary: Origin\r\n\r\n" },
        };
        static const char *const requests[] = { GET(URL) REST, GET("/") REST };
        for (int i = 0; i < 4; i++) {
                struct http_config with = { .path = "/socket.io/", .cors_origin = cors[i / 2].origin };
                struct http *h = http_create(&with);
                size_t taken;
                http_recv(h, (const uint8_t *)requests[i % 2], strlen(requests[i % 2]), &taken);
                struct bytes answer = http_answer(h);
                assert_non_null(memmem(answer.at, answer.n, cors[i / 2].words, strlen(cors[i / 2].words)));
                http_destroy(h);
        }
}

#define POLL    "/socket.io/?EIO=4&transport=polling"
#define FROM(o) HOST "Origin: " o "\r\n"
#define ALLOW   "Access-Control-Allow-Origin: "

/* Two origins are listed. A request, what is said of it, and the origin that the answer names. */
struct origin_row {
        const char *name, *head;
        enum http_verdict verdict;
        enum http_refusal refusal;
        const char *named;
};

static const struct origin_row rows[] = {
        { "the first of the list polls", GET(POLL) FROM("https://a.example") "\r\n", HTTP_POLL, 0,
          "https://a.example" },
        { "the second of the list polls", GET(POLL) FROM("http://b:8080") "\r\n", HTTP_POLL, 0, "http://b:8080" },
        { "another polls", GET(POLL) FROM("https://c.example") "\r\n", HTTP_REFUSED, HTTP_FORBIDDEN, NULL },
        { "who says no origin polls", GET(POLL) HOST "\r\n", HTTP_POLL, 0, NULL },
        { "a page from a file polls", GET(POLL) FROM("null") "\r\n", HTTP_REFUSED, HTTP_FORBIDDEN, NULL },
        { "one that begins as the list's", GET(POLL) FROM("https://a.example.net") "\r\n", HTTP_REFUSED, HTTP_FORBIDDEN,
          NULL },
        { "one that is the list's beginning", GET(POLL) FROM("https://a") "\r\n", HTTP_REFUSED, HTTP_FORBIDDEN, NULL },
        { "one of the list upgrades", GET(URL) "Origin: http://b:8080\r\n" REST, HTTP_UPGRADE, 0, "http://b:8080" },
        { "another upgrades", GET(URL) "Origin: http://b\r\n" REST, HTTP_REFUSED, HTTP_FORBIDDEN, NULL },
        { "two origins in one head", GET(POLL) FROM("https://a.example") "Origin: https://a.example\r\n\r\n",
          HTTP_REFUSED, HTTP_MALFORMED, NULL },
        { "one of the list, broken off", GET(POLL) FROM("https://a.example\x01") "\r\n", HTTP_REFUSED, HTTP_MALFORMED,
          NULL },
        { "another asks what it may", "OPTIONS " POLL " HTTP/1.1\r\n" FROM("https://c.example") "\r\n", HTTP_ANSWERED,
          0, NULL },
        { "another, with a session", GET(POLL "&sid=abc") FROM("https://c.example") "\r\n", HTTP_REFUSED, HTTP_SID,
          NULL },
        { "another, of an old protocol", GET("/socket.io/?EIO=3&transport=polling") FROM("https://c.example") "\r\n",
          HTTP_REFUSED, HTTP_FORBIDDEN, NULL },
        { "another, without an upgrade", GET(URL) FROM("https://c.example") "\r\n", HTTP_REFUSED, HTTP_BAD_REQUEST,
          NULL },
        { "another posts its handshake", "POST " POLL " HTTP/1.1\r\n" FROM("https://c.example") "\r\n", HTTP_REFUSED,
          HTTP_METHOD, NULL },
        { "one of the list, of an old protocol",
          GET("/socket.io/?EIO=3&transport=polling") FROM("https://a.example") "\r\n", HTTP_REFUSED, HTTP_PROTOCOL,
          "https://a.example" },
};

static bool answer_has(const struct http *h, struct buf *answer, const char *words)
{
        answer->n = 0;
        if (http_answer(h).n > 0)
                buf_put(answer, http_answer(h).at, http_answer(h).n);
        else
                http_put_packets(h, bytes_text("0{}"), answer);
        return memmem(answer->at, answer->n, words, strlen(words)) != NULL;
}

static void run_origin(void **state)
{
        const struct origin_row *row = *state;
        static const char *const list[] = { "https://a.example", "http://b:8080", NULL };
        struct http_config with = { .path = "/socket.io/", .origins = list };
        struct http *h = http_create(&with);
        struct buf answer = { 0 };
        char words[128];
        size_t taken;
        assert_int_equal(http_recv(h, (const uint8_t *)row->head, strlen(row->head), &taken), row->verdict);
        assert_int_equal(http_refusal(h), row->refusal);
        snprintf(words, sizeof words, "\r\n" ALLOW "%s\r\n", row->named ? row->named : "");
        assert_int_equal(answer_has(h, &answer, row->named ? words : ALLOW), row->named != NULL);
        assert_true(answer_has(h, &answer, "\r\nVary: Origin\r\n"));
        assert_int_equal(answer_has(h, &answer, "HTTP/1.1 403 Forbidden\r\n"), row->refusal == HTTP_FORBIDDEN);
        buf_free(&answer);
        http_destroy(h);
}

int main(void)
{
        const struct CMUnitTest stories[] = { cmocka_unit_test(cors_is_said_in_every_answer) };
        return RUN_ROWS("http origins", rows, run_origin) +
               cmocka_run_group_tests_name("http origin stories", stories, NULL, NULL);
}
