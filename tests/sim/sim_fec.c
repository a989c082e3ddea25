/* What copies and parity are worth: the same seeded loss (RTT 50 ms, 5 % each way), the same events, in virtual time;
 * p99 of the latency from publish to telling, of each mode. One server, eight clients.
 *
 *     sim_fec            the table, held to what is promised
 *     SEED=n sim_fec     with another loss
 */
#include "tests/sim/even_world.h"

struct promise_row {
        const char *name;
        int rate;
        enum client_mode nack, fec;
        const char *nack_name, *fec_name;
        double share_max; /* of nack's p99 */
};

static const struct promise_row rows[] = {
        { "copies, in order, 50 events a second", 50, CLIENT_MODE_NACK_ORDERED, CLIENT_MODE_FEC_ORDERED, "nack-ordered",
          "fec-ordered", 0.5 },
        { "copies, as they come, 50 events a second", 50, CLIENT_MODE_NACK_UNORDERED, CLIENT_MODE_FEC_UNORDERED,
          "nack-unordered", "fec-unordered", 0.5 },
        { "parity, in order, 500 events a second", 500, CLIENT_MODE_NACK_ORDERED, CLIENT_MODE_FEC_ORDERED,
          "nack-ordered", "fec-ordered", 0.5 },
        { "parity, as they come, 500 events a second", 500, CLIENT_MODE_NACK_UNORDERED, CLIENT_MODE_FEC_UNORDERED,
          "nack-unordered", "fec-unordered", 0.5 },
};

static struct figures tried(const char *name, enum client_mode mode, int rate)
{
        const struct trial t = { name, mode, rate, .loss_ppm = 50000 };
        struct figures f = measure(&t, 0);
        print_message("%4d/s %-14s p50 %6.1f  p99 %6.1f  max %6.1f ms; %5.2f %% of bytes for repairs, %5.2f %% for "
                      "parity; %" PRIu64 " mended, %" PRIu64 " NACKs\n",
                      rate, name, f.p50_ms, f.p99_ms, f.max_ms, 100 * f.repair_share, 100 * f.parity_share, f.mended,
                      f.nacks);
        return f;
}

static void run_promise(void **state)
{
        const struct promise_row *row = *state;
        struct figures nack = tried(row->nack_name, row->nack, row->rate);
        struct figures fec = tried(row->fec_name, row->fec, row->rate);
        print_message("     %.2f x of p99\n", fec.p99_ms / nack.p99_ms);
        assert_true(fec.p99_ms <= row->share_max * nack.p99_ms);
}

int main(void)
{
        randombytes_set_implementation(&seeded);
        return RUN_ROWS("what copies and parity are worth", rows, run_promise);
}
