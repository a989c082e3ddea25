#include "tcp_server/tcp_encoding.h"

#include "core/base/err.h"
#include "core/event/pack.h"
#include "core/wire/sio_msgpack.h"
#include "core/wire/ws.h"

static void end_frame(const struct tcp_encoding *e, struct buf *out, ptrdiff_t frame, enum ws_opcode opcode)
{
        if (e->deflate)
                ws_deflate_end(e->deflate, out, frame, opcode);
        else
                ws_end(out, frame, opcode);
}

static int put_attachments(const struct tcp_encoding *e, struct buf *out, const struct json_bins *bins)
{
        for (uint32_t i = 0; i < bins->n; i++) {
                ptrdiff_t frame = ws_begin(out);
                if (frame < 0 || buf_put(out, bins->bin[i].at, bins->bin[i].n) != 0)
                        return ERR_NO_MEMORY;
                end_frame(e, out, frame, WS_BINARY);
        }
        return 0;
}

/* Engine.IO's digit, then the packet; its attachments are lent through bins. */
static int put_text_frame(const struct tcp_encoding *e, struct buf *out, const struct sio_packet *p, const char *offset,
                          struct json_bins *bins)
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
                end_frame(e, out, frame, WS_TEXT);
        return err;
}

static int put_json(const struct tcp_encoding *e, struct buf *out, const struct sio_packet *p, const char *offset)
{
        struct json_bins bins;
        int err = put_text_frame(e, out, p, offset, &bins);
        return err ? err : put_attachments(e, out, &bins);
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

static int put_binary_frame(const struct tcp_encoding *e, struct buf *out, const struct sio_packet *p)
{
        ptrdiff_t frame = ws_begin(out);
        if (frame < 0)
                return ERR_NO_MEMORY;
        int err = sio_msgpack_put(out, p);
        if (!err)
                end_frame(e, out, frame, WS_BINARY);
        return err;
}

static int put_msgpack(const struct tcp_encoding *e, struct buf *out, const struct sio_packet *p, const char *offset)
{
        if (!offset)
                return put_binary_frame(e, out, p);
        struct buf longer = { 0 };
        struct sio_packet with = *p;
        int err = extend(&longer, p->data, offset);
        with.data = buf_bytes(&longer);
        err = err ? err : put_binary_frame(e, out, &with);
        buf_free(&longer);
        return err;
}

/* All or nothing. */
static int put(const struct tcp_encoding *e, struct buf *out, const struct sio_packet *p, const char *offset)
{
        size_t start = out->n;
        int err = e->form == SIO_FORM_JSON ? put_json(e, out, p, offset) : put_msgpack(e, out, p, offset);
        if (err)
                out->n = start;
        return err;
}

int tcp_encoding_packet(enum sio_form form, const struct sio_packet *p, struct buf *out)
{
        return put(&(struct tcp_encoding){ .form = form }, out, p, NULL);
}

int tcp_encoding_event(const struct tcp_encoding *e, struct sio_offset at, struct bytes event, struct buf *out)
{
        char offset[SIO_OFFSET_TEXT_MAX];
        struct sio_packet p = { .type = SIO_EVENT, .nsp = e->nsp, .data = event };
        sio_offset_text(at, offset);
        return put(e, out, &p, e->recovery ? offset : NULL);
}

/* What no path of ours can say is shown to the member as a gap; the hub asks for nothing then. */
static int encode(void *ctx, const struct hub_entry *entry, struct buf *out)
{
        int err = tcp_encoding_event(ctx, (struct sio_offset){ entry->epoch, entry->eid }, entry->event, out);
        return err == ERR_NO_MEMORY ? err : 0;
}

struct hub_encoding tcp_encoding_hub(struct tcp_encoding *e)
{
        static const char *const names[2][2] = { { "tcp-json", "tcp-json-deflate" },
                                                 { "tcp-msgpack", "tcp-msgpack-deflate" } };
        return (struct hub_encoding){
                .name = names[e->form == SIO_FORM_MSGPACK][e->deflate != NULL],
                .ctx = e,
                .per_room = false,
                .encode = encode,
        };
}
