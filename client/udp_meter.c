#include "client/udp_meter.h"

#include <math.h>

enum { HEADERS_BYTES = 28 }; /* IPv4 and UDP */

#define TELL_NS_MIN (200 * NS_PER_MS)
#define SPAN_NS_MIN (10 * NS_PER_MS) /* over less, a rate is mostly chance */

void udp_meter_came(struct udp_meter *m, struct mono now, size_t bytes)
{
        tfrc_arrived(&m->tfrc);
        if (m->bytes == 0)
                m->first = now;
        m->bytes += bytes + HEADERS_BYTES;
        m->last = now;
}

/* Bytes per second; what was told last, where too little came since to say. */
static int64_t rate(const struct udp_meter *m, int64_t rtt_ns)
{
        int64_t span_ns = m->bytes > 0 ? mono_since(m->last, m->first) : 0;
        int64_t least = rtt_ns > SPAN_NS_MIN ? rtt_ns : SPAN_NS_MIN;
        if (m->bytes == 0 || (span_ns < least && m->rate > 0))
                return m->rate;
        return (int64_t)((double)m->bytes * (double)NS_PER_S / (double)(span_ns > least ? span_ns : least));
}

void udp_meter_lost(struct udp_meter *m, struct mono now, int64_t rtt_ns)
{
        tfrc_lost(&m->tfrc, now, rtt_ns, rate(m, rtt_ns));
}

bool udp_meter_changed(const struct udp_meter *m, struct mono now, int64_t rtt_ns)
{
        double p = tfrc_loss_rate(&m->tfrc);
        if (mono_since(now, m->told_at) < TELL_NS_MIN)
                return false;
        if (p > 0)
                return fabs(p - m->loss_rate) > 0.05 * m->loss_rate;
        return rate(m, rtt_ns) > m->rate + m->rate / 4;
}

void udp_meter_tell(struct udp_meter *m, struct mono now, int64_t rtt_ns, struct dgram_report *r)
{
        m->rate = rate(m, rtt_ns);
        m->loss_rate = tfrc_loss_rate(&m->tfrc);
        m->bytes = 0;
        m->told_at = now;
        r->loss_rate = tfrc_wire(m->loss_rate);
        r->rate = m->rate < UINT32_MAX ? (uint32_t)m->rate : UINT32_MAX;
        r->kernel_drops = (uint32_t)m->kernel_drops;
}
