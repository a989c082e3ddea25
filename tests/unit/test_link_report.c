/* The link's report: sums by rule, the loss of event datagrams, and JSON. */
#include "tests/unit/harness.h"
#include "tests/unit/lab_packets.h"

#include "lab/classify.h"
#include "lab/link_report.h"

#include <jansson.h>
#include <string.h>

static const struct link_flow_rule rules[] = {
        { 20000, 20004, "udp-raw", false },
        { 20100, 20101, "tcp", false },
};

struct scene {
        struct link_config config[LINK_DIRECTIONS];
        struct link *links[LINK_DIRECTIONS];
        struct link_summary summary;
};

static struct scene played(void)
{
        struct scene s = { .summary = { .t0 = { 5 }, .fifo = true, .decisions = 3 } };
        for (int d = 0; d < LINK_DIRECTIONS; d++) {
                s.config[d] = (struct link_config){ .direction = (enum link_direction)d,
                                                    .seed = 42,
                                                    .delay_ns = 25 * NS_PER_MS,
                                                    .loss = loss_bernoulli(.25),
                                                    .rules = rules,
                                                    .rules_n = 2,
                                                    .classify = classify_dgram };
                s.links[d] = link_create(&s.config[d]);
                link_start(s.links[d], s.summary.t0);
        }
        struct made_packet p;
        for (uint64_t seq = 1; seq <= 400; seq++) {
                p = make_data((uint16_t)(seq % 2 * 3), seq); /* subscribers 0 and 3 */
                link_push(s.links[LINK_DOWN], (struct mono){ 10 }, bytes_of(p.at, p.n));
        }
        p = make_udp(3001, 20000, bytes_text("not an event"));
        link_push(s.links[LINK_DOWN], (struct mono){ 10 }, bytes_of(p.at, p.n));
        for (int d = 0; d < LINK_DIRECTIONS; d++)
                link_report_totals(s.links[d], &s.summary.way[d]);
        return s;
}

static void end(struct scene *s)
{
        for (int d = 0; d < LINK_DIRECTIONS; d++)
                link_destroy(s->links[d]);
}

static void sums_by_rule(void **state)
{
        (void)state;
        struct scene s = played();
        const struct link_way *down = &s.summary.way[LINK_DOWN];
        assert_int_equal(down->totals_n, 3);
        assert_string_equal(down->totals[0].name, "udp-raw");
        assert_string_equal(down->totals[1].name, "tcp");
        assert_string_equal(down->totals[2].name, "other");
        const struct link_count *data = down->totals[0].count[LINK_DATA];
        assert_int_equal(data[LINK_PASSED].packets + data[LINK_LOST].packets, 400);
        assert_int_equal(data[LINK_PASSED].bytes + data[LINK_LOST].bytes, 400 * 87);
        end(&s);
}

static void loss_counts_event_datagrams_alone(void **state)
{
        (void)state;
        struct scene s = played();
        uint64_t datagrams, lost, all_lost;
        link_report_loss(&s.summary.way[LINK_DOWN], "udp-raw", &datagrams, &lost);
        assert_int_equal(datagrams, 400);
        assert_in_range(lost, 74, 126); /* 100 +- 3 sigma */
        link_report_loss(&s.summary.way[LINK_DOWN], "", &datagrams, &all_lost);
        assert_int_equal(datagrams, 400);
        assert_int_equal(all_lost, lost);
        link_report_loss(&s.summary.way[LINK_DOWN], "tcp", &datagrams, &lost);
        assert_int_equal(datagrams + lost, 0);
        end(&s);
}

/* A repair's fate is no part of the loss before repair. */
static void loss_counts_first_sendings_alone(void **state)
{
        (void)state;
        struct scene s = played();
        uint64_t datagrams, lost, datagrams_again, lost_again;
        link_report_loss(&s.summary.way[LINK_DOWN], "udp-raw", &datagrams, &lost);
        for (uint64_t seq = 1; seq <= 400; seq++) {
                struct made_packet p = make_data((uint16_t)(seq % 2 * 3), seq);
                link_push(s.links[LINK_DOWN], (struct mono){ 20 }, bytes_of(p.at, p.n));
        }
        link_report_totals(s.links[LINK_DOWN], &s.summary.way[LINK_DOWN]);
        link_report_loss(&s.summary.way[LINK_DOWN], "udp-raw", &datagrams_again, &lost_again);
        assert_int_equal(datagrams_again, datagrams);
        assert_int_equal(lost_again, lost);
        const struct link_count *data = s.summary.way[LINK_DOWN].totals[0].count[LINK_DATA];
        assert_int_equal(data[LINK_PASSED].packets + data[LINK_LOST].packets, 800);
        end(&s);
}

static json_int_t packets_in(const json_t *flows, const char *verdict)
{
        json_int_t n = 0;
        size_t i;
        const json_t *flow;
        json_array_foreach(flows, i, flow) if (strcmp(json_string_value(json_object_get(flow, "verdict")), verdict) ==
                                               0) n += json_integer_value(json_object_get(flow, "packets"));
        return n;
}

static void json_says_the_same(void **state)
{
        (void)state;
        struct scene s = played();
        struct buf text = { 0 };
        assert_int_equal(link_report_json(&text, &s.summary, s.config, s.links), 0);
        json_t *root = json_loadb((const char *)text.at, text.n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        json_t *directions = json_object_get(root, "directions");
        assert_int_equal(json_array_size(directions), 2);
        json_t *flows = json_object_get(json_array_get(directions, 0), "flows");
        assert_int_equal(packets_in(flows, "passed") + packets_in(flows, "lost"), 401);
        assert_int_equal(json_array_size(json_object_get(json_array_get(directions, 1), "flows")), 0);
        assert_int_equal(json_integer_value(json_object_get(root, "t0_ns")), 5);
        assert_true(json_is_true(json_object_get(root, "sched_fifo")));
        json_decref(root);
        buf_free(&text);
        end(&s);
}

static void json_without_a_start(void **state)
{
        (void)state;
        struct scene s = played();
        struct buf text = { 0 };
        s.summary.t0 = MONO_NEVER;
        assert_int_equal(link_report_json(&text, &s.summary, s.config, s.links), 0);
        assert_memory_equal(text.at, "{\"t0_ns\": null,", 15);
        buf_free(&text);
        end(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sums_by_rule),
                cmocka_unit_test(loss_counts_event_datagrams_alone),
                cmocka_unit_test(loss_counts_first_sendings_alone),
                cmocka_unit_test(json_says_the_same),
                cmocka_unit_test(json_without_a_start),
        };
        return cmocka_run_group_tests_name("link_report", tests, NULL, NULL);
}
