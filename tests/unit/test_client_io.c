#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/client_io.h"
#include "core/base/err.h"
#include "core/loop/loop.h"

/* An engine that wants so many bytes echoed, and a server in the same loop that does it. */
enum { SERVER_MAX = 128, STALL_BYTES = 8 << 20 };

static struct stage {
        struct loop *loop;
        struct alarm patience;
        int listener; /* or the UDP server's socket */
        struct watch listen_watch;
        struct peer {
                struct watch watch;
                struct buf back; /* read, to be echoed */
        } peers[SERVER_MAX];
        int peers_n, hang_ups, hang_ups_max;
        bool stalled; /* the server reads nothing */
        int running;  /* ios that have not ended */
        int closed, ups, downs;
        char why[64];
        uint64_t echoed;
} st;

/* ---- the engine ------------------------------------------------------------------------------- */

struct client {
        bool open, up, told_up, down, told_down, bye;
        uint64_t sent, back, goal, dropped;
        uint32_t opens, opens_max;
        bool datagrams;
        struct mono retry;
};

static struct client *make(const struct client_config *config, bool datagrams)
{
        struct client *c = calloc(1, sizeof *c);
        c->goal = strtoull(config->name, NULL, 10);
        c->opens_max = config->reconnect ? 2 : 1;
        c->datagrams = datagrams;
        c->retry = MONO_NEVER;
        return c;
}

static struct client *create_stream(const struct client_config *config, struct mono now)
{
        (void)now;
        return make(config, false);
}

static struct client *create_datagrams(const struct client_config *config, struct mono now)
{
        (void)now;
        return make(config, true);
}

static void destroy(struct client *c)
{
        free(c);
}

static enum client_wish wish(const struct client *c)
{
        if (c->open)
                return c->bye || c->back == c->goal ? CLIENT_CLOSE : CLIENT_HOLD;
        return c->opens < c->opens_max && c->back < c->goal ? CLIENT_OPEN : CLIENT_HOLD;
}

static void opened(struct client *c, struct mono now)
{
        assert_false(c->open);
        c->open = c->up = true;
        c->opens++;
        c->sent = c->back = 0;
        if (c->datagrams)
                c->retry = mono_add(now, 20 * NS_PER_MS);
}

static void closed(struct client *c, struct mono now, const char *why)
{
        (void)now, (void)why;
        if (!c->open)
                c->opens++;
        c->open = false;
        c->down = true;
        c->told_down = false;
        c->retry = MONO_NEVER;
}

static uint8_t pattern(uint64_t at)
{
        return (uint8_t)(at * 2654435761u >> 13);
}

static int engine_recv(struct client *c, struct mono now, const uint8_t *in, size_t n)
{
        (void)now;
        for (size_t i = 0; i < n && !c->datagrams; i++)
                assert_int_equal(in[i], pattern(c->back + i));
        c->back += n;
        assert_true(c->datagrams || c->back <= c->goal);
        if (c->back > c->goal)
                c->back = c->goal;
        c->retry = MONO_NEVER;
        return 0;
}

static size_t engine_send(struct client *c, struct mono now, uint8_t *out, size_t out_max)
{
        (void)now;
        size_t n = c->goal - c->sent < out_max ? c->goal - c->sent : out_max;
        if (c->datagrams && n > 1000)
                n = 1000;
        for (size_t i = 0; i < n; i++)
                out[i] = pattern(c->sent + i);
        c->sent += n;
        return n;
}

static bool next(struct client *c, struct client_event *ev)
{
        *ev = (struct client_event){ .kind = CLIENT_UP };
        if (c->up && !c->told_up && c->back) {
                c->told_up = true;
                return true;
        }
        if (c->down && !c->told_down) {
                c->told_down = true;
                *ev = (struct client_event){ .kind = CLIENT_DOWN, .final = wish(c) != CLIENT_OPEN };
                return true;
        }
        return false;
}

static struct mono deadline(const struct client *c)
{
        return c->retry;
}

/* What was lost on the way is said again: enough for a handshake. */
static void expire(struct client *c, struct mono now)
{
        c->sent = c->back;
        c->retry = mono_add(now, 20 * NS_PER_MS);
}

static void dropped(struct client *c, uint64_t datagrams)
{
        c->dropped = datagrams;
}

static bool group(const struct client *c, uint8_t ip[16], uint16_t *port)
{
        static const uint8_t address[16] = { [10] = 0xFF, 0xFF, 232, 9, 9, 9 };
        memcpy(ip, address, sizeof address);
        *port = 5007;
        return c->open;
}

static int overheard(struct client *c, struct mono now, const uint8_t *in, size_t n)
{
        (void)c, (void)now, (void)in, (void)n;
        return 0;
}

#define ECHO(how)                                                                                            \
        .name = "echo", .scheme = "echo", .create = how, .destroy = destroy, .wish = wish, .opened = opened, \
        .closed = closed, .recv = engine_recv, .send = engine_send, .next = next, .deadline = deadline,      \
        .expire = expire

static const struct transport echo_stream = { ECHO(create_stream) };
static const struct transport echo_datagrams = { ECHO(create_datagrams), .datagrams = true, .dropped = dropped };

static const struct transport echo_group = { ECHO(create_datagrams), .datagrams = true, .dropped = dropped,
                                             .group = group, .overheard = overheard };

/* ---- the server ------------------------------------------------------------------------------- */

static void peer_ready(void *ctx, unsigned what)
{
        struct peer *p = ctx;
        static uint8_t space[65536];
        if (what & WATCH_READ) {
                ssize_t n = recv(p->watch.fd, space, sizeof space, 0);
                if (n > 0)
                        buf_put(&p->back, space, (size_t)n);
                if (n == 0 || (n > 0 && st.hang_ups < st.hang_ups_max)) {
                        st.hang_ups += n > 0;
                        watch_end(&p->watch);
                        close(p->watch.fd);
                        p->watch.fd = -1;
                        return;
                }
        }
        ssize_t sent = p->back.n ? send(p->watch.fd, p->back.at, p->back.n, MSG_NOSIGNAL) : 0;
        if (sent > 0)
                buf_drop(&p->back, (size_t)sent);
        watch_want(&p->watch, WATCH_READ | (p->back.n ? WATCH_WRITE : 0));
}

static void accept_one(void *ctx, unsigned what)
{
        (void)ctx, (void)what;
        int fd = accept4(st.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return;
        assert_true(st.peers_n < SERVER_MAX);
        struct peer *p = &st.peers[st.peers_n++];
        watch_init(&p->watch, st.loop, fd, peer_ready, p);
        if (!st.stalled)
                watch_want(&p->watch, WATCH_READ);
}

static void echo_one(void *ctx, unsigned what)
{
        (void)ctx, (void)what;
        static uint8_t space[65536];
        struct sockaddr_storage from;
        socklen_t from_n = sizeof from;
        ssize_t n = recvfrom(st.listener, space, sizeof space, 0, (struct sockaddr *)&from, &from_n);
        if (n >= 0)
                sendto(st.listener, space, (size_t)n, 0, (struct sockaddr *)&from, from_n);
}

/* ---- the stage -------------------------------------------------------------------------------- */

static void give_up(void *ctx)
{
        (void)ctx;
        loop_stop(st.loop);
        fail_msg("nothing moved for 10 s");
}

static struct sock_addr local(const char *text)
{
        struct sock_addr a;
        assert_int_equal(sock_addr_parse(text, &a), 0);
        return a;
}

static struct sock_addr set_up(bool datagrams)
{
        memset(&st, 0, sizeof st);
        st.loop = loop_create();
        assert_non_null(st.loop);
        alarm_init(&st.patience, st.loop, give_up, NULL);
        alarm_set(&st.patience, mono_add(loop_clock(), 10 * NS_PER_S));
        struct sock_addr a = local("127.0.0.1:0");
        st.listener = datagrams ? sock_udp_bind(&a, 0) : sock_tcp_listen(&a);
        assert_true(st.listener >= 0);
        assert_int_equal(sock_local(st.listener, &a), 0);
        watch_init(&st.listen_watch, st.loop, st.listener, datagrams ? echo_one : accept_one, NULL);
        watch_want(&st.listen_watch, WATCH_READ);
        return a;
}

static void tear_down(void)
{
        for (int i = 0; i < st.peers_n; i++) {
                watch_end(&st.peers[i].watch);
                if (st.peers[i].watch.fd >= 0)
                        close(st.peers[i].watch.fd);
                buf_free(&st.peers[i].back);
        }
        watch_end(&st.listen_watch);
        close(st.listener);
        alarm_end(&st.patience);
        loop_destroy(st.loop);
}

static void on_event(void *owner, struct mono now, const struct client_event *ev)
{
        (void)owner;
        assert_true(now.ns > 0);
        st.ups += ev->kind == CLIENT_UP;
        st.downs += ev->kind == CLIENT_DOWN;
        if (ev->kind == CLIENT_DOWN && ev->final && --st.running == 0)
                loop_stop(st.loop);
}

static void on_closed(void *owner, struct mono now, const char *why)
{
        (void)owner, (void)now;
        st.closed++;
        snprintf(st.why, sizeof st.why, "%s", why);
}

static struct client_io *start(const struct transport *t, const char *goal, bool reconnect,
                               const struct client_io_config *more)
{
        struct client_io_config c = *more;
        c.transport = t;
        c.engine = (struct client_config){ .name = goal, .reconnect = reconnect };
        c.event = on_event;
        c.closed = on_closed;
        struct client_io *io = client_io_create(st.loop, &c);
        assert_non_null(io);
        st.running++;
        return io;
}

/* ---- stories ---------------------------------------------------------------------------------- */

static const struct row {
        const char *name;
        bool datagrams;
        const char *goal; /* bytes to be echoed */
        bool reconnect;
        int hang_ups;       /* connections that the server cuts at their first bytes */
        const char *before; /* an address that is tried first */
        bool nobody;        /* the server is gone */
        int closed;
        const char *why;
        uint64_t opens;
} rows[] = {
        { "a stream is echoed, then closed", false, "100000", false, 0, NULL, false, 1, "closed", 1 },
        { "two megabytes, cut wherever the kernel likes", false, "2000000", false, 0, NULL, false, 1, "closed", 1 },
        { "the server hangs up", false, "10", false, 1, NULL, false, 1, "closed by the server", 1 },
        { "the server hangs up, and the second connection holds", false, "10", true, 1, NULL, false, 2, "closed", 2 },
        { "nobody listens", false, "10", false, 0, NULL, true, 1, "Connection refused", 0 },
        { "nobody listens, asked twice", false, "10", true, 0, NULL, true, 2, "Connection refused", 0 },
        { "nobody at the first address", false, "10", false, 0, "127.0.0.1:1", false, 1, "closed", 1 },
        { "an address without a route", false, "10", false, 0, "255.255.255.255:9", false, 1, "closed", 1 },
        { "datagrams are echoed", true, "3000", false, 0, NULL, false, 1, "closed", 1 },
        { "datagrams to nobody", true, "3000", false, 0, NULL, true, 1, "Connection refused", 1 },
        { "datagrams to nobody at the first address", true, "3000", false, 0, "127.0.0.1:1", false, 1, "closed", 2 },
};

static void run_row(void **state)
{
        const struct row *row = *state;
        struct client_io_config c = { 0 };
        struct sock_addr server = set_up(row->datagrams);
        st.hang_ups_max = row->hang_ups;
        if (row->before)
                c.to[c.to_n++] = local(row->before);
        c.to[c.to_n++] = server;
        if (row->nobody) {
                watch_end(&st.listen_watch);
                close(st.listener);
        }
        struct client_io *io = start(row->datagrams ? &echo_datagrams : &echo_stream, row->goal, row->reconnect, &c);
        loop_run(st.loop);
        assert_int_equal(st.closed, row->closed);
        assert_int_equal(st.downs, row->closed);
        assert_string_equal(st.why, row->why);
        assert_int_equal(client_io_figures(io).opens, row->opens);
        assert_int_equal(client_io_figures(io).open_failures, row->nobody ? row->closed : 0);
        assert_false(client_io_is_open(io));
        client_io_destroy(io);
        tear_down();
}

static void test_read_back(void **state)
{
        (void)state;
        struct sock_addr server = set_up(false), probe = local("127.0.0.1:0");
        int fd = sock_tcp_listen(&probe); /* a port that is free just now */
        sock_local(fd, &probe);
        close(fd);
        struct client_io_config c = {
                .to = { server }, .to_n = 1, .source_port = sock_addr_port(&probe), .congestion = "reno"
        };
        struct client_io *io = start(&echo_stream, "10", false, &c);
        loop_run(st.loop);
        struct client_io_figures f = client_io_figures(io);
        assert_int_equal(f.local_port, c.source_port);
        assert_true(f.nodelay);
        assert_string_equal(f.congestion, "reno");
        assert_true(f.receive_bytes > 0);
        client_io_destroy(io);
        c.source_port = 0;
        c.nagle = true;
        io = start(&echo_stream, "10", false, &c);
        loop_run(st.loop);
        assert_false(client_io_figures(io).nodelay);
        client_io_destroy(io);
        c.congestion = "no-such-control";
        io = start(&echo_stream, "10", false, &c);
        loop_run(st.loop);
        assert_string_equal(st.why, "No such file or directory");
        client_io_destroy(io);
        tear_down();
}

static void resume_reading(void *ctx)
{
        struct client_io *io = ctx;
        assert_true(client_io_figures(io).cut_writes > 0);
        for (int i = 0; i < st.peers_n; i++)
                watch_want(&st.peers[i].watch, WATCH_READ);
}

/* More than the kernel holds for a peer that does not read: the write is cut, and mended later. */
static void test_stalled_peer(void **state)
{
        (void)state;
        struct client_io_config c = { .to = { set_up(false) }, .to_n = 1 };
        st.stalled = true;
        char goal[16];
        snprintf(goal, sizeof goal, "%d", STALL_BYTES);
        struct client_io *io = start(&echo_stream, goal, false, &c);
        struct alarm later;
        alarm_init(&later, st.loop, resume_reading, io);
        alarm_set(&later, mono_add(loop_clock(), 100 * NS_PER_MS));
        loop_run(st.loop);
        assert_string_equal(st.why, "closed");
        assert_int_equal(st.ups, 1);
        alarm_end(&later);
        client_io_destroy(io);
        tear_down();
}

static void test_hundred(void **state)
{
        (void)state;
        enum { N = 100 };
        struct client_io *ios[N];
        for (int datagrams = 0; datagrams < 2; datagrams++) {
                struct client_io_config c = { .to = { set_up(datagrams) }, .to_n = 1 };
                for (int i = 0; i < N; i++)
                        ios[i] = start(datagrams ? &echo_datagrams : &echo_stream, "900", false, &c);
                loop_run(st.loop);
                assert_int_equal(st.ups, N);
                assert_int_equal(st.closed, N);
                for (int i = 0; i < N; i++)
                        client_io_destroy(ios[i]);
                tear_down();
        }
}

/* Datagrams that the receive buffer had no place for are counted by the kernel and told here. */
static void test_kernel_drops(void **state)
{
        (void)state;
        enum { SENT = 2000 };
        struct sock_addr server = set_up(true), client = local("127.0.0.1:0");
        struct client_io_config c = { .to = { server }, .to_n = 1, .receive_bytes = 4096 };
        struct client_io *io = start(&echo_datagrams, "1000", false, &c);
        client_io_turn(io);
        sock_addr_port_set(&client, client_io_figures(io).local_port);
        static const uint8_t body[1000];
        for (int i = 0; i < SENT; i++)
                sendto(st.listener, body, sizeof body, 0, (struct sockaddr *)&client.at, client.n);
        uint64_t drops = client_io_figures(io).kernel_drops;
        assert_in_range(drops, 1, SENT);
        loop_run(st.loop);
        assert_in_range(client_io_figures(io).kernel_drops, drops, SENT + 1); /* closed, and still told */
        assert_in_range(client_io_engine(io)->dropped, drops, SENT + 1);
        client_io_destroy(io);
        tear_down();
}

/* And so are those that came by the group. */
static void test_kernel_drops_of_the_group(void **state)
{
        (void)state;
        enum { SENT = 2000 };
        static const uint8_t body[1000];
        struct sock_addr server = set_up(true), to = local("232.9.9.9:5007");
        struct client_io_config c = { .to = { server }, .to_n = 1, .receive_bytes = 4096 };
        struct client_io *io = start(&echo_group, "1000", false, &c);
        client_io_turn(io);
        assert_int_equal(sock_group_send(st.listener, &to, &server), 0);
        for (int i = 0; i < SENT; i++)
                sendto(st.listener, body, sizeof body, 0, (struct sockaddr *)&to.at, to.n);
        uint64_t drops = client_io_figures(io).kernel_drops;
        assert_in_range(drops, 1, SENT);
        loop_run(st.loop);
        assert_in_range(client_io_figures(io).kernel_drops, drops, SENT + 1);
        assert_in_range(client_io_engine(io)->dropped, drops, SENT + 1);
        client_io_destroy(io);
        tear_down();
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_read_back),
                cmocka_unit_test(test_stalled_peer),
                cmocka_unit_test(test_hundred),
                cmocka_unit_test(test_kernel_drops),
                cmocka_unit_test(test_kernel_drops_of_the_group),
        };
        return RUN_ROWS("client_io", rows, run_row) +
               cmocka_run_group_tests_name("client_io sockets", tests, NULL, NULL);
}
