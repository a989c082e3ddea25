/* What somebody who was let in can do to the server: come and go, ask and ask, and lie. */
#include "tests/unit/udp_rig.h"
#include "udp_server/udp_session_inside.h"

/* ---- coming and going --------------------------------------------------------------------- */

/* Comes from that address with that nonce, as an instance of its own. */
static void come(struct rig *r, struct udp_addr addr, uint64_t nonce)
{
        struct rig_peer p = { .addr = addr, .nonce = nonce };
        struct dgram_cookie proof;
        uint8_t out[DGRAM_BYTES_MAX];
        memcpy(p.instance, &nonce, sizeof nonce);
        rig_cookie(r, &p, &proof);
        rig_raw(r, &addr, out, rig_connect_bytes(&p, &proof, "/", out));
        rig_hear_only(r, &addr, UDP_BATCH_DATAGRAMS);
}

/* Each newcomer puts out the one before, who leaves an instance behind: one address at a time, and 8 may have it. */
static void one_address_begins_so_many(void **state)
{
        (void)state;
        struct rig *r = rig_start_gate((struct udp_gate_config){ .per_ip_max = 8, .hellos_per_s = 10000 });
        for (uint64_t nonce = 1; nonce <= 1000; nonce++)
                come(r, rig_addr(1, 1), nonce);
        assert_int_equal(RIG_COUNT(r, accepted), 4 * 8);
        assert_int_equal(RIG_COUNT(r, begun_often), 1000 - 4 * 8);
        assert_int_equal(udp_gate_sessions(r->gate), 1); /* the last that was let in is still there */
        come(r, rig_addr(2, 1), 1001);                   /* nor does anybody else wait */
        assert_int_equal(RIG_COUNT(r, accepted), 4 * 8 + 1);
        rig_pass(r, 10000);
        for (uint64_t nonce = 2001; nonce <= 2100; nonce++)
                come(r, rig_addr(1, 1), nonce);
        assert_int_equal(RIG_COUNT(r, accepted), 4 * 8 + 1 + 8);
        for (uint64_t nonce = 3001; nonce <= 3100; nonce++) /* the machine's own are not counted */
                come(r, (struct udp_addr){ .ip = { [15] = 1 }, .port = { 1 } }, nonce);
        assert_int_equal(RIG_COUNT(r, accepted), 4 * 8 + 1 + 8 + 100);
        rig_stop(r);
}

/* Whoever copies a CONNECT on the way cannot have its session closed for what it did not ask for. */
static void a_thousand_copies_of_a_connect(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        struct dgram_cookie proof;
        uint8_t out[DGRAM_BYTES_MAX];
        rig_connect(r, &p);
        rig_cookie(r, &p, &proof);
        size_t n = rig_connect_bytes(&p, &proof, "/", out);
        for (int i = 0; i < 1000; i++)
                rig_raw(r, &p.addr, out, n);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PING }); /* it goes on as if nothing had been */
        rig_hear(r, &p);
        assert_in_range(rig_count_said(r, DGRAM_ACCEPT), 1, 100);
        assert_int_equal(rig_count_said(r, DGRAM_PONG), 1);
        assert_int_equal(rig_count_said(r, DGRAM_CLOSE), 0);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        rig_stop(r);
}

static void publish(struct rig *r, struct rig_peer *p, uint64_t id)
{
        struct dgram_pub pub = { .pub_id = id, .chan_ref = UDP_REF_ALL, .frag_cnt = 1, .event_bytes = 3 };
        pub.event = bytes_of("\x91\xa1x", 3);
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = pub });
        if (id % 16 == 0)
                rig_hear(r, p);
}

/* Who comes anew has no full bucket: a thousand events at once are for whoever has been here for a while. */
static void a_newcomer_has_saved_nothing(void **state)
{
        (void)state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        app_limits(r->app)->events = bucket_rule(1000, 1000);
        rig_connect(r, &p);
        for (uint64_t id = 1; id <= 600; id++)
                publish(r, &p, id);
        assert_int_equal(RIG_COUNT(r, published), 500);
        rig_pass(r, 2000);
        for (uint64_t id = 601; id <= 1600; id++)
                publish(r, &p, id);
        assert_int_equal(RIG_COUNT(r, published), 1500);
        rig_stop(r);
}

/* ---- asking ------------------------------------------------------------------------------- */

static const struct asking_row {
        const char *name;
        struct dgram_msg m;
} askings[] = {
        { "NACK", { .type = DGRAM_NACK, .nack = { .chan_ref = 2, .n = 1, .range = { { 1, 1 } } } } },
        { "REPORT", { .type = DGRAM_REPORT, .report = { .chan_ref = 2 } } },
        { "RESPONSE", { .type = DGRAM_RESPONSE, .response = { 1 } } },
        { "PONG", { .type = DGRAM_PONG, .pong = { 1, 1, 1 } } },
        { "LEAVE", { .type = DGRAM_LEAVE, .leave = { 2 } } },
        { "PING", { .type = DGRAM_PING, .ping = { 1 } } },
        { "CHALLENGE", { .type = DGRAM_CHALLENGE, .challenge = { 1 } } },
};

/* 20,000 in two seconds: a second's worth is dealt with at once, then a second's worth a second; and a PUB all the
 * time. */
static void asks_too_often(void **state)
{
        const struct asking_row *row = *state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        for (uint64_t i = 1; i <= 20000; i++) {
                rig_say(r, &p, row->m);
                if (i % 10 == 0) {
                        rig_pass(r, 1);
                        publish(r, &p, i / 10);
                        rig_hear(r, &p);
                }
        }
        uint64_t passed_over = RIG_COUNT(r, asked_often);
        assert_in_range(20000 - passed_over, 3 * UDP_ASKS_PER_S - 10, 3 * UDP_ASKS_PER_S + 10);
        assert_int_equal(RIG_COUNT(r, published), 2000);
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        for (int i = 0; i < UDP_ASKS_PER_S; i++) {
                rig_say(r, &p, row->m);
                if (i % 10 == 0)
                        rig_hear(r, &p);
        }
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_CLOSE }); /* may be said however much was asked */
        rig_hear(r, &p);
        assert_int_equal(udp_gate_sessions(r->gate), 0);
        rig_stop(r);
}

/* ---- lying -------------------------------------------------------------------------------- */

/* Bytes that the session is sent in so many ms, while it says of them what it likes, every millisecond. */
static uint64_t sent_to_a_liar(struct pace_config pace, int ms, const struct dgram_report *lie)
{
        struct rig *r = rig_start_gate((struct udp_gate_config){ .pace = pace });
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        uint64_t before = RIG_COUNT(r, bytes_out);
        for (int i = 0; i < ms; i++) {
                for (int k = 0; k < 10; k++)
                        rig_publish(r, "", 1000);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_REPORT, .report = *lie });
                rig_hear(r, &p);
                rig_pass(r, 1);
        }
        uint64_t sent = RIG_COUNT(r, bytes_out) - before;
        assert_int_equal(udp_gate_sessions(r->gate), 1);
        rig_stop(r);
        return sent;
}

/* 10 MB are said in each second. */
static void reports_that_lie(void **state)
{
        (void)state;
        struct dgram_report greed = { .chan_ref = UDP_REF_ALL, .rate = UINT32_MAX };
        struct dgram_report woe = { .chan_ref = UDP_REF_ALL, .loss_rate = UINT32_MAX, .lost_first_try = 1000 };
        struct pace_config ceiling = { .on = true, .rate_max = 1000000 }, none = { .on = true };
        uint64_t burst = PACE_BURST_MAX * DGRAM_BYTES_MAX;
        assert_in_range(sent_to_a_liar(ceiling, 1000, &greed), 500000, 1000000 + burst);
        assert_in_range(sent_to_a_liar(none, 1000, &greed), 1000000, 12000000); /* each event once, no more */
        assert_in_range(sent_to_a_liar(none, 1000, &woe), 1, 100000);
}

/* It wants everything again, all the time, and says that 4 GB/s arrive over 100 us. */
static uint64_t repairs_of_one_who_wants_all(struct pace_config pace)
{
        struct rig *r = rig_start_gate((struct udp_gate_config){ .pace = pace });
        struct rig_peer p = rig_peer(1);
        struct dgram_report greed = { .chan_ref = UDP_REF_ALL, .rate = UINT32_MAX };
        rig_connect(r, &p);
        for (int i = 0; i < 1000; i++) {
                rig_publish(r, "", 1000);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_REPORT, .report = greed });
                rig_hear(r, &p);
                rig_pass(r, 1);
                const struct dgram_msg *ping = rig_said(r, DGRAM_PING, 0);
                if (ping)
                        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PONG, .pong = { ping->ping.t1, 1, 1 } });
        }
        struct dgram_msg nack = { .type = DGRAM_NACK, .nack = { .chan_ref = UDP_REF_ALL, .n = 1 } };
        nack.nack.range[0] = (struct dgram_range){ 1, DGRAM_COUNT_MAX };
        uint64_t before = RIG_COUNT(r, bytes_out);
        for (int i = 0; i < 1000; i++) {
                rig_say(r, &p, nack);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_REPORT, .report = greed });
                rig_hear(r, &p);
                rig_pass(r, 1);
        }
        uint64_t repairs = RIG_COUNT(r, bytes_out) - before;
        rig_stop(r);
        return repairs;
}

/* There is 1 MB in the log, and it could be sent again each 10 ms. */
static void one_that_always_wants_all(void **state)
{
        (void)state;
        uint64_t most = UDP_REPAIR_RATE + 2 * UDP_REPAIR_BURST_BYTES;
        assert_in_range(repairs_of_one_who_wants_all((struct pace_config){ 0 }), 1000000, most);
        assert_in_range(repairs_of_one_who_wants_all((struct pace_config){ .on = true }), 1000000, most);
}

struct answers_row {
        const char *name;
        uint64_t id;
        int64_t events_per_s;
        uint16_t flags;
        uint16_t status;
};

static const struct answers_row answers[] = {
        { "known", 2000, 10000, 0, DGRAM_CODE_DUPLICATE },
        { "too old", 1, 10000, 0, DGRAM_CODE_PUB_TOO_OLD },
        { "out of its order", 1999, 10000, DGRAM_PUB_IN_ORDER, DGRAM_CODE_PUB_TOO_OLD },
        { "over the rate", 3000, 1, 0, DGRAM_CODE_RATE },
};

/* Answers to what is not done cost what a PING does, however often it is said. */
static void no_answer_is_free(void **state)
{
        const struct answers_row *row = *state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        uint32_t said = 0;
        rig_connect(r, &p);
        struct dgram_pub pub = { .pub_id = 2000, .chan_ref = UDP_REF_ALL, .flags = row->flags, .frag_cnt = 1 };
        pub.event = bytes_of("\x91\xa1x", 3);
        pub.event_bytes = 3;
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = pub });
        app_limits(r->app)->events = bucket_rule((uint32_t)row->events_per_s, 1);
        rig_hear(r, &p);
        for (int i = 0; i < 2; i++, pub.pub_id++) /* this one takes what there is */
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = pub });
        pub.pub_id = row->id;
        rig_hear(r, &p);
        rig_pass(r, 10);
        for (int i = 0; i < 3 * UDP_ASKS_PER_S; i++) {
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = pub });
                rig_hear(r, &p);
                const struct dgram_msg *m = rig_said(r, DGRAM_PUB_ACK, 0);
                if (m)
                        assert_int_equal(m->pub_ack.ack[0].status, row->status);
                said += m != NULL;
        }
        assert_in_range(said, UDP_ASKS_PER_S - 10, UDP_ASKS_PER_S + 1);
        assert_true(RIG_COUNT(r, asked_often) >= UDP_ASKS_PER_S);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(one_address_begins_so_many),   cmocka_unit_test(a_thousand_copies_of_a_connect),
                cmocka_unit_test(a_newcomer_has_saved_nothing), cmocka_unit_test(reports_that_lie),
                cmocka_unit_test(one_that_always_wants_all),
        };
        int failed = RUN_ROWS("udp_floods asking", askings, asks_too_often);
        failed += RUN_ROWS("udp_floods answers", answers, no_answer_is_free);
        return failed + cmocka_run_group_tests_name("udp_floods", stories, NULL, NULL);
}
