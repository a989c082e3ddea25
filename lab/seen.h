/* seen: the how-manyth time is it that this key comes by?
 *
 * A bounded memory of counts: two generations of keys_max each. When the younger is full, the
 * older is forgotten and a new one begun; a key that comes by again moves to the younger. So a key
 * is forgotten, and counted from 1 again, only after keys_max other keys have come by since it
 * last did. No heap after _create, no clock.
 */
#ifndef LAB_SEEN_H
#define LAB_SEEN_H
#include <stddef.h>
#include <stdint.h>

struct seen;

/* keys_max is rounded up to a power of two; 64 bytes of memory a key. NULL: out of memory. */
struct seen *seen_create(size_t keys_max);
void seen_destroy(struct seen *s); /* NULL is fine */

/* Counts one more coming of `key` and returns the count: 1 the first time. Keys should be hashes:
 * their low bits choose the place. */
uint64_t seen_again(struct seen *s, uint64_t key);

#endif
