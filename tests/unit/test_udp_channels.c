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

/* Events may have come between what JOIN_OK says and its coming: a BEAT says so soon. */
static void a_join_is_followed_by_a_beat(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room tea = rig_in_tea(r, &p);
        rig_pass(r, 20);
        rig_hear(r, &p);
        const struct dgram_msg *m = rig_said(r, DGRAM_BEAT, 0);
        for (int i = 1; m && m->tag != tea.tag; i++)
                m = rig_said(r, DGRAM_BEAT, i);
        assert_non_null(m);
        assert_int_equal(m->beat.head, tea.head);
        rig_stop(r);
}

/* Its head would have what is only to come asked for. */
static void who_is_behind_is_sent_none(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        say_report(r, &p, 1, p.accept.own.start); /* hello */
        rig_publish(r, "", 10);
        rig_hear(r, &p); /* in 20 ms one would be due */
        rig_publish(r, "", 10);
        hub_announce(r->hub); /* but the transport takes nothing */
        uint64_t beats = RIG_COUNT(r, beats);
        rig_pass(r, 2000);
        assert_int_equal(RIG_COUNT(r, beats), beats);
        rig_hear(r, &p);
        rig_pass(r, 20);
        assert_true(RIG_COUNT(r, beats) > beats);
        rig_stop(r);
}

/* A member that has everything is sent no BEATs, not with PONG either. */
static void beats_go_to_whom_they_tell_something(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room tea = rig_in_tea(r, &p);
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
        assert_true(mono_since(udp_gate_deadline(r->gate), r->now) > 2 * NS_PER_S); /* nor looked at every second */
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

/* What was still to be sent of the stay that it left is not for the next one. */
static void left_and_joined_again_is_a_fresh_start(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room tea = rig_in_tea(r, &p);
        rig_publish(r, "tea", 10);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { tea.chan_ref } });
        struct dgram_joined_room again = rig_join(r, &p, "tea", 0, 0);
        assert_int_equal(again.start, again.head); /* its own `joined` */
        const struct dgram_msg *m;
        for (int i = 0; (m = rig_said(r, DGRAM_DATA, i)); i++)
                assert_true(m->tag != tea.tag || m->data.seq >= again.start);
        uint64_t seq = rig_publish(r, "tea", 10).seq;
        rig_hear(r, &p);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.seq, seq);
        rig_stop(r);
}

static void say_join(struct rig *r, struct rig_peer *p, uint32_t resumes, const char *const *rooms, uint32_t n)
{
        struct dgram_join join = { .req = 7, .resumes = resumes, .rooms_n = n };
        for (uint32_t i = 0; i < n; i++)
                join.room[i] = (struct dgram_join_room){ bytes_text(rooms[i]), 1, RIG_EPOCH, 0 };
        rig_say_join(r, p, &join);
}

static struct dgram_joined_room join_again(struct rig *r, struct rig_peer *p, uint64_t req)
{
        struct dgram_join join = { .req = req, .rooms_n = 1, .room = { { bytes_text("tea"), 1, 0, 0 } } };
        return rig_say_join(r, p, &join);
}

/* The same JOIN tried again begins where it began; another one of a client that gave its LEAVE up, and was
 * told of what came until then, begins now. An old one that comes late changes nothing. */
static void the_same_join_begins_where_it_began(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        uint64_t start = join_again(r, &p, 5).start;
        rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        assert_int_equal(join_again(r, &p, 5).start, start);
        rig_publish(r, "tea", 10); /* not sent before the next JOIN comes */
        struct dgram_joined_room row = join_again(r, &p, 9);
        assert_int_equal(row.start, row.head + 1);
        assert_null(rig_said(r, DGRAM_DATA, 0));
        uint64_t seq = rig_publish(r, "tea", 10).seq;
        uint32_t pktno = p.pktno;
        p.pktno = 900; /* has been said before, if the network had not kept it */
        assert_int_equal(join_again(r, &p, 9).start, row.start);
        p.pktno = pktno;
        assert_int_equal(join_again(r, &p, 5).start, row.start);
        rig_say(r, &p,
                (struct dgram_msg){ .type = DGRAM_NACK,
                                    .nack = { .chan_ref = row.chan_ref, .n = 1, .range = { { seq, seq } } } });
        rig_hear(r, &p);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.seq, seq);
        rig_stop(r);
}

/* The instance is in coffee, too, which its client does not know of (its LEAVE was lost, say). Once all
 * that the client knows of is asked for, nothing waits for coffee. */
static void rooms_that_nobody_asks_for_hold_nothing_up(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        char own[DGRAM_ID_MAX + 1] = { 0 };
        memcpy(own, p.accept.id.at, p.accept.id.n);
        rig_join(r, &p, "tea", 0, 0);
        rig_join(r, &p, "coffee", 0, 0);
        p.nonce++;
        rig_connect(r, &p);
        uint64_t seq = rig_publish(r, "tea", 10).seq;
        say_join(r, &p, 3, (const char *[]){ own, "" }, 2);
        assert_null(rig_said(r, DGRAM_DATA, 0));
        say_join(r, &p, 3, (const char *[]){ own, "" }, 2); /* its answer was lost */
        assert_null(rig_said(r, DGRAM_DATA, 0));
        say_join(r, &p, 3, (const char *[]){ "tea" }, 1);
        const struct dgram_msg *m = NULL;
        for (int i = 0; rig_said(r, DGRAM_DATA, i); i++)
                if (rig_said(r, DGRAM_DATA, i)->data.seq == seq)
                        m = rig_said(r, DGRAM_DATA, i);
        assert_non_null(m);
        assert_int_equal(hub_room_members(r->hub, bytes_text("coffee")), 0);
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 1);
        rig_stop(r);
}

/* By itself, not asked by a LEAVE: it is told behind what was said before, and nothing is left of the room. */
static void a_room_that_the_application_takes_the_client_out_of(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t seq = rig_publish(r, "tea", 10).seq;
        assert_int_equal(hub_leave(hub_room_member_at(r->hub, bytes_text("tea"), 0), r->now, bytes_text("tea")), 0);
        rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        const struct dgram_msg *last = rig_said(r, DGRAM_DATA, rig_count_said(r, DGRAM_DATA) - 1);
        assert_int_equal(last->data.seq, seq);
        assert_int_equal(rig_count_said(r, DGRAM_LEAVE_OK), 1);
        assert_true(rig_said(r, DGRAM_LEAVE_OK, 0) > last);
        assert_int_equal(rig_said(r, DGRAM_LEAVE_OK, 0)->leave_ok.chan_ref, row.chan_ref);
        assert_int_equal(rig_said(r, DGRAM_LEAVE_OK, 0)->leave_ok.end, seq + 1);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { row.chan_ref } });
        rig_hear(r, &p);
        assert_int_equal(rig_said(r, DGRAM_LEAVE_OK, 0)->leave_ok.end, 0);
        for (int s = 0; s < 400; s += 20) { /* its log gets too old, and then nobody needs the room */
                rig_pass(r, 20000);
                say_ping(r, &p);
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_LEAVE_OK), 0);
        }
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        rig_stop(r);
}

static void kick(struct rig *r, const char *room)
{
        assert_int_equal(hub_leave(hub_room_member_at(r->hub, bytes_text(room), 0), r->now, bytes_text(room)), 0);
}

/* Its LEAVE_OKs are lost: it is told again, a second apart at the most, until it says that it knows. What it says of
 * one room is said of that one alone. */
static void who_was_taken_out_is_told_until_he_knows(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        uint32_t tea = rig_in_tea(r, &p).chan_ref, milk = rig_join(r, &p, "milk", 0, 0).chan_ref;
        kick(r, "tea");
        kick(r, "milk");
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_LEAVE_OK), 2);
        rig_pass(r, 1000);
        for (int i = 0; i < 20; i++) {
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_LEAVE_OK), 2);
                rig_pass(r, 1000);
        }
        rig_hear(r, &p);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { tea } });
        rig_pass(r, 1000);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_LEAVE_OK), 2);
        for (int i = 0; i < 2; i++) {
                const struct dgram_leave_ok *m = &rig_said(r, DGRAM_LEAVE_OK, i)->leave_ok;
                assert_true(m->end > 0 ? m->chan_ref == milk : m->chan_ref == tea);
        }
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { milk } });
        rig_hear(r, &p);
        rig_pass(r, 5000);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_LEAVE_OK), 0);
        rig_stop(r);
}

/* However much there is still to send of other rooms: it hears of it right behind the last event of that one. */
static void who_was_taken_out_is_told_in_time(void **state)
{
        (void)state;
        struct rig *r = rig_start_gate((struct udp_gate_config){ .pace.on = true });
        struct rig_peer p;
        struct dgram_joined_room tea = rig_in_tea(r, &p);
        for (int i = 0; i < 20; i++)
                rig_publish(r, "tea", 1000);
        kick(r, "tea");
        int of_tea = 0, others = 0;
        for (int ms = 0; ms < 20000 && !rig_said(r, DGRAM_LEAVE_OK, 0); ms += 10) {
                rig_publish(r, "", 1000); /* ever more, of which little may go */
                rig_pass(r, 10);
                rig_hear(r, &p);
                for (int i = 0; i < rig_count_said(r, DGRAM_DATA); i++)
                        *(rig_said(r, DGRAM_DATA, i)->tag == tea.tag ? &of_tea : &others) += 1;
        }
        assert_int_equal(of_tea, 20);
        assert_in_range(others, 0, 20);
        rig_stop(r);
}

/* A JOIN that it had said again before it heard, and that comes after it was taken out, does not bring it back; what
 * it says when it knows does. */
static void an_old_join_does_not_undo_it(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        uint32_t ref = join_again(r, &p, 5).chan_ref;
        kick(r, "tea");
        rig_hear(r, &p);
        uint32_t early = p.pktno += 2;
        assert_int_equal(rig_join(r, &p, "tea", 0, 0).status, 999);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { ref } });
        uint32_t late = p.pktno;
        p.pktno = early - 1;
        assert_int_equal(rig_join(r, &p, "tea", 0, 0).status, 999);
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 0);
        p.pktno = late;
        assert_true(join_again(r, &p, 6).chan_ref > ref);
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 1);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_join_is_followed_by_a_beat),
                cmocka_unit_test(who_is_behind_is_sent_none),
                cmocka_unit_test(beats_go_to_whom_they_tell_something),
                cmocka_unit_test(a_blocked_socket_is_not_the_clients_fault),
                cmocka_unit_test(left_and_joined_again_is_a_fresh_start),
                cmocka_unit_test(the_same_join_begins_where_it_began),
                cmocka_unit_test(rooms_that_nobody_asks_for_hold_nothing_up),
                cmocka_unit_test(a_room_that_the_application_takes_the_client_out_of),
                cmocka_unit_test(who_was_taken_out_is_told_until_he_knows),
                cmocka_unit_test(who_was_taken_out_is_told_in_time),
                cmocka_unit_test(an_old_join_does_not_undo_it),
        };
        return cmocka_run_group_tests_name("udp_channels", stories, NULL, NULL);
}
