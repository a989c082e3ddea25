/* ipv4: what an IPv4 packet says about the flow it belongs to.
 *
 * Reads just enough of one packet, as a TUN device gives it, to name its flow: addresses, protocol,
 * ports, place among fragments. Checks no checksum, changes nothing, keeps nothing.
 *
 * Source: RFC 791 (IPv4), RFC 768 (UDP), RFC 9293 (TCP: the ports stand where UDP's do).
 */
#ifndef LAB_IPV4_H
#define LAB_IPV4_H
#include "core/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IPV4_TCP = 6, IPV4_UDP = 17 };

struct ipv4_packet {
        uint32_t src, dst;           /* addresses, host order */
        uint16_t src_port, dst_port; /* 0 where there are none: later fragments, other protocols */
        uint16_t ip_id;
        uint16_t fragment_bytes; /* offset of this fragment; 0 in a whole packet and in the first fragment */
        uint8_t protocol;
        struct bytes udp_payload; /* borrowed from the packet; empty unless UDP with its header */
};

/* Reads the packet `in` into *p. Returns false, with *p zeroed, when `in` is no whole IPv4 header
 * or says that it is longer than in_bytes. Bytes after the packet's own length are ignored. */
bool ipv4_parse(const uint8_t *in, size_t in_bytes, struct ipv4_packet *p);

#endif
