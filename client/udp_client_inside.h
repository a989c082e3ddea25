/* udp_client_inside: one client on datagrams, to the files that are made of it. */
#ifndef CLIENT_UDP_CLIENT_INSIDE_H
#define CLIENT_UDP_CLIENT_INSIDE_H
#include "client/eid_set.h"
#include "client/event_queue.h"
#include "client/udp_client.h"
#include "client/udp_feed.h"
#include "client/udp_hearing.h"
#include "client/udp_meter.h"
#include "core/base/rng.h"
#include "core/wire/dgram_queue.h"
#include "core/wire/dgram_tail.h"
#include "core/wire/reassembly.h"
#include "core/wire/seqwin.h"

enum {
        CALLS_MAX = 64,
        UDP_REF_OWN = 1,
        UDP_REF_ALL = 2,
        GONE_REFS = 16,            /* told by LEAVE_OK, perhaps before the JOIN_OK that it is about */
        PARTS_EVENTS_MAX = 64,     /* that are put together at once */
        PARTS_BYTES_MAX = 1 << 20, /* of them together */
};

enum udp_call_kind { CALL_JOIN, CALL_LEAVE, CALL_PUB };

/* Something asked of the server and not answered yet. */
struct udp_call {
        int64_t number; /* also the pub_id */
        enum udp_call_kind kind;
        bool names; /* says the name: nobody waits for the answer, but everything comes after it */
        bool waits; /* for udp_calls_wake, before it is sent */
        bool held;  /* PUB: over the rate, or lost again; it waits until it is due, and all that was said after it */
        unsigned rated;      /* so often */
        bool kept;           /* PUB: the server has it, until those before it are done */
        uint64_t answer_seq; /* done; its answer is this event of the own room; 0: not known yet */
        unsigned tries;      /* PUB: that may have done it, as far as is known */
        unsigned late;       /* times in a row that it was due: no answer had come */
        bool again;          /* due before its time */
        bool hurried;        /* was so since it was last due: another showed that it was lost */
        struct mono first;   /* sent, or known not to be done */
        struct mono due;     /* when to send it (again) */
        uint32_t pktno;      /* of the last fragment of the last try */
        uint64_t parts;      /* PUB: fragments, as bits, of this try that are still to be put into the queue */
        int missing;         /* so many the server still wanted when it said so last */
        size_t n;
        uint8_t bytes[]; /* the room's name, or the event */
};

enum udp_state { UDP_IDLE, UDP_OPENING, UDP_COOKIE_WAIT, UDP_ACCEPT_WAIT, UDP_UP, UDP_LOST, UDP_BYE, UDP_OVER };

struct client {
        struct client_config config;
        char *name;
        enum udp_state state;
        struct mono now; /* of the engine's last call */
        uint8_t instance[DGRAM_TOKEN];
        struct rng rng; /* of the jitter */
        struct event_queue told;
        struct dgram_queue queue;
        struct client_stats stats;
        struct udp_client_stats more;

        /* Connecting. */
        uint64_t nonce;
        struct dgram_cookie cookie;
        unsigned tries, attempts; /* of this message; of this connection, since it was last up */
        unsigned slow_n;          /* sessions in a row whose path lost too much */
        struct mono retry, reopen;

        /* The session. */
        uint32_t epoch, origin;
        bool recovered, ever_up, advised;
        uint8_t reset_token[DGRAM_TOKEN];
        uint8_t id[DGRAM_ID_MAX];
        size_t id_n;
        int64_t idle_ns;
        struct mono up_at;
        struct seqwin seen;
        struct resend rtt;
        struct udp_meter meter;
        struct udp_hearing hearing;
        struct mono heard, ping_due;
        struct mono pinged;   /* when the last PING was sent */
        struct mono answered; /* when the PING was sent that was answered last */
        struct mono asked;    /* when the first was sent of those without an answer */
        unsigned pings_open;  /* how many they are */
        unsigned doubt_pings; /* answered, and the doubt is still there */
        unsigned pings_quick; /* samples still to be taken one a round trip */
        bool streams;         /* DATA came since the last PING */
        struct mono data_at;  /* the last; and how long they are apart, about: */
        int64_t data_gap_ns;
        uint64_t datagram;
        uint64_t data_messages; /* DATA of rooms that are known, and parity */
        uint64_t news_messages; /* of them such as brought something that was missing */

        struct reassembly parts;       /* channel: the feed's tag; number: the seq */
        struct reassembly_event *lent; /* of these, told; until udp_parts_told */
        size_t held_bytes;             /* of events that wait for those before them, in all feeds */
        LIST_HEAD(, udp_feed) feeds;
        struct udp_feed *own, *all;
        uint32_t gone_ref[GONE_REFS]; /* of this session, which had no feed when they went; the oldest is forgotten */
        unsigned gone_next;
        uint64_t next_req, rejoin_req; /* of JOINs for feeds of the last session; the first of this one */
        uint32_t resumes;              /* how many those feeds were */
        unsigned rejoin_tries;
        struct mono rejoin_due; /* feeds of the last session are to be asked for; MONO_NEVER: none */
        struct eid_set several; /* events of several rooms that were told */
        struct mono lost_at;    /* when the last session ended */
        int64_t away_ns;        /* without a session, after the first and before this one */

        struct udp_call *call[CALLS_MAX + 1]; /* in the order made; one more to say the name */
        uint32_t calls_n;
        int64_t last_call;
        bool keeps_none;   /* the server refused the last PUB that came too early */
        uint32_t pubs_max; /* under way at once: fewer after each that was over the server's rate */
};

/* The mode as JOIN says it. */
static inline uint8_t udp_wire_mode(enum client_mode mode)
{
        switch (mode) {
        case CLIENT_MODE_RAW:
                return DGRAM_MODE_RAW;
        case CLIENT_MODE_NACK_ORDERED:
                return DGRAM_MODE_NACK_ORDERED;
        case CLIENT_MODE_NACK_UNORDERED:
                return DGRAM_MODE_NACK_UNORDERED;
        case CLIENT_MODE_FEC_ORDERED:
                return DGRAM_MODE_FEC_ORDERED;
        case CLIENT_MODE_FEC_UNORDERED:
                return DGRAM_MODE_FEC_UNORDERED;
        case CLIENT_MODES:
                break;
        }
        return DGRAM_MODE_NACK_ORDERED;
}

/* Has the server taken us out of that channel already? */
static inline bool udp_ref_gone(const struct client *c, uint32_t ref)
{
        for (int i = 0; i < GONE_REFS; i++)
                if (c->gone_ref[i] == ref)
                        return ref != 0;
        return false;
}

/* udp_client */
bool udp_client_broadcast(struct client *c, struct mono now, const struct dgram_msg *m); /* false: of no room of ours */
void udp_client_tell(struct client *c, const struct client_event *ev);
int udp_client_say(struct client *c, struct dgram_msg *m);

/* udp_connect */
void udp_connect_hello(struct client *c, struct mono now);                           /* it begins */
void udp_connect_take(struct client *c, struct mono now, const struct dgram_msg *m); /* before a session stands */
void udp_connect_expire(struct client *c, struct mono now);                          /* COOKIE_WAIT and ACCEPT_WAIT */
/* The connection is gone, or never came to be. */
void udp_connect_lose(struct client *c, struct mono now, const char *reason, bool final);
void udp_connect_slow(struct client *c, struct mono now); /* the server's breaker ended the session */
/* Goodbye, in whatever state. Where a CONNECT has no answer yet, the door stays open for ACCEPT as long as a goodbye
 * may take: */
void udp_connect_leave(struct client *c, struct mono now);
void udp_connect_late(struct client *c, struct mono now, const struct dgram_msg *m); /* that is it: CLOSE */
/* Until the server's CLOSE answers, or it has been said often enough: then retry is MONO_NEVER. */
void udp_connect_bye(struct client *c, struct mono now);

/* udp_pulse */
void udp_pulse_up(struct client *c, struct mono now);
void udp_pulse_doubt(struct client *c, struct mono now); /* a jump is doubted: so is one */
void udp_pulse_ask(struct client *c, struct mono now);   /* a PING is wanted at once */
void udp_pulse_data(struct client *c, struct mono now);  /* a datagram with DATA has come */
void udp_pulse_late(struct client *c, struct mono now);  /* a repair did not come in time: is the way longer now? */
struct mono udp_pulse_deadline(const struct client *c);
void udp_pulse_expire(struct client *c, struct mono now);
void udp_pulse_pong(struct client *c, struct mono now, const struct dgram_pong *m);
bool udp_pulse_silent(const struct client *c); /* PINGs go unanswered, and nothing else has come */

/* udp_tell */
void udp_tell(struct client *c, const struct udp_feed *f, const struct udp_told *t);
void udp_tell_ready(struct client *c, struct udp_feed *f); /* all whose turn has come */
/* The feed's log is over: what is missing of it ends, and (unknown) what came after nobody can say. */
void udp_tell_end(struct client *c, struct udp_feed *f, uint8_t reason, bool unknown);
void udp_tell_out(struct client *c, const struct udp_feed *f, const char *reason); /* the user did not ask for it */

/* udp_rooms: feeds of the session */
struct udp_feed *udp_room_find(const struct client *c, struct bytes name);
struct udp_feed *udp_room_tagged(const struct client *c, uint64_t tag); /* NULL: none, or not begun yet */
/* kept: the server knew this instance. False: memory is out. */
bool udp_rooms_up(struct client *c, struct mono now, const struct dgram_accept *a, bool kept);
void udp_rooms_away(struct client *c, struct mono now);
void udp_rooms_finish(struct client *c); /* what is still missing is told as lost */
void udp_rooms_free(struct client *c);
void udp_rooms_joined(struct client *c, struct mono now, struct bytes tail);
bool udp_rooms_left(struct client *c, struct mono now, const struct dgram_leave_ok *m); /* false: no such room */
void udp_rooms_drop(struct client *c, struct udp_feed *f); /* NULL, own and everyone are fine: nothing happens */
bool udp_rooms_data(struct client *c, struct mono now, const struct dgram_msg *m); /* false: no such room */
void udp_rooms_head(struct client *c, struct mono now, struct udp_feed *f,
                    uint64_t head); /* events up to it were sent */
bool udp_rooms_beat(struct client *c, struct mono now, const struct dgram_msg *m);
void udp_rooms_gap(struct client *c, struct mono now, const struct dgram_gap *m);
void udp_rooms_light(struct client *c, struct mono now); /* the session is heard, for the first time since c->heard */
void udp_rooms_work(struct client *c, struct mono now);  /* time passes: NACKs, REPORTs, JOINs again */
bool udp_rooms_doubt(const struct client *c);
bool udp_rooms_rejoining(const struct client *c); /* some room of the last session is not joined again yet */
struct mono udp_rooms_deadline(const struct client *c);

/* udp_overhear: what comes by the multicast group */
bool udp_overhear_to(const struct client *c, const struct udp_feed *f); /* does it? */
bool udp_overhear_group(const struct client *c, uint8_t ip[16], uint16_t *port);
int udp_overhear_recv(struct client *c, struct mono now, const uint8_t *in, size_t in_bytes);
bool udp_overhear_turn(struct client *c, struct mono now, struct udp_feed *f);   /* may it ask now? */
void udp_overhear_report(struct client *c, struct mono now, struct udp_feed *f); /* is to report, like all others */
bool udp_overhear_ncf(struct client *c, struct mono now, const struct dgram_msg *m);
/* Repairs of these are on their way to the group, since somebody asked. */
void udp_overhear_await(struct client *c, struct mono now, struct udp_feed *f, const struct dgram_range *range,
                        uint32_t n);
void udp_overhear_work(struct client *c, struct mono now);

/* udp_parts: what of DATA may be told */
bool udp_parts_take(struct client *c, struct udp_feed *f, const struct dgram_msg *m, struct udp_told *told,
                    enum gaps_verdict *verdict); /* as udp_feed_data */
/* Parity of an event in fragments: kept until that is whole. False: it is of no use. */
bool udp_parts_parity(struct client *c, struct udp_feed *f, const struct dgram_msg *m);
void udp_parts_told(struct client *c);
void udp_parts_lost(struct client *c, const struct udp_feed *f, uint64_t from, uint64_t to); /* not awaited any more */
void udp_parts_forget(struct client *c, struct udp_feed *f); /* all events of the feed that are not whole */
void udp_parts_expire(struct client *c);
/* Fragments that there are not are not asked for. */
void udp_parts_mask(const struct client *c, const struct udp_feed *f, struct dgram_range *range, uint32_t n);

/* udp_parity: in modes that have it */
void udp_parity_kept(struct client *c, struct mono now, struct udp_feed *f, const struct dgram_msg *m); /* it was new */
bool udp_parity_take(struct client *c, struct mono now, const struct dgram_msg *m); /* false: no such room */
void udp_parity_of_parts(struct client *c, struct mono now, struct udp_feed *f, const struct dgram_msg *m); /* DATA's */

/* udp_calls */
int64_t udp_call_add(struct client *c, struct mono now, enum udp_call_kind kind, struct bytes bytes);
bool udp_calls_name(struct client *c, struct mono now); /* says the name before anything else; false: no memory */
bool udp_calls_naming(const struct client *c);          /* and it is not answered yet */
void udp_calls_wake(struct client *c);                  /* something happened that calls may have waited for */
void udp_calls_up(struct client *c, struct mono now);   /* a session stands: what waits may go */
void udp_calls_over(struct client *c);                  /* nothing will be answered any more */
void udp_calls_send(struct client *c, struct mono now); /* puts what is due into the queue */
void udp_calls_pub_ack(struct client *c, const struct dgram_pub_ack *m);
bool udp_calls_event(struct client *c, struct bytes event);        /* an event of the own room: is it an answer? */
void udp_calls_lost(struct client *c, uint64_t from, uint64_t to); /* events of the own room */
bool udp_calls_is_join(const struct client *c, uint64_t req, struct bytes room); /* is it waited for? */
void udp_calls_joined(struct client *c, struct bytes room, uint16_t status);
bool udp_calls_left(struct client *c, struct bytes room); /* false: nobody had asked for it */
struct mono udp_calls_deadline(const struct client *c);

/* udp_turns: what is said goes, and is done, in the order in which it was said */
bool udp_turns_wait(const struct client *c, uint32_t i, const struct udp_feed *f); /* call i, to be sent now */
uint16_t udp_turns_back(const struct client *c, uint32_t i); /* from PUB i to the one that has to be done before it */
void udp_turns_send(struct client *c, uint32_t i);           /* PUB i is about to be put into the queue */
void udp_turns_not_now(struct client *c, uint32_t i, const struct dgram_ack *a); /* RATE or ORDER */
void udp_turns_kept(struct client *c, uint32_t i, const struct dgram_ack *a);    /* HELD */
bool udp_turns_rest(const struct client *c, uint32_t i); /* PUB i, to be sent again now: it has only to wait */
void udp_turns_taken(struct client *c);                  /* a PUB was done */

#endif
