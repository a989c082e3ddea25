/* Whatever text comes: what is taken becomes msgpack within the event's limits, and printing and
 * reading it settles after one round. */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/event/json.h"
#include "core/event/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t in_bytes);

static void check(bool holds)
{
        if (!holds)
                abort();
}

/* Prints *packed and puts what is read from the print in its place. Tells whether that changed it. */
static bool print_and_read(struct buf *packed)
{
        struct buf text = { 0 }, again = { 0 };
        struct json_bins lent;
        check(json_from_pack(buf_bytes(packed), &text, &lent) == 0);
        check(json_to_pack(buf_bytes(&text), &again, &lent) == 0);
        bool changed = !bytes_equal(buf_bytes(packed), buf_bytes(&again));
        buf_free(&text);
        buf_free(packed);
        *packed = again;
        return changed;
}

static void there_and_back(struct bytes text, const struct json_bins *bins)
{
        struct pack_limits limits = pack_limits_event;
        struct buf packed = { 0 };
        limits.bytes_max = SIZE_MAX;
        if (json_to_pack(text, &packed, bins)) {
                check(packed.n == 0);
        } else {
                check(pack_scan(buf_bytes(&packed), &limits) == 0);
                print_and_read(&packed); /* 1e20 is printed as a huge integer, which makes its neighbours reals */
                check(!print_and_read(&packed));
        }
        buf_free(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t in_bytes)
{
        struct json_bins bins = { .n = 2, .bin = { bytes_text("first"), bytes_text("") } };
        there_and_back(bytes_of(in, in_bytes), NULL);
        there_and_back(bytes_of(in, in_bytes), &bins);
        return 0;
}
