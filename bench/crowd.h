/* crowd: the subscribers of one path, and what they claim. EDGE.
 *
 * Each subscriber is one client engine on one socket. What it hears and which gaps it reports go
 * straight into the path's ledger; nothing is concluded from silence.
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H
#include "bench/ledger.h"
#include "bench/run.h"
#include "core/loop/loop.h"

#define CROWD_ROOM  "bench"
#define CROWD_EVENT "b" /* ["b", payload] */

struct crowd;

/* Creates them all; they begin to connect and join CROWD_ROOM. run: the payloads' tag. NULL: out
 * of memory. */
struct crowd *crowd_create(struct loop *loop, const struct run_config *config, int path, uint32_t run);
void crowd_destroy(struct crowd *c); /* accepts NULL */

bool crowd_answered(const struct crowd *c); /* has the server ever spoken to one of them? */
uint32_t crowd_joined(const struct crowd *c);
uint32_t crowd_epoch(const struct crowd *c); /* of the log that it hears; 0: not told yet */
struct ledger *crowd_ledger(struct crowd *c);

/* Why some subscriber will not come back by itself; NULL while there is none. */
const char *crowd_broken(const struct crowd *c);

/* What was wrong with the connection that was refused or lost last; NULL: none was. */
const char *crowd_trouble(const struct crowd *c);

/* Before the first event is said. */
void crowd_start(struct crowd *c, struct mono t0);

/* Says goodbye to the server. */
void crowd_leave(struct crowd *c, struct mono now);
bool crowd_is_open(const struct crowd *c);

/* Datagrams that receive buffers had no place for, while the sockets are open. */
uint64_t crowd_kernel_drops(const struct crowd *c);

/* Fills the path's part of the report from the settled ledger; `first` is the first path's crowd.
 * returns 0 or ERR_NO_MEMORY */
int crowd_report(struct crowd *c, struct crowd *first, struct report *r);

#endif
