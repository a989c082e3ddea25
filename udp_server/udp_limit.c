/* limit: how much one session may say. */
#include "udp_server/udp_session_inside.h"

bool udp_session_may(struct udp_session *s, struct mono now, uint32_t n)
{
        struct limits *limits = app_limits(s->app);
        bool may = bucket_open(&s->said, &limits->events, now);
        if (may)
                bucket_spend(&s->said, &limits->events, now, n);
        limits->met[LIMIT_EVENTS] += !may;
        return may;
}

/* All of the half that a newcomer has, which an address may be so often only: a client that says all it has at once is
 * not to be told RATE, since that changes the order. */
void udp_limit_begin(struct udp_session *s, struct mono now)
{
        bucket_begin(&s->said, &app_limits(s->app)->events, now, UINT32_MAX);
}

/* What is no event has a rate, too: one NACK may cost as much as a hundred PUBs. */
static bool may_ask(struct udp_session *s, struct mono now)
{
        static const struct bucket_rule rule = { .each_ns = NS_PER_S / UDP_ASKS_PER_S, .burst_ns = NS_PER_S };
        bool may = bucket_open(&s->asked, &rule, now);
        if (may)
                bucket_spend(&s->asked, &rule, now, 1);
        s->shared->stats->asked_often += !may;
        return may;
}

bool udp_limit_ask(struct udp_session *s, struct mono now, uint8_t type)
{
        return type == DGRAM_PUB || type == DGRAM_CLOSE || may_ask(s, now);
}

/* It is paid for as an event when it is done; said again, it asks for its answer alone. */
bool udp_limit_again(struct udp_session *s, struct mono now)
{
        return may_ask(s, now);
}
