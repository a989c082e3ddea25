/* Events larger than a datagram, as the server sends them, is asked for them, and takes them. */
#include "tests/unit/udp_rig.h"

#include "core/wire/crc32c.h"

enum { LARGE = 60000, CNT = 55 };

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
        struct dgram_joined_room row = rig_in_tea(r, &p);
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
        rig_in_tea(r, &p);
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
        struct rig_peer p;
        struct rig *r = rig_start_config((struct hub_config){ .room_events_max = 3 }, (struct udp_gate_config){ 0 });
        rig_in_tea(r, &p);
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
        struct dgram_joined_room row = rig_in_tea(r, &p);
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
        struct dgram_joined_room row = rig_in_tea(r, &p);
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
        struct dgram_joined_room row = rig_in_tea(r, &p);
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
        struct dgram_joined_room row = rig_in_tea(r, &p);
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
        struct dgram_joined_room row = rig_in_tea(r, &p);
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

/* ---- published ----------------------------------------------------------------------------- */

/* ["big", bin]; channel 0: the application gives it to everyone. */
static struct bytes large_event(size_t bytes)
{
        static uint8_t event[DGRAM_EVENT_MAX];
        uint8_t head[] = { 0x92, 0xA3, 'b', 'i', 'g', 0xC5, (uint8_t)((bytes - 8) >> 8), (uint8_t)(bytes - 8) };
        memset(event, 7, sizeof event);
        memcpy(event, head, sizeof head);
        return bytes_of(event, bytes);
}

static void say_pub_part(struct rig *r, struct rig_peer *p, uint64_t pub_id, size_t bytes, uint8_t idx, uint16_t flags)
{
        struct dgram_pub m = { .pub_id = pub_id,
                               .frag_idx = idx,
                               .frag_cnt = dgram_fragments(bytes),
                               .event_bytes = (uint16_t)bytes,
                               .flags = flags,
                               .event = large_event(bytes) };
        m.event = bytes_of(m.event.at + (size_t)idx * DGRAM_FRAGMENT_BYTES, dgram_fragment_bytes(bytes, idx));
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = m });
}

/* The one entry of the one PUB_ACK that was said. */
static struct dgram_ack acked(struct rig *r, const struct rig_peer *p)
{
        rig_hear(r, p);
        assert_int_equal(rig_count_said(r, DGRAM_PUB_ACK), 1);
        const struct dgram_msg *m = rig_said(r, DGRAM_PUB_ACK, 0);
        assert_int_equal(m->pub_ack.n, 1);
        return m->pub_ack.ack[0];
}

static void not_acked(struct rig *r, const struct rig_peer *p)
{
        rig_hear(r, p);
        assert_int_equal(rig_count_said(r, DGRAM_PUB_ACK), 0);
}

static void published_in_fragments_once(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        uint64_t head = hub_head(r->hub);
        for (uint8_t i = 0; i < CNT - 1; i++)
                say_pub_part(r, &p, 1, LARGE, i, 0);
        not_acked(r, &p);
        say_pub_part(r, &p, 1, LARGE, CNT - 1, 0);
        struct dgram_ack ack = acked(r, &p);
        assert_int_equal(ack.status, DGRAM_CODE_OK);
        assert_int_equal(ack.eid, head + 1);
        int parts = 0;
        for (int i = 0; i < r->said_n; i++)
                parts += r->said[i].type == DGRAM_DATA && r->said[i].data.event_bytes == LARGE;
        assert_int_equal(parts, CNT); /* back to the one who said it, too */
        /* All of it once more: the same answer, once. */
        for (uint8_t i = 0; i < CNT; i++)
                say_pub_part(r, &p, 1, LARGE, i, 0);
        ack = acked(r, &p);
        assert_int_equal(ack.status, DGRAM_CODE_DUPLICATE);
        assert_int_equal(ack.eid, head + 1);
        assert_int_equal(hub_head(r->hub), head + 1);
        assert_int_equal(RIG_COUNT(r, published), 1);
        assert_int_equal(RIG_COUNT(r, duplicate_pubs), 1);
        rig_stop(r);
}

static void the_last_fragment_is_told_what_is_missing(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        say_pub_part(r, &p, 1, 5000, 4, 0);
        say_pub_part(r, &p, 1, 5000, 1, 0);
        say_pub_part(r, &p, 1, 5000, 1, 0);
        struct dgram_ack ack = acked(r, &p);
        assert_int_equal(ack.status, DGRAM_CODE_PARTS);
        assert_int_equal(ack.seq, 15);
        assert_int_equal(ack.eid, p.pktno - 2);
        say_pub_part(r, &p, 1, 5000, 4, 0);
        assert_int_equal(acked(r, &p).seq, 1 | 4 | 8);
        for (uint8_t i = 0; i < 4; i++)
                say_pub_part(r, &p, 1, 5000, i, 0);
        assert_int_equal(acked(r, &p).status, DGRAM_CODE_OK);
        rig_stop(r);
}

/* Whole, it is kept until the one before it is done. Where it may not be, its last fragment is not taken, and so it
 * costs one datagram more, not all of them. */
static void it_waits_for_its_turn(void **state)
{
        (void)state;
        for (int rated = 0; rated <= 1; rated++) {
                struct rig *r = rig_start();
                struct rig_peer p = rig_peer(1);
                struct bytes event = large_event(3000);
                struct dgram_pub first = { 1, 0, 0, 1, 3, 0, DGRAM_PUB_IN_ORDER, bytes_text("\x91\xa1x") };
                struct dgram_pub m = { .pub_id = 2, .frag_cnt = 3, .event_bytes = 3000, .back = 1 };
                m.flags = DGRAM_PUB_IN_ORDER;
                rig_connect(r, &p);
                if (rated) {
                        app_limits(r->app)->events = bucket_rule(10, 0);
                        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = first });
                        assert_int_equal(acked(r, &p).status, DGRAM_CODE_RATE);
                        app_limits(r->app)->events = bucket_rule(10, 2);
                }
                for (m.frag_idx = 0; m.frag_idx < 3; m.frag_idx++) {
                        size_t at = m.frag_idx * (size_t)DGRAM_FRAGMENT_BYTES;
                        m.event = bytes_of(event.at + at, dgram_fragment_bytes(3000, m.frag_idx));
                        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = m });
                }
                struct dgram_ack ack = acked(r, &p);
                assert_int_equal(ack.status, rated ? DGRAM_CODE_ORDER : DGRAM_CODE_HELD);
                assert_int_equal(ack.eid, p.pktno);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = first });
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_PUB_ACK), rated ? 1 : 2);
                m.frag_idx = 2;
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = m });
                assert_int_equal(acked(r, &p).status, rated ? DGRAM_CODE_OK : DGRAM_CODE_DUPLICATE);
                rig_stop(r);
        }
}

static void what_is_whole_and_no_event_is_refused(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        for (uint8_t i = 0; i < 3; i++) { /* the head of a longer one, thrice */
                struct bytes event = large_event(5000);
                struct dgram_pub m = { .pub_id = 1, .frag_idx = i, .frag_cnt = 3, .event_bytes = 3300 };
                m.event = bytes_of(event.at, DGRAM_FRAGMENT_BYTES);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = m });
        }
        assert_int_equal(acked(r, &p).status, DGRAM_CODE_MALFORMED);
        rig_stop(r);
}

static void fragments_that_do_not_go_on_are_dropped(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        say_pub_part(r, &p, 1, 5000, 0, 0);
        rig_pass(r, 1999);
        assert_int_equal(RIG_COUNT(r, pub_parts_dropped), 0);
        rig_pass(r, 1);
        assert_int_equal(RIG_COUNT(r, pub_parts_dropped), 1);
        for (uint8_t i = 1; i < 5; i++)
                say_pub_part(r, &p, 1, 5000, i, 0);
        assert_int_equal(acked(r, &p).seq, 1);
        say_pub_part(r, &p, 1, 5000, 0, 0);
        assert_int_equal(acked(r, &p).status, DGRAM_CODE_OK);
        rig_stop(r);
}

static void publishes_that_contradict_themselves(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        say_pub_part(r, &p, 1, 3000, 0, 0);
        say_pub_part(r, &p, 1, 4000, 1, 0);
        assert_int_equal(RIG_COUNT(r, pub_parts_refused), 1);
        say_pub_part(r, &p, 1, 3000, 1, 0);
        say_pub_part(r, &p, 1, 3000, 2, DGRAM_PUB_OWN); /* other flags */
        assert_int_equal(RIG_COUNT(r, pub_parts_refused), 2);
        not_acked(r, &p);
        say_pub_part(r, &p, 1, 3000, 2, 0);
        assert_int_equal(acked(r, &p).status, DGRAM_CODE_OK);
        rig_stop(r);
}

/* First fragments without end: what they take is bounded, and the oldest publish still comes through. */
static void unfinished_publishes_are_bounded(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p[12];
        for (uint8_t host = 0; host < 12; host++) {
                p[host] = rig_peer(host);
                rig_connect(r, &p[host]);
                for (uint64_t id = 1; id <= 300; id++)
                        say_pub_part(r, &p[host], id, id % 2 ? 65000 : 2000, 0, 0);
        }
        assert_true(RIG_COUNT(r, pub_parts_refused) > 12 * 250);
        rig_hear(r, &p[0]);
        for (uint8_t i = 1; i < dgram_fragments(65000); i++)
                say_pub_part(r, &p[0], 1, 65000, i, 0);
        assert_int_equal(acked(r, &p[0]).status, DGRAM_CODE_OK);
        rig_pass(r, 2000);
        assert_true(RIG_COUNT(r, pub_parts_dropped) < 12 * 64);
        rig_stop(r);
}

/* And in all sessions together: 32 MiB hold 515 of these and what stands before their bytes. */
static void unfinished_publishes_of_all_are_bounded(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        for (uint8_t host = 1; host <= 140; host++) {
                struct rig_peer p = rig_peer(host);
                rig_connect(r, &p);
                for (uint64_t id = 1; id <= 4; id++)
                        say_pub_part(r, &p, id, 65000, 0, 0);
        }
        assert_int_equal(RIG_COUNT(r, pub_parts_refused), 140 * 4 - 515);
        rig_pass(r, 2000); /* given up, they make room */
        struct rig_peer p = rig_peer(141);
        rig_connect(r, &p);
        say_pub_part(r, &p, 1, 65000, 0, 0);
        assert_int_equal(RIG_COUNT(r, pub_parts_refused), 140 * 4 - 515);
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
                cmocka_unit_test(published_in_fragments_once),
                cmocka_unit_test(the_last_fragment_is_told_what_is_missing),
                cmocka_unit_test(it_waits_for_its_turn),
                cmocka_unit_test(what_is_whole_and_no_event_is_refused),
                cmocka_unit_test(fragments_that_do_not_go_on_are_dropped),
                cmocka_unit_test(publishes_that_contradict_themselves),
                cmocka_unit_test(unfinished_publishes_are_bounded),
                cmocka_unit_test(unfinished_publishes_of_all_are_bounded),
        };
        return cmocka_run_group_tests_name("udp fragments", stories, NULL, NULL);
}
