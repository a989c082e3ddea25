/* How much one session may say. */
#include "tests/unit/udp_rig.h"

enum { OWN = 1 };

/* In order, behind the one whose id is `back` below; 0: behind none. */
static struct dgram_ack pub_behind(struct rig *r, struct rig_peer *p, uint64_t pub_id, uint16_t back)
{
        struct dgram_pub m = { pub_id, 0, 0, 1, 3, back, DGRAM_PUB_IN_ORDER, TEXT("\x91\xa1x") };
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = m });
        rig_hear(r, p);
        return rig_said(r, DGRAM_PUB_ACK, 0)->pub_ack.ack[0];
}

/* A datagram cannot wait: what is over the rate is refused, and a JOIN passed over, to be said again. */
static void over_the_rate(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        app_limits(r->app)->events = bucket_rule(10, 3);
        for (uint64_t i = 1; i <= 5; i++) {
                struct dgram_ack ack = rig_pub(r, &p, i, 0, 0, TEXT("\x91\xa1x"));
                assert_int_equal(ack.status, i <= 3 ? DGRAM_CODE_OK : DGRAM_CODE_RATE);
        }
        assert_int_equal(rig_join(r, &p, "tea", 0, 0).status, 999);
        assert_int_equal(app_limits(r->app)->met[LIMIT_EVENTS], 3);
        assert_int_equal(RIG_COUNT(r, pub_refused), 2);
        rig_pass(r, 100);
        assert_int_equal(rig_join(r, &p, "tea", 0, 0).status, DGRAM_CODE_OK);
        /* Said again, the same PUB is done. */
        rig_pass(r, 100);
        assert_int_equal(rig_pub(r, &p, 5, 0, 0, TEXT("\x91\xa1x")).status, DGRAM_CODE_OK);
        struct dgram_ack ack = rig_pub(r, &p, 6, 0, 0, TEXT("\x91\xa1x"));
        assert_int_equal(ack.status, DGRAM_CODE_RATE);
        assert_int_equal(ack.eid, p.pktno); /* which try this answers */
        rig_stop(r);
}

/* What was said after a PUB that is over the rate is not done before it. */
static void over_the_rate_in_order(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        app_limits(r->app)->events = bucket_rule(10, 3);
        for (uint64_t i = 1; i <= 4; i++)
                pub_behind(r, &p, i, i > 1);
        rig_pass(r, 100); /* there is place for one, the next that comes is not its turn */
        struct dgram_ack ack = pub_behind(r, &p, 5, 1);
        assert_int_equal(ack.status, DGRAM_CODE_ORDER);
        assert_int_equal(ack.seq, 3);
        assert_int_equal(ack.eid, p.pktno);
        assert_int_equal(pub_behind(r, &p, 4, 1).status, DGRAM_CODE_OK);
        rig_pass(r, 100);
        assert_int_equal(pub_behind(r, &p, 5, 1).status, DGRAM_CODE_OK);
        assert_int_equal(RIG_COUNT(r, pub_early), 1);
        rig_stop(r);
}

static void as_many_rooms_as_one_may_be_in(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        app_limits(r->app)->rooms_max = 2;
        rig_connect(r, &p);
        assert_int_equal(rig_join(r, &p, "one", 0, 0).status, DGRAM_CODE_OK);
        assert_int_equal(rig_join(r, &p, "two", 0, 0).status, DGRAM_CODE_OK);
        assert_int_equal(rig_join(r, &p, "three", 0, 0).status, DGRAM_CODE_LIMIT);
        assert_int_equal(app_limits(r->app)->met[LIMIT_ROOMS], 1);
        rig_stop(r);
}

static void a_long_name_of_an_event(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        app_limits(r->app)->event_name_max = 1;
        rig_connect(r, &p);
        assert_int_equal(rig_pub(r, &p, 1, OWN, 0, TEXT("\x91\xa2xy")).status, DGRAM_CODE_MALFORMED);
        assert_int_equal(rig_pub(r, &p, 2, OWN, 0, TEXT("\x91\xa1x")).status, DGRAM_CODE_OK);
        assert_int_equal(rig_pub(r, &p, 3, 0, 0, TEXT("\x91\xa2xy")).status, DGRAM_CODE_OK); /* {error} is on its way */
        assert_int_equal(app_limits(r->app)->met[LIMIT_EVENT_NAME], 2);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(over_the_rate),
                cmocka_unit_test(over_the_rate_in_order),
                cmocka_unit_test(as_many_rooms_as_one_may_be_in),
                cmocka_unit_test(a_long_name_of_an_event),
        };
        return cmocka_run_group_tests_name("udp_limit", stories, NULL, NULL);
}
