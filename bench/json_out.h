/* json_out: writes one JSON document to a stream, in the order in which it is told.
 *
 * Two spaces a level, one member a line. Text is escaped so that the document may also stand inside
 * an HTML <script>: '<' and '>' become \u003c and \u003e; bytes that are not UTF-8 become U+FFFD. A real
 * that is no number (NaN, infinite) becomes null. Numbers that may pass 2^53 belong in text.
 *
 *     struct json_out j = json_out_to(file);
 *     json_out_object(&j, NULL);
 *     json_out_uint(&j, "events", 4000);
 *     json_out_array(&j, "paths");
 *     json_out_text(&j, NULL, "tcp");
 *     json_out_end(&j);
 *     json_out_end(&j);
 *
 * The prefix is the whole json_out_, since jansson, which is in the same program, has json_object and
 * its like.
 *
 * key: the member's name inside an object, NULL inside an array and for the document itself.
 *
 * Source: RFC 8259.
 */
#ifndef BENCH_JSON_OUT_H
#define BENCH_JSON_OUT_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH_MAX = 32 };

struct json_out {
        FILE *out;
        int depth;
        uint64_t objects, filled; /* bit n: level n is an object; has a member */
};

static inline struct json_out json_out_to(FILE *out)
{
        return (struct json_out){ .out = out };
}

void json_out_object(struct json_out *j, const char *key);
void json_out_array(struct json_out *j, const char *key);
void json_out_end(struct json_out *j); /* of the innermost; the document's end gets a line break */

void json_out_text(struct json_out *j, const char *key, const char *text);
void json_out_int(struct json_out *j, const char *key, int64_t v);
void json_out_uint(struct json_out *j, const char *key, uint64_t v);
void json_out_uint_text(struct json_out *j, const char *key, uint64_t v); /* "18446744073709551615" */
void json_out_real(struct json_out *j, const char *key, double v);
void json_out_bool(struct json_out *j, const char *key, bool v);
void json_out_null(struct json_out *j, const char *key);

#endif
