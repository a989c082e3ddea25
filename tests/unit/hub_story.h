/* hub_story: a hub with two members, ann and bob, in which a test tells one story.
 *
 * What a member is given is written as a line: `hi@3` is event 3 from a stream encoding, `hi#3`
 * seq 3 from a message encoding, `<a 3-5 evicted>` a gap: eids for streams, seqs for messages.
 */
#ifndef TESTS_UNIT_HUB_STORY_H
#define TESTS_UNIT_HUB_STORY_H
#include "tests/unit/harness.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/chat/hub.h"

enum { STREAM, OTHER_STREAM, MESSAGE };

struct world {
        struct hub *hub;
        struct mono now;
        struct member *ann, *bob;
        bool bob_streams;
        unsigned news_ann, news_bob, wakes;
        struct published last;
        char line[1000];
};

struct story {
        const char *name;
        void (*tell)(struct world *w);
        struct hub_config config;
        int bob; /* his encoding; ann's is STREAM */
};

static inline int encode_stream(void *ctx, const struct hub_entry *e, struct buf *out)
{
        (void)ctx;
        if (e->event.n > 100)
                return 0;
        return buf_printf(out, "%.*s@%u ", (int)e->event.n, (const char *)e->event.at, (unsigned)e->eid);
}

static inline int encode_other(void *ctx, const struct hub_entry *e, struct buf *out)
{
        (void)ctx;
        return buf_printf(out, "%.*s at %u ", (int)e->event.n, (const char *)e->event.at, (unsigned)e->eid);
}

static inline int encode_message(void *ctx, const struct hub_entry *e, struct buf *out)
{
        (void)ctx;
        return e->event.n > 100
                       ? 0
                       : buf_printf(out, "%.*s#%u ", (int)e->event.n, (const char *)e->event.at, (unsigned)e->seq);
}

static inline void count(void *owner)
{
        ++*(unsigned *)owner;
}

static inline struct member *add(struct world *w, const char *id, int encoding, unsigned *news)
{
        struct hub_sink sink = { count, news };
        struct member *m = hub_member_add(w->hub, bytes_text(id), encoding, &sink, w);
        assert_non_null(m);
        return m;
}

static inline void join(struct world *w, struct member *m, const char *room)
{
        assert_int_equal(hub_join(m, w->now, bytes_text(room)), 0);
}

static inline void leave(struct world *w, struct member *m, const char *room)
{
        assert_int_equal(hub_leave(m, w->now, bytes_text(room)), 0);
}

/* Publishes. to: rooms, `-room` leaves its members out, `own` and `volatile` are the flags; the
 * empty string is everyone. */
static inline uint64_t say(struct world *w, struct member *from, const char *to, const char *text)
{
        char words[200], *rest = words;
        struct bytes rooms[4], except[4];
        struct publish p = { .event = bytes_text(text), .rooms = rooms, .except = except, .from = from };
        snprintf(words, sizeof words, "%s", to);
        for (char *word; (word = strtok_r(rest, " ", &rest));) {
                if (strcmp(word, "own") == 0)
                        p.own = true;
                else if (strcmp(word, "volatile") == 0)
                        p.dispensable = true;
                else if (*word == '-')
                        except[p.except_n++] = bytes_text(word + 1);
                else
                        rooms[p.rooms_n++] = bytes_text(word);
        }
        assert_int_equal(hub_publish(w->hub, w->now, &p, &w->last), 0);
        return w->last.eid;
}

static inline void say_many(struct world *w, const char *to, int n)
{
        for (int i = 0; i < n; i++)
                say(w, NULL, to, "x");
}

static inline void write_piece(struct world *w, const struct member *m, const struct piece *p, size_t bytes)
{
        size_t n = strlen(w->line);
        char *at = w->line + n;
        bool stream = m == w->ann || w->bob_streams;
        struct bytes room = room_name(p->room);
        if (p->kind == PIECE_BYTES)
                snprintf(at, sizeof w->line - n, "%.*s", (int)bytes, (const char *)p->at);
        else
                snprintf(at, sizeof w->line - n, "<%.*s %u-%u %s> ", (int)room.n, (const char *)room.at,
                         (unsigned)(stream ? p->eid_first : p->seq_first),
                         (unsigned)(stream ? p->eid_last : p->seq_last), gap_reason_text(p->reason));
}

/* All that the member is given up to that eid, as a line. */
static inline const char *given_upto(struct world *w, struct member *m, uint64_t upto)
{
        struct piece v[3];
        w->line[0] = 0;
        for (int n; (n = member_walk(m, upto, v, 3)) > 0;) {
                for (int i = 0; i < n; i++) {
                        write_piece(w, m, &v[i], v[i].n);
                        member_advance(m, &v[i], v[i].n);
                }
        }
        assert_false(member_behind(m, upto));
        size_t n = strlen(w->line);
        if (n > 0)
                w->line[n - 1] = 0; /* the last space */
        return w->line;
}

static inline const char *given(struct world *w, struct member *m)
{
        return given_upto(w, m, UINT64_MAX);
}

/* The transport takes no more than n bytes of what comes first. */
static inline const char *given_bytes(struct world *w, struct member *m, size_t bytes)
{
        struct piece v;
        w->line[0] = 0;
        assert_int_equal(member_walk(m, UINT64_MAX, &v, 1), 1);
        assert_true(v.kind == PIECE_BYTES && v.n >= bytes);
        write_piece(w, m, &v, bytes);
        member_advance(m, &v, bytes);
        return w->line;
}

static inline const char *repaired(struct world *w, struct member *m, const char *room, uint64_t from, uint64_t to)
{
        struct piece v[8];
        w->line[0] = 0;
        int n = member_repair(m, member_room(m, bytes_text(room)), from, to, v, 8);
        for (int i = 0; i < n; i++)
                write_piece(w, m, &v[i], v[i].n);
        n = (int)strlen(w->line);
        if (n > 0)
                w->line[n - 1] = 0;
        return w->line;
}

static inline struct room *room_of(struct member *m, const char *name)
{
        return member_room(m, bytes_text(name));
}

/* Back on a new connection after the old one was lost. */
static inline bool back(struct world *w, struct member *m, int encoding, uint64_t offset)
{
        struct hub_sink sink = { count, &w->news_bob };
        member_detach(m);
        member_attach(m, encoding, &sink);
        return member_resume(m, offset);
}

static inline void wake(void *ctx)
{
        struct world *w = ctx;
        w->wakes++;
}

static inline void tell(void **state)
{
        const struct story *story = *state;
        struct hub_config config = story->config;
        config.epoch = 7;
        struct world w = { .hub = hub_create(&config),
                           .now = { 1000 * NS_PER_S },
                           .bob_streams = story->bob != MESSAGE };
        const struct hub_encoding encodings[] = { { .name = "stream", .encode = encode_stream },
                                                  { .name = "other stream", .encode = encode_other },
                                                  { .name = "message", .encode = encode_message, .per_room = true } };
        for (int i = 0; i < 3; i++)
                assert_int_equal(hub_encoding_add(w.hub, &encodings[i]), i);
        hub_wake_set(w.hub, wake, &w);
        w.ann = add(&w, "ann", STREAM, &w.news_ann);
        w.bob = add(&w, "bob", story->bob, &w.news_bob);
        story->tell(&w);
        hub_member_remove(w.ann);
        hub_member_remove(w.bob);
        assert_int_equal(hub_stats(w.hub).stream_bytes, 0);
        hub_destroy(w.hub);
}

#endif
