/* What asking again costs and yields, in virtual time: how near it comes to what could be had at best, how much is
 * sent again for what was lost, and how little for what only came late.
 *
 * The best for comparison: a receiver and a server with the timers of the wire spec and nothing in their way. What is
 * lost is noticed by the next that comes, or the BEAT; asked for when 3 more have come or srtt/8 has passed;
 * again every 1.125 srtt + 5 ms until a question and its answer have both come through.
 *
 *     sim_nack           the rows
 *     SEED=n sim_nack    with other luck
 */
#include "core/wire/gaps.h"
#include "tests/sim/even_world.h"

enum { LEARNING_S = 10, LOSS_PPM = 50000, BEST_EVENTS = 60000 };

#define ORDERED   CLIENT_MODE_NACK_ORDERED
#define UNORDERED CLIENT_MODE_NACK_UNORDERED

/* ---- the best ------------------------------------------------------------------------------ */

static struct best {
        double at_ms[BEST_EVENTS]; /* when it comes by itself; NAN: never */
        int64_t latency[BEST_EVENTS];
} best;

static bool is_lost(struct rng *r)
{
        return rng_below(r, 1000000) < LOSS_PPM;
}

/* When event i, which is lost, is asked for at first. */
static double asked_ms(struct rng *r, int i, double every_ms)
{
        double noticed = INFINITY;
        int later = 0;
        if (every_ms > 20 && !is_lost(r))
                noticed = i * every_ms + 20 + 25; /* BEAT */
        for (i++; i < BEST_EVENTS && later < GAPS_LATER_DATAGRAMS; i++) {
                if (isnan(best.at_ms[i]))
                        continue;
                noticed = fmin(noticed, best.at_ms[i]);
                if (++later == GAPS_LATER_DATAGRAMS || best.at_ms[i] > noticed + 6.25)
                        return fmin(noticed + 6.25, best.at_ms[i]);
        }
        return noticed + 6.25;
}

static double best_p99_ms(int rate, bool ordered)
{
        struct rng r = rng_seeded(1, "the best");
        double every_ms = 1000.0 / rate, front = 0;
        for (int i = 0; i < BEST_EVENTS; i++)
                best.at_ms[i] = is_lost(&r) ? NAN : i * every_ms + 25;
        for (int i = 0; i < BEST_EVENTS - 100; i++) {
                double at = best.at_ms[i];
                if (isnan(at)) {
                        for (at = asked_ms(&r, i, every_ms); is_lost(&r) || is_lost(&r);)
                                at += 1.125 * 50 + 5;
                        at += 50;
                }
                front = fmax(front, at);
                best.latency[i] = (int64_t)(((ordered ? front : at) - i * every_ms) * NS_PER_MS);
        }
        qsort(best.latency, BEST_EVENTS - 100, sizeof *best.latency, by_size);
        return (double)best.latency[(BEST_EVENTS - 100) * 99 / 100] / NS_PER_MS;
}

/* ---- loss ---------------------------------------------------------------------------------- */

static const struct trial losses[] = {
        { "in order, 50 events a second", ORDERED, 50, .loss_ppm = LOSS_PPM },
        { "in order, 200 events a second", ORDERED, 200, .loss_ppm = LOSS_PPM },
        { "in order, 500 events a second", ORDERED, 500, .loss_ppm = LOSS_PPM },
        { "as they come, 50 events a second", UNORDERED, 50, .loss_ppm = LOSS_PPM },
        { "as they come, 500 events a second", UNORDERED, 500, .loss_ppm = LOSS_PPM },
};

static void all_come_and_soon(void **state)
{
        const struct trial *t = *state;
        struct figures f = measure(t, 0);
        double at_best = best_p99_ms(t->rate, t->mode == ORDERED);
        print_message("p99 %.1f ms, %.2f x of the best, %.1f; %" PRIu64 " lost, %" PRIu64 " sent again: %.3f\n",
                      f.p99_ms, f.p99_ms / at_best, at_best, f.data_lost, f.repeats,
                      (double)f.repeats / (double)f.data_lost);
        assert_true(f.p99_ms <= 1.25 * at_best);
        assert_true(f.data_lost > 0 && f.repeats * 10 <= f.data_lost * 11);
}

/* ---- reordering ---------------------------------------------------------------------------- */

#define LATE(ms) .late_ppm = 50000, .late_ns = (ms)*NS_PER_MS

static const struct trial reorderings[] = {
        { "up to 5 ms late, 500 events a second", ORDERED, 500, LATE(5) },
        { "up to 20 ms late, 50 events a second", ORDERED, 50, LATE(20) },
        { "up to 20 ms late, 200 events a second", ORDERED, 200, LATE(20) },
        { "up to 20 ms late, 500 events a second", ORDERED, 500, LATE(20) },
        { "up to 20 ms late, 500 events a second, as they come", UNORDERED, 500, LATE(20) },
        { "up to 20 ms late, 500 events a second, with parity", CLIENT_MODE_FEC_ORDERED, 500, LATE(20) },
        { "up to 80 ms late, 50 events a second", ORDERED, 50, LATE(80) },
        { "up to 80 ms late, 500 events a second", ORDERED, 500, LATE(80) },
};

/* 5 % of all datagrams come late, none is lost: once that is learned, hardly any is asked for. */
static void patience_is_learned(void **state)
{
        const struct trial *t = *state;
        struct figures f = measure(t, LEARNING_S);
        double events = (double)CLIENTS * t->rate * (SECONDS - LEARNING_S);
        double spurious = (double)(f.repeats - f.repeats_at_first) / events;
        print_message("sent again for nothing: %" PRIu64 " in the first %d s, then %.3f %% of events; p99 %.1f ms\n",
                      f.repeats_at_first, LEARNING_S, 100 * spurious, f.p99_ms);
        assert_true(spurious < 0.01);
}

int main(void)
{
        randombytes_set_implementation(&seeded);
        int failed = RUN_ROWS("lost, and asked for", losses, all_come_and_soon);
        return failed + RUN_ROWS("late, and waited for", reorderings, patience_is_learned);
}
