/* gaps: which events of one channel are missing here, and what is to be done about each?
 *
 * The receiver's book of one channel. Every seq above where it began ends in exactly one of
 * DELIVERED, SKIPPED (reason) or LOST (reason), and is told once, in seq order, by gaps_next.
 *
 *   HELD    a jump of more than 1,024: nothing is asked until a PING round trip and a BEAT agree,
 *           or the stream itself comes by (one forged datagram must not start a storm of NACKs)
 *   ABSENT  noticed; perhaps only late
 *              -> 3 later datagrams, or the reorder time has passed ->
 *   ASK     goes into the next NACK (gaps_ask) -> WAIT
 *   WAIT    asked `tries` times; after the repair time ASK again, at last LOST (TIMEOUT), but not
 *           while nothing at all comes through: then the path is lost, not the event
 *
 * Where copies or parity come unasked (`ahead`), a hole is not asked for before they should have come.
 *
 * In raw mode a hole is GONE instead of asked for, and LOST when it is 3 s old.
 *
 * Holes are ranges in a sorted list; what is not in a range, up to `highest`, has arrived. So a
 * hole of a million events costs what a hole of one does, and the list is bounded (a datagram
 * that would need one range more is refused, as if the network had lost it).
 *
 * The ranges are of *places*: 64 to a seq, one for each fragment that an event can have. An event in one
 * datagram takes all of its seq's places at once, the last of several fragments all that are left. So
 * fragments are noticed, asked for and waited for as events are, and those that only just are on
 * their way lie behind the edge, where nothing is missing yet. An event that is done is one none of
 * whose places is in a hole.
 *
 * No I/O, no clock; grows on the heap up to GAPS_RANGES_MAX ranges. Seqs count from 1.
 *
 * Source: the project's UDP wire spec, sections 7 and 8; RFC 9002 6.1 (reordering thresholds).
 */
#ifndef CORE_WIRE_GAPS_H
#define CORE_WIRE_GAPS_H
#include <stdbool.h>
#include <stdint.h>

#include "core/base/mono.h"
#include "core/wire/dgram.h"
#include "core/wire/resend.h"

enum {
        GAPS_WINDOW = 65536,      /* seqs over contig that are taken in, when asking */
        GAPS_JUMP_MAX = 1024,     /* seqs over the highest seen that are believed at once */
        GAPS_RANGES_MAX = 4096,   /* holes in the book */
        GAPS_LATER_DATAGRAMS = 3, /* that make a hole a loss */
        GAPS_TRIES_MAX = 10,
        GAPS_REMEMBERED = 8, /* lost runs, to tell late arrivals from doubles */
};
#define GAPS_GIVE_UP_NS     (INT64_C(3) * 1000000000)
#define GAPS_LAST_NS        (INT64_C(30) * 1000000000) /* however often it was dark */
#define GAPS_REORDER_NS_MAX (INT64_C(100) * 1000000)
#define GAPS_COPY_NS        (INT64_C(10) * 1000000)  /* a copy comes so much later, */
#define GAPS_PARITY_NS      (INT64_C(20) * 1000000)  /* or parity, at the latest, after its group's first event: */
#define GAPS_PARITY_LAST_NS (INT64_C(500) * 1000000) /* when some came so recently */

enum gaps_verdict {
        GAPS_NEW,       /* deliver it now (unordered) or in its turn (ordered) */
        GAPS_DUPLICATE, /* seen, or skipped */
        GAPS_LATE,      /* given up already: not to be delivered any more */
        GAPS_BEYOND,    /* more than GAPS_WINDOW over contig: not taken in */
        GAPS_FULL,      /* no place for one more hole, or no memory: not taken in */
};

enum gaps_outcome { GAPS_DELIVERED, GAPS_SKIPPED, GAPS_LOST };

/* Why SKIPPED or LOST: the wire's GAP reasons, 1..6, then the receiver's own. */
enum gaps_reason {
        GAPS_EVICTED = 1,
        GAPS_EXCLUDED = 2, /* SKIPPED: not meant for you */
        GAPS_YOURS = 3,    /* SKIPPED: you published it */
        GAPS_EXPIRED = 4,
        GAPS_EPOCH = 5,
        GAPS_TOO_BIG = 6,
        GAPS_TIMEOUT = 16,      /* asked for and never repaired */
        GAPS_NOT_REPAIRED = 17, /* raw mode: never asked for */
        GAPS_CLOSED = 18,       /* the session ended first */
};
const char *gaps_reason_text(uint8_t reason); /* "evicted", ...; "unknown" for a stranger */

struct gaps_hole {
        uint64_t from, to;  /* places, both inclusive */
        struct mono opened; /* when the hole was first seen; told with its end */
        struct mono since;  /* patience counts from here */
        struct mono asked, due;
        uint32_t later_at; /* gaps.later when it was noticed */
        uint8_t state, tries, reason;
};

struct gaps {
        uint64_t contig;  /* all up to here were told by gaps_next */
        uint64_t highest; /* highest seq known of */
        uint64_t edge;    /* highest place known of */
        bool asks;        /* false: raw mode */
        bool ahead;       /* the caller's: copies or parity come unasked */
        struct mono parity_last;
        struct mono moved;  /* when something new came last */
        uint64_t parity_to; /* no parity is to be waited for up to this place */
        struct gaps_hole *hole;
        uint32_t holes_n, holes_cap;
        uint32_t later;         /* datagrams that moved forward */
        uint64_t datagram_last; /* the caller's number of the one that moved last */
        int64_t reorder_ns;     /* learned from late originals; decays */
        struct mono reorder_at; /* when it was last right */
        struct mono progress;   /* last repair that came, or word after the dark: patience counts from here */
        struct mono ask_not_before;
        struct dgram_range lost[GAPS_REMEMBERED];
        uint32_t lost_next;

        uint64_t counted;        /* the seq that was counted last in: */
        uint64_t lost_first_try; /* seqs that were not there when their turn came */
        uint64_t losses;         /* holes that did not count as late any more, also in raw mode */
        uint64_t full;           /* arrivals refused for want of a place */
};

/* Begins a book above `contig`: the first seq awaited is contig + 1. */
void gaps_init(struct gaps *g, uint64_t contig, bool asks);
void gaps_free(struct gaps *g); /* a zeroed one too */

struct gaps_arrival {
        enum gaps_verdict verdict;
        uint8_t tries;      /* NEW: how often it had been asked for; 0: never */
        struct mono opened; /* NEW into a hole: when that was first seen; else MONO_NEVER */
};

/* Fragment idx (from 0) of the cnt of event `seq` arrived, of a small one number 0 of 1, in the caller's datagram
 * number `datagram` (any number that differs between datagrams; several messages of one datagram count once as
 * "later"). All fragments of an event that are taken in say the same cnt: the caller puts it back with gaps_absent
 * before it believes another. */
struct gaps_arrival gaps_mark_part(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t datagram,
                                   uint64_t seq, uint8_t idx, uint8_t cnt);

/* The same of one that was solved for from parity: it was lost at the first try, and teaches nothing of what is late.
 */
struct gaps_arrival gaps_mend(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t datagram,
                              uint64_t seq, uint8_t idx, uint8_t cnt);

/* Parity came, the last for events up to `seq`: what is still missing of these has not to wait for any. */
void gaps_parity(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t seq);

/* Parity of this event's own fragments came: what is missing of it waits for no more than what is late. */
void gaps_parity_of(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t seq);

/* What the fragment would be found to be, but for GAPS_FULL. */
enum gaps_verdict gaps_look(const struct gaps *g, uint64_t seq, uint8_t idx);

/* What came of event `seq` is worth nothing: it is missing whole, and asked for soon, unless it has ended.
 * was: the most tries and the earliest `opened` of what had come. For at most REASSEMBLY_EVENTS_MAX events
 * whose fragments were taken in, or one that was just marked. */
void gaps_absent(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t seq,
                 const struct gaps_arrival *was);

/* A BEAT said that the channel's head is `head`; sure: a PING round trip was completed since
 * gaps_doubts() became true. */
void gaps_beat(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t head, bool sure);

/* Some hole is HELD: a PING and then a BEAT are wanted. */
bool gaps_doubts(const struct gaps *g);

/* The server's GAP: what of from..to has not arrived ends with this reason. */
void gaps_close(struct gaps *g, struct mono now, const struct resend *rtt, uint64_t from, uint64_t to, uint8_t reason);

/* What is missing at the end, behind all that has come, is not known of any more: it will be told with what
 * nobody knows of. */
void gaps_forget_end(struct gaps *g);

/* The session is over: what is still missing ends as LOST (reason). Here and in gaps_rewind the caller has put back
 * the events that are not whole. */
void gaps_finish(struct gaps *g, uint8_t reason);

/* The connection is lost and will be resumed from contig: nothing is asked or given up until the
 * stream comes by again. What arrived out of order stays known. */
void gaps_rewind(struct gaps *g);

struct gaps_run {
        uint64_t from, to; /* both inclusive */
        enum gaps_outcome outcome;
        uint8_t reason;     /* enum gaps_reason; 0 when DELIVERED */
        struct mono opened; /* SKIPPED and LOST: when first seen as a hole */
};

/* The next ended seqs in order, from contig + 1 on; contig moves past them. False: the next one
 * is still missing, or not known of. */
bool gaps_next(struct gaps *g, struct gaps_run *run);

/* The ranges for one NACK, some of them of fragments, at most DGRAM_RANGES_MAX; they are then waited for. *tries: the
 * highest try among them. 0: nothing to ask now. */
uint32_t gaps_ask(struct gaps *g, struct mono now, const struct resend *rtt, struct dgram_range *range, uint8_t *tries);

/* Of many receivers one asks for all: is there something to ask, and not before it may be (ask_not_before, which the
 * caller may set)? */
bool gaps_wants(const struct gaps *g);

/* Somebody has asked for these, be it here or elsewhere (an NCF): what is missing of them is waited for until `due` at
 * least, and counts as asked once more if it was not. The range may be of fragments. */
void gaps_hush(struct gaps *g, struct mono now, const struct dgram_range *range, struct mono due);

/* Call gaps_expire at this instant, then gaps_ask and gaps_next. MONO_NEVER: none.
 * heard: when anything of the session came last; asked after that, nothing is given up. */
struct mono gaps_deadline(const struct gaps *g);
void gaps_expire(struct gaps *g, struct mono now, struct mono heard);

/* Something of the session comes, for the first time since `heard`. What was asked in between, and
 * should have been answered, went into the dark: it is asked again at once. After a long silence
 * patience begins anew. */
void gaps_light(struct gaps *g, struct mono now, const struct resend *rtt, struct mono heard);

#endif
