#include "tests/unit/harness.h"

#include "core/base/err.h"
#include "core/chat/chat.h"
#include "core/event/json.h"
#include "core/event/pack.h"

/* A story is read line by line. Sockets A, B and C are connected when it begins.
 *
 *   A> json       A's client emits this event (the words $A, $B, $C stand for ids, everywhere)
 *   A= json ..    the answer to it, argument by argument
 *   A: json       A hears this next
 *   A! word       leaves | goes away | comes back
 *
 * Nobody hears anything that the story does not tell before its next `>` or `!`. */
struct story {
        const char *name;
        const char *lines[24];
};

static const struct story stories[] = {
        { "a text reaches everyone, the sender too",
          { "A> ['chat message','hi']", "A= {'eid':1,'seq':1}", "A: ['chat message','hi']", "B: ['chat message','hi']",
            "C: ['chat message','hi']" } },
        { "a message that is no room message goes to everyone as it is",
          { "A> ['chat message',{'text':7},2]", "A= {'eid':1,'seq':1}", "A: ['chat message',{'text':7},2]",
            "B: ['chat message',{'text':7},2]", "C: ['chat message',{'text':7},2]" } },
        { "an unknown name reaches everyone with any data",
          { "B> ['drawing',{'x':[1.5,null,true]},'y']", "B= {'eid':1,'seq':1}",
            "A: ['drawing',{'x':[1.5,null,true]},'y']", "B: ['drawing',{'x':[1.5,null,true]},'y']",
            "C: ['drawing',{'x':[1.5,null,true]},'y']" } },
        { "joining is heard by those in the room, not by the one who joins",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "B> ['join','tea']", "B= {'room':'tea','eid':1}",
            "A: ['joined',{'room':'tea','id':'$B','name':''}]" } },
        { "joining twice is joining once",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "B> ['join','tea']", "B= {'room':'tea','eid':1}",
            "A: ['joined',{'room':'tea','id':'$B','name':''}]", "B> ['join','tea']", "B= {'room':'tea','eid':2}" } },
        { "leaving is heard by those who stay",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "B> ['join','tea']", "B= {'room':'tea','eid':1}",
            "A: ['joined',{'room':'tea','id':'$B','name':''}]", "B> ['leave','tea']", "B= {'room':'tea','eid':2}",
            "A: ['left',{'room':'tea','id':'$B','name':''}]" } },
        { "leaving a room one is not in is refused",
          { "A> ['leave','tea']", "A= {'error':'not a member of the room'}" } },
        { "a room needs a name that is text",
          { "A> ['join']", "A= {'error':'a room is text of 1 to 255 bytes'}", "A> ['join',7]",
            "A= {'error':'a room is text of 1 to 255 bytes'}", "A> ['leave','']",
            "A= {'error':'a room is text of 1 to 255 bytes'}", "A> ['who',null]",
            "A= {'error':'a room is text of 1 to 255 bytes'}" } },
        { "nobody joins another's own room, or leaves one",
          { "A> ['join','$B']", "A= {'error':'that room belongs to one socket'}", "A> ['join','$A']",
            "A= {'error':'that room belongs to one socket'}", "A> ['leave','$A']",
            "A= {'error':'that room belongs to one socket'}" } },
        { "a room message bears the server's word for its sender",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "A> ['name','Ann']", "A= {'name':'Ann'}",
            "A> ['chat message',{'room':'tea','from':'x','name':'Bob','text':'hi','mood':1}]", "A= {'eid':2,'seq':2}",
            "A: ['chat message',{'room':'tea','from':'$A','name':'Ann','text':'hi','mood':1}]" } },
        { "a room message from outside the room is refused and not sent",
          { "B> ['join','tea']", "B= {'room':'tea','eid':0}", "A> ['chat message',{'room':'tea','text':'hi'}]",
            "A= {'error':'not a member of the room'}" } },
        { "a room message needs a text and a room's name",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "A> ['chat message',{'room':'tea','text':7}]",
            "A= {'error':'a message to a room has a text'}", "A> ['chat message',{'room':['tea'],'text':'x'}]",
            "A= {'error':'a room is text of 1 to 255 bytes'}" } },
        { "a name is set, set again, and told with joined",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "B> ['name','Bo']", "B= {'name':'Bo'}",
            "B> ['name','Bob']", "B= {'name':'Bob'}", "B> ['join','tea']", "B= {'room':'tea','eid':1}",
            "A: ['joined',{'room':'tea','id':'$B','name':'Bob'}]" } },
        { "a name is 1 to 64 bytes of text",
          { "A> ['name','']", "A= {'error':'a name is text of 1 to 64 bytes'}", "A> ['name']",
            "A= {'error':'a name is text of 1 to 64 bytes'}",
            "A> ['name','0123456789012345678901234567890123456789012345678901234567890123']",
            "A= {'name':'0123456789012345678901234567890123456789012345678901234567890123'}",
            "A> ['name','01234567890123456789012345678901234567890123456789012345678901234']",
            "A= {'error':'a name is text of 1 to 64 bytes'}" } },
        { "who lists those in the room and counts them",
          { "A> ['name','Ann']", "A= {'name':'Ann'}", "A> ['join','tea']", "A= {'room':'tea','eid':0}",
            "B> ['who','tea']", "B= [{'id':'$A','name':'Ann'}] 1", "B> ['who','nowhere']", "B= [] 0" } },
        { "who does not list the absent",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "A! goes away", "B> ['who','tea']", "B= [] 0" } },
        { "to reaches a room without its sender",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "B> ['join','tea']", "B= {'room':'tea','eid':1}",
            "A: ['joined',{'room':'tea','id':'$B','name':''}]", "A> ['to','tea','news',1,2]", "A= {'eid':3,'seq':3}",
            "B: ['news',1,2]" } },
        { "in reaches a room with its sender",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "A> ['in','tea','news']", "A= {'eid':2,'seq':2}",
            "A: ['news']" } },
        { "to several rooms reaches each socket once, and has no one seq",
          { "B> ['join','tea']", "B= {'room':'tea','eid':0}", "B> ['join','milk']", "B= {'room':'milk','eid':1}",
            "C> ['join','milk']", "C= {'room':'milk','eid':2}", "B: ['joined',{'room':'milk','id':'$C','name':''}]",
            "A> ['to',['tea','milk'],'news']", "A= {'eid':4,'seq':0}", "B: ['news']", "C: ['news']" } },
        { "to an id is a word to one socket", { "A> ['to','$C','psst',1]", "A= {'eid':1,'seq':1}", "C: ['psst',1]" } },
        { "to no room is not to everyone",
          { "A> ['to',[],'x']", "A= {'error':'rooms are a name or an array of 1 to 64 names'}",
            "A> ['in',['tea',''],'x']", "A= {'error':'rooms are a name or an array of 1 to 64 names'}",
            "A> ['in',7,'x']", "A= {'error':'rooms are a name or an array of 1 to 64 names'}", "A> ['to']",
            "A= {'error':'rooms are a name or an array of 1 to 64 names'}" } },
        { "broadcast reaches all but the sender",
          { "B> ['broadcast','alarm',3]", "B= {'eid':1,'seq':1}", "A: ['alarm',3]", "C: ['alarm',3]" } },
        { "an event inside needs a name",
          { "A> ['broadcast']", "A= {'error':'an event name is text of 1 to 256 bytes'}", "A> ['to','tea',7]",
            "A= {'error':'an event name is text of 1 to 256 bytes'}", "A> ['in','tea','']",
            "A= {'error':'an event name is text of 1 to 256 bytes'}" } },
        { "the server's names cannot be put into its mouth",
          { "A> ['broadcast','gap',{}]", "A= {'error':'that event name is reserved'}", "A> ['to','$B','$ack',1]",
            "A= {'error':'that event name is reserved'}", "A> ['in','$B','hello',{}]",
            "A= {'error':'that event name is reserved'}", "A> ['joined',{}]",
            "A= {'error':'that event name is reserved'}", "A> ['broadcast','disconnect']",
            "A= {'error':'that event name is reserved'}" } },
        { "going for good is heard in every room left behind",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "B> ['join','milk']", "B= {'room':'milk','eid':1}",
            "C> ['join','tea']", "C= {'room':'tea','eid':2}", "A: ['joined',{'room':'tea','id':'$C','name':''}]",
            "C> ['join','milk']", "C= {'room':'milk','eid':3}", "B: ['joined',{'room':'milk','id':'$C','name':''}]",
            "C! leaves", "A: ['left',{'room':'tea','id':'$C','name':''}]",
            "B: ['left',{'room':'milk','id':'$C','name':''}]" } },
        { "the absent hear on return what they missed, and the others hear of both",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}", "B> ['join','tea']", "B= {'room':'tea','eid':1}",
            "A: ['joined',{'room':'tea','id':'$B','name':''}]", "B! goes away",
            "A: ['left',{'room':'tea','id':'$B','name':''}]", "A> ['in','tea','news']", "A= {'eid':4,'seq':4}",
            "A: ['news']", "B! comes back", "B: ['news']", "A: ['joined',{'room':'tea','id':'$B','name':''}]" } },
        { "published again with the same id: the first answer, and nobody hears it twice",
          { "A> ['drawing',1,{'$pub':'a1'}]", "A= {'eid':1,'seq':1}", "A: ['drawing',1,{'$pub':'a1'}]",
            "B: ['drawing',1,{'$pub':'a1'}]", "C: ['drawing',1,{'$pub':'a1'}]", "A> ['drawing',2,{'$pub':'a1'}]",
            "A= {'eid':1,'seq':1}", "A> ['in','tea','drawing',{'$pub':'a1'}]", "A= {'eid':1,'seq':1}" } },
        { "ids are each socket's own",
          { "A> ['broadcast','x',{'$pub':'a'}]", "A= {'eid':1,'seq':1}", "B: ['x',{'$pub':'a'}]",
            "C: ['x',{'$pub':'a'}]", "B> ['broadcast','x',{'$pub':'a'}]", "B= {'eid':2,'seq':2}",
            "A: ['x',{'$pub':'a'}]", "C: ['x',{'$pub':'a'}]" } },
        { "an id is known over an absence",
          { "A> ['join','tea']", "A= {'room':'tea','eid':0}",
            "A> ['chat message',{'room':'tea','text':'hi','$pub':'é'}]", "A= {'eid':2,'seq':2}",
            "A: ['chat message',{'room':'tea','from':'$A','name':'','text':'hi','$pub':'é'}]", "A! goes away",
            "A! comes back", "A> ['chat message',{'room':'tea','text':'hi','$pub':'é'}]", "A= {'eid':2,'seq':2}" } },
        { "what was refused is tried again, since nothing had come of it",
          { "A> ['chat message',{'room':'tea','text':'hi','$pub':'1'}]", "A= {'error':'not a member of the room'}",
            "A> ['join','tea']", "A= {'room':'tea','eid':0}",
            "A> ['chat message',{'room':'tea','text':'hi','$pub':'1'}]", "A= {'eid':2,'seq':2}",
            "A: ['chat message',{'room':'tea','from':'$A','name':'','text':'hi','$pub':'1'}]" } },
        { "an id that is none is refused",
          { "A> ['x',{'$pub':''}]", "A= {'error':'a $pub is text of 1 to 64 bytes'}", "A> ['x',{'$pub':7}]",
            "A= {'error':'a $pub is text of 1 to 64 bytes'}",
            "A> ['x',{'$pub':'12345678901234567890123456789012345678901234567890123456789012345'}]",
            "A= {'error':'a $pub is text of 1 to 64 bytes'}" } },
        { "elsewhere than in the last argument the key means nothing",
          { "A> ['x',{'$pub':7},1]", "A= {'eid':1,'seq':1}", "A: ['x',{'$pub':7},1]", "B: ['x',{'$pub':7},1]",
            "C: ['x',{'$pub':7},1]" } },
};

/* ---- the stage -------------------------------------------------------------------------------- */

enum { SOCKETS = 3 };

struct stage {
        struct hub *hub;
        struct app *app;
        struct app_socket *socket[SOCKETS];
        char id[SOCKETS][APP_ID_CHARS + 1];
        struct buf heard[SOCKETS];
        struct buf answer; /* to the last event, arguments parted by a space */
        int encoding;
        struct mono now;
};

static void ignore_news(void *owner)
{
        (void)owner;
}

static const struct hub_sink sink = { ignore_news, NULL };

/* One line of JSON for each event. */
static int encode_line(void *ctx, const struct hub_entry *entry, struct buf *out)
{
        (void)ctx;
        int err = json_from_pack(entry->event, out, NULL);
        return err ? err : buf_text(out, "\n");
}

static void set_up(struct stage *st)
{
        *st = (struct stage){ .now = { NS_PER_S } };
        st->hub = hub_create(&(struct hub_config){ .epoch = 7 });
        st->encoding = hub_encoding_add(st->hub, &(struct hub_encoding){ .name = "lines", .encode = encode_line });
        st->app = app_create(st->hub, &chat_handlers);
        assert_non_null(st->app);
        for (int i = 0; i < SOCKETS; i++) {
                st->socket[i] =
                        app_connect(st->app, st->now, bytes_text(""), st->encoding, &sink, (struct app_line){ 0 });
                assert_non_null(st->socket[i]);
                memcpy(st->id[i], app_socket_id(st->socket[i]).at, APP_ID_CHARS);
        }
}

static void tear_down(struct stage *st)
{
        for (int i = 0; i < SOCKETS; i++) {
                if (st->socket[i])
                        app_leave(st->socket[i], st->now, "test over");
                buf_free(&st->heard[i]);
        }
        buf_free(&st->answer);
        app_destroy(st->app);
        hub_destroy(st->hub);
}

/* The story's text as JSON: ' becomes ", $A the id of A. */
static void put_story_json(const struct stage *st, const char *text, struct buf *out)
{
        for (const char *at = text; *at; at++) {
                int who = at[0] == '$' ? at[1] - 'A' : -1;
                if (who >= 0 && who < SOCKETS) {
                        assert_int_equal(buf_text(out, st->id[who]), 0);
                        at++;
                } else {
                        assert_int_equal(buf_put(out, *at == '\'' ? "\"" : at, 1), 0);
                }
        }
}

static void hear(struct stage *st)
{
        for (int i = 0; i < SOCKETS; i++) {
                struct member *m = st->socket[i] ? app_socket_member(st->socket[i]) : NULL;
                if (!m || !member_attached(m))
                        continue;
                struct piece v[8];
                int n;
                while ((n = member_walk(m, UINT64_MAX, v, 8)) > 0) {
                        for (int k = 0; k < n; k++) {
                                assert_int_equal(v[k].kind, PIECE_BYTES);
                                assert_int_equal(buf_put(&st->heard[i], v[k].at, v[k].n), 0);
                                member_advance(m, &v[k], v[k].n);
                        }
                }
        }
}

static void silence_before(struct stage *st, const char *line)
{
        for (int i = 0; i < SOCKETS; i++) {
                if (st->heard[i].n)
                        fail_msg("before `%s`, %c heard also: %.*s", line, 'A' + i, (int)st->heard[i].n,
                                 st->heard[i].at);
        }
}

static void emit(struct stage *st, int who, const char *text)
{
        struct buf json = { 0 }, packed = { 0 };
        put_story_json(st, text, &json);
        assert_int_equal(json_to_pack(buf_bytes(&json), &packed, NULL), 0);
        struct event e;
        assert_int_equal(event_parse(buf_bytes(&packed), SIZE_MAX, &e), 0);
        struct app_reply reply = { 0 };
        app_event(st->app, st->socket[who], st->now, &e, &reply);
        st->answer.n = 0;
        struct bytes rest = buf_bytes(&reply.args), item;
        uint32_t n = 0;
        for (; pack_next(&rest, &item); n++) {
                if (n)
                        assert_int_equal(buf_text(&st->answer, " "), 0);
                assert_int_equal(json_from_pack(item, &st->answer, NULL), 0);
        }
        assert_int_equal(n, reply.args_n);
        buf_free(&reply.args);
        buf_free(&json);
        buf_free(&packed);
        hear(st);
}

static void move(struct stage *st, int who, const char *word)
{
        if (strcmp(word, "leaves") == 0) {
                app_leave(st->socket[who], st->now, "transport close");
                st->socket[who] = NULL;
        } else if (strcmp(word, "goes away") == 0) {
                app_away(st->socket[who], st->now, "transport close");
        } else if (strcmp(word, "comes back") == 0) {
                app_return(st->socket[who], st->now, st->encoding, &sink);
        } else {
                fail_msg("what is `%s`?", word);
        }
        hear(st);
}

static void expect_answer(struct stage *st, const char *text)
{
        struct buf want = { 0 };
        put_story_json(st, text, &want);
        buf_put(&want, "", 1);
        buf_put(&st->answer, "", 1);
        assert_string_equal((char *)st->answer.at, (char *)want.at);
        buf_free(&want);
}

static void expect_heard(struct stage *st, int who, const char *text)
{
        struct buf want = { 0 };
        put_story_json(st, text, &want);
        struct buf *heard = &st->heard[who];
        size_t n = want.n + 1;
        if (heard->n < n || memcmp(heard->at, want.at, want.n) != 0 || heard->at[want.n] != '\n')
                fail_msg("%c was to hear %.*s\nbut heard %.*s", 'A' + who, (int)want.n, want.at, (int)heard->n,
                         heard->at);
        buf_drop(heard, n);
        buf_free(&want);
}

static void run_story(void **state)
{
        const struct story *story = *state;
        struct stage st;
        set_up(&st);
        for (const char *const *line = story->lines; *line; line++) {
                int who = line[0][0] - 'A';
                const char *text = *line + 3;
                if (line[0][1] == '>' || line[0][1] == '!')
                        silence_before(&st, *line);
                switch (line[0][1]) {
                case '>':
                        emit(&st, who, text);
                        break;
                case '!':
                        move(&st, who, text);
                        break;
                case '=':
                        expect_answer(&st, text);
                        break;
                default:
                        expect_heard(&st, who, text);
                }
        }
        silence_before(&st, "the end");
        tear_down(&st);
}

int main(void)
{
        return RUN_ROWS("chat", stories, run_story);
}
