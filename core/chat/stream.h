/* stream: one room's log in one encoding: whole ready-to-send entries, back to back.
 *
 * A list of segments, the first of 512 bytes, each twice the one before, up to 64 KiB; a larger
 * entry gets a segment of its own. Nothing in a segment ever moves or changes, so what was lent
 * from it stays good until it is evicted. Entries are found by seq. Private to core/chat.
 */
#ifndef CORE_CHAT_STREAM_H
#define CORE_CHAT_STREAM_H
#include <stdint.h>

#include "core/base/bytes.h"

enum { STREAM_SEGMENT_MIN = 512, STREAM_SEGMENT_MAX = 65536 };

struct segment {
        uint64_t seq_first;
        uint32_t n, n_cap; /* entries */
        uint32_t *end;     /* end[i]: where entry seq_first + i ends in data */
        uint32_t used, cap;
        uint8_t data[];
};

struct stream {
        struct segment **segment; /* ascending; entries contiguous from the first to the last */
        uint32_t n, cap;
        uint64_t seq_first, seq_next; /* entries encoded: [seq_first, seq_next) */
        uint64_t empties;             /* entries of 0 bytes among them: too big for this path */
        uint64_t bytes;               /* memory of the segments */
};

void stream_init(struct stream *s, uint64_t seq_first);
void stream_free(struct stream *s);

/* Appends entry seq_next, copying its bytes (none: the entry is empty). 0 or ERR_NO_MEMORY. */
int stream_append(struct stream *s, struct bytes entry);

/* Puts the entries of `front`, which ends where s begins, before those of s; front is empty and
 * at s->seq_first afterwards. 0 or ERR_NO_MEMORY (both unchanged). */
int stream_prepend(struct stream *s, struct stream *front);

/* The segment that holds entry seq, seq_first <= seq < seq_next. */
struct segment *stream_segment(const struct stream *s, uint64_t seq);

/* The first segment if all its entries are below seq_keep; NULL otherwise. */
struct segment *stream_stale(const struct stream *s, uint64_t seq_keep);
void stream_drop_first(struct stream *s); /* s has a segment */

static inline uint32_t segment_start(const struct segment *g, uint64_t seq)
{
        return seq == g->seq_first ? 0 : g->end[seq - g->seq_first - 1];
}

static inline uint32_t segment_end(const struct segment *g, uint64_t seq)
{
        return g->end[seq - g->seq_first];
}

#endif
