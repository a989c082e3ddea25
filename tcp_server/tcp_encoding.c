#include "tcp_server/tcp_encoding.h"

#include "core/base/err.h"
#include "core/event/pack.h"
#include "core/wire/sio_msgpack.h"
#include "core/wire/ws.h"

static int put_attachments(struct buf *out, const struct json_bins *bins)
{
        int err = 0;
        for (uint32_t i = 0; !err && i < bins->n; i++)
                err = ws_put(out, WS_BINARY, bins->bin[i], NULL);
        return err;
}

/* Engine.IO's digit, then the packet; its attachments are lent through bins. */
static int put_text_frame(struct buf *out, const struct sio_packet *p, const char *offset, struct json_bins *bins)
{
        ptrdiff_t frame = ws_begin(out);
        if (frame < 0)
                return ERR_NO_MEMORY;
        int err = buf_text(out, "4");
        err = err ? err : sio_put(out, p, bins);
        if (!err && offset) {
                out->n--; /* the array's bracket: one argument more */
                err = buf_text(out, ",\"");
                err = err ? err : buf_text(out, offset);
                err = err ? err : buf_text(out, "\"]");
        }
        if (!err)
                ws_end(out, frame, WS_TEXT);
        return err;
}

static int put_json(struct buf *out, const struct sio_packet *p, const char *offset)
{
        struct json_bins bins;
        int err = put_text_frame(out, p, offset, &bins);
        return err ? err : put_attachments(out, &bins);
}

/* The array with one argument more. */
static int extend(struct buf *longer, struct bytes array, const char *offset)
{
        uint32_t n;
        struct bytes members;
        if (!pack_get_array(array, &n, &members))
                return ERR_MALFORMED;
        int err = pack_put_array(longer, n + 1);
        err = err ? err : pack_put_raw(longer, members);
        return err ? err : pack_put_word(longer, offset);
}

static int put_binary_frame(struct buf *out, const struct sio_packet *p)
{
        ptrdiff_t frame = ws_begin(out);
        if (frame < 0)
                return ERR_NO_MEMORY;
        int err = sio_msgpack_put(out, p);
        if (!err)
                ws_end(out, frame, WS_BINARY);
        return err;
}

static int put_msgpack(struct buf *out, const struct sio_packet *p, const char *offset)
{
        if (!offset)
                return put_binary_frame(out, p);
        struct buf longer = { 0 };
        struct sio_packet with = *p;
        int err = extend(&longer, p->data, offset);
        with.data = buf_bytes(&longer);
        err = err ? err : put_binary_frame(out, &with);
        buf_free(&longer);
        return err;
}

/* All or nothing. */
static int put(struct buf *out, enum sio_form form, const struct sio_packet *p, const char *offset)
{
        size_t start = out->n;
        int err = form == SIO_FORM_JSON ? put_json(out, p, offset) : put_msgpack(out, p, offset);
        if (err)
                out->n = start;
        return err;
}

int tcp_encoding_packet(enum sio_form form, const struct sio_packet *p, struct buf *out)
{
        return put(out, form, p, NULL);
}

int tcp_encoding_event(const struct tcp_encoding *e, struct sio_offset at, struct bytes event, struct buf *out)
{
        char offset[SIO_OFFSET_TEXT_MAX];
        struct sio_packet p = { .type = SIO_EVENT, .nsp = e->nsp, .data = event };
        sio_offset_text(at, offset);
        return put(out, e->form, &p, e->recovery ? offset : NULL);
}

/* What no path of ours can say is shown to the member as a gap; the hub asks for nothing then. */
static int encode(void *ctx, const struct hub_entry *entry, struct buf *out)
{
        int err = tcp_encoding_event(ctx, (struct sio_offset){ entry->epoch, entry->eid }, entry->event, out);
        return err == ERR_NO_MEMORY ? err : 0;
}

struct hub_encoding tcp_encoding_hub(struct tcp_encoding *e)
{
        return (struct hub_encoding){
                .name = e->form == SIO_FORM_JSON ? "tcp-json" : "tcp-msgpack",
                .ctx = e,
                .per_room = false,
                .encode = encode,
        };
}
