/* gzip: bodies in fewer bytes, for whoever says that it can read them.
 *
 * One gzip is a compressor that is used again and again: it keeps zlib's 268 KiB, so that an answer
 * costs no memory but its own.
 *
 * Source: RFC 1952 (by zlib), RFC 9110 12.5.3 (Accept-Encoding).
 */
#ifndef TCP_SERVER_GZIP_H
#define TCP_SERVER_GZIP_H
#include <stdbool.h>

#include "core/base/bytes.h"

enum { GZIP_BYTES_MIN = 1024 }; /* of a body that is worth it, as the reference has it */
enum gzip_effort { GZIP_QUICK = 1, GZIP_SMALL = 6 };

struct gzip;

struct gzip *gzip_create(enum gzip_effort effort); /* NULL when memory is out */
void gzip_destroy(struct gzip *g);                 /* accepts NULL */

/* Appends the body, compressed. Returns 0 or ERR_NO_MEMORY (out unchanged). */
int gzip_put(struct gzip *g, struct bytes body, struct buf *out);

/* Does this Accept-Encoding take gzip? Empty bytes: there was none, and it does not. */
bool gzip_accepted(struct bytes accept_encoding);

#endif
