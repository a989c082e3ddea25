/* The UDP client joins and leaves rooms, and is taken out of them. */
#include "tests/unit/udp_client_rig.h"

static void a_refused_join_has_words(void **state)
{
        (void)state;
        struct end e;
        struct bytes words;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = udp_transport.join(e.client, e.now, bytes_text("tea"));
        hear(&e);
        join_ok(&e, (uint64_t)call, "tea", DGRAM_CODE_LIMIT, 0, 0, 0, 0, 0);
        struct client_event ev = next(&e, CLIENT_ANSWER);
        assert_int_equal(ev.status, CLIENT_REFUSED);
        assert_true(pack_get_text(pack_map_text(ev.answer, "error"), &words));
        quiet(&e);
        end(&e);
}

static void an_answer_nobody_waits_for_begins_no_feed(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        join_ok(&e, 1, "milk", 0, 9, 99, EPOCH, 1, 0);
        say_data(&e, 99, 1);
        quiet(&e);
        end(&e);
}

static void leaving_ends_the_feed(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_data(&e, TEA_TAG, 2); /* waits for 1 */
        int64_t call = udp_transport.leave(e.client, e.now, bytes_text("tea"));
        hear(&e);
        assert_int_equal(said(&e, DGRAM_LEAVE)->leave.chan_ref, 3);
        say(&e, (struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { 3 } });
        assert_string_equal(next(&e, CLIENT_GAP).reason, "closed");
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 2);
        assert_int_equal(next(&e, CLIENT_ANSWER).call, call);
        say_data(&e, TEA_TAG, 3);
        quiet(&e);
        udp_transport.leave(e.client, e.now, bytes_text("tea"));
        hear(&e);
        assert_int_equal(next(&e, CLIENT_ANSWER).status, CLIENT_REFUSED);
        end(&e);
}

/* Nobody asked. It is said again until we say that we know, and all of its events come to an end: 1 and 3 were
 * lost. */
static void taken_out_of_a_room(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_data(&e, TEA_TAG, 2);
        for (int i = 0; i < 3; i++) {
                say(&e, (struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { 3, .end = 4 } });
                assert_int_equal(said(&e, DGRAM_LEAVE)->leave.chan_ref, 3);
        }
        assert_int_equal(next(&e, CLIENT_GAP).to, 1);
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 2);
        struct client_event gap = next(&e, CLIENT_GAP);
        assert_int_equal(gap.from, 3);
        assert_int_equal(gap.to, 3);
        struct client_event out = next(&e, CLIENT_OUT);
        assert_true(bytes_equal(out.room, bytes_text("tea")));
        assert_string_equal(out.reason, "taken out by the server");
        quiet(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { 3 } }); /* the answer to what we say */
        assert_null(said(&e, DGRAM_LEAVE));
        say_data(&e, TEA_TAG, 4);
        quiet(&e);
        end(&e);
}

/* It was about to leave anyway: that is its answer, and the only word about it. */
static void taken_out_while_it_leaves(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = udp_transport.leave(e.client, e.now, bytes_text("tea"));
        hear(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { 3, .end = 1 } });
        assert_int_equal(next(&e, CLIENT_ANSWER).call, call);
        quiet(&e);
        end(&e);
}

/* The word that it was taken out overtakes the one that it is in: no feed begins of which nothing will come. */
static void taken_out_before_it_knew_that_it_was_in(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = udp_transport.join(e.client, e.now, bytes_text("tea"));
        hear(&e);
        uint64_t req = (uint64_t)call;
        say(&e, (struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { 3, .end = 1 } });
        assert_int_equal(said(&e, DGRAM_LEAVE)->leave.chan_ref, 3);
        join_ok(&e, req, "tea", 0, 3, TEA_TAG, EPOCH, 1, 0);
        quiet(&e);
        pass(&e, 1000);
        assert_non_null(said(&e, DGRAM_JOIN));
        join_ok(&e, req, "tea", 0, 4, TEA_TAG, EPOCH, 1, 0);
        next(&e, CLIENT_JOINED);
        assert_int_equal(next(&e, CLIENT_ANSWER).status, CLIENT_OK);
        end(&e);
}

/* The server forgot it, and its application does not let it in a second time. */
static void not_let_in_again(void **state)
{
        (void)state;
        struct end e;
        struct dgram_join join;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        udp_transport.closed(e.client, e.now, "the network changed");
        next(&e, CLIENT_DOWN);
        pass(&e, 5000);
        connect(&e);
        accept(&e, 0, EPOCH, 1, 1);
        next(&e, CLIENT_UP);
        assert_int_equal(dgram_join_parse(said(&e, DGRAM_JOIN)->join.tail, &join), 0);
        join_ok(&e, join.req, "tea", DGRAM_CODE_AUTH, 0, 0, 0, 0, 0);
        assert_int_equal(next(&e, CLIENT_GAP).to, UINT64_MAX);
        struct client_event out = next(&e, CLIENT_OUT);
        assert_true(bytes_equal(out.room, bytes_text("tea")));
        assert_string_equal(out.reason, "not let in again");
        quiet(&e);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_refused_join_has_words),
                cmocka_unit_test(an_answer_nobody_waits_for_begins_no_feed),
                cmocka_unit_test(leaving_ends_the_feed),
                cmocka_unit_test(taken_out_of_a_room),
                cmocka_unit_test(taken_out_while_it_leaves),
                cmocka_unit_test(taken_out_before_it_knew_that_it_was_in),
                cmocka_unit_test(not_let_in_again),
        };
        return cmocka_run_group_tests_name("udp_client rooms", stories, NULL, NULL);
}
