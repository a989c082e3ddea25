/* udp_cut: runs of DATA messages, cut at message borders. Each message says its length at offset 6, and where it
 * lies: seq at 24, fragment at 54 and 55 (core/wire/place.h). */
#ifndef UDP_SERVER_UDP_CUT_H
#define UDP_SERVER_UDP_CUT_H
#include <stdbool.h>
#include <stddef.h>

#include "core/chat/hub.h"

static inline size_t udp_cut_bytes(const uint8_t *at)
{
        return (size_t)(at[6] << 8 | at[7]);
}

/* The first place of a DATA message, or its last: that of its event when it is the last fragment. */
uint64_t udp_cut_place(const uint8_t *at, bool last);

/* The last place in the first `bytes` of a piece, which are whole messages, at least one. */
uint64_t udp_cut_end(const struct piece *p, size_t bytes);

/* Leaves of the piece, if it is BYTES, the messages that lie in places from..to. */
void udp_cut(struct piece *p, uint64_t from, uint64_t to);

/* Cuts a piece of BYTES in two: it ends with event `last`, which is in it and not its last, and *rest begins behind. */
void udp_cut_in_two(struct piece *p, uint64_t last, struct piece *rest);

#endif
