/* The UDP client makes lost events from parity, and asks only for what parity cannot give any more. */
#include "tests/unit/udp_client_rig.h"

#include "client/udp_mend.h"

/* Parity idx of the events base.. that are in the mask, as say_data says them. */
static struct dgram_msg parity(uint64_t base, uint64_t mask, uint8_t m, uint8_t idx)
{
        static uint8_t symbol[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX];
        uint8_t *to[DGRAM_FEC_M_MAX], i = 0;
        size_t bytes = 0;
        memset(symbol, 0, sizeof symbol);
        for (int r = 0; r < DGRAM_FEC_M_MAX; r++)
                to[r] = symbol[r];
        for (uint64_t left = mask; left; left &= left - 1) {
                uint64_t seq = base + (uint64_t)__builtin_ctzll(left);
                struct dgram_msg d = data(TEA_TAG, seq, 100 + seq, 0);
                uint8_t one[FEC_SYMBOL_MAX];
                bytes = fec_symbol(&d, one);
                fec_add(8, m, i++, bytes_of(one, bytes), to);
        }
        struct dgram_fec fec = { .epoch = EPOCH,
                                 .k = 8,
                                 .m = m,
                                 .idx = idx,
                                 .base = base,
                                 .mask = mask,
                                 .symbol = bytes_of(symbol[idx], bytes) };
        return (struct dgram_msg){ .type = DGRAM_FEC, .tag = TEA_TAG, .fec = fec };
}

static void say_all_but(struct end *e, uint64_t from, uint64_t to, uint64_t without, uint64_t nor)
{
        for (uint64_t seq = from; seq <= to; seq++)
                if (seq != without && seq != nor)
                        say_data(e, TEA_TAG, seq);
}

static uint64_t mended(const struct end *e)
{
        return udp_transport.stats(e->client).mended;
}

/* ---- making -------------------------------------------------------------------------------- */

static void two_of_eight_come_back(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 8, 3, 6);
        assert_int_equal(told_seqs(&e), 102);
        say(&e, parity(1, 0xFF, 2, 0));
        quiet(&e);
        say(&e, parity(1, 0xFF, 2, 1));
        struct client_event ev = next(&e, CLIENT_EVENT);
        assert_true(ev.seq == 3 && ev.eid == 103 && ev.event.n == 4 && ev.event.at[3] == 3);
        assert_int_equal(told_seqs(&e), 405060708);
        assert_null(said(&e, DGRAM_NACK));
        assert_int_equal(mended(&e), 2);
        assert_int_equal(udp_transport.stats(e.client).lost_first_try, 2); /* that they are lost is not hidden */
        pass(&e, 500);
        assert_int_equal(udp_transport.stats(e.client).nacks, 0);
        end(&e);
}

static void as_they_come_in_the_other_mode(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_UNORDERED);
        say_all_but(&e, 1, 8, 3, 0);
        assert_int_equal(told_seqs(&e), 1020405060708);
        say(&e, parity(1, 0xFF, 2, 1));
        assert_int_equal(told_seqs(&e), 3);
        say_data(&e, TEA_TAG, 3); /* only late */
        quiet(&e);
        assert_int_equal(udp_transport.stats(e.client).duplicates, 1);
        end(&e);
}

static void the_last_of_the_group(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 7, 0, 0);
        told_seqs(&e);
        say(&e, parity(1, 0xFF, 2, 0));
        assert_int_equal(told_seqs(&e), 8);
        assert_int_equal(mended(&e), 1);
        end(&e);
}

static void parity_first_then_the_event_it_wants(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 8, 3, 6);
        told_seqs(&e);
        say(&e, parity(1, 0xFF, 2, 1));
        quiet(&e);
        say_data(&e, TEA_TAG, 6);
        assert_int_equal(told_seqs(&e), 30405060708);
        end(&e);
}

static void a_group_with_gaps_in_it(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_UNORDERED);
        say_all_but(&e, 1, 20, 9, 0);
        told_seqs(&e);
        say(&e, parity(1, 0x80101, 2, 0)); /* 1, 9 and 20 */
        assert_int_equal(told_seqs(&e), 9);
        end(&e);
}

static void other_modes_want_none(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_all_but(&e, 1, 8, 3, 0);
        told_seqs(&e);
        say(&e, parity(1, 0xFF, 2, 0));
        quiet(&e);
        assert_int_equal(mended(&e), 0);
        end(&e);
}

/* ---- asking -------------------------------------------------------------------------------- */

static uint64_t asked_for(const struct end *e)
{
        const struct dgram_msg *m = said(e, DGRAM_NACK);
        return m ? m->nack.range[0].from : 0;
}

static void a_hole_waits_for_its_copy(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 8, 3, 0); /* five later ones: without copies that would be a loss */
        assert_int_equal(asked_for(&e), 0);
        pass(&e, 11);
        assert_int_equal(asked_for(&e), 0);
        pass(&e, 1); /* 10 ms and what is late */
        assert_int_equal(asked_for(&e), 3);
        end(&e);
}

static void a_copy_that_is_overdue_is_not_waited_for(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_data(&e, TEA_TAG, 1);
        pass(&e, 40);
        say_data(&e, TEA_TAG, 3); /* the second was sent 20 ms ago, its copy 10 ms ago */
        pass(&e, 1);
        assert_int_equal(asked_for(&e), 0);
        pass(&e, 1);
        assert_int_equal(asked_for(&e), 2);
        end(&e);
}

static void a_hole_waits_for_its_parity_and_no_longer(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 7, 0, 0);
        say_data(&e, TEA_TAG, 8);
        say(&e, parity(1, 0xFF, 2, 1)); /* from now on parity is what comes */
        say_all_but(&e, 9, 16, 11, 12);
        pass(&e, 3);
        say_all_but(&e, 17, 17, 0, 0);
        pass(&e, 16);
        assert_int_equal(asked_for(&e), 0);
        say(&e, parity(9, 0xFF, 2, 0)); /* more may come */
        assert_int_equal(asked_for(&e), 0);
        pass(&e, 3);
        assert_int_equal(asked_for(&e), 11); /* the other is lost as well */
        end(&e);
}

static void when_all_parity_is_here_nothing_is_waited_for(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 8, 0, 0);
        say(&e, parity(1, 0xFF, 2, 1));
        say_all_but(&e, 9, 12, 10, 11);
        say_all_but(&e, 14, 16, 0, 0); /* three of eight */
        pass(&e, 5);
        say(&e, parity(9, 0xFF, 2, 0));
        assert_int_equal(asked_for(&e), 0);
        say(&e, parity(9, 0xFF, 2, 1));
        assert_int_equal(asked_for(&e), 10);
        assert_int_equal(said(&e, DGRAM_NACK)->nack.n, 2);
        say_data(&e, TEA_TAG, 13); /* the repair: two are left, and two of parity are here */
        assert_int_equal(mended(&e), 2);
        end(&e);
}

static void the_next_group_s_parity_ends_the_wait_too(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 8, 0, 0);
        say(&e, parity(1, 0xFF, 2, 1));
        say_all_but(&e, 9, 16, 10, 0);
        pass(&e, 5);
        say_all_but(&e, 17, 24, 0, 0);
        assert_int_equal(asked_for(&e), 0);
        say(&e, parity(17, 0xFF, 2, 0)); /* its own was lost */
        assert_int_equal(asked_for(&e), 10);
        end(&e);
}

/* ---- lies ---------------------------------------------------------------------------------- */

static void forged_parity_is_caught(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 8, 3, 0);
        told_seqs(&e);
        struct dgram_msg m = parity(1, 0xFF, 2, 0);
        ((uint8_t *)(uintptr_t)m.fec.symbol.at)[30] ^= 1; /* in the event's bytes */
        say(&e, m);
        quiet(&e);
        assert_int_equal(udp_client_stats(e.client).bad_checksum, 1);
        assert_int_equal(mended(&e), 0);
        pass(&e, 12);
        assert_int_equal(asked_for(&e), 3);
        say_data(&e, TEA_TAG, 3);
        assert_int_equal(told_seqs(&e), 30405060708);
        end(&e);
}

static void parity_that_contradicts_is_not_believed(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 8, 3, 5);
        told_seqs(&e);
        say(&e, parity(1, 0xFF, 2, 0));
        say(&e, parity(1, 0x7F, 2, 1)); /* another group from the same event on */
        quiet(&e);
        say(&e, parity(1, 0xFF, 2, 0));
        say(&e, parity(1, 0xFF, 2, 1)); /* both went: it begins anew */
        assert_int_equal(told_seqs(&e), 30405060708);
        end(&e);
}

static void strange_parity_is_nothing(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_FEC_ORDERED);
        say_all_but(&e, 1, 8, 3, 0);
        told_seqs(&e);
        struct dgram_msg m = parity(1, 0xFF, 2, 0);
        m.tag = 99;
        say(&e, m);
        assert_int_equal(udp_client_stats(e.client).unknown_tag, 1);
        m = parity(1, 0xFF, 2, 0);
        m.fec.epoch = 1;
        say(&e, m);
        assert_int_equal(udp_transport.stats(e.client).wrong_epoch, 1);
        quiet(&e);
        for (uint64_t far = 1; far < 40; far++) /* one datagram of these must not start a storm */
                say(&e, parity(far * 100000, 0xFF, 2, 0));
        quiet(&e);
        assert_true(said(&e, DGRAM_NACK) == NULL || said(&e, DGRAM_NACK)->nack.n == 1);
        end(&e);
}

/* Nothing else than what it is made for: only so many events and groups are kept. */
static void what_is_old_is_forgotten(void **state)
{
        (void)state;
        struct udp_mend *m = udp_mend_create();
        struct dgram_msg out = { 0 };
        for (uint64_t seq = 1; seq <= 200; seq++) {
                if (seq % 8 == 3)
                        continue;
                struct dgram_msg d = data(TEA_TAG, seq, 100 + seq, 0);
                udp_mend_keep(m, &d);
        }
        for (uint64_t base = 1; base <= 193; base += 8) {
                struct dgram_msg p = parity(base, 0xFF, 2, 0);
                udp_mend_parity(m, &p.fec);
                bool made = udp_mend_next(m, &out);
                assert_int_equal(made, base > 200 - UDP_MEND_EVENTS);
                if (made)
                        assert_int_equal(out.data.seq, base + 2);
                assert_false(udp_mend_next(m, &out));
        }
        udp_mend_destroy(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(two_of_eight_come_back),
                cmocka_unit_test(as_they_come_in_the_other_mode),
                cmocka_unit_test(the_last_of_the_group),
                cmocka_unit_test(parity_first_then_the_event_it_wants),
                cmocka_unit_test(a_group_with_gaps_in_it),
                cmocka_unit_test(other_modes_want_none),
                cmocka_unit_test(a_hole_waits_for_its_copy),
                cmocka_unit_test(a_copy_that_is_overdue_is_not_waited_for),
                cmocka_unit_test(a_hole_waits_for_its_parity_and_no_longer),
                cmocka_unit_test(when_all_parity_is_here_nothing_is_waited_for),
                cmocka_unit_test(the_next_group_s_parity_ends_the_wait_too),
                cmocka_unit_test(forged_parity_is_caught),
                cmocka_unit_test(parity_that_contradicts_is_not_believed),
                cmocka_unit_test(strange_parity_is_nothing),
                cmocka_unit_test(what_is_old_is_forgotten),
        };
        return cmocka_run_group_tests_name("events made from parity", tests, NULL, NULL);
}
