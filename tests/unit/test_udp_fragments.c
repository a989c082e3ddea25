/* Events larger than a datagram, as the server sends them and is asked for them. */
#include "tests/unit/udp_rig.h"

#include "core/wire/crc32c.h"

enum { LARGE = 60000, CNT = 55 };

static struct dgram_joined_room in_tea(struct rig *r, struct rig_peer *p)
{
        *p = rig_peer(1);
        rig_connect(r, p);
        return rig_join(r, p, "tea", 0, 0);
}

static void nack(struct rig *r, struct rig_peer *p, uint32_t ref, uint64_t from, uint64_t to)
{
        struct dgram_nack m = { .chan_ref = ref, .n = 1, .tries = 1, .range = { { from, to } } };
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_NACK, .nack = m });
}

/* The DATA that was said are these fragments of the event. */
static void said_fragments(const struct rig *r, uint64_t seq, uint64_t bits)
{
        uint64_t said = 0;
        for (int i = 0; i < r->said_n; i++) {
                if (r->said[i].type != DGRAM_DATA)
                        continue;
                assert_int_equal(r->said[i].data.seq, seq);
                assert_false(said & UINT64_C(1) << r->said[i].data.frag_idx);
                said |= UINT64_C(1) << r->said[i].data.frag_idx;
        }
        assert_true(said == bits);
}

/* ---- sent ---------------------------------------------------------------------------------- */

static void an_event_goes_in_fragments(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = in_tea(r, &p);
        uint64_t seq = rig_publish(r, "tea", LARGE).seq;
        rig_hear(r, &p);
        assert_int_equal(r->datagrams, CNT);
        static uint8_t whole[DGRAM_EVENT_MAX];
        size_t bytes = 0;
        for (uint8_t i = 0; i < CNT; i++) {
                const struct dgram_msg *m = rig_said(r, DGRAM_DATA, i);
                assert_true(m->tag == row.tag);
                assert_int_equal(m->data.seq, seq);
                assert_int_equal(m->data.frag_idx, i);
                assert_int_equal(m->data.frag_cnt, CNT);
                memcpy(whole + bytes, m->data.event.at, m->data.event.n);
                bytes += m->data.event.n;
        }
        assert_int_equal(bytes, rig_said(r, DGRAM_DATA, 0)->data.event_bytes);
        assert_int_equal(crc32c(bytes_of(whole, bytes)), rig_said(r, DGRAM_DATA, 0)->data.crc32c);
        assert_int_equal(hub_stats(r->hub).encodes, 1 + 2); /* and `hello` and `joined` */
        rig_stop(r);
}

/* One large event among small ones; the transport takes one datagram at a time. */
static void a_blocked_transport_keeps_the_place_inside_an_event(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        in_tea(r, &p);
        uint64_t seq = rig_publish(r, "tea", 10).seq;
        rig_publish(r, "tea", LARGE);
        rig_publish(r, "tea", 10);
        rig_hear_only(r, &p.addr, 1);
        int i = 0;
        for (int k = 0; k < r->said_n; k++)
                if (r->said[k].type == DGRAM_DATA) {
                        uint64_t at = r->said[k].data.seq - seq;
                        assert_int_equal(at, i == 0 ? 0 : i <= CNT ? 1 : 2);
                        assert_int_equal(r->said[k].data.frag_idx, at == 1 ? i - 1 : 0);
                        i++;
                }
        assert_int_equal(i, CNT + 2);
        assert_int_equal(hub_stats(r->hub).copied_bytes, 0);
        rig_stop(r);
}

/* Lends a batch, and the transport takes so many datagrams of it. */
static void take(struct rig *r, int datagrams)
{
        struct udp_peer *p = udp_gate_pending(r->gate);
        assert_non_null(p);
        assert_in_range(udp_peer_slices(p, r->now, &r->batch), datagrams, UDP_BATCH_DATAGRAMS);
        udp_peer_sent(p, r->now, &r->batch, datagrams);
}

static void evicted_in_the_middle_it_is_a_gap(void **state)
{
        (void)state;
        struct rig *r = malloc(sizeof *r);
        struct rig_peer p;
        rig_start_config(r, &(struct hub_config){ .room_events_max = 3 }, (struct udp_gate_config){ 0 });
        in_tea(r, &p);
        uint64_t seq = rig_publish(r, "tea", LARGE).seq;
        hub_announce(r->hub);
        take(r, 5);
        for (int i = 0; i < 4; i++)
                rig_publish(r, "tea", LARGE);
        rig_hear(r, &p);
        const struct dgram_msg *gap = rig_said(r, DGRAM_GAP, 0);
        assert_int_equal(gap->gap.reason, GAP_EVICTED);
        assert_int_equal(gap->gap.range[0].from, seq);
        assert_int_equal(gap->gap.range[0].to, seq + 1);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.seq, seq + 2);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.frag_idx, 0);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 3 * CNT);
        assert_int_equal(hub_stats(r->hub).copied_bytes, 0);
        rig_stop(r);
}

/* ---- repaired ------------------------------------------------------------------------------ */

static void only_the_missing_fragments_are_repaired(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = in_tea(r, &p);
        uint64_t seq = rig_publish(r, "tea", LARGE).seq;
        rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        uint64_t bits = 1 | 7 << 20 | UINT64_C(1) << (CNT - 1);
        nack(r, &p, row.chan_ref, seq, DGRAM_FRAGMENTS_BIT | bits);
        rig_hear(r, &p);
        said_fragments(r, seq, bits);
        assert_int_equal(hub_stats(r->hub).encodes, 2 + 2);
        /* Those are on their way; of others nothing is. */
        nack(r, &p, row.chan_ref, seq, DGRAM_FRAGMENTS_BIT | bits | 2);
        rig_hear(r, &p);
        said_fragments(r, seq, 2);
        rig_pass(r, 1000);
        nack(r, &p, row.chan_ref, seq, DGRAM_FRAGMENTS_BIT | bits);
        rig_hear(r, &p);
        said_fragments(r, seq, bits);
        rig_stop(r);
}

static void the_whole_event_is_all_its_fragments(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = in_tea(r, &p);
        rig_publish(r, "tea", 10);
        uint64_t seq = rig_publish(r, "tea", LARGE).seq;
        rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        nack(r, &p, row.chan_ref, seq, seq);
        rig_hear(r, &p);
        said_fragments(r, seq, (UINT64_C(1) << CNT) - 1);
        rig_stop(r);
}

static void fragments_that_there_are_not_are_passed_over(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = in_tea(r, &p);
        uint64_t seq = rig_publish(r, "tea", 3000).seq;
        rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        nack(r, &p, row.chan_ref, seq, DGRAM_FRAGMENTS_BIT | ~UINT64_C(7));
        rig_hear(r, &p);
        assert_int_equal(r->said_n, 0);
        nack(r, &p, row.chan_ref, seq + 1, DGRAM_FRAGMENTS_BIT | 2);
        nack(r, &p, row.chan_ref, seq, DGRAM_FRAGMENTS_BIT);
        rig_hear(r, &p);
        assert_int_equal(r->said_n, 0);
        nack(r, &p, row.chan_ref, seq, UINT64_MAX); /* all, and then some */
        rig_hear(r, &p);
        said_fragments(r, seq, 7);
        rig_stop(r);
}

static void a_repair_in_parts_goes_on_where_it_was(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = in_tea(r, &p);
        uint64_t seq = rig_publish(r, "tea", LARGE).seq;
        rig_hear(r, &p);
        nack(r, &p, row.chan_ref, seq, seq);
        take(r, 20);
        rig_hear(r, &p);
        said_fragments(r, seq, ((UINT64_C(1) << CNT) - 1) & ~((UINT64_C(1) << 20) - 1));
        rig_stop(r);
}

/* What has been sent of an event can be asked for before the rest is. */
static void half_an_event_is_repaired_in_the_middle(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = in_tea(r, &p);
        uint64_t seq = rig_publish(r, "tea", LARGE).seq;
        hub_announce(r->hub);
        take(r, 9);
        nack(r, &p, row.chan_ref, seq, DGRAM_FRAGMENTS_BIT | 4);
        rig_hear(r, &p);
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.frag_idx, 2); /* repairs first */
        for (int i = 1; i <= CNT - 9; i++)
                assert_int_equal(rig_said(r, DGRAM_DATA, i)->data.frag_idx, 8 + i);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 1 + CNT - 9);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(an_event_goes_in_fragments),
                cmocka_unit_test(a_blocked_transport_keeps_the_place_inside_an_event),
                cmocka_unit_test(evicted_in_the_middle_it_is_a_gap),
                cmocka_unit_test(only_the_missing_fragments_are_repaired),
                cmocka_unit_test(the_whole_event_is_all_its_fragments),
                cmocka_unit_test(fragments_that_there_are_not_are_passed_over),
                cmocka_unit_test(a_repair_in_parts_goes_on_where_it_was),
                cmocka_unit_test(half_an_event_is_repaired_in_the_middle),
        };
        return cmocka_run_group_tests_name("udp fragments", stories, NULL, NULL);
}
