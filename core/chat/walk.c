/* walk: from a member's place towards the head, the one way to send, repair and recover.
 *
 * Each stay with something left to give is a *front*: its next seq and that entry's eid. The walk
 * takes the front with the lowest eid, gives the run of entries that no other front interrupts,
 * and goes on. A member with news in one room, the usual case, gets one slice of the stream.
 */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/chat/hub.h"
#include "core/chat/hub_inside.h"

enum { FRONTS_MAX = 2 * HUB_STAYS_MAX + 2 }; /* stays of a member: now, kept, own and everyone */

struct front {
        struct stay *stay;
        uint64_t seq, eid, eid_max; /* next to give; nothing above eid_max is */
};

struct walk {
        struct member *m;
        struct piece *v;
        int n, max;
        uint64_t at_eid; /* where the member will be when all pieces so far are given */
        bool once;
};

/* ---- what a member may see ---------------------------------------------------------------- */

static bool excepted(const struct member *m, const struct log_entry *e)
{
        for (uint8_t i = 0; i < e->except_n; i++)
                for (const struct stay *s = m->stays; s; s = s->next)
                        if (s->room->tag == e->tag[i] && stay_covers(s, e->eid))
                                return true;
        return false;
}

/* 0, or why this member does not get the entry. */
static enum gap_reason hidden(const struct member *m, const struct log_entry *e, bool once)
{
        if (once && e->origin == m->origin && !e->own)
                return GAP_YOURS;
        if (e->dispensable && e->eid <= m->fresh_eid)
                return GAP_EXPIRED;
        if (excepted(m, e))
                return GAP_EXCLUDED;
        /* Put back to before its forgotten stays (member_resume_room): an exception cannot be judged. */
        return !once && e->except_n > 0 && e->eid <= m->floor_eid ? GAP_EVICTED : 0;
}

/* The first seq in [seq, last] that wants judging by itself; last + 1 when none does. */
static uint64_t next_doubt(const struct walk *w, const struct roomlog *log, const struct stream *s, uint64_t seq,
                           uint64_t last)
{
        uint64_t doubt = roomlog_special(log, seq);
        if (doubt > last)
                doubt = last + 1;
        if (w->once && w->m->own_last_eid >= roomlog_at(log, seq)->eid)
                for (uint64_t i = seq; i < doubt; i++)
                        if (roomlog_at(log, i)->origin == w->m->origin)
                                doubt = i;
        if (s->empties > 0)
                for (uint64_t i = seq; i < doubt; i++) {
                        const struct segment *g = stream_segment(s, i);
                        if (segment_start(g, i) == segment_end(g, i))
                                doubt = i;
                }
        return doubt;
}

static enum gap_reason judge(const struct walk *w, const struct roomlog *log, const struct stream *s, uint64_t seq)
{
        const struct segment *g = stream_segment(s, seq);
        enum gap_reason reason = hidden(w->m, roomlog_at(log, seq), w->once);
        return !reason && segment_start(g, seq) == segment_end(g, seq) ? GAP_TOO_BIG : reason;
}

/* ---- pieces ------------------------------------------------------------------------------- */

static struct piece *add_piece(struct walk *w, struct stay *stay, enum piece_kind kind, enum gap_reason reason)
{
        struct piece *p = &w->v[w->n++];
        *p = (struct piece){ .kind = kind, .reason = reason, .room = stay->room, .stay = stay };
        return p;
}

/* Entries [seq, last] of one segment, or their hiding. */
static void set_range(struct piece *p, const struct roomlog *log, uint64_t seq, uint64_t last)
{
        p->seq_first = seq;
        p->seq_last = last;
        p->eid_first = roomlog_at(log, seq)->eid;
        p->eid_last = roomlog_at(log, last)->eid;
}

static void give_bytes(struct walk *w, struct stay *stay, const struct stream *s, uint64_t seq, uint64_t last)
{
        const struct roomlog *log = &stay->room->events->log;
        while (seq <= last && w->n < w->max) {
                struct segment *g = stream_segment(s, seq);
                uint64_t end = g->seq_first + g->n - 1;
                if (end > last)
                        end = last;
                struct piece *p = add_piece(w, stay, PIECE_BYTES, 0);
                set_range(p, log, seq, end);
                p->at = g->data + segment_start(g, seq);
                p->n = segment_end(g, end) - segment_start(g, seq);
                seq = end + 1;
        }
}

/* All entries [seq, last] of a stay. Hidden ones are told (per room) or passed over (once: but what
 * is meant and does not fit is a loss, and told). */
static void give_run(struct walk *w, struct stay *stay, uint64_t seq, uint64_t last)
{
        const struct roomlog *log = &stay->room->events->log;
        struct stream *s = room_stream(stay->room, w->m->encoding, seq);
        if (!s) {
                w->max = w->n; /* out of memory: the walk ends here, in order */
                return;
        }
        bool short_of_memory = last >= s->seq_next;
        if (short_of_memory)
                last = s->seq_next - 1;
        while (seq <= last && w->n < w->max) {
                uint64_t doubt = next_doubt(w, log, s, seq, last);
                if (doubt > seq) {
                        give_bytes(w, stay, s, seq, doubt - 1);
                        seq = doubt;
                        continue;
                }
                enum gap_reason reason = judge(w, log, s, seq);
                if (!reason)
                        give_bytes(w, stay, s, seq, seq);
                else if (!w->once || reason == GAP_TOO_BIG)
                        set_range(add_piece(w, stay, PIECE_HIDDEN, reason), log, seq, seq);
                seq++;
        }
        if (short_of_memory)
                w->max = w->n;
}

/* ---- fronts ------------------------------------------------------------------------------- */

static uint64_t lower(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* Entries at the cursor that a once-member is never to get: its own, excepted, expired, or met in
 * another room already. Judged for good, so the cursor itself moves. */
static void pass_over(struct walk *w, struct stay *s, uint64_t *seq)
{
        const struct roomlog *log = &s->room->events->log;
        uint64_t from = *seq;
        while (*seq < log->seq_next) {
                const struct log_entry *e = roomlog_at(log, *seq);
                if (e->eid > w->at_eid && !hidden(w->m, e, true))
                        break;
                ++*seq;
        }
        if (s->cursor == from)
                s->cursor = *seq;
}

/* Finds the stay's next entry. False: it has none with eid <= upto. */
static bool find_front(struct walk *w, struct stay *s, uint64_t upto, struct front *f)
{
        if (!room_logged(s->room))
                return false;
        const struct roomlog *log = &s->room->events->log;
        uint64_t seq = stay_next_seq(s);
        if (seq >= log->seq_next)
                return false;
        if (seq < log->seq_first)
                seq = log->seq_first;
        if (w->once)
                pass_over(w, s, &seq);
        if (seq >= log->seq_next)
                return false;
        *f = (struct front){ s, seq, roomlog_at(log, seq)->eid, lower(upto, stay_last_eid(s)) };
        return f->eid <= f->eid_max;
}

/* The newest eid that eviction took from this stay's interval. */
static uint64_t lost_eid(const struct stay *s)
{
        return lower(s->room->evicted_eid, stay_last_eid(s));
}

/* The lowest eid in (from, last] that this stay's room lost and another room of the member has. */
static uint64_t shared_eid(const struct member *m, const struct stay *lost, uint64_t from, uint64_t last)
{
        uint64_t lowest = UINT64_MAX;
        for (const struct stay *s = m->stays; s; s = s->next) {
                if (s->room == lost->room || !room_logged(s->room))
                        continue;
                const struct roomlog *log = &s->room->events->log;
                for (uint64_t seq = roomlog_after(log, from); seq < log->seq_next; seq++) {
                        const struct log_entry *e = roomlog_at(log, seq);
                        if (e->eid > last || e->eid >= lowest)
                                break;
                        if (e->multi && stay_covers(s, e->eid) && log_entry_is_for(e, lost->room->tag))
                                lowest = e->eid;
                }
        }
        return lowest;
}

/* What eviction took from this stay and was not told yet. In once mode it may be told in several
 * parts, around events that another room still gives. */
static bool find_evicted(const struct walk *w, struct stay *s, uint64_t told_eid, struct piece *p)
{
        const struct room *r = s->room;
        uint64_t seq = stay_next_seq(s), tail = lower(room_tail_seq(r), s->seq_end);
        uint64_t last = lost_eid(s), shared = UINT64_MAX;
        if (seq >= tail)
                return false;
        if (w->once && w->at_eid > told_eid)
                told_eid = w->at_eid;
        while (w->once && told_eid < last && (shared = shared_eid(w->m, s, told_eid, last)) == told_eid + 1)
                told_eid = shared;
        *p = (struct piece){ .kind = PIECE_EVICTED, .reason = GAP_EVICTED, .room = r, .stay = s };
        p->eid_first = told_eid + 1;
        p->eid_last = lower(last, shared - 1);
        p->seq_first = seq;
        p->seq_last = tail - 1;
        return !w->once || told_eid < last;
}

/* Not with an entry half given, which may yet be given up. */
static bool is_at_head(const struct stay *s)
{
        return s->cursor >= lower(s->seq_end, room_head_seq(s->room) + 1);
}

/* The stays that have something to give, linked by next_behind. */
static struct stay *find_behind(struct member *m)
{
        struct stay **link = &m->behind;
        for (struct stay *s = m->hub->dirty ? m->stays : NULL; s; s = s->next)
                if (s->room->dirty) /* the announce is still to come */
                        stay_is_behind(s);
        while (*link) {
                struct stay *s = *link;
                s->behind = !is_at_head(s);
                if (s->behind)
                        link = &s->next_behind;
                else
                        *link = s->next_behind;
        }
        return m->behind;
}

static uint64_t stay_told_eid(const struct stay *s)
{
        return s->joined_eid > s->past_eid ? s->joined_eid : s->past_eid;
}

/* Gives the run of the lowest front that no other interrupts. False: the walk is at its end. */
static bool give_next_run(struct walk *w, struct front *fronts, int *n)
{
        int first = 0;
        uint64_t second_eid = UINT64_MAX;
        for (int i = 1; i < *n; i++)
                if (fronts[i].eid < fronts[first].eid)
                        first = i;
        for (int i = 0; i < *n; i++)
                if (i != first)
                        second_eid = lower(second_eid, fronts[i].eid);
        struct front *f = &fronts[first];
        const struct roomlog *log = &f->stay->room->events->log;
        uint64_t eid_max = lower(f->eid_max, second_eid);
        uint64_t end = log->seq_next;
        if (roomlog_at(log, end - 1)->eid > eid_max)
                end = roomlog_after(log, eid_max);
        give_run(w, f->stay, f->seq, end - 1);
        if (w->n == w->max)
                return false;
        w->at_eid = roomlog_at(log, end - 1)->eid;
        f->seq = end;
        /* Fronts move on; in once mode those that shared the last event pass over it. */
        for (int i = 0; i < *n;) {
                struct front *g = &fronts[i];
                log = &g->stay->room->events->log;
                while (w->once && g->seq < log->seq_next && roomlog_at(log, g->seq)->eid <= w->at_eid)
                        g->seq++;
                if (g->seq < log->seq_next)
                        g->eid = roomlog_at(log, g->seq)->eid;
                if (g->seq < log->seq_next && g->eid <= g->eid_max)
                        i++;
                else
                        *g = fronts[--*n];
        }
        return *n > 0;
}

static void give_half(struct walk *w)
{
        const struct half *h = w->m->half;
        struct bytes rest = half_rest(h);
        struct piece *p = add_piece(w, h->stay, PIECE_BYTES, 0);
        p->seq_first = p->seq_last = h->stay->cursor;
        p->eid_first = p->eid_last = w->at_eid = h->eid;
        p->at = rest.at;
        p->n = rest.n;
}

/* ---- public ------------------------------------------------------------------------------- */

int member_walk(struct member *m, uint64_t upto_eid, struct piece *v, int v_max)
{
        struct walk w = { .m = m, .v = v, .max = v_max, .at_eid = m->at_eid, .once = !member_per_room(m) };
        if (m->torn)
                return ERR_CLOSED;
        if (!m->attached || v_max == 0)
                return 0;
        if (m->half)
                give_half(&w);
        /* 8 KiB that the compiler would otherwise clear for each walk: two thirds of its cost. */
        struct front fronts[FRONTS_MAX] __attribute__((uninitialized));
        int n = 0;
        struct stay *behind = find_behind(m);
        for (struct stay *s = behind; s; s = s->next_behind) {
                uint64_t told_eid = stay_told_eid(s);
                while (w.n < w.max && find_evicted(&w, s, told_eid, &w.v[w.n])) {
                        told_eid = w.v[w.n++].eid_last;
                        if (!w.once)
                                break;
                }
        }
        for (struct stay *s = behind; s && n < FRONTS_MAX; s = s->next_behind)
                n += find_front(&w, s, upto_eid, &fronts[n]);
        while (n > 0 && w.n < w.max && give_next_run(&w, fronts, &n))
                ;
        return w.n;
}

/* The transport stopped inside this piece: `bytes` of it are given. */
static void advance_within(struct member *m, const struct piece *p, size_t bytes)
{
        struct stay *s = p->stay;
        const struct room_events *ev = s->room->events;
        const struct segment *g = stream_segment(&ev->stream[m->encoding], p->seq_first);
        uint32_t at = (uint32_t)(p->at - g->data + (ptrdiff_t)bytes);
        uint64_t seq = p->seq_first;
        while (segment_end(g, seq) <= at)
                seq++;
        uint32_t done = at - segment_start(g, seq);
        if (seq > p->seq_first)
                m->at_eid = roomlog_at(&ev->log, seq - 1)->eid;
        if (done > 0)
                half_begin(s, seq, roomlog_at(&ev->log, seq)->eid, done);
        else
                s->cursor = seq;
}

void member_advance(struct member *m, const struct piece *p, size_t bytes)
{
        struct stay *s = p->stay;
        if (p->kind == PIECE_EVICTED) {
                if (s->cursor <= p->seq_last && (member_per_room(m) || p->eid_last >= lost_eid(s)))
                        s->cursor = p->seq_last + 1;
                s->past_eid = p->eid_last;
                return;
        }
        bool rest = p->kind == PIECE_BYTES && stay_half(s) && p->seq_first == s->cursor;
        if (p->kind == PIECE_BYTES && bytes < p->n) {
                if (bytes == 0)
                        return;
                if (rest)
                        half_given(m->half, bytes);
                else
                        advance_within(m, p, bytes);
                return;
        }
        if (rest)
                member_forget_half(m);
        s->cursor = p->seq_last + 1;
        if (m->at_eid < p->eid_last)
                m->at_eid = p->eid_last;
}

bool member_lost_some(struct member *m)
{
        const struct walk w = { .m = m, .at_eid = m->at_eid, .once = !member_per_room(m) };
        struct piece p;
        for (struct stay *s = find_behind(m); s; s = s->next_behind)
                if (find_evicted(&w, s, stay_told_eid(s), &p))
                        return true;
        return false;
}

bool member_behind(struct member *m, uint64_t upto_eid)
{
        struct walk w = { .m = m, .at_eid = m->half ? m->half->eid : m->at_eid, .once = !member_per_room(m) };
        struct front f;
        struct piece p;
        if (m->half)
                return true;
        for (struct stay *s = find_behind(m); s; s = s->next_behind)
                if (find_evicted(&w, s, stay_told_eid(s), &p) || find_front(&w, s, upto_eid, &f))
                        return true;
        return false;
}

uint64_t member_place(struct member *m)
{
        struct walk w = { .m = m, .at_eid = m->at_eid, .once = !member_per_room(m) };
        uint64_t next = m->half ? m->half->eid : m->hub->head + 1;
        for (struct stay *s = find_behind(m); s; s = s->next_behind) {
                struct front f;
                struct piece p;
                if (find_evicted(&w, s, stay_told_eid(s), &p))
                        next = lower(next, p.eid_first);
                if (find_front(&w, s, UINT64_MAX, &f))
                        next = lower(next, f.eid);
        }
        return next - 1;
}

void member_unblocked(struct member *m)
{
        m->fresh_eid = m->hub->head;
}

/* ---- repair ------------------------------------------------------------------------------- */

/* The stay whose given part covers seq, *until where that ends; else NULL, and *until is where the
 * next stay begins (UINT64_MAX: seq is still to come). */
static struct stay *find_given(const struct member *m, const struct room *r, uint64_t seq, uint64_t *until)
{
        *until = UINT64_MAX;
        for (struct stay *s = m->stays; s; s = s->next) {
                if (s->room != r || seq >= s->seq_end)
                        continue;
                if (seq < s->seq_begin) {
                        *until = lower(*until, s->seq_begin);
                        continue;
                }
                uint64_t next = stay_next_seq(s);
                *until = seq < next ? lower(s->seq_end, next) : UINT64_MAX;
                return seq < next ? s : NULL;
        }
        return NULL;
}

int member_repair(struct member *m, const struct room *r, uint64_t seq_from, uint64_t seq_to, struct piece *v,
                  int v_max)
{
        struct walk w = { .m = m, .v = v, .max = v_max };
        if (!m->attached)
                return 0;
        for (uint64_t seq = seq_from, end; seq <= seq_to && w.n < w.max; seq = end) {
                struct stay *s = find_given(m, r, seq, &end);
                if (!s && end == UINT64_MAX)
                        break; /* still to come */
                if (end - 1 > seq_to)
                        end = seq_to + 1;
                uint64_t tail = room_tail_seq(r);
                if (s && seq >= tail) {
                        give_run(&w, s, seq, end - 1);
                        continue;
                }
                if (s)
                        end = lower(end, tail);
                w.v[w.n++] = (struct piece){ .kind = s ? PIECE_EVICTED : PIECE_HIDDEN,
                                             .reason = s ? GAP_EVICTED : GAP_EXCLUDED,
                                             .room = r,
                                             .seq_first = seq,
                                             .seq_last = end - 1 };
        }
        return w.n;
}
