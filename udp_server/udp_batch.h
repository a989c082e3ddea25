/* udp_batch: what one session has to send in one turn, packed into as few datagrams as it takes.
 *
 * A batch borrows: its iovecs point into the session's private queue and into the hub's streams,
 * cut at message borders (each message's length stands at offset 6). Nothing of an event is
 * copied; only GAP messages, made on the spot, live in the batch's own scratch. After every part
 * the batch notes how far everything has come, so that the transport may take any number of whole
 * datagrams, in order.
 *
 * Large (about 40 KiB): one for a whole server, used for one session after the other. No heap.
 */
#ifndef UDP_SERVER_UDP_BATCH_H
#define UDP_SERVER_UDP_BATCH_H
#include <sys/uio.h>

#include "core/chat/hub.h"
#include "core/wire/dgram.h"

enum {
        UDP_BATCH_DATAGRAMS = 64,
        UDP_BATCH_IOVS = 640,
        UDP_BATCH_PIECES = 128,
        UDP_BATCH_SCRATCH = 4096,
};

/* How far a batch has come at the end of some datagram. */
struct udp_progress {
        uint32_t private_bytes; /* of the private queue */
        int piece;              /* pieces below this one are whole */
        size_t piece_bytes;     /* of piece `piece` */
};

struct udp_datagram {
        struct iovec *iov;
        int iov_n;
        size_t bytes;
        struct udp_progress end;
};

struct udp_batch {
        int n, n_max; /* datagrams */
        struct udp_datagram datagram[UDP_BATCH_DATAGRAMS];

        /* How it was made; for udp_session_sent. */
        struct iovec iov[UDP_BATCH_IOVS];
        int iov_n;
        struct piece piece[UDP_BATCH_PIECES];
        int pieces_n, repairs_n; /* the first repairs_n pieces are repairs, */
        int unasked_n;           /* up to here follow those of parity, each message in a datagram of its own */
        struct udp_progress now;
        uint8_t scratch[UDP_BATCH_SCRATCH];
        size_t scratch_n;
};

void udp_batch_begin(struct udp_batch *b);

/* At most so many datagrams more. */
void udp_batch_limit(struct udp_batch *b, int datagrams);

/* Adds whole messages from the private queue, from its beginning. False: the batch is full. */
bool udp_batch_private(struct udp_batch *b, struct bytes queue);

/* Adds the messages of BYTES piece i, the next one. False: the batch is full (a part may be in). */
bool udp_batch_piece(struct udp_batch *b, int i);

/* Adds a message of our own in the place of pieces up to, not including, `piece_end`. False: the
 * batch is full. */
bool udp_batch_message(struct udp_batch *b, const struct dgram_msg *m, int piece_end);

/* Pieces that are not sent anything for. */
void udp_batch_pass(struct udp_batch *b, int piece_end);

/* Makes all datagrams but the last one as long as the longest, with padding, so that they can go
 * as one segmented send. Does nothing when there is no room for it. */
void udp_batch_even(struct udp_batch *b);

#endif
