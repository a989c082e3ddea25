/* Whom the application lets in: by a token, by where they are. */
#include "tests/unit/udp_rig.h"

#include "core/chat/app_inside.h"

/* Only a client that was here before needs no token. */
static void a_token_is_asked_for(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1), q = rig_peer(2);
        struct dgram_cookie proof;
        uint8_t out[DGRAM_BYTES_MAX];
        rig_connect(r, &q);
        app_token_set(r->app, bytes_text("open sesame"));
        const char *const tokens[] = { NULL, "open sesam", "open sesame" };
        for (size_t i = 0; i < 3; i++) {
                rig_cookie(r, &p, &proof);
                size_t n = rig_raw(r, &p.addr, out, rig_connect_with(&p, &proof, "/", tokens[i], out));
                assert_int_equal(n > 0 ? rig_error_code(r, n) : 0, i < 2 ? DGRAM_CODE_AUTH : 0);
                assert_int_equal(udp_gate_sessions(r->gate), i < 2 ? 1 : 2);
        }
        assert_int_equal(RIG_COUNT(r, not_admitted), 2);
        q.addr = rig_addr(3, 1); /* the same instance from elsewhere */
        rig_connect(r, &q);
        assert_int_equal(RIG_COUNT(r, taken_over), 1);
        rig_stop(r);
}

/* All but those of one address. */
static bool allow(struct app *a, struct mono now, const struct app_visitor *visitor, struct app_refusal *refusal)
{
        struct udp_addr banned = rig_addr(3, 0);
        (void)a, (void)now, (void)refusal;
        assert_int_equal(visitor->origin.n + visitor->path.n + visitor->query.n, 0);
        return memcmp(visitor->ip, banned.ip, sizeof banned.ip) != 0;
}

static void an_address_may_be_refused(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct app_handlers wary = chat_handlers;
        struct rig_peer p = rig_peer(1);
        struct dgram_cookie proof;
        uint8_t out[DGRAM_BYTES_MAX];
        wary.allow = allow;
        r->app->handlers = &wary;
        rig_connect(r, &p);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        p.addr = rig_addr(3, 1); /* known, but not from everywhere */
        rig_cookie(r, &p, &proof);
        size_t n = rig_raw(r, &p.addr, out, rig_connect_with(&p, &proof, "/", NULL, out));
        assert_int_equal(rig_error_code(r, n), DGRAM_CODE_AUTH);
        assert_int_equal(RIG_COUNT(r, not_admitted), 1);
        assert_int_equal(RIG_COUNT(r, taken_over), 0);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_token_is_asked_for),
                cmocka_unit_test(an_address_may_be_refused),
        };
        return cmocka_run_group_tests_name("udp admit", stories, NULL, NULL);
}
