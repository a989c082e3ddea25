/* The UDP client puts events together that come in fragments. */
#include "tests/unit/udp_parts_rig.h"

static void say_parts(struct end *e, uint64_t seq, size_t bytes)
{
        for (uint8_t idx = 0; idx < dgram_fragments(bytes); idx++)
                say_part(e, seq, bytes, idx);
}

/* The one range of the NACK that was said. */
static struct dgram_range asked(const struct end *e)
{
        const struct dgram_msg *m = said(e, DGRAM_NACK);
        assert_non_null(m);
        assert_int_equal(m->nack.n, 1);
        return m->nack.range[0];
}

static void asked_for_parts(const struct end *e, uint64_t seq, uint64_t bits)
{
        assert_int_equal(asked(e).from, seq);
        assert_true(asked(e).to == (DGRAM_FRAGMENTS_BIT | bits));
}

static void asked_for_all(const struct end *e, uint64_t seq)
{
        assert_int_equal(asked(e).from, seq);
        assert_int_equal(asked(e).to, seq);
}

/* ---- stories ------------------------------------------------------------------------------- */

static void every_size_in_order_and_backwards(void **state)
{
        (void)state;
        static const size_t sizes[] = { 1101, 2200, 2201, 60000, DGRAM_EVENT_MAX };
        for (int mode = 0; mode < 3; mode++) {
                struct end e;
                uint64_t seq = 0;
                in_tea(&e, (enum client_mode)mode);
                for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                        say_parts(&e, ++seq, sizes[i]);
                        assert_false(told_whole(&e, seq, sizes[i]).recovered);
                        ++seq;
                        for (uint8_t idx = dgram_fragments(sizes[i]); idx-- > 0;)
                                say_part(&e, seq, sizes[i], idx);
                        told_whole(&e, seq, sizes[i]);
                        say_part(&e, seq, sizes[i], 0);
                        quiet(&e);
                }
                assert_int_equal(e.client->parts.n, 0);
                assert_int_equal(udp_transport.stats(e.client).duplicates, sizeof sizes / sizeof *sizes);
                end(&e);
        }
}

static void only_what_is_missing_is_asked_for(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        for (uint8_t idx = 0; idx < 9; idx++)
                if (idx != 2 && idx != 5)
                        say_part(&e, 1, 12000, idx);
        asked_for_parts(&e, 1, 1 << 5); /* the other one was asked for when the sixth came */
        say_part(&e, 1, 12000, 9);
        pass(&e, 15);
        assert_null(said(&e, DGRAM_NACK)); /* the end is on its way */
        say_beat(&e, TEA_TAG, 1);
        pass(&e, 2);
        asked_for_parts(&e, 1, 1 << 10); /* there is no twelfth */
        say_part(&e, 1, 12000, 5);
        say_part(&e, 1, 12000, 10);
        quiet(&e);
        say_part(&e, 1, 12000, 2);
        struct client_event ev = told_whole(&e, 1, 12000);
        assert_true(ev.recovered);
        assert_int_equal(ev.gap_opened_ns, 1000 * NS_PER_S);
        assert_int_equal(udp_transport.stats(e.client).lost_first_try, 1);
        end(&e);
}

static void one_after_the_other_or_as_they_come(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_part(&e, 1, 3000, 0);
        say_part(&e, 1, 3000, 1);
        say_parts(&e, 2, 5000);
        say_data(&e, TEA_TAG, 3);
        quiet(&e);
        say_part(&e, 1, 3000, 2);
        told_whole(&e, 1, 3000);
        told_whole(&e, 2, 5000);
        assert_int_equal(told_seqs(&e), 3);
        end(&e);
        in_tea(&e, CLIENT_MODE_NACK_UNORDERED);
        say_part(&e, 1, 3000, 0);
        say_parts(&e, 2, 5000);
        told_whole(&e, 2, 5000);
        say_part(&e, 1, 3000, 1);
        say_part(&e, 1, 3000, 2);
        told_whole(&e, 1, 3000);
        end(&e);
}

static void what_is_not_the_event_is_asked_for_again(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        struct dgram_msg bad = part(1, 3000, 1);
        static uint8_t other[DGRAM_FRAGMENT_BYTES];
        bad.data.event.at = other;
        for (int tries = 1; tries <= 10; tries++) {
                say_part(&e, 1, 3000, 0);
                say(&e, bad);
                say_part(&e, 1, 3000, 2);
                quiet(&e);
                assert_int_equal(udp_client_stats(e.client).bad_checksum, tries);
                assert_int_equal(e.client->parts.n, 0);
                if (tries == 1)
                        pass(&e, 2);
                asked_for_all(&e, 1);
                if (tries < 3)
                        continue;
                say_parts(&e, 1, 3000);
                assert_true(told_whole(&e, 1, 3000).recovered);
                break;
        }
        end(&e);
}

/* But not for ever. */
static void what_never_is_the_event_is_lost(void **state)
{
        (void)state;
        struct end e;
        struct client_event ev;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        struct dgram_msg m[2] = { part(1, 2000, 0), part(1, 2000, 1) };
        m[0].data.crc32c = m[1].data.crc32c = 7;
        for (int round = 0; round < 20 && !udp_transport.next(e.client, &ev); round++) {
                for (uint8_t idx = 0; idx < 2; idx++) {
                        struct dgram_msg again = part(1, 2000, idx);
                        again.data.crc32c = 7;
                        say(&e, again);
                }
                pass(&e, 30);
        }
        assert_int_equal(ev.kind, CLIENT_GAP);
        assert_string_equal(ev.reason, "timeout");
        say_data(&e, TEA_TAG, 2);
        assert_int_equal(told_seqs(&e), 2);
        end(&e);
}

static void one_forged_fragment(void **state)
{
        (void)state;
        for (uint8_t at = 0; at < 4; at++) {
                struct end e;
                in_tea(&e, CLIENT_MODE_NACK_ORDERED);
                for (uint8_t idx = 0; idx < 4; idx++) {
                        struct dgram_msg forged = part(1, 60000, at);
                        if (idx == at)
                                say(&e, forged);
                        say_part(&e, 1, 4000, idx);
                }
                say_data(&e, TEA_TAG, 2);
                pass(&e, 20);
                if (at == 0) { /* it is believed until two contradict it */
                        asked_for_parts(&e, 1, 3);
                        say_part(&e, 1, 4000, 0);
                        say_part(&e, 1, 4000, 1);
                }
                told_whole(&e, 1, 4000);
                assert_int_equal(told_seqs(&e), 2);
                assert_true(udp_client_stats(e.client).disputed > 0);
                end(&e);
        }
}

static void an_event_proves_that_it_has_no_fragments(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_part(&e, 1, 4000, 0);
        say_part(&e, 1, 4000, 1);
        say_data(&e, TEA_TAG, 1);
        assert_int_equal(told_seqs(&e), 1);
        assert_int_equal(e.client->parts.n, 0);
        end(&e);
}

static void parity_is_passed_over(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_part(&e, 1, 3000, 0);
        struct dgram_msg m = part(1, 3000, 1);
        m.data.frag_idx = 3; /* as long as a fragment that is not the last */
        say(&e, m);
        assert_int_equal(udp_client_stats(e.client).parity, 1);
        say_part(&e, 1, 3000, 1);
        say_part(&e, 1, 3000, 2);
        told_whole(&e, 1, 3000);
        end(&e);
}

static void idle_for_two_seconds_it_is_missing_whole(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_part(&e, 1, 3000, 0);
        pass(&e, 1999);
        assert_null(said(&e, DGRAM_NACK));
        assert_int_equal(e.client->parts.n, 1);
        pass(&e, 3);
        assert_int_equal(e.client->parts.n, 0);
        asked_for_all(&e, 1);
        say_parts(&e, 1, 3000);
        told_whole(&e, 1, 3000);
        end(&e);
}

static void a_gap_ends_it(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_part(&e, 1, 3000, 0);
        say_part(&e, 1, 3000, 1);
        struct dgram_gap gap = { .chan_ref = 3, .n = 1, .reason = GAPS_EVICTED, .range = { { 1, 1 } } };
        say(&e, (struct dgram_msg){ .type = DGRAM_GAP, .gap = gap });
        assert_string_equal(next(&e, CLIENT_GAP).reason, "evicted");
        assert_int_equal(e.client->parts.n, 0);
        say_part(&e, 1, 3000, 2);
        quiet(&e);
        assert_int_equal(udp_transport.stats(e.client).late, 1);
        end(&e);
}

/* The server sends all of it again to a session that comes back. */
static void a_lost_session_forgets_what_is_not_whole(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_data(&e, TEA_TAG, 1);
        next(&e, CLIENT_EVENT);
        say_part(&e, 2, 3000, 0);
        say_parts(&e, 3, 2000);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE });
        next(&e, CLIENT_DOWN);
        assert_int_equal(e.client->parts.n, 0);
        udp_transport.closed(e.client, e.now, "closed");
        pass(&e, 10000);
        connect(&e);
        accept(&e, DGRAM_RECOVERED, EPOCH, 1, 1);
        next(&e, CLIENT_UP);
        struct dgram_join join;
        assert_int_equal(dgram_join_parse(said(&e, DGRAM_JOIN)->join.tail, &join), 0);
        join_ok(&e, join.req, "tea", 0, 7, TEA_TAG, EPOCH, 2, 3);
        say_parts(&e, 2, 3000);
        assert_true(told_whole(&e, 2, 3000).recovered);
        told_whole(&e, 3, 2000); /* it was whole before */
        end(&e);
}

static void a_goodbye_tells_it_as_lost(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_part(&e, 1, 3000, 0);
        udp_transport.bye(e.client, e.now);
        struct client_event ev = next(&e, CLIENT_GAP);
        assert_int_equal(ev.from, 1);
        assert_int_equal(ev.to, 1);
        assert_string_equal(ev.reason, "closed");
        end(&e);
}

/* First fragments of events that never go on: some are put back, and memory is bounded. */
static void memory_is_bounded(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_UNORDERED);
        for (uint64_t seq = 200; seq > 0; seq--) {
                say_part(&e, seq, seq % 2 ? 60000 : 2000, 0);
                assert_in_range(e.client->parts.n, 1, PARTS_EVENTS_MAX);
                assert_in_range(e.client->parts.bytes, 1, PARTS_BYTES_MAX);
        }
        assert_non_null(reassembly_find(&e.client->parts, TEA_TAG, 1)); /* the next to be told */
        for (uint8_t idx = 1; idx < dgram_fragments(60000); idx++)
                say_part(&e, 1, 60000, idx);
        told_whole(&e, 1, 60000);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(every_size_in_order_and_backwards),
                cmocka_unit_test(only_what_is_missing_is_asked_for),
                cmocka_unit_test(one_after_the_other_or_as_they_come),
                cmocka_unit_test(what_is_not_the_event_is_asked_for_again),
                cmocka_unit_test(what_never_is_the_event_is_lost),
                cmocka_unit_test(one_forged_fragment),
                cmocka_unit_test(an_event_proves_that_it_has_no_fragments),
                cmocka_unit_test(parity_is_passed_over),
                cmocka_unit_test(idle_for_two_seconds_it_is_missing_whole),
                cmocka_unit_test(a_gap_ends_it),
                cmocka_unit_test(a_lost_session_forgets_what_is_not_whole),
                cmocka_unit_test(a_goodbye_tells_it_as_lost),
                cmocka_unit_test(memory_is_bounded),
        };
        return cmocka_run_group_tests_name("udp_parts", stories, NULL, NULL);
}
