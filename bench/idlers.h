/* idlers: many clients that connect, join, and then say nothing more. EDGE.
 *
 * The light end of `bench idle`: bare sockets that follow a script of words to say and to hear, a
 * few dozen of them abreast, so that a hundred thousand connects take seconds. They come from many
 * addresses of 127.0.0.0/8 when the server is there: one address has 28,000 ports, and servers
 * bound what one address may open.
 */
#ifndef BENCH_IDLERS_H
#define BENCH_IDLERS_H
#include <stdbool.h>
#include <stdint.h>

#include "core/loop/sock.h"

struct idlers;

/* No socket is opened yet. NULL: out of memory. */
struct idlers *idlers_create(const struct sock_addr *to, uint32_t connections);
void idlers_destroy(struct idlers *c); /* closes all; accepts NULL */

/* Each returns 0, or ERR_SYSTEM and the words for it in idlers_why. */
int idlers_open(struct idlers *c);  /* connections WebSockets, open at Engine.IO's level */
int idlers_join(struct idlers *c);  /* each joins the namespace "/" */
int idlers_check(struct idlers *c); /* none of them was closed meanwhile */

void idlers_close(struct idlers *c); /* all, without a word */

/* So many connect, join and end: WebSockets that are closed, reset, end with a close frame or say
 * goodbye first, and polling sessions that close or break off a waiting GET. */
int idlers_cycle(struct idlers *c, uint32_t cycles);

const char *idlers_why(const struct idlers *c);

#endif
