/* The UDP client before a hostile server. The input is a list of steps: one byte says what, one how
 * many bytes of payload follow; a server that means well does the handshake and the JOINs, so that
 * the rest meets a client with rooms.
 *
 * Whatever it is: the client sends good datagrams and not many of them, every event it tells is
 * one, and in each room what it tells goes forward.
 */
#include <stdlib.h>

#include "client/udp_client.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "core/wire/crc32c.h"
#include "core/wire/dgram.h"
#include "core/wire/dgram_tail.h"
#include "core/wire/fec.h"

enum step {
        STEP_RAW,
        STEP_SAY,
        STEP_DATA,
        STEP_BEAT,
        STEP_PASS,
        STEP_CALL,
        STEP_JOIN,
        STEP_CLOSE,
        STEP_PART,
        STEP_FEC,
        STEPS
};
enum { ROOMS = 5, SENT_MAX = 400, TAG_OF_ROOMS = 0x100 };

struct world {
        struct mono now;
        struct client *client;
        enum client_mode mode;
        bool open;
        uint32_t epoch, pktno;
        uint64_t told[256]; /* last seq of each room, by its first letter; 'e' for everyone's */
};

static const struct transport *const t = &udp_transport;

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void need(bool holds)
{
        if (!holds)
                abort();
}

/* ---- the server that means well ------------------------------------------------------------- */

static void recv_bytes(struct world *w, struct bytes datagram)
{
        uint8_t *exact = malloc(datagram.n + !datagram.n);
        if (datagram.n > 0)
                memcpy(exact, datagram.at, datagram.n);
        if (w->open)
                t->recv(w->client, w->now, exact, datagram.n);
        free(exact);
}

static void give(struct world *w, struct dgram_msg *m)
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct writer writer = writer_of(out, sizeof out);
        if (dgram_has_pktno(m->type)) {
                m->tag = 1;
                m->epoch = w->epoch;
                m->pktno = ++w->pktno;
        }
        if (dgram_put(&writer, m))
                recv_bytes(w, bytes_of(out, writer_used(&writer)));
}

static void accept(struct world *w, uint64_t nonce)
{
        w->pktno = 0;
        struct dgram_msg m = { .type = DGRAM_ACCEPT,
                               .accept = { .session_tag = 1,
                                           .origin = 9,
                                           .datagram_bytes_max = DGRAM_BYTES_MAX,
                                           .idle_s = 30,
                                           .own = { TAG_OF_ROOMS, 1, 0, 1 },
                                           .all = { TAG_OF_ROOMS + 1, 1, 0, 1 },
                                           .nonce = nonce,
                                           .id = bytes_text("own") } };
        give(w, &m);
}

/* Whoever left and joins again begins behind what he was told: in one log seqs only grow. */
static uint64_t start_of(const struct world *w, const struct dgram_join_room *r)
{
        uint64_t told = w->told[r->room.n > 0 ? r->room.at[0] : 'e'];
        if (r->epoch == 0)
                return told < DGRAM_COUNT_MAX ? told + 1 : DGRAM_COUNT_MAX;
        return r->epoch == w->epoch && r->contig < DGRAM_COUNT_MAX ? r->contig + 1 : 1;
}

static void answer_join(struct world *w, struct bytes tail)
{
        struct dgram_join join;
        struct dgram_join_ok ok = { 0 };
        struct buf out = { 0 };
        need(dgram_join_parse(tail, &join) == 0);
        ok.req = join.req;
        for (uint32_t i = 0; i < join.rooms_n; i++) {
                const struct dgram_join_room *r = &join.room[i];
                uint64_t start = start_of(w, r);
                uint32_t ref = r->room.n == 0                            ? 2
                               : bytes_equal(r->room, bytes_text("own")) ? 1
                                                                         : 3 + (r->room.at[0] - 'a');
                ok.room[ok.rooms_n++] = (struct dgram_joined_room){ .room = r->room,
                                                                    .chan_ref = ref,
                                                                    .tag = TAG_OF_ROOMS - 1 + ref,
                                                                    .epoch = w->epoch,
                                                                    .tail = start,
                                                                    .head = start - 1,
                                                                    .start = start };
        }
        need(dgram_join_ok_put(&out, &ok) == 0);
        give(w, &(struct dgram_msg){ .type = DGRAM_JOIN_OK, .join_ok = { buf_bytes(&out) } });
        buf_free(&out);
}

static void serve(struct world *w, struct bytes message)
{
        struct dgram_msg m;
        need(dgram_parse(message, &m) == 0);
        if (m.type == DGRAM_HELLO)
                give(w, &(struct dgram_msg){ .type = DGRAM_COOKIE, .cookie = { .nonce = m.hello.nonce } });
        else if (m.type == DGRAM_CONNECT)
                accept(w, m.connect.proof.nonce);
        else if (m.type == DGRAM_JOIN)
                answer_join(w, m.join.tail);
}

/* ---- the client's edge ---------------------------------------------------------------------- */

/* What is told of a room goes forward; but unordered, where events may pass each other. The end of a
 * log, told as lost from some seq on, begins anew. */
static void see(struct world *w, struct bytes room, uint64_t from, uint64_t to)
{
        uint64_t *told = &w->told[room.n > 0 ? room.at[0] : 'e'];
        need(from > 0 && from <= to);
        need((w->mode != CLIENT_MODE_NACK_ORDERED && w->mode != CLIENT_MODE_FEC_ORDERED) || from > *told);
        *told = to == UINT64_MAX ? 0 : to;
}

static void hear(struct world *w, const struct client_event *ev)
{
        struct event e;
        if (ev->kind == CLIENT_GAP)
                see(w, ev->room, ev->from, ev->to);
        if (ev->kind == CLIENT_EVENT) {
                need(event_parse(ev->event, SIZE_MAX, &e) == 0);
                see(w, ev->room, ev->seq, ev->seq);
        }
}

static void turn(struct world *w)
{
        struct client_event ev;
        uint8_t out[DGRAM_BYTES_MAX];
        for (int sent = 0;; sent++) {
                need(sent < SENT_MAX);
                if (!w->open && t->wish(w->client) == CLIENT_OPEN) {
                        w->open = true;
                        t->opened(w->client, w->now);
                }
                while (t->next(w->client, &ev))
                        hear(w, &ev);
                size_t n = w->open ? t->send(w->client, w->now, out, sizeof out) : 0;
                struct bytes rest = bytes_of(out, n), message;
                need(n == 0 || dgram_check(rest) == DGRAM_GOOD);
                while (n > 0 && dgram_next(&rest, &message))
                        serve(w, message);
                if (n > 0)
                        continue;
                if (!w->open || t->wish(w->client) != CLIENT_CLOSE)
                        return;
                w->open = false;
                t->closed(w->client, w->now, "closed");
        }
}

/* To the end of the span, deadline by deadline, but not more than 200 of them. */
static void pass(struct world *w, int64_t span_ns)
{
        struct mono until = mono_add(w->now, span_ns);
        for (int i = 0; i < 200; i++) {
                struct mono due = t->deadline(w->client);
                if (mono_before(until, due))
                        break;
                w->now = mono_before(w->now, due) ? due : w->now;
                t->expire(w->client, w->now);
                turn(w);
        }
        w->now = until;
}

/* ---- what it is given ----------------------------------------------------------------------- */

/* One message of the session: payload is type, flags and body. */
static void say(struct world *w, struct bytes payload)
{
        uint8_t out[DGRAM_SESSION_HEADER + UINT8_MAX];
        struct writer writer = writer_of(out, sizeof out);
        struct reader r = reader_of(payload.at, payload.n);
        uint8_t type = reader_u8(&r), flags = reader_u8(&r);
        writer_u16(&writer, DGRAM_MAGIC);
        writer_u8(&writer, DGRAM_VERSION);
        writer_u8(&writer, type);
        writer_u16(&writer, flags);
        writer_u16(&writer, (uint16_t)(DGRAM_SESSION_HEADER + reader_left(&r)));
        writer_u64(&writer, 1);
        writer_u32(&writer, w->epoch);
        writer_u32(&writer, ++w->pktno);
        writer_put(&writer, r.at, reader_left(&r));
        recv_bytes(w, bytes_of(out, writer_used(&writer)));
}

/* A good DATA: room, flags, origin, far (a power of two to add to seq), seq, eid; then the event. */
static void data(struct world *w, struct bytes payload)
{
        struct reader r = reader_of(payload.at, payload.n);
        uint64_t room = reader_u8(&r) % ROOMS;
        struct dgram_msg m = { .type = DGRAM_DATA, .flags = reader_u8(&r), .tag = TAG_OF_ROOMS + room };
        struct buf event = { 0 };
        m.data.origin = reader_u8(&r);
        uint8_t far = reader_u8(&r);
        m.data.seq = 1 + reader_u8(&r) + (far ? UINT64_C(1) << far % 63 : 0);
        m.data.eid = 1 + reader_u8(&r);
        if (r.failed)
                return;
        need(pack_put_array(&event, 1) == 0 && pack_put_text(&event, bytes_of(r.at, reader_left(&r))) == 0);
        m.data.epoch = w->epoch;
        m.data.event = buf_bytes(&event);
        m.data.event_bytes = (uint16_t)event.n;
        m.data.frag_cnt = 1;
        m.data.crc32c = crc32c(buf_bytes(&event));
        m.data.seq = m.data.seq > DGRAM_COUNT_MAX ? DGRAM_COUNT_MAX : m.data.seq;
        give(w, &m);
        buf_free(&event);
}

/* Parity of events that are all alike but for seq and eid, as data() gives them: room, base, mask, the code and which
 * one (three bits each), a lie in its first bytes; then the event. */
static void fec(struct world *w, struct bytes payload)
{
        uint8_t symbol[FEC_SYMBOL_MAX], parity[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX] = { { 0 } }, *to[DGRAM_FEC_M_MAX],
                                        i = 0;
        struct reader r = reader_of(payload.at, payload.n);
        struct dgram_msg m = { .type = DGRAM_FEC, .tag = TAG_OF_ROOMS + reader_u8(&r) % ROOMS };
        m.fec.base = 1 + (uint64_t)reader_u8(&r);
        m.fec.mask = reader_u8(&r) | 1u;
        uint8_t code = reader_u8(&r), lie = reader_u8(&r);
        m.fec.k = 8;
        m.fec.m = (uint8_t)(1 + (code & 7));
        m.fec.idx = (uint8_t)((code >> 3 & 7) % m.fec.m);
        m.fec.epoch = w->epoch;
        struct buf event = { 0 };
        if (r.failed)
                return;
        need(pack_put_array(&event, 1) == 0 && pack_put_text(&event, bytes_of(r.at, reader_left(&r))) == 0);
        for (int p = 0; p < m.fec.m; p++)
                to[p] = parity[p];
        for (uint64_t left = m.fec.mask; left; left &= left - 1) {
                uint64_t seq = m.fec.base + (uint64_t)__builtin_ctzll(left);
                struct dgram_msg d = { .type = DGRAM_DATA,
                                       .data = { .seq = seq,
                                                 .eid = seq,
                                                 .event_bytes = (uint16_t)event.n,
                                                 .frag_cnt = 1,
                                                 .crc32c = crc32c(buf_bytes(&event)),
                                                 .event = buf_bytes(&event) } };
                m.fec.symbol.n = fec_symbol(&d, symbol);
                fec_add(8, m.fec.m, i++, bytes_of(symbol, m.fec.symbol.n), to);
        }
        parity[m.fec.idx][lie % m.fec.symbol.n] ^= lie;
        m.fec.symbol.at = parity[m.fec.idx];
        give(w, &m);
        buf_free(&event);
}

static struct bytes fragment_of(struct bytes event, uint8_t idx)
{
        return bytes_of(event.at + (size_t)idx * DGRAM_FRAGMENT_BYTES, dgram_fragment_bytes(event.n, idx));
}

static void parity_of(struct bytes event, uint8_t (*symbol)[DGRAM_FRAGMENT_BYTES])
{
        uint8_t *to[DGRAM_FEC_M_MAX], cnt = dgram_fragments(event.n);
        memset(symbol, 0, DGRAM_FEC_M_MAX * sizeof *symbol);
        for (int r = 0; r < DGRAM_FEC_M_MAX; r++)
                to[r] = symbol[r];
        for (uint8_t i = 0; i < cnt; i++)
                fec_add(cnt, DGRAM_FEC_M_MAX, i, fragment_of(event, i), to);
}

/* A fragment: room, seq, size (two), which one (too many is parity), a lie about the sum, or in the parity; then a
 * filler. */
static void part(struct world *w, struct bytes payload)
{
        static uint8_t event[DGRAM_EVENT_MAX], symbol[DGRAM_FEC_M_MAX][DGRAM_FRAGMENT_BYTES];
        struct reader r = reader_of(payload.at, payload.n);
        struct dgram_msg m = { .type = DGRAM_DATA, .tag = TAG_OF_ROOMS + reader_u8(&r) % ROOMS };
        m.data.epoch = w->epoch;
        m.data.seq = 1 + (uint64_t)reader_u8(&r);
        m.data.eid = m.data.seq;
        m.data.event_bytes = reader_u16(&r);
        m.data.frag_cnt = dgram_fragments(m.data.event_bytes);
        m.data.frag_idx = reader_u8(&r);
        uint32_t lie = reader_u8(&r);
        if (r.failed || m.data.frag_cnt < 2)
                return;
        m.data.frag_idx %= (uint8_t)(m.data.frag_cnt + DGRAM_FEC_M_MAX);
        struct writer writer = writer_of(event, sizeof event);
        writer_put(&writer, "\x92\xA1x\xC5", 4);
        writer_u16(&writer, (uint16_t)(m.data.event_bytes - 6));
        memset(writer.at, reader_u8(&r), m.data.event_bytes - 6u);
        m.data.crc32c = crc32c(bytes_of(event, m.data.event_bytes));
        if (dgram_is_parity(&m.data)) {
                uint8_t row = (uint8_t)(m.data.frag_idx - m.data.frag_cnt);
                parity_of(bytes_of(event, m.data.event_bytes), symbol);
                symbol[row][lie] ^= (uint8_t)lie;
                m.data.event = bytes_of(symbol[row], DGRAM_FRAGMENT_BYTES);
        } else {
                m.data.crc32c ^= lie;
                m.data.event = fragment_of(bytes_of(event, m.data.event_bytes), m.data.frag_idx);
        }
        give(w, &m);
}

static void beat(struct world *w, struct bytes payload)
{
        struct reader r = reader_of(payload.at, payload.n);
        uint64_t room = reader_u8(&r) % ROOMS, head = reader_u8(&r), far = reader_u8(&r);
        struct dgram_msg m = {
                .type = DGRAM_BEAT,
                .tag = TAG_OF_ROOMS + room,
                .beat = { .epoch = w->epoch, .head = (far ? UINT64_C(1) << far % 57 : 0) + head, .tail = reader_u8(&r) }
        };
        if (!r.failed)
                give(w, &m);
}

/* Asks for what the payload names: an event with it as its name. */
static void call(struct world *w, struct bytes payload)
{
        struct buf event = { 0 };
        need(pack_put_array(&event, 1) == 0 && pack_put_text(&event, payload) == 0);
        t->call(w->client, w->now, buf_bytes(&event));
        buf_free(&event);
}

static void step(struct world *w, enum step what, struct bytes payload)
{
        uint8_t number = payload.n > 0 ? payload.at[0] : 0;
        struct bytes room = bytes_of(&(uint8_t){ (uint8_t)('a' + number % (ROOMS - 2)) }, 1);
        switch (what) {
        case STEP_RAW:
                recv_bytes(w, payload);
                return;
        case STEP_SAY:
                say(w, payload);
                return;
        case STEP_DATA:
                data(w, payload);
                return;
        case STEP_BEAT:
                beat(w, payload);
                return;
        case STEP_PASS:
                pass(w, (int64_t)number * number * NS_PER_MS);
                return;
        case STEP_CALL:
                call(w, payload);
                return;
        case STEP_JOIN:
                if (payload.n > 1)
                        t->leave(w->client, w->now, room);
                else
                        t->join(w->client, w->now, room);
                return;
        case STEP_CLOSE:
                w->epoch += number & 1;
                if (w->open)
                        t->closed(w->client, w->now, "cut");
                w->open = false;
                return;
        case STEP_PART:
                part(w, payload);
                return;
        case STEP_FEC:
                fec(w, payload);
                return;
        case STEPS:
                return;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        static struct world w;
        if (n == 0)
                return 0;
        w = (struct world){ .now = { NS_PER_S }, .mode = (enum client_mode)(in[0] % CLIENT_MODES), .epoch = 7 };
        struct client_config config = { .host = "a:1", .path = "/", .mode = w.mode, .seed = 1, .reconnect = true };
        w.client = t->create(&config, w.now);
        turn(&w);
        struct reader r = reader_of(in + 1, n - 1);
        while (reader_left(&r) >= 2) {
                enum step what = reader_u8(&r) % STEPS;
                size_t bytes = reader_u8(&r);
                step(&w, what, reader_take(&r, bytes < reader_left(&r) ? bytes : reader_left(&r)));
                turn(&w);
        }
        pass(&w, 10 * NS_PER_S);
        t->bye(w.client, w.now);
        turn(&w);
        t->destroy(w.client);
        return 0;
}
