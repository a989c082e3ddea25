#include "tests/unit/harness.h"

#include <math.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/plan.h"
#include "core/base/err.h"

static const struct plan_limits limits = {
        .events_max = 1000, .bytes_min = 16, .bytes_max = 1000, .gap_ns_max = NS_PER_S
};

/* A file that the test wrote; unlinked by drop(). */
struct temp {
        char name[64];
        FILE *f;
};

static struct temp temp_open(void)
{
        struct temp t = { "/tmp/twincast-plan-XXXXXX", NULL };
        int fd = mkstemp(t.name);
        assert_true(fd >= 0);
        t.f = fdopen(fd, "w");
        assert_non_null(t.f);
        return t;
}

static void drop(struct temp *t)
{
        unlink(t->name);
}

/* A raw IPv4 UDP packet with n bytes of payload; 0 makes an ICMP packet. */
static uint32_t udp_packet(uint16_t payload, uint8_t out[2048])
{
        uint16_t total = (uint16_t)(28 + payload), length = (uint16_t)(8 + payload);
        uint8_t head[28] = { 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 1, 0, 0, 64, payload ? 17 : 1 };
        head[24] = (uint8_t)(length >> 8);
        head[25] = (uint8_t)length;
        memset(out, 'x', 2048);
        memcpy(out, head, sizeof head);
        return total;
}

struct stamped {
        int64_t at_ns;
        uint16_t payload;
};

static struct temp write_pcap(const struct stamped *packets, size_t n)
{
        struct temp t = temp_open();
        pcap_t *dead = pcap_open_dead_with_tstamp_precision(DLT_RAW, 65535, PCAP_TSTAMP_PRECISION_NANO);
        pcap_dumper_t *dump = pcap_dump_fopen(dead, t.f);
        for (size_t i = 0; i < n; i++) {
                uint8_t bytes[2048];
                uint32_t size = udp_packet(packets[i].payload, bytes);
                struct pcap_pkthdr head = { .caplen = size, .len = size };
                head.ts.tv_sec = packets[i].at_ns / NS_PER_S;
                head.ts.tv_usec = packets[i].at_ns % NS_PER_S;
                pcap_dump((u_char *)dump, &head, bytes);
        }
        pcap_dump_close(dump);
        pcap_close(dead);
        return t;
}

static const struct capture_row {
        const char *name;
        struct stamped packets[6];
        struct plan_limits limits;
        struct plan_event events[6];
        struct plan_tally tally;
} capture_rows[] = {
        { "stamps to the nanosecond, from the first",
          { { 1700000000000000001, 100 }, { 1700000000000000004, 200 }, { 1700000000500000000, 300 } },
          limits,
          { { 0, 100 }, { 3, 200 }, { 499999999, 300 } },
          { .packets = 3, .verdicts[PACKET_PAYLOAD] = 3 } },
        { "packets without payload take no part, their silence stays",
          { { 0, 100 }, { 300000000, 0 }, { 400000000, 100 } },
          limits,
          { { 0, 100 }, { 400000000, 100 } },
          { .packets = 3, .verdicts[PACKET_PAYLOAD] = 2, .verdicts[PACKET_OTHER] = 1 } },
        { "sizes are clamped on both sides and counted",
          { { 0, 1 }, { 1, 15 }, { 2, 16 }, { 3, 1000 }, { 4, 1001 } },
          limits,
          { { 0, 16 }, { 1, 16 }, { 2, 16 }, { 3, 1000 }, { 4, 1000 } },
          { .packets = 5, .verdicts[PACKET_PAYLOAD] = 5, .grown = 2, .cut = 1 } },
        { "a silence of eight years is one second",
          { { 0, 50 }, { 250000000000000000, 50 }, { 250000001000000000, 50 } },
          limits,
          { { 0, 50 }, { 1000000000, 50 }, { 2000000000, 50 } },
          { .packets = 3, .verdicts[PACKET_PAYLOAD] = 3, .gaps_capped = 1 } },
        { "a small step back is said together, and time does not drift",
          { { 100, 50 }, { 90, 50 }, { 95, 50 }, { 110, 50 } },
          limits,
          { { 0, 50 }, { 0, 50 }, { 0, 50 }, { 10, 50 } },
          { .packets = 4, .verdicts[PACKET_PAYLOAD] = 4, .backwards = 2 } },
        { "a clock set back: time goes on from there",
          { { 9000000000, 50 }, { 1000000000, 50 }, { 1000000007, 50 } },
          limits,
          { { 0, 50 }, { 0, 50 }, { 7, 50 } },
          { .packets = 3, .verdicts[PACKET_PAYLOAD] = 3, .backwards = 1 } },
        { "no more events than allowed",
          { { 0, 50 }, { 1, 50 }, { 2, 50 } },
          { .events_max = 2, .bytes_min = 16, .bytes_max = 1000, .gap_ns_max = NS_PER_S },
          { { 0, 50 }, { 1, 50 } },
          { .packets = 3, .verdicts[PACKET_PAYLOAD] = 3, .left_out = 1 } },
        { "no event at or after the span",
          { { 0, 50 }, { 9, 50 }, { 10, 50 }, { 11, 50 } },
          { .events_max = 9, .bytes_min = 16, .bytes_max = 1000, .gap_ns_max = NS_PER_S, .span_ns_max = 10 },
          { { 0, 50 }, { 9, 50 } },
          { .packets = 4, .verdicts[PACKET_PAYLOAD] = 4, .left_out = 2 } },
};

static size_t events_of(const struct plan_event *events)
{
        size_t n = 0;
        while (n < 6 && events[n].bytes > 0)
                n++;
        return n;
}

static void same_tally(const struct plan_tally *got, const struct plan_tally *want)
{
        assert_int_equal(got->packets, want->packets);
        assert_memory_equal(got->verdicts, want->verdicts, sizeof want->verdicts);
        assert_int_equal(got->left_out, want->left_out);
        assert_int_equal(got->grown, want->grown);
        assert_int_equal(got->cut, want->cut);
        assert_int_equal(got->backwards, want->backwards);
        assert_int_equal(got->gaps_capped, want->gaps_capped);
        assert_int_equal(got->cut_short, want->cut_short);
}

static void same_plan(const struct plan *plan, const struct plan_event *want)
{
        assert_int_equal(plan->events_n, events_of(want));
        for (uint32_t i = 0; i < plan->events_n; i++) {
                assert_int_equal(plan->events[i].at_ns, want[i].at_ns);
                assert_int_equal(plan->events[i].bytes, want[i].bytes);
        }
}

static void capture(void **state)
{
        const struct capture_row *row = *state;
        size_t n = 0;
        while (n < 6 && (n == 0 || row->packets[n].at_ns || row->packets[n].payload))
                n++;
        struct temp t = write_pcap(row->packets, n);
        struct plan plan;
        char why[PLAN_WHY_MAX] = "";
        int err = plan_from_capture(t.name, &row->limits, &plan, why);
        drop(&t);
        assert_string_equal(why, "");
        assert_int_equal(err, 0);
        same_plan(&plan, row->events);
        same_tally(&plan.tally, &row->tally);
        plan_free(&plan);
}

static void put32(FILE *f, uint32_t v)
{
        assert_int_equal(fwrite(&v, sizeof v, 1, f), 1);
}

/* A pcapng enhanced packet block, stamped in the interface's unit. */
static void put_packet_block(FILE *f, uint64_t stamp, uint16_t payload)
{
        uint8_t bytes[2048];
        uint32_t n = udp_packet(payload, bytes), padded = (n + 3) & ~3u;
        put32(f, 6);
        put32(f, 32 + padded);
        put32(f, 0);
        put32(f, (uint32_t)(stamp >> 32));
        put32(f, (uint32_t)stamp);
        put32(f, n);
        put32(f, n);
        assert_int_equal(fwrite(bytes, padded, 1, f), 1);
        put32(f, 32 + padded);
}

static void put_pcapng_head(FILE *f, uint16_t link)
{
        static const uint32_t section[] = { 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28 };
        const uint32_t interface[] = { 1, 32, link, 65535, 9 | 1 << 16, 9, 0, 32 }; /* if_tsresol: 10^-9 */
        assert_int_equal(fwrite(section, sizeof section, 1, f), 1);
        assert_int_equal(fwrite(interface, sizeof interface, 1, f), 1);
}

static void pcapng(void **state)
{
        (void)state;
        struct temp t = temp_open();
        put_pcapng_head(t.f, 228);
        put_packet_block(t.f, 1700000000123456789, 100);
        put_packet_block(t.f, 1700000000123456792, 101);
        fclose(t.f);
        struct plan plan;
        char why[PLAN_WHY_MAX];
        assert_int_equal(plan_from_capture(t.name, &limits, &plan, why), 0);
        drop(&t);
        same_plan(&plan, (struct plan_event[6]){ { 0, 100 }, { 3, 101 } });
        assert_int_equal(plan_span_ns(&plan), 3);
        assert_int_equal(plan_bytes(&plan), 201);
        plan_free(&plan);
}

/* A capture ended with Ctrl-C at any byte: what was whole is used, and it is said. */
static void cut_anywhere(void **state)
{
        (void)state;
        struct temp whole = write_pcap((struct stamped[]){ { 0, 20 }, { 1, 20 }, { 2, 20 } }, 3);
        uint8_t bytes[512];
        FILE *f = fopen(whole.name, "r");
        size_t n = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        drop(&whole);
        size_t packet = (n - 24) / 3;
        for (size_t cut = 0; cut < n; cut++) {
                struct temp t = temp_open();
                assert_int_equal(fwrite(bytes, 1, cut, t.f), cut);
                fclose(t.f);
                struct plan plan;
                char why[PLAN_WHY_MAX] = "";
                int err = plan_from_capture(t.name, &limits, &plan, why);
                drop(&t);
                size_t left = cut < 24 ? 0 : (cut - 24) / packet;
                assert_int_equal(plan.events_n, left);
                assert_int_equal(err, left > 0 ? 0 : cut == 24 ? ERR_NOT_FOUND : ERR_MALFORMED);
                if (!err)
                        assert_int_equal(plan.tally.cut_short, (cut - 24) % packet != 0);
                else
                        assert_non_null(strstr(why, t.name));
                plan_free(&plan);
        }
}

static void no_file(void **state)
{
        (void)state;
        struct plan plan;
        char why[PLAN_WHY_MAX];
        assert_int_equal(plan_from_capture("/nowhere/x.pcap", &limits, &plan, why), ERR_SYSTEM);
        assert_string_equal(why, "/nowhere/x.pcap: No such file or directory");
}

static void unknown_link(void **state)
{
        (void)state;
        struct temp t = temp_open();
        put_pcapng_head(t.f, 105);
        put_packet_block(t.f, 1, 100);
        fclose(t.f);
        struct plan plan;
        char why[PLAN_WHY_MAX];
        assert_int_equal(plan_from_capture(t.name, &limits, &plan, why), ERR_UNSUPPORTED);
        drop(&t);
        assert_non_null(strstr(why, "IEEE802_11 (105)"));
        assert_non_null(strstr(why, "LINUX_SLL2"));
}

static void constant(void **state)
{
        (void)state;
        struct plan_shape shape = { .rate_per_s = 300, .duration_ns = 2 * NS_PER_S, .bytes = 64, .seed = 1 };
        struct plan plan, other;
        assert_int_equal(plan_from_seed(&shape, &limits, &plan), 0);
        assert_int_equal(plan.events_n, 600);
        assert_int_equal(plan.events[0].at_ns, 0);
        assert_int_equal(plan.events[1].at_ns, 3333333);
        assert_int_equal(plan.events[300].at_ns, NS_PER_S); /* thirds of a nanosecond do not add up */
        assert_int_equal(plan.events[599].bytes, 64);
        shape.seed = 2;
        assert_int_equal(plan_from_seed(&shape, &limits, &other), 0);
        assert_int_equal(plan_hash(&plan), plan_hash(&other));
        other.events[17].bytes++;
        assert_int_not_equal(plan_hash(&plan), plan_hash(&other));
        plan_free(&plan);
        plan_free(&other);
}

static void poisson(void **state)
{
        (void)state;
        struct plan_limits wide = { .events_max = 100000, .bytes_min = 16, .bytes_max = 1000 };
        struct plan_shape shape = { 500, 100 * NS_PER_S, 64, PLAN_POISSON, 42 };
        struct plan plan, again, other;
        assert_int_equal(plan_from_seed(&shape, &wide, &plan), 0);
        assert_int_equal(plan_from_seed(&shape, &wide, &again), 0);
        shape.seed = 43;
        assert_int_equal(plan_from_seed(&shape, &wide, &other), 0);
        assert_int_equal(plan_hash(&plan), plan_hash(&again));
        assert_int_not_equal(plan_hash(&plan), plan_hash(&other));

        /* 50,000 are expected, 224 is one sigma; the spacing is as wide as it is long. */
        assert_in_range(plan.events_n, 50000 - 4 * 224, 50000 + 4 * 224);
        double sum = 0, squares = 0;
        for (uint32_t i = 1; i < plan.events_n; i++) {
                double step = (double)(plan.events[i].at_ns - plan.events[i - 1].at_ns);
                assert_true(step >= 0);
                sum += step;
                squares += step * step;
        }
        double mean = sum / (plan.events_n - 1), deviation = sqrt(squares / (plan.events_n - 1) - mean * mean);
        assert_true(fabs(deviation / mean - 1) < 0.03);
        assert_true(plan_span_ns(&plan) < shape.duration_ns);
        plan_free(&plan);
        plan_free(&again);
        plan_free(&other);
}

static const struct refused_row {
        const char *name;
        struct plan_shape shape;
        int err;
} refused_rows[] = {
        { "no rate", { 0, NS_PER_S, 64, PLAN_CONSTANT, 1 }, ERR_RANGE },
        { "rate below zero", { -5, NS_PER_S, 64, PLAN_CONSTANT, 1 }, ERR_RANGE },
        { "rate that is not a number", { NAN, NS_PER_S, 64, PLAN_CONSTANT, 1 }, ERR_RANGE },
        { "endless rate", { INFINITY, NS_PER_S, 64, PLAN_POISSON, 1 }, ERR_RANGE },
        { "no duration", { 200, 0, 64, PLAN_CONSTANT, 1 }, ERR_RANGE },
        { "no event within the duration", { 1e-3, 1000, 64, PLAN_POISSON, 1 }, ERR_RANGE },
        { "more events than allowed", { 1001, NS_PER_S, 64, PLAN_CONSTANT, 1 }, ERR_TOO_BIG },
        { "more random events than allowed", { 1e9, NS_PER_S, 64, PLAN_POISSON, 1 }, ERR_TOO_BIG },
};

static void refused(void **state)
{
        const struct refused_row *row = *state;
        struct plan plan;
        assert_int_equal(plan_from_seed(&row->shape, &limits, &plan), row->err);
        assert_null(plan.events);
        assert_int_equal(plan.events_n, 0);
}

static void description(void **state)
{
        (void)state;
        struct temp t =
                write_pcap((struct stamped[]){ { 0, 5 }, { 5000000000, 1200 }, { 1, 0 }, { 4999999999, 20 } }, 4);
        struct plan plan;
        char why[PLAN_WHY_MAX], *text = NULL;
        size_t n;
        assert_int_equal(plan_from_capture(t.name, &limits, &plan, why), 0);
        drop(&t);
        FILE *out = open_memstream(&text, &n);
        plan_describe(&plan, out);
        fclose(out);
        assert_string_equal(text, "plan: 3 events over 1.00s, 1036 bytes of payload\n"
                                  "plan: from a capture of 4 packets; skipped: 1 other IP\n"
                                  "plan: sizes clamped: 1 raised to what an event needs, 1 cut\n"
                                  "plan: time: 1 stamps went backwards, 1 silences shortened\n");
        free(text);
        plan_free(&plan);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pcapng),      cmocka_unit_test(cut_anywhere), cmocka_unit_test(no_file),
                cmocka_unit_test(constant),    cmocka_unit_test(unknown_link), cmocka_unit_test(poisson),
                cmocka_unit_test(description),
        };
        int failed = RUN_ROWS("plan from a capture", capture_rows, capture);
        failed += RUN_ROWS("plan refused", refused_rows, refused);
        return failed + cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
