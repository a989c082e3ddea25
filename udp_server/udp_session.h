/* udp_session: the server's engine for one UDP client, from a valid CONNECT to CLOSE or silence.
 *
 * Sans-I/O: it is given checked datagrams and instants; it lends datagrams to send. The events it
 * sends are the hub's bytes, cut at message borders; only control messages are its own. The gate
 * (udp_gate.h) finds the session for a datagram and frees it when it is over.
 *
 *   UP       sends and receives. Away clients are those whose session ended without CLOSE.
 *   CLOSING  has said CLOSE; nothing but that is still to be sent. Its instance is gone already.
 *
 * A session whose instance was known starts *resuming*: it sends no events until JOIN has said,
 * for each room that the instance was in, from where (or for 30 s; rooms not asked for are left).
 *
 * Source: the project's UDP wire spec, sections 3, 5 and 7.
 */
#ifndef UDP_SERVER_UDP_SESSION_H
#define UDP_SERVER_UDP_SESSION_H
#include "core/base/mono.h"
#include "core/chat/app.h"
#include "core/wire/dgram_tail.h"
#include "udp_server/pace.h"
#include "udp_server/udp_batch.h"
#include "udp_server/udp_cookie.h"
#include "udp_server/udp_group.h"
#include "udp_server/udp_recover.h"
#include "udp_server/udp_stats.h"

struct udp_session;
struct udp_shields;

/* What all sessions of a server share; borrowed for their lives. */
struct udp_shared {
        struct app *app; /* with the namespaces behind it */
        int encoding;    /* of udp_encoding_add, at each hub */
        struct udp_instances *instances;
        struct udp_stats *stats;
        struct udp_shields *shields;
        uint8_t reset_key[UDP_KEY_BYTES];
        struct pace_config pace; /* each session's */
        struct udp_group *group; /* NULL: no multicast */
        int64_t repair_rate;     /* bytes per second, each session that is not paced */
        int64_t idle_ns;         /* without a datagram from the client until the session is lost */
        int64_t consent_ns;      /* without one until nothing but control is sent */
};

/* Begins a session for a validated CONNECT and puts ACCEPT first into its queue. A living session
 * of the same instance is closed. `news` is also called when that happens to this one.
 * tag: random, not 0. connect, tail: as parsed; copied.
 * returns NULL when memory is out, or there is no such namespace */
struct udp_session *udp_session_create(const struct udp_shared *shared, struct mono now, uint64_t tag,
                                       const struct dgram_connect *connect, const struct dgram_connect_tail *tail,
                                       const struct hub_sink *news);

/* Frees it; an instance that is still its own goes away (recoverable). Accepts NULL. */
void udp_session_destroy(struct udp_session *s, struct mono now);

/* The same CONNECT once more: the same ACCEPT (tail and head fresh). */
void udp_session_accept_again(struct udp_session *s, struct mono now);

/* One checked datagram whose messages all bear this session's tag, or are of class B. */
void udp_session_recv(struct udp_session *s, struct mono now, struct bytes datagram);

/* The client's address, which the gate knows (udp_path.h). The highest pktno that came; what a message that
 * goes elsewhere bears of the session; a CHALLENGE that goes with all else; and it is at another address
 * now, far: on another host. */
uint32_t udp_session_newest(const struct udp_session *s);
const struct resend *udp_session_rtt(const struct udp_session *s);
void udp_session_address(struct udp_session *s, struct dgram_msg *m);
void udp_session_challenge(struct udp_session *s, uint64_t random);
void udp_session_moved(struct udp_session *s, struct mono now, bool far);

/* Fills the batch with what is to be sent now: 0 datagrams: nothing. Borrowed until the next hub
 * call. Then say how many of them the transport took, from the first on. True: that was all there is. */
int udp_session_slices(struct udp_session *s, struct mono now, struct udp_batch *b);
bool udp_session_sent(struct udp_session *s, struct mono now, struct udp_batch *b, int taken);

/* It will be asked for slices soon: what that looks at is put on its way into the cache; then (rest) what is found
 * from there. */
void udp_session_fetch(const struct udp_session *s);
void udp_session_fetch_rest(const struct udp_session *s);

/* Says CLOSE; goodbye: the instance is not kept for recovery. No change when CLOSING already. */
void udp_session_close(struct udp_session *s, struct mono now, uint16_t code, bool goodbye);

/* CLOSING, and all is sent (or was not for a second). */
bool udp_session_over(const struct udp_session *s, struct mono now);

struct mono udp_session_deadline(const struct udp_session *s);
void udp_session_expire(struct udp_session *s, struct mono now);

#endif
