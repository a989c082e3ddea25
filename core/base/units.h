/* units: quantities as people write them: "20ms", "10mbit", "64b", "200/s", "2%".
 *
 * A unit is required: a bare number is ERR_UNIT, so that nobody has to guess. Decimals are
 * accepted ("1.5s"); spaces, signs, exponents and NaN are not (ERR_MALFORMED, or ERR_UNIT where
 * they stand in the unit's place). What does not fit the result is ERR_RANGE. On failure the
 * result is left alone.
 *
 *   span    ns us ms s m h                  -> int64_t ns
 *   size    b kb mb gb kib mib gib          -> uint64_t bytes
 *   rate    /s /ms /m                       -> double events per second
 *   bitrate bit kbit mbit gbit (per second) -> uint64_t bits per second
 *   share   %                               -> double 0..1 (0% to 100%)
 *   count   no unit, a whole number         -> uint64_t
 */
#ifndef CORE_BASE_UNITS_H
#define CORE_BASE_UNITS_H
#include <stdint.h>

int units_span(const char *text, int64_t *span_ns);
int units_size(const char *text, uint64_t *size_bytes);
int units_rate(const char *text, double *rate_per_s);
int units_bitrate(const char *text, uint64_t *rate_bps);
int units_share(const char *text, double *share);
int units_count(const char *text, uint64_t *count);

enum { UNITS_TEXT_MAX = 24 };

/* Writes a span as people read it ("25.0ms", "1.20s") into text and returns text. */
const char *units_span_text(int64_t span_ns, char text[UNITS_TEXT_MAX]);

#endif
