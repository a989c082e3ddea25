#include "core/wire/tfrc.h"

#include <math.h>

#define RTT_NS_MIN   INT64_C(1000) /* of a loopback that is quicker than its clock */
#define DISCOUNT_MIN 0.25

static const double weight[TFRC_INTERVALS] = { 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2 };

/* ---- the equation ------------------------------------------------------------------------- */

/* Round trips that one segment takes. */
static double round_trips(double p)
{
        return sqrt(2 * p / 3) + 12 * sqrt(3 * p / 8) * p * (1 + 32 * p * p);
}

static double per_round_trip(double bytes, int64_t rtt_ns)
{
        return bytes * (double)NS_PER_S / (double)(rtt_ns > RTT_NS_MIN ? rtt_ns : RTT_NS_MIN);
}

int64_t tfrc_rate(int64_t rtt_ns, double p)
{
        double rate = p > 0 ? per_round_trip(TFRC_SEGMENT_BYTES, rtt_ns) / round_trips(p) : INFINITY;
        return rate < 9e18 ? (int64_t)rate : INT64_MAX;
}

double tfrc_loss_rate_at(int64_t rtt_ns, int64_t rate)
{
        double wanted = per_round_trip(TFRC_SEGMENT_BYTES, rtt_ns) / (double)(rate > 0 ? rate : 1);
        double low = 1e-12, high = 1;
        while (high / low > 1.01) {
                double mid = sqrt(low * high);
                if (round_trips(mid) < wanted)
                        low = mid;
                else
                        high = mid;
        }
        return high;
}

int64_t tfrc_rate_first(int64_t rtt_ns)
{
        return (int64_t)per_round_trip(TFRC_WINDOW_FIRST * TFRC_SEGMENT_BYTES, rtt_ns);
}

/* ---- loss events -------------------------------------------------------------------------- */

/* Means of the intervals: of the closed ones, and of as many with the open one, in which those before
 * count `discount` as much. */
static double closed_mean(const struct tfrc *t)
{
        double sum = 0, weights = 0;
        for (uint32_t i = 0; i < t->intervals_n; i++) {
                double w = weight[i] * t->discount[i];
                sum += w * (double)t->interval[i];
                weights += w;
        }
        return sum / weights;
}

static double open_mean(const struct tfrc *t, double discount)
{
        double sum = (double)t->open * weight[0], weights = weight[0];
        for (uint32_t i = 1; i < t->intervals_n; i++) {
                double w = weight[i] * t->discount[i - 1] * discount;
                sum += w * (double)t->interval[i - 1];
                weights += w;
        }
        return sum / weights;
}

/* An open interval of more than twice the mean makes older ones count less: the path has changed. */
static double discount_now(const struct tfrc *t)
{
        double discount = t->open > 0 ? 2 * closed_mean(t) / (double)t->open : 1;
        return discount > 1 ? 1 : discount < DISCOUNT_MIN ? DISCOUNT_MIN : discount;
}

void tfrc_arrived(struct tfrc *t)
{
        t->open++;
}

static uint64_t first_interval(const struct tfrc *t, int64_t rtt_ns, int64_t received)
{
        int64_t first = tfrc_rate_first(rtt_ns);
        bool probed = received > first;
        uint64_t interval = (uint64_t)(1 / tfrc_loss_rate_at(rtt_ns, probed ? received : first / 2));
        return probed || interval > t->open ? interval : t->open;
}

void tfrc_lost(struct tfrc *t, struct mono now, int64_t rtt_ns, int64_t received)
{
        if (t->intervals_n > 0 && mono_since(now, t->event_at) < rtt_ns)
                return;
        uint64_t closed = t->intervals_n > 0 ? t->open : first_interval(t, rtt_ns, received);
        double discount = t->intervals_n > 0 ? discount_now(t) : 1;
        for (uint32_t i = TFRC_INTERVALS - 1; i > 0; i--) {
                t->interval[i] = t->interval[i - 1];
                t->discount[i] = t->discount[i - 1] * discount;
        }
        t->interval[0] = closed > 0 ? closed : 1;
        t->discount[0] = 1;
        t->intervals_n += t->intervals_n < TFRC_INTERVALS;
        t->open = 1; /* the lost one begins the next */
        t->event_at = now;
}

double tfrc_loss_rate(const struct tfrc *t)
{
        if (t->intervals_n == 0)
                return 0;
        /* The open interval counts once it makes the mean longer, not before. */
        double closed = closed_mean(t), open = open_mean(t, discount_now(t));
        double mean = closed > open ? closed : open;
        return mean > 1 ? 1 / mean : 1;
}

uint32_t tfrc_wire(double p)
{
        double wire = ceil(p * 4294967296.0);
        return wire < UINT32_MAX ? (uint32_t)wire : UINT32_MAX;
}

double tfrc_unwire(uint32_t wire)
{
        return (double)wire / 4294967296.0;
}
