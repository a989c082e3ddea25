#include "core/wire/seqwin.h"

/* Clears the words between the newest one and the one that `seq` opens. */
static void advance(struct seqwin *w, uint64_t seq)
{
        uint64_t from = w->seq_end == 0 ? 0 : (w->seq_end - 1) / 64 + 1;
        uint64_t to = seq / 64;
        if (to >= SEQWIN_WORDS && from < to - SEQWIN_WORDS + 1)
                from = to - SEQWIN_WORDS + 1;
        for (uint64_t word = from; word <= to; word++)
                w->seen[word % SEQWIN_WORDS] = 0;
        w->seq_end = seq + 1;
}

enum seqwin_verdict seqwin_mark(struct seqwin *w, uint64_t seq)
{
        if (seq >= w->seq_end)
                advance(w, seq);
        else if (w->seq_end - 1 - seq >= SEQWIN_SPAN)
                return SEQWIN_TOO_OLD;
        uint64_t *word = &w->seen[seq / 64 % SEQWIN_WORDS];
        uint64_t bit = UINT64_C(1) << seq % 64;
        if (*word & bit)
                return SEQWIN_DUPLICATE;
        *word |= bit;
        return SEQWIN_NEW;
}
