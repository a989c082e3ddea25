/* A line of 1,000 bytes a second, a millisecond a byte, with a queue of 500 bytes. A story in words: @20 it is
 * 20 ms; 100>120 a packet of 100 bytes comes and has left at 120 ms; 100x it is dropped; =30 so many bytes wait. */
#include "tests/unit/harness.h"

#include <stdlib.h>

#include "lab/bottleneck.h"

struct bottleneck_row {
        const char *name;
        int64_t rate;
        const char *story;
};

static const struct bottleneck_row rows[] = {
        { "one after the other", 1000, "100>100 100>200 =200 @50 =150 100>300 =250" },
        { "an idle line begins at once", 1000, "100>100 @500 =0 100>600" },
        { "the queue is full", 1000, "300>300 200>500 1x @1 1>501 1x" },
        { "a small one may still fit", 1000, "300>300 201x 200>500" },
        { "an idle line takes any packet", 1000, "800>800 1x @300 1x @301 0>800 @800 800>1600" },
        { "no rate, no wait", 0, "100000>0 @7 100000>7 =0" },
};

static void run_row(void **state)
{
        const struct bottleneck_row *row = *state;
        struct bottleneck b = { .rate = row->rate, .queue_bytes = 500 };
        const struct mono t0 = { 5 * NS_PER_S };
        struct mono now = t0, left;
        for (const char *at = row->story; *at;) {
                char *end;
                if (*at == ' ') {
                        at++;
                        continue;
                }
                long n = strtol(*at == '@' || *at == '=' ? at + 1 : at, &end, 10);
                if (*at == '@')
                        now = mono_add(t0, n * NS_PER_MS);
                else if (*at == '=')
                        assert_int_equal(bottleneck_backlog(&b, now), n);
                else {
                        bool taken = bottleneck_take(&b, now, (size_t)n, &left);
                        assert_int_equal(taken, *end == '>');
                        if (taken)
                                assert_int_equal(mono_since(left, t0) / NS_PER_MS, strtol(end + 1, &end, 10));
                        else
                                end++;
                }
                at = end;
        }
}

int main(void)
{
        return RUN_ROWS("bottleneck", rows, run_row);
}
