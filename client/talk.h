/* talk: a conversation: the lines of a terminal and the events of one client engine, brought
 * together. What `bin/client` does, without its command line.
 *
 * Lines wait until the client is connected, and in its room if it wants one. Messages go to the
 * room joined last, or to everyone. It comes back by itself after a lost connection and says how
 * much it has recovered; every gap is told.
 */
#ifndef CLIENT_TALK_H
#define CLIENT_TALK_H
#include "client/client.h"

struct loop;
struct talk;

struct talk_config {
        const struct client_url *url;
        struct client_config engine; /* name, mode, seed, reconnect; host and path come from the URL */
        const char *room;            /* joined at first; NULL: none */
        bool json;                   /* lines are events, and what comes is printed as JSON */
};

/* Looks the server's name up and opens the terminal. Borrows the loop and what the config points
 * to. returns 0 and *out; ERR_NOT_FOUND with *why in words; ERR_NO_MEMORY */
int talk_create(struct loop *loop, const struct talk_config *config, struct talk **out, const char **why);
void talk_destroy(struct talk *t); /* accepts NULL */

/* Says goodbye; the loop stops when that is done, or after a second. */
void talk_leave(struct talk *t);

/* After the loop: what happened. */
enum talk_end {
        TALK_DONE,
        TALK_FAILED,      /* piped: something was refused, unanswered or lost; or the server ended it */
        TALK_UNREACHABLE, /* there was no first connection */
};
enum talk_end talk_end(const struct talk *t, const char **why); /* why: words, for UNREACHABLE */

#endif
