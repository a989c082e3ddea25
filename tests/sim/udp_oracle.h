/* udp_oracle: what each client of the UDP path is owed, in one simulated run.
 *
 * Every event that is published is kept with the clients it is meant for, judged at that moment by
 * the hub's membership; what clients tell is checked against it as it is told. The application in
 * front of the hub is the oracle's own: it knows who connects, joins and publishes.
 *
 * What does not hold ends the process (udp_shrink.h runs each scenario in one of its own).
 */
#ifndef TESTS_SIM_UDP_ORACLE_H
#define TESTS_SIM_UDP_ORACLE_H
#include "tests/unit/harness.h"

#include <stdio.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/udp_client_inside.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "lab/world.h"
#include "tests/sim/udp_scenario.h"
#include "udp_server/udp_cookie.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_gate.h"

enum {
        RECORDS_MAX = 16384,
        GAPS_TOLD_MAX = 4096,
        EPOCHS_MAX = 4,
        CALLS_TOLD = 1024,
        PORTS_MAX = 256, /* of one client's address, one after the other; port 0 is a stranger's */
        INBOX = 128,     /* datagrams that wait for a side that does not run */
        LEAVES = -1,
        JOINS = LEAVES - ROOMS,
        HEAP_FIXED = 4 << 20, /* of hub, gate, clients, and packets under way */
};

/* Faults of the simulation's own, to see that they are found and cut down. */
enum fault {
        FAULT_NONE,
        FAULT_DEAF, /* a client whose address has changed does not tell events of 500 bytes and more */
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

/* Datagrams in a socket's buffer. */
struct inbox {
        struct waiting {
                uint32_t from, mark;
                size_t n;
                uint8_t bytes[DGRAM_BYTES_MAX];
        } at[INBOX];
        unsigned first, n;
};

/* What went to and came from one address: a stranger's until the server has accepted it. */
struct ledger {
        uint64_t in, out, asked; /* asked: with CHALLENGEs */
        bool valid;
};

/* How far the server has come with a channel in a session, and what it may spend on repairs. */
struct spending {
        uint64_t tag, highest;
};

struct actor {
        int number;
        struct client *client;
        bool open, rebound;
        uint32_t port;
        int64_t skew_ns; /* of its clock to the world's */
        struct mono dark_until, asleep_until, busy_until;
        bool bursting[2]; /* up, down */
        struct inbox inbox;
        struct ledger ledger[PORTS_MAX];
        struct spending spending[ROOMS + 1];
        double repair_tokens;
        struct mono repair_filled;
        int64_t dark_ms;                    /* in all */
        uint8_t overheard[DGRAM_BYTES_MAX]; /* the last datagram that it sent */
        size_t overheard_n;
        struct member *member; /* at the server, as its application sees it */
        uint64_t done_last;    /* of its calls */
        bool leaving[ROOMS], kicked[ROOMS], up[EPOCHS_MAX], joined[EPOCHS_MAX][ROOMS];
        bool unsure[ROOMS]; /* the server began anew before the client had heard of it */
        uint64_t need_from[EPOCHS_MAX][ROOMS], need_end[EPOCHS_MAX][ROOMS]; /* end: where it was kicked; or 0 */
        uint64_t last_seq[EPOCHS_MAX][ROOMS];                               /* order of what is told */
        struct mono sound_at[ROOMS]; /* when it last did not believe in a feed that there is not */
        struct gap_told gap[GAPS_TOLD_MAX];
        int gaps;
        int call_n[CALLS_TOLD]; /* what each call carries; LEAVES - room: a leave; JOINS - room: a join */
        bool answered[CALLS_TOLD];
};

static struct sim {
        const struct scenario *scenario;
        enum client_mode mode;
        struct rng weather;
        int64_t skew_ns; /* of the server's clock */
        struct mono asleep_until;
        struct inbox inbox;
        uint64_t reset_bytes, published_bytes;
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
        bool fair, blocks, rotten, restarted, long_night, answers_lost, was_dark, lossy,
                harsh; /* harsh: eight tries may all be lost; lossy: four; rotten: no header can be trusted */
        struct mono blocked_until;
        bool fine; /* the weather has cleared */
        size_t heap_before;
        uint64_t told, gaps, recovered, unknown, repairs;
} sim;

/* What came of a run; in memory that the process which started it shares. */
struct verdict {
        char where[64]; /* the check that does not hold; empty: all do */
        char words[256];
        uint64_t seed; /* of the run under way */
        uint64_t runs, told, recovered, mended, gaps;
};

static struct verdict *verdict;
static FILE *capture; /* NULL: none is wanted */

#define CHECK(good, ...) ((good) ? (void)0 : broken(__FILE__, __LINE__, __VA_ARGS__))
#define HOLDS(good, ...) CHECK((good) || sim.rotten, __VA_ARGS__)

static _Noreturn void broken(const char *file, int line, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vsnprintf(verdict->words, sizeof verdict->words, format, args);
        va_end(args);
        snprintf(verdict->where, sizeof verdict->where, "%s:%d", strrchr(file, '/') ? strrchr(file, '/') + 1 : file,
                 line);
        _exit(1);
}

static struct mono now(void)
{
        return world_now(sim.world);
}

static struct mono server_now(void)
{
        return mono_add(now(), sim.skew_ns);
}

static struct mono client_now(const struct actor *a)
{
        return mono_add(now(), a->skew_ns);
}

/* An instant of an engine's clock as one of the world's. */
static struct mono world_time(struct mono at, int64_t skew_ns)
{
        return mono_before(at, MONO_NEVER) ? mono_add(at, -skew_ns) : MONO_NEVER;
}

/* What the run itself draws: what a transport takes, how datagrams are made even. */
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
static int publish(uint32_t n, uint32_t rooms, int except, size_t size, struct actor *from, bool own,
                   struct published *out)
{
        static const uint8_t filler[65536];
        struct bytes name[ROOMS], but = except ? room_text(except) : bytes_of(NULL, 0);
        struct buf event = { 0 };
        event_begin(&event, "e", 2);
        pack_put_u64(&event, n);
        pack_put_bin(&event, bytes_of(filler, size < sizeof filler ? size : sizeof filler));
        sim.published_bytes += event.n;
        struct publish p = { .event = buf_bytes(&event), .rooms = name, .except = &but, .except_n = except != 0 };
        for (int r = 1; r < ROOMS; r++)
                if (rooms & 1u << r)
                        name[p.rooms_n++] = room_text(r);
        p.from = from ? from->member : NULL;
        p.own = own;
        uint64_t before[ROOMS];
        for (int r = 0; r < ROOMS; r++)
                before[r] = head_of(r);
        int err = hub_publish(sim.hub, server_now(), &p, out);
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

/* What a client calls is done in the order in which it called. */
static void in_turn(struct actor *a, uint64_t n)
{
        HOLDS(n > a->done_last, "client %d: call %d is done after %d", a->number, (int)n, (int)a->done_last);
        a->done_last = n;
}

static void on_event(struct app *a, struct app_socket *s, struct mono at, const struct event *e,
                     struct app_reply *reply)
{
        (void)a;
        struct actor *actor = *app_socket_data(s);
        struct bytes name = { 0 };
        uint64_t n = 0, room = 0, size = 0;
        pack_get_text(event_arg(e, 0), &name);
        if (event_is(e, "join") || event_is(e, "leave"))
                HOLDS(room_number(name) >= 0, "a room that nobody named");
        if (event_is(e, "join") && room_number(name) >= 0) {
                int r = room_number(name);
                if (hub_join(app_socket_member(s), at, name) == 0) {
                        actor->need_from[sim.epoch][r] = head_of(r) + 1;
                        actor->need_end[sim.epoch][r] = 0;
                }
        } else if (event_is(e, "leave")) {
                hub_leave(app_socket_member(s), at, name);
        } else if (event_is(e, "pub")) {
                struct published out;
                pack_get_u64(event_arg(e, 0), &n);
                pack_get_u64(event_arg(e, 1), &room);
                pack_get_u64(event_arg(e, 2), &size);
                if (sim.rotten && (n == 0 || n >= (uint64_t)sim.records || room >= ROOMS))
                        return;
                in_turn(actor, n);
                HOLDS(sim.record[n].eid == 0 || sim.record[n].epoch != sim.epoch, "call %d was done twice", (int)n);
                publish((uint32_t)n, room ? 1u << room : 0, 0, size, actor, n % 2, &out);
                struct buf *args = app_reply_arg(reply);
                pack_put_map(args, 2);
                pack_put_word(args, "eid");
                pack_put_u64(args, out.eid);
                pack_put_word(args, "seq");
                pack_put_u64(args, out.seq);
        } else if (event_is(e, "ask")) {
                pack_get_u64(event_arg(e, 0), &n);
                in_turn(actor, n);
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
