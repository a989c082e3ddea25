/* Rooms come and go, with those of a multicast group. */
#include "tests/unit/udp_group_rig.h"

#include <stdio.h>

static struct hub_stats stats_of(const struct rig *r)
{
        return hub_stats(r->hub);
}

/* The socket was full for as long as the hub remembers who left a room; then some of what waits goes, and nobody but
 * the group has a use for the room any more. */
static void a_room_stays_as_long_as_the_group_has_it(void **state)
{
        (void)state;
        struct rig *r = start_at(RATE);
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        listen(r, &p, 1);
        uint32_t ref = rig_join(r, &p, "tea", 0, 0).chan_ref;
        char own[DGRAM_ID_MAX + 1] = { 0 };
        memcpy(own, p.id, p.accept.id.n);
        struct bytes tea = bytes_text("tea");
        uint64_t rooms = stats_of(r).rooms;
        rig_publish(r, "tea", 10);
        assert_int_equal(hub_leave(hub_room_member_at(r->hub, tea, 0), r->now, tea), 0);
        for (int s = 0; s < 11; s++) {
                rig_pass(r, 10000);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } });
        }
        for (int i = 0; i < 3; i++)
                rig_publish(r, own, 1000);
        rig_pass(r, 9900);
        hub_announce(r->hub);
        struct udp_peer *peer = udp_gate_pending(r->gate);
        assert_true(udp_peer_slices(peer, r->now, &r->batch) > 2);
        udp_peer_sent(peer, r->now, &r->batch, r->batch.n - 1);
        assert_int_equal(hub_room_members(r->hub, tea), 0);
        r->now = mono_add(r->now, 200 * NS_PER_MS);
        hub_expire(r->hub, r->now);
        hear_group(r);
        rig_hear(r, &p);
        assert_int_equal(rig_said(r, DGRAM_LEAVE_OK, 0)->leave_ok.chan_ref, ref);
        assert_int_equal(stats_of(r).rooms, rooms - 1);
        rig_stop(r);
}

/* The group knows rooms by their addresses: another one may have that of one that is gone, or its name. */
static void a_name_that_comes_again_is_another_room(void **state)
{
        (void)state;
        struct rig *r = start_at(RATE);
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        listen(r, &p, 1);
        uint64_t tag = 0, rooms = stats_of(r).rooms, last = 0;
        for (int i = 0; i < 5; i++) {
                struct dgram_joined_room tea = rig_join(r, &p, "tea", 0, 0);
                assert_true(tea.tag != tag && tea.start > last);
                tag = tea.tag;
                last = rig_publish(r, "tea", 10).seq;
                hub_announce(r->hub);
                hear_group(r);
                assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
                assert_true(rig_said(r, DGRAM_DATA, 0)->tag == tag && rig_said(r, DGRAM_DATA, 0)->data.seq == last);
                assert_int_equal(data_of(r, &p), 0);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { tea.chan_ref } });
                rig_hear(r, &p);
                for (int s = 0; s < 300; s += 10) {
                        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } });
                        rig_pass(r, 10000);
                        rig_hear(r, &p), hear_group(r);
                }
                assert_int_equal(stats_of(r).rooms, rooms);
        }
        rig_stop(r);
}

/* Rooms beyond what the group has places for come by unicast, and it is no worse for the others; when they are left
 * the places are free again. */
static void rooms_without_end(void **state)
{
        (void)state;
        enum { PEERS = 5, EACH = 60 };
        struct rig *r = start_at(100 * RATE);
        struct rig_peer p[PEERS];
        uint32_t ref[PEERS][EACH];
        for (int turn = 0; turn < 2; turn++) {
                int by_group = 0, alone = 0;
                for (int i = 0; i < PEERS; i++) {
                        p[i] = rig_peer((uint8_t)(10 * turn + i + 1));
                        rig_connect(r, &p[i]);
                        listen(r, &p[i], 1);
                        for (int k = 0; k < EACH; k++) {
                                char room[8] = { (char)('a' + turn), (char)('a' + i), (char)('!' + k) };
                                ref[i][k] = rig_join(r, &p[i], room, 0, 0).chan_ref;
                                rig_publish(r, room, 10);
                                alone += data_of(r, &p[i]);
                                hear_group(r);
                                by_group += rig_count_said(r, DGRAM_DATA);
                        }
                }
                assert_int_equal(by_group, UDP_GROUP_ROOMS_MAX - 1); /* everyone's is there, too */
                assert_int_equal(alone, PEERS * EACH - by_group);
                rig_publish(r, "", 10);
                assert_int_equal(data_of(r, &p[4]), 0);
                hear_group(r);
                assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
                for (int i = 0; i < PEERS; i++) {
                        for (int k = 0; k < EACH; k++)
                                rig_say(r, &p[i], (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { ref[i][k] } });
                        rig_hear(r, &p[i]);
                }
        }
        rig_stop(r);
}

/* So many rooms have a place in the group; the others go on by unicast. */
static void rooms_beyond_its_places_stay_unicast(void **state)
{
        (void)state;
        struct rig *r = start_at(RATE);
        struct rig_peer p = { 0 };
        char name[16];
        for (int i = 0; i <= UDP_GROUP_ROOMS_MAX; i++) {
                if (i % 60 == 0) {
                        p = rig_peer((uint8_t)(1 + i / 60));
                        rig_connect(r, &p);
                        listen(r, &p, 1);
                }
                snprintf(name, sizeof name, "r%d", i);
                assert_int_equal(rig_join(r, &p, name, 0, 0).status, DGRAM_CODE_OK);
                rig_pass(r, 20); /* all together less than it takes a silent session to end */
                hear_group(r);
                rig_publish(r, name, 10);
                bool has_place = i < UDP_GROUP_ROOMS_MAX - 1; /* everyone's has one, too */
                assert_int_equal(data_of(r, &p), !has_place);
                hear_group(r);
                assert_int_equal(rig_count_said(r, DGRAM_DATA), has_place);
        }
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_room_stays_as_long_as_the_group_has_it),
                cmocka_unit_test(a_name_that_comes_again_is_another_room),
                cmocka_unit_test(rooms_without_end),
                cmocka_unit_test(rooms_beyond_its_places_stay_unicast),
        };
        return cmocka_run_group_tests_name("udp_group rooms", tests, NULL, NULL);
}
