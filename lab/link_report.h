/* link_report: what both directions of a link did, as figures for a program and as JSON for people.
 */
#ifndef LAB_LINK_REPORT_H
#define LAB_LINK_REPORT_H
#include "bench/report.h"
#include "core/base/bytes.h"
#include "lab/link.h"

enum { LINK_RULES_MAX = 16 };

/* All flows of one rule together. */
struct link_total {
        char name[LINK_NAME_MAX];
        struct link_count count[LINK_CLASSES][LINK_VERDICTS];
        uint64_t first_data[LINK_VERDICTS];
};

struct link_way {
        /* How late packets left the delay line, of those due since t0. What a packet waited in the
         * device before it was read is not seen; it is the same process's lateness. */
        int64_t late_p50_ns, late_p99_ns, late_max_ns;
        uint64_t delivered;      /* since t0, clean ones included */
        uint64_t write_failed;   /* the kernel refused a packet that was due */
        uint64_t device_dropped; /* the device's queue was full before we read it: lost unseen */
        uint64_t early_overflow; /* the delay line was full before t0 */
        uint64_t waiting;        /* still held at the end */
        size_t totals_n;         /* one a rule, then "other" */
        struct link_total totals[LINK_RULES_MAX + 1];
};

struct link_summary {
        struct mono t0;          /* MONO_NEVER: the measuring never began, and all counts are 0 */
        bool fifo;               /* ran with real-time priority */
        struct report_dist late; /* both ways together, as link_way tells of each */
        uint64_t decisions, decisions_dropped;
        struct link_way way[LINK_DIRECTIONS];
};

/* Adds up the flows of each rule into way->totals. At most LINK_RULES_MAX rules (our own mistake). */
void link_report_totals(const struct link *l, struct link_way *way);

/* The datagrams that carried events, first sendings alone, and how many of them the loss model took
 * (a blackout's and an overflow's are not in either). A repair is known by its first seq having been
 * another datagram's. The rule is "" for all rules together. */
void link_report_loss(const struct link_way *way, const char *rule, uint64_t *datagrams, uint64_t *lost);

/* Appends the whole report as one JSON object: settings, figures, and a row for each flow, class and
 * verdict that has packets. Returns 0 or ERR_NO_MEMORY. */
int link_report_json(struct buf *out, const struct link_summary *s, const struct link_config config[LINK_DIRECTIONS],
                     struct link *const links[LINK_DIRECTIONS]);

#endif
