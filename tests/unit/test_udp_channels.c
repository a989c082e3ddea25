/* BEATs of a session's channels: to whom they go, and when they stop. */
#include "tests/unit/udp_rig.h"

static void say_ping(struct rig *r, struct rig_peer *p)
{
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } });
        rig_hear(r, p);
}

static void say_report(struct rig *r, struct rig_peer *p, uint32_t ref, uint64_t contig)
{
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_REPORT, .report = { .chan_ref = ref, .contig = contig } });
}

/* A member that has everything is sent no BEATs, not with PONG either. */
static void beats_go_to_whom_they_tell_something(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        struct dgram_joined_room tea = rig_join(r, &p, "tea", 0, 0);
        uint64_t seq = rig_publish(r, "tea", 10).seq;
        rig_hear(r, &p);
        say_ping(r, &p);
        const struct dgram_msg *m = NULL;
        for (int i = 0; rig_said(r, DGRAM_BEAT, i); i++)
                if (rig_said(r, DGRAM_BEAT, i)->tag == tea.tag)
                        m = rig_said(r, DGRAM_BEAT, i);
        assert_non_null(m);
        assert_int_equal(m->beat.head, seq);
        say_report(r, &p, 1, p.accept.own.start); /* hello */
        say_report(r, &p, 2, p.accept.all.head);
        say_report(r, &p, tea.chan_ref, seq);
        say_ping(r, &p);
        assert_non_null(rig_said(r, DGRAM_PONG, 0));
        assert_null(rig_said(r, DGRAM_BEAT, 0));
        rig_pass(r, 20000);
        rig_hear(r, &p);
        assert_null(rig_said(r, DGRAM_BEAT, 0));
        rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        rig_pass(r, 20);
        rig_hear(r, &p);
        assert_non_null(rig_said(r, DGRAM_BEAT, 0));
        rig_stop(r);
}

/* While the socket takes nothing, BEATs that wait do not fill what the client is closed for. */
static void a_blocked_socket_is_not_the_clients_fault(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        for (char room[] = "a"; room[0] <= 'z'; room[0]++)
                assert_int_equal(rig_join(r, &p, room, 0, 0).status, DGRAM_CODE_OK);
        rig_pass(r, 25000);
        assert_int_equal(RIG_COUNT(r, private_full), 0);
        rig_publish(r, "a", 10);
        rig_hear(r, &p);
        assert_non_null(rig_said(r, DGRAM_DATA, 0));
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(beats_go_to_whom_they_tell_something),
                cmocka_unit_test(a_blocked_socket_is_not_the_clients_fault),
        };
        return cmocka_run_group_tests_name("udp_channels", stories, NULL, NULL);
}
