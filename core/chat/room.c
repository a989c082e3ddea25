/* room: the table of rooms, their streams, and what eviction takes from them. */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/chat/hub.h"
#include "core/chat/hub_inside.h"

enum { SCRATCH_KEPT = 64 << 10 }; /* one large event leaves no more behind */

/* ---- rooms -------------------------------------------------------------------------------- */

struct room *room_find(const struct hub *h, struct bytes name)
{
        struct room *r = NULL;
        HASH_FIND(hh, h->rooms, name.at, name.n, r);
        return r;
}

struct room *room_create(struct hub *h, struct bytes name, uint64_t since_eid)
{
        struct room *r = calloc(1, sizeof *r + name.n);
        if (!r)
                return NULL;
        r->hub = h;
        r->tag = rng_os_u64();
        r->first_seq = since_eid + 1;
        r->evicted_eid = since_eid;
        r->name_n = (uint8_t)name.n;
        if (name.n > 0)
                memcpy(r->name, name.at, name.n);
        h->stats.rooms++;
        return r;
}

struct room *room_make(struct hub *h, struct bytes name, uint64_t since_eid)
{
        struct room *r = room_find(h, name);
        if (r)
                return r;
        r = room_create(h, name, since_eid);
        if (!r)
                return NULL;
        HASH_ADD_KEYPTR(hh, h->rooms, r->name, r->name_n, r);
        if (!r->hh.tbl) { /* HASH_NONFATAL_OOM: it could not be added */
                h->stats.rooms--;
                free(r);
                return NULL;
        }
        return r;
}

static void stream_stop(struct room *r, int encoding)
{
        struct room_events *ev = r->events;
        if (!ev || !ev->streaming[encoding])
                return;
        r->hub->stats.stream_bytes -= ev->stream[encoding].bytes;
        stream_free(&ev->stream[encoding]);
        ev->streaming[encoding] = false;
}

void room_destroy(struct room *r)
{
        struct hub *h = r->hub;
        for (struct room **link = &h->dirty; r->dirty && *link; link = &(*link)->next_dirty) {
                if (*link == r) {
                        *link = r->next_dirty;
                        break;
                }
        }
        for (int i = 0; i < HUB_ENCODINGS_MAX; i++)
                stream_stop(r, i);
        if (r->events)
                roomlog_free(&r->events->log);
        free(r->events);
        free(r->member);
        free(r);
        h->stats.rooms--;
}

void room_unuse(struct room *r)
{
        if (r->stays > 0 || r->keeps > 0 || room_logged(r) || r == r->hub->everyone)
                return;
        HASH_DEL(r->hub->rooms, r);
        room_destroy(r);
}

void room_keep(struct room *r)
{
        r->keeps++;
}

void room_release(struct room *r)
{
        r->keeps--;
        room_unuse(r);
}

void room_use_stream(struct room *r, int encoding)
{
        r->users[encoding]++;
}

void room_leave_stream(struct room *r, int encoding)
{
        if (--r->users[encoding] == 0)
                stream_stop(r, encoding);
}

struct bytes room_name(const struct room *r)
{
        return bytes_of(r->name, r->name_n);
}

uint64_t room_tag(const struct room *r)
{
        return r->tag;
}

uint64_t room_tail_seq(const struct room *r)
{
        return r->events ? r->events->log.seq_first : r->first_seq;
}

uint64_t room_head_seq(const struct room *r)
{
        return (r->events ? r->events->log.seq_next : r->first_seq) - 1;
}

uint64_t room_evicted_eid(const struct room *r)
{
        return r->evicted_eid;
}

struct member *hub_room_member_at(const struct hub *h, struct bytes room, uint32_t i)
{
        const struct room *r = room.n > 0 ? room_find(h, room) : h->everyone;
        if (!r)
                return i == 0 ? member_find(h, room) : NULL;
        return i < r->members ? r->member[i]->member : NULL;
}

uint32_t hub_room_members(const struct hub *h, struct bytes room)
{
        const struct room *r = room.n > 0 ? room_find(h, room) : h->everyone;
        return r ? r->members : member_find(h, room) ? 1 : 0;
}

/* ---- streams ------------------------------------------------------------------------------ */

static int encode(struct room *r, int encoding, struct stream *s, uint64_t seq)
{
        struct hub *h = r->hub;
        const struct hub_encoding *to = &h->encoding[encoding];
        const struct log_entry *e = roomlog_at(&r->events->log, seq);
        h->scratch.n = 0;
        int err = to->encode(to->ctx,
                             &(struct hub_entry){ .epoch = h->config.epoch,
                                                  .origin = e->origin,
                                                  .room_tag = r->tag,
                                                  .seq = e->seq,
                                                  .eid = e->eid,
                                                  .t_us = e->t_us,
                                                  .multi = e->multi,
                                                  .own = e->own,
                                                  .event = bytes_of(e->body->at, e->body->n) },
                             &h->scratch);
        if (err)
                return err;
        h->stats.encodes++;
        h->stats.encoded_bytes += h->scratch.n;
        err = stream_append(s, buf_bytes(&h->scratch));
        if (h->scratch.cap > SCRATCH_KEPT)
                buf_free(&h->scratch);
        return err;
}

/* Appends the entries up to (not with) seq_end; stops early when memory is out. */
static int fill(struct room *r, int encoding, struct stream *s, uint64_t seq_end)
{
        int err = 0;
        while (!err && s->seq_next < seq_end)
                err = encode(r, encoding, s, s->seq_next);
        return err;
}

/* A cursor came back to before the stream's start: what lies between is encoded anew. */
static int fill_front(struct room *r, int encoding, struct stream *s, uint64_t from)
{
        struct stream front;
        stream_init(&front, from);
        int err = fill(r, encoding, &front, s->seq_first);
        if (!err)
                err = stream_prepend(s, &front);
        stream_free(&front);
        return err;
}

struct stream *room_stream(struct room *r, int encoding, uint64_t from)
{
        struct room_events *ev = r->events;
        struct stream *s = &ev->stream[encoding];
        if (!ev->streaming[encoding]) {
                stream_init(s, from);
                ev->streaming[encoding] = true;
        }
        r->hub->stats.stream_bytes -= s->bytes;
        if (s->seq_next < ev->log.seq_first) { /* all it held is evicted */
                stream_free(s);
                stream_init(s, from);
        }
        int err = from < s->seq_first ? fill_front(r, encoding, s, from) : 0;
        if (!err)
                (void)fill(r, encoding, s, ev->log.seq_next); /* a shorter stream is a shorter walk */
        r->hub->stats.stream_bytes += s->bytes;
        return !err && from < s->seq_next ? s : NULL;
}

/* ---- eviction ----------------------------------------------------------------------------- */

/* Frees the segments whose entries are all gone from the log; half-given entries in them are saved. */
static void evict_segments(struct room *r, int encoding)
{
        struct hub *h = r->hub;
        struct stream *s = &r->events->stream[encoding];
        struct segment *g;
        while ((g = stream_stale(s, r->events->log.seq_first))) {
                struct half *half, *next;
                LIST_FOREACH_SAFE(half, &h->half, link, next)
                if (half->stay->room == r && half->stay->member->encoding == encoding)
                        half_rescue(half, g);
                h->stats.stream_bytes -= s->bytes;
                stream_drop_first(s);
                h->stats.stream_bytes += s->bytes;
        }
}

uint64_t room_footprint(const struct room *r)
{
        return sizeof *r + r->name_n + sizeof *r->events;
}

static void age_list_remove(struct hub *h, struct log_entry *e)
{
        *(e->older ? &e->older->newer : &h->oldest) = e->newer;
        *(e->newer ? &e->newer->older : &h->newest) = e->older;
}

void room_evict(struct room *r)
{
        struct hub *h = r->hub;
        struct log_entry *e = roomlog_evict(&r->events->log);
        age_list_remove(h, e);
        r->evicted_eid = e->eid;
        h->stats.evicted_events++;
        h->stats.log_bytes -= log_entry_footprint(e);
        log_entry_destroy(e);
        if (!room_logged(r))
                h->stats.log_bytes -= room_footprint(r);
        for (int i = 0; i < h->encodings; i++)
                if (r->events->streaming[i])
                        evict_segments(r, i);
}

void room_keep_bounds(struct room *r)
{
        const struct hub_config *c = &r->hub->config;
        const struct roomlog *log = &r->events->log;
        while (roomlog_events(log) > c->room_events_max || log->body_bytes > c->room_bytes_max)
                room_evict(r);
}
