/* tcp_client: the client's engine for the TCP path, behind client/transport.h: Socket.IO v5 in the
 * default parser's form, on Engine.IO v4, on WebSocket.
 *
 *   OPENING -open-> UPGRADE -101-> ENGINE -open packet-> JOINING -CONNECT reply-> UP -lost-> CLOSING
 *      ^                                                                                       |
 *      +------------------------------------<- WAITING (backoff) -<----------------------------+
 *
 * It asks for recovery with its private id and the offset of the last event it saw, takes the
 * offset off every event, and drops what it has seen already. When the server could not recover it
 * the rooms are joined again, and what was missed is told as gaps: by the server where it knows
 * them, else from the last eid seen to the first that the new session shows.
 *
 * Calls are events with an ack id. Those sent but not answered when the connection is lost are told
 * as CLIENT_UNKNOWN; those not sent wait for UP. Binary in an event leaves as attachments behind it.
 *
 * Source: engine.io-protocol 4, socket.io-protocol 5, socket.io-client 4.8.4.
 */
#ifndef CLIENT_TCP_CLIENT_H
#define CLIENT_TCP_CLIENT_H
#include "client/transport.h"

enum {
        TCP_CLIENT_CALLS_MAX = 1024,       /* without an answer */
        TCP_CLIENT_CALLS_BYTES = 16 << 20, /* of these together, unless it is one alone */
        TCP_CLIENT_PONGS_MAX = 64,         /* between two writes; more pings have no answer */
        TCP_CLIENT_MESSAGE_MAX = 16 << 20, /* bytes of a message, and of a packet's attachments together */
        TCP_CLIENT_SAY_MAX = 1000000,      /* bytes of an event that a server takes, until it says otherwise */
};

#endif
