/* pack: msgpack, written with msgpack-c and read without trust.
 *
 * Reading starts with pack_scan: it proves, without allocating, that a run of bytes is exactly one
 * msgpack item within limits. Five hostile bytes (dd ff ff ff ff) make an unpacker ask for 137 GB,
 * so nothing is unpacked or walked before its scan. After it, the getters below walk the same
 * bytes: an *item* is the struct bytes of one whole msgpack value, borrowed from the scanned run.
 * Getters given something of another kind say so and change nothing.
 *
 * Writing appends to the caller's buf; every pack_put_* returns 0 or ERR_NO_MEMORY.
 *
 * Source: the msgpack specification (github.com/msgpack/msgpack, spec.md).
 */
#ifndef CORE_EVENT_PACK_H
#define CORE_EVENT_PACK_H
#include <stdbool.h>
#include <stdint.h>

#include "core/base/bytes.h"

enum { PACK_DEPTH_MAX = 32 }; /* the deepest limit that can be asked for */

struct pack_limits {
        size_t bytes_max;   /* of the whole item */
        uint32_t items_max; /* values in it, keys and containers counted */
        uint32_t depth_max; /* containers inside containers; a bare value has depth 0 */
        bool ext;           /* ext types allowed */
        bool plain;         /* all text must be UTF-8, and map keys text or integers: what JSON can say */
};

/* Canonical events: depth <= 16, items <= 4,096, plain, no ext, at most 1,000,000 bytes. */
extern const struct pack_limits pack_limits_event;

/* Proves that `in` is one whole item within limits, with nothing behind it. What is over a limit
 * is refused as soon as a head declares it, however few bytes have come.
 * returns 0; ERR_TRUNCATED (a prefix of something that may be good); ERR_MALFORMED (not msgpack,
 *         trailing bytes, an ext where none is allowed, not plain); ERR_TOO_BIG (over a limit) */
int pack_scan(struct bytes in, const struct pack_limits *limits);

/* What a scan counted. */
struct pack_census {
        uint32_t items, bins;
};

/* pack_scan that also fills the census (on success). */
int pack_scan_census(struct bytes in, const struct pack_limits *limits, struct pack_census *census);

enum pack_kind {
        PACK_NONE, /* empty bytes: "no such item" */
        PACK_NIL,
        PACK_BOOL,
        PACK_UINT,
        PACK_INT /* below 0 */,
        PACK_REAL,
        PACK_TEXT,
        PACK_BIN,
        PACK_ARRAY,
        PACK_MAP,
        PACK_EXT,
};
enum pack_kind pack_kind(struct bytes item);

/* Splits the first item off `rest` (scanned bytes). False when rest is empty (or, had it not been
 * scanned, holds no whole item); rest is unchanged then. */
bool pack_next(struct bytes *rest, struct bytes *item);

/* The value, if the item is of that kind. pack_get_u64 takes PACK_UINT only, pack_get_i64 any
 * integer that fits. */
bool pack_get_u64(struct bytes item, uint64_t *v);
bool pack_get_i64(struct bytes item, int64_t *v);
bool pack_get_bool(struct bytes item, bool *v);
bool pack_get_real(struct bytes item, double *v); /* integers too */
bool pack_get_text(struct bytes item, struct bytes *text);
bool pack_get_bin(struct bytes item, struct bytes *bin);
bool pack_get_ext(struct bytes item, int8_t *type, struct bytes *body);

/* The members of an array, or keys and values in turn of a map, for pack_next; n counts members
 * of an array, pairs of a map. */
bool pack_get_array(struct bytes item, uint32_t *n, struct bytes *members);
bool pack_get_map(struct bytes item, uint32_t *n, struct bytes *pairs);

/* The value under a key; empty bytes (PACK_NONE) when there is none or the item is no map. */
struct bytes pack_map_text(struct bytes map, const char *key);
struct bytes pack_map_u64(struct bytes map, uint64_t key);

int pack_put_nil(struct buf *out);
int pack_put_bool(struct buf *out, bool v);
int pack_put_u64(struct buf *out, uint64_t v);
int pack_put_i64(struct buf *out, int64_t v);
int pack_put_real(struct buf *out, double v);
int pack_put_text(struct buf *out, struct bytes text);
int pack_put_word(struct buf *out, const char *text); /* a C string */
int pack_put_bin(struct buf *out, struct bytes bin);
int pack_put_array(struct buf *out, uint32_t n);      /* n items follow */
int pack_put_map(struct buf *out, uint32_t n);        /* n pairs follow */
int pack_put_raw(struct buf *out, struct bytes item); /* whole items, as they are */

#endif
