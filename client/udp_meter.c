#include "client/udp_meter.h"

#include <math.h>

enum { HEADERS_BYTES = 28 }; /* IPv4 and UDP */

#define TELL_NS_MIN  (200 * NS_PER_MS)
#define WORSE_NS_MIN (20 * NS_PER_MS)
#define ANSWER_NS    (100 * NS_PER_MS) /* and three round trips: then it was lost */
#define SPAN_NS_MIN  (10 * NS_PER_MS)  /* over less, a rate is mostly chance */

void udp_meter_came(struct udp_meter *m, struct mono now, size_t bytes, bool news)
{
        tfrc_arrived(&m->tfrc);
        if (m->bytes == 0 && !news)
                return;
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
        bool answer_lost = m->awaits && mono_since(now, m->event_told_at) > 3 * rtt_ns + ANSWER_NS;
        if (m->untold || (m->awaits && !answer_lost) || mono_before(now, m->heeded_at))
                return;
        m->awaits = false;
        tfrc_lost(&m->tfrc, now, rtt_ns, rate(m, rtt_ns));
        m->untold = true;
}

void udp_meter_answered(struct udp_meter *m, struct mono now, struct mono sent, int64_t late_ns)
{
        if (!m->awaits || mono_before(sent, m->event_told_at))
                return;
        m->awaits = false;
        m->heeded_at = mono_add(now, late_ns);
}

bool udp_meter_changed(const struct udp_meter *m, struct mono now, int64_t rtt_ns)
{
        double p = tfrc_loss_rate(&m->tfrc);
        int64_t since_ns = mono_since(now, m->told_at);
        if (m->untold && since_ns >= (rtt_ns > WORSE_NS_MIN ? rtt_ns : WORSE_NS_MIN))
                return true;
        if (since_ns < TELL_NS_MIN)
                return false;
        if (p > 0)
                return p < 0.95 * m->loss_rate;
        return rate(m, rtt_ns) > m->rate + m->rate / 4;
}

bool udp_meter_tell(struct udp_meter *m, struct mono now, int64_t rtt_ns, struct dgram_report *r)
{
        m->rate = rate(m, rtt_ns);
        m->loss_rate = tfrc_loss_rate(&m->tfrc);
        m->bytes = 0;
        m->told_at = now;
        if (m->untold) {
                m->awaits = true;
                m->event_told_at = now;
        }
        r->loss_rate = tfrc_wire(m->loss_rate);
        r->rate = m->rate < UINT32_MAX ? (uint32_t)m->rate : UINT32_MAX;
        r->kernel_drops = (uint32_t)m->kernel_drops;
        bool event = m->untold;
        m->untold = false;
        return event;
}
