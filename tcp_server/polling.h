/* polling: a session that begins with HTTP long polling, and may be upgraded to a WebSocket.
 *
 * It outlives the requests that carry it. Sans-I/O: requests and WebSockets are pointers that only the
 * caller understands; they are borrowed until they are answered, gone, or the session is destroyed.
 * The caller always goes: what came in, then polling_next until it has no more answers, alarm at the
 * deadline, destroy when done.
 *
 *   GET    waits until there is something to send; a second one ends the session
 *   POST   its packets are taken in order, 64 KiB of them a turn, and it is answered when all are: while
 *          answers pile up unread the rest waits. A second one beside it ends the session.
 *   probe  a WebSocket that names the session asks to take over: `2probe` is answered, a waiting GET
 *          gets a `6` so that the client can let go of polling, `5` makes the change. What was not
 *          sent by then goes over the WebSocket, behind what was: none lost, none twice.
 *
 * A ping is sent, and its pong awaited, whether a GET waits or not. A request whose connection breaks
 * before its answer ends the session at once.
 *
 * Source: engine.io-protocol 4; the reference's order of answers (POST before GET).
 */
#ifndef TCP_SERVER_POLLING_H
#define TCP_SERVER_POLLING_H
#include <bsd/sys/queue.h>

#include "core/wire/eio.h"
#include "tcp_server/http.h"
#include "tcp_server/tcp_session.h"

enum polling_stage { POLLING_ALONE, POLLING_ASKED, POLLING_PROBED, POLLING_UPGRADED };

struct polling {
        LIST_ENTRY(polling) link;
        TAILQ_ENTRY(polling) newcomer_link;
        struct polling_table *table;
        bool newcomer; /* in the table's list of them */
        struct tcp_session *session;
        char sid[EIO_SID_CHARS + 1];
        enum polling_stage stage;
        void *get, *post, *websocket;
        struct buf packets;  /* of the POST, once it is whole */
        size_t packets_at;   /* the first that was not taken yet */
        bool whole;          /* the POST is */
        bool packets_left;   /* some were not taken */
        struct mono noop_at; /* when the waiting GET gets its `6`; NEVER without a probe */
        struct mono probe_by;
};

/* Sessions under their sids. Sids are ours and random: their first characters spread them well.
 *
 * No descriptor stands for a session, so it is here that their number is bounded: in all, and of those
 * that joined no namespace yet. A client joins within a round trip; of too many newcomers the oldest
 * go, so that whoever asks for sessions without end cannot keep clients out. */
enum { POLLING_BUCKETS = 64 * 64, POLLING_SESSIONS_MAX = 65536, POLLING_NEWCOMERS_MAX = 4096 };
struct polling_table {
        LIST_HEAD(, polling) bucket[POLLING_BUCKETS];
        TAILQ_HEAD(, polling) newcomers; /* oldest first; those that have joined since are passed over */
        uint32_t sessions, newcomers_n;
};

/* A zeroed table is empty. NULL: nobody has that sid. */
struct polling *polling_find(const struct polling_table *t, struct bytes sid);

/* Begins a session; its open packet answers the first GET. returns 0, ERR_FULL or ERR_NO_MEMORY */
int polling_init(struct polling *p, struct polling_table *t, struct tcp_service *v, struct mono now,
                 const struct hub_sink *sink);
void polling_free(struct polling *p, struct mono now);

/* A GET; the head of a POST. False: it cannot be served and is to be refused as a bad request. */
bool polling_get(struct polling *p, struct mono now, void *request);
bool polling_post(struct polling *p, struct mono now, void *request);

/* The POST is whole: its packets are copied. */
void polling_packets(struct polling *p, struct mono now, struct bytes packets);

/* The POST was refused while it came in; the session goes on. */
void polling_post_refused(struct polling *p);

/* A WebSocket wants to probe (false: refuse it); was answered `3probe`; has said `5`. */
bool polling_probe(struct polling *p, struct mono now, void *websocket);
void polling_probed(struct polling *p, struct mono now);
void polling_upgrade(struct polling *p);

/* The connection of a request or of a probe is gone. */
void polling_gone(struct polling *p, struct mono now, void *request);

enum polling_answer_kind { POLLING_PACKETS, POLLING_OK, POLLING_REFUSED, POLLING_DROP };
struct polling_answer {
        enum polling_answer_kind kind; /* DROP: a probe that took too long, or whose session ended */
        void *request;
};

/* The next answer that is due; packets is filled for POLLING_PACKETS. False: none for now. */
bool polling_next(struct polling *p, struct mono now, struct polling_answer *a, struct buf *packets);

/* MONO_NEVER after an upgrade: then the session's own deadline is the WebSocket's business. */
struct mono polling_deadline(const struct polling *p);
void polling_expire(struct polling *p, struct mono now);

/* The session has ended and nobody waits to be told: its sid is forgotten. Never after an upgrade. */
bool polling_done(const struct polling *p);

#endif
