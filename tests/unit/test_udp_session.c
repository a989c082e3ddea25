/* One session's stories, told in single messages. */
#include "tests/unit/udp_rig.h"

enum { OWN = 1 };

static void close_of(struct rig *r, struct rig_peer *p)
{
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_CLOSE });
        rig_hear(r, p);
}

/* ---- joining ------------------------------------------------------------------------------- */

static void a_fresh_join_starts_behind_the_head(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer a = rig_peer(1), b = rig_peer(2);
        rig_connect(r, &a);
        struct dgram_joined_room row = rig_join(r, &a, "tea", 0, 0);
        assert_int_equal(row.status, DGRAM_CODE_OK);
        assert_int_equal(row.chan_ref, 3);
        assert_int_equal(row.epoch, RIG_EPOCH);
        uint64_t seq = rig_publish(r, "tea", 10).seq;
        rig_connect(r, &b);
        row = rig_join(r, &b, "tea", 0, 0);
        assert_true(row.start > seq);
        /* Asked again it is the same channel with the same start. */
        rig_publish(r, "tea", 10);
        struct dgram_joined_room again = rig_join(r, &b, "tea", 0, 0);
        assert_int_equal(again.chan_ref, row.chan_ref);
        assert_int_equal(again.start, row.start);
        assert_true(again.tag == row.tag);
        rig_stop(r);
}

static void refs_are_never_used_again(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        uint32_t first = rig_in_tea(r, &p).chan_ref;
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { first } });
        rig_hear(r, &p);
        assert_non_null(rig_said(r, DGRAM_LEAVE_OK, 0));
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 0);
        assert_true(rig_join(r, &p, "tea", 0, 0).chan_ref > first);
        /* The LEAVE once more, late: it is the old channel's. */
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { first } });
        rig_hear(r, &p);
        assert_non_null(rig_said(r, DGRAM_LEAVE_OK, 0));
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 1);
        rig_stop(r);
}

static void a_join_overtaken_by_a_leave_is_stale(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        uint32_t ref = rig_in_tea(r, &p).chan_ref;
        p.pktno = 10;
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { ref } });
        rig_hear(r, &p);
        p.pktno = 5;
        assert_int_equal(rig_join(r, &p, "tea", 0, 0).status, 999);
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 0);
        p.pktno = 20;
        assert_int_equal(rig_join(r, &p, "tea", 0, 0).status, DGRAM_CODE_OK);
        rig_stop(r);
}

static void own_and_everyone_cannot_be_left(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        for (uint32_t ref = 0; ref <= 9; ref += ref < 2 ? 1 : 7) {
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { ref } });
                rig_hear(r, &p);
                assert_non_null(rig_said(r, DGRAM_ERROR, 0));
                assert_int_equal(rig_said(r, DGRAM_ERROR, 0)->error.code, DGRAM_CODE_NO_CHANNEL);
        }
        rig_stop(r);
}

/* ---- publishing ---------------------------------------------------------------------------- */

struct pub_row {
        const char *name;
        uint32_t ref;
        uint16_t flags;
        struct {
                const char *at;
                size_t n;
        } event;
        uint16_t status;
        bool by_event; /* the answer comes as an event */
        int heard;     /* DATA that come back to the sender, answers left out */
};

#define EVENT(s)                \
        {                       \
                s, sizeof s - 1 \
        }

static const struct pub_row pubs[] = {
        { "an event for everyone", 0, 0, EVENT("\x92\xa1x\x01"), DGRAM_CODE_OK, false, 1 },
        { "a call with an answer", 0, 0, EVENT("\x92\xa3who\xa3tea"), DGRAM_CODE_OK, true, 0 },
        { "a call that the application refuses", 0, 0, EVENT("\x93\xa2in\xa3tea\xa5hello"), DGRAM_CODE_OK, true, 0 },
        { "to a room, without it coming back", 3, 0, EVENT("\x92\xa1x\x01"), DGRAM_CODE_OK, false, 1 },
        { "to a room, its own too", 3, DGRAM_PUB_OWN, EVENT("\x92\xa1x\x01"), DGRAM_CODE_OK, false, 1 },
        { "to no channel", 9, 0, EVENT("\x92\xa1x\x01"), DGRAM_CODE_NO_CHANNEL, false, 0 },
        { "the server's own name", 3, 0, EVENT("\x92\xa3gap\x01"), DGRAM_CODE_MALFORMED, false, 0 },
        { "joining is a message of its own", 0, 0, EVENT("\x92\xa4join\xa1x"), DGRAM_CODE_MALFORMED, false, 0 },
        { "not an array", 0, 0, EVENT("\xa1x"), DGRAM_CODE_MALFORMED, false, 0 },
        { "not msgpack", 0, 0, EVENT("\xc1"), DGRAM_CODE_MALFORMED, false, 0 },
        { "an array that claims 4 billion", 0, 0, EVENT("\xdd\xff\xff\xff\xff"), DGRAM_CODE_MALFORMED, false, 0 },
};

static void run_pub(void **state)
{
        const struct pub_row *row = *state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        struct bytes event = bytes_of(row->event.at, row->event.n);
        struct dgram_ack ack = rig_pub(r, &p, 1, row->ref, row->flags, event);
        assert_int_equal(ack.pub_id, 1);
        assert_int_equal(ack.status, row->status);
        assert_int_equal(ack.chan_ref == OWN, row->by_event);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), row->heard + row->by_event);
        const struct dgram_msg *m = rig_said(r, DGRAM_DATA, 0);
        if (m && !row->by_event) {
                assert_int_equal(m->data.origin, p.accept.origin);
                assert_int_equal(!!(m->flags & DGRAM_OWN), row->ref == 0 || row->flags & DGRAM_PUB_OWN);
                assert_int_equal(m->data.eid, ack.eid);
        } else if (m) {
                assert_int_equal(m->data.seq, ack.seq);
                assert_int_equal(m->data.origin, 0);
        }
        /* The same id again: the same answer, nothing done. */
        struct dgram_ack again = rig_pub(r, &p, 1, row->ref, row->flags, event);
        assert_int_equal(again.status, ack.status == DGRAM_CODE_OK ? DGRAM_CODE_DUPLICATE : ack.status);
        assert_int_equal(again.eid, ack.eid);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 0);
        rig_stop(r);
}

static void publishes_are_known_after_a_reconnect(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        struct dgram_ack ack = rig_pub(r, &p, 1, 0, 0, TEXT("\x92\xa1x\x01"));
        struct rig_peer back = rig_peer(1);
        back.addr = rig_addr(9, 9);
        back.nonce = 5;
        rig_connect(r, &back);
        struct dgram_ack again = rig_pub(r, &back, 1, 0, 0, TEXT("\x92\xa1x\x01"));
        assert_int_equal(again.status, DGRAM_CODE_DUPLICATE);
        assert_int_equal(again.eid, ack.eid);
        assert_int_equal(back.accept.origin, p.accept.origin);
        rig_stop(r);
}

/* ---- going and coming back ----------------------------------------------------------------- */

static void a_newer_session_of_the_instance_takes_over(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1), back = rig_peer(1);
        back.addr = rig_addr(9, 9);
        back.nonce = 5;
        rig_connect(r, &p);
        uint64_t start = rig_join(r, &p, "tea", 0, 0).start;
        rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        uint8_t out[DGRAM_BYTES_MAX];
        struct dgram_cookie proof;
        rig_cookie(r, &back, &proof);
        rig_raw(r, &back.addr, out, rig_connect_bytes(&back, &proof, "/", out));
        rig_hear(r, &p);
        assert_int_equal(r->said[r->said_n - 1].type, DGRAM_CLOSE);
        assert_int_equal(r->said[r->said_n - 1].close.code, DGRAM_CODE_OK); /* nothing is wrong */
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        /* Its last CONNECT once more brings ACCEPT, with the same id, and it goes on where it was. */
        rig_connect(r, &back);
        assert_true(rig_said(r, DGRAM_ACCEPT, 0)->flags & DGRAM_RECOVERED);
        assert_memory_equal(back.id, p.id, APP_ID_CHARS);
        rig_publish(r, "tea", 10);
        rig_hear(r, &back);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 0); /* not before it has said from where */
        struct dgram_joined_room row = rig_join(r, &back, "tea", RIG_EPOCH, start - 1);
        assert_int_equal(row.start, start);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 0); /* nor before all rooms */
        char id[APP_ID_CHARS + 1] = { 0 };
        memcpy(id, back.id, APP_ID_CHARS);
        rig_join(r, &back, id, RIG_EPOCH, back.accept.own.head);
        rig_join(r, &back, "", RIG_EPOCH, back.accept.all.head);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 3); /* `joined` and both events */
        assert_int_equal(rig_said(r, DGRAM_DATA, 0)->data.seq, start);
        rig_stop(r);
}

static void silence_ends_the_session_and_keeps_the_instance(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        rig_pass(r, 30001);
        rig_hear(r, &p);
        rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        assert_int_equal(rig_count_said(r, DGRAM_DATA), 0); /* no consent any more */
        rig_pass(r, 30000);
        rig_hear(r, &p);
        assert_int_equal(udp_gate_sessions(r->gate), 0);
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 1);
        p.nonce++;
        rig_connect(r, &p);
        assert_true(rig_said(r, DGRAM_ACCEPT, 0)->flags & DGRAM_RECOVERED);
        struct dgram_joined_room back = rig_join(r, &p, "tea", RIG_EPOCH, row.start - 1);
        assert_int_equal(back.start, row.start);
        assert_true(back.tag == row.tag);
        close_of(r, &p);
        p.nonce++;
        rig_connect(r, &p); /* after goodbye it is someone new */
        assert_false(rig_said(r, DGRAM_ACCEPT, 0)->flags & DGRAM_RECOVERED);
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 0);
        rig_stop(r);
}

static void an_instance_is_forgotten_in_the_end(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        rig_pass(r, 61000);
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 1);
        rig_pass(r, 121000);
        assert_int_equal(hub_room_members(r->hub, bytes_text("tea")), 0);
        rig_stop(r);
}

struct resume_row {
        const char *name;
        uint32_t epoch;
        int64_t contig; /* relative to the first of five events that were published */
        int64_t start;
};

static const struct resume_row resumes[] = {
        { "from the middle", RIG_EPOCH, 1, 2 },
        { "from the first", RIG_EPOCH, -1, 0 },
        { "zero means from the first that was for it, never new", RIG_EPOCH, INT64_MIN, -1 },
        { "nothing was missed", RIG_EPOCH, 4, 5 },
        { "ahead of the log", RIG_EPOCH, 99, 5 },
        { "another log", RIG_EPOCH + 1, 1, 5 },
        { "fresh", 0, 0, 5 },
};

static void run_resume(void **state)
{
        const struct resume_row *row = *state;
        struct rig *r = rig_start();
        struct rig_peer p;
        rig_in_tea(r, &p);
        uint64_t first = rig_publish(r, "tea", 10).seq;
        for (int i = 1; i < 5; i++)
                rig_publish(r, "tea", 10);
        rig_hear(r, &p);
        p.nonce++;
        rig_connect(r, &p);
        uint64_t contig = row->contig == INT64_MIN ? 0 : first + (uint64_t)row->contig;
        struct dgram_joined_room back = rig_join(r, &p, "tea", row->epoch, contig);
        assert_int_equal(back.status, DGRAM_CODE_OK);
        assert_int_equal(back.start, first + (uint64_t)row->start);
        assert_int_equal(back.head, first + 4);
        rig_stop(r);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void a_replayed_message_does_nothing(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        struct dgram_msg m = { .type = DGRAM_PING, .tag = p.tag, .pktno = 7 };
        uint8_t out[DGRAM_BYTES_MAX];
        size_t n = rig_pack(&m, out);
        for (int i = 0; i < 2; i++) {
                rig_raw(r, &p.addr, out, n);
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_PONG), i == 0);
        }
        assert_int_equal(RIG_COUNT(r, replayed), 1);
        rig_stop(r);
}

static void later_levels_are_passed_over(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        uint8_t out[DGRAM_BYTES_MAX];
        size_t n = rig_pack(&(struct dgram_msg){ .type = DGRAM_PING, .tag = p.tag, .pktno = 1 }, out);
        memcpy(out + n, out, n);
        out[3] = DGRAM_PROBE;
        out[n + 23] = 2; /* pktno */
        rig_raw(r, &p.addr, out, 2 * n);
        rig_hear(r, &p);
        assert_int_equal(RIG_COUNT(r, level_2), 1);
        assert_int_equal(rig_count_said(r, DGRAM_PONG), 1);
        rig_stop(r);
}

static void shutdown_tells_everybody(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer a = rig_peer(1), b = rig_peer(2);
        rig_connect(r, &a);
        rig_connect(r, &b);
        udp_gate_close(r->gate, r->now, DGRAM_CODE_SHUTDOWN);
        rig_hear(r, &b);
        assert_int_equal(r->said_n, 1);
        assert_int_equal(r->said[0].type, DGRAM_CLOSE);
        assert_int_equal(r->said[0].close.code, DGRAM_CODE_SHUTDOWN);
        assert_int_equal(udp_gate_sessions(r->gate), 0);
        rig_stop(r);
}

/* A turn that came late has all that was said meanwhile. */
static void what_cannot_be_answered_at_once_is_as_good_as_lost(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        for (int i = 0; i < 1000; i++)
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PING });
        uint64_t passed_over = RIG_COUNT(r, no_place);
        assert_in_range(passed_over, 1, 999);
        rig_hear(r, &p);
        int answers = 0;
        for (int i = 0; i < r->said_n; i++)
                answers += r->said[i].type == DGRAM_PONG;
        assert_int_equal(answers, 1000 - passed_over);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PING });
        rig_hear(r, &p);
        assert_int_equal(r->said[0].type, DGRAM_PONG);
        assert_int_equal(RIG_COUNT(r, private_full), 0);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        for (int i = 0; i < 1000; i++)
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PING });
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_CLOSE });
        rig_hear(r, &p);
        assert_int_equal(udp_gate_sessions(r->gate), 0);
        rig_stop(r);
}

/* Each REPORT measures the round trip anew: with nothing sent, all those PINGs are still to be said. */
static void reports_while_the_socket_is_full_end_no_session(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        for (int i = 0; i < 500; i++) {
                rig_pass(r, 10);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_REPORT, .report = { .chan_ref = 1 } });
        }
        assert_int_equal(RIG_COUNT(r, private_full), 0);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        rig_hear(r, &p);
        assert_true(rig_count_said(r, DGRAM_PING) > 0);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_fresh_join_starts_behind_the_head),
                cmocka_unit_test(refs_are_never_used_again),
                cmocka_unit_test(a_join_overtaken_by_a_leave_is_stale),
                cmocka_unit_test(own_and_everyone_cannot_be_left),
                cmocka_unit_test(publishes_are_known_after_a_reconnect),
                cmocka_unit_test(a_newer_session_of_the_instance_takes_over),
                cmocka_unit_test(silence_ends_the_session_and_keeps_the_instance),
                cmocka_unit_test(an_instance_is_forgotten_in_the_end),
                cmocka_unit_test(a_replayed_message_does_nothing),
                cmocka_unit_test(later_levels_are_passed_over),
                cmocka_unit_test(shutdown_tells_everybody),
                cmocka_unit_test(what_cannot_be_answered_at_once_is_as_good_as_lost),
                cmocka_unit_test(reports_while_the_socket_is_full_end_no_session),
        };
        int failed = RUN_ROWS("udp_session publishes", pubs, run_pub);
        failed += RUN_ROWS("udp_session resumes", resumes, run_resume);
        return failed + cmocka_run_group_tests_name("udp_session", stories, NULL, NULL);
}
