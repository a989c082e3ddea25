/* sio_offset: the place in an event log that Socket.IO's connection state recovery goes on from,
 * as text: "<epoch>-<eid>".
 *
 * To the protocol an offset is any text; the client sends back the last one it saw. Ours names the
 * log (epoch) and the place in it, so it is good for exactly one log, and comparable.
 */
#ifndef CORE_WIRE_SIO_OFFSET_H
#define CORE_WIRE_SIO_OFFSET_H
#include "core/base/bytes.h"

struct sio_offset {
        uint32_t epoch; /* of the log; 0: no offset */
        uint64_t eid;   /* all up to this one has been given */
};

enum { SIO_OFFSET_TEXT_MAX = 32 }; /* ten digits, a hyphen, twenty digits, a zero */

void sio_offset_text(struct sio_offset at, char text[SIO_OFFSET_TEXT_MAX]);

/* Reads an offset's text, as it is written: no signs, no leading zeros. Returns 0, or
 * ERR_MALFORMED when it is not one of ours (*at is untouched). */
int sio_offset_parse(struct bytes text, struct sio_offset *at);

#endif
