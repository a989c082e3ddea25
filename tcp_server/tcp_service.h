/* tcp_service: what all connections of one TCP server share: the application's namespaces with two
 * encodings at the hub of each, recoverable sockets, the rules, the counters, and scratch memory.
 *
 * One thread. Scratch is used within one call of one session; what `lent` holds lives from a
 * session's slices to its sent.
 */
#ifndef TCP_SERVER_TCP_SERVICE_H
#define TCP_SERVER_TCP_SERVICE_H
#include "core/chat/app.h"
#include "core/wire/ws.h"
#include "tcp_server/tcp_encoding.h"
#include "tcp_server/tcp_recover.h"

/* What a reader that eviction overtook gets. By client: a gap if its auth says {gaps: true}, else
 * a close, which is all that an unmodified client understands. */
enum tcp_overrun { TCP_OVERRUN_BY_CLIENT, TCP_OVERRUN_GAP, TCP_OVERRUN_CLOSE };

struct tcp_config {
        int64_t ping_interval_ns, ping_timeout_ns;
        int64_t connect_timeout_ns; /* until the namespace is joined */
        uint32_t payload_bytes_max; /* of one message from a client */
        bool recovery;              /* never for an application that wants exact bytes */
        enum tcp_overrun overrun;
        bool deflate; /* compression is agreed on with clients that offer it, by these rules */
        struct ws_deflate_rules deflate_rules;
        uint32_t away_max; /* sockets kept without a connection */
        int64_t away_ns;   /* and for how long */
};

/* The reference's: 25 s, 20 s, 45 s, 1,000,000 bytes; recovery on, 10,000 sockets for 120 s; no compression (if
 * there is to be: messages from 1 KiB on, no context, windows of 15 bits). */
struct tcp_config tcp_config_defaults(void);

/* X(name, Socket.IO's words, WebSocket code, kept, words): why a session ended. kept: the socket
 * may be recovered. */
#define TCP_END_LIST(X)                                                                                \
        X(TCP_END_NONE, "", 0, false, "")                                                              \
        X(TCP_END_PEER, "transport close", WS_NO_CODE, true, "closed by the client")                   \
        X(TCP_END_LOST, "transport error", WS_NO_CODE, true, "connection lost")                        \
        X(TCP_END_FRAME, "transport error", 1002, true, "bad WebSocket frame")                         \
        X(TCP_END_PING, "transport error", WS_NO_CODE, true, "ping from the client")                   \
        X(TCP_END_SILENT, "ping timeout", WS_NO_CODE, true, "no pong in time")                         \
        X(TCP_END_PARSE, "parse error", WS_NO_CODE, false, "bad packet")                               \
        X(TCP_END_STATE, "parse error", WS_NO_CODE, false, "packet out of turn")                       \
        X(TCP_END_IDLE, "forced server close", WS_NO_CODE, false, "no CONNECT in time")                \
        X(TCP_END_SENT_AWAY, "forced server close", WS_NO_CODE, false, "sent away by the application") \
        X(TCP_END_TAKEN, "forced server close", WS_NO_CODE, true, "taken over by a reconnect")         \
        X(TCP_END_SLOW, "forced server close", 1008, true, "does not read its answers")                \
        X(TCP_END_OVERRUN, "forced server close", 1008, true, "overtaken by the end of the log")       \
        X(TCP_END_SHUTDOWN, "server shutting down", 1001, true, "server shutting down")                \
        X(TCP_END_MEMORY, "forced server close", 1011, true, "out of memory")

enum tcp_end {
#define TCP_END_ENUM(name, reason, code, kept, words) name,
        TCP_END_LIST(TCP_END_ENUM)
#undef TCP_END_ENUM
                TCP_ENDS
};

const char *tcp_end_reason(enum tcp_end end); /* Socket.IO's words */
const char *tcp_end_text(enum tcp_end end);   /* ours */
uint16_t tcp_end_code(enum tcp_end end);
bool tcp_end_kept(enum tcp_end end);

struct tcp_counts {
        uint64_t ends[TCP_ENDS];
        uint64_t faults[WS_FAULTS]; /* of TCP_END_FRAME, by kind */
        uint64_t connects, refused, recovered, partly_recovered, taken_over, gaps, events_in;
};

/* What the last tcp_session_slices lent, in order. */
enum tcp_lane { TCP_LANE_BORDER, TCP_LANE_PLACED, TCP_LANE_PIECE };
enum { TCP_SLICES_MAX = 64 };
struct tcp_lent {
        const struct tcp_session *by;
        struct tcp_seat *seat; /* whose pieces and placed frames these are */
        struct piece pieces[TCP_SLICES_MAX];
        int pieces_n;
        struct {
                enum tcp_lane lane;
                int piece; /* of TCP_LANE_PIECE */
                size_t n;
        } items[TCP_SLICES_MAX];
        int items_n;
};

/* One namespace of the application. */
struct tcp_space {
        struct bytes nsp;
        struct app *app;
        struct hub *hub;
        struct tcp_encoding json[2], msgpack[2]; /* plain, compressed */
        int json_number[2], msgpack_number[2];   /* at the hub */
};

struct tcp_service {
        struct tcp_space *spaces;
        uint32_t spaces_n;
        struct tcp_config config;
        struct tcp_recover *recover; /* NULL: recovery is off */
        struct ws_deflate *deflate;  /* NULL: compression is */
        struct tcp_counts counts;
        struct tcp_lent lent;
        struct buf base64, data, event, answer; /* scratch, each with one use */
};

/* Serves the namespace and all that are chained behind it, and registers the encodings at their
 * hubs; the application outlives the service, and gets no more namespaces.
 * returns 0 and *out; ERR_FULL (a hub has no place for two encodings); ERR_NO_MEMORY */
int tcp_service_create(struct app *app, const struct tcp_config *config, struct tcp_service **out);

/* All sessions have ended. Accepts NULL. */
void tcp_service_destroy(struct tcp_service *v);

/* NULL: no namespace of that name. */
struct tcp_space *tcp_service_space(const struct tcp_service *v, struct bytes nsp);

/* Behind a call that may have used scratch: what grew large for one message is freed. */
void tcp_service_rest(struct tcp_service *v);

/* hub_crowded of any namespace. */
bool tcp_service_crowded(const struct tcp_service *v);

/* Forgets sockets that were away too long. */
struct mono tcp_service_deadline(const struct tcp_service *v);
void tcp_service_expire(struct tcp_service *v, struct mono now);

#endif
