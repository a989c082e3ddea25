/* pace: how fast one session may send, and when it must stop.
 *
 * A bucket that is told in time: `paid_to` is the instant up to which what was sent is paid for at
 * the session's rate. Who has no debt may send; time not used is kept, up to a burst. So a session
 * below its rate sends a turn's datagrams in one go, and one above it a few every 2 ms. There is no
 * queue: what may not go yet stays in the log, behind the member's cursor.
 *
 * The rate comes from the client's REPORTs. Until something is lost it doubles with each REPORT of
 * a session that had to wait, from a first window a round trip; then it is what a TCP would take
 * (core/wire/tfrc), but no more than 1.25 times what arrives. A REPORT that does not come halves it.
 *
 * The circuit breaker: more than 20 % lost at the first try for 10 s, or three REPORTs missed, leaves
 * one datagram a round trip and has the client told that TCP may serve it better. It closes when less
 * was lost for 10 s, or a REPORT came; open for 30 s, the session is to be closed. A session that goes on
 * for one whose breaker was open begins with it open: coming back is no way around it.
 *
 * One that is off lets everything pass at once. Value module: no heap, no clock.
 *
 * Source: RFC 5348 4.3 and 4.4, RFC 8085 3.1.1 and 3.1.10, RFC 8083, RFC 8084 4, RFC 9000 9.4, and the project's UDP
 * wire spec, section 8.
 */
#ifndef UDP_SERVER_PACE_H
#define UDP_SERVER_PACE_H
#include <stddef.h>

#include "core/base/mono.h"
#include "core/wire/resend.h"
#include "core/wire/tfrc.h"

enum {
        PACE_HEADERS_BYTES = 28,            /* IPv4 and UDP, of each datagram */
        PACE_BURST_MAX = 64,                /* datagrams of TFRC_SEGMENT_BYTES; TFRC_WINDOW_FIRST at least */
        PACE_MISSED_MAX = 3,                /* REPORTs, then the breaker opens */
        PACE_RATE_MIN = TFRC_SEGMENT_BYTES, /* bytes per second, but for an open breaker */
};
#define PACE_WAKE_NS   (2 * NS_PER_MS)  /* a session that waits is woken for so much of its rate */
#define PACE_TURN_NS   (10 * NS_PER_MS) /* a burst holds so much of the rate, or what a round trip does */
#define PACE_REPORT_NS (1 * NS_PER_S)   /* after DATA, for its REPORT to be sent; and on its way: */
#define PACE_SLACK_NS  (500 * NS_PER_MS)
#define PACE_JUDGE_NS  (1 * NS_PER_S)  /* what REPORTs of less say is mostly chance */
#define PACE_BAD_NS    (10 * NS_PER_S) /* of bad ones open the breaker, of good ones close it */
#define PACE_OPEN_NS   (30 * NS_PER_S) /* then it is over */
#define PACE_ADVISE_NS (5 * NS_PER_S)
#define PACE_ANEW_NS   (30 * NS_PER_S) /* between two beginnings: moving to and fro is no cheaper than coming back */

struct pace_config {
        bool on;
        int64_t rate_max; /* bytes per second; 0: no ceiling */
};

/* The breaker; what opened it says what it takes to close it. */
enum pace_breaker { PACE_CLOSED, PACE_OPEN_FOR_SILENCE, PACE_OPEN_FOR_LOSS };

/* "auto" (on, without a ceiling), "off", or a ceiling as in "10mbit". Returns as units_bitrate. */
int pace_parse(const char *text, struct pace_config *config);

/* First what each datagram looks at. */
struct pace {
        bool on;
        bool limited;       /* something had to wait since the last REPORT */
        bool lossy;         /* no slow start any more */
        bool bad;           /* more than a fifth of what was judged was lost */
        bool open_for_loss; /* the breaker: not for want of REPORTs */
        int64_t rate;       /* now; bytes per second */
        int64_t burst_ns;
        struct mono paid_to;
        struct mono report_due; /* MONO_NEVER: nothing sent since the last one */
        struct mono open_since; /* the breaker; MONO_NEVER: it is closed */
        struct mono over_at;    /* the session; MONO_NEVER: the breaker is closed, or the last session's, and nothing
                                 * has come of this one yet that would have opened it */
        int64_t slack_ns;       /* for a REPORT to come, besides */
        int64_t rate_max;       /* INT64_MAX: no ceiling */
        uint32_t missed;
        uint64_t came, lost; /* at the first try, since: */
        struct mono judged_at;
        struct mono turned_at; /* since when it has been bad, or not */
        struct mono advised_at;
        struct mono anew_at; /* when it last began */
};

void pace_init(struct pace *p, struct mono now, struct pace_config config);

enum pace_breaker pace_breaker(const struct pace *p);

/* Just begun: for a session that ended so. An open breaker is open again, until REPORTs say that it may close. */
void pace_resume(struct pace *p, struct mono now, enum pace_breaker breaker);

/* The path is another one, of which nothing is known, and rtt has begun anew: so does the rate, and the breaker is
 * closed. But not within PACE_ANEW_NS of the last beginning: then what was found out stays, the breaker with it, and
 * only a rate above a first window goes down to that. What was sent is to be paid for in any case. */
void pace_move(struct pace *p, struct mono now, const struct resend *rtt);

/* The round trip was measured anew. */
void pace_round_trip(struct pace *p, const struct resend *rtt);

/* ---- sending ------------------------------------------------------------------------------ */

/* For how long at its rate the session may send now; 0: it has to wait (say so: pace_wait). */
int64_t pace_credit_ns(const struct pace *p, struct mono now);

/* Could three quarters of a burst be sent now? Then the rate is well above what was sent last. */
bool pace_ample(const struct pace *p, struct mono now);

/* What one datagram of so many bytes takes of that. */
int64_t pace_cost_ns(const struct pace *p, size_t bytes);

/* There is something that may not go yet. */
void pace_wait(struct pace *p);

/* A datagram was sent; data: the client will answer it with a REPORT, sooner or later. */
void pace_sent(struct pace *p, struct mono now, size_t bytes, bool data);

/* When one that had to wait may go on. */
struct mono pace_ready_at(const struct pace *p);

/* ---- what the client says ----------------------------------------------------------------- */

struct pace_report {
        double loss_rate;    /* p, loss events a datagram */
        int64_t received;    /* bytes per second; 0: it does not say */
        uint32_t came, lost; /* events, since the last REPORT: at the first try */
};

enum pace_word {
        PACE_FINE,
        PACE_ADVISE, /* the breaker is open: tell the client (again: such a path loses that, too) */
        PACE_OVER,   /* it has been open too long: close the session */
};

enum pace_word pace_report(struct pace *p, struct mono now, const struct resend *rtt, const struct pace_report *r);

/* REPORTs that were missed, an open breaker that stays open. */
enum pace_word pace_expire(struct pace *p, struct mono now, const struct resend *rtt);
struct mono pace_deadline(const struct pace *p);

#endif
