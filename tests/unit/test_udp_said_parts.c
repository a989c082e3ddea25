/* The UDP client takes apart what it publishes, and says again what the server has not of it. */
#include "tests/unit/udp_parts_rig.h"

static int64_t call_large(struct end *e, size_t bytes)
{
        return udp_transport.call(e->client, e->now, event_of(0, bytes));
}

/* The fragments of that PUB which were said, as bits. */
static uint64_t said_parts(const struct end *e, int64_t call)
{
        uint64_t bits = 0;
        for (int i = 0; i < e->said_n; i++) {
                const struct dgram_pub *pub = &e->said[i].pub;
                if (e->said[i].type == DGRAM_PUB && pub->pub_id == (uint64_t)call) {
                        assert_false(bits & UINT64_C(1) << pub->frag_idx);
                        bits |= UINT64_C(1) << pub->frag_idx;
                }
        }
        return bits;
}

static void say_status(struct end *e, int64_t call, uint16_t status, uint64_t seq)
{
        uint64_t eid = status == DGRAM_CODE_PARTS ? e->client->queue.pktno : 0;
        struct dgram_pub_ack ack = { 1, { { (uint64_t)call, status, 0, seq, eid } } };
        say(e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = ack });
}

static void a_large_event_goes_in_fragments(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = call_large(&e, 60000);
        hear(&e); /* more than the queue holds at once */
        assert_true(said_parts(&e, call) == (UINT64_C(1) << 55) - 1);
        const struct dgram_pub *pub = &e.said[54].pub;
        assert_int_equal(pub->frag_idx, 54);
        assert_int_equal(pub->event_bytes, 60000);
        assert_int_equal(pub->event.at[0], (uint8_t)(59400 * 7 + 59400 / 251));
        struct dgram_ack ack = { (uint64_t)call, DGRAM_CODE_PARTS, 0, 1, e.client->queue.pktno - 1 };
        say(&e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = { 1, { ack } } }); /* not to the last one */
        assert_int_equal(said_parts(&e, call), 0);
        pass(&e, 49);
        assert_int_equal(said_parts(&e, call), 0);
        pass(&e, 1); /* no answer: what does the server lack? */
        assert_true(said_parts(&e, call) == UINT64_C(1) << 54);
        pass(&e, 1);
        say_status(&e, call, DGRAM_CODE_PARTS, 1 << 7 | 1 << 9 | UINT64_C(1) << 60);
        assert_true(said_parts(&e, call) == (1 << 7 | 1 << 9 | UINT64_C(1) << 54));
        pass(&e, 1);
        say_status(&e, call, DGRAM_CODE_OK, 0);
        assert_int_equal(next(&e, CLIENT_ANSWER).call, call);
        pass(&e, 5000);
        assert_int_equal(said_parts(&e, call), 0);
        end(&e);
}

/* As long as it goes forward it is not given up, but it is when it stands. */
static void fragments_that_never_come_through(void **state)
{
        (void)state;
        struct end e;
        struct client_event ev = { 0 };
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = call_large(&e, 60000);
        hear(&e);
        for (int missing = 50; missing > 0; missing--) {
                pass(&e, 1);
                say_status(&e, call, DGRAM_CODE_PARTS, (UINT64_C(1) << missing) - 1);
                assert_true(said_parts(&e, call) != 0);
        }
        for (int i = 0; i < 40 && !udp_transport.next(e.client, &ev); i++) {
                pass(&e, 1);
                say_status(&e, call, DGRAM_CODE_PARTS, 1);
        }
        assert_int_equal(ev.kind, CLIENT_ANSWER);
        assert_int_equal(ev.status, CLIENT_UNKNOWN);
        end(&e);
}

/* What was missing before it was whole is told after that, the two answers having changed places on the way. */
static void fragments_missing_is_old_news_behind_the_answer(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = call_large(&e, 5000);
        hear(&e);
        struct dgram_ack whole = { (uint64_t)call, DGRAM_CODE_OK, UDP_REF_OWN, 1, 9 };
        say(&e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = { 1, { whole } } });
        say_status(&e, call, DGRAM_CODE_PARTS, 1);
        pass(&e, 1000);
        assert_int_equal(said_parts(&e, call), 0);
        quiet(&e); /* the answer itself, an event, is still waited for */
        end(&e);
}

static void a_few_large_events_at_a_time(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t first = call_large(&e, 60000), second = call_large(&e, 60000), third = call_large(&e, 60000);
        int64_t small = udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
        hear(&e);
        assert_true(said_parts(&e, first) != 0 && said_parts(&e, second) != 0);
        assert_int_equal(said_parts(&e, third), 0);
        assert_int_equal(said_parts(&e, small), 0); /* said after the third */
        say_status(&e, second, DGRAM_CODE_OK, 0);
        assert_true(said_parts(&e, third) != 0);
        assert_int_equal(said_parts(&e, small), 1);
        end(&e);
}

static void a_large_event_goes_again_to_the_next_session(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = call_large(&e, 5000);
        hear(&e);
        assert_int_equal(said_parts(&e, call), 31);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE });
        udp_transport.closed(e.client, e.now, "closed");
        pass(&e, 5000);
        connect(&e);
        accept(&e, DGRAM_RECOVERED, EPOCH, 1, 1);
        assert_int_equal(said_parts(&e, call), 31);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_large_event_goes_in_fragments),
                cmocka_unit_test(fragments_that_never_come_through),
                cmocka_unit_test(fragments_missing_is_old_news_behind_the_answer),
                cmocka_unit_test(a_few_large_events_at_a_time),
                cmocka_unit_test(a_large_event_goes_again_to_the_next_session),
        };
        return cmocka_run_group_tests_name("udp_client says fragments", stories, NULL, NULL);
}
