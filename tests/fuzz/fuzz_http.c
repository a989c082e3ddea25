/* Requests from a stranger on one connection: as one piece, and in pieces whose size the first byte
 * says. Both ways must end alike: the same verdicts, ids, bodies and answers, in the same order. */
#include <stdio.h>
#include <stdlib.h>

#include "tcp_server/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

enum { BODY_MAX = 64, REQUESTS_MAX = 32 };

static enum http_session look_up(void *ctx, struct bytes sid)
{
        (void)ctx;
        return sid.at[0] == 'p' ? HTTP_POLLED : sid.at[0] == 'u' ? HTTP_UPGRADED : HTTP_NO_SESSION;
}

/* Made once: a large file that gzip makes small, a small one, and one that is missing. */
static const struct http_config *world(void)
{
        static const char *const origins[] = { "http://a", "http://b:8080", NULL };
        static struct http_config config = {
                .path = "/socket.io/",
                .bare_path = "/engine.io/",
                .origins = origins,
                .body_bytes_max = BODY_MAX,
                .look_up = look_up,
        };
        static uint8_t large[4096];
        if (config.gzip)
                return &config;
        struct web *web = web_create();
        const struct web_file files[] = {
                { .path = "/", .type = "text/x", .tag = "1", .body = bytes_of(large, sizeof large) },
                { .path = "/socket.io/a.js", .type = "text/x", .headers = "X-A: 1\r\n", .body = bytes_text("a") },
                { .path = "/gone", .type = "text/x", .body = bytes_text("gone"), .missing = true },
        };
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
                if (web_add(web, &files[i]) != 0)
                        abort();
        config.web = web;
        config.gzip = gzip_create(GZIP_QUICK);
        config.deflate = ws_deflate_create(&(struct ws_deflate_rules){ .window_bits = 10, .client_context = true });
        return &config;
}

static void note(struct buf *log, struct bytes b)
{
        buf_printf(log, "%zu:", b.n);
        buf_put(log, b.at, b.n);
}

static bool begins(struct bytes b, const char *text)
{
        return b.n > strlen(text) && memcmp(b.at, text, strlen(text)) == 0;
}

/* As much as the sid has letters, so that some are worth compressing; one head, one body. */
static void put_packets(struct http *h, struct buf *log)
{
        static uint8_t packets[8192];
        size_t before = log->n, said;
        http_put_packets(h, bytes_of(packets, 1 + http_sid(h).n % 100 * 64), log);
        const uint8_t *head = log->at + before, *end = memmem(head, log->n - before, "\r\n\r\n", 4);
        const char *length = end ? memmem(head, (size_t)(end - head), "Content-Length: ", 16) : NULL;
        if (!length || sscanf(length + 16, "%zu", &said) != 1 || end + 4 + said != log->at + log->n)
                abort();
}

/* Checks a verdict and writes it down. True: another request may follow. */
static bool take(struct http *h, enum http_verdict verdict, struct buf *log)
{
        struct bytes answer = http_answer(h);
        buf_printf(log, "%d,%d,", verdict, http_refusal(h));
        if ((verdict == HTTP_REFUSED) != (http_refusal(h) != HTTP_NOT_REFUSED))
                abort();
        switch (verdict) {
        case HTTP_MORE:
                abort();
        case HTTP_POLL:
                if (answer.n > 0 || http_body(h).n > 0)
                        abort();
                note(log, http_sid(h));
                put_packets(h, log);
                return http_next(h);
        case HTTP_PACKETS:
                if (answer.n > 0 || http_body(h).n > BODY_MAX || http_sid(h).n == 0)
                        abort();
                note(log, http_sid(h));
                note(log, http_body(h));
                http_put_ok(h, log);
                return http_next(h);
        case HTTP_ANSWERED:
                if (!begins(answer, "HTTP/1.1 2") && !begins(answer, "HTTP/1.1 304 ") && !begins(answer, "HTTP/1.1 40"))
                        abort();
                note(log, answer);
                note(log, http_rest(h));
                return http_next(h);
        case HTTP_UPGRADE:
        case HTTP_REFUSED:
                if (!begins(answer, verdict == HTTP_UPGRADE ? "HTTP/1.1 101 " : "HTTP/1.1 4"))
                        abort();
                note(log, answer);
                return false;
        }
        return false;
}

static struct buf say(const uint8_t *in, size_t n, size_t piece)
{
        struct http *h = http_create(world());
        struct buf log = { 0 };
        bool on = true;
        int requests = 0;
        for (size_t at = 0; at < n && on; at += piece) {
                size_t part = n - at < piece ? n - at : piece;
                for (size_t used = 0, taken; used < part && on; used += taken) {
                        uint8_t *exact = malloc(part - used);
                        memcpy(exact, in + at + used, part - used);
                        enum http_verdict verdict = http_recv(h, exact, part - used, &taken);
                        free(exact);
                        if (taken > part - used || (verdict == HTTP_MORE && taken < part - used))
                                abort();
                        if (verdict != HTTP_MORE)
                                on = take(h, verdict, &log) && ++requests < REQUESTS_MAX;
                }
        }
        http_destroy(h);
        return log;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        if (n < 2)
                return 0;
        struct buf whole = say(in + 1, n - 1, n - 1), parts = say(in + 1, n - 1, 1 + in[0]);
        if (!bytes_equal(buf_bytes(&whole), buf_bytes(&parts)))
                abort();
        buf_free(&whole);
        buf_free(&parts);
        return 0;
}
