#include "udp_server/udp_repair.h"

#include <stddef.h>
#include <string.h>

void udp_repair_init(struct udp_repair *r, struct mono now, int64_t rate)
{
        *r = (struct udp_repair){ .rate = rate, .tokens = UDP_REPAIR_BURST_BYTES, .filled = now };
}

/* One range that nothing recent touches. */
static bool add(struct udp_repair *r, uint32_t chan_ref, uint64_t from, uint64_t to)
{
        for (uint32_t i = 0; i < r->want_n;) {
                struct udp_repair_range *w = &r->want[i];
                if (w->chan_ref != chan_ref || w->to + 1 < from || to + 1 < w->from) {
                        i++;
                        continue;
                }
                from = w->from < from ? w->from : from;
                to = w->to > to ? w->to : to;
                *w = r->want[--r->want_n];
                i = 0; /* now wider, it may touch one that was passed */
        }
        if (r->want_n == UDP_REPAIR_RANGES_MAX)
                return false;
        r->want[r->want_n++] = (struct udp_repair_range){ .chan_ref = chan_ref, .from = from, .to = to };
        return true;
}

/* Is the answer to a NACK that comes now still on its way? */
static bool is_held(const struct udp_repair *r, const struct udp_repair_range *d, struct mono now, int64_t hold_off_ns)
{
        int64_t since_ns = mono_since(now, d->at);
        return since_ns < hold_off_ns || (mono_before(r->shown, d->at) && since_ns < r->hold_off_ns_max);
}

bool udp_repair_want(struct udp_repair *r, struct mono now, int64_t hold_off_ns, uint32_t chan_ref, uint64_t from,
                     uint64_t to, uint64_t *held)
{
        *held = 0;
        while (from <= to) {
                /* The recent repair that begins lowest cuts the range. */
                const struct udp_repair_range *cut = NULL;
                for (uint32_t i = 0; i < UDP_REPAIR_REMEMBERED; i++) {
                        const struct udp_repair_range *d = &r->done[i];
                        if (d->chan_ref != chan_ref || d->to < from || d->from > to)
                                continue;
                        if (is_held(r, d, now, hold_off_ns) && (!cut || d->from < cut->from))
                                cut = d;
                }
                if (!cut)
                        return add(r, chan_ref, from, to);
                if (cut->from > from && !add(r, chan_ref, from, cut->from - 1))
                        return false;
                uint64_t start = cut->from > from ? cut->from : from, end = cut->to < to ? cut->to : to;
                *held += end - start + 1;
                from = end + 1;
        }
        return true;
}

void udp_repair_done(struct udp_repair *r, struct mono now, uint32_t chan_ref, uint64_t from, uint64_t to)
{
        r->done[r->done_next++ % UDP_REPAIR_REMEMBERED] =
                (struct udp_repair_range){ .chan_ref = chan_ref, .from = from, .to = to, .at = now };
        for (uint32_t i = 0; i < r->want_n; i++) {
                struct udp_repair_range *w = &r->want[i];
                if (w->chan_ref != chan_ref || w->to < from || w->from > to)
                        continue;
                if (w->to <= to)
                        w->to = from - 1; /* empty when it began there too */
                else
                        w->from = to + 1;
                if (w->from > w->to)
                        *w = r->want[--r->want_n], i--;
        }
}

void udp_repair_forget(struct udp_repair *r, uint32_t chan_ref)
{
        for (uint32_t i = 0; i < r->want_n;)
                if (r->want[i].chan_ref == chan_ref)
                        r->want[i] = r->want[--r->want_n];
                else
                        i++;
        uint32_t n = 0;
        for (uint32_t i = 0; i < r->later_n; i++)
                if (r->later[i].chan_ref != chan_ref)
                        r->later[n++] = r->later[i];
        r->later_n = n;
}

void udp_repair_later(struct udp_repair *r, struct mono at, uint32_t chan_ref, uint64_t from, uint64_t to)
{
        if (r->later_n < UDP_REPAIR_LATER_MAX)
                r->later[r->later_n++] =
                        (struct udp_repair_range){ .chan_ref = chan_ref, .from = from, .to = to, .at = at };
}

void udp_repair_ripen(struct udp_repair *r, struct mono now)
{
        uint32_t n = 0;
        while (n < r->later_n && !mono_before(now, r->later[n].at)) {
                add(r, r->later[n].chan_ref, r->later[n].from, r->later[n].to);
                n++;
        }
        r->later_n -= n;
        memmove(r->later, r->later + n, r->later_n * sizeof *r->later);
}

struct mono udp_repair_ripe_at(const struct udp_repair *r)
{
        return r->later_n > 0 ? r->later[0].at : MONO_NEVER;
}

bool udp_repair_may(struct udp_repair *r, struct mono now)
{
        int64_t span_ns = mono_since(now, r->filled);
        int64_t more = span_ns > NS_PER_S ? r->rate : r->rate * (span_ns / NS_PER_US) / (NS_PER_S / NS_PER_US);
        if (more > 0) {
                r->tokens += more;
                r->filled = now;
        }
        if (r->tokens > UDP_REPAIR_BURST_BYTES)
                r->tokens = UDP_REPAIR_BURST_BYTES;
        return r->tokens > 0;
}

void udp_repair_spend(struct udp_repair *r, uint64_t bytes)
{
        r->tokens -= (int64_t)bytes;
}

struct mono udp_repair_deadline(const struct udp_repair *r)
{
        if (r->want_n == 0)
                return MONO_NEVER;
        int64_t short_of = r->tokens > 0 ? 0 : 1 - r->tokens;
        return mono_add(r->filled, short_of * NS_PER_S / r->rate + NS_PER_US);
}
