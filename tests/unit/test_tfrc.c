/* The throughput equation and the loss event rate. A story in words: +40 so many datagrams come; x a loss
 * is found; @12 it is 12 ms; the round trip is 10 ms. */
#include "tests/unit/harness.h"

#include <stdlib.h>

#include "core/wire/tfrc.h"

/* ---- the equation -------------------------------------------------------------------------- */

struct equation_row {
        const char *name;
        int64_t rtt_ms;
        double p;
        double window, within; /* segments a round trip; share that the answer may differ by */
};

static const struct equation_row equation_rows[] = {
        /* By hand, from RFC 5348 3.1: X R / s = 1 / (sqrt(2p/3) + 12 sqrt(3p/8) p (1 + 32 p^2)). */
        { "1 %", 100, 0.01, 11.23322, 1e-5 },
        { "0.1 %", 100, 0.001, 38.38436, 1e-5 },
        { "2 %, 50 ms", 50, 0.02, 7.324896, 1e-5 },
        { "25 %: timeouts reign", 20, 0.25, 0.3160632, 1e-4 },
        { "everything", 200, 1, 0.00410988, 1e-1 }, /* 24 bytes per second: whole ones */
        /* Published: RFC 3649, table 2, standard TCP, which leaves timeouts out and rounds to 1.2 / sqrt(p). */
        { "published, 0.1 %", 10, 0.001, 38, 0.03 },
        { "published, 0.01 %", 10, 0.0001, 120, 0.03 },
        { "published, 0.001 %", 10, 0.00001, 379, 0.03 },
};

static void near(double got, double want, double within)
{
        if (got < want * (1 - within) || got > want * (1 + within))
                fail_msg("%g, not within %g of %g", got, within, want);
}

static void equation(void **state)
{
        const struct equation_row *row = *state;
        int64_t rtt_ns = row->rtt_ms * NS_PER_MS;
        double rate = (double)tfrc_rate(rtt_ns, row->p);
        near(rate * (double)row->rtt_ms / 1000 / TFRC_SEGMENT_BYTES, row->window, row->within);
        if (row->p < 1)
                near(tfrc_loss_rate_at(rtt_ns, (int64_t)rate), row->p, 0.02);
}

static void edges_of_the_equation(void **state)
{
        (void)state;
        assert_true(tfrc_rate(NS_PER_MS, 0) == INT64_MAX);
        assert_true(tfrc_rate(0, 0.01) > 0); /* a clock that did not move is no division by zero */
        near((double)tfrc_rate_first(50 * NS_PER_MS), 240000, 1e-6);
        near(tfrc_loss_rate_at(50 * NS_PER_MS, 0), 1, 0.01);
        assert_true(tfrc_loss_rate_at(50 * NS_PER_MS, INT64_MAX) > 0);
        for (double p = 0.5; p > 1e-9; p /= 3)
                assert_true(tfrc_rate(NS_PER_MS, p / 3) > tfrc_rate(NS_PER_MS, p));
}

static void the_wire_keeps_p(void **state)
{
        (void)state;
        assert_int_equal(tfrc_wire(0), 0);
        assert_int_equal(tfrc_wire(1e-30), 1);
        assert_int_equal(tfrc_wire(0.5), 0x80000000u);
        assert_int_equal(tfrc_wire(1), UINT32_MAX);
        near(tfrc_unwire(tfrc_wire(0.013)), 0.013, 1e-6);
}

/* ---- loss events --------------------------------------------------------------------------- */

struct event_row {
        const char *name;
        const char *story;
        int64_t received; /* bytes per second, at every loss */
        double mean;      /* 1 / p; 0: p is 0 */
};

static const struct event_row event_rows[] = {
        { "nothing lost", "+1000", 0, 0 },
        { "the first loss says how long it took", "+50 x", 1000, 50 },
        /* Five segments a round trip, half of a first window: p = 0.0344 by the equation, found within 1 %. */
        { "the very first datagram halves the first window", "x", 0, 28 },
        { "losses of one round trip are one event", "+50 x @5 x @9 x", 1000, 50 },
        { "a round trip later it is another", "+50 x @10 x", 1000, (1 + 50) / 2.0 },
        { "the open interval counts when it is long", "+50 x +99", 1000, 100 },
        { "and not when it is short", "+50 x +20", 1000, 50 },
        { "the open one beside two", "+50 x @10 +49 x +99", 1000, (100 + 50) / 2.0 },
        /* 120 is more than twice 40, the mean of 30 and 50: those count 80/120 of what they did. */
        { "a long open one: older ones count less", "+50 x @10 +29 x +119", 1000,
          (120 + 30 * 2 / 3.0) / (1 + 2 / 3.0) },
        { "a quarter, at least, and from then on", "+40 x @10 +39 x +399 @20 x", 1000,
          (400 + 40 / 4.0 + 40 / 4.0) / 1.5 },
        /* Lengths 50, then 2, 3, ... 8 closed ones in all: four newest weigh 1, then 0.8, 0.6, 0.4, 0.2. */
        { "eight intervals are weighed", "+50 x @10 +1 x @20 +2 x @30 +3 x @40 +4 x @50 +5 x @60 +6 x @70 +7 x", 1000,
          (8 + 7 + 6 + 5 + 0.8 * 4 + 0.6 * 3 + 0.4 * 2 + 0.2 * 50) / 6.0 },
        { "the ninth is forgotten", "+999999 x @10 +9 x @20 +9 x @30 +9 x @40 +9 x @50 +9 x @60 +9 x @70 +9 x @80 +9 x",
          1000, 10 },
        /* A first window of 12,000 B each 10 ms is 1.2 MB/s; the equation gives 12 MB/s (100 segments a round
         * trip) at p = 0.000149. */
        { "a path that was probed: what it carries", "+90000 x", 12000000, 1 / 0.000149 },
        { "a rate below the first window proves nothing", "+90 x", 1100000, 90 },
};

static void events(void **state)
{
        const struct event_row *row = *state;
        struct tfrc t = { 0 };
        struct mono now = { 7 * NS_PER_S };
        for (const char *at = row->story; *at;) {
                char *end = (char *)at + 1;
                if (*at == '+')
                        for (long n = strtol(at + 1, &end, 10); n > 0; n--)
                                tfrc_arrived(&t);
                else if (*at == '@')
                        now.ns = 7 * NS_PER_S + strtol(at + 1, &end, 10) * NS_PER_MS;
                else if (*at == 'x')
                        tfrc_lost(&t, now, 10 * NS_PER_MS, row->received);
                at = end;
        }
        double p = tfrc_loss_rate(&t);
        if (row->mean == 0)
                assert_true(p == 0);
        else
                near(1 / p, row->mean, row->received > 1200000 ? 0.03 : 1e-9);
}

int main(void)
{
        const struct CMUnitTest more[] = {
                cmocka_unit_test(edges_of_the_equation),
                cmocka_unit_test(the_wire_keeps_p),
        };
        return RUN_ROWS("tfrc equation", equation_rows, equation) + RUN_ROWS("tfrc loss events", event_rows, events) +
               cmocka_run_group_tests_name("tfrc", more, NULL, NULL);
}
