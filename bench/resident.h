/* resident: how much memory a process holds.
 *
 * Read from /proc/PID/smaps_rollup: what is in memory at this moment, to the page; the kernel's own
 * (sockets, their buffers) is not in it.
 */
#ifndef BENCH_RESIDENT_H
#define BENCH_RESIDENT_H
#include <stdint.h>
#include <sys/types.h>

/* Bytes; negative: there is no such process, or it is not ours to look at. */
int64_t resident_bytes(pid_t pid);

#endif
