/* What a client's packets do: attachments, questions and answers, namespaces; tcp_session_rig.h
 * explains the scripts. */
#include "tcp_server/tcp_session_inside.h"
#include "tests/unit/tcp_session_rig.h"

static const struct script scripts[] = {
        { "binary, both ways",
          "echo",
          { ECHO_A, "a > 452-[\"message\"," BIN("0") "," BIN("1") "]", "a <", "a x 010203", "a <", "a x 040506",
            "a < 452-[\"message-back\"," BIN("0") "," BIN("1") "]|x010203|x040506" } },
        { "binary inside arrays and objects, in any order",
          "echo",
          { ECHO_A, "a > 452-[\"message\",[" BIN("1") "],{\"k\":" BIN("0") "}]", "a x 0a", "a x 0b",
            "a < 452-[\"message-back\",[" BIN("0") "],{\"k\":" BIN("1") "}]|x0b|x0a" } },
        { "a binary ack",
          "echo",
          { ECHO_A, "a > 452-789[\"message-with-ack\"," BIN("0") "," BIN("1") "]", "a x 010203", "a x 040506",
            "a < 462-789[" BIN("0") "," BIN("1") "]|x010203|x040506" } },
        { "ten attachments",
          "echo",
          { ECHO_A,
            "a > 4510-0[\"message-with-ack\"," BIN("0") "," BIN("1") "," BIN("2") "," BIN("3") "," BIN("4") "," BIN(
                    "5") "," BIN("6") "," BIN("7") "," BIN("8") "," BIN("9") "]",
            "a x 00", "a x 01", "a x 02", "a x 03", "a x 04", "a x 05", "a x 06", "a x 07", "a x 08", "a <", "a x 09",
            "a < 4610-0[" BIN("0") "," BIN("1") "," BIN("2") "," BIN("3") "," BIN("4") "," BIN("5") "," BIN(
                    "6") "," BIN("7") "," BIN("8") "," BIN("9") "]|x00|x01|x02|x03|x04|x05|x06|x07|x08|x09" } },
        { "an attachment in base64",
          "echo",
          { ECHO_A, "a > 451-0[\"message-with-ack\"," BIN("0") "]", "a > bAQID", "a < 461-0[" BIN("0") "]|x010203" } },
        { "a heartbeat between attachments",
          "echo",
          { ECHO_A, "a > 451-0[\"message-with-ack\"," BIN("0") "]", "+ 25s", "a < 2", "a > 3", "a x 07",
            "a < 461-0[" BIN("0") "]|x07" } },
        { "nothing stands between a header and its frames",
          "echo",
          { ECHO_A, "a > 451-[\"message\"," BIN("0") "]", "a x 07", "a <N 5", "+ 25s",
            "a < 451-[\"message-back\"," BIN("0") "]|x07|2" } },
        { "a binary answer to nothing we asked", "", { UP_A, "a > 461-7[" BIN("0") "]", "a x 00", "a <", "a alive" } },
        { "no attachments announced", "", { UP_A, "a > 450-[\"x\"]", PARSE } },
        { "eleven attachments announced", "", { UP_A, "a > 4511-[\"x\"]", PARSE } },
        { "attachments without a number", "", { UP_A, "a > 45[\"x\"]", PARSE } },
        { "text while attachments are awaited", "", { UP_A, "a > 451-[\"x\"," BIN("0") "]", "a > 42[\"y\"]", PARSE } },
        { "a placeholder out of range", "", { UP_A, "a > 451-[\"x\"," BIN("1") "]", "a x 00", PARSE } },
        { "one attachment in two places", "", { UP_A, "a > 451-[\"x\"," BIN("0") "," BIN("0") "]", "a x 00", PARSE } },
        { "binary for an event that is none", "", { UP_A, "a > 451-{}", "a x 00", PARSE } },
        { "attachments before connect",
          "",
          { "a open", "a <N 1000", "a > 451-[\"x\"," BIN("0") "]", "a x 00", "a ended packet out of turn" } },
        { "attachments that never come hold nobody up",
          "",
          { UP_A, "a > 451-[\"x\"," BIN("0") "]", "say [\"y\"]", "a < 42[\"y\",\"7-1\"]", "+ 25s", "a < 2", "a > 3",
            "a lost" } },

        { "a question and its answer",
          "echo",
          { ECHO_A, "a > 42[\"ask\",\"q\",1]", "a < 420[\"q\",1]", "a > 430[\"yes\",2]",
            "a < 42[\"answers\",1,[[\"yes\",2]]]", "a > 42[\"ask\",\"q\"]", "a < 421[\"q\"]" } },
        { "a binary question and a binary answer",
          "echo",
          { ECHO_A, "a > 451-[\"ask\",\"q\"," BIN("0") "]", "a x 01", "a < 451-0[\"q\"," BIN("0") "]|x01",
            "a > 461-0[" BIN("0") "]", "a x 02", "a < 451-[\"answers\",1,[[" BIN("0") "]]]|x02" } },
        { "a question nobody answers",
          "echo",
          { ECHO_A, "a > 42[\"ask\",\"q\"]", "a < 420[\"q\"]", "+ 999ms", "a <", "+ 1ms", "a < 42[\"answers\",1,[]]",
            "a > 430[\"late\"]", "a <", "a alive" } },
        { "an answer counts once, with its own id, from the one asked",
          "echo",
          { ECHO_A, "b open", "b > 40", "b drain", "a > 42[\"ask\",\"q\"]", "a < 420[\"q\"]", "b > 430[\"not b\"]",
            "a > 431[\"no such\"]", "a > 43[\"no id\"]", "a <", "a > 430[]", "a > 430[]",
            "a < 42[\"answers\",1,[[]]]" } },
        { "all are asked, some answer",
          "echo",
          { ECHO_A, "b open", "b > 40", "b drain", "a > 42[\"ask-all\",\"q\"]", "a < 420[\"q\"]", "b < 421[\"q\"]",
            "b > 431[2]", "a <", "+ 1s", "a < 42[\"answers\",2,[[2]]]", "b < 42[\"answers\",2,[[2]]]" } },
        { "one that is lost is not waited for",
          "echo",
          { ECHO_A, "b open", "b > 40", "b drain", "a > 42[\"ask-all\",\"q\"]", "a < 420[\"q\"]", "a > 430[1]", "a <",
            "b lost", "a < 42[\"answers\",2,[[1]]]" } },
        { "one that asked and left is told nothing",
          "echo",
          { ECHO_A, "a > 42[\"ask\",\"q\"]", "a drain", "a > 41", "a <", "+ 1s", "a <", "a alive" } },
        { "a question in another namespace",
          "echo",
          { "a open", "a > 40/custom,", "a drain", "a > 42/custom,[\"ask\",\"q\"]", "a < 42/custom,0[\"q\"]",
            "a > 43/custom,0[3]", "a < 42/custom,[\"answers\",1,[[3]]]" } },
        { "a bad question is none", "echo", { ECHO_A, "a > 42[\"ask\",{}]", "a > 42[\"ask\"]", "a <", "a alive" } },

        { "the suite's namespace",
          "echo",
          { "a open", "a > 40/custom,", "a < open|40/custom,{\"sid\":\"$A\"}|42/custom,[\"auth\",{}]",
            "a > 42/custom,[\"message\",1]", "a < 42/custom,[\"message-back\",1]",
            "a > 42/custom,7[\"message-with-ack\",{}]", "a < 43/custom,7[{}]" } },
        { "its payload",
          "echo",
          { "a open", "a > 40/custom,{\"token\":\"abc\"}",
            "a < open|40/custom,{\"sid\":\"$A\"}|42/custom,[\"auth\",{\"token\":\"abc\"}]" } },
        { "without a comma",
          "echo",
          { ECHO_A, "a > 40/custom", "a < 40/custom,{\"sid\":\"$A\"}|42/custom,[\"auth\",{}]", "a > 41/custom", "a <",
            "a alive" } },
        { "no such namespace, without and with a comma",
          "echo",
          { "a open", "a > 40/random", "a < open|44/random,{\"message\":\"Invalid namespace\"}", "a > 40/random,",
            "a < 44/random,{\"message\":\"Invalid namespace\"}", "a > 40", "a < 40{\"sid\":\"$a\"}|42[\"auth\",{}]" } },
        { "an application refuses in words, or with data; then it does not",
          "picky",
          { "a open", "a > 40", "a < open|44{\"message\":\"how old are you?\"}", "a > 40{\"age\":11}",
            "a < 44{\"message\":\"too young\",\"data\":7}", "a alive", "a > 40{\"age\":18}",
            "a < " SAME "|" HELLO "\"7-0\"]" } },
        { "refused, it is not joined", "picky", { "a open", "a > 40", "a drain", "a > 42[\"x\"]", TURN } },
        { "refused and nothing else until the time for CONNECT is up",
          "picky",
          { "a open", "a > 40", "a drain", "+ 25s", "a drain", "a > 3", "+ 19999ms", "a <", "a alive", "+ 1ms", CLOSED,
            "a ended no CONNECT in time" } },
        { "a token: missing, wrong, no text, right",
          "token",
          { "a open", "a > 40", "a < open|44{\"message\":\"not authorized\",\"data\":{\"token\":\"missing\"}}",
            "a > 40{\"token\":\"open sesam\"}", "a < 44{\"message\":\"not authorized\",\"data\":{\"token\":\"wrong\"}}",
            "a > 40{\"token\":[\"open sesame\"]}",
            "a < 44{\"message\":\"not authorized\",\"data\":{\"token\":\"missing\"}}",
            "a > 40{\"token\":\"open sesame\"}", "a < " SAME "|" HELLO "\"7-0\"]" } },
        { "a private id is a pass, an invented one is not",
          "token",
          { "a open", "a > 40{\"token\":\"open sesame\"}", "a < open|" SAME "|" HELLO "\"7-0\"]", "a lost", BACK("7-0"),
            "b < open|" SAME "|" HELLO "\"7-0\"]", "c open", "c > 40{\"pid\":\"AAAAAAAAAAAAAAAAAAAA00\"}",
            "c < open|44{\"message\":\"not authorized\",\"data\":{\"token\":\"missing\"}}" } },
        { "binary in a namespace",
          "echo",
          { ECHO_A, "a > 40/custom,", "a < 40/custom,{\"sid\":\"$A\"}|42/custom,[\"auth\",{}]",
            "a > 451-/custom,[\"message\"," BIN("0") "]", "a x 0102",
            "a < 451-/custom,[\"message-back\"," BIN("0") "]|x0102",
            "a > 451-/custom,3[\"message-with-ack\"," BIN("0") "]", "a x 03", "a < 461-/custom,3[" BIN("0") "]|x03" } },
        { "connect twice on one of two", "two", { UP_A, NEWS, "a > 40/news,", TURN } },
        { "a namespace's name is not part of another's", "two", { UP_A, "a > 42/new,[\"x\"]", TURN } },
        { "two namespaces count apart",
          "two",
          { UP_A, NEWS, "say [\"x\"]", "say [\"y\"]", "say/ [\"n\"]",
            "a < 42[\"x\",\"7-1\"]|42[\"y\",\"7-2\"]|42/news,[\"n\",\"7-1\"]", "a > 42/news,5[\"m\"]",
            "a < 42/news,[\"m\",\"7-2\"]|43/news,5[{\"eid\":2,\"seq\":2}]" } },
        { "leaving one leaves the other",
          "two",
          { UP_A, NEWS, "a > 41/news,", "say/ [\"n\"]", "say [\"x\"]", "a < 42[\"x\",\"7-1\"]", "a alive",
            "a > 42/news,[\"y\"]", TURN } },
        { "leaving the first and coming back to it",
          "two",
          { UP_A, NEWS, "a > 41", "say [\"x\"]", "say/ [\"n\"]", "a < 42/news,[\"n\",\"7-1\"]", "a > 40",
            "a < 40{\"sid\":\"$a\",\"pid\":\"%a\"}|" HELLO "\"7-1\"]", "say [\"y\"]", "a < 42[\"y\",\"7-2\"]" } },
        { "the same rooms' names in two namespaces are two rooms",
          "two",
          { UP_A, NEWS, "a > 420[\"join\",\"tea\"]", "a < 430[{\"room\":\"tea\",\"eid\":0}]", "b open", "b > 40/news,",
            "b <N 9999", "b > 42/news,[\"in\",\"tea\",\"hi\"]", "a <", "a > 42/news,1[\"who\",\"tea\"]",
            "a < 43/news,1[[],0]" } },
        { "half an entry of one: its rest comes before the other's",
          "two",
          { UP_A, NEWS, "say [\"xxxxxxxx\"]", "a <N 5", "say/ [\"n\"]", "+ 25s",
            "a < 42[\"xxxxxxxx\",\"7-1\"]|2|42/news,[\"n\",\"7-1\"]" } },
        { "each namespace is recovered for itself",
          "two",
          { UP_A, NEWS, "say [\"x\"]", "say/ [\"n\"]", "say/ [\"m\"]", "a lost", "b open",
            "b > 40{\"pid\":\"%a\",\"offset\":\"7-0\"}", "b < open|" SAME "|42[\"x\",\"7-1\"]|" HELLO "\"7-1\"]",
            "b > 40/news,{\"pid\":\"%A\",\"offset\":\"7-1\"}",
            "b < "
            "40/news,{\"sid\":\"$A\",\"pid\":\"%A\"}|42/news,[\"m\",\"7-2\"]|42/"
            "news,[\"hello\",{\"id\":\"$A\"},\"7-2\"]" } },
        { "a private id is good in its namespace only",
          "two",
          { UP_A, "a lost", "b open", "b > 40/news,{\"pid\":\"%a\",\"offset\":\"7-0\"}",
            "b < open|40/news,{\"sid\":\"$B\",\"pid\":\"%B\"}|42/news,[\"hello\",{\"id\":\"$B\"},\"7-0\"]" } },
        { "taken over in one: what it had in the other waits for its CONNECT",
          "two",
          { UP_A, NEWS, BACK("7-0"), "b < open|" SAME "|" HELLO "\"7-0\"]", "a ended taken over by a reconnect",
            "say/ [\"n\"]", "b > 40/news,{\"pid\":\"%A\",\"offset\":\"7-0\"}",
            "b < "
            "40/news,{\"sid\":\"$A\",\"pid\":\"%A\"}|42/news,[\"n\",\"7-1\"]|42/"
            "news,[\"hello\",{\"id\":\"$A\"},\"7-1\"]" } },
        { "its own private id in a second CONNECT is out of turn",
          "two",
          { UP_A, "a > 40{\"pid\":\"%a\",\"offset\":\"7-0\"}", TURN } },
        { "msgpack in a namespace",
          "two",
          { "a open", "a <N 1000", "a x 82a47479706500a36e7370a52f6e657773", "a drain", "say/ [\"n\"]",
            "a < x83a47479706502a46461746192a16ea3372d31a36e7370a52f6e657773", "say [\"x\"]", "a <" } },
};

/* Each attachment is within --max-payload; all together they must be too. */
static void attachments_are_bounded_together(void **state)
{
        (void)state;
        struct rig *r = calloc(1, sizeof *r);
        uint8_t *half = calloc(1, 50000);
        rig_begin(r, "");
        run_step(r, "a open");
        run_step(r, "a > 40");
        run_step(r, "a > 452-[\"x\"," BIN("0") "," BIN("1") "]");
        say(r, &r->peer[0], WS_BINARY, bytes_of(half, 50000));
        run_step(r, "a alive");
        say(r, &r->peer[0], WS_BINARY, bytes_of(half, 50000));
        run_step(r, "a ended bad packet");
        free(half);
        rig_end(r);
        free(r);
}

/* The messages of one namespace among all that was told. */
static const char *told_in(const struct peer *p, bool news)
{
        static char picked[TOLD_MAX];
        static char copy[TOLD_MAX];
        char *rest = copy;
        strcpy(copy, p->told);
        picked[0] = 0;
        for (char *message; (message = strsep(&rest, "|"));)
                if ((strstr(message, "/news,") != NULL) == news)
                        strcat(strcat(picked, message), "|");
        return picked;
}

/* Two namespaces take turns, however the transport cuts: each in its own order, nothing inside an entry. */
static void any_cut_gives_each_namespace_its_bytes(void **state)
{
        (void)state;
        static const char root[] =
                "open|40{\"sid\":\"$a\",\"pid\":\"%a\"}|42[\"hello\",{\"id\":\"$a\"},\"7-0\"]|"
                "42[\"x\",\"7-1\"]|451-[\"b\"," BIN("0") ",\"7-2\"]|x0102|430[[],0]|42[\"y\",\"7-3\"]|";
        static const char news[] =
                "40/news,{\"sid\":\"$A\",\"pid\":\"%A\"}|42/news,[\"hello\",{\"id\":\"$A\"},\"7-0\"]|"
                "42/news,[\"n\",\"7-1\"]|43/news,0[[],0]|42/news,[\"m\",\"7-2\"]|";
        for (size_t cut = 1; cut < 300; cut++) {
                static const char *const steps[] = {
                        "a > 40",
                        "a > 40/news,",
                        "say [\"x\"]",
                        "say/ [\"n\"]",
                        "a > 451-[\"b\"," BIN("0") "]",
                        "a x 0102",
                        "a > 420[\"who\",\"nowhere\"]",
                        "a > 42/news,0[\"who\",\"nowhere\"]",
                        "say/ [\"m\"]",
                        "say [\"y\"]",
                };
                struct rig *r = calloc(1, sizeof *r);
                struct peer *a = &r->peer[0];
                rig_begin(r, "two");
                run_step(r, "a open");
                for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
                        run_step(r, steps[i]);
                        drain(r, a, cut);
                }
                for (int i = 0; i < 1000; i++)
                        drain(r, a, cut);
                show_ids(r, a);
                assert_string_equal(told_in(a, false), root);
                assert_string_equal(told_in(a, true), news);
                rig_end(r);
                free(r);
        }
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(attachments_are_bounded_together),
                cmocka_unit_test(any_cut_gives_each_namespace_its_bytes),
        };
        return RUN_ROWS("tcp_message", scripts, run_script) +
               cmocka_run_group_tests_name("tcp_message stories", stories, NULL, NULL);
}
