#include "core/chat/limits.h"

#include "core/chat/chat.h"

struct limits limits_defaults(void)
{
        return (struct limits){ .rooms_max = 64,
                                .room_name_max = HUB_ROOM_NAME_MAX,
                                .name_max = CHAT_NAME_MAX,
                                .event_name_max = EVENT_NAME_MAX };
}

const char *limit_text(enum limit limit)
{
        static const char *const words[LIMITS] = {
#define LIMIT_WORDS(name, text) text,
                LIMIT_LIST(LIMIT_WORDS)
#undef LIMIT_WORDS
        };
        return words[limit];
}
