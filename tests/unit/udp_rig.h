/* udp_rig: a UDP server without its socket, spoken to in single messages. For tests. */
#ifndef TESTS_UNIT_UDP_RIG_H
#define TESTS_UNIT_UDP_RIG_H
#include "tests/unit/harness.h"

#include <stdlib.h>

#include "core/chat/chat.h"
#include "core/event/pack.h"
#include "core/wire/dgram_tail.h"
#include "udp_server/udp_cookie.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_gate.h"

enum { RIG_EPOCH = 77, RIG_SAID_MAX = 256 };

static const uint8_t rig_reset_key[UDP_KEY_BYTES] = { 9 };

struct rig {
        struct hub *hub;
        struct app *app;
        struct udp_gate *gate;
        struct udp_batch batch;
        struct mono now;
        struct udp_addr to; /* of what is said below */
        int datagrams;
        uint8_t bytes[RIG_SAID_MAX][DGRAM_BYTES_MAX];
        struct dgram_msg said[RIG_SAID_MAX]; /* messages, in order; they borrow from bytes */
        int said_n;
};

/* One client's end. */
struct rig_peer {
        struct udp_addr addr;
        uint8_t instance[DGRAM_TOKEN];
        uint64_t nonce, tag;
        uint32_t pktno;
        struct dgram_accept accept;
        uint16_t flags; /* of ACCEPT */
        uint8_t id[DGRAM_ID_MAX];
};

static inline struct udp_addr rig_addr(uint8_t host, uint8_t port)
{
        return (struct udp_addr){ .ip = { [10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = host }, .port = { port, 0 } };
}

static inline void rig_pass(struct rig *r, int64_t ms)
{
        struct mono until = mono_add(r->now, ms * NS_PER_MS);
        for (;;) {
                struct mono due = mono_min(udp_gate_deadline(r->gate), hub_deadline(r->hub));
                if (mono_before(until, due))
                        break;
                if (mono_before(r->now, due))
                        r->now = due;
                hub_expire(r->hub, r->now);
                udp_gate_expire(r->gate, r->now);
        }
        r->now = until;
}

static inline struct rig *rig_start_config(struct hub_config hub, struct udp_gate_config gate)
{
        struct rig *r = malloc(sizeof *r);
        *r = (struct rig){ .now = { 1000 * NS_PER_S } };
        hub.epoch = RIG_EPOCH;
        r->hub = hub_create(&hub);
        gate.app = r->app = app_create(r->hub, &chat_handlers);
        gate.encoding = udp_encoding_add(r->hub);
        gate.reset_key = rig_reset_key;
        r->gate = udp_gate_create(&gate, r->now);
        return r;
}

static inline struct rig *rig_start_gate(struct udp_gate_config gate)
{
        return rig_start_config((struct hub_config){ 0 }, gate);
}

static inline struct rig *rig_start(void)
{
        return rig_start_gate((struct udp_gate_config){ 0 });
}

static inline void rig_stop(struct rig *r)
{
        udp_gate_destroy(r->gate, r->now);
        app_destroy(r->app);
        hub_destroy(r->hub);
        free(r);
}

/* The counter of that name now. */
#define RIG_COUNT(r, name) (udp_gate_stats((r)->gate)->name)

/* Gives raw bytes to the server; the stateless answer is in r->bytes[0]. */
static inline size_t rig_raw(struct rig *r, const struct udp_addr *from, const void *at, size_t n)
{
        uint8_t *exact = malloc(n ? n : 1); /* the sanitizer sees a byte too far */
        if (n > 0)
                memcpy(exact, at, n);
        size_t answer = udp_gate_recv(r->gate, r->now, from, bytes_of(exact, n), r->bytes[0]);
        free(exact);
        return answer;
}

/* The code of the ERROR that is the stateless answer. */
static inline uint16_t rig_error_code(const struct rig *r, size_t n)
{
        struct dgram_msg m;
        assert_int_equal(dgram_parse(bytes_of(r->bytes[0], n), &m), 0);
        assert_int_equal(m.type, DGRAM_ERROR);
        return m.error.code;
}

static inline size_t rig_pack(const struct dgram_msg *m, uint8_t out[DGRAM_BYTES_MAX])
{
        struct writer w = writer_of(out, DGRAM_BYTES_MAX);
        assert_true(dgram_put(&w, m));
        return writer_used(&w);
}

/* A datagram that the server sends: its messages go to r->said. */
static inline void rig_take(struct rig *r, const struct udp_datagram *d)
{
        assert_in_range(r->datagrams, 0, RIG_SAID_MAX - 1);
        uint8_t *out = r->bytes[r->datagrams++];
        size_t at = 0;
        for (int v = 0; v < d->iov_n; v++) {
                assert_in_range(at + d->iov[v].iov_len, 1, DGRAM_BYTES_MAX);
                memcpy(out + at, d->iov[v].iov_base, d->iov[v].iov_len);
                at += d->iov[v].iov_len;
        }
        assert_int_equal(at, d->bytes);
        struct bytes rest = bytes_of(out, at), message;
        assert_int_equal(dgram_check(rest), DGRAM_GOOD);
        while (dgram_next(&rest, &message)) {
                assert_in_range(r->said_n, 0, RIG_SAID_MAX - 1);
                assert_int_equal(dgram_parse(message, &r->said[r->said_n++]), 0);
        }
}

/* Everything the server has to send to that address, as messages in r->said; `take` datagrams a turn. */
static inline int rig_hear_only(struct rig *r, const struct udp_addr *to, int take)
{
        struct udp_peer *p;
        r->said_n = r->datagrams = 0;
        hub_announce(r->hub);
        while ((p = udp_gate_pending(r->gate))) {
                struct udp_addr addr = *udp_peer_addr(p);
                int n = udp_peer_slices(p, r->now, &r->batch), taken = n < take ? n : take;
                for (int i = 0; i < taken && udp_addr_equal(&addr, to); i++)
                        rig_take(r, &r->batch.datagram[i]);
                if (n > 0)
                        udp_peer_sent(p, r->now, &r->batch, taken);
        }
        return r->said_n;
}

static inline int rig_hear(struct rig *r, const struct rig_peer *p)
{
        return rig_hear_only(r, &p->addr, UDP_BATCH_DATAGRAMS);
}

/* The i-th message of that type among those heard; NULL: there are fewer. */
static inline const struct dgram_msg *rig_said(const struct rig *r, uint8_t type, int i)
{
        for (int k = 0; k < r->said_n; k++)
                if (r->said[k].type == type && i-- == 0)
                        return &r->said[k];
        return NULL;
}

static inline int rig_count_said(const struct rig *r, uint8_t type)
{
        int n = 0;
        for (int k = 0; k < r->said_n; k++)
                n += r->said[k].type == type;
        return n;
}

static inline void rig_say(struct rig *r, struct rig_peer *p, struct dgram_msg m)
{
        uint8_t out[DGRAM_BYTES_MAX];
        m.tag = p->tag;
        m.epoch = RIG_EPOCH;
        m.pktno = ++p->pktno;
        rig_raw(r, &p->addr, out, rig_pack(&m, out));
}

/* HELLO and COOKIE; the proof for CONNECT goes to *proof. */
static inline void rig_cookie(struct rig *r, const struct rig_peer *p, struct dgram_cookie *proof)
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct dgram_msg m = { .type = DGRAM_HELLO, .hello = { p->nonce, DGRAM_VERSION } };
        size_t n = rig_raw(r, &p->addr, out, rig_pack(&m, out));
        assert_int_equal(n, DGRAM_COOKIE_BYTES);
        assert_int_equal(dgram_parse(bytes_of(r->bytes[0], n), &m), 0);
        assert_int_equal(m.type, DGRAM_COOKIE);
        *proof = m.cookie;
}

/* token: NULL: no auth. */
static inline size_t rig_connect_with(const struct rig_peer *p, const struct dgram_cookie *proof, const char *space,
                                      const char *token, uint8_t out[DGRAM_BYTES_MAX])
{
        struct buf auth = { 0 }, tail = { 0 };
        if (token) {
                pack_put_map(&auth, 1);
                pack_put_word(&auth, "token");
                pack_put_word(&auth, token);
        }
        dgram_connect_tail_put(&tail,
                               &(struct dgram_connect_tail){ .space = bytes_text(space), .auth = buf_bytes(&auth) });
        buf_free(&auth);
        struct dgram_msg m = { .type = DGRAM_CONNECT, .connect = { .proof = *proof, .tail = buf_bytes(&tail) } };
        memcpy(m.connect.instance, p->instance, DGRAM_TOKEN);
        memset(out, 0, DGRAM_BYTES_MAX);
        rig_pack(&m, out);
        buf_free(&tail);
        return DGRAM_CONNECT_BYTES_MIN;
}

static inline size_t rig_connect_bytes(const struct rig_peer *p, const struct dgram_cookie *proof, const char *space,
                                       uint8_t out[DGRAM_BYTES_MAX])
{
        return rig_connect_with(p, proof, space, NULL, out);
}

/* The whole way to a session; what came with ACCEPT is in r->said. */
static inline void rig_connect(struct rig *r, struct rig_peer *p)
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct dgram_cookie proof;
        rig_cookie(r, p, &proof);
        assert_int_equal(rig_raw(r, &p->addr, out, rig_connect_bytes(p, &proof, "/", out)), 0);
        rig_hear(r, p);
        const struct dgram_msg *m = rig_said(r, DGRAM_ACCEPT, 0);
        assert_non_null(m);
        assert_int_equal(m->accept.nonce, p->nonce);
        p->accept = m->accept;
        p->flags = m->flags;
        p->tag = m->accept.session_tag;
        p->pktno = 0;
        memcpy(p->id, m->accept.id.at, m->accept.id.n);
        p->accept.id.at = p->id;
}

static inline struct rig_peer rig_peer(uint8_t host)
{
        return (struct rig_peer){ .addr = rig_addr(host, 1), .instance = { host }, .nonce = 1000u + host };
}

/* The answer's first row, or a row of status 999 when there was no answer. */
static inline struct dgram_joined_room rig_say_join(struct rig *r, struct rig_peer *p, const struct dgram_join *join)
{
        static struct dgram_join_ok ok;
        struct buf tail = { 0 };
        dgram_join_put(&tail, join);
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_JOIN, .join = { buf_bytes(&tail) } });
        buf_free(&tail);
        rig_hear(r, p);
        const struct dgram_msg *m = rig_said(r, DGRAM_JOIN_OK, 0);
        if (!m || dgram_join_ok_parse(m->join_ok.tail, &ok) != 0)
                return (struct dgram_joined_room){ .status = 999 };
        return ok.room[0];
}

/* JOIN of one room. */
static inline struct dgram_joined_room rig_join(struct rig *r, struct rig_peer *p, const char *room, uint32_t epoch,
                                                uint64_t contig)
{
        struct dgram_join join = { .req = 1, .rooms_n = 1 };
        join.room[0] = (struct dgram_join_room){ bytes_text(room), DGRAM_MODE_NACK_ORDERED, epoch, contig };
        return rig_say_join(r, p, &join);
}

/* A first client's whole way into the room `tea`. */
static inline struct dgram_joined_room rig_in_tea(struct rig *r, struct rig_peer *p)
{
        *p = rig_peer(1);
        rig_connect(r, p);
        return rig_join(r, p, "tea", 0, 0);
}

/* The first row of the answer to a PUB of one datagram, in no order. */
static inline struct dgram_ack rig_pub(struct rig *r, struct rig_peer *p, uint64_t pub_id, uint32_t ref, uint16_t flags,
                                       struct bytes event)
{
        struct dgram_pub m = { pub_id, ref, 0, 1, (uint16_t)event.n, 0, flags, event };
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = m });
        rig_hear(r, p);
        const struct dgram_msg *ack = rig_said(r, DGRAM_PUB_ACK, 0);
        assert_non_null(ack);
        return ack->pub_ack.ack[0];
}

#define TEXT(s) bytes_of(s, sizeof s - 1)

/* Publishes ["x", filler of n bytes] from the server. */
static inline struct published rig_publish(struct rig *r, const char *room, size_t n)
{
        static const uint8_t filler[70000];
        struct published out = { 0 };
        struct buf event = { 0 };
        struct bytes name = bytes_text(room);
        event_begin(&event, "x", 1);
        pack_put_bin(&event, bytes_of(filler, n));
        struct publish p = { .event = buf_bytes(&event), .rooms = &name, .rooms_n = name.n > 0 };
        assert_int_equal(hub_publish(r->hub, r->now, &p, &out), 0);
        buf_free(&event);
        return out;
}

#endif
