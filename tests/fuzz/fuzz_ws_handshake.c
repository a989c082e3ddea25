/* A WebSocket key from a stranger: good is exactly what some sixteen bytes are written as, and a good key has
 * an answer of 28 characters, its own. Sixteen bytes, whatever they are, make a good key. */
#include <stdlib.h>

#include "core/wire/ws_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void need(bool good)
{
        if (!good)
                abort();
}

static void check_accept(struct bytes key)
{
        uint8_t other[WS_KEY_TEXT];
        char text[WS_ACCEPT_TEXT + 1], others[WS_ACCEPT_TEXT + 1];
        ws_accept(key, text);
        need(strspn(text, alphabet) == WS_ACCEPT_TEXT - 1 && strcmp(text + WS_ACCEPT_TEXT - 1, "=") == 0);
        memcpy(other, key.at, sizeof other);
        other[0] = other[0] == 'A' ? 'B' : 'A';
        ws_accept(bytes_of(other, sizeof other), others);
        need(strcmp(text, others) != 0);
}

/* The 128 bits that the characters stand for, whatever stands in the last one's other four bits. */
static void raw_of(struct bytes key, uint8_t raw[WS_KEY_RAW])
{
        uint32_t bits = 0, bits_n = 0;
        for (size_t i = 0, at = 0; i < key.n && at < WS_KEY_RAW; i++) {
                const char *c = key.at[i] ? strchr(alphabet, key.at[i]) : NULL;
                bits = bits << 6 | (c ? (uint32_t)(c - alphabet) : 0);
                bits_n += 6;
                if (bits_n >= 8)
                        raw[at++] = (uint8_t)(bits >> (bits_n -= 8));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        struct bytes key = bytes_of(in, n);
        uint8_t raw[WS_KEY_RAW] = { 0 };
        char text[WS_KEY_TEXT + 1];
        raw_of(key, raw);
        ws_key(raw, text);
        need(ws_key_valid(key) == bytes_equal(key, bytes_text(text)));
        if (ws_key_valid(key))
                check_accept(key);
        if (n >= WS_KEY_RAW) {
                ws_key(in, text);
                need(strlen(text) == WS_KEY_TEXT && ws_key_valid(bytes_text(text)));
        }
        return 0;
}
