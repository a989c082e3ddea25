#include "bench/packet.h"

#include <assert.h>

enum { ETHER_IPV4 = 0x0800, ETHER_IPV6 = 0x86dd, ETHER_VLAN = 0x8100, ETHER_QINQ = 0x88a8 };
enum { PROTO_TCP = 6, PROTO_UDP = 17, PROTO_SCTP = 132 };
enum { EXT_HOPS = 0, EXT_ROUTING = 43, EXT_FRAGMENT = 44, EXT_AUTH = 51, EXT_OPTIONS = 60, EXT_MOBILITY = 135 };
enum { CHUNK_DATA = 0, CHUNK_I_DATA = 64, EXTENSIONS_MAX = 8, TAGS_MAX = 2 };

/* What is known of a packet while its headers are stepped over. */
struct walk {
        struct reader r;
        uint32_t left;   /* bytes that the packet still has on the wire, by its headers' word */
        bool fragmented; /* this is the first fragment of several */
};

static void skip(struct walk *w, uint32_t n)
{
        reader_take(&w->r, n);
        w->left -= n < w->left ? n : w->left;
}

static enum packet_verdict said(uint32_t payload, uint32_t *bytes)
{
        *bytes = payload;
        return payload > 0 ? PACKET_PAYLOAD : PACKET_NO_PAYLOAD;
}

static enum packet_verdict tcp(struct walk *w, uint32_t *bytes)
{
        reader_take(&w->r, 12);
        uint32_t head = (reader_u8(&w->r) >> 4) * 4u;
        if (w->r.failed || head < 20 || head > w->left)
                return PACKET_BAD;
        return said(w->left - head, bytes);
}

static enum packet_verdict udp(struct walk *w, uint32_t *bytes)
{
        reader_take(&w->r, 4);
        uint32_t length = reader_u16(&w->r);
        if (length == 0) /* segmentation offload and jumbograms leave it open */
                length = w->left;
        if (w->r.failed || length < 8 || (length > w->left && !w->fragmented))
                return PACKET_BAD;
        return said(length - 8, bytes);
}

static enum packet_verdict sctp(struct walk *w, uint32_t *bytes)
{
        uint32_t payload = 0;
        skip(w, 12);
        while (w->left >= 4) {
                uint8_t type = reader_u8(&w->r);
                reader_u8(&w->r);
                uint32_t length = reader_u16(&w->r), padded = (length + 3) & ~3u;
                uint32_t head = type == CHUNK_DATA ? 16 : type == CHUNK_I_DATA ? 20 : length;
                if (w->r.failed || length < 4 || length < head || length > w->left)
                        return PACKET_BAD;
                payload += length - head;
                w->left -= padded < w->left ? padded : w->left;
                if (w->left >= 4)
                        reader_take(&w->r, padded - 4);
        }
        return w->r.failed ? PACKET_BAD : said(payload, bytes);
}

static enum packet_verdict transport(struct walk *w, uint8_t proto, uint32_t *bytes)
{
        switch (proto) {
        case PROTO_TCP:
                return tcp(w, bytes);
        case PROTO_UDP:
                return udp(w, bytes);
        case PROTO_SCTP:
                return sctp(w, bytes);
        default:
                return PACKET_OTHER;
        }
}

static enum packet_verdict ipv4(struct walk *w, uint32_t *bytes)
{
        uint8_t first = reader_u8(&w->r);
        reader_u8(&w->r);
        uint32_t total = reader_u16(&w->r), head = (first & 15) * 4u;
        reader_u16(&w->r);
        uint16_t piece = reader_u16(&w->r);
        reader_u8(&w->r);
        uint8_t proto = reader_u8(&w->r);
        if (total == 0) /* captured before segmentation offload: only the wire knows */
                total = w->left;
        if (w->r.failed || first >> 4 != 4 || head < 20 || head > total || total > w->left)
                return PACKET_BAD;
        if (piece & 0x1fff)
                return PACKET_FRAGMENT;
        w->fragmented = piece & 0x2000;
        reader_take(&w->r, head - 10);
        w->left = total - head;
        return transport(w, proto, bytes);
}

static bool is_extension(uint8_t next)
{
        return next == EXT_HOPS || next == EXT_ROUTING || next == EXT_FRAGMENT || next == EXT_AUTH ||
               next == EXT_OPTIONS || next == EXT_MOBILITY;
}

/* Steps over one extension header; returns PACKET_PAYLOAD to go on. */
static enum packet_verdict extension(struct walk *w, uint8_t *next)
{
        uint8_t type = *next;
        *next = reader_u8(&w->r);
        uint32_t units = reader_u8(&w->r), length = (units + 1) * 8;
        if (type == EXT_AUTH)
                length = (units + 2) * 4;
        if (type == EXT_FRAGMENT) {
                length = 8;
                uint16_t piece = reader_u16(&w->r);
                w->fragmented = piece & 1;
                if (!w->r.failed && piece >> 3)
                        return PACKET_FRAGMENT;
                reader_take(&w->r, 4);
        } else {
                reader_take(&w->r, length - 2);
        }
        if (w->r.failed || length > w->left)
                return PACKET_BAD;
        w->left -= length;
        return PACKET_PAYLOAD;
}

static enum packet_verdict ipv6(struct walk *w, uint32_t *bytes)
{
        uint8_t first = reader_u8(&w->r);
        reader_take(&w->r, 3);
        uint32_t length = reader_u16(&w->r);
        uint8_t next = reader_u8(&w->r);
        reader_take(&w->r, 33);
        if (w->r.failed || first >> 4 != 6 || w->left < 40 || length > w->left - 40)
                return PACKET_BAD;
        w->left = length ? length : w->left - 40;
        for (int i = 0; is_extension(next); i++) {
                enum packet_verdict v = i < EXTENSIONS_MAX ? extension(w, &next) : PACKET_BAD;
                if (v != PACKET_PAYLOAD)
                        return v;
        }
        return transport(w, next, bytes);
}

static enum packet_verdict by_version(struct walk *w, uint32_t *bytes)
{
        if (reader_left(&w->r) == 0)
                return PACKET_BAD;
        switch (*w->r.at >> 4) {
        case 4:
                return ipv4(w, bytes);
        case 6:
                return ipv6(w, bytes);
        default:
                return PACKET_NOT_IP;
        }
}

static enum packet_verdict by_ethertype(struct walk *w, uint16_t type, uint32_t *bytes)
{
        for (int i = 0; i < TAGS_MAX && (type == ETHER_VLAN || type == ETHER_QINQ); i++) {
                skip(w, 2);
                type = reader_u16(&w->r);
                w->left -= w->left < 2 ? w->left : 2;
        }
        if (w->r.failed)
                return PACKET_BAD;
        if (type == ETHER_IPV4)
                return ipv4(w, bytes);
        return type == ETHER_IPV6 ? ipv6(w, bytes) : PACKET_NOT_IP;
}

/* A link header of `head` bytes with the EtherType at place `at`. */
static enum packet_verdict typed_link(struct walk *w, uint32_t at, uint32_t head, uint32_t *bytes)
{
        struct reader peek = w->r;
        reader_take(&peek, at);
        uint16_t type = reader_u16(&peek);
        skip(w, head);
        return by_ethertype(w, type, bytes);
}

/* The address family stands in the capturing machine's byte order, and every system numbers IPv6
 * differently: the family only tells IP from the rest, the version nibble decides. */
static enum packet_verdict null_link(struct walk *w, uint32_t *bytes)
{
        uint32_t family = reader_u32(&w->r);
        if (family > 0xffff)
                family = __builtin_bswap32(family);
        w->left -= w->left < 4 ? w->left : 4;
        if (w->r.failed)
                return PACKET_BAD;
        bool is_ip = family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
        return is_ip ? by_version(w, bytes) : PACKET_NOT_IP;
}

bool packet_link_known(int number)
{
        switch (number) {
#define PACKET_LINK_CASE(name, value, words) case value:
                PACKET_LINK_LIST(PACKET_LINK_CASE)
#undef PACKET_LINK_CASE
                return true;
        default:
                return false;
        }
}

enum packet_verdict packet_payload(enum packet_link link, struct bytes in, uint32_t wire_bytes, uint32_t *bytes)
{
        struct walk w = { reader_of(in.at, in.n), wire_bytes, false };
        switch (link) {
        case PACKET_NULL:
                return null_link(&w, bytes);
        case PACKET_EN10MB:
                return typed_link(&w, 12, 14, bytes);
        case PACKET_LINUX_SLL:
                return typed_link(&w, 14, 16, bytes);
        case PACKET_LINUX_SLL2:
                return typed_link(&w, 0, 20, bytes);
        case PACKET_RAW:
                return by_version(&w, bytes);
        case PACKET_IPV4:
                return ipv4(&w, bytes);
        case PACKET_IPV6:
                return ipv6(&w, bytes);
        }
        assert(!"a link type outside the list");
        return PACKET_NOT_IP;
}
