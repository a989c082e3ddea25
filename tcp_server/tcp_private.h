/* tcp_private: what one client alone is sent, between the events of its rooms.
 *
 * Two lanes of ready-to-send WebSocket frames, bounded together:
 *
 *   border   leaves at the next border between entries, ahead of any backlog: pings, closes, the
 *            CONNECT reply, gaps. (A ping behind 2 MB of events would kill the connection.)
 *   placed   leaves when everything up to its place (an eid) has left: acks, `hello`, so that they
 *            stand among the events as they happened; one such lane for each namespace, since each
 *            counts its own eids
 *
 * No memory is held while nothing waits. Zeroed structs are empty and valid.
 */
#ifndef TCP_SERVER_TCP_PRIVATE_H
#define TCP_SERVER_TCP_PRIVATE_H
#include <stdbool.h>

#include "core/base/bytes.h"

enum { TCP_PRIVATE_MAX = 16 * 1024 }; /* bytes waiting in both lanes at which no more packets are taken */

struct tcp_private {
        struct buf border;
        uint32_t border_sent;  /* of its bytes; they go when they are half of it: a long frame leaves in many parts */
        uint32_t placed_bytes; /* in all placed lanes */
};

struct tcp_placed {
        struct buf records; /* place u64, length u32, frame */
        uint32_t sent;      /* of the first frame */
};

/* The border lane: append whole frames to it. */
static inline struct buf *tcp_private_border(struct tcp_private *p)
{
        return &p->border;
}

/* What is left of it. */
static inline struct bytes tcp_private_border_left(const struct tcp_private *p)
{
        return bytes_of(p->border.at ? p->border.at + p->border_sent : NULL, p->border.n - p->border_sent);
}

/* A placed frame: append it to the returned buf, then call tcp_private_end with the same start.
 * Places never fall from one frame to the next. NULL when memory is out. */
struct buf *tcp_private_begin(struct tcp_placed *l, uint64_t place, size_t *start);
void tcp_private_end(struct tcp_private *p, struct tcp_placed *l, size_t start);

/* In all lanes. */
size_t tcp_private_bytes(const struct tcp_private *p);

/* Is the first placed frame half sent? Then its rest is next, before anything else. */
bool tcp_private_half(const struct tcp_placed *l);

/* The placed frame at *at (0: the first), or what is left of it; moves *at on. False: no more. */
bool tcp_private_next(const struct tcp_placed *l, size_t *at, uint64_t *place, struct bytes *frame);

/* The transport took so many bytes of the lane. */
void tcp_private_border_sent(struct tcp_private *p, size_t bytes);
void tcp_private_placed_sent(struct tcp_private *p, struct tcp_placed *l, size_t bytes);

/* Drops all frames of a placed lane. */
void tcp_private_unplace(struct tcp_private *p, struct tcp_placed *l);

/* Drops the border lane. */
void tcp_private_free(struct tcp_private *p);

#endif
