#include "tcp_server/tcp_private.h"

/* What stands before each placed frame; memory only, so in the machine's own order. */
struct record {
        uint64_t place;
        uint32_t n;
};

static struct record record_at(const struct tcp_placed *l, size_t at)
{
        struct record r;
        memcpy(&r, l->records.at + at, sizeof r);
        return r;
}

struct buf *tcp_private_begin(struct tcp_placed *l, uint64_t place, size_t *start)
{
        *start = l->records.n;
        struct record r = { .place = place };
        return buf_put(&l->records, &r, sizeof r) == 0 ? &l->records : NULL;
}

void tcp_private_end(struct tcp_private *p, struct tcp_placed *l, size_t start)
{
        struct record r = record_at(l, start);
        r.n = (uint32_t)(l->records.n - start - sizeof r);
        memcpy(l->records.at + start, &r, sizeof r);
        p->placed_bytes += (uint32_t)(l->records.n - start);
}

size_t tcp_private_bytes(const struct tcp_private *p)
{
        return p->border.n - p->border_sent + p->placed_bytes;
}

bool tcp_private_half(const struct tcp_placed *l)
{
        return l->sent > 0;
}

bool tcp_private_next(const struct tcp_placed *l, size_t *at, uint64_t *place, struct bytes *frame)
{
        if (*at >= l->records.n)
                return false;
        struct record r = record_at(l, *at);
        uint32_t sent = *at == 0 ? l->sent : 0;
        *place = r.place;
        *frame = bytes_of(l->records.at + *at + sizeof r + sent, r.n - sent);
        *at += sizeof r + r.n;
        return true;
}

static void drop(struct buf *lane, size_t n)
{
        if (n == lane->n)
                buf_free(lane);
        else
                buf_drop(lane, n);
}

void tcp_private_border_sent(struct tcp_private *p, size_t bytes)
{
        p->border_sent += (uint32_t)bytes;
        if (p->border_sent < p->border.n / 2)
                return;
        drop(&p->border, p->border_sent);
        p->border_sent = 0;
}

void tcp_private_placed_sent(struct tcp_private *p, struct tcp_placed *l, size_t bytes)
{
        size_t gone = 0;
        while (bytes > 0) {
                struct record r = record_at(l, gone);
                size_t left = r.n - l->sent;
                if (bytes < left) {
                        l->sent += (uint32_t)bytes;
                        break;
                }
                bytes -= left;
                l->sent = 0;
                gone += sizeof r + r.n;
        }
        if (gone > 0)
                drop(&l->records, gone);
        p->placed_bytes -= (uint32_t)gone;
}

void tcp_private_unplace(struct tcp_private *p, struct tcp_placed *l)
{
        p->placed_bytes -= (uint32_t)l->records.n;
        buf_free(&l->records);
        l->sent = 0;
}

void tcp_private_free(struct tcp_private *p)
{
        buf_free(&p->border);
        p->border_sent = 0;
}
