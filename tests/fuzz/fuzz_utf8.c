/* Text from a stranger, in pieces. However it is cut, it is refused in the piece with the first byte that no
 * text can have there, as the table below says it, byte for byte. The first byte picks how long the pieces are. */
#include <stdlib.h>

#include "core/wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

enum { CUTS_MAX = 128 }; /* of longer texts not each cut is tried */

static void need(bool good)
{
        if (!good)
                abort();
}

/* The Unicode Standard, table 3-7: which bytes begin a character, which may be its second, how many follow. */
static const struct {
        uint8_t first, last, second_first, second_last, more;
} leads[] = {
        { 0x00, 0x7f, 0, 0, 0 },       { 0xc2, 0xdf, 0x80, 0xbf, 1 }, { 0xe0, 0xe0, 0xa0, 0xbf, 2 },
        { 0xe1, 0xec, 0x80, 0xbf, 2 }, { 0xed, 0xed, 0x80, 0x9f, 2 }, { 0xee, 0xef, 0x80, 0xbf, 2 },
        { 0xf0, 0xf0, 0x90, 0xbf, 3 }, { 0xf1, 0xf3, 0x80, 0xbf, 3 }, { 0xf4, 0xf4, 0x80, 0x8f, 3 },
};

/* Where the first bad byte is, n when there is none; open says how much of a character is still to come. */
static size_t first_bad(const uint8_t *in, size_t n, uint8_t *open)
{
        uint8_t lowest = 0, highest = 0;
        *open = 0;
        for (size_t at = 0; at < n; at++) {
                if (*open > 0) {
                        if (in[at] < lowest || in[at] > highest)
                                return at;
                        lowest = 0x80;
                        highest = 0xbf;
                        --*open;
                        continue;
                }
                size_t i = 0;
                while (i < sizeof leads / sizeof *leads && (in[at] < leads[i].first || in[at] > leads[i].last))
                        i++;
                if (i == sizeof leads / sizeof *leads)
                        return at;
                lowest = leads[i].second_first;
                highest = leads[i].second_last;
                *open = leads[i].more;
        }
        return n;
}

/* One piece, in memory of its size. */
static bool feed(struct utf8 *u, const uint8_t *in, size_t n)
{
        uint8_t *exact = malloc(n + !n);
        if (n > 0)
                memcpy(exact, in, n);
        bool good = utf8_feed(u, bytes_of(exact, n));
        free(exact);
        return good;
}

/* The first piece is of its own length, the others of theirs. */
static void in_pieces(const uint8_t *in, size_t n, size_t first, size_t others)
{
        struct utf8 u = { 0 };
        uint8_t open;
        size_t bad = first_bad(in, n, &open);
        for (size_t at = 0, piece = first; at < n; at += piece, piece = others) {
                piece = piece < n - at ? piece : n - at;
                bool good = feed(&u, in + at, piece);
                need(good == (bad >= at + piece));
                if (!good)
                        return;
        }
        need(bad == n && utf8_whole(&u) == (open == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        if (n < 1)
                return 0;
        size_t piece = 1 + in[0] % 16;
        uint8_t open;
        in++;
        n--;
        need(utf8_valid(bytes_of(in, n)) == (first_bad(in, n, &open) == n && open == 0));
        in_pieces(in, n, 1, 1);
        in_pieces(in, n, piece, piece);
        for (size_t cut = 0; cut <= n && cut < CUTS_MAX; cut++)
                in_pieces(in, n, cut, n - cut + 1);
        return 0;
}
