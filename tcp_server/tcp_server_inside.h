/* tcp_server_inside: what the five files of the edge share: tcp_server.c (listening, the turn's end),
 * tcp_conn.c (one connection), tcp_turn.c (who is read from), tcp_request.c (what its requests ask) and
 * tcp_polled.c (one session that polling carries, or carried). EDGE.
 */
#ifndef TCP_SERVER_TCP_SERVER_INSIDE_H
#define TCP_SERVER_TCP_SERVER_INSIDE_H
#include <bsd/sys/queue.h>

#include "core/base/admission.h"
#include "tcp_server/http.h"
#include "tcp_server/polling.h"
#include "tcp_server/probe.h"
#include "tcp_server/tcp_server.h"
#include "tcp_server/tcp_session.h"

enum { READ_BYTES = 64 << 10, DESKS_KEPT = 64 };

/* What lies about while requests are answered, or more comes than can be taken at once. A session hardly
 * ever needs it again: what stands for hours does without. Some are kept for the connections to come, with
 * http and room in first: what comes and goes between blocks that stay would leave holes. */
struct desk {
        struct conn *conn;
        struct http *http;             /* its connection's, then the next one's; NULL: not needed yet */
        TAILQ_ENTRY(desk) hungry_link; /* while its connection is hungry */
        struct buf first;              /* answers on their way out, ahead of the session */
        struct bytes lent;             /* a file's bytes, behind first */
        struct buf held;               /* bytes that could not be taken yet */
};

/* A connection is in one of four states, told by what it has: an http (a request is read, or waits for
 * its answer), a probe, a session, or none of them (we have said all; the peer is given a moment to
 * read it, since closing with its bytes unread would send RST and could destroy our last words). */
struct conn {
        LIST_ENTRY(conn) link;
        TAILQ_ENTRY(conn) dirty_link;
        struct tcp_server *server;
        struct admission_source *source;
        struct watch watch;
        struct alarm alarm;
        struct http *http; /* the desk's */
        struct probe *probe;
        struct tcp_session *session; /* polled's own if there is one */
        struct polled *polled;       /* whose request or probe this is, or whose session */
        struct desk *desk;           /* NULL: a session has the line for itself */
        int fd;
        bool dirty, hungry, blocked, closing;
        bool waiting; /* a request is whole and not answered */
        bool served;  /* a request was answered */
};

/* A session at the edge that began with polling. It destroys itself when it is done; after an upgrade
 * it ends with its WebSocket's connection. */
struct polled {
        struct polling polling;
        TAILQ_ENTRY(polled) dirty_link;
        struct tcp_server *server;
        struct conn *upgraded; /* NULL: polling carries it */
        struct alarm alarm;
        bool dirty, hungry; /* hungry: waits for the next turn, and is marked then */
};

TAILQ_HEAD(conn_dirty, conn);
TAILQ_HEAD(conn_hungry, desk);
TAILQ_HEAD(polled_dirty, polled);

struct tcp_server {
        struct tcp_server_config config;
        struct http_config http;
        struct tcp_service *service;
        struct admission *admission;
        int fd;
        struct watch watch;
        struct alarm alarm, scarce, again;
        struct mono turn_over; /* when this turn has read long enough; NEVER: nothing was read yet */
        bool scarce_said;      /* once for each want */
        LIST_HEAD(, conn) conns;
        struct polling_table polled;
        struct conn_dirty dirty;
        struct conn_hungry hungry;
        struct polled_dirty dirty_polled, hungry_polled;
        struct {
                uint64_t accepted, sends, bytes_in, bytes_out;
                uint64_t refused[HTTP_REFUSALS];
        } stats;
        struct desk *kept[DESKS_KEPT];
        uint32_t kept_n;
        struct buf packets; /* scratch: one answer to a GET */
        uint8_t in[READ_BYTES];
};

/* NULL when memory is out; descriptor and source are the caller's then. */
struct conn *conn_create(struct tcp_server *s, int fd, struct admission_source *source);
void conn_destroy(struct conn *c);
void conn_mark(struct conn *c); /* it has something to send at the turn's end */
void conn_flush(struct conn *c, struct mono now);
void conn_answer(struct conn *c, struct mono now, enum polling_answer_kind kind, struct bytes packets);
void conn_close(struct conn *c, struct mono now); /* the server stops */

/* Takes what is held, or else reads so many bytes at most. False: the connection was gone, and is freed. */
bool conn_serve(struct conn *c, size_t bytes_max);
bool conn_take_desk(struct conn *c); /* false: no memory */
void desk_free(struct desk *d);

/* tcp_turn: there is something to read (false: as conn_serve); there is something to take, in the next turn. */
bool turn_read(struct conn *c);
void turn_want(struct conn *c);
void turn_want_no_more(struct conn *c);
void turn_want_polled(struct polled *p);
void turn_init(struct tcp_server *s);
void turn_end(struct tcp_server *s); /* all reading is done: what was read is to be answered */

/* What a request asks is done; its answer is written now or by conn_answer. */
void conn_asked(struct conn *c, struct mono now, enum http_verdict verdict);
void conn_refuse(struct conn *c, enum http_refusal refusal); /* HTTP_NOT_REFUSED: as http has it already */
void conn_close_after(struct conn *c);                       /* what is written leaves, nothing more is read */
void conn_drop_http(struct conn *c);
void conn_drop_probe(struct conn *c);

struct polled *polled_create(struct tcp_server *s, struct mono now, bool bare); /* NULL: too many, or no memory */
void polled_destroy(struct polled *p, struct mono now);
struct polled *polled_find(struct tcp_server *s, struct bytes sid);
enum http_session polled_look_up(void *server, struct bytes sid);
void polled_mark(struct polled *p); /* it may have answers at the turn's end */
void polled_flush(struct polled *p, struct mono now);
void polled_upgrade(struct polled *p, struct conn *c);
void polled_close_all(struct tcp_server *s, struct mono now);   /* the server stops */
void polled_destroy_all(struct tcp_server *s, struct mono now); /* no connection is left */

#endif
