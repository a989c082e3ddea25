#include "tests/unit/harness.h"

#include "udp_server/udp_cookie.h"

struct cookie_row {
        const char *name;
        int64_t made_s, shown_s; /* when */
        int64_t other_s;         /* when somebody else comes by in between; 0: nobody */
        uint8_t host, port;      /* where it is shown; made at 1, 1 */
        void (*spoil)(struct dgram_cookie *c);
        bool good;
};

static void as_it_is(struct dgram_cookie *c)
{
        (void)c;
}

static void another_nonce(struct dgram_cookie *c)
{
        c->nonce++;
}

static void another_key(struct dgram_cookie *c)
{
        c->key_id--;
}

static void another_minute(struct dgram_cookie *c)
{
        c->minute--;
}

static void last_bit(struct dgram_cookie *c)
{
        c->cookie[DGRAM_TOKEN - 1] ^= 1;
}

static const struct cookie_row rows[] = {
        { "at once", 5, 5, 0, 1, 1, as_it_is, true },
        { "59 seconds later", 5, 64, 0, 1, 1, as_it_is, true },
        { "after one rotation", 5, 119, 0, 1, 1, as_it_is, true },
        { "made late in a key's life", 59, 118, 0, 1, 1, as_it_is, true },
        { "after two rotations", 5, 125, 0, 1, 1, as_it_is, false },
        { "after 120 seconds, and the only one in between came late", 1, 122, 119, 1, 1, as_it_is, false },
        { "made late in a key's life, and renewed late", 59, 118, 90, 1, 1, as_it_is, true },
        { "after a long silence", 5, 5000, 0, 1, 1, as_it_is, false },
        { "256 minutes later, when the numbers come round", 5, 5 + 256 * 60, 0, 1, 1, as_it_is, false },
        { "from another host", 5, 5, 0, 2, 1, as_it_is, false },
        { "from another port", 5, 5, 0, 1, 2, as_it_is, false },
        { "for another nonce", 5, 5, 0, 1, 1, another_nonce, false },
        { "of another key", 5, 5, 0, 1, 1, another_key, false },
        { "of another minute", 65, 65, 0, 1, 1, another_minute, false },
        { "with one bit changed", 5, 5, 0, 1, 1, last_bit, false },
};

static struct udp_addr addr(uint8_t host, uint8_t port)
{
        return (struct udp_addr){ .ip = { [10] = 0xFF, [11] = 0xFF, [15] = host }, .port = { 0, port } };
}

static void run_row(void **state)
{
        const struct cookie_row *row = *state;
        struct udp_cookies c;
        struct udp_addr here = addr(1, 1), there = addr(row->host, row->port);
        struct dgram_cookie cookie = { .nonce = 99 };
        udp_cookies_init(&c, (struct mono){ 0 });
        struct mono made = { row->made_s * NS_PER_S }, shown = { row->shown_s * NS_PER_S };
        /* Others come by in between, as they do. */
        for (int64_t s = 0; s < row->made_s; s += 30) {
                struct dgram_cookie other = { .nonce = 1 };
                udp_cookie_make(&c, (struct mono){ s * NS_PER_S }, &there, &other);
        }
        udp_cookie_make(&c, made, &here, &cookie);
        if (row->other_s > 0) {
                struct dgram_cookie other = { .nonce = 1 };
                udp_cookie_make(&c, (struct mono){ row->other_s * NS_PER_S }, &there, &other);
        }
        row->spoil(&cookie);
        assert_int_equal(udp_cookie_check(&c, shown, &there, &cookie), row->good);
}

static void keys_differ_between_servers(void **state)
{
        (void)state;
        struct udp_cookies a, b;
        struct udp_addr here = addr(1, 1);
        struct dgram_cookie cookie = { .nonce = 99 };
        udp_cookies_init(&a, (struct mono){ 0 });
        udp_cookies_init(&b, (struct mono){ 0 });
        udp_cookie_make(&a, (struct mono){ 0 }, &here, &cookie);
        assert_true(udp_cookie_check(&a, (struct mono){ 0 }, &here, &cookie));
        assert_false(udp_cookie_check(&b, (struct mono){ 0 }, &here, &cookie));
}

static void reset_tokens(void **state)
{
        (void)state;
        uint8_t key[2][UDP_KEY_BYTES] = { { 1 }, { 2 } }, token[4][DGRAM_TOKEN];
        udp_reset_token(key[0], 5, token[0]);
        udp_reset_token(key[0], 5, token[1]);
        udp_reset_token(key[0], 6, token[2]);
        udp_reset_token(key[1], 5, token[3]);
        assert_memory_equal(token[0], token[1], DGRAM_TOKEN);
        assert_memory_not_equal(token[0], token[2], DGRAM_TOKEN);
        assert_memory_not_equal(token[0], token[3], DGRAM_TOKEN);
}

int main(void)
{
        const struct CMUnitTest more[] = { cmocka_unit_test(keys_differ_between_servers),
                                           cmocka_unit_test(reset_tokens) };
        return RUN_ROWS("udp_cookie", rows, run_row) + cmocka_run_group_tests_name("udp tokens", more, NULL, NULL);
}
