/* udp_feed: one room's events as they come in over UDP: put in order, each told once.
 *
 * A feed is the receiver's side of one channel: the book of what is missing (core/wire/gaps), and
 * in ordered mode the events that wait for those before them. It tells events and losses; the
 * client (udp_client.h) sends its NACKs and REPORTs. Grows on the heap within bounds: at most
 * UDP_HELD_BYTES_MAX of events wait in one feed, and UDP_HELD_BYTES_TOTAL in all feeds of a client, with what it takes
 * to keep them; what arrives beyond that is as good as lost.
 *
 * Source: the project's UDP wire spec, sections 5 and 7.
 */
#ifndef CLIENT_UDP_FEED_H
#define CLIENT_UDP_FEED_H
#include <sys/queue.h>

#include "client/transport.h"
#include "core/wire/gaps.h"

enum { UDP_HELD_BYTES_MAX = 16 << 20, UDP_HELD_BYTES_TOTAL = 64 << 20, UDP_ROOM_NAME_MAX = 255 };

struct udp_held; /* an event that waits */
struct udp_mend;

struct udp_feed {
        LIST_ENTRY(udp_feed) link; /* the client's */
        struct gaps gaps;
        enum client_mode mode;
        uint32_t ref, epoch; /* ref 0: not joined in this session (yet) */
        uint32_t origin;     /* this client's, of the session now */
        bool rejoins;        /* of the last session: asked for, not answered yet */
        uint64_t tag;
        struct udp_held **held; /* seq lies at seq % held_cap */
        uint32_t held_cap, held_n;
        size_t held_bytes, *held_total; /* held_total: of all feeds */
        uint64_t run_next, run_to;      /* the delivered run that is being told */
        uint64_t lent_seq;              /* of the held event that was told last; 0: none */
        uint64_t replay_to;             /* what is told up to here was missed while away */
        uint64_t away_contig;           /* contig when the session was lost */
        struct mono away_since;         /* when; for those */
        struct mono doubted;            /* a jump was first doubted then; MONO_NEVER: no doubt */
        struct mono backoff;            /* till when others may ask first; MONO_NEVER: there is nothing to ask */
        struct mono report_due;         /* MONO_NEVER: nothing to report */
        uint64_t reported;              /* contig of the last REPORT */
        struct mono reported_at;        /* and when; MONO_NEVER: none yet */
        struct udp_mend *mend;          /* made by the first event, where parity may come */
        bool mends;                     /* what comes now is solved for from parity */
        uint32_t received, duplicates;  /* events that came without being asked for; that came twice */
        struct mono beat_at;
        uint32_t beat_no;
        uint8_t name_n;
        uint8_t name[UDP_ROOM_NAME_MAX];
};

/* total counts what waits in all feeds of a client. Returns NULL when memory is out or the name is too long. */
struct udp_feed *udp_feed_create(struct bytes name, enum client_mode mode, size_t *total);
void udp_feed_destroy(struct udp_feed *f); /* accepts NULL; the caller unlinks it */
struct bytes udp_feed_name(const struct udp_feed *f);

struct udp_told {
        bool lost;           /* else an event */
        struct gaps_run run; /* lost */
        uint64_t seq, eid;   /* event, like all below */
        bool mine;           /* published by this client, and not meant for it too */
        uint16_t flags;      /* enum dgram_flag */
        bool recovered;      /* came by repair or replay */
        struct mono opened;  /* recovered: when its hole was first seen; MONO_NEVER: not known */
        struct bytes event;  /* borrowed: from the datagram, or until the next call for this feed */
};

/* The channel begins, or goes on, with `start` as the first seq to come; head: seqs up to here are
 * a replay of what was missed while away. Seqs that the log lost meanwhile are told as lost.
 * returns false when it cannot go on, since it is another log (epoch, tag, or a room made anew):
 *         tell the end of the old one (gaps_finish, udp_feed_next), then udp_feed_anew */
bool udp_feed_start(struct udp_feed *f, struct mono now, const struct resend *rtt, uint32_t epoch, uint64_t tag,
                    uint64_t start, uint64_t head);
void udp_feed_anew(struct udp_feed *f, uint32_t epoch, uint64_t start);

/* The session is lost: clocks stand until it is back. */
void udp_feed_away(struct udp_feed *f, struct mono now);

/* One DATA of this channel and epoch. True: *told is to be told at once. Call udp_feed_next until
 * false after each message. */
bool udp_feed_data(struct udp_feed *f, struct mono now, const struct resend *rtt, uint64_t datagram,
                   const struct dgram_msg *m, struct udp_told *told, enum gaps_verdict *verdict);

/* The same for one fragment: the book alone, nothing is told. */
struct gaps_arrival udp_feed_part(struct udp_feed *f, struct mono now, const struct resend *rtt, uint64_t datagram,
                                  const struct dgram_msg *m);

enum udp_feed_verdict {
        UDP_FEED_TELL,  /* *told is to be told at once */
        UDP_FEED_WAITS, /* for those before it */
        UDP_FEED_FULL,  /* no place to wait: put it back (gaps_absent) */
};

/* The event that the fragments made, all of them in the book; m: the last one. was: the most tries and the
 * earliest `opened` of them. */
enum udp_feed_verdict udp_feed_whole(struct udp_feed *f, const struct dgram_msg *m, struct bytes event,
                                     const struct gaps_arrival *was, struct udp_told *told);

/* The next event or loss whose turn has come. */
bool udp_feed_next(struct udp_feed *f, struct udp_told *told);

#endif
