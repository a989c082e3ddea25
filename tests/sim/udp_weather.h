/* udp_weather: what lies between the ends and the world's paths: bursts of loss, corruption, sockets
 * whose buffers fill up while nobody reads; and books on what was sent to whom. */
#ifndef TESTS_SIM_UDP_WEATHER_H
#define TESTS_SIM_UDP_WEATHER_H
#include "tests/sim/udp_oracle.h"
#include "udp_server/udp_repair.h"
#include "udp_server/udp_stranger.h"

enum { STRANGER = 0 };

static struct path_knobs weather_now(const struct actor *a)
{
        return sim.fine ? (struct path_knobs){ .delay_ms = 1 } : sim.scenario->path[a->number];
}

static bool chance_ppm(int64_t ppm)
{
        return ppm > 0 && (int64_t)rng_below(&sim.weather, 1000000) < ppm;
}

/* Bursts after Gilbert: begun by chance, a memoryless number of packets long, everything lost. */
static bool in_burst(struct actor *a, bool down)
{
        struct path_knobs k = weather_now(a);
        if (a->bursting[down])
                a->bursting[down] = k.burst_packets > 0 && rng_below(&sim.weather, (uint64_t)k.burst_packets) > 0;
        else
                a->bursting[down] = chance_ppm(k.burst_ppm);
        return a->bursting[down];
}

/* ---- capture -------------------------------------------------------------------------------- */

/* The run as seen at the server, for Wireshark (lab/dissector): link type RAW. */
static void capture_begin(const char *path)
{
        static const uint32_t head[] = { 0xA1B2C3D4, 2 | 4 << 16, 0, 0, 65535, 101 };
        capture = fopen(path, "w");
        if (capture)
                fwrite(head, sizeof head, 1, capture);
}

static void capture_put(uint32_t from, uint32_t to, uint32_t port, struct bytes payload)
{
        uint8_t head[28];
        struct writer w = writer_of(head, sizeof head);
        uint16_t n = (uint16_t)payload.n, server_port = 3001;
        int64_t us = now().ns / NS_PER_US;
        uint32_t record[] = { (uint32_t)(us / 1000000), (uint32_t)(us % 1000000), 28u + n, 28u + n };
        if (!capture)
                return;
        writer_u32(&w, 0x45000000u + 28 + n);
        writer_u32(&w, 0);
        writer_u32(&w, 0x40110000); /* UDP; the checksums are not computed */
        writer_u32(&w, 0x0A000000 + from);
        writer_u32(&w, 0x0A000000 + to);
        writer_u16(&w, from ? (uint16_t)port : server_port);
        writer_u16(&w, to ? (uint16_t)port : server_port);
        writer_u32(&w, (8u + n) << 16);
        fwrite(record, sizeof record, 1, capture);
        fwrite(head, sizeof head, 1, capture);
        fwrite(payload.at, payload.n, 1, capture);
        fflush(capture); /* the run may end at any moment */
}

/* ---- corruption ------------------------------------------------------------------------------ */

static void rot_at(uint8_t *at, size_t n)
{
        at[rng_below(&sim.weather, n)] ^= (uint8_t)(1 + rng_below(&sim.weather, 255));
}

/* Some byte of the event of some DATA, if there is one. */
static void rot_event(uint8_t *bytes, size_t n)
{
        struct bytes rest = bytes_of(bytes, n), message;
        while (dgram_next(&rest, &message))
                if (message.at[3] == DGRAM_DATA && rng_below(&sim.weather, 2))
                        rot_at(bytes + (message.at - bytes) + DGRAM_DATA_HEADER, message.n - DGRAM_DATA_HEADER);
}

/* False: it will not pass UDP's checksum. */
static bool rot(uint8_t *bytes, size_t n)
{
        if (sim.scenario->rot == ROT_EVENTS)
                rot_event(bytes, n);
        else if (sim.scenario->rot == ROT_ALL)
                for (uint64_t more = 1 + rng_below(&sim.weather, 4); more > 0; more--)
                        rot_at(bytes, n);
        return sim.scenario->rot != ROT_CAUGHT;
}

/* from or to is node 0, the server. */
static void weather_send(uint32_t from, uint32_t to, uint32_t mark, struct bytes packet)
{
        uint8_t copy[DGRAM_BYTES_MAX];
        struct actor *a = &sim.actor[(from ? from : to) - 1];
        world_path(sim.world, (uint32_t)a->number + 1)->dark = mono_before(now(), a->dark_until);
        memcpy(copy, packet.at, packet.n);
        if (to != 0)
                capture_put(from, to, mark, packet);
        if (in_burst(a, to != 0) || (chance_ppm(weather_now(a).rot_ppm) && !rot(copy, packet.n)))
                return;
        world_send(sim.world, from, to, mark, bytes_of(copy, packet.n));
}

/* ---- sockets --------------------------------------------------------------------------------- */

static void inbox_put(struct inbox *box, const struct world_packet *p)
{
        if (box->n == INBOX) /* the kernel drops it */
                return;
        struct waiting *w = &box->at[(box->first + box->n++) % INBOX];
        w->from = p->from;
        w->mark = p->mark;
        w->n = p->bytes.n;
        memcpy(w->bytes, p->bytes.at, w->n);
}

/* The first in it, which stays readable until the next is put; NULL: none. */
static const struct waiting *inbox_take(struct inbox *box)
{
        if (box->n == 0)
                return NULL;
        struct waiting *w = &box->at[box->first++ % INBOX];
        box->n--;
        return w;
}

/* ---- books ------------------------------------------------------------------------------------- */

static struct ledger *ledger_of(struct actor *a, uint32_t port)
{
        CHECK(port < PORTS_MAX, "too many addresses");
        return &a->ledger[port];
}

/* The server answers someone it knows nothing of: never with much. A RESET may be half as long as what it
 * answers, but there are few. Whoever knows a session's tag is asked whether he is its client. */
static void stranger_answered(struct ledger *l, uint8_t type, size_t n)
{
        bool reset = type == DGRAM_RESET;
        uint64_t seconds = (uint64_t)(server_now().ns / NS_PER_S);
        uint64_t resets = UDP_STRANGER_NEAR * DGRAM_RESET_BYTES * (seconds + EPOCHS_MAX);
        if (type == DGRAM_CHALLENGE) {
                l->asked += n;
                HOLDS(l->valid || l->asked <= 3 * l->in, "asked %d bytes for %d", (int)l->asked, (int)l->in);
                return;
        }
        l->out += n;
        sim.reset_bytes += reset ? n : 0;
        CHECK(n <= DGRAM_COOKIE_BYTES, "a stranger is answered with %d bytes", (int)n);
        HOLDS(!reset || sim.reset_bytes <= resets, "%d bytes of RESET in %d s", (int)sim.reset_bytes, (int)seconds);
        HOLDS(l->valid || reset || l->out <= l->in / 10 + resets, "%d bytes for %d of a stranger", (int)l->out,
              (int)l->in);
}

/* It has a session now: its books begin anew. */
static void books_begin(struct actor *a, struct ledger *l)
{
        l->valid = true;
        memset(a->spending, 0, sizeof a->spending);
        a->repair_tokens = UDP_REPAIR_BURST_BYTES;
        a->repair_filled = server_now();
}

/* DATA that lies behind what the channel was sent already is a repair, and has its price. */
static void book_data(struct actor *a, uint64_t tag, uint64_t seq, size_t n)
{
        struct spending *s = a->spending;
        while (s < a->spending + ROOMS && s->tag && s->tag != tag)
                s++;
        if (s->tag != tag)
                *s = (struct spending){ .tag = tag };
        if (seq > s->highest) {
                s->highest = seq;
                return;
        }
        a->repair_tokens += UDP_REPAIR_RATE * (double)mono_since(server_now(), a->repair_filled) / (double)NS_PER_S;
        if (a->repair_tokens > UDP_REPAIR_BURST_BYTES)
                a->repair_tokens = UDP_REPAIR_BURST_BYTES;
        a->repair_filled = server_now();
        a->repair_tokens -= (double)n;
        sim.repairs++;
        CHECK(a->repair_tokens > -UDP_REPAIR_BURST_BYTES, "client %d is repaired beyond the budget: %.0f", a->number,
              a->repair_tokens);
}

static void book_sent(struct actor *a, uint32_t port, struct bytes datagram)
{
        struct ledger *l = ledger_of(a, port);
        struct bytes message;
        struct dgram_msg m;
        l->out += datagram.n;
        HOLDS(l->valid || l->out <= 3 * l->in, "%d bytes to an address that sent %d and proved nothing", (int)l->out,
              (int)l->in);
        while (dgram_next(&datagram, &message))
                if (dgram_parse(message, &m) == 0 && m.type == DGRAM_DATA && m.data.frag_idx == 0)
                        book_data(a, m.tag, m.data.seq, message.n);
}

#endif
