/* audience_inside: what audience.c shares with its two twins, audience_tcp.c and audience_udp.c. */
#ifndef BENCH_AUDIENCE_INSIDE_H
#define BENCH_AUDIENCE_INSIDE_H
#include "bench/audience.h"
#include "bench/payload.h"
#include "client/udp_meter.h"
#include "core/wire/dgram.h"
#include "core/wire/ws.h"

enum {
        AUDIENCE_WAIT_MS = 10000,         /* for anything that the server owes us */
        AUDIENCE_RECEIVE_BYTES = 4 << 20, /* of a subscriber's buffer, asked for: a whole burst waits there */
        AUDIENCE_READ_BYTES = 256 << 10,
        AUDIENCE_WHY_BYTES = 200,
};

#define AUDIENCE_EVENT "speed" /* the events' name */

struct subscriber {
        int fd, hears;         /* events come by the latter: the same, but for UDP with a group */
        uint32_t due;          /* events of this burst still to come */
        struct ws ws;          /* TCP */
        uint64_t tag, all_tag; /* UDP: the session's, and that of the channel `everyone` */
        uint64_t own_tag, own; /* UDP: of the channel with `hello`, and its seq, until that was reported */
        uint64_t contig;       /* UDP: newest seq of that channel; all before it have come */
        uint64_t datagrams;    /* UDP: with events in them */
        uint32_t epoch, pktno;
        uint32_t received;      /* UDP: events, as REPORT counts them */
        struct udp_meter meter; /* UDP */
        int64_t report_due_ns;  /* UDP: on the clock of flow_ns */
};

struct audience_way;

struct audience {
        struct audience_config config;
        const struct audience_way *way;
        struct subscriber *sub;
        uint32_t connected;
        bool settled;                  /* UDP: none is to be told any more that its path is slow */
        struct buf burst;              /* what the publisher sends */
        size_t cut[BATCH_ENTRIES_MAX]; /* UDP: where its datagrams end */
        int cuts;
        struct batch *record;
        uint64_t pubs;
        uint64_t events; /* delivered */
        int64_t flow_ns; /* that bursts took, together */
        char why[AUDIENCE_WHY_BYTES];
        uint8_t in[AUDIENCE_READ_BYTES];
};

/* What differs between the twins. Failures are ERR_* with audience_fail's words. */
struct audience_way {
        int (*open)(struct audience *c, struct subscriber *s); /* an open socket and a whole handshake */
        int (*compose)(struct audience *c);                    /* fills c->burst for the next burst */
        int (*publish)(struct audience *c);
        /* Reads once. returns bytes read; 0: nothing is there; ERR_* */
        ptrdiff_t (*take)(struct audience *c, struct subscriber *s);
        void (*flows)(struct audience *c); /* a burst is over */
        int (*rest)(struct audience *c);
        uint64_t (*packets)(const struct subscriber *s); /* so far */
};

extern const struct audience_way audience_tcp, audience_udp;

/* Notes the words and returns ERR_SYSTEM. */
int audience_fail(struct audience *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sleeps until it can be read (or written). False: not within `ms`. */
bool audience_wait(int fd, short events, int ms);

/* An event arrived whole; `entry` is what a batch records of it. Returns 0 or ERR_*. */
int audience_got(struct audience *c, struct subscriber *s, struct bytes entry);

#endif
