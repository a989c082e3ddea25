/* A server, its multicast group and fifty receivers, in virtual time: is an event one datagram for all of them, does
 * everything arrive, and how many ask for what all have lost? Each figure is printed. */
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

#include "client/udp_client_inside.h"
#include "core/base/rng.h"
#include "core/chat/echo.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "lab/queue.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_gate.h"

enum { RECEIVERS = 50, DEAF = 2, TAG_BYTES = 1, BY_GROUP = 0x80, UNDERWAY_MAX = 1 << 16, EVENTS = 400 };

struct receiver {
        struct client *client;
        bool open;
        uint64_t told, gaps, last_seq;
};

struct world {
        struct mono now;
        struct hub *hub;
        struct app *app;
        struct udp_gate *gate;
        struct udp_batch batch;
        struct queue *down, *up;
        struct rng rng;
        struct receiver receiver[RECEIVERS];
        double loss_each, loss_all; /* of datagrams by the group: for one receiver; before it parts */
        double loss_unicast;
        uint64_t published, group_data, lost_for_all, lost_for_one;
};

static struct world w;

/* 4 to 20 ms there, as long back. */
static int64_t way_ns(int i)
{
        return (4 + i % 17) * NS_PER_MS;
}

static void put(struct queue *q, int i, bool by_group, struct bytes packet)
{
        uint8_t tagged[DGRAM_BYTES_MAX + TAG_BYTES] = { (uint8_t)(i | (by_group ? BY_GROUP : 0)) };
        memcpy(tagged + TAG_BYTES, packet.at, packet.n);
        assert_int_equal(queue_put(q, mono_add(w.now, way_ns(i)), bytes_of(tagged, packet.n + TAG_BYTES)), 0);
}

static size_t gather(const struct udp_datagram *d, uint8_t out[DGRAM_BYTES_MAX])
{
        size_t bytes = 0;
        for (int v = 0; v < d->iov_n; bytes += d->iov[v++].iov_len)
                memcpy(out + bytes, d->iov[v].iov_base, d->iov[v].iov_len);
        return bytes;
}

static bool lost(double p)
{
        return rng_unit(&w.rng) < p;
}

static void send_to_group(struct bytes datagram)
{
        w.group_data += datagram.at[3] == DGRAM_DATA;
        if (lost(w.loss_all)) {
                w.lost_for_all++;
                return;
        }
        for (int i = DEAF; i < RECEIVERS; i++)
                if (lost(w.loss_each))
                        w.lost_for_one++;
                else
                        put(w.down, i, true, datagram);
}

static void server_turn(void)
{
        struct udp_peer *p;
        struct udp_group *g = udp_gate_group(w.gate);
        uint8_t out[DGRAM_BYTES_MAX];
        hub_expire(w.hub, w.now);
        udp_gate_expire(w.gate, w.now);
        hub_announce(w.hub);
        while ((p = udp_gate_pending(w.gate))) {
                int to = udp_peer_addr(p)->ip[15], n = udp_peer_slices(p, w.now, &w.batch);
                for (int i = 0; i < n; i++) {
                        size_t bytes = gather(&w.batch.datagram[i], out);
                        if (!lost(w.loss_unicast))
                                put(w.down, to, false, bytes_of(out, bytes));
                }
                if (n > 0)
                        udp_peer_sent(p, w.now, &w.batch, n);
        }
        for (int n; (n = udp_group_slices(g, w.now, &w.batch)) > 0; udp_group_sent(g, w.now, &w.batch, n))
                for (int i = 0; i < n; i++)
                        send_to_group(bytes_of(out, gather(&w.batch.datagram[i], out)));
}

static void tell(struct receiver *r)
{
        struct client_event ev;
        while (udp_transport.next(r->client, &ev)) {
                assert_int_not_equal(ev.kind, CLIENT_DOWN);
                r->gaps += ev.kind == CLIENT_GAP;
                if (ev.kind != CLIENT_EVENT || ev.room.n > 0)
                        continue;
                assert_true(ev.seq > r->last_seq); /* in order, none twice */
                r->last_seq = ev.seq;
                r->told++;
        }
}

static void receiver_turn(int i)
{
        struct receiver *r = &w.receiver[i];
        uint8_t out[DGRAM_BYTES_MAX];
        size_t n;
        if (!r->open && udp_transport.wish(r->client) == CLIENT_OPEN) {
                r->open = true;
                udp_transport.opened(r->client, w.now);
        }
        if (!mono_before(w.now, udp_transport.deadline(r->client)))
                udp_transport.expire(r->client, w.now);
        while ((n = udp_transport.send(r->client, w.now, out, sizeof out)) > 0)
                if (!lost(w.loss_unicast))
                        put(w.up, i, false, bytes_of(out, n));
        tell(r);
}

static void arrivals(void)
{
        struct bytes packet;
        struct mono due;
        uint8_t answer[DGRAM_COOKIE_BYTES];
        while (queue_take(w.down, w.now, &packet, &due)) {
                struct receiver *r = &w.receiver[packet.at[0] & ~BY_GROUP];
                bool by_group = packet.at[0] & BY_GROUP;
                const uint8_t *at = packet.at + TAG_BYTES;
                size_t n = packet.n - TAG_BYTES;
                (by_group ? udp_transport.overheard : udp_transport.recv)(r->client, w.now, at, n);
                tell(r);
        }
        while (queue_take(w.up, w.now, &packet, &due)) {
                uint8_t from = packet.at[0];
                struct udp_addr addr = { .ip = { [10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = from }, .port = { 1, 1 } };
                size_t n = udp_gate_recv(w.gate, w.now, &addr, bytes_of(packet.at + TAG_BYTES, packet.n - TAG_BYTES),
                                         answer);
                if (n > 0)
                        put(w.down, from, false, bytes_of(answer, n));
        }
}

static void turn(void)
{
        arrivals();
        for (int i = 0; i < RECEIVERS; i++)
                receiver_turn(i);
        server_turn();
}

static void run_for(int64_t span_ns)
{
        struct mono until = mono_add(w.now, span_ns);
        turn();
        for (int idle = 0; mono_before(w.now, until);) {
                struct mono due = mono_min(mono_min(queue_due(w.down), queue_due(w.up)), until);
                due = mono_min(due, mono_min(udp_gate_deadline(w.gate), hub_deadline(w.hub)));
                for (int i = 0; i < RECEIVERS; i++)
                        due = mono_min(due, udp_transport.deadline(w.receiver[i].client));
                idle = mono_before(w.now, due) ? 0 : idle + 1;
                assert_in_range(idle, 0, 1000);
                if (mono_before(w.now, due))
                        w.now = due;
                turn();
        }
}

static void publish(size_t bytes)
{
        static const uint8_t filler[4000];
        struct buf event = { 0 };
        struct published out;
        event_begin(&event, "x", 1);
        pack_put_bin(&event, bytes_of(filler, bytes));
        assert_int_equal(hub_publish(w.hub, w.now, &(struct publish){ .event = buf_bytes(&event) }, &out), 0);
        buf_free(&event);
        w.published++;
}

static void begin(uint64_t seed)
{
        memset(&w, 0, sizeof w);
        w.now.ns = 100 * NS_PER_S;
        w.rng = rng_seeded(seed, "group world");
        w.hub = hub_create(&(struct hub_config){ .epoch = 7 });
        struct udp_group_config group = { .address = { { [10] = 0xFF, [11] = 0xFF, [12] = 232 }, 5007 },
                                          .rate = 1000000,
                                          .encoding = udp_encoding_add(w.hub) };
        w.app = app_create(w.hub, &echo_handlers);
        w.gate = udp_gate_create(
                &(struct udp_gate_config){
                        .app = w.app, .encoding = group.encoding, .group = group, .pace = { .on = true } },
                w.now);
        w.down = queue_create(UNDERWAY_MAX, DGRAM_BYTES_MAX + TAG_BYTES);
        w.up = queue_create(UNDERWAY_MAX, DGRAM_BYTES_MAX + TAG_BYTES);
        for (uint64_t i = 0; i < RECEIVERS; i++)
                w.receiver[i].client = udp_transport.create(
                        &(struct client_config){ .mode = CLIENT_MODE_NACK_ORDERED, .seed = seed * 100 + i }, w.now);
        run_for(5 * NS_PER_S); /* all are up, and those who can hear the group do */
        assert_int_equal(udp_gate_stats(w.gate)->listens, RECEIVERS - DEAF);
}

static void end(void)
{
        for (int i = 0; i < RECEIVERS; i++)
                udp_transport.destroy(w.receiver[i].client);
        udp_gate_destroy(w.gate, w.now);
        app_destroy(w.app);
        hub_destroy(w.hub);
        queue_destroy(w.down);
        queue_destroy(w.up);
}

static uint64_t nacks(void)
{
        uint64_t n = 0;
        for (int i = 0; i < RECEIVERS; i++)
                n += udp_transport.stats(w.receiver[i].client).nacks;
        return n;
}

/* 50 events a second, then time for the repairs; everybody has everything. */
static void talk(int events)
{
        for (int i = 0; i < events; i++) {
                publish(i % 20 == 19 ? 3000 : 60);
                run_for(20 * NS_PER_MS);
        }
        w.loss_all = w.loss_each = w.loss_unicast = 0;
        run_for(8 * NS_PER_S);
        for (int i = 0; i < RECEIVERS; i++) {
                assert_int_equal(w.receiver[i].told, w.published);
                assert_int_equal(w.receiver[i].gaps, 0);
        }
}

/* ---- stories ------------------------------------------------------------------------------- */

static void an_event_is_one_datagram(void **state)
{
        (void)state;
        begin(1);
        for (int i = 0; i < EVENTS; i++) {
                publish(60);
                run_for(20 * NS_PER_MS);
        }
        assert_int_equal(w.group_data, EVENTS);
        assert_int_equal(nacks(), 0);
        talk(0);
        end();
}

/* Lost before the ways part, each is a loss of 48 receivers. */
static void what_all_lose_few_ask_for(void **state)
{
        (void)state;
        unsigned long seeds = harness_seeds(3);
        for (uint64_t seed = 1; seed <= seeds; seed++) {
                begin(seed);
                w.loss_all = 0.05;
                talk(EVENTS);
                double each = (double)nacks() / (double)w.lost_for_all;
                print_message("seed %lu: %lu lost for all 48, %.1f NACKs each\n", (unsigned long)seed,
                              (unsigned long)w.lost_for_all, each);
                assert_true(w.lost_for_all >= 10 && each < 6);
                end();
        }
}

static void what_each_loses_comes_again(void **state)
{
        (void)state;
        unsigned long seeds = harness_seeds(3);
        for (uint64_t seed = 1; seed <= seeds; seed++) {
                begin(seed);
                w.loss_each = w.loss_unicast = 0.03;
                w.loss_all = 0.01;
                talk(EVENTS);
                print_message(
                        "seed %lu: %lu lost for one, %lu for all; %lu NACKs, %lu runs repaired for all, %lu alone\n",
                        (unsigned long)seed, (unsigned long)w.lost_for_one, (unsigned long)w.lost_for_all,
                        (unsigned long)nacks(), (unsigned long)udp_gate_stats(w.gate)->group_repairs,
                        (unsigned long)udp_gate_stats(w.gate)->repairs);
                assert_true(nacks() < w.lost_for_one + 6 * w.lost_for_all);
                end();
        }
}

/* The group is gone from one moment to the next: all go on by unicast, and miss nothing. */
static void without_the_group_all_goes_on(void **state)
{
        (void)state;
        begin(4);
        for (int i = 0; i < 10 * 50; i++) {
                w.loss_all = i >= 100;
                publish(60);
                run_for(20 * NS_PER_MS);
        }
        for (int i = 0; i < RECEIVERS; i++)
                assert_false(w.receiver[i].client->hearing.listens);
        uint64_t group_data = w.group_data;
        publish(60);
        run_for(20 * NS_PER_MS);
        assert_int_equal(w.group_data, group_data);
        talk(0);
        end();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_event_is_one_datagram),
                cmocka_unit_test(what_all_lose_few_ask_for),
                cmocka_unit_test(what_each_loses_comes_again),
                cmocka_unit_test(without_the_group_all_goes_on),
        };
        return cmocka_run_group_tests_name("sim_group", tests, NULL, NULL);
}
