/* The client's engine on WebSocket, by scripts. */
#include "tests/unit/tcp_client_rig.h"

#define BACK(o) \
        "! down connection reset", "+ 1s", "open", "101", OPEN, "< 40{\"gaps\":true,\"pid\":\"P\",\"offset\":\"" o "\"}"
#define LOST "! down bad packet", "< close(1005)", "wish close"

/* The same story whether bytes come at once or one by one. */
static void run_script(void **state)
{
        const struct script *script = *state;
        static const size_t pieces[] = { 100000, 1, 7 };
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
                struct rig r;
                rig_begin(&r, pieces[p]);
                for (int i = 0; i < STEPS && script->steps[i]; i++)
                        run_step(&r, script->steps[i]);
                t->destroy(r.client);
                ws_free(&r.ws);
        }
}

static const struct script scripts[] = {
        { "up, and what hello says", { "wish open", UP, "wish hold" } },
        { "an event loses its offset", { UP, "> 42[\"x\",1,\"7-6\"]", "! [\"x\",1] 7-6" } },
        { "without recovery nothing is taken for an offset",
          { "open", "101", OPEN, "< 40{\"gaps\":true}", "> 40{\"sid\":\"A\"}", "> 42[\"x\",\"7-6\"]",
            "! up A|[\"x\",\"7-6\"] 0-0" } },
        { "a last argument that only looks like one stays", { UP, "> 42[\"x\",\"7-06\"]", "! [\"x\",\"7-06\"] 0-0" } },
        { "an event seen before is dropped",
          { UP, "> 42[\"x\",\"7-6\"]", "> 42[\"x\",\"7-6\"]", "> 42[\"y\",\"7-5\"]", "! [\"x\"] 7-6" } },
        { "a gap that ends before it begins is none",
          { UP, "> 42[\"gap\",{\"room\":\"tea\",\"unit\":\"eid\",\"from\":6,\"to\":5,\"reason\":\"evicted\"},\"7-9\"]",
            "! down bad gap" } },
        { "a gap long after an absence is not of that absence",
          { UP, "closed", BACK("7-5"), REPLY, HELLO,
            "> 42[\"gap\",{\"room\":\"tea\",\"unit\":\"eid\",\"from\":6,\"to\":9,\"reason\":\"evicted\"},\"7-9\"]",
            "! up A recovered|[\"hello\",{\"id\":\"A\"}] 0-0|gap tea 6-9 evicted" } },
        { "a gap is told",
          { UP, "> 42[\"gap\",{\"room\":\"tea\",\"unit\":\"eid\",\"from\":6,\"to\":9,\"reason\":\"evicted\"},\"7-9\"]",
            "> 42[\"x\",\"7-10\"]", "! gap tea 6-9 evicted|[\"x\"] 7-10" } },
        { "binary is put together",
          { UP, "> 452-[\"x\",{\"_placeholder\":true,\"num\":0},{\"k\":{\"_placeholder\":true,\"num\":1}},\"7-6\"]",
            "! ", "x 01", "x 0203",
            "! [\"x\",{\"_placeholder\":true,\"num\":0},{\"k\":{\"_placeholder\":true,\"num\":1}}] 7-6" } },
        { "binary leaves behind its text",
          { UP, "call+ [\"x\",[{\"_placeholder\":true,\"num\":0}],1]",
            "< 451-1[\"x\",[{\"_placeholder\":true,\"num\":0}],1]|blob", "> 431[{\"eid\":6,\"seq\":6}]",
            "! 1 ok {\"eid\":6,\"seq\":6}" } },
        { "binary out of turn", { UP, "x 01", "! down binary out of turn", "wish close" } },
        { "text while attachments are awaited",
          { UP, "> 451-[\"x\",{\"_placeholder\":true,\"num\":0}]", "> 42[\"y\"]", LOST } },
        { "a heartbeat", { UP, "+ 44s", "> 2", "< 3", "+ 44s", "wish hold", "! " } },
        { "no ping in time", { UP, "+ 44999ms", "! ", "+ 1ms", "! down ping timeout", "wish close" } },
        { "a websocket ping", { UP, "raw 89026869", "< pong hi" } },

        { "a call and its answer",
          { UP, "call [\"chat message\",\"x\"]", "< 421[\"chat message\",\"x\"]", "> 431[{\"eid\":6,\"seq\":6}]",
            "! 1 ok {\"eid\":6,\"seq\":6}" } },
        { "a refusal",
          { UP, "call [\"x\"]", "< 421[\"x\"]", "> 431[{\"error\":\"no\"}]", "! 1 refused {\"error\":\"no\"}" } },
        { "an unknown answer is nobody's", { UP, "> 439[1]", "! " } },
        { "answered once", { UP, "call [\"x\"]", "> 431[]", "> 431[]", "! 1 ok" } },
        { "calls wait for up",
          { "call [\"x\"]", "join tea", "open", "101", OPEN, "< 40{\"gaps\":true}", REPLY,
            "< 421[\"x\"]|422[\"join\",\"tea\"]" } },
        { "no answer in 30 s",
          { UP, "call [\"x\"]", "+ 29999ms", "! ", "+ 1ms", "! 1 unknown {\"error\":\"no answer came\"}" } },
        { "unanswered calls of a lost connection",
          { UP, "call [\"x\"]", "< 421[\"x\"]", "closed",
            "! 1 unknown {\"error\":\"the connection was lost\"}|down connection reset" } },
        { "calls made while down", { UP, "closed", "call [\"x\"]", BACK("7-5"), REPLY, "< 421[\"x\"]" } },
        { "join and leave",
          { UP, "join tea", "< 421[\"join\",\"tea\"]", "> 431[{\"room\":\"tea\"}]",
            "! 1 ok {\"room\":\"tea\"}|joined tea", "leave tea", "< 422[\"leave\",\"tea\"]",
            "> 432[{\"room\":\"tea\"}]", "! 2 ok {\"room\":\"tea\"}", "closed", BACK("7-5"),
            "> 40{\"sid\":\"B\",\"pid\":\"Q\"}", "< " } },

        { "recovered: a replay, then live",
          { UP, "closed", BACK("7-5"), REPLY, "> 42[\"x\",\"7-6\"]", "> 42[\"hello\",{\"id\":\"A\"},\"7-6\"]",
            "> 42[\"y\",\"7-7\"]",
            "! up A recovered|[\"x\"] 7-6 recovered|[\"hello\",{\"id\":\"A\"}] 0-0|[\"y\"] 7-7" } },
        { "partly recovered: the server tells",
          { UP, "join tea", "> 431[{\"room\":\"tea\"}]", "! 1 ok {\"room\":\"tea\"}|joined tea", "closed",
            "< 421[\"join\",\"tea\"]", BACK("7-5"), "> 40{\"sid\":\"A\",\"pid\":\"Q\"}",
            "> 42[\"gap\",{\"room\":\"tea\",\"unit\":\"eid\",\"from\":6,\"to\":9,\"reason\":\"evicted\"},\"7-9\"]",
            "! up A|gap tea 6-9 evicted, away", "< 422[\"join\",\"tea\"]", "> 432[{\"room\":\"tea\"}]",
            "! joined tea" } },
        { "a session lost for good: the client reckons",
          { UP, "join tea", "> 431[{\"room\":\"tea\"}]", "! 1 ok {\"room\":\"tea\"}|joined tea", "closed",
            "< 421[\"join\",\"tea\"]", BACK("7-5"), "> 40{\"sid\":\"B\",\"pid\":\"Q\"}", "< 422[\"join\",\"tea\"]",
            "> 42[\"x\",\"7-20\"]", "! up B|gap  6-19 session lost, away|[\"x\"] 7-20",
            "> 432[{\"room\":\"tea\",\"eid\":21}]", "! gap tea 6-21 session lost, away|joined tea" } },
        { "a new log: lost to an unknown end",
          { UP, "closed", BACK("7-5"), "> 40{\"sid\":\"B\",\"pid\":\"Q\"}", "> 42[\"hello\",{\"id\":\"B\"},\"9-0\"]",
            "! up B|gap  6--1 session lost, away|[\"hello\",{\"id\":\"B\"}] 0-0" } },
        { "not let in again",
          { UP, "join tea", "> 431[{\"room\":\"tea\"}]", "closed",
            "! 1 ok {\"room\":\"tea\"}|joined tea|down connection reset", "+ 1s", "open", "101", OPEN,
            "> 40{\"sid\":\"B\",\"pid\":\"Q\"}", "> 42[\"hello\",{},\"7-5\"]", "> 432[{\"error\":\"no\"}]",
            "! up B|[\"hello\",{}] 0-0|gap tea 6--1 session lost, away|out of tea, not let in again" } },

        { "the server says goodbye",
          { UP, "> 41", "! down the server said goodbye, for good", "closed", "wish hold", "+ 60s", "wish hold" } },
        { "the server refuses",
          { "open", "101", OPEN, "> 44{\"message\":\"no\"}", "! down the server refused, for good" } },
        { "the upgrade is refused",
          { "open", "http HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            "! down the server refused the upgrade, for good", "wish close" } },
        { "a wrong proof",
          { "open",
            "http HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
            "Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            "! ", "wish close", "closed", "+ 1s", "wish open" } },
        { "no HTTP", { "open", "http SSH-2.0-OpenSSH_9.2\r\n", "wish close" } },
        { "no answer to the upgrade", { "open", "+ 19999ms", "wish hold", "+ 1ms", "wish close" } },
        { "a masked frame from a server",
          { UP, "raw 818000000000", "! down mask missing or not allowed", "wish close" } },
        { "a bad packet", { UP, "> 4abc", LOST } },
        { "an event before the reply", { "open", "101", OPEN, "> 42[\"x\"]", "wish close" } },
        { "a second open packet", { UP, OPEN, "! down bad open packet", "wish close" } },
        { "goodbye",
          { UP, "call [\"x\"]", "bye", "< 421[\"x\"]|41|close(1000)",
            "! 1 unknown {\"error\":\"the connection is closed\"}|down goodbye, for good", "wish close", "closed",
            "wish hold" } },
        { "goodbye before the socket opened", { "bye", "wish hold", "! down goodbye, for good" } },
        { "goodbye in the middle of the upgrade",
          { "open", "bye", "wish close", "! down goodbye, for good", "closed", "wish hold" } },
};

static void tries_come_further_apart(void **state)
{
        (void)state;
        struct rig r;
        int64_t last = 0, longest = 0;
        rig_begin(&r, 1000);
        for (int i = 0; i < 12; i++) {
                assert_int_equal(t->wish(r.client), CLIENT_OPEN);
                t->closed(r.client, r.now, "refused");
                last = mono_since(t->deadline(r.client), r.now);
                assert_true(last >= 50 * NS_PER_MS && last <= 7500 * NS_PER_MS);
                if (i == 0)
                        assert_true(last <= 150 * NS_PER_MS);
                if (last > longest)
                        longest = last;
                r.now = mono_add(r.now, last);
                t->expire(r.client, r.now);
        }
        assert_true(longest > 2500 * NS_PER_MS);
        drain(&r);
        assert_string_equal(r.told, ""); /* it was never up, and is not over */
        t->destroy(r.client);
}

static void what_cannot_be_called(void **state)
{
        (void)state;
        struct rig r;
        struct buf event = { 0 };
        rig_begin(&r, 1000);
        assert_int_equal(t->call(r.client, r.now, bytes_text("x")), ERR_MALFORMED);
        event_begin(&event, "x", 1);
        pack_put_raw(&event, bytes_text("\xc7\x01\x05x"));
        assert_int_equal(t->call(r.client, r.now, buf_bytes(&event)), ERR_MALFORMED);
        for (int i = 0; i < TCP_CLIENT_CALLS_MAX; i++)
                assert_int_equal(t->join(r.client, r.now, bytes_text("tea")), i + 1);
        assert_int_equal(t->join(r.client, r.now, bytes_text("tea")), ERR_FULL);
        t->bye(r.client, r.now);
        assert_int_equal(t->join(r.client, r.now, bytes_text("tea")), ERR_CLOSED);
        buf_free(&event);
        t->destroy(r.client);
}

static void calls_are_bounded_in_bytes(void **state)
{
        (void)state;
        static const uint8_t filler[900000];
        struct rig r;
        struct buf event = { 0 };
        rig_begin(&r, 1000);
        event_begin(&event, "x", 1);
        pack_put_bin(&event, bytes_of(filler, sizeof filler));
        for (size_t n = 0; n < TCP_CLIENT_CALLS_BYTES / sizeof filler; n++)
                assert_true(t->call(r.client, r.now, buf_bytes(&event)) > 0);
        assert_int_equal(t->call(r.client, r.now, buf_bytes(&event)), ERR_FULL);
        assert_true(t->join(r.client, r.now, bytes_text("tea")) > 0); /* there is place for it */
        buf_free(&event);
        t->destroy(r.client);
}

/* A server that pings and reads nothing; once it has read, it is answered again. */
static void pongs_are_bounded(void **state)
{
        (void)state;
        static uint8_t out[100000];
        struct rig r;
        rig_begin(&r, 1000);
        open_socket(&r);
        upgrade(&r);
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 10000; i++) { /* by turns the WebSocket's and Engine.IO's */
                        t->recv(r.client, r.now, (const uint8_t[]){ i % 2 ? 0x89 : 0x81, 1, '2' }, 3);
                        assert_false(t->next(r.client, &(struct client_event){ 0 }));
                }
                assert_int_equal(t->send(r.client, r.now, out, sizeof out), TCP_CLIENT_PONGS_MAX * 7);
        }
        t->destroy(r.client);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(tries_come_further_apart),
                cmocka_unit_test(calls_are_bounded_in_bytes),
                cmocka_unit_test(pongs_are_bounded),
                cmocka_unit_test(what_cannot_be_called),
        };
        return RUN_ROWS("tcp_client", scripts, run_script) +
               cmocka_run_group_tests_name("tcp_client stories", stories, NULL, NULL);
}
