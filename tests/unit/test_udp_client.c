/* The UDP client connects, hears and asks. */
#include "tests/unit/udp_client_rig.h"

/* ---- connecting ---------------------------------------------------------------------------- */

static void the_way_up(void **state)
{
        (void)state;
        struct end e;
        begin(&e, CLIENT_MODE_RAW);
        connect(&e);
        accept(&e, 0, EPOCH, 1, 1);
        struct client_event ev = next(&e, CLIENT_UP);
        assert_int_equal(ev.id.n, 2);
        assert_false(ev.recovered);
        pass(&e, 0);
        assert_non_null(said(&e, DGRAM_PING));
        assert_int_equal(said(&e, DGRAM_PING)->tag, TAG);
        assert_int_equal(udp_transport.wish(e.client), CLIENT_HOLD);
        end(&e);
}

static void nobody_answers(void **state)
{
        (void)state;
        struct end e;
        begin(&e, CLIENT_MODE_RAW);
        udp_transport.opened(e.client, e.now);
        hear(&e);
        uint32_t at = e.said_n > 0; /* seconds, as bits */
        int s = 0;
        for (; s < 60 && udp_transport.wish(e.client) == CLIENT_HOLD; s++) {
                pass(&e, 1000);
                at |= (uint32_t)(e.said_n > 0) << (s + 1);
        }
        assert_int_equal(at, 1 << 0 | 1 << 1 | 1 << 3 | 1 << 7 | 1 << 11);
        assert_int_equal(s, 15);
        assert_string_equal(next(&e, CLIENT_DOWN).reason, "no answer");
        assert_int_equal(udp_transport.wish(e.client), CLIENT_CLOSE);
        udp_transport.closed(e.client, e.now, "closed");
        pass(&e, 10000);
        assert_int_equal(udp_transport.wish(e.client), CLIENT_OPEN);
        quiet(&e);
        end(&e);
}

/* With a cookie, but no ACCEPT: said again as rarely, and at last with another cookie, as this one may be too old. */
static void nobody_accepts(void **state)
{
        (void)state;
        struct end e;
        uint32_t at = 1;
        begin(&e, CLIENT_MODE_RAW);
        connect(&e);
        for (int s = 1; s <= 10; s++) {
                pass(&e, 1000);
                assert_true(e.said_n == 0 || e.said[0].type == DGRAM_CONNECT);
                at |= (uint32_t)(e.said_n > 0) << s;
        }
        assert_int_equal(at, 1 << 0 | 1 << 1 | 1 << 3 | 1 << 7);
        pass(&e, 1000);
        assert_non_null(said(&e, DGRAM_HELLO));
        quiet(&e);
        end(&e);
}

/* A server that lets nobody in is asked ever more rarely: about 0.1 s after the first time, every 5 s in the end. */
static void refused_again_and_again(void **state)
{
        (void)state;
        struct end e;
        begin(&e, CLIENT_MODE_RAW);
        int64_t wait_ms = 0;
        for (int i = 1; i <= 12; i++) {
                connect(&e);
                say(&e, (struct dgram_msg){ .type = DGRAM_ERROR,
                                            .tag = e.client->nonce,
                                            .error = { DGRAM_CODE_FULL, DGRAM_CONNECT, 0 } });
                next(&e, CLIENT_DOWN);
                udp_transport.closed(e.client, e.now, "closed");
                for (wait_ms = 0; udp_transport.wish(e.client) != CLIENT_OPEN; wait_ms++)
                        pass(&e, 1);
                assert_in_range(wait_ms, i < 6 ? 50 << i : 2500, i < 6 ? 151 << i : 7500);
        }
        end(&e);
}

static void forged_answers_are_passed_over(void **state)
{
        (void)state;
        struct end e;
        begin(&e, CLIENT_MODE_RAW);
        udp_transport.opened(e.client, e.now);
        hear(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_COOKIE, .cookie = { e.client->nonce + 1, 1, 2, { 3 } } });
        assert_int_equal(e.said_n, 0);
        say(&e, (struct dgram_msg){ .type = DGRAM_COOKIE, .cookie = { e.client->nonce, 1, 2, { 3 } } });
        assert_int_equal(e.said[0].type, DGRAM_CONNECT);
        uint64_t nonce = e.client->nonce;
        struct dgram_msg m = { .type = DGRAM_ACCEPT, .accept = { .session_tag = TAG, .nonce = nonce + 1 } };
        say(&e, m);
        quiet(&e);
        m.accept.nonce = nonce;
        say(&e, m);
        next(&e, CLIENT_UP);
        end(&e);
}

static void a_refusal_has_words(void **state)
{
        (void)state;
        struct end e;
        begin(&e, CLIENT_MODE_RAW);
        connect(&e);
        say(&e,
            (struct dgram_msg){ .type = DGRAM_ERROR, .tag = e.client->nonce + 1, .error = { DGRAM_CODE_FULL, 3, 0 } });
        quiet(&e);
        say(&e, (struct dgram_msg){ .type = DGRAM_ERROR, .tag = e.client->nonce, .error = { DGRAM_CODE_FULL, 3, 0 } });
        struct client_event ev = next(&e, CLIENT_DOWN);
        assert_string_equal(ev.reason, "full");
        assert_false(ev.final);
        end(&e);
}

static void another_version_is_final(void **state)
{
        (void)state;
        struct end e;
        begin(&e, CLIENT_MODE_RAW);
        udp_transport.opened(e.client, e.now);
        hear(&e);
        say(&e, (struct dgram_msg){
                        .type = DGRAM_COOKIE, .flags = DGRAM_VERSION_UNKNOWN, .cookie = { .nonce = e.client->nonce } });
        assert_true(next(&e, CLIENT_DOWN).final);
        udp_transport.closed(e.client, e.now, "closed");
        assert_int_equal(udp_transport.wish(e.client), CLIENT_HOLD);
        assert_true(mono_is_never(udp_transport.deadline(e.client)));
        assert_int_equal(udp_transport.call(e.client, e.now, bytes_text("\x91\xa1x")), ERR_CLOSED);
        end(&e);
}

/* ---- events in each mode ------------------------------------------------------------------- */

struct mode_row {
        const char *name;
        enum client_mode mode;
        int seqs[8];     /* as they come */
        uint64_t told;   /* at once */
        bool asked;      /* a NACK goes out by then */
        uint64_t in_end; /* told when the hole is over; 99: a gap */
};

static const struct mode_row modes[] = {
        { "raw, in order", CLIENT_MODE_RAW, { 1, 2, 3 }, 10203, false, 0 },
        { "ordered, in order", CLIENT_MODE_NACK_ORDERED, { 1, 2, 3 }, 10203, false, 0 },
        { "raw with a hole tells on arrival", CLIENT_MODE_RAW, { 1, 3, 4, 5, 6 }, 103040506, false, 99 },
        { "unordered with a hole tells on arrival", CLIENT_MODE_NACK_UNORDERED, { 1, 3, 4, 5 }, 1030405, true, 99 },
        { "ordered with a hole holds back", CLIENT_MODE_NACK_ORDERED, { 1, 3, 4, 5 }, 1, true, 99030405 },
        { "a late one fills the hole", CLIENT_MODE_NACK_ORDERED, { 1, 3, 2, 4 }, 1020304, false, 0 },
        { "doubles are told once", CLIENT_MODE_NACK_UNORDERED, { 1, 1, 2, 1, 2 }, 102, false, 0 },
        { "a hole of several", CLIENT_MODE_NACK_ORDERED, { 4, 5, 6 }, 0, true, 99040506 },
};

static void run_mode(void **state)
{
        const struct mode_row *row = *state;
        struct end e;
        bool asked = false;
        up(&e, row->mode);
        for (int i = 0; i < 8 && row->seqs[i]; i++) {
                say_data(&e, ALL_TAG, (uint64_t)row->seqs[i]);
                asked |= said(&e, DGRAM_NACK) != NULL;
        }
        assert_int_equal(told_seqs(&e), row->told);
        assert_int_equal(asked, row->asked);
        for (int i = 0; i < 20; i++) { /* the server is there, and says so */
                pass(&e, 1000);
                say_beat(&e, ALL_TAG, 0);
        }
        assert_int_equal(told_seqs(&e), row->in_end);
        end(&e);
}

static void asked_and_repaired(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        int64_t hole = e.now.ns;
        say_data(&e, TEA_TAG, 2);
        say_data(&e, TEA_TAG, 5);
        assert_null(said(&e, DGRAM_NACK));
        pass(&e, 2);
        const struct dgram_msg *m = said(&e, DGRAM_NACK);
        assert_non_null(m);
        assert_int_equal(m->nack.chan_ref, 3);
        assert_int_equal(m->nack.contig, 0);
        assert_int_equal(m->nack.n, 2);
        assert_int_equal(m->nack.range[0].from, 1);
        assert_int_equal(m->nack.range[1].from, 3);
        assert_int_equal(m->nack.range[1].to, 4);
        pass(&e, 5);
        say_data(&e, TEA_TAG, 1);
        struct client_event ev = next(&e, CLIENT_EVENT);
        assert_true(ev.recovered);
        assert_int_equal(ev.gap_opened_ns, hole);
        assert_int_equal(ev.room.n, 3);
        assert_int_equal(ev.eid, 101);
        assert_int_equal(ev.epoch, EPOCH);
        assert_false(next(&e, CLIENT_EVENT).recovered);
        quiet(&e);
        pass(&e, 30); /* the rest is asked for once more */
        m = said(&e, DGRAM_NACK);
        assert_int_equal(m->nack.tries, 2);
        assert_int_equal(m->nack.n, 1);
        assert_int_equal(m->nack.range[0].from, 3);
        assert_int_equal(udp_transport.stats(e.client).lost_first_try, 3);
        end(&e);
}

static void a_gap_is_told_in_its_place(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_data(&e, TEA_TAG, 1);
        say_data(&e, TEA_TAG, 4);
        say(&e, (struct dgram_msg){ .type = DGRAM_GAP, .gap = { 3, 1, GAPS_EVICTED, { { 2, 3 } } } });
        next(&e, CLIENT_EVENT);
        struct client_event ev = next(&e, CLIENT_GAP);
        assert_int_equal(ev.from, 2);
        assert_int_equal(ev.to, 3);
        assert_int_equal(ev.unit, CLIENT_UNIT_SEQ);
        assert_string_equal(ev.reason, "evicted");
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 4);
        /* What is not meant for it is passed over without a word. */
        say(&e, (struct dgram_msg){ .type = DGRAM_GAP, .gap = { 3, 1, GAPS_EXCLUDED, { { 5, 9 } } } });
        say_data(&e, TEA_TAG, 10);
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 10);
        quiet(&e);
        end(&e);
}

static void its_own_come_back_only_with_own(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say(&e, data(TEA_TAG, 1, 101, ORIGIN));
        quiet(&e);
        struct dgram_msg m = data(TEA_TAG, 2, 102, ORIGIN);
        m.flags = DGRAM_OWN;
        say(&e, m);
        assert_int_equal(next(&e, CLIENT_EVENT).seq, 2);
        quiet(&e);
        end(&e);
}

static void an_event_of_two_rooms_is_told_once(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        for (int i = 0; i < 2; i++) {
                struct dgram_msg m = data(i ? TEA_TAG : ALL_TAG, 1, 55, 0);
                m.flags = DGRAM_MULTI;
                say(&e, m);
        }
        assert_int_equal(next(&e, CLIENT_EVENT).eid, 55);
        quiet(&e);
        end(&e);
}

static void what_is_not_right_is_not_told(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_UNORDERED);
        struct dgram_msg m = data(TEA_TAG, 1, 101, 0);
        m.data.crc32c ^= 1;
        say(&e, m);
        m = data(TEA_TAG, 1, 101, 0);
        m.data.epoch++;
        say(&e, m);
        m = data(TEA_TAG + 50, 1, 101, 0);
        say(&e, m);
        m = data(TEA_TAG, 1, 101, 0);
        m.data.event = bytes_of("\x93\xa1x\x01", 4); /* an array cut short */
        m.data.crc32c = crc32c(m.data.event);
        say(&e, m);
        quiet(&e);
        struct udp_client_stats more = udp_client_stats(e.client);
        assert_int_equal(more.bad_checksum, 1);
        assert_int_equal(more.unknown_tag, 1);
        assert_int_equal(udp_transport.stats(e.client).wrong_epoch, 1);
        assert_int_equal(udp_transport.stats(e.client).malformed, 1);
        say_data(&e, TEA_TAG, 1); /* none of these counted as arrived */
        next(&e, CLIENT_EVENT);
        say(&e, (struct dgram_msg){ .type = DGRAM_BEAT, .tag = TEA_TAG, .beat = { .epoch = EPOCH + 1, .head = 9 } });
        pass(&e, 200);
        assert_null(said(&e, DGRAM_NACK)); /* nothing is missing: that was of another log */
        assert_int_equal(udp_transport.stats(e.client).wrong_epoch, 2);
        end(&e);
}

static void a_jump_asks_for_a_ping_first(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_UNORDERED);
        say_data(&e, TEA_TAG, 1);
        pass(&e, 10);
        say_data(&e, TEA_TAG, 5000);
        for (int i = 0; i < 4; i++)
                say_data(&e, TEA_TAG, 5001 + (uint64_t)i);
        assert_null(said(&e, DGRAM_NACK));
        pass(&e, 1);
        assert_null(said(&e, DGRAM_NACK));
        assert_non_null(said(&e, DGRAM_PING));
        struct dgram_msg ping = *said(&e, DGRAM_PING);
        say_beat(&e, TEA_TAG, 5004); /* not after a PONG: not believed */
        pass(&e, 30);
        assert_null(said(&e, DGRAM_NACK));
        say(&e, (struct dgram_msg){ .type = DGRAM_PONG, .pong = { ping.ping.t1, 1, 1 } });
        say_beat(&e, TEA_TAG, 5004);
        pass(&e, 10);
        assert_non_null(said(&e, DGRAM_NACK));
        assert_int_equal(said(&e, DGRAM_NACK)->nack.range[0].from, 2);
        assert_int_equal(said(&e, DGRAM_NACK)->nack.range[0].to, 4999);
        end(&e);
}

/* On one machine a round trip is 40 us or 250, as it comes: the way is the same. */
static void a_short_way_is_not_measured_for_ever(void **state)
{
        (void)state;
        struct end e;
        int pings = 0;
        up(&e, CLIENT_MODE_NACK_ORDERED);
        e.client->ping_due = e.now;
        struct mono until = mono_add(e.now, NS_PER_S);
        for (; mono_before(e.now, until); e.now = udp_transport.deadline(e.client)) {
                pass(&e, 0);
                const struct dgram_msg *ping = said(&e, DGRAM_PING);
                if (ping) {
                        uint64_t t1 = ping->ping.t1;
                        e.now = mono_add(e.now, (pings++ % 4 ? 250 : 40) * NS_PER_US);
                        say(&e, (struct dgram_msg){ .type = DGRAM_PONG, .pong = { t1, 1, 1 } });
                }
        }

        assert_in_range(pings, 1, 12);
        end(&e);
}

static void a_report_follows_the_last_beat(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say_data(&e, TEA_TAG, 1);
        say_beat(&e, TEA_TAG, 1);
        const struct dgram_msg *m = said(&e, DGRAM_REPORT);
        assert_non_null(m);
        assert_int_equal(m->report.contig, 1);
        assert_int_equal(m->report.chan_ref, 3);
        assert_int_equal(m->report.received, 1);
        say_beat(&e, TEA_TAG, 1);
        assert_null(said(&e, DGRAM_REPORT)); /* said once */
        say_data(&e, TEA_TAG, 2);
        pass(&e, 999);
        assert_null(said(&e, DGRAM_REPORT));
        pass(&e, 1);
        assert_int_equal(said(&e, DGRAM_REPORT)->report.contig, 2);
        end(&e);
}

/* The server says it every few seconds; people need be told once. Only about REPORT it is meant so. */
static void advised_once(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        say(&e, (struct dgram_msg){ .type = DGRAM_ERROR, .error = { DGRAM_CODE_SLOW, DGRAM_JOIN, 1 } });
        say(&e, (struct dgram_msg){ .type = DGRAM_ERROR, .error = { DGRAM_CODE_MALFORMED, DGRAM_REPORT, 1 } });
        quiet(&e);
        for (int i = 0; i < 3; i++)
                say(&e, (struct dgram_msg){ .type = DGRAM_ERROR, .error = { DGRAM_CODE_SLOW, DGRAM_REPORT, 0 } });
        next(&e, CLIENT_ADVICE);
        quiet(&e);
        assert_int_equal(e.client->state, UDP_UP);
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(the_way_up),
                cmocka_unit_test(nobody_answers),
                cmocka_unit_test(nobody_accepts),
                cmocka_unit_test(refused_again_and_again),
                cmocka_unit_test(forged_answers_are_passed_over),
                cmocka_unit_test(a_refusal_has_words),
                cmocka_unit_test(another_version_is_final),
                cmocka_unit_test(asked_and_repaired),
                cmocka_unit_test(a_gap_is_told_in_its_place),
                cmocka_unit_test(its_own_come_back_only_with_own),
                cmocka_unit_test(an_event_of_two_rooms_is_told_once),
                cmocka_unit_test(what_is_not_right_is_not_told),
                cmocka_unit_test(a_jump_asks_for_a_ping_first),
                cmocka_unit_test(a_short_way_is_not_measured_for_ever),
                cmocka_unit_test(a_report_follows_the_last_beat),
                cmocka_unit_test(advised_once),
        };
        return RUN_ROWS("udp_client modes", modes, run_mode) +
               cmocka_run_group_tests_name("udp_client", stories, NULL, NULL);
}
