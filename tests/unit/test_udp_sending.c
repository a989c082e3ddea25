/* What one session sends: events in few datagrams, gaps in their places, repairs, beats. */
#include "tests/unit/udp_rig.h"

enum { OWN = 1, ALL = 2 };

static void nack(struct rig *r, struct rig_peer *p, uint32_t ref, uint64_t from, uint64_t to)
{
        struct dgram_nack m = { .chan_ref = ref, .n = 1, .tries = 1, .range = { { from, to } } };
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_NACK, .nack = m });
        rig_hear(r, p);
}

/* ---- events -------------------------------------------------------------------------------- */

static void a_turn_goes_in_few_datagrams(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t first = rig_publish(r, "tea", 57).seq; /* a DATA message of 120 bytes */
        for (int i = 1; i < 64; i++)
                rig_publish(r, "tea", 57);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 64);
        assert_int_equal(r->datagrams, 7); /* ten to a datagram */
        for (int i = 0; i < 64; i++) {
                const struct dgram_msg *m = rig_said(r, DGRAM_DATA, i);
                assert_true(m->tag == row.tag);
                assert_int_equal(m->data.seq, first + (uint64_t)i);
        }
        assert_int_equal(hub_stats(r->hub).encodes, 64 + 2); /* and `hello` and `joined` */
        assert_int_equal(hub_stats(r->hub).copied_bytes, 0);
        rig_stop(r);
}

static void two_rooms_share_datagrams(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        rig_join(r, &p, "milk", 0, 0);
        for (int i = 0; i < 8; i++)
                rig_publish(r, i % 2 ? "tea" : "milk", 57);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 8);
        assert_int_equal(r->datagrams, 1);
        for (int i = 1; i < 8; i++)
                assert_true(rig_said(r, DGRAM_DATA, i)->data.eid > rig_said(r, DGRAM_DATA, i - 1)->data.eid);
        rig_stop(r);
}

/* ---- what is behind a batch ---------------------------------------------------------------- */

static void nothing_is_behind_a_turns_news(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        rig_publish(r, "", 57);
        hub_announce(r->hub);
        struct udp_peer *peer = udp_gate_pending(r->gate);
        assert_int_equal(udp_peer_slices(peer, r->now, &r->batch), 1);
        udp_peer_sent(peer, r->now, &r->batch, 1);
        assert_null(udp_gate_pending(r->gate));
        rig_stop(r);
}

static void a_batch_holds_not_all_of_a_turn(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        rig_join(r, &p, "milk", 0, 0);
        for (int i = 0; i < UDP_BATCH_PIECES + 9; i++)
                rig_publish(r, i % 2 ? "tea" : "milk", 1);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), UDP_BATCH_PIECES + 9);
        rig_stop(r);
}

/* Every second of 96 seqs of `tea`, which are a piece each. */
static void nack_holes(struct rig *r, struct rig_peer *p, uint32_t ref, uint64_t first)
{
        struct dgram_nack m = { .chan_ref = ref, .n = 32, .tries = 1 };
        for (uint64_t k = 0; k < 96; k++) {
                m.range[k % 32] = (struct dgram_range){ first + 2 * k, first + 2 * k };
                if (k % 32 == 31)
                        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_NACK, .nack = m });
        }
        rig_hear(r, p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 96);
}

static void a_batch_holds_not_all_repairs(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t first = rig_publish(r, "tea", 1).seq;
        for (int i = 1; i < 400; i++) {
                rig_publish(r, "tea", 1);
                rig_hear(r, &p);
        }
        nack_holes(r, &p, row.chan_ref, first);
        nack_holes(r, &p, row.chan_ref, first + 200); /* no PING behind these: there was one */
        rig_stop(r);
}

static void a_dismissal_is_behind_the_news(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        rig_publish(r, "", 57);
        struct bytes id = bytes_of(p.id, p.accept.id.n);
        app_socket_disconnect(member_user(hub_room_member_at(r->hub, id, 0)), true);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
        assert_int_equal(rig_count_said(r, DGRAM_CLOSE), 1);
        rig_stop(r);
}

static void an_event_too_big_is_a_gap_in_its_place(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t first = rig_publish(r, "tea", 10).seq;
        rig_publish(r, "tea", DGRAM_EVENT_MAX);
        rig_publish(r, "tea", 70000);
        rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 2);
        const struct dgram_msg *m = rig_said(r, DGRAM_GAP, 0);
        assert_int_equal(rig_count_said(r, DGRAM_GAP), 1);
        assert_int_equal(m->gap.chan_ref, row.chan_ref);
        assert_int_equal(m->gap.reason, GAP_TOO_BIG);
        assert_int_equal(m->gap.range[0].from, first + 1);
        assert_int_equal(m->gap.range[0].to, first + 2);
        /* Asked for, it is said again. */
        nack(r, &p, row.chan_ref, first, first + 3);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 2);
        assert_int_equal(rig_count_said(r, DGRAM_GAP), 1);
        rig_stop(r);
}

static void a_blocked_transport_loses_nothing(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        uint64_t first = rig_publish(r, "tea", 10).seq, next = first;
        for (int i = 1; i < 100; i++)
                rig_publish(r, "tea", i % 20 == 7 ? 70000 : i % 20 == 9 ? 5000 : 200);
        rig_hear_only(r, &p.addr, 1); /* one datagram of each batch is taken, until all is given */
        for (int i = 0; i < r->said_n; i++) {
                const struct dgram_msg *m = &r->said[i];
                if (m->type == DGRAM_DATA && m->data.frag_idx == 0)
                        assert_int_equal(m->data.seq, next);
                else if (m->type == DGRAM_DATA && m->data.seq == next - 1) /* the rest of that */
                        continue;
                else if (m->type == DGRAM_GAP)
                        assert_int_equal(m->gap.range[0].from, next);
                else
                        continue;
                next++;
        }
        assert_int_equal(next, first + 100);
        rig_stop(r);
}

/* ---- repairs ------------------------------------------------------------------------------- */

static void a_repair_is_the_same_bytes(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t seq = rig_publish(r, "tea", 30).seq;
        for (int i = 1; i < 5; i++)
                rig_publish(r, "tea", 30);
        rig_hear(r, &p);
        uint8_t first[DGRAM_BYTES_MAX], again[DGRAM_BYTES_MAX];
        size_t n = rig_pack(rig_said(r, DGRAM_DATA, 2), first);
        nack(r, &p, row.chan_ref, seq + 2, seq + 2);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
        assert_int_equal(rig_pack(rig_said(r, DGRAM_DATA, 0), again), n);
        assert_memory_equal(first, again, n);
        assert_int_equal(hub_stats(r->hub).encodes, 5 + 2);
        rig_stop(r);
}

static void a_repair_on_its_way_is_not_sent_twice(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        for (int i = 0; i < 5; i++)
                rig_publish(r, "tea", 30);
        rig_hear(r, &p);
        nack(r, &p, row.chan_ref, row.start + 1, row.start + 2);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 2);
        nack(r, &p, row.chan_ref, row.start, row.start + 3); /* of these the outer two */
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 2);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.seq, row.start);
        assert_int_equal(RIG_COUNT(r, repairs_held), 2);
        rig_pass(r, 1000);
        nack(r, &p, row.chan_ref, row.start, row.start + 3);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 4);
        rig_stop(r);
}

static void what_is_still_to_come_is_not_repaired(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        nack(r, &p, row.chan_ref, row.head + 1, row.head + 1000000);
        assert_int_equal(r->said_n, 0);
        nack(r, &p, 99, 1, 1);
        assert_int_equal(RIG_COUNT(r, no_channel), 1);
        rig_stop(r);
}

/* Nothing is said of what was before it came. */
static void what_was_before_its_time_is_not_repaired(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1), q = rig_peer(2);
        rig_connect(r, &q);
        rig_join(r, &q, "tea", 0, 0);
        uint64_t first = rig_publish(r, "tea", 10).seq;
        rig_publish(r, "tea", 10);
        rig_connect(r, &p);
        struct dgram_joined_room row = rig_join(r, &p, "tea", 0, 0);
        uint64_t last = rig_publish(r, "tea", 10).seq;
        rig_hear(r, &p);
        rig_pass(r, 1000);
        rig_hear(r, &p);
        rig_say(r, &p,
                (struct dgram_msg){ .type = DGRAM_NACK,
                                    .nack = { .chan_ref = row.chan_ref, .n = 1, .range = { { first, last } } } });
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), last - row.start + 1);
        for (int i = 0; i < rig_count_said(r, DGRAM_DATA); i++)
                assert_true(rig_said(r, DGRAM_DATA, i)->data.seq >= row.start);
        assert_null(rig_said(r, DGRAM_GAP, 0)); /* its client knows where it began */
        rig_stop(r);
}

static void repairs_keep_to_their_budget(void **state)
{
        (void)state;
        struct rig *r = rig_start_gate((struct udp_gate_config){ .repair_rate = 100000 });
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        for (int i = 0; i < 200; i++) {
                rig_publish(r, "tea", 1000);
                rig_hear(r, &p);
        }
        nack(r, &p, row.chan_ref, row.start, row.start + 199);
        assert_in_range(r->datagrams, 60, 130); /* the burst, and no more than one batch over it */
        int got = rig_count_said(r, DGRAM_DATA);
        rig_pass(r, 100);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 0); /* still in debt */
        for (int i = 0; i < 60 && got < 200; i++) {
                rig_pass(r, 100);
                rig_hear(r, &p);
                got += rig_count_said(r, DGRAM_DATA);
        }
        assert_int_equal(got, 200);
        rig_stop(r);
}

static void evicted_events_are_a_gap(void **state)
{
        (void)state;
        struct rig *r = rig_start_config((struct hub_config){ .room_events_max = 10 }, (struct udp_gate_config){ 0 });
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t first = rig_publish(r, "tea", 100).seq;
        for (int i = 1; i < 300; i++)
                rig_publish(r, "tea", 100);
        rig_hear(r, &p); /* nothing was sent before the log was over it */
        const struct dgram_msg *gap = rig_said(r, DGRAM_GAP, 0), *data = rig_said(r, DGRAM_DATA, 0);
        assert_non_null(gap);
        assert_int_equal(gap->gap.reason, GAP_EVICTED);
        assert_int_equal(gap->gap.range[0].from, first);
        assert_int_equal(gap->gap.range[0].to, data->data.seq - 1);
        nack(r, &p, row.chan_ref, first + 3, first + 4);
        gap = rig_said(r, DGRAM_GAP, 0);
        assert_int_equal(gap->gap.reason, GAP_EVICTED);
        assert_int_equal(gap->gap.range[0].from, first + 3);
        assert_int_equal(gap->gap.range[0].to, first + 4);
        rig_stop(r);
}

/* ---- beats --------------------------------------------------------------------------------- */

static void beats_come_until_the_client_knows(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        rig_pass(r, 10000);
        for (uint32_t ref = OWN; ref <= ALL; ref++)
                rig_say(r, &p,
                        (struct dgram_msg){ .type = DGRAM_REPORT,
                                            .report = { .chan_ref = ref, .contig = p.accept.own.start } });
        rig_hear(r, &p);
        uint64_t seq = rig_publish(r, "tea", 10).seq;
        rig_hear(r, &p);
        static const int64_t gaps_ms[] = { 20, 40, 80, 160, 320, 640, 1000, 1000 };
        for (size_t i = 0; i < sizeof gaps_ms / sizeof *gaps_ms; i++) {
                rig_pass(r, gaps_ms[i] - 1);
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_BEAT), 0);
                rig_pass(r, 1);
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_BEAT), 1);
                assert_int_equal(rig_said(r, DGRAM_BEAT, 0)->beat.head, seq);
                assert_true(rig_said(r, DGRAM_BEAT, 0)->tag == row.tag);
        }
        rig_say(r, &p,
                (struct dgram_msg){ .type = DGRAM_REPORT, .report = { .chan_ref = row.chan_ref, .contig = seq } });
        rig_pass(r, 10000);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_PING), 1); /* a REPORT is a good moment to measure the way */
        assert_int_equal(r->said_n, 1);
        rig_stop(r);
}

static void a_ping_is_answered_with_the_heads_not_reported(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 42 } });
        rig_hear(r, &p);
        assert_int_equal(rig_said(r, DGRAM_PONG, 0)->pong.t1, 42);
        assert_int_equal(rig_count_said(r, DGRAM_BEAT), 1); /* of its own room, for hello; of `everyone` it knows all */
        assert_true(r->said[0].type == DGRAM_PONG);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_turn_goes_in_few_datagrams),
                cmocka_unit_test(two_rooms_share_datagrams),
                cmocka_unit_test(nothing_is_behind_a_turns_news),
                cmocka_unit_test(a_batch_holds_not_all_of_a_turn),
                cmocka_unit_test(a_batch_holds_not_all_repairs),
                cmocka_unit_test(a_dismissal_is_behind_the_news),
                cmocka_unit_test(an_event_too_big_is_a_gap_in_its_place),
                cmocka_unit_test(a_blocked_transport_loses_nothing),
                cmocka_unit_test(a_repair_is_the_same_bytes),
                cmocka_unit_test(a_repair_on_its_way_is_not_sent_twice),
                cmocka_unit_test(what_is_still_to_come_is_not_repaired),
                cmocka_unit_test(what_was_before_its_time_is_not_repaired),
                cmocka_unit_test(repairs_keep_to_their_budget),
                cmocka_unit_test(evicted_events_are_a_gap),
                cmocka_unit_test(beats_come_until_the_client_knows),
                cmocka_unit_test(a_ping_is_answered_with_the_heads_not_reported),
        };
        return cmocka_run_group_tests_name("udp_session sending", stories, NULL, NULL);
}
