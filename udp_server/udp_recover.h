/* udp_recover: who was here, by instance id, and what he published: kept while he is away.
 *
 * An *instance* is one client across its reconnects, named by 16 random bytes that it keeps. It
 * holds the application's socket (id, rooms, intervals, origin) and the answers to the last 1,024
 * publishes, so that a PUB tried again, even on a new session, is never appended twice; the newest
 * that is done of those that are to be done in order; and whether its last session's circuit breaker was open. An away
 * instance is kept 120 s; at most 10,000 of them, the oldest go first.
 *
 * Source: the project's UDP wire spec, section 7 (publish) and CORE.md (recovery).
 */
#ifndef UDP_SERVER_UDP_RECOVER_H
#define UDP_SERVER_UDP_RECOVER_H
#include "core/base/mono.h"
#include "core/chat/app.h"
#include "core/wire/dgram.h"
#include "core/wire/reassembly.h"
#include "udp_server/pace.h"

enum { UDP_PUBS_KEPT = 1024, UDP_AWAY_MAX = 10000, UDP_PARTS_BYTES_TOTAL = 32 << 20 };
#define UDP_AWAY_NS (120 * NS_PER_S)

struct udp_instances; /* all of a server */
struct udp_instance;  /* one */
struct udp_session;

/* Returns NULL when memory is out. */
struct udp_instances *udp_instances_create(uint32_t away_max, int64_t away_ns);

/* Forgets all; no instance may have a session then. Accepts NULL. */
void udp_instances_destroy(struct udp_instances *t);

/* NULL: not known. */
struct udp_instance *udp_instance_find(const struct udp_instances *t, const uint8_t id[DGRAM_TOKEN]);

/* A new instance with this socket (taken: it is left or forgotten with the instance), here, with
 * this session. NULL when memory is out (the socket is then still the caller's). */
struct udp_instance *udp_instance_add(struct udp_instances *t, const uint8_t id[DGRAM_TOKEN], struct app_socket *socket,
                                      struct udp_session *session);

/* Is there such a namespace (not NULL), and is it the one that this instance, if known, is in? */
bool udp_instance_fits(const struct udp_instances *t, const uint8_t id[DGRAM_TOKEN], const struct app *a);

struct app_socket *udp_instance_socket(const struct udp_instance *i);

/* The session it is here with; NULL: away. */
struct udp_session *udp_instance_session(const struct udp_instance *i);

/* The breaker of its last session, as that left it; PACE_CLOSED: there was none. */
enum pace_breaker udp_instance_breaker(const struct udp_instance *i);
void udp_instance_keep_breaker(struct udp_instance *i, enum pace_breaker breaker);

/* Here, with this session (its first, the next, or one that takes over). The caller tells the
 * application (app_return, app_take_over). */
void udp_instance_here(struct udp_instance *i, struct udp_session *session);

/* The connection is lost: tells the application and keeps the instance for a while. */
void udp_instance_away(struct udp_instance *i, struct mono now, const char *reason);

/* It said goodbye, or was sent away: tells the application, frees the instance. */
void udp_instance_leave(struct udp_instance *i, struct mono now, const char *reason);

/* Drops instances that have been away too long; the deadline is when there will be more. */
void udp_instances_expire(struct udp_instances *t, struct mono now);
struct mono udp_instances_deadline(const struct udp_instances *t);

/* ---- publishes ---------------------------------------------------------------------------- */

enum udp_pub_verdict {
        UDP_PUB_NEW,     /* not seen: do it, then udp_pub_record */
        UDP_PUB_KNOWN,   /* done already: *ack is the answer given then */
        UDP_PUB_EARLY,   /* not its turn */
        UDP_PUB_TOO_OLD, /* below the last 1,024: nobody knows */
};

enum udp_pub_verdict udp_pub_look(const struct udp_instance *i, uint64_t pub_id, struct dgram_ack *ack);

/* Of one that is NEW: is it its turn, if it asks for its sender's order? NEW: yes, or it does not ask. EARLY: one
 * before it has to be done first; *done: the newest that is. TOO_OLD: a newer one is done. */
enum udp_pub_verdict udp_pub_turn(const struct udp_instance *i, const struct dgram_pub *pub, uint64_t *done);

/* It is done, whatever the answer is. */
void udp_pub_done(struct udp_instance *i, const struct dgram_pub *pub);

/* What publishes that are not whole yet take, and may take (UDP_PARTS_BYTES_TOTAL), of all sessions together. */
struct reassembly_total *udp_instances_parts(struct udp_instances *t);

/* Remembers the answer. Returns 0 or ERR_NO_MEMORY (it is then not remembered). */
int udp_pub_record(struct udp_instance *i, const struct dgram_ack *ack);

#endif
