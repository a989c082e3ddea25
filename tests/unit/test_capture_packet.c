#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

#include "bench/packet.h"

/* Packets are written as hex words; what stands between them is free. */
static size_t unhex(const char *text, uint8_t *out, size_t cap)
{
        size_t n = 0;
        while (*text) {
                char two[3] = { text[0], text[0] == ' ' ? '\0' : text[1], 0 };
                if (two[0] == ' ') {
                        text++;
                        continue;
                }
                assert_true(n < cap);
                out[n++] = (uint8_t)strtoul(two, NULL, 16);
                text += 2;
        }
        return n;
}

#define MACS            "0200000000aa 0200000000bb "
#define SLL             "0000 0001 0006 0200000000aa0000 "
#define SLL2_TAIL       " 0000 00000001 0001 00 06 0200000000aa0000 "
#define IP4(len, proto) "4500 " len " 0001 0000 40 " proto " 0000 0a000001 0a000002 "
#define IP6(len, next)  "60000000 " len " " next " 40 " A6 A6
#define A6              "fd000000000000000000000000000001 "
#define UDP(len)        "1388 1389 " len " 0000 "
#define TCP(offset)     "1388 1389 00000001 00000002 " offset "18 ffff 0000 0000 "
#define SCTP            "1388 1389 00000001 00000000 "

static const struct row {
        const char *name;
        enum packet_link link;
        const char *hex;
        uint32_t wire_bytes; /* 0: as captured */
        enum packet_verdict verdict;
        uint32_t bytes;
} rows[] = {
        { "ethernet, UDP of 4", PACKET_EN10MB, MACS "0800 " IP4("0020", "11") UDP("000c") "61626364", 0, PACKET_PAYLOAD,
          4 },
        { "ethernet padding is no payload", PACKET_EN10MB,
          MACS "0800 " IP4("001d", "11") UDP("0009") "61 0000000000000000", 0, PACKET_PAYLOAD, 1 },
        { "one VLAN tag", PACKET_EN10MB, MACS "8100 0005 0800 " IP4("001d", "11") UDP("0009") "61", 0, PACKET_PAYLOAD,
          1 },
        { "two VLAN tags", PACKET_EN10MB, MACS "88a8 0005 8100 0006 0800 " IP4("001d", "11") UDP("0009") "61", 0,
          PACKET_PAYLOAD, 1 },
        { "ARP", PACKET_EN10MB, MACS "0806 0001080006040001", 0, PACKET_NOT_IP, 0 },
        { "802.3 length instead of a type", PACKET_EN10MB, MACS "0026 4242030000", 0, PACKET_NOT_IP, 0 },
        { "cooked v1", PACKET_LINUX_SLL, SLL "0800 " IP4("001e", "11") UDP("000a") "6162", 0, PACKET_PAYLOAD, 2 },
        { "cooked v2", PACKET_LINUX_SLL2, "86dd" SLL2_TAIL IP6("000a", "11") UDP("000a") "6162", 0, PACKET_PAYLOAD, 2 },
        { "raw finds version 4", PACKET_RAW, IP4("001e", "11") UDP("000a") "6162", 0, PACKET_PAYLOAD, 2 },
        { "raw finds version 6", PACKET_RAW, IP6("000a", "11") UDP("000a") "6162", 0, PACKET_PAYLOAD, 2 },
        { "raw of version 5", PACKET_RAW, "5500 001e", 0, PACKET_NOT_IP, 0 },
        { "link type IPV4", PACKET_IPV4, IP4("001e", "11") UDP("000a") "6162", 0, PACKET_PAYLOAD, 2 },
        { "link type IPV6", PACKET_IPV6, IP6("000a", "11") UDP("000a") "6162", 0, PACKET_PAYLOAD, 2 },
        { "version 6 where 4 is promised", PACKET_IPV4, IP6("000a", "11") UDP("000a") "6162", 0, PACKET_BAD, 0 },
        { "null, little end", PACKET_NULL, "02000000 " IP4("001e", "11") UDP("000a") "6162", 0, PACKET_PAYLOAD, 2 },
        { "null, big end, IPv6 of a BSD", PACKET_NULL, "0000001e " IP6("000a", "11") UDP("000a") "6162", 0,
          PACKET_PAYLOAD, 2 },
        { "null, AppleTalk", PACKET_NULL, "10000000 4500", 0, PACKET_NOT_IP, 0 },
        { "TCP with payload", PACKET_RAW, IP4("002b", "06") TCP("50") "616263", 0, PACKET_PAYLOAD, 3 },
        { "TCP options are no payload", PACKET_RAW, IP4("0035", "06") TCP("80") "01010101 01010101 01010101 61", 0,
          PACKET_PAYLOAD, 1 },
        { "bare ACK", PACKET_RAW, IP4("0028", "06") TCP("50"), 0, PACKET_NO_PAYLOAD, 0 },
        { "TCP header that claims 16 bytes", PACKET_RAW, IP4("002b", "06") TCP("40") "616263", 0, PACKET_BAD, 0 },
        { "TCP header longer than the packet", PACKET_RAW, IP4("002b", "06") TCP("f0") "616263", 0, PACKET_BAD, 0 },
        { "empty UDP", PACKET_RAW, IP4("001c", "11") UDP("0008"), 0, PACKET_NO_PAYLOAD, 0 },
        { "UDP length below its header", PACKET_RAW, IP4("001c", "11") UDP("0007"), 0, PACKET_BAD, 0 },
        { "UDP length beyond the packet", PACKET_RAW, IP4("001e", "11") UDP("000b") "6162", 0, PACKET_BAD, 0 },
        { "snap length: the headers tell the size", PACKET_RAW, IP4("05dc", "11") UDP("05c8") "6162", 1500,
          PACKET_PAYLOAD, 1472 },
        { "segmentation offload: total length 0", PACKET_RAW,
          "4500 0000 0001 0000 40 06 0000 0a000001 0a000002 " TCP("50"), 9040, PACKET_PAYLOAD, 9000 },
        { "first fragment tells the whole datagram", PACKET_RAW,
          "4500 0024 0001 2000 40 11 0000 0a000001 0a000002 " UDP("0fa8") "0000000000000000", 0, PACKET_PAYLOAD, 4000 },
        { "later fragment", PACKET_RAW, "4500 001c 0001 2002 40 11 0000 0a000001 0a000002 0000000000000000", 0,
          PACKET_FRAGMENT, 0 },
        { "last fragment", PACKET_RAW, "4500 001c 0001 0002 40 11 0000 0a000001 0a000002 0000000000000000", 0,
          PACKET_FRAGMENT, 0 },
        { "IPv4 options", PACKET_RAW, "4600 0021 0001 0000 40 11 0000 0a000001 0a000002 01010101 " UDP("0009") "61", 0,
          PACKET_PAYLOAD, 1 },
        { "IPv6 hop-by-hop, then UDP", PACKET_RAW, IP6("0011", "00") "11 00 0104 0000 0000 " UDP("0009") "61", 0,
          PACKET_PAYLOAD, 1 },
        { "IPv6 first fragment", PACKET_RAW, IP6("0018", "2c") "11 00 0001 00000001 " UDP("0fa8") "0000000000000000", 0,
          PACKET_PAYLOAD, 4000 },
        { "IPv6 later fragment", PACKET_RAW, IP6("0010", "2c") "11 00 0009 00000001 0000000000000000", 0,
          PACKET_FRAGMENT, 0 },
        { "IPv6 authentication header counts in words", PACKET_RAW,
          IP6("0021", "33") "11 04 0000 00000001 00000001 000000000000000000000000 " UDP("0009") "61", 0,
          PACKET_PAYLOAD, 1 },
        { "IPv6 extensions without end", PACKET_RAW,
          IP6("0048",
              "00") "00 00 010400000000 00 00 010400000000 00 00 010400000000 00 00 010400000000 "
                    "00 00 010400000000 00 00 010400000000 00 00 010400000000 00 00 010400000000 00 00 010400000000",
          0, PACKET_BAD, 0 },
        { "ICMP", PACKET_RAW, IP4("001c", "01") "0800 0000 0001 0001", 0, PACKET_OTHER, 0 },
        { "SCTP DATA", PACKET_RAW, IP4("0033", "84") SCTP "00 03 0013 00000001 0000 0000 00000000 616263", 0,
          PACKET_PAYLOAD, 3 },
        { "SCTP, two DATA and a SACK between them", PACKET_RAW,
          IP4("0058", "84") SCTP
          "00 03 0013 00000001 0000 0000 00000000 61626300 03 00 0010 00000001 ffffffff 0000 0000 "
          "00 03 0014 00000001 0000 0000 00000000 61626364",
          0, PACKET_PAYLOAD, 7 },
        { "SCTP I-DATA", PACKET_RAW, IP4("0036", "84") SCTP "40 03 0016 00000001 0000 0000 00000000 00000000 6162", 0,
          PACKET_PAYLOAD, 2 },
        { "SCTP SACK alone", PACKET_RAW, IP4("0030", "84") SCTP "03 00 0010 00000001 ffffffff 0000 0000", 0,
          PACKET_NO_PAYLOAD, 0 },
        { "SCTP chunk of length 0", PACKET_RAW, IP4("0024", "84") SCTP "00 03 0000", 0, PACKET_BAD, 0 },
        { "IPv4 total length beyond the wire", PACKET_RAW, IP4("0100", "11") UDP("000a") "6162", 0, PACKET_BAD, 0 },
        { "IPv4 header of 16 bytes", PACKET_RAW, "4400 001e 0001 0000 40 11 0000 0a000001 0a000002", 0, PACKET_BAD, 0 },
        { "nothing at all", PACKET_EN10MB, "", 0, PACKET_BAD, 0 },
};

static void packet(void **state)
{
        const struct row *row = *state;
        uint8_t whole[256];
        size_t n = unhex(row->hex, whole, sizeof whole);
        uint32_t wire = row->wire_bytes ? row->wire_bytes : (uint32_t)n, bytes = 0;
        assert_int_equal(packet_payload(row->link, bytes_of(whole, n), wire, &bytes), row->verdict);
        if (row->verdict == PACKET_PAYLOAD)
                assert_int_equal(bytes, row->bytes);

        /* Captured short at every place: the same answer, or that it cannot be told. The copy is
         * exact so that the sanitizer sees a read behind it. */
        for (size_t cut = 0; cut < n; cut++) {
                uint8_t *part = malloc(cut ? cut : 1);
                memcpy(part, whole, cut);
                enum packet_verdict v = packet_payload(row->link, bytes_of(part, cut), wire, &bytes);
                free(part);
                assert_true(v == row->verdict || v == PACKET_BAD);
                if (v == PACKET_PAYLOAD)
                        assert_int_equal(bytes, row->bytes);
        }
}

static void links(void **state)
{
        (void)state;
        assert_true(packet_link_known(PACKET_EN10MB));
        assert_true(packet_link_known(276));
        assert_false(packet_link_known(105)); /* 802.11 */
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(links) };
        int failed = RUN_ROWS("packet", rows, packet);
        return failed + cmocka_run_group_tests_name("packet links", tests, NULL, NULL);
}
