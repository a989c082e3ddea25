/* likeness: were two runs hit alike?
 *
 * Compares the datagrams with events in two decision logs (decision_csv). A datagram is known again
 * by direction, flow, subscriber, first seq and how-manyth sighting; two runs bundle events
 * a little differently, so a few are in one log only.
 */
#ifndef LAB_LIKENESS_H
#define LAB_LIKENESS_H
#include "core/base/bytes.h"

#include <stdbool.h>

struct likeness {
        uint64_t first, second; /* datagrams in each log */
        uint64_t common;        /* in both */
        uint64_t differing;     /* passed in one and lost in the other: must be 0 for one seed */
        uint64_t timed;         /* differ by blackout or overflow, which go by time and not by seed */
};

/* Compares two logs with their header lines. Returns 0; ERR_MALFORMED when one is no decision log or
 * a line is cut short; ERR_NO_MEMORY. *out is zeroed then. */
int likeness_of(struct bytes first_csv, struct bytes second_csv, struct likeness *out);

/* Of one seed: no verdict differs, and at least 99 % of each log's datagrams are in the other. */
bool likeness_holds(const struct likeness *l);

/* `lab same FIRST.csv SECOND.csv`: prints the figures. Returns 0 when it holds, 1 when not, 2 on
 * wrong usage, 3 when a file cannot be read. */
int likeness_main(int argc, char **argv);

#endif
