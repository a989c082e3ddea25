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

/* The server says that it knew this client, but what it knows is not what the client was. */
static void no_recovery(const char *id, uint32_t epoch)
{
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t sent = udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
        hear(&e);
        memcpy(e.client->id, id, e.client->id_n = strlen(id)); /* as it was called before */
        lost(&e, "the network changed");
        pass(&e, 5000);
        connect(&e);
        accept(&e, DGRAM_RECOVERED, epoch, 1, 1);
        assert_false(next(&e, CLIENT_UP).recovered);
        struct client_event ev = next(&e, CLIENT_ANSWER); /* not published a second time */
        assert_int_equal(ev.call, sent);
        assert_int_equal(ev.status, CLIENT_UNKNOWN);
        pass(&e, 0);
        assert_null(said(&e, DGRAM_PUB));
        end(&e);
}

/* The server forgot the instance, took it for a new one, and only its second ACCEPT was heard. */
static void another_id_is_no_recovery(void **state)
{
        (void)state;
        no_recovery("you", EPOCH);
}

/* What was sent may have been done in the log before: it may not be done again in this one. */
static void another_log_is_no_recovery(void **state)
{
        (void)state;
        no_recovery("me", EPOCH + 1);
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

/* ---- what comes before what ------------------------------------------------------------------ */

static void say_ack(struct end *e, uint64_t pub_id)
{
        struct dgram_pub_ack ack = { 1, { { pub_id, DGRAM_CODE_OK, 0, 0, 0 } } };
        say(e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = ack });
}

/* What the client has said is one PUB, and it is this event. */
static uint64_t only_pub(const struct end *e, const char *event)
{
        assert_non_null(said(e, DGRAM_PUB));
        assert_null(said(e, DGRAM_JOIN));
        const struct dgram_pub *pub = &said(e, DGRAM_PUB)->pub;
        assert_true(bytes_equal(pub->event, bytes_text(event)));
        return pub->pub_id;
}

static void name_then_rooms_then_what_waited(void **state)
{
        (void)state;
        struct end e;
        struct dgram_join join;
        struct client_config config = { .mode = CLIENT_MODE_NACK_ORDERED, .reconnect = true, .name = "Ann" };
        e = (struct end){ .now = { 1000 * NS_PER_S } };
        e.client = udp_transport.create(&config, e.now);
        int64_t call = udp_transport.join(e.client, e.now, bytes_text("tea"));
        for (uint32_t epoch = EPOCH; epoch < EPOCH + 2; epoch++) { /* at first, and at a server started anew */
                int64_t says = udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
                connect(&e);
                accept(&e, 0, epoch, 1, 1);
                uint64_t name = only_pub(&e, "\x92\xa4name\xa3"
                                             "Ann");
                pass(&e, 1200); /* lost: said again, and alone */
                assert_int_equal(only_pub(&e, "\x92\xa4name\xa3"
                                              "Ann"),
                                 name);
                say_ack(&e, name);
                assert_null(said(&e, DGRAM_PUB));
                assert_int_equal(dgram_join_parse(said(&e, DGRAM_JOIN)->join.tail, &join), 0);
                if (epoch == EPOCH)
                        assert_int_equal(join.req, call);
                join_ok(&e, join.req, "tea", 0, 3, TEA_TAG, epoch, 1, 0);
                assert_int_equal(only_pub(&e, "\x91\xa1x"), says);
                say_ack(&e, (uint64_t)says);
                while (told_seqs(&e))
                        ;
                lost(&e, "the network changed");
                pass(&e, 5000);
        }
        end(&e);
}

static void one_room_is_left_and_joined_in_that_order(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t leave = udp_transport.leave(e.client, e.now, bytes_text("tea"));
        int64_t join = udp_transport.join(e.client, e.now, bytes_text("tea"));
        int64_t again = udp_transport.leave(e.client, e.now, bytes_text("tea"));
        hear(&e);
        assert_non_null(said(&e, DGRAM_LEAVE));
        assert_null(said(&e, DGRAM_JOIN));
        quiet(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { 3 } });
        assert_int_equal(next(&e, CLIENT_ANSWER).call, leave);
        assert_non_null(said(&e, DGRAM_JOIN));
        join_ok(&e, (uint64_t)join, "tea", 0, 4, TEA_TAG, EPOCH, 1, 0);
        next(&e, CLIENT_JOINED);
        assert_int_equal(next(&e, CLIENT_ANSWER).call, join);
        assert_int_equal(said(&e, DGRAM_LEAVE)->leave.chan_ref, 4);
        say(&e, (struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { 4 } });
        assert_int_equal(next(&e, CLIENT_ANSWER).call, again);
        quiet(&e);
        end(&e);
}

/* ---- is the server still there? -------------------------------------------------------------- */

/* Passes ms, and hears all of it. Returns how many messages of that type were said; the last is in
 * *last. */
static int count_said(struct end *e, int ms, uint8_t type, struct dgram_msg *last)
{
        int n = 0;
        for (int i = 0; i < ms; i++) {
                pass(e, 1);
                n += said(e, type) != NULL;
                if (said(e, type))
                        *last = *said(e, type);
        }
        return n;
}

static void say_cookie(struct end *e, uint64_t nonce)
{
        say(e, (struct dgram_msg){ .type = DGRAM_COOKIE, .cookie = { nonce, 1, 2, { 3 } } });
}

static void a_server_without_memory_is_noticed_soon(void **state)
{
        (void)state;
        struct end e;
        struct dgram_msg hello;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        assert_in_range(count_said(&e, 5900, DGRAM_HELLO, &hello), 1, 3);
        say_cookie(&e, hello.hello.nonce + 1); /* not to us */
        quiet(&e);
        say_cookie(&e, hello.hello.nonce);
        assert_string_equal(next(&e, CLIENT_DOWN).reason, "the server does not know this session");
        assert_int_equal(udp_transport.wish(e.client), CLIENT_CLOSE);
        end(&e);
}

/* Any word of the session speaks for it, though every PONG is lost. */
static void a_server_that_says_something_is_there(void **state)
{
        (void)state;
        struct end e;
        struct dgram_msg hello;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        assert_true(count_said(&e, 5900, DGRAM_HELLO, &hello) > 0);
        say_beat(&e, ALL_TAG, 0);
        say_cookie(&e, hello.hello.nonce);
        quiet(&e);
        assert_int_equal(e.client->state, UDP_UP);
        end(&e);
}

/* A repair that is late may be lost, or the way longer than it was: a PING tells which. If it is
 * longer, it is measured until its margin is known again. */
static void a_way_grown_longer_is_measured_anew(void **state)
{
        (void)state;
        struct end e;
        int pongs = 0;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        pass(&e, 100);
        say_data(&e, ALL_TAG, 2);
        pass(&e, 2);
        assert_int_equal(said(&e, DGRAM_NACK)->nack.tries, 1);
        assert_non_null(said(&e, DGRAM_PING)); /* with the loss, which the server hears of */
        assert_non_null(said(&e, DGRAM_REPORT));
        pass(&e, 20);
        assert_int_equal(said(&e, DGRAM_NACK)->nack.tries, 2);
        say_data(&e, ALL_TAG, 1);
        for (int ms = 0; ms < 4000; ms++) { /* each is answered after 100 ms */
                if (said(&e, DGRAM_PING)) {
                        struct dgram_msg ping = *said(&e, DGRAM_PING);
                        pass(&e, 100);
                        say(&e, (struct dgram_msg){ .type = DGRAM_PONG, .pong = { ping.ping.t1, 1, 1 } });
                        pongs++;
                }
                pass(&e, 1);
        }
        assert_in_range(pongs, 11, 25);
        assert_in_range(e.client->rtt.srtt_ns, 70 * NS_PER_MS, 105 * NS_PER_MS);
        end(&e);
}

/* A forged jump that no BEAT ever confirms costs a PING now and then. */
static void a_lasting_doubt_is_no_storm(void **state)
{
        (void)state;
        struct end e;
        int pings = 0;
        up(&e, CLIENT_MODE_NACK_UNORDERED);
        say_data(&e, ALL_TAG, 5000);
        for (int ms = 0; ms < 60000; ms++) {
                pass(&e, 1);
                pings += said(&e, DGRAM_PING) != NULL;
                answer_ping(&e);
        }
        assert_in_range(pings, 12, 30);
        end(&e);
}

/* Two thousand events of two rooms: one room's wait for a repair while the other's are told. */
static void events_of_two_rooms_are_told_once_however_late(void **state)
{
        (void)state;
        enum { EVENTS = 2000 };
        struct end e;
        struct client_event ev;
        int told = 0;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        for (uint64_t seq = 1; seq <= EVENTS; seq++) {
                for (int room = 0; room < 2; room++) {
                        struct dgram_msg m = data(room ? TEA_TAG : ALL_TAG, seq, 100 + seq, 0);
                        m.flags = DGRAM_MULTI;
                        if (!(room && seq == 1))
                                say(&e, m);
                }
        }
        struct dgram_msg m = data(TEA_TAG, 1, 101, 0);
        m.flags = DGRAM_MULTI;
        say(&e, m);
        while (udp_transport.next(e.client, &ev))
                told += ev.kind == CLIENT_EVENT;
        assert_int_equal(told, EVENTS);
        end(&e);
}

static void say_multi(struct end *e, uint64_t tag, uint64_t seq, uint64_t eid)
{
        struct dgram_msg m = data(tag, seq, eid, 0);
        m.flags = DGRAM_MULTI;
        say(e, m);
}

/* One copy came before two absences, the other comes after them. */
static void absences_do_not_make_an_event_new(void **state)
{
        (void)state;
        struct end e;
        struct client_event ev;
        struct dgram_join join;
        int told = 0;
        in_tea(&e, CLIENT_MODE_NACK_UNORDERED);
        say_multi(&e, ALL_TAG, 1, 55);
        assert_int_equal(next(&e, CLIENT_EVENT).eid, 55);
        for (uint64_t i = 0; i < 2; i++) {
                lost(&e, "the network changed");
                pass(&e, 60000);
                connect(&e);
                accept(&e, DGRAM_RECOVERED, EPOCH, 1, 1);
                assert_int_equal(dgram_join_parse(said(&e, DGRAM_JOIN)->join.tail, &join), 0);
                say_multi(&e, ALL_TAG, 2 + i, 60 + i);
                next(&e, CLIENT_UP);
                assert_int_equal(next(&e, CLIENT_EVENT).eid, 60 + i);
        }
        join_ok(&e, join.req, "tea", 0, 9, TEA_TAG, EPOCH, 1, 1);
        say_multi(&e, TEA_TAG, 1, 55);
        while (udp_transport.next(e.client, &ev))
                told += ev.kind == CLIENT_EVENT;
        assert_int_equal(told, 0);
        end(&e);
}

/* JOIN_OK was lost, and what came meanwhile with it: the second one says how much that is. */
static void a_late_answer_shows_what_was_missed(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = udp_transport.join(e.client, e.now, bytes_text("tea"));
        hear(&e);
        join_ok(&e, (uint64_t)call, "tea", 0, 3, TEA_TAG, EPOCH, 5, 7);
        pass(&e, 2);
        const struct dgram_msg *m = said(&e, DGRAM_NACK);
        assert_non_null(m);
        assert_int_equal(m->nack.range[0].from, 5);
        assert_int_equal(m->nack.range[0].to, 7);
        end(&e);
}

/* The server goes on with BEATs until it has REPORT: one that is lost is said again. */
static void a_lost_report_is_said_again(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_data(&e, TEA_TAG, 1);
        say_beat(&e, TEA_TAG, 1);
        assert_non_null(said(&e, DGRAM_REPORT));
        pass(&e, 199);
        say_beat(&e, TEA_TAG, 1); /* it may have crossed with the first */
        assert_null(said(&e, DGRAM_REPORT));
        pass(&e, 1);
        say_beat(&e, TEA_TAG, 1);
        assert_int_equal(said(&e, DGRAM_REPORT)->report.contig, 1);
        end(&e);
}

/* A CLOSE that is lost is said again; a server that is gone is not waited for. */
static void goodbye_is_said_three_times(void **state)
{
        (void)state;
        struct end e;
        int closes = 1;
        up(&e, CLIENT_MODE_RAW);
        udp_transport.bye(e.client, e.now);
        hear(&e);
        assert_non_null(said(&e, DGRAM_CLOSE));
        for (int ms = 0; ms < 200; ms++) {
                pass(&e, 1);
                closes += said(&e, DGRAM_CLOSE) != NULL;
        }
        assert_int_equal(closes, 3);
        assert_int_equal(udp_transport.wish(e.client), CLIENT_CLOSE);
        quiet(&e);
        udp_transport.closed(e.client, e.now, "closed");
        assert_true(next(&e, CLIENT_DOWN).final);
        end(&e);
}

/* Only the server's CLOSE ends the wait for it. */
static void a_strangers_goodbye_is_none(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        udp_transport.bye(e.client, e.now);
        hear(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE, .tag = TAG + 1 });
        assert_int_equal(udp_transport.wish(e.client), CLIENT_HOLD);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE });
        assert_int_equal(udp_transport.wish(e.client), CLIENT_CLOSE);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(each_absence_has_its_own_beginning),
                cmocka_unit_test(another_id_is_no_recovery),
                cmocka_unit_test(another_log_is_no_recovery),
                cmocka_unit_test(its_own_rooms_cannot_be_refused),
                cmocka_unit_test(name_then_rooms_then_what_waited),
                cmocka_unit_test(one_room_is_left_and_joined_in_that_order),
                cmocka_unit_test(a_server_without_memory_is_noticed_soon),
                cmocka_unit_test(a_server_that_says_something_is_there),
                cmocka_unit_test(a_way_grown_longer_is_measured_anew),
                cmocka_unit_test(a_lasting_doubt_is_no_storm),
                cmocka_unit_test(events_of_two_rooms_are_told_once_however_late),
                cmocka_unit_test(absences_do_not_make_an_event_new),
                cmocka_unit_test(a_late_answer_shows_what_was_missed),
                cmocka_unit_test(a_lost_report_is_said_again),
                cmocka_unit_test(goodbye_is_said_three_times),
                cmocka_unit_test(a_strangers_goodbye_is_none),
        };
        return cmocka_run_group_tests_name("udp_client back", stories, NULL, NULL);
}
