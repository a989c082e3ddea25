/* A client's address changes, or somebody says so: what the server sends, and where. */
#include "tests/unit/udp_rig.h"

enum { FRAGMENTS = 8 };

static size_t say_from(struct rig *r, struct rig_peer *p, const struct udp_addr *from, struct dgram_msg m)
{
        uint8_t out[DGRAM_BYTES_MAX];
        m.tag = p->tag;
        m.epoch = RIG_EPOCH;
        m.pktno = ++p->pktno;
        return rig_raw(r, from, out, rig_pack(&m, out));
}

static struct dgram_msg ping(void)
{
        return (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } };
}

/* The stateless answer, which borrows from r->bytes. */
static struct dgram_msg answer(const struct rig *r, size_t n)
{
        struct dgram_msg m = { 0 };
        assert_in_range(n, DGRAM_SESSION_HEADER, DGRAM_COOKIE_BYTES);
        assert_int_equal(dgram_parse(bytes_of(r->bytes[0], n), &m), 0);
        return m;
}

/* The CHALLENGE that words from there bring forth. */
static uint64_t challenged(struct rig *r, struct rig_peer *p, const struct udp_addr *from)
{
        struct dgram_msg m = answer(r, say_from(r, p, from, ping()));
        assert_int_equal(m.type, DGRAM_CHALLENGE);
        assert_true(m.tag == p->tag);
        return m.challenge.random;
}

static struct dgram_msg response(uint64_t random)
{
        return (struct dgram_msg){ .type = DGRAM_RESPONSE, .response = { random } };
}

/* The whole way; what is said at the new address then is in r->said. */
static void move(struct rig *r, struct rig_peer *p, struct udp_addr to)
{
        uint64_t moved = RIG_COUNT(r, moved), random = challenged(r, p, &to);
        assert_int_equal(say_from(r, p, &to, response(random)), 0);
        assert_int_equal(RIG_COUNT(r, moved), moved + 1);
        p->addr = to;
        rig_hear(r, p);
}

/* ---- it moves ------------------------------------------------------------------------------- */

static void both_are_asked_and_it_moves(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        struct udp_addr old = p.addr, new = rig_addr(1, 2);
        uint64_t random = challenged(r, &p, &new);
        rig_publish(r, "tea", 10);
        rig_hear_only(r, &old, UDP_BATCH_DATAGRAMS);
        assert_int_equal(rig_count_said(r, DGRAM_CHALLENGE), 1);
        assert_true(rig_said(r, DGRAM_CHALLENGE, 0)->challenge.random != random);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 1); /* goes on to where it was */
        assert_null(rig_said(r, DGRAM_PONG, 0));            /* what came from there is not acted on */

        assert_int_equal(say_from(r, &p, &new, response(random)), 0);
        p.addr = new;
        struct published e = rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.seq, e.seq);
        const struct dgram_msg *beat = rig_said(r, DGRAM_BEAT, 0); /* what went the old way is told at once */
        assert_non_null(beat);
        rig_publish(r, "tea", 10);
        assert_int_equal(rig_hear_only(r, &old, UDP_BATCH_DATAGRAMS), 0);
        rig_say(r, &p, ping());
        rig_hear(r, &p);
        assert_non_null(rig_said(r, DGRAM_PONG, 0));
        assert_int_equal(RIG_COUNT(r, moved), 1);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        rig_stop(r);
}

/* What comes together with the answer is done: NACKs, for one. */
static void what_comes_with_the_answer_is_done(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        struct udp_addr new = rig_addr(1, 2);
        uint8_t out[DGRAM_BYTES_MAX];
        struct dgram_msg m[2] = { response(challenged(r, &p, &new)), ping() };
        struct writer w = writer_of(out, sizeof out);
        for (int i = 0; i < 2; i++) {
                m[i].tag = p.tag;
                m[i].pktno = ++p.pktno;
                assert_true(dgram_put(&w, &m[i]));
        }
        rig_raw(r, &new, out, writer_used(&w));
        p.addr = new;
        rig_hear(r, &p);
        assert_non_null(rig_said(r, DGRAM_PONG, 0));
        rig_stop(r);
}

static void in_the_midst_of_repairs(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t first = rig_publish(r, "tea", 1000).seq;
        for (int i = 1; i < 30; i++)
                rig_publish(r, "tea", 1000);
        rig_hear(r, &p);
        rig_say(r, &p,
                (struct dgram_msg){ .type = DGRAM_NACK,
                                    .nack = { row.chan_ref, 1, 1, row.head, { { first, first + 29 } } } });
        struct udp_peer *peer = udp_gate_pending(r->gate);
        assert_true(udp_peer_slices(peer, r->now, &r->batch) > 7);
        udp_peer_sent(peer, r->now, &r->batch, 7); /* the rest waits */
        move(r, &p, rig_addr(1, 2));
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 30 - 7);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.seq, first + 7);
        rig_stop(r);
}

static void in_the_midst_of_an_event(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        rig_hear(r, &p);
        uint64_t seq = rig_publish(r, "tea", FRAGMENTS * DGRAM_FRAGMENT_BYTES - 100).seq;
        hub_announce(r->hub);
        struct udp_peer *peer = udp_gate_pending(r->gate);
        assert_true(udp_peer_slices(peer, r->now, &r->batch) >= FRAGMENTS);
        udp_peer_sent(peer, r->now, &r->batch, 3);
        move(r, &p, rig_addr(1, 2));
        assert_int_equal(rig_count_said(r, DGRAM_DATA), FRAGMENTS - 3);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.frag_idx, 3);
        rig_say(r, &p,
                (struct dgram_msg){ .type = DGRAM_NACK,
                                    .nack = { row.chan_ref, 1, 1, row.head, { { seq, DGRAM_FRAGMENTS_BIT | 7 } } } });
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 3);
        rig_stop(r);
}

/* To another host the round trip begins anew, and so it is measured at once; behind another port it is the
 * same path. */
static void another_host_is_another_path(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        const struct dgram_msg *m;
        rig_pass(r, 1000);
        rig_say(r, &p, ping());
        rig_hear(r, &p);
        assert_non_null(m = rig_said(r, DGRAM_PING, 0));
        rig_pass(r, 10);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PONG, .pong = { m->ping.t1, 1, 1 } });
        rig_hear(r, &p);
        move(r, &p, rig_addr(1, 2));
        assert_null(rig_said(r, DGRAM_PING, 0));
        move(r, &p, rig_addr(9, 2));
        assert_non_null(rig_said(r, DGRAM_PING, 0));
        rig_stop(r);
}

/* For 20 s there is always something to send, and no REPORT comes: bytes of it that a paced session sends. */
static uint64_t sent_without_reports(bool moves)
{
        struct rig *r = rig_start_gate((struct udp_gate_config){ .pace.on = true });
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        for (int i = 0; i < 1000; i++)
                rig_publish(r, "", 1000);
        for (int ms = 0; ms < 20000; ms += 50) {
                rig_pass(r, 50);
                rig_hear(r, &p);
                if (moves && ms % 500 == 450)
                        move(r, &p, rig_addr(p.addr.ip[15] == 1 ? 9 : 1, 1));
        }
        uint64_t sent = RIG_COUNT(r, bytes_out);
        rig_stop(r);
        return sent;
}

static void moving_to_and_fro_is_no_way_to_send_more(void **state)
{
        (void)state;
        uint64_t stays = sent_without_reports(false), moves = sent_without_reports(true);
        assert_true(stays > 50000 && moves < stays + stays / 4);
}

static void the_goodbye_from_elsewhere_is_believed_in_the_end(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        struct udp_addr new = rig_addr(1, 2);
        struct dgram_msg bye = { .type = DGRAM_CLOSE }, m = answer(r, say_from(r, &p, &new, bye));
        assert_int_equal(m.type, DGRAM_CHALLENGE);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        say_from(r, &p, &new, response(m.challenge.random));
        say_from(r, &p, &new, bye);
        rig_hear_only(r, &new, UDP_BATCH_DATAGRAMS);
        assert_non_null(rig_said(r, DGRAM_CLOSE, 0));
        assert_int_equal(udp_gate_sessions(r->gate), 0);
        rig_stop(r);
}

/* ---- it does not ---------------------------------------------------------------------------- */

/* Somebody has the tag, and something newer than all before; but he does not receive at that address. */
static void a_spoofer_gets_a_challenge_and_nothing_else(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        struct udp_addr victim = rig_addr(9, 9);
        size_t in = 0, out = 0;
        rig_hear(r, &p);
        for (int i = 0; i < 200; i++) {
                uint64_t guess = 1000u + (uint64_t)i;
                struct dgram_msg m = i % 3 ? response(guess) : (struct dgram_msg){ .type = DGRAM_CLOSE };
                in += 28;
                out += say_from(r, &p, &victim, m);
                rig_publish(r, "tea", 100);
                assert_int_equal(rig_hear_only(r, &p.addr, UDP_BATCH_DATAGRAMS) > 0, true);
                assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
                rig_pass(r, 20);
        }
        assert_true(out > 0 && out <= 3 * in);
        assert_int_equal(RIG_COUNT(r, moved), 0);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        rig_stop(r);
}

static void at_home_it_answers_and_stays(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        struct udp_addr elsewhere = rig_addr(9, 9);
        uint64_t there = challenged(r, &p, &elsewhere);
        rig_hear(r, &p);
        uint64_t here = rig_said(r, DGRAM_CHALLENGE, 0)->challenge.random;
        rig_say(r, &p, response(here));
        assert_int_equal(RIG_COUNT(r, stayed), 1);
        say_from(r, &p, &elsewhere, response(there)); /* too late: a question anew, at most */
        assert_int_equal(RIG_COUNT(r, moved), 0);
        assert_int_equal(RIG_COUNT(r, responses), 1);
        rig_stop(r);
}

static void one_address_takes_so_many(void **state)
{
        (void)state;
        struct rig *r = rig_start_gate((struct udp_gate_config){ .per_ip_max = 1 });
        struct rig_peer p = rig_peer(1), q = rig_peer(2), z = rig_peer(1);
        rig_connect(r, &p);
        rig_connect(r, &q);
        struct udp_addr new = rig_addr(2, 7);
        uint64_t random = challenged(r, &p, &new);
        struct dgram_msg m = answer(r, say_from(r, &p, &new, response(random)));
        assert_int_equal(m.type, DGRAM_ERROR);
        assert_int_equal(m.error.code, DGRAM_CODE_LIMIT);
        assert_int_equal(m.error.in_reply_to, DGRAM_RESPONSE);
        assert_int_equal(RIG_COUNT(r, moves_refused), 1);
        rig_say(r, &p, ping()); /* it is still where it was */
        rig_hear(r, &p);
        assert_non_null(rig_said(r, DGRAM_PONG, 0));
        move(r, &p, rig_addr(1, 7)); /* another port is no other address */
        rig_pass(r, 1000);
        move(r, &p, rig_addr(3, 1));
        z.instance[0] = 9; /* and leaves room behind it */
        rig_connect(r, &z);
        assert_int_equal(udp_gate_sessions(r->gate), 3);
        rig_stop(r);
}

static void flapping_has_its_bounds(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        for (uint8_t i = 0; i < 100; i++) {
                struct udp_addr to = rig_addr(1, (uint8_t)(2 + i));
                size_t n = say_from(r, &p, &to, ping());
                if (n > 0)
                        say_from(r, &p, &to, response(answer(r, n).challenge.random));
                rig_hear(r, &p);
                rig_pass(r, 100);
        }
        assert_in_range(RIG_COUNT(r, moved), 20, 4 + 20); /* 10 s */
        assert_true(RIG_COUNT(r, moves_limited) > 0);
        rig_stop(r);
}

/* ---- other sessions ------------------------------------------------------------------------- */

/* A NAT gives the port of one to another, and a new one to the first. */
static void two_change_places(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1), q = rig_peer(1);
        q.instance[0] = 2;
        q.nonce++;
        q.addr = rig_addr(1, 2);
        rig_connect(r, &p);
        rig_connect(r, &q);
        struct udp_addr here = p.addr, there = q.addr;
        move(r, &p, there);
        rig_pass(r, 100);
        move(r, &q, here);
        struct rig_peer *both[] = { &p, &q };
        for (int i = 0; i < 2; i++) {
                rig_say(r, both[i], ping());
                rig_hear(r, both[i]);
                const struct dgram_msg *m = rig_said(r, DGRAM_PONG, 0);
                assert_non_null(m);
                assert_true(m->tag == both[i]->tag);
        }
        assert_int_equal(udp_gate_sessions(r->gate), 2);
        /* A CONNECT replaces who is at its address, and nobody else. */
        struct rig_peer fresh = { .addr = here, .instance = { 3 }, .nonce = 99 };
        rig_connect(r, &fresh);
        assert_int_equal(udp_gate_sessions(r->gate), 2);
        rig_say(r, &p, ping());
        rig_hear(r, &p);
        assert_non_null(rig_said(r, DGRAM_PONG, 0));
        rig_stop(r);
}

static void a_server_is_asked(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_CHALLENGE, .challenge = { 77 } });
        rig_hear(r, &p);
        assert_int_equal(rig_said(r, DGRAM_RESPONSE, 0)->response.random, 77);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(both_are_asked_and_it_moves),
                cmocka_unit_test(what_comes_with_the_answer_is_done),
                cmocka_unit_test(in_the_midst_of_repairs),
                cmocka_unit_test(in_the_midst_of_an_event),
                cmocka_unit_test(another_host_is_another_path),
                cmocka_unit_test(moving_to_and_fro_is_no_way_to_send_more),
                cmocka_unit_test(the_goodbye_from_elsewhere_is_believed_in_the_end),
                cmocka_unit_test(a_spoofer_gets_a_challenge_and_nothing_else),
                cmocka_unit_test(at_home_it_answers_and_stays),
                cmocka_unit_test(one_address_takes_so_many),
                cmocka_unit_test(flapping_has_its_bounds),
                cmocka_unit_test(two_change_places),
                cmocka_unit_test(a_server_is_asked),
        };
        return cmocka_run_group_tests_name("udp_move", stories, NULL, NULL);
}
