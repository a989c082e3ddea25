#include "udp_server/udp_encoding.h"

#include "core/base/err.h"
#include "core/wire/crc32c.h"
#include "core/wire/dgram.h"

static int encode(void *ctx, const struct hub_entry *entry, struct buf *out)
{
        (void)ctx;
        uint8_t cnt = dgram_fragments(entry->event.n);
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
                          .frag_cnt = cnt },
        };
        size_t bytes = (size_t)cnt * DGRAM_DATA_HEADER + entry->event.n;
        uint8_t *at = cnt > 0 ? buf_room(out, bytes) : NULL;
        if (!at)
                return cnt > 0 ? ERR_NO_MEMORY : 0;
        struct writer w = writer_of(at, bytes);
        for (uint8_t idx = 0; idx < cnt; idx++) {
                m.data.frag_idx = idx;
                m.data.event = bytes_of(entry->event.at + (size_t)idx * DGRAM_FRAGMENT_BYTES,
                                        dgram_fragment_bytes(entry->event.n, idx));
                dgram_put(&w, &m);
        }
        out->n += writer_used(&w);
        return 0;
}

int udp_encoding_add(struct hub *h)
{
        return hub_encoding_add(h, &(struct hub_encoding){ .name = "datagram", .per_room = true, .encode = encode });
}
