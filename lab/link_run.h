/* link_run: the process that carries packets between two TUN devices through two links. EDGE.
 *
 * It is forked from the caller, asks for real-time priority and goes on without it, and is killed
 * when the calling thread ends, however that happens. It listens to lines of text on a pipe:
 *
 *     t0 NS     the measuring starts at this instant of CLOCK_MONOTONIC (ahead or just past)
 *     end       no more packets; write the results and exit. So do end of file and SIGTERM
 *
 * The pipe's end may be inherited by another program (netns_command.keep_fd) which then says t0 by
 * itself, for instance by opening /dev/fd/N. Other lines are ignored. SIGINT is, too: a terminal
 * sends it to all of us, and the caller decides what comes first. The caller ignores SIGPIPE.
 */
#ifndef LAB_LINK_RUN_H
#define LAB_LINK_RUN_H
#include "lab/link_report.h"
#include "lab/wire_tun.h"

struct link_run_config {
        struct wire_tun near, far;               /* the devices; the caller's, not closed here */
        struct link_config way[LINK_DIRECTIONS]; /* direction and log are filled in by link_run */
        const char *result_path;                 /* JSON of link_report; NULL: none */
        const char *decisions_path;              /* CSV of the decision log; NULL: no log is kept */
};

struct link_run;

/* Starts the process. NULL with errno when it cannot be, or when a rule is not good (EINVAL). */
struct link_run *link_run_start(const struct link_run_config *config);

/* Says t0. Returns 0 or ERR_SYSTEM with errno. */
int link_run_t0(struct link_run *r, struct mono t0);

/* Says end, waits for the results to be written, and frees r. Returns 0, or ERR_SYSTEM when the
 * process failed or could not write them (it said why on standard error; *out is then incomplete). */
int link_run_end(struct link_run *r, struct link_summary *out);

#endif
