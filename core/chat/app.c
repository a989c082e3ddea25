#include "core/chat/app.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#include "core/base/rng.h"
#include "core/chat/app_inside.h"
#include "core/event/pack.h"

struct app *app_create(struct hub *hub, const struct app_handlers *handlers)
{
        struct app *a = calloc(1, sizeof *a);
        if (a)
                *a = (struct app){ .hub = hub, .handlers = handlers, .own = limits_defaults(), .limits = &a->own };
        return a;
}

void app_destroy(struct app *a)
{
        assert(!a || a->sockets == 0);
        if (a)
                asks_destroy(a->asks);
        free(a);
}

void app_chain(struct app *a, struct app *other)
{
        while (a->next)
                a = a->next;
        a->next = other;
}

struct app *app_next(const struct app *a)
{
        return a->next;
}

struct bytes app_nsp(const struct app *a)
{
        return bytes_text(a->handlers->nsp ? a->handlers->nsp : "/");
}

struct app *app_find(struct app *a, struct bytes nsp)
{
        while (a && !bytes_equal(app_nsp(a), nsp))
                a = a->next;
        return a;
}

struct hub *app_hub(const struct app *a)
{
        return a->hub;
}

const struct app_handlers *app_handlers(const struct app *a)
{
        return a->handlers;
}

void app_token_set(struct app *a, struct bytes token)
{
        a->token = token;
}

void app_limits_set(struct app *a, struct limits *limits)
{
        a->limits = limits;
}

struct limits *app_limits(struct app *a)
{
        return a->limits;
}

/* ---- coming and going ------------------------------------------------------------------------- */

/* How long it takes tells nothing about the token, not even how long that is. */
static bool is_token(const struct app *a, struct bytes said)
{
        unsigned char ours[crypto_generichash_BYTES], theirs[crypto_generichash_BYTES];
        crypto_generichash(ours, sizeof ours, a->token.at, a->token.n, NULL, 0);
        crypto_generichash(theirs, sizeof theirs, said.at, said.n, NULL, 0);
        return sodium_memcmp(ours, theirs, sizeof ours) == 0;
}

static bool knows_token(const struct app *a, struct bytes auth, struct app_refusal *refusal)
{
        struct bytes said = bytes_text("");
        bool given = pack_get_text(pack_map_text(auth, "token"), &said);
        if (a->token.n == 0 || (given && is_token(a, said)))
                return true;
        int err = pack_put_map(&refusal->data, 1);
        err = err ? err : pack_put_word(&refusal->data, "token");
        err = err ? err : pack_put_word(&refusal->data, given ? "wrong" : "missing");
        if (err)
                refusal->data.n = 0;
        refusal->message = "not authorized";
        return false;
}

bool app_allow(struct app *a, struct mono now, const struct app_visitor *visitor, struct app_refusal *refusal)
{
        refusal->message = "Forbidden";
        return !a->handlers->allow || a->handlers->allow(a, now, visitor, refusal);
}

bool app_admit(struct app *a, struct mono now, struct bytes auth, struct app_refusal *refusal)
{
        if (!knows_token(a, auth, refusal))
                return false;
        return !a->handlers->admit || a->handlers->admit(a, now, auth, refusal);
}

/* Ids are names of rooms too, and whoever knows one can write to its owner, so they are not to be
 * guessed: 120 bits in the alphabet of RFC 4648 section 5. */
static void draw_id(char id[APP_ID_CHARS])
{
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        uint8_t bits[APP_ID_CHARS];
        rng_os(bits, sizeof bits);
        for (int i = 0; i < APP_ID_CHARS; i++)
                id[i] = alphabet[bits[i] & 63];
}

/* Frees a socket whose leaving has been told. */
static void drop(struct app_socket *s)
{
        struct app *a = s->app;
        if (a->handlers->forget)
                a->handlers->forget(a, s);
        hub_member_remove(s->member);
        free(s);
        a->sockets--;
}

struct app_socket *app_connect(struct app *a, struct mono now, struct bytes auth, int encoding,
                               const struct hub_sink *sink, struct app_line line)
{
        struct app_socket *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        char id[APP_ID_CHARS];
        draw_id(id);
        s->app = a;
        s->line = line;
        s->member = hub_member_add(a->hub, bytes_of(id, sizeof id), encoding, sink, s);
        if (!s->member) {
                free(s);
                return NULL;
        }
        a->sockets++;
        if (a->handlers->connect)
                a->handlers->connect(a, s, now, auth);
        return s;
}

bool app_takes(struct app *a, const struct event *e)
{
        bool fits = e->name.n <= a->limits->event_name_max;
        a->limits->met[LIMIT_EVENT_NAME] += !fits;
        return fits;
}

static void refuse(struct app_reply *reply, const char *words)
{
        struct buf *out = app_reply_arg(reply);
        int err = pack_put_map(out, 1);
        err = err ? err : pack_put_word(out, "error");
        err = err ? err : pack_put_word(out, words);
        if (err)
                reply->args.n = reply->args_n = 0;
}

void app_event(struct app *a, struct app_socket *s, struct mono now, const struct event *e, struct app_reply *reply)
{
        if (s->dismissed)
                reply->silent = true;
        else if (!app_takes(a, e))
                refuse(reply, "the name of the event is too long");
        else if (a->handlers->event)
                a->handlers->event(a, s, now, e, reply);
        else
                reply->silent = true;
}

static void tell_disconnecting(struct app_socket *s, struct mono now, const char *reason)
{
        if (s->app->handlers->disconnecting)
                s->app->handlers->disconnecting(s->app, s, now, reason);
}

static void tell_disconnect(struct app_socket *s, struct mono now, const char *reason)
{
        if (s->app->handlers->disconnect)
                s->app->handlers->disconnect(s->app, s, now, reason);
}

void app_leave(struct app_socket *s, struct mono now, const char *reason)
{
        struct bytes room;
        if (s->dismissed)
                reason = "server namespace disconnect";
        asks_gone(s, now);
        tell_disconnecting(s, now, reason);
        if (s->app->handlers->disconnect)
                while (member_room_at(s->member, 0, &room) && hub_leave(s->member, now, room) == 0)
                        ;
        tell_disconnect(s, now, reason);
        drop(s);
}

void app_away(struct app_socket *s, struct mono now, const char *reason)
{
        asks_gone(s, now);
        tell_disconnecting(s, now, reason);
        member_detach(s->member);
        tell_disconnect(s, now, reason);
}

void app_return(struct app_socket *s, struct mono now, int encoding, const struct hub_sink *sink)
{
        member_attach(s->member, encoding, sink);
        if (s->app->handlers->recovered)
                s->app->handlers->recovered(s->app, s, now);
}

void app_take_over(struct app_socket *s, struct mono now, int encoding, const struct hub_sink *sink)
{
        asks_gone(s, now); /* the connection that was asked is gone */
        member_detach(s->member);
        member_attach(s->member, encoding, sink);
}

void app_forget(struct app_socket *s)
{
        drop(s);
}

/* ---- for the application ---------------------------------------------------------------------- */

static int publish(struct app *a, struct mono now, const struct app_target *target, struct member *from,
                   struct bytes event)
{
        struct published ignored;
        struct publish p = { .event = event, .from = from };
        if (target) {
                p.rooms = target->to;
                p.rooms_n = target->to_n;
                p.except = target->except;
                p.except_n = target->except_n;
                p.dispensable = target->dispensable;
        }
        return hub_publish(a->hub, now, &p, &ignored);
}

int app_emit(struct app *a, struct mono now, const struct app_target *target, struct bytes event)
{
        return publish(a, now, target, NULL, event);
}

int app_socket_emit(struct app_socket *s, struct mono now, struct bytes event)
{
        struct bytes own = app_socket_id(s);
        return publish(s->app, now, &(struct app_target){ .to = &own, .to_n = 1 }, NULL, event);
}

int app_socket_cast(struct app_socket *s, struct mono now, const struct app_target *target, struct bytes event)
{
        return publish(s->app, now, target, s->member, event);
}

int app_socket_join(struct app_socket *s, struct mono now, struct bytes room)
{
        return hub_join(s->member, now, room);
}

int app_socket_quit(struct app_socket *s, struct mono now, struct bytes room)
{
        return hub_leave(s->member, now, room);
}

void app_socket_disconnect(struct app_socket *s, bool close)
{
        s->dismissed = true;
        s->closing = s->closing || close;
        member_nudge(s->member);
}

bool app_socket_dismissed(const struct app_socket *s)
{
        return s->dismissed;
}

bool app_socket_closing(const struct app_socket *s)
{
        return s->closing;
}

void app_socket_line(struct app_socket *s, struct app_line line)
{
        s->line = line;
}

struct bytes app_socket_id(const struct app_socket *s)
{
        return member_id(s->member);
}

struct member *app_socket_member(const struct app_socket *s)
{
        return s->member;
}

struct app *app_socket_app(const struct app_socket *s)
{
        return s->app;
}

void **app_socket_data(struct app_socket *s)
{
        return &s->data;
}
