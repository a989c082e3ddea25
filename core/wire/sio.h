/* sio: Socket.IO v5 packets in the default parser's form: <type>[<n>-][/nsp,][id]json.
 *
 * A packet in memory is the same for both parsers (sio_msgpack.h has the other): its data is
 * canonical msgpack, whatever it was on the wire. The rules of what data a type may bear are
 * checked here for both.
 *
 * Outwards an event with binary in it becomes a binary packet: the text, with {"_placeholder":
 * true,"num":k} in the binaries' places, and the binaries behind it as messages of their own.
 * Inwards sio_attachments says how many such messages to wait for, and sio_parse_with puts them in.
 *
 * Source: the Socket.IO protocol, revision 5; socket.io-parser 4.2.6 and later for the limits.
 */
#ifndef CORE_WIRE_SIO_H
#define CORE_WIRE_SIO_H
#include <stdbool.h>

#include "core/base/bytes.h"
#include "core/event/json.h"

enum sio_type {
        SIO_CONNECT,
        SIO_DISCONNECT,
        SIO_EVENT,
        SIO_ACK,
        SIO_CONNECT_ERROR,
        SIO_BINARY_EVENT, /* on the wire only: a parsed or given packet says SIO_EVENT */
        SIO_BINARY_ACK,
};

struct sio_packet {
        enum sio_type type;
        bool has_id;
        uint64_t id;
        struct bytes nsp;  /* "/" when the wire named none; empty means "/" when writing */
        struct bytes data; /* one canonical msgpack item; empty: none */
};

/* Which parser does this client speak? Told by its first message, since nothing negotiates it. */
enum sio_form { SIO_FORM_NONE, SIO_FORM_JSON, SIO_FORM_MSGPACK };
enum sio_form sio_sniff(bool binary, struct bytes first);

/* Reads one packet. scratch is emptied and holds the data then; p borrows from text and scratch.
 * returns 0; ERR_MALFORMED (also a reserved event name); ERR_TOO_BIG (JSON limits); ERR_UNSUPPORTED
 *         (a binary packet, for which sio_parse_with is); ERR_NO_MEMORY */
int sio_parse(struct bytes text, struct buf *scratch, struct sio_packet *p);

/* How many binary messages follow this text before the packet is whole: 0 but for binary packets.
 * Returns 0..JSON_BINS_MAX or ERR_MALFORMED. */
int sio_attachments(struct bytes text);

/* sio_parse for a packet and the attachments that it announced. */
int sio_parse_with(struct bytes text, const struct json_bins *bins, struct buf *scratch, struct sio_packet *p);

/* Appends a packet's text. Binaries in data are lent through bins, to be sent behind it as binary
 * messages; with bins NULL they are ERR_UNSUPPORTED. Data that JSON cannot say: ERR_UNSUPPORTED;
 * ERR_FULL (over JSON_BINS_MAX binaries), ERR_NO_MEMORY; out is as before on failure. */
int sio_put(struct buf *out, const struct sio_packet *p, struct json_bins *bins);

/* May a packet of this type bear this data? The one list of rules, for both forms. */
bool sio_data_valid(enum sio_type type, struct bytes data);

#endif
