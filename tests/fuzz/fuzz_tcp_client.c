/* The TCP client before a hostile server. The input is a list of steps: one byte says what, one how
 * many bytes of payload follow. Unless the first byte says otherwise, a server that means well does the
 * upgrade and the CONNECT, so that the rest meets a client that is up.
 *
 * Whatever it is: the client sends good frames and a bounded number of them, what it tells are events
 * and upright gaps, and its calls are answered once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "client/tcp_client.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "core/wire/ws.h"
#include "core/wire/ws_handshake.h"

enum step { STEP_RAW, STEP_TEXT, STEP_BINARY, STEP_EVENT, STEP_ACK, STEP_PASS, STEP_CALL, STEP_CLOSE, STEPS };
enum { SENT_MAX = 2000, CALLS_MAX = 256 };

struct world {
        struct mono now;
        struct client *client;
        bool open, rude, upgraded, lost_for_good;
        size_t piece; /* bytes given at a time */
        struct ws ws;
        struct buf request;
        int64_t last_call;
        bool answered[CALLS_MAX];
};

static const struct transport *const t = &tcp_transport;

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void need(bool holds)
{
        if (!holds)
                abort();
}

/* ---- the server ----------------------------------------------------------------------------- */

static void give(struct world *w, const void *bytes, size_t n)
{
        for (size_t at = 0; at < n && w->open; at += w->piece) {
                size_t part = n - at < w->piece ? n - at : w->piece;
                uint8_t *exact = malloc(part);
                memcpy(exact, (const uint8_t *)bytes + at, part);
                t->recv(w->client, w->now, exact, part);
                free(exact);
        }
}

static void say(struct world *w, enum ws_opcode opcode, struct bytes message)
{
        struct buf frame = { 0 };
        need(ws_put(&frame, opcode, message, NULL) == 0);
        give(w, frame.at, frame.n);
        buf_free(&frame);
}

static void say_text(struct world *w, const char *text)
{
        say(w, WS_TEXT, bytes_text(text));
}

/* Answers once the request is whole; a rude server leaves that to the input. */
static void upgrade(struct world *w, const uint8_t *said, size_t n)
{
        static const char name[] = "Sec-WebSocket-Key: ";
        char accept[WS_ACCEPT_TEXT + 1], answer[256];
        need(buf_put(&w->request, said, n) == 0);
        const uint8_t *at = memmem(w->request.at, w->request.n, name, sizeof name - 1);
        if (!memmem(w->request.at, w->request.n, "\r\n\r\n", 4))
                return;
        need(at != NULL);
        w->upgraded = true;
        if (w->rude)
                return;
        ws_accept(bytes_of(at + sizeof name - 1, WS_KEY_TEXT), accept);
        int bytes = snprintf(answer, sizeof answer,
                             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: %s\r\n\r\n",
                             accept);
        give(w, answer, (size_t)bytes);
        say_text(w, "0{\"sid\":\"a\",\"upgrades\":[],\"pingInterval\":300,\"pingTimeout\":200,\"maxPayload\":100000}");
}

static void serve(struct world *w, const struct ws_event *ev)
{
        need(ev->got != WS_GOT_FAULT);
        bool connect = ev->got == WS_GOT_MESSAGE && ev->payload.n >= 2 && memcmp(ev->payload.at, "40", 2) == 0;
        if (!connect || w->rude)
                return;
        say_text(w, w->lost_for_good ? "40{\"sid\":\"s\",\"pid\":\"q\"}" : "40{\"sid\":\"s\",\"pid\":\"p\"}");
}

static void take(struct world *w, uint8_t *said, size_t n)
{
        struct ws_event ev;
        if (!w->upgraded) {
                upgrade(w, said, n);
                return;
        }
        for (size_t used = 0; used < n && w->open;) {
                used += ws_recv(&w->ws, said + used, n - used, &ev);
                serve(w, &ev);
        }
}

/* ---- the client's edge ---------------------------------------------------------------------- */

static void hear(struct world *w, const struct client_event *ev)
{
        struct event e;
        if (ev->kind == CLIENT_EVENT)
                need(event_parse(ev->event, SIZE_MAX, &e) == 0);
        if (ev->kind == CLIENT_GAP)
                need(ev->from <= ev->to);
        if (ev->kind == CLIENT_ANSWER) {
                need(ev->call > 0 && ev->call <= (uint64_t)w->last_call && !w->answered[ev->call % CALLS_MAX]);
                w->answered[ev->call % CALLS_MAX] = true;
        }
}

static void turn(struct world *w)
{
        struct client_event ev;
        uint8_t out[4096];
        for (int sent = 0;; sent++) {
                need(sent < SENT_MAX);
                if (!w->open && t->wish(w->client) == CLIENT_OPEN) {
                        w->open = true;
                        w->upgraded = false;
                        w->request.n = 0;
                        ws_free(&w->ws);
                        ws_init(&w->ws, WS_SERVER, 32 << 20);
                        t->opened(w->client, w->now);
                }
                while (t->next(w->client, &ev))
                        hear(w, &ev);
                size_t n = w->open ? t->send(w->client, w->now, out, sizeof out) : 0;
                take(w, out, n);
                if (n > 0)
                        continue;
                if (!w->open || t->wish(w->client) != CLIENT_CLOSE)
                        return;
                w->open = false;
                t->closed(w->client, w->now, "closed");
        }
}

/* To the end of the span, deadline by deadline, but not more than 100 of them. */
static void pass(struct world *w, int64_t span_ns)
{
        struct mono until = mono_add(w->now, span_ns);
        for (int i = 0; i < 100; i++) {
                struct mono due = t->deadline(w->client);
                if (mono_before(until, due))
                        break;
                w->now = mono_before(w->now, due) ? due : w->now;
                t->expire(w->client, w->now);
                turn(w);
        }
        w->now = until;
}

/* ---- what it is given ----------------------------------------------------------------------- */

/* A good event: eid, then its name. */
static void event(struct world *w, struct bytes payload)
{
        char text[1024];
        int eid = payload.n > 0 ? payload.at[0] : 0, n = 0;
        n = snprintf(text, sizeof text, "42[\"e");
        for (size_t i = 1; i < payload.n; i++)
                n += snprintf(text + n, sizeof text - (size_t)n, "%c", 'a' + payload.at[i] % 26);
        snprintf(text + n, sizeof text - (size_t)n, "\",%d,\"7-%d\"]", eid, eid);
        say_text(w, text);
}

/* Answers a call: how long ago it was made, then the answer's JSON. */
static void ack(struct world *w, struct bytes payload)
{
        char head[32];
        struct buf text = { 0 };
        int64_t ago = payload.n > 0 ? payload.at[0] % 8 : 0;
        snprintf(head, sizeof head, "43%lld", (long long)(w->last_call > ago ? w->last_call - ago : 1));
        need(buf_text(&text, head) == 0 && (payload.n < 2 || buf_put(&text, payload.at + 1, payload.n - 1) == 0));
        if (payload.n < 2)
                need(buf_text(&text, "[{\"eid\":1}]") == 0);
        say(w, WS_TEXT, buf_bytes(&text));
        buf_free(&text);
}

static void call(struct world *w, struct bytes payload)
{
        struct buf made = { 0 };
        struct bytes room = bytes_of(payload.at, payload.n > 1 ? 1 : payload.n);
        int64_t number = 0;
        need(pack_put_array(&made, 1) == 0 && pack_put_text(&made, payload) == 0);
        if (w->last_call >= CALLS_MAX - 1)
                number = 0;
        else if (room.n == 1 && room.at[0] < 8)
                number = t->join(w->client, w->now, bytes_text("r"));
        else if (room.n == 1 && room.at[0] < 16)
                number = t->leave(w->client, w->now, bytes_text("r"));
        else
                number = t->call(w->client, w->now, buf_bytes(&made));
        w->last_call = number > 0 ? number : w->last_call;
        buf_free(&made);
}

static void step(struct world *w, enum step what, struct bytes payload)
{
        uint8_t number = payload.n > 0 ? payload.at[0] : 0;
        switch (what) {
        case STEP_RAW:
                give(w, payload.at, payload.n);
                return;
        case STEP_TEXT:
                say(w, WS_TEXT, payload);
                return;
        case STEP_BINARY:
                say(w, WS_BINARY, payload);
                return;
        case STEP_EVENT:
                event(w, payload);
                return;
        case STEP_ACK:
                ack(w, payload);
                return;
        case STEP_PASS:
                pass(w, (int64_t)number * number * NS_PER_MS);
                return;
        case STEP_CALL:
                call(w, payload);
                return;
        case STEP_CLOSE:
                w->lost_for_good = number & 1;
                if (w->open)
                        t->closed(w->client, w->now, "cut");
                w->open = false;
                return;
        case STEPS:
                return;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        static struct world w;
        if (n == 0)
                return 0;
        w = (struct world){ .now = { NS_PER_S }, .rude = in[0] & 1, .piece = 1 + in[0] / 2 };
        struct client_config config = { .host = "a:1", .path = "/socket.io/", .seed = 1, .reconnect = true };
        w.client = t->create(&config, w.now);
        ws_init(&w.ws, WS_SERVER, 32 << 20);
        turn(&w);
        struct reader r = reader_of(in + 1, n - 1);
        while (reader_left(&r) >= 2) {
                enum step what = reader_u8(&r) % STEPS;
                size_t bytes = reader_u8(&r);
                step(&w, what, reader_take(&r, bytes < reader_left(&r) ? bytes : reader_left(&r)));
                turn(&w);
        }
        t->bye(w.client, w.now);
        turn(&w);
        pass(&w, 5 * NS_PER_S);
        t->destroy(w.client);
        ws_free(&w.ws);
        buf_free(&w.request);
        return 0;
}
