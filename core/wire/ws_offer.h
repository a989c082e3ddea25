/* ws_offer: what a client offers for permessage-deflate, and what our server answers.
 *
 * A client sends a list of offers, the best first. The first that keeps the rules of the extension is
 * accepted; one with a parameter that is unknown, stands twice, or has a value that it must not have is
 * passed over, and so is any other extension. A list that cannot be parsed is no list.
 *
 * The server never refers to its earlier messages (server_no_context_takeover): so one compressed
 * frame is the same for all its clients. A client that can only take a smaller window than ours is
 * accepted, and is sent nothing compressed.
 *
 * Source: RFC 7692, 7.1; RFC 6455, 9.1.
 */
#ifndef CORE_WIRE_WS_OFFER_H
#define CORE_WIRE_WS_OFFER_H
#include <stdbool.h>

#include "core/base/bytes.h"

enum { WS_WINDOW_BITS_MIN = 9, WS_WINDOW_BITS_MAX = 15 }; /* ours; zlib writes no raw deflate with 8 */

struct ws_deflate_rules {
        uint8_t window_bits;      /* of what is sent, and of what a client's context may hold here */
        bool client_context;      /* clients may refer to their earlier messages: a window for each */
        uint32_t threshold_bytes; /* shorter messages are sent as they are */
};

/* What was agreed with one client. */
struct ws_terms {
        bool sends;          /* its window is as large as ours: it may be sent compressed frames */
        bool client_context; /* as in the rules */
        uint8_t server_bits; /* as the answer names it; 0: not named, 15 */
        uint8_t client_bits; /* the same */
};

/* Chooses from the offers: the values of all Sec-WebSocket-Extensions headers, joined by commas.
 * False: nothing to agree on, and nothing is answered. */
bool ws_offer_accept(struct bytes offers, const struct ws_deflate_rules *rules, struct ws_terms *terms);

/* Appends the answer's value of that header. Returns 0 or ERR_NO_MEMORY. */
int ws_offer_answer(const struct ws_terms *terms, struct buf *out);

#endif
