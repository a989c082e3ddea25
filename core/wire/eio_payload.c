#include "core/wire/eio_payload.h"

#include <sodium.h>

#include "core/base/err.h"
#include "core/wire/ws.h"

enum { SEPARATOR = 0x1e, OPCODE_BITS = 0x0f, LENGTH_BITS = 0x7f };

bool eio_payload_next(struct bytes *payload, struct bytes *packet)
{
        if (!payload->at)
                return false;
        const uint8_t *end = payload->n > 0 ? memchr(payload->at, SEPARATOR, payload->n) : NULL;
        *packet = bytes_of(payload->at, end ? (size_t)(end - payload->at) : payload->n);
        *payload = end ? bytes_of(end + 1, payload->n - packet->n - 1) : bytes_of(NULL, 0);
        return true;
}

/* One frame's opcode and payload; the reader fails when it is not whole. */
static enum ws_opcode take_frame(struct reader *r, struct bytes *payload)
{
        enum ws_opcode opcode = reader_u8(r) & OPCODE_BITS;
        uint64_t n = reader_u8(r) & LENGTH_BITS;
        if (n == 126)
                n = reader_u16(r);
        else if (n == 127)
                n = reader_u64(r);
        *payload = reader_take(r, n);
        return opcode;
}

static int put_base64(struct buf *body, struct bytes b)
{
        size_t room = sodium_base64_encoded_len(b.n, sodium_base64_VARIANT_ORIGINAL);
        uint8_t *at = buf_room(body, room + 1);
        if (!at)
                return ERR_NO_MEMORY;
        *at = 'b';
        sodium_bin2base64((char *)at + 1, room, b.at, b.n, sodium_base64_VARIANT_ORIGINAL);
        body->n += room; /* its final zero makes up for the b */
        return 0;
}

static int put_packet(struct buf *body, enum ws_opcode opcode, struct bytes payload)
{
        int err = body->n > 0 && opcode != WS_PONG ? buf_put(body, &(uint8_t){ SEPARATOR }, 1) : 0;
        switch (opcode) {
        case WS_TEXT:
                if (payload.n == 0)
                        return ERR_MALFORMED;
                return err ? err : buf_put(body, payload.at, payload.n);
        case WS_BINARY:
                return err ? err : put_base64(body, payload);
        case WS_CLOSE:
                return err ? err : buf_text(body, "1");
        case WS_PONG:
                return err;
        default:
                return ERR_MALFORMED;
        }
}

int eio_payload_put(struct buf *body, struct bytes frames)
{
        size_t before = body->n;
        struct reader r = reader_of(frames.at, frames.n);
        int err = 0;
        while (!err && reader_left(&r) > 0) {
                struct bytes payload;
                enum ws_opcode opcode = take_frame(&r, &payload);
                err = r.failed ? ERR_MALFORMED : put_packet(body, opcode, payload);
        }
        if (err)
                body->n = before;
        return err;
}
