/* once: what came of the publishes to which a client gave an id, so that one tried again is not done
 * again.
 *
 * One per socket; kept with it while it is away, gone with it. It remembers the last ONCE_KEPT. Of an
 * id its hash is kept (BLAKE2b, 128 bits): a result takes 32 bytes however long its id, and no two ids
 * can be made to meet. The memory grows with use. A search looks at all of it (1 us when full).
 *
 * On UDP every publish has a number as its id, and udp_recover.h remembers those by their numbers,
 * of which it can say too what is too old to be known.
 */
#ifndef CORE_CHAT_ONCE_H
#define CORE_CHAT_ONCE_H
#include "core/chat/hub.h"

enum { ONCE_KEPT = 1024, ONCE_ID_MAX = 64 /* bytes */ };

struct once_result;

struct once { /* zeroed: empty */
        struct once_result *result;
        uint32_t cap; /* a power of two, or 0 */
        uint64_t n;   /* ever put; the newest lies at (n - 1) % cap */
};

void once_free(struct once *o);

/* Is it known what came of that one? Then *p says. id: 1 to ONCE_ID_MAX bytes, here and below. */
bool once_find(const struct once *o, struct bytes id, struct published *p);

/* Makes room for one result more. Returns 0 or ERR_NO_MEMORY; once_put is for after a 0, so that
 * nothing is published that could not be remembered. */
int once_reserve(struct once *o);
void once_put(struct once *o, struct bytes id, const struct published *p);

#endif
