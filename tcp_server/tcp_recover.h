/* tcp_recover: sockets under their private ids, so that a client that lost its connection finds
 * its own again.
 *
 * While recovery is on every connected socket has a record here. Without a connection it stays for
 * a while (120 s) and in bounded number (10,000, the oldest go first); then it is forgotten. With
 * one, the record says which session has it, so that a second connection of the same client takes
 * it over instead of being a stranger.
 *
 * Private ids are 120 bits from the OS, then two characters that count how often the socket got a new
 * one. A stranger cannot choose what is stored under, so the first characters are all the hash it needs.
 */
#ifndef TCP_SERVER_TCP_RECOVER_H
#define TCP_SERVER_TCP_RECOVER_H
#include <bsd/sys/queue.h>

#include "core/chat/app.h"

struct tcp_session;
struct tcp_recover;

enum { TCP_PID_DRAWN = 20, TCP_PID_CHARS = TCP_PID_DRAWN + 2 };

/* For its readers: all but the first three are the table's own. */
struct tcp_kept {
        struct app_socket *socket;
        struct tcp_session *live; /* NULL: away */
        char pid[TCP_PID_CHARS];  /* found by the drawn part */
        uint32_t renewed;
        struct mono forget_at;
        TAILQ_ENTRY(tcp_kept) away_link;
        LIST_ENTRY(tcp_kept) pid_link;
};

/* NULL when memory is out. */
struct tcp_recover *tcp_recover_create(uint32_t away_max, int64_t away_ns);
void tcp_recover_destroy(struct tcp_recover *r); /* forgets all that are away; accepts NULL */

/* Gives the socket of a live session a private id. NULL when memory is out. */
struct tcp_kept *tcp_recover_add(struct tcp_recover *r, struct app_socket *socket, struct tcp_session *live);

/* Whose private id is this, or was before it got a new one? The client may never have learned the
 * new one. NULL: nobody's. */
struct tcp_kept *tcp_recover_find(struct tcp_recover *r, struct bytes pid);

/* Is this its private id now? */
bool tcp_recover_is_newest(const struct tcp_kept *k, struct bytes pid);

/* Gives it a new private id. */
void tcp_recover_renew(struct tcp_kept *k);

/* The session is gone, the socket stays; may forget the oldest. */
void tcp_recover_away(struct tcp_recover *r, struct tcp_kept *k, struct mono now);

/* Another session has the socket now. */
void tcp_recover_back(struct tcp_recover *r, struct tcp_kept *k, struct tcp_session *live);

/* Frees the record; the socket is the caller's. */
void tcp_recover_drop(struct tcp_recover *r, struct tcp_kept *k);

uint32_t tcp_recover_away_n(const struct tcp_recover *r);
struct mono tcp_recover_deadline(const struct tcp_recover *r);
void tcp_recover_expire(struct tcp_recover *r, struct mono now);

#endif
