/* member: who is in which room, over which interval of eids, and where it is there. */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/chat/hub.h"
#include "core/chat/hub_inside.h"

/* ---- stays -------------------------------------------------------------------------------- */

uint64_t stay_next_seq(const struct stay *s)
{
        return stay_half(s) ? s->cursor + 1 : s->cursor;
}

static uint64_t room_last_eid(const struct room *r)
{
        return r->events ? r->events->last_eid : 0;
}

static struct stay *find_current(const struct member *m, const struct room *r)
{
        for (struct stay *s = m->stays; s; s = s->next)
                if (s->room == r && s->left_eid == EID_STILL)
                        return s;
        return NULL;
}

static struct room *find_room(const struct hub *h, struct bytes name)
{
        return name.n > 0 ? room_find(h, name) : h->everyone;
}

static bool is_own(const struct member *m, struct bytes name)
{
        return bytes_equal(member_id(m), name);
}

static int room_reserve(struct room *r)
{
        if (r->members < r->members_cap)
                return 0;
        uint32_t cap = r->members_cap ? r->members_cap * 2 : 1;
        struct stay **list = realloc(r->member, cap * sizeof(struct stay *));
        if (!list)
                return ERR_NO_MEMORY;
        r->member = list;
        r->members_cap = cap;
        return 0;
}

/* Begins at the head, and at *place in the member's list. */
static struct stay *stay_begin(struct member *m, struct room *r, struct stay **place)
{
        struct stay *s = calloc(1, sizeof *s);
        if (!s || room_reserve(r) != 0) {
                free(s);
                return NULL;
        }
        s->room = r;
        s->member = m;
        s->joined_eid = m->hub->head;
        s->left_eid = EID_STILL;
        s->cursor = s->seq_begin = room_head_seq(r) + 1;
        s->seq_end = UINT64_MAX;
        s->place = r->members;
        r->member[r->members++] = s;
        r->stays++;
        if (m->attached)
                room_use_stream(r, m->encoding);
        s->next = *place;
        *place = s;
        return s;
}

/* Out of the room's list of members; the stay's record lives on. */
static void stay_end(struct stay *s)
{
        struct room *r = s->room;
        s->member->changes++;
        struct stay *last = r->member[--r->members];
        r->member[s->place] = last;
        last->place = s->place;
        s->left_eid = s->member->hub->head;
        s->last_eid = room_last_eid(r);
        s->seq_end = room_head_seq(r) + 1;
        stay_is_behind(s);
}

static void stay_free(struct stay *s)
{
        struct member *m = s->member;
        struct room *r = s->room;
        struct stay **link = &m->stays;
        m->changes++;
        while (*link != s)
                link = &(*link)->next;
        *link = s->next;
        for (link = &m->behind; s->behind && *link != s;)
                link = &(*link)->next_behind;
        if (s->behind)
                *link = s->next_behind;
        if (stay_half(s))
                member_forget_half(m);
        if (m->attached)
                room_leave_stream(r, m->encoding);
        r->stays--;
        room_unuse(r);
        free(s);
}

/* The newest event that this ended stay says something about: one of the room, or one that left the
 * room's members out. joined_eid: there is none. */
static uint64_t stay_needed_eid(const struct stay *s)
{
        uint64_t except = s->room->except_eid < s->left_eid ? s->room->except_eid : s->left_eid;
        uint64_t newest = s->last_eid > except ? s->last_eid : except;
        return newest > s->joined_eid ? newest : s->joined_eid;
}

/* The record of a left room goes; from then on the member cannot be resumed from below it. */
static void stay_forget(struct stay *s)
{
        struct member *m = s->member;
        uint64_t needed = stay_needed_eid(s);
        if (needed > s->joined_eid && needed > m->floor_eid)
                m->floor_eid = needed;
        TAILQ_REMOVE(&m->hub->kept, s, kept);
        m->kept--;
        stay_free(s);
}

/* Has the member been given, or told the loss of, all that this ended stay covers or forbids? */
static bool stay_finished(const struct stay *s)
{
        struct member *m = s->member;
        return !stay_half(s) && s->cursor >= s->seq_end && member_place(m) >= stay_needed_eid(s);
}

void hub_forget_stays(struct hub *h, struct mono now)
{
        struct stay *s;
        while ((s = TAILQ_FIRST(&h->kept)) && mono_since(now, s->left_at) >= h->config.retain_ns) {
                if (!s->member->attached || stay_finished(s)) {
                        stay_forget(s);
                } else { /* a stalled reader has still to be told of it */
                        TAILQ_REMOVE(&h->kept, s, kept);
                        s->left_at = now;
                        TAILQ_INSERT_TAIL(&h->kept, s, kept);
                }
        }
}

/* Room for one more kept record: the oldest finished one goes. */
static bool forget_one(struct member *m)
{
        struct stay *oldest = NULL;
        for (struct stay *s = m->stays; s; s = s->next)
                if (s->left_eid != EID_STILL && (!m->attached || stay_finished(s)))
                        oldest = s; /* newest first in the list */
        if (oldest)
                stay_forget(oldest);
        return oldest != NULL;
}

/* ---- own rooms ---------------------------------------------------------------------------- */

static struct member_bucket *bucket(const struct hub *h, struct bytes id)
{
        return (struct member_bucket *)(uintptr_t)&h->by_id[hub_hash(id.at, id.n) % MEMBER_BUCKETS];
}

struct member *member_find(const struct hub *h, struct bytes id)
{
        struct member *m;
        LIST_FOREACH(m, bucket(h, id), id_link)
        if (is_own(m, id))
                return m;
        return NULL;
}

/* The room of its own id, which is made when it is first needed, as if it had been there since the
 * member was: nobody has said anything in it. NULL: out of memory. */
static struct room *own_room(struct member *m)
{
        struct stay **last = &m->stays;
        if (m->own)
                return m->own;
        struct room *r = room_make(m->hub, member_id(m), m->start_eid);
        if (!r)
                return NULL;
        while ((*last)->next)
                last = &(*last)->next;
        struct stay *s = stay_begin(m, r, last);
        if (!s) {
                room_unuse(r);
                return NULL;
        }
        s->joined_eid = m->start_eid;
        m->own = r;
        return r;
}

int room_named(struct hub *h, struct bytes name, struct room **r)
{
        *r = room_find(h, name);
        struct member *m = *r ? NULL : member_find(h, name);
        if (m)
                *r = own_room(m);
        return m && !*r ? ERR_NO_MEMORY : 0;
}

/* ---- joining and leaving ------------------------------------------------------------------ */

int hub_join(struct member *m, struct mono now, struct bytes room)
{
        struct hub *h = m->hub;
        if (room.n == 0 || room.n > HUB_ROOM_NAME_MAX)
                return ERR_RANGE;
        struct room *r;
        int err = is_own(m, room) ? ERR_EXISTS : room_named(h, room, &r);
        if (err)
                return err;
        if (r && find_current(m, r))
                return ERR_EXISTS;
        hub_expire(h, now);
        if (m->joined >= h->config.stays_max)
                return ERR_FULL;
        if (m->kept >= h->config.stays_max && !forget_one(m))
                return ERR_FULL;
        r = room_make(h, room, h->head); /* looked up again: expiry may have freed it */
        if (!r)
                return ERR_NO_MEMORY;
        if (!stay_begin(m, r, &m->stays)) {
                room_unuse(r);
                return ERR_NO_MEMORY;
        }
        m->joined++;
        return 0;
}

int hub_leave(struct member *m, struct mono now, struct bytes room)
{
        struct hub *h = m->hub;
        struct room *r = room.n > 0 ? room_find(h, room) : NULL;
        struct stay *s = r ? find_current(m, r) : NULL;
        if (!s || r == m->own)
                return ERR_NOT_MEMBER;
        stay_end(s);
        s->left_at = now;
        TAILQ_INSERT_TAIL(&h->kept, s, kept);
        m->joined--;
        m->kept++;
        member_nudge(m); /* what was published this turn is still for it, but announce will not find it */
        return 0;
}

void member_nudge(struct member *m)
{
        m->changes++;
        if (!m->attached)
                return;
        m->sink.news(m->sink.owner);
        hub_nudge(m->hub);
}

uint32_t member_rooms(const struct member *m)
{
        return m->joined;
}

uint32_t member_changes(const struct member *m)
{
        return m->changes;
}

bool member_parted(const struct member *m, const struct room *r)
{
        for (const struct stay *s = m->stays; s; s = s->next)
                if (s->room == r && (s->left_eid == EID_STILL || !stay_finished(s)))
                        return false;
        return true;
}

bool member_is_in(const struct member *m, struct bytes room)
{
        const struct room *r = find_room(m->hub, room);
        return is_own(m, room) || (r && find_current(m, r));
}

bool member_room_at(const struct member *m, uint32_t i, struct bytes *name)
{
        for (const struct stay *s = m->stays; s; s = s->next) {
                if (s->left_eid != EID_STILL || s->room == m->own || s->room == m->hub->everyone)
                        continue;
                if (i-- == 0) {
                        *name = room_name(s->room);
                        return true;
                }
        }
        return false;
}

struct room *member_room(struct member *m, struct bytes name)
{
        if (is_own(m, name))
                return own_room(m);
        struct room *r = find_room(m->hub, name);
        for (const struct stay *s = m->stays; r && s; s = s->next)
                if (s->room == r)
                        return r;
        return NULL;
}

/* ---- members ------------------------------------------------------------------------------ */

struct member *hub_member_add(struct hub *h, struct bytes id, int encoding, const struct hub_sink *sink, void *user)
{
        if (id.n == 0 || id.n > HUB_ROOM_NAME_MAX)
                return NULL;
        struct member *m = calloc(1, sizeof *m + id.n);
        struct room *known;
        if (!m)
                return NULL;
        m->hub = h;
        m->sink = *sink;
        m->user = user;
        m->encoding = (uint8_t)encoding;
        m->attached = true;
        m->start_eid = m->at_eid = h->head;
        m->origin = h->next_origin++;
        h->next_origin += h->next_origin == 0; /* 0 is the server: that member would hear nothing it says */
        h->stats.members++;
        m->id_n = (uint8_t)id.n;
        memcpy(m->id, id.at, id.n);
        int err = room_named(h, id, &known); /* others may be there already */
        LIST_INSERT_HEAD(bucket(h, id), m, id_link);
        if (err || !stay_begin(m, h->everyone, &m->stays) || (known && !own_room(m))) {
                hub_member_remove(m);
                return NULL;
        }
        return m;
}

void hub_member_remove(struct member *m)
{
        if (!m)
                return;
        member_detach(m);
        while (m->stays) {
                struct stay *s = m->stays;
                if (s->left_eid == EID_STILL)
                        stay_end(s);
                else
                        TAILQ_REMOVE(&m->hub->kept, s, kept);
                stay_free(s);
        }
        LIST_REMOVE(m, id_link);
        m->hub->stats.members--;
        free(m);
}

void member_detach(struct member *m)
{
        if (!m->attached)
                return;
        member_forget_half(m);
        for (struct stay *s = m->stays; s; s = s->next)
                room_leave_stream(s->room, m->encoding);
        m->attached = false;
}

void member_attach(struct member *m, int encoding, const struct hub_sink *sink)
{
        member_detach(m);
        m->sink = *sink;
        m->encoding = (uint8_t)encoding;
        m->attached = true;
        m->torn = false;
        for (struct stay *s = m->stays; s; s = s->next)
                room_use_stream(s->room, encoding);
}

void member_recode(struct member *m, int encoding)
{
        for (struct stay *s = m->stays; s; s = s->next) {
                room_use_stream(s->room, encoding);
                room_leave_stream(s->room, m->encoding);
        }
        m->encoding = (uint8_t)encoding;
}

bool member_attached(const struct member *m)
{
        return m->attached;
}

uint32_t member_origin(const struct member *m)
{
        return m->origin;
}

struct bytes member_id(const struct member *m)
{
        return bytes_of(m->id, m->id_n);
}

void *member_user(const struct member *m)
{
        return m->user;
}

uint64_t member_start(const struct member *m)
{
        return m->start_eid;
}

/* ---- where it is -------------------------------------------------------------------------- */

uint64_t member_cursor(const struct member *m, const struct room *r)
{
        uint64_t cursor = 0;
        for (const struct stay *s = m->stays; s; s = s->next) /* newest first */
                if (s->room == r && (cursor == 0 || s->cursor < s->seq_end))
                        cursor = s->cursor;
        return cursor;
}

uint64_t member_joined_seq(const struct member *m, const struct room *r)
{
        const struct stay *s = find_current(m, r);
        return s ? s->seq_begin : 0;
}

uint64_t member_given(const struct member *m, const struct room *r)
{
        uint64_t cursor = member_cursor(m, r);
        bool half = m->half && m->half->stay->room == r && m->half->stay->cursor == cursor;
        return cursor + half;
}
