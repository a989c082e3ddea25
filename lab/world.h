/* world: simulated time and a seeded network, for engines that do no I/O.
 *
 * A world holds one clock, which moves only when it is told to, and the packets that are under
 * way. Each node (a number) has its own path to and from the rest: delay, jitter, loss, doubles,
 * and hours of darkness. What happens to a packet is drawn from the world's seed in the order of
 * sending, so that a run with the same seed and the same engines is the same run.
 *
 *     while ((at = earliest of world_deadline, the engines' deadlines, the script) <= end) {
 *             world_pass(w, at);
 *             while (world_pop(w, &p)) hand p to node p.to;
 *             ...engines whose deadline has come; world_send what they give
 *     }
 */
#ifndef LAB_WORLD_H
#define LAB_WORLD_H
#include "core/base/bytes.h"
#include "core/base/mono.h"
#include "core/base/rng.h"

struct world;

/* One node's way to the others and back; the same both ways. May be changed at any time; packets
 * that are under way stay as they are. */
struct world_path {
        int64_t delay_ns;  /* one way */
        int64_t jitter_ns; /* more, uniform in 0..jitter_ns: packets overtake each other */
        double loss;       /* share of packets */
        double doubles;    /* share of packets that arrive twice */
        bool dark;         /* nothing passes */
};

/* nodes: how many there are, from 0; their paths are without delay or loss at first. NULL: out of
 * memory. */
struct world *world_create(uint64_t seed, uint32_t nodes);
void world_destroy(struct world *w); /* accepts NULL */

struct mono world_now(const struct world *w);
struct world_path *world_path(struct world *w, uint32_t node);
struct rng *world_rng(struct world *w); /* for the script's own choices */

/* Sends a copy. mark: the sender's own number, given back with the packet (a port). The packet
 * meets the path of the node of the two that is not node 0, the middle of the star.
 * returns 0 (also when the network loses it) or ERR_NO_MEMORY */
int world_send(struct world *w, uint32_t from, uint32_t to, uint32_t mark, struct bytes packet);

struct world_packet {
        uint32_t from, to, mark;
        struct bytes bytes; /* borrowed until the next call */
};

/* When the next packet arrives; MONO_NEVER: none is under way. */
struct mono world_deadline(const struct world *w);

/* It is `now`, which is not before world_now. */
void world_pass(struct world *w, struct mono now);

/* The next packet that has arrived by now, in order of arrival. False: none. */
bool world_pop(struct world *w, struct world_packet *p);

struct world_stats {
        uint64_t sent, lost, dark, doubled, arrived;
};
struct world_stats world_stats(const struct world *w);

#endif
