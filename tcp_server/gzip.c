#include "tcp_server/gzip.h"

#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "core/base/err.h"

struct gzip {
        z_stream z;
};

enum { WINDOW_BITS = 15, WRAPPED_AS_GZIP = 16, MEMORY_LEVEL = 8 };

struct gzip *gzip_create(enum gzip_effort effort)
{
        struct gzip *g = calloc(1, sizeof *g);
        int bits = WINDOW_BITS + WRAPPED_AS_GZIP;
        if (g && deflateInit2(&g->z, (int)effort, Z_DEFLATED, bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
                free(g);
                return NULL;
        }
        return g;
}

void gzip_destroy(struct gzip *g)
{
        if (g)
                deflateEnd(&g->z);
        free(g);
}

int gzip_put(struct gzip *g, struct bytes body, struct buf *out)
{
        size_t bound = deflateBound(&g->z, body.n);
        uint8_t *at = buf_room(out, bound);
        if (!at)
                return ERR_NO_MEMORY;
        g->z.next_in = (uint8_t *)(uintptr_t)body.at; /* zlib only reads it */
        g->z.avail_in = (uInt)body.n;
        g->z.next_out = at;
        g->z.avail_out = (uInt)bound;
        int done = deflate(&g->z, Z_FINISH);
        size_t n = bound - g->z.avail_out;
        deflateReset(&g->z);
        if (done != Z_STREAM_END)
                return ERR_NO_MEMORY;
        out->n += n;
        return 0;
}

/* ---- Accept-Encoding ------------------------------------------------------------------------- */

static struct bytes trim(struct bytes b)
{
        while (b.n > 0 && (b.at[0] == ' ' || b.at[0] == '\t'))
                b = bytes_of(b.at + 1, b.n - 1);
        while (b.n > 0 && (b.at[b.n - 1] == ' ' || b.at[b.n - 1] == '\t'))
                b.n--;
        return b;
}

/* Splits off what stands before the mark. */
static struct bytes cut(struct bytes *rest, char mark)
{
        const uint8_t *at = rest->n ? memchr(rest->at, mark, rest->n) : NULL;
        size_t n = at ? (size_t)(at - rest->at) : rest->n, over = n + (at != NULL);
        struct bytes part = bytes_of(rest->at, n);
        *rest = bytes_of(rest->at + over, rest->n - over);
        return trim(part);
}

static bool is_word(struct bytes b, const char *word)
{
        return b.n == strlen(word) && strncasecmp((const char *)b.at, word, b.n) == 0;
}

/* "q=0", "q=0.000": not at all. */
static bool is_never(struct bytes weight)
{
        if (weight.n < 3 || strncasecmp((const char *)weight.at, "q=", 2) != 0)
                return false;
        for (size_t i = 2; i < weight.n; i++)
                if (weight.at[i] != '0' && weight.at[i] != '.')
                        return false;
        return true;
}

bool gzip_accepted(struct bytes accept_encoding)
{
        bool any = false;
        while (accept_encoding.n > 0) {
                struct bytes weight = cut(&accept_encoding, ','), coding = cut(&weight, ';');
                bool taken = !is_never(trim(weight));
                if (is_word(coding, "gzip") || is_word(coding, "x-gzip"))
                        return taken;
                any = any || (taken && is_word(coding, "*"));
        }
        return any;
}
