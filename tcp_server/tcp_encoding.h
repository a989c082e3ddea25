/* tcp_encoding: events and packets as the WebSocket frames one client is sent.
 *
 * The hub is given two encodings, one for each parser (JSON, msgpack), and two more where frames may be
 * compressed; each event is encoded, and compressed, once for each and lent to every member. What is for one
 * client alone goes through the same functions, and is never compressed.
 *
 * While recovery is on every event without an ack id ends in one argument more, the offset
 * "<epoch>-<eid>": the member's place in the stream, from which a client that lost its connection
 * asks to go on. In JSON it is spliced in before the final bracket; nothing is parsed again.
 */
#ifndef TCP_SERVER_TCP_ENCODING_H
#define TCP_SERVER_TCP_ENCODING_H
#include "core/chat/hub.h"
#include "core/wire/ws_deflate.h"
#include "core/wire/sio.h"
#include "core/wire/sio_offset.h"

/* What the hub's encoder borrows; lives as long as the hub. */
struct tcp_encoding {
        enum sio_form form;
        bool recovery;              /* offsets are sent */
        struct bytes nsp;           /* of all its events; empty: "/" */
        struct ws_deflate *deflate; /* NULL: nothing is compressed */
};

/* The encoding as hub_encoding_add wants it; e is borrowed for the hub's life. */
struct hub_encoding tcp_encoding_hub(struct tcp_encoding *e);

/* Appends the frames of an event without ack id; a binary one's attachments are behind it.
 * returns 0; ERR_NO_MEMORY; ERR_UNSUPPORTED or ERR_FULL when JSON cannot say it (no event that
 *         event_parse accepted); out is as before on failure */
int tcp_encoding_event(const struct tcp_encoding *e, struct sio_offset at, struct bytes event, struct buf *out);

/* Appends the frames of any other packet. The same failures. */
int tcp_encoding_packet(enum sio_form form, const struct sio_packet *p, struct buf *out);

#endif
