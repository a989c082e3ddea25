/* The UDP client makes lost fragments of an event from the parity that came behind them, and asks only for what that
 * cannot give. */
#include "tests/unit/udp_parts_rig.h"

/* All fragments but those, as bits. */
static void say_parts_but(struct end *e, uint64_t seq, size_t bytes, uint64_t lost)
{
        for (uint8_t idx = 0; idx < dgram_fragments(bytes); idx++)
                if (!(lost & UINT64_C(1) << idx))
                        say_part(e, seq, bytes, idx);
}

/* And nothing is kept of it. */
static void told_and_gone(struct end *e, uint64_t seq, size_t bytes)
{
        told_whole(e, seq, bytes);
        assert_int_equal(e->client->parts.n, 0);
        assert_int_equal(e->client->parts.bytes, 0);
}

static uint64_t asked_for(const struct end *e)
{
        const struct dgram_msg *m = said(e, DGRAM_NACK);
        if (!m)
                return 0;
        assert_int_equal(m->nack.n, 1);
        return dgram_range_is_fragments(&m->nack.range[0]) ? m->nack.range[0].to & ~DGRAM_FRAGMENTS_BIT : UINT64_MAX;
}

static uint64_t mended(const struct end *e)
{
        return udp_transport.stats(e->client).mended;
}

/* ---- making -------------------------------------------------------------------------------- */

static void any_that_is_lost_comes_back(void **state)
{
        (void)state;
        static const size_t sizes[] = { 1101, 4000, 20000, DGRAM_EVENT_MAX };
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                struct end e;
                in_tea(&e, i % 2 ? CLIENT_MODE_FEC_ORDERED : CLIENT_MODE_FEC_UNORDERED);
                uint8_t cnt = dgram_fragments(sizes[i]);
                for (uint8_t lost = 0; lost < cnt; lost++) {
                        uint64_t seq = 1 + (uint64_t)lost;
                        say_parts_but(&e, seq, sizes[i], UINT64_C(1) << lost);
                        quiet(&e);
                        say_part(&e, seq, sizes[i], (uint8_t)(cnt + lost % DGRAM_FEC_M_MAX));
                        told_and_gone(&e, seq, sizes[i]);
                        pass(&e, 1);
                }
                pass(&e, 500);
                struct client_stats stats = udp_transport.stats(e.client);
                assert_true(stats.mended == cnt && stats.lost_first_try == cnt); /* that it was lost is not hidden */
                assert_int_equal(stats.nacks, 0);
                end(&e);
        }
}

static void as_many_as_there_is_parity(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_parts_but(&e, 1, 20000, 1 << 3 | 1 << 4 | 1 << 18);
        say_part(&e, 1, 20000, 19);
        say_part(&e, 1, 20000, 20);
        quiet(&e);
        say_part(&e, 1, 20000, 21);
        told_and_gone(&e, 1, 20000);
        say_part(&e, 1, 20000, 22); /* of no use any more */
        assert_int_equal(e.client->parts.n, 0);
        assert_int_equal(mended(&e), 1);
        assert_int_equal(udp_transport.stats(e.client).lost_first_try, 1);
        end(&e);
}

static void parity_alone_is_an_event(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_part(&e, 1, 2000, 3);
        quiet(&e);
        say_part(&e, 1, 2000, 2);
        told_and_gone(&e, 1, 2000);
        end(&e);
}

static void what_is_only_late_is_a_double(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_parts_but(&e, 1, 4000, 1 << 2);
        say_part(&e, 1, 4000, 4);
        told_and_gone(&e, 1, 4000);
        say_part(&e, 1, 4000, 2);
        quiet(&e);
        assert_int_equal(udp_transport.stats(e.client).duplicates, 1);
        end(&e);
}

static void other_modes_want_none(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_parts_but(&e, 1, 4000, 1 << 2);
        say_part(&e, 1, 4000, 4);
        quiet(&e);
        assert_int_equal(e.client->parts.event[0]->parity_n, 0);
        end(&e);
}

/* ---- asking -------------------------------------------------------------------------------- */

static void more_than_parity_can_give_is_asked_for_soon(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_parts_but(&e, 1, 4000, 1 << 1 | 1 << 3);
        pass(&e, 3);
        assert_int_equal(asked_for(&e), 0); /* without parity it would be waited for longer still */
        say_part(&e, 1, 4000, 4);
        assert_int_equal(asked_for(&e), 0); /* more of that may come */
        pass(&e, 3);
        assert_int_equal(asked_for(&e), 1 << 1 | 1 << 3);
        say_part(&e, 1, 4000, 3); /* a repair: one is missing, and one of parity here */
        told_and_gone(&e, 1, 4000);
        assert_int_equal(mended(&e), 1);
        end(&e);
}

static void others_holes_wait_on(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_data(&e, TEA_TAG, 1);
        say_data(&e, TEA_TAG, 3);
        say_parts_but(&e, 4, 4000, 1 << 1 | 1 << 2);
        say_part(&e, 4, 4000, 4);
        pass(&e, 3);
        assert_int_equal(asked_for(&e), 1 << 1 | 1 << 2);
        pass(&e, 9); /* the second one's copy would be here by now */
        assert_int_equal(asked_for(&e), UINT64_MAX);
        end(&e);
}

/* ---- lies ---------------------------------------------------------------------------------- */

static void forged_parity_is_caught(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_parts_but(&e, 1, 4000, 1 << 2);
        struct dgram_msg m = part(1, 4000, 4);
        ((uint8_t *)(uintptr_t)m.data.event.at)[30] ^= 1;
        say(&e, m);
        quiet(&e);
        assert_int_equal(udp_client_stats(e.client).bad_checksum, 1);
        assert_int_equal(mended(&e), 0);
        assert_int_equal(e.client->parts.n, 0);
        pass(&e, 12);
        assert_int_equal(asked_for(&e), UINT64_MAX); /* all of it: nobody knows what is true */
        say_parts_but(&e, 1, 4000, 0);
        told_and_gone(&e, 1, 4000);
        end(&e);
}

static void parity_of_another_event_is_refused(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_parts_but(&e, 1, 4000, 1 << 2);
        struct dgram_msg m = part(1, 4000, 4);
        m.data.crc32c ^= 1;
        say(&e, m);
        quiet(&e);
        assert_int_equal(udp_client_stats(e.client).disputed, 1);
        say_part(&e, 1, 4000, 4); /* agrees again */
        told_and_gone(&e, 1, 4000);
        say_part(&e, 1, 4000, 5); /* of one that is whole nothing is kept */
        assert_int_equal(e.client->parts.n, 0);
        end(&e);
}

static void what_never_comes_costs_no_more_than_fragments(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        for (uint64_t seq = 1; seq <= 200; seq++)
                for (uint8_t row = 0; row < DGRAM_FEC_M_MAX; row++)
                        say_part(&e, seq, DGRAM_EVENT_MAX, (uint8_t)(60 + row));
        assert_in_range(e.client->parts.n, 1, PARTS_EVENTS_MAX);
        assert_in_range(e.client->parts.bytes, 1, PARTS_BYTES_MAX);
        say_part(&e, 1 << 20, 4000, 4); /* far beyond what is taken in */
        assert_null(reassembly_find(&e.client->parts, TEA_TAG, 1 << 20));
        for (int s = 0; s < 20; s++)
                pass(&e, 500);
        assert_int_equal(e.client->parts.n, 0);
        assert_int_equal(e.client->parts.bytes, 0);
        end(&e);
}

static void strange_parity_is_nothing(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        struct dgram_msg m = part(1, 4000, 4);
        m.tag = 99;
        say(&e, m);
        assert_int_equal(udp_client_stats(e.client).unknown_tag, 1);
        m = part(1, 4000, 4);
        m.data.epoch = 1;
        say(&e, m);
        assert_int_equal(udp_transport.stats(e.client).wrong_epoch, 1);
        quiet(&e);
        assert_int_equal(e.client->parts.n, 0);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_that_is_lost_comes_back),
                cmocka_unit_test(as_many_as_there_is_parity),
                cmocka_unit_test(parity_alone_is_an_event),
                cmocka_unit_test(what_is_only_late_is_a_double),
                cmocka_unit_test(other_modes_want_none),
                cmocka_unit_test(more_than_parity_can_give_is_asked_for_soon),
                cmocka_unit_test(others_holes_wait_on),
                cmocka_unit_test(forged_parity_is_caught),
                cmocka_unit_test(parity_of_another_event_is_refused),
                cmocka_unit_test(what_never_comes_costs_no_more_than_fragments),
                cmocka_unit_test(strange_parity_is_nothing),
        };
        return cmocka_run_group_tests_name("fragments made from parity", tests, NULL, NULL);
}
