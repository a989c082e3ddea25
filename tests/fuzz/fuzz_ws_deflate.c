/* permessage-deflate from a stranger. The first byte picks one of two: compressed frames (what is told may not
 * depend on how the bytes are cut, and keeps within the limit), or a message of ours (it is read back as it was). */
#include <stdlib.h>

#include "core/wire/ws_deflate.h"

enum { MESSAGE_MAX = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void need(bool good)
{
        if (!good)
                abort();
}

/* One of each kind for all inputs: the server's, too, serve one connection after the other. */
static struct ws_deflate *deflate_of(bool context)
{
        static struct ws_deflate *made[2];
        if (!made[context])
                made[context] = ws_deflate_create(&(struct ws_deflate_rules){ 15, context, 8 });
        need(made[context] != NULL);
        return made[context];
}

/* Folds everything told into one number, so that two runs can be compared. */
static uint64_t run(const uint8_t *in, size_t n, size_t piece, bool context)
{
        uint64_t told = 0;
        struct ws ws;
        struct ws_event ev;
        ws_init(&ws, WS_CLIENT, MESSAGE_MAX);
        ws.inflate = ws_inflate_create(deflate_of(context), &(struct ws_terms){ .client_context = context });
        need(ws.inflate != NULL);
        for (size_t at = 0; at < n; at += piece) {
                size_t part = n - at < piece ? n - at : piece, used = 0;
                uint8_t *copy = malloc(part);
                memcpy(copy, in + at, part);
                do {
                        used += ws_recv(&ws, copy + used, part - used, &ev);
                        need(ev.payload.n <= MESSAGE_MAX);
                        need(ev.got != WS_GOT_MESSAGE || ev.opcode != WS_TEXT || utf8_valid(ev.payload));
                        if (ev.got != WS_GOT_NOTHING)
                                told = told * 31 + ev.got + ev.code + ev.fault;
                        for (size_t i = 0; i < ev.payload.n; i++)
                                told = told * 31 + ev.payload.at[i];
                } while (ev.got != WS_GOT_NOTHING && used < part);
                free(copy);
        }
        ws_free(&ws);
        need(ws_deflate_stats(deflate_of(context)).window_bytes == 0);
        return told;
}

static void ours(const uint8_t *in, size_t n)
{
        struct buf out = { 0 };
        struct ws ws;
        struct ws_event ev;
        ptrdiff_t start = ws_begin(&out);
        need(start == 0 && buf_put(&out, in, n) == 0);
        ws_deflate_end(deflate_of(false), &out, start, WS_BINARY);
        ws_init(&ws, WS_CLIENT, n);
        ws.inflate = ws_inflate_create(deflate_of(false), &(struct ws_terms){ 0 });
        need(ws_recv(&ws, out.at, out.n, &ev) == out.n);
        need(ev.got == WS_GOT_MESSAGE && bytes_equal(ev.payload, bytes_of(in, n)));
        ws_free(&ws);
        buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        if (n < 3)
                return 0;
        bool context = in[0] & 4;
        size_t piece = 1 + in[1] % 16;
        if (in[0] % 4 == 1)
                ours(in + 2, n - 2);
        else
                need(run(in + 2, n - 2, n - 2, context) == run(in + 2, n - 2, piece, context));
        return 0;
}
