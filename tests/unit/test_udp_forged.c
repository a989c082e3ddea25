/* What somebody who is not the server can do to a client that hears him: he can send with the server's address, but
 * does not know the session, or a room, or has seen one datagram. */
#include "tests/unit/udp_client_rig.h"

#include <stdio.h>

/* ---- blind -------------------------------------------------------------------------------- */

static const struct forged_row {
        const char *name;
        struct dgram_msg m;
} forgeries[] = {
        { "CLOSE", { .type = DGRAM_CLOSE } },
        { "ERROR", { .type = DGRAM_ERROR, .error = { DGRAM_CODE_LIMIT, DGRAM_CONNECT, 1 } } },
        { "RESET", { .type = DGRAM_RESET, .reset = { { 8 } } } }, /* of the right session below; the token is 9 */
        { "ACCEPT", { .type = DGRAM_ACCEPT, .accept = { .session_tag = 5, .id = { (const uint8_t *)"you", 3 } } } },
        { "COOKIE", { .type = DGRAM_COOKIE, .cookie = { .nonce = 1 } } },
        { "PING", { .type = DGRAM_PING, .ping = { 1 } } },
        { "CHALLENGE", { .type = DGRAM_CHALLENGE, .challenge = { 1 } } },
        { "LEAVE_OK", { .type = DGRAM_LEAVE_OK, .leave_ok = { 3 } } },
        { "GAP", { .type = DGRAM_GAP, .gap = { .chan_ref = 3, .n = 1, .reason = 1, .range = { { 1, 1000 } } } } },
        { "PUB_ACK", { .type = DGRAM_PUB_ACK, .pub_ack = { .n = 1, .ack = { { .pub_id = 1 } } } } },
        { "BEAT", { .type = DGRAM_BEAT, .beat = { .epoch = EPOCH, .head = 1000, .tail = 900 } } },
};

/* Wrong tags, with pktnos that would be good ones; tried for long. Then everything is as it was. */
static void blind(void **state)
{
        const struct forged_row *row = *state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        for (uint64_t i = 0; i < 1000; i++) {
                struct dgram_msg m = row->m;
                uint64_t tag = TAG + 1 + i * UINT64_C(0x9E3779B97F4A7C15);
                m.tag = m.type == DGRAM_RESET ? TAG : tag;
                m.pktno = 50 + (uint32_t)i;
                m.epoch = EPOCH;
                say(&e, m);
                assert_int_equal(e.said_n, 0);
        }
        quiet(&e);
        assert_int_equal(udp_client_stats(e.client).unknown_tag, 1000);
        assert_int_equal(e.client->state, UDP_UP);
        say_data(&e, TEA_TAG, 1);
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 1);
        say(&e, (struct dgram_msg){ .type = DGRAM_CLOSE }); /* the same from who knows the tag */
        next(&e, CLIENT_DOWN);
        end(&e);
}

/* ---- far ahead ---------------------------------------------------------------------------- */

/* He knows the room. Some are too far to be kept, some not. Each is a jump that only a PING and a BEAT could make
 * believed: nobody is asked for a thousand million events, nothing is told as lost, and what has its turn comes at
 * once. */
static void seqs_far_ahead(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        int nacks = 0, pings = 0;
        for (uint64_t i = 1; i <= 200; i++) {
                say_data(&e, TEA_TAG, i);
                assert_int_equal(next(&e, CLIENT_EVENT).seq, i);
                for (uint64_t k = 1; k <= 50; k++) {
                        say_data(&e, TEA_TAG, k % 2 ? i + 2000 + k * 1000 : (i * 50 + k) * UINT64_C(100003) + 70000);
                        nacks += said(&e, DGRAM_NACK) != NULL;
                        pings += said(&e, DGRAM_PING) != NULL;
                }
                pass(&e, 5);
                nacks += said(&e, DGRAM_NACK) != NULL;
                pings += said(&e, DGRAM_PING) != NULL;
        }
        assert_int_equal(nacks, 0);
        assert_in_range(pings, 1, 200);
        quiet(&e);
        end(&e);
}

/* Fragments of events that never are whole, of ever new seqs: so many have a place, and the stream goes on. */
static void fragments_without_an_end(void **state)
{
        (void)state;
        static const uint8_t part[DGRAM_FRAGMENT_BYTES];
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_UNORDERED);
        for (uint64_t i = 1; i <= 2000; i++) {
                struct dgram_msg m = data(TEA_TAG, 1000 + i % 900, 5000 + i % 900, 0);
                m.data.event_bytes = DGRAM_EVENT_MAX;
                m.data.frag_cnt = dgram_fragments(DGRAM_EVENT_MAX);
                m.data.frag_idx = (uint8_t)(i % 50);
                m.data.event = bytes_of(part, sizeof part);
                say(&e, m);
        }
        assert_true(udp_client_stats(e.client).no_place > 0);
        assert_in_range(e.client->parts.bytes, 0, 1 << 20);
        quiet(&e);
        say_data(&e, TEA_TAG, 1);
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 1);
        end(&e);
}

/* ---- a server that lies ------------------------------------------------------------------- */

enum { LIARS_ROOMS = 64, LIARS_REF = 10, LIARS_TAG = 5000, LIARS_EVENT = 1000 };

static struct dgram_msg large(uint64_t tag, uint64_t seq)
{
        static uint8_t event[LIARS_EVENT] = { 0x92, 0xA1, 'x', 0xC5, (LIARS_EVENT - 6) >> 8, (LIARS_EVENT - 6) & 0xFF };
        struct dgram_msg m = data(tag, seq, seq, 0);
        m.data.event = bytes_of(event, sizeof event);
        m.data.event_bytes = sizeof event;
        m.data.crc32c = crc32c(m.data.event);
        return m;
}

/* In every room a head beyond all counting, and ever more events, the first of which never comes: what waits for it
 * has its bound in a room and in all of them. Where the first does come, the rest is told. */
static void heads_and_firsts_that_never_come(void **state)
{
        (void)state;
        struct end e;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        for (uint32_t i = 0; i < LIARS_ROOMS; i++) {
                char name[8];
                snprintf(name, sizeof name, "room%u", i);
                int64_t call = udp_transport.join(e.client, e.now, bytes_text(name));
                hear(&e);
                join_ok(&e, (uint64_t)call, name, 0, LIARS_REF + i, LIARS_TAG + i, EPOCH, 1, DGRAM_COUNT_MAX);
                say_beat(&e, LIARS_TAG + i, DGRAM_COUNT_MAX);
        }
        struct client_event ev;
        while (udp_transport.next(e.client, &ev))
                ;
        for (uint32_t i = 0; i < LIARS_ROOMS; i++)
                for (uint64_t seq = 2; seq <= (i < 3 ? 17000 : 500); seq++)
                        say(&e, large(LIARS_TAG + i, seq));
        quiet(&e);
        const struct udp_feed *first = udp_room_tagged(e.client, LIARS_TAG);
        assert_in_range(first->held_bytes, UDP_HELD_BYTES_MAX - 2 * LIARS_EVENT, UDP_HELD_BYTES_MAX);
        assert_in_range(e.client->held_bytes, UDP_HELD_BYTES_TOTAL - 2 * LIARS_EVENT, UDP_HELD_BYTES_TOTAL);
        assert_in_range(first->gaps.holes_cap, 1, GAPS_RANGES_MAX);
        uint64_t held = first->held_n;
        say(&e, large(LIARS_TAG, 1));
        for (uint64_t seq = 1; seq <= held + 1; seq++)
                assert_int_equal(next(&e, CLIENT_EVENT).seq, seq);
        quiet(&e);
        assert_in_range(e.client->held_bytes, 1, UDP_HELD_BYTES_TOTAL - UDP_HELD_BYTES_MAX + 2 * LIARS_EVENT);
        udp_transport.bye(e.client, e.now);
        assert_int_equal(e.client->held_bytes, 0);
        end(&e);
}

/* Of the rooms that a session always has it says that they are left; and gives reasons that there are not. */
static void what_a_server_may_not_say(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        for (uint32_t ref = 0; ref <= 2; ref++)
                say(&e, (struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { ref } });
        static const uint16_t reasons[] = { 0, GAPS_TOO_BIG + 1, GAPS_TIMEOUT, 0x101 };
        for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
                say(&e, (struct dgram_msg){ .type = DGRAM_GAP, .gap = { 3, 1, reasons[i], { { 1, 1000 } } } });
        quiet(&e);
        say_data(&e, OWN_TAG, 1);
        say_data(&e, ALL_TAG, 1);
        say_data(&e, TEA_TAG, 1);
        for (int i = 0; i < 3; i++)
                assert_int_equal(next(&e, CLIENT_EVENT).seq, 1);
        quiet(&e);
        end(&e);
}

/* Seqs begin with 1, whatever ACCEPT says. */
static void rooms_that_begin_with_nothing(void **state)
{
        (void)state;
        struct end e;
        begin(&e, CLIENT_MODE_NACK_ORDERED);
        connect(&e);
        struct dgram_accept a = {
                .session_tag = TAG, .origin = ORIGIN, .id = bytes_text("me"), .nonce = e.client->nonce
        };
        a.own.tag = OWN_TAG;
        a.all.tag = ALL_TAG;
        say(&e, (struct dgram_msg){ .type = DGRAM_ACCEPT, .accept = a });
        next(&e, CLIENT_UP);
        say_data(&e, OWN_TAG, 1);
        say_data(&e, ALL_TAG, 1);
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 1);
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 1);
        quiet(&e);
        end(&e);
}

/* Fragments of one event that say different things of it are not of one event. */
static void a_fragment_with_another_flag(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_UNORDERED);
        struct dgram_msg m = large(TEA_TAG, 1);
        static uint8_t half[DGRAM_FRAGMENT_BYTES];
        m.data.event_bytes = 2 * DGRAM_FRAGMENT_BYTES;
        m.data.frag_cnt = 2;
        m.data.event = bytes_of(half, sizeof half);
        say(&e, m);
        m.flags = DGRAM_OWN;
        m.data.frag_idx = 1;
        say(&e, m);
        assert_int_equal(udp_client_stats(e.client).disputed, 1);
        assert_int_equal(udp_client_stats(e.client).bad_checksum, 0);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(seqs_far_ahead),
                cmocka_unit_test(fragments_without_an_end),
                cmocka_unit_test(heads_and_firsts_that_never_come),
                cmocka_unit_test(what_a_server_may_not_say),
                cmocka_unit_test(rooms_that_begin_with_nothing),
                cmocka_unit_test(a_fragment_with_another_flag),
        };
        int failed = RUN_ROWS("udp_forged blind", forgeries, blind);
        return failed + cmocka_run_group_tests_name("udp_forged", stories, NULL, NULL);
}
