/* The UDP client shows where it is, and notices when it is not heard there any more. */
#include "tests/unit/udp_client_rig.h"

static struct dgram_msg challenge(uint64_t random)
{
        return (struct dgram_msg){ .type = DGRAM_CHALLENGE, .challenge = { random } };
}

static void a_challenge_is_answered(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        say(&e, challenge(0x1122334455667788));
        const struct dgram_msg *m = said(&e, DGRAM_RESPONSE);
        assert_non_null(m);
        assert_true(m->response.random == 0x1122334455667788);
        assert_int_equal(m->tag, TAG);
        quiet(&e);
        end(&e);
}

static void one_that_is_not_the_servers_is_not(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        struct dgram_msg m = challenge(7);
        m.tag = TAG + 1;
        say(&e, m);
        assert_null(said(&e, DGRAM_RESPONSE));
        m = challenge(7);
        m.pktno = 1; /* the ACCEPT's */
        say(&e, m);
        assert_null(said(&e, DGRAM_RESPONSE));
        end(&e);
}

/* Else its CLOSE would come from an address that the server does not believe. */
static void it_is_answered_at_the_door_too(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        udp_transport.bye(e.client, e.now);
        hear(&e);
        assert_non_null(said(&e, DGRAM_CLOSE));
        say(&e, challenge(7));
        assert_int_equal(said(&e, DGRAM_RESPONSE)->response.random, 7);
        pass(&e, 300);
        assert_non_null(said(&e, DGRAM_CLOSE));
        end(&e);
}

/* ---- silence -------------------------------------------------------------------------------- */

static int pings(const struct end *e)
{
        int n = 0;
        for (int i = 0; i < e->said_n; i++)
                n += e->said[i].type == DGRAM_PING;
        return n;
}

/* n events, one each gap_ms; returns how many PINGs went out meanwhile. */
static int stream(struct end *e, int n, int gap_ms)
{
        int asked = 0;
        for (int i = 0; i < n; i++) {
                say_data(e, ALL_TAG, 1 + (uint64_t)i);
                asked += pings(e);
                for (int ms = 0; ms < gap_ms; ms++) {
                        pass(e, 1);
                        asked += pings(e);
                        answer_ping(e);
                }
        }
        return asked;
}

static const struct silence_row {
        const char *name;
        int gap_ms, events; /* of the stream before */
        int after_ms;       /* asked so long after it; 0: not within a second */
} silences[] = {
        { "a stream of 100 a second", 10, 100, 100 },
        { "of 20 a second", 50, 60, 400 },
        { "of one a second", 1000, 20, 0 },
        { "one event", 10, 1, 0 },
        { "nothing", 10, 0, 0 },
};

static void run_silence(void **state)
{
        const struct silence_row *row = *state;
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        stream(&e, row->events, row->gap_ms);
        e.client->ping_due = mono_add(e.now, 5 * NS_PER_S);
        int silent_ms = row->gap_ms, first_ms = 0, asked = 0;
        for (; silent_ms < 1000; silent_ms++) {
                pass(&e, 1);
                asked += pings(&e);
                first_ms = asked == 1 && first_ms == 0 ? silent_ms : first_ms;
                answer_ping(&e); /* there it is, and has nothing to say */
        }
        assert_int_equal(asked, row->after_ms > 0); /* once */
        assert_in_range(first_ms, row->after_ms * 9 / 10, row->after_ms * 12 / 10 + 3);
        end(&e);
}

/* A PING in its time tells nothing of the stream: that is still watched, if it breaks off before the next event. */
static void a_ping_in_its_time_ends_no_watch(void **state)
{
        (void)state;
        struct end e;
        int asked = 0, first_ms = 0;
        up(&e, CLIENT_MODE_RAW);
        stream(&e, 100, 10);
        e.client->ping_due = e.now;
        pass(&e, 1);
        assert_int_equal(pings(&e), 1);
        answer_ping(&e);
        for (int ms = 1; ms < 1000; ms++) {
                pass(&e, 1);
                asked += pings(&e);
                first_ms = asked == 1 && first_ms == 0 ? ms : first_ms;
                answer_ping(&e);
        }
        assert_int_equal(asked, 1);
        assert_in_range(first_ms, 90, 120);
        end(&e);
}

/* Nobody answers: again after the time that an answer takes, and twice that. */
static void a_silence_goes_on(void **state)
{
        (void)state;
        struct end e;
        int asked = 0;
        up(&e, CLIENT_MODE_RAW);
        stream(&e, 100, 10);
        e.client->ping_due = mono_add(e.now, 5 * NS_PER_S);
        for (int ms = 0; ms < 400; ms++) {
                pass(&e, 1);
                asked += pings(&e);
        }
        assert_int_equal(asked, 3); /* after 100 ms, 50, and 100 */
        end(&e);
}

/* A stream that does not break off needs none but the usual. */
static void a_stream_is_not_asked(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        assert_int_equal(stream(&e, 400, 10), 0);
        end(&e);
}

/* The session may not follow the client to where it is: it comes back with HELLO, and does not wait for silence. */
static void one_that_is_not_followed_comes_back(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say(&e, (struct dgram_msg){ .type = DGRAM_CHALLENGE, .challenge = { 7 } });
        assert_non_null(said(&e, DGRAM_RESPONSE));
        say(&e, (struct dgram_msg){ .type = DGRAM_ERROR, .error = { DGRAM_CODE_LIMIT, DGRAM_JOIN, 0 } });
        quiet(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_ERROR, .error = { DGRAM_CODE_LIMIT, DGRAM_RESPONSE, 0 } });
        assert_false(next(&e, CLIENT_DOWN).final);
        assert_int_equal(udp_transport.wish(e.client), CLIENT_CLOSE);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(one_that_is_not_followed_comes_back),
                cmocka_unit_test(a_challenge_is_answered),
                cmocka_unit_test(one_that_is_not_the_servers_is_not),
                cmocka_unit_test(it_is_answered_at_the_door_too),
                cmocka_unit_test(a_ping_in_its_time_ends_no_watch),
                cmocka_unit_test(a_silence_goes_on),
                cmocka_unit_test(a_stream_is_not_asked),
        };
        return RUN_ROWS("udp_pulse silences", silences, run_silence) +
               cmocka_run_group_tests_name("udp_pulse", stories, NULL, NULL);
}
