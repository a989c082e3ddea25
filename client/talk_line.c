/* line: what a line asks for, and what became of it. */
#include "client/phrase.h"
#include "client/talk_inside.h"
#include "core/base/err.h"
#include "core/loop/loop.h"

/* ---- calls ------------------------------------------------------------------------------------ */

static void refuse(struct talk *k, const char *words)
{
        k->refused++;
        if (k->config.json) {
                struct buf out = { 0 };
                talk_print(k, TALK_PUT, &out, phrase_json_error(&out, words));
        } else {
                talk_note(k, "not sent: %s", words);
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

enum terminal_verdict talk_join(struct talk *k, struct bytes room)
{
        return called(k, k->t->join(client_io_engine(k->io), loop_clock(), room), PHRASE_JOIN, room);
}

static enum terminal_verdict leave(struct talk *k, struct bytes room)
{
        if (room.n == 0)
                room = buf_bytes(&k->room);
        if (room.n == 0) {
                talk_note(k, "you are in no room");
                return TERMINAL_TAKEN;
        }
        return called(k, k->t->leave(client_io_engine(k->io), loop_clock(), room), PHRASE_LEAVE, room);
}

enum terminal_verdict talk_name(struct talk *k, struct bytes text)
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
                talk_note(k, "you are in no room; /who ROOM asks about one");
                return TERMINAL_TAKEN;
        }
        return send_event(k, &event, phrase_verb(&event, "who", room), PHRASE_WHO, room);
}

static void help(struct talk *k)
{
        struct buf out = { 0 };
        int err = phrase_help(&out);
        out.n -= out.n > 0; /* the last line's end */
        talk_print(k, TALK_PUT, &out, err);
}

static enum terminal_verdict obey(struct talk *k, struct bytes line)
{
        struct buf event = { 0 };
        struct phrase p = phrase_parse(line);
        switch (p.kind) {
        case PHRASE_SAY:
                return send_event(k, &event, phrase_message(&event, buf_bytes(&k->room), p.arg), p.kind, p.arg);
        case PHRASE_JOIN:
                return talk_join(k, p.arg);
        case PHRASE_LEAVE:
                return leave(k, p.arg);
        case PHRASE_NAME:
                return talk_name(k, p.arg);
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
                        talk_note(k, "%s", p.wrong);
                else
                        refuse(k, p.wrong);
                break;
        case PHRASE_NOTHING:
                break;
        }
        return TERMINAL_TAKEN;
}

enum terminal_verdict talk_line(void *owner, struct bytes line)
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

/* ---- answers ---------------------------------------------------------------------------------- */

static void set_room(struct talk *k, struct bytes room)
{
        k->room.n = 0;
        if (buf_put(&k->room, room.at, room.n) != 0)
                talk_note(k, "out of memory");
        talk_prompt(k);
}

static void answer_ok(struct talk *k, const struct call *w, struct bytes answer)
{
        struct buf out = { 0 };
        switch (w->kind) {
        case PHRASE_JOIN:
                k->in_room = true;
                set_room(k, buf_bytes(&w->about));
                talk_note(k, "you are in %.*s", (int)w->about.n, (const char *)w->about.at);
                break;
        case PHRASE_LEAVE:
                talk_note(k, "you left %.*s", (int)w->about.n, (const char *)w->about.at);
                if (bytes_equal(buf_bytes(&w->about), buf_bytes(&k->room)))
                        set_room(k, bytes_text(""));
                break;
        case PHRASE_NAME:
                k->name.n = 0;
                if (buf_put(&k->name, w->about.at, w->about.n) == 0)
                        talk_note(k, "you are %.*s now", (int)w->about.n, (const char *)w->about.at);
                break;
        case PHRASE_WHO:
                talk_print(k, TALK_PUT, &out, phrase_present(&out, buf_bytes(&w->about), answer));
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
                talk_note(k, "%s%s: %.*s", deeds[w->kind], refused ? " was refused" : "", (int)words.n,
                          (const char *)words.at);
        buf_free(&words);
        if (w->kind == PHRASE_JOIN && !k->in_room) {
                k->in_room = k->screen;
                if (!k->screen)
                        talk_leave(k); /* what was meant for the room must not go elsewhere */
        }
}

void talk_answered(struct talk *k, const struct client_event *ev)
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
