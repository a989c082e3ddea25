/* dgram_tail: the msgpack part of CONNECT, JOIN and JOIN_OK.
 *
 * Cold control only, and only from validated addresses. Parsers scan first (pack_scan); what they
 * fill in borrows from the bytes they were given. Unknown map keys are passed over.
 *
 * Source: the project's UDP wire spec, sections 3 and 5.
 */
#ifndef CORE_WIRE_DGRAM_TAIL_H
#define CORE_WIRE_DGRAM_TAIL_H
#include "core/base/bytes.h"

enum {
        DGRAM_CONNECT_TAIL_MAX = 512,
        DGRAM_JOIN_TAIL_MAX = 1100,
        DGRAM_JOIN_ROOMS_MAX = 16,
};

struct dgram_connect_tail {
        struct bytes space;  /* the namespace; "/" when not said */
        struct bytes auth;   /* one item; empty when not said */
        struct bytes limits; /* one item; empty when not said */
};

/* returns 0, ERR_TRUNCATED, ERR_MALFORMED or ERR_TOO_BIG, as pack_scan; out is undefined then */
int dgram_connect_tail_parse(struct bytes in, struct dgram_connect_tail *out);

enum dgram_mode {
        DGRAM_MODE_RAW = 0,
        DGRAM_MODE_NACK_ORDERED = 1,
        DGRAM_MODE_NACK_UNORDERED = 2,
        DGRAM_MODE_FEC_ORDERED = 3,
        DGRAM_MODE_FEC_UNORDERED = 4,
        DGRAM_MODES,
};

struct dgram_join_room {
        struct bytes room;
        uint8_t mode;   /* enum dgram_mode */
        uint32_t epoch; /* 0: a fresh join */
        uint64_t contig;
};

struct dgram_join {
        uint64_t req;
        uint32_t resumes; /* rooms that all JOINs of this session resume together; 0: not told */
        uint32_t rooms_n; /* 1..DGRAM_JOIN_ROOMS_MAX */
        struct dgram_join_room room[DGRAM_JOIN_ROOMS_MAX];
};

struct dgram_joined_room {
        struct bytes room;
        uint16_t status; /* enum dgram_code; what follows counts only when it is OK */
        uint32_t chan_ref;
        uint64_t tag;
        uint32_t epoch;
        uint64_t tail, head, start;
};

struct dgram_join_ok {
        uint64_t req;
        uint32_t rooms_n;
        struct dgram_joined_room room[DGRAM_JOIN_ROOMS_MAX];
};

int dgram_join_parse(struct bytes in, struct dgram_join *out);
int dgram_join_ok_parse(struct bytes in, struct dgram_join_ok *out);

/* Each appends to out. Returns 0 or ERR_NO_MEMORY. */
int dgram_connect_tail_put(struct buf *out, const struct dgram_connect_tail *in);
int dgram_join_put(struct buf *out, const struct dgram_join *in);
int dgram_join_ok_put(struct buf *out, const struct dgram_join_ok *in);

#endif
