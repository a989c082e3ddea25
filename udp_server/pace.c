#include "udp_server/pace.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/units.h"

#define RATE_MAX   INT64_C(100000000000) /* bytes per second: nothing is that fast, and it can be counted with */
#define BAD_SHARE  5                     /* one in so many lost is too much */
#define RTT_NS_MIN NS_PER_US

static int64_t lower(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static int64_t higher(int64_t a, int64_t b)
{
        return a > b ? a : b;
}

static int64_t time_of(int64_t bytes, int64_t rate)
{
        return bytes * NS_PER_S / rate;
}

static int64_t per_round_trip(const struct resend *rtt)
{
        return TFRC_SEGMENT_BYTES * NS_PER_S / higher(rtt->srtt_ns, RTT_NS_MIN);
}

static bool is_open(const struct pace *p)
{
        return !mono_is_never(p->open_since);
}

/* A burst is what goes in a round trip, but never less than a first window nor more than so many
 * datagrams. */
static void set_rate(struct pace *p, int64_t rate, const struct resend *rtt)
{
        bool open = is_open(p);
        if (open)
                rate = lower(rate, per_round_trip(rtt));
        p->rate = lower(higher(rate, open ? 1 : PACE_RATE_MIN), lower(p->rate_max, RATE_MAX));
        int64_t least = time_of(TFRC_WINDOW_FIRST * TFRC_SEGMENT_BYTES, p->rate);
        int64_t most = time_of(PACE_BURST_MAX * TFRC_SEGMENT_BYTES, p->rate);
        p->slack_ns = higher(PACE_SLACK_NS, 2 * rtt->srtt_ns);
        p->burst_ns = open ? 0 : lower(most, higher(least, higher(rtt->srtt_ns, PACE_TURN_NS)));
}

int pace_parse(const char *text, struct pace_config *config)
{
        uint64_t bits = 0;
        bool named = strcmp(text, "auto") == 0 || strcmp(text, "off") == 0;
        int err = named ? 0 : units_bitrate(text, &bits);
        *config = (struct pace_config){ .on = strcmp(text, "off") != 0,
                                        .rate_max = lower((int64_t)(bits / 8), RATE_MAX) };
        if (!err && !named && config->rate_max < PACE_RATE_MIN)
                return ERR_RANGE;
        return err;
}

void pace_init(struct pace *p, struct mono now, struct pace_config config)
{
        struct resend rtt;
        resend_init(&rtt);
        *p = (struct pace){ .on = config.on,
                            .rate_max = config.rate_max ? config.rate_max : INT64_MAX,
                            .report_due = MONO_NEVER,
                            .open_since = MONO_NEVER,
                            .over_at = MONO_NEVER };
        set_rate(p, tfrc_rate_first(rtt.srtt_ns), &rtt);
        p->paid_to = mono_add(now, -p->burst_ns);
        p->judged_at = p->turned_at = p->anew_at = now;
}

void pace_move(struct pace *p, struct mono now, const struct resend *rtt)
{
        int64_t first = tfrc_rate_first(rtt->srtt_ns);
        struct mono owed = p->paid_to;
        if (mono_since(now, p->anew_at) >= PACE_ANEW_NS) {
                pace_init(p, now, (struct pace_config){ p->on, p->rate_max });
                p->paid_to = owed;
        } else {
                set_rate(p, lower(p->rate, first), rtt);
        }
}

void pace_round_trip(struct pace *p, const struct resend *rtt)
{
        int64_t first = tfrc_rate_first(rtt->srtt_ns);
        if (!p->lossy && p->missed == 0)
                set_rate(p, rtt->samples > 1 ? higher(p->rate, first) : first, rtt);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* Time not used is kept, up to a burst; a moment always, or nothing could ever begin. */
static struct mono paid_to(const struct pace *p, struct mono now)
{
        struct mono earliest = mono_add(now, -higher(p->burst_ns, 1));
        return mono_before(p->paid_to, earliest) ? earliest : p->paid_to;
}

int64_t pace_credit_ns(const struct pace *p, struct mono now)
{
        return p->on ? higher(mono_since(now, paid_to(p, now)), 0) : INT64_MAX;
}

bool pace_ample(const struct pace *p, struct mono now)
{
        return !p->on || (p->burst_ns > 0 && pace_credit_ns(p, now) >= p->burst_ns / 4 * 3);
}

int64_t pace_cost_ns(const struct pace *p, size_t bytes)
{
        return p->on ? time_of((int64_t)bytes + PACE_HEADERS_BYTES, p->rate) + 1 : 0;
}

void pace_wait(struct pace *p)
{
        p->limited = true;
}

void pace_sent(struct pace *p, struct mono now, size_t bytes, bool data)
{
        if (!p->on)
                return;
        p->paid_to = mono_add(paid_to(p, now), pace_cost_ns(p, bytes));
        if (data && mono_is_never(p->report_due))
                p->report_due = mono_add(now, PACE_REPORT_NS + p->slack_ns);
}

struct mono pace_ready_at(const struct pace *p)
{
        return mono_add(p->paid_to, higher(lower(PACE_WAKE_NS, p->burst_ns), 1));
}

/* ---- the breaker -------------------------------------------------------------------------- */

/* The client is told, and now and then again. */
static enum pace_word advise(struct pace *p, struct mono now)
{
        if (mono_since(now, p->advised_at) < PACE_ADVISE_NS)
                return PACE_FINE;
        p->advised_at = now;
        return PACE_ADVISE;
}

static enum pace_word open_breaker(struct pace *p, struct mono now, const struct resend *rtt, bool for_loss)
{
        if (mono_is_never(p->over_at))
                p->over_at = mono_add(now, PACE_OPEN_NS);
        if (is_open(p))
                return advise(p, now);
        p->advised_at = p->open_since = now;
        p->open_for_loss = for_loss;
        set_rate(p, p->rate, rtt);
        return PACE_ADVISE;
}

enum pace_breaker pace_breaker(const struct pace *p)
{
        return !is_open(p) ? PACE_CLOSED : p->open_for_loss ? PACE_OPEN_FOR_LOSS : PACE_OPEN_FOR_SILENCE;
}

void pace_resume(struct pace *p, struct mono now, enum pace_breaker breaker)
{
        struct resend rtt;
        resend_init(&rtt);
        if (!p->on || breaker == PACE_CLOSED)
                return;
        p->open_since = p->advised_at = p->paid_to = now;
        p->open_for_loss = breaker == PACE_OPEN_FOR_LOSS;
        set_rate(p, p->rate, &rtt);
}

/* What went out through an open one says nothing about the path but that it is there. */
static void close_breaker(struct pace *p, const struct resend *rtt)
{
        if (!is_open(p))
                return;
        p->open_since = p->over_at = MONO_NEVER;
        p->limited = false;
        set_rate(p, tfrc_rate_first(rtt->srtt_ns), rtt);
}

/* Is more than a fifth lost? REPORTs of a second at least are judged together. */
static void judge(struct pace *p, struct mono now, const struct pace_report *r)
{
        p->came += r->came;
        p->lost += r->lost;
        if (mono_since(now, p->judged_at) < PACE_JUDGE_NS || p->came + p->lost == 0)
                return;
        bool bad = p->lost * BAD_SHARE > p->lost + p->came;
        if (bad != p->bad)
                p->turned_at = p->judged_at;
        p->bad = bad;
        p->came = p->lost = 0;
        p->judged_at = now;
}

/* A REPORT has come: what it says is all that can keep the breaker open. */
static enum pace_word work_breaker(struct pace *p, struct mono now, const struct resend *rtt)
{
        bool long_so = mono_since(now, p->turned_at) >= PACE_BAD_NS;
        bool judged = mono_before(p->open_since, p->judged_at);
        if (p->bad && long_so)
                return open_breaker(p, now, rtt, true);
        if (p->open_for_loss && is_open(p) && !(long_so && judged))
                return advise(p, now);
        close_breaker(p, rtt);
        return PACE_FINE;
}

/* ---- the rate ----------------------------------------------------------------------------- */

/* Nothing lost so far. Less than it may a session sends for want of events: that proves nothing. */
static int64_t slow_start(const struct pace *p, const struct pace_report *r)
{
        return p->limited ? higher(p->rate, lower(2 * p->rate, 2 * r->received)) : p->rate;
}

/* What arrives is measured over short times, so that one REPORT takes no more than half away, and of so
 * little as two datagrams a round trip nothing. A rate that is not used grows to twice what is. */
static int64_t like_tcp(const struct pace *p, const struct resend *rtt, const struct pace_report *r)
{
        int64_t fair = tfrc_rate(rtt->srtt_ns, r->loss_rate), received = lower(r->received, RATE_MAX);
        int64_t least = higher(p->rate / 2, 2 * per_round_trip(rtt));
        if (p->limited)
                return lower(fair, higher(received + received / 4, least));
        return lower(fair, higher(p->rate, higher(2 * received, tfrc_rate_first(rtt->srtt_ns))));
}

enum pace_word pace_report(struct pace *p, struct mono now, const struct resend *rtt, const struct pace_report *r)
{
        if (!p->on)
                return PACE_FINE;
        p->missed = 0;
        p->report_due = MONO_NEVER;
        p->lossy |= r->loss_rate > 0;
        judge(p, now, r);
        enum pace_word word = work_breaker(p, now, rtt);
        set_rate(p, p->lossy ? like_tcp(p, rtt, r) : slow_start(p, r), rtt);
        p->limited = false;
        return word;
}

enum pace_word pace_expire(struct pace *p, struct mono now, const struct resend *rtt)
{
        enum pace_word word = PACE_FINE;
        if (!mono_before(now, p->over_at))
                return PACE_OVER;
        if (mono_before(now, p->report_due) || mono_is_never(p->report_due))
                return PACE_FINE;
        p->report_due = mono_add(now, PACE_REPORT_NS + p->slack_ns);
        if (++p->missed >= PACE_MISSED_MAX)
                word = open_breaker(p, now, rtt, false);
        else
                set_rate(p, p->rate / 2, rtt);
        return word;
}

struct mono pace_deadline(const struct pace *p)
{
        return mono_min(p->report_due, p->over_at);
}
