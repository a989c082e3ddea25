/* tcp_client_inside: what tcp_client.c (life), tcp_stream.c (what arrives), tcp_calls.c and
 * tcp_missed.c share. */
#ifndef CLIENT_TCP_CLIENT_INSIDE_H
#define CLIENT_TCP_CLIENT_INSIDE_H
#include <bsd/sys/queue.h>

#include "client/event_queue.h"
#include "client/tcp_client.h"
#include "client/tcp_upgrade.h"
#include "core/base/rng.h"
#include "core/event/event.h"
#include "core/wire/sio.h"
#include "core/wire/sio_offset.h"
#include "core/wire/ws.h"

enum tcp_client_state {
        TCP_CLIENT_OPENING, /* the edge is to open a socket */
        TCP_CLIENT_UPGRADE, /* the request was sent */
        TCP_CLIENT_ENGINE,  /* the open packet is awaited */
        TCP_CLIENT_JOINING, /* CONNECT was sent */
        TCP_CLIENT_UP,
        TCP_CLIENT_CLOSING, /* the edge is to close the socket */
        TCP_CLIENT_WAITING, /* until `at`, then again */
        TCP_CLIENT_OVER,
};

enum tcp_call_kind { TCP_CALL_JOIN, TCP_CALL_REJOIN, TCP_CALL_LEAVE, TCP_CALL_EVENT };

/* Something asked of the server and not answered yet. */
struct tcp_call {
        TAILQ_ENTRY(tcp_call) link;
        int64_t number; /* also its ack id */
        enum tcp_call_kind kind;
        bool sent;
        struct mono sent_at;
        size_t n;
        uint8_t bytes[]; /* the room's name, or the event */
};
TAILQ_HEAD(tcp_call_list, tcp_call);

/* A room that the client is in, or was and wants to be again. */
struct tcp_room {
        TAILQ_ENTRY(tcp_room) link;
        size_t n;
        uint8_t name[];
};
TAILQ_HEAD(tcp_room_list, tcp_room);

struct client {
        struct client_config config;
        enum tcp_client_state state;
        struct mono now; /* of the engine call being made, for next() */
        struct mono at;  /* deadline of the state; NEVER: none */
        struct mono ping_by;
        int64_t ping_ns;            /* interval and timeout together */
        uint64_t payload_bytes_max; /* that the server takes in one message, as it said last */
        unsigned attempts;
        bool final;         /* it will not come back */
        bool was_up;        /* since create */
        const char *reason; /* of the present or last end */
        struct rng jitter, masks;
        struct client_stats stats;
        struct event_queue told;

        struct tcp_upgrade upgrade;
        struct ws ws;
        struct buf in; /* bytes not read yet: from in_at on */
        size_t in_at;
        struct buf out; /* bytes not sent yet: from out_at on */
        size_t out_at;
        unsigned pongs;               /* put there since something was last sent */
        struct buf text, data, event; /* scratch: a packet out, a packet in, an event in */

        /* A binary packet on its way: its text, then its attachments back to back. */
        struct buf header, attached;
        uint32_t attached_n, attachments;
        size_t attached_end[JSON_BINS_MAX];

        /* The session. */
        struct buf sid, pid;
        struct sio_offset seen; /* the last offset; epoch 0: none in this session */
        bool same_session;      /* the server knew us: it tells what was missed */
        bool replaying;         /* between a recovery and its hello */
        struct mono down_at;    /* when the connection was lost that is being made good */

        /* A session was lost for good: what it missed is still to be told (tcp_missed.c). */
        bool missed;
        struct sio_offset missed_from;

        struct tcp_call_list calls;
        uint32_t calls_n;
        size_t calls_bytes;
        int64_t last_call;
        struct tcp_room_list rooms;
};

static inline bool tcp_client_connected(const struct client *c)
{
        return c->state >= TCP_CLIENT_UPGRADE && c->state <= TCP_CLIENT_UP;
}

/* tcp_client */
void tcp_client_tell(struct client *c, const struct client_event *ev);
/* The connection ends for this reason (static words); fatal: it does not come back by itself. */
void tcp_client_down(struct client *c, const char *reason, bool fatal);
/* Queues a text message for the wire; when memory is out the connection goes down. */
void tcp_client_say(struct client *c, struct bytes message);
/* Answers a ping (the WebSocket's or Engine.IO's), unless the server reads none of the answers. */
void tcp_client_pong(struct client *c, enum ws_opcode opcode, struct bytes payload);
void tcp_client_send_packet(struct client *c, const struct sio_packet *p);

/* tcp_stream: the next thing that arrived. True: *ev is an event to give directly; false with
 * *more false: nothing is left to read. */
bool tcp_stream_step(struct client *c, struct client_event *ev, bool *more);
void tcp_stream_reset(struct client *c);

/* tcp_calls */
int64_t tcp_call_add(struct client *c, enum tcp_call_kind kind, struct bytes bytes);
void tcp_calls_send(struct client *c); /* those that wait */
void tcp_calls_answer(struct client *c, uint64_t id, struct bytes data);
void tcp_calls_lost(struct client *c); /* the connection went down */
void tcp_calls_over(struct client *c); /* nothing will be answered any more */
void tcp_calls_expire(struct client *c);
struct mono tcp_calls_deadline(const struct client *c);

/* tcp_missed: rooms, and what a session that was lost for good missed in them */
int tcp_rooms_add(struct client *c, struct bytes name);
void tcp_rooms_remove(struct client *c, struct bytes name);
void tcp_rooms_free(struct client *c);
void tcp_missed_begin(struct client *c, bool offsets); /* a new session is up in the lost one's place */
/* The new session showed its first place; before_eid: the last that may have been missed. */
void tcp_missed_seen(struct client *c, const struct sio_offset *at, uint64_t before_eid);
void tcp_missed_rejoined(struct client *c, struct bytes room, struct bytes answer);
void tcp_missed_refused(struct client *c, struct bytes room);

#endif
