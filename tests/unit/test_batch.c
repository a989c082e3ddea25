#include "tests/unit/harness.h"

#include "bench/batch.h"
#include "core/base/err.h"

enum { ROW_MAX = 8 };

static const struct bundle_row {
        const char *name;
        size_t entry[ROW_MAX]; /* bytes; 0 ends the list, here and below */
        size_t run[ROW_MAX];   /* of at most 1,200 bytes */
} rows[] = {
        { "nothing is no bundle", { 0 }, { 0 } },
        { "one entry is one bundle", { 129 }, { 129 } },
        { "entries fill a bundle to its last byte", { 600, 600, 1 }, { 1200, 1 } },
        { "an entry is never cut", { 700, 700, 100 }, { 700, 800 } },
        { "order is kept though a later one would fit", { 700, 600, 400 }, { 700, 1000 } },
        { "an entry too large is a bundle of its own", { 10, 1300, 10 }, { 10, 1300, 10 } },
};

static void bundle(void **state)
{
        const struct bundle_row *row = *state;
        static const uint8_t zeros[2048];
        struct batch b = { 0 };
        struct bytes runs[BATCH_ENTRIES_MAX];
        for (size_t i = 0; row->entry[i] > 0; i++)
                assert_int_equal(batch_add(&b, bytes_of(zeros, row->entry[i])), 0);
        uint32_t n = batch_bundle(&b, 1200, runs);
        const uint8_t *at = b.bytes.at;
        for (uint32_t i = 0; i < n; i++) {
                assert_ptr_equal(runs[i].at, at);
                assert_int_equal(runs[i].n, row->run[i]);
                at += runs[i].n;
        }
        assert_int_equal(row->run[n], 0);
        assert_int_equal(at - b.bytes.at, b.bytes.n);
        batch_free(&b);
}

static void is_bounded(void **state)
{
        struct batch b = { 0 };
        (void)state;
        for (int i = 0; i < BATCH_ENTRIES_MAX; i++)
                assert_int_equal(batch_add(&b, bytes_text("entry")), 0);
        assert_int_equal(batch_add(&b, bytes_text("one more")), ERR_FULL);
        assert_int_equal(b.bytes.n, BATCH_ENTRIES_MAX * 5);
        batch_free(&b);
}

int main(void)
{
        const struct CMUnitTest more[] = { cmocka_unit_test(is_bounded) };
        int failed = RUN_ROWS("batch", rows, bundle);
        return failed + cmocka_run_group_tests_name("batch is bounded", more, NULL, NULL);
}
