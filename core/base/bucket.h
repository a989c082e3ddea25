/* bucket: has this been done more often than so many times a second, after a burst?
 *
 * A token bucket kept as one instant, the one at which it will be full again: what is spent moves it on,
 * and whoever has moved it further ahead than the burst reaches is over the rate. One rule serves any
 * number of buckets. Value module: no heap, no clock.
 *
 * Source: ITU-T I.371 (generic cell rate algorithm, as virtual scheduling).
 */
#ifndef CORE_BASE_BUCKET_H
#define CORE_BASE_BUCKET_H
#include <stdbool.h>

#include "core/base/mono.h"

/* Zeroed: no limit. */
struct bucket_rule {
        int64_t each_ns;  /* what one token takes to come back */
        int64_t burst_ns; /* what all tokens of a full bucket take */
};

struct bucket {
        struct mono full_at; /* zeroed, or in the past: full */
};

/* per_s above 0 (less than one an hour is one an hour); burst, at least 1: tokens of a full bucket. */
static inline struct bucket_rule bucket_rule(double per_s, uint32_t burst)
{
        double each_ns = (double)NS_PER_S / per_s, most_ns = 3600 * (double)NS_PER_S;
        int64_t each = each_ns > most_ns ? (int64_t)most_ns : (int64_t)each_ns;
        return (struct bucket_rule){ each, (burst < 1000000 ? burst : 1000000) * each };
}

/* When a token is there to be spent; now or in the past: there is one. */
static inline struct mono bucket_open_at(const struct bucket *b, const struct bucket_rule *rule)
{
        return mono_add(b->full_at, rule->each_ns - rule->burst_ns);
}

/* When so many are there as come back in span_ns, or as many as there can be: for one that would rather be
 * woken seldom than for each. */
static inline struct mono bucket_wide_at(const struct bucket *b, const struct bucket_rule *rule, int64_t span_ns)
{
        int64_t wanted = span_ns > rule->each_ns ? span_ns : rule->each_ns;
        return mono_add(b->full_at, (wanted < rule->burst_ns ? wanted : rule->burst_ns) - rule->burst_ns);
}

static inline bool bucket_open(const struct bucket *b, const struct bucket_rule *rule, struct mono now)
{
        return rule->each_ns == 0 || !mono_before(now, bucket_open_at(b, rule));
}

/* Takes n tokens; those that are not there are owed. */
static inline void bucket_spend(struct bucket *b, const struct bucket_rule *rule, struct mono now, uint32_t n)
{
        struct mono since = mono_before(b->full_at, now) ? now : b->full_at;
        b->full_at = mono_add(since, n * rule->each_ns);
}

/* For whoever comes anew: half of its tokens are there (rounded up), but no more than tokens_max. A full bucket is for
 * whoever has been quiet, or who has used his up would begin again. */
static inline void bucket_begin(struct bucket *b, const struct bucket_rule *rule, struct mono now, uint32_t tokens_max)
{
        int64_t burst = rule->each_ns > 0 ? rule->burst_ns / rule->each_ns : 0, half = (burst + 1) / 2;
        bucket_spend(b, rule, now, (uint32_t)(burst - (half < tokens_max ? half : tokens_max)));
}

#endif
