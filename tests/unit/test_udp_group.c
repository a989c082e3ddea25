/* A server that sends rooms to a multicast group, told in single messages. */
#include "tests/unit/udp_group_rig.h"

enum { AGG_MS = 5 };

static void nack(struct rig *r, struct rig_peer *p, uint32_t ref, uint8_t tries, uint64_t from, uint64_t to)
{
        struct dgram_nack m = { .chan_ref = ref, .n = 1, .tries = tries, .range = { { from, to } } };
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_NACK, .nack = m });
}

/* Two of three hear the group; all are in `tea`. */
struct three {
        struct rig *r;
        struct rig_peer a, b, c;
        struct dgram_joined_room tea;
};

static struct three three(int64_t rate)
{
        struct three t = { .r = start_at(rate), .a = rig_peer(1), .b = rig_peer(2), .c = rig_peer(3) };
        rig_connect(t.r, &t.a), rig_connect(t.r, &t.b), rig_connect(t.r, &t.c);
        t.tea = rig_join(t.r, &t.a, "tea", 0, 0);
        listen(t.r, &t.a, 1);
        listen(t.r, &t.b, 1);
        rig_join(t.r, &t.b, "tea", 0, 0); /* before and after are one */
        rig_join(t.r, &t.c, "tea", 0, 0);
        rig_pass(t.r, 5000);
        hear_group(t.r);
        return t;
}

/* ---- who is sent what ---------------------------------------------------------------------- */

static void the_group_is_offered(void **state)
{
        (void)state;
        struct rig *r = start_at(RATE);
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        assert_int_equal(rig_said(r, DGRAM_GROUP, 0)->group.port, 5007);
        assert_int_equal(rig_said(r, DGRAM_GROUP, 0)->group.ip[12], 232);
        rig_pass(r, 20);
        assert_int_equal(hear_group(r), 1);
        const struct dgram_msg *beat = rig_said(r, DGRAM_BEAT, 0);
        assert_true(beat->tag == p.accept.all.tag && beat->beat.head == 0 && beat->beat.group > 0);
        /* Nobody hears it yet: it goes on, and events come by unicast alone. */
        rig_publish(r, "", 10);
        assert_int_equal(data_of(r, &p), 1);
        assert_int_equal(hear_group(r), 0);
        rig_pass(r, 10000);
        assert_in_range(hear_group(r), 9, 20);
        for (int i = 0; i < r->said_n; i++) /* nothing is missing of what was not sent there */
                assert_int_equal(r->said[i].beat.head, 0);
        rig_stop(r);
}

static void without_a_group_nothing_is_offered(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        assert_null(rig_said(r, DGRAM_GROUP, 0));
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LISTEN, .listen = { 1 } });
        rig_hear(r, &p);
        assert_int_equal(rig_said(r, DGRAM_LISTEN, 0)->listen.on, 0);
        rig_publish(r, "", 10);
        assert_int_equal(data_of(r, &p), 1);
        rig_stop(r);
}

static void one_datagram_for_all_who_hear_it(void **state)
{
        (void)state;
        struct three t = three(RATE);
        uint64_t seq = 0;
        for (int i = 0; i < 3; i++)
                seq = rig_publish(t.r, "tea", 10).seq;
        assert_int_equal(data_of(t.r, &t.c), 3);
        assert_int_equal(data_of(t.r, &t.a), 0);
        assert_int_equal(data_of(t.r, &t.b), 0);
        assert_int_equal(hear_group(t.r), 3);
        assert_int_equal(t.r->datagrams, 1);
        assert_true(rig_said(t.r, DGRAM_DATA, 0)->tag == t.tea.tag);
        /* Its BEAT names the head, how many listen, and how they are to ask. */
        rig_pass(t.r, 20);
        hear_group(t.r);
        const struct dgram_msg *beat = rig_said(t.r, DGRAM_BEAT, 0);
        assert_true(beat && beat->beat.group == 2 && beat->beat.k == 6 && beat->beat.grtt_ms >= 1);
        assert_true(beat->tag == t.tea.tag && beat->beat.head == seq);
        rig_stop(t.r);
}

static void ones_own_room_stays_unicast(void **state)
{
        (void)state;
        struct three t = three(RATE);
        char id[DGRAM_ID_MAX + 1] = { 0 };
        memcpy(id, t.a.id, t.a.accept.id.n);
        rig_publish(t.r, id, 10);
        assert_int_equal(data_of(t.r, &t.a), 1);
        assert_int_equal(hear_group(t.r), 0);
        rig_stop(t.r);
}

static void what_leaves_somebody_out_goes_to_each_of_the_others(void **state)
{
        (void)state;
        struct three t = three(RATE);
        struct bytes tea = bytes_text("tea"), left_out = bytes_of(t.b.id, t.b.accept.id.n);
        struct publish p = { .event = bytes_of("\x91\xa1x", 3), .rooms = &tea, .rooms_n = 1, .except = &left_out };
        struct published out;
        for (int i = 0; i < 4; i++) {
                p.except_n = i == 1 || i == 3;
                assert_int_equal(hub_publish(t.r->hub, t.r->now, &p, &out), 0);
        }
        rig_hear(t.r, &t.a);
        assert_int_equal(rig_count_said(t.r, DGRAM_DATA), 2);
        assert_int_equal(rig_said(t.r, DGRAM_DATA, 0)->data.seq, out.seq - 2);
        assert_int_equal(rig_said(t.r, DGRAM_DATA, 1)->data.seq, out.seq);
        hear_group(t.r);
        assert_int_equal(rig_count_said(t.r, DGRAM_DATA), 2);
        assert_int_equal(rig_said(t.r, DGRAM_DATA, 0)->data.seq, out.seq - 3);
        assert_int_equal(rig_said(t.r, DGRAM_DATA, 1)->data.seq, out.seq - 1);
        rig_stop(t.r);
}

static void who_is_left_out_is_told(void **state)
{
        (void)state;
        struct three t = three(RATE);
        struct bytes tea = bytes_text("tea"), left_out = bytes_of(t.b.id, t.b.accept.id.n);
        struct publish p = { bytes_of("\x91\xa1x", 3), &tea, 1, &left_out, 1, NULL, false, false };
        struct published out;
        assert_int_equal(hub_publish(t.r->hub, t.r->now, &p, &out), 0);
        rig_hear(t.r, &t.b);
        const struct dgram_msg *gap = rig_said(t.r, DGRAM_GAP, 0);
        assert_true(gap && gap->gap.reason == GAP_EXCLUDED && gap->gap.range[0].from == out.seq);
        assert_int_equal(rig_count_said(t.r, DGRAM_DATA), 0);
        rig_stop(t.r);
}

static void who_no_longer_hears_it_goes_on_by_unicast(void **state)
{
        (void)state;
        struct three t = three(RATE);
        uint64_t seq = rig_publish(t.r, "tea", 10).seq;
        assert_int_equal(data_of(t.r, &t.a), 0);
        listen(t.r, &t.a, 0);
        rig_publish(t.r, "tea", 10);
        assert_int_equal(data_of(t.r, &t.a), 1);
        nack(t.r, &t.a, t.tea.chan_ref, 1, seq, seq); /* what it was left to the group before */
        assert_int_equal(data_of(t.r, &t.a), 1);
        hear_group(t.r);
        assert_int_equal(rig_count_said(t.r, DGRAM_DATA), 2);
        assert_int_equal(rig_count_said(t.r, DGRAM_NCF), 0);
        rig_stop(t.r);
}

static void the_last_to_leave_ends_it(void **state)
{
        (void)state;
        struct three t = three(RATE);
        listen(t.r, &t.a, 0);
        rig_say(t.r, &t.b, (struct dgram_msg){ .type = DGRAM_CLOSE });
        rig_hear(t.r, &t.b);
        rig_publish(t.r, "tea", 10);
        assert_int_equal(hear_group(t.r), 0);
        assert_int_equal(data_of(t.r, &t.a), 1);
        rig_stop(t.r);
}

static void backlog_is_passed_over_whole(void **state)
{
        (void)state;
        struct three t = three(100 * RATE);
        for (int i = 0; i < 250; i++) /* more than a batch has pieces for, every other one hidden */
                rig_publish(t.r, "tea", 1000);
        struct bytes tea = bytes_text("tea"), left_out = bytes_of(t.b.id, t.b.accept.id.n);
        struct publish p = { bytes_of("\x91\xa1x", 3), &tea, 1, &left_out, 1, NULL, false, false };
        struct published out;
        assert_int_equal(hub_publish(t.r->hub, t.r->now, &p, &out), 0);
        assert_int_equal(data_of(t.r, &t.a), 1);
        assert_int_equal(rig_said(t.r, DGRAM_DATA, 0)->data.seq, out.seq);
        rig_stop(t.r);
}

/* ---- repairs ------------------------------------------------------------------------------- */

static void the_first_nack_is_announced_and_repaired_once(void **state)
{
        (void)state;
        struct three t = three(RATE);
        uint64_t seq = rig_publish(t.r, "tea", 10).seq;
        rig_hear(t.r, &t.c), hear_group(t.r);
        nack(t.r, &t.a, t.tea.chan_ref, 1, seq, seq);
        assert_int_equal(hear_group(t.r), 1);
        const struct dgram_msg *ncf = rig_said(t.r, DGRAM_NCF, 0);
        assert_true(ncf->tag == t.tea.tag && ncf->ncf.n == 1);
        assert_true(ncf->ncf.range[0].from == seq && ncf->ncf.range[0].to == seq);
        nack(t.r, &t.b, t.tea.chan_ref, 1, seq, seq);
        assert_int_equal(hear_group(t.r), 0);
        rig_pass(t.r, AGG_MS);
        assert_int_equal(hear_group(t.r), 1);
        assert_int_equal(rig_said(t.r, DGRAM_DATA, 0)->data.seq, seq);
        nack(t.r, &t.b, t.tea.chan_ref, 1, seq, seq); /* it crossed the repair */
        rig_pass(t.r, AGG_MS);
        hear_group(t.r);
        assert_int_equal(rig_count_said(t.r, DGRAM_DATA) + rig_count_said(t.r, DGRAM_NCF), 0);
        assert_int_equal(data_of(t.r, &t.a) + data_of(t.r, &t.b), 0);
        rig_stop(t.r);
}

static void fragments_are_announced_as_bits(void **state)
{
        (void)state;
        struct three t = three(100 * RATE);
        uint64_t seq = rig_publish(t.r, "tea", 5000).seq;
        assert_int_equal(hear_group(t.r), 5);
        rig_hear(t.r, &t.a);
        nack(t.r, &t.a, t.tea.chan_ref, 1, seq, DGRAM_FRAGMENTS_BIT | 0x16);
        rig_pass(t.r, AGG_MS);
        assert_int_equal(hear_group(t.r), 5);
        assert_int_equal(rig_count_said(t.r, DGRAM_NCF), 2);
        assert_true(rig_said(t.r, DGRAM_NCF, 0)->ncf.range[0].to == (DGRAM_FRAGMENTS_BIT | 6));
        assert_true(rig_said(t.r, DGRAM_NCF, 1)->ncf.range[0].to == (DGRAM_FRAGMENTS_BIT | 16));
        static const uint8_t wanted[] = { 1, 2, 4 };
        for (int i = 0; i < 3; i++)
                assert_int_equal(rig_said(t.r, DGRAM_DATA, i)->data.frag_idx, wanted[i]);
        rig_stop(t.r);
}

static void who_asks_in_vain_is_repaired_alone(void **state)
{
        (void)state;
        struct three t = three(RATE);
        uint64_t seq = rig_publish(t.r, "tea", 10).seq;
        hear_group(t.r), rig_hear(t.r, &t.a);
        nack(t.r, &t.a, t.tea.chan_ref, UDP_GROUP_TRIES + 1, seq, seq);
        assert_int_equal(data_of(t.r, &t.a), 1);
        rig_pass(t.r, AGG_MS);
        hear_group(t.r);
        assert_int_equal(rig_count_said(t.r, DGRAM_DATA) + rig_count_said(t.r, DGRAM_NCF), 0);
        rig_stop(t.r);
}

static void what_is_gone_is_told_by_unicast(void **state)
{
        (void)state;
        struct three t = three(100 * RATE);
        uint64_t seq = rig_publish(t.r, "tea", 10).seq;
        rig_hear(t.r, &t.a), hear_group(t.r);
        for (int i = 0; i < 320; i++)
                rig_publish(t.r, "tea", 10), rig_hear(t.r, &t.a), hear_group(t.r);
        nack(t.r, &t.a, t.tea.chan_ref, 1, seq, seq);
        rig_hear(t.r, &t.a);
        const struct dgram_msg *gap = rig_said(t.r, DGRAM_GAP, 0);
        assert_true(gap && gap->gap.reason == GAP_EVICTED && gap->gap.range[0].to == seq);
        rig_stop(t.r);
}

static void what_was_not_sent_yet_is_not_repaired(void **state)
{
        (void)state;
        struct three t = three(RATE);
        uint64_t seq = rig_publish(t.r, "tea", 10).seq;
        rig_hear(t.r, &t.a); /* it is left to the group, whose turn has not come */
        nack(t.r, &t.a, t.tea.chan_ref, 1, seq, seq);
        assert_int_equal(data_of(t.r, &t.a), 0);
        rig_say(t.r, &t.a, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } });
        rig_hear(t.r, &t.a);
        for (int i = 0; i < rig_count_said(t.r, DGRAM_BEAT); i++)
                assert_true(rig_said(t.r, DGRAM_BEAT, i)->tag != t.tea.tag ||
                            rig_said(t.r, DGRAM_BEAT, i)->beat.head == seq - 1);
        hear_group(t.r);
        assert_int_equal(rig_count_said(t.r, DGRAM_DATA), 1);
        assert_int_equal(rig_count_said(t.r, DGRAM_NCF), 0);
        rig_stop(t.r);
}

/* ---- the rate ------------------------------------------------------------------------------ */

static void the_rate_is_kept_and_nothing_is_lost(void **state)
{
        (void)state;
        enum { BYTES_PER_S = 50000, EVENTS = 200 };
        struct three t = three(BYTES_PER_S);
        struct mono begun = t.r->now;
        int got = 0;
        for (int i = 0; i < EVENTS; i++)
                rig_publish(t.r, "tea", 1000);
        hub_announce(t.r->hub);
        for (int step = 0; step < 10000 && got < EVENTS; step++) {
                hear_group(t.r);
                got += rig_count_said(t.r, DGRAM_DATA);
                struct mono due = udp_gate_deadline(t.r->gate);
                assert_false(mono_is_never(due));
                t.r->now = mono_before(t.r->now, due) ? due : mono_add(t.r->now, NS_PER_MS);
                udp_gate_expire(t.r->gate, t.r->now);
        }
        assert_int_equal(got, EVENTS);
        double took_s = (double)mono_since(t.r->now, begun) / NS_PER_S, least_s = EVENTS * 1060.0 / BYTES_PER_S;
        assert_true(took_s > 0.9 * least_s && took_s < 1.3 * least_s);
        rig_stop(t.r);
}

/* An event of many datagrams goes on where the rate stopped it. */
static void a_large_event_takes_its_time(void **state)
{
        (void)state;
        struct three t = three(20000);
        rig_publish(t.r, "tea", 60000);
        hub_announce(t.r->hub);
        uint64_t came = 0;
        for (int step = 0; step < 10000 && came != (UINT64_C(1) << 55) - 1; step++) {
                hear_group(t.r);
                for (int i = 0; i < rig_count_said(t.r, DGRAM_DATA); i++) {
                        uint64_t bit = UINT64_C(1) << rig_said(t.r, DGRAM_DATA, i)->data.frag_idx;
                        assert_int_equal(came & bit, 0);
                        came |= bit;
                }
                rig_pass(t.r, 10);
        }
        assert_true(came == (UINT64_C(1) << 55) - 1);
        rig_stop(t.r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_group_is_offered),
                cmocka_unit_test(without_a_group_nothing_is_offered),
                cmocka_unit_test(one_datagram_for_all_who_hear_it),
                cmocka_unit_test(ones_own_room_stays_unicast),
                cmocka_unit_test(what_leaves_somebody_out_goes_to_each_of_the_others),
                cmocka_unit_test(who_is_left_out_is_told),
                cmocka_unit_test(who_no_longer_hears_it_goes_on_by_unicast),
                cmocka_unit_test(the_last_to_leave_ends_it),
                cmocka_unit_test(backlog_is_passed_over_whole),
                cmocka_unit_test(the_first_nack_is_announced_and_repaired_once),
                cmocka_unit_test(fragments_are_announced_as_bits),
                cmocka_unit_test(who_asks_in_vain_is_repaired_alone),
                cmocka_unit_test(what_is_gone_is_told_by_unicast),
                cmocka_unit_test(what_was_not_sent_yet_is_not_repaired),
                cmocka_unit_test(the_rate_is_kept_and_nothing_is_lost),
                cmocka_unit_test(a_large_event_takes_its_time),
        };
        return cmocka_run_group_tests_name("udp_group", tests, NULL, NULL);
}
