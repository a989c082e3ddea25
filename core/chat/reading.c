/* reading: a room's events as they are for all its members, from any seq on, for nobody in particular. */
#include "core/chat/hub.h"
#include "core/chat/hub_inside.h"

static bool leaves_out(const struct room *r, uint64_t seq)
{
        return roomlog_at(&r->events->log, seq)->except_n > 0;
}

uint64_t room_exception(const struct room *r, uint64_t seq, uint64_t last)
{
        if (!room_logged(r))
                return last + 1;
        const struct roomlog *log = &r->events->log;
        seq = seq > log->seq_first ? seq : log->seq_first;
        uint64_t end = last < log->seq_next ? last + 1 : log->seq_next;
        for (seq = roomlog_special(log, seq); seq < end; seq = roomlog_special(log, seq + 1))
                if (leaves_out(r, seq))
                        return seq;
        return last + 1;
}

static struct piece piece_of(const struct room *r, enum piece_kind kind, enum gap_reason reason, uint64_t first,
                             uint64_t last)
{
        return (struct piece){ .kind = kind, .reason = reason, .room = r, .seq_first = first, .seq_last = last };
}

static bool is_empty(const struct stream *s, uint64_t seq)
{
        const struct segment *g = stream_segment(s, seq);
        return segment_start(g, seq) == segment_end(g, seq);
}

/* The longest run from seq on of one segment that everyone may have. */
static struct piece bytes_from(const struct room *r, const struct stream *s, uint64_t seq, uint64_t last)
{
        const struct segment *g = stream_segment(s, seq);
        uint64_t end = g->seq_first + g->n - 1, exception = room_exception(r, seq, last);
        end = end < last ? end : last;
        end = end < exception ? end : exception - 1;
        for (uint64_t i = seq; s->empties > 0 && i <= end; i++)
                if (is_empty(s, i))
                        end = i - 1;
        struct piece p = piece_of(r, PIECE_BYTES, 0, seq, end);
        p.at = g->data + segment_start(g, seq);
        p.n = segment_end(g, end) - segment_start(g, seq);
        return p;
}

int room_read(const struct room *r, int encoding, uint64_t from, uint64_t to, struct piece *v, int v_max)
{
        int n = 0;
        uint64_t tail = room_tail_seq(r), head = room_head_seq(r);
        to = to < head ? to : head;
        if (r->users[encoding] == 0 || r->members == 0 || from > to)
                return 0;
        if (from < tail && v_max > 0) {
                v[n++] = piece_of(r, PIECE_EVICTED, GAP_EVICTED, from, to < tail ? to : tail - 1);
                from = tail;
        }
        struct stream *s = from <= to ? room_stream(r->member[0]->room, encoding, from) : NULL;
        for (uint64_t seq = from; s && seq <= to && seq < s->seq_next && n < v_max; seq = v[n - 1].seq_last + 1) {
                if (leaves_out(r, seq))
                        v[n++] = piece_of(r, PIECE_HIDDEN, GAP_EXCLUDED, seq, seq);
                else if (is_empty(s, seq))
                        v[n++] = piece_of(r, PIECE_HIDDEN, GAP_TOO_BIG, seq, seq);
                else
                        v[n++] = bytes_from(r, s, seq, to);
        }
        return n;
}
