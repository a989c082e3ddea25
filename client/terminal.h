/* terminal: where a person's lines come from, and where words go. EDGE.
 *
 * On a screen (standard input and output are both terminals) lines are edited with GNU readline;
 * what comes in meanwhile is printed above, and the half-typed line stays as it is. Otherwise it
 * is a pipe: lines are read as they come, and printed as they come.
 *
 * One a process, since there is one terminal and readline's state is global.
 */
#ifndef CLIENT_TERMINAL_H
#define CLIENT_TERMINAL_H
#include <stdbool.h>

#include "core/base/bytes.h"

struct loop;
struct terminal;

enum { TERMINAL_LINE_MAX = 1 << 20 }; /* bytes; of a longer line the beginning is given, the rest skipped */

enum terminal_verdict {
        TERMINAL_TAKEN,
        TERMINAL_HEARD, /* taken, and it will be heard back: on a screen it need not stand twice */
        TERMINAL_LATER, /* not now: it is kept, nothing more is read, and terminal_resume gives it again */
};

struct terminal_config {
        bool plain;                                                    /* never a screen */
        enum terminal_verdict (*line)(void *owner, struct bytes text); /* without its end */
        void (*end)(void *owner);                                      /* no more lines will come; once */
        void *owner;
};

/* True when standard input and output are both terminals. */
bool terminal_is_there(void);

/* Borrows the loop. NULL: out of memory. Lines come from the loop's next turn on. */
struct terminal *terminal_open(struct loop *loop, const struct terminal_config *config);
void terminal_close(struct terminal *t); /* gives the screen back as it was; accepts NULL */

void terminal_resume(struct terminal *t);

/* What stands in front of the line being typed; nothing in a pipe. */
void terminal_prompt(struct terminal *t, struct bytes prompt);

/* A line of the conversation: to standard output. */
void terminal_put(struct terminal *t, struct bytes line);

/* A line about it: on a screen among the others, else to standard error. */
void terminal_note(struct terminal *t, struct bytes line);

/* Did standard output refuse a line (its reader is gone)? */
bool terminal_is_broken(const struct terminal *t);

#endif
