#include "udp_server/udp_batch.h"

static const uint8_t zeros[DGRAM_BYTES_MAX];

static size_t message_bytes(const uint8_t *at)
{
        return (size_t)(at[6] << 8 | at[7]);
}

void udp_batch_begin(struct udp_batch *b)
{
        b->n = b->iov_n = b->pieces_n = b->repairs_n = b->unasked_n = 0;
        b->scratch_n = 0;
        b->n_max = UDP_BATCH_DATAGRAMS;
        b->now = (struct udp_progress){ 0 };
}

void udp_batch_limit(struct udp_batch *b, int datagrams)
{
        if (b->n_max - b->n > datagrams)
                b->n_max = b->n + datagrams;
}

static struct udp_datagram *open_datagram(struct udp_batch *b)
{
        if (b->n == b->n_max || b->iov_n == UDP_BATCH_IOVS)
                return NULL;
        struct udp_datagram *d = &b->datagram[b->n++];
        *d = (struct udp_datagram){ .iov = &b->iov[b->iov_n] };
        return d;
}

/* Adds one message. Bytes that follow those of the iovec before it just lengthen that. */
static bool add(struct udp_batch *b, const uint8_t *at, size_t n)
{
        struct udp_datagram *d = b->n > 0 ? &b->datagram[b->n - 1] : NULL;
        if (!d || at[3] == DGRAM_FEC ||
            /* parity is not to be lost with what it is for */ d->bytes + n > DGRAM_BYTES_MAX)
                d = open_datagram(b);
        if (!d)
                return false;
        struct iovec *last = d->iov_n > 0 ? &d->iov[d->iov_n - 1] : NULL;
        if (last && (const uint8_t *)last->iov_base + last->iov_len == at) {
                last->iov_len += n;
        } else {
                if (b->iov_n == UDP_BATCH_IOVS)
                        return false;
                d->iov[d->iov_n++] = (struct iovec){ (void *)(uintptr_t)at, n };
                b->iov_n++;
        }
        d->bytes += n;
        return true;
}

static void note(struct udp_batch *b)
{
        if (b->n > 0)
                b->datagram[b->n - 1].end = b->now;
}

bool udp_batch_private(struct udp_batch *b, struct bytes queue)
{
        for (size_t at = 0; at < queue.n;) {
                size_t n = message_bytes(queue.at + at);
                if (!add(b, queue.at + at, n))
                        return false;
                at += n;
                b->now.private_bytes = (uint32_t)at;
                note(b);
        }
        return true;
}

bool udp_batch_piece(struct udp_batch *b, int i)
{
        const struct piece *p = &b->piece[i];
        for (size_t at = 0; at < p->n;) {
                size_t n = message_bytes(p->at + at);
                if (!add(b, p->at + at, n))
                        return false;
                at += n;
                b->now.piece = at < p->n ? i : i + 1;
                b->now.piece_bytes = at < p->n ? at : 0;
                note(b);
        }
        return true;
}

bool udp_batch_message(struct udp_batch *b, const struct dgram_msg *m, int piece_end)
{
        uint8_t *at = b->scratch + b->scratch_n;
        struct writer w = writer_of(at, UDP_BATCH_SCRATCH - b->scratch_n);
        if (!dgram_put(&w, m) || !add(b, at, writer_used(&w)))
                return false;
        b->scratch_n += writer_used(&w);
        udp_batch_pass(b, piece_end);
        return true;
}

void udp_batch_pass(struct udp_batch *b, int piece_end)
{
        b->now.piece = piece_end;
        b->now.piece_bytes = 0;
        note(b);
}

void udp_batch_even(struct udp_batch *b)
{
        size_t most = 0;
        for (int i = 0; i < b->n; i++)
                most = b->datagram[i].bytes > most ? b->datagram[i].bytes : most;
        if (b->n < 2 || b->iov_n + b->n > UDP_BATCH_IOVS)
                return;
        /* The list of iovecs is rebuilt from its end, so that it stays without holes: a datagram's
         * padding stands right behind it, and nothing behind one that needs none. */
        int to = b->iov_n + b->n;
        for (int i = b->n - 1; i >= 0; i--) {
                struct udp_datagram *d = &b->datagram[i];
                size_t pad = i < b->n - 1 ? most - d->bytes : 0;
                to -= d->iov_n + (pad > 0);
                memmove(&b->iov[to], d->iov, (size_t)d->iov_n * sizeof *d->iov);
                d->iov = &b->iov[to];
                if (pad > 0)
                        d->iov[d->iov_n++] = (struct iovec){ (void *)(uintptr_t)zeros, pad };
                d->bytes += pad;
        }
}
