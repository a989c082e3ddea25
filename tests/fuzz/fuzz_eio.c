/* Engine.IO from a stranger. The first byte picks one of three: a packet (what is read, written again, is the
 * message to the letter), an open packet's body (what is read is written, and read alike), or a polling body
 * (taken apart, put into frames and joined again it is the same; frames that are not whole change nothing). */
#include <sodium.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/wire/eio.h"
#include "core/wire/eio_payload.h"
#include "core/wire/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void need(bool good)
{
        if (!good)
                abort();
}

static bool is(struct bytes b, const char *text)
{
        return bytes_equal(b, bytes_text(text));
}

/* ---- a packet ----------------------------------------------------------------------------------- */

static void put_base64(struct buf *out, struct bytes b)
{
        size_t room = sodium_base64_ENCODED_LEN(b.n, sodium_base64_VARIANT_ORIGINAL);
        uint8_t *at = buf_room(out, room);
        need(at != NULL);
        sodium_bin2base64((char *)at, room, b.at, b.n, sodium_base64_VARIANT_ORIGINAL);
        out->n += room - 1;
}

static void packet(bool binary, struct bytes message)
{
        struct buf scratch = { 0 }, again = { 0 };
        struct eio_packet p;
        int err = eio_parse(binary, message, &scratch, &p);
        need(!err || (err == ERR_MALFORMED && !binary));
        if (!err) {
                need(p.type >= EIO_OPEN && p.type <= EIO_NOOP && (!p.binary || p.type == EIO_MESSAGE));
                if (!binary)
                        buf_put(&again, &(uint8_t){ p.binary ? 'b' : (uint8_t)p.type }, 1);
                if (!binary && p.binary)
                        put_base64(&again, p.body);
                else
                        buf_put(&again, p.body.at, p.body.n);
                need(bytes_equal(buf_bytes(&again), message));
        }
        buf_free(&scratch);
        buf_free(&again);
}

/* ---- an open packet ----------------------------------------------------------------------------- */

static void open_packet(struct bytes body)
{
        struct eio_open o, back;
        struct buf text = { 0 };
        int64_t sum_ns;
        if (eio_parse_open(body, &o) != 0)
                return;
        need(o.sid[0] != '\0' && strlen(o.sid) <= EIO_SID_MAX);
        need(o.ping_interval_ns > 0 && o.ping_timeout_ns > 0);
        need(!__builtin_add_overflow(o.ping_interval_ns, o.ping_timeout_ns, &sum_ns)); /* a client waits so long */
        need(eio_put_open(&text, &o) == 0 && text.n > 0 && text.at[0] == EIO_OPEN);
        need(eio_parse_open(bytes_of(text.at + 1, text.n - 1), &back) == 0);
        need(strcmp(back.sid, o.sid) == 0 && back.payload_bytes_max == o.payload_bytes_max);
        need(back.ping_interval_ns == o.ping_interval_ns && back.ping_timeout_ns == o.ping_timeout_ns);
        buf_free(&text);
}

/* ---- a polling body ------------------------------------------------------------------------------ */

/* The packet as the frame that a server has of it. False: no server would. */
static bool put_frame(struct buf *frames, struct bytes packet_text, struct buf *scratch)
{
        struct eio_packet p;
        if (eio_parse(false, packet_text, scratch, &p) != 0)
                return false;
        if (p.binary)
                return ws_put(frames, WS_BINARY, p.body, NULL) == 0;
        if (is(packet_text, "1"))
                return ws_put_close(frames, 1000, "", NULL) == 0;
        return ws_put(frames, WS_TEXT, packet_text, NULL) == 0;
}

static void check_put(struct bytes body, struct bytes frames, size_t last_frame)
{
        struct buf out = { 0 };
        need(eio_payload_put(&out, frames) == 0 && bytes_equal(buf_bytes(&out), body));
        /* once more behind that: one 0x1E more, and cut within its last frame nothing */
        size_t cut = last_frame + (frames.n - last_frame) / 2;
        if (cut > last_frame)
                need(eio_payload_put(&out, bytes_of(frames.at, cut)) == ERR_MALFORMED && out.n == body.n);
        need(eio_payload_put(&out, frames) == 0 && out.n == 2 * body.n + 1);
        need(memcmp(out.at, body.at, body.n) == 0 && out.at[body.n] == 0x1e);
        need(memcmp(out.at + body.n + 1, body.at, body.n) == 0);
        buf_free(&out);
}

static void polling(struct bytes body)
{
        struct buf frames = { 0 }, joined = { 0 }, scratch = { 0 };
        struct bytes rest = body, one;
        bool all = true;
        size_t last_frame = 0;
        for (size_t i = 0; eio_payload_next(&rest, &one); i++) {
                need(one.n == 0 || !memchr(one.at, 0x1e, one.n));
                buf_put(&joined, "\x1e", i > 0);
                buf_put(&joined, one.at, one.n);
                if (one.n % 4 == 2)
                        ws_put(&frames, WS_PONG, one, NULL); /* WebSocket's own: it is left out */
                last_frame = frames.n;
                all = all && put_frame(&frames, one, &scratch);
        }
        need(bytes_equal(buf_bytes(&joined), body));
        if (all)
                check_put(body, buf_bytes(&frames), last_frame);
        buf_free(&frames);
        buf_free(&joined);
        buf_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        if (n < 1)
                return 0;
        struct bytes rest = bytes_of(in + 1, n - 1);
        if (in[0] % 4 == 0)
                open_packet(rest);
        else if (in[0] % 4 == 1)
                polling(rest);
        else
                packet(in[0] % 4 == 3, rest);
        return 0;
}
