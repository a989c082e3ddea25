/* Whatever bytes come: what the scan takes can be walked, unpacked and, as an event, said in JSON
 * and read back (of equal keys in a map the last; a bin under another is gone). */
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/event/event.h"
#include "core/event/json.h"
#include "core/event/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t in_bytes);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static uint32_t walk(struct bytes items)
{
        uint32_t n = 0, members_n;
        struct bytes item, inside;
        while (pack_next(&items, &item)) {
                check(pack_kind(item) != PACK_NONE);
                n++;
                if (pack_get_array(item, &members_n, &inside) || pack_get_map(item, &members_n, &inside))
                        n += walk(inside);
        }
        check(items.n == 0);
        return n;
}

static void unpacks(struct bytes in)
{
        msgpack_unpacked result;
        msgpack_unpacked_init(&result);
        size_t end = 0;
        check(msgpack_unpack_next(&result, (const char *)in.at, in.n, &end) == MSGPACK_UNPACK_SUCCESS);
        check(end == in.n);
        msgpack_unpacked_destroy(&result);
}

static bool holds(struct bytes text, const char *part)
{
        return memmem(text.at, text.n, part, strlen(part)) != NULL;
}

static void says_in_json(const struct event *e)
{
        struct buf text = { 0 }, again = { 0 };
        struct json_bins bins;
        struct event read;
        check(json_from_pack(e->packed, &text, &bins) == 0);
        check(bins.n == e->bins_n);
        int err = json_to_pack(buf_bytes(&text), &again, &bins);
        check(err == 0 || (err == ERR_MALFORMED && holds(buf_bytes(&text), "\\u0000"))); /* NUL in a key */
        if (!err && event_parse(buf_bytes(&again), SIZE_MAX, &read) == 0)
                check(bytes_equal(read.name, e->name) && read.args_n == e->args_n && read.bins_n <= e->bins_n);
        buf_free(&text);
        buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t in_bytes)
{
        static const struct pack_limits wide = {
                .bytes_max = 1 << 20, .items_max = 4096, .depth_max = 31, .ext = true
        };
        struct bytes packed = bytes_of(in, in_bytes), rest = packed, item;
        struct pack_census census;
        struct event e;
        if (pack_scan_census(packed, &wide, &census) == 0) {
                check(walk(packed) == census.items);
                unpacks(packed);
        }
        while (pack_next(&rest, &item)) /* not scanned: wrong answers are fine, stepping outside is not */
                pack_map_text(item, "key");
        if (event_parse(packed, SIZE_MAX, &e) == 0)
                says_in_json(&e);
        return 0;
}
