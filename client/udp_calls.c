/* calls: what was asked of the server, tried again until it is answered, and its answer. */
#include <stdlib.h>

#include "client/udp_client_inside.h"
#include "core/base/err.h"
#include "core/event/event.h"
#include "core/event/pack.h"

enum { TRIES_MAX = 8 };
#define ANSWER_NS_MAX (30 * NS_PER_S)

static struct bytes call_bytes(const struct udp_call *k)
{
        return bytes_of(k->bytes, k->n);
}

void udp_calls_wake(struct client *c)
{
        for (uint32_t i = 0; i < c->calls_n; i++)
                if (c->call[i]->waits)
                        c->call[i]->due = (struct mono){ 0 };
}

static void drop(struct client *c, uint32_t i)
{
        free(c->call[i]);
        c->calls_n--;
        memmove(&c->call[i], &c->call[i + 1], (c->calls_n - i) * sizeof c->call[i]);
        udp_calls_wake(c);
}

static void answer(struct client *c, uint32_t i, enum client_status status, struct bytes items)
{
        struct client_event ev = {
                .kind = CLIENT_ANSWER, .call = (uint64_t)c->call[i]->number, .status = status, .answer = items
        };
        if (!c->call[i]->names)
                udp_client_tell(c, &ev);
        drop(c, i);
}

static void refuse(struct client *c, uint32_t i, enum client_status status, const char *words)
{
        struct buf items = { 0 };
        if (pack_put_map(&items, 1) != 0 || pack_put_word(&items, "error") != 0 || pack_put_word(&items, words) != 0)
                items.n = 0;
        answer(c, i, status, buf_bytes(&items));
        buf_free(&items);
}

/* calls_n: there is none. */
static uint32_t find(const struct client *c, enum udp_call_kind kind, uint64_t number)
{
        uint32_t i = 0;
        while (i < c->calls_n && (c->call[i]->kind != kind || (uint64_t)c->call[i]->number != number))
                i++;
        return i;
}

static uint32_t find_room(const struct client *c, enum udp_call_kind kind, struct bytes room)
{
        uint32_t i = 0;
        while (i < c->calls_n && (c->call[i]->kind != kind || !bytes_equal(call_bytes(c->call[i]), room)))
                i++;
        return i;
}

static uint64_t last_part(const struct udp_call *k)
{
        return UINT64_C(1) << (dgram_fragments(k->n) - 1);
}

static uint64_t all_parts(const struct udp_call *k)
{
        return k->kind == CALL_PUB ? (last_part(k) << 1) - 1 : 0;
}

static struct udp_call *create(struct client *c, struct mono now, enum udp_call_kind kind, struct bytes bytes)
{
        struct udp_call *k = calloc(1, sizeof *k + bytes.n);
        if (!k)
                return NULL;
        k->number = ++c->last_call;
        k->kind = kind;
        k->due = now;
        k->first = MONO_NEVER;
        k->n = bytes.n;
        if (bytes.n > 0)
                memcpy(k->bytes, bytes.at, bytes.n);
        k->parts = all_parts(k);
        return k;
}

int64_t udp_call_add(struct client *c, struct mono now, enum udp_call_kind kind, struct bytes bytes)
{
        if (c->state == UDP_BYE || c->state == UDP_OVER)
                return ERR_CLOSED;
        if (c->calls_n - udp_calls_naming(c) >= CALLS_MAX)
                return ERR_FULL;
        struct udp_call *k = create(c, now, kind, bytes);
        if (!k)
                return ERR_NO_MEMORY;
        c->call[c->calls_n++] = k;
        return k->number;
}

bool udp_calls_naming(const struct client *c)
{
        return c->calls_n > 0 && c->call[0]->names;
}

bool udp_calls_name(struct client *c, struct mono now)
{
        struct buf event = { 0 };
        struct udp_call *k = NULL;
        if (udp_calls_naming(c))
                return true;
        if (event_begin(&event, "name", 1) == 0 && pack_put_word(&event, c->config.name) == 0)
                k = create(c, now, CALL_PUB, buf_bytes(&event));
        buf_free(&event);
        if (!k)
                return false;
        k->names = true;
        memmove(&c->call[1], &c->call[0], c->calls_n++ * sizeof c->call[0]);
        c->call[0] = k;
        return true;
}

void udp_calls_up(struct client *c, struct mono now)
{
        for (uint32_t i = 0; i < c->calls_n;) {
                struct udp_call *k = c->call[i];
                /* The server that may have done it is not the one that would know. */
                if (k->kind == CALL_PUB && k->tries > 0 && !c->recovered) {
                        refuse(c, i, CLIENT_UNKNOWN, "the connection was lost");
                        continue;
                }
                if (k->answer_seq == 0)
                        k->due = now;
                k->parts = all_parts(k); /* the server forgot those it had */
                k->waits = k->held = k->kept = false;
                i++;
        }
}

void udp_calls_over(struct client *c)
{
        while (c->calls_n > 0)
                refuse(c, 0, CLIENT_UNKNOWN, "the connection is closed");
}

/* ---- sending ------------------------------------------------------------------------------ */

static int send_join(struct client *c, const struct udp_call *k)
{
        struct dgram_join join = { .req = (uint64_t)k->number, .rooms_n = 1 };
        join.room[0].room = call_bytes(k);
        join.room[0].mode = udp_wire_mode(c->config.mode);
        struct buf tail = { 0 };
        int err = dgram_join_put(&tail, &join);
        struct dgram_msg m = { .type = DGRAM_JOIN, .join = { buf_bytes(&tail) } };
        err = err ? err : udp_client_say(c, &m);
        buf_free(&tail);
        c->more.joins += !err;
        return err;
}

static int send_leave(struct client *c, const struct udp_call *k)
{
        const struct udp_feed *f = udp_room_find(c, call_bytes(k));
        struct dgram_msg m = { .type = DGRAM_LEAVE, .leave = { f ? f->ref : 0 } };
        return udp_client_say(c, &m);
}

/* At first all fragments. Tried again, the last one alone: the answer says what is missing. */
static int send_pub(struct client *c, uint32_t i)
{
        struct udp_call *k = c->call[i];
        struct dgram_msg m = { .type = DGRAM_PUB,
                               .pub = { .pub_id = (uint64_t)k->number,
                                        .frag_cnt = dgram_fragments(k->n),
                                        .event_bytes = (uint16_t)k->n,
                                        .back = udp_turns_back(c, i),
                                        .flags = k->names ? 0 : DGRAM_PUB_IN_ORDER } };
        for (k->parts = k->parts ? k->parts : last_part(k); k->parts != 0; k->parts &= k->parts - 1) {
                uint8_t idx = (uint8_t)__builtin_ctzll(k->parts);
                m.pub.frag_idx = idx;
                m.pub.event = bytes_of(k->bytes + (size_t)idx * DGRAM_FRAGMENT_BYTES, dgram_fragment_bytes(k->n, idx));
                int err = udp_client_say(c, &m);
                if (err)
                        return err;
        }
        k->pktno = c->queue.pktno;
        c->more.pub_tries++;
        c->more.pubs += k->tries == 0;
        return 0;
}

static int send_call(struct client *c, uint32_t i)
{
        switch (c->call[i]->kind) {
        case CALL_JOIN:
                return send_join(c, c->call[i]);
        case CALL_LEAVE:
                return send_leave(c, c->call[i]);
        case CALL_PUB:
                return send_pub(c, i);
        }
        return 0;
}

static bool hopeless(const struct udp_call *k, struct mono now)
{
        return (k->late >= TRIES_MAX && !k->again) || (k->tries > 0 && mono_since(now, k->first) >= ANSWER_NS_MAX);
}

static void give_up(struct client *c, uint32_t i, struct udp_feed *f)
{
        bool leaves = c->call[i]->kind == CALL_LEAVE;
        refuse(c, i, CLIENT_UNKNOWN, "no answer came");
        if (leaves) /* left or not, nothing of it is wanted any more */
                udp_rooms_drop(c, f);
}

/* Answers what needs no server. True: the call is gone. */
static bool answered_here(struct client *c, uint32_t i, const struct udp_feed *f)
{
        const struct udp_call *k = c->call[i];
        if (k->kind == CALL_LEAVE && (!f || f == c->own || f == c->all)) {
                refuse(c, i, CLIENT_REFUSED, "not a member of the room");
                return true;
        }
        if (k->kind == CALL_JOIN && f && f->ref != 0) {
                answer(c, i, CLIENT_OK, bytes_of(NULL, 0)); /* joined already */
                return true;
        }
        return false;
}

/* One call that is due. False: the queue is full, later; *gone: it was answered here. */
static bool send_due(struct client *c, uint32_t i, struct mono now, bool *gone)
{
        struct udp_call *k = c->call[i];
        struct udp_feed *f = k->kind != CALL_PUB ? udp_room_find(c, call_bytes(k)) : NULL;
        *gone = hopeless(k, now);
        if (*gone) {
                give_up(c, i, f);
                return true;
        }
        if (udp_turns_rest(c, i)) {
                k->due = mono_add(now, resend_request_ns(&c->rtt, k->late));
                return true;
        }
        k->waits = udp_turns_wait(c, i, f);
        *gone = !k->waits && answered_here(c, i, f);
        if (*gone)
                return true;
        if (k->waits || c->state != UDP_UP) { /* but not for ever */
                k->due = k->tries > 0 ? mono_add(k->first, ANSWER_NS_MAX) : MONO_NEVER;
                return true;
        }
        udp_turns_send(c, i);
        if (send_call(c, i) == ERR_FULL)
                return false;
        if (k->tries++ == 0)
                k->first = now;
        if (!k->again || k->late == 0) {
                k->late++;
                k->hurried = false;
        }
        k->again = false;
        k->due = mono_add(now, resend_request_ns(&c->rtt, k->late));
        return true;
}

void udp_calls_send(struct client *c, struct mono now)
{
        for (uint32_t i = 0; i < c->calls_n;) {
                bool gone = false;
                if (!mono_before(now, c->call[i]->due) && !send_due(c, i, now, &gone))
                        return;
                i = gone ? 0 : i + 1; /* one that goes may be what those before it have waited for */
        }
}

struct mono udp_calls_deadline(const struct client *c)
{
        struct mono due = MONO_NEVER;
        for (uint32_t i = 0; i < c->calls_n; i++)
                due = mono_min(due, c->call[i]->due);
        return due;
}

/* ---- answers ------------------------------------------------------------------------------ */

static void answer_place(struct client *c, uint32_t i, const struct dgram_ack *a)
{
        struct buf items = { 0 };
        bool told = a->eid > 0;
        int err = 0;
        if (told)
                err = pack_put_map(&items, a->seq > 0 ? 2 : 1) || pack_put_word(&items, "eid") ||
                      pack_put_u64(&items, a->eid);
        if (told && a->seq > 0)
                err = err || pack_put_word(&items, "seq") || pack_put_u64(&items, a->seq);
        if (err)
                items.n = 0;
        answer(c, i, CLIENT_OK, buf_bytes(&items));
        buf_free(&items);
}

/* The server lacks fragments of the event. What it says to the last one of an earlier try is of the past, and so is
 * what comes behind the word that it has them all. */
static void go_on(struct client *c, struct udp_call *k, const struct dgram_ack *a)
{
        uint64_t missing = a->seq & all_parts(k);
        if (k->n <= DGRAM_FRAGMENT_BYTES || missing == 0 || k->parts != 0 || a->eid != k->pktno || k->answer_seq > 0)
                return;
        int n = __builtin_popcountll(missing);
        if (k->missing == 0 || n < k->missing)
                k->late = 0; /* it goes forward */
        k->missing = n;
        k->kept = false;
        k->parts = missing | last_part(k);
        k->due = c->now;
}

static void take_ack(struct client *c, const struct dgram_ack *a)
{
        uint32_t i = find(c, CALL_PUB, a->pub_id);
        if (i == c->calls_n)
                return; /* answered already */
        if (a->status == DGRAM_CODE_PARTS) {
                go_on(c, c->call[i], a);
                return;
        }
        if (a->status == DGRAM_CODE_RATE || a->status == DGRAM_CODE_ORDER) {
                udp_turns_not_now(c, i, a);
                return;
        }
        if (a->status == DGRAM_CODE_HELD) {
                udp_turns_kept(c, i, a);
                return;
        }
        udp_turns_taken(c);
        if (a->status == DGRAM_CODE_PUB_TOO_OLD) {
                refuse(c, i, CLIENT_UNKNOWN, dgram_code_text(a->status));
        } else if (a->status != DGRAM_CODE_OK && a->status != DGRAM_CODE_DUPLICATE) {
                refuse(c, i, CLIENT_REFUSED, dgram_code_text(a->status));
        } else if (a->chan_ref == UDP_REF_OWN && a->seq > 0 && c->own && c->own->gaps.contig >= a->seq) {
                refuse(c, i, CLIENT_UNKNOWN, "the answer was lost"); /* told, it would have ended the call */
        } else if (a->chan_ref == UDP_REF_OWN && a->seq > 0) {
                struct udp_call *k = c->call[i];
                k->answer_seq = a->seq;
                k->late = TRIES_MAX; /* no more tries: the answer itself is repaired, or told as lost */
                k->due = mono_add(k->first, ANSWER_NS_MAX);
                udp_calls_wake(c);
        } else {
                answer_place(c, i, a);
        }
}

void udp_calls_pub_ack(struct client *c, const struct dgram_pub_ack *m)
{
        for (unsigned i = 0; i < m->n; i++)
                take_ack(c, &m->ack[i]);
}

bool udp_calls_event(struct client *c, struct bytes event)
{
        struct event e;
        uint64_t pub_id;
        struct bytes rest, item, words;
        if (event_parse(event, event.n, &e) != 0 || !event_is(&e, "$ack"))
                return false;
        rest = e.args;
        if (!pack_next(&rest, &item) || !pack_get_u64(item, &pub_id))
                return true;
        uint32_t i = find(c, CALL_PUB, pub_id);
        bool refused = pack_get_text(pack_map_text(event_arg(&e, 1), "error"), &words);
        if (i < c->calls_n)
                answer(c, i, refused ? CLIENT_REFUSED : CLIENT_OK, rest);
        return true;
}

void udp_calls_lost(struct client *c, uint64_t from, uint64_t to)
{
        for (uint32_t i = 0; i < c->calls_n;) {
                uint64_t seq = c->call[i]->answer_seq;
                if (seq != 0 && from <= seq && seq <= to)
                        refuse(c, i, CLIENT_UNKNOWN, "the answer was lost");
                else
                        i++;
        }
}

bool udp_calls_is_join(const struct client *c, uint64_t req, struct bytes room)
{
        uint32_t i = find(c, CALL_JOIN, req);
        return i < c->calls_n && bytes_equal(call_bytes(c->call[i]), room);
}

void udp_calls_joined(struct client *c, struct bytes room, uint16_t status)
{
        uint32_t i = find_room(c, CALL_JOIN, room);
        if (i == c->calls_n)
                return;
        if (status == DGRAM_CODE_OK)
                answer(c, i, CLIENT_OK, bytes_of(NULL, 0));
        else
                refuse(c, i, CLIENT_REFUSED, dgram_code_text(status));
}

bool udp_calls_left(struct client *c, struct bytes room)
{
        uint32_t i = find_room(c, CALL_LEAVE, room);
        if (i == c->calls_n)
                return false;
        answer(c, i, CLIENT_OK, bytes_of(NULL, 0));
        return true;
}
