/* crc32c: the Castagnoli checksum that guards each event from publisher's server to receiver.
 *
 * UDP's own checksum is 16 bits and an event is put together from repairs, copies and the log, so
 * the event carries its own. With the CPU's instruction where there is one, else by table.
 *
 * Source: RFC 3720 12.1 and appendix B.4 (polynomial 0x1EDC6F41, reflected).
 */
#ifndef CORE_WIRE_CRC32C_H
#define CORE_WIRE_CRC32C_H
#include "core/base/bytes.h"

uint32_t crc32c(struct bytes in);

/* The table's answer, on any CPU; for the test that compares the two. */
uint32_t crc32c_table(struct bytes in);

#endif
