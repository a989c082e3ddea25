/* seqwin: which datagram numbers has this peer already shown us?
 *
 * One seqwin per peer and direction. It sorts each arriving number into new,
 * duplicate or too old. No clock, no heap, no I/O; the caller owns the memory. A zeroed
 * struct seqwin is a fresh one.
 *
 * Source: RFC 6479 (window of words, moved without shifting bits).
 */
#ifndef CORE_WIRE_SEQWIN_H
#define CORE_WIRE_SEQWIN_H
#include <stdint.h>

enum { SEQWIN_WORDS = 16, SEQWIN_SPAN = (SEQWIN_WORDS - 1) * 64 }; /* datagrams */
enum seqwin_verdict { SEQWIN_NEW, SEQWIN_DUPLICATE, SEQWIN_TOO_OLD };

struct seqwin {
        uint64_t seq_end;            /* highest number seen, plus one; 0: none yet */
        uint64_t seen[SEQWIN_WORDS]; /* bit n % 64 of word n / 64 % SEQWIN_WORDS */
};

/* Records that datagram `seq` arrived and says what it was.
 *
 * seq      counts datagrams from 0, below 2^63; gaps are fine
 * returns  SEQWIN_NEW once per number; SEQWIN_DUPLICATE after that; SEQWIN_TOO_OLD when
 *          seq lies SEQWIN_SPAN or more behind the newest (window unchanged). Never fails.
 */
enum seqwin_verdict seqwin_mark(struct seqwin *w, uint64_t seq);

#endif
