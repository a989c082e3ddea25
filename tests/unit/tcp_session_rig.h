/* tcp_session_rig: scripts of what a raw client says and hears, byte for byte, on a clock moved by hand.
 *
 *   a open             a connection; a is its name (one letter)
 *   a > TEXT           says a text message; $a stands for a's id, %a for its private id, $A and %A for
 *                      those in the second namespace
 *   a x HEX            says a binary message
 *   a raw HEX          sends bytes as they are
 *   a < TEXT|TEXT      hears exactly these messages now; "open" is the open packet, "close(1002)" a
 *                      close frame, x.. a binary message in hex; ids are put back to $a, %a
 *   a drain            takes all, whatever it is
 *   a <N BYTES         takes no more than so many bytes now
 *   a lost             the connection breaks
 *   a ended WORDS      has ended, for that reason
 *   a alive
 *   + SPAN             time passes; what falls due is done at its instant
 *   say TEXT           the server publishes the event to everyone; `volatile` before it: dispensable
 *   say/ TEXT          the same in the second namespace
 *   told TEXT          the application of mode "witness" was told this: going(rooms) reason|gone(rooms) reason
 *   stop               the server shuts every connection down
 */
#ifndef TESTS_UNIT_TCP_SESSION_RIG_H
#define TESTS_UNIT_TCP_SESSION_RIG_H
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/units.h"
#include "core/chat/ask.h"
#include "core/chat/chat.h"
#include "core/chat/echo.h"
#include "core/event/pack.h"
#include "core/wire/eio.h"
#include "core/wire/sio_msgpack.h"
#include "tcp_server/tcp_private.h"
#include "tcp_server/tcp_session.h"

enum { PEERS = 4, STEPS = 40, TOLD_MAX = 64 * 1024 };

struct script {
        const char *name;
        const char *mode; /* "", "echo", "two" (chat on / and /news), "off" (no recovery), "small" (a log of 4 events),
                             "gap", "token" (asks for one), "picky" (an application that refuses), "witness" (one that
                             tells) */
        const char *steps[STEPS];
};

struct peer {
        struct tcp_session *session;
        struct ws ws;
        char told[TOLD_MAX];
        struct ids {
                char sid[APP_ID_CHARS + 1], pid[TCP_PID_CHARS + 1];
        } ids[2];        /* in "/", in the second namespace */
        struct buf kept; /* bytes of a frame that has come in part */
};

struct rig {
        struct hub *hub[2]; /* the second: of "/news" or "/custom" */
        struct app *app[2];
        struct tcp_service *service;
        struct mono now;
        struct peer peer[PEERS];
        int news;
};

/* ---- chat in two namespaces ---------------------------------------------------------------------- */

/* Chat with one chain more; filled from chat_handlers. */
static struct app_handlers two_handlers[2];

static const struct app_handlers *two_namespaces(void)
{
        two_handlers[0] = two_handlers[1] = chat_handlers;
        two_handlers[0].also = &two_handlers[1];
        two_handlers[1].nsp = "/news";
        return two_handlers;
}

/* ---- a chat for adults ------------------------------------------------------------------------------ */

/* Says why not, in words alone or with data. */
static bool picky_admit(struct app *a, struct mono now, struct bytes auth, struct app_refusal *refusal)
{
        uint64_t age;
        (void)a, (void)now;
        if (pack_get_u64(pack_map_text(auth, "age"), &age) && age >= 18)
                return true;
        refusal->message = "how old are you?";
        if (pack_get_u64(pack_map_text(auth, "age"), &age)) {
                refusal->message = "too young";
                pack_put_u64(&refusal->data, 18 - age);
        }
        return false;
}

static struct app_handlers picky_handlers;

static const struct app_handlers *picky(void)
{
        picky_handlers = chat_handlers;
        picky_handlers.admit = picky_admit;
        return &picky_handlers;
}

/* ---- a chat that tells why its clients go ----------------------------------------------------------- */

static char app_told[512];

static void tell_app(const struct app_socket *s, const char *word, const char *reason)
{
        struct bytes room;
        size_t n = strlen(app_told);
        n += (size_t)snprintf(app_told + n, sizeof app_told - n, "%s%s(", n ? "|" : "", word);
        for (uint32_t i = 0; member_room_at(app_socket_member(s), i, &room); i++)
                n += (size_t)snprintf(app_told + n, sizeof app_told - n, "%s%.*s", i ? "," : "", (int)room.n, room.at);
        snprintf(app_told + n, sizeof app_told - n, ") %s", reason);
}

static void witness_disconnecting(struct app *a, struct app_socket *s, struct mono now, const char *reason)
{
        (void)a, (void)now;
        tell_app(s, "going", reason);
}

static void witness_disconnect(struct app *a, struct app_socket *s, struct mono now, const char *reason)
{
        (void)a, (void)now;
        tell_app(s, "gone", reason);
}

/* `go` has the client sent away behind some last words, `go far` with its connection. */
static void witness_event(struct app *a, struct app_socket *s, struct mono now, const struct event *e,
                          struct app_reply *reply)
{
        struct buf bye = { 0 };
        if (!event_is(e, "go") && !event_is(e, "go far")) {
                chat_handlers.event(a, s, now, e, reply);
                return;
        }
        app_socket_disconnect(s, event_is(e, "go far"));
        assert_int_equal(event_begin(&bye, "bye", 0), 0);
        assert_int_equal(app_socket_emit(s, now, buf_bytes(&bye)), 0);
        buf_free(&bye);
}

static struct app_handlers witness_handlers;

static const struct app_handlers *witness(void)
{
        witness_handlers = chat_handlers;
        witness_handlers.event = witness_event;
        witness_handlers.disconnecting = witness_disconnecting;
        witness_handlers.disconnect = witness_disconnect;
        app_told[0] = 0;
        return &witness_handlers;
}

/* ---- the rig ------------------------------------------------------------------------------------- */

static void note(void *owner)
{
        (*(int *)owner)++;
}

static void rig_begin(struct rig *r, const char *mode)
{
        *r = (struct rig){ .now = { 1000 } };
        struct hub_config hub = { .epoch = 7, .room_events_max = strstr(mode, "small") ? 4 : 0 };
        if (strcmp(mode, "gap") == 0)
                hub.room_events_max = 4;
        const struct app_handlers *handlers = &chat_handlers;
        if (strcmp(mode, "echo") == 0)
                handlers = &echo_handlers;
        if (strcmp(mode, "two") == 0)
                handlers = two_namespaces();
        if (strcmp(mode, "picky") == 0)
                handlers = picky();
        if (strncmp(mode, "witness", 7) == 0)
                handlers = witness();
        for (int i = 0; handlers; i++, handlers = handlers->also) {
                r->hub[i] = hub_create(&hub);
                r->app[i] = app_create(r->hub[i], handlers);
                if (i > 0)
                        app_chain(r->app[0], r->app[i]);
        }
        if (strcmp(mode, "token") == 0)
                app_token_set(r->app[0], bytes_text("open sesame"));
        struct tcp_config config = tcp_config_defaults();
        config.recovery = strcmp(mode, "off") != 0;
        config.payload_bytes_max = 100000;
        config.away_max = 2;
        if (strcmp(mode, "gap") == 0)
                config.overrun = TCP_OVERRUN_GAP;
        assert_int_equal(tcp_service_create(r->app[0], &config, &r->service), 0);
}

static void rig_end(struct rig *r)
{
        for (int i = 0; i < PEERS; i++) {
                tcp_session_destroy(r->peer[i].session, r->now);
                ws_free(&r->peer[i].ws);
                buf_free(&r->peer[i].kept);
        }
        tcp_service_destroy(r->service);
        for (int i = 0; i < 2; i++) {
                app_destroy(r->app[i]);
                hub_destroy(r->hub[i]);
        }
}

/* Replaces every `from` in text by `to`; ids only ever get shorter. */
static void replace(char *text, const char *from, const char *to)
{
        for (char *at; *from && (at = strstr(text, from));) {
                memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
                memcpy(at, to, strlen(to));
        }
}

/* The id behind `key` in a CONNECT reply. */
static void learn(const char *told, const char *key, char *id, size_t chars)
{
        const char *at = strstr(told, key);
        if (at)
                snprintf(id, chars + 1, "%s", at + strlen(key));
}

static void show_ids(struct rig *r, struct peer *p)
{
        static const char *const replies[] = { "40{\"sid\":\"", "40/" };
        for (int n = 0; n < 2; n++) {
                const char *reply = strstr(p->told, replies[n]);
                if (reply) {
                        learn(reply, "\"sid\":\"", p->ids[n].sid, APP_ID_CHARS);
                        learn(reply, "\"pid\":\"", p->ids[n].pid, TCP_PID_CHARS);
                }
        }
        for (int i = 0; i < 2 * PEERS; i++) {
                const struct ids *ids = &r->peer[i / 2].ids[i % 2];
                char letter = (char)((i % 2 ? 'A' : 'a') + i / 2);
                replace(p->told, ids->sid, (char[]){ '$', letter, 0 });
                replace(p->told, ids->pid, (char[]){ '%', letter, 0 });
        }
}

static void tell(struct peer *p, const struct ws_event *ev)
{
        struct eio_open open;
        char *end = p->told + strlen(p->told);
        struct bytes text = ev->payload;
        if (end > p->told)
                *end++ = '|';
        if (ev->got == WS_GOT_CLOSE)
                sprintf(end, "close(%d)", ev->code);
        else if (ev->got == WS_GOT_PONG)
                sprintf(end, "pong(%.*s)", (int)text.n, text.at);
        else if (ev->opcode == WS_BINARY)
                for (size_t i = 0; i <= text.n; i++)
                        sprintf(i ? end + 2 * i - 1 : end, i ? "%02x" : "x", i ? text.at[i - 1] : 0);
        else if (text.n > 0 && text.at[0] == '0' && eio_parse_open(bytes_of(text.at + 1, text.n - 1), &open) == 0)
                sprintf(end, "open");
        else
                sprintf(end, "%.*s", (int)text.n, text.at);
}

static void hear(struct peer *p, uint8_t *in, size_t n)
{
        struct ws_event ev;
        size_t used = 0;
        do {
                used += ws_recv(&p->ws, in + used, n - used, &ev);
                assert_int_not_equal(ev.got, WS_GOT_FAULT);
                if (ev.got != WS_GOT_NOTHING)
                        tell(p, &ev);
        } while (used < n || ev.got != WS_GOT_NOTHING);
}

/* Takes at most `budget` bytes, in whatever slices come; the transport refuses the rest. */
static void drain(struct rig *r, struct peer *p, size_t budget)
{
        struct iovec v[TCP_SLICES_MAX];
        int n;
        while ((n = tcp_session_slices(p->session, r->now, v, TCP_SLICES_MAX)) > 0) {
                struct buf taken = { 0 };
                size_t lent = 0;
                for (int i = 0; i < n; i++) {
                        size_t part = v[i].iov_len < budget ? v[i].iov_len : budget;
                        lent += v[i].iov_len;
                        budget -= part;
                        buf_put(&taken, v[i].iov_base, part);
                }
                tcp_session_sent(p->session, taken.n);
                hear(p, taken.at, taken.n);
                bool refused = taken.n < lent;
                buf_free(&taken);
                if (refused)
                        break;
        }
}

static void deliver(struct rig *r, struct peer *p, struct buf *frame)
{
        size_t used = 0;
        while (used < frame->n) {
                used += tcp_session_recv(p->session, r->now, frame->at + used, frame->n - used);
                if (used < frame->n) {
                        hub_announce(r->hub[0]);
                        drain(r, p, SIZE_MAX);
                }
        }
}

static struct buf hex(const char *text)
{
        struct buf out = { 0 };
        for (unsigned byte; sscanf(text, "%2x", &byte) == 1; text += 2)
                buf_put(&out, &(uint8_t){ (uint8_t)byte }, 1);
        return out;
}

static void say(struct rig *r, struct peer *p, enum ws_opcode opcode, struct bytes message)
{
        static const uint8_t mask[4] = { 1, 2, 3, 4 };
        struct buf frame = { 0 };
        ws_put(&frame, opcode, message, mask);
        deliver(r, p, &frame);
        buf_free(&frame);
}

static void say_text(struct rig *r, struct peer *p, const char *text)
{
        struct buf out = { 0 };
        for (; *text; text++) {
                int second = text[1] < 'a', i = text[1] - (second ? 'A' : 'a');
                if ((*text == '$' || *text == '%') && i >= 0 && i < PEERS) {
                        const struct ids *ids = &r->peer[i].ids[second];
                        buf_text(&out, *text == '$' ? ids->sid : ids->pid);
                        text++;
                } else {
                        buf_put(&out, text, 1);
                }
        }
        say(r, p, WS_TEXT, buf_bytes(&out));
        buf_free(&out);
}

static void server_says(struct rig *r, struct hub *hub, const char *json, bool dispensable)
{
        struct buf event = { 0 };
        struct published out;
        assert_int_equal(json_to_pack(bytes_text(json), &event, NULL), 0);
        struct publish p = { .event = buf_bytes(&event), .dispensable = dispensable };
        assert_int_equal(hub_publish(hub, r->now, &p, &out), 0);
        buf_free(&event);
}

static struct mono soonest(const struct rig *r)
{
        struct mono at = mono_min(tcp_service_deadline(r->service), hub_deadline(r->hub[0]));
        at = mono_min(at, ask_deadline(r->app[0]));
        for (int i = 0; i < PEERS; i++)
                if (r->peer[i].session)
                        at = mono_min(at, tcp_session_deadline(r->peer[i].session));
        return at;
}

static void pass(struct rig *r, const char *text)
{
        int64_t span;
        assert_int_equal(units_span(text, &span), 0);
        struct mono until = mono_add(r->now, span);
        for (struct mono due; due = soonest(r), !mono_before(until, due);) {
                r->now = due;
                tcp_service_expire(r->service, r->now);
                hub_expire(r->hub[0], r->now);
                ask_expire(r->app[0], r->now);
                for (int i = 0; i < PEERS; i++)
                        if (r->peer[i].session)
                                tcp_session_expire(r->peer[i].session, r->now);
        }
        r->now = until;
}

static void expect_heard(struct rig *r, struct peer *p, const char *expected)
{
        drain(r, p, SIZE_MAX);
        show_ids(r, p);
        assert_string_equal(p->told, expected);
        p->told[0] = 0;
}

static void open_peer(struct rig *r, struct peer *p)
{
        tcp_session_destroy(p->session, r->now);
        ws_free(&p->ws);
        ws_init(&p->ws, WS_CLIENT, 1000000);
        p->told[0] = 0;
        p->session = tcp_session_create(r->service, r->now, &(struct hub_sink){ note, &r->news });
        assert_non_null(p->session);
}

static bool begins(const char **step, const char *word)
{
        size_t n = strlen(word);
        if (strncmp(*step, word, n) != 0)
                return false;
        *step += n;
        return true;
}

static void peer_step(struct rig *r, struct peer *p, const char *step)
{
        if (begins(&step, "open")) {
                open_peer(r, p);
        } else if (begins(&step, "> ")) {
                say_text(r, p, step);
        } else if (begins(&step, "x ")) {
                struct buf bytes = hex(step);
                say(r, p, WS_BINARY, buf_bytes(&bytes));
                buf_free(&bytes);
        } else if (begins(&step, "raw ")) {
                struct buf bytes = hex(step);
                deliver(r, p, &bytes);
                buf_free(&bytes);
        } else if (begins(&step, "< ") || strcmp(step, "<") == 0) {
                expect_heard(r, p, step[0] == '<' ? "" : step);
        } else if (begins(&step, "drain")) {
                drain(r, p, SIZE_MAX);
                p->told[0] = 0;
        } else if (begins(&step, "<N ")) {
                drain(r, p, strtoul(step, NULL, 10));
        } else if (begins(&step, "lost")) {
                tcp_session_lost(p->session, r->now, TCP_END_LOST);
        } else if (begins(&step, "ended ")) {
                assert_string_equal(tcp_end_text(tcp_session_end(p->session)), step);
                drain(r, p, SIZE_MAX);
                assert_true(tcp_session_done(p->session));
        } else {
                assert_string_equal(step, "alive");
                assert_int_equal(tcp_session_end(p->session), TCP_END_NONE);
        }
}

static void run_step(struct rig *r, const char *step)
{
        if (begins(&step, "+ "))
                pass(r, step);
        else if (begins(&step, "say volatile "))
                server_says(r, r->hub[0], step, true);
        else if (begins(&step, "say "))
                server_says(r, r->hub[0], step, false);
        else if (begins(&step, "say/ "))
                server_says(r, r->hub[1], step, false);
        else if (begins(&step, "told ")) {
                assert_string_equal(app_told, step);
                app_told[0] = 0;
        } else if (begins(&step, "stop"))
                for (int i = 0; i < PEERS && r->peer[i].session; i++)
                        tcp_session_close(r->peer[i].session, r->now, TCP_END_SHUTDOWN);
        else
                peer_step(r, &r->peer[step[0] - 'a'], step + 2);
}

static inline void run_script(void **state)
{
        const struct script *script = *state;
        struct rig *r = calloc(1, sizeof *r);
        rig_begin(r, script->mode);
        for (int i = 0; i < STEPS && script->steps[i]; i++)
                run_step(r, script->steps[i]);
        rig_end(r);
        free(r);
}

/* ---- what many scripts begin and end with --------------------------------------------------------- */

#define UP_A    "a open", "a > 40", "a < open|40{\"sid\":\"$a\",\"pid\":\"%a\"}|42[\"hello\",{\"id\":\"$a\"},\"7-0\"]"
#define ECHO_A  "a open", "a > 40", "a < open|40{\"sid\":\"$a\"}|42[\"auth\",{}]"
#define CLOSED  "a < close(1005)"
#define PARSE   CLOSED, "a ended bad packet"
#define TURN    CLOSED, "a ended packet out of turn"
#define BACK(o) "b open", "b > 40{\"pid\":\"%a\",\"offset\":\"" o "\"}"
#define SAME    "40{\"sid\":\"$a\",\"pid\":\"%a\"}"
#define BIN(n)  "{\"_placeholder\":true,\"num\":" n "}"
#define NEWS    "a > 40/news,", "a < 40/news,{\"sid\":\"$A\",\"pid\":\"%A\"}|42/news,[\"hello\",{\"id\":\"$A\"},\"7-0\"]"
#define HELLO   "42[\"hello\",{\"id\":\"$a\"},"

#endif
