/* probe: a WebSocket that wants to take over a session from polling, until it has said `5`.
 *
 * Sans-I/O. It speaks three packets: `2probe` is answered with `3probe`, `5` makes the change; WebSocket
 * pings are answered. Anything else is answered with a close frame, and is for the caller to drop the
 * connection for.
 *
 * Source: engine.io-protocol 4, "Upgrade".
 */
#ifndef TCP_SERVER_PROBE_H
#define TCP_SERVER_PROBE_H
#include "core/wire/ws.h"

struct probe {
        struct ws ws;
        bool answered; /* `3probe` was said */
};

enum probe_verdict { PROBE_MORE, PROBE_UPGRADE, PROBE_BAD };

void probe_init(struct probe *p);
void probe_free(struct probe *p);

/* Takes bytes (unmasking them in place) and appends what is to be sent to out.
 * taken: after UPGRADE what follows is the session's */
enum probe_verdict probe_recv(struct probe *p, uint8_t *in, size_t n, size_t *taken, struct buf *out);

#endif
