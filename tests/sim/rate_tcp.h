/* rate_tcp: a TCP in short, for those who have to share a line with one: CUBIC's window (RFC 9438) with
 * its Reno-friendly region, slow start, selective acknowledgments, and a timeout. It has always
 * something to send; what is lost is as good as sent anew. Losses are known as soon as something
 * later is acknowledged, since this network does not reorder.
 */
#ifndef TESTS_SIM_RATE_TCP_H
#define TESTS_SIM_RATE_TCP_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/mono.h"

enum { RATE_TCP_BYTES = 1500, RATE_TCP_SEQS = 1 << 14 };

struct rate_tcp {
        double window, threshold, w_max, w_est;
        struct mono since;     /* the last loss */
        uint32_t next, oldest; /* seqs: to be sent; not yet known to be there or lost */
        uint32_t recover;      /* losses below are of the last event */
        struct mono sent_at[RATE_TCP_SEQS];
        int64_t srtt_ns;
        struct mono heard;
        uint64_t delivered;
};

static void rate_tcp_begin(struct rate_tcp *t, struct mono now)
{
        *t = (struct rate_tcp){ .window = 10, .threshold = 1e9, .heard = now, .srtt_ns = 100 * NS_PER_MS };
}

static bool rate_tcp_may(const struct rate_tcp *t, struct mono now)
{
        (void)now;
        return t->next - t->oldest < (uint32_t)t->window && t->next - t->oldest < RATE_TCP_SEQS - 1;
}

static uint32_t rate_tcp_sent(struct rate_tcp *t, struct mono now)
{
        if (t->next == t->oldest)
                t->heard = now;
        t->sent_at[t->next % RATE_TCP_SEQS] = now;
        return t->next++;
}

static struct mono rate_tcp_deadline(const struct rate_tcp *t)
{
        return mono_add(t->heard, NS_PER_S);
}

static void reduce(struct rate_tcp *t, struct mono now)
{
        t->w_max = t->window < t->w_max ? t->window * 0.85 : t->window; /* fast convergence */
        t->window = t->window * 0.7 < 2 ? 2 : t->window * 0.7;
        t->threshold = t->w_est = t->window;
        t->since = now;
        t->recover = t->next;
}

static void grow(struct rate_tcp *t, struct mono now)
{
        const double c = 0.4;
        double seconds = (double)mono_since(now, t->since) / 1e9 + (double)t->srtt_ns / 1e9;
        double k = cbrt(t->w_max * 0.3 / c);
        double target = c * pow(seconds - k, 3) + t->w_max;
        t->w_est += 3 * 0.3 / 1.7 / t->window;
        if (t->window < t->threshold)
                t->window += 1;
        else if (target < t->w_est)
                t->window = t->window > t->w_est ? t->window : t->w_est;
        else if (target > t->window)
                t->window += (target - t->window > t->window / 2 ? t->window / 2 : target - t->window) / t->window;
}

static void rate_tcp_acked(struct rate_tcp *t, struct mono now, uint32_t seq)
{
        if (seq - t->oldest > RATE_TCP_SEQS)
                return; /* of before a timeout */
        bool lost = seq != t->oldest;
        t->srtt_ns += (mono_since(now, t->sent_at[seq % RATE_TCP_SEQS]) - t->srtt_ns) / 8;
        t->oldest = seq + 1;
        t->heard = now;
        t->delivered++;
        if (lost && (int32_t)(seq - t->recover) >= 0)
                reduce(t, now);
        else if (!lost)
                grow(t, now);
}

static void rate_tcp_expire(struct rate_tcp *t, struct mono now)
{
        t->threshold = t->window / 2 > 2 ? t->window / 2 : 2;
        t->window = 1;
        t->oldest = t->next;
        t->recover = t->next;
        t->heard = now;
}

#endif
