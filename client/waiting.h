/* waiting: the calls that have no answer yet, and what each was about. */
#ifndef CLIENT_WAITING_H
#define CLIENT_WAITING_H
#include "client/phrase.h"

struct call {
        uint64_t number; /* the engine's */
        enum phrase_kind kind;
        struct buf about; /* the room of JOIN, LEAVE and WHO; the name of NAME */
};

/* A zeroed one is empty. The engine bounds how many there are. */
struct waiting {
        struct call *calls;
        size_t n, cap;
};

/* Copies `about`. Returns 0 or ERR_NO_MEMORY. */
int waiting_add(struct waiting *w, uint64_t number, enum phrase_kind kind, struct bytes about);

/* Takes the call with that number out; the caller frees it. False: there is none. */
bool waiting_take(struct waiting *w, uint64_t number, struct call *call);

void call_free(struct call *c);
void waiting_free(struct waiting *w);

#endif
