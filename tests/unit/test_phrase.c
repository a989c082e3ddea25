#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

#include "client/phrase.h"
#include "core/base/err.h"
#include "core/event/event.h"
#include "core/event/json.h"
#include "core/event/pack.h"

/* ---- what is typed ---------------------------------------------------------------------------- */

static const struct typed {
        const char *name, *line;
        enum phrase_kind kind;
        const char *arg;
} typed[] = {
        { "a text is said as it is", "  hello there ", PHRASE_SAY, "  hello there " },
        { "nothing", "", PHRASE_NOTHING, "" },
        { "blanks are nothing", " \t\r", PHRASE_NOTHING, "" },
        { "join", "/join tea", PHRASE_JOIN, "tea" },
        { "join a room with a blank in its name", "/join  tea room ", PHRASE_JOIN, "tea room" },
        { "join what", "/join", PHRASE_WRONG, "" },
        { "leave this room", "/leave", PHRASE_LEAVE, "" },
        { "leave that room", "/leave tea", PHRASE_LEAVE, "tea" },
        { "a name", "/name Ann", PHRASE_NAME, "Ann" },
        { "no name", "/name  ", PHRASE_WRONG, "" },
        { "who is here", "/who", PHRASE_WHO, "" },
        { "help", "/help", PHRASE_HELP, "" },
        { "quit", " /quit ", PHRASE_QUIT, "" },
        { "quit takes nothing", "/quit now", PHRASE_WRONG, "" },
        { "a command nobody knows", "/jion tea", PHRASE_WRONG, "" },
        { "a slash alone", "/", PHRASE_WRONG, "" },
        { "two slashes say one", "//join tea", PHRASE_SAY, "/join tea" },
        { "a slash inside is text", "and/or", PHRASE_SAY, "and/or" },
};

static void run_typed(void **state)
{
        const struct typed *row = *state;
        struct phrase p = phrase_parse(bytes_text(row->line));
        assert_int_equal(p.kind, row->kind);
        assert_true(bytes_equal(p.arg, bytes_text(row->arg)));
        assert_true((p.kind == PHRASE_WRONG) == (p.wrong != NULL));
}

/* ---- what is sent ----------------------------------------------------------------------------- */

static const struct sent {
        const char *name, *room, *text, *json; /* room NULL: text is a line of JSON */
        int err;
} sent[] = {
        { "to everyone", "", "hi", "[\"chat message\",\"hi\"]", 0 },
        { "to a room", "tea", "hi", "[\"chat message\",{\"room\":\"tea\",\"text\":\"hi\"}]", 0 },
        { "bytes that are no UTF-8", "", "h\xe9", "", ERR_MALFORMED },
        { "an event as JSON", NULL, "[\"draw\",{\"x\":1.5}]", "[\"draw\",{\"x\":1.5}]", 0 },
        { "JSON that is no event", NULL, "{\"x\":1}", "", ERR_MALFORMED },
        { "an event without a name", NULL, "[1]", "", ERR_MALFORMED },
        { "half an event", NULL, "[\"draw\",", "", ERR_MALFORMED },
        { "no JSON", NULL, "hello", "", ERR_MALFORMED },
};

static void run_sent(void **state)
{
        const struct sent *row = *state;
        struct buf out = { 0 }, json = { 0 };
        buf_text(&out, "x"); /* what was there stays */
        int err = row->room ? phrase_message(&out, bytes_text(row->room), bytes_text(row->text))
                            : phrase_json_event(&out, bytes_text(row->text));
        assert_int_equal(err, row->err);
        if (!err)
                assert_int_equal(json_from_pack(bytes_of(out.at + 1, out.n - 1), &json, NULL), 0);
        else
                assert_int_equal(out.n, 1);
        buf_put(&json, "", 1);
        assert_string_equal((char *)json.at, row->json);
        buf_free(&json);
        buf_free(&out);
}

/* ---- what is read ----------------------------------------------------------------------------- */

enum form { WORDS, REFUSAL, PRESENT, LINE, WRONG };

static const struct told {
        const char *name;
        enum form form;
        struct client_event ev;
        const char *json; /* of the event, or of the answer's items, parted by | */
        const char *text;
} told[] = {
        { "a message to everyone", WORDS, { .kind = CLIENT_EVENT }, "[\"chat message\",\"hi\"]", "[everyone] hi" },
        { "a message in a room",
          WORDS,
          { .kind = CLIENT_EVENT },
          "[\"chat message\",{\"room\":\"tea\",\"from\":\"abcdefghij\",\"name\":\"Ann\",\"text\":\"hi\"}]",
          "[tea] Ann: hi" },
        { "from someone without a name",
          WORDS,
          { .kind = CLIENT_EVENT },
          "[\"chat message\",{\"room\":\"tea\",\"from\":\"abcdefghij\",\"name\":\"\",\"text\":\"hi\"}]",
          "[tea] abcdef: hi" },
        { "a message of another make is shown as it is",
          WORDS,
          { .kind = CLIENT_EVENT },
          "[\"chat message\",{\"n\":1},2]",
          "chat message {\"n\":1} 2" },
        { "escape sequences are shown, not obeyed",
          WORDS,
          { .kind = CLIENT_EVENT },
          "[\"chat message\",\"a\\u001b[2Jb\\u009bc\\nd\\u007f\"]",
          "[everyone] a\\x1b[2Jb\\x9bc\\x0ad\\x7f" },
        { "nobody turns the direction of writing",
          WORDS,
          { .kind = CLIENT_EVENT },
          "[\"chat message\",\"a\u202eb\"]",
          "[everyone] a\\u202eb" },
        { "letters of all languages pass",
          WORDS,
          { .kind = CLIENT_EVENT },
          "[\"chat message\",\"\u00e9 \u4e2d \U0001f600\"]",
          "[everyone] \u00e9 \u4e2d \U0001f600" },
        { "joined",
          WORDS,
          { .kind = CLIENT_EVENT },
          "[\"joined\",{\"room\":\"tea\",\"id\":\"abcdefghij\",\"name\":\"Ann\"}]",
          "[tea] Ann joined" },
        { "left",
          WORDS,
          { .kind = CLIENT_EVENT },
          "[\"left\",{\"room\":\"tea\",\"id\":\"abcdefghij\",\"name\":\"\"}]",
          "[tea] abcdef left" },
        { "hello is not for people", WORDS, { .kind = CLIENT_EVENT }, "[\"hello\",{\"id\":\"x\"}]", "" },
        { "any other event", WORDS, { .kind = CLIENT_EVENT }, "[\"draw\",1,[2,\"x\"]]", "draw 1 [2,\"x\"]" },
        { "a gap in a room",
          WORDS,
          { .kind = CLIENT_GAP, .unit = CLIENT_UNIT_SEQ, .from = 4, .to = 9, .reason = "evicted" },
          NULL,
          "gap in everyone: seq 4 to 9 are lost to you (the server's log no longer had it)" },
        { "a gap of one",
          WORDS,
          { .kind = CLIENT_GAP, .unit = CLIENT_UNIT_EID, .from = 4, .to = 4, .reason = "not repaired" },
          NULL,
          "gap in everyone: eid 4 is lost to you (not repaired)" },
        { "a gap without an end",
          WORDS,
          { .kind = CLIENT_GAP, .unit = CLIENT_UNIT_SEQ, .from = 4, .to = UINT64_MAX, .reason = "epoch" },
          NULL,
          "gap in everyone: what came from seq 4 on is lost to you (the server was started anew)" },
        { "taken out of a room",
          WORDS,
          { .kind = CLIENT_OUT, .room = { (const uint8_t *)"tea", 3 }, .reason = "taken out by the server" },
          NULL,
          "you are out of tea (taken out by the server)" },
        { "the server's words of refusal",
          REFUSAL,
          { 0 },
          "{\"error\":\"not a member of the room\"}",
          "not a member of the room" },
        { "a refusal that is a text", REFUSAL, { 0 }, "\"too big\"", "too big" },
        { "a refusal of another make", REFUSAL, { 0 }, "{\"code\":7}", "{\"code\":7}" },
        { "a refusal without words", REFUSAL, { 0 }, "", "no reason given" },
        { "who is there",
          PRESENT,
          { 0 },
          "[{\"id\":\"abcdefghij\",\"name\":\"\"},{\"id\":\"x\",\"name\":\"Bob\"}]|2",
          "in tea: abcdef, Bob" },
        { "nobody is there", PRESENT, { 0 }, "[]|0", "in tea: nobody" },
        { "more are there than are told",
          PRESENT,
          { 0 },
          "[{\"id\":\"x\",\"name\":\"Bob\"}]|31",
          "in tea: Bob and 30 more" },
        { "an answer of another make", PRESENT, { 0 }, "7", "in tea: nobody" },
        { "up, as JSON",
          LINE,
          { .kind = CLIENT_UP, .id = { (const uint8_t *)"ab", 2 }, .recovered = true },
          NULL,
          "{\"type\":\"up\",\"id\":\"ab\",\"recovered\":true}" },
        { "down, as JSON",
          LINE,
          { .kind = CLIENT_DOWN, .reason = "transport close" },
          NULL,
          "{\"type\":\"down\",\"reason\":\"transport close\",\"final\":false}" },
        { "joined, as JSON",
          LINE,
          { .kind = CLIENT_JOINED, .room = { (const uint8_t *)"tea", 3 } },
          NULL,
          "{\"type\":\"joined\",\"room\":\"tea\"}" },
        { "taken out, as JSON",
          LINE,
          { .kind = CLIENT_OUT, .room = { (const uint8_t *)"tea", 3 }, .reason = "taken out by the server" },
          NULL,
          "{\"type\":\"out\",\"room\":\"tea\",\"reason\":\"taken out by the server\"}" },
        { "advice, as JSON",
          LINE,
          { .kind = CLIENT_ADVICE, .reason = "go by train" },
          NULL,
          "{\"type\":\"advice\",\"reason\":\"go by train\"}" },
        { "an event, as JSON",
          LINE,
          { .kind = CLIENT_EVENT, .room = { (const uint8_t *)"tea", 3 }, .eid = 4, .seq = 2, .epoch = 9 },
          "[\"draw\",1]",
          "{\"type\":\"event\",\"event\":[\"draw\",1],\"room\":\"tea\",\"eid\":4,\"seq\":2,\"epoch\":9,\"recovered\":"
          "false}" },
        { "a gap, as JSON",
          LINE,
          { .kind = CLIENT_GAP, .unit = CLIENT_UNIT_SEQ, .from = 4, .to = UINT64_MAX, .reason = "epoch" },
          NULL,
          "{\"type\":\"gap\",\"room\":\"\",\"unit\":\"seq\",\"from\":4,\"to\":null,\"reason\":\"epoch\"}" },
        { "an answer, as JSON",
          LINE,
          { .kind = CLIENT_ANSWER, .call = 3, .status = CLIENT_REFUSED },
          "{\"error\":\"no\"}|2",
          "{\"type\":\"answer\",\"call\":3,\"status\":\"refused\",\"answer\":[{\"error\":\"no\"},2]}" },
        { "what is wrong with a line, as JSON",
          WRONG,
          { 0 },
          "\"like [\\\"a\\\"]\"",
          "{\"type\":\"error\",\"error\":\"like [\\\"a\\\"]\"}" },
};

static void pack_items(const char *json, struct buf *out)
{
        while (json && *json) {
                size_t n = strcspn(json, "|");
                assert_int_equal(json_to_pack(bytes_of(json, n), out, NULL), 0);
                json += n + (json[n] == '|');
        }
}

static void run_told(void **state)
{
        const struct told *row = *state;
        struct buf packed = { 0 }, out = { 0 };
        pack_items(row->json, &packed);
        struct client_event ev = row->ev;
        ev.event = ev.answer = buf_bytes(&packed);
        int err = row->form == WORDS     ? phrase_event(&out, &ev)
                  : row->form == REFUSAL ? phrase_refusal(&out, ev.answer)
                  : row->form == PRESENT ? phrase_present(&out, bytes_text("tea"), ev.answer)
                  : row->form == WRONG   ? phrase_json_error(&out, "like [\"a\"]")
                                         : phrase_json(&out, &ev);
        assert_int_equal(err, 0);
        buf_put(&out, "", 1);
        assert_string_equal((char *)out.at, row->text);
        buf_free(&out);
        buf_free(&packed);
}

static void test_attachments(void **state)
{
        (void)state;
        struct buf packed = { 0 }, out = { 0 };
        event_begin(&packed, "pic", 2);
        pack_put_bin(&packed, bytes_text("abc"));
        pack_put_bin(&packed, bytes_text(""));
        phrase_json(&out, &(struct client_event){ .kind = CLIENT_EVENT, .event = buf_bytes(&packed) });
        buf_put(&out, "", 1);
        assert_string_equal((char *)out.at,
                            "{\"type\":\"event\",\"event\":[\"pic\",{\"_placeholder\":true,\"num\":0},"
                            "{\"_placeholder\":true,\"num\":1}],\"room\":\"\",\"eid\":0,\"seq\":0,\"epoch\":0,"
                            "\"recovered\":false,\"attachments\":[\"YWJj\",\"\"]}");
        buf_free(&out);
        buf_free(&packed);
}

/* Every byte of garbage comes out as something that a terminal only shows. */
static void test_clean_garbage(void **state)
{
        (void)state;
        for (unsigned first = 0; first < 256; first++) {
                for (unsigned second = 0; second < 256; second++) {
                        uint8_t in[] = { (uint8_t)first, (uint8_t)second };
                        struct buf out = { 0 };
                        assert_int_equal(phrase_clean(&out, bytes_of(in, 1 + (second > 0))), 0);
                        for (size_t i = 0; i < out.n; i++)
                                assert_true(out.at[i] >= 0x20 && out.at[i] != 0x7f);
                        for (size_t i = 0; i + 1 < out.n; i++)
                                assert_false(out.at[i] == 0xc2 && out.at[i + 1] < 0xa0);
                        buf_free(&out);
                }
        }
}

static void test_help_names_all(void **state)
{
        (void)state;
        static const char *const words[] = { "/join ROOM",  "/leave [ROOM]", "/name NAME",
                                             "/who [ROOM]", "/help",         "/quit" };
        struct buf out = { 0 };
        assert_int_equal(phrase_help(&out), 0);
        buf_put(&out, "", 1);
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                assert_non_null(strstr((char *)out.at, words[i]));
        buf_free(&out);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_attachments),
                cmocka_unit_test(test_clean_garbage),
                cmocka_unit_test(test_help_names_all),
        };
        int failed = RUN_ROWS("typed", typed, run_typed) + RUN_ROWS("sent", sent, run_sent) +
                     RUN_ROWS("told", told, run_told);
        return failed + cmocka_run_group_tests_name("phrase", tests, NULL, NULL);
}
