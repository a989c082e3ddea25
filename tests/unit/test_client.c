#include "tests/unit/harness.h"

#include <string.h>

#include "client/client.h"
#include "core/base/err.h"

#define HOST_63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct row {
        const char *name, *url;
        const char *scheme, *host, *port, *authority, *path; /* scheme NULL: refused */
} rows[] = {
        { "ws", "ws://127.0.0.1:3000", "ws", "127.0.0.1", "3000", "127.0.0.1:3000", "/socket.io/" },
        { "ws with a slash", "ws://h:1/", "ws", "h", "1", "h:1", "/socket.io/" },
        { "ws with a path", "ws://h:1/a/b/", "ws", "h", "1", "h:1", "/a/b/" },
        { "udp", "udp://example.org:65535", "udp", "example.org", "65535", "example.org:65535", "/socket.io/" },
        { "IPv6", "udp://[::1]:3001", "udp", "::1", "3001", "[::1]:3001", "/socket.io/" },
        { "nothing", "", .scheme = NULL },
        { "a scheme that is none of ours", "http://h:1", .scheme = NULL },
        { "no scheme", "h:1", .scheme = NULL },
        { "half a scheme", "ws:/h:1", .scheme = NULL },
        { "no host", "ws://:1", .scheme = NULL },
        { "no host in brackets", "ws://[]:1", .scheme = NULL },
        { "nothing behind the scheme", "ws://", .scheme = NULL },
        { "no port", "ws://h", .scheme = NULL },
        { "an empty port", "ws://h:", .scheme = NULL },
        { "port 0", "ws://h:0", .scheme = NULL },
        { "a port too large", "ws://h:65536", .scheme = NULL },
        { "a port with a sign", "ws://h:+1", .scheme = NULL },
        { "a port that is a word", "ws://h:http", .scheme = NULL },
        { "IPv6 without brackets", "ws://::1:3000", .scheme = NULL },
        { "IPv6 without a port", "ws://[::1]", .scheme = NULL },
        { "a bracket left open", "ws://[::1:3000", .scheme = NULL },
        { "words behind the bracket", "ws://[::1]x:3000", .scheme = NULL },
        { "a path without its last slash", "ws://h:1/a", .scheme = NULL },
        { "a query", "ws://h:1/?EIO=4", .scheme = NULL },
        { "a line's end in the path", "ws://h:1/a\r\nX: y/", .scheme = NULL },
        { "udp has no paths", "udp://h:1/a/", .scheme = NULL },
        { "a host too long", "ws://" HOST_63 HOST_63 HOST_63 HOST_63 HOST_63 ":1", .scheme = NULL },
        { "a path too long", "ws://h:1/" HOST_63 HOST_63 HOST_63 HOST_63 HOST_63 "/", .scheme = NULL },
};

static void run_row(void **state)
{
        const struct row *row = *state;
        struct client_url url;
        const char *why = NULL;
        int err = client_url_parse(row->url, &url, &why);
        assert_int_equal(err, row->scheme ? 0 : ERR_MALFORMED);
        assert_true((why != NULL) == (err != 0));
        if (err)
                return;
        assert_string_equal(url.transport->scheme, row->scheme);
        assert_string_equal(url.host, row->host);
        assert_string_equal(url.port, row->port);
        assert_string_equal(url.authority, row->authority);
        assert_string_equal(url.path, row->path);
}

/* Numbers resolve without a network. */
static void test_resolve(void **state)
{
        (void)state;
        struct client_url url;
        struct client_io_config io = { 0 };
        const char *why;
        char text[SOCK_ADDR_TEXT_MAX];
        assert_int_equal(client_url_parse("udp://[::1]:3001", &url, &why), 0);
        assert_int_equal(client_url_resolve(&url, &io, &why), 0);
        assert_int_equal(io.to_n, 1);
        assert_string_equal(sock_addr_text(&io.to[0], text), "[::1]:3001");
        assert_ptr_equal(io.transport, &udp_transport);
        assert_string_equal(io.engine.host, "[::1]:3001");
        assert_int_equal(client_url_parse("ws://256.1.2.3.4:1", &url, &why), 0);
        assert_int_equal(client_url_resolve(&url, &io, &why), ERR_NOT_FOUND);
        assert_non_null(why);
}

int main(void)
{
        static const struct CMUnitTest tests[] = { cmocka_unit_test(test_resolve) };
        int failed = RUN_ROWS("client_url", rows, run_row);
        return failed + cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
