#include "core/wire/utf8.h"

#include <unistr.h>

/* libunistring's word for a character that is good so far and goes on behind the end. It says so of bytes
 * that begin no character of Unicode, too, until the second comes. */
enum { UNFINISHED = -2, FIRST_BYTE_MAX = 0xf4 };

/* How long the character is; 0: good so far; below 0: none. */
static int character(const uint8_t *at, size_t n)
{
        ucs4_t ignored;
        int length = u8_mbtoucr(&ignored, at, n);
        return length == UNFINISHED && *at <= FIRST_BYTE_MAX ? 0 : length;
}

/* Feeds the begun character byte by byte until it is whole. */
static bool finish_open(struct utf8 *u, struct bytes *piece)
{
        while (u->open_n > 0 && piece->n > 0) {
                u->open[u->open_n++] = *piece->at++;
                piece->n--;
                int length = character(u->open, u->open_n);
                if (length < 0)
                        return false;
                if (length > 0)
                        u->open_n = 0;
        }
        return true;
}

bool utf8_feed(struct utf8 *u, struct bytes piece)
{
        if (!finish_open(u, &piece))
                return false;
        if (piece.n == 0)
                return true;
        const uint8_t *bad = u8_check(piece.at, piece.n);
        if (!bad)
                return true;
        size_t left = piece.n - (size_t)(bad - piece.at);
        if (left >= sizeof u->open || character(bad, left) != 0)
                return false;
        memcpy(u->open, bad, left);
        u->open_n = (uint8_t)left;
        return true;
}

bool utf8_valid(struct bytes text)
{
        return text.n == 0 || !u8_check(text.at, text.n);
}
