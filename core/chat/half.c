/* half: an entry that a member was given in part. Its rest comes first, before anything else; should
 * its segment be evicted meanwhile, the rest is copied out, or told as lost where a border of datagrams
 * is a border. Only a reader that is slow, and an event larger than a datagram, has one.
 */
#include <stdlib.h>

#include "core/chat/hub.h"
#include "core/chat/hub_inside.h"

static struct bytes in_segment(const struct half *h, const struct segment *g)
{
        uint64_t seq = h->stay->cursor;
        uint32_t start = segment_start(g, seq) + h->done;
        return bytes_of(g->data + start, segment_end(g, seq) - start);
}

struct bytes half_rest(const struct half *h)
{
        const struct stay *s = h->stay;
        if (h->rest.at)
                return buf_bytes(&h->rest);
        return in_segment(h, stream_segment(&s->room->events->stream[s->member->encoding], s->cursor));
}

void half_given(struct half *h, size_t bytes)
{
        if (h->rest.at)
                buf_drop(&h->rest, bytes);
        else
                h->done += (uint32_t)bytes;
}

void half_rescue(struct half *h, const struct segment *g)
{
        struct member *m = h->stay->member;
        uint64_t seq = h->stay->cursor;
        if (h->rest.at || seq < g->seq_first || seq >= g->seq_first + g->n)
                return;
        if (member_per_room(m)) { /* what is missing of it can be said to be lost, as if none had been given */
                member_forget_half(m);
                return;
        }
        struct bytes rest = in_segment(h, g);
        if (buf_put(&h->rest, rest.at, rest.n) == 0)
                m->hub->stats.copied_bytes += rest.n;
        else
                m->torn = true;
}

void half_begin(struct stay *s, uint64_t seq, uint64_t eid, uint32_t done)
{
        struct member *m = s->member;
        s->cursor = seq;
        if (!m->half) {
                m->half = calloc(1, sizeof *m->half);
                if (!m->half) { /* in datagrams it begins again from its first byte */
                        m->torn = !member_per_room(m);
                        return;
                }
                LIST_INSERT_HEAD(&m->hub->half, m->half, link);
        }
        m->half->stay = s;
        m->half->eid = eid;
        m->half->done = done;
}

void member_forget_half(struct member *m)
{
        if (!m->half)
                return;
        LIST_REMOVE(m->half, link);
        buf_free(&m->half->rest);
        free(m->half);
        m->half = NULL;
}

bool member_half(const struct member *m)
{
        return m->half || m->torn;
}
