/* udp_client_rig: the UDP client's engine against a server that is written by hand, message by
 * message. For tests. */
#ifndef TESTS_UNIT_UDP_CLIENT_RIG_H
#define TESTS_UNIT_UDP_CLIENT_RIG_H
#include "tests/unit/harness.h"

#include <stdlib.h>

#include "client/udp_client_inside.h"
#include "core/base/err.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "core/wire/crc32c.h"

enum { EPOCH = 77, TAG = 1000, OWN_TAG = 11, ALL_TAG = 12, TEA_TAG = 13, ORIGIN = 5, SAID_MAX = 160 };

struct end {
        struct client *client;
        struct mono now;
        uint32_t pktno;
        uint8_t bytes[SAID_MAX][DGRAM_BYTES_MAX];
        struct dgram_msg said[SAID_MAX]; /* by the client, since the last hear() */
        int said_n, datagrams;
        size_t last_bytes; /* of the last datagram */
};

/* ---- the hand ------------------------------------------------------------------------------ */

static inline void hear(struct end *e)
{
        size_t n;
        e->said_n = e->datagrams = 0;
        while ((n = udp_transport.send(e->client, e->now, e->bytes[e->datagrams], DGRAM_BYTES_MAX)) > 0) {
                struct bytes rest = bytes_of(e->bytes[e->datagrams++], n), message;
                e->last_bytes = n;
                assert_int_equal(dgram_check(rest), DGRAM_GOOD);
                while (dgram_next(&rest, &message))
                        assert_int_equal(dgram_parse(message, &e->said[e->said_n++]), 0);
                assert_in_range(e->datagrams, 1, SAID_MAX - 1);
        }
}

static inline const struct dgram_msg *said(const struct end *e, uint8_t type)
{
        for (int i = 0; i < e->said_n; i++)
                if (e->said[i].type == type)
                        return &e->said[i];
        return NULL;
}

/* Time passes; what was due meanwhile is done at its instant and heard. What was done is not due any more. */
static inline void pass(struct end *e, int64_t ms)
{
        struct mono until = mono_add(e->now, ms * NS_PER_MS);
        struct mono due;
        while (due = udp_transport.deadline(e->client), !mono_before(until, due)) {
                if (mono_before(e->now, due))
                        e->now = due;
                udp_transport.expire(e->client, e->now);
                assert_true(mono_before(e->now, udp_transport.deadline(e->client)));
        }
        e->now = until;
        hear(e);
}

static inline int give(struct end *e, const void *at, size_t n)
{
        uint8_t *exact = reallocarray(NULL, 1, n ? n : 1); /* the sanitizer sees a byte too far */
        if (n > 0)
                memcpy(exact, at, n);
        int err = udp_transport.recv(e->client, e->now, exact, n);
        free(exact);
        return err;
}

static inline void say(struct end *e, struct dgram_msg m)
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct writer w = writer_of(out, sizeof out);
        if (dgram_has_pktno(m.type)) {
                m.tag = m.tag ? m.tag : TAG;
                m.epoch = m.epoch ? m.epoch : EPOCH;
                m.pktno = m.pktno ? m.pktno : ++e->pktno;
        }
        assert_true(dgram_put(&w, &m));
        give(e, out, writer_used(&w));
        hear(e);
}

/* ["x", n] */
static inline size_t event_x(uint8_t n, uint8_t out[4])
{
        memcpy(out, (const uint8_t[]){ 0x92, 0xA1, 'x', n & 0x7F }, 4);
        return 4;
}

static inline struct dgram_msg data(uint64_t tag, uint64_t seq, uint64_t eid, uint32_t origin)
{
        static uint8_t event[4];
        size_t n = event_x((uint8_t)seq, event);
        return (struct dgram_msg){ .type = DGRAM_DATA,
                                   .tag = tag,
                                   .data = { .epoch = EPOCH,
                                             .origin = origin,
                                             .seq = seq,
                                             .eid = eid,
                                             .crc32c = crc32c(bytes_of(event, n)),
                                             .event_bytes = (uint16_t)n,
                                             .frag_cnt = 1,
                                             .event = bytes_of(event, n) } };
}

static inline void say_data(struct end *e, uint64_t tag, uint64_t seq)
{
        say(e, data(tag, seq, 100 + seq, 0));
}

static inline void say_beat(struct end *e, uint64_t tag, uint64_t head)
{
        say(e,
            (struct dgram_msg){ .type = DGRAM_BEAT, .tag = tag, .beat = { .epoch = EPOCH, .head = head, .tail = 1 } });
}

static inline void answer_ping(struct end *e)
{
        const struct dgram_msg *m = said(e, DGRAM_PING);
        if (m)
                say(e, (struct dgram_msg){ .type = DGRAM_PONG, .pong = { m->ping.t1, 1, 1 } });
}

static inline struct client_event next(struct end *e, enum client_event_kind kind)
{
        struct client_event ev;
        if (!udp_transport.next(e->client, &ev))
                fail_msg("nothing is told");
        if (ev.kind != kind)
                fail_msg("told %d instead of %d", (int)ev.kind, (int)kind);
        return ev;
}

static inline void quiet(struct end *e)
{
        struct client_event ev;
        if (udp_transport.next(e->client, &ev))
                fail_msg("%d is told, with %s", (int)ev.kind, ev.reason ? ev.reason : "nothing");
}

/* The seqs of the events that are told next, as a number in base 100. */
static inline uint64_t told_seqs(struct end *e)
{
        struct client_event ev;
        uint64_t seqs = 0;
        while (udp_transport.next(e->client, &ev))
                seqs = ev.kind == CLIENT_EVENT ? seqs * 100 + ev.seq : seqs * 100 + 99;
        return seqs;
}

static inline void begin(struct end *e, enum client_mode mode)
{
        *e = (struct end){ .now = { 1000 * NS_PER_S } };
        struct client_config config = { .mode = mode, .reconnect = true };
        e->client = udp_transport.create(&config, e->now);
}

static inline void accept(struct end *e, uint16_t flags, uint32_t epoch, uint64_t own_start, uint64_t all_start)
{
        e->pktno = 0;
        struct dgram_accept a = { .session_tag = TAG,
                                  .origin = ORIGIN,
                                  .datagram_bytes_max = DGRAM_BYTES_MAX,
                                  .idle_s = 30,
                                  .reset_token = { 9 },
                                  .own = { OWN_TAG, own_start, own_start - 1, own_start },
                                  .all = { ALL_TAG, all_start, all_start - 1, all_start },
                                  .nonce = e->client->nonce,
                                  .id = bytes_text("me") };
        say(e, (struct dgram_msg){ .type = DGRAM_ACCEPT, .flags = flags, .epoch = epoch, .accept = a });
}

static inline void connect(struct end *e)
{
        assert_int_equal(udp_transport.wish(e->client), CLIENT_OPEN);
        udp_transport.opened(e->client, e->now);
        hear(e);
        assert_int_equal(e->said[0].type, DGRAM_HELLO);
        assert_int_equal(e->last_bytes, DGRAM_HELLO_BYTES);
        say(e, (struct dgram_msg){ .type = DGRAM_COOKIE, .cookie = { e->said[0].hello.nonce, 1, 2, { 3 } } });
        assert_int_equal(e->said[0].type, DGRAM_CONNECT);
        assert_int_equal(e->last_bytes, DGRAM_CONNECT_BYTES_MIN);
        assert_int_equal(e->said[0].connect.proof.cookie[0], 3);
}

/* Up, in the empty rooms own and everyone, with a round trip of 1 ms (repairs after 20 ms). */
static inline void up(struct end *e, enum client_mode mode)
{
        begin(e, mode);
        connect(e);
        accept(e, 0, EPOCH, 1, 1);
        next(e, CLIENT_UP);
        pass(e, 0);
        answer_ping(e);
        e->client->rtt = (struct resend){ .srtt_ns = NS_PER_MS, .samples = 100 };
        e->client->ping_due = mono_add(e->now, 5 * NS_PER_S);
        e->client->pings_quick = 0;
}

static inline void join_ok(struct end *e, uint64_t req, const char *room, uint16_t status, uint32_t ref, uint64_t tag,
                           uint32_t epoch, uint64_t start, uint64_t head)
{
        struct dgram_join_ok ok = { .req = req, .rooms_n = 1 };
        ok.room[0] = (struct dgram_joined_room){ bytes_text(room), status, ref, tag, epoch, 1, head, start };
        struct buf tail = { 0 };
        dgram_join_ok_put(&tail, &ok);
        say(e, (struct dgram_msg){ .type = DGRAM_JOIN_OK, .join_ok = { buf_bytes(&tail) } });
        buf_free(&tail);
}

static inline void in_tea(struct end *e, enum client_mode mode)
{
        up(e, mode);
        int64_t call = udp_transport.join(e->client, e->now, bytes_text("tea"));
        hear(e);
        assert_non_null(said(e, DGRAM_JOIN));
        join_ok(e, (uint64_t)call, "tea", 0, 3, TEA_TAG, EPOCH, 1, 0);
        assert_true(bytes_equal(next(e, CLIENT_JOINED).room, bytes_text("tea")));
        assert_int_equal(next(e, CLIENT_ANSWER).call, call);
}

static inline void end(struct end *e)
{
        udp_transport.destroy(e->client);
}

#endif
