/* chat: the chat application: what each event name from a client means.
 *
 *   chat message, text              to everyone, the sender too; answer {eid, seq}
 *   chat message, {room, text, ..}  {room, from, name, text, ..} to the room, if the sender is in
 *                                   it; else answer {error} and nothing is sent
 *   join, room / leave, room        joins, leaves; answer {room, eid}: what is published there behind
 *                                   that eid is for the one who joined, not for the one who left; the
 *                                   others get joined / left {room, id, name}; joining twice is joining once
 *   name, text                      sets the display name ("" until then); answer {name}
 *   who, room                       answer [{id, name}, ..] and the number of those present; the
 *                                   list stops at CHAT_WHO_MAX, since an answer is a private packet
 *   to, room or [rooms], event, ..  the event to the rooms' members but the sender; answer {eid, seq}
 *   in, room or [rooms], event, ..  the same, sender included
 *   broadcast, event, ..            everyone but the sender
 *   any other name                  everyone, the sender too
 *
 * A socket's own room (named by its id) can be written to by all who know the id, but joined and
 * left by nobody. Only `chat message` to a room vouches for who sent it: from and name are the
 * server's words there, whatever the client put under these keys.
 *
 * Whatever publishes may bear an id, text under `$pub` in its last argument, a map: published again
 * with the same id by the same socket (which stays the same over a recovery) it is not published, and
 * the answer is the first one's {eid, seq}; the last 1,024 ids are known (once.h). Receivers see it.
 *
 * Names that belong to the server (hello, joined, left, gap, $ack) and Socket.IO's reserved ones
 * (connect, connect_error, disconnect, disconnecting, newListener, removeListener) are refused as
 * names of events to publish. Errors are answers {error: words}; nothing else happens then.
 */
#ifndef CORE_CHAT_CHAT_H
#define CORE_CHAT_CHAT_H
#include "core/chat/app.h"

enum { CHAT_NAME_MAX = 64 /* bytes of a display name */, CHAT_WHO_MAX = 100 };

extern const struct app_handlers chat_handlers;

#endif
