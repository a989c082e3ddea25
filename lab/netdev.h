/* netdev: the few things the lab does to network devices. EDGE.
 *
 * All act in the network namespace of the calling process, netdev_drops() in that of its socket.
 * Each returns 0 or ERR_SYSTEM with errno set.
 *
 * Source: netdevice(7) for the ioctls, rtnetlink(7) for veth and counters.
 */
#ifndef LAB_NETDEV_H
#define LAB_NETDEV_H
#include <stdint.h>

/* Gives `name` the IPv4 address (dotted, in a /24), mtu and length of its send queue, and sets it up. */
int netdev_up(const char *name, const char *address, uint32_t mtu, uint32_t tx_queue);

/* Sets the loopback device up, and switches IPv6 off for devices to come, whose router solicitations
 * would be stray packets on the path. Where /proc is read-only IPv6 stays on, without a failure. */
int netdev_lo_up(void);

/* Makes a veth pair called `name` on both ends, the other end in the namespace `peer_ns`. */
int netdev_veth(const char *name, int peer_ns);

/* A socket that asks this namespace's devices for their counters, from wherever it is used later;
 * or ERR_SYSTEM. */
int netdev_route_socket(void);

/* Packets that the device `name` of the socket's namespace dropped instead of sending. */
int netdev_drops(int route_fd, const char *name, uint64_t *tx_dropped);

#endif
