/* mono: an instant on a monotonic clock.
 *
 * An instant is a struct so that adding two of them does not compile; a span is a plain
 * `int64_t ..._ns`. Nobody below core/loop reads a clock: instants arrive as arguments, so the
 * same code runs on sockets, in simulated time and from a capture.
 */
#ifndef CORE_BASE_MONO_H
#define CORE_BASE_MONO_H
#include <stdbool.h>
#include <stdint.h>

struct mono {
        int64_t ns; /* since an origin that the clock's owner chose; only differences mean something */
};

#define MONO_NEVER ((struct mono){ INT64_MAX })
#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_S   INT64_C(1000000000)

/* The instant span_ns after m; MONO_NEVER stays MONO_NEVER, and so does what would overflow. */
static inline struct mono mono_add(struct mono m, int64_t span_ns)
{
        struct mono sum;
        if (m.ns == INT64_MAX || __builtin_add_overflow(m.ns, span_ns, &sum.ns))
                return MONO_NEVER;
        return sum;
}

/* The span from `earlier` to `later`, in ns; negative when they are the other way round. */
static inline int64_t mono_since(struct mono later, struct mono earlier)
{
        return later.ns - earlier.ns;
}

static inline bool mono_before(struct mono a, struct mono b)
{
        return a.ns < b.ns;
}

static inline bool mono_is_never(struct mono m)
{
        return m.ns == INT64_MAX;
}

static inline struct mono mono_min(struct mono a, struct mono b)
{
        return a.ns < b.ns ? a : b;
}

#endif
