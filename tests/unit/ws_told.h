/* ws_told: what a WebSocket reader tells of a script of bytes, as text: "text(hello) ping(p) close(1000 bye)
 * fault(1002)".
 */
#ifndef TESTS_UNIT_WS_TOLD_H
#define TESTS_UNIT_WS_TOLD_H
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/wire/ws.h"

static inline void tell(char *told, const struct ws_event *ev)
{
        static const char *const words[] = { "", "", "ping", "pong", "close", "fault" };
        char *end = told + strlen(told);
        if (ev->got == WS_GOT_NOTHING)
                return;
        if (end > told)
                *end++ = ' ';
        const char *word = ev->got == WS_GOT_MESSAGE ? ev->opcode == WS_TEXT ? "text" : "binary" : words[ev->got];
        end += sprintf(end, "%s(", word);
        if (ev->got == WS_GOT_CLOSE)
                end += sprintf(end, ev->payload.n ? "%d " : "%d", ev->code);
        if (ev->got == WS_GOT_FAULT)
                end += sprintf(end, "%d", ws_fault_code(ev->fault));
        sprintf(end, "%.*s)", (int)ev->payload.n, ev->payload.n ? (const char *)ev->payload.at : "");
}

/* Feeds n bytes in pieces, from a heap copy of each so that the sanitizer sees any step outside. */
static inline void feed(struct ws *ws, const char *in, size_t n, size_t piece, char *told)
{
        for (size_t at = 0; at < n; at += piece) {
                size_t part = n - at < piece ? n - at : piece, used = 0;
                uint8_t *copy = malloc(part);
                memcpy(copy, in + at, part);
                struct ws_event ev;
                do {
                        used += ws_recv(ws, copy + used, part - used, &ev);
                        tell(told, &ev);
                } while (ev.got != WS_GOT_NOTHING && used < part);
                assert_int_equal(used, part);
                free(copy);
        }
}

#endif
