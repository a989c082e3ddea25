/* The UDP client comes back more than once, to servers that forgot it, were started anew, or lie. */
#include "tests/unit/udp_client_rig.h"

static void lost(struct end *e, const char *why)
{
        udp_transport.closed(e->client, e->now, why);
        assert_string_equal(next(e, CLIENT_DOWN).reason, why);
}

/* Back in an old session's rooms, of which the server knows own, everyone and tea. */
static void back(struct end *e, uint32_t ref, uint64_t start, uint64_t head)
{
        struct dgram_join join;
        connect(e);
        accept(e, DGRAM_RECOVERED, EPOCH, 1, 1);
        assert_true(next(e, CLIENT_UP).recovered);
        assert_int_equal(dgram_join_parse(said(e, DGRAM_JOIN)->join.tail, &join), 0);
        join_ok(e, join.req, "tea", 0, ref, TEA_TAG, EPOCH, start, head);
}

static void each_absence_has_its_own_beginning(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        for (uint64_t seq = 1; seq <= 3; seq++) {
                int64_t away = e.now.ns;
                lost(&e, "the network changed");
                pass(&e, 5000);
                back(&e, 10 + (uint32_t)seq, seq, seq);
                say_data(&e, TEA_TAG, seq);
                assert_int_equal(next(&e, CLIENT_EVENT).gap_opened_ns, away);
                pass(&e, 1000);
        }
        /* Lost again before its rooms were resumed: that is one absence. */
        int64_t away = e.now.ns;
        lost(&e, "the network changed");
        pass(&e, 5000);
        connect(&e);
        accept(&e, DGRAM_RECOVERED, EPOCH, 1, 1);
        next(&e, CLIENT_UP);
        lost(&e, "once more");
        pass(&e, 5000);
        back(&e, 20, 4, 4);
        say_data(&e, TEA_TAG, 4);
        assert_int_equal(next(&e, CLIENT_EVENT).gap_opened_ns, away);
        end(&e);
}

/* The server forgot the instance, took it for a new one, and only its second ACCEPT was heard. */
static void another_id_is_no_recovery(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t sent = udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
        hear(&e);
        memcpy(e.client->id, "you", e.client->id_n = 3); /* as it was called before */
        lost(&e, "the network changed");
        pass(&e, 5000);
        connect(&e);
        accept(&e, DGRAM_RECOVERED, EPOCH, 1, 1);
        assert_false(next(&e, CLIENT_UP).recovered);
        struct client_event ev = next(&e, CLIENT_ANSWER); /* not published a second time */
        assert_int_equal(ev.call, sent);
        assert_int_equal(ev.status, CLIENT_UNKNOWN);
        pass(&e, 0);
        assert_null(said(&e, DGRAM_PUB));
        end(&e);
}

/* A server that refuses the client its own room is broken; the client is not. */
static void its_own_rooms_cannot_be_refused(void **state)
{
        (void)state;
        struct end e;
        struct dgram_join join;
        struct client_event ev;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        lost(&e, "the network changed");
        pass(&e, 5000);
        connect(&e);
        accept(&e, DGRAM_RECOVERED, EPOCH, 1, 1);
        next(&e, CLIENT_UP);
        assert_int_equal(dgram_join_parse(said(&e, DGRAM_JOIN)->join.tail, &join), 0);
        join_ok(&e, join.req, "me", DGRAM_CODE_AUTH, 0, 0, 0, 0, 0);
        join_ok(&e, join.req, "", DGRAM_CODE_AUTH, 0, 0, 0, 0, 0);
        while (udp_transport.next(e.client, &ev))
                ;
        lost(&e, "the network changed");
        pass(&e, 5000);
        connect(&e);
        accept(&e, 0, EPOCH + 1, 1, 1);
        assert_int_equal(next(&e, CLIENT_UP).id.n, 2);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(each_absence_has_its_own_beginning),
                cmocka_unit_test(another_id_is_no_recovery),
                cmocka_unit_test(its_own_rooms_cannot_be_refused),
        };
        return cmocka_run_group_tests_name("udp_client back", stories, NULL, NULL);
}
