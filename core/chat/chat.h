/* chat: the chat application: what each event name from a client means.
 *
 *   chat message, text              to everyone, the sender too; answer {eid, seq}
 *   chat message, {room, text, ..}  {room, from, name, text, ..} to the room, if the sender is in
 *                                   it; else answer {error} and nothing is sent
 *   join, room / leave, room        joins, leaves; answer {room}; the others get joined / left
 *                                   {room, id, name}
 *   name, text / who, room          sets the display name / answers [{id, name}, ..]
 *   to, room or [rooms], event, ..  the event to the rooms' members but the sender
 *   in, room or [rooms], event, ..  the same, sender included
 *   broadcast, event, ..            everyone but the sender
 *   any other name                  everyone, the sender too
 *
 * Names that belong to the server (hello, joined, left, gap) and Socket.IO's reserved ones are
 * refused as event names inside to, in and broadcast: answer {error}. Errors are answers
 * {error: words}; nothing else happens then.
 */
#ifndef CORE_CHAT_CHAT_H
#define CORE_CHAT_CHAT_H
#include "core/chat/app.h"

enum { CHAT_NAME_MAX = 64 }; /* bytes of a display name */

extern const struct app_handlers chat_handlers;

#endif
