#include "core/event/event.h"

#include "core/base/err.h"
#include "core/event/pack.h"

static bool says_placeholder(struct bytes key, struct bytes value)
{
        struct bytes text;
        bool yes;
        return pack_get_text(key, &text) && bytes_equal(text, bytes_text("_placeholder")) &&
               pack_get_bool(value, &yes) && yes;
}

/* Is there a map among the items (keys and values in turn, if `pairs`) that a Socket.IO client
 * would replace by an attachment? A stranger could have put it there to break every listener's
 * parser. The scan has bounded the depth. */
static bool has_placeholder(struct bytes items, bool pairs)
{
        struct bytes item, members;
        uint32_t n;
        while (pack_next(&items, &item)) {
                if (pairs) {
                        struct bytes key = item;
                        if (pack_next(&items, &item) && says_placeholder(key, item))
                                return true;
                }
                if (pack_get_array(item, &n, &members) && has_placeholder(members, false))
                        return true;
                if (pack_get_map(item, &n, &members) && has_placeholder(members, true))
                        return true;
        }
        return false;
}

int event_parse(struct bytes packed, size_t bytes_max, struct event *e)
{
        struct pack_limits limits = pack_limits_event;
        struct pack_census census;
        struct bytes first;
        struct event found = { .packed = packed };
        uint32_t n;
        limits.bytes_max = bytes_max;
        int err = pack_scan_census(packed, &limits, &census);
        if (err)
                return err == ERR_TRUNCATED ? ERR_MALFORMED : err;
        if (!pack_get_array(packed, &n, &found.args) || !pack_next(&found.args, &first) ||
            !pack_get_text(first, &found.name) || found.name.n == 0 || found.name.n > EVENT_NAME_MAX)
                return ERR_MALFORMED;
        if (census.bins > EVENT_BINS_MAX)
                return ERR_TOO_BIG;
        if (census.bins > 0 && has_placeholder(found.args, false))
                return ERR_MALFORMED;
        found.args_n = n - 1;
        found.bins_n = census.bins;
        *e = found;
        return 0;
}

struct bytes event_arg(const struct event *e, uint32_t i)
{
        struct bytes rest = e->args, item;
        while (pack_next(&rest, &item))
                if (i-- == 0)
                        return item;
        return (struct bytes){ 0 };
}

bool event_is(const struct event *e, const char *name)
{
        return bytes_equal(e->name, bytes_text(name));
}

int event_begin(struct buf *out, const char *name, uint32_t args_n)
{
        size_t before = out->n;
        int err = pack_put_array(out, args_n + 1);
        if (!err)
                err = pack_put_word(out, name);
        if (err)
                out->n = before;
        return err;
}
