/* What the UDP client says goes in the order in which it was said, whatever is lost, late or over the rate. */
#include "tests/unit/udp_client_rig.h"

static int64_t call(struct end *e)
{
        int64_t number = udp_transport.call(e->client, e->now, bytes_text("\x91\xa1x"));
        assert_true(number > 0);
        return number;
}

static uint32_t pktno_of(const struct end *e, int64_t call)
{
        for (int i = 0; i < e->said_n; i++)
                if (e->said[i].type == DGRAM_PUB && e->said[i].pub.pub_id == (uint64_t)call)
                        return e->said[i].pktno;
        fail_msg("call %d was not said", (int)call);
        return 0;
}

/* What was said since the last hear, as digits: the calls, in their order; and how far back each looks. */
static uint64_t pubs_said(const struct end *e)
{
        uint64_t pubs = 0;
        for (int i = 0; i < e->said_n; i++)
                if (e->said[i].type == DGRAM_PUB)
                        pubs = pubs * 10 + e->said[i].pub.pub_id;
        return pubs;
}

static uint64_t backs_said(const struct end *e)
{
        uint64_t backs = 0;
        for (int i = 0; i < e->said_n; i++)
                if (e->said[i].type == DGRAM_PUB)
                        backs = backs * 10 + e->said[i].pub.back;
        return backs;
}

/* seq: of RATE and ORDER, the newest that is done. */
static void say_ack(struct end *e, int64_t call, uint16_t status, uint64_t seq, uint64_t eid)
{
        struct dgram_pub_ack ack = { 1, { { (uint64_t)call, status, 2, seq, eid } } };
        say(e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = ack });
}

static void answered(struct end *e, int64_t call, enum client_status status)
{
        struct client_event ev = next(e, CLIENT_ANSWER);
        assert_int_equal(ev.call, call);
        assert_int_equal(ev.status, status);
}

/* Calls 1, 2 and 3 are said, in one datagram. */
static void three(struct end *e)
{
        up(e, CLIENT_MODE_NACK_ORDERED);
        for (int64_t i = 1; i <= 3; i++)
                assert_int_equal(call(e), i);
        hear(e);
        assert_int_equal(pubs_said(e), 123);
        assert_int_equal(backs_said(e), 11);
        assert_int_equal(e->said[0].pub.flags, DGRAM_PUB_IN_ORDER);
        assert_int_equal(e->datagrams, 1);
}

static void what_is_over_the_rate_goes_before_all_that_follows(void **state)
{
        (void)state;
        struct end e;
        three(&e);
        uint32_t first = pktno_of(&e, 1), second = pktno_of(&e, 2);
        say_ack(&e, 1, DGRAM_CODE_RATE, 0, first);
        say_ack(&e, 2, DGRAM_CODE_ORDER, 0, second);
        assert_int_equal(pubs_said(&e), 0);
        assert_int_equal(call(&e), 4);
        pass(&e, 49);
        assert_int_equal(pubs_said(&e), 0);
        pass(&e, 1);
        assert_int_equal(pubs_said(&e), 1234);
        assert_int_equal(backs_said(&e), 111);
        say_ack(&e, 1, DGRAM_CODE_OK, 1, 1);
        answered(&e, 1, CLIENT_OK);
        end(&e);
}

static void what_was_lost_goes_again_before_what_came_too_early(void **state)
{
        (void)state;
        struct end e;
        three(&e);
        uint32_t second = pktno_of(&e, 2), third = pktno_of(&e, 3);
        say_ack(&e, 2, DGRAM_CODE_ORDER, 0, second);
        assert_int_equal(pubs_said(&e), 123);
        assert_int_equal(e.datagrams, 1);
        say_ack(&e, 3, DGRAM_CODE_ORDER, 0, third); /* of before: all have gone again since */
        assert_int_equal(pubs_said(&e), 0);
        say_ack(&e, 3, DGRAM_CODE_ORDER, 0, third);
        assert_int_equal(pubs_said(&e), 0);
        pass(&e, 49);
        assert_int_equal(pubs_said(&e), 0);
        end(&e);
}

/* Only what the server lacks; by itself, and as soon as something shows that it is lost. */
static void what_is_kept_does_not_go_again(void **state)
{
        (void)state;
        struct end e;
        three(&e);
        uint32_t third = pktno_of(&e, 3);
        assert_int_equal(call(&e), 4);
        hear(&e);
        uint32_t fourth = pktno_of(&e, 4);
        say_ack(&e, 3, DGRAM_CODE_HELD, 0, third);
        assert_int_equal(pubs_said(&e), 12);
        assert_int_equal(backs_said(&e), 1);
        say_ack(&e, 3, DGRAM_CODE_HELD, 0, third);  /* twice is no news */
        say_ack(&e, 4, DGRAM_CODE_HELD, 0, fourth); /* said before these went again */
        assert_int_equal(pubs_said(&e), 0);
        assert_int_equal(call(&e), 5);
        hear(&e);
        assert_int_equal(pubs_said(&e), 5);
        uint32_t fifth = pktno_of(&e, 5);
        say_ack(&e, 1, DGRAM_CODE_OK, 1, 1);
        assert_int_equal(pubs_said(&e), 0);
        say_ack(&e, 5, DGRAM_CODE_HELD, 1, fifth); /* 2 was lost again */
        assert_int_equal(pubs_said(&e), 2);
        for (int ms = 0; ms < 1000; ms += 10) { /* then it is asked for at its times, alone */
                pass(&e, 10);
                assert_in_range(pubs_said(&e) * 10 + backs_said(&e), 0, 20);
                assert_int_equal(pubs_said(&e) % 2, 0);
        }
        for (int64_t i = 2; i <= 5; i++)
                say_ack(&e, i, DGRAM_CODE_OK, (uint64_t)i, (uint64_t)i);
        for (int64_t i = 1; i <= 5; i++)
                answered(&e, i, CLIENT_OK);
        end(&e);
}

/* What was before it is done, and nothing is heard of it: was the answer lost, or it forgotten? */
static void what_should_be_done_is_asked_about(void **state)
{
        (void)state;
        struct end e;
        three(&e);
        uint32_t third = pktno_of(&e, 3);
        say_ack(&e, 1, DGRAM_CODE_OK, 1, 1);
        say_ack(&e, 3, DGRAM_CODE_HELD, 1, third);
        assert_int_equal(pubs_said(&e), 2);
        say_ack(&e, 2, DGRAM_CODE_OK, 2, 2);
        assert_int_equal(pubs_said(&e), 0);
        for (int ms = 0; ms < 100 && e.said_n == 0; ms += 10)
                pass(&e, 10);
        assert_int_equal(pubs_said(&e), 3);
        assert_int_equal(backs_said(&e), 0);
        end(&e);
}

/* A server that has no place for one, and later has. */
static void what_is_not_kept_goes_again(void **state)
{
        (void)state;
        struct end e;
        three(&e);
        uint32_t second = pktno_of(&e, 2), third = pktno_of(&e, 3);
        say_ack(&e, 2, DGRAM_CODE_HELD, 0, second);
        assert_int_equal(pubs_said(&e), 1);
        say_ack(&e, 3, DGRAM_CODE_ORDER, 0, third);
        assert_int_equal(pubs_said(&e), 3);
        pass(&e, 0);
        for (int ms = 0; ms < 100 && e.said_n == 0; ms += 10)
                pass(&e, 10);
        assert_int_equal(pubs_said(&e), 13); /* behind it, in one datagram */
        assert_int_equal(e.datagrams, 1);
        say_ack(&e, 3, DGRAM_CODE_HELD, 0, pktno_of(&e, 3));
        assert_int_equal(pubs_said(&e), 1); /* which went before it */
        end(&e);
}

static void what_was_only_late_does_not_go_again(void **state)
{
        (void)state;
        struct end e;
        three(&e);
        uint32_t second = pktno_of(&e, 2);
        say_ack(&e, 1, DGRAM_CODE_OK, 1, 1);
        say_ack(&e, 2, DGRAM_CODE_ORDER, 0, second); /* said before, it came after */
        assert_int_equal(pubs_said(&e), 23);
        assert_int_equal(backs_said(&e), 1);
        end(&e);
}

/* 1 is done, its answer was lost: it is asked about in its own time. */
static void what_the_server_has_does_not_go_again(void **state)
{
        (void)state;
        struct end e;
        three(&e);
        say_ack(&e, 3, DGRAM_CODE_ORDER, 1, pktno_of(&e, 3));
        assert_int_equal(pubs_said(&e), 23);
        pass(&e, 50);
        assert_int_equal(pubs_said(&e), 123);
        end(&e);
}

static void the_rate_is_waited_for_however_long(void **state)
{
        (void)state;
        struct end e;
        int tries = 0;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t one = call(&e);
        hear(&e);
        for (int i = 0; i < 12000; i++) {
                if (pubs_said(&e)) {
                        tries++;
                        say_ack(&e, one, DGRAM_CODE_RATE, 0, pktno_of(&e, one));
                }
                if (i % 100 == 0)
                        say_beat(&e, ALL_TAG, 0); /* the server is there */
                pass(&e, 10);
        }
        assert_in_range(tries, 15, 30); /* in two minutes: ever more rarely, 8 s apart in the end */
        quiet(&e);
        end(&e);
}

/* Refused at each try, and not kept, it is surely not done, so another server may do it; with a try that nobody
 * answered, who knows.
 */
struct fate_row {
        const char *name;
        bool unheard;     /* a try of which nothing was heard came first */
        uint16_t refusal; /* the code */
        enum client_status status;
};

static const struct fate_row fates[] = {
        { "refused for now at each try", false, DGRAM_CODE_RATE, CLIENT_OK },
        { "one try was not answered", true, DGRAM_CODE_RATE, CLIENT_UNKNOWN },
        { "the server kept it", false, DGRAM_CODE_HELD, CLIENT_UNKNOWN },
};

static void run_fate(void **state)
{
        const struct fate_row *row = *state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t one = call(&e);
        hear(&e);
        if (row->unheard)
                pass(&e, 50);
        say_ack(&e, one, row->refusal, 0, pktno_of(&e, one));
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE });
        next(&e, CLIENT_DOWN);
        udp_transport.closed(e.client, e.now, "closed");
        pass(&e, 1000);
        connect(&e);
        accept(&e, 0, EPOCH + 1, 1, 1);
        next(&e, CLIENT_UP);
        if (row->status == CLIENT_OK) {
                assert_int_equal(pubs_said(&e), one);
                while (udp_transport.next(e.client, &(struct client_event){ 0 })) /* what was in the other log */
                        ;
                say_ack(&e, one, DGRAM_CODE_OK, 1, 1);
        }
        answered(&e, one, row->status);
        end(&e);
}

static void a_publish_given_up_holds_nothing_up(void **state)
{
        (void)state;
        struct end e;
        uint32_t second = 0;
        int firsts = 0;
        three(&e);
        for (int i = 0; i < 3000 && e.client->calls_n == 3; i++) { /* 1 is never heard of, 2 comes too early */
                for (int k = 0; k < e.said_n; k++)
                        if (e.said[k].type == DGRAM_PUB && e.said[k].pub.pub_id == 2)
                                second = e.said[k].pktno;
                firsts += pubs_said(&e) / 100 == 1;
                say_ack(&e, 2, DGRAM_CODE_ORDER, 0, second);
                firsts += pubs_said(&e) / 100 == 1;
                pass(&e, 10);
        }
        assert_in_range(firsts, 9, 16); /* each time that it was due, and hardly more often */
        answered(&e, 1, CLIENT_UNKNOWN);
        while (pubs_said(&e) != 23)
                pass(&e, 10);
        assert_int_equal(backs_said(&e), 1);
        end(&e);
}

/* After each that is over the rate half as many go at once; one more for each that is done. */
static void fewer_go_at_once(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        for (int i = 0; i < CALLS_MAX; i++)
                call(&e);
        hear(&e);
        assert_int_equal(e.said_n, CALLS_MAX);
        for (int n = CALLS_MAX; n >= 4; n /= 2) {
                uint32_t pktno[CALLS_MAX] = { 0 };
                assert_int_equal(e.said_n, n);
                for (int i = 0; i < n; i++)
                        pktno[i] = pktno_of(&e, i + 1);
                say_ack(&e, 1, DGRAM_CODE_RATE, 0, pktno[0]);
                for (int i = 1; i < n; i++)
                        say_ack(&e, i + 1, DGRAM_CODE_ORDER, 0, pktno[i]);
                for (int i = 0; i < 100 && e.said_n == 0; i++)
                        pass(&e, 10);
        }
        assert_int_equal(pubs_said(&e), 12);
        say_ack(&e, 1, DGRAM_CODE_OK, 1, 1);
        assert_int_equal(pubs_said(&e), 34);
        end(&e);
}

static void joining_and_leaving_wait_for_what_was_said(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t one = call(&e), left = udp_transport.leave(e.client, e.now, bytes_text("tea"));
        int64_t joined = udp_transport.join(e.client, e.now, bytes_text("milk"));
        hear(&e);
        assert_null(said(&e, DGRAM_LEAVE));
        assert_null(said(&e, DGRAM_JOIN));
        say_ack(&e, one, DGRAM_CODE_OK, 1, 1);
        answered(&e, one, CLIENT_OK);
        assert_non_null(said(&e, DGRAM_LEAVE));
        assert_non_null(said(&e, DGRAM_JOIN));
        assert_true(left > one && joined > left);
        end(&e);
}

/* The second needs no server; that it goes wakes nobody a second time. */
static void leaving_while_away(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        udp_transport.closed(e.client, e.now, "closed");
        next(&e, CLIENT_DOWN);
        udp_transport.leave(e.client, e.now, bytes_text("tea"));
        int64_t milk = udp_transport.leave(e.client, e.now, bytes_text("milk"));
        pass(&e, 0);
        answered(&e, milk, CLIENT_REFUSED);
        assert_true(mono_before(e.now, udp_transport.deadline(e.client)));
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(what_is_over_the_rate_goes_before_all_that_follows),
                cmocka_unit_test(what_was_lost_goes_again_before_what_came_too_early),
                cmocka_unit_test(what_is_kept_does_not_go_again),
                cmocka_unit_test(what_should_be_done_is_asked_about),
                cmocka_unit_test(what_is_not_kept_goes_again),
                cmocka_unit_test(what_was_only_late_does_not_go_again),
                cmocka_unit_test(what_the_server_has_does_not_go_again),
                cmocka_unit_test(the_rate_is_waited_for_however_long),
                cmocka_unit_test(a_publish_given_up_holds_nothing_up),
                cmocka_unit_test(fewer_go_at_once),
                cmocka_unit_test(joining_and_leaving_wait_for_what_was_said),
                cmocka_unit_test(leaving_while_away),
        };
        return RUN_ROWS("udp_client turns: what becomes of it", fates, run_fate) +
               cmocka_run_group_tests_name("udp_client turns", stories, NULL, NULL);
}
