/* Requests from a stranger on one connection: as one piece, and in pieces whose size the first byte
 * says. Both ways must end alike: the same verdicts, ids, bodies and answers, in the same order. */
#include <stdlib.h>

#include "tcp_server/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

enum { BODY_MAX = 64, REQUESTS_MAX = 32 };

static enum http_session look_up(void *ctx, struct bytes sid)
{
        (void)ctx;
        return sid.at[0] == 'p' ? HTTP_POLLED : sid.at[0] == 'u' ? HTTP_UPGRADED : HTTP_NO_SESSION;
}

static const struct http_config config = {
        .path = "/socket.io/",
        .cors_origin = "*",
        .body_bytes_max = BODY_MAX,
        .look_up = look_up,
};

static void note(struct buf *log, struct bytes b)
{
        buf_printf(log, "%zu:", b.n);
        buf_put(log, b.at, b.n);
}

static bool begins(struct bytes b, const char *text)
{
        return b.n > strlen(text) && memcmp(b.at, text, strlen(text)) == 0;
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
        case HTTP_PACKETS:
                if (answer.n > 0 || http_body(h).n > BODY_MAX)
                        abort();
                note(log, http_sid(h));
                note(log, http_body(h));
                http_put_packets(h, bytes_text("6"), log);
                return http_next(h);
        case HTTP_ANSWERED:
                if (!begins(answer, "HTTP/1.1 204 "))
                        abort();
                note(log, answer);
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
        struct http *h = http_create(&config);
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
