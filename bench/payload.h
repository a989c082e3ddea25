/* payload: the text that a bench event carries, and the plan index that can be read back from it.
 *
 *     "6f3a9c01" "0000002a" "qrstuvwxyzab..."
 *      run tag    index      letters that follow from the index, up to the planned size
 *
 * The run tag tells this run's events from an earlier run's in the same room. The letters are
 * checked when read back: a payload that came through changed, cut or grown is a stranger. Plain
 * ASCII without quotes, so that JSON and msgpack carry the same number of bytes.
 */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H
#include <stdbool.h>

#include "core/base/bytes.h"

/* The largest fits with its room and its name into the 65,535 bytes that an event may have on the UDP path. */
enum { PAYLOAD_BYTES_MIN = 16, PAYLOAD_BYTES_MAX = 65000 };

/* Writes exactly n bytes, n >= PAYLOAD_BYTES_MIN; no final zero. */
void payload_write(uint32_t run, uint32_t index, char *out, size_t n);

/* Is this text a whole payload of the run? If so, `index` says which; its size is text.n and is
 * for the caller to compare with the plan. */
bool payload_read(uint32_t run, struct bytes text, uint32_t *index);

#endif
