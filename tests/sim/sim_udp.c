/* The UDP path in simulated time: hub, gate and clients over a network that loses, doubles, delays,
 * overtakes and goes dark; with a transport that blocks, logs that evict, clients that come back
 * and a server that is started anew. After each run every event that was published has exactly one
 * outcome at every client it was meant for: told once, or covered by one gap. Thousands of seeds;
 * a failing one is printed with its command.
 */
#include "tests/sim/udp_ends.h"

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
                join(a, room);
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
        sim.keyless = pick(2); /* a server started anew cannot prove it */
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
                                join(a, r);
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
