/* refusal: has the network said for long enough that nobody is there?
 *
 * ICMP comes from anyone who can guess two ports, may be late, and a server that is started anew is
 * not there for a moment (RFC 8085 section 5.2). So a session that stands is ended by it only when it
 * was said, nothing at all was heard for a second after that, and it was said again: whoever is there
 * has been asked in that time, since an engine repeats what stays without an answer. Value module: no
 * clock, no I/O.
 */
#ifndef CLIENT_REFUSAL_H
#define CLIENT_REFUSAL_H
#include <stdbool.h>

#include "core/base/mono.h"

#define REFUSAL_NS NS_PER_S

struct refusal {
        struct mono since; /* said first, and nothing heard from there since; MONO_NEVER: not said */
};

/* Something came from there; also: a session begins. */
static inline void refusal_heard(struct refusal *r)
{
        r->since = MONO_NEVER;
}

/* It is said (again). Returns whether that is to be believed. */
static inline bool refusal_said(struct refusal *r, struct mono now)
{
        r->since = mono_min(r->since, now);
        return mono_since(now, r->since) >= REFUSAL_NS;
}

#endif
