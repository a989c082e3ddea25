/* The client stays away for a time from a server whose circuit breaker ended its session. */
#include "tests/unit/udp_client_rig.h"

static void close_with(struct end *e, uint16_t code)
{
        say(e, (struct dgram_msg){ .type = DGRAM_CLOSE, .close = { code } });
        assert_int_equal(udp_transport.wish(e->client), CLIENT_CLOSE);
        udp_transport.closed(e->client, e->now, "closed");
}

static int64_t wait_ms(const struct end *e)
{
        return mono_since(udp_transport.deadline(e->client), e->now) / NS_PER_MS;
}

static void back(struct end *e)
{
        pass(e, wait_ms(e) + 1);
        connect(e);
        accept(e, DGRAM_RECOVERED, EPOCH, 1, 1);
        next(e, CLIENT_UP);
}

static void longer_each_time(void **state)
{
        (void)state;
        static const struct {
                int s;
                const char *words;
        } waits[] = {
                { 1, "too much is lost on the way; staying away for 1 s" },
                { 2, "too much is lost on the way; staying away for 2 s" },
                { 4, "too much is lost on the way; staying away for 4 s" },
                { 8, "too much is lost on the way; staying away for 8 s" },
                { 16, "too much is lost on the way; staying away for 16 s" },
                { 30, "too much is lost on the way; staying away for 30 s" },
                { 30, "too much is lost on the way; staying away for 30 s" },
        };
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
                close_with(&e, DGRAM_CODE_SLOW);
                struct client_event ev = next(&e, CLIENT_DOWN);
                assert_false(ev.final);
                assert_string_equal(ev.reason, waits[i].words);
                assert_in_range(wait_ms(&e), waits[i].s * 1000, waits[i].s * 1500);
                pass(&e, waits[i].s * 1000 - 1);
                assert_int_equal(udp_transport.wish(e.client), CLIENT_HOLD);
                back(&e);
        }
        end(&e);
}

static void only_for_the_paths_sake(void **state)
{
        (void)state;
        static const uint16_t codes[] = { DGRAM_CODE_OK, DGRAM_CODE_RATE, DGRAM_CODE_LIMIT, DGRAM_CODE_SHUTDOWN };
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
                close_with(&e, codes[i]);
                assert_string_equal(next(&e, CLIENT_DOWN).reason, dgram_code_text(codes[i]));
                assert_in_range(wait_ms(&e), 50, 150);
                back(&e);
        }
        end(&e);
}

/* Five minutes without: that is another story. */
static void a_good_session_is_forgiven(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        for (int i = 0; i < 3; i++) {
                close_with(&e, DGRAM_CODE_SLOW);
                next(&e, CLIENT_DOWN);
                back(&e);
        }
        for (int s = 0; s < 300; s++) {
                say(&e, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } });
                pass(&e, 1000);
        }
        close_with(&e, DGRAM_CODE_SLOW);
        next(&e, CLIENT_DOWN);
        assert_in_range(wait_ms(&e), 1000, 1500);
        end(&e);
}

static void goodbye_need_not_wait_for_it(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_RAW);
        close_with(&e, DGRAM_CODE_SLOW);
        next(&e, CLIENT_DOWN);
        udp_transport.bye(e.client, e.now);
        assert_true(next(&e, CLIENT_DOWN).final);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(longer_each_time),
                cmocka_unit_test(only_for_the_paths_sake),
                cmocka_unit_test(a_good_session_is_forgiven),
                cmocka_unit_test(goodbye_need_not_wait_for_it),
        };
        return cmocka_run_group_tests_name("udp_client away", stories, NULL, NULL);
}
