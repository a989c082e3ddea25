/* udp_hearing: what the client knows of the server's multicast group: is there one, is it heard, and when may it ask?
 *
 *   offered (GROUP) -> the edge hears the group, too -> something of ours comes by it -> LISTEN on, until the server
 *   says so, too: from then on rooms come by the group -> nothing for GROUP_SILENT_NS -> LISTEN off: by unicast again
 *
 * A client that never hears the group never asks for it, and stays on unicast.
 *
 * A hole of a room that comes by the group is not asked for at once, but after a random back-off, and not at all when
 * somebody else's NACK has brought an NCF for it first.
 *
 * Value module: no heap, no clock.
 *
 * Source: the project's UDP wire spec; RFC 5401 3.2, RFC 5740 5.3.
 */
#ifndef CLIENT_UDP_HEARING_H
#define CLIENT_UDP_HEARING_H
#include <stdbool.h>

#include "core/base/mono.h"
#include "core/base/rng.h"
#include "core/wire/dgram.h"
#include "core/wire/resend.h"

#define GROUP_SILENT_NS (3500 * NS_PER_MS) /* three BEATs of everyone's room, and some */

/* What a BEAT says counts no further: after 3 s an event is given up, and some tries must fit in. */
#define GROUP_GRTT_NS_MAX (100 * NS_PER_MS)
enum { GROUP_K_MAX = 6 };

struct udp_hearing {
        bool offered;
        struct dgram_group address;
        bool listens;      /* the server has said so */
        bool wants;        /* to; LISTEN says so until the server does, too */
        unsigned tries;    /* of LISTEN */
        struct mono say;   /* when to say it (again); MONO_NEVER: all is said */
        struct mono heard; /* something of ours by the group */
        uint16_t size;     /* what its last BEAT said; 0: none yet */
        int64_t grtt_ns;
        uint8_t k;
};

void udp_hearing_begin(struct udp_hearing *g); /* a new session: nothing is known */
void udp_hearing_offered(struct udp_hearing *g, const struct dgram_group *m);
void udp_hearing_heard(struct udp_hearing *g, struct mono now);
void udp_hearing_beat(struct udp_hearing *g, const struct dgram_beat *m); /* one of the group's */
void udp_hearing_answer(struct udp_hearing *g, const struct dgram_listen *m);

/* Is LISTEN to be said now? Then with *on, and again later. */
bool udp_hearing_says(struct udp_hearing *g, struct mono now, const struct resend *rtt, bool *on);
struct mono udp_hearing_deadline(const struct udp_hearing *g);

int64_t udp_hearing_backoff_ns(const struct udp_hearing *g, struct rng *rng); /* before a NACK */
int64_t udp_hearing_hold_off_ns(const struct udp_hearing *g);                 /* after one, or an NCF: for the repair */

#endif
