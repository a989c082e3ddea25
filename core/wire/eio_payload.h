/* eio_payload: several Engine.IO packets in one HTTP body, as long polling carries them.
 *
 * Packets stand as text with 0x1E between them; a binary message is `b` and base64. A server has its
 * packets ready as WebSocket frames, and they are what is joined: nothing is encoded a second time.
 *
 * Source: the Engine.IO protocol, revision 4, "HTTP long-polling".
 */
#ifndef CORE_WIRE_EIO_PAYLOAD_H
#define CORE_WIRE_EIO_PAYLOAD_H
#include <stdbool.h>

#include "core/base/bytes.h"

/* Takes the next packet off the payload, which begins as {body, n}, body not NULL; an empty body is
 * one empty packet. False: there are no more. */
bool eio_payload_next(struct bytes *payload, struct bytes *packet);

/* Appends the packets of a server's whole frames (unmasked, unfragmented), each behind a 0x1E unless it
 * is the body's first. A close frame becomes the close packet; pongs are WebSocket's own and left out.
 * Every packet has a byte at least, so an empty body is one without packets.
 * returns 0; ERR_NO_MEMORY or ERR_MALFORMED (a frame that is not whole, a text without a byte), body as before */
int eio_payload_put(struct buf *body, struct bytes frames);

#endif
