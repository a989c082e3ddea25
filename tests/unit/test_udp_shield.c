/* What a session in a fec mode is sent before it asks: copies of events while there are few, parity when there are
 * many; and what must not be in it. */
#include "tests/unit/udp_shield_rig.h"

#include "udp_server/udp_gate_inside.h"

/* With the member its rooms may go, and another may be made where they were; the session stays until its CLOSE is sent.
 */
static void who_says_goodbye_covers_no_room(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_ORDERED, &row);
        assert_non_null(r->gate->shields.by_room);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_CLOSE });
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        assert_null(r->gate->shields.by_room);
        rig_stop(r);
}

/* ---- copies -------------------------------------------------------------------------------- */

static void a_copy_comes_ten_ms_later(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_ORDERED, &row);
        uint8_t first[DGRAM_BYTES_MAX];
        uint64_t seq = rig_publish(r, "tea", BYTES).seq, repairs = RIG_COUNT(r, repairs);
        rig_hear(r, &p);
        size_t n = rig_pack(rig_said(r, DGRAM_DATA, 0), first);
        rig_pass(r, 9);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 0);
        rig_pass(r, 1);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.seq, seq);
        assert_memory_equal(r->bytes[0], first, n); /* the same bytes */
        assert_int_equal(RIG_COUNT(r, repairs), repairs + 1);
        rig_pass(r, 100);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 0); /* once */
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 0);
        rig_stop(r);
}

/* It has been told of the event already: nothing more will be, if nothing more is published. */
static void a_copy_awaits_no_report(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin_paced(&p, &row);
        uint64_t seq = rig_publish(r, "tea", BYTES).seq, copies = RIG_COUNT(r, copies);
        rig_hear(r, &p);
        rig_pass(r, 5);
        rig_say(r, &p,
                (struct dgram_msg){ .type = DGRAM_REPORT, .report = { .chan_ref = row.chan_ref, .contig = seq } });
        for (int s = 0; s < 50; s++) {
                rig_pass(r, 1000);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } });
                rig_hear(r, &p);
        }
        assert_int_equal(RIG_COUNT(r, copies), copies + 1);
        assert_int_equal(RIG_COUNT(r, slow_paths), 0);
        assert_int_equal(RIG_COUNT(r, slow_closed), 0);
        rig_stop(r);
}

static void none_for_the_other_modes(void **state)
{
        (void)state;
        for (uint8_t mode = DGRAM_MODE_RAW; mode <= DGRAM_MODE_NACK_UNORDERED; mode++) {
                struct rig_peer p;
                struct dgram_joined_room row;
                struct rig *r = begin(&p, mode, &row);
                for (int i = 0; i < WARM; i++) {
                        rig_publish(r, "tea", BYTES);
                        rig_hear(r, &p);
                        assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
                        assert_int_equal(rig_count_said(r, DGRAM_FEC), 0);
                        rig_pass(r, 2);
                }
                assert_int_equal(RIG_COUNT(r, copies) + RIG_COUNT(r, parity), 0);
                rig_stop(r);
        }
}

static void what_is_asked_for_twice_comes_twice(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_NACK_ORDERED, &row);
        uint64_t seq = rig_publish(r, "tea", BYTES).seq;
        rig_hear(r, &p);
        for (uint8_t tries = 1; tries <= 3; tries++) {
                rig_pass(r, 900); /* no hold-off */
                struct dgram_nack m = { .chan_ref = row.chan_ref, .n = 1, .tries = tries, .range = { { seq, seq } } };
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_NACK, .nack = m });
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
                rig_pass(r, 9);
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_DATA), 0);
                rig_pass(r, 1);
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_DATA), tries > 1);
        }
        rig_stop(r);
}

/* ---- parity -------------------------------------------------------------------------------- */

/* The group's parity is what its events' DATA say; out of any six of eight. */
static void solves(const struct dgram_msg *fec, const uint8_t data[][DGRAM_BYTES_MAX], const size_t *bytes)
{
        struct fec_group g = { .k = fec->fec.k, .m = fec->fec.m, .bytes = fec->fec.symbol.n, .missing = 5 };
        uint8_t symbol[8][FEC_SYMBOL_MAX], out[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX];
        for (int i = 0; i < 8; i++) {
                struct dgram_msg m;
                assert_int_equal(dgram_parse(bytes_of(data[i], bytes[i]), &m), 0);
                size_t n = fec_symbol(&m, symbol[i]);
                if (i != 0 && i != 2)
                        g.data[i] = bytes_of(symbol[i], n);
        }
        g.parity[0] = fec[0].fec.symbol.at;
        g.parity[1] = fec[1].fec.symbol.at;
        assert_int_equal(fec_solve(&g, out), 2);
        assert_memory_equal(out[0], symbol[0], g.bytes);
        assert_memory_equal(out[1], symbol[2], g.bytes);
}

static void eight_events_get_two_of_parity(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_UNORDERED, &row);
        static uint8_t data[8][DGRAM_BYTES_MAX];
        size_t bytes[8];
        uint64_t first = 0;
        warm_up(r, &p);
        for (int i = 0; i < 8; i++) {
                uint64_t seq = rig_publish(r, "tea", BYTES).seq;
                first = i == 0 ? seq : first;
                rig_hear(r, &p);
                bytes[i] = rig_pack(rig_said(r, DGRAM_DATA, 0), data[i]);
                assert_int_equal(rig_count_said(r, DGRAM_FEC), i == 7 ? 2 : 0);
                if (i < 7)
                        rig_pass(r, 2);
        }
        assert_int_equal(r->datagrams, 3); /* each in its own */
        const struct dgram_msg *fec = rig_said(r, DGRAM_FEC, 0);
        assert_true(fec == &r->said[1] && fec[1].type == DGRAM_FEC);
        for (uint8_t i = 0; i < 2; i++) {
                assert_true(fec[i].tag == row.tag);
                assert_true(fec[i].fec.base == first && fec[i].fec.mask == 0xFF && fec[i].fec.idx == i);
                assert_true(fec[i].fec.k == 8 && fec[i].fec.m == 2 && fec[i].fec.epoch == RIG_EPOCH);
        }
        solves(fec, data, bytes);
        rig_stop(r);
}

static void a_group_that_is_not_full_goes_after_twenty_ms(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_ORDERED, &row);
        warm_up(r, &p);
        rig_publish(r, "tea", BYTES);
        rig_publish(r, "tea", BYTES);
        rig_publish(r, "tea", BYTES);
        rig_hear(r, &p);
        rig_pass(r, 19);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 0);
        rig_pass(r, 1);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 2);
        assert_true(rig_said(r, DGRAM_FEC, 0)->fec.mask == 7 && rig_said(r, DGRAM_FEC, 0)->fec.k == 8);
        rig_stop(r);
}

static void parity_is_made_once_for_all(void **state)
{
        (void)state;
        struct rig_peer p, q = rig_peer(2), z = rig_peer(3);
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_ORDERED, &row);
        rig_connect(r, &q);
        join_as(r, &q, "tea", DGRAM_MODE_FEC_UNORDERED);
        warm_up(r, &p);
        rig_connect(r, &z);
        for (int i = 0; i < 7; i++)
                rig_publish(r, "tea", BYTES);
        rig_hear(r, &p);
        join_as(r, &z, "tea", DGRAM_MODE_FEC_ORDERED); /* its `joined` is the eighth */
        rig_hear(r, &z);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 0); /* seven of the group were before its time */
        uint64_t groups = RIG_COUNT(r, parity);
        for (int i = 0; i < 8; i++)
                rig_publish(r, "tea", BYTES);
        rig_hear(r, &p);
        assert_int_equal(RIG_COUNT(r, parity), groups + 3); /* all three had it in this turn */
        rig_stop(r);
}

static void publish_but_to(struct rig *r, struct rig_peer *q)
{
        struct buf event = { 0 };
        struct published out;
        struct bytes tea = bytes_text("tea");
        event_begin(&event, "secret", 0);
        struct publish s = {
                .event = buf_bytes(&event), .rooms = &tea, .rooms_n = 1, .except = &q->accept.id, .except_n = 1
        };
        assert_int_equal(hub_publish(r->hub, r->now, &s, &out), 0);
        buf_free(&event);
}

static void what_some_do_not_get_is_in_no_group(void **state)
{
        (void)state;
        struct rig_peer p, q;
        struct rig *r = begin_warm(&p, &q);
        uint64_t first = rig_publish(r, "tea", BYTES).seq;
        publish_but_to(r, &q);
        rig_publish(r, "tea", 2000); /* in fragments */
        rig_publish(r, "tea", BYTES);
        rig_hear(r, &p);
        rig_pass(r, 20);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 2);
        assert_true(rig_said(r, DGRAM_FEC, 0)->fec.base == first);
        assert_true(rig_said(r, DGRAM_FEC, 0)->fec.mask == 0x9);
        rig_stop(r);
}

/* 64 seqs are as far as a group's bits reach. */
static void a_group_reaches_no_further_than_its_bits(void **state)
{
        (void)state;
        struct rig_peer p, q;
        struct rig *r = begin_warm(&p, &q);
        uint64_t first = rig_publish(r, "tea", BYTES).seq;
        for (int i = 0; i < 70; i++)
                publish_but_to(r, &q);
        uint64_t last = rig_publish(r, "tea", BYTES).seq;
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 2 * UDP_SHIELD_M); /* many at once */
        assert_true(rig_said(r, DGRAM_FEC, 0)->fec.base == first && rig_said(r, DGRAM_FEC, 0)->fec.mask == 1);
        rig_pass(r, 20);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 2 * UDP_SHIELD_M);
        assert_true(rig_said(r, DGRAM_FEC, 0)->fec.base == last && rig_said(r, DGRAM_FEC, 0)->fec.mask == 1);
        rig_stop(r);
}

/* With the events of its own time, and parity, it would have those that went before it came. */
static void who_comes_into_a_group_has_no_parity_of_it(void **state)
{
        (void)state;
        struct rig_peer p, q;
        struct rig *r = begin_warm(&p, &q);
        for (int i = 0; i < 3; i++)
                rig_publish(r, "tea", BYTES);
        uint64_t start = join_as(r, &q, "tea", DGRAM_MODE_FEC_ORDERED).start, parity = RIG_COUNT(r, parity);
        for (int i = 0; i < 16; i++)
                rig_publish(r, "tea", BYTES);
        rig_hear(r, &q);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 2); /* of the second group; the other session has both */
        assert_true(rig_said(r, DGRAM_FEC, 0)->fec.base >= start);
        assert_int_equal(RIG_COUNT(r, parity) - parity, 3);
        rig_stop(r);
}

static void loss_makes_it_three(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_ORDERED, &row);
        warm_up(r, &p);
        for (uint32_t i = 0; i < 2; i++)
                rig_say(r, &p,
                        (struct dgram_msg){
                                .type = DGRAM_REPORT,
                                .report = { .chan_ref = row.chan_ref, .received = 97 * i, .lost_first_try = 3 * i } });
        for (int i = 0; i < 8; i++)
                rig_publish(r, "tea", BYTES);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 3);
        assert_int_equal(rig_said(r, DGRAM_FEC, 2)->fec.m, 3);
        rig_stop(r);
}

static void many_events_get_larger_groups_and_few_get_copies_again(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_ORDERED, &row);
        int large = 0;
        for (int i = 0; i < 200; i++) {
                rig_publish(r, "tea", BYTES);
                rig_publish(r, "tea", BYTES);
                rig_hear(r, &p);
                const struct dgram_msg *fec = rig_said(r, DGRAM_FEC, 0);
                large += fec && fec->fec.k == 16 && fec->fec.m == 4;
                rig_pass(r, 1);
        }
        assert_true(large >= 15);
        rig_pass(r, 1000);
        rig_hear(r, &p);
        uint64_t groups = RIG_COUNT(r, parity), copies = RIG_COUNT(r, copies);
        rig_publish(r, "tea", BYTES);
        rig_hear(r, &p);
        rig_pass(r, 30);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 1);
        assert_int_equal(RIG_COUNT(r, parity), groups);
        assert_int_equal(RIG_COUNT(r, copies), copies + 1);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_copy_comes_ten_ms_later),
                cmocka_unit_test(a_copy_awaits_no_report),
                cmocka_unit_test(who_says_goodbye_covers_no_room),
                cmocka_unit_test(none_for_the_other_modes),
                cmocka_unit_test(what_is_asked_for_twice_comes_twice),
                cmocka_unit_test(eight_events_get_two_of_parity),
                cmocka_unit_test(a_group_that_is_not_full_goes_after_twenty_ms),
                cmocka_unit_test(parity_is_made_once_for_all),
                cmocka_unit_test(what_some_do_not_get_is_in_no_group),
                cmocka_unit_test(a_group_reaches_no_further_than_its_bits),
                cmocka_unit_test(who_comes_into_a_group_has_no_parity_of_it),
                cmocka_unit_test(loss_makes_it_three),
                cmocka_unit_test(many_events_get_larger_groups_and_few_get_copies_again),
        };
        return cmocka_run_group_tests_name("copies and parity, from the server", tests, NULL, NULL);
}
