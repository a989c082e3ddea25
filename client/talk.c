#include "client/talk.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/phrase.h"
#include "client/talk_inside.h"
#include "core/base/err.h"
#include "core/loop/loop.h"

static const int64_t patience_ns = 3 * NS_PER_S, first_wait_ns = 10 * NS_PER_S; /* for the first connection */
static const int64_t leave_wait_ns = NS_PER_S;
static const int64_t settle_ns = 300 * NS_PER_MS; /* after the last recovered event: that was all */

/* ---- words ------------------------------------------------------------------------------------ */

void talk_print(struct talk *k, enum talk_channel channel, struct buf *out, int err)
{
        if (!err && out->n > 0) {
                if (channel == TALK_PUT)
                        terminal_put(k->term, buf_bytes(out));
                else
                        terminal_note(k->term, buf_bytes(out));
        }
        buf_free(out);
}

void talk_note(struct talk *k, const char *format, ...)
{
        char line[512];
        va_list args;
        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        struct buf out = { 0 };
        int err = k->config.json ? 0 : buf_text(&out, k->screen ? "* " : "client: ");
        err = err || k->config.json ? err : phrase_clean(&out, bytes_text(line));
        talk_print(k, TALK_NOTE, &out, err);
}

void talk_prompt(struct talk *k)
{
        struct buf out = { 0 };
        int err = phrase_clean(&out, buf_bytes(&k->room));
        err = err ? err : buf_text(&out, k->up ? "> " : " (not connected)> ");
        if (!err)
                terminal_prompt(k->term, buf_bytes(&out));
        buf_free(&out);
}

/* ---- the connection --------------------------------------------------------------------------- */

static void settled(struct talk *k)
{
        if (!k->counting)
                return;
        k->counting = false;
        if (k->back_whole || k->recovered)
                talk_note(k, "recovered %" PRIu64 " missed event%s", k->recovered, k->recovered == 1 ? "" : "s");
}

static void on_up(struct talk *k, const struct client_event *ev)
{
        struct buf spare = k->id_before;
        k->id_before = k->id;
        k->id = spare;
        k->id.n = 0;
        buf_put(&k->id, ev->id.at, ev->id.n);
        bool back = k->ever_up;
        k->up = k->ever_up = true;
        if (!back) {
                talk_note(k, "connected over %s as %.*s", k->t->name, (int)ev->id.n, (const char *)ev->id.at);
                alarm_set(&k->alarm, MONO_NEVER);
                if (k->config.room) /* not before: the engine says its name at UP, and `joined` is to bear it */
                        talk_join(k, bytes_text(k->config.room));
        } else {
                talk_note(k, ev->recovered ? "connected again"
                                           : "connected again, but the server does not know us any more");
                k->recovered = 0;
                k->back_whole = ev->recovered;
                k->counting = true;
                alarm_set(&k->alarm, mono_add(loop_clock(), settle_ns));
        }
        if (back && !ev->recovered && k->name.n)
                talk_name(k, buf_bytes(&k->name));
        talk_prompt(k);
        terminal_resume(k->term);
}

static void on_down(struct talk *k, const struct client_event *ev)
{
        k->down_reason = ev->reason;
        settled(k);
        if (k->up && !k->leaving) {
                talk_note(k, "connection lost (%s)%s", ev->reason, ev->final ? "" : "; trying to come back");
                k->up = false;
                talk_prompt(k);
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
        if (ev->room.n && (bytes_equal(ev->room, buf_bytes(&k->id)) || bytes_equal(ev->room, buf_bytes(&k->id_before))))
                shown.room = bytes_text("what was for you alone");
        struct buf out = { 0 };
        talk_print(k, TALK_PUT, &out, phrase_event(&out, &shown));
}

/* ---- all that is told ---------------------------------------------------------------------- */

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

static void on_event(void *owner, struct mono now, const struct client_event *ev)
{
        struct talk *k = owner;
        struct buf out = { 0 };
        (void)now;
        if (k->config.json)
                talk_print(k, TALK_PUT, &out, phrase_json(&out, ev));
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
        case CLIENT_OUT: /* it stays the room to speak in: what is said there is refused, and goes nowhere else */
        case CLIENT_EVENT:
                on_chat_event(k, ev);
                break;
        case CLIENT_ANSWER:
                talk_answered(k, ev);
                break;
        case CLIENT_ADVICE:
                talk_note(k, "%s", ev->reason);
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
                talk_note(k, "nothing answers at %s yet", k->config.url->authority);
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
                talk_note(k, "leaving with %zu unanswered", k->waiting.n);
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
        struct terminal_config term = { .plain = k->config.json, .line = talk_line, .end = on_end, .owner = k };
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
        talk_prompt(k);
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
        buf_free(&k->id_before);
        buf_free(&k->room);
        buf_free(&k->name);
        free(k);
}
