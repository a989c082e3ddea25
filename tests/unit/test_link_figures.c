/* What a link tells about a run: loss before repair, bytes, lateness, and what vanished undecided. */
#include "tests/unit/harness.h"

#include "lab/link_figures.h"

#include <stdio.h>

static void name_total(struct link_total *total, const char *name)
{
        snprintf(total->name, sizeof total->name, "%s", name);
}

/* Two paths, 1,000 datagrams with events to one of them, 20 lost; 19 repairs; and some segments. */
static struct link_summary summary(void)
{
        struct link_summary s = { .late = { .count = 7, .p99_ns = 90000 } };
        struct link_way *down = &s.way[LINK_DOWN];
        down->totals_n = 3;
        name_total(&down->totals[0], "tcp");
        name_total(&down->totals[1], "udp-nack-ordered");
        name_total(&down->totals[2], "other");
        down->totals[0].count[LINK_TCP][LINK_PASSED] = (struct link_count){ 10, 1000 };
        down->totals[0].count[LINK_TCP][LINK_LOST] = (struct link_count){ 1, 100 };
        down->totals[1].count[LINK_DATA][LINK_PASSED] = (struct link_count){ 999, 99900 };
        down->totals[1].count[LINK_DATA][LINK_LOST] = (struct link_count){ 20, 2000 };
        down->totals[1].count[LINK_UDP][LINK_BLACKOUT] = (struct link_count){ 1, 1 };
        down->totals[1].count[LINK_DATA][LINK_QUEUE] = (struct link_count){ 4, 0 };
        down->totals[1].count[LINK_UDP][LINK_QUEUE] = (struct link_count){ 3, 0 };
        down->totals[1].first_data[LINK_PASSED] = 980;
        down->totals[1].first_data[LINK_LOST] = 20;
        return s;
}

static struct report report(void)
{
        struct report r = { .paths_n = 2 };
        snprintf(r.paths[0].name, sizeof r.paths[0].name, "tcp");
        snprintf(r.paths[1].name, sizeof r.paths[1].name, "udp-nack-ordered");
        return r;
}

static void each_path_gets_its_own(void **state)
{
        (void)state;
        struct link_summary s = summary();
        struct report r = report();
        link_figures(&s, &r);
        assert_false(r.paths[0].raw_known);
        assert_int_equal(r.paths[0].wire_bytes, 1100);
        assert_true(r.paths[1].raw_known);
        assert_int_equal(r.paths[1].raw_sent, 1000);
        assert_int_equal(r.paths[1].raw_lost, 20);
        assert_int_equal(r.paths[1].queue_packets, 7);
        assert_int_equal(r.paths[1].blackout_packets, 1);
        assert_int_equal(r.paths[0].queue_packets + r.paths[0].blackout_packets, 0);
        assert_int_equal(r.paths[1].wire_bytes, 101901);
}

static void a_good_link_keeps_the_run_valid(void **state)
{
        (void)state;
        struct link_summary s = summary();
        struct report r = report();
        link_figures(&s, &r);
        assert_true(r.validity.emulator.known && r.validity.device.known);
        assert_int_equal(r.validity.emulator.late.p99_ns, 90000);
        assert_int_equal(report_judge(&r), REPORT_GOOD);
}

static void what_vanished_makes_it_invalid(void **state)
{
        (void)state;
        struct report r = report();
        struct link_summary s = summary();
        s.way[LINK_DOWN].device_dropped = 1;
        s.way[LINK_UP].write_failed = 2;
        s.way[LINK_UP].early_overflow = 4;
        s.way[LINK_DOWN].totals[2].count[LINK_OTHER][LINK_OVERFLOW].packets = 8;
        link_figures(&s, &r);
        assert_int_equal(r.validity.device.dropped, 15);
        assert_int_equal(report_judge(&r), REPORT_INVALID);
}

static void a_late_link_makes_it_invalid(void **state)
{
        (void)state;
        struct report r = report();
        struct link_summary s = summary();
        s.late.p99_ns = 3 * NS_PER_MS;
        link_figures(&s, &r);
        assert_int_equal(report_judge(&r), REPORT_INVALID);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_path_gets_its_own),
                cmocka_unit_test(a_good_link_keeps_the_run_valid),
                cmocka_unit_test(what_vanished_makes_it_invalid),
                cmocka_unit_test(a_late_link_makes_it_invalid),
        };
        return cmocka_run_group_tests_name("link_figures", tests, NULL, NULL);
}
