/* What a session's datagram may hold beside what it should: it is passed over, answered, or counted, and does nothing
 * more. */
#include "tests/unit/udp_rig.h"

#include "udp_server/udp_gate_inside.h"
#include "udp_server/udp_session_inside.h"

/* A datagram of the peer's that begins with a message of its own: LEAVE of a room that is none, which is answered; or
 * with the last one's number, which is passed over. */
static void say_with(struct rig *r, struct rig_peer *p, bool again, const uint8_t *more, size_t more_n)
{
        uint8_t out[DGRAM_BYTES_MAX];
        p->pktno += !again;
        struct dgram_msg m = {
                .type = DGRAM_LEAVE, .tag = p->tag, .epoch = RIG_EPOCH, .pktno = p->pktno, .leave = { 9 }
        };
        size_t n = rig_pack(&m, out);
        memcpy(out + n, more, more_n);
        rig_raw(r, &p->addr, out, n + more_n);
        rig_hear(r, p);
}

static size_t of_no_session(uint8_t type, uint8_t out[DGRAM_BYTES_MAX])
{
        const struct dgram_msg m = { .type = type, .tag = 5, .beat = { .epoch = RIG_EPOCH } };
        return rig_pack(&m, out);
}

static struct rig *begin(struct rig_peer *p)
{
        struct rig *r = rig_start();
        *p = rig_peer(1);
        rig_connect(r, p);
        return r;
}

static void a_broadcast_message_is_the_servers_to_say(void **state)
{
        (void)state;
        uint8_t beat[DGRAM_BYTES_MAX];
        struct rig_peer p;
        struct rig *r = begin(&p);
        say_with(r, &p, false, beat, of_no_session(DGRAM_BEAT, beat));
        assert_int_equal(RIG_COUNT(r, class_b), 1);
        assert_int_equal(RIG_COUNT(r, unexpected), 0);
        assert_int_equal(rig_count_said(r, DGRAM_ERROR), 1); /* to LEAVE */
        rig_stop(r);
}

/* Consent is the client's, in messages with numbers: who copies one of his datagrams and adds to it keeps nothing
 * alive. */
static void what_has_no_number_is_no_consent(void **state)
{
        (void)state;
        uint8_t reset[DGRAM_BYTES_MAX];
        struct rig_peer p;
        struct rig *r = begin(&p);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { 9 } });
        for (int s = 0; s < 59; s++) {
                rig_pass(r, 1000);
                say_with(r, &p, true, reset, of_no_session(DGRAM_RESET, reset));
                rig_publish(r, "", 10);
                assert_int_equal(rig_hear(r, &p) > 0 && rig_said(r, DGRAM_DATA, 0), s < 29);
        }
        assert_int_equal(RIG_COUNT(r, replayed), 59);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        rig_pass(r, 1000);
        rig_hear(r, &p);
        assert_int_equal(udp_gate_sessions(r->gate), 0);
        rig_stop(r);
}

static void what_is_malformed_is_told_so(void **state)
{
        (void)state;
        struct rig_peer p;
        struct rig *r = begin(&p);
        const struct dgram_msg bad = { .type = DGRAM_JOIN, .tag = p.tag, .epoch = RIG_EPOCH, .pktno = 100 };
        uint8_t join[DGRAM_BYTES_MAX];
        size_t n = rig_pack(&bad, join); /* without its msgpack */
        say_with(r, &p, false, join, n);
        assert_int_equal(rig_said(r, DGRAM_ERROR, 1)->error.code, DGRAM_CODE_MALFORMED);
        assert_int_equal(rig_said(r, DGRAM_ERROR, 1)->error.in_reply_to, DGRAM_JOIN);
        assert_int_equal(rig_said(r, DGRAM_ERROR, 1)->error.pktno, 100);
        struct dgram_msg leave = { .type = DGRAM_LEAVE, .tag = p.tag, .epoch = RIG_EPOCH, .pktno = 101 };
        n = rig_pack(&leave, join) - 4; /* without its channel */
        join[7] = (uint8_t)n;
        say_with(r, &p, false, join, n);
        assert_int_equal(rig_said(r, DGRAM_ERROR, 1)->error.code, DGRAM_CODE_MALFORMED);
        assert_int_equal(rig_said(r, DGRAM_ERROR, 1)->error.in_reply_to, DGRAM_LEAVE);
        assert_int_equal(rig_said(r, DGRAM_ERROR, 1)->error.pktno, 101);
        assert_int_equal(RIG_COUNT(r, malformed), 2);
        rig_stop(r);
}

static struct dgram_ack pub_again(struct rig *r, struct rig_peer *p)
{
        struct dgram_pub pub = { .pub_id = 1, .chan_ref = 3, .frag_cnt = 1, .event_bytes = 3 };
        pub.event = bytes_of("\x91\xa1x", 3);
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = pub });
        rig_hear(r, p);
        return rig_said(r, DGRAM_PUB_ACK, 0)->pub_ack.ack[0];
}

/* What was refused is not done later, when it could be: a PUB has one answer. */
static void a_refusal_stands(void **state)
{
        (void)state;
        struct rig_peer p;
        struct rig *r = begin(&p);
        assert_int_equal(pub_again(r, &p).status, DGRAM_CODE_NO_CHANNEL);
        assert_int_equal(rig_join(r, &p, "tea", 0, 0).chan_ref, 3);
        assert_int_equal(pub_again(r, &p).status, DGRAM_CODE_NO_CHANNEL);
        assert_int_equal(RIG_COUNT(r, published), 0);
        rig_stop(r);
}

/* No number is used twice: past half of them, the client's or the server's, the session ends and is taken up anew. */
static void numbers_run_out(void **state)
{
        (void)state;
        for (int servers = 0; servers < 2; servers++) {
                struct rig *r = rig_start();
                struct rig_peer p = rig_peer(1);
                rig_connect(r, &p);
                rig_pass(r, 1000);
                p.pktno = servers ? p.pktno : UDP_NUMBERS - 2;
                udp_peer_at(r->gate, &p.addr)->session->queue.pktno = servers ? UDP_NUMBERS - 3 : 0;
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { 9 } }); /* one word, one answer */
                rig_hear(r, &p);
                assert_null(rig_said(r, DGRAM_CLOSE, 0));
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { 9 } });
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { 9 } });
                rig_hear(r, &p);
                assert_int_equal(rig_said(r, DGRAM_CLOSE, 0)->close.code, DGRAM_CODE_LIMIT);
                p.nonce++;
                rig_connect(r, &p);
                assert_true(p.flags & DGRAM_RECOVERED);
                rig_stop(r);
        }
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_broadcast_message_is_the_servers_to_say),
                cmocka_unit_test(what_has_no_number_is_no_consent),
                cmocka_unit_test(what_is_malformed_is_told_so),
                cmocka_unit_test(a_refusal_stands),
                cmocka_unit_test(numbers_run_out),
        };
        return cmocka_run_group_tests_name("udp_strange", stories, NULL, NULL);
}
