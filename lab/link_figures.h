/* link_figures: what a link tells about a run, into the run's report.
 */
#ifndef LAB_LINK_FIGURES_H
#define LAB_LINK_FIGURES_H
#include "bench/report.h"
#include "lab/link_report.h"

/* Fills, for each path whose name is a rule's: datagrams with events sent and lost before any
 * repair (UDP), and bytes on the wire towards the subscribers, lost ones included. Fills the
 * validity of the emulator: lateness, and every packet that vanished without a decision. */
void link_figures(const struct link_summary *s, struct report *r);

#endif
