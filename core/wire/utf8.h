/* utf8: is this text, when it comes in pieces?
 *
 * A WebSocket text message may be cut anywhere, inside a character too, and must be refused at its
 * first bad byte (RFC 6455, 8.1), not when it ends. The bulk is checked by libunistring; between
 * pieces at most three bytes of an unfinished character are kept.
 *
 * A zeroed struct utf8 is the start of a text.
 */
#ifndef CORE_WIRE_UTF8_H
#define CORE_WIRE_UTF8_H
#include <stdbool.h>

#include "core/base/bytes.h"

struct utf8 {
        uint8_t open[4]; /* the begun character */
        uint8_t open_n;
};

/* Takes the text's next piece. False at the first byte that no valid text can have there; the text
 * is lost then. */
bool utf8_feed(struct utf8 *u, struct bytes piece);

/* Did the last piece end at a character's end? */
static inline bool utf8_whole(const struct utf8 *u)
{
        return u->open_n == 0;
}

/* One whole text, in one piece. */
bool utf8_valid(struct bytes text);

#endif
