#include "core/chat/echo.h"

#include "core/chat/ask.h"
#include "core/event/pack.h"

/* Says [name, items..] to the socket alone; when memory is out it stays unsaid. */
static void say(struct app_socket *s, struct mono now, const char *name, uint32_t items_n, struct bytes items)
{
        struct buf event = { 0 };
        int err = event_begin(&event, name, items_n);
        err = err ? err : pack_put_raw(&event, items);
        if (!err)
                app_socket_emit(s, now, buf_bytes(&event));
        buf_free(&event);
}

static bool echo_allow(struct app *a, struct mono now, const struct app_visitor *visitor, struct app_refusal *refusal)
{
        struct bytes word = bytes_text("refuse");
        (void)a, (void)now;
        refusal->message = "you said \"refuse\"";
        return visitor->query.n < word.n || memcmp(visitor->query.at, word.at, word.n) != 0;
}

static void echo_connect(struct app *a, struct app_socket *s, struct mono now, struct bytes auth)
{
        static const uint8_t empty_map = 0x80;
        (void)a;
        say(s, now, "auth", 1, auth.n > 0 ? auth : bytes_of(&empty_map, 1));
}

static const int64_t ANSWER_NS = NS_PER_S;

static int write_answers(struct buf *event, const struct ask_result *result)
{
        int err = event_begin(event, "answers", 2);
        err = err ? err : pack_put_u64(event, result->asked);
        err = err ? err : pack_put_array(event, result->answered);
        return err ? err : pack_put_raw(event, result->answers);
}

/* ctx: the socket that was asked, NULL: all. */
static void tell_answers(struct app *a, struct mono now, void *ctx, const struct ask_result *result)
{
        struct buf event = { 0 };
        if (write_answers(&event, result) == 0) {
                if (ctx)
                        app_socket_emit(ctx, now, buf_bytes(&event));
                else
                        app_emit(a, now, NULL, buf_bytes(&event));
        }
        buf_free(&event);
}

/* The event inside this one: its arguments are that event's name and arguments. */
static void ask(struct app *a, struct app_socket *s, struct mono now, const struct event *e)
{
        struct buf inner = { 0 };
        int err = pack_put_array(&inner, e->args_n);
        err = err ? err : pack_put_raw(&inner, e->args);
        if (!err && s)
                ask_socket(s, now, buf_bytes(&inner), ANSWER_NS, tell_answers, s);
        else if (!err)
                ask_all(a, now, NULL, buf_bytes(&inner), ANSWER_NS, tell_answers, NULL);
        buf_free(&inner);
}

static void echo_event(struct app *a, struct app_socket *s, struct mono now, const struct event *e,
                       struct app_reply *reply)
{
        if (event_is(e, "message"))
                say(s, now, "message-back", e->args_n, e->args);
        else if (event_is(e, "message-with-ack") && pack_put_raw(&reply->args, e->args) == 0)
                reply->args_n = e->args_n;
        else if (event_is(e, "ask") || event_is(e, "ask-all"))
                ask(a, event_is(e, "ask") ? s : NULL, now, e);
        else
                reply->silent = true;
}

static const struct app_handlers custom = {
        .name = "echo",
        .nsp = "/custom",
        .exact = true,
        .connect = echo_connect,
        .event = echo_event,
};

const struct app_handlers echo_handlers = {
        .name = "echo",
        .also = &custom,
        .exact = true,
        .allow = echo_allow,
        .connect = echo_connect,
        .event = echo_event,
};
