#include "lab/bottleneck.h"

uint64_t bottleneck_backlog(const struct bottleneck *b, struct mono now)
{
        int64_t busy_ns = mono_since(b->busy_until, now);
        return b->rate > 0 && busy_ns > 0 ? (uint64_t)((double)busy_ns * (double)b->rate / (double)NS_PER_S + 0.5) : 0;
}

bool bottleneck_take(struct bottleneck *b, struct mono now, size_t bytes, struct mono *left)
{
        uint64_t backlog = bottleneck_backlog(b, now);
        *left = now;
        if (b->rate == 0)
                return true;
        if (backlog > 0 && backlog + bytes > b->queue_bytes)
                return false;
        struct mono start = mono_before(b->busy_until, now) ? now : b->busy_until;
        *left = b->busy_until = mono_add(start, (int64_t)bytes * NS_PER_S / b->rate);
        return true;
}
