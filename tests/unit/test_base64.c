#include "tests/unit/harness.h"

#include <sodium.h>
#include <stdlib.h>

#include "core/base/base64.h"
#include "core/base/err.h"

struct row {
        const char *name, *text;
        int err;
        const char *bytes;
};

static const struct row rows[] = {
        { "nothing", "", 0, "" },
        { "one byte", "Zg==", 0, "f" },
        { "two bytes", "Zm8=", 0, "fo" },
        { "three bytes", "Zm9v", 0, "foo" },
        { "six bytes", "Zm9vYmFy", 0, "foobar" },
        { "no padding", "Zg", ERR_MALFORMED, NULL },
        { "half the padding", "Zg=", ERR_MALFORMED, NULL },
        { "padding and more", "Zg==Zg==", ERR_MALFORMED, NULL },
        { "bits that no byte uses", "Zh==", ERR_MALFORMED, NULL },
        { "a space", "Zm 9v", ERR_MALFORMED, NULL },
        { "the alphabet of URLs", "_-8=", ERR_MALFORMED, NULL },
};

static void run_row(void **state)
{
        const struct row *row = *state;
        uint8_t out[16];
        size_t n = 0, text_n = strlen(row->text);
        assert_int_equal(base64_read(bytes_text(row->text), out, sizeof out, &n), row->err);
        if (row->err)
                return;
        assert_true(bytes_equal(bytes_of(out, n), bytes_text(row->bytes)));
        if (n > 0)
                assert_int_equal(base64_read(bytes_text(row->text), out, n - 1, &n), ERR_MALFORMED);
        for (size_t cut = 0; cut < text_n; cut++) {
                uint8_t *exact = malloc(cut + 1);
                memcpy(exact, row->text, cut);
                assert_int_equal(base64_read(bytes_of(exact, cut), out, sizeof out, &n), cut % 4 ? ERR_MALFORMED : 0);
                free(exact);
        }
}

/* Each byte in each of four places: only the 64 letters of the alphabet are any good there. */
static void only_the_alphabet_is_read(void **state)
{
        (void)state;
        for (int place = 0; place < 4; place++) {
                int good = 0;
                for (int c = 0; c < 256; c++) {
                        uint8_t text[4] = { 'Z', 'm', '9', 'v' }, out[3];
                        char again[5];
                        size_t n;
                        text[place] = (uint8_t)c;
                        if (base64_read(bytes_of(text, 4), out, sizeof out, &n) != 0)
                                continue;
                        sodium_bin2base64(again, sizeof again, out, n, sodium_base64_VARIANT_ORIGINAL);
                        assert_memory_equal(again, text, 4);
                        good++;
                }
                assert_int_equal(good, 64);
        }
}

int main(void)
{
        const struct CMUnitTest stories[] = { cmocka_unit_test(only_the_alphabet_is_read) };
        return RUN_ROWS("base64", rows, run_row) + cmocka_run_group_tests_name("base64 stories", stories, NULL, NULL);
}
