#include "core/wire/dgram_queue.h"

#include "core/base/err.h"

void dgram_queue_address(struct dgram_queue *q, struct dgram_msg *m)
{
        if (!dgram_has_pktno(m->type))
                return;
        m->tag = q->tag;
        m->epoch = q->epoch;
        m->pktno = ++q->pktno;
}

int dgram_queue_put(struct dgram_queue *q, struct dgram_msg *m)
{
        uint8_t *at = buf_room(&q->ready, DGRAM_BYTES_MAX);
        if (!at)
                return ERR_NO_MEMORY;
        dgram_queue_address(q, m);
        struct writer w = writer_of(at, DGRAM_BYTES_MAX);
        if (!dgram_put(&w, m) || q->ready.n + writer_used(&w) > DGRAM_QUEUE_BYTES_MAX)
                return ERR_FULL;
        q->ready.n += writer_used(&w);
        return 0;
}

size_t dgram_queue_front(const struct dgram_queue *q, size_t room)
{
        struct bytes rest = buf_bytes(&q->ready), message;
        size_t n = 0;
        while (dgram_next(&rest, &message) && n + message.n <= room)
                n += message.n;
        return n;
}

void dgram_queue_free(struct dgram_queue *q)
{
        buf_free(&q->ready);
}
