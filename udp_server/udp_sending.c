/* sending: what a session has to send now, lent in the order private, repairs, parity, news; and what of it was taken.
 */
#include "udp_server/udp_session_inside.h"

/* Pieces i.. of one kind, room and reason that follow each other are one GAP. Returns where they
 * end. */
static int same_gap(const struct udp_batch *b, int i)
{
        const struct piece *p = b->piece;
        int end = i + 1;
        while (end < b->pieces_n && end != b->repairs_n && p[end].kind == p[i].kind && p[end].room == p[i].room &&
               p[end].reason == p[i].reason && p[end].seq_first == p[end - 1].seq_last + 1)
                end++;
        return end;
}

static bool pack_gap(struct udp_session *s, struct udp_batch *b, int i, int end, uint32_t ref)
{
        const struct piece *p = b->piece;
        struct dgram_msg m = { .type = DGRAM_GAP, .gap = { .chan_ref = ref, .n = 1, .reason = (uint16_t)p[i].reason } };
        m.gap.range[0] = (struct dgram_range){ p[i].seq_first, p[end - 1].seq_last };
        dgram_queue_address(&s->queue, &m);
        s->shared->stats->gaps++;
        return udp_batch_message(b, &m, end);
}

static void pack_pieces(struct udp_session *s, struct udp_batch *b)
{
        for (int i = 0; i < b->pieces_n;) {
                const struct udp_channel *c = udp_channel_of(s, b->piece[i].room);
                int end = i + 1;
                bool more = true;
                if (!c || b->piece[i].seq_last < c->start) { /* left; perhaps joined again since */
                        s->shared->stats->unbound++;
                        udp_batch_pass(b, end);
                } else if (b->piece[i].kind == PIECE_BYTES && i >= b->unasked_n && udp_listen_cut(s, c, b, i)) {
                        udp_batch_pass(b, end);
                } else if (b->piece[i].kind == PIECE_BYTES) {
                        more = udp_batch_piece(b, i);
                } else {
                        end = same_gap(b, i);
                        more = pack_gap(s, b, i, end, c->ref);
                }
                if (!more)
                        return;
                i = end;
        }
}

static void gave_news(struct udp_session *s, struct mono now, const struct piece *p, size_t bytes)
{
        struct udp_channel *c = udp_channel_of(s, p->room);
        member_advance(s->member, p, bytes);
        udp_rate_news(s, bytes);
        if (c && bytes == p->n)
                c->given_end = p->seq_last + 1;
        if (c && !c->group) /* the group has BEATs of its own */
                udp_channel_gave(c, now);
}

/* All that the batch has come to by `end` is given. */
static void apply(struct udp_session *s, struct mono now, const struct udp_batch *b, const struct udp_progress *end)
{
        buf_drop(&s->queue.ready, end->private_bytes);
        for (int i = 0; s->member && i <= end->piece && i < b->pieces_n; i++) {
                const struct piece *p = &b->piece[i];
                size_t bytes = i < end->piece ? p->n : end->piece_bytes;
                if (i == end->piece && bytes == 0)
                        return;
                if (i < b->repairs_n)
                        udp_again_gave(s, now, p, bytes);
                else if (i < b->unasked_n)
                        udp_ahead_gave(s, p, bytes);
                else
                        gave_news(s, now, p, bytes);
        }
}

/* True: all that the batch holds was passed over, and there may be more. */
static bool fill(struct udp_session *s, struct mono now, struct udp_batch *b)
{
        b->pieces_n = b->repairs_n = b->unasked_n = 0;
        b->now.piece = 0;
        udp_again_find(s, now, b);
        udp_ahead_find(s, b);
        int n = member_walk(s->member, UINT64_MAX, b->piece + b->pieces_n, UDP_BATCH_PIECES - b->pieces_n);
        b->pieces_n += n > 0 ? n : 0;
        pack_pieces(s, b);
        if (b->n > 0 || b->now.piece == 0)
                return false;
        apply(s, now, b, &b->now);
        return b->pieces_n == UDP_BATCH_PIECES;
}

static void fetch(const void *at, size_t lines)
{
        for (size_t i = 0; i < lines; i++)
                __builtin_prefetch((const uint8_t *)at + i * UDP_LINE_BYTES);
}

void udp_session_fetch(const struct udp_session *s)
{
        fetch(s, offsetof(struct udp_session, app) / UDP_LINE_BYTES);
}

/* The rooms that every session has: they are the first two. */
void udp_session_fetch_rest(const struct udp_session *s)
{
        if (s->state != UDP_UP)
                return;
        fetch(s->member, 2);
        fetch(s->channel, 1);
        fetch(s->channel + 1, 1);
}

/* Is there nothing to be looked for once what is lent has been sent? Repairs, parity and the end of a room or a
 * session may have something behind them; the usual turn is news alone. */
static bool is_whole(const struct udp_session *s, const struct udp_batch *b)
{
        return b->unasked_n == 0 && b->now.piece == b->pieces_n && b->pieces_n < UDP_BATCH_PIECES &&
               s->shielded_n == 0 && member_changes(s->member) == s->changes;
}

int udp_session_slices(struct udp_session *s, struct mono now, struct udp_batch *b)
{
        udp_batch_begin(b);
        s->looked = now;
        s->whole = false;
        if (s->pace.limited && s->state == UDP_UP)
                udp_rate_ping(s, now); /* a queue may be growing on the way */
        if (!udp_batch_private(b, buf_bytes(&s->queue.ready)))
                return b->n;
        bool consent = mono_since(now, s->heard) < s->shared->consent_ns;
        if (s->state != UDP_UP || !consent || !mono_is_never(s->resume_until))
                return b->n;
        udp_channels_sweep(s, now, false);
        udp_ahead_read(s, now);
        int may = udp_rate_may(s, now);
        if (may == 0)
                return b->n;
        udp_batch_limit(b, may);
        if (s->blocked)
                member_unblocked(s->member);
        s->blocked = false;
        while (fill(s, now, b))
                ;
        s->whole = is_whole(s, b);
        if (b->n == 0) {
                udp_channels_sweep(s, now, true);
                (void)udp_batch_private(b, buf_bytes(&s->queue.ready));
        }
        if (b->n == 0 && app_socket_dismissed(udp_instance_socket(s->instance))) {
                udp_session_close(s, now, DGRAM_CODE_OK, true); /* all that was said before has been sent */
                (void)udp_batch_private(b, buf_bytes(&s->queue.ready));
        }
        return b->n;
}

bool udp_session_sent(struct udp_session *s, struct mono now, struct udp_batch *b, int taken)
{
        for (int i = 0; i < taken; i++) {
                s->shared->stats->datagrams_out++;
                s->shared->stats->bytes_out += b->datagram[i].bytes;
        }
        udp_rate_sent(s, now, b, taken);
        s->blocked = taken < b->n;
        if (taken > 0)
                apply(s, now, b, &b->datagram[taken - 1].end);
        return s->whole && taken == b->n;
}
