/* What a multicast group's datagrams and repairs cost, and who is repaired by it. */
#include "tests/unit/udp_group_rig.h"

enum { AGG_MS = 5, HEADERS = 28 };

struct heard {
        struct rig *r;
        struct rig_peer a, b;
        uint32_t ref;
};

/* Both are in `tea`, and hear the group. */
static struct heard begin(int64_t rate)
{
        struct heard h = { .r = start_at(rate), .a = rig_peer(1), .b = rig_peer(2) };
        struct rig_peer *each[] = { &h.a, &h.b };
        for (int i = 0; i < 2; i++) {
                rig_connect(h.r, each[i]);
                h.ref = rig_join(h.r, each[i], "tea", 0, 0).chan_ref;
                listen(h.r, each[i], 1);
        }
        return h;
}

/* Until all that there was has gone, and nothing is owed. */
static void settle(struct heard *h)
{
        for (int ms = 0; ms < 3000; ms++) {
                rig_pass(h->r, 1);
                rig_hear(h->r, &h->a);
                hear_group(h->r);
        }
}

static void nack(struct heard *h, uint8_t tries, uint64_t from, uint64_t to)
{
        struct dgram_nack m = { .chan_ref = h->ref, .n = 1, .tries = tries, .range = { { from, to } } };
        rig_say(h->r, &h->a, (struct dgram_msg){ .type = DGRAM_NACK, .nack = m });
}

/* Four are saved up, and four may be owed. */
static void each_datagram_pays_for_its_headers(void **state)
{
        (void)state;
        struct heard h = begin(50000);
        uint64_t before;
        int sent = 0;
        settle(&h);
        before = RIG_COUNT(h.r, group_bytes);
        do {
                rig_publish(h.r, "tea", 10);
                rig_hear(h.r, &h.a);
                hear_group(h.r);
                sent += rig_count_said(h.r, DGRAM_DATA);
        } while (rig_count_said(h.r, DGRAM_DATA) > 0);
        int64_t bytes = (int64_t)(RIG_COUNT(h.r, group_bytes) - before), burst = 8 * (DGRAM_BYTES_MAX + HEADERS);
        assert_true(sent > 10);
        assert_in_range(bytes + sent * HEADERS, burst, burst + DGRAM_BYTES_MAX / 10); /* one is begun at the end */
        rig_stop(h.r);
}

/* After a burst of 64 datagrams. */
static void repairs_have_a_quarter_of_the_rate(void **state)
{
        (void)state;
        struct heard h = begin(RATE);
        uint64_t last = 0, before;
        settle(&h);
        for (int i = 0; i < ROOM_EVENTS - 10; i++)
                last = rig_publish(h.r, "tea", 1000).seq;
        settle(&h);
        nack(&h, 1, last - ROOM_EVENTS + 20, last);
        before = RIG_COUNT(h.r, group_bytes);
        for (int ms = 0; ms < 500; ms++) {
                rig_pass(h.r, 1);
                hear_group(h.r);
        }
        assert_in_range(RIG_COUNT(h.r, group_bytes) - before, 76800 + RATE / 4 / 2 * 8 / 10,
                        76800 + RATE / 4 / 2 * 12 / 10);
        rig_stop(h.r);
}

/* They count until they have left, but for a sixteenth each second. */
static void a_long_way_is_forgotten(void **state)
{
        (void)state;
        struct heard h = begin(RATE);
        const struct dgram_msg *beat;
        settle(&h);
        udp_group_round_trip(udp_gate_group(h.r->gate), 640 * NS_PER_MS);
        for (int s = 0; s < 10; s++) {
                rig_pass(h.r, 1000);
                hear_group(h.r);
        }
        beat = rig_said(h.r, DGRAM_BEAT, 0);
        assert_non_null(beat);
        assert_in_range(beat->beat.grtt_ms, 310, 380); /* 640 x (15/16)^10 = 336 */
        rig_stop(h.r);
}

static void two_tries_are_the_groups(void **state)
{
        (void)state;
        struct heard h = begin(RATE);
        settle(&h);
        for (uint8_t tries = 1; tries <= 4; tries++) {
                uint64_t seq = rig_publish(h.r, "tea", 10).seq;
                settle(&h);
                nack(&h, tries, seq, seq);
                hear_group(h.r);
                assert_int_equal(rig_count_said(h.r, DGRAM_NCF), tries <= 2);
                rig_hear(h.r, &h.a);
                assert_int_equal(rig_count_said(h.r, DGRAM_DATA), tries > 2);
        }
        rig_stop(h.r);
}

/* `to`'s other side: it is for one of the two who listen, and is repaired where it came. */
static void what_is_not_for_all_is_repaired_at_the_first_try(void **state)
{
        (void)state;
        struct heard h = begin(RATE);
        struct bytes tea = bytes_text("tea"), but = bytes_of(h.b.id, h.b.accept.id.n);
        struct published out;
        struct publish p = {
                .event = bytes_of("\x91\xa1x", 3), .rooms = &tea, .rooms_n = 1, .except = &but, .except_n = 1
        };
        settle(&h);
        assert_int_equal(hub_publish(h.r->hub, h.r->now, &p, &out), 0);
        rig_hear(h.r, &h.a);
        assert_int_equal(rig_count_said(h.r, DGRAM_DATA), 1);
        settle(&h);
        nack(&h, 1, out.seq, out.seq);
        rig_hear(h.r, &h.a);
        assert_int_equal(rig_count_said(h.r, DGRAM_DATA), 1);
        hear_group(h.r);
        assert_int_equal(rig_count_said(h.r, DGRAM_NCF), 0);
        rig_pass(h.r, AGG_MS);
        hear_group(h.r);
        assert_int_equal(rig_count_said(h.r, DGRAM_DATA), 0);
        rig_stop(h.r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(each_datagram_pays_for_its_headers),
                cmocka_unit_test(repairs_have_a_quarter_of_the_rate),
                cmocka_unit_test(a_long_way_is_forgotten),
                cmocka_unit_test(two_tries_are_the_groups),
                cmocka_unit_test(what_is_not_for_all_is_repaired_at_the_first_try),
        };
        return cmocka_run_group_tests_name("udp_group pays", stories, NULL, NULL);
}
