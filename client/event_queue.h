/* event_queue: what a client engine has to tell, in order, until it is pulled.
 *
 * An engine pushes events that borrow from a datagram or a stream; the queue keeps copies, and the
 * one that was pulled last stays good until the next pull or push. No I/O, no clock.
 *
 * Nothing is silent, not even that memory ran out: with the first event that cannot be kept the queue is torn. It
 * keeps nothing more then, and its last word, behind what it kept, needs no memory: a final DOWN. The engine ends.
 */
#ifndef CLIENT_EVENT_QUEUE_H
#define CLIENT_EVENT_QUEUE_H
#include <sys/queue.h>

#include "client/transport.h"

struct told_event;

/* Made ready by event_queue_init. */
struct event_queue {
        STAILQ_HEAD(, told_event) waiting;
        struct told_event *lent;
        uint64_t n;
        bool torn, torn_told;
};

void event_queue_init(struct event_queue *q);

/* Copies *ev with the bytes of id, room, event and answer. Returns 0 or ERR_NO_MEMORY: it is
 * torn, now or since longer. */
int event_queue_push(struct event_queue *q, const struct client_event *ev);

/* False when there is none. What *ev borrows stays until the next call. */
bool event_queue_next(struct event_queue *q, struct client_event *ev);

void event_queue_free(struct event_queue *q);

#endif
