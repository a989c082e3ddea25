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

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_challenge_is_answered),
                cmocka_unit_test(one_that_is_not_the_servers_is_not),
                cmocka_unit_test(it_is_answered_at_the_door_too),
        };
        return cmocka_run_group_tests_name("udp_pulse", stories, NULL, NULL);
}
