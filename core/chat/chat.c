#include "core/chat/chat.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/chat/once.h"
#include "core/event/pack.h"

/* Attached to the socket once it has set a display name, or given an id to what it published. */
struct person {
        struct once once;
        struct buf name;
};

static struct bytes name_of(struct app_socket *s)
{
        const struct person *p = *app_socket_data(s);
        return p ? buf_bytes(&p->name) : bytes_text("");
}

/* NULL when memory is out. */
static struct person *person_of(struct app_socket *s)
{
        void **at = app_socket_data(s);
        if (!*at)
                *at = calloc(1, sizeof(struct person));
        return *at;
}

/* One event at work. A verb returns NULL when done, or the words of its refusal; then nothing
 * but the answer {error: words} has happened. */
struct call {
        struct hub *hub;
        struct app_socket *s;
        struct member *m;
        struct mono now;
        const struct event *e;
        struct app_reply *reply;
        struct bytes pub; /* the client's id for it; empty: none */
        struct limits *limits;
        char words[64]; /* of a refusal that names a limit */
};

static const char no_memory[] = "out of memory";

/* ---- answers ---------------------------------------------------------------------------------- */

static void unsay(struct app_reply *reply)
{
        reply->args.n = 0;
        reply->args_n = 0;
}

/* Half an answer is none. */
static void seal(struct app_reply *reply, int err)
{
        if (err)
                unsay(reply);
}

static void answer_text(struct app_reply *reply, const char *key, struct bytes text)
{
        struct buf *out = app_reply_arg(reply);
        int err = pack_put_map(out, 1);
        err = err ? err : pack_put_word(out, key);
        err = err ? err : pack_put_text(out, text);
        seal(reply, err);
}

static void answer_published(struct app_reply *reply, const struct published *p)
{
        struct buf *out = app_reply_arg(reply);
        int err = pack_put_map(out, 2);
        err = err ? err : pack_put_word(out, "eid");
        err = err ? err : pack_put_u64(out, p->eid);
        err = err ? err : pack_put_word(out, "seq");
        err = err ? err : pack_put_u64(out, p->seq);
        seal(reply, err);
}

/* ---- joining and leaving ---------------------------------------------------------------------- */

/* What is published there behind that eid is for the one who joined, and not for the one who left. */
static void answer_moved(struct app_reply *reply, struct bytes room, uint64_t eid)
{
        struct buf *out = app_reply_arg(reply);
        int err = pack_put_map(out, 2);
        err = err ? err : pack_put_word(out, "room");
        err = err ? err : pack_put_text(out, room);
        err = err ? err : pack_put_word(out, "eid");
        err = err ? err : pack_put_u64(out, eid);
        seal(reply, err);
}

static int put_who(struct buf *out, struct app_socket *s)
{
        int err = pack_put_word(out, "id");
        err = err ? err : pack_put_text(out, app_socket_id(s));
        err = err ? err : pack_put_word(out, "name");
        return err ? err : pack_put_text(out, name_of(s));
}

/* Tells the others in the room [word, {room, id, name}]. When memory is out they stay untold: the
 * stay itself is the truth, and `who` shows it. */
static void announce_stay(struct app *a, struct app_socket *s, struct mono now, const char *word, struct bytes room)
{
        struct buf out = { 0 };
        int err = event_begin(&out, word, 1);
        err = err ? err : pack_put_map(&out, 3);
        err = err ? err : pack_put_word(&out, "room");
        err = err ? err : pack_put_text(&out, room);
        err = err ? err : put_who(&out, s);
        if (!err) {
                struct publish p = {
                        .event = buf_bytes(&out), .rooms = &room, .rooms_n = 1, .from = app_socket_member(s)
                };
                struct published ignored;
                hub_publish(app_hub(a), now, &p, &ignored);
        }
        buf_free(&out);
}

static void announce_stays(struct app *a, struct app_socket *s, struct mono now, const char *word)
{
        struct bytes room;
        for (uint32_t i = 0; member_room_at(app_socket_member(s), i, &room); i++)
                announce_stay(a, s, now, word, room);
}

/* Is this room some socket's own? What only its owner may hear goes there: private events, and
 * on UDP answers. */
static bool is_own_room(const struct hub *h, struct bytes room)
{
        const struct member *first = hub_room_member_at(h, room, 0);
        return first && bytes_equal(member_id(first), room);
}

/* NULL if the item is text of 1 to max bytes, or the words for what it should have been. */
static const char *read_name(struct call *c, struct bytes item, const char *what, uint32_t max, enum limit limit,
                             struct bytes *name)
{
        bool text = pack_get_text(item, name) && name->n > 0;
        if (text && name->n <= max)
                return NULL;
        c->limits->met[limit] += text;
        snprintf(c->words, sizeof c->words, "%s is text of 1 to %u bytes", what, (unsigned)max);
        return c->words;
}

static const char *read_room(struct call *c, struct bytes item, struct bytes *room)
{
        return read_name(c, item, "a room", c->limits->room_name_max, LIMIT_ROOM_NAME, room);
}

static const char *verb_join(struct call *c)
{
        struct bytes room;
        const char *wrong = read_room(c, event_arg(c->e, 0), &room);
        if (wrong)
                return wrong;
        if (is_own_room(c->hub, room))
                return "that room belongs to one socket";
        uint64_t eid = hub_head(c->hub);
        bool full = member_rooms(c->m) >= c->limits->rooms_max && !member_is_in(c->m, room);
        int err = full ? ERR_FULL : hub_join(c->m, c->now, room);
        c->limits->met[LIMIT_ROOMS] += err == ERR_FULL;
        if (err && err != ERR_EXISTS)
                return err == ERR_FULL ? "in too many rooms" : err_text(err);
        if (!err)
                announce_stay(app_socket_app(c->s), c->s, c->now, "joined", room);
        answer_moved(c->reply, room, eid);
        return NULL;
}

static const char *verb_leave(struct call *c)
{
        struct bytes room;
        const char *wrong = read_room(c, event_arg(c->e, 0), &room);
        if (wrong)
                return wrong;
        if (is_own_room(c->hub, room))
                return "that room belongs to one socket";
        uint64_t eid = hub_head(c->hub);
        int err = hub_leave(c->m, c->now, room);
        if (err)
                return err_text(err);
        announce_stay(app_socket_app(c->s), c->s, c->now, "left", room);
        answer_moved(c->reply, room, eid);
        return NULL;
}

/* ---- names ------------------------------------------------------------------------------------ */

static const char *verb_name(struct call *c)
{
        struct bytes text;
        const char *wrong = read_name(c, event_arg(c->e, 0), "a name", c->limits->name_max, LIMIT_NAME, &text);
        if (wrong)
                return wrong;
        struct person *p = person_of(c->s);
        struct buf name = { 0 };
        if (!p || buf_put(&name, text.at, text.n) != 0)
                return no_memory;
        buf_free(&p->name);
        p->name = name;
        answer_text(c->reply, "name", text);
        return NULL;
}

/* Those in the room who are connected now, the first CHAT_WHO_MAX of them; returns how many
 * there are in all. */
static uint32_t put_present(const struct hub *h, struct bytes room, struct buf *out, int *err)
{
        uint32_t present = 0;
        struct member *m;
        for (uint32_t i = 0; (m = hub_room_member_at(h, room, i)); i++) {
                if (!member_attached(m))
                        continue;
                if (present++ < CHAT_WHO_MAX && !*err) {
                        *err = pack_put_map(out, 2);
                        *err = *err ? *err : put_who(out, member_user(m));
                }
        }
        return present;
}

static const char *verb_who(struct call *c)
{
        struct bytes room;
        const char *wrong = read_room(c, event_arg(c->e, 0), &room);
        if (wrong)
                return wrong;
        struct buf list = { 0 };
        int err = 0;
        uint32_t present = put_present(c->hub, room, &list, &err);
        struct buf *out = app_reply_arg(c->reply);
        err = err ? err : pack_put_array(out, present < CHAT_WHO_MAX ? present : CHAT_WHO_MAX);
        err = err ? err : pack_put_raw(out, buf_bytes(&list));
        err = err ? err : pack_put_u64(app_reply_arg(c->reply), present);
        buf_free(&list);
        return err ? no_memory : NULL;
}

/* ---- saying ----------------------------------------------------------------------------------- */

static const char *publish(struct call *c, struct bytes event, const struct bytes *rooms, uint32_t rooms_n, bool own)
{
        struct publish p = { .event = event, .rooms = rooms, .rooms_n = rooms_n, .from = c->m, .own = own };
        struct published out;
        struct person *person = c->pub.n > 0 ? person_of(c->s) : NULL;
        if (c->pub.n > 0 && (!person || once_reserve(&person->once) != 0))
                return no_memory;
        int err = hub_publish(c->hub, c->now, &p, &out);
        if (err)
                return err_text(err);
        if (person)
                once_put(&person->once, c->pub, &out);
        answer_published(c->reply, &out);
        return NULL;
}

/* Reads the id under which this may have been published already. False: what stands there is none. */
static bool read_pub(struct call *c)
{
        struct bytes last = c->e->args_n > 0 ? event_arg(c->e, c->e->args_n - 1) : bytes_text("");
        struct bytes id = pack_map_text(last, "$pub");
        return pack_kind(id) == PACK_NONE || (pack_get_text(id, &c->pub) && c->pub.n > 0 && c->pub.n <= ONCE_ID_MAX);
}

static bool published_before(const struct call *c, struct published *p)
{
        const struct person *person = *app_socket_data(c->s);
        return c->pub.n > 0 && person && once_find(&person->once, c->pub, p);
}

/* The client's message with the server's word for who sent it: room, from and name first, then
 * whatever else the client said. */
static int put_message(struct buf *out, const struct call *c, struct bytes message, struct bytes room)
{
        struct bytes pairs, key, value, word;
        struct buf rest = { 0 };
        uint32_t n = 0, rest_n = 0;
        pack_get_map(message, &n, &pairs);
        int err = 0;
        while (!err && pack_next(&pairs, &key) && pack_next(&pairs, &value)) {
                bool ours = pack_get_text(key, &word) &&
                            (bytes_equal(word, bytes_text("room")) || bytes_equal(word, bytes_text("from")) ||
                             bytes_equal(word, bytes_text("name")));
                if (ours)
                        continue;
                rest_n++;
                err = pack_put_raw(&rest, key);
                err = err ? err : pack_put_raw(&rest, value);
        }
        err = err ? err : event_begin(out, "chat message", 1);
        err = err ? err : pack_put_map(out, rest_n + 3);
        err = err ? err : pack_put_word(out, "room");
        err = err ? err : pack_put_text(out, room);
        err = err ? err : pack_put_word(out, "from");
        err = err ? err : pack_put_text(out, app_socket_id(c->s));
        err = err ? err : pack_put_word(out, "name");
        err = err ? err : pack_put_text(out, name_of(c->s));
        err = err ? err : pack_put_raw(out, buf_bytes(&rest));
        buf_free(&rest);
        return err;
}

static const char *say_in_room(struct call *c, struct bytes message, struct bytes room)
{
        if (!member_is_in(c->m, room))
                return err_text(ERR_NOT_MEMBER);
        struct buf out = { 0 };
        struct event e;
        int err = put_message(&out, c, message, room);
        /* It has grown: what is published must be what every receiver accepts. */
        err = err ? err : event_parse(buf_bytes(&out), SIZE_MAX, &e);
        const char *words = err ? err_text(err) : publish(c, buf_bytes(&out), &room, 1, true);
        buf_free(&out);
        return words;
}

static const char *verb_chat_message(struct call *c)
{
        struct bytes message = event_arg(c->e, 0), value = pack_map_text(message, "room"), room;
        if (pack_kind(value) == PACK_NONE)
                return publish(c, c->e->packed, NULL, 0, true);
        const char *wrong = read_room(c, value, &room);
        if (wrong)
                return wrong;
        if (pack_kind(pack_map_text(message, "text")) != PACK_TEXT)
                return "a message to a room has a text";
        return say_in_room(c, message, room);
}

/* Reads room or [rooms]. Returns their number, 0 when it is neither or holds a wrong one: to no
 * room must not become to everyone. */
static uint32_t rooms_arg(struct bytes item, struct bytes rooms[HUB_TARGETS_MAX])
{
        uint32_t n = 1;
        struct bytes members = item, member;
        if (pack_kind(item) == PACK_ARRAY && (!pack_get_array(item, &n, &members) || n > HUB_TARGETS_MAX))
                return 0;
        for (uint32_t i = 0; i < n; i++) {
                if (!pack_next(&members, &member) || !pack_get_text(member, &rooms[i]) || rooms[i].n == 0)
                        return 0;
        }
        return n;
}

static bool is_reserved(struct bytes name)
{
        static const char *const reserved[] = {
                "hello",   "joined",        "left",       "gap", /* the server's own */
                "$ack",                                          /* answers on UDP */
                "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
        };
        for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
                if (bytes_equal(name, bytes_text(reserved[i])))
                        return true;
        }
        return false;
}

static const char reserved_name[] = "that event name is reserved";

/* Publishes the event that stands inside this one, from its argument `at` on. */
static const char *publish_inner(struct call *c, uint32_t at, const struct bytes *rooms, uint32_t rooms_n, bool own)
{
        struct bytes name, rest = c->e->args, item;
        for (uint32_t i = 0; i < at; i++)
                pack_next(&rest, &item);
        const char *wrong =
                read_name(c, event_arg(c->e, at), "an event name", c->limits->event_name_max, LIMIT_EVENT_NAME, &name);
        if (wrong)
                return wrong;
        if (is_reserved(name))
                return reserved_name;
        struct buf out = { 0 };
        int err = pack_put_array(&out, c->e->args_n - at);
        err = err ? err : pack_put_raw(&out, rest);
        const char *words = err ? err_text(err) : publish(c, buf_bytes(&out), rooms, rooms_n, own);
        buf_free(&out);
        return words;
}

static const char *publish_to(struct call *c, bool own)
{
        struct bytes rooms[HUB_TARGETS_MAX];
        uint32_t n = rooms_arg(event_arg(c->e, 0), rooms);
        return n ? publish_inner(c, 1, rooms, n, own) : "rooms are a name or an array of 1 to 64 names";
}

static const char *verb_to(struct call *c)
{
        return publish_to(c, false);
}

static const char *verb_in(struct call *c)
{
        return publish_to(c, true);
}

static const char *verb_broadcast(struct call *c)
{
        return publish_inner(c, 0, NULL, 0, false);
}

static const char *any_other(struct call *c)
{
        return is_reserved(c->e->name) ? reserved_name : publish(c, c->e->packed, NULL, 0, true);
}

/* ---- the table -------------------------------------------------------------------------------- */

static const struct verb {
        const char *name;
        const char *(*run)(struct call *c);
} verbs[] = {
        { "chat message", verb_chat_message },
        { "join", verb_join },
        { "leave", verb_leave },
        { "name", verb_name },
        { "who", verb_who },
        { "to", verb_to },
        { "in", verb_in },
        { "broadcast", verb_broadcast },
};

/* Returns as a verb does. */
static const char *act(struct call *c)
{
        struct published before;
        const char *(*run)(struct call *) = any_other;
        if (!read_pub(c))
                return "a $pub is text of 1 to 64 bytes";
        if (published_before(c, &before)) {
                answer_published(c->reply, &before);
                return NULL;
        }
        for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
                if (event_is(c->e, verbs[i].name))
                        run = verbs[i].run;
        }
        return run(c);
}

static void chat_event(struct app *a, struct app_socket *s, struct mono now, const struct event *e,
                       struct app_reply *reply)
{
        struct call c = { app_hub(a), s, app_socket_member(s), now, e, reply, bytes_text(""), app_limits(a), "" };
        const char *refused = act(&c);
        if (refused) {
                unsay(reply);
                answer_text(reply, "error", bytes_text(refused));
        }
}

static void chat_disconnecting(struct app *a, struct app_socket *s, struct mono now, const char *reason)
{
        (void)reason;
        announce_stays(a, s, now, "left");
}

static void chat_recovered(struct app *a, struct app_socket *s, struct mono now)
{
        announce_stays(a, s, now, "joined");
}

static void chat_forget(struct app *a, struct app_socket *s)
{
        (void)a;
        struct person *p = *app_socket_data(s);
        if (!p)
                return;
        once_free(&p->once);
        buf_free(&p->name);
        free(p);
}

const struct app_handlers chat_handlers = {
        .name = "chat",
        .greets = true,
        .event = chat_event,
        .disconnecting = chat_disconnecting,
        .recovered = chat_recovered,
        .forget = chat_forget,
};
