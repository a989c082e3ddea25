/* udp_deeds: a scenario is run: its deeds, each at its time, and the reckoning at the end. */
#ifndef TESTS_SIM_UDP_DEEDS_H
#define TESTS_SIM_UDP_DEEDS_H
#include "tests/sim/seeded.h"
#include "tests/sim/udp_time.h"

enum { LONG_MS = 20000 }; /* dark, asleep or jumped for longer, somebody may give up */

static void do_publish(const struct deed *d)
{
        struct published out;
        uint32_t n;
        if (new_record(&n))
                publish(n, (uint32_t)d->rooms, (int)d->except, (size_t)d->n, NULL, false, &out);
}

static void interrupted(struct actor *a, int64_t ms)
{
        sim.was_dark = true;
        for (int i = 0; i < sim.actors; i++)
                if (!a || a == &sim.actor[i])
                        sim.long_night |= (sim.actor[i].dark_ms += ms) > LONG_MS;
}

static void do_dark(struct actor *a, int64_t ms)
{
        interrupted(a, ms);
        a->dark_until = later(a->dark_until, mono_add(now(), ms * NS_PER_MS));
}

static void do_burst(struct actor *a, const struct deed *d)
{
        do_dark(a, d->ms);
        struct published out;
        uint32_t n;
        for (int64_t more = d->n; more > 0 && new_record(&n); more--)
                publish(n, (uint32_t)d->rooms, 0, (size_t)more % 60, NULL, false, &out);
}

static void do_call(struct actor *a, const struct deed *d)
{
        uint32_t n;
        if (new_record(&n))
                call(a, d->kind == DEED_call ? "pub" : "ask", n, (int)d->rooms, (uint64_t)d->n);
}

static void do_cut(struct actor *a)
{
        if (!a->open)
                return;
        a->open = false;
        udp_transport.closed(a->client, client_now(a), "the network changed");
        client_turn(a);
}

static void do_restart(void)
{
        if (sim.epoch == EPOCHS_MAX - 1)
                return;
        stop_server();
        sim.inbox.n = 0;
        start_server();
        sim.restarted = true;
}

/* Someone sends again what he overheard, or something like it, from an address of his own. */
static void do_stranger(struct actor *a, const struct deed *d)
{
        struct waiting w = { .from = (uint32_t)a->number + 1, .mark = STRANGER, .n = a->overheard_n };
        memcpy(w.bytes, a->overheard, w.n);
        for (int64_t n = d->n; n > 0 && w.n > 0; n--)
                w.bytes[pick(w.n)] ^= (uint8_t)(1u << pick(8));
        if (pick(4) == 0)
                w.n = pick(w.n + 1);
        server_recv(&w);
}

static void do_move(struct actor *a, int room)
{
        if (a->leaving[room] || room == 0)
                return;
        if (!a->joined[sim.epoch][room]) {
                join(a, room);
                return;
        }
        int64_t number = udp_transport.leave(a->client, client_now(a), room_text(room));
        if (number <= 0)
                return;
        CHECK(number < CALLS_TOLD, "too many calls");
        a->call_n[number] = LEAVES - room;
        a->leaving[room] = true;
        a->joined[sim.epoch][room] = false;
}

static void do_kick(struct actor *a, int room)
{
        if (!a->member || room == 0 || hub_leave(a->member, server_now(), room_text(room)) != 0)
                return;
        a->kicked[room] = true;
        a->need_end[sim.epoch][room] = head_of(room) + 1;
}

static void do_suspend(struct actor *a, int64_t ms)
{
        struct mono *until = a ? &a->asleep_until : &sim.asleep_until;
        interrupted(a, ms);
        *until = later(*until, mono_add(now(), ms * NS_PER_MS));
}

static void do_jump(struct actor *a, int64_t ms)
{
        interrupted(a, ms);
        *(a ? &a->skew_ns : &sim.skew_ns) += ms * NS_PER_MS;
}

/* Who sleeps does nothing. */
static bool cannot(const struct actor *a, enum deed_kind kind)
{
        bool of_client = kind == DEED_call || kind == DEED_ask || kind == DEED_move || kind == DEED_cut;
        bool of_server = kind == DEED_publish || kind == DEED_burst || kind == DEED_restart || kind == DEED_stranger ||
                         kind == DEED_kick;
        return (of_client && is_asleep(a->asleep_until)) || (of_server && is_asleep(sim.asleep_until));
}

static void do_deed(const struct deed *d)
{
        struct actor *a = d->who == SERVER ? NULL : &sim.actor[d->who];
        if (cannot(a, d->kind))
                return;
        switch (d->kind) {
        case DEED_publish:
                do_publish(d);
                return;
        case DEED_burst:
                do_burst(a, d);
                return;
        case DEED_call:
        case DEED_ask:
                do_call(a, d);
                return;
        case DEED_dark:
                do_dark(a, d->ms);
                return;
        case DEED_cut:
                do_cut(a);
                return;
        case DEED_rebind:
                a->port++;
                a->rebound = true;
                return;
        case DEED_restart:
                do_restart();
                return;
        case DEED_suspend:
                do_suspend(a, d->ms);
                return;
        case DEED_jump:
                do_jump(a, d->ms);
                return;
        case DEED_stranger:
                do_stranger(a, d);
                return;
        case DEED_move:
                do_move(a, (int)d->rooms);
                return;
        case DEED_kick:
                do_kick(a, (int)d->rooms);
                return;
        case DEED_KINDS:
                break;
        }
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool settled(void)
{
        for (int i = 0; i < sim.actors; i++) {
                const struct client *c = sim.actor[i].client;
                const struct udp_feed *f;
                if (!sim.actor[i].member || c->state != UDP_UP || c->calls_n > 0 || c->epoch != 1000 + sim.epoch)
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

static bool is_behind_kick(const struct actor *a, const struct record *rec, int room)
{
        uint64_t end = a->need_end[rec->epoch][room];
        return end != 0 && rec->seq[room] >= end;
}

/* Each event has exactly one outcome at each client it was meant for. */
static void judge(const struct actor *a, int n)
{
        const struct record *rec = &sim.record[n];
        uint32_t e = rec->epoch;
        int rooms = 0, covered = 0;
        for (int r = 0; r < ROOMS; r++) {
                bool knows = r == 0 ? a->up[e] : a->joined[e][r];
                if (!rec->seq[r] || !knows || rec->seq[r] < a->need_from[e][r] || is_behind_kick(a, rec, r))
                        continue;
                rooms++;
                covered += is_covered(a, e, r, rec->seq[r]);
        }
        if (rooms == 0 || !(rec->meant & 1u << a->number))
                return;
        CHECK(rec->told[a->number] + covered > 0, "event %d has no outcome at client %d", n, a->number);
        if (rooms_of(rec) == 1)
                CHECK(rec->told[a->number] + covered == 1, "event %d has %d outcomes at client %d", n,
                      rec->told[a->number] + covered, a->number);
}

static void weather_clears(void)
{
        sim.fine = true;
        sim.blocks = false;
        sim.blocked_until = sim.asleep_until = now();
        for (int i = 0; i < sim.actors; i++) {
                struct world_path *path = world_path(sim.world, (uint32_t)i + 1);
                sim.actor[i].dark_until = sim.actor[i].asleep_until = now();
                path->loss = 0;
        }
}

static void reckon(void)
{
        weather_clears();
        for (int s = 0; s < 150 && !settled(); s++)
                run_until(mono_add(now(), NS_PER_S));
        if (sim.rotten)
                return;
        CHECK(settled(), "the clients do not come to rest");
        for (int i = 0; i < sim.actors; i++) {
                const struct udp_feed *f;
                for (int64_t n = 1; n <= sim.actor[i].client->last_call; n++)
                        CHECK(sim.actor[i].answered[n], "client %d is never told what became of call %d", i, (int)n);
                LIST_FOREACH(f, &sim.actor[i].client->feeds, link)
                CHECK(f->held_n == 0 && f->held_bytes == 0 && f->gaps.holes_n == 0, "something is still held");
                CHECK(sim.actor[i].client->parts.n == 0, "an event is still put together");
                for (int r = 1; r < ROOMS; r++)
                        CHECK(!is_in(&sim.actor[i], r) || sim.unknown > 0 ||
                                      udp_room_find(sim.actor[i].client, room_text(r)),
                              "client %d does not know that it is in %s", i, room_names[r]);
        }
        CHECK(udp_gate_stats(sim.gate)->private_full == 0, "a session was closed as slow");
        CHECK(hub_stats(sim.hub).copied_bytes == 0, "bytes of events were copied");
        for (int i = 0; i < sim.actors; i++)
                for (int n = 1; n < sim.records; n++)
                        if (sim.record[n].eid != 0)
                                judge(&sim.actor[i], n);
        CHECK(sim.unknown == 0 || sim.restarted || sim.was_dark || sim.answers_lost || sim.harsh,
              "an answer is unknown for no reason");
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void begin_actor(struct actor *a, int number, const struct path_knobs *k)
{
        struct client_config config = { .mode = sim.mode, .seed = (uint64_t)sim.scenario->seed, .reconnect = true };
        struct world_path *path = world_path(sim.world, (uint32_t)number + 1);
        a->number = number;
        a->client = udp_transport.create(&config, client_now(a));
        path->delay_ns = k->delay_ms * NS_PER_MS;
        path->jitter_ns = k->jitter_ms * NS_PER_MS;
        path->loss = (double)k->loss_ppm / 1e6;
        path->doubles = (double)k->doubles_ppm / 1e6;
        bool dense = k->burst_ppm > 0 || k->slow_us > 0 || k->rot_ppm > 20000;
        sim.harsh |= k->loss_ppm > 100000 || dense;
        /* A paced session whose rate is low has little to spare for repairs. */
        sim.lossy |= k->loss_ppm > 20000 || dense || (sim.scenario->paced && k->loss_ppm > 0);
        for (int r = 1; r < ROOMS; r++)
                if (k->joins & 1 << r)
                        join(a, r);
}

static void begin(const struct scenario *s)
{
        uint64_t seed = (uint64_t)s->seed;
        memset(&sim, 0, sizeof sim);
        identities = rng_seeded(seed, "identities");
        sim.heap_before = mallinfo2().uordblks;
        sim.scenario = s;
        sim.world = world_create(seed, CLIENTS_MAX + 1);
        sim.weather = rng_seeded(seed, "weather");
        sim.mode = (enum client_mode)s->mode;
        sim.blocks = s->blocks;
        sim.rotten = s->rot == ROT_ALL;
        sim.actors = (int)s->clients;
        sim.records = 1; /* a call that carries 0 expects nothing */
        start_server();
        for (int i = 0; i < sim.actors; i++)
                begin_actor(&sim.actor[i], i, &s->path[i]);
}

static void finish(void)
{
        for (int i = 0; i < sim.actors; i++)
                udp_transport.destroy(sim.actor[i].client);
        stop_server();
        world_destroy(sim.world);
}

static void scenario_run(const struct scenario *s)
{
        verdict->seed = (uint64_t)s->seed;
        begin(s);
        struct mono start = now();
        for (int i = 0; i < s->deeds; i++) {
                run_until(later(now(), mono_add(start, s->deed[i].at_us * NS_PER_US)));
                do_deed(&s->deed[i]);
        }
        reckon();
        for (int i = 0; i < sim.actors; i++)
                verdict->mended += udp_transport.stats(sim.actor[i].client).mended;
        finish();
        verdict->runs++;
        verdict->told += sim.told;
        verdict->recovered += sim.recovered;
        verdict->gaps += sim.gaps;
}

#endif
