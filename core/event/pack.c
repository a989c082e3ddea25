#include "core/event/pack.h"

#include <assert.h>
#include <msgpack.h>
#include <unistr.h>

#include "core/base/err.h"

const struct pack_limits pack_limits_event = {
        .bytes_max = 1000000, .items_max = 4096, .depth_max = 16, .ext = false, .plain = true
};

/* What the bytes in front of a value's body or members say about it. */
struct head {
        enum pack_kind kind;
        uint64_t bits;    /* number: its bits, an integer below 0 sign-extended; bool: 0 or 1 */
        size_t n;         /* bytes of the head itself, an ext's type included */
        uint32_t body_n;  /* bytes of text, bin or ext behind it */
        uint32_t count;   /* members or pairs */
        uint64_t members; /* items behind it: members, or keys and values */
        int8_t type;      /* of an ext */
};

enum form { FORM_NEVER, FORM_PLAIN, FORM_SIGNED, FORM_FLOAT, FORM_DOUBLE, FORM_RUN, FORM_EXT, FORM_FIXEXT };

/* First bytes c0 to df, which have no value in them: what follows. */
static const struct shape {
        uint8_t kind, form, width; /* width: bytes of the number behind; of a fixext: of its body */
} shapes[32] = {
        { PACK_NIL, FORM_PLAIN, 0 },   { PACK_NONE, FORM_NEVER, 0 }, { PACK_BOOL, FORM_PLAIN, 0 },
        { PACK_BOOL, FORM_PLAIN, 0 },  { PACK_BIN, FORM_RUN, 1 },    { PACK_BIN, FORM_RUN, 2 },
        { PACK_BIN, FORM_RUN, 4 },     { PACK_EXT, FORM_EXT, 1 },    { PACK_EXT, FORM_EXT, 2 },
        { PACK_EXT, FORM_EXT, 4 },     { PACK_REAL, FORM_FLOAT, 4 }, { PACK_REAL, FORM_DOUBLE, 8 },
        { PACK_UINT, FORM_PLAIN, 1 },  { PACK_UINT, FORM_PLAIN, 2 }, { PACK_UINT, FORM_PLAIN, 4 },
        { PACK_UINT, FORM_PLAIN, 8 },  { PACK_INT, FORM_SIGNED, 1 }, { PACK_INT, FORM_SIGNED, 2 },
        { PACK_INT, FORM_SIGNED, 4 },  { PACK_INT, FORM_SIGNED, 8 }, { PACK_EXT, FORM_FIXEXT, 1 },
        { PACK_EXT, FORM_FIXEXT, 2 },  { PACK_EXT, FORM_FIXEXT, 4 }, { PACK_EXT, FORM_FIXEXT, 8 },
        { PACK_EXT, FORM_FIXEXT, 16 }, { PACK_TEXT, FORM_RUN, 1 },   { PACK_TEXT, FORM_RUN, 2 },
        { PACK_TEXT, FORM_RUN, 4 },    { PACK_ARRAY, FORM_RUN, 2 },  { PACK_ARRAY, FORM_RUN, 4 },
        { PACK_MAP, FORM_RUN, 2 },     { PACK_MAP, FORM_RUN, 4 },
};

/* Gives a text, bin, array or map its length. */
static void set_length(struct head *h, uint32_t length)
{
        if (h->kind == PACK_ARRAY || h->kind == PACK_MAP) {
                h->count = length;
                h->members = h->kind == PACK_MAP ? 2 * (uint64_t)length : length;
        } else {
                h->body_n = length;
        }
}

static void set_signed(struct head *h, uint64_t bits, unsigned width)
{
        unsigned spare = 64 - 8 * width;
        int64_t v = (int64_t)(bits << spare) >> spare;
        h->bits = (uint64_t)v;
        h->kind = v < 0 ? PACK_INT : PACK_UINT;
}

static double double_of(uint64_t bits)
{
        double v;
        memcpy(&v, &bits, sizeof v);
        return v;
}

static uint64_t bits_of_float(uint32_t bits32)
{
        float narrow;
        memcpy(&narrow, &bits32, sizeof narrow);
        double v = (double)narrow;
        uint64_t bits;
        memcpy(&bits, &v, sizeof bits);
        return bits;
}

static uint64_t number(struct reader *r, unsigned width)
{
        switch (width) {
        case 1:
                return reader_u8(r);
        case 2:
                return reader_u16(r);
        case 4:
                return reader_u32(r);
        case 8:
                return reader_u64(r);
        default:
                return 0;
        }
}

static int shaped_head(struct head *h, struct reader *r, uint8_t first)
{
        const struct shape *s = &shapes[first - 0xc0];
        h->kind = (enum pack_kind)s->kind;
        uint64_t v = s->form == FORM_FIXEXT ? s->width : number(r, s->width);
        switch ((enum form)s->form) {
        case FORM_NEVER:
                return ERR_MALFORMED;
        case FORM_PLAIN:
                h->bits = s->width ? v : first & 1;
                break;
        case FORM_SIGNED:
                set_signed(h, v, s->width);
                break;
        case FORM_FLOAT:
                h->bits = bits_of_float((uint32_t)v);
                break;
        case FORM_DOUBLE:
                h->bits = v;
                break;
        case FORM_EXT:
        case FORM_FIXEXT:
                h->type = (int8_t)reader_u8(r);
                set_length(h, (uint32_t)v);
                break;
        case FORM_RUN:
                set_length(h, (uint32_t)v);
                break;
        }
        return 0;
}

/* Reads the head at the front of `in`. Returns 0, ERR_TRUNCATED or ERR_MALFORMED; body and members
 * may still be missing. */
static int head_read(struct bytes in, struct head *h)
{
        *h = (struct head){ PACK_NONE };
        if (in.n == 0)
                return ERR_TRUNCATED;
        struct reader r = reader_of(in.at, in.n);
        uint8_t first = reader_u8(&r);
        int err = 0;
        if (first <= 0x7f) {
                h->kind = PACK_UINT;
                h->bits = first;
        } else if (first <= 0x8f) {
                h->kind = PACK_MAP;
                set_length(h, first & 0x0f);
        } else if (first <= 0x9f) {
                h->kind = PACK_ARRAY;
                set_length(h, first & 0x0f);
        } else if (first <= 0xbf) {
                h->kind = PACK_TEXT;
                set_length(h, first & 0x1f);
        } else if (first <= 0xdf) {
                err = shaped_head(h, &r, first);
        } else {
                set_signed(h, first, 1);
        }
        if (r.failed)
                return ERR_TRUNCATED;
        h->n = in.n - reader_left(&r);
        return err;
}

/* The scan's place: which containers are open, and what each still wants. */
struct scan {
        struct bytes left;
        size_t past;     /* bytes before `left` */
        uint64_t wanted; /* items still to come, as far as heads have declared them */
        struct pack_census census;
        uint32_t depth;
        struct {
                uint64_t wanted; /* of them, this container's own; 0 while its last member is open */
                bool map;
        } open[PACK_DEPTH_MAX];
};

static bool is_container(const struct head *h)
{
        return h->kind == PACK_ARRAY || h->kind == PACK_MAP;
}

static bool may_be_key(const struct head *h)
{
        return h->kind == PACK_TEXT || h->kind == PACK_UINT || h->kind == PACK_INT;
}

/* May an item with this head stand here? Everything is judged by what heads declare, before the
 * bytes that they promise have come. */
static int check_limits(const struct scan *s, const struct head *h, const struct pack_limits *limits)
{
        uint64_t wanted = s->wanted - 1 + h->members;
        if (s->census.items + 1 + wanted > limits->items_max)
                return ERR_TOO_BIG;
        if (s->past + h->n + h->body_n + wanted > limits->bytes_max)
                return ERR_TOO_BIG;
        if (is_container(h) && s->depth >= limits->depth_max)
                return ERR_TOO_BIG;
        if (h->kind == PACK_EXT && !limits->ext)
                return ERR_MALFORMED;
        bool key = s->depth > 0 && s->open[s->depth - 1].map && s->open[s->depth - 1].wanted % 2 == 0;
        if (limits->plain && key && !may_be_key(h))
                return ERR_MALFORMED;
        return 0;
}

/* Counts an item off, opens it if it has members, and closes all that ended with it. */
static void settle(struct scan *s, const struct head *h)
{
        s->left = (struct bytes){ s->left.at + h->n + h->body_n, s->left.n - h->n - h->body_n };
        s->past += h->n + h->body_n;
        s->census.items++;
        s->census.bins += h->kind == PACK_BIN;
        s->wanted += h->members - 1;
        if (s->depth > 0)
                s->open[s->depth - 1].wanted--;
        if (h->members > 0) {
                s->open[s->depth].wanted = h->members;
                s->open[s->depth++].map = h->kind == PACK_MAP;
        }
        while (s->depth > 0 && s->open[s->depth - 1].wanted == 0)
                s->depth--;
}

static int scan_item(struct scan *s, const struct pack_limits *limits)
{
        struct head h;
        int err = head_read(s->left, &h);
        if (!err)
                err = check_limits(s, &h, limits);
        if (err)
                return err;
        if (s->left.n - h.n < h.body_n)
                return ERR_TRUNCATED;
        if (limits->plain && h.kind == PACK_TEXT && u8_check(s->left.at + h.n, h.body_n))
                return ERR_MALFORMED;
        settle(s, &h);
        return 0;
}

int pack_scan_census(struct bytes in, const struct pack_limits *limits, struct pack_census *census)
{
        struct scan s; /* not all of it needs to be zeroed */
        s.left = in;
        s.past = 0;
        s.wanted = 1;
        s.census = (struct pack_census){ 0 };
        s.depth = 0;
        assert(limits->depth_max <= PACK_DEPTH_MAX);
        if (in.n > limits->bytes_max)
                return ERR_TOO_BIG;
        while (s.wanted > 0) {
                int err = scan_item(&s, limits);
                if (err)
                        return err;
        }
        if (s.left.n > 0)
                return ERR_MALFORMED;
        *census = s.census;
        return 0;
}

int pack_scan(struct bytes in, const struct pack_limits *limits)
{
        struct pack_census census;
        return pack_scan_census(in, limits, &census);
}

/* The head of an item that is of the wanted kind. */
static bool head_of(struct bytes item, enum pack_kind kind, struct head *h)
{
        return head_read(item, h) == 0 && h->kind == kind;
}

enum pack_kind pack_kind(struct bytes item)
{
        struct head h;
        return head_read(item, &h) ? PACK_NONE : h.kind;
}

bool pack_next(struct bytes *rest, struct bytes *item)
{
        struct head h;
        size_t n = 0;
        if (rest->n == 0)
                return false;
        for (uint64_t wanted = 1; wanted > 0; wanted += h.members - 1) {
                if (head_read((struct bytes){ rest->at + n, rest->n - n }, &h) || rest->n - n - h.n < h.body_n)
                        return false;
                n += h.n + h.body_n;
        }
        *item = (struct bytes){ rest->at, n };
        *rest = (struct bytes){ rest->at + n, rest->n - n };
        return true;
}

bool pack_get_u64(struct bytes item, uint64_t *v)
{
        struct head h;
        if (!head_of(item, PACK_UINT, &h))
                return false;
        *v = h.bits;
        return true;
}

bool pack_get_i64(struct bytes item, int64_t *v)
{
        struct head h;
        if (!head_of(item, PACK_INT, &h) && (h.kind != PACK_UINT || h.bits > INT64_MAX))
                return false;
        *v = (int64_t)h.bits;
        return true;
}

bool pack_get_bool(struct bytes item, bool *v)
{
        struct head h;
        if (!head_of(item, PACK_BOOL, &h))
                return false;
        *v = h.bits != 0;
        return true;
}

bool pack_get_real(struct bytes item, double *v)
{
        struct head h;
        if (head_of(item, PACK_REAL, &h))
                *v = double_of(h.bits);
        else if (h.kind == PACK_UINT)
                *v = (double)h.bits;
        else if (h.kind == PACK_INT)
                *v = (double)(int64_t)h.bits;
        else
                return false;
        return true;
}

/* The bytes behind the head of an item of the wanted kind. */
static bool get_body(struct bytes item, enum pack_kind kind, struct head *h, struct bytes *body)
{
        if (!head_of(item, kind, h) || item.n - h->n < h->body_n)
                return false;
        size_t n = is_container(h) ? item.n - h->n : h->body_n;
        *body = (struct bytes){ item.at + h->n, n };
        return true;
}

bool pack_get_text(struct bytes item, struct bytes *text)
{
        struct head h;
        return get_body(item, PACK_TEXT, &h, text);
}

bool pack_get_bin(struct bytes item, struct bytes *bin)
{
        struct head h;
        return get_body(item, PACK_BIN, &h, bin);
}

bool pack_get_ext(struct bytes item, int8_t *type, struct bytes *body)
{
        struct head h;
        if (!get_body(item, PACK_EXT, &h, body))
                return false;
        *type = h.type;
        return true;
}

bool pack_get_array(struct bytes item, uint32_t *n, struct bytes *members)
{
        struct head h;
        if (!get_body(item, PACK_ARRAY, &h, members))
                return false;
        *n = h.count;
        return true;
}

bool pack_get_map(struct bytes item, uint32_t *n, struct bytes *pairs)
{
        struct head h;
        if (!get_body(item, PACK_MAP, &h, pairs))
                return false;
        *n = h.count;
        return true;
}

struct bytes pack_map_text(struct bytes map, const char *key)
{
        struct bytes pairs, k, value, text, wanted = bytes_text(key);
        uint32_t n;
        if (!pack_get_map(map, &n, &pairs))
                return (struct bytes){ 0 };
        while (pack_next(&pairs, &k) && pack_next(&pairs, &value))
                if (pack_get_text(k, &text) && bytes_equal(text, wanted))
                        return value;
        return (struct bytes){ 0 };
}

struct bytes pack_map_u64(struct bytes map, uint64_t key)
{
        struct bytes pairs, k, value;
        uint32_t n;
        uint64_t v;
        if (!pack_get_map(map, &n, &pairs))
                return (struct bytes){ 0 };
        while (pack_next(&pairs, &k) && pack_next(&pairs, &value))
                if (pack_get_u64(k, &v) && v == key)
                        return value;
        return (struct bytes){ 0 };
}

static int append(void *out, const char *at, size_t n)
{
        return buf_put(out, at, n);
}

static msgpack_packer packer_of(struct buf *out)
{
        return (msgpack_packer){ .data = out, .callback = append };
}

/* A head and its body; both or nothing. */
static int put_run(struct buf *out, struct bytes run, int (*head)(msgpack_packer *, size_t))
{
        size_t before = out->n;
        msgpack_packer p = packer_of(out);
        int err = head(&p, run.n);
        if (!err)
                err = buf_put(out, run.at, run.n);
        if (err)
                out->n = before;
        return err;
}

int pack_put_nil(struct buf *out)
{
        msgpack_packer p = packer_of(out);
        return msgpack_pack_nil(&p);
}

int pack_put_bool(struct buf *out, bool v)
{
        msgpack_packer p = packer_of(out);
        return v ? msgpack_pack_true(&p) : msgpack_pack_false(&p);
}

int pack_put_u64(struct buf *out, uint64_t v)
{
        msgpack_packer p = packer_of(out);
        return msgpack_pack_uint64(&p, v);
}

int pack_put_i64(struct buf *out, int64_t v)
{
        msgpack_packer p = packer_of(out);
        return msgpack_pack_int64(&p, v);
}

int pack_put_real(struct buf *out, double v)
{
        msgpack_packer p = packer_of(out);
        return msgpack_pack_double(&p, v);
}

int pack_put_text(struct buf *out, struct bytes text)
{
        return put_run(out, text, msgpack_pack_str);
}

int pack_put_word(struct buf *out, const char *text)
{
        return pack_put_text(out, bytes_text(text));
}

int pack_put_bin(struct buf *out, struct bytes bin)
{
        return put_run(out, bin, msgpack_pack_bin);
}

int pack_put_array(struct buf *out, uint32_t n)
{
        msgpack_packer p = packer_of(out);
        return msgpack_pack_array(&p, n);
}

int pack_put_map(struct buf *out, uint32_t n)
{
        msgpack_packer p = packer_of(out);
        return msgpack_pack_map(&p, n);
}

int pack_put_raw(struct buf *out, struct bytes item)
{
        return buf_put(out, item.at, item.n);
}
