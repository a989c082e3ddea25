#include "tests/unit/harness.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/chat/echo.h"
#include "core/event/event.h"
#include "core/wire/dgram.h"
#include "udp_server/udp_server.h"

#define A_WHILE_NS (20 * NS_PER_MS)

/* A server on a loop that ends its turns only when told to. */
struct stage {
        struct loop *loop;
        struct alarm over;
        struct hub *hub[2]; /* of "/" and "/custom" */
        struct app *app[2];
        struct udp_server *server;
        int client;
};

static void no_turn_end(void *ctx)
{
        (void)ctx;
}

static void stop(void *ctx)
{
        loop_stop(ctx);
}

static void stage_open(struct stage *st, const char *group)
{
        const struct app_handlers *handlers = &echo_handlers;
        *st = (struct stage){ .loop = loop_create() };
        for (int i = 0; i < 2; i++, handlers = handlers->also) {
                st->hub[i] = hub_create(&(struct hub_config){ .epoch = 1, .room_events_max = 8 });
                st->app[i] = app_create(st->hub[i], handlers);
        }
        app_chain(st->app[0], st->app[1]);
        struct udp_server_config config = udp_server_defaults();
        config.loop = st->loop;
        config.app = st->app[0];
        config.wake = no_turn_end;
        assert_int_equal(sock_addr_parse("127.0.0.1:0", &config.listen), 0);
        assert_true(!group || sock_addr_parse(group, &config.group) == 0);
        assert_int_equal(udp_server_create(&config, &st->server), 0);
        struct sock_addr at = udp_server_address(st->server);
        st->client = sock_udp_connect(&at, 0, 0);
        assert_true(st->client >= 0);
        alarm_init(&st->over, st->loop, stop, st->loop);
}

static void stage_close(struct stage *st)
{
        close(st->client);
        udp_server_destroy(st->server);
        for (int i = 0; i < 2; i++) {
                app_destroy(st->app[i]);
                hub_destroy(st->hub[i]);
        }
        alarm_end(&st->over);
        loop_destroy(st->loop);
}

static void say_hello(const struct stage *st)
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct writer w = writer_of(out, sizeof out);
        assert_true(dgram_put(&w, &(struct dgram_msg){ .type = DGRAM_HELLO, .hello = { 7, DGRAM_VERSION } }));
        assert_int_equal(send(st->client, out, writer_used(&w), 0), DGRAM_HELLO_BYTES);
}

/* Is it answered within a while? */
static bool answered(struct stage *st)
{
        uint8_t in[DGRAM_BYTES_MAX];
        alarm_set(&st->over, mono_add(loop_clock(), A_WHILE_NS));
        loop_run(st->loop);
        return recv(st->client, in, sizeof in, 0) == DGRAM_COOKIE_BYTES;
}

/* What is published while members wait for the turn's end must not make them lose events. */
static void nothing_is_read_while_a_hub_is_crowded(void **state)
{
        struct stage st;
        struct buf event = { 0 };
        struct published out;
        (void)state;
        stage_open(&st, NULL);
        say_hello(&st);
        assert_true(answered(&st));
        assert_int_equal(event_begin(&event, "x", 0), 0);
        for (int i = 0; i < 2; i++)
                hub_publish(st.hub[1], loop_clock(), &(struct publish){ .event = buf_bytes(&event) }, &out);
        assert_true(hub_crowded(st.hub[1]));
        say_hello(&st);
        assert_false(answered(&st));
        hub_announce(st.hub[1]);
        assert_true(answered(&st));
        buf_free(&event);
        stage_close(&st);
}

/* What the kernel was told about the server's socket. */
static int option(const struct stage *st, int name)
{
        struct sock_addr server = udp_server_address(st->server), at;
        int value = -1;
        for (int fd = 0; fd < 1000; fd++) {
                socklen_t n = sizeof value;
                at.n = sizeof at.at;
                if (fd != st->client && getsockname(fd, (struct sockaddr *)&at.at, &at.n) == 0 && at.n == server.n &&
                    memcmp(&at.at, &server.at, at.n) == 0)
                        assert_int_equal(getsockopt(fd, IPPROTO_IP, name, &value, &n), 0);
        }
        return value;
}

/* DF on every datagram; those to the group go one hop far, and to clients on this machine, too. */
static void what_becomes_of_datagrams_on_the_way(void **state)
{
        (void)state;
        struct stage st;
        stage_open(&st, "232.1.2.3:5007");
        assert_int_equal(option(&st, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
        assert_int_equal(option(&st, IP_MULTICAST_TTL), 1);
        assert_int_equal(option(&st, IP_MULTICAST_LOOP), 1);
        stage_close(&st);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(nothing_is_read_while_a_hub_is_crowded),
                cmocka_unit_test(what_becomes_of_datagrams_on_the_way),
        };
        return cmocka_run_group_tests_name("udp_server", stories, NULL, NULL);
}
