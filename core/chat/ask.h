/* ask: questions from the application to its clients: an event that wants an answer, with a time
 * limit, put to one socket or to many.
 *
 * A question is private: it is neither logged nor recovered, and stands among the events where it
 * was asked. It can be put to clients whose session has a line for it (Socket.IO); a client on UDP,
 * or one that is away, is passed over. What is known when all have answered or time is up is told
 * once, partial or not; a client that loses its connection will not answer and is not waited for.
 *
 * Bounded: ASK_WAITING_MAX questions without an answer in one namespace, ASK_ANSWERS_MAX bytes of
 * answers to one question; what goes beyond counts as unanswered.
 */
#ifndef CORE_CHAT_ASK_H
#define CORE_CHAT_ASK_H
#include "core/chat/app.h"

enum { ASK_WAITING_MAX = 65536, ASK_ANSWERS_MAX = 4 << 20 };

struct ask_result {
        uint32_t asked;       /* sockets to which the question was put */
        uint32_t answered;    /* fewer: partial */
        struct bytes answers; /* one msgpack array of arguments for each, back to back, as they came */
};

/* Told once; ctx is as given. May emit and ask again. */
typedef void ask_told(struct app *a, struct mono now, void *ctx, const struct ask_result *result);

/* Puts the event (canonical) to one socket; within_ns, the time to answer, is more than 0.
 * returns 0; ERR_CLOSED (it cannot be asked: away, or not on Socket.IO); ERR_FULL (too many wait, here
 *         or for this client to read); ERR_MALFORMED or ERR_TOO_BIG (event_parse); ERR_NO_MEMORY.
 *         `told` is called only after 0, never from inside */
int ask_socket(struct app_socket *s, struct mono now, struct bytes event, int64_t within_ns, ask_told *told, void *ctx);

/* The same to every socket of the target that can be asked, each once; target NULL: all. With nobody
 * to ask it is told from inside. */
int ask_all(struct app *a, struct mono now, const struct app_target *target, struct bytes event, int64_t within_ns,
            ask_told *told, void *ctx);

/* For sessions: an answer came. args: an array. An unknown id, or another socket's, is nobody's. */
void ask_answer(struct app_socket *s, struct mono now, uint64_t id, struct bytes args);

/* For the service: when the next question's time is up, and that it may be. */
struct mono ask_deadline(const struct app *a);
void ask_expire(struct app *a, struct mono now);

#endif
