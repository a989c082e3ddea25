/* event: one chat event in its canonical form, the msgpack array [name, args...].
 *
 * What the room log holds, what a datagram carries, and what the Socket.IO encodings are made
 * from. A struct event is a view: it borrows the packed bytes it was parsed from.
 *
 * Whatever event_parse accepts can be delivered on every path: it has a JSON form, at most as many
 * bins as a Socket.IO packet may have attachments, and nothing in it could be taken for one.
 */
#ifndef CORE_EVENT_EVENT_H
#define CORE_EVENT_EVENT_H
#include "core/base/bytes.h"

enum { EVENT_NAME_MAX = 256 }; /* bytes of a name */

struct event {
        struct bytes packed; /* the whole array */
        struct bytes name;   /* valid UTF-8, not empty */
        struct bytes args;   /* the arguments' items back to back, for pack_next */
        uint32_t args_n;
        uint32_t bins_n; /* bins anywhere in it: what Socket.IO's JSON sends as attachments */
};

enum { EVENT_BINS_MAX = 10 }; /* socket.io-parser 4.2.7 takes at most 10 attachments */

/* Scans (pack_limits_event, but of at most so many bytes) and parses; *e is untouched on failure.
 * returns 0; ERR_MALFORMED (cut short, no array, no name, name empty or too long, text that is not
 *         UTF-8, a map key that is neither text nor integer, bins together with a map that says
 *         {"_placeholder": true}, bad msgpack); ERR_TOO_BIG (a limit, or over EVENT_BINS_MAX bins) */
int event_parse(struct bytes packed, size_t bytes_max, struct event *e);

/* The argument at place i (from 0); empty bytes (PACK_NONE) when there are fewer. */
struct bytes event_arg(const struct event *e, uint32_t i);

/* Does the event bear this name? */
bool event_is(const struct event *e, const char *name);

/* Starts an event with args_n arguments in out: the array head and the name; the caller puts the
 * arguments behind it with pack_put_*. Returns 0 or ERR_NO_MEMORY. */
int event_begin(struct buf *out, const char *name, uint32_t args_n);

#endif
