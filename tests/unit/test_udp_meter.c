/* What REPORTs tell of a path. A story in words: @20 it is 20 ms; c a datagram of 1,172 bytes (1,200 with its
 * headers) comes; p one of parity; x a loss is found; t it is told; a a PING
 * sent since is answered, and losses are noticed after 5 ms. The round trip is 20 ms. */
#include "tests/unit/harness.h"

#include <stdlib.h>

#include "client/udp_meter.h"

struct meter_row {
        const char *name;
        const char *story;
        uint32_t rate; /* told at the end of the story */
        double loss_rate;
        bool changed; /* before it is told */
};

static const struct meter_row rows[] = {
        { "nothing came", "@500", 0, 0, false },
        { "one datagram: over a round trip, at least", "@500 c", 60000, 0, true },
        { "a steady stream", "@500 c@600 c@700 c@800 c@900 c@1000 c", 14400, 0, true },
        { "a pause after it is not the path's", "@500 c@600 c@700 c@9000", 18000, 0, true },
        { "nor one before it", "@500 c@600 c@700 c t@9000 c@9100 c@9200 c", 18000, 0, false },
        { "parity behind the last news begins nothing", "@500 c@600 c@700 c t@720 p@9000 c@9100 c@9200 c", 18000, 0,
          false },
        { "parity amid the news counts", "@500 c@600 p@700 c", 18000, 0, true },
        { "told a moment ago, and no faster", "@500 c@600 c t@700 c@800 c@900 c", 18000, 0, false },
        { "a quarter faster is worth telling", "@500 c@1000 c t@1001 c@1050 c@1100 c@1201 c", 24000, 0, true },
        { "but not within 200 ms", "@500 c@1000 c t@1001 c@1050 c@1100 c@1199 c", 24242, 0, false },
        { "a single datagram since says nothing new", "@500 c@600 c t@900 c", 24000, 0, false },
        { "the first loss is worth telling", "@500 c@600 c@700 c@800 c t@1000 cx", 16000, 1 / 28.0, true },
        { "the same again is not", "@500 c@600 c@700 c@800 cx t@1001 c", 16000, 1 / 28.0, false },
        { "losses of one round trip are one", "@500 c@600 c@700 c@800 cx@819 x", 16000, 1 / 28.0, true },
        { "of one that is told, too, until the server has heard of it", "@500 c@600 c@700 c@800 cx t@900 cx", 16000,
          1 / 28.0, false },
        { "and what it sent then is here", "@500 c@600 c@700 c@800 cx t@900 ca@904 x@905 c", 16000, 1 / 28.0, false },
        { "then it is another", "@500 c@600 c@700 c@800 cx t@900 ca@905 x", 16000, 1 / 15.0, true },
        { "an answer that is lost is not waited for", "@500 c@600 c@700 c@800 cx t@961 cx", 16000, 1 / 15.0, true },
};

static void run_row(void **state)
{
        const struct meter_row *row = *state;
        const int64_t rtt_ns = 20 * NS_PER_MS;
        struct udp_meter m = { .kernel_drops = 77 };
        struct mono now = { 9 * NS_PER_S };
        struct dgram_report r = { .kernel_drops = 1 };
        for (const char *at = row->story; *at;) {
                char *end = (char *)at + 1;
                switch (*at) {
                case '@':
                        now.ns = 9 * NS_PER_S + strtol(at + 1, &end, 10) * NS_PER_MS;
                        break;
                case 'c':
                        udp_meter_came(&m, now, 1172, true);
                        break;
                case 'p':
                        udp_meter_came(&m, now, 1172, false);
                        break;
                case 'x':
                        udp_meter_lost(&m, now, rtt_ns);
                        break;
                case 'a':
                        udp_meter_answered(&m, now, now, 5 * NS_PER_MS);
                        break;
                case 't':
                        udp_meter_tell(&m, now, rtt_ns, &r);
                        break;
                default:
                        break;
                }
                at = end;
        }
        assert_int_equal(udp_meter_changed(&m, now, rtt_ns), row->changed);
        udp_meter_tell(&m, now, rtt_ns, &r);
        assert_int_equal(r.rate, row->rate);
        assert_int_equal(r.loss_rate, tfrc_wire(row->loss_rate));
        assert_int_equal(r.kernel_drops, 77);
        assert_false(udp_meter_changed(&m, now, rtt_ns));
}

/* On a way of 1 ms a loss event is not told each millisecond. */
static void no_report_within_20_ms(void **state)
{
        (void)state;
        struct udp_meter m = { 0 };
        struct mono told = { 9 * NS_PER_S };
        struct dgram_report r;
        udp_meter_came(&m, told, 1172, true);
        udp_meter_tell(&m, told, NS_PER_MS, &r);
        udp_meter_lost(&m, mono_add(told, NS_PER_MS), NS_PER_MS);
        assert_false(udp_meter_changed(&m, mono_add(told, 20 * NS_PER_MS - 1), NS_PER_MS));
        assert_true(udp_meter_changed(&m, mono_add(told, 20 * NS_PER_MS), NS_PER_MS));
}

int main(void)
{
        const struct CMUnitTest more[] = { cmocka_unit_test(no_report_within_20_ms) };
        return RUN_ROWS("udp_meter", rows, run_row) + cmocka_run_group_tests_name("udp_meter", more, NULL, NULL);
}
