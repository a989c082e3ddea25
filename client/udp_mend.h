/* udp_mend: events of one channel that were lost, solved for from parity.
 *
 * The last UDP_MEND_EVENTS events that came are kept as symbols, and what parity has come for the last
 * UDP_MEND_GROUPS groups that miss something. When a group has as much parity as it misses events,
 * these are made: they are to be treated as if they had come, checksum included.
 *
 * Bounded: at most 64 symbols of events and 4 x 8 of parity, each of at most 1,128 bytes, on the heap.
 * When memory is out something is not mended, and asked for later. No I/O, no clock.
 *
 * Source: core/wire/fec.h; the project's UDP wire spec, sections 3 and 7.
 */
#ifndef CLIENT_UDP_MEND_H
#define CLIENT_UDP_MEND_H
#include "core/wire/fec.h"

enum { UDP_MEND_EVENTS = 64, UDP_MEND_GROUPS = 4 };

struct udp_mend;

struct udp_mend *udp_mend_create(void);    /* NULL: no memory */
void udp_mend_destroy(struct udp_mend *m); /* accepts NULL */

/* This event came, in one piece and intact; copied. */
void udp_mend_keep(struct udp_mend *m, const struct dgram_msg *data);

enum udp_mend_verdict {
        UDP_MEND_USELESS, /* nothing of its group is missing, or it contradicts what came of it before */
        UDP_MEND_SOME,    /* more of the group's parity may come: in one burst, perhaps not in order */
        UDP_MEND_ALL,     /* that was the last of it */
};

/* This parity came; copied. */
enum udp_mend_verdict udp_mend_parity(struct udp_mend *m, const struct dgram_fec *fec);

/* The next event that can be solved for: fills all but the channel's tag and epoch; its bytes are borrowed
 * until the next call. Call until false after each of the two above. */
bool udp_mend_next(struct udp_mend *m, struct dgram_msg *data);

#endif
