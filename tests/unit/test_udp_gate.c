/* Strangers, hostile bytes and the way to a session. */
#include "tests/unit/udp_rig.h"

#include "core/base/rng.h"
#include "udp_server/udp_stranger.h"

/* ---- one datagram from a stranger: what is answered, and what counts it -------------------- */

struct stranger_row {
        const char *name;
        size_t counter; /* offset in struct udp_stats */
        uint8_t answer; /* type; 0: silence */
        size_t (*make)(uint8_t out[DGRAM_BYTES_MAX + 1]);
};

static size_t put(uint8_t *out, struct dgram_msg m)
{
        struct writer w = writer_of(out, DGRAM_BYTES_MAX);
        assert_true(dgram_put(&w, &m));
        return writer_used(&w);
}

static size_t nothing(uint8_t *out)
{
        (void)out;
        return 0;
}

static size_t rubbish(uint8_t *out)
{
        memset(out, 0xAB, 100);
        return 100;
}

static size_t hello(uint8_t *out)
{
        return put(out, (struct dgram_msg){ .type = DGRAM_HELLO, .hello = { 7, DGRAM_VERSION } });
}

static size_t short_hello(uint8_t *out)
{
        hello(out);
        out[6] = 1199 >> 8;
        out[7] = 1199 & 0xFF;
        return 1199;
}

static size_t other_version(uint8_t *out)
{
        size_t n = hello(out);
        out[2] = 9;
        return n;
}

static size_t other_version_short(uint8_t *out)
{
        other_version(out);
        return 64;
}

static size_t bad_length(uint8_t *out)
{
        size_t n = hello(out);
        out[7] ^= 1;
        return n;
}

static size_t ping(uint8_t *out)
{
        return put(out, (struct dgram_msg){ .type = DGRAM_PING, .tag = 5, .pktno = 1 });
}

static size_t dirty_ping(uint8_t *out)
{
        size_t n = ping(out);
        memcpy(out + n, "\0\0x", 3);
        return n + 3;
}

static size_t small(uint8_t *out)
{
        return put(out, (struct dgram_msg){ .type = DGRAM_LEAVE, .tag = 5, .pktno = 1 });
}

static size_t as_large_as_a_cookie(uint8_t *out)
{
        memset(out, 0, 48);
        small(out);
        return 48;
}

static size_t two_tags(uint8_t *out)
{
        size_t n = ping(out);
        return n + put(out + n, (struct dgram_msg){ .type = DGRAM_LEAVE, .tag = 6, .pktno = 1 });
}

static size_t data(uint8_t *out)
{
        struct dgram_data d = {
                .seq = 1, .eid = 1, .event_bytes = 1, .frag_cnt = 1, .event = { (const uint8_t *)"x", 1 }
        };
        return put(out, (struct dgram_msg){ .type = DGRAM_DATA, .tag = 5, .data = d });
}

static size_t cookie(uint8_t *out)
{
        return put(out, (struct dgram_msg){ .type = DGRAM_COOKIE });
}

static size_t connect_without_cookie(uint8_t *out)
{
        struct rig_peer p = rig_peer(1);
        return rig_connect_bytes(&p, &(struct dgram_cookie){ .nonce = p.nonce }, "/", out);
}

static size_t connect_short(uint8_t *out)
{
        connect_without_cookie(out);
        return 255;
}

#define COUNTER(name) offsetof(struct udp_stats, name)

static const struct stranger_row strangers[] = {
        { "nothing at all", COUNTER(no_magic), 0, nothing },
        { "rubbish", COUNTER(no_magic), 0, rubbish },
        { "HELLO", COUNTER(cookies), DGRAM_COOKIE, hello },
        { "HELLO of 1,199 bytes", COUNTER(short_hello), 0, short_hello },
        { "HELLO of another version is told", COUNTER(cookies), DGRAM_COOKIE, other_version },
        { "a short HELLO of another version is not", COUNTER(bad_version), 0, other_version_short },
        { "lengths that do not add up", COUNTER(bad_length), 0, bad_length },
        { "padding that is not zeros", COUNTER(bad_padding), 0, dirty_ping },
        { "an unknown session", COUNTER(resets), DGRAM_RESET, ping },
        { "an unknown session in a datagram smaller than the answer", COUNTER(unknown_tag), 0, small },
        { "an unknown session in one that is a cookie's size", COUNTER(unknown_tag), 0, as_large_as_a_cookie },
        { "two sessions in one datagram", COUNTER(malformed), 0, two_tags },
        { "a broadcast message", COUNTER(class_b), 0, data },
        { "a server's message", COUNTER(malformed), 0, cookie },
        { "CONNECT without a cookie", COUNTER(bad_cookie), 0, connect_without_cookie },
        { "CONNECT of 255 bytes", COUNTER(short_connect), 0, connect_short },
};

static void run_stranger(void **state)
{
        const struct stranger_row *row = *state;
        struct rig *r = rig_start();
        uint8_t out[DGRAM_BYTES_MAX + 1];
        struct udp_addr from = rig_addr(1, 1);
        size_t n = row->make(out), answer = rig_raw(r, &from, out, n);
        const uint8_t *stats = (const uint8_t *)udp_gate_stats(r->gate);
        uint64_t counted;
        memcpy(&counted, stats + row->counter, sizeof counted);
        assert_int_equal(counted, 1);
        assert_int_equal(answer > 0 ? r->bytes[0][3] : 0, row->answer);
        assert_true(answer == 0 || answer < n);
        assert_int_equal(udp_gate_sessions(r->gate), 0);
        assert_null(udp_gate_pending(r->gate));
        rig_stop(r);
}

/* ---- stories ------------------------------------------------------------------------------- */

static void hello_cookie_connect_accept(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        assert_int_equal(r->said[0].type, DGRAM_ACCEPT);
        assert_int_equal(r->said[0].tag, p.tag);
        assert_int_equal(r->said[0].epoch, RIG_EPOCH);
        assert_int_equal(p.accept.id.n, APP_ID_CHARS);
        assert_int_equal(p.accept.own.start, p.accept.own.head + 1);
        /* `hello` follows in the own room, in the same datagram. */
        const struct dgram_msg *m = rig_said(r, DGRAM_DATA, 0);
        assert_non_null(m);
        assert_int_equal(r->datagrams, 1);
        assert_int_equal(m->tag, p.accept.own.tag);
        assert_int_equal(m->data.seq, p.accept.own.start);
        rig_stop(r);
}

static void the_same_connect_gets_the_same_accept(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        struct dgram_cookie proof;
        uint8_t out[DGRAM_BYTES_MAX];
        rig_connect(r, &p);
        rig_cookie(r, &p, &proof);
        rig_raw(r, &p.addr, out, rig_connect_bytes(&p, &proof, "/", out));
        rig_hear(r, &p);
        const struct dgram_msg *m = rig_said(r, DGRAM_ACCEPT, 0);
        assert_non_null(m);
        assert_true(m->accept.session_tag == p.tag);
        assert_int_equal(m->accept.own.start, p.accept.own.start);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        rig_stop(r);
}

static void a_cookie_is_good_for_its_address_alone(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        struct dgram_cookie proof;
        uint8_t out[DGRAM_BYTES_MAX];
        rig_cookie(r, &p, &proof);
        struct udp_addr elsewhere[] = { rig_addr(2, 1), rig_addr(1, 2) };
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(rig_raw(r, &elsewhere[i], out, rig_connect_bytes(&p, &proof, "/", out)), 0);
        assert_int_equal(RIG_COUNT(r, bad_cookie), 2);
        assert_int_equal(udp_gate_sessions(r->gate), 0);
        rig_stop(r);
}

static void another_namespace_is_refused_by_name(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        struct dgram_cookie proof;
        struct dgram_msg m;
        uint8_t out[DGRAM_BYTES_MAX];
        rig_cookie(r, &p, &proof);
        size_t n = rig_raw(r, &p.addr, out, rig_connect_bytes(&p, &proof, "/admin", out));
        assert_int_equal(dgram_parse(bytes_of(r->bytes[0], n), &m), 0);
        assert_int_equal(m.type, DGRAM_ERROR);
        assert_int_equal(m.tag, p.nonce);
        assert_int_equal(m.error.code, DGRAM_CODE_NO_CHANNEL);
        rig_stop(r);
}

/* One session is one namespace: CONNECT names it, and an instance stays in its own. */
static void a_namespace_of_the_application_has_its_own_hub(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        struct app_handlers news = chat_handlers;
        struct dgram_cookie proof;
        struct dgram_msg m;
        uint8_t out[DGRAM_BYTES_MAX];
        news.nsp = "/news";
        struct hub *hub = hub_create(&(struct hub_config){ .epoch = RIG_EPOCH + 1 });
        assert_int_equal(udp_encoding_add(hub), 0);
        struct app *app = app_create(hub, &news);
        app_chain(r->app, app);
        rig_cookie(r, &p, &proof);
        assert_int_equal(rig_raw(r, &p.addr, out, rig_connect_bytes(&p, &proof, "/news", out)), 0);
        rig_hear(r, &p);
        const struct dgram_msg *accept = rig_said(r, DGRAM_ACCEPT, 0);
        assert_non_null(accept);
        assert_int_equal(accept->epoch, RIG_EPOCH + 1);
        assert_int_equal(hub_head(hub), 1); /* hello */
        assert_int_equal(hub_head(r->hub), 0);

        struct rig_peer same = p;
        same.addr = rig_addr(2, 1);
        rig_cookie(r, &same, &proof);
        size_t n = rig_raw(r, &same.addr, out, rig_connect_bytes(&same, &proof, "/", out));
        assert_int_equal(dgram_parse(bytes_of(r->bytes[0], n), &m), 0);
        assert_int_equal(m.error.code, DGRAM_CODE_NO_CHANNEL);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        rig_stop(r);
        app_destroy(app);
        hub_destroy(hub);
}

static void one_address_gets_so_many_sessions(void **state)
{
        (void)state;
        struct rig *r = rig_start_gate((struct udp_gate_config){ .per_ip_max = 2 });
        for (uint8_t port = 1; port <= 3; port++) {
                struct rig_peer p = { .addr = rig_addr(1, port), .instance = { port }, .nonce = port };
                struct dgram_cookie proof;
                uint8_t out[DGRAM_BYTES_MAX];
                rig_cookie(r, &p, &proof);
                size_t n = rig_raw(r, &p.addr, out, rig_connect_bytes(&p, &proof, "/", out));
                assert_int_equal(n > 0, port == 3);
                if (n > 0)
                        assert_int_equal(rig_error_code(r, n), DGRAM_CODE_LIMIT);
        }
        assert_int_equal(RIG_COUNT(r, full), 1);
        assert_int_equal(udp_gate_sessions(r->gate), 2);
        /* One of them comes back from another port before the server has missed it. */
        struct rig_peer back = { .addr = rig_addr(1, 4), .instance = { 2 }, .nonce = 4 };
        rig_connect(r, &back);
        assert_int_equal(RIG_COUNT(r, taken_over), 1);
        rig_hear_only(r, &back.addr, UDP_BATCH_DATAGRAMS);
        assert_int_equal(udp_gate_sessions(r->gate), 2);
        rig_stop(r);
}

/* Is a session more of that address refused, after two of its host? */
static const struct host_row {
        const char *name;
        bool loopback; /* counts */
        uint8_t first[16], other[16];
        bool refused;
} hosts[] = {
        { "of IPv6 a /64 is one", false, { 0x20, 1, [15] = 1 }, { 0x20, 1, [12] = 9 }, true },
        { "another /64 is another", false, { 0x20, 1, [15] = 1 }, { 0x20, 1, [7] = 9 }, false },
        { "the loopback may have any number", false, { [15] = 1 }, { [15] = 1 }, false },
        { "unless it is counted, too", true, { [15] = 1 }, { [15] = 1 }, true },
        { "an IPv4 address is one for itself",
          false,
          { [10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = 1 },
          { [10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = 2 },
          false },
};

static void sessions_of_a_host(void **state)
{
        const struct host_row *row = *state;
        struct rig *r = rig_start_gate((struct udp_gate_config){ .per_ip_max = 2, .per_ip_loopback = row->loopback });
        for (uint8_t i = 1; i <= 3; i++) {
                struct rig_peer p = { .addr = { .port = { i } }, .instance = { i }, .nonce = i };
                struct dgram_cookie proof;
                uint8_t out[DGRAM_BYTES_MAX];
                memcpy(p.addr.ip, i < 3 ? row->first : row->other, 16);
                rig_cookie(r, &p, &proof);
                size_t n = rig_raw(r, &p.addr, out, rig_connect_bytes(&p, &proof, "/", out));
                assert_int_equal(n > 0, i == 3 && row->refused);
        }
        assert_int_equal(udp_gate_sessions(r->gate), row->refused ? 2 : 3);
        rig_stop(r);
}

static void resets_are_few(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        uint8_t out[DGRAM_BYTES_MAX + 1];
        size_t n = ping(out);
        struct udp_addr one = rig_addr(1, 1), neighbour = rig_addr(2, 1), far = rig_addr(1, 1);
        far.ip[13] = 99;
        for (int i = 0; i < UDP_STRANGER_NEAR; i++)
                assert_int_equal(rig_raw(r, &one, out, n), DGRAM_RESET_BYTES);
        assert_int_equal(rig_raw(r, &one, out, n), 0);
        assert_int_equal(rig_raw(r, &neighbour, out, n), 0); /* of the same /24 */
        assert_int_equal(rig_raw(r, &far, out, n), DGRAM_RESET_BYTES);
        rig_pass(r, 1000 / UDP_STRANGER_NEAR);
        assert_int_equal(rig_raw(r, &one, out, n), DGRAM_RESET_BYTES);
        assert_int_equal(rig_raw(r, &one, out, n), 0);
        assert_int_equal(RIG_COUNT(r, reset_limited), 3);
        /* From everywhere at once: 100 in a second. */
        rig_pass(r, 1000);
        size_t resets = 0;
        for (int i = 0; i < 5000; i++) {
                far.ip[13] = (uint8_t)(i >> 8);
                far.ip[14] = (uint8_t)i;
                resets += rig_raw(r, &far, out, n) > 0;
        }
        assert_int_equal(resets, 100);
        rig_stop(r);
}

/* The server was started anew. Thirty who only listen behind one address hear of it from the first PING that each
 * sends, within its 5 s. */
static void a_class_hears_of_a_restart(void **state)
{
        (void)state;
        enum { CLASS = 30 };
        struct rig *r = rig_start();
        uint8_t out[DGRAM_BYTES_MAX + 1];
        size_t n = ping(out);
        uint32_t lot = 7;
        for (int ms = 0, asked = 0; ms < 5000; ms++) {
                lot = lot * 1664525u + 1013904223u;
                if ((lot >> 8) % (uint32_t)(5000 - ms) < (uint32_t)(CLASS - asked)) {
                        struct udp_addr laptop = rig_addr(1, (uint8_t)++asked);
                        assert_int_equal(rig_raw(r, &laptop, out, n), DGRAM_RESET_BYTES);
                }
                rig_pass(r, 1);
        }
        assert_int_equal(RIG_COUNT(r, resets), CLASS);
        rig_stop(r);
}

static void a_reset_proves_itself(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        struct dgram_msg m;
        uint8_t out[DGRAM_BYTES_MAX];
        rig_connect(r, &p);
        rig_stop(r);
        r = rig_start(); /* another run, the same key */
        size_t n = put(out, (struct dgram_msg){ .type = DGRAM_PING, .tag = p.tag, .pktno = 1 });
        n = rig_raw(r, &p.addr, out, n);
        assert_int_equal(dgram_parse(bytes_of(r->bytes[0], n), &m), 0);
        assert_int_equal(m.type, DGRAM_RESET);
        assert_memory_equal(m.reset.token, p.accept.reset_token, DGRAM_TOKEN);
        rig_stop(r);
}

static void hellos_are_answered_at_a_rate(void **state)
{
        (void)state;
        struct rig *r = rig_start_gate((struct udp_gate_config){ .hellos_per_s = 3 });
        uint8_t out[DGRAM_BYTES_MAX + 1];
        struct udp_addr from = rig_addr(1, 1);
        size_t n = hello(out);
        for (int i = 0; i < 5; i++)
                assert_int_equal(rig_raw(r, &from, out, n) > 0, i < 3);
        rig_pass(r, 1000);
        assert_true(rig_raw(r, &from, out, n) > 0);
        assert_int_equal(RIG_COUNT(r, hello_limited), 2);
        rig_stop(r);
}

/* Neither random bytes nor torn and twisted good ones, from strangers or from a session's own
 * address, crash the server or touch another session. */
static void hostile_bytes_disturb_nobody(void **state)
{
        (void)state;
        struct rng rng = rng_seeded(1, "hostile");
        struct rig *r = rig_start();
        struct rig_peer good = rig_peer(1), bad = rig_peer(2);
        rig_connect(r, &good);
        rig_connect(r, &bad);
        rig_join(r, &good, "tea", 0, 0);
        for (int i = 0; i < 20000; i++) {
                uint8_t out[DGRAM_BYTES_MAX];
                struct dgram_msg m = { .type = (uint8_t)(i % 5 == 0   ? DGRAM_PUB
                                                         : i % 5 == 1 ? DGRAM_JOIN
                                                                      : DGRAM_NACK) };
                m.tag = bad.tag;
                m.pktno = (uint32_t)i + 1;
                if (m.type == DGRAM_NACK)
                        m.nack = (struct dgram_nack){ 1, 1, 1, 0, { { 1, 1u << i % 30 } } };
                else if (m.type == DGRAM_JOIN)
                        m.join.tail = bytes_of("\x82\x01\x07\x02\x91\x94\xa1r\x01\x00\x00", 11);
                else
                        m.pub = (struct dgram_pub){ (uint64_t)i, 0, 0, 1, 3, 0, 0, bytes_of("\x91\xa1x", 3) };
                size_t n = rig_pack(&m, out);
                for (uint64_t k = rng_below(&rng, 4); k > 0; k--)
                        out[24 + rng_below(&rng, n - 24)] ^= (uint8_t)(1u << rng_below(&rng, 8));
                if (i % 7 == 0)
                        for (size_t k = 0; k < n; k++)
                                out[k] = (uint8_t)rng_u64(&rng);
                struct udp_addr from = i % 3 ? bad.addr : rig_addr((uint8_t)(3 + i % 200), 1);
                rig_raw(r, &from, out, i % 11 ? n : rng_below(&rng, n));
                if (i % 50 == 0) {
                        rig_hear(r, &good);
                        rig_pass(r, 1);
                }
        }
        rig_hear(r, &good);
        rig_publish(r, "tea", 10);
        rig_hear(r, &good);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
        assert_int_equal(udp_gate_sessions(r->gate), 2);
        assert_int_equal(RIG_COUNT(r, private_full), 0);
        assert_true(RIG_COUNT(r, malformed) > 1000 && RIG_COUNT(r, moves_waiting) > 1000 && RIG_COUNT(r, no_magic) > 0);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(hello_cookie_connect_accept),
                cmocka_unit_test(the_same_connect_gets_the_same_accept),
                cmocka_unit_test(a_cookie_is_good_for_its_address_alone),
                cmocka_unit_test(another_namespace_is_refused_by_name),
                cmocka_unit_test(a_namespace_of_the_application_has_its_own_hub),
                cmocka_unit_test(one_address_gets_so_many_sessions),
                cmocka_unit_test(resets_are_few),
                cmocka_unit_test(a_class_hears_of_a_restart),
                cmocka_unit_test(a_reset_proves_itself),
                cmocka_unit_test(hellos_are_answered_at_a_rate),
                cmocka_unit_test(hostile_bytes_disturb_nobody),
        };
        return RUN_ROWS("udp_gate strangers", strangers, run_stranger) +
               RUN_ROWS("udp_gate hosts", hosts, sessions_of_a_host) +
               cmocka_run_group_tests_name("udp_gate", stories, NULL, NULL);
}
