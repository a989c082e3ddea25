/* lab_packets: IPv4 packets for the tests of the link, built by hand. */
#ifndef TESTS_UNIT_LAB_PACKETS_H
#define TESTS_UNIT_LAB_PACKETS_H
#include "core/base/bytes.h"
#include "core/wire/dgram.h"

/* One packet in its own memory; bytes_of(p.at, p.n) is what goes over the link. */
struct made_packet {
        uint8_t at[1600];
        size_t n;
};

/* An IPv4 packet of `protocol` from 10.77.0.1 to 10.77.0.2 with `body` after its header. */
static inline struct made_packet make_ip(uint8_t protocol, uint16_t fragment, uint16_t ip_id, struct bytes body)
{
        struct made_packet p;
        struct writer w = writer_of(p.at, sizeof p.at);
        writer_u8(&w, 0x45);
        writer_u8(&w, 0);
        writer_u16(&w, (uint16_t)(20 + body.n));
        writer_u16(&w, ip_id);
        writer_u16(&w, fragment);
        writer_u8(&w, 64);
        writer_u8(&w, protocol);
        writer_u16(&w, 0);
        writer_u32(&w, 0x0a4d0001);
        writer_u32(&w, 0x0a4d0002);
        writer_put(&w, body.at, body.n);
        p.n = writer_used(&w);
        return p;
}

static inline struct made_packet make_udp(uint16_t src_port, uint16_t dst_port, struct bytes payload)
{
        uint8_t body[1600];
        struct writer w = writer_of(body, sizeof body);
        writer_u16(&w, src_port);
        writer_u16(&w, dst_port);
        writer_u16(&w, (uint16_t)(8 + payload.n));
        writer_u16(&w, 0);
        writer_put(&w, payload.at, payload.n);
        return make_ip(17, 0, 0, bytes_of(body, writer_used(&w)));
}

static inline struct made_packet make_tcp(uint16_t src_port, uint16_t dst_port, uint32_t tcp_seq)
{
        uint8_t body[20];
        struct writer w = writer_of(body, sizeof body);
        writer_u16(&w, src_port);
        writer_u16(&w, dst_port);
        writer_u32(&w, tcp_seq);
        writer_zeros(&w, 12);
        return make_ip(6, 0, 0, bytes_of(body, writer_used(&w)));
}

/* Appends a DATA message with this seq and a small event. */
static inline void put_data(struct writer *w, uint64_t seq)
{
        struct dgram_msg m = { .type = DGRAM_DATA,
                               .tag = 1,
                               .data = { .epoch = 1,
                                         .seq = seq,
                                         .eid = seq,
                                         .event_bytes = 3,
                                         .frag_cnt = 1,
                                         .event = bytes_of("\x91\xa1x", 3) } };
        dgram_put(w, &m);
}

/* A datagram to port 20,000 + subscriber that carries one DATA with this seq. */
static inline struct made_packet make_data(uint16_t subscriber, uint64_t seq)
{
        uint8_t payload[64];
        struct writer w = writer_of(payload, sizeof payload);
        put_data(&w, seq);
        return make_udp(3001, (uint16_t)(20000 + subscriber), bytes_of(payload, writer_used(&w)));
}

#endif
