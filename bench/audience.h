/* audience: the N subscribers of one server, and the bursts that one of them publishes. EDGE.
 *
 * The light end of `bench speed`. Subscriber 0 also publishes. A burst is W events, and is over
 * when each of the N subscribers, the publisher too, has got all W; the next begins after that. So
 * the batch that a server finds is fixed: a slower one does not collect a bigger batch and look
 * faster for it. Three more things keep the receivers out of the server's figure:
 *
 *   - they are sockets, not engines: core/wire decodes just enough to count whole events;
 *   - the server never wakes them: they sleep while the first half is served, and for 50 us each time
 *     that they have caught up with it, in whatever order it serves them. A wake-up would cost the
 *     server as much as the send, and a slow server more of them than a quick one;
 *   - the burst is published from the server's own core (speed_child.h), so it is whole before
 *     the server runs.
 *
 * On UDP they tell their server what it would hear from whole clients: REPORT, measured as those
 * measure (client/udp_meter), each second of bursts and when events pause; PONG to its PINGs. So it
 * may pace them. With a group they hear that, as clients do who say LISTEN.
 *
 * A bare audience speaks to bare.h: the same bursts and the same counting, without handshake.
 */
#ifndef BENCH_AUDIENCE_H
#define BENCH_AUDIENCE_H
#include "bench/batch.h"
#include "bench/speed_child.h"

enum { AUDIENCE_EVENT_BYTES_MAX = 1024 };

struct audience;

struct audience_config {
        bool datagrams; /* UDP */
        bool bare;
        struct sock_addr to;
        struct sock_addr group; /* n = 0: none; else events come by this multicast group */
        uint32_t subscribers;   /* at least 2 */
        uint32_t burst_events;  /* at most BATCH_ENTRIES_MAX */
        uint32_t event_bytes;   /* of each event's text; PAYLOAD_BYTES_MIN to AUDIENCE_EVENT_BYTES_MAX */
        struct cores cores;
};

/* Returns NULL when memory is out. No socket is opened yet. */
struct audience *audience_create(const struct audience_config *config);
void audience_destroy(struct audience *c); /* closes all sockets; accepts NULL */

/* Each returns 0, or ERR_* and the words for it in audience_why. */
int audience_connect(struct audience *c);
int audience_burst(struct audience *c);
/* A burst; what subscriber 1 gets of it is appended to an empty batch, which the caller frees. */
int audience_record(struct audience *c, struct batch *batch);

const char *audience_why(const struct audience *c);

/* Bytes that the publisher sends for one burst, always the same. */
size_t audience_burst_bytes(const struct audience *c);

/* Events pause: says what keeps idle sessions quiet (UDP: REPORT), and answers PINGs. Returns as those above. */
int audience_rest(struct audience *c);

/* Rests before it is measured. While others connect, and other servers start, nobody sends REPORT, so a server may
 * open its breaker, which the next REPORT closes. From here on it may not: a burst or rest with ERROR SLOW fails,
 * since what is sent through an open breaker says nothing about the server. */
int audience_settle(struct audience *c);

struct audience_figures {
        uint64_t events;  /* delivered */
        uint64_t packets; /* TCP segments, as the kernel counts them, or datagrams with events */
};

/* Picks a group and a port that nobody else on this machine is likely to have taken. False: what is sent to it on the
 * loopback is not heard there. */
bool audience_group(struct sock_addr *group);

/* Counts since audience_connect. */
struct audience_figures audience_figures(const struct audience *c);

#endif
