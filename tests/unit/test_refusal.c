/* What the network says of a session that stands. */
#include "tests/unit/harness.h"

#include "client/refusal.h"

static const struct row {
        const char *name;
        int64_t heard_ms; /* when something came; 0: nothing */
        struct {
                int64_t ms;
                bool believed;
        } said[3];
} rows[] = {
        { "once, after a long silence", 0, { { 30000, false } } },
        { "again, at once", 0, { { 5000, false }, { 5001, false }, { 5999, false } } },
        { "again, and nothing came for a second", 0, { { 5000, false }, { 5500, false }, { 6000, true } } },
        { "again, but something came meanwhile", 5900, { { 5000, false }, { 6000, false }, { 6899, false } } },
        { "something came, then nothing for a second", 5900, { { 5000, false }, { 6000, false }, { 7000, true } } },
};

static void run_row(void **state)
{
        const struct row *row = *state;
        struct refusal r;
        refusal_heard(&r);
        for (int i = 0; i < 3 && row->said[i].ms; i++) {
                if (i > 0 && row->said[i - 1].ms < row->heard_ms && row->heard_ms < row->said[i].ms)
                        refusal_heard(&r);
                assert_int_equal(refusal_said(&r, (struct mono){ row->said[i].ms * NS_PER_MS }), row->said[i].believed);
        }
}

int main(void)
{
        return RUN_ROWS("refused while it is up", rows, run_row);
}
