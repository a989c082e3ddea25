/* The UDP client puts events together that come in fragments, and takes apart what it publishes. */
#include "tests/unit/udp_client_rig.h"

enum { HEAD = 6 }; /* bytes of an event before its filler */

/* ["x", bin] of so many bytes, another filler for each seq. */
static struct bytes event_of(uint64_t seq, size_t bytes)
{
        static uint8_t event[DGRAM_EVENT_MAX];
        size_t bin = bytes - HEAD;
        memcpy(event, (const uint8_t[]){ 0x92, 0xA1, 'x', 0xC5, (uint8_t)(bin >> 8), (uint8_t)bin }, HEAD);
        for (size_t i = HEAD; i < bytes; i++)
                event[i] = (uint8_t)(i * 7 + i / 251 + seq);
        return bytes_of(event, bytes);
}

static struct dgram_msg part(uint64_t seq, size_t bytes, uint8_t idx)
{
        struct dgram_msg m = data(TEA_TAG, seq, 100 + seq, 0);
        struct bytes event = event_of(seq, bytes);
        m.data.crc32c = crc32c(event);
        m.data.event_bytes = (uint16_t)bytes;
        m.data.frag_idx = idx;
        m.data.frag_cnt = dgram_fragments(bytes);
        m.data.event = bytes_of(event.at + (size_t)idx * DGRAM_FRAGMENT_BYTES, dgram_fragment_bytes(bytes, idx));
        return m;
}

static void say_part(struct end *e, uint64_t seq, size_t bytes, uint8_t idx)
{
        say(e, part(seq, bytes, idx));
}

static void say_parts(struct end *e, uint64_t seq, size_t bytes)
{
        for (uint8_t idx = 0; idx < dgram_fragments(bytes); idx++)
                say_part(e, seq, bytes, idx);
}

static struct client_event told_whole(struct end *e, uint64_t seq, size_t bytes)
{
        struct client_event ev = next(e, CLIENT_EVENT);
        assert_int_equal(ev.seq, seq);
        assert_true(bytes_equal(ev.event, event_of(seq, bytes)));
        return ev;
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

/* ---- publishing ---------------------------------------------------------------------------- */

static int64_t call_large(struct end *e, size_t bytes)
{
        return udp_transport.call(e->client, e->now, event_of(0, bytes));
}

/* The fragments of that PUB which were said, as bits. */
static uint64_t said_parts(const struct end *e, int64_t call)
{
        uint64_t bits = 0;
        for (int i = 0; i < e->said_n; i++) {
                const struct dgram_pub *pub = &e->said[i].pub;
                if (e->said[i].type == DGRAM_PUB && pub->pub_id == (uint64_t)call) {
                        assert_false(bits & UINT64_C(1) << pub->frag_idx);
                        bits |= UINT64_C(1) << pub->frag_idx;
                }
        }
        return bits;
}

static void say_status(struct end *e, int64_t call, uint16_t status, uint64_t seq)
{
        uint64_t eid = status == DGRAM_CODE_PARTS ? e->client->queue.pktno : 0;
        struct dgram_pub_ack ack = { 1, { { (uint64_t)call, status, 0, seq, eid } } };
        say(e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = ack });
}

static void a_large_event_goes_in_fragments(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = call_large(&e, 60000);
        hear(&e); /* more than the queue holds at once */
        assert_true(said_parts(&e, call) == (UINT64_C(1) << 55) - 1);
        const struct dgram_pub *pub = &e.said[54].pub;
        assert_int_equal(pub->frag_idx, 54);
        assert_int_equal(pub->event_bytes, 60000);
        assert_int_equal(pub->event.at[0], (uint8_t)(59400 * 7 + 59400 / 251));
        struct dgram_ack ack = { (uint64_t)call, DGRAM_CODE_PARTS, 0, 1, e.client->queue.pktno - 1 };
        say(&e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = { 1, { ack } } }); /* not to the last one */
        assert_int_equal(said_parts(&e, call), 0);
        pass(&e, 49);
        assert_int_equal(said_parts(&e, call), 0);
        pass(&e, 1); /* no answer: what does the server lack? */
        assert_true(said_parts(&e, call) == UINT64_C(1) << 54);
        pass(&e, 1);
        say_status(&e, call, DGRAM_CODE_PARTS, 1 << 7 | 1 << 9 | UINT64_C(1) << 60);
        assert_true(said_parts(&e, call) == (1 << 7 | 1 << 9 | UINT64_C(1) << 54));
        pass(&e, 1);
        say_status(&e, call, DGRAM_CODE_OK, 0);
        assert_int_equal(next(&e, CLIENT_ANSWER).call, call);
        pass(&e, 5000);
        assert_int_equal(said_parts(&e, call), 0);
        end(&e);
}

/* As long as it goes forward it is not given up, but it is when it stands. */
static void fragments_that_never_come_through(void **state)
{
        (void)state;
        struct end e;
        struct client_event ev;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = call_large(&e, 60000);
        hear(&e);
        for (int missing = 50; missing > 0; missing--) {
                pass(&e, 1);
                say_status(&e, call, DGRAM_CODE_PARTS, (UINT64_C(1) << missing) - 1);
                assert_true(said_parts(&e, call) != 0);
        }
        for (int i = 0; i < 40 && !udp_transport.next(e.client, &ev); i++) {
                pass(&e, 1);
                say_status(&e, call, DGRAM_CODE_PARTS, 1);
        }
        assert_int_equal(ev.kind, CLIENT_ANSWER);
        assert_int_equal(ev.status, CLIENT_UNKNOWN);
        end(&e);
}

/* What was missing before it was whole is told after that, the two answers having changed places on the way. */
static void fragments_missing_is_old_news_behind_the_answer(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = call_large(&e, 5000);
        hear(&e);
        struct dgram_ack whole = { (uint64_t)call, DGRAM_CODE_OK, UDP_REF_OWN, 1, 9 };
        say(&e, (struct dgram_msg){ .type = DGRAM_PUB_ACK, .pub_ack = { 1, { whole } } });
        say_status(&e, call, DGRAM_CODE_PARTS, 1);
        pass(&e, 1000);
        assert_int_equal(said_parts(&e, call), 0);
        quiet(&e); /* the answer itself, an event, is still waited for */
        end(&e);
}

static void a_few_large_events_at_a_time(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t first = call_large(&e, 60000), second = call_large(&e, 60000), third = call_large(&e, 60000);
        int64_t small = udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x"));
        hear(&e);
        assert_true(said_parts(&e, first) != 0 && said_parts(&e, second) != 0);
        assert_int_equal(said_parts(&e, third), 0);
        assert_int_equal(said_parts(&e, small), 0); /* said after the third */
        say_status(&e, second, DGRAM_CODE_OK, 0);
        assert_true(said_parts(&e, third) != 0);
        assert_int_equal(said_parts(&e, small), 1);
        end(&e);
}

static void a_large_event_goes_again_to_the_next_session(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t call = call_large(&e, 5000);
        hear(&e);
        assert_int_equal(said_parts(&e, call), 31);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE });
        udp_transport.closed(e.client, e.now, "closed");
        pass(&e, 5000);
        connect(&e);
        accept(&e, DGRAM_RECOVERED, EPOCH, 1, 1);
        assert_int_equal(said_parts(&e, call), 31);
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
                cmocka_unit_test(a_large_event_goes_in_fragments),
                cmocka_unit_test(fragments_that_never_come_through),
                cmocka_unit_test(fragments_missing_is_old_news_behind_the_answer),
                cmocka_unit_test(a_few_large_events_at_a_time),
                cmocka_unit_test(a_large_event_goes_again_to_the_next_session),
        };
        return cmocka_run_group_tests_name("udp_parts", stories, NULL, NULL);
}
