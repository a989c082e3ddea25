/* sio_msgpack: Socket.IO packets in the msgpack parser's form: one map a packet, no attachments.
 *
 * Keys are type (0 to 4), nsp, data and id; others are passed over. What JavaScript's encoder says
 * in its own ways is made canonical here: undefined (ext 0 of one zero byte) is "absent" as data
 * and nil elsewhere, a Date (fixext 8 of type 0, milliseconds) its ISO string, an ArrayBuffer
 * (ext 8, 16 or 32 of type 0) a bin.
 *
 * Source: socket.io-msgpack-parser 3.0.2 and notepack.io 2.2.0, as seen on the wire.
 */
#ifndef CORE_WIRE_SIO_MSGPACK_H
#define CORE_WIRE_SIO_MSGPACK_H
#include "core/wire/sio.h"

/* Reads one packet of at most bytes_max bytes. scratch is emptied and holds the canonical data
 * then; p borrows from `in` and scratch.
 * returns 0; ERR_MALFORMED (also a reserved event name); ERR_TOO_BIG; ERR_NO_MEMORY */
int sio_msgpack_parse(struct bytes in, size_t bytes_max, struct buf *scratch, struct sio_packet *p);

/* Appends a packet. Returns 0 or ERR_NO_MEMORY (out is as before). */
int sio_msgpack_put(struct buf *out, const struct sio_packet *p);

#endif
