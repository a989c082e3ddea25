#include "core/wire/ws.h"

#include "core/base/err.h"
#include "core/wire/ws_deflate.h"

enum {
        FIN = 0x80,
        RESERVED = 0x70,
        OPCODE = 0x0f,
        CONTROL = 0x08,
        MASKED = 0x80,
        LENGTH = 0x7f,
        LENGTH_16 = 126,
        LENGTH_64 = 127
};

static const struct {
        uint16_t code;
        const char *words;
} faults[WS_FAULTS] = {
#define WS_FAULT_ROW(name, code, words) { code, words },
        WS_FAULT_LIST(WS_FAULT_ROW)
#undef WS_FAULT_ROW
};

uint16_t ws_fault_code(enum ws_fault fault)
{
        return faults[fault].code;
}

const char *ws_fault_text(enum ws_fault fault)
{
        return faults[fault].words;
}

/* May this code stand in a close frame? (RFC 6455, 7.4, and the IANA registry: 1012 to 1014) */
static bool code_valid(uint16_t code)
{
        if (code >= 3000 && code <= 4999)
                return true;
        return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

void ws_init(struct ws *ws, enum ws_role role, size_t message_bytes_max)
{
        *ws = (struct ws){ .role = role, .message_bytes_max = message_bytes_max };
}

void ws_free(struct ws *ws)
{
        buf_free(&ws->gathered);
        ws_inflate_destroy(ws->inflate);
        ws->inflate = NULL;
}

void ws_mask(uint8_t *at, size_t n, const uint8_t mask[4], uint64_t phase)
{
        uint8_t turned[8];
        for (unsigned i = 0; i < sizeof turned; i++)
                turned[i] = mask[(phase + i) & 3];
        uint64_t eight, word;
        memcpy(&eight, turned, sizeof eight);
        for (; n >= sizeof word; at += sizeof word, n -= sizeof word) {
                memcpy(&word, at, sizeof word);
                word ^= eight;
                memcpy(at, &word, sizeof word);
        }
        for (size_t i = 0; i < n; i++)
                at[i] ^= turned[i];
}

static bool is_control(const struct ws *ws)
{
        return ws->head[0] & CONTROL;
}

static bool is_final(const struct ws *ws)
{
        return ws->head[0] & FIN;
}

/* What the first two bytes allow to judge, so that nonsense is refused before more of it is awaited. */
static enum ws_fault judge_start(const struct ws *ws)
{
        uint8_t opcode = ws->head[0] & OPCODE;
        uint8_t length = ws->head[1] & LENGTH;
        bool may_be_packed = ws->inflate && (opcode == WS_TEXT || opcode == WS_BINARY);
        if (ws->head[0] & RESERVED & (may_be_packed ? ~WS_PACKED : ~0))
                return WS_FAULT_RESERVED_BIT;
        if ((opcode & ~CONTROL) > WS_BINARY)
                return WS_FAULT_OPCODE;
        if (!(ws->head[1] & MASKED) != (ws->role == WS_CLIENT))
                return WS_FAULT_MASK;
        if (is_control(ws) && !is_final(ws))
                return WS_FAULT_CONTROL_FRAGMENT;
        if (is_control(ws) && length > WS_CONTROL_MAX)
                return WS_FAULT_CONTROL_SIZE;
        if (opcode == WS_CONTINUATION && ws->message == 0)
                return WS_FAULT_NO_MESSAGE;
        if (opcode != WS_CONTINUATION && !is_control(ws) && ws->message != 0)
                return WS_FAULT_IN_MESSAGE;
        return WS_FAULT_NONE;
}

static uint8_t head_bytes(const struct ws *ws)
{
        if (ws->head_n < 2)
                return 2;
        uint8_t length = ws->head[1] & LENGTH;
        unsigned extra = length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
        return (uint8_t)(2 + extra + (ws->head[1] & MASKED ? 4 : 0));
}

static uint64_t announced(const struct ws *ws, bool *shortest)
{
        struct reader r = reader_of(ws->head + 2, sizeof ws->head - 2);
        uint64_t length = ws->head[1] & LENGTH;
        *shortest = true;
        if (length == LENGTH_16) {
                length = reader_u16(&r);
                *shortest = length >= LENGTH_16;
        } else if (length == LENGTH_64) {
                length = reader_u64(&r);
                *shortest = length > UINT16_MAX && length <= INT64_MAX;
        }
        return length;
}

/* Bytes of the message on the wire. What does not get shorter by compression gets a little longer. */
static size_t wire_bytes_max(const struct ws *ws)
{
        size_t most = ws->message_bytes_max, more = ws->packed ? most / 8 + 64 : 0;
        return most > SIZE_MAX - more ? SIZE_MAX : most + more;
}

/* The head is whole: judges its length and begins the frame. */
static enum ws_fault begin_frame(struct ws *ws)
{
        bool shortest;
        uint64_t length = announced(ws, &shortest);
        if (!shortest)
                return WS_FAULT_LENGTH_FORM;
        if (!is_control(ws)) {
                if (ws->message == 0) {
                        ws->message = ws->head[0] & OPCODE;
                        ws->packed = ws->head[0] & WS_PACKED;
                        ws->fragments = 0;
                        ws->text = (struct utf8){ 0 };
                }
                if (length > wire_bytes_max(ws) - ws->gathered.n)
                        return WS_FAULT_TOO_BIG;
                if (++ws->fragments > WS_FRAGMENTS_MAX)
                        return WS_FAULT_FRAGMENTS;
        }
        ws->in_frame = true;
        ws->frame_start = ws->gathered.n;
        ws->payload_read = 0;
        ws->payload_left = length;
        return WS_FAULT_NONE;
}

/* Takes bytes of a head; *took is all of them when the head is not whole yet. */
static enum ws_fault read_head(struct ws *ws, const uint8_t *in, size_t n, size_t *took)
{
        *took = 0;
        while (ws->head_n < head_bytes(ws)) {
                if (*took == n)
                        return WS_FAULT_NONE;
                ws->head[ws->head_n++] = in[(*took)++];
                enum ws_fault fault = ws->head_n == 2 ? judge_start(ws) : WS_FAULT_NONE;
                if (fault)
                        return fault;
        }
        return begin_frame(ws);
}

static void unmask(const struct ws *ws, uint8_t *at, size_t n)
{
        if (ws->role == WS_SERVER)
                ws_mask(at, n, ws->head + ws->head_n - 4, ws->payload_read);
}

static enum ws_fault gather(struct ws *ws, struct bytes part)
{
        if (!is_control(ws) && !ws->packed && ws->message == WS_TEXT && !utf8_feed(&ws->text, part))
                return WS_FAULT_UTF8;
        return buf_put(&ws->gathered, part.at, part.n) == 0 ? WS_FAULT_NONE : WS_FAULT_MEMORY;
}

static enum ws_fault tell_close(struct bytes payload, struct ws_event *ev)
{
        ev->got = WS_GOT_CLOSE;
        ev->code = WS_NO_CODE;
        if (payload.n == 0)
                return WS_FAULT_NONE;
        struct reader r = reader_of(payload.at, payload.n);
        ev->code = reader_u16(&r);
        if (r.failed || !code_valid(ev->code))
                return WS_FAULT_CLOSE_CODE;
        ev->payload = reader_take(&r, reader_left(&r));
        return utf8_valid(ev->payload) ? WS_FAULT_NONE : WS_FAULT_UTF8;
}

static enum ws_fault tell_control(const struct ws *ws, struct bytes payload, struct ws_event *ev)
{
        ev->opcode = ws->head[0] & OPCODE;
        if (ev->opcode == WS_CLOSE)
                return tell_close(payload, ev);
        ev->got = ev->opcode == WS_PING ? WS_GOT_PING : WS_GOT_PONG;
        ev->payload = payload;
        return WS_FAULT_NONE;
}

static enum ws_fault tell_message(struct ws *ws, struct bytes message, struct ws_event *ev)
{
        ev->got = WS_GOT_MESSAGE;
        ev->opcode = ws->message;
        ev->payload = message;
        ws->message = 0;
        return ev->opcode == WS_TEXT && !utf8_whole(&ws->text) ? WS_FAULT_UTF8 : WS_FAULT_NONE;
}

/* What comes out takes the place of what was gathered. */
static enum ws_fault tell_packed(struct ws *ws, struct bytes packed, struct ws_event *ev)
{
        struct buf plain = { 0 };
        enum ws_fault fault = ws_inflate_message(ws->inflate, packed, ws->message_bytes_max, &plain);
        buf_free(&ws->gathered);
        ws->gathered = plain;
        ws->lent = true;
        if (!fault && ws->message == WS_TEXT && !utf8_valid(buf_bytes(&plain)))
                fault = WS_FAULT_UTF8;
        return fault ? fault : tell_message(ws, buf_bytes(&plain), ev);
}

/* The frame is whole in the input and needs nothing that came before it. */
static enum ws_fault tell_in_place(struct ws *ws, struct bytes payload, struct ws_event *ev)
{
        if (is_control(ws))
                return tell_control(ws, payload, ev);
        if (ws->packed)
                return tell_packed(ws, payload, ev);
        if (ws->message == WS_TEXT && !utf8_valid(payload))
                return WS_FAULT_UTF8;
        return tell_message(ws, payload, ev);
}

/* The frame's last byte was gathered; a fragment that is not the last one tells nothing. */
static enum ws_fault tell_gathered(struct ws *ws, struct ws_event *ev)
{
        struct bytes gathered = buf_bytes(&ws->gathered);
        if (is_control(ws)) {
                ws->lent = true;
                return tell_control(ws, bytes_of(gathered.at + ws->frame_start, gathered.n - ws->frame_start), ev);
        }
        if (!is_final(ws))
                return WS_FAULT_NONE;
        if (ws->packed)
                return tell_packed(ws, gathered, ev);
        ws->lent = true;
        return tell_message(ws, gathered, ev);
}

static enum ws_fault read_payload(struct ws *ws, uint8_t *in, size_t n, size_t *took, struct ws_event *ev)
{
        *took = n < ws->payload_left ? n : (size_t)ws->payload_left;
        struct bytes part = bytes_of(in, *took);
        unmask(ws, in, *took);
        bool whole = ws->payload_read == 0 && *took == ws->payload_left;
        ws->payload_read += *took;
        ws->payload_left -= *took;
        if (ws->payload_left == 0) {
                ws->in_frame = false;
                ws->head_n = 0;
        }
        if (whole && (is_control(ws) || (is_final(ws) && ws->fragments == 1)))
                return tell_in_place(ws, part, ev);
        enum ws_fault fault = gather(ws, part);
        if (fault || ws->payload_left > 0)
                return fault;
        return tell_gathered(ws, ev);
}

/* A message goes wholly, a control frame back to the message. */
void ws_rest(struct ws *ws)
{
        if (!ws->lent)
                return;
        ws->lent = false;
        if (ws->message != 0)
                ws->gathered.n = ws->frame_start;
        else
                buf_free(&ws->gathered);
}

static void end(struct ws *ws, enum ws_fault fault, struct ws_event *ev)
{
        ws->deaf = true;
        if (!fault)
                return;
        ws->lent = false;
        buf_free(&ws->gathered);
        *ev = (struct ws_event){ .got = WS_GOT_FAULT, .fault = fault };
}

size_t ws_recv(struct ws *ws, uint8_t *in, size_t n, struct ws_event *ev)
{
        *ev = (struct ws_event){ .got = WS_GOT_NOTHING };
        ws_rest(ws);
        if (ws->deaf)
                return n;
        size_t used = 0;
        while (ev->got == WS_GOT_NOTHING) {
                size_t took = 0;
                enum ws_fault fault = WS_FAULT_NONE;
                if (!ws->in_frame) {
                        fault = read_head(ws, in + used, n - used, &took);
                        used += took;
                }
                if (!fault && ws->in_frame && (used < n || ws->payload_left == 0)) {
                        fault = read_payload(ws, in + used, n - used, &took, ev);
                        used += took;
                }
                if (fault || ev->got == WS_GOT_CLOSE) {
                        end(ws, fault, ev);
                        return n;
                }
                if (used == n)
                        break;
        }
        return used;
}

/* A final frame's; mask is NULL on a server, else the payload must be masked with it, too. */
static size_t put_head(uint8_t out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t payload_bytes, const uint8_t *mask)
{
        struct writer w = writer_of(out, WS_HEAD_MAX);
        uint8_t masked = mask ? MASKED : 0;
        writer_u8(&w, (uint8_t)(FIN | opcode));
        if (payload_bytes < LENGTH_16) {
                writer_u8(&w, (uint8_t)(masked | payload_bytes));
        } else if (payload_bytes <= UINT16_MAX) {
                writer_u8(&w, masked | LENGTH_16);
                writer_u16(&w, (uint16_t)payload_bytes);
        } else {
                writer_u8(&w, masked | LENGTH_64);
                writer_u64(&w, payload_bytes);
        }
        if (mask)
                writer_put(&w, mask, 4);
        return writer_used(&w);
}

int ws_put(struct buf *out, enum ws_opcode opcode, struct bytes payload, const uint8_t *mask)
{
        uint8_t *at = buf_room(out, WS_HEAD_MAX + payload.n);
        if (!at)
                return ERR_NO_MEMORY;
        size_t head_n = put_head(at, opcode, payload.n, mask);
        if (payload.n > 0)
                memcpy(at + head_n, payload.at, payload.n);
        if (mask)
                ws_mask(at + head_n, payload.n, mask, 0);
        out->n += head_n + payload.n;
        return 0;
}

ptrdiff_t ws_begin(struct buf *out)
{
        if (!buf_room(out, WS_HEAD_ROOM))
                return ERR_NO_MEMORY;
        out->n += WS_HEAD_ROOM;
        return (ptrdiff_t)(out->n - WS_HEAD_ROOM);
}

void ws_end(struct buf *out, ptrdiff_t start, enum ws_opcode opcode)
{
        uint8_t head[WS_HEAD_MAX], *frame = out->at + start;
        size_t payload_n = out->n - (size_t)start - WS_HEAD_ROOM;
        size_t head_n = put_head(head, opcode, payload_n, NULL);
        memmove(frame + head_n, frame + WS_HEAD_ROOM, payload_n);
        memcpy(frame, head, head_n);
        out->n = (size_t)start + head_n + payload_n;
}

int ws_put_close(struct buf *out, uint16_t code, const char *reason, const uint8_t *mask)
{
        uint8_t payload[WS_CONTROL_MAX];
        struct writer w = writer_of(payload, sizeof payload);
        if (code != WS_NO_CODE) {
                size_t reason_n = strlen(reason);
                writer_u16(&w, code);
                writer_put(&w, reason, reason_n < sizeof payload - 2 ? reason_n : sizeof payload - 2);
        }
        return ws_put(out, WS_CLOSE, bytes_of(payload, writer_used(&w)), mask);
}
