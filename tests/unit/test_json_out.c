#include "tests/unit/harness.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/json_out.h"

static char *text_of(void (*write)(struct json_out *j, const void *what), const void *what)
{
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);
        struct json_out j = json_out_to(out);
        write(&j, what);
        fclose(out);
        return text;
}

static const struct text_row {
        const char *name;
        const char *text, *written;
        const char *reads_as; /* NULL: as text */
} text_rows[] = {
        { "plain", "udp-nack", "\"udp-nack\"", NULL },
        { "empty", "", "\"\"", NULL },
        { "quote and backslash", "a\"b\\c", "\"a\\\"b\\\\c\"", NULL },
        { "control characters", "a\n\t\r\x01\x7f", "\"a\\n\\t\\u000d\\u0001\\u007f\"", NULL },
        { "no way out of a script element", "</script>", "\"\\u003c/script\\u003e\"", NULL },
        { "UTF-8 stays", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"", NULL },
        { "a stray byte",
          "a\xff"
          "b",
          "\"a\\ufffdb\"",
          "a\xef\xbf\xbd"
          "b" },
        { "a character cut off", "a\xe2\x82", "\"a\\ufffd\\ufffd\"", "a\xef\xbf\xbd\xef\xbf\xbd" },
        { "a surrogate", "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
};

static void write_one_text(struct json_out *j, const void *what)
{
        json_out_array(j, NULL);
        json_out_text(j, NULL, what);
        json_out_end(j);
}

static void texts(void **state)
{
        const struct text_row *row = *state;
        char *text = text_of(write_one_text, row->text), want[128];
        snprintf(want, sizeof want, "[\n  %s\n]\n", row->written);
        assert_string_equal(text, want);

        /* A parser that is not ours reads back what was meant. */
        json_t *read = json_loads(text, 0, NULL);
        assert_non_null(read);
        assert_string_equal(json_string_value(json_array_get(read, 0)), row->reads_as ? row->reads_as : row->text);
        json_decref(read);
        free(text);
}

static void write_all(struct json_out *j, const void *what)
{
        (void)what;
        json_out_object(j, NULL);
        json_out_uint(j, "u", UINT64_MAX);
        json_out_uint_text(j, "seed", UINT64_MAX);
        json_out_int(j, "i", INT64_MIN);
        json_out_array(j, "list");
        json_out_real(j, NULL, 0.1);
        json_out_real(j, NULL, 1.0 / 3);
        json_out_real(j, NULL, -2);
        json_out_real(j, NULL, NAN);
        json_out_real(j, NULL, -INFINITY);
        json_out_end(j);
        json_out_array(j, "empty");
        json_out_end(j);
        json_out_object(j, "inner");
        json_out_bool(j, "yes", true);
        json_out_bool(j, "no", false);
        json_out_null(j, "none");
        json_out_object(j, "void");
        json_out_end(j);
        json_out_end(j);
        json_out_text(j, "a \"key\"", "last");
        json_out_end(j);
}

static void document(void **state)
{
        (void)state;
        char *text = text_of(write_all, NULL);
        assert_string_equal(text, "{\n"
                                  "  \"u\": 18446744073709551615,\n"
                                  "  \"seed\": \"18446744073709551615\",\n"
                                  "  \"i\": -9223372036854775808,\n"
                                  "  \"list\": [\n"
                                  "    0.1,\n"
                                  "    0.33333333333333331,\n"
                                  "    -2,\n"
                                  "    null,\n"
                                  "    null\n"
                                  "  ],\n"
                                  "  \"empty\": [],\n"
                                  "  \"inner\": {\n"
                                  "    \"yes\": true,\n"
                                  "    \"no\": false,\n"
                                  "    \"none\": null,\n"
                                  "    \"void\": {}\n"
                                  "  },\n"
                                  "  \"a \\\"key\\\"\": \"last\"\n"
                                  "}\n");
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(document) };
        int failed = RUN_ROWS("json_out text", text_rows, texts);
        return failed + cmocka_run_group_tests_name("json_out", tests, NULL, NULL);
}
