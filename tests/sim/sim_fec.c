/* What copies and parity are worth: the same seeded loss (RTT 50 ms, 5 % each way), the same events, in virtual time;
 * p99 of the latency from publish to telling, of each mode. One server, eight clients.
 *
 *     sim_fec            the table, held to what is promised; where the rate does not bear all of it, to no harm
 *     SEED=n sim_fec     with another loss
 */
#include "tests/sim/even_world.h"

struct promise_row {
        const char *name;
        int rate;
        uint32_t filler; /* bytes of an event besides; 0: few */
        bool unpaced, in_order;
        double share_max; /* of nack's p99 */
        bool tight;       /* there is no rate for all that would be sent */
};

static const struct promise_row rows[] = {
        { "copies, in order, 50 events a second", 50, .in_order = true, .share_max = 0.5 },
        { "copies, as they come, 50 events a second", 50, .share_max = 0.5 },
        { "parity, in order, 500 events a second", 500, .in_order = true, .share_max = 0.5 },
        { "parity, as they come, 500 events a second", 500, .share_max = 0.5 },
        { "events of 4 KB, in order, 10 a second", 10, 4000, .in_order = true, .share_max = 0.4 },
        { "events of 4 KB, as they come, 10 a second", 10, 4000, .share_max = 0.4 },
        { "events of 20 KB, in order, 2 a second", 2, 20000, .in_order = true, .share_max = 0.75 },
        { "events of 20 KB, as they come, 10 a second, not paced", 10, 20000, .unpaced = true, .share_max = 0.4 },
        { "parity, in order, 1,200 events a second: more than the rate bears", 1200, .in_order = true,
          .share_max = 0.75, .tight = true },
        { "events of 4 KB, in order, 20 a second: more than the rate bears", 20, 4000, .in_order = true,
          .share_max = 1.25, .tight = true },
};

static struct figures tried(const struct promise_row *row, enum client_mode mode, const char *name)
{
        const struct trial t = { name, mode, row->rate, row->filler, row->unpaced, .loss_ppm = 50000 };
        struct figures f = measure(&t, 0);
        print_message("%4d/s %-14s p50 %6.1f  p99 %6.1f  max %6.1f ms; %5.2f %% of bytes for repairs, %5.2f %% for "
                      "parity; %" PRIu64 " mended, %" PRIu64 " NACKs; %" PRIu64 " left out, at %" PRIu64 " times\n",
                      row->rate, name, f.p50_ms, f.p99_ms, f.max_ms, 100 * f.repair_share, 100 * f.parity_share,
                      f.mended, f.nacks, f.left_out, f.bared);
        return f;
}

static void run_promise(void **state)
{
        const struct promise_row *row = *state;
        struct figures nack = row->in_order ? tried(row, CLIENT_MODE_NACK_ORDERED, "nack-ordered")
                                            : tried(row, CLIENT_MODE_NACK_UNORDERED, "nack-unordered");
        struct figures fec = row->in_order ? tried(row, CLIENT_MODE_FEC_ORDERED, "fec-ordered")
                                           : tried(row, CLIENT_MODE_FEC_UNORDERED, "fec-unordered");
        print_message("     %.2f x of p99\n", fec.p99_ms / nack.p99_ms);
        assert_true(fec.p99_ms <= row->share_max * nack.p99_ms);
        assert_true(!row->tight || (fec.left_out > 0 && fec.bared > 0));
        assert_int_equal(nack.left_out, 0);
}

int main(void)
{
        randombytes_set_implementation(&seeded);
        return RUN_ROWS("what copies and parity are worth", rows, run_promise);
}
