#include "core/base/bytes.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"

static inline const uint8_t *advance(struct reader *r, size_t n)
{
        if (r->failed || reader_left(r) < n) {
                r->failed = true;
                return NULL;
        }
        const uint8_t *at = r->at;
        r->at += n;
        return at;
}

/* Copies the next n bytes; leaves `to` alone when there are fewer. */
static inline void take(struct reader *r, void *to, size_t n)
{
        const uint8_t *at = advance(r, n);
        if (at)
                memcpy(to, at, n);
}

uint8_t reader_u8(struct reader *r)
{
        const uint8_t *at = advance(r, 1);
        return at ? *at : 0;
}

uint16_t reader_u16(struct reader *r)
{
        uint16_t v = 0;
        take(r, &v, sizeof v);
        return be16toh(v);
}

uint32_t reader_u32(struct reader *r)
{
        uint32_t v = 0;
        take(r, &v, sizeof v);
        return be32toh(v);
}

uint64_t reader_u64(struct reader *r)
{
        uint64_t v = 0;
        take(r, &v, sizeof v);
        return be64toh(v);
}

struct bytes reader_take(struct reader *r, size_t n)
{
        const uint8_t *at = advance(r, n);
        return (struct bytes){ at, at ? n : 0 };
}

static uint8_t *claim(struct writer *w, size_t n)
{
        if (w->failed || (size_t)(w->end - w->at) < n) {
                w->failed = true;
                return NULL;
        }
        uint8_t *at = w->at;
        w->at += n;
        return at;
}

void writer_u8(struct writer *w, uint8_t v)
{
        writer_put(w, &v, sizeof v);
}

void writer_u16(struct writer *w, uint16_t v)
{
        v = htobe16(v);
        writer_put(w, &v, sizeof v);
}

void writer_u32(struct writer *w, uint32_t v)
{
        v = htobe32(v);
        writer_put(w, &v, sizeof v);
}

void writer_u64(struct writer *w, uint64_t v)
{
        v = htobe64(v);
        writer_put(w, &v, sizeof v);
}

void writer_put(struct writer *w, const void *from, size_t n)
{
        uint8_t *at = claim(w, n);
        if (at && n > 0)
                memcpy(at, from, n);
}

void writer_zeros(struct writer *w, size_t n)
{
        uint8_t *at = claim(w, n);
        if (at && n > 0)
                memset(at, 0, n);
}

uint8_t *buf_room(struct buf *b, size_t n)
{
        if (n > SIZE_MAX - b->n)
                return NULL;
        if (b->n + n <= b->cap && b->at)
                return b->at + b->n;
        size_t cap = b->cap ? b->cap : 64;
        while (cap < b->n + n)
                cap = cap > SIZE_MAX / 2 ? b->n + n : cap * 2;
        uint8_t *at = realloc(b->at, cap);
        if (!at)
                return NULL;
        b->at = at;
        b->cap = cap;
        return b->at + b->n;
}

int buf_put(struct buf *b, const void *from, size_t n)
{
        uint8_t *at = buf_room(b, n);
        if (!at)
                return ERR_NO_MEMORY;
        if (n > 0)
                memcpy(at, from, n);
        b->n += n;
        return 0;
}

int buf_text(struct buf *b, const char *text)
{
        return buf_put(b, text, strlen(text));
}

int buf_printf(struct buf *b, const char *format, ...)
{
        size_t room = b->cap - b->n;
        va_list args;
        va_start(args, format);
        int n = vsnprintf(room > 0 ? (char *)b->at + b->n : NULL, room, format, args);
        va_end(args);
        if (n >= 0 && (size_t)n >= room) { /* with its final zero it did not fit: once more, with room */
                uint8_t *at = buf_room(b, (size_t)n + 1);
                if (!at)
                        return ERR_NO_MEMORY;
                va_start(args, format);
                vsnprintf((char *)at, (size_t)n + 1, format, args);
                va_end(args);
        }
        if (n < 0)
                return ERR_NO_MEMORY;
        b->n += (size_t)n;
        return 0;
}

void buf_drop(struct buf *b, size_t n)
{
        b->n -= n;
        if (b->n > 0 && n > 0)
                memmove(b->at, b->at + n, b->n);
}

void buf_free(struct buf *b)
{
        free(b->at);
        *b = (struct buf){ 0 };
}
