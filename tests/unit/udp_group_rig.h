/* udp_group_rig: a server that sends rooms to a multicast group, and what the group is sent. For tests. */
#ifndef TESTS_UNIT_UDP_GROUP_RIG_H
#define TESTS_UNIT_UDP_GROUP_RIG_H
#include "tests/unit/udp_rig.h"

enum { RATE = 1000000, ROOM_EVENTS = 300 };

static inline struct rig *start_at(int64_t rate)
{
        struct udp_gate_config gate = {
                .group = { .address = { { [10] = 0xFF, [11] = 0xFF, [12] = 232, [15] = 1 }, 5007 }, .rate = rate }
        };
        return rig_start_config((struct hub_config){ .room_events_max = ROOM_EVENTS }, gate);
}

/* What goes to the group now, as messages in r->said. */
static inline int hear_group(struct rig *r)
{
        struct udp_group *g = udp_gate_group(r->gate);
        r->said_n = r->datagrams = 0;
        for (int n; (n = udp_group_slices(g, r->now, &r->batch)) > 0; udp_group_sent(g, r->now, &r->batch, n))
                for (int i = 0; i < n; i++)
                        rig_take(r, &r->batch.datagram[i]);
        return r->said_n;
}

static inline void listen(struct rig *r, struct rig_peer *p, uint8_t on)
{
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_LISTEN, .listen = { on } });
        rig_hear(r, p);
        assert_int_equal(rig_count_said(r, DGRAM_LISTEN), 1);
        assert_int_equal(rig_said(r, DGRAM_LISTEN, 0)->listen.on, on);
}

static inline int data_of(struct rig *r, const struct rig_peer *p)
{
        rig_hear(r, p);
        return rig_count_said(r, DGRAM_DATA);
}

#endif
