#include "client/phrase.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/err.h"
#include "core/event/event.h"
#include "core/event/json.h"
#include "core/event/pack.h"

/* ---- what a person types ---------------------------------------------------------------------- */

enum argument { NO_ARGUMENT, MAY_ARGUMENT, MUST_ARGUMENT };

static const struct command {
        const char *word, *argument;
        enum phrase_kind kind;
        enum argument takes;
        const char *help;
} commands[] = {
        { "/join", "ROOM", PHRASE_JOIN, MUST_ARGUMENT, "join a room and speak there" },
        { "/leave", "[ROOM]", PHRASE_LEAVE, MAY_ARGUMENT, "leave this room, or that one" },
        { "/name", "NAME", PHRASE_NAME, MUST_ARGUMENT, "what the others see before your words" },
        { "/who", "[ROOM]", PHRASE_WHO, MAY_ARGUMENT, "who is in this room, or in that one" },
        { "/help", "", PHRASE_HELP, NO_ARGUMENT, "this list; a text that begins with / is typed with //" },
        { "/quit", "", PHRASE_QUIT, NO_ARGUMENT, "say goodbye and end" },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes text)
{
        while (text.n > 0 && is_blank(text.at[text.n - 1]))
                text.n--;
        while (text.n > 0 && is_blank(text.at[0]))
                text = bytes_of(text.at + 1, text.n - 1);
        return text;
}

static struct phrase wrong(const char *words)
{
        return (struct phrase){ .kind = PHRASE_WRONG, .wrong = words };
}

static struct phrase parse_command(struct bytes line)
{
        size_t word_n = 0;
        while (word_n < line.n && !is_blank(line.at[word_n]))
                word_n++;
        struct bytes word = { line.at, word_n }, arg = trim(bytes_of(line.at + word_n, line.n - word_n));
        for (int i = 0; i < COMMANDS; i++) {
                const struct command *c = &commands[i];
                if (!bytes_equal(word, bytes_text(c->word)))
                        continue;
                if (c->takes == MUST_ARGUMENT && arg.n == 0)
                        return wrong("that command needs a word behind it; /help lists them");
                if (c->takes == NO_ARGUMENT && arg.n > 0)
                        return wrong("that command takes nothing behind it; /help lists them");
                return (struct phrase){ .kind = c->kind, .arg = arg };
        }
        return wrong("no such command; /help lists them, and // begins a text with /");
}

struct phrase phrase_parse(struct bytes line)
{
        struct bytes text = trim(line);
        if (text.n == 0)
                return (struct phrase){ .kind = PHRASE_NOTHING };
        if (text.at[0] != '/')
                return (struct phrase){ .kind = PHRASE_SAY, .arg = line };
        if (text.n > 1 && text.at[1] == '/')
                return (struct phrase){ .kind = PHRASE_SAY, .arg = { text.at + 1, text.n - 1 } };
        return parse_command(text);
}

int phrase_help(struct buf *out)
{
        int err = 0;
        for (int i = 0; i < COMMANDS && !err; i++) {
                const struct command *c = &commands[i];
                err = buf_printf(out, "  %s%s%-*s %s\n", c->word, *c->argument ? " " : "",
                                 (int)(14 - strlen(c->word) - (*c->argument != '\0')), c->argument, c->help);
        }
        return err;
}

/* ---- events to send --------------------------------------------------------------------------- */

/* What was packed in out from `start` on must be what servers accept; otherwise it is taken back. */
static int proved(struct buf *out, size_t start, int err)
{
        struct event e;
        err = err ? err : event_parse(bytes_of(out->at + start, out->n - start), SIZE_MAX, &e);
        if (err)
                out->n = start;
        return err;
}

int phrase_message(struct buf *out, struct bytes room, struct bytes text)
{
        size_t start = out->n;
        int err = event_begin(out, "chat message", 1);
        if (room.n) {
                err = err ? err : pack_put_map(out, 2);
                err = err ? err : pack_put_word(out, "room");
                err = err ? err : pack_put_text(out, room);
                err = err ? err : pack_put_word(out, "text");
        }
        err = err ? err : pack_put_text(out, text);
        return proved(out, start, err);
}

int phrase_verb(struct buf *out, const char *verb, struct bytes text)
{
        size_t start = out->n;
        int err = event_begin(out, verb, 1);
        err = err ? err : pack_put_text(out, text);
        return proved(out, start, err);
}

int phrase_json_event(struct buf *out, struct bytes line)
{
        size_t start = out->n;
        return proved(out, start, json_to_pack(line, out, NULL));
}

/* ---- words for a person ----------------------------------------------------------------------- */

/* One character of UTF-8 (valid or not) from `text`; returns its bytes. */
static size_t next_character(struct bytes text, uint32_t *c)
{
        uint8_t first = text.at[0];
        size_t n = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        for (size_t i = 1; i < n; i++) {
                if (i >= text.n || (text.at[i] & 0xc0) != 0x80)
                        n = 1;
        }
        *c = n == 1 ? first : first & (0x7fu >> n);
        for (size_t i = 1; i < n; i++)
                *c = *c << 6 | (text.at[i] & 0x3fu);
        return n;
}

/* Moves the cursor, hides or reverses text, or is no character at all. */
static bool is_unclean(uint32_t c, size_t n)
{
        if (n == 1)
                return c < 0x20 || c >= 0x7f;
        return c < 0xa0 || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

int phrase_clean(struct buf *out, struct bytes text)
{
        int err = 0;
        while (text.n > 0 && !err) {
                uint32_t c;
                size_t n = next_character(text, &c);
                if (is_unclean(c, n))
                        err = buf_printf(out, c < 0x100 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, c);
                else
                        err = buf_put(out, text.at, n);
                text = bytes_of(text.at + n, text.n - n);
        }
        return err;
}

/* A display name, or the beginning of an id where there is none. */
static int put_person(struct buf *out, struct bytes map, const char *id_key)
{
        struct bytes name = { 0 }, id = { 0 };
        pack_get_text(pack_map_text(map, "name"), &name);
        pack_get_text(pack_map_text(map, id_key), &id);
        if (name.n)
                return phrase_clean(out, name);
        if (id.n > 6)
                id.n = 6;
        return id.n ? phrase_clean(out, id) : buf_text(out, "someone");
}

static int put_room(struct buf *out, struct bytes room)
{
        return room.n ? phrase_clean(out, room) : buf_text(out, "everyone");
}

static int put_json_clean(struct buf *out, struct bytes item)
{
        struct buf text = { 0 };
        struct json_bins bins;
        int err = json_from_pack(item, &text, &bins);
        err = err == 0 ? phrase_clean(out, buf_bytes(&text)) : err == ERR_NO_MEMORY ? err : buf_text(out, "(data)");
        buf_free(&text);
        return err;
}

/* Any event: its name, then its arguments as JSON. */
static int put_plain(struct buf *out, const struct event *e)
{
        struct bytes rest = e->args, item;
        int err = phrase_clean(out, e->name);
        while (!err && pack_next(&rest, &item)) {
                err = buf_text(out, " ");
                err = err ? err : put_json_clean(out, item);
        }
        return err;
}

static int put_message(struct buf *out, const struct event *e)
{
        struct bytes message = event_arg(e, 0), text, room = { 0 };
        bool bare = pack_get_text(message, &text);
        if (!bare && !pack_get_text(pack_map_text(message, "text"), &text))
                return put_plain(out, e);
        int err = buf_text(out, "[");
        pack_get_text(pack_map_text(message, "room"), &room);
        err = err ? err : put_room(out, room);
        err = err ? err : buf_text(out, "] ");
        if (!bare) {
                err = err ? err : put_person(out, message, "from");
                err = err ? err : buf_text(out, ": ");
        }
        return err ? err : phrase_clean(out, text);
}

static int put_stay(struct buf *out, const struct event *e, const char *verb)
{
        struct bytes stay = event_arg(e, 0), room = { 0 };
        pack_get_text(pack_map_text(stay, "room"), &room);
        int err = buf_text(out, "[");
        err = err ? err : put_room(out, room);
        err = err ? err : buf_text(out, "] ");
        err = err ? err : put_person(out, stay, "id");
        return err ? err : buf_printf(out, " %s", verb);
}

/* A reason of the wire in a person's words; any other is words already. */
static const char *reason_words(const char *reason)
{
        static const char *const words[][2] = {
                { "evicted", "the server's log no longer had it" }, { "expired", "too old for the server's log" },
                { "epoch", "the server was started anew" },         { "session lost", "the server had forgotten us" },
                { "too big", "too large for a datagram" },          { "timeout", "asked for in vain" },
        };
        for (size_t i = 0; reason && i < sizeof words / sizeof *words; i++)
                if (strcmp(reason, words[i][0]) == 0)
                        return words[i][1];
        return reason ? reason : "no reason given";
}

static int put_gap(struct buf *out, const struct client_event *ev)
{
        const char *unit = ev->unit == CLIENT_UNIT_SEQ ? "seq" : "eid";
        int err = buf_text(out, "gap in ");
        err = err ? err : put_room(out, ev->room);
        if (ev->to == UINT64_MAX)
                err = err ? err : buf_printf(out, ": what came from %s %" PRIu64 " on is lost to you", unit, ev->from);
        else if (ev->to == ev->from)
                err = err ? err : buf_printf(out, ": %s %" PRIu64 " is lost to you", unit, ev->from);
        else
                err = err ? err
                          : buf_printf(out, ": %s %" PRIu64 " to %" PRIu64 " are lost to you", unit, ev->from, ev->to);
        return err ? err : buf_printf(out, " (%s)", reason_words(ev->reason));
}

static int put_out(struct buf *out, const struct client_event *ev)
{
        int err = buf_text(out, "you are out of ");
        err = err ? err : put_room(out, ev->room);
        return err ? err : buf_printf(out, " (%s)", ev->reason);
}

int phrase_event(struct buf *out, const struct client_event *ev)
{
        struct event e;
        if (ev->kind == CLIENT_GAP)
                return put_gap(out, ev);
        if (ev->kind == CLIENT_OUT)
                return put_out(out, ev);
        if (event_parse(ev->event, SIZE_MAX, &e) != 0 || event_is(&e, "hello"))
                return 0;
        if (event_is(&e, "chat message"))
                return put_message(out, &e);
        if (event_is(&e, "joined"))
                return put_stay(out, &e, "joined");
        if (event_is(&e, "left"))
                return put_stay(out, &e, "left");
        return put_plain(out, &e);
}

int phrase_refusal(struct buf *out, struct bytes answer)
{
        struct bytes first, words;
        if (!pack_next(&answer, &first))
                return buf_text(out, "no reason given");
        if (pack_get_text(pack_map_text(first, "error"), &words) || pack_get_text(first, &words))
                return phrase_clean(out, words);
        return put_json_clean(out, first);
}

int phrase_present(struct buf *out, struct bytes room, struct bytes answer)
{
        struct bytes list = { 0 }, members = { 0 }, person, count = { 0 };
        uint32_t n = 0;
        uint64_t present;
        pack_next(&answer, &list);
        pack_next(&answer, &count);
        pack_get_array(list, &n, &members);
        if (!pack_get_u64(count, &present))
                present = n;
        int err = buf_text(out, "in ");
        err = err ? err : put_room(out, room);
        err = err ? err : buf_text(out, n ? ": " : ": nobody");
        for (uint32_t i = 0; !err && pack_next(&members, &person); i++) {
                err = i ? buf_text(out, ", ") : 0;
                err = err ? err : put_person(out, person, "id");
        }
        return err || present <= n ? err : buf_printf(out, " and %" PRIu64 " more", present - n);
}
