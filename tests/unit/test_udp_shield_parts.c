/* What a session in a fec mode is sent before it asks: parity of events in fragments; who has more of it than others;
 * and what becomes of it when there is no rate for it. */
#include "tests/unit/udp_shield_rig.h"

/* ---- events in fragments ------------------------------------------------------------------- */

enum { EVENT_HEAD = 6 }; /* bytes of rig_publish's event before its filler */

/* So many fragments, and so much parity, came of an event of that size; each in a datagram of its own. */
static void publishes(struct rig *r, const struct rig_peer *p, size_t event_bytes, int parity)
{
        uint64_t seq = rig_publish(r, "tea", event_bytes - EVENT_HEAD).seq;
        int cnt = dgram_fragments(event_bytes);
        rig_hear(r, p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), cnt + parity);
        assert_int_equal(r->datagrams, cnt + parity);
        for (int i = 0; i < cnt + parity; i++) {
                const struct dgram_data *d = &rig_said(r, DGRAM_DATA, i)->data;
                assert_true(d->seq == seq && d->frag_idx == i && d->frag_cnt == cnt && d->event_bytes == event_bytes);
        }
        rig_pass(r, 60); /* few of them: below a hundred a second */
        rig_hear(r, p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 0); /* and no copies */
}

static void reports(struct rig *r, struct rig_peer *p, uint32_t ref, uint32_t lost)
{
        for (uint32_t i = 0; i < 2; i++)
                rig_say(r, p,
                        (struct dgram_msg){ .type = DGRAM_REPORT,
                                            .report = { .chan_ref = ref,
                                                        .received = 1000 * (lost + 1) + (100 - lost) * i,
                                                        .lost_first_try = 1000 * lost + lost * i } });
        rig_hear(r, p); /* a PING */
}

static void fragments_get_an_eighth_of_parity_at_once(void **state)
{
        (void)state;
        static const struct {
                size_t bytes;
                int parity, lossy;
        } sizes[] = { { 1101, 1, 2 },  { 4096, 1, 2 },  { 8800, 1, 2 },           { 8801, 2, 3 },
                      { 20000, 3, 5 }, { 52800, 6, 8 }, { DGRAM_EVENT_MAX, 8, 8 } };
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_ORDERED, &row);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                publishes(r, &p, sizes[i].bytes, sizes[i].parity);
        reports(r, &p, row.chan_ref, 3);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                publishes(r, &p, sizes[i].bytes, sizes[i].lossy);
        rig_pass(r, 5000);
        rig_hear(r, &p);
        publishes(r, &p, 4096, 1);
        rig_stop(r);
}

static void their_parity_gives_them_back(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_UNORDERED, &row);
        static uint8_t filler[20000];
        uint8_t out[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX];
        struct fec_group g = { .k = 19, .m = 3, .missing = 1 | 1 << 9 | 1 << 18, .bytes = DGRAM_FRAGMENT_BYTES };
        struct bytes tea = bytes_text("tea");
        struct published done;
        struct buf event = { 0 };
        for (size_t i = 0; i < sizeof filler; i++)
                filler[i] = (uint8_t)(i * 7 + i / 251);
        event_begin(&event, "x", 1);
        pack_put_bin(&event, bytes_of(filler, sizeof filler));
        struct publish s = { .event = buf_bytes(&event), .rooms = &tea, .rooms_n = 1 };
        assert_int_equal(hub_publish(r->hub, r->now, &s, &done), 0);
        rig_hear(r, &p);
        for (uint8_t i = 0; i < 19; i++)
                if (!(g.missing & UINT64_C(1) << i))
                        g.data[i] = rig_said(r, DGRAM_DATA, i)->data.event;
        for (int m = 0; m < 3; m++)
                g.parity[m] = rig_said(r, DGRAM_DATA, 19 + m)->data.event.at;
        assert_int_equal(fec_solve(&g, out), 3);
        assert_memory_equal(out[0], event.at, DGRAM_FRAGMENT_BYTES);
        assert_memory_equal(out[1], event.at + 9 * DGRAM_FRAGMENT_BYTES, DGRAM_FRAGMENT_BYTES);
        assert_memory_equal(out[2], event.at + 18 * DGRAM_FRAGMENT_BYTES, event.n - 18 * DGRAM_FRAGMENT_BYTES);
        buf_free(&event);
        rig_stop(r);
}

/* One datagram a turn, as a transport that takes no more, or a rate. */
static void parity_goes_on_where_it_stopped(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_ORDERED, &row);
        rig_publish(r, "tea", 20000);
        rig_hear_only(r, &p.addr, 1);
        assert_int_equal(r->datagrams, 22);
        for (int i = 0; i < 22; i++)
                assert_int_equal(rig_said(r, DGRAM_DATA, i)->data.frag_idx, i);
        assert_int_equal(RIG_COUNT(r, parity), 1);
        assert_int_equal(RIG_COUNT(r, parity_bytes), 3 * (DGRAM_DATA_HEADER + DGRAM_FRAGMENT_BYTES));
        rig_stop(r);
}

static void more_is_for_those_alone_who_lose(void **state)
{
        (void)state;
        struct rig_peer p, q = rig_peer(2);
        struct dgram_joined_room row;
        struct rig *r = begin(&p, DGRAM_MODE_FEC_ORDERED, &row);
        rig_connect(r, &q);
        uint32_t ref = join_as(r, &q, "tea", DGRAM_MODE_FEC_ORDERED).chan_ref;
        warm_up(r, &p);
        reports(r, &q, ref, 90);
        reports(r, &p, row.chan_ref, 2);
        for (int i = 0; i < 8; i++)
                rig_publish(r, "tea", BYTES);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 2);
        assert_int_equal(rig_said(r, DGRAM_FEC, 1)->fec.m, 3);
        for (int i = 0; i < 8; i++)
                rig_publish(r, "tea", BYTES);
        rig_hear(r, &q);
        assert_int_equal(rig_count_said(r, DGRAM_FEC), 3);
        rig_publish(r, "tea", 4000);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 4 + 1);
        rig_publish(r, "tea", 4000);
        rig_hear(r, &q);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 4 + 2);
        rig_stop(r);
}

/* ---- without the rate for it --------------------------------------------------------------- */

/* A first window is ten datagrams. News comes first, and for a while it is all there is. */
static void a_session_at_its_rate_is_sent_news_alone(void **state)
{
        (void)state;
        struct rig_peer p;
        struct dgram_joined_room row;
        struct rig *r = begin_paced(&p, &row);
        rig_publish(r, "tea", 4000);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 4 + 1); /* of ten */
        rig_publish(r, "tea", 3000);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 3);
        assert_true(RIG_COUNT(r, left_out) == 1 && RIG_COUNT(r, bared) == 1);
        rig_pass(r, 250); /* there would be rate for more again */
        rig_hear(r, &p);
        rig_publish(r, "tea", 3000);
        rig_publish(r, "tea", BYTES);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 3 + 1);
        rig_pass(r, 40);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 0); /* no copy either */
        assert_true(RIG_COUNT(r, left_out) == 3 && RIG_COUNT(r, bared) == 1);
        rig_pass(r, 500);
        rig_hear(r, &p);
        rig_publish(r, "tea", 3000);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 3 + 1);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fragments_get_an_eighth_of_parity_at_once),
                cmocka_unit_test(their_parity_gives_them_back),
                cmocka_unit_test(parity_goes_on_where_it_stopped),
                cmocka_unit_test(more_is_for_those_alone_who_lose),
                cmocka_unit_test(a_session_at_its_rate_is_sent_news_alone),
        };
        return cmocka_run_group_tests_name("parity of fragments, from the server", tests, NULL, NULL);
}
