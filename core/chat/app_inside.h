/* app_inside: what app.c and ask.c share. */
#ifndef CORE_CHAT_APP_INSIDE_H
#define CORE_CHAT_APP_INSIDE_H
#include <bsd/sys/queue.h>

#include "core/chat/ask.h"

struct asks; /* questions without an answer yet; made by the first */

struct app {
        struct app *next;
        struct hub *hub;
        const struct app_handlers *handlers;
        struct asks *asks;
        struct bytes token; /* empty: none is asked for */
        struct limits own, *limits;
        uint32_t sockets; /* connected or away */
};

struct app_socket {
        struct app *app;
        struct member *member; /* its id is the socket's */
        void *data;
        struct app_line line;
        bool dismissed, closing;
        LIST_HEAD(, question) asked; /* what it has not answered */
};

/* The socket lost its connection: its questions count as unanswered. */
void asks_gone(struct app_socket *s, struct mono now);
void asks_destroy(struct asks *asks); /* none are left; accepts NULL */

#endif
