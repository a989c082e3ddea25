/* ws_deflate: WebSocket messages compressed and taken apart again (permessage-deflate).
 *
 *   struct ws_deflate   what all connections of a server share: one compressor, one decompressor
 *   struct ws_inflate   what one connection needs to be read: its terms and, if its client may refer
 *                       to earlier messages, the end of these (at most its window)
 *
 * Messages are read whole: their compressed bytes are gathered first, as those of any other
 * message, so a connection between two messages holds a window and nothing else. The output grows with
 * what comes out and stops at the caller's limit: a small message that says "a gigabyte of zeros"
 * costs that limit and no more.
 *
 * What is sent refers to no other message, so the frame made for one client is good for all.
 *
 * Source: RFC 7692, section 7; RFC 1951; zlib.
 */
#ifndef CORE_WIRE_WS_DEFLATE_H
#define CORE_WIRE_WS_DEFLATE_H
#include "core/wire/ws.h"
#include "core/wire/ws_offer.h"

struct ws_deflate;
struct ws_inflate;

/* Windows that clients were promised, in all: then newcomers may not refer to earlier messages. */
enum { WS_WINDOWS_BYTES_MAX = 64 << 20 };

/* NULL when memory is out. window_bits must be in WS_WINDOW_BITS_MIN..MAX. */
struct ws_deflate *ws_deflate_create(const struct ws_deflate_rules *rules);
void ws_deflate_destroy(struct ws_deflate *d); /* accepts NULL; no ws_inflate is left */

/* The rules for the next client. */
struct ws_deflate_rules ws_deflate_rules(const struct ws_deflate *d);

/* Ends a frame that ws_begin began, as ws_end does: compressed, if it is long enough and gets shorter by it. */
void ws_deflate_end(struct ws_deflate *d, struct buf *out, ptrdiff_t start, enum ws_opcode opcode);

struct ws_deflate_stats {
        uint64_t in_packed, in_plain;   /* bytes of compressed messages that came, and what they were */
        uint64_t out_plain, out_packed; /* and of those that were sent, each counted once */
        uint64_t windows, window_bytes; /* windows promised to connections that are open; memory they take now */
};
struct ws_deflate_stats ws_deflate_stats(const struct ws_deflate *d);

/* One connection on these terms; give it to a reader as ws.inflate, which owns it from then on.
 * NULL when memory is out. */
struct ws_inflate *ws_inflate_create(struct ws_deflate *d, const struct ws_terms *terms);
void ws_inflate_destroy(struct ws_inflate *i); /* accepts NULL */

/* May this client be sent compressed frames? */
bool ws_inflate_sends(const struct ws_inflate *i);

/* Takes one whole message apart.
 *
 * plain    empty; holds what came out, also on failure
 * returns  WS_FAULT_NONE; WS_FAULT_TOO_BIG (more than bytes_max came out); WS_FAULT_DEFLATE (no
 *          compressed data, or cut short); WS_FAULT_MEMORY. After a fault the connection is lost */
enum ws_fault ws_inflate_message(struct ws_inflate *i, struct bytes packed, size_t bytes_max, struct buf *plain);

#endif
