/* json: JSON text <-> canonical msgpack, in this one place.
 *
 * Both directions are strict: bad UTF-8, depth over 16, over 4,096 values, trailing text and NaN
 * are refused; key order is kept; integers of 64 bits survive, larger ones become reals; 0.1 stays
 * 0.1. Parsing is jansson's.
 *
 * Binary: JSON has none. json_from_pack writes {"_placeholder":true,"num":k} for the k-th bin met
 * depth first and lends the bins (Socket.IO attachments); json_to_pack puts the given attachments
 * in the placeholders' places.
 */
#ifndef CORE_EVENT_JSON_H
#define CORE_EVENT_JSON_H
#include "core/base/bytes.h"

enum { JSON_BINS_MAX = 10 }; /* socket.io-parser 4.2.7 takes at most 10 attachments */

struct json_bins {
        uint32_t n;
        struct bytes bin[JSON_BINS_MAX]; /* borrowed from the item */
};

/* Appends the JSON text of one scanned item to out. bins may be NULL: a bin is then
 * ERR_UNSUPPORTED. Also ERR_FULL (more than JSON_BINS_MAX bins), ERR_NO_MEMORY; out is as before
 * on failure. */
int json_from_pack(struct bytes item, struct buf *out, struct json_bins *bins);

/* Appends the canonical msgpack of one JSON text to out. bins: the attachments to put in, NULL or
 * empty when there are none. ERR_MALFORMED, ERR_TOO_BIG, ERR_NO_MEMORY; out is as before on
 * failure. */
int json_to_pack(struct bytes text, struct buf *out, const struct json_bins *bins);

#endif
