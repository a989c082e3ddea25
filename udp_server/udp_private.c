#include "udp_server/udp_private.h"

#include "core/base/err.h"

void udp_private_address(struct udp_private *p, struct dgram_msg *m)
{
        if (!dgram_has_pktno(m->type))
                return;
        m->tag = p->tag;
        m->epoch = p->epoch;
        m->pktno = ++p->pktno;
}

int udp_private_put(struct udp_private *p, struct dgram_msg *m)
{
        uint8_t *at = buf_room(&p->queue, DGRAM_BYTES_MAX);
        if (!at)
                return ERR_NO_MEMORY;
        udp_private_address(p, m);
        struct writer w = writer_of(at, DGRAM_BYTES_MAX);
        if (!dgram_put(&w, m) || p->queue.n + writer_used(&w) > UDP_PRIVATE_BYTES_MAX) {
                p->full = true;
                return ERR_FULL;
        }
        p->queue.n += writer_used(&w);
        return 0;
}

void udp_private_free(struct udp_private *p)
{
        buf_free(&p->queue);
}
