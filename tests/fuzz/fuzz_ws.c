/* Frames from a stranger: what is told may not depend on how the bytes are cut, messages keep
 * within the limit, and text is UTF-8. The first byte picks the role, the second the cut. */
#include <stdlib.h>

#include "core/wire/ws.h"

enum { MESSAGE_MAX = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

/* Folds everything told into one number, so that two runs can be compared. */
static uint64_t run(enum ws_role role, const uint8_t *in, size_t n, size_t piece)
{
        uint64_t told = 0;
        struct ws ws;
        struct ws_event ev;
        ws_init(&ws, role, MESSAGE_MAX);
        for (size_t at = 0; at < n; at += piece) {
                size_t part = n - at < piece ? n - at : piece, used = 0;
                uint8_t *copy = malloc(part);
                memcpy(copy, in + at, part);
                do {
                        used += ws_recv(&ws, copy + used, part - used, &ev);
                        if (ev.payload.n > MESSAGE_MAX)
                                abort();
                        if (ev.got == WS_GOT_MESSAGE && ev.opcode == WS_TEXT && !utf8_valid(ev.payload))
                                abort();
                        if (ev.got != WS_GOT_NOTHING)
                                told = told * 31 + ev.got + ev.code + ev.fault;
                        for (size_t i = 0; i < ev.payload.n; i++)
                                told = told * 31 + ev.payload.at[i];
                } while (ev.got != WS_GOT_NOTHING && used < part);
                free(copy);
        }
        ws_free(&ws);
        return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        if (n < 3)
                return 0;
        enum ws_role role = in[0] & 1 ? WS_CLIENT : WS_SERVER;
        size_t piece = 1 + in[1] % 16;
        if (run(role, in + 2, n - 2, n - 2) != run(role, in + 2, n - 2, piece))
                abort();
        return 0;
}
