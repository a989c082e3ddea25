/* ws: WebSocket frames, read strictly and written plainly, on both ends.
 *
 * The reader is given bytes as they come and gives back one thing at a time: a whole message, a
 * control frame, or the fault that ends the connection. A frame that arrives whole in the caller's
 * buffer is unmasked in place and lent from there: nothing is allocated or copied for it. Anything
 * else is gathered in a buffer that grows with the bytes that arrived, never with a length that
 * was announced.
 *
 * A reader that was given an `inflate` (ws_deflate.h) speaks permessage-deflate: then RSV1 on a message's
 * first frame says that it is compressed. Every other reserved bit is a fault. Text is refused at its first bad
 * byte, compressed text when the message is whole.
 *
 * Source: RFC 6455, sections 5 to 8; RFC 7692, 6.
 */
#ifndef CORE_WIRE_WS_H
#define CORE_WIRE_WS_H
#include <stdbool.h>

#include "core/base/bytes.h"
#include "core/wire/utf8.h"

enum ws_role { WS_SERVER, WS_CLIENT }; /* which end we are: a server wants masks, a client forbids them */

enum ws_opcode {
        WS_CONTINUATION = 0,
        WS_TEXT = 1,
        WS_BINARY = 2,
        WS_CLOSE = 8,
        WS_PING = 9,
        WS_PONG = 10,
};

enum {
        WS_HEAD_MAX = 14,         /* bytes of a frame's head: 2, length 8, mask 4 */
        WS_CONTROL_MAX = 125,     /* bytes of a control frame's payload */
        WS_FRAGMENTS_MAX = 65536, /* frames of one message; each costs as much time as a message of its own */
        WS_HEAD_ROOM = 10,        /* what ws_begin leaves for a server's head */
        WS_PACKED = 0x40,         /* RSV1, in a frame's first byte */
        WS_NO_CODE = 1005,        /* stands for a close frame without a code; never on the wire */
};

/* X(name, close code, words): why the peer's bytes were refused. */
#define WS_FAULT_LIST(X)                                                   \
        X(WS_FAULT_NONE, 0, "none")                                        \
        X(WS_FAULT_RESERVED_BIT, 1002, "reserved bit set")                 \
        X(WS_FAULT_OPCODE, 1002, "unknown opcode")                         \
        X(WS_FAULT_MASK, 1002, "mask missing or not allowed")              \
        X(WS_FAULT_LENGTH_FORM, 1002, "length not in its shortest form")   \
        X(WS_FAULT_CONTROL_SIZE, 1002, "control frame too long")           \
        X(WS_FAULT_CONTROL_FRAGMENT, 1002, "control frame in fragments")   \
        X(WS_FAULT_NO_MESSAGE, 1002, "continuation without a message")     \
        X(WS_FAULT_IN_MESSAGE, 1002, "new message inside a message")       \
        X(WS_FAULT_CLOSE_CODE, 1002, "close code not allowed on the wire") \
        X(WS_FAULT_UTF8, 1007, "text is not UTF-8")                        \
        X(WS_FAULT_DEFLATE, 1007, "compressed data is broken")             \
        X(WS_FAULT_TOO_BIG, 1009, "message larger than the limit")         \
        X(WS_FAULT_FRAGMENTS, 1009, "too many fragments")                  \
        X(WS_FAULT_MEMORY, 1011, "out of memory")

enum ws_fault {
#define WS_FAULT_ENUM(name, code, words) name,
        WS_FAULT_LIST(WS_FAULT_ENUM)
#undef WS_FAULT_ENUM
                WS_FAULTS
};

uint16_t ws_fault_code(enum ws_fault fault);    /* the code to close with; 0 for WS_FAULT_NONE */
const char *ws_fault_text(enum ws_fault fault); /* the words, without a final stop */

enum ws_got {
        WS_GOT_NOTHING, /* all bytes were taken and more are needed */
        WS_GOT_MESSAGE, /* opcode is WS_TEXT (valid UTF-8) or WS_BINARY */
        WS_GOT_PING,
        WS_GOT_PONG,
        WS_GOT_CLOSE, /* code, and the reason as payload; every later byte is dropped */
        WS_GOT_FAULT, /* fault; every later byte is dropped */
};

struct ws_event {
        enum ws_got got;
        enum ws_opcode opcode;
        struct bytes payload; /* borrowed until the next ws_recv or a change of the input */
        uint16_t code;        /* CLOSE: as the peer sent it, WS_NO_CODE when it sent none */
        enum ws_fault fault;
};

struct ws {
        size_t message_bytes_max;
        enum ws_role role;
        uint32_t fragments;        /* frames of the message being gathered so far */
        uint8_t head[WS_HEAD_MAX]; /* of the frame being read, as far as it has come */
        uint8_t head_n;
        uint8_t message;            /* opcode of the message being gathered, 0: none */
        struct utf8 text;           /* as far as it was checked */
        bool in_frame : 1;          /* the head is whole and was accepted; payload is being read */
        bool deaf : 1;              /* closed or at fault */
        bool packed : 1;            /* the message being gathered is compressed */
        bool lent : 1;              /* the last event borrows from `gathered` */
        uint64_t payload_read;      /* bytes of the frame so far */
        uint64_t payload_left;      /* and still to come */
        size_t frame_start;         /* where in `gathered` the frame's payload begins */
        struct buf gathered;        /* the message's earlier bytes, behind them those of a control frame */
        struct ws_inflate *inflate; /* owned; NULL: compressed messages were not agreed on */
};

/* Prepares a reader of messages of at most message_bytes_max bytes. No memory is taken. */
void ws_init(struct ws *ws, enum ws_role role, size_t message_bytes_max);

/* Frees what was gathered, and the inflate. */
void ws_free(struct ws *ws);

/* Takes bytes and tells the first thing they complete.
 *
 * in       n bytes; payload is unmasked in place, so they are the reader's to change
 * returns  how many bytes were taken: all n with WS_GOT_NOTHING and after a close or fault, else
 *          those up to the end of what ev tells; call again with the rest
 */
size_t ws_recv(struct ws *ws, uint8_t *in, size_t n, struct ws_event *ev);

/* Lets go of what the last event lent; ws_recv does so by itself. Whoever has no more bytes for a while
 * calls it, so that a message that was gathered is not held until the peer's next byte. */
void ws_rest(struct ws *ws);

/* Masks or unmasks n bytes in place; phase says how many bytes of the frame came before them. */
void ws_mask(uint8_t *at, size_t n, const uint8_t mask[4], uint64_t phase);

/* Appends a whole frame. Returns 0 or ERR_NO_MEMORY (out is as before). */
int ws_put(struct buf *out, enum ws_opcode opcode, struct bytes payload, const uint8_t *mask);

/* A server's frame whose payload is written in place: ws_begin leaves room for a head behind what
 * out holds, the caller appends the payload, ws_end puts the head before it and closes up.
 * ws_begin returns where the frame starts, for ws_end, or ERR_NO_MEMORY. */
ptrdiff_t ws_begin(struct buf *out);
void ws_end(struct buf *out, ptrdiff_t start, enum ws_opcode opcode);

/* Appends a close frame: with code and reason (at most 123 bytes are taken), or empty when code is
 * WS_NO_CODE. */
int ws_put_close(struct buf *out, uint16_t code, const char *reason, const uint8_t *mask);

#endif
