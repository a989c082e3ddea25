/* ws_handshake: the key and its answer that open a WebSocket.
 *
 * The client sends sixteen random bytes in base64; the server proves that it understood the
 * upgrade by hashing them with a fixed text. No secret, no security: it only keeps plain HTTP
 * servers and caches from answering by accident.
 *
 * Source: RFC 6455, section 4.
 */
#ifndef CORE_WIRE_WS_HANDSHAKE_H
#define CORE_WIRE_WS_HANDSHAKE_H
#include <stdbool.h>

#include "core/base/bytes.h"

enum {
        WS_KEY_RAW = 16,
        WS_KEY_TEXT = 24,    /* characters of Sec-WebSocket-Key */
        WS_ACCEPT_TEXT = 28, /* and of Sec-WebSocket-Accept */
};

/* Writes the key's text and a final zero. */
void ws_key(const uint8_t raw[WS_KEY_RAW], char text[WS_KEY_TEXT + 1]);

/* Is this the base64 of sixteen bytes? */
bool ws_key_valid(struct bytes key);

/* Writes the answer to a valid key and a final zero. */
void ws_accept(struct bytes key, char text[WS_ACCEPT_TEXT + 1]);

#endif
