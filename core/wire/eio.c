#include "core/wire/eio.h"

#include <inttypes.h>
#include <sodium.h>

#include "core/base/base64.h"
#include "core/base/err.h"
#include "core/base/mono.h"
#include "core/base/rng.h"
#include "core/event/json.h"
#include "core/event/pack.h"

static int parse_base64(struct bytes text, struct buf *scratch, struct eio_packet *p)
{
        scratch->n = 0;
        if (!buf_room(scratch, text.n))
                return ERR_NO_MEMORY;
        int err = base64_read(text, scratch->at, text.n, &scratch->n);
        if (err)
                return err;
        *p = (struct eio_packet){ EIO_MESSAGE, true, buf_bytes(scratch) };
        return 0;
}

int eio_parse(bool binary, struct bytes message, struct buf *scratch, struct eio_packet *p)
{
        if (binary) {
                *p = (struct eio_packet){ EIO_MESSAGE, true, message };
                return 0;
        }
        if (message.n == 0)
                return ERR_MALFORMED;
        struct bytes rest = bytes_of(message.at + 1, message.n - 1);
        uint8_t type = message.at[0];
        if (type == 'b')
                return parse_base64(rest, scratch, p);
        if (type < EIO_OPEN || type > EIO_NOOP)
                return ERR_MALFORMED;
        *p = (struct eio_packet){ type, false, rest };
        return 0;
}

void eio_sid(char sid[EIO_SID_CHARS + 1])
{
        uint8_t raw[EIO_SID_CHARS / 4 * 3];
        rng_os(raw, sizeof raw);
        sodium_bin2base64(sid, EIO_SID_CHARS + 1, raw, sizeof raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int eio_put_open(struct buf *out, const struct eio_open *o)
{
        return buf_printf(out,
                          "0{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%" PRId64 ",\"pingTimeout\":%" PRId64
                          ",\"maxPayload\":%" PRIu64 "}",
                          o->sid, o->upgrade ? "\"websocket\"" : "", o->ping_interval_ns / NS_PER_MS,
                          o->ping_timeout_ns / NS_PER_MS, o->payload_bytes_max);
}

/* A span in milliseconds; 0 is refused, and what two of would overflow: a client waits for their sum. */
static bool get_span(struct bytes map, const char *key, int64_t *span_ns)
{
        uint64_t ms;
        if (!pack_get_u64(pack_map_text(map, key), &ms) || ms == 0 || ms > (uint64_t)(INT64_MAX / 2 / NS_PER_MS))
                return false;
        *span_ns = (int64_t)ms * NS_PER_MS;
        return true;
}

/* RFC 3986's unreserved characters: those that need no quotes, neither in JSON nor in a URL. */
static bool is_sid(struct bytes sid)
{
        for (size_t i = 0; i < sid.n; i++) {
                uint8_t c = sid.at[i];
                bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', digit = c >= '0' && c <= '9';
                if (!letter && !digit && c != '-' && c != '_' && c != '.' && c != '~')
                        return false;
        }
        return sid.n > 0 && sid.n <= EIO_SID_MAX;
}

static int read_open(struct bytes map, struct eio_open *o)
{
        struct bytes sid;
        if (!pack_get_text(pack_map_text(map, "sid"), &sid) || !is_sid(sid))
                return ERR_MALFORMED;
        *o = (struct eio_open){ 0 };
        memcpy(o->sid, sid.at, sid.n);
        if (!get_span(map, "pingInterval", &o->ping_interval_ns) || !get_span(map, "pingTimeout", &o->ping_timeout_ns))
                return ERR_MALFORMED;
        pack_get_u64(pack_map_text(map, "maxPayload"), &o->payload_bytes_max);
        return 0;
}

int eio_parse_open(struct bytes body, struct eio_open *o)
{
        struct buf map = { 0 };
        int err = json_to_pack(body, &map, NULL);
        if (!err)
                err = read_open(buf_bytes(&map), o);
        buf_free(&map);
        return err == ERR_TOO_BIG ? ERR_MALFORMED : err;
}
