#include "udp_server/udp_path.h"

#include "core/base/rng.h"

enum { PTOS = 3 };

static const struct bucket_rule moves_rule = { .each_ns = UDP_PATH_MOVES_MS * NS_PER_MS,
                                               .burst_ns = UDP_PATH_MOVES * UDP_PATH_MOVES_MS * NS_PER_MS };

void udp_path_init(struct udp_path *p, const struct udp_addr *addr)
{
        *p = (struct udp_path){ .addr = *addr };
}

static bool answers(struct bytes datagram, uint64_t random)
{
        struct bytes message;
        struct dgram_msg m;
        bool found = false;
        while (dgram_next(&datagram, &message))
                found |=
                        message.at[3] == DGRAM_RESPONSE && dgram_parse(message, &m) == 0 && m.response.random == random;
        return found;
}

/* Of a path of which nothing is known: RFC 9000 8.2.4. */
static int64_t give_up_ns(const struct resend *rtt)
{
        int64_t pto = resend_request_ns(rtt, 1);
        return PTOS * (pto > RESEND_RTO_NS_FIRST ? pto : RESEND_RTO_NS_FIRST);
}

static void begin(struct udp_path *p, struct mono now, const struct udp_addr *from, const struct resend *rtt)
{
        p->doubt = true;
        p->asked = *from;
        p->random_here = rng_os_u64();
        p->random_there = rng_os_u64();
        p->begun = now;
        p->asked_at = mono_add(now, -resend_hold_off_ns(rtt));
        p->until = mono_add(now, give_up_ns(rtt));
}

/* May another address take the place of the one that is asked? Not before that could have answered. */
static bool is_open(const struct udp_path *p, struct mono now, const struct resend *rtt)
{
        return !p->doubt || !mono_before(now, p->until) || mono_since(now, p->begun) >= resend_request_ns(rtt, 1);
}

enum udp_path_verdict udp_path_elsewhere(struct udp_path *p, struct mono now, const struct udp_addr *from,
                                         struct bytes datagram, uint32_t newest, uint32_t known,
                                         const struct resend *rtt)
{
        bool asked = p->doubt && udp_addr_equal(from, &p->asked) && mono_before(now, p->until);
        if (newest <= known)
                return UDP_PATH_OLD;
        if (!asked && !bucket_open(&p->moves, &moves_rule, now))
                return UDP_PATH_OFTEN;
        if (!asked && !is_open(p, now, rtt))
                return UDP_PATH_WAIT;
        if (!asked)
                begin(p, now, from, rtt);
        p->newest_there = asked && p->newest_there > newest ? p->newest_there : newest;
        if (asked && answers(datagram, p->random_there))
                return UDP_PATH_PROVEN;
        if (mono_since(now, p->asked_at) < resend_hold_off_ns(rtt))
                return UDP_PATH_WAIT;
        p->asked_at = now;
        return UDP_PATH_ASK;
}

bool udp_path_home(struct udp_path *p, struct bytes datagram, uint32_t newest)
{
        if (!p->doubt || newest <= p->newest_there || !answers(datagram, p->random_here))
                return false;
        udp_path_stay(p);
        return true;
}

void udp_path_move(struct udp_path *p, struct mono now)
{
        p->addr = p->asked;
        bucket_spend(&p->moves, &moves_rule, now, 1);
        udp_path_stay(p);
}

void udp_path_stay(struct udp_path *p)
{
        p->doubt = false;
}
