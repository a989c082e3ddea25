/* wire_tun: the IP packets of a network namespace, as a descriptor. EDGE.
 *
 * A TUN device without packet-information header: one read is one packet that a program in the
 * namespace sent, one write is one packet for it. No vnet header either, so that the kernel cuts
 * segments to the MTU and fills in checksums by itself. The device lives as long as its descriptor.
 */
#ifndef LAB_WIRE_TUN_H
#define LAB_WIRE_TUN_H
#include <stdint.h>

/* The default send queue of 500 drops in silence by the million when flooded. */
enum { WIRE_TUN_MTU = 1500, WIRE_TUN_QUEUE = 10000 };

struct wire_tun {
        int fd;       /* packets; non-blocking, close-on-exec */
        int route_fd; /* asks the device for its drops */
};

#define WIRE_TUN_NONE ((struct wire_tun){ -1, -1 })
#define WIRE_TUN_NAME "link"

/* Makes the device WIRE_TUN_NAME with this IPv4 address (in a /24) in the calling process's network
 * namespace and sets it up. Returns 0, or ERR_SYSTEM with errno and, in *step, what was refused;
 * *t is WIRE_TUN_NONE then. */
int wire_tun_open(struct wire_tun *t, const char *address, const char **step);
void wire_tun_close(struct wire_tun *t);

/* Packets that the device could not queue for us since it was made; from any namespace.
 * Returns 0 or ERR_SYSTEM with errno. */
int wire_tun_dropped(const struct wire_tun *t, uint64_t *packets);

#endif
