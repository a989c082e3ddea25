/* What a repair costs, what is not sent twice, and what is asked behind it. */
#include "tests/unit/udp_rig.h"
#include "udp_server/udp_gate_inside.h"
#include "udp_server/udp_session_inside.h"

struct asker {
        struct rig *r;
        struct rig_peer p;
        uint32_t ref;
        struct udp_session *session;
};

static struct asker begin(uint64_t room_events_max)
{
        struct hub_config hub = { .room_events_max = room_events_max };
        struct asker a = { .r = rig_start_config(hub, (struct udp_gate_config){ 0 }) };
        a.ref = rig_in_tea(a.r, &a.p).chan_ref;
        a.session = udp_peer_at(a.r->gate, &a.p.addr)->session;
        return a;
}

static void nack(struct asker *a, uint8_t tries, uint64_t from, uint64_t to)
{
        struct dgram_nack m = { .chan_ref = a->ref, .n = 1, .tries = tries, .range = { { from, to } } };
        rig_say(a->r, &a->p, (struct dgram_msg){ .type = DGRAM_NACK, .nack = m });
        rig_hear(a->r, &a->p);
}

/* Its second copy is on its way as the first is: neither comes again. */
static void what_is_held_off_has_no_second_copy(void **state)
{
        (void)state;
        struct asker a = begin(0);
        uint64_t seq = rig_publish(a.r, "tea", 100).seq;
        int copies = 0;
        rig_pass(a.r, 1000);
        rig_hear(a.r, &a.p);
        nack(&a, 2, seq, seq);
        assert_int_equal(rig_count_said(a.r, DGRAM_DATA), 1);
        for (int ms = 0; ms < 50; ms++) {
                rig_pass(a.r, 1);
                if (ms < 5)
                        nack(&a, 2, seq, seq);
                else
                        rig_hear(a.r, &a.p);
                copies += rig_count_said(a.r, DGRAM_DATA);
        }
        assert_int_equal(copies, 1);
        assert_true(RIG_COUNT(a.r, repairs_held) >= 5);
        rig_stop(a.r);
}

static void a_gap_is_paid_for_too(void **state)
{
        (void)state;
        struct asker a = begin(10);
        uint64_t first = rig_publish(a.r, "tea", 100).seq;
        for (int i = 0; i < 30; i++) {
                rig_publish(a.r, "tea", 100);
                rig_hear(a.r, &a.p);
        }
        rig_pass(a.r, 1000);
        nack(&a, 1, first, first);
        assert_int_equal(rig_count_said(a.r, DGRAM_GAP), 1);
        assert_int_equal(a.session->repair->tokens, UDP_REPAIR_BURST_BYTES - DGRAM_GAP_BYTES);
        rig_stop(a.r);
}

/* Its answer shows that the repairs must be there: what is asked for then is sent at once. */
static void a_ping_goes_behind_repairs(void **state)
{
        (void)state;
        struct asker a = begin(0);
        uint64_t seq = rig_publish(a.r, "tea", 100).seq;
        rig_hear(a.r, &a.p);
        rig_pass(a.r, 1000);
        rig_hear(a.r, &a.p);
        nack(&a, 1, seq, seq);
        int pings = rig_count_said(a.r, DGRAM_PING);
        rig_hear(a.r, &a.p);
        pings += rig_count_said(a.r, DGRAM_PING);
        assert_int_equal(pings, 1);
        rig_stop(a.r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(what_is_held_off_has_no_second_copy),
                cmocka_unit_test(a_gap_is_paid_for_too),
                cmocka_unit_test(a_ping_goes_behind_repairs),
        };
        return cmocka_run_group_tests_name("udp_again", stories, NULL, NULL);
}
