/* udp_session_inside: one session, to the files that are made of it. */
#ifndef UDP_SERVER_UDP_SESSION_INSIDE_H
#define UDP_SERVER_UDP_SESSION_INSIDE_H
#include "core/wire/dgram_queue.h"
#include "core/wire/place.h"
#include "core/wire/reassembly.h"
#include "core/wire/resend.h"
#include "core/wire/seqwin.h"

#include "udp_server/pace.h"
#include "udp_server/udp_repair.h"
#include "udp_server/udp_session.h"

enum {
        UDP_REF_OWN = 1,                 /* chan ref of the room of its own id */
        UDP_REF_ALL = 2,                 /* of everyone */
        UDP_PARTS_EVENTS_MAX = 64,       /* PUBs that a session has under way in fragments, or that came too early */
        UDP_PARTS_BYTES_MAX = 256 << 10, /* of them together */
        UDP_BEAT_MS = 1000,
        UDP_LINE_BYTES = 64,   /* of memory, as caches have it */
        UDP_ASKS_PER_S = 4000, /* messages but PUBs that are dealt with, and so many at once; 64 rooms that all lose all
                                * the time have 3,200 NACKs */
};

/* Messages, each way, that a session numbers before it ends, to be begun anew: 2^32 would repeat them. */
#define UDP_NUMBERS (UINT32_C(1) << 31)

/* One room as this session sees it. What each delivery looks at is one line of memory, the rest another. */
struct udp_channel {
        _Alignas(UDP_LINE_BYTES) struct room *room; /* kept */
        uint64_t start;                             /* first seq that it was to be sent by itself */
        uint64_t given_end;                         /* behind the last one that it was */
        uint32_t ref;
        uint8_t mode;
        bool awaited;         /* it was the instance's before: the first JOIN says from where to go on */
        bool named;           /* by a JOIN that resumes */
        bool counts;          /* there was a REPORT: */
        struct mono beat_due; /* MONO_NEVER: until the next event */
        int64_t beat_step_ns;
        struct udp_shield *shield;    /* fec modes; else NULL */
        struct udp_group_room *group; /* NULL: all by unicast; else from this seq on by the group: */

        uint64_t group_from;
        uint64_t reported;   /* contig of the last REPORT */
        uint64_t asked_next; /* first seq that it was not sent yet, when it was behind and asked last; 0: never */
        uint32_t came, lost; /* as the last REPORT counts them */
        uint32_t join_pktno; /* of the newest JOIN of it, and its req */
        uint32_t beat_no;
        uint64_t join_req;
        struct mono beat_at;   /* when the last one was said */
        uint64_t shield_next;  /* its item that is looked at next, */
        uint32_t shield_given; /* so many bytes of whose parity were sent */
};

/* A room that the application took the client out of, and the client has not said yet that it knows. */
struct udp_parting {
        uint32_t ref;
        uint64_t end; /* first seq that was not for it */
};

enum udp_session_state { UDP_UP, UDP_CLOSING };

/* In the order of use: first what each delivery looks at. With a thousand sessions none of it is in the cache when its
 * turn comes, and each line of memory takes as long as a hundred instructions. */
struct udp_session {
        _Alignas(UDP_LINE_BYTES) const struct udp_shared *shared;
        struct member *member;         /* NULL: CLOSING */
        struct udp_instance *instance; /* NULL: CLOSING */
        struct udp_channel *channel;
        uint32_t channels_n, channels_cap;
        enum udp_session_state state;
        uint32_t changes;    /* of the member, when all of its rooms were last found to be its own */
        uint32_t shielded_n; /* channels that have a shield */
        uint32_t partings_n;
        bool recovered;
        bool slow;    /* what had to be said found no place: to be closed */
        bool blocked; /* the transport took less than it was lent, or the rate is spent */
        bool held;    /* there is something to send that may not go yet */
        bool whole;   /* what is lent is all that there is */
        bool rated;   /* the PUB whose turn it is was over the rate: none is kept that would spend of it before */
        bool ample;   /* when news was begun last, there was rate for more than that */
        struct mono heard;
        struct mono looked;        /* when it was last looked for what is to be sent unasked */
        struct mono resume_until;  /* MONO_NEVER: not resuming */
        struct udp_repair *repair; /* made by the first NACK, or copy */
        struct reassembly *parts;  /* PUBs that are not whole, or wait for their turn; NULL: none */
        struct dgram_queue queue;
        struct pace pace;

        struct app *app; /* its namespace */
        struct hub_sink news;
        uint64_t tag, nonce;
        struct resend rtt;
        struct bucket said;  /* PUBs, and rooms in JOINs */
        struct bucket asked; /* all other messages */
        struct mono pinged, closed_at;
        struct mono shown; /* when the PING was sent that was answered last */
        uint32_t next_ref;
        uint32_t named_n;            /* channels that JOINs have resumed */
        uint32_t left_pktno;         /* of the newest LEAVE that was done */
        struct udp_parting *parting; /* while there is one no channel is opened: so no more than the client had */
        uint32_t partings_cap;
        unsigned parting_tries; /* since the last one began */
        struct mono parting_due;
        struct mono bare_until;       /* there is no rate for copies and parity */
        struct mono lossy;            /* a REPORT said last then that it loses much; MONO_NEVER: none did */
        bool listens;                 /* it hears the group: */
        struct udp_group_room *offer; /* it was told of the group */
        struct seqwin seen;
};

/* udp_channels: NULL when there is none. */
struct udp_channel *udp_channel_find(const struct udp_session *s, uint32_t ref);
struct udp_channel *udp_channel_of(const struct udp_session *s, const struct room *room);

/* Adds a channel for a room that the member is in. NULL when memory is out. */
struct udp_channel *udp_channel_open(struct udp_session *s, struct room *room);
void udp_channel_close(struct udp_session *s, struct udp_channel *c);

void udp_channels_join(struct udp_session *s, struct mono now, struct bytes tail, uint32_t pktno);
void udp_channels_leave(struct udp_session *s, struct mono now, uint32_t ref, uint32_t pktno);

/* Have all rooms of a resuming session been asked for? */
bool udp_channels_settled(const struct udp_session *s);

/* Time for that is up: rooms not asked for are left, the others go on from where they are. */
void udp_channels_settle(struct udp_session *s, struct mono now);

/* Closes those of rooms that the application took the client out of, once all is sent that there was in them for it,
 * and says so. given: nothing else is to be sent either, so there is nothing to look at again. */
void udp_channels_sweep(struct udp_session *s, struct mono now, bool given);

/* The channel was sent something, or was not for a while: BEATs. */
void udp_channel_gave(struct udp_channel *c, struct mono now);
void udp_channels_beat(struct udp_session *s, struct mono now, bool all);
struct mono udp_channels_deadline(const struct udp_session *s);

/* udp_parting: LEAVE_OK that nobody asked for, said until a LEAVE says that it came */
void udp_parting_begin(struct udp_session *s, struct mono now, uint32_t ref, uint64_t end);
bool udp_parting_known(struct udp_session *s, uint32_t ref);    /* that LEAVE came; false: there was no such parting */
void udp_parting_again(struct udp_session *s, struct mono now); /* what was said may have gone elsewhere */
struct mono udp_parting_deadline(const struct udp_session *s);
void udp_parting_expire(struct udp_session *s, struct mono now);

/* udp_rate: what the client says of the path, and how much may go */
void udp_rate_ping(struct udp_session *s, struct mono now);
void udp_rate_ping_behind(struct udp_session *s, struct mono now); /* behind repairs: are they there? */
void udp_rate_pong(struct udp_session *s, struct mono now, const struct dgram_pong *m);
void udp_rate_report(struct udp_session *s, struct mono now, const struct dgram_report *m);
int udp_rate_may(struct udp_session *s, struct mono now); /* datagrams of events that may go now */
void udp_rate_sent(struct udp_session *s, struct mono now, const struct udp_batch *b, int taken);
int64_t udp_rate_of_repairs(const struct udp_session *s); /* bytes per second; beyond it: */
/* So many bytes of news were sent. A rate is what a client says, so repairs have their share of that only up to a
 * limit, and above it of what was sent. */
void udp_rate_news(struct udp_session *s, size_t bytes);
struct mono udp_rate_deadline(const struct udp_session *s);
void udp_rate_expire(struct udp_session *s, struct mono now);

/* udp_limit: may it say something more of these now (limits.h)? Counts when not. */
bool udp_session_may(struct udp_session *s, struct mono now, uint32_t n);
bool udp_limit_ask(struct udp_session *s, struct mono now, uint8_t type); /* the same of what is no event */
bool udp_limit_again(struct udp_session *s, struct mono now); /* of a PUB that was not done just now: its answer */
void udp_limit_begin(struct udp_session *s, struct mono now);

/* udp_again: repairs */
bool udp_again_begin(struct udp_session *s, struct mono now); /* makes s->repair, if there is none; false: no memory */
void udp_again_nack(struct udp_session *s, struct mono now, const struct dgram_nack *m);
void udp_again_find(struct udp_session *s, struct mono now, struct udp_batch *b); /* as the batch's first pieces */
void udp_again_gave(struct udp_session *s, struct mono now, const struct piece *p, size_t bytes);

/* udp_ahead: copies and parity, in the modes that have them */
void udp_ahead_mode(struct udp_session *s, struct mono now, struct udp_channel *c); /* it has a mode */
void udp_ahead_uncover(struct udp_session *s, struct udp_channel *c);               /* it goes */
void udp_ahead_read(struct udp_session *s, struct mono now);                        /* before udp_again_find */
void udp_ahead_find(struct udp_session *s, struct udp_batch *b);                    /* behind it */
void udp_ahead_gave(struct udp_session *s, const struct piece *p, size_t bytes);
bool udp_ahead_waits(struct udp_session *s); /* is there something that could be sent? */
struct mono udp_ahead_deadline(const struct udp_session *s);

/* udp_listen: a session whose client hears the multicast group, if there is one */
void udp_listen_offer(struct udp_session *s, struct mono now); /* the client is told of it */
void udp_listen_take(struct udp_session *s, struct mono now,
                     const struct dgram_listen *m);                    /* it hears it, or no longer */
void udp_listen_channel(struct udp_session *s, struct udp_channel *c); /* was opened */
void udp_listen_channel_over(struct udp_channel *c);                   /* is to be closed */
void udp_listen_over(struct udp_session *s);                           /* the member is to be let go */
/* Cuts piece i, of BYTES, so that it comes to the client either by the group or alone. True: by the group. */
bool udp_listen_cut(struct udp_session *s, const struct udp_channel *c, struct udp_batch *b, int i);
uint64_t udp_listen_given(const struct udp_channel *c, uint64_t given); /* first seq that is still to come */

/* udp_pub_parts: the event that is whole with this fragment; to be done with it (udp_pub_parts_done). NULL: not
 * yet; *missing: these fragments, as bits; 0: this one was not taken */
struct reassembly_event *udp_pub_parts_take(struct udp_session *s, struct mono now, const struct dgram_pub *pub,
                                            uint64_t *missing);
bool udp_pub_parts_has(const struct udp_session *s, uint64_t pub_id);                      /* some of it */
void udp_pub_parts_hold(struct udp_session *s, struct reassembly_event *e, uint16_t back); /* whole, until its turn */
struct reassembly_event *udp_pub_parts_ripe(const struct udp_session *s); /* of these the oldest that waits no more */
struct dgram_pub udp_pub_parts_whole(const struct reassembly_event *e);
void udp_pub_parts_done(struct udp_session *s, struct reassembly_event *e);
void udp_pub_parts_expire(struct udp_session *s, struct mono now); /* gives up what stands still */
struct mono udp_pub_parts_deadline(const struct udp_session *s);
void udp_pub_parts_free(struct udp_session *s);

/* udp_publish */
void udp_publish(struct udp_session *s, struct mono now, const struct dgram_pub *pub, uint32_t pktno);

/* Queues a message; a full queue has the session closed once the message at hand is done with. */
void udp_session_say(struct udp_session *s, struct dgram_msg *m);

/* Is so much still to be said that only answers are to be added? What was not asked for waits, or is left out. */
static inline bool udp_session_crowded(const struct udp_session *s)
{
        return s->queue.ready.n > DGRAM_QUEUE_BYTES_MAX / 2;
}

void udp_session_error(struct udp_session *s, uint16_t code, uint8_t in_reply_to, uint32_t pktno);

#endif
