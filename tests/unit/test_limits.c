/* What one client may ask of the chat application: each limit, its words, and its count. */
#include "tests/unit/harness.h"

#include "core/chat/chat.h"
#include "core/event/json.h"

enum { SAID = 3 };

/* A client whose limits are a room, names of rooms of 22 bytes, of clients of 3, of events of 12. */
static const struct limits_row {
        const char *name;
        const char *said[SAID]; /* the last is answered so */
        const char *answer;
        enum limit limit;
        int met;
} rows[] = {
        { "a room", { "['join','tea']" }, "{'room':'tea','eid':0}", LIMIT_ROOMS, 0 },
        { "one room more", { "['join','tea']", "['join','rum']" }, "{'error':'in too many rooms'}", LIMIT_ROOMS, 1 },
        { "the same room twice", { "['join','tea']", "['join','tea']" }, "{'room':'tea','eid':1}", LIMIT_ROOMS, 0 },
        { "another room, after leaving",
          { "['join','tea']", "['leave','tea']", "['join','rum']" },
          "{'room':'rum','eid':2}",
          LIMIT_ROOMS,
          0 },
        { "a room with as long a name as may be",
          { "['join','2345678901234567890123']" },
          "{'room':'2345678901234567890123','eid':0}",
          LIMIT_ROOM_NAME,
          0 },
        { "a room with a longer name",
          { "['join','23456789012345678901234']" },
          "{'error':'a room is text of 1 to 22 bytes'}",
          LIMIT_ROOM_NAME,
          1 },
        { "a room without a name",
          { "['join','']" },
          "{'error':'a room is text of 1 to 22 bytes'}",
          LIMIT_ROOM_NAME,
          0 },
        { "a message to a room with a longer name",
          { "['chat message',{'room':'23456789012345678901234','text':''}]" },
          "{'error':'a room is text of 1 to 22 bytes'}",
          LIMIT_ROOM_NAME,
          1 },
        { "a display name", { "['name','Ann']" }, "{'name':'Ann'}", LIMIT_NAME, 0 },
        { "a longer display name", { "['name','Anna']" }, "{'error':'a name is text of 1 to 3 bytes'}", LIMIT_NAME, 1 },
        { "an event", { "['123456789012']" }, "{'eid':1,'seq':1}", LIMIT_EVENT_NAME, 0 },
        { "an event with a longer name",
          { "['1234567890123']" },
          "{'error':'the name of the event is too long'}",
          LIMIT_EVENT_NAME,
          1 },
        { "one inside another",
          { "['broadcast','1234567890123']" },
          "{'error':'an event name is text of 1 to 12 bytes'}",
          LIMIT_EVENT_NAME,
          1 },
};

static void no_news(void *owner)
{
        (void)owner;
}

/* json with ' for ". */
static int pack(const char *json, struct buf *out)
{
        char text[200];
        size_t n = strlen(json);
        for (size_t i = 0; i <= n; i++)
                text[i] = (char)(json[i] == '\'' ? '"' : json[i]);
        return json_to_pack(bytes_of(text, n), out, NULL);
}

static void ask(struct app *a, struct app_socket *s, const char *said, struct app_reply *reply)
{
        struct buf packed = { 0 };
        struct event e;
        reply->args.n = reply->args_n = 0;
        assert_int_equal(pack(said, &packed), 0);
        assert_int_equal(event_parse(buf_bytes(&packed), SIZE_MAX, &e), 0);
        app_event(a, s, (struct mono){ NS_PER_S }, &e, reply);
        buf_free(&packed);
}

static void run_row(void **state)
{
        const struct limits_row *row = *state;
        struct hub *hub = hub_create(&(struct hub_config){ .epoch = 1 });
        struct app *a = app_create(hub, &chat_handlers);
        struct limits limits = { .rooms_max = 1, .room_name_max = 22, .name_max = 3, .event_name_max = 12 };
        app_limits_set(a, &limits);
        assert_int_equal(hub_encoding_add(hub, &(struct hub_encoding){ .name = "none" }), 0);
        struct hub_sink sink = { no_news, NULL };
        struct app_socket *s = app_connect(a, (struct mono){ 0 }, bytes_of(NULL, 0), 0, &sink, (struct app_line){ 0 });
        struct app_reply reply = { 0 };
        struct buf answer = { 0 };
        for (int i = 0; i < SAID && row->said[i]; i++)
                ask(a, s, row->said[i], &reply);
        assert_int_equal(pack(row->answer, &answer), 0);
        assert_int_equal(reply.args_n, 1);
        assert_true(bytes_equal(buf_bytes(&reply.args), buf_bytes(&answer)));
        for (int i = 0; i < LIMITS; i++) {
                assert_int_equal(limits.met[i], i == (int)row->limit ? row->met : 0);
                assert_non_null(limit_text((enum limit)i));
        }
        buf_free(&reply.args);
        buf_free(&answer);
        app_leave(s, (struct mono){ 0 }, "transport close");
        app_destroy(a);
        hub_destroy(hub);
}

int main(void)
{
        return RUN_ROWS("limits", rows, run_row);
}
