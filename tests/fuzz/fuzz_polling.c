/* One session over polling, driven by a stranger. The input is a list of steps: one byte says what (its
 * low half) and by which request (the next two bits), one how much, then so many bytes of payload. A
 * beginning of letters is a beginning of a real story: the corpus has them.
 *
 * Whatever it is: only a request that waits is answered, and once; an answer is never empty; the same
 * payload taken apart is the one put together; a session that is done owes nobody an answer.
 */
#include <stdlib.h>

#include "core/chat/chat.h"
#include "core/wire/eio_payload.h"
#include "tcp_server/polling.h"
#include "tcp_server/probe.h"

enum { REQUESTS = 4, BODY_MAX = 4096 };

enum doing { IDLE, WAITS_GET, POSTING, WAITS_POST, PROBES };

struct world {
        struct tcp_service *service;
        struct mono now;
        struct polling_table table;
        struct polling p;
        struct probe probe;
        enum doing doing[REQUESTS]; /* &doing[i] stands for request i */
        bool upgraded;
};

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void no_news(void *owner)
{
        (void)owner;
}

static void check(bool good)
{
        if (!good)
                abort();
}

/* Taken apart and joined again it is the same. */
static void check_payload(struct bytes body)
{
        struct buf again = { 0 };
        struct bytes payload = body, packet;
        for (bool first = true; eio_payload_next(&payload, &packet); first = false) {
                buf_put(&again, "\x1e", first ? 0 : 1);
                buf_put(&again, packet.at, packet.n);
        }
        check(bytes_equal(buf_bytes(&again), body));
        buf_free(&again);
}

static void collect(struct world *w)
{
        struct polling_answer a;
        struct buf packets = { 0 };
        for (int hubs = 0; hubs < 2; hubs++) {
                hub_announce(w->service->spaces[0].hub);
                while (polling_next(&w->p, w->now, &a, &packets)) {
                        enum doing *d = a.request;
                        check(*d != IDLE);
                        check(a.kind != POLLING_PACKETS || (*d == WAITS_GET && packets.n > 0));
                        check(a.kind != POLLING_OK || *d == WAITS_POST);
                        check((a.kind == POLLING_DROP) == (*d == PROBES));
                        if (a.kind == POLLING_PACKETS)
                                check_payload(buf_bytes(&packets));
                        *d = IDLE;
                }
        }
        buf_free(&packets);
        for (int i = 0; polling_done(&w->p) && i < REQUESTS; i++)
                check(w->doing[i] == IDLE);
}

static void take_websocket(struct world *w)
{
        struct iovec v[TCP_SLICES_MAX];
        struct buf all = { 0 };
        for (int n; (n = tcp_session_slices(w->p.session, w->now, v, TCP_SLICES_MAX)) > 0;) {
                size_t bytes = 0;
                for (int i = 0; i < n; bytes += v[i++].iov_len)
                        check(eio_payload_put(&all, bytes_of(v[i].iov_base, v[i].iov_len)) == 0);
                tcp_session_sent(w->p.session, bytes);
        }
        buf_free(&all);
}

static void say_on_websocket(struct world *w, enum doing *d, struct bytes message)
{
        static const uint8_t mask[4] = { 1, 2, 3, 4 };
        struct buf frame = { 0 }, out = { 0 };
        size_t used = 0;
        ws_put(&frame, WS_TEXT, message, mask);
        if (*d == PROBES) {
                enum probe_verdict verdict = probe_recv(&w->probe, frame.at, frame.n, &used, &out);
                if (verdict == PROBE_BAD)
                        polling_gone(&w->p, w->now, d);
                else if (verdict == PROBE_UPGRADE)
                        polling_upgrade(&w->p);
                else if (w->probe.answered)
                        polling_probed(&w->p, w->now);
                w->upgraded = verdict == PROBE_UPGRADE;
                if (verdict != PROBE_MORE)
                        *d = IDLE;
        } else if (w->upgraded) {
                tcp_session_recv(w->p.session, w->now, frame.at, frame.n);
                take_websocket(w);
        }
        buf_free(&out);
        buf_free(&frame);
}

static void begin_probe(struct world *w, enum doing *d)
{
        if (!polling_probe(&w->p, w->now, d))
                return;
        probe_free(&w->probe);
        probe_init(&w->probe);
        *d = PROBES;
}

static void step(struct world *w, uint8_t what, struct bytes payload)
{
        enum doing *d = &w->doing[what >> 4 & 3];
        switch (what & 7) {
        case 0:
                if (*d == IDLE && polling_get(&w->p, w->now, d))
                        *d = WAITS_GET;
                break;
        case 1:
                if (*d == IDLE && polling_post(&w->p, w->now, d))
                        *d = POSTING;
                break;
        case 2:
                if (*d == POSTING)
                        polling_packets(&w->p, w->now, payload), *d = WAITS_POST;
                break;
        case 3:
                if (*d != IDLE)
                        polling_gone(&w->p, w->now, d), *d = IDLE;
                break;
        case 4:
                if (*d == IDLE)
                        begin_probe(w, d);
                break;
        case 5:
                say_on_websocket(w, d, payload);
                break;
        case 6:
                w->now = mono_add(w->now, (int64_t)payload.n * NS_PER_S / 4);
                polling_expire(&w->p, w->now);
                break;
        case 7:
                tcp_session_close(w->p.session, w->now, TCP_END_TAKEN);
                break;
        }
        collect(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        struct hub *hub = hub_create(&(struct hub_config){ .epoch = 7, .room_events_max = 8 });
        struct app *app = app_create(hub, &chat_handlers);
        struct tcp_config config = tcp_config_defaults();
        struct world *w = calloc(1, sizeof *w);
        w->now = (struct mono){ NS_PER_S };
        config.payload_bytes_max = BODY_MAX;
        if (!hub || !app || tcp_service_create(app, &config, &w->service) != 0 ||
            polling_init(&w->p, &w->table, w->service, w->now, &(struct hub_sink){ no_news, NULL }) != 0)
                abort();
        struct reader r = reader_of(in, n);
        while (reader_left(&r) >= 2) {
                uint8_t what = reader_u8(&r);
                size_t bytes = reader_u8(&r);
                step(w, what, reader_take(&r, bytes < reader_left(&r) ? bytes : reader_left(&r)));
        }
        probe_free(&w->probe);
        polling_free(&w->p, w->now);
        tcp_service_destroy(w->service);
        app_destroy(app);
        hub_destroy(hub);
        free(w);
        return 0;
}
