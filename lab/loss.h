/* loss: the ways in which a path loses packets.
 *
 * A model decides about one packet from 64 random bits that the link drew for it, so a decision
 * depends on the packet and the seed, never on what was decided before. The models stand in one
 * table in loss.c; a new one is a row there.
 */
#ifndef LAB_LOSS_H
#define LAB_LOSS_H
#include <stdbool.h>
#include <stdint.h>

struct loss_model;

struct loss {
        const struct loss_model *model; /* NULL: nothing is lost */
        double share;                   /* bernoulli: probability of each packet, 0..1 */
};

/* Every packet with the same probability `share` (0..1), independent of all others. */
struct loss loss_bernoulli(double share);

/* Reads "2%" or "bernoulli:2%". Returns 0, or a failure with *out left alone: ERR_NOT_FOUND (no such
 * model), else what units_share() says of the number. */
int loss_parse(const char *text, struct loss *out);

/* The name of the model; "none" without one. */
const char *loss_name(const struct loss *l);

/* Is the packet lost for which `draw` was drawn? */
bool loss_hits(const struct loss *l, uint64_t draw);

/* The share of packets that is lost in the long run, 0..1: what a check of the counts expects. */
double loss_expected(const struct loss *l);

#endif
