#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((element)->round = NULL)
#include "core/chat/ask.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

#include "core/base/err.h"
#include "core/chat/app_inside.h"

/* One question, to however many. */
struct round {
        TAILQ_ENTRY(round) link; /* the soonest due first */
        struct mono due;
        ask_told *told;
        void *ctx;
        uint32_t asked, answered;
        LIST_HEAD(, question) waiting;
        struct buf answers;
};

/* One socket that has not answered. Ids are the namespace's, never used twice. */
struct question {
        UT_hash_handle hh;
        uint64_t id;
        struct round *round;
        struct app_socket *socket;
        LIST_ENTRY(question) of_round, of_socket;
};

struct asks {
        TAILQ_HEAD(asks_rounds, round) rounds;
        struct question *by_id;
        uint64_t next_id;
};

static struct asks *asks_of(struct app *a)
{
        if (a->asks)
                return a->asks;
        a->asks = calloc(1, sizeof *a->asks);
        if (a->asks)
                TAILQ_INIT(&a->asks->rounds);
        return a->asks;
}

void asks_destroy(struct asks *asks)
{
        assert(!asks || TAILQ_EMPTY(&asks->rounds));
        free(asks);
}

/* ---- rounds ----------------------------------------------------------------------------------- */

static void insert(struct asks *asks, struct round *r)
{
        struct round *before = TAILQ_LAST(&asks->rounds, asks_rounds);
        while (before && mono_before(r->due, before->due))
                before = TAILQ_PREV(before, asks_rounds, link);
        if (before)
                TAILQ_INSERT_AFTER(&asks->rounds, before, r, link);
        else
                TAILQ_INSERT_HEAD(&asks->rounds, r, link);
}

static struct round *round_begin(struct app *a, struct mono now, int64_t within_ns, ask_told *told, void *ctx)
{
        struct asks *asks = asks_of(a);
        struct round *r = asks ? calloc(1, sizeof *r) : NULL;
        assert(within_ns > 0);
        if (!r)
                return NULL;
        r->due = mono_add(now, within_ns);
        r->told = told;
        r->ctx = ctx;
        insert(asks, r);
        return r;
}

static void round_finish(struct app *a, struct mono now, struct round *r)
{
        TAILQ_REMOVE(&a->asks->rounds, r, link);
        struct ask_result result = { r->asked, r->answered, buf_bytes(&r->answers) };
        r->told(a, now, r->ctx, &result);
        buf_free(&r->answers);
        free(r);
}

static void drop(struct app *a, struct question *q)
{
        HASH_DELETE(hh, a->asks->by_id, q);
        LIST_REMOVE(q, of_socket);
        LIST_REMOVE(q, of_round);
        free(q);
}

/* The last one to be settled ends the round. */
static void settle(struct app *a, struct mono now, struct question *q)
{
        struct round *r = q->round;
        drop(a, q);
        if (LIST_EMPTY(&r->waiting))
                round_finish(a, now, r);
}

/* ---- asking ----------------------------------------------------------------------------------- */

static bool can_be_asked(const struct app_socket *s)
{
        return s->line.ask && member_attached(s->member);
}

static int put(struct app_socket *s, struct mono now, struct round *r, struct bytes event)
{
        struct asks *asks = s->app->asks;
        if (HASH_COUNT(asks->by_id) >= ASK_WAITING_MAX)
                return ERR_FULL;
        struct question *q = calloc(1, sizeof *q);
        if (!q)
                return ERR_NO_MEMORY;
        *q = (struct question){ .id = asks->next_id, .round = r, .socket = s };
        HASH_ADD(hh, asks->by_id, id, sizeof q->id, q);
        if (!q->round) { /* the table could not grow */
                free(q);
                return ERR_NO_MEMORY;
        }
        LIST_INSERT_HEAD(&r->waiting, q, of_round);
        LIST_INSERT_HEAD(&s->asked, q, of_socket);
        int err = s->line.ask(s->line.owner, s, now, q->id, event);
        if (err)
                drop(s->app, q);
        else
                asks->next_id++;
        return err;
}

static int judge(struct bytes event)
{
        struct event e;
        return event_parse(event, SIZE_MAX, &e);
}

int ask_socket(struct app_socket *s, struct mono now, struct bytes event, int64_t within_ns, ask_told *told, void *ctx)
{
        struct app *a = s->app;
        int err = judge(event);
        if (err || !can_be_asked(s))
                return err ? err : ERR_CLOSED;
        struct round *r = round_begin(a, now, within_ns, told, ctx);
        if (!r)
                return ERR_NO_MEMORY;
        r->asked = 1;
        err = put(s, now, r, event);
        if (err) {
                TAILQ_REMOVE(&a->asks->rounds, r, link);
                free(r);
        }
        return err;
}

/* Is it in one of the first n rooms? */
static bool in_any(const struct member *m, const struct bytes *rooms, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                if (member_is_in(m, rooms[i]))
                        return true;
        return false;
}

/* Asks those in room i of the target's that are in none before it. */
static void ask_room(struct app *a, struct mono now, const struct app_target *t, uint32_t i, struct round *r,
                     struct bytes event)
{
        struct bytes room = t->to_n ? t->to[i] : bytes_of(NULL, 0);
        struct member *m;
        for (uint32_t k = 0; (m = hub_room_member_at(a->hub, room, k)); k++) {
                struct app_socket *s = member_user(m);
                if (!can_be_asked(s) || in_any(m, t->to, i) || in_any(m, t->except, t->except_n))
                        continue;
                r->asked++; /* one that does not get it is one that does not answer */
                put(s, now, r, event);
        }
}

int ask_all(struct app *a, struct mono now, const struct app_target *target, struct bytes event, int64_t within_ns,
            ask_told *told, void *ctx)
{
        static const struct app_target all = { 0 };
        const struct app_target *t = target ? target : &all;
        int err = judge(event);
        if (err)
                return err;
        struct round *r = round_begin(a, now, within_ns, told, ctx);
        if (!r)
                return ERR_NO_MEMORY;
        for (uint32_t i = 0; i < (t->to_n ? t->to_n : 1); i++)
                ask_room(a, now, t, i, r, event);
        if (LIST_EMPTY(&r->waiting))
                round_finish(a, now, r);
        return 0;
}

/* ---- answers and ends ------------------------------------------------------------------------- */

void ask_answer(struct app_socket *s, struct mono now, uint64_t id, struct bytes args)
{
        struct app *a = s->app;
        struct question *q = NULL;
        if (!LIST_EMPTY(&s->asked))
                HASH_FIND(hh, a->asks->by_id, &id, sizeof id, q);
        if (!q || q->socket != s)
                return;
        struct round *r = q->round;
        if (args.n <= ASK_ANSWERS_MAX - r->answers.n && buf_put(&r->answers, args.at, args.n) == 0)
                r->answered++;
        settle(a, now, q);
}

void asks_gone(struct app_socket *s, struct mono now)
{
        s->line = (struct app_line){ 0 };
        while (!LIST_EMPTY(&s->asked)) /* what is told may ask others, but not this one */
                settle(s->app, now, LIST_FIRST(&s->asked));
}

struct mono ask_deadline(const struct app *a)
{
        const struct round *first = a->asks ? TAILQ_FIRST(&a->asks->rounds) : NULL;
        return first ? first->due : MONO_NEVER;
}

void ask_expire(struct app *a, struct mono now)
{
        struct round *r;
        while (a->asks && (r = TAILQ_FIRST(&a->asks->rounds)) && !mono_before(now, r->due)) {
                while (!LIST_EMPTY(&r->waiting))
                        drop(a, LIST_FIRST(&r->waiting));
                round_finish(a, now, r);
        }
}
