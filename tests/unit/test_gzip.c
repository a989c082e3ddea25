#include "tests/unit/harness.h"

#include <stdlib.h>
#include <zlib.h>

#include "tcp_server/gzip.h"

struct accept_row {
        const char *name, *list;
        bool accepted;
};

static const struct accept_row rows[] = {
        { "nothing is said", "", false },
        { "gzip", "gzip", true },
        { "as browsers say it", "gzip, deflate, br, zstd", true },
        { "last, in capitals, with spaces", "br ,\tGZIP ", true },
        { "its old name", "x-gzip", true },
        { "with a weight", "gzip;q=0.5, identity", true },
        { "with a weight of three digits", "br;q=1.0, gzip; q=0.001", true },
        { "never", "gzip;q=0", false },
        { "never, in three digits", "gzip ; q=0.000, *", false },
        { "anything", "*", true },
        { "anything but gzip", "*, gzip;q=0", false },
        { "gzip and nothing else", "*;q=0, gzip", true },
        { "nothing at all", "*;q=0", false },
        { "others", "deflate, br", false },
        { "a longer name", "gzipped", false },
        { "a shorter one", "gzi", false },
        { "commas", ",,;,", false },
        { "a weight of no number", "gzip;q=", true },
};

static void run_row(void **state)
{
        const struct accept_row *row = *state;
        size_t n = strlen(row->list);
        uint8_t *exact = malloc(n + !n);
        memcpy(exact, row->list, n);
        assert_int_equal(gzip_accepted(bytes_of(exact, n)), row->accepted);
        free(exact);
}

static void one_compressor_many_bodies(void **state)
{
        (void)state;
        static const size_t sizes[] = { 0, 1, 1024, 300000, 7 };
        struct gzip *g = gzip_create(GZIP_QUICK);
        uint8_t *body = malloc(300000), *back = malloc(300000);
        assert_non_null(g);
        for (size_t i = 0; i < 300000; i++)
                body[i] = (uint8_t)(i * i >> 7);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct buf out = { 0 };
                z_stream z = { 0 };
                buf_text(&out, "before");
                assert_int_equal(gzip_put(g, bytes_of(body, sizes[i]), &out), 0);
                assert_memory_equal(out.at, "before\x1f\x8b", 8);
                assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
                z.next_in = out.at + 6;
                z.avail_in = (uInt)out.n - 6;
                z.next_out = back;
                z.avail_out = 300000;
                assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
                assert_int_equal(z.avail_in, 0);
                assert_int_equal(z.total_out, sizes[i]);
                assert_memory_equal(back, body, sizes[i]);
                inflateEnd(&z);
                buf_free(&out);
        }
        gzip_destroy(g);
        gzip_destroy(NULL);
        free(body);
        free(back);
}

int main(void)
{
        static const struct CMUnitTest others[] = { cmocka_unit_test(one_compressor_many_bodies) };
        return RUN_ROWS("gzip", rows, run_row) + cmocka_run_group_tests_name("gzip bodies", others, NULL, NULL);
}
