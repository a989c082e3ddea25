/* The link: who is hit, when, and that nothing else moves a decision. */
#include "tests/unit/harness.h"
#include "tests/unit/lab_packets.h"

#include "core/base/rng.h"
#include "lab/classify.h"
#include "lab/decision.h"
#include "lab/link.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct link_flow_rule rules[] = {
        { 20000, 20004, "udp-raw", false },
        { 20100, 20104, "tcp", false },
        { 29000, 29000, "publisher", true },
};

enum { RULE_FLOWS = 11, OTHER = RULE_FLOWS, T0_MS = 1000 };

static struct mono at_ms(int64_t ms)
{
        return (struct mono){ ms * NS_PER_MS };
}

static struct link_config config_of(uint64_t seed, double share)
{
        return (struct link_config){ .direction = LINK_DOWN,
                                     .seed = seed,
                                     .delay_ns = 25 * NS_PER_MS,
                                     .loss = loss_bernoulli(share),
                                     .rules = rules,
                                     .rules_n = 3,
                                     .classify = classify_dgram };
}

/* A link whose measuring starts at T0_MS. */
static struct link *started(const struct link_config *config)
{
        struct link *l = link_create(config);
        assert_non_null(l);
        link_start(l, at_ms(T0_MS));
        return l;
}

static enum link_verdict push(struct link *l, int64_t ms, struct made_packet p)
{
        return link_push(l, at_ms(ms), bytes_of(p.at, p.n));
}

static void drain(struct link *l, int64_t ms)
{
        struct bytes packet;
        struct mono due;
        while (link_pop(l, at_ms(ms), &packet, &due))
                ;
}

static uint64_t packets_of(const struct link *l, size_t flow, enum link_verdict verdict)
{
        uint64_t n = 0;
        for (int c = 0; c < LINK_CLASSES; c++)
                n += link_flow_at(l, flow)->count[c][verdict].packets;
        return n;
}

static void delays_in_order_and_unchanged(void **state)
{
        (void)state;
        struct link_config config = config_of(1, 0);
        struct link *l = started(&config);
        struct made_packet first = make_data(0, 1), second = make_tcp(3000, 20100, 5);
        assert_true(mono_is_never(link_deadline(l)));
        assert_int_equal(push(l, 1000, first), LINK_PASSED);
        assert_int_equal(push(l, 1001, second), LINK_PASSED);
        struct bytes packet;
        struct mono due;
        assert_int_equal(link_deadline(l).ns, at_ms(1025).ns);
        assert_false(link_pop(l, at_ms(1024), &packet, &due));
        assert_true(link_pop(l, at_ms(1030), &packet, &due));
        assert_true(bytes_equal(packet, bytes_of(first.at, first.n)));
        assert_int_equal(due.ns, at_ms(1025).ns);
        assert_true(link_pop(l, at_ms(1030), &packet, &due));
        assert_true(bytes_equal(packet, bytes_of(second.at, second.n)));
        assert_int_equal(due.ns, at_ms(1026).ns);
        assert_int_equal(link_waiting(l), 0);
        link_destroy(l);
}

static void before_t0_only_the_delay(void **state)
{
        (void)state;
        struct link_config config = config_of(1, 1); /* would lose everything */
        config.blackout_for_ns = NS_PER_S;
        config.log = decision_log_create(10);
        struct link *l = link_create(&config);
        assert_int_equal(push(l, 10, make_data(0, 1)), LINK_PASSED); /* no t0 known yet */
        assert_int_equal(link_deadline(l).ns, at_ms(35).ns);
        link_start(l, at_ms(T0_MS));
        assert_int_equal(push(l, T0_MS - 1, make_data(0, 2)), LINK_PASSED);
        for (size_t i = 0; i < link_flows(l); i++)
                for (int v = 0; v < LINK_VERDICTS; v++)
                        assert_int_equal(packets_of(l, i, (enum link_verdict)v), 0);
        assert_int_equal(decision_count(config.log), 0);
        assert_int_equal(push(l, T0_MS, make_data(0, 3)), LINK_BLACKOUT);
        assert_int_equal(decision_count(config.log), 1);
        link_destroy(l);
        decision_log_destroy(config.log);
}

struct dark_row {
        const char *name;
        int64_t at_ms, for_ms, push_ms; /* all from t0 */
        enum link_verdict verdict;
};

static const struct dark_row dark[] = {
        { "no blackout", 0, 0, 0, LINK_PASSED },
        { "just before", 500, 2000, 499, LINK_PASSED },
        { "first instant", 500, 2000, 500, LINK_BLACKOUT },
        { "last instant", 500, 2000, 2499, LINK_BLACKOUT },
        { "just after", 500, 2000, 2500, LINK_PASSED },
        { "from t0 on", 0, 10, 0, LINK_BLACKOUT },
};

static void blackout(void **state)
{
        const struct dark_row *row = *state;
        struct link_config config = config_of(1, 0);
        config.blackout_at_ns = row->at_ms * NS_PER_MS;
        config.blackout_for_ns = row->for_ms * NS_PER_MS;
        struct link *l = started(&config);
        assert_int_equal(push(l, T0_MS + row->push_ms, make_data(0, 1)), row->verdict);
        assert_int_equal(push(l, T0_MS + row->push_ms, make_tcp(3000, 20100, 1)), row->verdict);
        assert_int_equal(push(l, T0_MS + row->push_ms, make_udp(3001, 29000, bytes_text("pub"))), LINK_CLEAN);
        link_destroy(l);
}

static void what_was_on_its_way_survives_a_blackout(void **state)
{
        (void)state;
        struct link_config config = config_of(1, 0);
        config.blackout_at_ns = 10 * NS_PER_MS;
        config.blackout_for_ns = NS_PER_S;
        struct link *l = started(&config);
        push(l, T0_MS + 9, make_data(0, 1));
        push(l, T0_MS + 20, make_data(0, 2));
        struct bytes packet;
        struct mono due;
        assert_true(link_pop(l, at_ms(T0_MS + 34), &packet, &due));
        assert_int_equal(link_waiting(l), 0);
        link_destroy(l);
}

static void clean_flows_are_left_alone(void **state)
{
        (void)state;
        struct link_config config = config_of(1, 1);
        struct link *l = link_create(&config);
        struct made_packet p = make_udp(3001, 29000, bytes_text("pub"));
        assert_int_equal(push(l, 1, p), LINK_CLEAN);
        link_start(l, at_ms(T0_MS));
        assert_int_equal(push(l, T0_MS, p), LINK_CLEAN);
        assert_int_equal(link_waiting(l), 0);
        assert_int_equal(packets_of(l, OTHER - 1, LINK_CLEAN), 1);
        link_destroy(l);
}

static void a_full_line_drops_and_counts(void **state)
{
        (void)state;
        struct link_config config = config_of(1, 0);
        config.packets_max = 3;
        config.packet_bytes_max = 100;
        struct link *l = started(&config);
        for (uint64_t seq = 1; seq <= 3; seq++)
                assert_int_equal(push(l, T0_MS, make_data(1, seq)), LINK_PASSED);
        assert_int_equal(push(l, T0_MS, make_data(1, 4)), LINK_OVERFLOW);
        drain(l, T0_MS + 25);
        uint8_t large[101] = { 0 };
        assert_int_equal(push(l, T0_MS + 25, make_udp(1, 20001, bytes_of(large, 101 - 28))), LINK_OVERFLOW);
        assert_int_equal(push(l, T0_MS + 25, make_udp(1, 20001, bytes_of(large, 100 - 28))), LINK_PASSED);
        assert_int_equal(link_flow_at(l, 1)->count[LINK_DATA][LINK_OVERFLOW].packets, 1);
        assert_int_equal(link_flow_at(l, 1)->count[LINK_UDP][LINK_OVERFLOW].packets, 1);
        assert_int_equal(link_flow_at(l, 1)->count[LINK_DATA][LINK_PASSED].bytes, 3 * (59 + 28));
        assert_int_equal(link_early_overflow(l), 0);
        link_destroy(l);
}

/* A packet of 87 bytes takes 87 ms of the line; three find a place in the queue. */
static void a_line_with_a_queue_takes_its_time(void **state)
{
        (void)state;
        struct link_config config = config_of(1, 0);
        config.rate = 1000;
        config.queue_bytes = 3 * 87;
        struct link *l = link_create(&config);
        for (uint64_t seq = 1; seq <= 10; seq++)
                assert_int_equal(push(l, 1, make_data(1, seq)), LINK_PASSED); /* before t0 it is not there yet */
        drain(l, 1 + 25);
        assert_int_equal(link_waiting(l), 0);
        link_start(l, at_ms(T0_MS));
        for (uint64_t seq = 1; seq <= 3; seq++)
                assert_int_equal(push(l, T0_MS, make_data(1, seq)), LINK_PASSED);
        assert_int_equal(push(l, T0_MS, make_data(2, 4)), LINK_QUEUE); /* whoever it belongs to */
        for (int i = 1; i <= 3; i++) {
                assert_int_equal(mono_since(link_deadline(l), at_ms(T0_MS)), (87 * i + 25) * NS_PER_MS);
                drain(l, T0_MS + 87 * i + 25);
                assert_int_equal(link_waiting(l), 3 - i);
        }
        assert_int_equal(push(l, T0_MS + 400, make_data(2, 4)), LINK_PASSED);
        assert_int_equal(link_flow_at(l, 2)->count[LINK_DATA][LINK_QUEUE].packets, 1);
        link_destroy(l);
}

static void a_line_full_before_t0_is_counted_too(void **state)
{
        (void)state;
        struct link_config config = config_of(1, 0);
        config.packets_max = 1;
        struct link *l = link_create(&config);
        push(l, 1, make_data(0, 1));
        assert_int_equal(push(l, 1, make_data(0, 2)), LINK_OVERFLOW);
        assert_int_equal(link_early_overflow(l), 1);
        link_destroy(l);
}

/* The counts of every flow and class add up to what was pushed, and the log says the same. */
static void log_and_counts_agree(void **state)
{
        (void)state;
        struct link_config config = config_of(11, .2);
        config.packets_max = 100;
        config.blackout_at_ns = 300 * NS_PER_MS;
        config.blackout_for_ns = 100 * NS_PER_MS;
        config.log = decision_log_create(10000);
        struct link *l = started(&config);
        struct rng rng = rng_seeded(1, "traffic");
        enum { N = 5000 };
        for (int i = 0; i < N; i++) {
                uint16_t n = (uint16_t)rng_below(&rng, 5);
                switch (rng_below(&rng, 3)) {
                case 0:
                        push(l, T0_MS + i / 5, make_data(n, 1 + rng_below(&rng, 100)));
                        break;
                case 1:
                        push(l, T0_MS + i / 5, make_tcp(3000, (uint16_t)(20100 + n), (uint32_t)i));
                        break;
                default:
                        push(l, T0_MS + i / 5, make_udp(3000, (uint16_t)(40000 + n), bytes_text("?")));
                }
                if (i % 3)
                        drain(l, T0_MS + i / 5);
        }
        uint64_t logged[LINK_VERDICTS] = { 0 }, counted[LINK_VERDICTS] = { 0 }, total = 0;
        for (size_t i = 0; i < decision_count(config.log); i++)
                logged[decision_at(config.log, i)->verdict]++;
        for (int v = 0; v < LINK_VERDICTS; v++) {
                for (size_t i = 0; i < link_flows(l); i++)
                        counted[v] += packets_of(l, i, (enum link_verdict)v);
                assert_int_equal(counted[v], logged[v]);
                total += counted[v];
        }
        assert_int_equal(total, N);
        assert_true(counted[LINK_BLACKOUT] > 0 && counted[LINK_LOST] > 0 && counted[LINK_OVERFLOW] > 0);
        link_destroy(l);
        decision_log_destroy(config.log);
}

/* Sends seqs 1..n to one subscriber and puts the verdicts where `verdicts` points. With noise, all
 * sorts of other packets go in between. */
static void run_flow(const struct link_config *config, uint16_t subscriber, size_t n, uint64_t noise, uint8_t *verdicts)
{
        struct link *l = started(config);
        struct rng rng = rng_seeded(noise, "noise");
        for (size_t i = 0; i < n; i++) {
                for (uint64_t k = noise ? rng_below(&rng, 4) : 0; k > 0; k--) {
                        push(l, T0_MS, make_tcp(3000, (uint16_t)(20100 + k), (uint32_t)rng_u64(&rng)));
                        push(l, T0_MS, make_udp(3001, (uint16_t)(20000 + subscriber), bytes_text("pong")));
                        push(l, T0_MS, make_data((uint16_t)((subscriber + k) % 5), 1 + rng_below(&rng, n)));
                        drain(l, T0_MS + 100);
                }
                verdicts[i] = (uint8_t)push(l, T0_MS, make_data(subscriber, i + 1));
                drain(l, T0_MS + 100);
        }
        link_destroy(l);
}

enum { RUN = 4000 };

static void other_traffic_moves_no_decision(void **state)
{
        (void)state;
        uint8_t quiet[RUN], noisy[RUN];
        struct link_config config = config_of(42, .05);
        /* Noise of this very subscriber's DATA would be an earlier sighting; k runs 1..3, so it is not. */
        run_flow(&config, 2, RUN, 0, quiet);
        run_flow(&config, 2, RUN, 7, noisy);
        assert_memory_equal(quiet, noisy, RUN);
        run_flow(&config, 2, RUN, 8, noisy);
        assert_memory_equal(quiet, noisy, RUN);
}

static size_t differing(const uint8_t *a, const uint8_t *b, size_t n)
{
        size_t d = 0;
        for (size_t i = 0; i < n; i++)
                d += a[i] != b[i];
        return d;
}

/* Two independent runs at 5 % differ in 2 x .05 x .95 = 9.5 % of the places: 380 +- 19. */
static void assert_unrelated(const uint8_t *a, const uint8_t *b)
{
        size_t d = differing(a, b, RUN);
        if (d < 300 || d > 460)
                fail_msg("%zu of %d verdicts differ, expected about 380", d, RUN);
}

static void seed_subscriber_path_and_direction_are_unrelated(void **state)
{
        (void)state;
        uint8_t base[RUN], other[RUN];
        struct link_config config = config_of(42, .05);
        run_flow(&config, 2, RUN, 0, base);
        run_flow(&config, 3, RUN, 0, other);
        assert_unrelated(base, other);

        struct link_config seed = config_of(43, .05);
        run_flow(&seed, 2, RUN, 0, other);
        assert_unrelated(base, other);

        struct link_flow_rule renamed = { 20000, 20004, "udp-nack", false };
        struct link_config path = config_of(42, .05);
        path.rules = &renamed;
        path.rules_n = 1;
        run_flow(&path, 2, RUN, 0, other);
        assert_unrelated(base, other);

        struct link_config up = config_of(42, .05);
        up.direction = LINK_UP;
        struct link *l = started(&up);
        for (uint64_t i = 0; i < RUN; i++) {
                struct made_packet p = make_data(2, i + 1);
                uint8_t ports[4] = { p.at[22], p.at[23], p.at[20], p.at[21] };
                memcpy(p.at + 20, ports, 4); /* from the subscriber now */
                other[i] = (uint8_t)push(l, T0_MS, p);
                drain(l, T0_MS + 100);
        }
        assert_int_equal(link_flow_at(l, 2)->count[LINK_DATA][LINK_LOST].packets +
                                 link_flow_at(l, 2)->count[LINK_DATA][LINK_PASSED].packets,
                         RUN);
        assert_unrelated(base, other);
        link_destroy(l);
}

/* Ports are only names: the same rule on other ports decides alike. */
static void the_port_itself_does_not_matter(void **state)
{
        (void)state;
        uint8_t base[RUN], other[RUN];
        struct link_config config = config_of(42, .05);
        run_flow(&config, 2, RUN, 0, base);
        struct link_flow_rule moved = { 20001, 20005, "udp-raw", false };
        config.rules = &moved;
        config.rules_n = 1;
        run_flow(&config, 3, RUN, 0, other);
        assert_memory_equal(base, other, RUN);
}

/* A lost datagram's repair is drawn for anew; both fates are the same in the next run. */
static void a_repeat_has_its_own_fate(void **state)
{
        (void)state;
        struct link_config config = config_of(5, .3);
        uint8_t fates[2][3 * 500];
        for (int run = 0; run < 2; run++) {
                struct link *l = started(&config);
                for (uint64_t i = 0; i < 3 * 500; i++) {
                        fates[run][i] = (uint8_t)push(l, T0_MS, make_data(0, 1 + i % 500));
                        drain(l, T0_MS + 100);
                }
                link_destroy(l);
        }
        assert_memory_equal(fates[0], fates[1], sizeof fates[0]);
        assert_true(differing(fates[0], fates[0] + 500, 500) > 100);
        assert_true(differing(fates[0] + 500, fates[0] + 1000, 500) > 100);
}

/* TCP: equal indexes, equal fates, whatever the segments hold. */
static void tcp_goes_by_index(void **state)
{
        (void)state;
        struct link_config config = config_of(5, .1);
        struct link *a = started(&config), *b = started(&config);
        for (uint32_t i = 0; i < 2000; i++) {
                assert_int_equal(push(a, T0_MS, make_tcp(3000, 20101, i)),
                                 push(b, T0_MS + 5, make_tcp(3000, 20101, 7 * i)));
                drain(a, T0_MS + 100);
                drain(b, T0_MS + 100);
        }
        assert_true(packets_of(a, 6, LINK_LOST) > 100);
        assert_int_equal(link_flow_at(a, 6)->count[LINK_TCP][LINK_LOST].packets, packets_of(a, 6, LINK_LOST));
        link_destroy(a);
        link_destroy(b);
}

static void long_run_rate_of_each_subscriber(void **state)
{
        (void)state;
        struct link_config config = config_of(1, .02);
        struct link *l = started(&config);
        enum { N = 20000 };
        for (uint64_t seq = 1; seq <= N; seq++)
                for (uint16_t n = 0; n < 5; n++) {
                        push(l, T0_MS, make_data(n, seq));
                        drain(l, T0_MS + 100);
                }
        double sigma = sqrt(N * .02 * .98);
        for (size_t n = 0; n < 5; n++) {
                double lost = (double)link_flow_at(l, n)->count[LINK_DATA][LINK_LOST].packets;
                if (fabs(lost - N * .02) > 3 * sigma)
                        fail_msg("subscriber %zu lost %.0f of %d", n, lost, N);
        }
        link_destroy(l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(delays_in_order_and_unchanged),
                cmocka_unit_test(before_t0_only_the_delay),
                cmocka_unit_test(what_was_on_its_way_survives_a_blackout),
                cmocka_unit_test(clean_flows_are_left_alone),
                cmocka_unit_test(a_full_line_drops_and_counts),
                cmocka_unit_test(a_line_with_a_queue_takes_its_time),
                cmocka_unit_test(a_line_full_before_t0_is_counted_too),
                cmocka_unit_test(log_and_counts_agree),
                cmocka_unit_test(other_traffic_moves_no_decision),
                cmocka_unit_test(seed_subscriber_path_and_direction_are_unrelated),
                cmocka_unit_test(the_port_itself_does_not_matter),
                cmocka_unit_test(a_repeat_has_its_own_fate),
                cmocka_unit_test(tcp_goes_by_index),
                cmocka_unit_test(long_run_rate_of_each_subscriber),
        };
        return cmocka_run_group_tests_name("link", tests, NULL, NULL) + RUN_ROWS("link: blackout", dark, blackout);
}
