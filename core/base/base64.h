/* base64: reads it as strictly as it is written: the standard alphabet, padded, nothing else in between, and
 * the bits that no byte uses are zero. So no two texts mean the same bytes.
 *
 * libsodium does the work, but 1.0.18 reads every byte above 0x7f as the letter A; here it is refused.
 *
 * Source: RFC 4648, sections 3.3, 3.5 and 4.
 */
#ifndef CORE_BASE_BASE64_H
#define CORE_BASE_BASE64_H
#include "core/base/bytes.h"

/* Reads text into out, which has room for out_max bytes: text.n are always enough.
 * returns 0 and how many they are; ERR_MALFORMED, also when there are more than out_max */
int base64_read(struct bytes text, uint8_t *out, size_t out_max, size_t *out_n);

#endif
