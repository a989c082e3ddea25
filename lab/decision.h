/* decision: the log of what a link decided about every packet.
 *
 * It traces each missing event to a dropped packet or to the host, and shows that two runs of a
 * seed were hit alike. Kept in memory, in pieces that never move, so that adding one is as cheap at
 * the millionth as at the first; written out afterwards as CSV.
 */
#ifndef LAB_DECISION_H
#define LAB_DECISION_H
#include "lab/link.h"

#include <stddef.h>
#include <stdint.h>

struct decision {
        int64_t t_ns;     /* since t0 */
        const char *flow; /* rule's name or "other"; borrowed from the link */
        uint32_t number;  /* subscriber; for "other" a hash that tells its flows apart */
        uint32_t bytes;   /* of the IP packet */
        uint64_t key;     /* LINK_DATA: first seq in the datagram; LINK_FRAGMENT: IP id and offset; else 0 */
        uint64_t nth;     /* how many with this flow, direction, class and key there have been, this one included */
        enum link_direction direction;
        enum link_class class;
        enum link_verdict verdict;
};

struct decision_log;

enum { DECISIONS_MAX = 1 << 22 };

/* Holds up to decisions_max; what comes after is counted as dropped. NULL: out of memory. */
struct decision_log *decision_log_create(size_t decisions_max);
void decision_log_destroy(struct decision_log *log); /* NULL is fine */

/* Copies *d, or counts it as dropped when the log or the memory is full. */
void decision_add(struct decision_log *log, const struct decision *d);

size_t decision_count(const struct decision_log *log);
uint64_t decision_dropped(const struct decision_log *log);
const struct decision *decision_at(const struct decision_log *log, size_t i); /* i < decision_count */

enum { DECISION_LINE_MAX = 160 };
extern const char decision_csv_header[]; /* the column names, with the line's end */

/* Writes *d as one CSV line with its end and zero into `line`; returns its length. */
size_t decision_csv(const struct decision *d, char line[DECISION_LINE_MAX]);

#endif
