/* eio: Engine.IO v4 packets as the WebSocket transport carries them: one packet a message.
 *
 * A text message is a digit and the rest; a binary message is a binary `message` packet without a
 * digit; a text message that begins with `b` is the same in base64, which the reference accepts
 * too. Long polling joins several of these with 0x1E (eio_payload); the packets are the same.
 *
 * Source: the Engine.IO protocol, revision 4 (github.com/socketio/engine.io-protocol).
 */
#ifndef CORE_WIRE_EIO_H
#define CORE_WIRE_EIO_H
#include <stdbool.h>

#include "core/base/bytes.h"

enum eio_type {
        EIO_OPEN = '0',
        EIO_CLOSE = '1',
        EIO_PING = '2',
        EIO_PONG = '3',
        EIO_MESSAGE = '4',
        EIO_UPGRADE = '5',
        EIO_NOOP = '6',
};

struct eio_packet {
        enum eio_type type;
        bool binary;       /* EIO_MESSAGE only */
        struct bytes body; /* borrowed from the message, or from scratch when it was base64 */
};

/* Reads one WebSocket message. scratch is emptied and used for base64.
 * returns 0; ERR_MALFORMED (empty, unknown type, bad base64); ERR_NO_MEMORY */
int eio_parse(bool binary, struct bytes message, struct buf *scratch, struct eio_packet *p);

enum { EIO_SID_CHARS = 20, EIO_SID_MAX = 64 }; /* of ours, of anyone's */

/* Makes a sid from the OS's randomness: 120 bits. */
void eio_sid(char sid[EIO_SID_CHARS + 1]);

struct eio_open {
        char sid[EIO_SID_MAX + 1]; /* of the transport; never shown to other clients */
        int64_t ping_interval_ns, ping_timeout_ns;
        uint64_t payload_bytes_max; /* 0: not told */
        bool upgrade;               /* a WebSocket is offered: the session begins with polling */
};

/* Appends the open packet's text. The sid needs no quotes. Returns 0 or ERR_NO_MEMORY. */
int eio_put_open(struct buf *out, const struct eio_open *o);

/* Reads the body of an open packet; what it offers to upgrade to is not read. The sid is of letters, digits and
 * -._~, and the spans' sum is a span.
 * returns 0; ERR_MALFORMED; ERR_NO_MEMORY */
int eio_parse_open(struct bytes body, struct eio_open *o);

#endif
