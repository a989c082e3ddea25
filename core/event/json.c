#include "core/event/json.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistr.h>

#include "core/base/err.h"
#include "core/event/pack.h"

static const char placeholder_key[] = "_placeholder";

/* Up to 2^53 all digits of a whole double are significant; beyond, the shortest form ends in zeros. */
static const double whole_max = 0x1p53;

enum { ZONE_BYTES = 1000 }; /* one small malloc; objects of a usual event fit it */

struct printer {
        struct buf *out;
        struct json_bins *bins;
        bool mimic; /* a map was met that reads like a placeholder */
};

/* 0: the byte stands for itself; 'u': it is written \u00xx; any other letter: behind a backslash. */
static char escape_of(uint8_t c)
{
        static const char controls[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
        if (c < 0x20)
                return controls[c];
        return c == '"' || c == '\\' ? (char)c : 0;
}

static int print_text(struct buf *out, const char *text, size_t n)
{
        if (n == 0) /* msgpack-c's empty text has no address */
                return buf_text(out, "\"\"");
        const uint8_t *at = (const uint8_t *)text, *end = at + n, *plain = at;
        if (u8_check(at, n))
                return ERR_MALFORMED;
        int err = buf_put(out, "\"", 1);
        for (; !err && at < end; at++) {
                char escape = escape_of(*at);
                if (!escape)
                        continue;
                err = buf_put(out, plain, (size_t)(at - plain));
                plain = at + 1;
                if (!err)
                        err = escape == 'u' ? buf_printf(out, "\\u%04x", *at)
                                            : buf_put(out, (char[]){ '\\', escape }, 2);
        }
        if (!err)
                err = buf_put(out, plain, (size_t)(at - plain));
        return err ? err : buf_put(out, "\"", 1);
}

static int print_u64(struct buf *out, uint64_t v, bool minus)
{
        char text[21], *at = text + sizeof text;
        do
                *--at = (char)('0' + v % 10);
        while (v /= 10);
        if (minus)
                *--at = '-';
        return buf_put(out, at, (size_t)(text + sizeof text - at));
}

static int print_i64(struct buf *out, int64_t v)
{
        return print_u64(out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

struct decimal {
        char digits[18]; /* without zeros at the end */
        int n;           /* how many digits */
        int point;       /* the value is 0.DIGITS x 10^point */
};

/* The fewest digits that read back as v > 0. Nearly always 15 do; 17 always. */
static struct decimal shortest(double v)
{
        struct decimal d = { .n = 0 };
        char text[40];
        for (int digits = v < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
                snprintf(text, sizeof text, "%.*e", digits - 1, v);
                if (strtod(text, NULL) == v)
                        break;
        }
        const char *at = text;
        for (; *at != 'e'; at++)
                if (*at >= '0' && *at <= '9') /* the locale may have its own point */
                        d.digits[d.n++] = *at;
        while (d.n > 1 && d.digits[d.n - 1] == '0')
                d.n--;
        d.point = (int)strtol(at + 1, NULL, 10) + 1;
        return d;
}

/* ECMA-262, Number::toString. */
static int print_decimal(struct buf *out, const struct decimal *d)
{
        static const char zeros[] = "000000000000000000000";
        if (d->point > 21 || d->point < -5)
                return buf_printf(out, "%c%s%.*se%+d", d->digits[0], d->n > 1 ? "." : "", d->n - 1, d->digits + 1,
                                  d->point - 1);
        if (d->point <= 0)
                return buf_printf(out, "0.%.*s%.*s", -d->point, zeros, d->n, d->digits);
        if (d->point >= d->n)
                return buf_printf(out, "%.*s%.*s", d->n, d->digits, d->point - d->n, zeros);
        return buf_printf(out, "%.*s.%.*s", d->point, d->digits, d->n - d->point, d->digits + d->point);
}

static int print_real(struct buf *out, double v)
{
        if (!isfinite(v))
                return buf_text(out, "null");
        if (fabs(v) <= whole_max && v == trunc(v))
                return print_i64(out, (int64_t)v);
        struct decimal d = shortest(fabs(v));
        int err = v < 0 ? buf_put(out, "-", 1) : 0;
        return err ? err : print_decimal(out, &d);
}

static int print_bin(struct printer *p, const msgpack_object_bin *bin)
{
        struct json_bins *bins = p->bins;
        if (!bins)
                return ERR_UNSUPPORTED;
        if (bins->n == JSON_BINS_MAX)
                return ERR_FULL;
        bins->bin[bins->n] = bytes_of(bin->ptr, bin->size);
        return buf_printf(p->out, "{\"%s\":true,\"num\":%u}", placeholder_key, (unsigned)bins->n++);
}

static int print_key(struct buf *out, const msgpack_object *key)
{
        if (key->type == MSGPACK_OBJECT_STR)
                return print_text(out, key->via.str.ptr, key->via.str.size);
        if (key->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
                return buf_printf(out, "\"%llu\"", (unsigned long long)key->via.u64);
        if (key->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
                return buf_printf(out, "\"%lld\"", (long long)key->via.i64);
        return ERR_UNSUPPORTED;
}

static bool says_placeholder(const msgpack_object_kv *kv)
{
        return kv->val.type == MSGPACK_OBJECT_BOOLEAN && kv->val.via.boolean && kv->key.type == MSGPACK_OBJECT_STR &&
               bytes_equal(bytes_of(kv->key.via.str.ptr, kv->key.via.str.size), bytes_text(placeholder_key));
}

static int print_value(struct printer *p, const msgpack_object *o);

static int print_array(struct printer *p, const msgpack_object_array *array)
{
        int err = buf_put(p->out, "[", 1);
        for (uint32_t i = 0; !err && i < array->size; i++) {
                if (i > 0)
                        err = buf_put(p->out, ",", 1);
                if (!err)
                        err = print_value(p, &array->ptr[i]);
        }
        return err ? err : buf_put(p->out, "]", 1);
}

static int print_map(struct printer *p, const msgpack_object_map *map)
{
        int err = buf_put(p->out, "{", 1);
        for (uint32_t i = 0; !err && i < map->size; i++) {
                const msgpack_object_kv *kv = &map->ptr[i];
                p->mimic = p->mimic || says_placeholder(kv);
                if (i > 0)
                        err = buf_put(p->out, ",", 1);
                if (!err)
                        err = print_key(p->out, &kv->key);
                if (!err)
                        err = buf_put(p->out, ":", 1);
                if (!err)
                        err = print_value(p, &kv->val);
        }
        return err ? err : buf_put(p->out, "}", 1);
}

static int print_value(struct printer *p, const msgpack_object *o)
{
        switch (o->type) {
        case MSGPACK_OBJECT_NIL:
                return buf_text(p->out, "null");
        case MSGPACK_OBJECT_BOOLEAN:
                return buf_text(p->out, o->via.boolean ? "true" : "false");
        case MSGPACK_OBJECT_POSITIVE_INTEGER:
                return print_u64(p->out, o->via.u64, false);
        case MSGPACK_OBJECT_NEGATIVE_INTEGER:
                return print_i64(p->out, o->via.i64);
        case MSGPACK_OBJECT_FLOAT32:
        case MSGPACK_OBJECT_FLOAT64:
                return print_real(p->out, o->via.f64);
        case MSGPACK_OBJECT_STR:
                return print_text(p->out, o->via.str.ptr, o->via.str.size);
        case MSGPACK_OBJECT_ARRAY:
                return print_array(p, &o->via.array);
        case MSGPACK_OBJECT_MAP:
                return print_map(p, &o->via.map);
        case MSGPACK_OBJECT_BIN:
                return print_bin(p, &o->via.bin);
        case MSGPACK_OBJECT_EXT:
                return ERR_UNSUPPORTED;
        }
        return ERR_UNSUPPORTED;
}

static int unpack(struct bytes item, msgpack_zone *zone, msgpack_object *root)
{
        size_t end = 0;
        switch (msgpack_unpack((const char *)item.at, item.n, &end, zone, root)) {
        case MSGPACK_UNPACK_SUCCESS:
                return 0;
        case MSGPACK_UNPACK_NOMEM_ERROR:
                return ERR_NO_MEMORY;
        default:
                return ERR_MALFORMED;
        }
}

int json_from_pack(struct bytes item, struct buf *out, struct json_bins *bins)
{
        struct printer p = { .out = out, .bins = bins };
        size_t before = out->n;
        msgpack_zone zone;
        msgpack_object root;
        if (!msgpack_zone_init(&zone, ZONE_BYTES))
                return ERR_NO_MEMORY;
        if (bins)
                bins->n = 0;
        int err = unpack(item, &zone, &root);
        if (!err)
                err = print_value(&p, &root);
        if (!err && p.mimic && bins && bins->n > 0)
                err = ERR_MALFORMED;
        msgpack_zone_destroy(&zone);
        if (err)
                out->n = before;
        return err;
}

/* The place of the quote that ends a text, or text.n when none does. Each byte is looked at twice
 * at most: slashes up to the next quote, and on only if that one is escaped. */
static size_t end_of_quoted(struct bytes text, size_t i)
{
        while (i < text.n) {
                const uint8_t *quote = memchr(text.at + i, '"', text.n - i), *slash;
                size_t end = quote ? (size_t)(quote - text.at) : text.n;
                while (i <= end && (slash = memchr(text.at + i, '\\', end - i)))
                        i = (size_t)(slash - text.at) + 2;
                if (i <= end)
                        return end;
        }
        return text.n;
}

/* Counts the text's values and depth before a parser builds anything: a value begins at a quote,
 * at a bracket, and where a word does. What is no JSON is found later, by the parser. */
static int scan_text(struct bytes text)
{
        uint32_t values = 0, depth = 0;
        bool word = false;
        for (size_t i = 0; i < text.n; i++) {
                uint8_t c = text.at[i];
                if (strchr("]},: \t\r\n", c)) {
                        depth -= (c == ']' || c == '}') && depth > 0;
                        word = false;
                } else {
                        bool opens = c == '[' || c == '{', quoted = c == '"';
                        values += opens || quoted || !word;
                        depth += opens;
                        word = !opens && !quoted;
                        if (quoted)
                                i = end_of_quoted(text, i + 1);
                }
                if (values > pack_limits_event.items_max || depth > pack_limits_event.depth_max)
                        return ERR_TOO_BIG;
        }
        return 0;
}

struct packer {
        struct buf *out;
        const struct json_bins *bins;
        uint32_t used; /* bit k: attachment k has been put in */
};

static int put_value(struct packer *p, const json_t *value);

static int put_array(struct packer *p, const json_t *array)
{
        size_t n = json_array_size(array);
        int err = pack_put_array(p->out, (uint32_t)n);
        for (size_t i = 0; !err && i < n; i++)
                err = put_value(p, json_array_get(array, i));
        return err;
}

static int put_attachment(struct packer *p, const json_t *num)
{
        double v = json_is_number(num) ? json_number_value(num) : -1; /* a real beside a huge integer */
        if (v < 0 || v >= p->bins->n || v != trunc(v))
                return ERR_MALFORMED;
        unsigned k = (unsigned)v;
        if (p->used >> k & 1)
                return ERR_MALFORMED;
        p->used |= UINT32_C(1) << k;
        return pack_put_bin(p->out, p->bins->bin[k]);
}

static int put_object(struct packer *p, json_t *object)
{
        if (p->bins && p->bins->n > 0 && json_is_true(json_object_get(object, placeholder_key)))
                return put_attachment(p, json_object_get(object, "num"));
        int err = pack_put_map(p->out, (uint32_t)json_object_size(object));
        for (void *it = json_object_iter(object); !err && it; it = json_object_iter_next(object, it)) {
                err = pack_put_text(p->out, bytes_of(json_object_iter_key(it), json_object_iter_key_len(it)));
                if (!err)
                        err = put_value(p, json_object_iter_value(it));
        }
        return err;
}

static int put_real(struct buf *out, double v)
{
        if (fabs(v) < 0x1p63 && v == trunc(v))
                return pack_put_i64(out, (int64_t)v);
        return pack_put_real(out, v);
}

static int put_value(struct packer *p, const json_t *value)
{
        switch (json_typeof(value)) {
        case JSON_NULL:
                return pack_put_nil(p->out);
        case JSON_TRUE:
        case JSON_FALSE:
                return pack_put_bool(p->out, json_is_true(value));
        case JSON_INTEGER:
                return pack_put_i64(p->out, json_integer_value(value));
        case JSON_REAL:
                return put_real(p->out, json_real_value(value));
        case JSON_STRING:
                return pack_put_text(p->out, bytes_of(json_string_value(value), json_string_length(value)));
        case JSON_ARRAY:
                return put_array(p, value);
        case JSON_OBJECT:
                return put_object(p, (json_t *)(uintptr_t)value);
        }
        return ERR_MALFORMED;
}

static int parse(struct bytes text, json_t **root)
{
        static const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
        const char *at = (const char *)text.at;
        json_error_t error;
        *root = json_loadb(at, text.n, flags, &error);
        if (!*root && json_error_code(&error) == json_error_numeric_overflow)
                *root = json_loadb(at, text.n, flags | JSON_DECODE_INT_AS_REAL, &error);
        if (*root)
                return 0;
        return json_error_code(&error) == json_error_out_of_memory ? ERR_NO_MEMORY : ERR_MALFORMED;
}

int json_to_pack(struct bytes text, struct buf *out, const struct json_bins *bins)
{
        struct packer p = { .out = out, .bins = bins };
        size_t before = out->n;
        json_t *root = NULL;
        int err = text.n == 0 ? ERR_MALFORMED : scan_text(text);
        if (!err)
                err = parse(text, &root);
        if (!err)
                err = put_value(&p, root);
        json_decref(root);
        if (err)
                out->n = before;
        return err;
}
