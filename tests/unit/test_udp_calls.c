/* The UDP client calls, leaves, loses its session and comes back; and hostile bytes. */
#include "tests/unit/udp_client_rig.h"

/* ---- calls --------------------------------------------------------------------------------- */

static void a_publish_is_tried_until_it_is_answered(void **state)
{
        (void)state;
        struct end e;
        uint64_t eid, seq;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
        hear(&e);
        uint64_t pub_id = said(&e, DGRAM_PUB)->pub.pub_id;
        pass(&e, 49);
        assert_null(said(&e, DGRAM_PUB));
        pass(&e, 2);
        assert_int_equal(said(&e, DGRAM_PUB)->pub.pub_id, pub_id);
        struct dgram_pub_ack ack = { 1, { { pub_id, DGRAM_CODE_DUPLICATE, 2, 7, 8 } } };
        say(&e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = ack });
        struct client_event ev = next(&e, CLIENT_ANSWER);
        assert_int_equal(ev.call, call);
        assert_int_equal(ev.status, CLIENT_OK);
        assert_true(pack_get_u64(pack_map_text(ev.answer, "eid"), &eid) && eid == 8);
        assert_true(pack_get_u64(pack_map_text(ev.answer, "seq"), &seq) && seq == 7);
        say(&e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = ack });
        quiet(&e);
        pass(&e, 1000);
        assert_null(said(&e, DGRAM_PUB));
        end(&e);
}

static void eight_tries_and_nobody_knows(void **state)
{
        (void)state;
        struct end e;
        int tries = 0;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
        hear(&e);
        for (int i = 0; i < 3000; i++) {
                tries += said(&e, DGRAM_PUB) != NULL;
                pass(&e, 10);
                if (i % 100 == 0)
                        say_beat(&e, ALL_TAG, 0); /* the server is there */
        }
        assert_int_equal(tries, 8);
        assert_int_equal(next(&e, CLIENT_ANSWER).status, CLIENT_UNKNOWN);
        quiet(&e);
        end(&e);
}

/* Where the way is so long that eight tries take a minute, half of one has to do. */
static void thirty_seconds_and_nobody_knows(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        e.client->rtt = (struct resend){ .srtt_ns = NS_PER_S, .samples = 100 };
        udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
        for (int s = 0; s < 29; s++) {
                pass(&e, 1000);
                say_beat(&e, ALL_TAG, 0);
        }
        quiet(&e);
        for (int s = 0; s < 3; s++) { /* with the next try that would be due */
                pass(&e, 1000);
                say_beat(&e, ALL_TAG, 0);
        }
        assert_int_equal(next(&e, CLIENT_ANSWER).status, CLIENT_UNKNOWN);
        end(&e);
}

/* The answer was an event, and the log has it no more: that is told, whichever of the two is heard first. */
static void an_answer_that_is_lost_is_told_so(void **state)
{
        (void)state;
        for (int order = 0; order < 2; order++) {
                struct end e;
                up(&e, CLIENT_MODE_NACK_ORDERED);
                int64_t call = udp_transport.call(e.client, e.now, bytes_text("\x92\xa3who\xa1r"));
                hear(&e);
                struct dgram_msg ack = { .type = DGRAM_PUB_ACK,
                                         .pub_ack = { 1, { { (uint64_t)call, 0, UDP_REF_OWN, 2, 9 } } } };
                struct dgram_msg gap = { .type = DGRAM_GAP, .gap = { UDP_REF_OWN, 1, GAPS_EVICTED, { { 1, 3 } } } };
                say(&e, order ? gap : ack);
                if (order == 0)
                        quiet(&e);
                else
                        next(&e, CLIENT_GAP);
                say(&e, order ? ack : gap);
                struct client_event ev = next(&e, CLIENT_ANSWER);
                assert_int_equal(ev.call, call);
                assert_int_equal(ev.status, CLIENT_UNKNOWN);
                end(&e);
        }
}

static void an_answer_with_data_is_an_event(void **state)
{
        (void)state;
        struct end e;
        uint64_t n;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        for (int order = 0; order < 2; order++) {
                int64_t call = udp_transport.call(e.client, e.now, bytes_text("\x92\xa3who\xa1r"));
                hear(&e);
                uint8_t event[] = { 0x93, 0xA4, '$', 'a', 'c', 'k', (uint8_t)said(&e, DGRAM_PUB)->pub.pub_id, 42 };
                struct dgram_pub_ack ack = { 1, { { event[6], 0, UDP_REF_OWN, (uint64_t)order + 1, 9 } } };
                struct dgram_msg m = data(OWN_TAG, (uint64_t)order + 1, 9, 0);
                m.data.event = bytes_of(event, sizeof event);
                m.data.event_bytes = sizeof event;
                m.data.crc32c = crc32c(m.data.event);
                if (order == 0) { /* its acknowledgement first, or last */
                        say(&e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = ack });
                        quiet(&e);
                        pass(&e, 500);
                        assert_null(said(&e, DGRAM_PUB));
                }
                say(&e, m);
                struct client_event ev = next(&e, CLIENT_ANSWER);
                assert_int_equal(ev.call, call);
                assert_int_equal(ev.status, CLIENT_OK);
                assert_true(pack_get_u64(ev.answer, &n) && n == 42);
                say(&e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = ack });
                quiet(&e);
        }
        end(&e);
}

static void too_many_calls_and_too_large_ones(void **state)
{
        (void)state;
        struct end e;
        static const uint8_t large[DGRAM_EVENT_MAX + 1];
        up(&e, CLIENT_MODE_NACK_ORDERED);
        assert_int_equal(udp_transport.call(e.client, e.now, bytes_of(large, sizeof large)), ERR_TOO_BIG);
        for (int i = 0; i < CALLS_MAX; i++)
                assert_true(udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x")) > 0);
        assert_int_equal(udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x")), ERR_FULL);
        hear(&e);
        assert_int_equal(e.said_n, CALLS_MAX);
        assert_in_range(e.datagrams, 2, 4); /* bundled */
        end(&e);
}

/* ---- losing and coming back ---------------------------------------------------------------- */

static void come_back(struct end *e)
{
        udp_transport.closed(e->client, e->now, "closed");
        pass(e, 1000);
        connect(e);
}

static void reset_wants_its_token(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        say(&e, (struct dgram_msg){ .type = DGRAM_RESET, .tag = TAG, .reset = { { 8 } } });
        say(&e, (struct dgram_msg){ .type = DGRAM_RESET, .tag = TAG + 1, .reset = { { 9 } } });
        quiet(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_RESET, .tag = TAG, .reset = { { 9 } } });
        assert_string_equal(next(&e, CLIENT_DOWN).reason, "the server was restarted");
        assert_int_equal(udp_transport.wish(e.client), CLIENT_CLOSE);
        end(&e);
}

static void silence_is_noticed(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        pass(&e, 29000);
        quiet(&e);
        pass(&e, 1000);
        assert_string_equal(next(&e, CLIENT_DOWN).reason, "the server fell silent");
        end(&e);
}

static void recovered_rooms_go_on(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_data(&e, TEA_TAG, 1);
        say_data(&e, TEA_TAG, 3);
        next(&e, CLIENT_EVENT);
        int64_t away = e.now.ns;
        udp_transport.closed(e.client, e.now, "the network changed");
        assert_string_equal(next(&e, CLIENT_DOWN).reason, "the network changed");
        pass(&e, 5000);
        connect(&e);
        accept(&e, DGRAM_RECOVERED, EPOCH, 1, 1);
        assert_true(next(&e, CLIENT_UP).recovered);
        struct dgram_join join;
        const struct dgram_msg *m = said(&e, DGRAM_JOIN);
        assert_int_equal(dgram_join_parse(m->join.tail, &join), 0);
        assert_int_equal(join.rooms_n, 3);
        for (uint32_t i = 0; i < 3; i++) {
                assert_int_equal(join.room[i].epoch, EPOCH);
                assert_int_equal(join.room[i].contig, join.room[i].room.n == 3 ? 1 : 0);
        }
        join_ok(&e, join.req, "tea", 0, 7, TEA_TAG, EPOCH, 2, 5);
        for (uint64_t seq = 2; seq <= 6; seq++)
                say_data(&e, TEA_TAG, seq);
        struct client_event ev = next(&e, CLIENT_EVENT);
        assert_int_equal(ev.seq, 2);
        assert_true(ev.recovered);
        assert_int_equal(ev.gap_opened_ns, away);
        assert_false(next(&e, CLIENT_EVENT).recovered); /* 3 had come before */
        assert_true(next(&e, CLIENT_EVENT).recovered);
        assert_true(next(&e, CLIENT_EVENT).recovered);
        assert_false(next(&e, CLIENT_EVENT).recovered); /* 6 is new */
        quiet(&e);
        end(&e);
}

struct back_row {
        const char *name;
        uint32_t epoch;
        uint64_t start, head;
        uint64_t from, to; /* the gap that is told; 0: none */
        const char *reason;
        uint64_t known; /* the head that a BEAT had told, too */
        uint64_t tag;   /* of the room now; 0: as before */
};

/* The client had told 1 to 4 of the room. */
static const struct back_row backs[] = {
        { "nothing was missed", EPOCH, 5, 4, 0, 0, NULL, 0, 0 },
        { "all that was missed comes", EPOCH, 5, 9, 0, 0, NULL, 0, 0 },
        { "the log has lost some", EPOCH, 8, 9, 5, 7, "evicted", 0, 0 },
        { "the log was made anew below", EPOCH, 3, 2, 5, UINT64_MAX, "evicted", 0, 0 },
        { "the room was made anew, and has gone further", EPOCH, 7, 6, 5, UINT64_MAX, "evicted", 0, 99 },
        { "another log", EPOCH + 1, 3, 2, 5, UINT64_MAX, "epoch", 0, 0 },
        { "another log, and some was known to be missing", EPOCH + 1, 3, 2, 5, UINT64_MAX, "epoch", 7, 0 },
};

static void run_back(void **state)
{
        const struct back_row *row = *state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        for (uint64_t seq = 1; seq <= 4; seq++)
                say_data(&e, TEA_TAG, seq);
        if (row->known)
                say_beat(&e, TEA_TAG, row->known);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE });
        assert_int_equal(told_seqs(&e), 102030499); /* and DOWN */
        come_back(&e);
        accept(&e, row->epoch == EPOCH ? DGRAM_RECOVERED : 0, row->epoch, 1, 1);
        struct client_event ev = next(&e, CLIENT_UP);
        for (int i = 0; row->epoch != EPOCH && i < 1; i++) /* everyone's log is another too */
                assert_int_equal(next(&e, CLIENT_GAP).to, UINT64_MAX);
        struct dgram_join join;
        assert_int_equal(dgram_join_parse(said(&e, DGRAM_JOIN)->join.tail, &join), 0);
        uint64_t tag = row->tag ? row->tag : TEA_TAG;
        join_ok(&e, join.req, "tea", 0, 7, tag, row->epoch, row->start, row->head);
        if (row->from) {
                ev = next(&e, CLIENT_GAP);
                assert_int_equal(ev.from, row->from);
                assert_true(ev.to == row->to);
                assert_string_equal(ev.reason, row->reason);
        }
        if (row->epoch != EPOCH)
                next(&e, CLIENT_JOINED);
        quiet(&e);
        struct dgram_msg m = data(tag, row->start, 500, 0);
        m.data.epoch = row->epoch;
        say(&e, m);
        assert_int_equal(next(&e, CLIENT_EVENT).seq, row->start);
        end(&e);
}

static void publishes_after_another_log_are_unknown(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t sent = udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
        hear(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE });
        next(&e, CLIENT_DOWN);
        int64_t waits = udp_transport.call(e.client, e.now, bytes_text("\x91\xa1y"));
        come_back(&e);
        accept(&e, 0, EPOCH + 1, 1, 1);
        next(&e, CLIENT_UP);
        struct client_event ev = next(&e, CLIENT_ANSWER);
        assert_int_equal(ev.call, sent);
        assert_int_equal(ev.status, CLIENT_UNKNOWN);
        assert_int_equal(said(&e, DGRAM_PUB)->pub.pub_id, waits);
        end(&e);
}

static void goodbye(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_data(&e, TEA_TAG, 2);
        int64_t call = udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
        assert_int_equal(udp_transport.bye(e.client, e.now), 0);
        assert_int_equal(udp_transport.wish(e.client), CLIENT_HOLD);
        hear(&e);
        assert_non_null(said(&e, DGRAM_CLOSE));
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE });
        assert_int_equal(udp_transport.wish(e.client), CLIENT_CLOSE);
        assert_int_equal(next(&e, CLIENT_GAP).from, 1); /* every hole is told */
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 2);
        struct client_event ev = next(&e, CLIENT_ANSWER);
        assert_int_equal(ev.call, call);
        assert_int_equal(ev.status, CLIENT_UNKNOWN);
        udp_transport.closed(e.client, e.now, "closed");
        assert_true(next(&e, CLIENT_DOWN).final);
        assert_int_equal(udp_transport.bye(e.client, e.now), ERR_CLOSED);
        assert_int_equal(udp_transport.wish(e.client), CLIENT_HOLD);
        end(&e);
}

/* ---- hostile bytes ------------------------------------------------------------------------- */

static void hostile_bytes(void **state)
{
        (void)state;
        struct rng rng = rng_seeded(1, "hostile");
        struct end e;
        struct client_event ev;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        for (int i = 0; i < 20000; i++) {
                static const uint8_t types[] = { DGRAM_DATA, DGRAM_BEAT, DGRAM_GAP, DGRAM_PUB_ACK, DGRAM_PONG };
                uint8_t out[DGRAM_BYTES_MAX];
                struct writer w = writer_of(out, sizeof out);
                struct dgram_msg m = data(TEA_TAG, 1 + rng_below(&rng, 100), 5, 0);
                m.type = types[rng_below(&rng, 5)];
                if (m.type == DGRAM_BEAT)
                        m.beat = (struct dgram_beat){ .epoch = EPOCH, .head = rng_below(&rng, 1u << 20) };
                if (m.type == DGRAM_GAP)
                        m.gap = (struct dgram_gap){ 3, 1, 1, { { 1, 1 + rng_below(&rng, 1u << 20) } } };
                if (m.type == DGRAM_PUB_ACK)
                        m.pub_ack = (struct dgram_pub_ack){ 1, { { 1, 0, 1, 1, 1 } } };
                if (m.type == DGRAM_PONG)
                        m.pong = (struct dgram_pong){ rng_u64(&rng), rng_u64(&rng), rng_u64(&rng) };
                if (dgram_has_pktno(m.type)) {
                        m.tag = TAG;
                        m.pktno = ++e.pktno;
                }
                assert_true(dgram_put(&w, &m));
                size_t n = writer_used(&w);
                for (uint64_t k = rng_below(&rng, 3); k > 0; k--)
                        out[16 + rng_below(&rng, n - 16)] ^= (uint8_t)(1u << rng_below(&rng, 8));
                give(&e, out, i % 9 ? n : rng_below(&rng, n));
                while (udp_transport.next(e.client, &ev))
                        ;
                if (i % 50 == 0) {
                        pass(&e, 1);
                        answer_ping(&e);
                }
        }
        assert_int_equal(e.client->state, UDP_UP);
        assert_in_range(udp_room_find(e.client, bytes_text("tea"))->gaps.holes_n, 0, GAPS_RANGES_MAX);
        assert_true(udp_transport.stats(e.client).malformed > 0);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_publish_is_tried_until_it_is_answered),
                cmocka_unit_test(eight_tries_and_nobody_knows),
                cmocka_unit_test(thirty_seconds_and_nobody_knows),
                cmocka_unit_test(an_answer_that_is_lost_is_told_so),
                cmocka_unit_test(an_answer_with_data_is_an_event),
                cmocka_unit_test(too_many_calls_and_too_large_ones),
                cmocka_unit_test(reset_wants_its_token),
                cmocka_unit_test(silence_is_noticed),
                cmocka_unit_test(recovered_rooms_go_on),
                cmocka_unit_test(publishes_after_another_log_are_unknown),
                cmocka_unit_test(goodbye),
                cmocka_unit_test(hostile_bytes),
        };
        return RUN_ROWS("udp_client comes back", backs, run_back) +
               cmocka_run_group_tests_name("udp_client calls", stories, NULL, NULL);
}
