/* udp_ends: both ends of the UDP path at their edges' work. */
#ifndef TESTS_SIM_UDP_ENDS_H
#define TESTS_SIM_UDP_ENDS_H
#include "tests/sim/udp_weather.h"

/* ---- the server ---------------------------------------------------------------------------- */

static void nobody(void *owner)
{
        (void)owner;
}

static void start_server(void)
{
        uint8_t reset_key[UDP_KEY_BYTES] = { sim.scenario->keyless ? (uint8_t)(8 + sim.epoch) : 7 };
        struct hub_config config = { .epoch = 1000 + ++sim.epoch, .room_events_max = (uint32_t)sim.scenario->evicts };
        sim.hub = hub_create(&config);
        int encoding = udp_encoding_add(sim.hub);
        struct hub_sink sink = { nobody, NULL };
        sim.witness = hub_member_add(sim.hub, bytes_text("witness"), encoding, &sink, NULL);
        member_detach(sim.witness);
        for (int r = 1; r < ROOMS; r++)
                hub_join(sim.witness, server_now(), room_text(r));
        sim.app = app_create(sim.hub, &handlers);
        struct udp_gate_config gate = {
                .app = sim.app, .encoding = encoding, .reset_key = reset_key, .pace.on = sim.scenario->paced
        };
        sim.gate = udp_gate_create(&gate, server_now());
}

static void stop_server(void)
{
        udp_gate_destroy(sim.gate, server_now());
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

static void server_recv(const struct waiting *p)
{
        struct udp_addr from = addr_of((int)p->from, p->mark);
        struct actor *a = &sim.actor[p->from - 1];
        struct ledger *l = ledger_of(a, p->mark);
        uint8_t answer[DGRAM_COOKIE_BYTES];
        uint64_t accepted = udp_gate_stats(sim.gate)->accepted, moved = udp_gate_stats(sim.gate)->moved;
        bool known = a->member != NULL;
        sim.receiving = (int)p->from - 1;
        l->in += p->n;
        capture_put(p->from, 0, p->mark, bytes_of(p->bytes, p->n));
        size_t n = udp_gate_recv(sim.gate, server_now(), &from, bytes_of(p->bytes, p->n), answer);
        CHECK(n <= p->n || answer[3] == DGRAM_CHALLENGE, "a stranger is answered with more than he sent");
        if (n > 0) {
                stranger_answered(l, answer[3], n);
                weather_send(0, p->from, p->mark, bytes_of(answer, n));
        }
        if (udp_gate_stats(sim.gate)->moved != moved) {
                HOLDS(p->mark != STRANGER, "a stranger took a session over");
                l->valid = true;
        }
        if (udp_gate_stats(sim.gate)->accepted == accepted)
                return;
        HOLDS(p->mark != STRANGER, "a stranger got a session");
        books_begin(a, l);
        for (int r = 0; known && r < ROOMS; r++)
                a->unsure[r] = r == 0 ? !a->up[sim.epoch] : !a->joined[sim.epoch][r];
}

static void send_batch(const struct udp_peer *p, int taken)
{
        const struct udp_addr *to = udp_peer_addr(p);
        uint32_t port = (uint32_t)(to->port[0] << 8 | to->port[1]);
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
                book_sent(&sim.actor[to->ip[15] - 1], port, bytes_of(out, n));
                weather_send(0, to->ip[15], port, bytes_of(out, n));
        }
}

static void server_flush(void)
{
        hub_announce(sim.hub);
        if (mono_before(now(), sim.blocked_until))
                return;
        struct udp_peer *p;
        while ((p = udp_gate_pending(sim.gate))) {
                int n = udp_peer_slices(p, server_now(), &sim.batch);
                if (n == 0)
                        continue;
                if (pick(2))
                        udp_batch_even(&sim.batch);
                int taken = sim.blocks && pick(10) == 0 ? (int)pick((uint64_t)n) : n;
                send_batch(p, taken);
                udp_peer_sent(p, server_now(), &sim.batch, taken);
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
        if (sim.mode != CLIENT_MODE_NACK_ORDERED && sim.mode != CLIENT_MODE_FEC_ORDERED)
                return;
        CHECK(from > a->last_seq[epoch][room], "client %d is told %d after %d in %s", a->number, (int)from,
              (int)a->last_seq[epoch][room], room_names[room]);
        a->last_seq[epoch][room] = to;
}

static int rooms_of(const struct record *rec)
{
        int n = 0;
        for (int r = 0; r < ROOMS; r++)
                n += rec->seq[r] != 0;
        return n;
}

/* By how many gaps? */
static int is_covered(const struct actor *a, uint32_t epoch, int room, uint64_t seq)
{
        int n = 0;
        for (int g = 0; g < a->gaps; g++)
                n += a->gap[g].epoch == epoch && a->gap[g].room == room && a->gap[g].from <= seq && seq <= a->gap[g].to;
        return n;
}

static void told_event(struct actor *a, const struct client_event *ev)
{
        struct event e;
        uint64_t n;
        int room = room_number(ev->room);
        HOLDS(event_parse(ev->event, ev->event.n, &e) == 0, "an event that is none");
        sim.told++;
        sim.recovered += ev->recovered;
        if (sim.rotten || (sim.scenario->fault == FAULT_DEAF && a->rebound && ev->event.n >= 500))
                return;
        if (event_is(&e, "hello"))
                return;
        uint32_t epoch = told_epoch(ev->epoch);
        CHECK(room >= 0 && event_is(&e, "e") && pack_get_u64(event_arg(&e, 0), &n), "a strange event");
        struct record *rec = &sim.record[n];
        CHECK(rec->epoch == epoch && rec->eid == ev->eid && rec->seq[room] == ev->seq, "event %d is told wrongly",
              (int)n);
        CHECK(rec->meant & 1u << a->number, "client %d is told %d, which is not for it", a->number, (int)n);
        CHECK(rec->told[a->number]++ == 0, "client %d is told %d twice", a->number, (int)n);
        CHECK(rooms_of(rec) > 1 || !is_covered(a, epoch, room, ev->seq), "client %d is told %d, lost before", a->number,
              (int)n);
        in_order(a, epoch, room, ev->seq, ev->seq);
}

static void told_gap(struct actor *a, const struct client_event *ev)
{
        int room = room_number(ev->room);
        sim.gaps++;
        if (sim.rotten)
                return;
        if (room < 0) { /* its own, in which answers come */
                sim.answers_lost = true;
                return;
        }
        bool evicted = strcmp(ev->reason, "evicted") == 0, timeout = strcmp(ev->reason, "timeout") == 0;
        CHECK(!evicted || sim.scenario->evicts || sim.long_night || a->leaving[room] || a->kicked[room],
              "evicted by nothing");
        CHECK(!timeout || sim.was_dark || sim.lossy, "not repaired over a good path");
        bool may_be = sim.lossy || sim.mode == CLIENT_MODE_RAW || evicted || strcmp(ev->reason, "too big") == 0;
        CHECK(!sim.scenario->restless || may_be, "a change of address costs events: %s", ev->reason);
        CHECK(strcmp(ev->reason, "not repaired") != 0 || sim.mode == CLIENT_MODE_RAW, "not asked for");
        CHECK(a->gaps < GAPS_TOLD_MAX, "endless gaps");
        uint32_t epoch = told_epoch(ev->epoch);
        in_order(a, epoch, room, ev->from, ev->to);
        for (int n = 1; n < sim.records; n++) {
                const struct record *rec = &sim.record[n];
                uint64_t seq = rec->epoch == epoch ? rec->seq[room] : 0;
                if (seq < ev->from || seq > ev->to || seq == 0 || rooms_of(rec) > 1 || !(rec->meant & 1u << a->number))
                        continue;
                CHECK(rec->told[a->number] == 0, "event %d is lost at client %d, told before", n, a->number);
                CHECK(!is_covered(a, epoch, room, seq), "event %d is lost twice at client %d", n, a->number);
        }
        a->gap[a->gaps++] = (struct gap_told){ epoch, room, ev->from, ev->to };
}

static void told_answer(struct actor *a, const struct client_event *ev)
{
        uint64_t eid;
        if (sim.rotten) {
                memset(a->leaving, 0, sizeof a->leaving);
                return;
        }
        CHECK(ev->call < CALLS_TOLD && !a->answered[ev->call], "an answer too many");
        a->answered[ev->call] = true;
        int n = a->call_n[ev->call];
        sim.unknown += ev->status == CLIENT_UNKNOWN;
        int room = n <= JOINS ? JOINS - n : n <= LEAVES ? LEAVES - n : 0;
        if (room > 0 && ev->status == CLIENT_UNKNOWN)
                a->unsure[room] = true; /* in it or not: the next JOIN begins when it is done */
        if (room > 0 && n > JOINS)
                a->leaving[room] = false;
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

static void join(struct actor *a, int room)
{
        int64_t number = udp_transport.join(a->client, client_now(a), room_text(room));
        if (number > 0 && number < CALLS_TOLD)
                a->call_n[number] = JOINS - room;
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
                case CLIENT_OUT:
                case CLIENT_ADVICE:
                        break;
                case CLIENT_DOWN:
                        HOLDS(!ev.final, "a client gave up: %s", ev.reason);
                        CHECK(!sim.scenario->restless || !a->up[sim.epoch], "client %d loses its session: %s",
                              a->number, ev.reason);
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
                        udp_transport.opened(a->client, client_now(a));
                } else if (wish == CLIENT_CLOSE && a->open) {
                        a->open = false;
                        udp_transport.closed(a->client, client_now(a), "closed");
                }
        }
        while ((n = udp_transport.send(a->client, client_now(a), out, sizeof out)) > 0)
                if (a->open) {
                        memcpy(a->overheard, out, a->overheard_n = n);
                        weather_send((uint32_t)a->number + 1, 0, a->port, bytes_of(out, n));
                }
        client_told(a);
}

static void client_recv(struct actor *a, const struct waiting *p)
{
        a->busy_until = mono_add(now(), weather_now(a).slow_us * NS_PER_US);
        if (a->open && p->mark == a->port)
                HOLDS(udp_transport.recv(a->client, client_now(a), p->bytes, p->n) == 0,
                      "the client refuses a datagram");
        client_turn(a);
}

static void call(struct actor *a, const char *verb, uint32_t n, int room, uint64_t size)
{
        static const uint8_t filler[65536];
        struct buf event = { 0 };
        event_begin(&event, verb, 4);
        pack_put_u64(&event, n);
        pack_put_u64(&event, (uint64_t)room);
        pack_put_u64(&event, size);
        pack_put_bin(&event, bytes_of(filler, size < sizeof filler ? size : sizeof filler));
        int64_t number = udp_transport.call(a->client, client_now(a), buf_bytes(&event));
        if (number > 0 && number < CALLS_TOLD)
                a->call_n[number] = (int)n;
        buf_free(&event);
}

#endif
