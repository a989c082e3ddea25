#include "tests/unit/harness.h"

#include "core/base/mono.h"
#include "core/wire/resend.h"

enum { SAMPLES_MAX = 6 };

struct resend_row {
        const char *name;
        int64_t sample_ms[SAMPLES_MAX]; /* 0 ends the list */
        bool last_taken;
        int64_t srtt_us, rttvar_us;
        int64_t repair_us, request_us, reorder_us, hold_off_us; /* first tries */
};

static const struct resend_row rows[] = {
        { "before any sample", { 0 }, true, 333000, 166500, 1000000, 1000000, 25000, 249750 },
        { "the first sample is taken whole", { 100 }, true, 100000, 50000, 317500, 305000, 12500, 75000 },
        { "one eighth and one quarter", { 100, 180 }, true, 110000, 57500, 358750, 345000, 13750, 82500 },
        { "a steady path", { 8, 8, 8, 8, 8, 8 }, true, 8000, 949, 20000, 50000, 2000, 10000 },
        { "a negative round trip teaches nothing", { 100, -1 }, false, 100000, 50000, 317500, 305000, 12500, 75000 },
        { "an absurd one neither", { 100, 61000 }, false, 100000, 50000, 317500, 305000, 12500, 75000 },
};

static void run_row(void **state)
{
        const struct resend_row *row = *state;
        struct resend r;
        resend_init(&r);
        bool taken = true;
        for (int i = 0; i < SAMPLES_MAX && row->sample_ms[i] != 0; i++)
                taken = resend_sample(&r, row->sample_ms[i] * NS_PER_MS);
        assert_int_equal(taken, row->last_taken);
        assert_int_equal(r.srtt_ns / NS_PER_US, row->srtt_us);
        assert_int_equal(r.rttvar_ns / NS_PER_US, row->rttvar_us);
        assert_int_equal(resend_repair_ns(&r, 1) / NS_PER_US, row->repair_us);
        assert_int_equal(resend_request_ns(&r, 1) / NS_PER_US, row->request_us);
        assert_int_equal(resend_reorder_ns(&r) / NS_PER_US, row->reorder_us);
        assert_int_equal(resend_hold_off_ns(&r) / NS_PER_US, row->hold_off_us);
}

static void waits_grow_and_are_capped(void **state)
{
        (void)state;
        struct resend r;
        resend_init(&r);
        resend_sample(&r, 40 * NS_PER_MS);
        assert_int_equal(resend_repair_ns(&r, 1), 130 * NS_PER_MS);
        assert_int_equal(resend_repair_ns(&r, 3), 130 * NS_PER_MS);
        assert_int_equal(resend_repair_ns(&r, 4), 195 * NS_PER_MS);
        assert_int_equal(resend_repair_ns(&r, 5), 292500 * NS_PER_US);
        assert_int_equal(resend_repair_ns(&r, 1000000), NS_PER_S);
        assert_int_equal(resend_request_ns(&r, 1), 125 * NS_PER_MS);
        assert_int_equal(resend_request_ns(&r, 2), 250 * NS_PER_MS);
        assert_int_equal(resend_request_ns(&r, 1000000), 8 * NS_PER_S);
        resend_init(&r);
        resend_sample(&r, 50 * NS_PER_MS); /* 155 ms: what doubles does not come by 8 s */
        assert_int_equal(resend_request_ns(&r, 6), 4960 * NS_PER_MS);
        assert_int_equal(resend_request_ns(&r, 7), 8 * NS_PER_S);
}

int main(void)
{
        const struct CMUnitTest more[] = { cmocka_unit_test(waits_grow_and_are_capped) };
        return RUN_ROWS("resend", rows, run_row) + cmocka_run_group_tests_name("resend waits", more, NULL, NULL);
}
