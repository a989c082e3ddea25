/* What a client says reaches the log in the order in which it said it, over a network that loses and overtakes; and
 * what that costs. One client that says so many events a second, each 64 bytes, round trip 50 ms, in virtual time; the
 * latency of each, from the instant at which it was to be said until it is done. Beside it the same client and the same
 * luck, with the wish for order struck out of its datagrams on the way.
 *
 *     sim_said            the rows
 *     SEED=n sim_said     with other luck
 */
#include "tests/unit/harness.h"

#include <inttypes.h>
#include <stdlib.h>

#include "client/udp_client.h"
#include "core/chat/app.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "lab/world.h"
#include "tests/sim/seeded.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_gate.h"

enum { SECONDS = 120, RATE_MAX = 500, LEAD_S = 5, LATE_MS = 20, FLAGS_AT = 24 + 18 /* of PUB */ };

struct row {
        const char *name;
        int rate;
        double loss, late;  /* shares of datagrams, each way; late: up to LATE_MS */
        int event_rate;     /* that the server takes; 0: any */
        int64_t dearer_max; /* ms: p99 over that without order */
        double tries_max;   /* for each event */
};

/* In order, a lost one is noticed at the server by the next that comes, which is kept; the lost one alone goes again.
 */
static const struct row rows[] = {
        { "nothing is lost", 200, 0, 0, 0, 1, 1.01 },
        { "2 % lost, 20 a second", 20, 0.02, 0, 0, 25, 1.1 },
        { "2 % lost, 200 a second", 200, 0.02, 0, 0, 25, 1.1 },
        { "5 % lost, 50 a second", 50, 0.05, 0, 0, 25, 1.2 },
        { "5 % lost, 500 a second", 500, 0.05, 0, 0, 75, 1.25 },
        { "5 % late, 200 a second", 200, 0, 0.05, 0, 15, 1.15 },
        { "all late, each by up to 20 ms, 200 a second", 200, 0, 1, 0, 15, 1.5 },
        { "over the rate by a quarter", 50, 0, 0, 40, 1000, 2.5 },
};

static struct said {
        struct world *world;
        struct hub *hub;
        struct app *app;
        struct udp_gate *gate;
        struct udp_batch batch;
        struct client *client;
        const struct row *row;
        bool ordered; /* else the wish is struck out */
        uint64_t calls, done, newest, overtaken, answered;
        int64_t latency[RATE_MAX * SECONDS];
        struct mono start;
        int64_t every_ns;
} said;

static struct mono now(void)
{
        return world_now(said.world);
}

/* ---- the application ----------------------------------------------------------------------- */

static void on_event(struct app *a, struct app_socket *s, struct mono at, const struct event *e,
                     struct app_reply *reply)
{
        uint64_t n;
        (void)a, (void)s, (void)reply;
        assert_true(pack_get_u64(event_arg(e, 0), &n) && n < said.calls);
        said.latency[said.done++] = mono_since(at, mono_add(said.start, (int64_t)n * said.every_ns));
        said.overtaken += n < said.newest;
        said.newest = n > said.newest ? n : said.newest;
}

static const struct app_handlers handlers = { .name = "said", .event = on_event };

/* ---- the network --------------------------------------------------------------------------- */

static void send(uint32_t from, struct bytes datagram)
{
        bool late = rng_unit(world_rng(said.world)) < said.row->late;
        world_path(said.world, 1)->jitter_ns = late ? LATE_MS * NS_PER_MS : 0;
        assert_int_equal(world_send(said.world, from, 1 - from, 0, datagram), 0);
}

/* ---- both ends ----------------------------------------------------------------------------- */

static void server_hears(struct bytes datagram)
{
        static const struct udp_addr from = { .ip = { [10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = 1 }, .port = { 1 } };
        uint8_t answer[DGRAM_COOKIE_BYTES], copy[DGRAM_BYTES_MAX];
        struct bytes message, rest = bytes_of(copy, datagram.n);
        memcpy(copy, datagram.at, datagram.n);
        while (!said.ordered && dgram_next(&rest, &message))
                if (message.at[3] == DGRAM_PUB)
                        memset(copy + (message.at - copy) + FLAGS_AT, 0, 2);
        size_t n = udp_gate_recv(said.gate, now(), &from, bytes_of(copy, datagram.n), answer);
        if (n > 0)
                send(0, bytes_of(answer, n));
}

static void server_sends(void)
{
        struct udp_peer *p;
        hub_announce(said.hub);
        while ((p = udp_gate_pending(said.gate))) {
                int n = udp_peer_slices(p, now(), &said.batch);
                for (int i = 0; i < n; i++) {
                        uint8_t out[DGRAM_BYTES_MAX];
                        size_t at = 0;
                        const struct udp_datagram *d = &said.batch.datagram[i];
                        for (int v = 0; v < d->iov_n; at += d->iov[v++].iov_len)
                                memcpy(out + at, d->iov[v].iov_base, d->iov[v].iov_len);
                        send(0, bytes_of(out, at));
                }
                if (n > 0)
                        udp_peer_sent(p, now(), &said.batch, n);
        }
}

static void client_works(void)
{
        struct client_event ev;
        uint8_t out[DGRAM_BYTES_MAX];
        if (udp_transport.wish(said.client) == CLIENT_OPEN)
                udp_transport.opened(said.client, now());
        while (udp_transport.next(said.client, &ev)) {
                said.answered += ev.kind == CLIENT_ANSWER;
                assert_true(ev.kind != CLIENT_ANSWER || ev.status == CLIENT_OK);
        }
        for (size_t n; (n = udp_transport.send(said.client, now(), out, sizeof out)) > 0;)
                send(1, bytes_of(out, n));
}

static void run_until(struct mono until)
{
        for (;;) {
                struct world_packet p;
                struct mono due = mono_min(world_deadline(said.world), udp_gate_deadline(said.gate));
                due = mono_min(due, mono_min(hub_deadline(said.hub), udp_transport.deadline(said.client)));
                if (mono_before(until, due))
                        break;
                world_pass(said.world, mono_before(now(), due) ? due : now());
                while (world_pop(said.world, &p)) {
                        if (p.to == 0)
                                server_hears(p.bytes);
                        else
                                udp_transport.recv(said.client, now(), p.bytes.at, p.bytes.n);
                }
                hub_expire(said.hub, now());
                udp_gate_expire(said.gate, now());
                if (!mono_before(now(), udp_transport.deadline(said.client)))
                        udp_transport.expire(said.client, now());
                client_works();
                server_sends();
        }
        world_pass(said.world, until);
}

/* Says what is due: what the client does not take is said when it does. */
static void say(uint64_t due)
{
        static const uint8_t filler[56];
        while (said.calls < due) {
                struct buf event = { 0 };
                event_begin(&event, "tick", 2);
                pack_put_u64(&event, said.calls);
                pack_put_bin(&event, bytes_of(filler, sizeof filler));
                int64_t call = udp_transport.call(said.client, now(), buf_bytes(&event));
                buf_free(&event);
                if (call < 0)
                        break;
                said.calls++;
        }
        client_works();
}

/* ---- a run --------------------------------------------------------------------------------- */

static void begin(const struct row *row, bool ordered)
{
        const char *one = getenv("SEED");
        uint64_t seed = one ? strtoull(one, NULL, 10) : 1;
        memset(&said, 0, sizeof said);
        said.ordered = ordered;
        said.every_ns = NS_PER_S / row->rate;
        identities = rng_seeded(seed, "identities");
        said.world = world_create(seed, 2);
        said.row = row;
        world_path(said.world, 1)->delay_ns = 25 * NS_PER_MS;
        said.hub = hub_create(&(struct hub_config){ .epoch = 7 });
        said.app = app_create(said.hub, &handlers);
        if (row->event_rate)
                app_limits(said.app)->events = bucket_rule(row->event_rate, 10);
        said.gate = udp_gate_create(
                &(struct udp_gate_config){ .app = said.app, .encoding = udp_encoding_add(said.hub), .pace.on = true },
                now());
        said.client = udp_transport.create(&(struct client_config){ .seed = seed, .reconnect = true }, now());
        client_works();
        run_until(mono_add(now(), LEAD_S * NS_PER_S));
        world_path(said.world, 1)->loss = row->loss;
        said.start = now();
}

static void end(void)
{
        udp_transport.destroy(said.client);
        udp_gate_destroy(said.gate, now());
        app_destroy(said.app);
        hub_destroy(said.hub);
        world_destroy(said.world);
}

static int by_size(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
        return (x > y) - (x < y);
}

struct figures {
        double p50_ms, p99_ms, max_ms, mean_ms, tries;
        uint64_t overtaken;
};

static struct figures measure(const struct row *row, bool ordered)
{
        uint64_t events = (uint64_t)row->rate * SECONDS;
        begin(row, ordered);
        for (uint64_t n = 1; n <= events; n++) {
                say(n);
                run_until(mono_add(said.start, (int64_t)n * said.every_ns));
        }
        for (int s = 0; s < 10 * SECONDS * 10 && said.answered < events; s++) {
                say(events);
                run_until(mono_add(now(), 100 * NS_PER_MS));
        }
        assert_int_equal(said.done, events);
        assert_int_equal(said.answered, events);
        struct figures f = { .overtaken = said.overtaken };
        f.tries = (double)udp_client_stats(said.client).pub_tries / (double)events;
        for (uint64_t i = 0; i < events; i++)
                f.mean_ms += (double)said.latency[i] / NS_PER_MS / (double)events;
        qsort(said.latency, events, sizeof *said.latency, by_size);
        f.p50_ms = (double)said.latency[events / 2] / NS_PER_MS;
        f.p99_ms = (double)said.latency[events * 99 / 100] / NS_PER_MS;
        f.max_ms = (double)said.latency[events - 1] / NS_PER_MS;
        end();
        return f;
}

static void tell(const char *how, const struct figures *f)
{
        print_message("%-13s mean %7.1f  p50 %7.1f  p99 %7.1f  max %7.1f ms; each said %.2f times; %" PRIu64
                      " overtaken\n",
                      how, f->mean_ms, f->p50_ms, f->p99_ms, f->max_ms, f->tries, f->overtaken);
}

static void run_row(void **state)
{
        const struct row *row = *state;
        struct figures any = measure(row, false), ordered = measure(row, true);
        tell("in any order", &any);
        tell("in order", &ordered);
        assert_int_equal(ordered.overtaken, 0);
        assert_true(ordered.p99_ms <= any.p99_ms + (double)row->dearer_max);
        assert_true(ordered.tries <= row->tries_max);
        assert_true(any.overtaken > 0 || (row->loss == 0 && row->late == 0));
}

int main(void)
{
        randombytes_set_implementation(&seeded);
        return RUN_ROWS("said in order", rows, run_row);
}
