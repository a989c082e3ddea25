/* tcp_parts: a binary packet of the JSON parser on its way in: its text, and as many of the
 * attachments that it announced as have come.
 *
 * Made when such a text arrives and freed with its last attachment, so that a connection without
 * one holds nothing. The whole is bounded: text and attachments together.
 *
 * Source: the Socket.IO protocol, revision 5, "binary attachments".
 */
#ifndef TCP_SERVER_TCP_PARTS_H
#define TCP_SERVER_TCP_PARTS_H
#include "core/wire/sio.h"

struct tcp_parts;

/* Copies the text, which announced so many attachments (sio_attachments, 1..JSON_BINS_MAX).
 * NULL when memory is out. */
struct tcp_parts *tcp_parts_create(struct bytes text, int attachments);
void tcp_parts_destroy(struct tcp_parts *p); /* accepts NULL */

/* Copies the next attachment. returns 0; ERR_TOO_BIG (all together over bytes_max); ERR_NO_MEMORY */
int tcp_parts_add(struct tcp_parts *p, struct bytes attachment, size_t bytes_max);

/* Have all of them come? Then the packet can be parsed, as by sio_parse_with; it borrows from p. */
bool tcp_parts_whole(const struct tcp_parts *p);
int tcp_parts_parse(const struct tcp_parts *p, struct buf *scratch, struct sio_packet *packet);

#endif
