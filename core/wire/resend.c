#include "core/wire/resend.h"

#define ALLOWANCE_NS   (INT64_C(5) * 1000000) /* the other side's turn of its loop */
#define REQUEST_NS_MAX (INT64_C(8) * 1000000000)

static int64_t at_least(int64_t v, int64_t min)
{
        return v < min ? min : v;
}

static int64_t at_most(int64_t v, int64_t max)
{
        return v > max ? max : v;
}

void resend_init(struct resend *r)
{
        *r = (struct resend){ .srtt_ns = RESEND_RTT_NS_INITIAL, .rttvar_ns = RESEND_RTT_NS_INITIAL / 2 };
}

bool resend_sample(struct resend *r, int64_t rtt_ns)
{
        if (rtt_ns < 0 || rtt_ns > RESEND_SAMPLE_NS_MAX)
                return false;
        if (r->samples++ == 0) {
                r->srtt_ns = rtt_ns;
                r->rttvar_ns = rtt_ns / 2;
                return true;
        }
        int64_t deviation = r->srtt_ns > rtt_ns ? r->srtt_ns - rtt_ns : rtt_ns - r->srtt_ns;
        r->rttvar_ns = (3 * r->rttvar_ns + deviation) / 4;
        r->srtt_ns = (7 * r->srtt_ns + rtt_ns) / 8;
        return true;
}

int64_t resend_repair_ns(const struct resend *r, unsigned tries)
{
        int64_t wait = r->srtt_ns + r->srtt_ns / 8 + 4 * r->rttvar_ns + ALLOWANCE_NS;
        wait = at_least(wait, RESEND_REPAIR_NS_MIN);
        for (unsigned i = RESEND_REPAIRS_ALIKE; i < tries && wait < RESEND_RTO_NS_FIRST; i++)
                wait += wait / 2;
        return at_most(wait, RESEND_RTO_NS_FIRST);
}

int64_t resend_request_ns(const struct resend *r, unsigned tries)
{
        int64_t wait = RESEND_RTO_NS_FIRST;
        if (r->samples > 0)
                wait = at_least(r->srtt_ns + 4 * r->rttvar_ns + ALLOWANCE_NS, RESEND_PUB_NS_MIN);
        for (unsigned i = 1; i < tries && wait < REQUEST_NS_MAX; i++)
                wait *= 2;
        return at_most(wait, REQUEST_NS_MAX);
}

int64_t resend_reorder_ns(const struct resend *r)
{
        return at_most(at_least(r->srtt_ns / 8, RESEND_REORDER_NS_MIN), RESEND_REORDER_NS_MAX);
}

int64_t resend_hold_off_ns(const struct resend *r)
{
        return at_least(r->srtt_ns / 4 * 3, RESEND_HOLD_OFF_NS_MIN);
}
