/* even_world: one server and eight clients in virtual time, on paths that lose, or overtake, at random and seeded;
 * events evenly spaced in one room. What each mode makes of that: latencies from publish to telling, and what was
 * sent again.
 *
 * A round trip of 50 ms. SEED=n in the environment: with other luck.
 */
#ifndef TESTS_SIM_EVEN_WORLD_H
#define TESTS_SIM_EVEN_WORLD_H
#include "tests/unit/harness.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/transport.h"
#include "core/base/rng.h"
#include "core/chat/chat.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "tests/sim/seeded.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_gate.h"

enum {
        CLIENTS = 8,
        PACKETS_MAX = 1 << 14,
        SECONDS = 60,
        RATE_MAX = 2000,
        FILLER_MAX = 60000,
        LEAD_S = 5,
        EIDS_MAX = 1 << 17
};
#define ONE_WAY_NS (25 * NS_PER_MS)
#define JITTER_NS  (200 * NS_PER_US)

struct packet {
        struct mono at;
        int client;
        size_t n;
        uint8_t bytes[DGRAM_BYTES_MAX];
};

struct way { /* in the order of arrival */
        struct packet packet[PACKETS_MAX];
        uint32_t first, end;
};

/* What a mode is tried in. */
struct trial {
        const char *name;
        enum client_mode mode;
        int rate;        /* events per second */
        uint32_t filler; /* bytes of an event besides; 0: 64 */
        bool unpaced;
        uint32_t loss_ppm; /* each way */
        uint32_t late_ppm; /* of datagrams, each way, that take longer: */
        int64_t late_ns;   /* up to so much, evenly */
};

static struct world {
        const struct trial *trial;
        struct mono now;
        struct rng loss;
        struct hub *hub;
        struct app *app;
        struct udp_gate *gate;
        struct udp_batch batch;
        struct client *client[CLIENTS];
        struct way up, down;
        struct mono published[RATE_MAX * (SECONDS + 1)];
        int64_t *latency;
        uint32_t told, lost;
        uint8_t sent[CLIENTS][EIDS_MAX]; /* DATA of this eid: it has been */
        uint64_t data, data_lost, repeats;
} world;

/* ---- the network --------------------------------------------------------------------------- */

/* What a datagram to this client says again, and what it loses. */
static void note_data(int client, struct bytes datagram, bool lost)
{
        struct bytes message;
        struct dgram_msg m;
        while (dgram_next(&datagram, &message)) {
                if (dgram_parse(message, &m) != 0 || m.type != DGRAM_DATA)
                        continue;
                assert_in_range(m.data.eid, 1, EIDS_MAX - 1);
                world.data++;
                world.data_lost += lost;
                world.repeats += world.sent[client][m.data.eid];
                world.sent[client][m.data.eid] = 1;
        }
}

static bool chance(uint32_t ppm)
{
        return ppm > 0 && rng_below(&world.loss, 1000000) < ppm;
}

static void put(struct way *w, int client, struct bytes datagram)
{
        struct packet p = { .client = client, .n = datagram.n };
        p.at = mono_add(world.now, ONE_WAY_NS + (int64_t)rng_below(&world.loss, JITTER_NS));
        if (chance(world.trial->late_ppm))
                p.at = mono_add(p.at, (int64_t)rng_below(&world.loss, (uint64_t)world.trial->late_ns));
        bool lost = chance(world.trial->loss_ppm);
        if (w == &world.down)
                note_data(client, datagram, lost);
        if (lost)
                return;
        memcpy(p.bytes, datagram.at, datagram.n);
        assert_in_range(w->end - w->first, 0, PACKETS_MAX - 1);
        uint32_t i = w->end++;
        for (; i > w->first && mono_before(p.at, w->packet[(i - 1) % PACKETS_MAX].at); i--)
                w->packet[i % PACKETS_MAX] = w->packet[(i - 1) % PACKETS_MAX];
        w->packet[i % PACKETS_MAX] = p;
}

static struct mono next_at(const struct way *w)
{
        return w->first == w->end ? MONO_NEVER : w->packet[w->first % PACKETS_MAX].at;
}

/* ---- both ends ----------------------------------------------------------------------------- */

static struct udp_addr addr_of(int client)
{
        return (struct udp_addr){ .ip = { [10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = (uint8_t)client },
                                  .port = { 1 } };
}

static void server_sends(void)
{
        struct udp_peer *p;
        hub_announce(world.hub);
        while ((p = udp_gate_pending(world.gate))) {
                int client = udp_peer_addr(p)->ip[15], n = udp_peer_slices(p, world.now, &world.batch);
                for (int i = 0; i < n; i++) {
                        uint8_t out[DGRAM_BYTES_MAX];
                        size_t at = 0;
                        const struct udp_datagram *d = &world.batch.datagram[i];
                        for (int v = 0; v < d->iov_n; at += d->iov[v++].iov_len)
                                memcpy(out + at, d->iov[v].iov_base, d->iov[v].iov_len);
                        put(&world.down, client, bytes_of(out, at));
                }
                if (n > 0)
                        udp_peer_sent(p, world.now, &world.batch, n);
        }
}

static void server_hears(const struct packet *p)
{
        uint8_t answer[DGRAM_COOKIE_BYTES];
        struct udp_addr from = addr_of(p->client);
        size_t n = udp_gate_recv(world.gate, world.now, &from, bytes_of(p->bytes, p->n), answer);
        if (n > 0)
                put(&world.down, p->client, bytes_of(answer, n));
}

static void client_works(int i)
{
        struct client *c = world.client[i];
        struct client_event ev;
        struct event e;
        uint64_t n;
        uint8_t out[DGRAM_BYTES_MAX];
        if (udp_transport.wish(c) == CLIENT_OPEN)
                udp_transport.opened(c, world.now);
        while (udp_transport.next(c, &ev)) {
                world.lost += ev.kind == CLIENT_GAP;
                if (ev.kind == CLIENT_UP)
                        udp_transport.join(c, world.now, bytes_text("tea"));
                if (ev.kind != CLIENT_EVENT || event_parse(ev.event, ev.event.n, &e) != 0 || !event_is(&e, "tick"))
                        continue;
                assert_true(pack_get_u64(event_arg(&e, 0), &n));
                world.latency[world.told++] = mono_since(world.now, world.published[n]);
        }
        for (size_t bytes; (bytes = udp_transport.send(c, world.now, out, sizeof out)) > 0;)
                put(&world.up, i, bytes_of(out, bytes));
}

static void publish(uint64_t n)
{
        static const uint8_t filler[FILLER_MAX];
        uint32_t bytes = world.trial->filler ? world.trial->filler : 64;
        struct buf event = { 0 };
        struct published out;
        struct bytes room = bytes_text("tea");
        event_begin(&event, "tick", 2);
        pack_put_u64(&event, n);
        pack_put_bin(&event, bytes_of(filler, bytes));
        struct publish p = { .event = buf_bytes(&event), .rooms = &room, .rooms_n = 1 };
        assert_int_equal(hub_publish(world.hub, world.now, &p, &out), 0);
        world.published[n] = world.now;
        buf_free(&event);
}

/* ---- a run --------------------------------------------------------------------------------- */

static struct mono next_instant(void)
{
        struct mono due = mono_min(next_at(&world.up), next_at(&world.down));
        due = mono_min(due, mono_min(udp_gate_deadline(world.gate), hub_deadline(world.hub)));
        for (int i = 0; i < CLIENTS; i++)
                due = mono_min(due, udp_transport.deadline(world.client[i]));
        return due;
}

static void run_until(struct mono until)
{
        for (struct mono due; due = next_instant(), !mono_before(until, due);) {
                if (mono_before(world.now, due))
                        world.now = due;
                while (!mono_before(world.now, next_at(&world.up)))
                        server_hears(&world.up.packet[world.up.first++ % PACKETS_MAX]);
                while (!mono_before(world.now, next_at(&world.down))) {
                        const struct packet *p = &world.down.packet[world.down.first++ % PACKETS_MAX];
                        udp_transport.recv(world.client[p->client], world.now, p->bytes, p->n);
                        client_works(p->client);
                }
                hub_expire(world.hub, world.now);
                udp_gate_expire(world.gate, world.now);
                for (int i = 0; i < CLIENTS; i++) {
                        if (!mono_before(world.now, udp_transport.deadline(world.client[i])))
                                udp_transport.expire(world.client[i], world.now);
                        client_works(i);
                }
                server_sends();
        }
        world.now = until;
}

static void begin(const struct trial *t, uint64_t seed, size_t events)
{
        memset(&world, 0, sizeof world);
        world.trial = t;
        world.now = (struct mono){ 1000 * NS_PER_S };
        world.loss = rng_seeded(seed, "loss");
        identities = rng_seeded(seed, "identities");
        world.latency = calloc(events * CLIENTS, sizeof *world.latency);
        assert_non_null(world.latency);
        world.hub = hub_create(&(struct hub_config){ .epoch = 7 });
        world.app = app_create(world.hub, &chat_handlers);
        world.gate = udp_gate_create(&(struct udp_gate_config){ .app = world.app,
                                                                .encoding = udp_encoding_add(world.hub),
                                                                .pace.on = !t->unpaced },
                                     world.now);
        for (int i = 0; i < CLIENTS; i++) {
                struct client_config config = { .mode = t->mode, .seed = (uint64_t)i, .reconnect = true };
                world.client[i] = udp_transport.create(&config, world.now);
                client_works(i);
        }
}

static void finish(void)
{
        for (int i = 0; i < CLIENTS; i++)
                udp_transport.destroy(world.client[i]);
        udp_gate_destroy(world.gate, world.now);
        app_destroy(world.app);
        hub_destroy(world.hub);
        free(world.latency);
}

static int by_size(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
        return (x > y) - (x < y);
}

struct figures {
        double p50_ms, p99_ms, max_ms;
        uint64_t data, data_lost; /* DATA messages sent to all clients, and lost on the way */
        uint64_t repeats;         /* of them: of events that they had been sent */
        uint64_t repeats_at_first, mended, nacks;
        double repair_share, parity_share; /* of the bytes */
        uint64_t left_out, bared;          /* copies and parity that there was no rate for */
};

static double at_ms(double share)
{
        return (double)world.latency[(size_t)((double)(world.told - 1) * share)] / NS_PER_MS;
}

static struct figures figures(void)
{
        const struct udp_stats *s = udp_gate_stats(world.gate);
        struct figures f = { at_ms(0.5), at_ms(0.99), at_ms(1), .data = world.data, .data_lost = world.data_lost };
        f.repeats = world.repeats;
        f.repair_share = (double)s->repair_bytes / (double)s->bytes_out;
        f.parity_share = (double)s->parity_bytes / (double)s->bytes_out;
        f.left_out = s->left_out;
        f.bared = s->bared;
        for (int i = 0; i < CLIENTS; i++) {
                struct client_stats cs = udp_transport.stats(world.client[i]);
                f.mended += cs.mended;
                f.nacks += cs.nacks;
        }
        return f;
}

/* All events reach all clients, told once. The repeats of the first first_s seconds are also told apart. */
static struct figures measure(const struct trial *t, uint32_t first_s)
{
        const char *one = getenv("SEED");
        uint32_t events = (uint32_t)(t->rate * SECONDS);
        uint64_t at_first = 0;
        begin(t, one ? strtoull(one, NULL, 10) : 1, events);
        run_until(mono_add(world.now, LEAD_S * NS_PER_S));
        for (uint64_t n = 0; n < events; n++) {
                if (n == first_s * (uint64_t)t->rate)
                        at_first = world.repeats;
                publish(n);
                server_sends();
                run_until(mono_add(world.now, NS_PER_S / t->rate));
        }
        run_until(mono_add(world.now, LEAD_S * NS_PER_S));
        assert_int_equal(world.lost, 0);
        assert_int_equal(world.told, events * CLIENTS);
        qsort(world.latency, world.told, sizeof *world.latency, by_size);
        struct figures f = figures();
        f.repeats_at_first = at_first;
        finish();
        return f;
}

#endif
