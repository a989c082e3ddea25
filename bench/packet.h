/* packet: how much did the application say in this captured packet?
 *
 * Steps over link, network and transport headers and tells the bytes of transport payload, as the
 * headers state them: a packet cut short by the capture's snap length still tells its full size,
 * and Ethernet padding does not count. A capture is a stranger's bytes: nothing here reads past
 * what was captured.
 *
 * Sources: link types, tcpdump.org/linktypes.html; IPv4 RFC 791, IPv6 RFC 8200, TCP RFC 9293,
 * UDP RFC 768, SCTP RFC 9260 (payload: the user bytes of its DATA and I-DATA chunks, RFC 8260).
 */
#ifndef BENCH_PACKET_H
#define BENCH_PACKET_H
#include <stdbool.h>

#include "core/base/bytes.h"

/* X(name, number in capture files, words) */
#define PACKET_LINK_LIST(X)                      \
        X(PACKET_NULL, 0, "NULL (BSD loopback)") \
        X(PACKET_EN10MB, 1, "EN10MB (Ethernet)") \
        X(PACKET_RAW, 101, "RAW (IP)")           \
        X(PACKET_LINUX_SLL, 113, "LINUX_SLL")    \
        X(PACKET_IPV4, 228, "IPV4")              \
        X(PACKET_IPV6, 229, "IPV6")              \
        X(PACKET_LINUX_SLL2, 276, "LINUX_SLL2")

enum packet_link {
#define PACKET_LINK_ENUM(name, number, words) name = number,
        PACKET_LINK_LIST(PACKET_LINK_ENUM)
#undef PACKET_LINK_ENUM
};

enum packet_verdict {
        PACKET_PAYLOAD,    /* has payload; its size was given */
        PACKET_NO_PAYLOAD, /* TCP, UDP or SCTP, but says nothing (a bare ACK, a SACK) */
        PACKET_FRAGMENT,   /* a later IP fragment: its datagram was counted with the first one */
        PACKET_OTHER,      /* IP, but another transport (ICMP, a tunnel) */
        PACKET_NOT_IP,     /* ARP, LLDP, 802.3 */
        PACKET_BAD,        /* the headers contradict themselves, or were not captured whole */
        PACKET_VERDICTS
};

/* Is `number` (LINKTYPE_ value) one of the list? */
bool packet_link_known(int number);

/* in          the captured bytes, from the link header on
 * wire_bytes  the packet's length on the wire, link header included, >= in.n
 * bytes       payload size, set when the verdict is PACKET_PAYLOAD (then >= 1). A fragmented UDP
 *             datagram tells its whole size with its first fragment.
 * link        one of the list (our own mistake otherwise) */
enum packet_verdict packet_payload(enum packet_link link, struct bytes in, uint32_t wire_bytes, uint32_t *bytes);

#endif
