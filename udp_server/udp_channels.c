/* channels: the rooms of one session, joined, resumed, left, and kept alive with BEATs. */
#include <stdlib.h>

#include "core/event/pack.h"
#include "core/wire/gaps.h"
#include "udp_server/udp_session_inside.h"

#define BEAT_NS_FIRST (20 * NS_PER_MS)
#define BEAT_NS_MAX   (UDP_BEAT_MS * NS_PER_MS)

struct udp_channel *udp_channel_find(const struct udp_session *s, uint32_t ref)
{
        for (uint32_t i = 0; i < s->channels_n; i++)
                if (s->channel[i].ref == ref)
                        return &s->channel[i];
        return NULL;
}

struct udp_channel *udp_channel_of(const struct udp_session *s, const struct room *room)
{
        for (uint32_t i = 0; i < s->channels_n; i++)
                if (s->channel[i].room == room)
                        return &s->channel[i];
        return NULL;
}

struct udp_channel *udp_channel_open(struct udp_session *s, struct room *room)
{
        if (s->channels_n == s->channels_cap) {
                uint32_t cap = s->channels_cap ? 2 * s->channels_cap : 4;
                struct udp_channel *more = aligned_alloc(_Alignof(struct udp_channel), cap * sizeof *more);
                if (!more)
                        return NULL;
                if (s->channels_n > 0)
                        memcpy(more, s->channel, s->channels_n * sizeof *more);
                free(s->channel);
                s->channel = more;
                s->channels_cap = cap;
        }
        struct udp_channel *c = &s->channel[s->channels_n++];
        *c = (struct udp_channel){ .ref = s->next_ref++, .room = room, .beat_due = MONO_NEVER };
        room_keep(room);
        c->start = member_cursor(s->member, room);
        udp_listen_channel(s, c);
        return c;
}

void udp_channel_close(struct udp_session *s, struct udp_channel *c)
{
        udp_listen_channel_over(c);
        if (s->repair)
                udp_repair_forget(s->repair, c->ref);
        udp_ahead_uncover(s, c);
        room_release(c->room);
        *c = s->channel[--s->channels_n];
}

/* ---- JOIN --------------------------------------------------------------------------------- */

/* Runs the chat verb; the application decides. */
static void ask_app(struct udp_session *s, struct mono now, const char *verb, struct bytes room)
{
        struct buf packed = { 0 };
        struct app_reply reply = { 0 };
        struct event e;
        int err = event_begin(&packed, verb, 1);
        err = err ? err : pack_put_text(&packed, room);
        if (!err && event_parse(buf_bytes(&packed), packed.n, &e) == 0)
                app_event(s->app, udp_instance_socket(s->instance), now, &e, &reply);
        buf_free(&packed);
        buf_free(&reply.args);
}

static bool is_own(const struct udp_session *s, struct bytes name)
{
        return bytes_equal(name, member_id(s->member));
}

/* Puts the channel's cursor where the client wants to go on; a stranger to this log, or one who
 * claims to be ahead of it, goes on at the head. */
static void resume(struct udp_session *s, struct udp_channel *c, const struct dgram_join_room *row)
{
        bool known = row->epoch == hub_epoch(app_hub(s->app));
        if (!known || member_resume_room(s->member, c->room, row->contig) != 0)
                member_resume_room(s->member, c->room, room_head_seq(c->room));
        c->start = member_cursor(s->member, c->room);
        c->awaited = false;
}

/* A newer JOIN of a channel that stands, and a fresh one, is no repetition: the client has given up the feed that
 * this channel was for. */
static bool is_anew(const struct udp_channel *c, const struct dgram_join *join, uint32_t i, uint32_t pktno)
{
        return join->room[i].epoch == 0 && c->join_req != join->req && c->join_pktno < pktno;
}

/* returns OK, with the channel in *out, or why not */
static uint16_t join_one(struct udp_session *s, struct mono now, const struct dgram_join *join, uint32_t i,
                         uint32_t pktno, struct udp_channel **out)
{
        const struct dgram_join_room *row = &join->room[i];
        bool was_in = row->room.n == 0 || is_own(s, row->room) || member_is_in(s->member, row->room);
        if (!was_in) {
                ask_app(s, now, "join", row->room);
                if (!member_is_in(s->member, row->room))
                        return member_rooms(s->member) >= app_limits(s->app)->rooms_max ? DGRAM_CODE_LIMIT
                                                                                        : DGRAM_CODE_AUTH;
        }
        struct room *room = member_room(s->member, row->room);
        struct udp_channel *c = udp_channel_of(s, room);
        bool opened = !c;
        if (opened)
                c = udp_channel_open(s, room);
        if (!c)
                return DGRAM_CODE_FULL;
        if (c->awaited || (opened && was_in) || (!opened && is_anew(c, join, i, pktno)))
                resume(s, c, row);
        else if (opened) /* what is left of an earlier stay is not for this one */
                c->start = member_joined_seq(s->member, room);
        if (opened)
                c->beat_due = mono_add(now, c->beat_step_ns = BEAT_NS_FIRST);
        c->mode = row->mode;
        udp_ahead_mode(s, now, c);
        if (c->join_pktno < pktno) {
                c->join_pktno = pktno;
                c->join_req = join->req;
        }
        *out = c;
        return DGRAM_CODE_OK;
}

static void answer(struct udp_session *s, struct dgram_join_ok *ok)
{
        struct buf tail = { 0 };
        if (ok->rooms_n > 0 && dgram_join_ok_put(&tail, ok) == 0)
                udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_JOIN_OK, .join_ok = { buf_bytes(&tail) } });
        buf_free(&tail);
        ok->rooms_n = 0;
}

/* Bytes that one row may need in the answer: its name and seven numbers. */
static size_t row_bytes(const struct dgram_joined_room *r)
{
        return r->room.n + 7 * 9 + 8;
}

static const struct udp_channel *find_name(const struct udp_session *s, struct bytes name)
{
        for (uint32_t i = 0; i < s->channels_n; i++)
                if (bytes_equal(room_name(s->channel[i].room), name))
                        return &s->channel[i];
        return NULL;
}

void udp_channels_join(struct udp_session *s, struct mono now, struct bytes tail, uint32_t pktno)
{
        struct dgram_join join;
        if (dgram_join_parse(tail, &join) != 0) {
                s->shared->stats->malformed++;
                udp_session_error(s, DGRAM_CODE_MALFORMED, DGRAM_JOIN, pktno);
                return;
        }
        if (!udp_session_may(s, now, join.rooms_n))
                return; /* it comes again */
        struct dgram_join_ok ok = { .req = join.req };
        size_t bytes = 32;
        for (uint32_t i = 0; i < join.rooms_n; i++) {
                struct udp_channel *c = NULL;
                struct dgram_joined_room row = { .room = join.room[i].room };
                bool overtaken = pktno < s->left_pktno || s->partings_n > 0;
                if (overtaken && !find_name(s, row.room))
                        continue; /* perhaps by the LEAVE of this room; if not, it comes again */
                row.status = join_one(s, now, &join, i, pktno, &c);
                if (c) {
                        s->named_n += join.resumes > 0 && !c->named;
                        c->named |= join.resumes > 0;
                        row.chan_ref = c->ref;
                        row.tag = room_tag(c->room);
                        row.epoch = hub_epoch(app_hub(s->app));
                        row.tail = room_tail_seq(c->room);
                        row.head = room_head_seq(c->room);
                        row.start = c->start;
                }
                if (bytes + row_bytes(&row) > DGRAM_JOIN_TAIL_MAX) { /* the rest goes into one more answer */
                        answer(s, &ok);
                        bytes = 32;
                }
                bytes += row_bytes(&row);
                ok.room[ok.rooms_n++] = row;
        }
        answer(s, &ok);
        if (udp_channels_settled(s))
                s->resume_until = MONO_NEVER;
        else if (!mono_is_never(s->resume_until) && join.resumes > 0 && s->named_n >= join.resumes)
                udp_channels_settle(s, now); /* the client knows of no other room */
}

bool udp_channels_settled(const struct udp_session *s)
{
        struct bytes name;
        for (uint32_t i = 0; i < s->channels_n; i++)
                if (s->channel[i].awaited)
                        return false;
        for (uint32_t i = 0; member_room_at(s->member, i, &name); i++)
                if (!udp_channel_of(s, member_room(s->member, name)))
                        return false;
        return true;
}

void udp_channels_settle(struct udp_session *s, struct mono now)
{
        struct bytes name;
        s->resume_until = MONO_NEVER;
        for (uint32_t i = 0; member_room_at(s->member, i, &name);) {
                uint8_t copy[HUB_ROOM_NAME_MAX];
                memcpy(copy, name.at, name.n);
                name = bytes_of(copy, name.n);
                if (!udp_channel_of(s, member_room(s->member, name)))
                        ask_app(s, now, "leave", name);
                if (member_is_in(s->member, name)) /* else the rooms are renumbered */
                        i++;
        }
}

/* ---- LEAVE -------------------------------------------------------------------------------- */

void udp_channels_leave(struct udp_session *s, struct mono now, uint32_t ref, uint32_t pktno)
{
        struct udp_channel *c = udp_channel_find(s, ref);
        if (ref <= UDP_REF_ALL || ref >= s->next_ref) {
                s->shared->stats->no_channel++;
                udp_session_error(s, DGRAM_CODE_NO_CHANNEL, DGRAM_LEAVE, pktno);
                return;
        }
        if (udp_parting_known(s, ref) || c)
                s->left_pktno = pktno > s->left_pktno ? pktno : s->left_pktno;
        if (c) { /* else it was left before, and the answer was lost */
                ask_app(s, now, "leave", room_name(c->room));
                udp_channel_close(s, c);
        }
        udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_LEAVE_OK, .leave_ok = { ref } });
}

void udp_channels_sweep(struct udp_session *s, struct mono now, bool given)
{
        uint32_t changes = member_changes(s->member);
        if (changes == s->changes)
                return;
        for (uint32_t i = 0; i < s->channels_n;) {
                struct udp_channel *c = &s->channel[i];
                bool out = given ? member_joined_seq(s->member, c->room) == 0 : member_parted(s->member, c->room);
                if (!out) {
                        i++;
                        continue;
                }
                udp_parting_begin(s, now, c->ref, c->given_end > c->start ? c->given_end : c->start);
                udp_channel_close(s, c);
        }
        if (given)
                s->changes = changes;
}

/* ---- BEAT --------------------------------------------------------------------------------- */

void udp_channel_gave(struct udp_channel *c, struct mono now)
{
        c->beat_step_ns = BEAT_NS_FIRST;
        c->beat_due = mono_add(now, c->beat_step_ns);
}

/* One that finds no place is not said: others follow it, and a client is not closed for them. */
static void beat(struct udp_session *s, struct mono now, struct udp_channel *c, uint64_t head)
{
        if (udp_session_crowded(s))
                return;
        struct dgram_msg m = { .type = DGRAM_BEAT,
                               .tag = room_tag(c->room),
                               .beat = { .epoch = hub_epoch(app_hub(s->app)),
                                         .beat_no = ++c->beat_no,
                                         .head = udp_listen_given(c, head + 1) - 1,
                                         .tail = room_tail_seq(c->room),
                                         .now_us = (uint64_t)(now.ns / NS_PER_US) } };
        s->shared->stats->beats++;
        c->beat_at = now;
        udp_session_say(s, &m);
}

/* One that is behind asks. Does it doubt a jump? It may never be at the head, and would do so for ever; so it is told
 * what it had been sent when it asked last. What was sent since may be on its way, and later events show what of that
 * is lost. */
static void answer_behind(struct udp_session *s, struct mono now, struct udp_channel *c)
{
        uint64_t before = c->asked_next;
        c->asked_next = member_cursor(s->member, c->room);
        if (before > c->reported + 1 + GAPS_JUMP_MAX)
                beat(s, now, c, before - 1);
}

void udp_channels_beat(struct udp_session *s, struct mono now, bool all)
{
        for (uint32_t i = 0; s->state == UDP_UP && i < s->channels_n; i++) {
                struct udp_channel *c = &s->channel[i];
                bool due = !mono_before(now, c->beat_due);
                if (!due && !all)
                        continue;
                uint64_t head = room_head_seq(c->room);
                bool at_head = member_cursor(s->member, c->room) > head;
                if (due && c->group && !all) {
                        c->beat_due = MONO_NEVER;
                        continue;
                }
                if (due) {
                        c->beat_step_ns = 2 * c->beat_step_ns < BEAT_NS_MAX ? 2 * c->beat_step_ns : BEAT_NS_MAX;
                        c->beat_due = mono_add(now, c->beat_step_ns);
                        if (at_head && c->reported == head)
                                c->beat_due = MONO_NEVER; /* it knows */
                }
                if (at_head && c->reported != head)
                        beat(s, now, c, head);
                else if (!at_head && all && !c->awaited)
                        answer_behind(s, now, c);
        }
}

struct mono udp_channels_deadline(const struct udp_session *s)
{
        struct mono due = MONO_NEVER;
        for (uint32_t i = 0; i < s->channels_n; i++)
                due = mono_min(due, s->channel[i].beat_due);
        return due;
}
