/* The UDP path in simulated time: hub, gate and clients over a network that loses, doubles, delays,
 * overtakes and goes dark; with a transport that blocks, logs that evict, clients that come back
 * and a server that is started anew. After each run every event that was published has exactly one
 * outcome at every client it was meant for: told once, or covered by one gap. Thousands of seeds;
 * a failing one is printed with its command.
 */
#include "tests/unit/harness.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/udp_client_inside.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "lab/world.h"
#include "udp_server/udp_cookie.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_gate.h"

enum {
        CLIENTS_MAX = 4,
        ROOMS = 4,
        RECORDS_MAX = 16384,
        GAPS_TOLD_MAX = 4096,
        EPOCHS_MAX = 4,
        CALLS_TOLD = 1024,
        STRANGER = 9999,
        LEAVES = -1
};

static const char *const room_names[ROOMS] = { "", "tea", "coffee", "milk" };

/* One published event, as the oracle knows it. */
struct record {
        uint32_t epoch;
        uint64_t eid;
        uint64_t seq[ROOMS];       /* 0: not in that room */
        uint32_t meant;            /* clients, as bits */
        uint8_t told[CLIENTS_MAX]; /* times */
};

struct gap_told {
        uint32_t epoch;
        int room;
        uint64_t from, to;
};

struct actor {
        int number;
        struct client *client;
        bool open;
        uint32_t port;
        struct member *member; /* at the server, as its application sees it */
        bool leaving[ROOMS], up[EPOCHS_MAX], joined[EPOCHS_MAX][ROOMS];
        bool unsure[ROOMS]; /* the server began anew before the client had heard of it */
        uint64_t need_from[EPOCHS_MAX][ROOMS];
        uint64_t last_seq[EPOCHS_MAX][ROOMS]; /* order of what is told */
        struct gap_told gap[GAPS_TOLD_MAX];
        int gaps;
        int call_n[CALLS_TOLD]; /* what each call carries; LEAVES - room: a leave */
        bool answered[CALLS_TOLD];
};

static struct sim {
        uint64_t seed;
        enum client_mode mode;
        struct world *world;
        struct hub *hub;
        struct app *app;
        struct udp_gate *gate;
        struct udp_batch batch;
        struct member *witness; /* is in all rooms, so that they can be looked at */
        struct actor actor[CLIENTS_MAX];
        int actors, receiving;
        uint32_t epoch; /* from 1; the hub's is 1000 + epoch */
        struct record record[RECORDS_MAX];
        int records;
        bool fair, blocks, evicts, restarted, long_night, answers_lost, was_dark, lossy,
                harsh; /* harsh: eight tries may all be lost; lossy: four */
        struct mono blocked_until;
        uint8_t overheard[DGRAM_BYTES_MAX]; /* the last datagram to the server */
        size_t overheard_n;
        uint64_t told, gaps, recovered, unknown;
} sim;

#define CHECK(good, ...) ((good) ? (void)0 : broken(__LINE__, __VA_ARGS__))

static void broken(int line, const char *format, ...)
{
        char words[256];
        va_list args;
        va_start(args, format);
        vsnprintf(words, sizeof words, format, args);
        va_end(args);
        fail_msg("line %d, seed %lu: %s\n  again: SEED=%lu build/release/tests/sim_udp", line, (unsigned long)sim.seed,
                 words, (unsigned long)sim.seed);
}

static struct mono now(void)
{
        return world_now(sim.world);
}

static uint64_t pick(uint64_t bound)
{
        return rng_below(world_rng(sim.world), bound);
}

/* ---- the oracle --------------------------------------------------------------------------- */

static struct bytes room_text(int room)
{
        return bytes_text(room_names[room]);
}

static uint64_t head_of(int room)
{
        return room_head_seq(member_room(sim.witness, room_text(room)));
}

static bool is_in(const struct actor *a, int room)
{
        return a->member && member_is_in(a->member, room_text(room));
}

/* Publishes ["e", n, filler] to the rooms (bits; room 0 alone), but not to members of `except`. */
static int publish(uint32_t n, uint32_t rooms, int except, struct actor *from, bool own, struct published *out)
{
        static const uint8_t filler[2000];
        struct bytes name[ROOMS], but = except ? room_text(except) : bytes_of(NULL, 0);
        struct buf event = { 0 };
        size_t size = pick(20) == 0 ? 1200 : pick(10) == 0 ? pick(1000) : pick(60);
        event_begin(&event, "e", 2);
        pack_put_u64(&event, n);
        pack_put_bin(&event, bytes_of(filler, size));
        struct publish p = { .event = buf_bytes(&event), .rooms = name, .except = &but, .except_n = except != 0 };
        for (int r = 1; r < ROOMS; r++)
                if (rooms & 1u << r)
                        name[p.rooms_n++] = room_text(r);
        p.from = from ? from->member : NULL;
        p.own = own;
        uint64_t before[ROOMS];
        for (int r = 0; r < ROOMS; r++)
                before[r] = head_of(r);
        int err = hub_publish(sim.hub, now(), &p, out);
        buf_free(&event);
        CHECK(err == 0, "hub_publish: %d", err);
        struct record *rec = &sim.record[n];
        *rec = (struct record){ .epoch = sim.epoch, .eid = out->eid };
        for (int r = 0; r < ROOMS; r++)
                rec->seq[r] = head_of(r) != before[r] ? head_of(r) : 0;
        for (int i = 0; i < sim.actors; i++) {
                const struct actor *a = &sim.actor[i];
                bool meant = false;
                for (int r = 0; r < ROOMS; r++)
                        meant |= rec->seq[r] && is_in(a, r);
                if (meant && !(except && is_in(a, except)) && !(a == from && !own))
                        rec->meant |= 1u << i;
        }
        return err;
}

static bool new_record(uint32_t *n)
{
        *n = (uint32_t)sim.records;
        return sim.records < RECORDS_MAX && sim.records++ >= 0;
}

/* ---- the application ---------------------------------------------------------------------- */

static void on_connect(struct app *a, struct app_socket *s, struct mono at, struct bytes auth)
{
        (void)a, (void)at, (void)auth;
        struct actor *actor = &sim.actor[sim.receiving];
        *app_socket_data(s) = actor;
        actor->member = app_socket_member(s);
        actor->need_from[sim.epoch][0] = head_of(0) + 1;
        memset(actor->unsure, 0, sizeof actor->unsure);
}

static int room_number(struct bytes name)
{
        for (int r = 0; r < ROOMS; r++)
                if (bytes_equal(name, room_text(r)))
                        return r;
        return -1;
}

static void on_event(struct app *a, struct app_socket *s, struct mono at, const struct event *e,
                     struct app_reply *reply)
{
        (void)a;
        struct actor *actor = *app_socket_data(s);
        struct bytes name = { 0 };
        uint64_t n = 0, room = 0;
        if (event_is(e, "join")) {
                pack_get_text(event_arg(e, 0), &name);
                if (hub_join(actor->member, at, name) == 0)
                        actor->need_from[sim.epoch][room_number(name)] = head_of(room_number(name)) + 1;
        } else if (event_is(e, "leave")) {
                pack_get_text(event_arg(e, 0), &name);
                hub_leave(actor->member, at, name);
        } else if (event_is(e, "pub")) {
                struct published out;
                pack_get_u64(event_arg(e, 0), &n);
                pack_get_u64(event_arg(e, 1), &room);
                CHECK(sim.record[n].eid == 0 || sim.record[n].epoch != sim.epoch, "call %d was done twice", (int)n);
                publish((uint32_t)n, room ? 1u << room : 0, 0, actor, n % 2, &out);
                struct buf *args = app_reply_arg(reply);
                pack_put_map(args, 2);
                pack_put_word(args, "eid");
                pack_put_u64(args, out.eid);
                pack_put_word(args, "seq");
                pack_put_u64(args, out.seq);
        } else if (event_is(e, "ask")) {
                pack_get_u64(event_arg(e, 0), &n);
                pack_put_u64(app_reply_arg(reply), n + 1);
        }
}

static void on_forget(struct app *a, struct app_socket *s)
{
        (void)a;
        struct actor *actor = *app_socket_data(s);
        if (actor && actor->member == app_socket_member(s))
                actor->member = NULL;
}

static const struct app_handlers handlers = {
        .name = "oracle", .greets = true, .connect = on_connect, .event = on_event, .forget = on_forget
};

/* ---- the server ---------------------------------------------------------------------------- */

static void nobody(void *owner)
{
        (void)owner;
}

static void start_server(void)
{
        static const uint8_t reset_key[UDP_KEY_BYTES] = { 7 };
        struct hub_config config = { .epoch = 1000 + ++sim.epoch, .room_events_max = sim.evicts ? 40 : 0 };
        sim.hub = hub_create(&config);
        int encoding = udp_encoding_add(sim.hub);
        struct hub_sink sink = { nobody, NULL };
        sim.witness = hub_member_add(sim.hub, bytes_text("witness"), encoding, &sink, NULL);
        member_detach(sim.witness);
        for (int r = 1; r < ROOMS; r++)
                hub_join(sim.witness, now(), room_text(r));
        sim.app = app_create(sim.hub, &handlers);
        struct udp_gate_config gate = { .app = sim.app, .encoding = encoding, .reset_key = reset_key };
        sim.gate = udp_gate_create(&gate, now());
}

static void stop_server(void)
{
        udp_gate_destroy(sim.gate, now());
        app_destroy(sim.app);
        hub_member_remove(sim.witness);
        hub_destroy(sim.hub);
}

static struct udp_addr addr_of(int number, uint32_t port)
{
        struct udp_addr addr = { .ip = { [10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = (uint8_t)number } };
        addr.port[0] = (uint8_t)(port >> 8);
        addr.port[1] = (uint8_t)port;
        return addr;
}

static void server_recv(const struct world_packet *p)
{
        struct udp_addr from = addr_of((int)p->from, p->mark);
        struct actor *a = &sim.actor[p->from - 1];
        uint8_t answer[DGRAM_COOKIE_BYTES];
        uint64_t accepted = udp_gate_stats(sim.gate)->accepted;
        bool known = a->member != NULL;
        sim.receiving = (int)p->from - 1;
        size_t n = udp_gate_recv(sim.gate, now(), &from, p->bytes, answer);
        CHECK(n <= p->bytes.n, "a stranger is answered with more than he sent");
        if (n > 0)
                world_send(sim.world, 0, p->from, p->mark, bytes_of(answer, n));
        if (known && udp_gate_stats(sim.gate)->accepted != accepted)
                for (int r = 0; r < ROOMS; r++)
                        a->unsure[r] = r == 0 ? !a->up[sim.epoch] : !a->joined[sim.epoch][r];
}

static void send_batch(const struct udp_peer *p, int taken)
{
        const struct udp_addr *to = udp_peer_addr(p);
        for (int i = 0; i < taken; i++) {
                uint8_t out[DGRAM_BYTES_MAX];
                size_t n = 0;
                const struct udp_datagram *d = &sim.batch.datagram[i];
                CHECK(d->bytes <= DGRAM_BYTES_MAX, "a datagram of %d bytes", (int)d->bytes);
                for (int v = 0; v < d->iov_n; v++) {
                        memcpy(out + n, d->iov[v].iov_base, d->iov[v].iov_len);
                        n += d->iov[v].iov_len;
                }
                CHECK(n == d->bytes && dgram_check(bytes_of(out, n)) == DGRAM_GOOD, "a datagram does not add up");
                world_send(sim.world, 0, to->ip[15], (uint32_t)(to->port[0] << 8 | to->port[1]), bytes_of(out, n));
        }
}

static void server_flush(void)
{
        hub_announce(sim.hub);
        if (mono_before(now(), sim.blocked_until))
                return;
        struct udp_peer *p;
        while ((p = udp_gate_pending(sim.gate))) {
                int n = udp_peer_slices(p, now(), &sim.batch);
                if (n == 0)
                        continue;
                if (pick(2))
                        udp_batch_even(&sim.batch);
                int taken = sim.blocks && pick(10) == 0 ? (int)pick((uint64_t)n) : n;
                send_batch(p, taken);
                udp_peer_sent(p, now(), &sim.batch, taken);
                if (taken < n) {
                        sim.blocked_until = mono_add(now(), (int64_t)pick(100) * NS_PER_MS);
                        return;
                }
        }
}

/* ---- the clients --------------------------------------------------------------------------- */

static uint32_t told_epoch(uint32_t epoch)
{
        CHECK(epoch > 1000 && epoch <= 1000 + sim.epoch, "an event of no epoch");
        return epoch - 1000;
}

static void in_order(struct actor *a, uint32_t epoch, int room, uint64_t from, uint64_t to)
{
        if (sim.mode != CLIENT_MODE_NACK_ORDERED)
                return;
        CHECK(from > a->last_seq[epoch][room], "client %d is told %d after %d in %s", a->number, (int)from,
              (int)a->last_seq[epoch][room], room_names[room]);
        a->last_seq[epoch][room] = to;
}

static void told_event(struct actor *a, const struct client_event *ev)
{
        struct event e;
        uint64_t n;
        int room = room_number(ev->room);
        CHECK(event_parse(ev->event, ev->event.n, &e) == 0, "an event that is none");
        if (event_is(&e, "hello"))
                return;
        uint32_t epoch = told_epoch(ev->epoch);
        CHECK(room >= 0 && event_is(&e, "e") && pack_get_u64(event_arg(&e, 0), &n), "a strange event");
        struct record *rec = &sim.record[n];
        CHECK(rec->epoch == epoch && rec->eid == ev->eid && rec->seq[room] == ev->seq, "event %d is told wrongly",
              (int)n);
        CHECK(rec->meant & 1u << a->number, "client %d is told %d, which is not for it", a->number, (int)n);
        CHECK(rec->told[a->number]++ == 0, "client %d is told %d twice", a->number, (int)n);
        in_order(a, epoch, room, ev->seq, ev->seq);
        sim.told++;
        sim.recovered += ev->recovered;
}

static void told_gap(struct actor *a, const struct client_event *ev)
{
        int room = room_number(ev->room);
        sim.gaps++;
        if (room < 0) { /* its own, in which answers come */
                sim.answers_lost = true;
                return;
        }
        bool evicted = strcmp(ev->reason, "evicted") == 0, timeout = strcmp(ev->reason, "timeout") == 0;
        CHECK(!evicted || sim.evicts || sim.long_night || a->leaving[room], "evicted by nothing");
        CHECK(!timeout || sim.was_dark || sim.lossy, "not repaired over a good path");
        CHECK(strcmp(ev->reason, "not repaired") != 0 || sim.mode == CLIENT_MODE_RAW, "not asked for");
        CHECK(a->gaps < GAPS_TOLD_MAX, "endless gaps");
        uint32_t epoch = told_epoch(ev->epoch);
        in_order(a, epoch, room, ev->from, ev->to);
        a->gap[a->gaps++] = (struct gap_told){ epoch, room, ev->from, ev->to };
}

static void told_answer(struct actor *a, const struct client_event *ev)
{
        uint64_t eid;
        CHECK(ev->call < CALLS_TOLD && !a->answered[ev->call], "an answer too many");
        a->answered[ev->call] = true;
        int n = a->call_n[ev->call];
        sim.unknown += ev->status == CLIENT_UNKNOWN;
        if (n <= LEAVES)
                a->leaving[LEAVES - n] = false;
        CHECK(ev->status != CLIENT_REFUSED || n <= LEAVES, "call %d was refused", (int)ev->call);
        if (ev->status != CLIENT_OK || n <= 0)
                return;
        if (pack_get_u64(ev->answer, &eid))
                CHECK(eid == (uint64_t)n + 1, "another answer");
        else
                CHECK(pack_get_u64(pack_map_text(ev->answer, "eid"), &eid) && sim.record[n].eid == eid,
                      "call %d is answered with another place", n);
}

static void begin_unsure(struct actor *a, int room)
{
        const struct udp_feed *f = udp_room_find(a->client, room_text(room));
        if (a->unsure[room])
                a->need_from[sim.epoch][room] = f ? f->gaps.contig + 1 : UINT64_MAX;
        a->unsure[room] = false;
}

static void client_told(struct actor *a)
{
        struct client_event ev;
        while (udp_transport.next(a->client, &ev)) {
                switch (ev.kind) {
                case CLIENT_UP:
                        if (a->client->epoch == 1000 + sim.epoch) {
                                begin_unsure(a, 0);
                                a->up[sim.epoch] = true;
                        }
                        break;
                case CLIENT_JOINED:
                        if (a->client->epoch == 1000 + sim.epoch) {
                                begin_unsure(a, room_number(ev.room));
                                a->joined[sim.epoch][room_number(ev.room)] = !a->leaving[room_number(ev.room)];
                        }
                        break;
                case CLIENT_EVENT:
                        told_event(a, &ev);
                        break;
                case CLIENT_GAP:
                        told_gap(a, &ev);
                        break;
                case CLIENT_ANSWER:
                        told_answer(a, &ev);
                        break;
                case CLIENT_DOWN:
                        CHECK(!ev.final, "a client gave up: %s", ev.reason);
                        break;
                }
        }
}

/* The edge's turn for one client. */
static void client_turn(struct actor *a)
{
        uint8_t out[DGRAM_BYTES_MAX];
        size_t n;
        for (int i = 0; i < 3; i++) {
                enum client_wish wish = udp_transport.wish(a->client);
                if (wish == CLIENT_OPEN && !a->open) {
                        a->open = true;
                        a->port++;
                        udp_transport.opened(a->client, now());
                } else if (wish == CLIENT_CLOSE && a->open) {
                        a->open = false;
                        udp_transport.closed(a->client, now(), "closed");
                }
        }
        while ((n = udp_transport.send(a->client, now(), out, sizeof out)) > 0)
                if (a->open) {
                        memcpy(sim.overheard, out, sim.overheard_n = n);
                        world_send(sim.world, (uint32_t)a->number + 1, 0, a->port, bytes_of(out, n));
                }
        client_told(a);
}

static void client_recv(const struct world_packet *p)
{
        struct actor *a = &sim.actor[p->to - 1];
        if (a->open && p->mark == a->port)
                CHECK(udp_transport.recv(a->client, now(), p->bytes.at, p->bytes.n) == 0,
                      "the client refuses a datagram");
        client_turn(a);
}

static void call(struct actor *a, const char *verb, uint32_t n, int room)
{
        struct buf event = { 0 };
        event_begin(&event, verb, 2);
        pack_put_u64(&event, n);
        pack_put_u64(&event, (uint64_t)room);
        int64_t number = udp_transport.call(a->client, now(), buf_bytes(&event));
        if (number > 0 && number < CALLS_TOLD)
                a->call_n[number] = (int)n;
        buf_free(&event);
}

/* ---- time ---------------------------------------------------------------------------------- */

static struct mono next_deadline(void)
{
        struct mono due = mono_min(world_deadline(sim.world), udp_gate_deadline(sim.gate));
        due = mono_min(due, hub_deadline(sim.hub));
        if (mono_before(now(), sim.blocked_until))
                due = mono_min(due, sim.blocked_until);
        for (int i = 0; i < sim.actors; i++)
                due = mono_min(due, udp_transport.deadline(sim.actor[i].client));
        return due;
}

static void turn(void)
{
        struct world_packet p;
        while (world_pop(sim.world, &p)) {
                if (p.to == 0)
                        server_recv(&p);
                else
                        client_recv(&p);
        }
        if (!mono_before(now(), hub_deadline(sim.hub)))
                hub_expire(sim.hub, now());
        if (!mono_before(now(), udp_gate_deadline(sim.gate)))
                udp_gate_expire(sim.gate, now());
        for (int i = 0; i < sim.actors; i++) {
                struct actor *a = &sim.actor[i];
                if (!mono_before(now(), udp_transport.deadline(a->client)))
                        udp_transport.expire(a->client, now());
                client_turn(a);
        }
        server_flush();
}

static void run_until(struct mono until)
{
        int idle = 0;
        for (;;) {
                struct mono due = next_deadline();
                if (mono_before(until, due))
                        break;
                bool stands = !mono_before(now(), due);
                idle = stands ? idle + 1 : 0;
                CHECK(idle < 1000, "time stands still");
                world_pass(sim.world, due);
                turn();
        }
        world_pass(sim.world, until);
        turn();
}

/* ---- one run ------------------------------------------------------------------------------- */

static void set_path(struct actor *a)
{
        struct world_path *path = world_path(sim.world, (uint32_t)a->number + 1);
        static const double losses[] = { 0, 0, 0.01, 0.02, 0.05, 0.1, 0.25 };
        path->delay_ns = (int64_t)(1 + pick(60)) * NS_PER_MS;
        path->jitter_ns = pick(3) == 0 ? path->delay_ns : (int64_t)pick(3) * NS_PER_MS;
        path->loss = losses[pick(sim.fair ? 4 : sizeof losses / sizeof *losses)];
        sim.harsh |= path->loss > 0.1;
        sim.lossy |= path->loss > 0.02;
        path->doubles = pick(3) == 0 ? 0.05 : 0;
}

static void random_publish(void)
{
        uint32_t n, rooms = 0;
        struct published out;
        if (!new_record(&n))
                return;
        if (pick(3))
                rooms = pick(5) == 0 ? (uint32_t)pick(8) << 1 : 2u << pick(3);
        publish(n, rooms, pick(8) == 0 ? 1 + (int)pick(3) : 0, NULL, false, &out);
}

/* A burst that nobody hears at first: more than is believed at once. */
static void random_burst(struct world_path *path)
{
        path->dark = sim.was_dark = true;
        uint32_t room = pick(2) ? 0 : 2u << pick(3), n;
        struct published out;
        for (uint64_t more = 1000 + pick(500); more > 0 && new_record(&n); more--)
                publish(n, room, 0, NULL, false, &out);
        run_until(mono_add(now(), NS_PER_S));
        path->dark = false;
}

/* Long enough for the client, the server, or recovery to give up. */
static void random_night(struct world_path *path)
{
        path->dark = sim.was_dark = sim.long_night = true;
        for (uint64_t n = 1 + pick(8); n > 0; n--) {
                run_until(mono_add(now(), (int64_t)pick(40) * NS_PER_S));
                random_publish();
        }
        path->dark = false;
}

/* Someone sends again what he overheard, or something like it, from an address of his own. */
static void random_stranger(const struct actor *a)
{
        struct world_packet p = { .from = (uint32_t)a->number + 1, .mark = STRANGER };
        p.bytes = bytes_of(sim.overheard, sim.overheard_n);
        for (uint64_t n = pick(4); n > 0 && sim.overheard_n > 0; n--)
                sim.overheard[pick(sim.overheard_n)] ^= (uint8_t)(1u << pick(8));
        if (pick(4) == 0)
                p.bytes.n = pick(sim.overheard_n + 1);
        uint64_t sessions = udp_gate_sessions(sim.gate);
        server_recv(&p);
        CHECK(udp_gate_sessions(sim.gate) == sessions, "a stranger got a session");
}

static void random_move(struct actor *a)
{
        int room = 1 + (int)pick(ROOMS - 1);
        if (a->leaving[room])
                return;
        if (!a->joined[sim.epoch][room]) {
                udp_transport.join(a->client, now(), room_text(room));
                return;
        }
        int64_t number = udp_transport.leave(a->client, now(), room_text(room));
        if (number <= 0)
                return;
        CHECK(number < CALLS_TOLD, "too many calls");
        a->call_n[number] = LEAVES - room;
        a->leaving[room] = true;
        a->joined[sim.epoch][room] = false;
}

static void random_deed(void)
{
        struct actor *a = &sim.actor[pick((uint64_t)sim.actors)];
        struct world_path *path = world_path(sim.world, (uint32_t)a->number + 1);
        uint64_t dice = pick(sim.fair ? 850 : 1000);
        uint32_t n;
        if (dice < 700) {
                random_publish();
        } else if (dice < 850) {
                if (new_record(&n))
                        call(a, pick(4) ? "pub" : "ask", n, (int)pick(ROOMS));
        } else if (dice < 900) {
                path->dark = !path->dark;
                sim.was_dark = true;
        } else if (dice < 910 && a->open) { /* its socket breaks */
                a->open = false;
                udp_transport.closed(a->client, now(), "the network changed");
                client_turn(a);
        } else if (dice < 912 && sim.epoch < EPOCHS_MAX - 1) {
                stop_server();
                start_server();
                sim.restarted = true;
        } else if (dice < 914) {
                random_night(path);
        } else if (dice < 915) {
                random_burst(path);
        } else if (dice < 930) {
                random_stranger(a);
        } else if (dice < 945) {
                random_move(a);
        } else {
                path->dark = false;
        }
}

static bool settled(void)
{
        for (int i = 0; i < sim.actors; i++) {
                const struct client *c = sim.actor[i].client;
                const struct udp_feed *f;
                if (c->state != UDP_UP || c->calls_n > 0 || c->epoch != 1000 + sim.epoch)
                        return false;
                LIST_FOREACH(f, &c->feeds, link)
                {
                        const struct room *r = member_room(sim.actor[i].member, udp_feed_name(f));
                        if (f->ref == 0 || !r || f->gaps.contig != room_head_seq(r))
                                return false;
                }
        }
        return true;
}

static void judge(const struct actor *a, int n)
{
        const struct record *rec = &sim.record[n];
        uint32_t e = rec->epoch;
        int rooms = 0, all_rooms = 0, covered = 0;
        for (int r = 0; r < ROOMS; r++) {
                all_rooms += rec->seq[r] != 0;
                bool knows = r == 0 ? a->up[e] : a->joined[e][r];
                if (!rec->seq[r] || !knows || rec->seq[r] < a->need_from[e][r])
                        continue;
                rooms++;
                for (int g = 0; g < a->gaps; g++)
                        covered += a->gap[g].epoch == e && a->gap[g].room == r && a->gap[g].from <= rec->seq[r] &&
                                   rec->seq[r] <= a->gap[g].to;
        }
        if (rooms == 0 || !(rec->meant & 1u << a->number))
                return;
        CHECK(rec->told[a->number] + covered > 0, "event %d has no outcome at client %d", n, a->number);
        if (all_rooms == 1 && rec->told[a->number] == 0)
                CHECK(covered == 1, "event %d is lost %d times at client %d", n, covered, a->number);
        if (all_rooms == 1 && rec->told[a->number] == 1)
                CHECK(covered == 0, "event %d is told and lost at client %d", n, a->number);
}

static void check_bounds(void)
{
        for (int i = 0; i < sim.actors; i++) {
                const struct udp_feed *f;
                LIST_FOREACH(f, &sim.actor[i].client->feeds, link)
                CHECK(f->held_n == 0 && f->held_bytes == 0 && f->gaps.holes_n == 0, "something is still held");
        }
        CHECK(udp_gate_stats(sim.gate)->private_full == 0, "a session was closed as slow");
        CHECK(hub_stats(sim.hub).copied_bytes == 0, "bytes of events were copied");
}

static void begin(uint64_t seed)
{
        memset(&sim, 0, sizeof sim);
        sim.seed = seed;
        sim.world = world_create(seed, CLIENTS_MAX + 1);
        sim.mode = (enum client_mode)(seed % 3);
        sim.fair = pick(3) == 0; /* what a path like this loses must be repaired */
        sim.blocks = pick(2);
        sim.evicts = pick(4) == 0;
        sim.actors = 1 + (int)pick(CLIENTS_MAX);
        sim.records = 1; /* a call that carries 0 expects nothing */
        start_server();
        struct client_config config = { .mode = sim.mode, .seed = seed, .reconnect = true };
        for (int i = 0; i < sim.actors; i++) {
                struct actor *a = &sim.actor[i];
                a->number = i;
                a->client = udp_transport.create(&config, now());
                set_path(a);
                for (int r = 1; r < ROOMS; r++)
                        if (pick(3))
                                udp_transport.join(a->client, now(), room_text(r));
        }
}

static void finish(void)
{
        for (int i = 0; i < sim.actors; i++)
                udp_transport.destroy(sim.actor[i].client);
        stop_server();
        world_destroy(sim.world);
}

static void run(uint64_t seed)
{
        begin(seed);
        int deeds = 50 + (int)pick(250);
        int64_t pause_ms = 1 + (int64_t)pick(40);
        for (int i = 0; i < deeds; i++) {
                random_deed();
                run_until(mono_add(now(), (int64_t)pick((uint64_t)(2 * pause_ms) * NS_PER_MS)));
        }
        /* The weather clears. */
        sim.blocks = false;
        sim.blocked_until = now();
        for (int i = 0; i < sim.actors; i++) {
                struct world_path *path = world_path(sim.world, (uint32_t)i + 1);
                path->dark = false;
                path->loss = 0;
        }
        for (int s = 0; s < 150 && !settled(); s++)
                run_until(mono_add(now(), NS_PER_S));
        CHECK(settled(), "the clients do not come to rest");
        check_bounds();
        for (int i = 0; i < sim.actors; i++)
                for (int n = 1; n < sim.records; n++)
                        if (sim.record[n].eid != 0)
                                judge(&sim.actor[i], n);
        CHECK(sim.unknown == 0 || sim.restarted || sim.was_dark || sim.answers_lost || sim.harsh,
              "an answer is unknown for no reason");
        finish();
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Identities come from the OS but in simulations: here they come from the seed, so that a run can
 * be had again. */
static struct rng identities;

static uint32_t seeded_u32(void)
{
        return (uint32_t)rng_u64(&identities);
}

static void seeded_bytes(void *const out, const size_t n)
{
        for (size_t i = 0; i < n; i++)
                ((uint8_t *)out)[i] = (uint8_t)rng_u64(&identities);
}

static const char *seeded_name(void)
{
        return "seeded";
}

static struct randombytes_implementation seeded = { .implementation_name = seeded_name,
                                                    .random = seeded_u32,
                                                    .buf = seeded_bytes };

static void every_event_has_one_outcome(void **state)
{
        (void)state;
        const char *one = getenv("SEED");
        unsigned long first = one ? strtoul(one, NULL, 10) : 1, n = one ? 1 : harness_seeds(2000);
        uint64_t told = 0, recovered = 0, gaps = 0;
        for (unsigned long seed = first; seed < first + n; seed++) {
                identities = rng_seeded(seed, "identities");
                run(seed);
                told += sim.told;
                recovered += sim.recovered;
                gaps += sim.gaps;
        }
        print_message("%lu seeds: %lu events told, %lu of them recovered, %lu gaps\n", n, told, recovered, gaps);
        if (!one)
                assert_true(told > 0 && recovered > 0 && gaps > 0);
}

int main(void)
{
        randombytes_set_implementation(&seeded);
        const struct CMUnitTest tests[] = { cmocka_unit_test(every_event_has_one_outcome) };
        return cmocka_run_group_tests_name("udp in simulated time", tests, NULL, NULL);
}
