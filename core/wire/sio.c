#include "core/wire/sio.h"

#include <inttypes.h>

#include "core/base/err.h"
#include "core/event/pack.h"

static const struct bytes root = { (const uint8_t *)"/", 1 };

enum sio_form sio_sniff(bool binary, struct bytes first)
{
        if (first.n == 0)
                return SIO_FORM_NONE;
        if (!binary)
                return SIO_FORM_JSON;
        uint8_t map = first.at[0]; /* fixmap, map 16, map 32 */
        return (map & 0xf0) == 0x80 || map == 0xde || map == 0xdf ? SIO_FORM_MSGPACK : SIO_FORM_NONE;
}

/* Is this event name Socket.IO's own? */
static bool reserved_name(struct bytes name)
{
        static const char *const reserved[] = { "connect",       "connect_error", "disconnect",
                                                "disconnecting", "newListener",   "removeListener" };
        for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
                if (bytes_equal(name, bytes_text(reserved[i])))
                        return true;
        return false;
}

static bool event_valid(struct bytes data)
{
        uint32_t n;
        struct bytes members, first, name;
        if (!pack_get_array(data, &n, &members) || !pack_next(&members, &first))
                return false;
        if (pack_get_text(first, &name))
                return !reserved_name(name);
        enum pack_kind kind = pack_kind(first);
        return kind == PACK_UINT || kind == PACK_INT || kind == PACK_REAL;
}

bool sio_data_valid(enum sio_type type, struct bytes data)
{
        enum pack_kind kind = pack_kind(data);
        switch (type) {
        case SIO_CONNECT:
                return kind == PACK_NONE || kind == PACK_MAP;
        case SIO_DISCONNECT:
                return kind == PACK_NONE;
        case SIO_EVENT:
                return event_valid(data);
        case SIO_ACK:
                return kind == PACK_ARRAY;
        case SIO_CONNECT_ERROR:
                return kind == PACK_TEXT || kind == PACK_MAP;
        case SIO_BINARY_EVENT:
        case SIO_BINARY_ACK:
                break;
        }
        return false;
}

/* The namespace, when one is written: up to a comma, which is taken too, or to the end. */
static struct bytes take_nsp(struct reader *r)
{
        if (reader_left(r) == 0 || *r->at != '/')
                return root;
        const uint8_t *comma = memchr(r->at, ',', reader_left(r));
        struct bytes nsp = reader_take(r, comma ? (size_t)(comma - r->at) : reader_left(r));
        if (comma)
                reader_u8(r);
        return nsp;
}

/* The acknowledgement id, when one is written. False when it does not fit 64 bits. */
static bool take_id(struct reader *r, struct sio_packet *p)
{
        for (; reader_left(r) > 0 && *r->at >= '0' && *r->at <= '9'; p->has_id = true) {
                uint8_t digit = (uint8_t)(reader_u8(r) - '0');
                if (__builtin_mul_overflow(p->id, 10, &p->id) || __builtin_add_overflow(p->id, digit, &p->id))
                        return false;
        }
        return true;
}

/* The part behind the type and the attachments' number. */
static int parse_rest(struct reader *r, const struct json_bins *bins, struct buf *scratch, struct sio_packet *p)
{
        scratch->n = 0;
        p->nsp = take_nsp(r);
        if (!take_id(r, p))
                return ERR_MALFORMED;
        if (reader_left(r) > 0) {
                int err = json_to_pack(bytes_of(r->at, reader_left(r)), scratch, bins);
                if (err)
                        return err;
                p->data = buf_bytes(scratch);
        }
        return sio_data_valid(p->type, p->data) ? 0 : ERR_MALFORMED;
}

int sio_parse(struct bytes text, struct buf *scratch, struct sio_packet *p)
{
        struct reader r = reader_of(text.at, text.n);
        uint8_t type = reader_u8(&r);
        *p = (struct sio_packet){ 0 };
        if (type < '0' + SIO_CONNECT || type > '0' + SIO_BINARY_ACK)
                return ERR_MALFORMED;
        if (type >= '0' + SIO_BINARY_EVENT)
                return ERR_UNSUPPORTED;
        p->type = type - '0';
        return parse_rest(&r, NULL, scratch, p);
}

/* Takes the number of attachments and its hyphen: 1 to JSON_BINS_MAX, as it is written. */
static int take_attachments(struct reader *r)
{
        int n = 0;
        uint8_t c = reader_u8(r);
        for (; c >= '0' && c <= '9' && n <= JSON_BINS_MAX; c = reader_u8(r))
                n = n * 10 + (c - '0');
        return c == '-' && n >= 1 && n <= JSON_BINS_MAX ? n : ERR_MALFORMED;
}

int sio_attachments(struct bytes text)
{
        struct reader r = reader_of(text.at, text.n);
        return reader_u8(&r) < '0' + SIO_BINARY_EVENT ? 0 : take_attachments(&r);
}

int sio_parse_with(struct bytes text, const struct json_bins *bins, struct buf *scratch, struct sio_packet *p)
{
        if (!bins || bins->n == 0)
                return sio_parse(text, scratch, p);
        struct reader r = reader_of(text.at, text.n);
        uint8_t type = reader_u8(&r);
        *p = (struct sio_packet){ .type = type == '0' + SIO_BINARY_ACK ? SIO_ACK : SIO_EVENT };
        if ((type != '0' + SIO_BINARY_EVENT && type != '0' + SIO_BINARY_ACK) || take_attachments(&r) != (int)bins->n)
                return ERR_MALFORMED;
        return parse_rest(&r, bins, scratch, p);
}

/* What stands before the JSON; attachments is 0 for a packet without binary. */
static int put_head(struct buf *out, const struct sio_packet *p, uint32_t attachments)
{
        int err = 0;
        if (attachments > 0)
                err = buf_printf(out, "%d%" PRIu32 "-", p->type == SIO_ACK ? SIO_BINARY_ACK : SIO_BINARY_EVENT,
                                 attachments);
        else
                err = buf_put(out, &(char){ (char)('0' + p->type) }, 1);
        if (!err && p->nsp.n > 0 && !bytes_equal(p->nsp, root)) {
                err = buf_put(out, p->nsp.at, p->nsp.n);
                if (!err)
                        err = buf_text(out, ",");
        }
        if (!err && p->has_id)
                err = buf_printf(out, "%" PRIu64, p->id);
        return err;
}

static int put_with(struct buf *out, const struct sio_packet *p, uint32_t attachments, struct json_bins *bins)
{
        int err = put_head(out, p, attachments);
        if (!err && p->data.n > 0)
                err = json_from_pack(p->data, out, bins);
        return err;
}

int sio_put(struct buf *out, const struct sio_packet *p, struct json_bins *bins)
{
        size_t start = out->n;
        if (bins)
                bins->n = 0;
        int err = put_with(out, p, 0, bins);
        if (!err && bins && bins->n > 0) {
                /* The head tells how many there are, which only the walk knew: once more, rightly. */
                uint32_t attachments = bins->n;
                out->n = start;
                bins->n = 0;
                err = put_with(out, p, attachments, bins);
        }
        if (err)
                out->n = start;
        return err;
}
