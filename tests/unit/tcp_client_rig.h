/* tcp_client_rig: the TCP client's engine against a server that is a table of bytes, by scripts. For tests.
 *
 *   open            the socket opens; 101: the right response; http TEXT: another one
 *   > TEXT          the server says a text message; x HEX a binary one; raw HEX bytes as they are
 *   < TEXT|TEXT     the client said exactly these messages; "close(1000)" is a close frame
 *   ! TOLD|TOLD     the client told exactly these events
 *   join, leave, call, bye; "call+" gives the binary `blob` for the placeholder in its JSON
 *   + SPAN          time passes; what falls due is done at its instant
 *   closed          the socket is gone
 *   wish WORD       open, close or hold
 */
#ifndef TESTS_UNIT_TCP_CLIENT_RIG_H
#define TESTS_UNIT_TCP_CLIENT_RIG_H
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/tcp_client.h"
#include "core/base/err.h"
#include "core/base/units.h"
#include "core/event/event.h"
#include "core/event/json.h"
#include "core/event/pack.h"
#include "core/wire/ws.h"
#include "core/wire/ws_handshake.h"

enum { STEPS = 32, TOLD_MAX = 4096 };

struct script {
        const char *name;
        const char *steps[STEPS];
};

struct rig {
        struct client *client;
        struct mono now;
        struct ws ws;
        size_t piece; /* bytes given at a time */
        char said[TOLD_MAX], told[TOLD_MAX];
};

static const struct transport *const t = &tcp_transport;

static void add(char *list, const char *words)
{
        if (list[0])
                strcat(list, "|");
        strcat(list, words);
}

static void tell_items(char *at, struct bytes items)
{
        struct bytes item;
        struct buf json = { 0 };
        while (pack_next(&items, &item)) {
                buf_text(&json, " ");
                assert_int_equal(json_from_pack(item, &json, &(struct json_bins){ 0 }), 0);
        }
        sprintf(at, "%.*s", (int)json.n, json.n ? (const char *)json.at : "");
        buf_free(&json);
}

static void tell(struct rig *r, const struct client_event *ev)
{
        static const char *const status[] = { "ok", "refused", "unknown" };
        char words[1024], items[512] = "";
        tell_items(items, ev->kind == CLIENT_EVENT ? ev->event : ev->answer);
        switch (ev->kind) {
        case CLIENT_UP:
                sprintf(words, "up %.*s%s", (int)ev->id.n, ev->id.at, ev->recovered ? " recovered" : "");
                break;
        case CLIENT_DOWN:
                sprintf(words, "down %s%s", ev->reason, ev->final ? ", for good" : "");
                break;
        case CLIENT_EVENT:
                sprintf(words, "%s %u-%llu%s", items + 1, ev->epoch, (unsigned long long)ev->eid,
                        ev->recovered ? " recovered" : "");
                break;
        case CLIENT_GAP:
                sprintf(words, "gap %.*s %llu-%lld %s%s", (int)ev->room.n, ev->room.n ? (const char *)ev->room.at : "",
                        (unsigned long long)ev->from, (long long)ev->to, ev->reason,
                        ev->gap_opened_ns > 0 ? ", away" : "");
                break;
        case CLIENT_ANSWER:
                sprintf(words, "%llu %s%s", (unsigned long long)ev->call, status[ev->status], items);
                break;
        case CLIENT_JOINED:
                sprintf(words, "joined %.*s", (int)ev->room.n, ev->room.at);
                break;
        case CLIENT_OUT:
                sprintf(words, "out of %.*s, %s", (int)ev->room.n, ev->room.at, ev->reason);
                break;
        case CLIENT_ADVICE:
                break;
        }
        add(r->told, words);
}

static void drain(struct rig *r)
{
        struct client_event ev;
        while (t->next(r->client, &ev))
                tell(r, &ev);
}

static void server_hears(struct rig *r, uint8_t *in, size_t n)
{
        struct ws_event ev;
        char words[512];
        for (size_t used = 0; used < n;) {
                used += ws_recv(&r->ws, in + used, n - used, &ev);
                assert_int_not_equal(ev.got, WS_GOT_FAULT);
                if (ev.got == WS_GOT_CLOSE)
                        sprintf(words, "close(%d)", ev.code);
                else if (ev.got != WS_GOT_NOTHING)
                        sprintf(words, "%s%.*s", ev.got == WS_GOT_PONG ? "pong " : "", (int)ev.payload.n,
                                ev.payload.at);
                if (ev.got != WS_GOT_NOTHING)
                        add(r->said, words);
        }
}

static void collect(struct rig *r)
{
        uint8_t out[100];
        size_t n;
        while ((n = t->send(r->client, r->now, out, sizeof out)) > 0)
                server_hears(r, out, n);
}

static void give(struct rig *r, const void *bytes, size_t n)
{
        for (size_t at = 0; at < n; at += r->piece) {
                size_t part = n - at < r->piece ? n - at : r->piece;
                uint8_t *copy = reallocarray(NULL, 1, part);
                memcpy(copy, (const uint8_t *)bytes + at, part);
                t->recv(r->client, r->now, copy, part);
                free(copy);
                drain(r);
        }
}

static void say(struct rig *r, enum ws_opcode opcode, struct bytes message)
{
        struct buf frame = { 0 };
        ws_put(&frame, opcode, message, NULL);
        give(r, frame.at, frame.n);
        buf_free(&frame);
}

static void open_socket(struct rig *r)
{
        assert_int_equal(t->wish(r->client), CLIENT_OPEN);
        t->opened(r->client, r->now);
        ws_free(&r->ws);
        ws_init(&r->ws, WS_SERVER, 100000);
}

/* Reads the request and answers it as a server must. */
static void upgrade(struct rig *r)
{
        char request[1024], accept[WS_ACCEPT_TEXT + 1], response[512];
        size_t n = t->send(r->client, r->now, (uint8_t *)request, sizeof request - 1);
        request[n] = 0;
        assert_non_null(strstr(request, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: sim:1\r\n"));
        const char *key = strstr(request, "Sec-WebSocket-Key: ") + 19;
        ws_accept(bytes_of(key, WS_KEY_TEXT), accept);
        int length = sprintf(response,
                             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "sec-websocket-accept: %s\r\n\r\n",
                             accept);
        give(r, response, (size_t)length);
}

static struct buf hex(const char *text)
{
        struct buf out = { 0 };
        for (unsigned byte; sscanf(text, "%2x", &byte) == 1; text += 2)
                buf_put(&out, &(uint8_t){ (uint8_t)byte }, 1);
        return out;
}

static void pass(struct rig *r, const char *text)
{
        int64_t span;
        assert_int_equal(units_span(text, &span), 0);
        struct mono until = mono_add(r->now, span);
        for (struct mono due; due = t->deadline(r->client), !mono_before(until, due);) {
                r->now = due;
                t->expire(r->client, due);
                drain(r);
        }
        r->now = until;
}

static bool begins(const char **step, const char *word)
{
        size_t n = strlen(word);
        if (strncmp(*step, word, n) != 0)
                return false;
        *step += n;
        return true;
}

static void expect(struct rig *r, char *list, const char *expected)
{
        collect(r);
        drain(r);
        assert_string_equal(list, expected[0] == ' ' ? expected + 1 : expected);
        list[0] = 0;
}

static void ask(struct rig *r, const char *step)
{
        struct buf event = { 0 };
        if (begins(&step, "join ")) {
                t->join(r->client, r->now, bytes_text(step));
        } else if (begins(&step, "leave ")) {
                t->leave(r->client, r->now, bytes_text(step));
        } else if (begins(&step, "call+ ")) {
                struct json_bins blob = { .n = 1, .bin = { bytes_text("blob") } };
                assert_int_equal(json_to_pack(bytes_text(step), &event, &blob), 0);
                t->call(r->client, r->now, buf_bytes(&event));
        } else if (begins(&step, "call ")) {
                assert_int_equal(json_to_pack(bytes_text(step), &event, NULL), 0);
                t->call(r->client, r->now, buf_bytes(&event));
        } else {
                assert_string_equal(step, "bye");
                t->bye(r->client, r->now);
        }
        buf_free(&event);
        drain(r);
}

static void run_step(struct rig *r, const char *step)
{
        static const char *const wishes[] = { "hold", "open", "close" };
        struct buf bytes = { 0 };
        if (begins(&step, "open")) {
                open_socket(r);
        } else if (begins(&step, "101")) {
                upgrade(r);
        } else if (begins(&step, "http ")) {
                uint8_t request[1024];
                t->send(r->client, r->now, request, sizeof request);
                give(r, step, strlen(step));
        } else if (begins(&step, "> ")) {
                say(r, WS_TEXT, bytes_text(step));
        } else if (begins(&step, "x ")) {
                bytes = hex(step);
                say(r, WS_BINARY, buf_bytes(&bytes));
        } else if (begins(&step, "raw ")) {
                bytes = hex(step);
                give(r, bytes.at, bytes.n);
        } else if (begins(&step, "<")) {
                expect(r, r->said, step);
        } else if (begins(&step, "!")) {
                expect(r, r->told, step);
        } else if (begins(&step, "+ ")) {
                pass(r, step);
        } else if (begins(&step, "closed")) {
                t->closed(r->client, r->now, "connection reset");
                drain(r);
        } else if (begins(&step, "wish ")) {
                assert_string_equal(wishes[t->wish(r->client)], step);
        } else {
                ask(r, step);
        }
        buf_free(&bytes);
}

static void rig_begin(struct rig *r, size_t piece)
{
        struct client_config config = { .host = "sim:1", .path = "/socket.io/", .seed = 1, .reconnect = true };
        *r = (struct rig){ .now = { NS_PER_S }, .piece = piece };
        ws_init(&r->ws, WS_SERVER, 100000);
        r->client = t->create(&config, r->now);
}

/* ---- what most scripts begin with ----------------------------------------------------------------- */

#define OPEN  "> 0{\"sid\":\"e\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"
#define REPLY "> 40{\"sid\":\"A\",\"pid\":\"P\"}"
#define HELLO "> 42[\"hello\",{\"id\":\"A\"},\"7-5\"]"
#define UP    "open", "101", OPEN, "< 40{\"gaps\":true}", REPLY, HELLO, "! up A|[\"hello\",{\"id\":\"A\"}] 0-0"

#endif
