/* client_io: runs one client engine over a real socket in the loop. EDGE.
 *
 * It does for the engine what transport.h asks, in this order: the wish, recv, next until false
 * (each event is handed to the callback), send until 0, the alarm. Many run in one loop: buffers
 * for reading and writing are on the stack, and one io holds bytes of its own only between a send
 * that the kernel cut short and the socket's next readiness.
 *
 * The engine's calls (join, call, bye, ...) may be made inside the callback, once what the event
 * lends has been used. Made elsewhere, client_io_turn must follow them.
 */
#ifndef CLIENT_CLIENT_IO_H
#define CLIENT_CLIENT_IO_H
#include <stdbool.h>
#include <stdint.h>

#include "client/transport.h"
#include "core/loop/sock.h"

struct loop;
struct client_io;

enum { CLIENT_IO_ADDRESSES_MAX = 4 };

struct client_io_config {
        const struct transport *transport;
        struct client_config engine; /* what it borrows must live as long as the io */

        /* Tried in turn until one answers; only then is the engine told that it failed. Copied. */
        struct sock_addr to[CLIENT_IO_ADDRESSES_MAX];
        uint32_t to_n;

        uint16_t source_port;   /* of every socket it opens; 0: the kernel's choice */
        bool nagle;             /* TCP: leave TCP_NODELAY off */
        const char *congestion; /* TCP: name of the congestion control; NULL: the system's default. Borrowed */
        int receive_bytes;      /* SO_RCVBUF to ask for; 0: the system's default */

        /* now: read from the clock right after the bytes were. Must not destroy the io. */
        void (*event)(void *owner, struct mono now, const struct client_event *ev);
        /* The socket is gone, or could not be opened, and the engine has been told; `why` in
         * words. May be NULL. Must not destroy the io. */
        void (*closed)(void *owner, struct mono now, const char *why);
        void *owner;
};

/* What the machine did, over all sockets of this io; read back, never assumed. */
struct client_io_figures {
        uint64_t opens, open_failures;        /* a failure: no address answered */
        uint64_t reads, writes;               /* calls that moved bytes */
        uint64_t cut_writes;                  /* the kernel took less than was given, or nothing for now */
        uint64_t lost_writes;                 /* UDP: datagrams that the kernel refused, ICMP errors among them */
        uint64_t kernel_drops;                /* UDP: datagrams the receive buffer had no place for (SO_MEMINFO) */
        int receive_bytes;                    /* SO_RCVBUF of the newest socket */
        bool nodelay;                         /* TCP_NODELAY of the newest socket */
        char congestion[SOCK_CONGESTION_MAX]; /* TCP_CONGESTION of the newest socket; "" on UDP */
        uint16_t local_port;                  /* of the newest socket */
};

/* Creates the engine and begins to connect from the loop's next turn on. Borrows the loop and the
 * transport. NULL: out of memory. */
struct client_io *client_io_create(struct loop *loop, const struct client_io_config *config);

/* Closes the socket as it is, without a goodbye, and destroys the engine. Accepts NULL. */
void client_io_destroy(struct client_io *io);

struct client *client_io_engine(struct client_io *io);
const struct transport *client_io_transport(const struct client_io *io);

/* After calls on the engine: hands out its events, sends, opens, closes, sets the alarm. */
void client_io_turn(struct client_io *io);

/* Is there a socket? After `bye`, false means that all was said and closed. */
bool client_io_is_open(const struct client_io *io);

struct client_io_figures client_io_figures(const struct client_io *io);

#endif
