/* A client whose session the circuit breaker ended, or would have, comes back: to the server it is the same path. */
#include "tests/unit/udp_rig.h"
#include "udp_server/udp_gate_inside.h"
#include "udp_server/udp_session_inside.h"

static struct rig *start(void)
{
        struct rig *r = rig_start_gate((struct udp_gate_config){ .pace.on = true });
        return r;
}

static const struct pace *pace_of(struct rig *r, const struct rig_peer *p)
{
        return &udp_peer_at(r->gate, &p->addr)->session->pace;
}

/* It says no REPORT, so that the breaker opens; for so many seconds, or until the server sends it away. */
static bool is_sent_away(struct rig *r, struct rig_peer *p, int seconds)
{
        for (int s = 0; s < seconds; s++) {
                rig_publish(r, "", 100);
                rig_pass(r, 1000);
                rig_say(r, p, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } });
                rig_hear(r, p);
                const struct dgram_msg *m = rig_said(r, DGRAM_CLOSE, 0);
                if (m)
                        assert_int_equal(m->close.code, DGRAM_CODE_SLOW);
                if (m)
                        return true;
        }
        return false;
}

static void come_back(struct rig *r, struct rig_peer *p)
{
        p->nonce++;
        rig_connect(r, p);
        assert_true(p->flags & DGRAM_RECOVERED);
}

static void check_slow(struct rig *r, const struct rig_peer *p)
{
        assert_int_equal(pace_breaker(pace_of(r, p)), PACE_OPEN_FOR_SILENCE);
        assert_int_equal(pace_of(r, p)->rate, TFRC_SEGMENT_BYTES * NS_PER_S / RESEND_RTT_NS_INITIAL);
}

static void who_was_sent_away_begins_slowly(void **state)
{
        (void)state;
        struct rig *r = start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        assert_true(is_sent_away(r, &p, 60));
        for (int i = 0; i < 3; i++) { /* and again, if that one ends before the path was heard of */
                come_back(r, &p);
                check_slow(r, &p);
                rig_pass(r, 61000); /* idle */
        }
        assert_int_equal(RIG_COUNT(r, idle), 3);
        come_back(r, &p);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_REPORT, .report = { .chan_ref = UDP_REF_ALL } });
        assert_int_equal(pace_breaker(pace_of(r, &p)), PACE_CLOSED);
        rig_pass(r, 61000);
        come_back(r, &p);
        assert_int_equal(pace_breaker(pace_of(r, &p)), PACE_CLOSED); /* it is believed again */
        rig_stop(r);
}

static void who_comes_before_he_is_sent_away_as_well(void **state)
{
        (void)state;
        struct rig *r = start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        assert_false(is_sent_away(r, &p, 10));
        check_slow(r, &p);
        come_back(r, &p);
        assert_int_equal(RIG_COUNT(r, taken_over), 1);
        check_slow(r, &p);
        rig_stop(r);
}

static void it_is_nobody_elses(void **state)
{
        (void)state;
        struct rig *r = start();
        struct rig_peer p = rig_peer(1), other = rig_peer(2);
        rig_connect(r, &p);
        assert_true(is_sent_away(r, &p, 60));
        rig_connect(r, &other);
        assert_int_equal(pace_breaker(pace_of(r, &other)), PACE_CLOSED);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(who_was_sent_away_begins_slowly),
                cmocka_unit_test(who_comes_before_he_is_sent_away_as_well),
                cmocka_unit_test(it_is_nobody_elses),
        };
        return cmocka_run_group_tests_name("udp slow", stories, NULL, NULL);
}
