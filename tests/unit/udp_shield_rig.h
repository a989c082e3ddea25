/* udp_shield_rig: a server with a client in a fec mode, to the tests of what such a one is sent unasked. */
#ifndef TESTS_UNIT_UDP_SHIELD_RIG_H
#define TESTS_UNIT_UDP_SHIELD_RIG_H
#include "tests/unit/udp_rig.h"

#include "core/wire/fec.h"

enum { BYTES = 60, WARM = 60 };

static inline struct dgram_joined_room join_as(struct rig *r, struct rig_peer *p, const char *room, uint8_t mode)
{
        struct dgram_join join = { .req = 9, .rooms_n = 1, .room = { { .room = bytes_text(room), .mode = mode } } };
        return rig_say_join(r, p, &join);
}

static inline struct rig *begin_gate(struct udp_gate_config gate, struct rig_peer *p, uint8_t mode,
                                     struct dgram_joined_room *row)
{
        struct rig *r = rig_start_gate(gate);
        *p = rig_peer(1);
        rig_connect(r, p);
        *row = join_as(r, p, "tea", mode);
        rig_pass(r, 1000); /* its own `joined` is copied */
        rig_hear(r, p);
        return r;
}

static inline struct rig *begin(struct rig_peer *p, uint8_t mode, struct dgram_joined_room *row)
{
        return begin_gate((struct udp_gate_config){ 0 }, p, mode, row);
}

static inline struct rig *begin_paced(struct rig_peer *p, struct dgram_joined_room *row)
{
        return begin_gate((struct udp_gate_config){ .pace.on = true }, p, DGRAM_MODE_FEC_ORDERED, row);
}

/* One event every 2 ms, until parity is what there is; the last group is sent off. */
static inline void warm_up(struct rig *r, struct rig_peer *p)
{
        for (int i = 0; i < WARM; i++) {
                rig_publish(r, "tea", BYTES);
                rig_hear(r, p);
                rig_pass(r, 2);
        }
        rig_pass(r, 25);
        rig_hear(r, p);
        assert_true(RIG_COUNT(r, parity) > 0);
}

/* p has parity; q is connected, and in no room yet. */
static inline struct rig *begin_warm(struct rig_peer *p, struct rig_peer *q)
{
        struct dgram_joined_room row;
        struct rig *r = begin(p, DGRAM_MODE_FEC_ORDERED, &row);
        *q = rig_peer(2);
        rig_connect(r, q);
        warm_up(r, p);
        return r;
}

#endif
