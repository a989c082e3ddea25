/* One session that is paced. Its round trip is not known (333 ms), so it may send ten datagrams in that. */
#include "tests/unit/udp_rig.h"
#include "udp_server/udp_gate_inside.h"
#include "udp_server/udp_session_inside.h"

enum { FIRST_RATE = 36036 /* bytes per second */, EVENTS = 40 };

static struct rig *start(bool on)
{
        struct rig *r = rig_start_gate((struct udp_gate_config){ .pace.on = on });
        return r;
}

/* Everything there is to send for so long, in turns of a millisecond; how many datagrams with events. */
static int hear_for(struct rig *r, struct rig_peer *p, int64_t ms, uint64_t *next_seq)
{
        int datagrams = 0;
        for (int64_t i = 0; i < ms; i++) {
                rig_pass(r, 1);
                rig_hear(r, p);
                for (int k = 0; k < r->said_n; k++)
                        if (r->said[k].type == DGRAM_DATA) {
                                assert_int_equal(r->said[k].data.seq, *next_seq);
                                ++*next_seq;
                                datagrams++; /* each event fills one */
                        }
        }
        return datagrams;
}

static void report(struct rig *r, struct rig_peer *p, struct dgram_report m)
{
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_REPORT, .report = m });
}

static void accept_says_so(void **state)
{
        (void)state;
        for (int on = 0; on <= 1; on++) {
                struct rig *r = start(on);
                struct rig_peer p = rig_peer(1);
                rig_connect(r, &p);
                assert_int_equal((p.flags & DGRAM_PACED) != 0, on);
                assert_int_equal(p.accept.repair_rate, on ? FIRST_RATE / 4 : UDP_REPAIR_RATE);
                rig_stop(r);
        }
}

static void a_burst_and_then_a_few_at_a_time(void **state)
{
        (void)state;
        struct rig *r = start(true);
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t start_seq = row.start + 1, next = start_seq; /* behind `joined` */
        rig_pass(r, 1000);
        rig_hear(r, &p);
        for (int i = 0; i < EVENTS; i++)
                rig_publish(r, "tea", 1000);
        int burst = hear_for(r, &p, 1, &next);
        assert_in_range(burst, 10, 11); /* 1,090 bytes each */
        assert_in_range(hear_for(r, &p, 333, &next), 9, 12);
        assert_true(RIG_COUNT(r, held) > 0);
        report(r, &p, (struct dgram_report){ .chan_ref = row.chan_ref, .contig = next - 1, .rate = 1000000 });
        assert_in_range(hear_for(r, &p, 333, &next), 18, 24); /* nothing was lost: twice as many */
        assert_int_equal(next, start_seq + EVENTS);
        rig_stop(r);
}

static void what_is_overtaken_is_an_exact_gap(void **state)
{
        (void)state;
        struct rig *r = rig_start_config((struct hub_config){ .room_events_max = 10 },
                                         (struct udp_gate_config){ .pace.on = true });
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t start_seq = row.start + 1, next = start_seq; /* behind `joined` */
        int gaps = 0;
        for (int i = 0; i < 3000; i++) {
                if (i < 1000)
                        rig_publish(r, "tea", 1000);
                rig_pass(r, 1);
                rig_hear(r, &p);
                for (int k = 0; k < r->said_n; k++) {
                        const struct dgram_msg *m = &r->said[k];
                        bool gap = m->type == DGRAM_GAP && m->gap.chan_ref == row.chan_ref;
                        if (!gap && (m->type != DGRAM_DATA || m->tag != row.tag))
                                continue;
                        assert_int_equal(gap ? m->gap.range[0].from : m->data.seq, next);
                        next = (gap ? m->gap.range[0].to : m->data.seq) + 1;
                        gaps += gap;
                }
        }
        assert_int_equal(next, start_seq + 1000);
        assert_true(gaps > 0);
        rig_stop(r);
}

static void a_client_that_never_reports(void **state)
{
        (void)state;
        struct rig *r = start(true);
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        int advised = 0, closed = 0;
        for (int s = 0; s < 60 && !closed; s++) {
                rig_publish(r, "", 100);
                rig_pass(r, 1000);
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } }); /* it is there, though */
                rig_hear(r, &p);
                const struct dgram_msg *m = rig_said(r, DGRAM_ERROR, 0);
                if (m && m->error.code == DGRAM_CODE_SLOW && m->error.in_reply_to == DGRAM_REPORT && advised++ == 0)
                        assert_in_range(s, 3, 6);
                m = rig_said(r, DGRAM_CLOSE, 0);
                if (m)
                        assert_in_range(s, 33, 37);
                if (m)
                        assert_int_equal(m->close.code, DGRAM_CODE_SLOW);
                closed += m != NULL;
        }
        assert_true(advised > 1 && closed == 1);
        assert_int_equal(RIG_COUNT(r, slow_closed), 1);
        rig_stop(r);
}

static void repairs_have_a_quarter(void **state)
{
        (void)state;
        struct rig *r = start(true);
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t start_seq = row.start + 1, next = start_seq; /* behind `joined` */
        for (int i = 0; i < 200; i++) {
                rig_publish(r, "tea", 1000);
                hear_for(r, &p, 50, &next);
                report(r, &p, (struct dgram_report){ .chan_ref = row.chan_ref, .contig = next - 1, .received = 1 });
        }
        assert_int_equal(next, start_seq + 200);
        struct dgram_nack m = { .chan_ref = row.chan_ref, .n = 1, .tries = 1, .range = { { start_seq, next - 1 } } };
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_NACK, .nack = m });
        next = start_seq;
        /* The session's rate holds for repairs, too; their own first allows a burst of 64, then a quarter. */
        int sent[10], last = 0;
        for (int i = 0; i < 10; i++) {
                sent[i] = hear_for(r, &p, 1000, &next);
                report(r, &p, (struct dgram_report){ .chan_ref = row.chan_ref, .contig = next - 1, .received = 1 });
        }
        assert_in_range(sent[0] * 1090, FIRST_RATE, FIRST_RATE + 12000);
        for (int i = 3; i < 10; i++)
                last += sent[i];
        assert_in_range(last * 1090, 7 * FIRST_RATE / 4 - 12000, 7 * FIRST_RATE / 4 + 12000);
        rig_stop(r);
}

/* The last BEAT that it heard is from long ago, and its clock slept in between. */
static void an_old_beat_measures_nothing(void **state)
{
        (void)state;
        struct rig *r = start(true);
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        const struct resend *rtt = udp_session_rtt(udp_peer_at(r->gate, &p.addr)->session);
        rig_pass(r, 20);
        rig_hear(r, &p);
        uint32_t beat_no = 0;
        for (int i = 0; i < r->said_n; i++)
                if (r->said[i].type == DGRAM_BEAT && r->said[i].tag == row.tag)
                        beat_no = r->said[i].beat.beat_no;
        assert_true(beat_no > 0);
        struct dgram_report m = { .chan_ref = row.chan_ref, .contig = row.start, .beat_no = beat_no };
        rig_pass(r, 15);
        report(r, &p, m);
        assert_int_equal(rtt->srtt_ns, 15 * NS_PER_MS);
        for (int i = 0; i < 5; i++) {
                rig_pass(r, 10000);
                report(r, &p, m);
        }
        assert_int_equal(rtt->srtt_ns, 15 * NS_PER_MS);
        rig_stop(r);
}

/* On a line that they share, the last to send finds the least place in the queue. */
static void none_of_them_is_always_the_last(void **state)
{
        (void)state;
        enum { PEERS = 4, TURNS = 400 };
        struct rig *r = start(false);
        struct rig_peer p[PEERS];
        int last[PEERS] = { 0 };
        for (int i = 0; i < PEERS; i++) {
                p[i] = rig_peer((uint8_t)(1 + i));
                rig_connect(r, &p[i]);
        }
        rig_hear(r, &p[0]);
        for (int t = 0; t < TURNS; t++) {
                rig_publish(r, "", 100);
                hub_announce(r->hub);
                struct udp_peer *peer;
                int sent = 0;
                while ((peer = udp_gate_pending(r->gate))) {
                        assert_ptr_equal(udp_gate_pending(r->gate), peer); /* until it has no more */
                        const uint8_t host = udp_peer_addr(peer)->ip[15];
                        int n = udp_peer_slices(peer, r->now, &r->batch);
                        if (n > 0)
                                udp_peer_sent(peer, r->now, &r->batch, n);
                        if (n > 0 && ++sent == PEERS)
                                last[host - 1]++;
                }
                assert_int_equal(sent, PEERS);
                rig_pass(r, 20);
                rig_hear(r, &p[0]);
        }
        for (int i = 0; i < PEERS; i++)
                assert_in_range(last[i], TURNS / PEERS - 5, TURNS / PEERS + 5);
        rig_stop(r);
}

/* Clocks that cannot be: nothing is measured, and nothing is taken to have arrived. */
static void a_pong_that_cannot_be(void **state)
{
        (void)state;
        struct rig *r = start(true);
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        const struct udp_session *s = udp_peer_at(r->gate, &p.addr)->session;
        uint64_t now_us = (uint64_t)(r->now.ns / NS_PER_US), t1 = now_us - 20000;
        const struct dgram_pong lies[] = { { now_us + 1000000, 1, 1 }, { t1, 9, 8 }, { t1, 1, 20002 } };
        for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
                rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PONG, .pong = lies[i] });
        assert_int_equal(s->rtt.samples, 0);
        assert_int_equal(s->shown.ns, 0);
        rig_say(r, &p, (struct dgram_msg){ .type = DGRAM_PONG, .pong = { t1, 1, 5001 } });
        assert_int_equal(s->rtt.srtt_ns, 15 * NS_PER_MS);
        rig_stop(r);
}

/* A REPORT behind an older BEAT, and counts from before the session. */
static void what_a_report_does_not_say(void **state)
{
        (void)state;
        struct rig *r = start(true);
        struct rig_peer p = rig_peer(1);
        rig_connect(r, &p);
        const struct udp_session *s = udp_peer_at(r->gate, &p.addr)->session;
        uint32_t ref = rig_join(r, &p, "tea", 0, 0).chan_ref;
        rig_pass(r, 20 + 40); /* two BEATs */
        report(r, &p, (struct dgram_report){ .chan_ref = ref, .beat_no = 1, .received = 10, .lost_first_try = 1000 });
        assert_int_equal(s->rtt.samples, 0);
        assert_int_equal(s->pace.lost, 0);
        report(r, &p, (struct dgram_report){ .chan_ref = ref, .beat_no = 2, .received = 30, .lost_first_try = 1001 });
        assert_int_equal(s->rtt.samples, 1);
        assert_int_equal(s->pace.lost, 1);
        assert_int_equal(s->pace.came, 20);
        rig_stop(r);
}

/* It asks, and is told the head; 0: nothing of that room. */
static uint64_t asked_head(struct rig *r, struct rig_peer *p, uint64_t tag)
{
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } });
        rig_hear(r, p);
        for (int i = 0; i < r->said_n; i++)
                if (r->said[i].type == DGRAM_BEAT && r->said[i].tag == tag)
                        return r->said[i].beat.head;
        return 0;
}

/* To one that has not said that it knows what came more than a jump ago, the head is what it was sent until it asked
 * the time before. */
static void who_waits_and_asks_is_told_what_was_sent(void **state)
{
        (void)state;
        struct rig *r = start(true);
        struct rig_peer p;
        struct dgram_joined_room row = rig_in_tea(r, &p);
        uint64_t next = row.start + 1, first; /* behind `joined` */
        struct dgram_report stuck = { .chan_ref = row.chan_ref, .contig = row.start, .rate = 1000000 };
        for (int i = 0; i < 4000; i++)
                rig_publish(r, "tea", 10);
        hear_for(r, &p, 20, &next);
        assert_int_equal(asked_head(r, &p, row.tag), 0);
        for (; next < row.start + 1100; report(r, &p, stuck))
                hear_for(r, &p, 100, &next);
        first = next;
        assert_int_equal(asked_head(r, &p, row.tag), 0); /* when it asked last it was sent little */
        hear_for(r, &p, 100, &next);
        assert_true(first < next && next < row.start + 4000);
        assert_int_equal(asked_head(r, &p, row.tag), first - 1);
        stuck.contig = next - 1;
        report(r, &p, stuck);
        assert_int_equal(asked_head(r, &p, row.tag), 0); /* it has all of that */
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(accept_says_so),
                cmocka_unit_test(a_burst_and_then_a_few_at_a_time),
                cmocka_unit_test(what_is_overtaken_is_an_exact_gap),
                cmocka_unit_test(a_client_that_never_reports),
                cmocka_unit_test(repairs_have_a_quarter),
                cmocka_unit_test(an_old_beat_measures_nothing),
                cmocka_unit_test(none_of_them_is_always_the_last),
                cmocka_unit_test(a_pong_that_cannot_be),
                cmocka_unit_test(what_a_report_does_not_say),
                cmocka_unit_test(who_waits_and_asks_is_told_what_was_sent),
        };
        return cmocka_run_group_tests_name("udp_rate", stories, NULL, NULL);
}
