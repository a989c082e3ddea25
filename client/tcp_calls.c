/* tcp_calls: what was asked of the server and not answered yet: events with an ack id. */
#include <stdlib.h>

#include "client/tcp_client_inside.h"
#include "core/base/err.h"
#include "core/event/pack.h"

static const int64_t answer_ns_max = 30 * NS_PER_S;

static struct bytes call_bytes(const struct tcp_call *k)
{
        return bytes_of(k->bytes, k->n);
}

static void take_out(struct client *c, struct tcp_call *k)
{
        TAILQ_REMOVE(&c->calls, k, link);
        c->calls_n--;
        c->calls_bytes -= k->n;
}

static void tell_answer(struct client *c, const struct tcp_call *k, enum client_status status, struct bytes items)
{
        struct client_event ev = {
                .kind = CLIENT_ANSWER, .call = (uint64_t)k->number, .status = status, .answer = items
        };
        if (k->kind != TCP_CALL_REJOIN)
                tcp_client_tell(c, &ev);
}

static void give_up(struct client *c, struct tcp_call *k, const char *words)
{
        struct buf items = { 0 };
        if (pack_put_map(&items, 1) != 0 || pack_put_word(&items, "error") != 0 || pack_put_word(&items, words) != 0)
                items.n = 0;
        tell_answer(c, k, CLIENT_UNKNOWN, buf_bytes(&items));
        buf_free(&items);
        take_out(c, k);
        free(k);
}

/* ---- asking ----------------------------------------------------------------------------------- */

static int write_event(struct buf *event, const struct tcp_call *k)
{
        if (k->kind == TCP_CALL_EVENT)
                return buf_put(event, k->bytes, k->n);
        int err = event_begin(event, k->kind == TCP_CALL_LEAVE ? "leave" : "join", 1);
        return err ? err : pack_put_text(event, call_bytes(k));
}

static void send_call(struct client *c, struct tcp_call *k)
{
        struct buf event = { 0 };
        k->sent = true;
        k->sent_at = c->now;
        if (write_event(&event, k) == 0) {
                struct sio_packet p = {
                        .type = SIO_EVENT, .has_id = true, .id = (uint64_t)k->number, .data = buf_bytes(&event)
                };
                tcp_client_send_packet(c, &p);
        } else {
                tcp_client_down(c, "out of memory", false);
        }
        buf_free(&event);
}

void tcp_calls_send(struct client *c)
{
        struct tcp_call *k, *next;
        for (k = TAILQ_FIRST(&c->calls); k && c->state == TCP_CLIENT_UP; k = next) {
                next = TAILQ_NEXT(k, link);
                if (!k->sent)
                        send_call(c, k);
        }
}

/* An event must be one that the server takes: a larger one would cost the connection. */
static int judge(const struct client *c, enum tcp_call_kind kind, struct bytes bytes)
{
        struct event e;
        if (kind != TCP_CALL_EVENT)
                return bytes.n > 0 ? 0 : ERR_MALFORMED;
        return event_parse(bytes, c->payload_bytes_max, &e);
}

/* Rooms are joined again before anything that waited is said in them. */
static void insert(struct client *c, struct tcp_call *k)
{
        struct tcp_call *other;
        if (k->kind == TCP_CALL_REJOIN)
                TAILQ_FOREACH(other, &c->calls, link)
        if (other->kind != TCP_CALL_REJOIN) {
                TAILQ_INSERT_BEFORE(other, k, link);
                return;
        }
        TAILQ_INSERT_TAIL(&c->calls, k, link);
}

int64_t tcp_call_add(struct client *c, enum tcp_call_kind kind, struct bytes bytes)
{
        if (c->final)
                return ERR_CLOSED;
        bool full = c->calls_n >= TCP_CLIENT_CALLS_MAX ||
                    (c->calls_n > 0 && c->calls_bytes + bytes.n > TCP_CLIENT_CALLS_BYTES);
        if (full && kind != TCP_CALL_REJOIN)
                return ERR_FULL;
        int err = judge(c, kind, bytes);
        if (err)
                return err;
        struct tcp_call *k = calloc(1, sizeof *k + bytes.n);
        if (!k)
                return ERR_NO_MEMORY;
        int64_t number = ++c->last_call;
        k->number = number;
        k->kind = kind;
        k->n = bytes.n;
        memcpy(k->bytes, bytes.at, bytes.n);
        insert(c, k);
        c->calls_n++;
        c->calls_bytes += k->n;
        tcp_calls_send(c);
        return number;
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void measure(struct client *c, const struct tcp_call *k)
{
        int64_t rtt = mono_since(c->now, k->sent_at);
        c->stats.rtt_ns = c->stats.rtt_ns ? c->stats.rtt_ns + (rtt - c->stats.rtt_ns) / 8 : rtt;
}

static void follow(struct client *c, const struct tcp_call *k, bool refused, struct bytes answer)
{
        struct client_event joined = { .kind = CLIENT_JOINED, .room = call_bytes(k) };
        switch (k->kind) {
        case TCP_CALL_JOIN:
        case TCP_CALL_REJOIN:
                if (refused && k->kind == TCP_CALL_REJOIN)
                        tcp_missed_refused(c, call_bytes(k));
                if (refused || tcp_rooms_add(c, call_bytes(k)) != 0)
                        return;
                if (k->kind == TCP_CALL_REJOIN)
                        tcp_missed_rejoined(c, call_bytes(k), answer);
                tcp_client_tell(c, &joined);
                return;
        case TCP_CALL_LEAVE:
                if (!refused)
                        tcp_rooms_remove(c, call_bytes(k));
                return;
        case TCP_CALL_EVENT:
                return;
        }
}

void tcp_calls_answer(struct client *c, uint64_t id, struct bytes data)
{
        uint32_t n;
        struct bytes items, first = { 0 }, rest;
        struct tcp_call *k;
        TAILQ_FOREACH(k, &c->calls, link)
        {
                if (k->sent && (uint64_t)k->number == id)
                        break;
        }
        if (!k || !pack_get_array(data, &n, &items))
                return;
        rest = items;
        pack_next(&rest, &first);
        bool refused = pack_kind(pack_map_text(first, "error")) != PACK_NONE;
        measure(c, k);
        take_out(c, k); /* what follows may end the connection, and all calls with it */
        tell_answer(c, k, refused ? CLIENT_REFUSED : CLIENT_OK, items);
        follow(c, k, refused, first);
        free(k);
}

/* ---- giving up -------------------------------------------------------------------------------- */

void tcp_calls_lost(struct client *c)
{
        struct tcp_call *k, *next;
        for (k = TAILQ_FIRST(&c->calls); k; k = next) {
                next = TAILQ_NEXT(k, link);
                if (k->sent || k->kind == TCP_CALL_REJOIN)
                        give_up(c, k, "the connection was lost");
        }
}

void tcp_calls_over(struct client *c)
{
        struct tcp_call *k;
        while ((k = TAILQ_FIRST(&c->calls)))
                give_up(c, k, "the connection is closed");
}

/* Calls are sent in order, so the oldest is due first. */
static struct tcp_call *oldest_sent(const struct client *c)
{
        struct tcp_call *k = TAILQ_FIRST(&c->calls);
        return k && k->sent ? k : NULL;
}

struct mono tcp_calls_deadline(const struct client *c)
{
        const struct tcp_call *k = oldest_sent(c);
        return k ? mono_add(k->sent_at, answer_ns_max) : MONO_NEVER;
}

void tcp_calls_expire(struct client *c)
{
        struct tcp_call *k;
        while ((k = oldest_sent(c)) && !mono_before(c->now, mono_add(k->sent_at, answer_ns_max)))
                give_up(c, k, "no answer came");
}
