#include "tcp_server/tcp_private.h"

/* What stands before each placed frame; memory only, so in the machine's own order. */
struct record {
        uint64_t place;
        uint32_t n;
};

static struct record record_at(const struct tcp_private *p, size_t at)
{
        struct record r;
        memcpy(&r, p->placed.at + at, sizeof r);
        return r;
}

struct buf *tcp_private_begin(struct tcp_private *p, uint64_t place, size_t *start)
{
        *start = p->placed.n;
        struct record r = { .place = place };
        return buf_put(&p->placed, &r, sizeof r) == 0 ? &p->placed : NULL;
}

void tcp_private_end(struct tcp_private *p, size_t start)
{
        struct record r = record_at(p, start);
        r.n = (uint32_t)(p->placed.n - start - sizeof r);
        memcpy(p->placed.at + start, &r, sizeof r);
}

size_t tcp_private_bytes(const struct tcp_private *p)
{
        return p->border.n + p->placed.n;
}

bool tcp_private_half(const struct tcp_private *p)
{
        return p->sent > 0;
}

bool tcp_private_next(const struct tcp_private *p, size_t *at, uint64_t *place, struct bytes *frame)
{
        if (*at >= p->placed.n)
                return false;
        struct record r = record_at(p, *at);
        uint32_t sent = *at == 0 ? p->sent : 0;
        *place = r.place;
        *frame = bytes_of(p->placed.at + *at + sizeof r + sent, r.n - sent);
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
        drop(&p->border, bytes);
}

void tcp_private_placed_sent(struct tcp_private *p, size_t bytes)
{
        size_t gone = 0;
        while (bytes > 0) {
                struct record r = record_at(p, gone);
                size_t left = r.n - p->sent;
                if (bytes < left) {
                        p->sent += (uint32_t)bytes;
                        break;
                }
                bytes -= left;
                p->sent = 0;
                gone += sizeof r + r.n;
        }
        if (gone > 0)
                drop(&p->placed, gone);
}

void tcp_private_unplace(struct tcp_private *p)
{
        buf_free(&p->placed);
        p->sent = 0;
}

void tcp_private_free(struct tcp_private *p)
{
        buf_free(&p->border);
        tcp_private_unplace(p);
}
