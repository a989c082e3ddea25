#include "client/talk.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/phrase.h"
#include "client/terminal.h"
#include "client/waiting.h"
#include "core/base/err.h"
#include "core/loop/loop.h"

static const int64_t patience_ns = 3 * NS_PER_S, first_wait_ns = 10 * NS_PER_S; /* for the first connection */
static const int64_t leave_wait_ns = NS_PER_S;
static const int64_t settle_ns = 300 * NS_PER_MS; /* after the last recovered event: that was all */

struct talk {
        struct talk_config config;
        const struct transport *t;
        struct loop *loop;
        struct client_io *io;
        struct terminal *term;
        struct alarm alarm;
        struct waiting waiting;
        struct buf id;   /* the room that is ours alone */
        struct buf room; /* where lines go; empty: to everyone */
        struct buf name; /* set by /name: said again after an unrecovered reconnect */
        const char *down_reason, *why;
        uint64_t refused, unanswered, gaps, recovered;
        bool screen;
        bool up, ever_up;
        bool in_room;    /* or wants none: lines may go */
        bool input_end;  /* leave when all is answered */
        bool back_whole; /* the server kept our place */
        bool counting;   /* back after an absence: events that are recovered are counted */
        bool leaving, warned;
        enum talk_end end;
};

/* ---- words ------------------------------------------------------------------------------------ */

enum channel { TO_PUT, TO_NOTE };

/* Prints out and frees it. When memory is out the line is not printed: there is nothing better. */
static void print(struct talk *k, enum channel channel, struct buf *out, int err)
{
        if (!err && out->n > 0) {
                if (channel == TO_PUT)
                        terminal_put(k->term, buf_bytes(out));
                else
                        terminal_note(k->term, buf_bytes(out));
        }
        buf_free(out);
}

/* A remark about the connection: in JSON mode the events themselves say it. */
static void note(struct talk *k, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct talk *k, const char *format, ...)
{
        char line[512];
        va_list args;
        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        struct buf out = { 0 };
        int err = k->config.json ? 0 : buf_text(&out, k->screen ? "* " : "client: ");
        err = err || k->config.json ? err : phrase_clean(&out, bytes_text(line));
        print(k, TO_NOTE, &out, err);
}

static void show_prompt(struct talk *k)
{
        struct buf out = { 0 };
        int err = phrase_clean(&out, buf_bytes(&k->room));
        err = err ? err : buf_text(&out, k->up ? "> " : " (not connected)> ");
        if (!err)
                terminal_prompt(k->term, buf_bytes(&out));
        buf_free(&out);
}

static void set_room(struct talk *k, struct bytes room)
{
        k->room.n = 0;
        if (buf_put(&k->room, room.at, room.n) != 0)
                note(k, "out of memory");
        show_prompt(k);
}

/* ---- calls ------------------------------------------------------------------------------------ */

static void refuse(struct talk *k, const char *words)
{
        k->refused++;
        if (k->config.json) {
                struct buf out = { 0 };
                print(k, TO_PUT, &out, phrase_json_error(&out, words));
        } else {
                note(k, "not sent: %s", words);
        }
}

/* What became of a call that was just made. */
static enum terminal_verdict called(struct talk *k, int64_t call, enum phrase_kind kind, struct bytes room)
{
        if (call == ERR_FULL)
                return TERMINAL_LATER;
        int err = call < 0 ? (int)call : waiting_add(&k->waiting, (uint64_t)call, kind, room);
        if (err)
                refuse(k, err_text(err));
        client_io_turn(k->io);
        return err || kind != PHRASE_SAY ? TERMINAL_TAKEN : TERMINAL_HEARD;
}

static enum terminal_verdict send_event(struct talk *k, struct buf *event, int err, enum phrase_kind kind,
                                        struct bytes room)
{
        enum terminal_verdict verdict = TERMINAL_TAKEN;
        if (err)
                refuse(k, err == ERR_MALFORMED ? (k->config.json ? "a line is a JSON array [\"name\", args...]"
                                                                 : "this is not UTF-8")
                                               : err_text(err));
        else
                verdict = called(k, k->t->call(client_io_engine(k->io), loop_clock(), buf_bytes(event)), kind, room);
        buf_free(event);
        return verdict;
}

static enum terminal_verdict join(struct talk *k, struct bytes room)
{
        return called(k, k->t->join(client_io_engine(k->io), loop_clock(), room), PHRASE_JOIN, room);
}

static enum terminal_verdict leave(struct talk *k, struct bytes room)
{
        if (room.n == 0)
                room = buf_bytes(&k->room);
        if (room.n == 0) {
                note(k, "you are in no room");
                return TERMINAL_TAKEN;
        }
        return called(k, k->t->leave(client_io_engine(k->io), loop_clock(), room), PHRASE_LEAVE, room);
}

static enum terminal_verdict name(struct talk *k, struct bytes text)
{
        struct buf event = { 0 };
        return send_event(k, &event, phrase_verb(&event, "name", text), PHRASE_NAME, text);
}

static enum terminal_verdict who(struct talk *k, struct bytes room)
{
        struct buf event = { 0 };
        if (room.n == 0)
                room = buf_bytes(&k->room);
        if (room.n == 0) {
                note(k, "you are in no room; /who ROOM asks about one");
                return TERMINAL_TAKEN;
        }
        return send_event(k, &event, phrase_verb(&event, "who", room), PHRASE_WHO, room);
}

static void help(struct talk *k)
{
        struct buf out = { 0 };
        int err = phrase_help(&out);
        out.n -= out.n > 0; /* the last line's end */
        print(k, TO_PUT, &out, err);
}

static enum terminal_verdict obey(struct talk *k, struct bytes line)
{
        struct buf event = { 0 };
        struct phrase p = phrase_parse(line);
        switch (p.kind) {
        case PHRASE_SAY:
                return send_event(k, &event, phrase_message(&event, buf_bytes(&k->room), p.arg), p.kind, p.arg);
        case PHRASE_JOIN:
                return join(k, p.arg);
        case PHRASE_LEAVE:
                return leave(k, p.arg);
        case PHRASE_NAME:
                return name(k, p.arg);
        case PHRASE_WHO:
                return who(k, p.arg);
        case PHRASE_HELP:
                help(k);
                break;
        case PHRASE_QUIT:
                talk_leave(k);
                break;
        case PHRASE_WRONG:
                if (k->screen)
                        note(k, "%s", p.wrong);
                else
                        refuse(k, p.wrong);
                break;
        case PHRASE_NOTHING:
                break;
        }
        return TERMINAL_TAKEN;
}

static enum terminal_verdict on_line(void *owner, struct bytes line)
{
        struct talk *k = owner;
        struct buf event = { 0 };
        if (k->leaving)
                return TERMINAL_TAKEN;
        if (!k->ever_up || !k->in_room)
                return TERMINAL_LATER;
        if (!k->config.json)
                return obey(k, line);
        if (line.n == 0)
                return TERMINAL_TAKEN;
        return send_event(k, &event, phrase_json_event(&event, line), PHRASE_SAY, bytes_text(""));
}

static void leave_if_done(struct talk *k)
{
        if (k->input_end && (k->screen || (k->ever_up && k->waiting.n == 0)))
                talk_leave(k);
}

static void on_end(void *owner)
{
        struct talk *k = owner;
        k->input_end = true;
        leave_if_done(k);
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void answer_ok(struct talk *k, const struct call *w, struct bytes answer)
{
        struct buf out = { 0 };
        switch (w->kind) {
        case PHRASE_JOIN:
                k->in_room = true;
                set_room(k, buf_bytes(&w->about));
                note(k, "you are in %.*s", (int)w->about.n, (const char *)w->about.at);
                break;
        case PHRASE_LEAVE:
                note(k, "you left %.*s", (int)w->about.n, (const char *)w->about.at);
                if (bytes_equal(buf_bytes(&w->about), buf_bytes(&k->room)))
                        set_room(k, bytes_text(""));
                break;
        case PHRASE_NAME:
                k->name.n = 0;
                if (buf_put(&k->name, w->about.at, w->about.n) == 0)
                        note(k, "you are %.*s now", (int)w->about.n, (const char *)w->about.at);
                break;
        case PHRASE_WHO:
                print(k, TO_PUT, &out, phrase_present(&out, buf_bytes(&w->about), answer));
                break;
        default:
                break;
        }
}

static void answer_bad(struct talk *k, const struct call *w, const struct client_event *ev)
{
        static const char *const deeds[] = {
                [PHRASE_SAY] = "your message", [PHRASE_JOIN] = "join", [PHRASE_LEAVE] = "leave",
                [PHRASE_NAME] = "name",        [PHRASE_WHO] = "who",
        };
        struct buf words = { 0 };
        bool refused = ev->status == CLIENT_REFUSED;
        k->refused += refused;
        k->unanswered += !refused;
        int err = refused ? phrase_refusal(&words, ev->answer)
                          : buf_text(&words, "no answer came, so it may or may not have happened");
        if (!err && (refused || !k->leaving)) /* those unanswered at the end were told in one word */
                note(k, "%s%s: %.*s", deeds[w->kind], refused ? " was refused" : "", (int)words.n,
                     (const char *)words.at);
        buf_free(&words);
        if (w->kind == PHRASE_JOIN && !k->in_room) {
                k->in_room = k->screen;
                if (!k->screen)
                        talk_leave(k); /* what was meant for the room must not go elsewhere */
        }
}

static void on_answer(struct talk *k, const struct client_event *ev)
{
        struct call w;
        if (waiting_take(&k->waiting, ev->call, &w)) {
                if (ev->status == CLIENT_OK)
                        answer_ok(k, &w, ev->answer);
                else
                        answer_bad(k, &w, ev);
                call_free(&w);
        }
        terminal_resume(k->term);
}

/* ---- the connection --------------------------------------------------------------------------- */

static void settled(struct talk *k)
{
        if (!k->counting)
                return;
        k->counting = false;
        if (k->back_whole || k->recovered)
                note(k, "recovered %" PRIu64 " missed event%s", k->recovered, k->recovered == 1 ? "" : "s");
}

static void on_up(struct talk *k, const struct client_event *ev)
{
        k->id.n = 0;
        buf_put(&k->id, ev->id.at, ev->id.n);
        bool back = k->ever_up;
        k->up = k->ever_up = true;
        if (!back) {
                note(k, "connected over %s as %.*s", k->t->name, (int)ev->id.n, (const char *)ev->id.at);
                alarm_set(&k->alarm, MONO_NEVER);
                if (k->config.room) /* not before: the engine says its name at UP, and `joined` is to bear it */
                        join(k, bytes_text(k->config.room));
        } else {
                note(k,
                     ev->recovered ? "connected again" : "connected again, but the server does not know us any more");
                k->recovered = 0;
                k->back_whole = ev->recovered;
                k->counting = true;
                alarm_set(&k->alarm, mono_add(loop_clock(), settle_ns));
        }
        if (back && !ev->recovered && k->name.n)
                name(k, buf_bytes(&k->name));
        show_prompt(k);
        terminal_resume(k->term);
}

static void on_down(struct talk *k, const struct client_event *ev)
{
        k->down_reason = ev->reason;
        settled(k);
        if (k->up && !k->leaving) {
                note(k, "connection lost (%s)%s", ev->reason, ev->final ? "" : "; trying to come back");
                k->up = false;
                show_prompt(k);
        }
        if (ev->final && k->ever_up && !k->leaving) {
                k->end = TALK_FAILED;
                loop_stop(k->loop);
        }
}

static void on_chat_event(struct talk *k, const struct client_event *ev)
{
        if (k->counting && ev->recovered) {
                k->recovered++;
                alarm_set(&k->alarm, mono_add(loop_clock(), settle_ns));
        }
        if (k->config.json)
                return;
        struct client_event shown = *ev;
        if (k->id.n && bytes_equal(ev->room, buf_bytes(&k->id)))
                shown.room = bytes_text("what was for you alone");
        struct buf out = { 0 };
        print(k, TO_PUT, &out, phrase_event(&out, &shown));
}

static void on_event(void *owner, struct mono now, const struct client_event *ev)
{
        struct talk *k = owner;
        struct buf out = { 0 };
        (void)now;
        if (k->config.json)
                print(k, TO_PUT, &out, phrase_json(&out, ev));
        switch (ev->kind) {
        case CLIENT_UP:
                on_up(k, ev);
                break;
        case CLIENT_DOWN:
                on_down(k, ev);
                break;
        case CLIENT_GAP:
                k->gaps++;
                /* fall through */
        case CLIENT_EVENT:
                on_chat_event(k, ev);
                break;
        case CLIENT_ANSWER:
                on_answer(k, ev);
                break;
        case CLIENT_ADVICE:
                note(k, "%s", ev->reason);
                break;
        case CLIENT_JOINED:
                break; /* a first join has its answer; a repeated one changes nothing here */
        }
        if (terminal_is_broken(k->term))
                talk_leave(k);
        leave_if_done(k);
}

static void on_closed(void *owner, struct mono now, const char *why)
{
        struct talk *k = owner;
        (void)now;
        if (!k->ever_up && !k->leaving) {
                k->end = TALK_UNREACHABLE;
                k->why = strcmp(why, "closed") == 0 && k->down_reason ? k->down_reason : why;
        }
        if (!k->ever_up || k->leaving)
                loop_stop(k->loop);
}

static void on_alarm(void *ctx)
{
        struct talk *k = ctx;
        if (k->ever_up && !k->leaving) {
                settled(k);
        } else if (!k->leaving && !k->warned) {
                k->warned = true;
                note(k, "nothing answers at %s yet", k->config.url->authority);
                alarm_set(&k->alarm, mono_add(loop_clock(), first_wait_ns - patience_ns));
        } else {
                k->end = k->leaving ? k->end : TALK_UNREACHABLE;
                k->why = "no answer within 10 s";
                loop_stop(k->loop);
        }
}

/* ---- life ------------------------------------------------------------------------------------- */

void talk_leave(struct talk *k)
{
        if (k->leaving)
                return;
        settled(k);
        if (k->waiting.n)
                note(k, "leaving with %zu unanswered", k->waiting.n);
        k->leaving = true;
        k->t->bye(client_io_engine(k->io), loop_clock());
        alarm_set(&k->alarm, mono_add(loop_clock(), leave_wait_ns));
        if (client_io_is_open(k->io))
                client_io_turn(k->io);
        else
                loop_stop(k->loop);
}

enum talk_end talk_end(const struct talk *k, const char **why)
{
        *why = k->why;
        if (k->end != TALK_DONE || k->screen)
                return k->end;
        bool lost = k->refused || k->unanswered || k->gaps || k->waiting.n;
        return lost ? TALK_FAILED : TALK_DONE;
}

static int open_all(struct talk *k, const char **why)
{
        struct client_io_config io = { .engine = k->config.engine, .event = on_event, .closed = on_closed, .owner = k };
        int err = client_url_resolve(k->config.url, &io, why);
        if (err)
                return err;
        k->t = io.transport;
        k->screen = !k->config.json && terminal_is_there();
        struct terminal_config term = { .plain = k->config.json, .line = on_line, .end = on_end, .owner = k };
        k->term = terminal_open(k->loop, &term);
        k->io = k->term ? client_io_create(k->loop, &io) : NULL;
        return k->io ? 0 : ERR_NO_MEMORY;
}

int talk_create(struct loop *loop, const struct talk_config *config, struct talk **out, const char **why)
{
        struct talk *k = calloc(1, sizeof *k);
        if (!k)
                return ERR_NO_MEMORY;
        *k = (struct talk){ .config = *config, .loop = loop, .in_room = !config->room };
        alarm_init(&k->alarm, loop, on_alarm, k);
        alarm_set(&k->alarm, mono_add(loop_clock(), patience_ns));
        int err = open_all(k, why);
        if (err) {
                talk_destroy(k);
                return err;
        }
        show_prompt(k);
        *out = k;
        return 0;
}

void talk_destroy(struct talk *k)
{
        if (!k)
                return;
        client_io_destroy(k->io);
        terminal_close(k->term);
        alarm_end(&k->alarm);
        waiting_free(&k->waiting);
        buf_free(&k->id);
        buf_free(&k->room);
        buf_free(&k->name);
        free(k);
}
