#include "tests/unit/harness.h"

#include "core/wire/seqwin.h"

enum { STEPS_MAX = 8 };

struct seqwin_row {
        const char *name;
        struct {
                uint64_t seq;
                enum seqwin_verdict verdict;
        } step[STEPS_MAX];
        size_t steps_n;
};

static const struct seqwin_row rows[] = {
        { "in order", { { 0, SEQWIN_NEW }, { 1, SEQWIN_NEW }, { 2, SEQWIN_NEW } }, 3 },
        { "duplicate", { { 7, SEQWIN_NEW }, { 7, SEQWIN_DUPLICATE } }, 2 },
        { "late but in the window", { { 9, SEQWIN_NEW }, { 3, SEQWIN_NEW }, { 3, SEQWIN_DUPLICATE } }, 3 },
        { "last place in the window", { { SEQWIN_SPAN - 1, SEQWIN_NEW }, { 0, SEQWIN_NEW } }, 2 },
        { "one behind the window", { { SEQWIN_SPAN, SEQWIN_NEW }, { 0, SEQWIN_TOO_OLD } }, 2 },
        { "the window moves over word borders",
          { { 63, SEQWIN_NEW },
            { 64, SEQWIN_NEW },
            { 63, SEQWIN_DUPLICATE },
            { 127, SEQWIN_NEW },
            { 128, SEQWIN_NEW } },
          5 },
        { "a jump forgets all that was before",
          { { 5, SEQWIN_NEW },
            { 1000000, SEQWIN_NEW },
            { 5, SEQWIN_TOO_OLD },
            { 1000000 - SEQWIN_SPAN + 1, SEQWIN_NEW },
            { 1000000, SEQWIN_DUPLICATE } },
          5 },
        { "a jump of exactly the ring leaves no stale bit",
          { { 3, SEQWIN_NEW }, { 3 + SEQWIN_WORDS * 64, SEQWIN_NEW }, { 3 + SEQWIN_WORDS * 64 - 900, SEQWIN_NEW } },
          3 },
        { "numbers of 62 bits", { { UINT64_C(1) << 62, SEQWIN_NEW }, { (UINT64_C(1) << 62) - 1, SEQWIN_NEW } }, 2 },
};

static void run_row(void **state)
{
        const struct seqwin_row *row = *state;
        struct seqwin w = { 0 };
        for (size_t i = 0; i < row->steps_n; i++)
                assert_int_equal(seqwin_mark(&w, row->step[i].seq), row->step[i].verdict);
}

int main(void)
{
        return RUN_ROWS("seqwin", rows, run_row);
}
