/* tcp_session: the server's engine for one client: Engine.IO v4 with Socket.IO v5 and the namespaces
 * that the client joins inside it, carried by a WebSocket, or first by HTTP polling (polling.h).
 *
 * It begins behind the HTTP upgrade or the first poll. It is given bytes and instants; it tells the
 * application of connects, events and leavings; it lends the bytes to send. Broadcast events are lent
 * from the hub's streams and never copied; what is for this client alone waits in tcp_private. The edge
 * always goes: recv, slices and sent until nothing is left, alarm at the deadline, close when done.
 *
 * Closing: parse errors, packets out of turn and everything of enum tcp_end end the session with a
 * close frame, if no entry is half sent; then it is done. The peer's socket stays recoverable for
 * the reasons that say so.
 *
 * Source: engine.io-protocol 4, socket.io-protocol 5; where the reference is weak, ours differs:
 * a connection's parser is sniffed from its first message; reserved names are refused in both
 * parsers; a second connection with a private id takes over from the first.
 */
#ifndef TCP_SERVER_TCP_SESSION_H
#define TCP_SERVER_TCP_SESSION_H
#include <sys/uio.h>

#include "tcp_server/tcp_service.h"

struct tcp_session;

/* Opens: the Engine.IO open packet is the first thing to send.
 *
 * sink     marks that there is something to send or that the session is done; called from hub
 *          calls and from other sessions' calls (a takeover); copied
 * returns  NULL when memory is out
 */
struct tcp_session *tcp_session_create(struct tcp_service *v, struct mono now, const struct hub_sink *sink);

/* The same for a session that polling carries: sid is what its requests are to name, an upgrade is
 * offered. It lends WebSocket frames all the same; packets come in by tcp_session_packet until the
 * WebSocket takes over, then bytes by tcp_session_recv. */
struct tcp_session *tcp_session_create_polled(struct tcp_service *v, struct mono now, const struct hub_sink *sink,
                                              const char *sid);

/* Makes a session that was just created one of Engine.IO alone: each message is sent back as it came. */
void tcp_session_bare(struct tcp_session *s);

/* Compression was agreed on with the WebSocket that carries it now: at its beginning, or at the upgrade.
 * Takes inflate (NULL: it was not). */
void tcp_session_deflate(struct tcp_session *s, struct ws_inflate *inflate);

/* Frees it; ends it as lost if it has not ended. Accepts NULL. */
void tcp_session_destroy(struct tcp_session *s, struct mono now);

/* Takes bytes from the client; they are unmasked in place.
 *
 * returns  how many were taken. Fewer than n while its private answers pile up, or all clients
 *          together have published so much that the members must be given it first (hub_crowded):
 *          after the turn's announce send (or try to), then call again with the rest; a client that
 *          does not read its answers is closed (SLOW). Fewer, too, while it is held back for having said
 *          more than its limit (limits.h): call again after the deadline, which then is the end of that.
 */
size_t tcp_session_recv(struct tcp_session *s, struct mono now, uint8_t *in, size_t n);

/* Takes one packet of a polling payload. Call it only while tcp_session_takes: answers must not pile
 * up, nor events that nobody was offered yet, nor may it say more than its limit (limits.h). */
void tcp_session_packet(struct tcp_session *s, struct mono now, struct bytes packet);
bool tcp_session_takes(struct tcp_session *s, struct mono now);

/* Did it say more than its limit, so that nothing is taken from it until the deadline? */
bool tcp_session_held_back(const struct tcp_session *s);

/* The client is alive but cannot say so: what it sent is held back. A pong that is awaited has its time anew. */
void tcp_session_heard(struct tcp_session *s, struct mono now);

/* Lends what is to be sent next; call it only when the transport takes bytes.
 *
 * v, v_max  filled; at most TCP_SLICES_MAX are used
 * returns   how many were filled; 0: nothing to send. Borrowed until tcp_session_sent, which must
 *           be the next call to any session or hub of this server; one call may not lend all there
 *           is, so ask again after it
 */
int tcp_session_slices(struct tcp_session *s, struct mono now, struct iovec *v, int v_max);

/* The transport took so many of the lent bytes; fewer than all means that it takes no more now. */
void tcp_session_sent(struct tcp_session *s, size_t bytes);

/* The session has ended and has nothing left to send: the edge closes the connection. */
bool tcp_session_done(const struct tcp_session *s);

/* Has a namespace been joined? Not undone by leaving. */
bool tcp_session_joined(const struct tcp_session *s);

/* Why it ended; TCP_END_NONE while it lives. */
enum tcp_end tcp_session_end(const struct tcp_session *s);

struct mono tcp_session_deadline(const struct tcp_session *s);
void tcp_session_expire(struct tcp_session *s, struct mono now);

/* Ends it from outside with a close frame: TCP_END_SHUTDOWN. */
void tcp_session_close(struct tcp_session *s, struct mono now, enum tcp_end end);

/* The connection is gone (end of stream, or an error): TCP_END_PEER or TCP_END_LOST. Nothing can be
 * sent any more. */
void tcp_session_lost(struct tcp_session *s, struct mono now, enum tcp_end end);

#endif
