/* An event that memory cannot be had for is as good as lost, and nobody could be told where: the client ends, and
 * says so, with no memory at all. */
#include "tests/unit/no_memory.h"
#include "tests/unit/udp_client_rig.h"

static void an_event(struct end *e)
{
        say_data(e, TEA_TAG, 1);
}

static void a_gap(struct end *e)
{
        say(e, (struct dgram_msg){ .type = DGRAM_GAP,
                                   .gap = { .chan_ref = 3, .n = 1, .reason = GAPS_EVICTED, .range = { { 1, 4 } } } });
}

static void an_answer(struct end *e)
{
        struct dgram_ack ack = { .pub_id = 2, .seq = 1, .eid = 1 };
        say(e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = { .n = 1, .ack = { ack } } });
}

static void a_lost_session(struct end *e)
{
        say(e, (struct dgram_msg){ .type = DGRAM_CLOSE, .close = { DGRAM_CODE_SHUTDOWN } });
}

static void that_the_server_is_silent(struct end *e)
{
        pass(e, 40000);
}

static void what_is_lost_by_leaving(struct end *e)
{
        say_data(e, TEA_TAG, 3);
        udp_transport.bye(e->client, e->now);
        hear(e);
}

static const struct row {
        const char *name;
        void (*poor)(struct end *e); /* done with no memory */
        enum client_wish wish;
} rows[] = {
        { "an event", an_event, CLIENT_CLOSE },
        { "a gap", a_gap, CLIENT_CLOSE },
        { "an answer", an_answer, CLIENT_CLOSE },
        { "that the session is lost", a_lost_session, CLIENT_CLOSE },
        { "that the server is silent", that_the_server_is_silent, CLIENT_CLOSE },
        { "what is lost by leaving", what_is_lost_by_leaving, CLIENT_HOLD }, /* until the goodbye is answered */
};

static void down_for_good(struct end *e)
{
        struct client_event down = next(e, CLIENT_DOWN);
        assert_string_equal(down.reason, "out of memory");
        assert_true(down.final);
        quiet(e);
}

static void run_row(void **state)
{
        const struct row *row = *state;
        uint8_t event[4];
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        assert_int_equal(udp_transport.call(e.client, e.now, bytes_of(event, event_x(1, event))), 2);
        hear(&e);
        no_memory = true;
        row->poor(&e);
        no_memory = false;
        say_data(&e, TEA_TAG, 2); /* it would be told, with nothing to show what was before it */
        down_for_good(&e);
        assert_int_equal(udp_transport.wish(e.client), row->wish);
        udp_transport.closed(e.client, e.now, "closed");
        pass(&e, 60000);
        quiet(&e);
        assert_int_equal(udp_transport.wish(e.client), CLIENT_HOLD);
        assert_int_equal(udp_transport.join(e.client, e.now, bytes_text("milk")), ERR_CLOSED);
        end(&e);
}

static void what_was_kept_is_told_before(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_data(&e, TEA_TAG, 1);
        no_memory = true;
        say_data(&e, TEA_TAG, 2);
        no_memory = false;
        say_data(&e, TEA_TAG, 3);
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 1);
        down_for_good(&e);
        end(&e);
}

/* The call is given up while the client waits to come back. */
static void between_two_sessions(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE, .close = { DGRAM_CODE_SHUTDOWN } });
        assert_false(next(&e, CLIENT_DOWN).final);
        udp_transport.closed(e.client, e.now, "closed");
        udp_transport.leave(e.client, e.now, bytes_text("milk")); /* answered here: it never was there */
        no_memory = true;
        pass(&e, 60000);
        no_memory = false;
        down_for_good(&e);
        assert_int_equal(udp_transport.wish(e.client), CLIENT_HOLD);
        assert_true(mono_is_never(udp_transport.deadline(e.client)));
        end(&e);
}

/* Without its own room, or everyone's, a session would hear nothing of them; without its name it would be another's. */
static void a_session_that_cannot_be_begun(void **state)
{
        (void)state;
        bool whole = false;
        int n;
        for (n = 0; n < 50 && !whole; n++) {
                struct end e;
                struct client_event ev = { 0 }, last = { 0 };
                begin(&e, CLIENT_MODE_NACK_ORDERED);
                e.client->config.name = "Ann";
                connect(&e);
                no_memory = true;
                spare = n;
                accept(&e, 0, EPOCH, 1, 1);
                no_memory = false;
                whole = udp_calls_naming(e.client);
                while (udp_transport.next(e.client, &ev))
                        last = ev;
                assert_int_equal(last.kind, whole ? CLIENT_UP : CLIENT_DOWN);
                assert_int_equal(last.final, !whole);
                assert_int_equal(udp_transport.wish(e.client), whole ? CLIENT_HOLD : CLIENT_CLOSE);
                end(&e);
        }
        assert_true(whole);
        assert_in_range(n, 5, 10); /* UP, two rooms and the name were each refused memory once */
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(what_was_kept_is_told_before),
                cmocka_unit_test(between_two_sessions),
                cmocka_unit_test(a_session_that_cannot_be_begun),
        };
        return RUN_ROWS("cannot be told", rows, run_row) + cmocka_run_group_tests_name("udp_torn", stories, NULL, NULL);
}
