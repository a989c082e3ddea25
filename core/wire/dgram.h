/* dgram: the messages of the UDP path, version 1, as bytes.
 *
 * A datagram holds one message or several, back to back; each starts with the common header and
 * says its own length. dgram_check proves that the lengths (and the padding) add up to the whole
 * datagram; only then is it walked with dgram_next, message by message, and parsed. Nothing here
 * allocates, keeps state or reads msgpack: the msgpack tails of CONNECT, JOIN and JOIN_OK are
 * dgram_tail.h's, so that nothing of a stranger's is msgpack before his address is validated.
 *
 * All integers are big-endian. Padding: a zero byte where the next magic would stand means that
 * the rest of the datagram is padding and must be zeros.
 *
 * Source: the project's UDP wire spec, udp_server/README.md; sections are quoted by number.
 */
#ifndef CORE_WIRE_DGRAM_H
#define CORE_WIRE_DGRAM_H
#include "core/base/bytes.h"

enum {
        DGRAM_MAGIC = 0x0E4C,
        DGRAM_VERSION = 1,
        DGRAM_BYTES_MAX = 1200,      /* UDP payload of one datagram */
        DGRAM_HEADER = 16,           /* common header */
        DGRAM_SESSION_HEADER = 24,   /* common and session header */
        DGRAM_DATA_HEADER = 56,      /* everything of DATA but the event */
        DGRAM_EVENT_MAX = 65535,     /* of an event, in so many DATA or PUB as it takes */
        DGRAM_FRAGMENT_BYTES = 1100, /* of an event in one DATA or PUB, but the last, which has the rest */
        DGRAM_FRAGMENTS_MAX = 64,    /* that a bitmap could name; the largest event has 60 */
        DGRAM_PUB_HEADER = 44,       /* everything of PUB but the event */
        DGRAM_HELLO_BYTES = 1200,    /* HELLO fills a datagram, so that COOKIE amplifies nothing */
        DGRAM_COOKIE_BYTES = 48,     /* the largest answer a stranger may get; RESET is smaller */
        DGRAM_RESET_BYTES = 32,
        DGRAM_GAP_BYTES = 48,          /* GAP of one range */
        DGRAM_PING_BYTES = 64,         /* more than a RESET, so that a PING may provoke one */
        DGRAM_CONNECT_BYTES_MIN = 256, /* CONNECT's datagram, padding included: as large as its answer */
        DGRAM_TAIL_OFFSET = 64,        /* of CONNECT's msgpack */
        DGRAM_RANGES_MAX = 32,         /* in one NACK or GAP */
        DGRAM_ACKS_MAX = 16,           /* in one PUB_ACK */
        DGRAM_ID_MAX = 64,             /* of the public id in ACCEPT */
        DGRAM_TOKEN = 16,              /* bytes of cookies, reset tokens and instance ids */
        DGRAM_FEC_BYTES = 48,          /* everything of FEC but the symbol */
        DGRAM_FEC_HEADER = 28,         /* that a symbol has before its event; no other is known */
        DGRAM_FEC_K_MAX = 64,          /* events in a group */
        DGRAM_FEC_M_MAX = 8,           /* symbols of parity for it, or for the fragments of an event */
};

/* No counter goes beyond: at a million events a second that is 4,500 years. Above it are 6 bits for
 * the number of a fragment (gaps.h), and the one that marks a NACK's bitmap. */
#define DGRAM_COUNT_MAX ((UINT64_C(1) << 57) - 1)

/* X(NAME, code, level, broadcast): the one list of types. */
#define DGRAM_TYPES(X)           \
        X(HELLO, 0x01, 1, 0)     \
        X(COOKIE, 0x02, 1, 0)    \
        X(CONNECT, 0x03, 1, 0)   \
        X(ACCEPT, 0x04, 1, 0)    \
        X(CLOSE, 0x05, 1, 0)     \
        X(ERROR, 0x06, 1, 0)     \
        X(CHALLENGE, 0x07, 1, 0) \
        X(RESPONSE, 0x08, 1, 0)  \
        X(PING, 0x09, 1, 0)      \
        X(PONG, 0x0A, 1, 0)      \
        X(PROBE, 0x0B, 2, 0)     \
        X(PROBE_ACK, 0x0C, 2, 0) \
        X(RESET, 0x0D, 1, 0)     \
        X(JOIN, 0x10, 1, 0)      \
        X(JOIN_OK, 0x11, 1, 0)   \
        X(LEAVE, 0x12, 1, 0)     \
        X(LEAVE_OK, 0x13, 1, 0)  \
        X(REKEY, 0x14, 2, 0)     \
        X(GROUP, 0x15, 1, 0)     \
        X(LISTEN, 0x16, 1, 0)    \
        X(PUB, 0x20, 1, 0)       \
        X(PUB_ACK, 0x21, 1, 0)   \
        X(DATA, 0x30, 1, 1)      \
        X(FEC, 0x31, 1, 1)       \
        X(BEAT, 0x32, 1, 1)      \
        X(NCF, 0x33, 1, 1)       \
        X(GAP, 0x34, 1, 0)       \
        X(NACK, 0x40, 1, 0)      \
        X(REPORT, 0x41, 1, 0)

enum dgram_type {
#define DGRAM_ENUM(name, code, level, broadcast) DGRAM_##name = code,
        DGRAM_TYPES(DGRAM_ENUM)
#undef DGRAM_ENUM
};

/* "DATA", ...; NULL for a type that is not in the list. */
const char *dgram_type_text(uint8_t type);

/* Class B: the same bytes for every subscriber, from the server alone; no session header. */
bool dgram_is_broadcast(uint8_t type);

/* Has it the session header (epoch, pktno)? All but class B, HELLO, COOKIE, CONNECT and RESET. */
bool dgram_has_pktno(uint8_t type);

enum dgram_flag {
        DGRAM_SEALED = 1,          /* 16-byte MAC trailer (level 2) */
        DGRAM_MULTI = 2,           /* DATA: emitted to several rooms */
        DGRAM_OWN = 4,             /* DATA: the origin delivers it too */
        DGRAM_VERSION_UNKNOWN = 8, /* COOKIE: HELLO asked for a version this server lacks */
        DGRAM_RECOVERED = 16,      /* ACCEPT: the instance's rooms and place were kept */
        DGRAM_PACED = 32,          /* ACCEPT: the server sends no faster than a TCP would on this path */
};

/* Codes of CLOSE, ERROR, PUB_ACK and JOIN_OK; section 4. */
enum dgram_code {
        DGRAM_CODE_OK = 0,
        DGRAM_CODE_DUPLICATE = 1,
        DGRAM_CODE_BAD_COOKIE = 2,
        DGRAM_CODE_BAD_VERSION = 3,
        DGRAM_CODE_AUTH = 4,
        DGRAM_CODE_NO_CHANNEL = 5,
        DGRAM_CODE_NOT_MEMBER = 6,
        DGRAM_CODE_TOO_BIG = 7,
        DGRAM_CODE_MALFORMED = 8,
        DGRAM_CODE_RATE = 9,
        DGRAM_CODE_FULL = 10,
        DGRAM_CODE_PUB_TOO_OLD = 11,
        DGRAM_CODE_EPOCH_CHANGED = 12,
        DGRAM_CODE_EVICTED = 13,
        DGRAM_CODE_LIMIT = 14,
        DGRAM_CODE_SHUTDOWN = 15,
        DGRAM_CODE_PATH = 16,
        DGRAM_CODE_SLOW = 17,
        DGRAM_CODE_ENGINE = 18,
        /* PUB_ACK: not done, for now; in eid the pktno of the PUB that this answers, as with RATE. Fragments of it
         * are missing (seq: which, as bits); an older PUB has to come first (seq: the newest that is done). */
        DGRAM_CODE_PARTS = 19,
        DGRAM_CODE_ORDER = 20,
        DGRAM_CODE_HELD = 21, /* as ORDER, but this one is kept, and done behind that */
        /* The client's own; never on the wire. */
        DGRAM_CODE_TIMEOUT = 100,
        DGRAM_CODE_OUTCOME_UNKNOWN = 101,
        DGRAM_CODE_NOT_REPAIRED = 102,
};

/* "no channel", ...; "unknown code" for a stranger. */
const char *dgram_code_text(uint16_t code);

/* ---- messages ----------------------------------------------------------------------------- */

struct dgram_range {
        uint64_t from, to; /* both inclusive */
};

/* In a NACK a range may be instead: event `from`, and in `to` this bit and one for each fragment. */
#define DGRAM_FRAGMENTS_BIT (UINT64_C(1) << 63)

static inline bool dgram_range_is_fragments(const struct dgram_range *r)
{
        return r->to & DGRAM_FRAGMENTS_BIT;
}

/* Fragments that an event of so many bytes has; 0: none, or it is over DGRAM_EVENT_MAX. */
uint8_t dgram_fragments(size_t event_bytes);

/* Bytes of its fragment idx (from 0); 0: it has no such fragment. */
size_t dgram_fragment_bytes(size_t event_bytes, uint8_t idx);

struct dgram_hello {
        uint64_t nonce;
        uint8_t version_max;
};

struct dgram_cookie {
        uint64_t nonce;
        uint8_t key_id, minute;
        uint8_t cookie[DGRAM_TOKEN];
};

struct dgram_connect {
        struct dgram_cookie proof; /* COOKIE's fields, as they came */
        uint8_t instance[DGRAM_TOKEN];
        struct bytes tail; /* msgpack, for dgram_connect_tail_parse */
};

struct dgram_channel {
        uint64_t tag, tail, head, start;
};

struct dgram_accept {
        uint64_t session_tag;
        uint32_t origin;
        uint16_t datagram_bytes_max, beat_ms, idle_s;
        uint32_t repair_rate; /* bytes per second */
        uint8_t key_id;
        uint8_t reset_token[DGRAM_TOKEN];
        uint64_t server_us;       /* the server's clock, as in BEAT and DATA */
        int64_t unix_offset_us;   /* add to server_us for the time of day; 0: not told */
        struct dgram_channel own; /* chan ref 1: the room of its own id */
        struct dgram_channel all; /* chan ref 2: everyone */
        uint64_t nonce;           /* CONNECT's, so that nobody off the path can forge an ACCEPT */
        struct bytes id;          /* public id, the name of the own-id room; at most DGRAM_ID_MAX */
};

struct dgram_close {
        uint16_t code;
};

struct dgram_error {
        uint16_t code;
        uint8_t in_reply_to;
        uint32_t pktno;
};

struct dgram_challenge {
        uint64_t random; /* RESPONSE: the CHALLENGE's, from the address that it was sent to */
};

struct dgram_ping {
        uint64_t t1;
};

struct dgram_pong {
        uint64_t t1, t2, t3; /* us: asker's, then answerer's arrival and departure */
};

struct dgram_reset {
        uint8_t token[DGRAM_TOKEN];
};

struct dgram_tail {
        struct bytes tail; /* JOIN, JOIN_OK: msgpack, for dgram_tail.h */
};

struct dgram_leave {
        uint32_t chan_ref;
};

struct dgram_leave_ok {
        uint32_t chan_ref;
        uint64_t end; /* first seq that is not the client's, when nobody asked; 0: the answer to LEAVE */
};

/* Rooms are sent to this group, too: whoever hears it may say so (LISTEN). */
struct dgram_group {
        uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
        uint16_t port;
};

/* Client: it hears the group, or no longer. Server: so be it. */
struct dgram_listen {
        uint8_t on;
};

/* IN_ORDER: not after a newer one, and not before the one whose pub_id is `back` below; back 0: there is none to wait
 * for. */
enum { DGRAM_PUB_OWN = 1, DGRAM_PUB_VOLATILE = 2, DGRAM_PUB_IN_ORDER = 4 };

struct dgram_pub {
        uint64_t pub_id;
        uint32_t chan_ref; /* 0: an application call */
        uint8_t frag_idx, frag_cnt;
        uint16_t event_bytes;
        uint16_t back;      /* below pub_id */
        uint16_t flags;     /* DGRAM_PUB_* */
        struct bytes event; /* the fragment, when there are several */
};

struct dgram_ack {
        uint64_t pub_id;
        uint16_t status; /* enum dgram_code */
        uint32_t chan_ref;
        uint64_t seq, eid; /* seq 0: several rooms, or none */
};

struct dgram_pub_ack {
        uint8_t n; /* 1..DGRAM_ACKS_MAX */
        struct dgram_ack ack[DGRAM_ACKS_MAX];
};

struct dgram_data {
        uint32_t epoch, origin;
        uint64_t seq, eid, t_us;
        uint32_t crc32c;
        uint16_t event_bytes;
        uint8_t frag_idx, frag_cnt; /* 0 of 1: the whole event; frag_cnt + r: parity r of its fragments */
        struct bytes event;         /* the fragment, when there are several; or the parity */
};

static inline bool dgram_is_parity(const struct dgram_data *d)
{
        return d->frag_idx >= d->frag_cnt;
}

/* One symbol of parity (core/wire/fec.h). */
struct dgram_fec {
        uint32_t epoch;
        uint8_t k, m, idx;   /* of the code; which of the m this is */
        uint64_t base, mask; /* bit i: event base + i is in the group; at most k, and the first is */
        struct bytes symbol;
};

struct dgram_beat {
        uint32_t epoch, beat_no;
        uint64_t head, tail, now_us;
        uint16_t group, grtt_ms; /* multicast; 0 on unicast */
        uint8_t k;
};

struct dgram_gap {
        uint32_t chan_ref;
        uint16_t n, reason; /* 1..DGRAM_RANGES_MAX ranges */
        struct dgram_range range[DGRAM_RANGES_MAX];
};

/* Repairs of these are coming to the group: nobody else need ask. */
struct dgram_ncf {
        uint32_t epoch;
        uint16_t n;                                 /* 1..DGRAM_RANGES_MAX ranges */
        struct dgram_range range[DGRAM_RANGES_MAX]; /* as in a NACK */
};

struct dgram_nack {
        uint32_t chan_ref;
        uint16_t n; /* 1..DGRAM_RANGES_MAX ranges */
        uint8_t tries;
        uint64_t contig;
        struct dgram_range range[DGRAM_RANGES_MAX]; /* some perhaps of fragments */
};

struct dgram_report {
        uint32_t chan_ref;
        uint32_t loss_rate; /* p of RFC 5348, of the session: a fraction of 2^32 */
        uint64_t contig, highest;
        uint32_t received, lost_first_try, duplicates;
        uint32_t kernel_drops; /* of the session: datagrams that the receive buffer had no place for */
        uint32_t rate;         /* of the session: bytes per second, headers included */
        uint32_t delay_us;     /* since the last BEAT */
        uint32_t beat_no;
};

struct dgram_msg {
        uint8_t type;   /* enum dgram_type */
        uint16_t flags; /* enum dgram_flag */
        uint64_t tag;
        uint32_t epoch, pktno; /* session header; 0 where there is none */
        union {
                struct dgram_hello hello;
                struct dgram_cookie cookie;
                struct dgram_connect connect;
                struct dgram_accept accept;
                struct dgram_close close;
                struct dgram_error error;
                struct dgram_challenge challenge, response;
                struct dgram_ping ping;
                struct dgram_pong pong;
                struct dgram_reset reset;
                struct dgram_tail join, join_ok;
                struct dgram_leave leave;
                struct dgram_leave_ok leave_ok;
                struct dgram_group group;
                struct dgram_listen listen;
                struct dgram_pub pub;
                struct dgram_pub_ack pub_ack;
                struct dgram_data data;
                struct dgram_fec fec;
                struct dgram_beat beat;
                struct dgram_ncf ncf;
                struct dgram_gap gap;
                struct dgram_nack nack;
                struct dgram_report report;
        };
};

/* ---- reading ------------------------------------------------------------------------------ */

/* What a datagram is found to be; everything but DGRAM_GOOD is dropped whole and counted. */
enum dgram_verdict {
        DGRAM_GOOD,
        DGRAM_NO_MAGIC,    /* empty, or it is not ours */
        DGRAM_BAD_VERSION, /* the first message has our magic and another version */
        DGRAM_BAD_LENGTH,  /* a length below its header's, or beyond the datagram's end */
        DGRAM_BAD_PADDING, /* something behind the padding's first zero */
};

enum dgram_verdict dgram_check(struct bytes datagram);

/* Splits the next message off `rest`, the rest of a checked datagram. False at its end. */
bool dgram_next(struct bytes *rest, struct bytes *message);

/* Parses one message; m borrows from it. The head (type, flags, tag, epoch, pktno) is filled in
 * whenever the message is long enough for one.
 * returns 0; ERR_UNSUPPORTED (sealed, level 2, or a type this version does not know);
 *         ERR_MALFORMED (body too short or too long, counts that contradict it or each other, a range
 *         upside down)
 */
int dgram_parse(struct bytes message, struct dgram_msg *m);

/* A stranger's datagram of another version: is it a HELLO that deserves a COOKIE with
 * DGRAM_VERSION_UNKNOWN? Fields that no version may move. */
bool dgram_hello_other_version(struct bytes datagram, uint64_t *nonce);

/* The epoch and pktno of any message that has them, without parsing it; false when it has none. */
bool dgram_session_head(struct bytes message, uint64_t *tag, uint32_t *epoch, uint32_t *pktno);

/* ---- writing ------------------------------------------------------------------------------ */

/* Writes one message. HELLO comes out at DGRAM_HELLO_BYTES, PING at DGRAM_PING_BYTES. m is our own:
 * asserts that its counts are within limits and its type of level 1.
 * returns false when it does not fit, and the writer is as before */
bool dgram_put(struct writer *w, const struct dgram_msg *m);

#endif
