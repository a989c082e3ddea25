#include "bench/json_out.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

static void put_char(uint32_t c, const uint8_t *bytes, int n, FILE *out)
{
        if (c == '"' || c == '\\')
                fprintf(out, "\\%c", (char)c);
        else if (c == '\n')
                fputs("\\n", out);
        else if (c == '\t')
                fputs("\\t", out);
        else if (c < 0x20 || c == 0x7f || c == '<' || c == '>')
                fprintf(out, "\\u%04" PRIx32, c);
        else
                fwrite(bytes, 1, (size_t)n, out);
}

static void put_text(const char *text, FILE *out)
{
        const uint8_t *at = (const uint8_t *)text;
        size_t left = strlen(text);
        fputc('"', out);
        while (left > 0) {
                ucs4_t c;
                int n = u8_mbtoucr(&c, at, left);
                if (n > 0) {
                        put_char(c, at, n, out);
                } else {
                        fputs("\\ufffd", out);
                        n = 1;
                }
                at += n;
                left -= (size_t)n;
        }
        fputc('"', out);
}

static void put_indent(const struct json_out *j)
{
        fprintf(j->out, "\n%*s", 2 * j->depth, "");
}

/* What stands before a value: comma, place, name. */
static void begin(struct json_out *j, const char *key)
{
        uint64_t level = UINT64_C(1) << j->depth;
        bool in_object = j->objects & level;
        assert(in_object == (key != NULL));
        if (j->filled & level)
                fputc(',', j->out);
        j->filled |= level;
        if (j->depth > 0)
                put_indent(j);
        if (key) {
                put_text(key, j->out);
                fputs(": ", j->out);
        }
}

static void open_level(struct json_out *j, const char *key, bool object)
{
        begin(j, key);
        fputc(object ? '{' : '[', j->out);
        j->depth++;
        assert(j->depth < JSON_DEPTH_MAX);
        uint64_t level = UINT64_C(1) << j->depth;
        j->objects = object ? j->objects | level : j->objects & ~level;
        j->filled &= ~level;
}

void json_out_object(struct json_out *j, const char *key)
{
        open_level(j, key, true);
}

void json_out_array(struct json_out *j, const char *key)
{
        open_level(j, key, false);
}

void json_out_end(struct json_out *j)
{
        assert(j->depth > 0);
        uint64_t level = UINT64_C(1) << j->depth--;
        if (j->filled & level)
                put_indent(j);
        fputc(j->objects & level ? '}' : ']', j->out);
        if (j->depth == 0)
                fputc('\n', j->out);
}

void json_out_text(struct json_out *j, const char *key, const char *text)
{
        begin(j, key);
        put_text(text, j->out);
}

void json_out_int(struct json_out *j, const char *key, int64_t v)
{
        begin(j, key);
        fprintf(j->out, "%" PRId64, v);
}

void json_out_uint(struct json_out *j, const char *key, uint64_t v)
{
        begin(j, key);
        fprintf(j->out, "%" PRIu64, v);
}

void json_out_uint_text(struct json_out *j, const char *key, uint64_t v)
{
        begin(j, key);
        fprintf(j->out, "\"%" PRIu64 "\"", v);
}

void json_out_real(struct json_out *j, const char *key, double v)
{
        if (!isfinite(v)) {
                json_out_null(j, key);
                return;
        }
        /* The shorter form where it reads back the same: 0.1, not 0.10000000000000001. */
        char text[32];
        snprintf(text, sizeof text, "%.15g", v);
        if (strtod(text, NULL) != v)
                snprintf(text, sizeof text, "%.17g", v);
        begin(j, key);
        fputs(text, j->out);
}

void json_out_bool(struct json_out *j, const char *key, bool v)
{
        begin(j, key);
        fputs(v ? "true" : "false", j->out);
}

void json_out_null(struct json_out *j, const char *key)
{
        begin(j, key);
        fputs("null", j->out);
}
