/* batch: what one subscriber is sent for one burst of events, entry by entry, byte for byte.
 *
 * Recorded from the real server and sent again by the bare one, so that the two send the same
 * bytes. An entry is a whole WebSocket frame, or a whole message of a datagram.
 */
#ifndef BENCH_BATCH_H
#define BENCH_BATCH_H
#include <stdint.h>

#include "core/base/bytes.h"

enum { BATCH_ENTRIES_MAX = 64 };

struct batch {
        struct buf bytes; /* all entries, back to back */
        uint32_t n;
        size_t end[BATCH_ENTRIES_MAX]; /* of entry i, in bytes */
};

/* Appends an entry; a zeroed batch is empty. Returns 0, ERR_FULL or ERR_NO_MEMORY. */
int batch_add(struct batch *b, struct bytes entry);

/* Packs the entries, in order, into as few runs of at most bytes_max as possible without cutting
 * one; an entry larger than that is a run of its own. Borrowed from b.
 * returns the number of runs */
uint32_t batch_bundle(const struct batch *b, size_t bytes_max, struct bytes runs[BATCH_ENTRIES_MAX]);

void batch_free(struct batch *b);

#endif
