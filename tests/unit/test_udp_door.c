/* The client says goodbye before the server's ACCEPT: the session that it began is to end all the same. */
#include "tests/unit/udp_client_rig.h"

/* Goodbye right behind CONNECT. */
static void leave_early(struct end *e)
{
        begin(e, CLIENT_MODE_RAW);
        connect(e);
        assert_int_equal(udp_transport.bye(e->client, e->now), 0);
        hear(e);
        assert_int_equal(e->said_n, 0); /* it does not know yet of what */
        assert_int_equal(udp_transport.wish(e->client), CLIENT_HOLD);
}

static void close_and_check(struct end *e)
{
        assert_int_equal(udp_transport.wish(e->client), CLIENT_CLOSE);
        quiet(e);
        udp_transport.closed(e->client, e->now, "closed");
        assert_true(next(e, CLIENT_DOWN).final);
        quiet(e);
        end(e);
}

static void accept_is_answered_with_goodbye(void **state)
{
        (void)state;
        struct end e;
        int closes = 1;
        leave_early(&e);
        pass(&e, 100);
        accept(&e, 0, EPOCH, 1, 1);
        const struct dgram_msg *m = said(&e, DGRAM_CLOSE);
        assert_non_null(m);
        assert_int_equal(m->tag, TAG);
        assert_int_equal(m->epoch, EPOCH);
        assert_int_equal(m->pktno, 1);
        for (int ms = 0; ms < 900; ms++) {
                if (ms == 100)
                        accept(&e, 0, EPOCH, 1, 1); /* a copy of it begins nothing anew */
                pass(&e, 1);
                closes += said(&e, DGRAM_CLOSE) != NULL;
        }
        assert_int_equal(closes, 3);
        close_and_check(&e);
}

static void the_servers_goodbye_is_enough(void **state)
{
        (void)state;
        struct end e;
        leave_early(&e);
        accept(&e, 0, EPOCH, 1, 1);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE });
        close_and_check(&e);
}

static void nobody_waits_for_long(void **state)
{
        (void)state;
        struct end e;
        leave_early(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_ACCEPT,
                                    .accept = { .session_tag = TAG + 1, .nonce = 7, .id = bytes_text("me") } });
        assert_int_equal(e.said_n, 0); /* not to what we did not ask for */
        pass(&e, 899);
        assert_int_equal(e.said_n, 0);
        assert_int_equal(udp_transport.wish(e.client), CLIENT_HOLD);
        pass(&e, 1);
        assert_int_equal(e.said_n, 0);
        close_and_check(&e);
}

static void before_connect_there_is_nothing_to_end(void **state)
{
        (void)state;
        struct end e;
        begin(&e, CLIENT_MODE_RAW);
        udp_transport.opened(e.client, e.now);
        hear(&e);
        assert_non_null(said(&e, DGRAM_HELLO));
        udp_transport.bye(e.client, e.now);
        close_and_check(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(accept_is_answered_with_goodbye),
                cmocka_unit_test(the_servers_goodbye_is_enough),
                cmocka_unit_test(nobody_waits_for_long),
                cmocka_unit_test(before_connect_there_is_nothing_to_end),
        };
        return cmocka_run_group_tests_name("udp_client door", stories, NULL, NULL);
}
