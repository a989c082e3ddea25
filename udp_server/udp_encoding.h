/* udp_encoding: an event as the DATA messages that every subscriber is sent, first and again.
 *
 * Registered at the hub once; from then on rooms with UDP members keep a stream of ready DATA
 * messages, each with its own length at offset 6, so that a slice is cut at message borders and
 * never copied: one for an event that fits, else one for each fragment. An event over DGRAM_EVENT_MAX
 * encodes to nothing: its members are told GAP TOO_BIG.
 */
#ifndef UDP_SERVER_UDP_ENCODING_H
#define UDP_SERVER_UDP_ENCODING_H
#include "core/chat/hub.h"

/* Returns the encoding's number, or ERR_FULL. */
int udp_encoding_add(struct hub *h);

#endif
