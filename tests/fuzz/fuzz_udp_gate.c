/* A UDP server between a stranger with a valid session and a bystander. The input is a list of
 * steps: one byte says what, two how many bytes of payload follow.
 *
 * Whatever it is: answers to strangers stay small, everything sent is a good datagram, and the
 * bystander is shown every seq of everyone's room, in order, as an event or as a gap, and is served
 * at the end as at the beginning.
 */
#include <stdlib.h>

#include "core/chat/chat.h"
#include "core/event/pack.h"
#include "core/wire/dgram_tail.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_gate.h"

enum step { STEP_STRANGER, STEP_RAW, STEP_SAY, STEP_ADD, STEP_CONNECT, STEP_PASS, STEP_PUBLISH, STEP_DRAIN, STEPS };
enum who { BYSTANDER, STRANGER, PEERS };

struct peer {
        struct udp_addr addr;
        uint64_t nonce, tag;
        uint32_t pktno;
        uint64_t all_tag, next; /* everyone's room, and the seq that is to come there */
        int part;               /* the fragment that came last there */
        bool up, acked, heard;
};

struct world {
        struct mono now;
        struct hub *hub;
        struct app *app;
        struct udp_gate *gate;
        struct peer peer[PEERS];
        struct buf adding; /* a datagram of several messages */
        struct udp_addr elsewhere;
        struct udp_batch batch;
};

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void need(bool holds)
{
        if (!holds)
                abort();
}

/* ---- what the server sends ------------------------------------------------------------------ */

static void see_seqs(struct peer *p, uint64_t from, uint64_t to)
{
        need(from == p->next && to >= from);
        p->next = to + 1;
}

/* Fragments follow each other; the last seq is known to all of them. */
static void see_data(struct peer *p, const struct dgram_data *d)
{
        if (d->frag_idx == 0)
                see_seqs(p, d->seq, d->seq);
        need(d->seq + 1 == p->next && d->frag_idx == (d->frag_idx ? p->part + 1 : 0));
        p->part = d->frag_idx;
}

static void hear(struct peer *p, struct bytes message, bool strict)
{
        struct dgram_msg m;
        need(dgram_parse(message, &m) == 0);
        if (m.type == DGRAM_ACCEPT) {
                p->up = true;
                p->tag = m.accept.session_tag;
                p->all_tag = m.accept.all.tag;
                p->next = m.accept.all.start;
        }
        if (!strict)
                return;
        need(m.type != DGRAM_CLOSE && m.type != DGRAM_ERROR);
        if (m.type == DGRAM_DATA && m.tag == p->all_tag)
                see_data(p, &m.data);
        for (int i = 0; m.type == DGRAM_GAP && m.gap.chan_ref == 2 && i < m.gap.n; i++)
                see_seqs(p, m.gap.range[i].from, m.gap.range[i].to);
        if (m.type == DGRAM_PUB_ACK)
                p->acked = m.pub_ack.ack[0].status == DGRAM_CODE_OK;
        if (m.type == DGRAM_DATA && m.data.event.n == 3 && memcmp(m.data.event.at, "\x91\xa1!", 3) == 0)
                p->heard = true;
}

static void hear_datagram(struct peer *p, const struct udp_datagram *d, bool strict)
{
        uint8_t whole[DGRAM_BYTES_MAX];
        struct writer w = writer_of(whole, sizeof whole);
        for (int i = 0; i < d->iov_n; i++)
                writer_put(&w, d->iov[i].iov_base, d->iov[i].iov_len);
        need(!w.failed && writer_used(&w) == d->bytes);
        struct bytes rest = bytes_of(whole, d->bytes), message;
        need(dgram_check(rest) == DGRAM_GOOD);
        while (dgram_next(&rest, &message))
                hear(p, message, strict);
}

/* Everything for everybody; the stranger's socket takes no more than so many datagrams. */
static void drain(struct world *w, int stranger_takes)
{
        struct udp_peer *at;
        hub_announce(w->hub);
        while ((at = udp_gate_pending(w->gate))) {
                bool bystander = udp_addr_equal(udp_peer_addr(at), &w->peer[BYSTANDER].addr);
                int n;
                while ((n = udp_peer_slices(at, w->now, &w->batch)) > 0) {
                        int taken = bystander || n < stranger_takes ? n : stranger_takes;
                        udp_batch_even(&w->batch);
                        for (int i = 0; i < taken; i++)
                                hear_datagram(&w->peer[!bystander], &w->batch.datagram[i], bystander);
                        udp_peer_sent(at, w->now, &w->batch, taken);
                        stranger_takes -= bystander ? 0 : taken;
                        if (taken < n)
                                return; /* the socket is full */
                }
        }
}

/* ---- what it is sent ------------------------------------------------------------------------ */

static struct bytes give(struct world *w, const struct udp_addr *from, struct bytes datagram,
                         uint8_t answer[DGRAM_COOKIE_BYTES])
{
        uint8_t *exact = malloc(datagram.n + !datagram.n);
        if (datagram.n > 0)
                memcpy(exact, datagram.at, datagram.n);
        size_t n = udp_gate_recv(w->gate, w->now, from, bytes_of(exact, datagram.n), answer);
        need(n <= DGRAM_COOKIE_BYTES && (n <= datagram.n || (answer[3] == DGRAM_CHALLENGE && n <= 3 * datagram.n)));
        free(exact);
        return bytes_of(answer, n);
}

static struct bytes send_from(struct world *w, struct peer *p, const struct udp_addr *from, struct dgram_msg *m,
                              uint8_t answer[DGRAM_COOKIE_BYTES])
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct writer writer = writer_of(out, sizeof out);
        m->tag = p->tag;
        if (dgram_has_pktno(m->type))
                m->pktno = ++p->pktno;
        need(dgram_put(&writer, m));
        return give(w, from, bytes_of(out, writer_used(&writer)), answer);
}

static void send_message(struct world *w, struct peer *p, struct dgram_msg *m)
{
        uint8_t answer[DGRAM_COOKIE_BYTES];
        send_from(w, p, &p->addr, m, answer);
}

/* HELLO, COOKIE, CONNECT; the session's ACCEPT comes with the next drain. */
static void connect_peer(struct world *w, struct peer *p, uint8_t instance, struct bytes tail)
{
        uint8_t out[DGRAM_BYTES_MAX] = { 0 }, answer[DGRAM_COOKIE_BYTES];
        struct writer writer = writer_of(out, sizeof out);
        struct dgram_msg m = { .type = DGRAM_HELLO, .hello = { .nonce = ++p->nonce, .version_max = 1 } }, cookie;
        need(dgram_put(&writer, &m));
        struct bytes got = give(w, &p->addr, bytes_of(out, writer_used(&writer)), answer);
        if (got.n == 0) /* over the rate of HELLOs */
                return;
        need(dgram_parse(got, &cookie) == 0 && cookie.type == DGRAM_COOKIE && cookie.cookie.nonce == p->nonce);
        m = (struct dgram_msg){ .type = DGRAM_CONNECT, .connect = { .proof = cookie.cookie, .tail = tail } };
        m.connect.instance[0] = instance;
        memset(out, 0, sizeof out);
        writer = writer_of(out, sizeof out);
        p->pktno = 0;
        if (dgram_put(&writer, &m))
                give(w, &p->addr, bytes_of(out, sizeof out), answer);
}

/* One message of the stranger's session: payload is type, flags and body. */
static void add_message(struct world *w, struct bytes payload)
{
        struct peer *p = &w->peer[STRANGER];
        uint8_t out[2 * DGRAM_BYTES_MAX];
        struct writer writer = writer_of(out, sizeof out);
        struct reader r = reader_of(payload.at, payload.n < 2000 ? payload.n : 2000);
        uint8_t type = reader_u8(&r), flags = reader_u8(&r);
        writer_u16(&writer, DGRAM_MAGIC);
        writer_u8(&writer, DGRAM_VERSION);
        writer_u8(&writer, type);
        writer_u16(&writer, flags);
        writer_u16(&writer, (uint16_t)(DGRAM_SESSION_HEADER + reader_left(&r)));
        writer_u64(&writer, p->tag);
        writer_u32(&writer, hub_epoch(w->hub));
        writer_u32(&writer, ++p->pktno);
        writer_put(&writer, r.at, reader_left(&r));
        buf_put(&w->adding, out, writer_used(&writer));
}

static void flush_adding(struct world *w)
{
        uint8_t answer[DGRAM_COOKIE_BYTES];
        give(w, &w->peer[STRANGER].addr, buf_bytes(&w->adding), answer);
        w->adding.n = 0;
}

/* The same from elsewhere: nothing of it is done before the CHALLENGE is answered, and then it is there. */
static void flush_elsewhere(struct world *w, bool answers)
{
        uint8_t answer[DGRAM_COOKIE_BYTES];
        struct peer *p = &w->peer[STRANGER];
        struct udp_addr here = p->addr, there = w->elsewhere;
        uint64_t moved = udp_gate_stats(w->gate)->moved;
        struct dgram_msg m;
        struct bytes got = give(w, &there, buf_bytes(&w->adding), answer);
        w->adding.n = 0;
        need(udp_gate_stats(w->gate)->moved == moved);
        if (!answers || got.n == 0 || dgram_parse(got, &m) != 0 || m.type != DGRAM_CHALLENGE)
                return;
        m = (struct dgram_msg){ .type = DGRAM_RESPONSE, .response = m.challenge };
        send_from(w, p, &there, &m, answer);
        if (udp_gate_stats(w->gate)->moved == moved)
                return;
        p->addr = there;
        w->elsewhere = here;
}

static void ping(struct world *w, struct peer *p)
{
        send_message(w, p, &(struct dgram_msg){ .type = DGRAM_PING, .ping = { 1 } });
}

static void pass(struct world *w, int64_t span_ns)
{
        ping(w, &w->peer[BYSTANDER]);
        w->now = mono_add(w->now, span_ns);
        udp_gate_expire(w->gate, w->now);
        hub_expire(w->hub, w->now);
}

static void publish(struct world *w, size_t bytes)
{
        static const uint8_t text[16 * UINT8_MAX];
        struct buf event = { 0 };
        struct published out;
        need(pack_put_array(&event, 1) == 0 && pack_put_text(&event, bytes_of(text, bytes)) == 0);
        hub_publish(w->hub, w->now, &(struct publish){ .event = buf_bytes(&event) }, &out);
        buf_free(&event);
}

static void step(struct world *w, enum step what, struct bytes payload)
{
        uint8_t number = payload.n > 0 ? payload.at[0] : 0;
        uint8_t answer[DGRAM_COOKIE_BYTES];
        switch (what) {
        case STEP_STRANGER:
                if (w->adding.n > 0)
                        flush_elsewhere(w, number % 2);
                else
                        give(w, &w->elsewhere, payload, answer);
                return;
        case STEP_RAW:
                give(w, &w->peer[STRANGER].addr, payload, answer);
                return;
        case STEP_SAY:
                add_message(w, payload);
                flush_adding(w);
                return;
        case STEP_ADD:
                add_message(w, payload);
                return;
        case STEP_CONNECT:
                if (payload.n > 0)
                        connect_peer(w, &w->peer[STRANGER], 1 + number % 4, bytes_of(payload.at + 1, payload.n - 1));
                return;
        case STEP_PASS:
                pass(w, number * 100 * NS_PER_MS);
                return;
        case STEP_PUBLISH:
                publish(w, (size_t)number * 16);
                return;
        case STEP_DRAIN:
                drain(w, number);
                return;
        case STEPS:
                return;
        }
}

static void begin(struct world *w)
{
        static const struct udp_addr addrs[PEERS] = { { .ip = { 0x20, 1, 1 }, .port = { 1, 1 } },
                                                      { .ip = { 0x20, 1, 2 }, .port = { 2, 2 } } };
        w->now = (struct mono){ NS_PER_S };
        w->elsewhere = (struct udp_addr){ .ip = { 0x20, 1 }, .port = { 9, 9 } };
        w->hub = hub_create(&(struct hub_config){ .epoch = 7, .room_events_max = 8, .event_bytes_max = 4096 });
        w->app = app_create(w->hub, &chat_handlers);
        struct udp_gate_config config = { .app = w->app, .encoding = udp_encoding_add(w->hub) };
        w->gate = udp_gate_create(&config, w->now);
        need(w->gate != NULL);
        for (int i = 0; i < PEERS; i++) {
                w->peer[i].addr = addrs[i];
                connect_peer(w, &w->peer[i], i == BYSTANDER ? 100 : 1, bytes_text("\x80"));
                drain(w, 64);
                need(w->peer[i].up);
        }
}

static void end(struct world *w)
{
        struct peer *p = &w->peer[BYSTANDER];
        drain(w, 0);
        send_message(w, p,
                     &(struct dgram_msg){ .type = DGRAM_PUB,
                                          .pub = { .pub_id = 1,
                                                   .chan_ref = 2,
                                                   .frag_cnt = 1,
                                                   .event_bytes = 3,
                                                   .flags = DGRAM_PUB_OWN,
                                                   .event = bytes_text("\x91\xa1!") } });
        drain(w, 1 << 20);
        need(p->acked && p->heard);
        udp_gate_close(w->gate, w->now, DGRAM_CODE_SHUTDOWN);
        udp_gate_destroy(w->gate, w->now);
        app_destroy(w->app);
        hub_destroy(w->hub);
        buf_free(&w->adding);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        static struct world w;
        w = (struct world){ 0 };
        begin(&w);
        struct reader r = reader_of(in, n);
        while (reader_left(&r) >= 3) {
                enum step what = reader_u8(&r) % STEPS;
                size_t bytes = reader_u16(&r);
                step(&w, what, reader_take(&r, bytes < reader_left(&r) ? bytes : reader_left(&r)));
                if (what != STEP_DRAIN && what != STEP_ADD)
                        drain(&w, 0);
        }
        end(&w);
        return 0;
}
