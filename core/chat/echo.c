#include "core/chat/echo.h"

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

static void echo_connect(struct app *a, struct app_socket *s, struct mono now, struct bytes auth)
{
        static const uint8_t empty_map = 0x80;
        (void)a;
        say(s, now, "auth", 1, auth.n > 0 ? auth : bytes_of(&empty_map, 1));
}

static void echo_event(struct app *a, struct app_socket *s, struct mono now, const struct event *e,
                       struct app_reply *reply)
{
        (void)a;
        if (event_is(e, "message"))
                say(s, now, "message-back", e->args_n, e->args);
        else if (event_is(e, "message-with-ack") && pack_put_raw(&reply->args, e->args) == 0)
                reply->args_n = e->args_n;
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
        .connect = echo_connect,
        .event = echo_event,
};
