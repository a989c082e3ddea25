/* Scripts: the client's engine against a server that is a table of bytes.
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
                uint8_t *copy = malloc(part);
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

/* The same story whether bytes come at once or one by one. */
static void run_script(void **state)
{
        const struct script *script = *state;
        static const size_t pieces[] = { 100000, 1, 7 };
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
                struct rig r;
                rig_begin(&r, pieces[p]);
                for (int i = 0; i < STEPS && script->steps[i]; i++)
                        run_step(&r, script->steps[i]);
                t->destroy(r.client);
                ws_free(&r.ws);
        }
}

/* ---- the stories --------------------------------------------------------------------------------- */

#define OPEN  "> 0{\"sid\":\"e\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"
#define REPLY "> 40{\"sid\":\"A\",\"pid\":\"P\"}"
#define HELLO "> 42[\"hello\",{\"id\":\"A\"},\"7-5\"]"
#define UP    "open", "101", OPEN, "< 40{\"gaps\":true}", REPLY, HELLO, "! up A|[\"hello\",{\"id\":\"A\"}] 0-0"
#define BACK(o) \
        "! down connection reset", "+ 1s", "open", "101", OPEN, "< 40{\"gaps\":true,\"pid\":\"P\",\"offset\":\"" o "\"}"
#define LOST "! down bad packet", "< close(1005)", "wish close"

static const struct script scripts[] = {
        { "up, and what hello says", { "wish open", UP, "wish hold" } },
        { "an event loses its offset", { UP, "> 42[\"x\",1,\"7-6\"]", "! [\"x\",1] 7-6" } },
        { "without recovery nothing is taken for an offset",
          { "open", "101", OPEN, "< 40{\"gaps\":true}", "> 40{\"sid\":\"A\"}", "> 42[\"x\",\"7-6\"]",
            "! up A|[\"x\",\"7-6\"] 0-0" } },
        { "a last argument that only looks like one stays", { UP, "> 42[\"x\",\"7-06\"]", "! [\"x\",\"7-06\"] 0-0" } },
        { "an event seen before is dropped",
          { UP, "> 42[\"x\",\"7-6\"]", "> 42[\"x\",\"7-6\"]", "> 42[\"y\",\"7-5\"]", "! [\"x\"] 7-6" } },
        { "a gap that ends before it begins is none",
          { UP, "> 42[\"gap\",{\"room\":\"tea\",\"unit\":\"eid\",\"from\":6,\"to\":5,\"reason\":\"evicted\"},\"7-9\"]",
            "! down bad gap" } },
        { "a gap long after an absence is not of that absence",
          { UP, "closed", BACK("7-5"), REPLY, HELLO,
            "> 42[\"gap\",{\"room\":\"tea\",\"unit\":\"eid\",\"from\":6,\"to\":9,\"reason\":\"evicted\"},\"7-9\"]",
            "! up A recovered|[\"hello\",{\"id\":\"A\"}] 0-0|gap tea 6-9 evicted" } },
        { "a gap is told",
          { UP, "> 42[\"gap\",{\"room\":\"tea\",\"unit\":\"eid\",\"from\":6,\"to\":9,\"reason\":\"evicted\"},\"7-9\"]",
            "> 42[\"x\",\"7-10\"]", "! gap tea 6-9 evicted|[\"x\"] 7-10" } },
        { "binary is put together",
          { UP, "> 452-[\"x\",{\"_placeholder\":true,\"num\":0},{\"k\":{\"_placeholder\":true,\"num\":1}},\"7-6\"]",
            "! ", "x 01", "x 0203",
            "! [\"x\",{\"_placeholder\":true,\"num\":0},{\"k\":{\"_placeholder\":true,\"num\":1}}] 7-6" } },
        { "binary leaves behind its text",
          { UP, "call+ [\"x\",[{\"_placeholder\":true,\"num\":0}],1]",
            "< 451-1[\"x\",[{\"_placeholder\":true,\"num\":0}],1]|blob", "> 431[{\"eid\":6,\"seq\":6}]",
            "! 1 ok {\"eid\":6,\"seq\":6}" } },
        { "binary out of turn", { UP, "x 01", "! down binary out of turn", "wish close" } },
        { "text while attachments are awaited",
          { UP, "> 451-[\"x\",{\"_placeholder\":true,\"num\":0}]", "> 42[\"y\"]", LOST } },
        { "a heartbeat", { UP, "+ 44s", "> 2", "< 3", "+ 44s", "wish hold", "! " } },
        { "no ping in time", { UP, "+ 44999ms", "! ", "+ 1ms", "! down ping timeout", "wish close" } },
        { "a websocket ping", { UP, "raw 89026869", "< pong hi" } },

        { "a call and its answer",
          { UP, "call [\"chat message\",\"x\"]", "< 421[\"chat message\",\"x\"]", "> 431[{\"eid\":6,\"seq\":6}]",
            "! 1 ok {\"eid\":6,\"seq\":6}" } },
        { "a refusal",
          { UP, "call [\"x\"]", "< 421[\"x\"]", "> 431[{\"error\":\"no\"}]", "! 1 refused {\"error\":\"no\"}" } },
        { "an unknown answer is nobody's", { UP, "> 439[1]", "! " } },
        { "answered once", { UP, "call [\"x\"]", "> 431[]", "> 431[]", "! 1 ok" } },
        { "calls wait for up",
          { "call [\"x\"]", "join tea", "open", "101", OPEN, "< 40{\"gaps\":true}", REPLY,
            "< 421[\"x\"]|422[\"join\",\"tea\"]" } },
        { "no answer in 30 s",
          { UP, "call [\"x\"]", "+ 29999ms", "! ", "+ 1ms", "! 1 unknown {\"error\":\"no answer came\"}" } },
        { "unanswered calls of a lost connection",
          { UP, "call [\"x\"]", "< 421[\"x\"]", "closed",
            "! 1 unknown {\"error\":\"the connection was lost\"}|down connection reset" } },
        { "calls made while down", { UP, "closed", "call [\"x\"]", BACK("7-5"), REPLY, "< 421[\"x\"]" } },
        { "join and leave",
          { UP, "join tea", "< 421[\"join\",\"tea\"]", "> 431[{\"room\":\"tea\"}]",
            "! 1 ok {\"room\":\"tea\"}|joined tea", "leave tea", "< 422[\"leave\",\"tea\"]",
            "> 432[{\"room\":\"tea\"}]", "! 2 ok {\"room\":\"tea\"}", "closed", BACK("7-5"),
            "> 40{\"sid\":\"B\",\"pid\":\"Q\"}", "< " } },

        { "recovered: a replay, then live",
          { UP, "closed", BACK("7-5"), REPLY, "> 42[\"x\",\"7-6\"]", "> 42[\"hello\",{\"id\":\"A\"},\"7-6\"]",
            "> 42[\"y\",\"7-7\"]",
            "! up A recovered|[\"x\"] 7-6 recovered|[\"hello\",{\"id\":\"A\"}] 0-0|[\"y\"] 7-7" } },
        { "partly recovered: the server tells",
          { UP, "join tea", "> 431[{\"room\":\"tea\"}]", "! 1 ok {\"room\":\"tea\"}|joined tea", "closed",
            "< 421[\"join\",\"tea\"]", BACK("7-5"), "> 40{\"sid\":\"A\",\"pid\":\"Q\"}",
            "> 42[\"gap\",{\"room\":\"tea\",\"unit\":\"eid\",\"from\":6,\"to\":9,\"reason\":\"evicted\"},\"7-9\"]",
            "! up A|gap tea 6-9 evicted, away", "< 422[\"join\",\"tea\"]", "> 432[{\"room\":\"tea\"}]",
            "! joined tea" } },
        { "a session lost for good: the client reckons",
          { UP, "join tea", "> 431[{\"room\":\"tea\"}]", "! 1 ok {\"room\":\"tea\"}|joined tea", "closed",
            "< 421[\"join\",\"tea\"]", BACK("7-5"), "> 40{\"sid\":\"B\",\"pid\":\"Q\"}", "< 422[\"join\",\"tea\"]",
            "> 42[\"x\",\"7-20\"]", "! up B|gap  6-19 session lost, away|[\"x\"] 7-20",
            "> 432[{\"room\":\"tea\",\"eid\":21}]", "! gap tea 6-21 session lost, away|joined tea" } },
        { "a new log: lost to an unknown end",
          { UP, "closed", BACK("7-5"), "> 40{\"sid\":\"B\",\"pid\":\"Q\"}", "> 42[\"hello\",{\"id\":\"B\"},\"9-0\"]",
            "! up B|gap  6--1 session lost, away|[\"hello\",{\"id\":\"B\"}] 0-0" } },
        { "not let in again",
          { UP, "join tea", "> 431[{\"room\":\"tea\"}]", "closed",
            "! 1 ok {\"room\":\"tea\"}|joined tea|down connection reset", "+ 1s", "open", "101", OPEN,
            "> 40{\"sid\":\"B\",\"pid\":\"Q\"}", "> 42[\"hello\",{},\"7-5\"]", "> 432[{\"error\":\"no\"}]",
            "! up B|[\"hello\",{}] 0-0|gap tea 6--1 session lost, away" } },

        { "the server says goodbye",
          { UP, "> 41", "! down the server said goodbye, for good", "closed", "wish hold", "+ 60s", "wish hold" } },
        { "the server refuses",
          { "open", "101", OPEN, "> 44{\"message\":\"no\"}", "! down the server refused, for good" } },
        { "the upgrade is refused",
          { "open", "http HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            "! down the server refused the upgrade, for good", "wish close" } },
        { "a wrong proof",
          { "open",
            "http HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
            "Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            "! ", "wish close", "closed", "+ 1s", "wish open" } },
        { "no HTTP", { "open", "http SSH-2.0-OpenSSH_9.2\r\n", "wish close" } },
        { "no answer to the upgrade", { "open", "+ 19999ms", "wish hold", "+ 1ms", "wish close" } },
        { "a masked frame from a server",
          { UP, "raw 818000000000", "! down mask missing or not allowed", "wish close" } },
        { "a bad packet", { UP, "> 4abc", LOST } },
        { "an event before the reply", { "open", "101", OPEN, "> 42[\"x\"]", "wish close" } },
        { "a second open packet", { UP, OPEN, "! down bad open packet", "wish close" } },
        { "goodbye",
          { UP, "call [\"x\"]", "bye", "< 421[\"x\"]|41|close(1000)",
            "! 1 unknown {\"error\":\"the connection is closed\"}|down goodbye, for good", "wish close", "closed",
            "wish hold" } },
        { "goodbye before the socket opened", { "bye", "wish hold", "! down goodbye, for good" } },
        { "goodbye in the middle of the upgrade",
          { "open", "bye", "wish close", "! down goodbye, for good", "closed", "wish hold" } },
};

static void tries_come_further_apart(void **state)
{
        (void)state;
        struct rig r;
        int64_t last = 0, longest = 0;
        rig_begin(&r, 1000);
        for (int i = 0; i < 12; i++) {
                assert_int_equal(t->wish(r.client), CLIENT_OPEN);
                t->closed(r.client, r.now, "refused");
                last = mono_since(t->deadline(r.client), r.now);
                assert_true(last >= 50 * NS_PER_MS && last <= 7500 * NS_PER_MS);
                if (i == 0)
                        assert_true(last <= 150 * NS_PER_MS);
                if (last > longest)
                        longest = last;
                r.now = mono_add(r.now, last);
                t->expire(r.client, r.now);
        }
        assert_true(longest > 2500 * NS_PER_MS);
        drain(&r);
        assert_string_equal(r.told, ""); /* it was never up, and is not over */
        t->destroy(r.client);
}

static void what_cannot_be_called(void **state)
{
        (void)state;
        struct rig r;
        struct buf event = { 0 };
        rig_begin(&r, 1000);
        assert_int_equal(t->call(r.client, r.now, bytes_text("x")), ERR_MALFORMED);
        event_begin(&event, "x", 1);
        pack_put_raw(&event, bytes_text("\xc7\x01\x05x"));
        assert_int_equal(t->call(r.client, r.now, buf_bytes(&event)), ERR_MALFORMED);
        for (int i = 0; i < TCP_CLIENT_CALLS_MAX; i++)
                assert_int_equal(t->join(r.client, r.now, bytes_text("tea")), i + 1);
        assert_int_equal(t->join(r.client, r.now, bytes_text("tea")), ERR_FULL);
        t->bye(r.client, r.now);
        assert_int_equal(t->join(r.client, r.now, bytes_text("tea")), ERR_CLOSED);
        buf_free(&event);
        t->destroy(r.client);
}

static void calls_are_bounded_in_bytes(void **state)
{
        (void)state;
        static const uint8_t filler[900000];
        struct rig r;
        struct buf event = { 0 };
        rig_begin(&r, 1000);
        event_begin(&event, "x", 1);
        pack_put_bin(&event, bytes_of(filler, sizeof filler));
        for (size_t n = 0; n < TCP_CLIENT_CALLS_BYTES / sizeof filler; n++)
                assert_true(t->call(r.client, r.now, buf_bytes(&event)) > 0);
        assert_int_equal(t->call(r.client, r.now, buf_bytes(&event)), ERR_FULL);
        assert_true(t->join(r.client, r.now, bytes_text("tea")) > 0); /* there is place for it */
        buf_free(&event);
        t->destroy(r.client);
}

/* A server that pings and reads nothing; once it has read, it is answered again. */
static void pongs_are_bounded(void **state)
{
        (void)state;
        static uint8_t out[100000];
        struct rig r;
        rig_begin(&r, 1000);
        open_socket(&r);
        upgrade(&r);
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 10000; i++) { /* by turns the WebSocket's and Engine.IO's */
                        t->recv(r.client, r.now, (const uint8_t[]){ i % 2 ? 0x89 : 0x81, 1, '2' }, 3);
                        assert_false(t->next(r.client, &(struct client_event){ 0 }));
                }
                assert_int_equal(t->send(r.client, r.now, out, sizeof out), TCP_CLIENT_PONGS_MAX * 7);
        }
        t->destroy(r.client);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(tries_come_further_apart),
                cmocka_unit_test(calls_are_bounded_in_bytes),
                cmocka_unit_test(pongs_are_bounded),
                cmocka_unit_test(what_cannot_be_called),
        };
        return RUN_ROWS("tcp_client", scripts, run_script) +
               cmocka_run_group_tests_name("tcp_client stories", stories, NULL, NULL);
}
