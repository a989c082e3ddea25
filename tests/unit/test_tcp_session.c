/* What tcp_session says and hears; tcp_session_rig.h explains the scripts. */
#include "tcp_server/tcp_session_inside.h"
#include "tests/unit/tcp_session_rig.h"

/* ---- the stories ---------------------------------------------------------------------------------- */

static const struct script scripts[] = {
        { "connect, hello and the offset", "", { UP_A, "a alive" } },
        { "connect without recovery",
          "off",
          { "a open", "a > 40", "a < open|40{\"sid\":\"$a\"}|42[\"hello\",{\"id\":\"$a\"}]" } },
        { "connect with auth",
          "echo",
          { "a open", "a > 40{\"token\":\"123\"}", "a < open|40{\"sid\":\"$a\"}|42[\"auth\",{\"token\":\"123\"}]" } },
        { "echo",
          "echo",
          { ECHO_A, "a > 42[\"message\",1,\"2\",{\"3\":[true]}]", "a < 42[\"message-back\",1,\"2\",{\"3\":[true]}]" } },
        { "ack",
          "echo",
          { ECHO_A, "a > 42456[\"message-with-ack\",1,\"2\",{\"3\":[false]}]", "a < 43456[1,\"2\",{\"3\":[false]}]" } },
        { "an event that nobody listens to has no answer",
          "echo",
          { ECHO_A, "a > 421[\"x\"]", "a > 422[\"message-with-ack\"]", "a < 432[]" } },
        { "a number is a name", "", { UP_A, "a > 42[5,true]", "a < 42[\"5\",true,\"7-1\"]" } },
        { "an ack stands behind its event",
          "",
          { UP_A, "a > 420[\"chat message\",\"x\"]", "a > 421[\"chat message\",\"y\"]", "a > 42[\"z\"]",
            "a < 42[\"chat message\",\"x\",\"7-1\"]|430[{\"eid\":1,\"seq\":1}]|42[\"chat message\",\"y\",\"7-2\"]|"
            "431[{\"eid\":2,\"seq\":2}]|42[\"z\",\"7-3\"]" } },
        { "acks without events between",
          "",
          { UP_A, "a > 420[\"broadcast\",\"x\"]", "a > 421[\"broadcast\",\"y\"]", "a > 422[\"z\"]",
            "a < "
            "430[{\"eid\":1,\"seq\":1}]|431[{\"eid\":2,\"seq\":2}]|42[\"z\",\"7-3\"]|432[{\"eid\":3,\"seq\":3}]" } },
        { "events to others",
          "",
          { UP_A, "b open", "b > 40",
            "b < open|40{\"sid\":\"$b\",\"pid\":\"%b\"}|42[\"hello\",{\"id\":\"$b\"},\"7-0\"]",
            "b > 420[\"join\",\"tea\"]", "b < 430[{\"room\":\"tea\",\"eid\":0}]", "a > 42[\"in\",\"tea\",\"hi\"]",
            "b < 42[\"hi\",\"7-2\"]", "a <" } },

        { "another namespace",
          "",
          { "a open", "a > 40/random", "a < open|44/random,{\"message\":\"Invalid namespace\"}", "a > 40",
            "a < 40{\"sid\":\"$a\",\"pid\":\"%a\"}|" HELLO "\"7-0\"]" } },
        { "a packet for a namespace not joined", "", { UP_A, "a > 42/x,[\"a\"]", TURN } },
        { "leaving keeps the connection",
          "",
          { UP_A, "a > 41", "a <", "a alive", "+ 25s", "a < 2", "a > 3", "a > 40",
            "a < 40{\"sid\":\"$a\",\"pid\":\"%a\"}|" HELLO "\"7-0\"]" } },
        { "an event after leaving", "", { UP_A, "a > 41", "a > 42[\"x\"]", TURN } },
        { "connect twice", "", { UP_A, "a > 40", TURN } },
        { "an event before connect",
          "",
          { "a open", "a <N 1000", "a > 42[\"x\"]", "a < open|close(1005)", "a ended packet out of turn" } },
        { "a connect error from a client", "", { UP_A, "a > 44{\"message\":\"no\"}", TURN } },
        { "an unknown ack is nobody's", "", { UP_A, "a > 4377[1]", "a <", "a alive" } },
        { "nonsense", "", { UP_A, "a > 4abc", PARSE } },
        { "an object for an event", "", { UP_A, "a > 42{}", PARSE } },
        { "a bad ack id", "", { UP_A, "a > 42abc[\"message-with-ack\",1]", PARSE } },
        { "an empty event", "", { UP_A, "a > 42[]", PARSE } },
        { "an empty name", "", { UP_A, "a > 42[\"\"]", PARSE } },
        { "a reserved name", "", { UP_A, "a > 42[\"disconnect\"]", PARSE } },
        { "a binary message from a JSON client", "", { UP_A, "a x 01", PARSE } },
        { "an engine type of nonsense", "", { UP_A, "a > abc", PARSE } },
        { "an empty engine packet", "", { UP_A, "a raw 818000000000", PARSE } },
        { "noop, upgrade and open are passed over", "", { UP_A, "a > 6", "a > 5", "a > 0", "a <", "a alive" } },
        { "a close packet", "", { UP_A, "a > 1", CLOSED, "a ended closed by the client" } },
        { "a ping from the client", "", { UP_A, "a > 2", CLOSED, "a ended ping from the client" } },
        { "a frame without mask", "", { UP_A, "a raw 8100", "a < close(1002)", "a ended bad WebSocket frame" } },
        { "a message over the limit",
          "",
          { UP_A, "a raw 82ff000000000010000001020304", "a < close(1009)", "a ended bad WebSocket frame" } },
        { "text that is none", "", { UP_A, "a raw 818100000000ff", "a < close(1007)", "a ended bad WebSocket frame" } },
        { "a websocket ping", "", { UP_A, "a raw 8982000000006869", "a < pong(hi)", "a alive" } },
        { "a websocket close is echoed",
          "",
          { UP_A, "a raw 88820000000003e8", "a < close(1000)", "a ended closed by the client" } },
        { "the server stops", "", { UP_A, "stop", "a < close(1001)", "a ended server shutting down" } },

        { "msgpack is sniffed", "", { "a open", "a <N 1000", "a x 82a47479706500a36e7370a12f", "a alive" } },
        { "text after msgpack",
          "",
          { "a open", "a <N 1000", "a x 82a47479706500a36e7370a12f", "a <N 1000", "a > 42[\"x\"]",
            "a ended bad packet" } },
        { "an array for a packet", "", { "a open", "a x 9100", "a < open|close(1005)", "a ended bad packet" } },

        { "a heartbeat",
          "",
          { UP_A, "+ 24999ms", "a <", "+ 1ms", "a < 2", "+ 1s", "a > 3", "+ 24999ms", "a <", "+ 1ms", "a < 2" } },
        { "no pong",
          "",
          { UP_A, "+ 25s", "a < 2", "+ 19999ms", "a alive", "+ 1ms", CLOSED, "a ended no pong in time" } },
        { "no pong, though the ping could not be sent", "", { UP_A, "+ 45s", "a ended no pong in time" } },
        { "a packet puts the pong off once",
          "",
          { UP_A, "+ 25s", "a < 2", "+ 19s", "a > 42[\"x\"]", "+ 19999ms", "a alive", "a > 42[\"x\"]", "+ 1ms",
            "a ended no pong in time" } },
        { "no connect in time",
          "",
          { "a open", "a < open", "+ 25s", "a < 2", "a > 3", "+ 19999ms", "a alive", "+ 1ms", CLOSED,
            "a ended no CONNECT in time" } },
        { "a close frame that cannot leave is given up",
          "",
          { "a open", "a > abc", "+ 2s", "a <", "a ended bad packet" } },

        { "recovered: what was missed, then hello",
          "",
          { UP_A, "say [\"x\",1]", "a < 42[\"x\",1,\"7-1\"]", "a lost", "say [\"x\",2]", "say [\"x\",3]", BACK("7-1"),
            "b < open|" SAME "|42[\"x\",2,\"7-2\"]|42[\"x\",3,\"7-3\"]|" HELLO "\"7-3\"]" } },
        { "recovered with only hello's offset",
          "",
          { UP_A, "a lost", "say [\"x\"]", BACK("7-0"), "b < open|" SAME "|42[\"x\",\"7-1\"]|" HELLO "\"7-1\"]" } },
        { "recovered without an offset: from the start",
          "",
          { UP_A, "say [\"x\"]", "a < 42[\"x\",\"7-1\"]", "a lost", "b open", "b > 40{\"pid\":\"%a\"}",
            "b < open|" SAME "|42[\"x\",\"7-1\"]|" HELLO "\"7-1\"]" } },
        { "recovered with another log's offset: from the start",
          "",
          { UP_A, "say [\"x\"]", "a lost", BACK("8-1"), "b < open|" SAME "|42[\"x\",\"7-1\"]|" HELLO "\"7-1\"]" } },
        { "an offset above the head is not recovered",
          "",
          { UP_A, "a lost", BACK("7-1"),
            "b < open|40{\"sid\":\"$b\",\"pid\":\"%b\"}|42[\"hello\",{\"id\":\"$b\"},\"7-0\"]" } },
        { "an unknown private id",
          "",
          { "b open", "b > 40{\"pid\":\"0123456789012345678901\",\"offset\":\"7-0\"}",
            "b < open|40{\"sid\":\"$b\",\"pid\":\"%b\"}|42[\"hello\",{\"id\":\"$b\"},\"7-0\"]" } },
        { "rooms are kept",
          "",
          { UP_A, "a > 420[\"join\",\"tea\"]", "a < 430[{\"room\":\"tea\",\"eid\":0}]", "a lost", "b open", "b > 40",
            "b < open|40{\"sid\":\"$b\",\"pid\":\"%b\"}|42[\"hello\",{\"id\":\"$b\"},\"7-2\"]",
            "b > 42[\"in\",\"tea\",\"x\"]", "c open", "c > 40{\"pid\":\"%a\",\"offset\":\"7-0\"}",
            "c < open|" SAME "|42[\"x\",\"7-3\"]|" HELLO "\"7-4\"]" } },
        { "taken over: the later wins",
          "",
          { UP_A, "say [\"x\"]", BACK("7-0"), "b < open|" SAME "|42[\"x\",\"7-1\"]|" HELLO "\"7-1\"]",
            "a ended taken over by a reconnect", "a < close(1005)", "say [\"y\"]", "b < 42[\"y\",\"7-2\"]" } },
        { "taken over while an entry is half sent: no farewell",
          "",
          { UP_A, "say [\"xxxxxxxx\"]", "a <N 5", BACK("7-0"), "a ended taken over by a reconnect", "a <",
            "b < open|" SAME "|42[\"xxxxxxxx\",\"7-1\"]|" HELLO "\"7-1\"]" } },
        { "taken over twice",
          "",
          { UP_A, BACK("7-0"), "b < open|" SAME "|" HELLO "\"7-0\"]", "c open",
            "c > 40{\"pid\":\"%a\",\"offset\":\"7-0\"}", "c < open|" SAME "|" HELLO "\"7-0\"]",
            "b ended taken over by a reconnect", "c alive" } },
        { "not after leaving",
          "",
          { UP_A, "a > 41", "a lost", BACK("7-0"),
            "b < open|40{\"sid\":\"$b\",\"pid\":\"%b\"}|42[\"hello\",{\"id\":\"$b\"},\"7-0\"]" } },
        { "not after a bad packet",
          "",
          { UP_A, "a > 4abc", "a lost", BACK("7-0"),
            "b < open|40{\"sid\":\"$b\",\"pid\":\"%b\"}|42[\"hello\",{\"id\":\"$b\"},\"7-0\"]" } },
        { "after a bad frame",
          "",
          { UP_A, "a raw ffff", "a lost", BACK("7-0"), "b < open|" SAME "|" HELLO "\"7-0\"]" } },
        { "after no pong", "", { UP_A, "+ 45s", BACK("7-0"), "b < open|" SAME "|" HELLO "\"7-0\"]" } },
        { "not after 120 s",
          "",
          { UP_A, "a lost", "+ 120s", BACK("7-0"),
            "b < open|40{\"sid\":\"$b\",\"pid\":\"%b\"}|42[\"hello\",{\"id\":\"$b\"},\"7-0\"]" } },
        { "still after 119 s",
          "",
          { UP_A, "a lost", "+ 119999ms", BACK("7-0"), "b < open|" SAME "|" HELLO "\"7-0\"]" } },
        { "the oldest of too many goes",
          "",
          { UP_A, "a lost", "b open", "b > 40", "b lost", "c open", "c > 40", "c lost", BACK("7-0"),
            "b < open|40{\"sid\":\"$b\",\"pid\":\"%b\"}|42[\"hello\",{\"id\":\"$b\"},\"7-0\"]" } },
        { "a quiet connection is recovered however old its offset",
          "small",
          { UP_A, "say [\"x\"]", "a < 42[\"x\",\"7-1\"]", "+ 25s", "a > 3", "+ 25s", "a > 3", "+ 25s", "a > 3", "+ 25s",
            "a > 3", "+ 25s", "a > 3", "a lost", BACK("7-1"), "b < open|" SAME "|" HELLO "\"7-1\"]" } },

        { "partly evicted: a new private id, the gap, the rest",
          "small",
          { UP_A, "say [\"x\",1]", "a < 42[\"x\",1,\"7-1\"]", "a lost", "say [\"x\",2]", "say [\"x\",3]",
            "say [\"x\",4]", "say [\"x\",5]", "say [\"x\",6]", BACK("7-1"),
            "b < "
            "open|40{\"sid\":\"$a\",\"pid\":\"%b\"}|42[\"gap\",{\"room\":\"\",\"unit\":\"eid\",\"from\":2,\"to\":2,"
            "\"reason\":\"evicted\"},\"7-2\"]|"
            "42[\"x\",3,\"7-3\"]|42[\"x\",4,\"7-4\"]|42[\"x\",5,\"7-5\"]|42[\"x\",6,\"7-6\"]|" HELLO "\"7-6\"]" } },
        { "the reply with the new private id is lost: the old one still finds it, and tells the same",
          "small",
          { UP_A, "a lost", "say [\"1\"]", "say [\"2\"]", "say [\"3\"]", "say [\"4\"]", "say [\"5\"]", BACK("7-0"),
            "b <N 150", "c open", "c > 40{\"pid\":\"%a\",\"offset\":\"7-0\"}", "b ended taken over by a reconnect",
            "c < open|40{\"sid\":\"$a\",\"pid\":\"%c\"}|42[\"gap\",{\"room\":\"\",\"unit\":\"eid\",\"from\":1,\"to\":1,"
            "\"reason\":\"evicted\"},\"7-1\"]|42[\"2\",\"7-2\"]|42[\"3\",\"7-3\"]|42[\"4\",\"7-4\"]|42[\"5\",\"7-5\"]"
            "|" HELLO "\"7-5\"]",
            "c lost", "d open", "d > 40{\"pid\":\"%c\",\"offset\":\"7-5\"}",
            "d < open|40{\"sid\":\"$a\",\"pid\":\"%c\"}|" HELLO "\"7-5\"]" } },
        { "overtaken: an unmodified client is closed",
          "small",
          { UP_A, "say [\"1\"]", "say [\"2\"]", "say [\"3\"]", "say [\"4\"]", "say [\"5\"]", "a < close(1008)",
            "a ended overtaken by the end of the log" } },
        { "overtaken: a client that asked for gaps gets one",
          "small",
          { "a open", "a > 40{\"gaps\":true}", "a < open|" SAME "|" HELLO "\"7-0\"]", "say [\"1\"]", "say [\"2\"]",
            "say [\"3\"]", "say [\"4\"]", "say [\"5\"]",
            "a < "
            "42[\"gap\",{\"room\":\"\",\"unit\":\"eid\",\"from\":1,\"to\":1,\"reason\":\"evicted\"},\"7-1\"]|42[\"2\","
            "\"7-2\"]|42[\"3\",\"7-3\"]|42[\"4\",\"7-4\"]|42[\"5\",\"7-5\"]" } },
        { "overtaken: by the server's rule a gap for all",
          "gap",
          { UP_A, "say [\"1\"]", "say [\"2\"]", "say [\"3\"]", "say [\"4\"]", "say [\"5\"]",
            "a < "
            "42[\"gap\",{\"room\":\"\",\"unit\":\"eid\",\"from\":1,\"to\":1,\"reason\":\"evicted\"},\"7-1\"]|42[\"2\","
            "\"7-2\"]|42[\"3\",\"7-3\"]|42[\"4\",\"7-4\"]|42[\"5\",\"7-5\"]" } },
        { "overtaken inside an entry: its rest, then the gap",
          "gap",
          { UP_A, "say [\"1\"]", "a <N 4", "say [\"2\"]", "say [\"3\"]", "say [\"4\"]", "say [\"5\"]", "say [\"6\"]",
            "say [\"7\"]",
            "a < "
            "42[\"1\",\"7-1\"]|42[\"gap\",{\"room\":\"\",\"unit\":\"eid\",\"from\":2,\"to\":3,\"reason\":\"evicted\"},"
            "\"7-3\"]|42[\"4\",\"7-4\"]|42[\"5\",\"7-5\"]|42[\"6\",\"7-6\"]|42[\"7\",\"7-7\"]" } },

        { "a ping passes a backlog, at an entry's border",
          "",
          { UP_A, "say [\"1\"]", "say [\"2\"]", "a <N 5", "+ 25s", "a < 42[\"1\",\"7-1\"]|2|42[\"2\",\"7-2\"]" } },
        { "volatile events are skipped by a blocked reader",
          "",
          { UP_A, "say [\"1\"]", "a <N 5", "say volatile [\"v\"]", "say [\"2\"]",
            "a < 42[\"1\",\"7-1\"]|42[\"2\",\"7-3\"]", "say volatile [\"w\"]", "a < 42[\"w\",\"7-4\"]" } },
        { "and by a resume",
          "",
          { UP_A, "a lost", "say volatile [\"v\"]", "say [\"2\"]", BACK("7-0"),
            "b < open|" SAME "|42[\"2\",\"7-2\"]|" HELLO "\"7-2\"]" } },
};

/* The same script whatever the transport takes at a time: one client publishes and reads in bits. */
static void any_cut_gives_the_same_bytes(void **state)
{
        (void)state;
        static const char expected[] =
                "open|40{\"sid\":\"$a\",\"pid\":\"%a\"}|42[\"hello\",{\"id\":\"$a\"},\"7-0\"]|"
                "42[\"x\",1,\"7-1\"]|430[{\"eid\":1,\"seq\":1}]|42[\"x\",2,\"7-2\"]|431[{\"eid\":2,"
                "\"seq\":2}]|42[\"y\",\"7-3\"]|42[\"y\",\"7-4\"]|432[{\"eid\":5,\"seq\":5}]";
        for (size_t cut = 1; cut < 300; cut++) {
                struct rig *r = calloc(1, sizeof *r);
                struct peer *a = &r->peer[0];
                rig_begin(r, "");
                run_step(r, "a open");
                run_step(r, "a > 40");
                drain(r, a, cut);
                run_step(r, "a > 420[\"x\",1]");
                drain(r, a, cut);
                run_step(r, "a > 421[\"x\",2]");
                run_step(r, "say [\"y\"]");
                drain(r, a, cut);
                run_step(r, "say [\"y\"]");
                run_step(r, "a > 422[\"broadcast\",\"z\"]");
                for (int i = 0; i < 1000; i++)
                        drain(r, a, cut);
                expect_heard(r, a, expected);
                rig_end(r);
                free(r);
        }
}

static void acks_nobody_reads_end_in_slow(void **state)
{
        (void)state;
        struct rig *r = calloc(1, sizeof *r);
        struct peer *a = &r->peer[0];
        rig_begin(r, "");
        run_step(r, "a open");
        run_step(r, "a > 40");
        int calls = 0;
        for (; calls < 2000 && tcp_session_end(a->session) == TCP_END_NONE; calls++) {
                static const uint8_t mask[4] = { 0 };
                struct buf frame = { 0 };
                ws_put(&frame, WS_TEXT, bytes_text("421[\"who\",\"nowhere\"]"), mask);
                for (size_t used = 0; used < frame.n;)
                        used += tcp_session_recv(a->session, r->now, frame.at + used, frame.n - used);
                buf_free(&frame);
        }
        assert_int_equal(tcp_session_end(a->session), TCP_END_SLOW);
        assert_true(calls > 300);
        rig_end(r);
        free(r);
}

static void a_quick_publisher_that_reads_is_never_slow(void **state)
{
        (void)state;
        struct rig *r = calloc(1, sizeof *r);
        struct peer *a = &r->peer[0];
        static const uint8_t mask[4] = { 0 };
        struct buf frames = { 0 };
        rig_begin(r, "");
        run_step(r, "a open");
        run_step(r, "a > 40");
        for (int i = 0; i < 1000; i++)
                ws_put(&frames, WS_TEXT, bytes_text("421[\"who\",\"nowhere\"]"), mask);
        deliver(r, a, &frames);
        assert_int_equal(tcp_session_end(a->session), TCP_END_NONE);
        buf_free(&frames);
        rig_end(r);
        free(r);
}

static void one_answer_may_be_larger_than_the_limit(void **state)
{
        (void)state;
        struct rig *r = calloc(1, sizeof *r);
        struct buf text = { 0 };
        rig_begin(r, "echo");
        run_step(r, "a open");
        run_step(r, "a > 40");
        drain(r, &r->peer[0], SIZE_MAX);
        r->peer[0].told[0] = 0;
        buf_text(&text, "421[\"message-with-ack\",\"");
        while (text.n < 2 * TCP_PRIVATE_MAX)
                buf_text(&text, "0123456789");
        buf_put(&text, "\"]", 3);
        say_text(r, &r->peer[0], (const char *)text.at);
        run_step(r, "a alive");
        say_text(r, &r->peer[0], "422[\"message-with-ack\"]"); /* while as much waits: slow */
        run_step(r, "a ended does not read its answers");
        buf_free(&text);
        rig_end(r);
        free(r);
}

/* More answers wait than are queued beside gaps, and the log's end overtakes the reader: what it is
 * told must not wait for what waits for it. */
static void overtaken_with_many_answers_waiting(void **state)
{
        (void)state;
        static const struct {
                const char *mode, *heard;
        } rows[] = {
                { "small", "close(1008)" },
                { "gap", "42[\"gap\",{\"room\":\"\",\"unit\":\"eid\",\"from\":1,\"to\":1,\"reason\":\"evicted\"},"
                         "\"7-1\"]|431[[],0]|431[[],0]|" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct rig *r = calloc(1, sizeof *r);
                struct peer *a = &r->peer[0];
                rig_begin(r, rows[i].mode);
                run_step(r, "a open");
                run_step(r, "a > 40");
                drain(r, a, SIZE_MAX);
                a->told[0] = 0;
                while (tcp_private_bytes(&a->session->private) <= TCP_PRIVATE_MAX / 2)
                        run_step(r, "a > 421[\"who\",\"nowhere\"]");
                for (int n = 0; n < 5; n++)
                        run_step(r, "say [\"x\"]");
                drain(r, a, SIZE_MAX);
                assert_memory_equal(a->told, rows[i].heard, strlen(rows[i].heard));
                assert_int_equal(tcp_private_bytes(&a->session->private), 0);
                rig_end(r);
                free(r);
        }
}

static void a_turn_of_events_is_one_slice(void **state)
{
        (void)state;
        struct rig *r = calloc(1, sizeof *r);
        struct iovec v[TCP_SLICES_MAX];
        rig_begin(r, "");
        run_step(r, "a open");
        run_step(r, "a > 40");
        drain(r, &r->peer[0], SIZE_MAX);
        for (int i = 0; i < 8; i++)
                run_step(r, "say [\"x\"]");
        assert_int_equal(tcp_session_slices(r->peer[0].session, r->now, v, TCP_SLICES_MAX), 1);
        tcp_session_sent(r->peer[0].session, v[0].iov_len);
        assert_int_equal(tcp_session_slices(r->peer[0].session, r->now, v, TCP_SLICES_MAX), 0);
        assert_int_equal(hub_stats(r->hub[0]).copied_bytes, 0);
        rig_end(r);
        free(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(any_cut_gives_the_same_bytes),
                cmocka_unit_test(acks_nobody_reads_end_in_slow),
                cmocka_unit_test(a_quick_publisher_that_reads_is_never_slow),
                cmocka_unit_test(one_answer_may_be_larger_than_the_limit),
                cmocka_unit_test(overtaken_with_many_answers_waiting),
                cmocka_unit_test(a_turn_of_events_is_one_slice),
        };
        return RUN_ROWS("tcp_session", scripts, run_script) +
               cmocka_run_group_tests_name("tcp_session stories", stories, NULL, NULL);
}
