/* Packets from a stranger: a capture's and a TUN device's. The first byte picks the link type, the second is how
 * much of the packet was not captured. Captured shorter still it says the same, or that it cannot say; nothing says
 * more than it has room for; in Ethernet, with a tag and padding, it is the same packet; and the two readers of IPv4
 * agree. */
#include <stdlib.h>

#include "bench/packet.h"
#include "core/wire/dgram.h"
#include "lab/classify.h"
#include "lab/ipv4.h"

enum { PACKET_MAX = 1 << 12, PADDING = 9, FLAGS_AND_OFFSET = 6, MORE_FRAGMENTS = 0x20 };

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

struct said {
        enum packet_verdict verdict;
        uint32_t bytes;
};

static void need(bool good)
{
        if (!good)
                abort();
}

static bool same(struct said a, struct said b)
{
        return a.verdict == b.verdict && (a.verdict != PACKET_PAYLOAD || a.bytes == b.bytes);
}

/* In memory of its size. */
static struct said ask(enum packet_link link, struct bytes in, size_t wire_bytes)
{
        struct said s = { 0 };
        uint8_t *exact = malloc(in.n + !in.n);
        if (in.n > 0)
                memcpy(exact, in.at, in.n);
        s.verdict = packet_payload(link, bytes_of(exact, in.n), (uint32_t)wire_bytes, &s.bytes);
        free(exact);
        return s;
}

static void captured(enum packet_link link, struct bytes in, size_t wire_bytes)
{
        struct said whole = ask(link, in, wire_bytes);
        need(whole.verdict < PACKET_VERDICTS);
        if (whole.verdict == PACKET_PAYLOAD) /* a datagram's first fragment tells the size of all */
                need(whole.bytes > 0 && (whole.bytes <= wire_bytes || whole.bytes <= UINT16_MAX));
        for (size_t cut = 0; cut < in.n; cut++) {
                struct said less = ask(link, bytes_of(in.at, cut), wire_bytes);
                need(less.verdict == PACKET_BAD || same(less, whole));
        }
}

static void in_ethernet(struct bytes in, size_t wire_bytes)
{
        static const uint8_t head[] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 5, 8, 0 };
        uint8_t frame[sizeof head + PACKET_MAX + PADDING] = { 0 };
        memcpy(frame, head, sizeof head);
        if (in.n > 0)
                memcpy(frame + sizeof head, in.at, in.n);
        struct said plain = ask(PACKET_IPV4, in, wire_bytes);
        need(same(ask(PACKET_EN10MB, bytes_of(frame, sizeof head + in.n), sizeof head + wire_bytes), plain));
        bool has_length = in.n >= 4 && (in.at[2] | in.at[3]) != 0, all = in.n == wire_bytes;
        size_t padded = sizeof head + wire_bytes + PADDING;
        if (has_length && all && plain.verdict != PACKET_BAD)
                need(same(ask(PACKET_EN10MB, bytes_of(frame, padded), padded), plain));
}

static void from_a_device(struct bytes in)
{
        struct ipv4_packet p;
        struct said s = ask(PACKET_IPV4, in, in.n);
        uint64_t first_seq = 4711;
        if (!ipv4_parse(in.at, in.n, &p)) {
                need(p.src == 0 && p.dst == 0 && p.protocol == 0 && p.udp_payload.n == 0);
                return;
        }
        need((s.verdict == PACKET_FRAGMENT) == (p.fragment_bytes > 0));
        if (p.udp_payload.n > 0) {
                need(p.protocol == IPV4_UDP && p.fragment_bytes == 0);
                need(p.udp_payload.at >= in.at + 28 && p.udp_payload.at + p.udp_payload.n <= in.at + in.n);
        }
        bool whole = !(in.at[FLAGS_AND_OFFSET] & MORE_FRAGMENTS) && p.fragment_bytes == 0;
        if (whole && p.protocol == IPV4_UDP && s.verdict == PACKET_PAYLOAD && s.bytes != p.udp_payload.n)
                need(in.at[(in.at[0] & 15) * 4 + 4] == 0 && in.at[(in.at[0] & 15) * 4 + 5] == 0); /* no length */
        if (whole && p.udp_payload.n > 0 && s.verdict != PACKET_BAD)
                need(s.verdict == PACKET_PAYLOAD && s.bytes == p.udp_payload.n);
        if (classify_dgram(p.udp_payload.at, p.udp_payload.n, &first_seq))
                need(dgram_check(p.udp_payload) == DGRAM_GOOD);
        else
                need(first_seq == 4711);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        static const enum packet_link links[] = { PACKET_IPV4, PACKET_IPV6,      PACKET_EN10MB,    PACKET_RAW,
                                                  PACKET_NULL, PACKET_LINUX_SLL, PACKET_LINUX_SLL2 };
        if (n < 2 || n - 2 > PACKET_MAX)
                return 0;
        struct bytes packet = bytes_of(in + 2, n - 2);
        captured(links[in[0] % (sizeof links / sizeof *links)], packet, packet.n + in[1]);
        in_ethernet(packet, packet.n + in[1]);
        from_a_device(packet);
        return 0;
}
