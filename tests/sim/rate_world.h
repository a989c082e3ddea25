/* rate_world: one server, a few clients and perhaps a TCP, behind one line of so many bytes a second.
 *
 * Virtual time. Everything from the server goes through the bottleneck and then takes half a round
 * trip; what comes back takes the other half and is never lost. Each event is published by the server
 * to everyone, evenly, at a rate of the story's choice.
 */
#ifndef TESTS_SIM_RATE_WORLD_H
#define TESTS_SIM_RATE_WORLD_H
#include "tests/unit/harness.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/udp_client_inside.h"
#include "core/base/rng.h"
#include "core/chat/echo.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "lab/bottleneck.h"
#include "lab/queue.h"
#include "tests/sim/rate_tcp.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_gate.h"

enum {
        LISTENERS_MAX = 4,
        UNDERWAY_MAX = 1 << 15,
        FILLER_BYTES = 200, /* of an event, where a story does not say otherwise */
        FILLER_BYTES_MAX = 1024,
        MESSAGE_BYTES = 64, /* the rest of its DATA message */
        HEADERS = 28,
        SEQS_MAX = 1 << 20,
        TAG_BYTES = 4, /* in front of each packet: whose it is */
        TO_TCP = 255,
};

struct listener {
        struct client *client;
        bool open;
        uint64_t told, gaps, last_seq; /* events told, covered by gaps; both in order */
        uint64_t advised, downs;
        uint8_t sent[SEQS_MAX]; /* times that the server sent this seq, and that the line dropped it */
        uint64_t repeats, drops;
};

struct rate_world {
        struct mono now;
        struct hub *hub;
        struct app *app;
        struct udp_gate *gate;
        struct udp_batch batch;
        struct bottleneck line;
        double loss; /* besides */
        struct rng rng;
        int64_t delay_ns; /* one way */
        struct queue *down, *up;
        struct listener listener[LISTENERS_MAX];
        int listeners;
        struct rate_tcp tcp;
        bool has_tcp;
        size_t filler_bytes;
        int64_t event_every_ns;
        struct mono event_due;
        uint64_t published;
        uint64_t all_tag;
};

static struct rate_world w;

/* ---- the line ------------------------------------------------------------------------------ */

static void put(struct queue *q, struct mono due, uint8_t tag, struct bytes packet)
{
        uint8_t tagged[DGRAM_BYTES_MAX + TAG_BYTES] = { tag };
        if (packet.n > 0)
                memcpy(tagged + TAG_BYTES, packet.at, packet.n);
        assert_int_equal(queue_put(q, due, bytes_of(tagged, packet.n + TAG_BYTES)), 0);
}

/* Repeats and drops of what the server sends, a DATA message at a time. */
static void note_data(struct listener *l, struct bytes datagram, bool dropped)
{
        struct bytes message;
        while (dgram_next(&datagram, &message)) {
                struct dgram_msg m;
                if (dgram_parse(message, &m) != 0 || m.type != DGRAM_DATA || m.tag != w.all_tag)
                        continue;
                assert_in_range(m.data.seq, 1, SEQS_MAX - 1);
                l->repeats += l->sent[m.data.seq] > 0;
                l->sent[m.data.seq] = 1;
                l->drops += dropped;
        }
}

static void send_down(uint8_t to, struct bytes datagram)
{
        struct mono left;
        bool passes = bottleneck_take(&w.line, w.now, datagram.n + HEADERS, &left);
        passes = passes && rng_unit(&w.rng) >= w.loss;
        note_data(&w.listener[to], datagram, !passes);
        if (passes)
                put(w.down, mono_add(left, w.delay_ns), to, datagram);
}

static void tcp_turn(void)
{
        struct mono left;
        if (w.has_tcp && !mono_before(w.now, rate_tcp_deadline(&w.tcp)))
                rate_tcp_expire(&w.tcp, w.now);
        while (w.has_tcp && rate_tcp_may(&w.tcp, w.now)) {
                uint32_t seq = rate_tcp_sent(&w.tcp, w.now);
                if (bottleneck_take(&w.line, w.now, RATE_TCP_BYTES, &left))
                        put(w.down, mono_add(left, w.delay_ns), TO_TCP, bytes_of((uint8_t *)&seq, sizeof seq));
        }
}

/* ---- the ends ------------------------------------------------------------------------------ */

static struct udp_addr addr_of(uint8_t number)
{
        return (struct udp_addr){ .ip = { [10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = number }, .port = { 1, 1 } };
}

static void told(struct listener *l)
{
        struct client_event ev;
        while (udp_transport.next(l->client, &ev)) {
                bool all = ev.room.n == 0;
                if (ev.kind == CLIENT_EVENT && all) {
                        assert_true(l->last_seq == 0 || ev.seq == l->last_seq + 1);
                        l->last_seq = ev.seq;
                        l->told++;
                } else if (ev.kind == CLIENT_GAP && all) {
                        assert_true(l->last_seq == 0 || ev.from == l->last_seq + 1);
                        l->last_seq = ev.to;
                        l->gaps += ev.to - ev.from + 1;
                }
                l->advised += ev.kind == CLIENT_ADVICE;
                l->downs += ev.kind == CLIENT_DOWN;
        }
}

static void listener_turn(struct listener *l)
{
        uint8_t out[DGRAM_BYTES_MAX];
        size_t n;
        if (!l->open && udp_transport.wish(l->client) == CLIENT_OPEN) {
                l->open = true;
                udp_transport.opened(l->client, w.now);
        }
        if (!mono_before(w.now, udp_transport.deadline(l->client)))
                udp_transport.expire(l->client, w.now);
        while ((n = udp_transport.send(l->client, w.now, out, sizeof out)) > 0)
                put(w.up, mono_add(w.now, w.delay_ns), (uint8_t)(l - w.listener), bytes_of(out, n));
        if (l->open && udp_transport.wish(l->client) == CLIENT_CLOSE) {
                l->open = false;
                udp_transport.closed(l->client, w.now, "closed");
        }
        told(l);
        if (l->client->all)
                w.all_tag = l->client->all->tag;
}

static void server_turn(void)
{
        struct udp_peer *p;
        uint8_t out[DGRAM_BYTES_MAX];
        hub_expire(w.hub, w.now);
        udp_gate_expire(w.gate, w.now);
        hub_announce(w.hub);
        while ((p = udp_gate_pending(w.gate))) {
                uint8_t to = udp_peer_addr(p)->ip[15];
                int n = udp_peer_slices(p, w.now, &w.batch);
                for (int i = 0; i < n; i++) {
                        size_t bytes = 0;
                        const struct udp_datagram *d = &w.batch.datagram[i];
                        for (int v = 0; v < d->iov_n; bytes += d->iov[v++].iov_len)
                                memcpy(out + bytes, d->iov[v].iov_base, d->iov[v].iov_len);
                        send_down(to, bytes_of(out, bytes));
                }
                if (n > 0)
                        udp_peer_sent(p, w.now, &w.batch, n);
        }
}

static void publish(void)
{
        static const uint8_t filler[FILLER_BYTES_MAX];
        struct published out;
        struct buf event = { 0 };
        event_begin(&event, "x", 1);
        pack_put_bin(&event, bytes_of(filler, w.filler_bytes));
        hub_publish(w.hub, w.now, &(struct publish){ .event = buf_bytes(&event) }, &out);
        buf_free(&event);
        w.published++;
        w.event_due = mono_add(w.event_due, w.event_every_ns);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void arrivals(void)
{
        struct bytes packet;
        struct mono due;
        uint8_t answer[DGRAM_COOKIE_BYTES];
        while (queue_take(w.down, w.now, &packet, &due)) {
                uint8_t to = packet.at[0];
                struct bytes body = bytes_of(packet.at + TAG_BYTES, packet.n - TAG_BYTES);
                if (to == TO_TCP)
                        put(w.up, mono_add(w.now, w.delay_ns), TO_TCP, body);
                else
                        udp_transport.recv(w.listener[to].client, w.now, body.at, body.n);
        }
        while (queue_take(w.up, w.now, &packet, &due)) {
                uint8_t from = packet.at[0];
                struct bytes body = bytes_of(packet.at + TAG_BYTES, packet.n - TAG_BYTES);
                struct udp_addr addr = addr_of(from);
                uint32_t seq;
                if (from == TO_TCP) {
                        memcpy(&seq, body.at, sizeof seq);
                        rate_tcp_acked(&w.tcp, w.now, seq);
                        continue;
                }
                size_t n = udp_gate_recv(w.gate, w.now, &addr, body, answer);
                if (n > 0)
                        send_down(from, bytes_of(answer, n));
        }
}

static void turn(void)
{
        arrivals();
        while (w.event_every_ns > 0 && !mono_before(w.now, w.event_due))
                publish();
        for (int i = 0; i < w.listeners; i++)
                listener_turn(&w.listener[i]);
        server_turn();
        tcp_turn();
}

static void run_for(int64_t span_ns)
{
        struct mono until = mono_add(w.now, span_ns);
        turn();
        for (int idle = 0; mono_before(w.now, until);) {
                struct mono due = mono_min(queue_due(w.down), queue_due(w.up));
                due = mono_min(due, mono_min(udp_gate_deadline(w.gate), hub_deadline(w.hub)));
                if (w.event_every_ns > 0)
                        due = mono_min(due, w.event_due);
                if (w.has_tcp)
                        due = mono_min(due, rate_tcp_deadline(&w.tcp));
                for (int i = 0; i < w.listeners; i++)
                        due = mono_min(due, udp_transport.deadline(w.listener[i].client));
                due = mono_min(due, until);
                idle = mono_before(w.now, due) ? 0 : idle + 1;
                assert_in_range(idle, 0, 1000);
                if (mono_before(w.now, due))
                        w.now = due;
                turn();
        }
}

/* ---- a story -------------------------------------------------------------------------------- */

struct story {
        int64_t rate; /* of the line, bytes per second */
        uint64_t queue_bytes;
        int64_t rtt_ns;
        int listeners;
        double loss;
        size_t filler_bytes; /* of an event; 0: FILLER_BYTES */
        struct pace_config pace;
};

static void begin(const struct story *s)
{
        memset(&w, 0, sizeof w);
        w.now.ns = 100 * NS_PER_S;
        w.delay_ns = s->rtt_ns / 2;
        w.listeners = s->listeners;
        w.line = (struct bottleneck){ .rate = s->rate, .queue_bytes = s->queue_bytes };
        w.rng = rng_seeded(1, "rate world");
        w.loss = s->loss;
        w.filler_bytes = s->filler_bytes ? s->filler_bytes : FILLER_BYTES;
        w.hub = hub_create(&(struct hub_config){ .epoch = 7 });
        int encoding = udp_encoding_add(w.hub);
        w.app = app_create(w.hub, &echo_handlers);
        w.gate = udp_gate_create(&(struct udp_gate_config){ .app = w.app, .encoding = encoding, .pace = s->pace },
                                 w.now);
        w.down = queue_create(UNDERWAY_MAX, DGRAM_BYTES_MAX + TAG_BYTES);
        w.up = queue_create(UNDERWAY_MAX, DGRAM_BYTES_MAX + TAG_BYTES);
        for (int i = 0; i < w.listeners; i++)
                w.listener[i].client = udp_transport.create(
                        &(struct client_config){ .mode = CLIENT_MODE_NACK_ORDERED, .seed = 1, .reconnect = true },
                        w.now);
        run_for(3 * NS_PER_S); /* all are up, and know how long the way is */
}

static void end(void)
{
        for (int i = 0; i < w.listeners; i++)
                udp_transport.destroy(w.listener[i].client);
        udp_gate_destroy(w.gate, w.now);
        app_destroy(w.app);
        hub_destroy(w.hub);
        queue_destroy(w.down);
        queue_destroy(w.up);
}

/* The DATA message of one. */
static double event_bytes(void)
{
        return (double)(w.filler_bytes + MESSAGE_BYTES);
}

/* Events so often that they would fill `load` of the line. */
static void offer(double load)
{
        w.event_every_ns = load > 0 ? (int64_t)(event_bytes() * 1e9 / (load * (double)w.line.rate)) : 0;
        w.event_due = w.now;
}

/* Share of the line that listener i's events took in the next span. */
static double goodput(int i, int64_t span_ns)
{
        uint64_t told_before = w.listener[i].told;
        run_for(span_ns);
        return (double)(w.listener[i].told - told_before) * event_bytes() * 1e9 / (double)span_ns / (double)w.line.rate;
}

#endif
