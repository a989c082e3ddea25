/* A request head from a stranger: whole, and in pieces whose size its first byte says. Both ways
 * must end alike: the same verdict, answer and place where the head ends. */
#include <stdlib.h>

#include "tcp_server/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

struct end {
        struct http *http;
        enum http_verdict verdict;
        size_t taken;
};

static struct end say(const uint8_t *in, size_t n, size_t piece)
{
        struct end e = { .http = http_create("/socket.io/", "*"), .verdict = HTTP_MORE };
        for (size_t at = 0; at < n && e.verdict == HTTP_MORE; at += piece) {
                size_t part = n - at < piece ? n - at : piece, taken = SIZE_MAX;
                uint8_t *exact = malloc(part);
                memcpy(exact, in + at, part);
                e.verdict = http_recv(e.http, exact, part, &taken);
                if (taken > part)
                        abort();
                e.taken += taken;
                free(exact);
        }
        return e;
}

static void check(const struct end *e)
{
        struct bytes answer = http_answer(e->http);
        const char *begin = e->verdict == HTTP_UPGRADE ? "HTTP/1.1 101 " : "HTTP/1.1 4";
        if (e->verdict == HTTP_MORE ? answer.n > 0 : answer.n < 20 || memcmp(answer.at, begin, strlen(begin)) != 0)
                abort();
        if ((e->verdict == HTTP_REFUSED) != (http_refusal(e->http) != HTTP_NOT_REFUSED))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        if (n < 2)
                return 0;
        struct end whole = say(in + 1, n - 1, n - 1), parts = say(in + 1, n - 1, 1 + in[0]);
        check(&whole);
        check(&parts);
        if (whole.verdict != parts.verdict || !bytes_equal(http_answer(whole.http), http_answer(parts.http)) ||
            (whole.verdict == HTTP_UPGRADE && whole.taken != parts.taken))
                abort();
        http_destroy(whole.http);
        http_destroy(parts.http);
        return 0;
}
