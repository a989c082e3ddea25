/* limits: what one client may ask of an application, whichever transport it comes on, and how often
 * more was asked.
 *
 * One struct for all namespaces of an application. The sessions ask about the rate of events (TCP stops
 * reading from a client that is over it, UDP refuses what it says); the application asks about the rest.
 */
#ifndef CORE_CHAT_LIMITS_H
#define CORE_CHAT_LIMITS_H
#include <stdint.h>

#include "core/base/bucket.h"

/* X(name, words): each met limit is counted. */
#define LIMIT_LIST(X)                                                         \
        X(LIMIT_EVENTS, "times a client was held back: events over the rate") \
        X(LIMIT_ROOMS, "joins refused: in too many rooms")                    \
        X(LIMIT_ROOM_NAME, "refused: name of a room too long")                \
        X(LIMIT_NAME, "refused: display name too long")                       \
        X(LIMIT_EVENT_NAME, "refused: name of an event too long")

enum limit {
#define LIMIT_ENUM(name, words) name,
        LIMIT_LIST(LIMIT_ENUM)
#undef LIMIT_ENUM
                LIMITS
};

struct limits {
        struct bucket_rule events;                        /* of one client */
        uint32_t rooms_max;                               /* that it may be in; at most the hub's stays_max */
        uint32_t room_name_max, name_max, event_name_max; /* bytes; names as in hub.h, chat.h and event.h */
        uint64_t met[LIMITS];
};

/* No limit on events; 64 rooms; 255, 64 and 256 bytes. */
struct limits limits_defaults(void);

const char *limit_text(enum limit limit);

#endif
