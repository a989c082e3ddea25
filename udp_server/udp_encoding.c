#include "udp_server/udp_encoding.h"

#include "core/base/err.h"
#include "core/wire/crc32c.h"
#include "core/wire/dgram.h"

static int encode(void *ctx, const struct hub_entry *entry, struct buf *out)
{
        (void)ctx;
        if (entry->event.n > DGRAM_FRAGMENT_BYTES)
                return 0;
        struct dgram_msg m = {
                .type = DGRAM_DATA,
                .flags = (uint16_t)((entry->multi ? DGRAM_MULTI : 0) | (entry->own ? DGRAM_OWN : 0)),
                .tag = entry->room_tag,
                .data = { .epoch = entry->epoch,
                          .origin = entry->origin,
                          .seq = entry->seq,
                          .eid = entry->eid,
                          .t_us = entry->t_us,
                          .crc32c = crc32c(entry->event),
                          .event_bytes = (uint16_t)entry->event.n,
                          .frag_cnt = 1,
                          .event = entry->event },
        };
        size_t bytes = DGRAM_DATA_HEADER + entry->event.n;
        uint8_t *at = buf_room(out, bytes);
        if (!at)
                return ERR_NO_MEMORY;
        struct writer w = writer_of(at, bytes);
        dgram_put(&w, &m);
        out->n += writer_used(&w);
        return 0;
}

int udp_encoding_add(struct hub *h)
{
        return hub_encoding_add(h, &(struct hub_encoding){ .name = "datagram", .per_room = true, .encode = encode });
}
