/* Reading the flow out of an IPv4 packet. */
#include "tests/unit/harness.h"
#include "tests/unit/lab_packets.h"

#include "lab/ipv4.h"

static void udp_with_payload(void **state)
{
        (void)state;
        struct made_packet made = make_udp(20003, 3001, bytes_text("hello"));
        struct ipv4_packet p;
        assert_true(ipv4_parse(made.at, made.n, &p));
        assert_int_equal(p.protocol, IPV4_UDP);
        assert_int_equal(p.src, 0x0a4d0001);
        assert_int_equal(p.dst, 0x0a4d0002);
        assert_int_equal(p.src_port, 20003);
        assert_int_equal(p.dst_port, 3001);
        assert_true(bytes_equal(p.udp_payload, bytes_text("hello")));
        assert_true(ipv4_parse(made.at, made.n + 10, &p)); /* bytes after its own length do not count */
        assert_true(bytes_equal(p.udp_payload, bytes_text("hello")));
}

static void tcp_ports(void **state)
{
        (void)state;
        struct made_packet made = make_tcp(3000, 20010, 1);
        struct ipv4_packet p;
        assert_true(ipv4_parse(made.at, made.n, &p));
        assert_int_equal(p.protocol, IPV4_TCP);
        assert_int_equal(p.dst_port, 20010);
        assert_int_equal(p.udp_payload.n, 0);
}

static void options_are_skipped(void **state)
{
        (void)state;
        struct made_packet made = make_udp(7, 9, bytes_text("x"));
        memmove(made.at + 24, made.at + 20, made.n - 20);
        memset(made.at + 20, 1, 4); /* four no-operation options */
        made.at[0] = 0x46;
        made.at[3] = (uint8_t)(made.n += 4);
        struct ipv4_packet p;
        assert_true(ipv4_parse(made.at, made.n, &p));
        assert_int_equal(p.dst_port, 9);
        assert_true(bytes_equal(p.udp_payload, bytes_text("x")));
}

static void later_fragment_has_no_ports(void **state)
{
        (void)state;
        struct made_packet made = make_ip(17, 185, 77, bytes_text("the middle of something"));
        struct ipv4_packet p;
        assert_true(ipv4_parse(made.at, made.n, &p));
        assert_int_equal(p.fragment_bytes, 1480);
        assert_int_equal(p.ip_id, 77);
        assert_int_equal(p.src_port | p.dst_port, 0);
        assert_int_equal(p.udp_payload.n, 0);
}

static void first_fragment_holds_less_than_it_says(void **state)
{
        (void)state;
        struct made_packet made = make_ip(17, 0x2000, 77, bytes_of("\x4e\x20\x0b\xb9\x10\x00\0\0abc", 11));
        struct ipv4_packet p;
        assert_true(ipv4_parse(made.at, made.n, &p));
        assert_int_equal(p.src_port, 20000);
        assert_true(bytes_equal(p.udp_payload, bytes_text("abc")));
}

struct bad_row {
        const char *name;
        size_t at;
        uint8_t value;
};

static const struct bad_row bad[] = {
        { "version 6", 0, 0x65 },
        { "header of four words", 0, 0x44 },
        { "header longer than the packet", 0, 0x4f },
        { "longer than what came", 2, 0x40 },
        { "shorter than its header", 3, 19 },
};

static void not_a_packet(void **state)
{
        const struct bad_row *row = *state;
        struct made_packet made = make_udp(1, 2, bytes_text("hello"));
        made.at[row->at] = row->value;
        struct ipv4_packet p;
        assert_false(ipv4_parse(made.at, made.n, &p));
        assert_int_equal(p.protocol, 0);
}

static void every_prefix(void **state)
{
        (void)state;
        struct made_packet made = make_udp(1, 2, bytes_text("hello"));
        for (size_t cut = 0; cut < made.n; cut++) {
                uint8_t *exact = test_malloc(cut + 1);
                memcpy(exact + 1, made.at, cut);
                struct ipv4_packet p;
                assert_false(ipv4_parse(exact + 1, cut, &p)); /* it says it is longer */
                if (cut > 20) {
                        exact[1 + 3] = (uint8_t)cut; /* a short packet that tells the truth */
                        assert_true(ipv4_parse(exact + 1, cut, &p));
                        assert_int_equal(p.dst_port, cut >= 24 ? 2 : 0);
                        assert_int_equal(p.udp_payload.n, cut >= 28 ? cut - 28 : 0);
                }
                test_free(exact);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(udp_with_payload),
                cmocka_unit_test(tcp_ports),
                cmocka_unit_test(options_are_skipped),
                cmocka_unit_test(later_fragment_has_no_ports),
                cmocka_unit_test(first_fragment_holds_less_than_it_says),
                cmocka_unit_test(every_prefix),
        };
        return cmocka_run_group_tests_name("ipv4", tests, NULL, NULL) + RUN_ROWS("ipv4: rejected", bad, not_a_packet);
}
