/* compare: is path a faster than path b, by how much, and how sure is that?
 *
 * Works on pairs: the delays of the same event at the same numbered subscriber on both paths. What
 * hits both alike (the publisher, the host) cancels out. The answer is the median and the mean of
 * a - b with a 95 % interval each, and Wilcoxon's signed-rank test.
 *
 * Neighbouring delays are not independent: one lost TCP segment delays all that comes behind it,
 * at every size of plan. So the bootstrap draws blocks of consecutive pairs with wrap-around, not
 * single pairs; single ones would give an interval several times too narrow. Wilcoxon's p assumes
 * independence and is a hint only; `favour` is the effect's size.
 *
 * Sources: Efron 1979 (bootstrap, percentile interval), Politis and Romano 1992 (circular blocks);
 * Wilcoxon 1945 with normal approximation, ties and continuity corrected; Kerby 2014 (rank-biserial).
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H
#include <stddef.h>
#include <stdint.h>

struct compare_setup {
        uint64_t seed;
        uint32_t resamples; /* at least 100; 1,000 is customary */
        size_t block;       /* consecutive pairs drawn together; 1: pairs are independent */
};

struct compare_interval {
        double value, low, high; /* ns; the 95 % interval of `value` */
};

struct compare_result {
        size_t pairs;
        struct compare_interval median, mean; /* of a - b: below 0, a was faster */
        double favour; /* rank-biserial: -1 a is faster in every pair, 0 even, +1 b is faster in every pair */
        double z, p;   /* Wilcoxon's, two-sided */
        uint32_t resamples;
        size_t block; /* as used: at most a tenth of the pairs */
};

/* a_ns, b_ns  n delays each, pair by pair, in plan order
 * returns     0; ERR_RANGE when n is 0 (result zeroed); ERR_NO_MEMORY. Deterministic for a seed. */
int compare_pairs(const int64_t *a_ns, const int64_t *b_ns, size_t n, const struct compare_setup *setup,
                  struct compare_result *result);

#endif
