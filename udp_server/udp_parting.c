/* parting: LEAVE_OK that nobody asked for. Lost, it would leave its client in a room that it hears nothing of for ever,
 * so it is said again, ever more rarely, until LEAVE says that it came. */
#include <stdlib.h>

#include "udp_server/udp_session_inside.h"

#define AGAIN_NS_MAX (1 * NS_PER_S)

/* One that finds no place comes again: a client is not closed for them. */
static void say(struct udp_session *s, const struct udp_parting *p)
{
        if (!udp_session_crowded(s))
                udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { p->ref, p->end } });
}

static void wait(struct udp_session *s, struct mono now)
{
        int64_t wait_ns = resend_request_ns(&s->rtt, ++s->parting_tries);
        s->parting_due = mono_add(now, wait_ns < AGAIN_NS_MAX ? wait_ns : AGAIN_NS_MAX);
}

void udp_parting_begin(struct udp_session *s, struct mono now, uint32_t ref, uint64_t end)
{
        if (s->partings_n == s->partings_cap) {
                uint32_t cap = s->partings_cap ? 2 * s->partings_cap : 4;
                struct udp_parting *more = realloc(s->parting, cap * sizeof *more);
                if (!more) {
                        s->shared->stats->no_memory++;
                        s->slow = true; /* closed, so that it hears of it */
                        return;
                }
                s->parting = more;
                s->partings_cap = cap;
        }
        struct udp_parting *p = &s->parting[s->partings_n++];
        *p = (struct udp_parting){ ref, end };
        s->shared->stats->partings++;
        s->parting_tries = 0;
        say(s, p);
        wait(s, now);
}

bool udp_parting_known(struct udp_session *s, uint32_t ref)
{
        for (uint32_t i = 0; i < s->partings_n; i++) {
                if (s->parting[i].ref == ref) {
                        s->parting[i] = s->parting[--s->partings_n];
                        return true;
                }
        }
        return false;
}

struct mono udp_parting_deadline(const struct udp_session *s)
{
        return s->partings_n > 0 ? s->parting_due : MONO_NEVER;
}

void udp_parting_again(struct udp_session *s, struct mono now)
{
        for (uint32_t i = 0; i < s->partings_n; i++)
                say(s, &s->parting[i]);
        wait(s, now);
}

void udp_parting_expire(struct udp_session *s, struct mono now)
{
        if (!mono_before(now, udp_parting_deadline(s)))
                udp_parting_again(s, now);
}
