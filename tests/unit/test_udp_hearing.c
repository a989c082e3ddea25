/* When a client says that it hears the group. The round trip is 10 ms. */
#include "tests/unit/harness.h"

#include "client/udp_hearing.h"

static const struct resend rtt = { .srtt_ns = 10 * NS_PER_MS, .samples = 9 };

static void who_was_offered_none_hears_none(void **state)
{
        (void)state;
        struct udp_hearing g;
        struct mono now = { NS_PER_S };
        bool on;
        udp_hearing_begin(&g);
        udp_hearing_heard(&g, now);
        assert_true(mono_is_never(udp_hearing_deadline(&g)));
        assert_false(udp_hearing_says(&g, now, &rtt, &on));
        udp_hearing_offered(&g, &(struct dgram_group){ .port = 1 });
        assert_false(udp_hearing_says(&g, now, &rtt, &on)); /* nor who heard nothing since */
        udp_hearing_heard(&g, now);
        assert_true(udp_hearing_says(&g, now, &rtt, &on) && on);
        assert_false(udp_hearing_says(&g, now, &rtt, &on)); /* once */
}

static void it_is_said_until_it_is_answered(void **state)
{
        (void)state;
        struct udp_hearing g;
        struct mono now = { NS_PER_S };
        bool on;
        udp_hearing_begin(&g);
        udp_hearing_offered(&g, &(struct dgram_group){ .port = 1 });
        udp_hearing_heard(&g, now);
        for (int i = 0; i < 3; i++) {
                now = udp_hearing_deadline(&g);
                assert_true(udp_hearing_says(&g, now, &rtt, &on) && on);
        }
        udp_hearing_answer(&g, &(struct dgram_listen){ .on = 1 });
        assert_int_equal(mono_since(udp_hearing_deadline(&g), (struct mono){ NS_PER_S }), GROUP_SILENT_NS);
        now = udp_hearing_deadline(&g);
        assert_true(udp_hearing_says(&g, now, &rtt, &on) && !on);
        udp_hearing_answer(&g, &(struct dgram_listen){ .on = 0 });
        assert_true(mono_is_never(udp_hearing_deadline(&g)));
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(who_was_offered_none_hears_none),
                cmocka_unit_test(it_is_said_until_it_is_answered),
        };
        return cmocka_run_group_tests_name("udp_hearing", stories, NULL, NULL);
}
