/* echo: the application that conformance suites talk to, on the namespaces "/" and "/custom".
 *
 *   handshake                refused, `you said "refuse"`, if the URL's query begins with that word
 *   connect                  the client is sent `auth` with its CONNECT payload, {} when it had none
 *   message, args..          it is sent `message-back` with the same arguments
 *   message-with-ack, args.. the answer is the same arguments
 *   ask, event, args..       it is asked that, and sent `answers` with the number asked and an array of
 *                            the answers' arguments
 *   ask-all, event, args..   all in the namespace are asked, and all are sent `answers`
 *
 * Who is asked has one second. The first and the last two are ours, for what the suites have no words for. Another
 * event is not answered, and nothing else is said: no hello, no recovery and so no offsets, exactly the reference's
 * bytes.
 *
 * Source: the suites beside the Engine.IO and Socket.IO protocols.
 */
#ifndef CORE_CHAT_ECHO_H
#define CORE_CHAT_ECHO_H
#include "core/chat/app.h"

extern const struct app_handlers echo_handlers;

#endif
