#include "client/event_queue.h"

#include <stdlib.h>

#include "core/base/err.h"

struct told_event {
        STAILQ_ENTRY(told_event) next;
        struct client_event ev;
        uint8_t bytes[];
};

void event_queue_init(struct event_queue *q)
{
        *q = (struct event_queue){ .lent = NULL };
        STAILQ_INIT(&q->waiting);
}

static struct bytes keep(uint8_t **at, struct bytes from)
{
        struct bytes kept = bytes_of(*at, from.n);
        if (from.n > 0)
                memcpy(*at, from.at, from.n);
        *at += from.n;
        return kept;
}

int event_queue_push(struct event_queue *q, const struct client_event *ev)
{
        size_t bytes = ev->id.n + ev->room.n + ev->event.n + ev->answer.n;
        struct told_event *t = q->torn ? NULL : malloc(sizeof *t + bytes);
        if (!t) {
                q->torn = true;
                return ERR_NO_MEMORY;
        }
        uint8_t *at = t->bytes;
        t->ev = *ev;
        t->ev.id = keep(&at, ev->id);
        t->ev.room = keep(&at, ev->room);
        t->ev.event = keep(&at, ev->event);
        t->ev.answer = keep(&at, ev->answer);
        STAILQ_INSERT_TAIL(&q->waiting, t, next);
        q->n++;
        return 0;
}

static bool last_word(struct event_queue *q, struct client_event *ev)
{
        if (!q->torn || q->torn_told)
                return false;
        q->torn_told = true;
        *ev = (struct client_event){ .kind = CLIENT_DOWN, .reason = "out of memory", .final = true };
        return true;
}

bool event_queue_next(struct event_queue *q, struct client_event *ev)
{
        free(q->lent);
        q->lent = STAILQ_FIRST(&q->waiting);
        if (!q->lent)
                return last_word(q, ev);
        STAILQ_REMOVE_HEAD(&q->waiting, next);
        q->n--;
        *ev = q->lent->ev;
        return true;
}

void event_queue_free(struct event_queue *q)
{
        struct client_event ev;
        while (event_queue_next(q, &ev))
                ;
        event_queue_init(q);
}
