#include "client/udp_hearing.h"

#include "core/wire/backoff.h"

void udp_hearing_begin(struct udp_hearing *g)
{
        *g = (struct udp_hearing){ .say = MONO_NEVER, .heard = MONO_NEVER, .k = BACKOFF_K };
}

void udp_hearing_offered(struct udp_hearing *g, const struct dgram_group *m)
{
        g->offered = true;
        g->address = *m;
}

static void want(struct udp_hearing *g, struct mono now, bool on)
{
        if (g->wants == on)
                return;
        g->wants = on;
        g->tries = 0;
        g->say = now;
}

void udp_hearing_heard(struct udp_hearing *g, struct mono now)
{
        if (!g->offered)
                return;
        g->heard = now;
        want(g, now, true);
}

void udp_hearing_beat(struct udp_hearing *g, const struct dgram_beat *m)
{
        g->size = m->group;
        g->grtt_ns = m->grtt_ms * NS_PER_MS < GROUP_GRTT_NS_MAX ? m->grtt_ms * NS_PER_MS : GROUP_GRTT_NS_MAX;
        g->k = m->k < GROUP_K_MAX ? m->k : GROUP_K_MAX;
}

void udp_hearing_answer(struct udp_hearing *g, const struct dgram_listen *m)
{
        g->listens = m->on == 1;
        if (g->listens == g->wants)
                g->say = MONO_NEVER;
}

bool udp_hearing_says(struct udp_hearing *g, struct mono now, const struct resend *rtt, bool *on)
{
        if (g->wants && mono_since(now, g->heard) >= GROUP_SILENT_NS)
                want(g, now, false);
        if (mono_before(now, g->say))
                return false;
        *on = g->wants;
        g->say = mono_add(now, resend_request_ns(rtt, ++g->tries));
        return true;
}

struct mono udp_hearing_deadline(const struct udp_hearing *g)
{
        return g->wants ? mono_min(g->say, mono_add(g->heard, GROUP_SILENT_NS)) : g->say;
}

int64_t udp_hearing_backoff_ns(const struct udp_hearing *g, struct rng *rng)
{
        return backoff_ns(g->k * g->grtt_ns, g->size, rng_unit(rng));
}

int64_t udp_hearing_hold_off_ns(const struct udp_hearing *g)
{
        return (g->k + 2) * g->grtt_ns;
}
