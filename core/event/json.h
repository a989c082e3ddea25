/* json: JSON text <-> canonical msgpack, in this one place.
 *
 * Reading is strict (jansson's parser behind a scan that counts): bad UTF-8, lone surrogates,
 * depth over 16, over 4,096 values, numbers beyond a double and trailing text are refused. Key
 * order is kept; of equal keys the last value counts. A whole number becomes an integer however it
 * is written, if it fits int64; a text with a larger one has all its numbers read as doubles, as
 * JavaScript would.
 *
 * Writing follows JSON.stringify: reals in their shortest form (0.1; 1 for 1.0; 1e+21; a few powers
 * of two get a digit more), NaN and infinities as null. Integers are written in full, all 64 bits
 * of them, and integer keys as text.
 *
 * Binary: JSON has none. json_from_pack writes {"_placeholder":true,"num":k} for the k-th bin met
 * depth first and lends the bins (Socket.IO attachments); json_to_pack puts the given attachments
 * in the placeholders' places.
 *
 * Source: RFC 8259; ECMA-262 Number::toString; socket.io-parser 4.2.7 binary.ts.
 */
#ifndef CORE_EVENT_JSON_H
#define CORE_EVENT_JSON_H
#include "core/base/bytes.h"
#include "core/event/event.h"

enum { JSON_BINS_MAX = EVENT_BINS_MAX };

struct json_bins {
        uint32_t n;
        struct bytes bin[JSON_BINS_MAX]; /* borrowed from the item */
};

/* Appends the JSON text of one item to out. It must have passed a scan; all of an event that
 * event_parse took has a JSON text.
 *
 * bins     filled; NULL: the caller expects no bin
 * returns  0; ERR_UNSUPPORTED (ext, a map key that is neither text nor integer, a bin where bins
 *          is NULL); ERR_FULL (more than JSON_BINS_MAX bins); ERR_MALFORMED (text that is not
 *          UTF-8; bins together with a map that a reader would take for a placeholder);
 *          ERR_NO_MEMORY. out is as before on failure. */
int json_from_pack(struct bytes item, struct buf *out, struct json_bins *bins);

/* Appends the canonical msgpack of one JSON text (any value) to out.
 *
 * bins     the attachments to put in; NULL or empty when there are none, and a placeholder is then
 *          a map like any other. Each may be used once: a short text cannot multiply a long bin
 * returns  0; ERR_MALFORMED; ERR_TOO_BIG (depth, values); ERR_NO_MEMORY. out is as before on
 *          failure. */
int json_to_pack(struct bytes text, struct buf *out, const struct json_bins *bins);

#endif
