/* udp_time: the clock that drives both ends of the UDP path, and what is looked at in every turn. */
#ifndef TESTS_SIM_UDP_TIME_H
#define TESTS_SIM_UDP_TIME_H
#include "tests/sim/udp_ends.h"

/* How long a client may believe in a feed that there is not: it tells of another address after 5 s, and then a word a
 * second goes to and fro, of which one in five is lost on the worst path drawn; ten in a row are one in ten million. */
#define DECEIVED_NS_MAX (15 * NS_PER_S)

/* ---- bounds ---------------------------------------------------------------------------------- */

static void check_client_bounds(const struct actor *a)
{
        const struct client *c = a->client;
        const struct udp_feed *f;
        int feeds = 0;
        CHECK(c->calls_n <= CALLS_MAX + 1, "%d calls wait", (int)c->calls_n);
        CHECK(c->queue.ready.n <= DGRAM_QUEUE_BYTES_MAX, "%d bytes of control wait", (int)c->queue.ready.n);
        CHECK(c->parts.n <= PARTS_EVENTS_MAX && c->parts.bytes <= PARTS_BYTES_MAX, "%d events are put together",
              (int)c->parts.n);
        LIST_FOREACH(f, &c->feeds, link)
        {
                feeds++;
                CHECK(f->held_n <= GAPS_WINDOW && f->held_bytes <= UDP_HELD_BYTES_MAX, "%d events are held",
                      (int)f->held_n);
                CHECK(f->gaps.holes_n <= GAPS_RANGES_MAX, "%d holes", (int)f->gaps.holes_n);
        }
        HOLDS(feeds <= ROOMS + 1, "%d feeds", feeds);
}

/* What no run may exceed, at any time: a stranger's datagram must not make anything grow, nor may an
 * event be kept more often than by the log and once by each who waits for one before it. */
static void check_bounds(void)
{
        size_t heap = mallinfo2().uordblks;
        CHECK(heap < sim.heap_before + HEAP_FIXED + (2 + (size_t)sim.actors) * sim.published_bytes,
              "%zu bytes on the heap, for %zu of events", heap - sim.heap_before, (size_t)sim.published_bytes);
        HOLDS(udp_gate_sessions(sim.gate) <= (uint32_t)sim.actors * 8, "%d sessions", (int)udp_gate_sessions(sim.gate));
        for (int i = 0; i < sim.actors; i++)
                check_client_bounds(&sim.actor[i]);
}

/* ---- time ---------------------------------------------------------------------------------- */

static struct mono later(struct mono a, struct mono b)
{
        return mono_before(a, b) ? b : a;
}

static bool is_asleep(struct mono until)
{
        return mono_before(now(), until);
}

static struct mono server_due(void)
{
        struct mono due = world_time(mono_min(udp_gate_deadline(sim.gate), hub_deadline(sim.hub)), sim.skew_ns);
        if (is_asleep(sim.blocked_until))
                due = mono_min(due, sim.blocked_until);
        if (sim.inbox.n > 0)
                due = now();
        return is_asleep(sim.asleep_until) ? sim.asleep_until : due;
}

static struct mono client_due(const struct actor *a)
{
        struct mono due = world_time(udp_transport.deadline(a->client), a->skew_ns);
        if (a->inbox.n > 0)
                due = mono_min(due, later(now(), a->busy_until));
        return is_asleep(a->asleep_until) ? a->asleep_until : due;
}

static struct mono next_deadline(void)
{
        struct mono due = mono_min(world_deadline(sim.world), server_due());
        for (int i = 0; i < sim.actors; i++)
                due = mono_min(due, client_due(&sim.actor[i]));
        return due;
}

static void server_reads(void)
{
        const struct waiting *p;
        while (!is_asleep(sim.asleep_until) && (p = inbox_take(&sim.inbox)))
                server_recv(p);
}

static void client_reads(struct actor *a)
{
        const struct waiting *p;
        while (!is_asleep(a->asleep_until) && !is_asleep(a->busy_until) && (p = inbox_take(&a->inbox)))
                client_recv(a, p);
}

static void server_turn(void)
{
        if (is_asleep(sim.asleep_until))
                return;
        server_reads();
        if (!mono_before(server_now(), hub_deadline(sim.hub)))
                hub_expire(sim.hub, server_now());
        if (!mono_before(server_now(), udp_gate_deadline(sim.gate)))
                udp_gate_expire(sim.gate, server_now());
}

static void turn(void)
{
        struct world_packet p;
        while (world_pop(sim.world, &p)) {
                inbox_put(p.to == 0 ? &sim.inbox : &sim.actor[p.to - 1].inbox, &p);
                if (p.to == 0)
                        server_reads();
                else
                        client_reads(&sim.actor[p.to - 1]);
        }
        server_turn();
        for (int i = 0; i < sim.actors; i++) {
                struct actor *a = &sim.actor[i];
                if (is_asleep(a->asleep_until))
                        continue;
                client_reads(a);
                bool rings = !mono_before(client_now(a), udp_transport.deadline(a->client));
                if (rings)
                        udp_transport.expire(a->client, client_now(a));
                client_turn(a);
                CHECK(!rings || mono_before(client_now(a), udp_transport.deadline(a->client)),
                      "client %d is done, and wants to be woken at once", a->number);
        }
        if (!is_asleep(sim.asleep_until))
                server_flush();
}

/* It believes to be in a room that the server has taken it out of, and could have heard that it is not: all that
 * goes before that is sent. */
static bool is_deceived(const struct actor *a, int room)
{
        const struct udp_feed *f = udp_room_find(a->client, room_text(room));
        bool up = a->member && a->client->state == UDP_UP && a->client->epoch == 1000 + sim.epoch;
        bool cut_off = is_asleep(a->dark_until) || is_asleep(a->asleep_until) || is_asleep(sim.asleep_until) ||
                       is_asleep(sim.blocked_until);
        return up && !cut_off && !member_behind(a->member, UINT64_MAX) && f && f->ref != 0 && !f->rejoins &&
               !is_in(a, room);
}

static void check_feeds(struct actor *a)
{
        for (int r = 1; r < ROOMS; r++) {
                if (!is_deceived(a, r))
                        a->sound_at[r] = now();
                CHECK(sim.harsh || sim.rotten || mono_since(now(), a->sound_at[r]) < DECEIVED_NS_MAX,
                      "client %d still believes to be in %s", a->number, room_names[r]);
        }
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
        check_bounds();
        for (int i = 0; i < sim.actors; i++)
                check_feeds(&sim.actor[i]);
}

#endif
