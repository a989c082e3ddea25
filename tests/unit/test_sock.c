#include "tests/unit/harness.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/loop/sock.h"

struct addr_row {
        const char *name, *text;
        int err;
        int port;
        const char *again; /* how it is printed, NULL: as it was written */
};

static const struct addr_row addr_rows[] = {
        { "addr: IPv4", "127.0.0.1:3000", 0, 3000, NULL },
        { "addr: IPv6", "[::1]:3000", 0, 3000, NULL },
        { "addr: any of IPv4, port 0", "0.0.0.0:0", 0, 0, NULL },
        { "addr: any of IPv6", "[::]:65535", 0, 65535, NULL },
        { "addr: IPv6 is printed short", "[2001:0DB8:0:0:0:0:0:1]:80", 0, 80, "[2001:db8::1]:80" },
        { "addr: the longest", "[1111:2222:3333:4444:5555:6666:7777:8888]:65535", 0, 65535, NULL },
        { "addr: IPv4 inside IPv6", "[::ffff:10.0.0.1]:1", 0, 1, NULL },
        { "addr: nothing", "", ERR_MALFORMED, 0, NULL },
        { "addr: no port", "127.0.0.1", ERR_MALFORMED, 0, NULL },
        { "addr: an empty port", "127.0.0.1:", ERR_MALFORMED, 0, NULL },
        { "addr: only a port", ":3000", ERR_MALFORMED, 0, NULL },
        { "addr: a bare port", "3000", ERR_MALFORMED, 0, NULL },
        { "addr: a port too high", "127.0.0.1:65536", ERR_MALFORMED, 0, NULL },
        { "addr: a port far too high", "127.0.0.1:99999999999999999999", ERR_MALFORMED, 0, NULL },
        { "addr: a port below 0", "127.0.0.1:-1", ERR_MALFORMED, 0, NULL },
        { "addr: a plus", "127.0.0.1:+80", ERR_MALFORMED, 0, NULL },
        { "addr: something behind", "127.0.0.1:80x", ERR_MALFORMED, 0, NULL },
        { "addr: a space in front", " 127.0.0.1:80", ERR_MALFORMED, 0, NULL },
        { "addr: a space behind", "127.0.0.1:80 ", ERR_MALFORMED, 0, NULL },
        { "addr: a name", "localhost:80", ERR_MALFORMED, 0, NULL },
        { "addr: three numbers", "127.0.1:80", ERR_MALFORMED, 0, NULL },
        { "addr: a number too high", "127.0.0.256:80", ERR_MALFORMED, 0, NULL },
        { "addr: IPv6 without brackets", "::1:80", ERR_MALFORMED, 0, NULL },
        { "addr: IPv6 without an end", "[::1:80", ERR_MALFORMED, 0, NULL },
        { "addr: IPv6 without a port", "[::1]", ERR_MALFORMED, 0, NULL },
        { "addr: IPv6 without a colon", "[::1]80", ERR_MALFORMED, 0, NULL },
        { "addr: IPv4 in brackets", "[127.0.0.1]:80", ERR_MALFORMED, 0, NULL },
        { "addr: nothing in brackets", "[]:80", ERR_MALFORMED, 0, NULL },
        { "addr: a host longer than any", "[11111111111111111111111111111111111111111111111111]:80", ERR_MALFORMED, 0,
          NULL },
        { "addr: a URL", "ws://127.0.0.1:80", ERR_MALFORMED, 0, NULL },
};

static void addr_row(void **state)
{
        const struct addr_row *row = *state;
        struct sock_addr a = { .n = 77 };
        char text[SOCK_ADDR_TEXT_MAX];
        assert_int_equal(sock_addr_parse(row->text, &a), row->err);
        if (row->err) {
                assert_int_equal(a.n, 77); /* left alone */
                return;
        }
        assert_int_equal(sock_addr_port(&a), row->port);
        assert_string_equal(sock_addr_text(&a, text), row->again ? row->again : row->text);
        sock_addr_port_set(&a, 4321);
        assert_int_equal(sock_addr_port(&a), 4321);
}

static struct sock_addr address(const char *text)
{
        struct sock_addr a;
        assert_int_equal(sock_addr_parse(text, &a), 0);
        return a;
}

static struct sock_addr local(int fd)
{
        struct sock_addr a;
        assert_int_equal(sock_local(fd, &a), 0);
        return a;
}

static bool is_ready(int fd, short what)
{
        struct pollfd p = { .fd = fd, .events = what };
        return poll(&p, 1, 5000) == 1;
}

static void port_0_becomes_a_real_one(void **state)
{
        (void)state;
        struct sock_addr any = address("127.0.0.1:0");
        int tcp = sock_tcp_listen(&any), udp = sock_udp_bind(&any, 0);
        assert_true(tcp >= 0 && udp >= 0);
        struct sock_addr a = local(tcp), b = local(udp);
        assert_true(sock_addr_port(&a) > 0 && sock_addr_port(&b) > 0);
        assert_int_equal(sock_addr_port(&any), 0);
        close(tcp);
        close(udp);
}

static void a_busy_port_says_so(void **state)
{
        (void)state;
        struct sock_addr any = address("127.0.0.1:0");
        int tcp = sock_tcp_listen(&any), udp = sock_udp_bind(&any, 0);
        assert_true(tcp >= 0 && udp >= 0);
        struct sock_addr tcp_at = local(tcp), udp_at = local(udp);
        errno = 0;
        assert_int_equal(sock_tcp_listen(&tcp_at), ERR_SYSTEM);
        assert_int_equal(errno, EADDRINUSE);
        errno = 0;
        assert_int_equal(sock_udp_bind(&udp_at, 0), ERR_SYSTEM);
        assert_int_equal(errno, EADDRINUSE);
        close(tcp);
        close(udp);
}

static void an_address_of_another_machine_says_so(void **state)
{
        (void)state;
        struct sock_addr a = address("192.0.2.1:0"); /* TEST-NET-1, RFC 5737 */
        assert_int_equal(sock_tcp_listen(&a), ERR_SYSTEM);
        assert_int_equal(errno, EADDRNOTAVAIL);
        assert_int_equal(sock_udp_bind(&a, 0), ERR_SYSTEM);
        assert_int_equal(errno, EADDRNOTAVAIL);
}

/* A listener's port can be taken again at once, though old connections linger in TIME-WAIT. */
static void a_listener_comes_back_to_its_port(void **state)
{
        (void)state;
        struct sock_addr any = address("127.0.0.1:0");
        int listener = sock_tcp_listen(&any);
        struct sock_addr at = local(listener);
        int client = sock_tcp_connect(&at, 0);
        assert_true(is_ready(client, POLLOUT));
        assert_true(is_ready(listener, POLLIN));
        int server = accept(listener, NULL, NULL);
        assert_true(server >= 0);
        close(server); /* the server closes first: the TIME-WAIT is on its side */
        assert_true(is_ready(client, POLLIN));
        close(client);
        close(listener);
        listener = sock_tcp_listen(&at);
        assert_true(listener >= 0);
        close(listener);
}

struct family_row {
        const char *name, *any;
};

static const struct family_row family_rows[] = {
        { "IPv4 there and back", "127.0.0.1:0" },
        { "IPv6 there and back", "[::1]:0" },
};

/* A machine without IPv6 has no ::1 to bind. */
static bool has(const struct sock_addr *any)
{
        int fd = sock_udp_bind(any, 0);
        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

static void tcp_there_and_back(const struct sock_addr *any)
{
        int listener = sock_tcp_listen(any);
        struct sock_addr at = local(listener), from, seen;
        int client = sock_tcp_connect(&at, 0);
        assert_true(client >= 0 && is_ready(client, POLLOUT));
        assert_int_equal(sock_error(client), 0);
        assert_true(is_ready(listener, POLLIN));
        seen.n = sizeof seen.at;
        int server = accept4(listener, (struct sockaddr *)&seen.at, &seen.n, SOCK_NONBLOCK);
        assert_true(server >= 0);
        from = local(client);
        char a[SOCK_ADDR_TEXT_MAX], b[SOCK_ADDR_TEXT_MAX];
        assert_string_equal(sock_addr_text(&seen, a), sock_addr_text(&from, b));
        assert_int_equal(sock_remote(server, &seen), 0);
        assert_string_equal(sock_addr_text(&seen, a), sock_addr_text(&from, b));
        assert_int_equal(recv(client, a, 1, 0), -1); /* non-blocking */
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(send(server, "hi", 2, 0), 2);
        assert_true(is_ready(client, POLLIN));
        assert_int_equal(recv(client, a, sizeof a, 0), 2);
        close(server);
        close(client);
        close(listener);
}

static void udp_there_and_back(const struct sock_addr *any)
{
        char text[8];
        int server = sock_udp_bind(any, 1 << 16);
        struct sock_addr at = local(server);
        int client = sock_udp_connect(&at, 0, 1 << 16);
        assert_true(server >= 0 && client >= 0);
        assert_int_equal(recv(server, text, sizeof text, 0), -1);
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(send(client, "hi", 2, 0), 2);
        assert_true(is_ready(server, POLLIN));
        assert_int_equal(recv(server, text, sizeof text, 0), 2);
        close(client);
        close(server);
}

static void there_and_back(void **state)
{
        const struct family_row *row = *state;
        struct sock_addr any = address(row->any);
        if (!has(&any))
                skip();
        tcp_there_and_back(&any);
        udp_there_and_back(&any);
}

static void a_refused_connection_says_so(void **state)
{
        (void)state;
        struct sock_addr any = address("127.0.0.1:0");
        int listener = sock_tcp_listen(&any);
        struct sock_addr at = local(listener);
        close(listener);
        int fd = sock_tcp_connect(&at, 0);
        if (fd == ERR_SYSTEM) { /* a kernel may answer at once */
                assert_int_equal(errno, ECONNREFUSED);
                return;
        }
        assert_true(is_ready(fd, POLLOUT));
        assert_int_equal(sock_error(fd), ECONNREFUSED);
        close(fd);
}

static void the_source_port_can_be_chosen(void **state)
{
        (void)state;
        struct sock_addr any = address("127.0.0.1:0");
        int listener = sock_tcp_listen(&any), udp = sock_udp_bind(&any, 0), a = -1, b = -1;
        struct sock_addr tcp_at = local(listener), udp_at = local(udp);
        uint16_t port = 0;
        for (int i = 0; i < 50 && (a < 0 || b < 0); i++) { /* another process may be quicker with that port */
                int probe = sock_udp_bind(&any, 0);
                struct sock_addr free_port = local(probe);
                port = sock_addr_port(&free_port);
                close(probe);
                if (a >= 0)
                        close(a);
                a = sock_tcp_connect(&tcp_at, port);
                b = a < 0 ? -1 : sock_udp_connect(&udp_at, port, 0);
        }
        assert_true(a >= 0 && b >= 0);
        struct sock_addr a_at = local(a), b_at = local(b);
        assert_int_equal(sock_addr_port(&a_at), port);
        assert_int_equal(sock_addr_port(&b_at), port);
        char text[SOCK_ADDR_TEXT_MAX];
        assert_non_null(strstr(sock_addr_text(&b_at, text), "127.0.0.1:"));
        close(a);
        close(b);
        close(udp);
        close(listener);
}

static void drops_are_counted_exactly(void **state)
{
        enum { SENT = 200, BYTES = 1000 };
        (void)state;
        static char payload[BYTES];
        struct sock_addr any = address("127.0.0.1:0");
        int server = sock_udp_bind(&any, 16 * 1024);
        struct sock_addr at = local(server);
        int client = sock_udp_connect(&at, 0, 0);
        assert_true(server >= 0 && client >= 0);
        assert_true(sock_drops(server) == 0);
        for (int i = 0; i < SENT; i++)
                assert_int_equal(send(client, payload, sizeof payload, 0), BYTES);
        uint64_t read_n = 0;
        while (recv(server, payload, sizeof payload, 0) == BYTES)
                read_n++;
        assert_true(sock_drops(server) > 0);
        assert_int_equal(read_n + sock_drops(server), SENT);
        close(client);
        close(server);
}

static void the_receive_buffer_is_read_back(void **state)
{
        (void)state;
        struct sock_addr any = address("127.0.0.1:0");
        int usual = sock_udp_bind(&any, 0), small = sock_udp_bind(&any, 8192);
        assert_int_equal(sock_receive_bytes(small), 2 * 8192); /* the kernel doubles it for its bookkeeping */
        assert_true(sock_receive_bytes(usual) > sock_receive_bytes(small));
        close(usual);
        close(small);
}

static void nodelay_is_read_back(void **state)
{
        (void)state;
        struct sock_addr any = address("127.0.0.1:0");
        int tcp = sock_tcp_listen(&any), udp = sock_udp_bind(&any, 0);
        assert_false(sock_nodelay(tcp));
        assert_int_equal(sock_nodelay_set(tcp, true), 0);
        assert_true(sock_nodelay(tcp));
        assert_int_equal(sock_nodelay_set(tcp, false), 0);
        assert_false(sock_nodelay(tcp));
        assert_int_equal(sock_nodelay_set(udp, true), ERR_SYSTEM);
        close(tcp);
        close(udp);
}

static void congestion_control_is_read_back(void **state)
{
        (void)state;
        struct sock_addr any = address("127.0.0.1:0");
        char name[SOCK_CONGESTION_MAX], before[SOCK_CONGESTION_MAX];
        int tcp = sock_tcp_listen(&any), udp = sock_udp_bind(&any, 0);
        assert_true(strlen(sock_congestion(tcp, before)) > 0);
        assert_int_equal(sock_congestion_set(tcp, "no such control"), ERR_SYSTEM);
        assert_string_equal(sock_congestion(tcp, name), before);
        assert_int_equal(sock_congestion_set(tcp, "reno"), 0); /* built into every kernel */
        assert_string_equal(sock_congestion(tcp, name), "reno");
        assert_string_equal(sock_congestion(udp, name), "");
        close(tcp);
        close(udp);
}

static void a_closed_descriptor_is_an_error(void **state)
{
        (void)state;
        struct sock_addr a;
        assert_int_equal(sock_local(-1, &a), ERR_SYSTEM);
        assert_int_equal(sock_remote(-1, &a), ERR_SYSTEM);
        assert_int_equal(errno, EBADF);
        assert_true(sock_drops(-1) == 0);
}

static void an_address_without_its_port(void **state)
{
        static const uint8_t four[16] = { [10] = 0xFF, [11] = 0xFF, 192, 0, 2, 7 }, six[16] = { [15] = 1 };
        struct sock_addr a;
        uint8_t ip[16];
        (void)state;
        assert_int_equal(sock_addr_parse("192.0.2.7:80", &a), 0);
        sock_addr_ip(&a, ip);
        assert_memory_equal(ip, four, sizeof ip);
        assert_int_equal(sock_addr_parse("[::1]:80", &a), 0);
        sock_addr_ip(&a, ip);
        assert_memory_equal(ip, six, sizeof ip);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_address_without_its_port),
                cmocka_unit_test(port_0_becomes_a_real_one),
                cmocka_unit_test(a_busy_port_says_so),
                cmocka_unit_test(an_address_of_another_machine_says_so),
                cmocka_unit_test(a_listener_comes_back_to_its_port),
                cmocka_unit_test(a_refused_connection_says_so),
                cmocka_unit_test(the_source_port_can_be_chosen),
                cmocka_unit_test(drops_are_counted_exactly),
                cmocka_unit_test(the_receive_buffer_is_read_back),
                cmocka_unit_test(nodelay_is_read_back),
                cmocka_unit_test(congestion_control_is_read_back),
                cmocka_unit_test(a_closed_descriptor_is_an_error),
        };
        int failed = RUN_ROWS("sock: addresses", addr_rows, addr_row);
        failed += RUN_ROWS("sock: families", family_rows, there_and_back);
        return failed + cmocka_run_group_tests_name("sock", tests, NULL, NULL);
}
