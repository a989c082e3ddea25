/* talk_inside: one conversation, to the files that are made of it. */
#ifndef CLIENT_TALK_INSIDE_H
#define CLIENT_TALK_INSIDE_H
#include "client/talk.h"
#include "client/terminal.h"
#include "client/waiting.h"
#include "core/loop/loop.h"

struct talk {
        struct talk_config config;
        const struct transport *t;
        struct loop *loop;
        struct client_io *io;
        struct terminal *term;
        struct alarm alarm;
        struct waiting waiting;
        struct buf id;        /* the room that is ours alone */
        struct buf id_before; /* and was until the server forgot us: what it lost is told behind UP */
        struct buf room;      /* where lines go; empty: to everyone */
        struct buf name;      /* set by /name: said again after an unrecovered reconnect */
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

/* talk */
enum talk_channel { TALK_PUT, TALK_NOTE };
/* Prints out and frees it. When memory is out the line is not printed: there is nothing better. */
void talk_print(struct talk *k, enum talk_channel channel, struct buf *out, int err);
/* A remark about the connection: in JSON mode the events themselves say it. */
void talk_note(struct talk *k, const char *format, ...) __attribute__((format(printf, 2, 3)));
void talk_prompt(struct talk *k);

/* talk_line */
enum terminal_verdict talk_line(void *talk, struct bytes line); /* terminal.h's line */
enum terminal_verdict talk_join(struct talk *k, struct bytes room);
enum terminal_verdict talk_name(struct talk *k, struct bytes text);
void talk_answered(struct talk *k, const struct client_event *ev); /* an ANSWER */

#endif
