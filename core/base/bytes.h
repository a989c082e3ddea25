/* bytes: reading and writing runs of bytes without ever stepping outside them.
 *
 *   struct bytes    a borrowed run: pointer and length, no ownership
 *   struct reader   takes big-endian fields from a run; the first step past its end fails it for
 *                   good, so a decoder reads all its fields and asks `failed` once
 *   struct writer   puts big-endian fields into the caller's buffer; the same rule
 *   struct buf      an owned run that grows; for scratch and for private queues
 *
 * No function asserts on what a run holds: runs come from the network.
 */
#ifndef CORE_BASE_BYTES_H
#define CORE_BASE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
        const uint8_t *at;
        size_t n;
};

/* The bytes of a C string, without its final zero. */
static inline struct bytes bytes_text(const char *text)
{
        return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static inline struct bytes bytes_of(const void *at, size_t n)
{
        return (struct bytes){ at, n };
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
        return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

struct reader {
        const uint8_t *at, *end;
        bool failed; /* some read wanted more than there was; that read and all later ones gave 0 */
};

static inline struct reader reader_of(const void *at, size_t n)
{
        return (struct reader){ at, (const uint8_t *)at + n, false };
}

static inline size_t reader_left(const struct reader *r)
{
        return (size_t)(r->end - r->at);
}

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);

/* The next n bytes, borrowed from the run; {NULL, 0} and failed when there are fewer. */
struct bytes reader_take(struct reader *r, size_t n);

struct writer {
        uint8_t *start, *at, *end;
        bool failed; /* some write did not fit; nothing of it and of later ones was written */
};

static inline struct writer writer_of(void *at, size_t n)
{
        return (struct writer){ at, at, (uint8_t *)at + n, false };
}

static inline size_t writer_used(const struct writer *w)
{
        return (size_t)(w->at - w->start);
}

void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_put(struct writer *w, const void *from, size_t n);
void writer_zeros(struct writer *w, size_t n);

/* A zeroed struct buf is empty and valid. */
struct buf {
        uint8_t *at;
        size_t n, cap;
};

/* Makes room for n more bytes and returns where they go (the caller adds to b->n itself), or
 * NULL when memory is out; b is unchanged then. */
uint8_t *buf_room(struct buf *b, size_t n);

/* Appends; returns 0 or ERR_NO_MEMORY (b unchanged). */
int buf_put(struct buf *b, const void *from, size_t n);
int buf_text(struct buf *b, const char *text);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first n bytes (n <= b->n), moving the rest to the front. */
void buf_drop(struct buf *b, size_t n);

/* Frees the memory; b is empty and valid afterwards. */
void buf_free(struct buf *b);

static inline struct bytes buf_bytes(const struct buf *b)
{
        return (struct bytes){ b->at, b->n };
}

#endif
