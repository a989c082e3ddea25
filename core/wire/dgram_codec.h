/* dgram_codec: a layout said once, for both directions: each call reads a field, or writes it. For dgram.c.
 *
 * A reader or writer that fails does nothing more, so a layout needs no checks; whoever made the codec asks in the end.
 */
#ifndef CORE_WIRE_DGRAM_CODEC_H
#define CORE_WIRE_DGRAM_CODEC_H
#include <string.h>

#include "core/base/bytes.h"

/* Reads into the fields it is shown, or writes them. */
struct codec {
        struct reader *in; /* NULL: writing */
        struct writer *out;
        bool refused; /* reading: well-formed fields that contradict each other */
};

static inline void u8(struct codec *c, uint8_t *v)
{
        if (c->in)
                *v = reader_u8(c->in);
        else
                writer_u8(c->out, *v);
}

static inline void u16(struct codec *c, uint16_t *v)
{
        if (c->in)
                *v = reader_u16(c->in);
        else
                writer_u16(c->out, *v);
}

static inline void u32(struct codec *c, uint32_t *v)
{
        if (c->in)
                *v = reader_u32(c->in);
        else
                writer_u32(c->out, *v);
}

static inline void u64(struct codec *c, uint64_t *v)
{
        if (c->in)
                *v = reader_u64(c->in);
        else
                writer_u64(c->out, *v);
}

static inline void i64(struct codec *c, int64_t *v)
{
        uint64_t bits = (uint64_t)*v;
        u64(c, &bits);
        if (c->in)
                *v = (int64_t)bits;
}

static inline void reserved(struct codec *c, size_t n)
{
        if (c->in)
                reader_take(c->in, n);
        else
                writer_zeros(c->out, n);
}

static inline void raw(struct codec *c, uint8_t *v, size_t n)
{
        if (!c->in) {
                writer_put(c->out, v, n);
                return;
        }
        struct bytes run = reader_take(c->in, n);
        if (run.at)
                memcpy(v, run.at, n);
}

/* Whatever is left of the message. */
static inline void rest(struct codec *c, struct bytes *v)
{
        if (c->in)
                *v = reader_take(c->in, reader_left(c->in));
        else
                writer_put(c->out, v->at, v->n);
}

/* Messages that are padded inside their length, so that their answer is the smaller one. */
static inline void fill(struct codec *c, size_t bytes)
{
        if (c->in)
                reader_take(c->in, reader_left(c->in));
        else
                writer_zeros(c->out, bytes);
}

#endif
