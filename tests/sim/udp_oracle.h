/* udp_oracle: what each client of the UDP path is owed, in one simulated run.
 *
 * Every event that is published is kept with the clients it is meant for, judged at that moment by
 * the hub's membership; what clients tell is checked against it as it is told. The application in
 * front of the hub is the oracle's own: it knows who connects, joins and publishes.
 */
#ifndef TESTS_SIM_UDP_ORACLE_H
#define TESTS_SIM_UDP_ORACLE_H
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
        LEAVES = -1,
        JOINS = LEAVES - ROOMS
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
        int call_n[CALLS_TOLD]; /* what each call carries; LEAVES - room: a leave; JOINS - room: a join */
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
        bool fair, blocks, evicts, keyless, restarted, long_night, answers_lost, was_dark, lossy,
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

#endif
