#include "core/wire/dgram_tail.h"

#include "core/base/err.h"
#include "core/event/pack.h"
#include "core/wire/dgram.h"

static const struct pack_limits connect_limits = { .bytes_max = DGRAM_CONNECT_TAIL_MAX,
                                                   .items_max = 128,
                                                   .depth_max = 8 };
static const struct pack_limits join_limits = { .bytes_max = DGRAM_JOIN_TAIL_MAX, .items_max = 256, .depth_max = 4 };

enum { KEY_SPACE = 1, KEY_AUTH = 2, KEY_LIMITS = 3, KEY_REQ = 1, KEY_ROOMS = 2, KEY_RESUMES = 3 };

int dgram_connect_tail_parse(struct bytes in, struct dgram_connect_tail *out)
{
        int err = pack_scan(in, &connect_limits);
        if (err)
                return err;
        if (pack_kind(in) != PACK_MAP)
                return ERR_MALFORMED;
        struct bytes space = pack_map_u64(in, KEY_SPACE);
        out->space = bytes_text("/");
        if (pack_kind(space) != PACK_NONE && !pack_get_text(space, &out->space))
                return ERR_MALFORMED;
        out->auth = pack_map_u64(in, KEY_AUTH);
        out->limits = pack_map_u64(in, KEY_LIMITS);
        return 0;
}

/* {1: req, 2: [rows]}; each row is an array. */
static int open_join(struct bytes in, uint64_t *req, uint32_t *rows_n, struct bytes *rows)
{
        int err = pack_scan(in, &join_limits);
        if (err)
                return err;
        if (!pack_get_u64(pack_map_u64(in, KEY_REQ), req) || !pack_get_array(pack_map_u64(in, KEY_ROOMS), rows_n, rows))
                return ERR_MALFORMED;
        return *rows_n >= 1 && *rows_n <= DGRAM_JOIN_ROOMS_MAX ? 0 : ERR_MALFORMED;
}

/* A row's first column, the room's name, and then its `n` numbers, each at most max[i]. */
static int row(struct bytes *rows, struct bytes *room, uint64_t *value, const uint64_t *max, uint32_t n)
{
        struct bytes item, columns;
        uint32_t columns_n;
        if (!pack_next(rows, &item) || !pack_get_array(item, &columns_n, &columns) || columns_n < n + 1)
                return ERR_MALFORMED;
        if (!pack_next(&columns, &item) || !pack_get_text(item, room))
                return ERR_MALFORMED;
        for (uint32_t i = 0; i < n; i++)
                if (!pack_next(&columns, &item) || !pack_get_u64(item, &value[i]) || value[i] > max[i])
                        return ERR_MALFORMED;
        return 0;
}

int dgram_join_parse(struct bytes in, struct dgram_join *out)
{
        static const uint64_t max[3] = { DGRAM_MODES - 1, UINT32_MAX, UINT64_MAX };
        struct bytes rows;
        int err = open_join(in, &out->req, &out->rooms_n, &rows);
        uint64_t resumes = 0;
        struct bytes told = err ? (struct bytes){ 0 } : pack_map_u64(in, KEY_RESUMES);
        if (pack_kind(told) != PACK_NONE && (!pack_get_u64(told, &resumes) || resumes > UINT32_MAX))
                return ERR_MALFORMED;
        out->resumes = (uint32_t)resumes;
        for (uint32_t i = 0; !err && i < out->rooms_n; i++) {
                struct dgram_join_room *r = &out->room[i];
                uint64_t v[3] = { 0 };
                err = row(&rows, &r->room, v, max, 3);
                r->mode = (uint8_t)v[0];
                r->epoch = (uint32_t)v[1];
                r->contig = v[2];
        }
        return err;
}

int dgram_join_ok_parse(struct bytes in, struct dgram_join_ok *out)
{
        static const uint64_t max[7] = { UINT16_MAX,      UINT32_MAX,      UINT64_MAX,     UINT32_MAX,
                                         DGRAM_COUNT_MAX, DGRAM_COUNT_MAX, DGRAM_COUNT_MAX };
        struct bytes rows;
        int err = open_join(in, &out->req, &out->rooms_n, &rows);
        for (uint32_t i = 0; !err && i < out->rooms_n; i++) {
                struct dgram_joined_room *r = &out->room[i];
                uint64_t v[7] = { 0 };
                err = row(&rows, &r->room, v, max, 7);
                r->status = (uint16_t)v[0];
                r->chan_ref = (uint32_t)v[1];
                r->tag = v[2];
                r->epoch = (uint32_t)v[3];
                r->tail = v[4];
                r->head = v[5];
                r->start = v[6];
        }
        return err;
}

int dgram_connect_tail_put(struct buf *out, const struct dgram_connect_tail *in)
{
        uint32_t pairs = 1u + (in->auth.n > 0) + (in->limits.n > 0);
        int err = pack_put_map(out, pairs) || pack_put_u64(out, KEY_SPACE) || pack_put_text(out, in->space);
        if (in->auth.n > 0)
                err = err || pack_put_u64(out, KEY_AUTH) || pack_put_raw(out, in->auth);
        if (in->limits.n > 0)
                err = err || pack_put_u64(out, KEY_LIMITS) || pack_put_raw(out, in->limits);
        return err ? ERR_NO_MEMORY : 0;
}

static int put_head(struct buf *out, uint32_t pairs, uint64_t req, uint32_t rows_n)
{
        return pack_put_map(out, pairs) || pack_put_u64(out, KEY_REQ) || pack_put_u64(out, req) ||
               pack_put_u64(out, KEY_ROOMS) || pack_put_array(out, rows_n);
}

static int put_row(struct buf *out, struct bytes room, const uint64_t *value, uint32_t n)
{
        int err = pack_put_array(out, n + 1) || pack_put_text(out, room);
        for (uint32_t i = 0; i < n; i++)
                err = err || pack_put_u64(out, value[i]);
        return err;
}

int dgram_join_put(struct buf *out, const struct dgram_join *in)
{
        int err = put_head(out, 2u + (in->resumes > 0), in->req, in->rooms_n);
        for (uint32_t i = 0; i < in->rooms_n; i++) {
                const struct dgram_join_room *r = &in->room[i];
                err = err || put_row(out, r->room, (const uint64_t[]){ r->mode, r->epoch, r->contig }, 3);
        }
        if (in->resumes > 0)
                err = err || pack_put_u64(out, KEY_RESUMES) || pack_put_u64(out, in->resumes);
        return err ? ERR_NO_MEMORY : 0;
}

int dgram_join_ok_put(struct buf *out, const struct dgram_join_ok *in)
{
        int err = put_head(out, 2, in->req, in->rooms_n);
        for (uint32_t i = 0; i < in->rooms_n; i++) {
                const struct dgram_joined_room *r = &in->room[i];
                const uint64_t v[7] = { r->status, r->chan_ref, r->tag, r->epoch, r->tail, r->head, r->start };
                err = err || put_row(out, r->room, v, 7);
        }
        return err ? ERR_NO_MEMORY : 0;
}
