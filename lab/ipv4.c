#include "lab/ipv4.h"

enum { IP_HEADER = 20, UDP_HEADER = 8, OFFSET_MASK = 0x1fff };

static void parse_ports(struct bytes segment, struct ipv4_packet *p)
{
        struct reader r = reader_of(segment.at, segment.n);
        uint16_t src_port = reader_u16(&r), dst_port = reader_u16(&r);
        if (r.failed)
                return;
        p->src_port = src_port;
        p->dst_port = dst_port;
        if (p->protocol != IPV4_UDP)
                return;
        uint16_t udp_bytes = reader_u16(&r);
        reader_u16(&r); /* checksum */
        if (r.failed || udp_bytes < UDP_HEADER)
                return;
        size_t said = udp_bytes - (size_t)UDP_HEADER, left = reader_left(&r);
        p->udp_payload = bytes_of(r.at, said < left ? said : left); /* a first fragment holds less than it says */
}

bool ipv4_parse(const uint8_t *in, size_t in_bytes, struct ipv4_packet *p)
{
        *p = (struct ipv4_packet){ 0 };
        struct reader r = reader_of(in, in_bytes);
        uint8_t version_ihl = reader_u8(&r);
        reader_u8(&r); /* DSCP, ECN */
        uint16_t total_bytes = reader_u16(&r);
        uint16_t ip_id = reader_u16(&r), fragment = reader_u16(&r);
        reader_u8(&r); /* TTL */
        uint8_t protocol = reader_u8(&r);
        reader_u16(&r); /* checksum */
        uint32_t src = reader_u32(&r), dst = reader_u32(&r);
        size_t header_bytes = (size_t)(version_ihl & 15) * 4;
        if (r.failed || version_ihl >> 4 != 4 || header_bytes < IP_HEADER || total_bytes < header_bytes ||
            total_bytes > in_bytes)
                return false;
        *p = (struct ipv4_packet){ .src = src,
                                   .dst = dst,
                                   .ip_id = ip_id,
                                   .fragment_bytes = (uint16_t)((fragment & OFFSET_MASK) * 8),
                                   .protocol = protocol };
        if (p->fragment_bytes == 0 && (protocol == IPV4_UDP || protocol == IPV4_TCP))
                parse_ports(bytes_of(in + header_bytes, total_bytes - header_bytes), p);
        return true;
}
