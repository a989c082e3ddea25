/* speed_child: the measured processes: on which core they run, how they start and end. EDGE.
 *
 * A measured process is pinned to one core and runs as SCHED_BATCH: it never interrupts whoever
 * runs there. A burst published from that core is therefore whole before the server sees any of
 * it, and a server that is slow to wake finds the same batch as a quick one. It is killed when we
 * end, however we end.
 */
#ifndef BENCH_SPEED_CHILD_H
#define BENCH_SPEED_CHILD_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/loop/sock.h"

struct cores {
        bool apart; /* there are two that we may use; else everything shares what there is */
        int server, clients;
};

/* Finds two cores and moves this process to the clients'. */
struct cores cores_take(void);

/* Moves the calling process; does nothing unless apart. */
void cores_enter(const struct cores *c, int core);

/* Allows this process and its children `files` open files. Returns 0, or ERR_SYSTEM and how many
 * it may have in *allowed. */
int child_files(uint64_t files, uint64_t *allowed);

/* fork, with the above done in the child; all descriptors but stdin, stdout and stderr and `keep` are
 * closed there. Returns as fork. */
pid_t child_fork(const struct cores *c, int keep);

/* Starts NAME from the folder that this program lies in, with these arguments (NULL-ended, argv[0]
 * first), and reads the address from its line `listening tcp ADDRESS`.
 * returns its pid, or ERR_SYSTEM (errno; 0: it ended, or said something else) */
pid_t child_start(const struct cores *c, const char *name, char *const *argv, struct sock_addr *at);

/* Ends it and waits for that. */
void child_stop(pid_t pid);

#endif
