/* phrase: what a person types becomes an order or an event; what the engine says becomes words for
 * a person, or one line of JSON for a program.
 *
 * No I/O, no state. Texts from the network are cleaned before a terminal sees them: control
 * characters (C0, DEL, C1) and those that turn the direction of writing are shown as \x1b, \u202e.
 * Everything appends to the caller's buf, without a line's end, and returns 0 or ERR_NO_MEMORY
 * unless it says more.
 */
#ifndef CLIENT_PHRASE_H
#define CLIENT_PHRASE_H
#include "client/transport.h"

enum phrase_kind {
        PHRASE_NOTHING, /* an empty line */
        PHRASE_SAY,     /* arg: the text */
        PHRASE_JOIN,    /* arg: the room */
        PHRASE_LEAVE,   /* arg: the room, or empty for the present one */
        PHRASE_NAME,    /* arg: the name */
        PHRASE_WHO,     /* arg: the room, or empty for the present one */
        PHRASE_HELP,
        PHRASE_QUIT,
        PHRASE_WRONG, /* wrong: what to tell the person */
};

struct phrase {
        enum phrase_kind kind;
        struct bytes arg; /* borrowed from the line */
        const char *wrong;
};

/* A line without its end. One that begins with / is a command; // says a text that begins with /. */
struct phrase phrase_parse(struct bytes line);

/* The commands, a line each, from the table that phrase_parse reads; each line ends with \n. */
int phrase_help(struct buf *out);

/* The event that says `text` in `room` (empty: to everyone). ERR_MALFORMED: not UTF-8 (or no
 * room's name); ERR_TOO_BIG. */
int phrase_message(struct buf *out, struct bytes room, struct bytes text);

/* The event [verb, text]: for name and who. Fails like phrase_message. */
int phrase_verb(struct buf *out, const char *verb, struct bytes text);

/* The event in a line of JSON, ["name", args...]. ERR_MALFORMED (no such array); ERR_TOO_BIG. */
int phrase_json_event(struct buf *out, struct bytes line);

/* An EVENT, a GAP or an OUT as a person reads it. Appends nothing for events that a person need not see
 * (hello). */
int phrase_event(struct buf *out, const struct client_event *ev);

/* The words of a refusal in an answer: the text of {error}, or all of it. */
int phrase_refusal(struct buf *out, struct bytes answer);

/* The answer to `who`. */
int phrase_present(struct buf *out, struct bytes room, struct bytes answer);

/* Text that may go to a terminal. */
int phrase_clean(struct buf *out, struct bytes text);

/* Any engine event as one JSON object:
 *
 *   {"type":"up","id":..,"recovered":..}              {"type":"down","reason":..,"final":..}
 *   {"type":"joined","room":..}                       {"type":"out","room":..,"reason":..}
 *   {"type":"event","event":[name,..],"room":..,"eid":..,"seq":..,"epoch":..,"recovered":..}
 *   {"type":"gap","room":..,"unit":"eid"|"seq","from":..,"to":..|null,"reason":..}
 *   {"type":"answer","call":..,"status":"ok"|"refused"|"unknown","answer":[..]}
 *
 * Binary data stands as {"_placeholder":true,"num":k}, and "attachments":[base64, ..] is added. */
int phrase_json(struct buf *out, const struct client_event *ev);

/* {"type":"error","error":words}: for a line that could not be sent. */
int phrase_json_error(struct buf *out, const char *words);

#endif
