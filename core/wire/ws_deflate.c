#include "core/wire/ws_deflate.h"

#include <stdlib.h>
#include <zlib.h>

enum {
        LEVEL = 6,
        MEMORY_LEVEL = 8,
        WINDOW_MAX = 1 << WS_WINDOW_BITS_MAX,
        SCRATCH_KEPT = 64 << 10,
        TASTE = 256 << 10, /* of a long message: if so much does not get shorter, the rest is not tried */
        FIRST_MIN = 256,   /* bytes of room for what comes out, at first */
        FIRST_MAX = 64 << 10,
};

/* What ends every flush of the compressor, and is left away on the wire. */
static const uint8_t tail[] = { 0x00, 0x00, 0xff, 0xff };

struct ws_deflate {
        struct ws_deflate_rules rules;
        z_stream in, out;
        struct buf packed;          /* scratch */
        uint8_t window[WINDOW_MAX]; /* scratch */
        uint64_t promised;          /* bytes of windows */
        struct ws_deflate_stats stats;
};

struct ws_inflate {
        struct ws_deflate *shared;
        struct ws_terms terms;
        struct buf window; /* the end of what its messages were; empty without client_context */
};

/* ---- what is shared ------------------------------------------------------------------------- */

struct ws_deflate *ws_deflate_create(const struct ws_deflate_rules *rules)
{
        struct ws_deflate *d = calloc(1, sizeof *d);
        if (!d)
                return NULL;
        d->rules = *rules;
        bool in = inflateInit2(&d->in, -WS_WINDOW_BITS_MAX) == Z_OK;
        if (in &&
            deflateInit2(&d->out, LEVEL, Z_DEFLATED, -rules->window_bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK)
                return d;
        if (in)
                inflateEnd(&d->in);
        free(d);
        return NULL;
}

void ws_deflate_destroy(struct ws_deflate *d)
{
        if (!d)
                return;
        inflateEnd(&d->in);
        deflateEnd(&d->out);
        buf_free(&d->packed);
        free(d);
}

static uint64_t window_bytes(const struct ws_terms *terms)
{
        if (!terms->client_context)
                return 0;
        return UINT64_C(1) << (terms->client_bits ? terms->client_bits : WS_WINDOW_BITS_MAX);
}

struct ws_deflate_rules ws_deflate_rules(const struct ws_deflate *d)
{
        struct ws_deflate_rules rules = d->rules;
        rules.client_context = rules.client_context && d->promised + WINDOW_MAX <= WS_WINDOWS_BYTES_MAX;
        return rules;
}

struct ws_deflate_stats ws_deflate_stats(const struct ws_deflate *d)
{
        return d->stats;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* Gives the compressor bytes. False: the output is full. */
static bool squeeze(z_stream *z, const uint8_t *at, size_t n, int flush)
{
        z->next_in = (uint8_t *)(uintptr_t)at;
        z->avail_in = (uInt)n;
        return deflate(z, flush) == Z_OK && z->avail_in == 0 && z->avail_out > 0;
}

/* Compresses into the scratch. Returns how long it is there; 0: not shorter than before. */
static size_t pack(struct ws_deflate *d, struct bytes plain)
{
        z_stream *z = &d->out;
        size_t room = plain.n + sizeof tail, taste = plain.n > TASTE ? TASTE : 0;
        d->packed.n = 0;
        if (room > UINT32_MAX || !buf_room(&d->packed, room) || deflateReset(z) != Z_OK)
                return 0;
        z->next_out = d->packed.at;
        z->avail_out = (uInt)room;
        if (taste > 0 && (!squeeze(z, plain.at, taste, Z_NO_FLUSH) || z->total_out > TASTE / 8 * 7))
                return 0;
        if (!squeeze(z, plain.at + taste, plain.n - taste, Z_SYNC_FLUSH))
                return 0;
        return room - z->avail_out - sizeof tail;
}

void ws_deflate_end(struct ws_deflate *d, struct buf *out, ptrdiff_t start, enum ws_opcode opcode)
{
        uint8_t *payload = out->at + start + WS_HEAD_ROOM;
        size_t n = out->n - (size_t)start - WS_HEAD_ROOM, packed_n = 0;
        if (n >= d->rules.threshold_bytes && n > 0)
                packed_n = pack(d, bytes_of(payload, n));
        if (packed_n > 0) {
                memcpy(payload, d->packed.at, packed_n);
                out->n -= n - packed_n;
                d->stats.out_plain += n;
                d->stats.out_packed += packed_n;
        }
        ws_end(out, start, opcode);
        if (packed_n > 0)
                out->at[start] |= WS_PACKED;
        if (d->packed.cap > SCRATCH_KEPT)
                buf_free(&d->packed);
}

/* ---- receiving ------------------------------------------------------------------------------ */

struct ws_inflate *ws_inflate_create(struct ws_deflate *d, const struct ws_terms *terms)
{
        struct ws_inflate *i = calloc(1, sizeof *i);
        if (!i)
                return NULL;
        *i = (struct ws_inflate){ .shared = d, .terms = *terms };
        d->promised += window_bytes(terms);
        d->stats.windows += terms->client_context;
        return i;
}

void ws_inflate_destroy(struct ws_inflate *i)
{
        if (!i)
                return;
        i->shared->promised -= window_bytes(&i->terms);
        i->shared->stats.windows -= i->terms.client_context;
        i->shared->stats.window_bytes -= i->window.cap;
        buf_free(&i->window);
        free(i);
}

bool ws_inflate_sends(const struct ws_inflate *i)
{
        return i->terms.sends;
}

static size_t first_room(size_t packed_n, size_t bytes_max)
{
        size_t room = packed_n > FIRST_MAX / 4 ? FIRST_MAX : packed_n * 4;
        if (room < FIRST_MIN)
                room = FIRST_MIN;
        return room > bytes_max ? bytes_max + 1 : room;
}

/* Lets the decompressor write behind what there is: as far as there is room, but one byte over the limit at
 * most, which shows that there is more. */
static int write_more(z_stream *z, size_t bytes_max, struct buf *plain)
{
        size_t room = plain->cap - plain->n, allowed = bytes_max - plain->n;
        if (room > allowed)
                room = allowed + 1;
        if (room > UINT32_MAX)
                room = UINT32_MAX;
        z->next_out = plain->at + plain->n;
        z->avail_out = (uInt)room;
        int err = inflate(z, Z_SYNC_FLUSH);
        plain->n += room - z->avail_out;
        return err;
}

/* A final block ends the data as far as zlib knows; in a message another may follow, and refer back across it.
 * (RFC 7692, 7.2.3.5. inflateReset would forget the window.) */
static bool go_on(z_stream *z)
{
        return z->avail_in > 0 && inflateResetKeep(z) == Z_OK;
}

/* ended: a final block ended with the last byte. */
static enum ws_fault take_apart(z_stream *z, struct bytes packed, size_t bytes_max, struct buf *plain, bool *ended)
{
        *ended = false;
        z->next_in = (uint8_t *)(uintptr_t)packed.at;
        z->avail_in = (uInt)packed.n;
        for (;;) {
                if (!buf_room(plain, plain->cap ? 1 : first_room(packed.n, bytes_max)))
                        return WS_FAULT_MEMORY;
                int err = write_more(z, bytes_max, plain);
                if (plain->n > bytes_max)
                        return WS_FAULT_TOO_BIG;
                if (err == Z_MEM_ERROR)
                        return WS_FAULT_MEMORY;
                if (err == Z_STREAM_END) {
                        *ended = !go_on(z);
                        if (*ended)
                                return WS_FAULT_NONE;
                        continue;
                }
                if (err != Z_OK && err != Z_BUF_ERROR)
                        return WS_FAULT_DEFLATE;
                if (z->avail_out > 0)
                        return WS_FAULT_NONE; /* it has taken all */
        }
}

/* Is it between two blocks? (zlib.h, on inflate: data_type) */
static bool between_blocks(const z_stream *z)
{
        return z->data_type & 128;
}

/* Keeps the end of what came out, for the client's next message to refer to. */
static enum ws_fault keep_window(struct ws_inflate *i)
{
        struct ws_deflate *d = i->shared;
        uInt n = 0;
        size_t most = window_bytes(&i->terms), before = i->window.cap;
        inflateGetDictionary(&d->in, d->window, &n);
        size_t kept = n < most ? n : most;
        i->window.n = 0;
        if (buf_put(&i->window, d->window + n - kept, kept) != 0)
                return WS_FAULT_MEMORY;
        d->stats.window_bytes += i->window.cap - before;
        return WS_FAULT_NONE;
}

enum ws_fault ws_inflate_message(struct ws_inflate *i, struct bytes packed, size_t bytes_max, struct buf *plain)
{
        z_stream *z = &i->shared->in;
        if (packed.n == 0) /* the empty message should be one byte long; some send it so */
                return WS_FAULT_NONE;
        if (packed.n > UINT32_MAX)
                return WS_FAULT_TOO_BIG;
        inflateReset(z);
        if (i->window.n > 0)
                inflateSetDictionary(z, i->window.at, (uInt)i->window.n);
        bool ended;
        enum ws_fault fault = take_apart(z, packed, bytes_max, plain, &ended);
        if (!fault && !ended)
                fault = take_apart(z, bytes_of(tail, sizeof tail), bytes_max, plain, &ended);
        if (!fault && !ended && !between_blocks(z))
                fault = WS_FAULT_DEFLATE;
        if (!fault && i->terms.client_context)
                fault = keep_window(i);
        i->shared->stats.in_packed += packed.n;
        i->shared->stats.in_plain += plain->n;
        return fault;
}
