/* transport: one table of functions that both client engines fill, so that the terminal chat, the
 * bench and the tests speak either path without knowing which.
 *
 * A client engine does no I/O and reads no clock. Its edge (client_io) does, always in this order:
 *
 *     wish -> open or close the socket;  recv;  next until false;  send until 0;  alarm at deadline
 *
 * TCP: the engine is given and gives a stream of bytes. UDP: one datagram a call.
 */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H
#include <stdbool.h>
#include <stdint.h>

#include "core/base/bytes.h"
#include "core/base/mono.h"

/* UDP only. FEC: as NACK, and the server sends copies or parity before it is asked. */
enum client_mode {
        CLIENT_MODE_NACK_ORDERED,
        CLIENT_MODE_NACK_UNORDERED,
        CLIENT_MODE_RAW,
        CLIENT_MODE_FEC_ORDERED,
        CLIENT_MODE_FEC_UNORDERED,
        CLIENT_MODES,
};

static inline bool client_mode_is_fec(enum client_mode mode)
{
        return mode == CLIENT_MODE_FEC_ORDERED || mode == CLIENT_MODE_FEC_UNORDERED;
}

struct client_config {
        const char *host;      /* host:port, for the Host header; borrowed for the engine's life */
        const char *path;      /* Socket.IO's path, "/socket.io/" */
        const char *name;      /* display name to set once up; NULL: none */
        const char *token;     /* what the server asks for (--auth-token-file); NULL: nothing. At most 256 bytes */
        enum client_mode mode; /* of every room joined, UDP */
        uint64_t seed;         /* of reconnect jitter only; identities come from the OS */
        bool reconnect;        /* come back by itself after a lost connection */
};

enum client_event_kind {
        CLIENT_UP,     /* connected: id, recovered */
        CLIENT_DOWN,   /* connection lost or closed: reason; `final`: it will not come back by itself, and what was not
                          told before it never will be ("out of memory" also leaves calls without an ANSWER) */
        CLIENT_EVENT,  /* a chat event: event, eid, epoch, room and seq where the path tells them */
        CLIENT_GAP,    /* events of a room that this client will never get: room, unit, from, to, reason */
        CLIENT_ANSWER, /* to call `call`: status, answer */
        CLIENT_JOINED, /* a room was joined (or joined again after an unrecovered reconnect): room */
        CLIENT_OUT,    /* out of a room, unasked: room, reason. UDP: the server's application took us out; on either
                          path: not let in again after a reconnect. Socket.IO has no word for the first */
        CLIENT_ADVICE, /* the server holds that another path would serve this client better: reason */
};

enum client_status {
        CLIENT_OK,
        CLIENT_REFUSED, /* the server said no: answer holds its words */
        CLIENT_UNKNOWN, /* no answer came: it may or may not have happened */
};

enum client_unit { CLIENT_UNIT_EID, CLIENT_UNIT_SEQ };

struct client_event {
        enum client_event_kind kind;
        struct bytes id;       /* UP: this client's public id */
        bool recovered;        /* UP: rooms and place were kept. EVENT: came by repair or replay, not live */
        bool final;            /* DOWN */
        const char *reason;    /* DOWN, GAP, OUT, ADVICE: words; static */
        struct bytes room;     /* EVENT ("" when the path does not tell), GAP, JOINED, OUT; "" is `everyone` in GAP */
        struct bytes event;    /* EVENT: canonical msgpack [name, args...], offset argument removed */
        uint32_t epoch;        /* EVENT, GAP (of the log that lost them); 0: not told */
        uint64_t eid, seq;     /* EVENT; 0: not told */
        enum client_unit unit; /* GAP */
        uint64_t from, to;     /* GAP: both inclusive; to == UINT64_MAX: unknown, all from there on */
        int64_t gap_opened_ns; /* EVENT with recovered, GAP: instant the hole was first seen; 0: not known */
        uint64_t call;         /* ANSWER: the number that the call returned */
        enum client_status status;
        struct bytes
                answer; /* ANSWER: msgpack items back to back; borrowed, like all above, until the next engine call */
};

enum client_wish {
        CLIENT_HOLD,  /* leave the socket as it is */
        CLIENT_OPEN,  /* open one (and say opened) */
        CLIENT_CLOSE, /* write what send gives, then close it (and say closed) */
};

/* All counts since create. What a path does not have stays 0. */
struct client_stats {
        uint64_t bytes_in, bytes_out, datagrams_in, datagrams_out;
        uint64_t events, recovered, gaps, duplicates, late, reconnects;
        uint64_t lost_first_try; /* UDP: seqs not there when their turn came (before repair) */
        uint64_t mended;         /* UDP: of these, made from parity before they were asked for, or after */
        uint64_t nacks, malformed, wrong_epoch;
        int64_t rtt_ns; /* smoothed; 0: not measured */
};

struct client; /* an engine; each transport has its own inside */

struct transport {
        const char *name;   /* "tcp", "udp" */
        const char *scheme; /* "ws", "udp" */
        bool datagrams;

        struct client *(*create)(const struct client_config *config, struct mono now); /* NULL: out of memory */
        void (*destroy)(struct client *c);

        enum client_wish (*wish)(const struct client *c);
        void (*opened)(struct client *c, struct mono now);
        void (*closed)(struct client *c, struct mono now, const char *why); /* also: could not open */

        int (*recv)(struct client *c, struct mono now, const uint8_t *in,
                    size_t in_bytes); /* 0, or ERR_MALFORMED: counted, and the wish may now be CLOSE */
        size_t (*send)(
                struct client *c, struct mono now, uint8_t *out,
                size_t out_max); /* bytes written to out; 0: nothing to send. Datagrams: one a call, out_max >= 1,200 */
        bool (*next)(struct client *c, struct client_event *ev); /* pull until false */
        struct mono (*deadline)(const struct client *c); /* ahead, once expire was called; also while nothing is sent */
        void (*expire)(struct client *c, struct mono now);

        /* Calls: each returns a number > 0 that a later ANSWER bears, or ERR_FULL (too many
         * without answer; try later), ERR_TOO_BIG, ERR_CLOSED. Made while down they wait for UP. They are
         * done in the order in which they were made, whatever is lost; joins and leaves of different rooms
         * may pass each other. */
        int64_t (*join)(struct client *c, struct mono now, struct bytes room);
        int64_t (*leave)(struct client *c, struct mono now, struct bytes room);
        int64_t (*call)(struct client *c, struct mono now,
                        struct bytes event); /* [name, args...] as the chat application understands it; copied */
        int (*bye)(struct client *c, struct mono now); /* says goodbye, then the wish is CLOSE */

        struct client_stats (*stats)(const struct client *c);

        /* UDP, else NULL: so many datagrams found the receive buffer full, over all sockets so far. Said
         * before expire and when a socket is closed. */
        void (*dropped)(struct client *c, uint64_t datagrams);

        /* UDP, else NULL: the multicast group to listen to besides (IPv4 as ::ffff:a.b.c.d); false: none. What
         * came from the server's own address and port to that group is overheard; as recv. */
        bool (*group)(const struct client *c, uint8_t ip[16], uint16_t *port);
        int (*overheard)(struct client *c, struct mono now, const uint8_t *in, size_t in_bytes);
};

extern const struct transport tcp_transport;
extern const struct transport udp_transport;

#endif
