/* tcp_send: what leaves a session: private packets woven into the walk of its member.
 *
 * In order: the rest of what is half sent; the border lane; then the walk's bytes, with each placed
 * packet where its place is. That is a number of bytes: as many as the walk up to that eid has,
 * since a walk's bytes are in eid order and a shorter walk is the beginning of a longer one.
 */
#include <assert.h>

#include "core/base/err.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "tcp_server/tcp_session_inside.h"

/* ---- queueing --------------------------------------------------------------------------------- */

static const struct tcp_encoding *encoding(const struct tcp_session *s, const struct tcp_seat *seat)
{
        return s->form == SIO_FORM_MSGPACK ? &seat->space->msgpack[0] : &seat->space->json[0];
}

static struct sio_offset offset(const struct tcp_seat *seat, uint64_t eid)
{
        return (struct sio_offset){ hub_epoch(seat->space->hub), eid };
}

/* Something to send came up outside a hub's announce. */
static void tell(struct tcp_session *s)
{
        s->sink.news(s->sink.owner);
}

void session_put_border(struct tcp_session *s, struct mono now, const struct sio_packet *p)
{
        if (!session_has_room(s, now))
                return;
        session_check(s, now, tcp_encoding_packet(s->form, p, tcp_private_border(&s->private)));
        tell(s);
}

/* Where things are now: behind the last event published. All or nothing. */
static int place(struct tcp_session *s, struct tcp_seat *seat, const struct sio_packet *p)
{
        size_t start;
        struct sio_packet named = *p;
        struct buf *out = tcp_private_begin(&seat->placed, hub_head(seat->space->hub), &start);
        named.nsp = seat->space->nsp;
        int err = out ? tcp_encoding_packet(s->form, &named, out) : ERR_NO_MEMORY;
        if (err)
                seat->placed.records.n = start;
        else
                tcp_private_end(&s->private, &seat->placed, start);
        tell(s);
        return err;
}

int session_place(struct tcp_session *s, struct tcp_seat *seat, const struct sio_packet *p)
{
        return tcp_private_bytes(&s->private) < TCP_PRIVATE_MAX ? place(s, seat, p) : ERR_FULL;
}

void session_put_placed(struct tcp_session *s, struct mono now, struct tcp_seat *seat, const struct sio_packet *p)
{
        if (session_has_room(s, now))
                session_check(s, now, place(s, seat, p));
}

static int write_hello(struct buf *event, const struct tcp_seat *seat)
{
        event->n = 0;
        int err = event_begin(event, "hello", 1);
        err = err ? err : pack_put_map(event, 1);
        err = err ? err : pack_put_word(event, "id");
        return err ? err : pack_put_text(event, app_socket_id(seat->socket));
}

void session_put_hello(struct tcp_session *s, struct mono now, struct tcp_seat *seat)
{
        size_t start;
        uint64_t place = hub_head(seat->space->hub);
        struct buf *event = &s->service->answer, *out = NULL;
        int err = write_hello(event, seat);
        if (!err)
                out = tcp_private_begin(&seat->placed, place, &start);
        if (!err && !out)
                err = ERR_NO_MEMORY;
        err = err ? err : tcp_encoding_event(encoding(s, seat), offset(seat, place), buf_bytes(event), out);
        if (!err)
                tcp_private_end(&s->private, &seat->placed, start);
        session_check(s, now, err);
        tell(s);
}

static int write_gap(struct buf *event, const struct piece *gap)
{
        event->n = 0;
        int err = event_begin(event, "gap", 1);
        err = err ? err : pack_put_map(event, 5);
        err = err ? err : pack_put_word(event, "room");
        err = err ? err : pack_put_text(event, room_name(gap->room));
        err = err ? err : pack_put_word(event, "unit");
        err = err ? err : pack_put_word(event, "eid");
        err = err ? err : pack_put_word(event, "from");
        err = err ? err : pack_put_u64(event, gap->eid_first);
        err = err ? err : pack_put_word(event, "to");
        err = err ? err : pack_put_u64(event, gap->eid_last);
        err = err ? err : pack_put_word(event, "reason");
        return err ? err : pack_put_word(event, gap_reason_text(gap->reason));
}

/* The offset is the member's place now that it has been told, not the gap's end: another room's
 * events inside the gap may still be to come, and would be lost to a client that resumed behind it. */
void session_put_gap(struct tcp_session *s, struct mono now, struct tcp_seat *seat, const struct piece *gap)
{
        struct buf *event = &s->service->answer;
        struct member *m = seat_member(seat);
        int err = write_gap(event, gap);
        member_advance(m, gap, 0);
        err = err ? err
                  : tcp_encoding_event(encoding(s, seat), offset(seat, member_place(m)), buf_bytes(event),
                                       tcp_private_border(&s->private));
        s->service->counts.gaps++;
        session_check(s, now, err);
}

/* ---- weaving ---------------------------------------------------------------------------------- */

struct weave {
        struct tcp_session *s;
        struct tcp_seat *seat;
        struct tcp_lent *lent;
        struct iovec *v;
        int max;
        int piece;       /* the walk's piece lent next, */
        size_t piece_at; /* from this byte of it on */
        size_t walked;   /* bytes of the walk lent so far */
        bool more;       /* the walk has more than these pieces */
};

static bool full(const struct weave *w)
{
        return w->lent->items_n == w->max;
}

static void lend(struct weave *w, enum tcp_lane lane, struct bytes run)
{
        struct tcp_lent *lent = w->lent;
        int i = lent->items_n++;
        lent->items[i].lane = lane;
        lent->items[i].piece = w->piece;
        lent->items[i].n = run.n;
        w->v[i] = (struct iovec){ (void *)(uintptr_t)run.at, run.n };
}

/* Lends the walk's bytes up to `upto` of them. */
static void lend_walk(struct weave *w, size_t upto)
{
        while (w->walked < upto && w->piece < w->lent->pieces_n && !full(w)) {
                const struct piece *p = &w->lent->pieces[w->piece];
                size_t n = p->n - w->piece_at, wanted = upto - w->walked;
                bool whole = n <= wanted;
                if (!whole)
                        n = wanted;
                lend(w, TCP_LANE_PIECE, bytes_of(p->at + w->piece_at, n));
                w->walked += n;
                w->piece_at = whole ? 0 : w->piece_at + n;
                w->piece += whole;
        }
}

static bool is_bytes(const struct piece *p)
{
        return p->kind == PIECE_BYTES;
}

/* How many bytes the walk has up to that eid; SIZE_MAX: more than were walked. */
static size_t bytes_up_to(const struct weave *w, uint64_t eid)
{
        const struct tcp_lent *lent = w->lent;
        size_t bytes = 0;
        if (lent->pieces_n > 0 && eid < lent->pieces[0].eid_first)
                return 0;
        if (lent->pieces_n == 0 || eid >= lent->pieces[lent->pieces_n - 1].eid_last) {
                for (int i = 0; i < lent->pieces_n; i++)
                        bytes += lent->pieces[i].n;
                return w->more ? SIZE_MAX : bytes;
        }
        struct piece shorter[TCP_SLICES_MAX];
        int n = member_walk(seat_member(w->seat), eid, shorter, TCP_SLICES_MAX);
        for (int i = 0; i < n && is_bytes(&shorter[i]); i++)
                bytes += shorter[i].n;
        return bytes;
}

static void lend_placed_and_walk(struct weave *w)
{
        size_t at = 0;
        uint64_t place;
        struct bytes frame;
        while (!full(w) && tcp_private_next(&w->seat->placed, &at, &place, &frame)) {
                size_t upto = bytes_up_to(w, place);
                lend_walk(w, upto);
                if (full(w) || upto == SIZE_MAX)
                        return;
                lend(w, TCP_LANE_PLACED, frame);
        }
        if (!w->seat->sent_away) /* its DISCONNECT was the last word */
                lend_walk(w, SIZE_MAX);
}

/* ---- gaps ------------------------------------------------------------------------------------- */

/* What the log lost before this client was given it: told, or too much for a client that does not
 * understand gaps. False: the session ended. */
static bool meet_gap(struct tcp_session *s, struct mono now, struct tcp_seat *seat, const struct piece *gap)
{
        if (!seat->gaps && !seat->catching_up) {
                session_end(s, now, TCP_END_OVERRUN, tcp_end_code(TCP_END_OVERRUN));
                return false;
        }
        session_put_gap(s, now, seat, gap);
        return !s->ended;
}

/* Walks the member; gaps at the walk's beginning become packets of the border lane, as many as fit
 * it; placed packets do not count, since they may have to wait for these very gaps. What stands behind
 * an untold gap is not walked. */
static void walk(struct weave *w, struct mono now)
{
        struct tcp_session *s = w->s;
        struct tcp_lent *lent = w->lent;
        for (;;) {
                int n = member_walk(seat_member(w->seat), UINT64_MAX, lent->pieces, TCP_SLICES_MAX);
                if (n < 0) {
                        session_end(s, now, TCP_END_MEMORY, tcp_end_code(TCP_END_MEMORY));
                        return;
                }
                int run = 0;
                while (run < n && is_bytes(&lent->pieces[run]))
                        run++;
                if (run == n)
                        w->seat->catching_up = false;
                if (run > 0 || n == 0 || s->private.border.n > TCP_PRIVATE_MAX / 2) {
                        lent->pieces_n = run;
                        w->more = run < n || n == TCP_SLICES_MAX;
                        return;
                }
                if (!meet_gap(s, now, w->seat, &lent->pieces[0]))
                        return;
        }
}

/* ---- public ----------------------------------------------------------------------------------- */

/* Lends the border lane and what this seat has; of one that is half given among others only the rest of
 * that entry: a transport that takes little at a time ends in the midst of one nearly always, and would
 * give the others no turn until the backlog of this one is gone. */
static int lend_seat(struct tcp_session *s, struct mono now, struct tcp_seat *seat, struct iovec *v, int v_max)
{
        struct tcp_lent *lent = &s->service->lent;
        struct weave w = { .s = s, .seat = seat, .lent = lent, .v = v, .max = v_max };
        lent->seat = seat;
        lent->pieces_n = lent->items_n = 0;
        if (seat->socket)
                walk(&w, now);
        if (!seat->socket)
                lent->pieces_n = 0; /* the walk ended the session */
        if (tcp_private_half(&seat->placed)) {
                /* Nothing else may come before the rest of it; what follows waits for the next call. */
                size_t at = 0;
                uint64_t place;
                struct bytes rest;
                tcp_private_next(&seat->placed, &at, &place, &rest);
                lend(&w, TCP_LANE_PLACED, rest);
                return lent->items_n;
        }
        bool half = seat->socket && member_half(seat_member(seat)) && lent->pieces_n > 0;
        if (half)
                lend_walk(&w, lent->pieces[0].n);
        if (s->private.border.n > 0 && !full(&w))
                lend(&w, TCP_LANE_BORDER, tcp_private_border_left(&s->private));
        if (!half || !s->seat.next)
                lend_placed_and_walk(&w);
        return lent->items_n;
}

static struct tcp_seat *after(struct tcp_session *s, const struct tcp_seat *seat)
{
        return seat->next ? seat->next : &s->seat;
}

/* Whose turn it is: the one that is half given, or else the one behind the last. */
static struct tcp_seat *whose_turn(struct tcp_session *s)
{
        for (struct tcp_seat *seat = &s->seat; seat; seat = seat->next)
                if (seat_half(seat))
                        return seat;
        return s->turn ? s->turn : &s->seat;
}

static void unblock(struct tcp_session *s)
{
        for (struct tcp_seat *seat = &s->seat; seat; seat = seat->next)
                if (seat->socket)
                        member_unblocked(seat_member(seat));
}

int tcp_session_slices(struct tcp_session *s, struct mono now, struct iovec *v, int v_max)
{
        session_see_off(s, now);
        struct tcp_seat *first = whose_turn(s), *seat = first;
        int n, max = v_max < TCP_SLICES_MAX ? v_max : TCP_SLICES_MAX;
        s->service->lent.by = s;
        if (s->refused)
                unblock(s);
        s->refused = false;
        while ((n = lend_seat(s, now, seat, v, max)) == 0 && after(s, seat) != first)
                seat = after(s, seat);
        return n;
}

/* Gives the member what was taken of each piece, in the walk's order. */
static void advance(const struct tcp_lent *lent, const size_t taken[TCP_SLICES_MAX])
{
        for (int i = 0; i < lent->pieces_n && taken[i] > 0; i++) {
                member_advance(seat_member(lent->seat), &lent->pieces[i], taken[i]);
                if (taken[i] < lent->pieces[i].n)
                        return;
        }
}

void tcp_session_sent(struct tcp_session *s, size_t bytes)
{
        struct tcp_lent *lent = &s->service->lent;
        size_t taken[TCP_SLICES_MAX] = { 0 }, placed = 0;
        assert(lent->by == s);
        if (bytes > 0)
                s->turn = after(s, lent->seat);
        for (int i = 0; i < lent->items_n; i++) {
                size_t n = bytes < lent->items[i].n ? bytes : lent->items[i].n;
                bytes -= n;
                s->refused = n < lent->items[i].n;
                if (lent->items[i].lane == TCP_LANE_BORDER)
                        tcp_private_border_sent(&s->private, n);
                else if (lent->items[i].lane == TCP_LANE_PLACED)
                        placed += n;
                else
                        taken[lent->items[i].piece] += n;
        }
        tcp_private_placed_sent(&s->private, &lent->seat->placed, placed);
        advance(lent, taken);
        lent->items_n = lent->pieces_n = 0;
        lent->by = NULL;
}
