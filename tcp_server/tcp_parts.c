#include "tcp_server/tcp_parts.h"

#include <stdlib.h>

#include "core/base/err.h"

struct tcp_parts {
        struct buf bytes; /* the text, then the attachments, back to back */
        size_t text_n;
        uint32_t wanted, n;
        size_t end[JSON_BINS_MAX]; /* of each attachment in bytes */
};

struct tcp_parts *tcp_parts_create(struct bytes text, int attachments)
{
        struct tcp_parts *p = calloc(1, sizeof *p);
        if (!p)
                return NULL;
        p->text_n = text.n;
        p->wanted = (uint32_t)attachments;
        if (buf_put(&p->bytes, text.at, text.n) == 0)
                return p;
        free(p);
        return NULL;
}

void tcp_parts_destroy(struct tcp_parts *p)
{
        if (!p)
                return;
        buf_free(&p->bytes);
        free(p);
}

int tcp_parts_add(struct tcp_parts *p, struct bytes attachment, size_t bytes_max)
{
        if (p->bytes.n > bytes_max || attachment.n > bytes_max - p->bytes.n)
                return ERR_TOO_BIG;
        int err = buf_put(&p->bytes, attachment.at, attachment.n);
        if (!err)
                p->end[p->n++] = p->bytes.n;
        return err;
}

bool tcp_parts_whole(const struct tcp_parts *p)
{
        return p->n == p->wanted;
}

int tcp_parts_parse(const struct tcp_parts *p, struct buf *scratch, struct sio_packet *packet)
{
        struct json_bins bins = { .n = p->n };
        for (uint32_t i = 0; i < p->n; i++) {
                size_t start = i ? p->end[i - 1] : p->text_n;
                bins.bin[i] = bytes_of(p->bytes.at + start, p->end[i] - start);
        }
        return sio_parse_with(bytes_of(p->bytes.at, p->text_n), &bins, scratch, packet);
}
