/* resend: how long is the way there and back, and when is it time to ask again?
 *
 * One struct resend per peer. Samples come from PING alone, whose answer says which question it
 * belongs to; a repair or a repeated request is never timed, since its answer may belong to an
 * earlier one (Karn). Value module: no heap, no clock; spans in ns.
 *
 * Source: RFC 6298 (estimator), RFC 9002 6.2.2 (initial values), RFC 8085 3.1.1, and the
 * project's UDP wire spec, section 8 (constants).
 */
#ifndef CORE_WIRE_RESEND_H
#define CORE_WIRE_RESEND_H
#include <stdbool.h>
#include <stdint.h>

struct resend {
        int64_t srtt_ns, rttvar_ns; /* smoothed round trip and its mean deviation */
        uint64_t samples;           /* 0: srtt_ns is the initial guess */
};

enum { RESEND_REPAIRS_ALIKE = 3 };
#define RESEND_RTT_NS_INITIAL  (INT64_C(333) * 1000000)
#define RESEND_RTO_NS_FIRST    (INT64_C(1000) * 1000000) /* before any sample, and every cap */
#define RESEND_REPAIR_NS_MIN   (INT64_C(20) * 1000000)
#define RESEND_PUB_NS_MIN      (INT64_C(50) * 1000000)
#define RESEND_REORDER_NS_MIN  (INT64_C(2) * 1000000)
#define RESEND_REORDER_NS_MAX  (INT64_C(25) * 1000000)
#define RESEND_HOLD_OFF_NS_MIN (INT64_C(10) * 1000000)
#define RESEND_SAMPLE_NS_MAX   (INT64_C(60) * 1000000000)

void resend_init(struct resend *r);

/* One measured round trip. Returns false, and learns nothing, when it is negative or absurd
 * (over RESEND_SAMPLE_NS_MAX). */
bool resend_sample(struct resend *r, int64_t rtt_ns);

/* Wait for the answer to the try-th NACK (from 1): max(20 ms, 1.125 srtt + 4 rttvar + 5 ms) for
 * the first RESEND_REPAIRS_ALIKE, then half as much again each try, at most 1 s. */
int64_t resend_repair_ns(const struct resend *r, unsigned tries);

/* Wait for the answer to the try-th request or publish (from 1): max(50 ms, srtt + 4 rttvar + 5 ms),
 * 1 s before the first sample; doubled each try, at most 8 s. */
int64_t resend_request_ns(const struct resend *r, unsigned tries);

/* How late an original may be before a hole counts as loss: srtt / 8 within 2..25 ms. */
int64_t resend_reorder_ns(const struct resend *r);

/* Server: how long after a repair the same seq is not repaired again: 3/4 srtt, at least 10 ms. */
int64_t resend_hold_off_ns(const struct resend *r);

#endif
