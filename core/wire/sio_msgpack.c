#include "core/wire/sio_msgpack.h"

#include <stdio.h>
#include <time.h>

#include "core/base/err.h"
#include "core/event/pack.h"
#include "core/wire/utf8.h"

enum {
        FIXEXT_1 = 0xd4,
        FIXEXT_8 = 0xd7,
        EXT_JS = 0, /* the ext type of all that notepack says in its own way */
};

/* The instants that JavaScript's Date can name, in milliseconds around 1970. */
static const int64_t date_ms_max = INT64_C(8640000000000000);

/* A packet adds a map around the data and a few keys beside it. */
static struct pack_limits packet_limits(size_t bytes_max)
{
        struct pack_limits limits = pack_limits_event;
        limits.bytes_max = bytes_max;
        limits.items_max += 16;
        limits.depth_max += 1;
        limits.ext = true;
        return limits;
}

/* Date.prototype.toISOString: years outside 0 to 9999 have a sign and six digits. */
static int put_date(struct buf *out, struct bytes body)
{
        struct reader r = reader_of(body.at, body.n);
        int64_t ms = (int64_t)reader_u64(&r);
        if (ms < -date_ms_max || ms > date_ms_max)
                return pack_put_nil(out); /* an invalid Date, which JSON says as null */
        int64_t part_ms = ((ms % 1000) + 1000) % 1000;
        time_t seconds = (time_t)((ms - part_ms) / 1000);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        long year = tm.tm_year + 1900L;
        char day[24], text[48];
        strftime(day, sizeof day, "-%m-%dT%H:%M:%S", &tm);
        snprintf(text, sizeof text, year < 0 || year > 9999 ? "%+07ld%s.%03dZ" : "%04ld%s.%03dZ", year, day,
                 (int)part_ms);
        return pack_put_word(out, text);
}

static int put_ext(struct buf *out, struct bytes item)
{
        int8_t type;
        struct bytes body;
        if (!pack_get_ext(item, &type, &body) || type != EXT_JS)
                return ERR_MALFORMED;
        if (item.at[0] == FIXEXT_1)
                return pack_put_nil(out);
        if (item.at[0] == FIXEXT_8)
                return put_date(out, body);
        return pack_put_bin(out, body);
}

static int put_text(struct buf *out, struct bytes item)
{
        struct bytes text;
        return pack_get_text(item, &text) && utf8_valid(text) ? pack_put_text(out, text) : ERR_MALFORMED;
}

static int put_canonical(struct buf *out, struct bytes item);

static int put_members(struct buf *out, struct bytes members)
{
        int err = 0;
        struct bytes member;
        while (!err && pack_next(&members, &member))
                err = put_canonical(out, member);
        return err;
}

/* JavaScript's keys are text, and so are JSON's: a map with others is not from there. */
static int put_pairs(struct buf *out, struct bytes pairs)
{
        int err = 0;
        struct bytes key, value;
        while (!err && pack_next(&pairs, &key) && pack_next(&pairs, &value)) {
                err = put_text(out, key);
                if (!err)
                        err = put_canonical(out, value);
        }
        return err;
}

/* Appends the scanned item in canonical form; depth is bounded by the scan. */
static int put_canonical(struct buf *out, struct bytes item)
{
        uint32_t n;
        struct bytes inside;
        int err;
        switch (pack_kind(item)) {
        case PACK_TEXT:
                return put_text(out, item);
        case PACK_EXT:
                return put_ext(out, item);
        case PACK_ARRAY:
                pack_get_array(item, &n, &inside);
                err = pack_put_array(out, n);
                return err ? err : put_members(out, inside);
        case PACK_MAP:
                pack_get_map(item, &n, &inside);
                err = pack_put_map(out, n);
                return err ? err : put_pairs(out, inside);
        default:
                return pack_put_raw(out, item);
        }
}

static bool is_undefined(struct bytes item)
{
        return item.n > 0 && item.at[0] == FIXEXT_1;
}

static int read_packet(struct bytes map, struct buf *scratch, struct sio_packet *p)
{
        uint64_t type;
        struct bytes id = pack_map_text(map, "id"), data = pack_map_text(map, "data");
        if (!pack_get_u64(pack_map_text(map, "type"), &type) || type > SIO_CONNECT_ERROR)
                return ERR_MALFORMED;
        p->type = (enum sio_type)type;
        if (!pack_get_text(pack_map_text(map, "nsp"), &p->nsp) || !utf8_valid(p->nsp))
                return ERR_MALFORMED;
        if (id.n > 0 && !is_undefined(id)) {
                if (!pack_get_u64(id, &p->id))
                        return ERR_MALFORMED;
                p->has_id = true;
        }
        if (data.n > 0 && !is_undefined(data)) {
                int err = put_canonical(scratch, data);
                if (err)
                        return err;
                p->data = buf_bytes(scratch);
        }
        return sio_data_valid(p->type, p->data) ? 0 : ERR_MALFORMED;
}

int sio_msgpack_parse(struct bytes in, size_t bytes_max, struct buf *scratch, struct sio_packet *p)
{
        scratch->n = 0;
        *p = (struct sio_packet){ 0 };
        struct pack_limits limits = packet_limits(bytes_max);
        int err = pack_scan(in, &limits);
        if (err)
                return err == ERR_TRUNCATED ? ERR_MALFORMED : err; /* a message is whole: no more will come */
        return pack_kind(in) == PACK_MAP ? read_packet(in, scratch, p) : ERR_MALFORMED;
}

int sio_msgpack_put(struct buf *out, const struct sio_packet *p)
{
        size_t start = out->n;
        uint32_t pairs = 2u + (p->has_id ? 1 : 0) + (p->data.n > 0 ? 1 : 0);
        int err = pack_put_map(out, pairs);
        err = err ? err : pack_put_word(out, "type");
        err = err ? err : pack_put_u64(out, p->type);
        if (p->data.n > 0) {
                err = err ? err : pack_put_word(out, "data");
                err = err ? err : pack_put_raw(out, p->data);
        }
        if (p->has_id) {
                err = err ? err : pack_put_word(out, "id");
                err = err ? err : pack_put_u64(out, p->id);
        }
        err = err ? err : pack_put_word(out, "nsp");
        err = err ? err : pack_put_text(out, p->nsp.n > 0 ? p->nsp : bytes_text("/"));
        if (err)
                out->n = start;
        return err;
}
