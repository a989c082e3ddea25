/* tcp_stream: what arrives, layer by layer: HTTP, WebSocket, Engine.IO, Socket.IO. */
#include "client/tcp_client_inside.h"
#include "core/base/err.h"
#include "core/chat/hub.h"
#include "core/event/pack.h"
#include "core/wire/eio.h"

static void malformed(struct client *c, const char *words)
{
        c->stats.malformed++;
        tcp_client_down(c, words, false);
}

void tcp_stream_reset(struct client *c)
{
        ws_free(&c->ws);
        c->in.n = c->in_at = 0;
        c->attachments = c->attached_n = 0;
        c->header.n = c->attached.n = 0;
}

/* ---- events ----------------------------------------------------------------------------------- */

/* Takes the offset off the event's end. False: it has none. */
static bool take_offset(struct client *c, struct bytes data, struct sio_offset *at)
{
        uint32_t n, i;
        struct bytes members, rest, item, text;
        if (c->pid.n == 0 || !pack_get_array(data, &n, &members) || n < 2)
                return false;
        rest = members;
        for (i = 0; i + 1 < n; i++)
                pack_next(&rest, &item);
        struct bytes front = bytes_of(members.at, members.n - rest.n);
        if (!pack_get_text(rest, &text) || sio_offset_parse(text, at) != 0)
                return false;
        c->event.n = 0;
        return pack_put_array(&c->event, n - 1) == 0 && pack_put_raw(&c->event, front) == 0;
}

static const char *known_reason(struct bytes words)
{
        for (int i = GAP_EVICTED; i <= GAP_TOO_BIG; i++)
                if (bytes_equal(words, bytes_text(gap_reason_text((enum gap_reason)i))))
                        return gap_reason_text((enum gap_reason)i);
        return "unknown";
}

static void on_gap(struct client *c, const struct event *e)
{
        struct bytes gap = event_arg(e, 0), words = { 0 };
        struct client_event ev = { .kind = CLIENT_GAP, .unit = CLIENT_UNIT_EID };
        if (!pack_get_text(pack_map_text(gap, "room"), &ev.room) ||
            !pack_get_u64(pack_map_text(gap, "from"), &ev.from) || !pack_get_u64(pack_map_text(gap, "to"), &ev.to) ||
            ev.from > ev.to) {
                malformed(c, "bad gap");
                return;
        }
        pack_get_text(pack_map_text(gap, "reason"), &words);
        ev.reason = known_reason(words);
        ev.gap_opened_ns = c->replaying ? c->down_at.ns : 0;
        c->stats.gaps++;
        tcp_client_tell(c, &ev);
}

/* Is this a logged event that was given already? Places only rise on one path. */
static bool seen_before(const struct client *c, const struct sio_offset *at)
{
        return at->epoch == c->seen.epoch && at->eid <= c->seen.eid;
}

/* An event of the log. True: it is in *ev, to be given directly. */
static bool on_logged(struct client *c, const struct event *e, const struct sio_offset *at, struct client_event *ev)
{
        if (at->epoch != 0) {
                if (seen_before(c, at)) {
                        c->stats.duplicates++;
                        return false;
                }
                tcp_missed_seen(c, at, at->eid - 1);
                c->seen = *at;
        }
        *ev = (struct client_event){
                .kind = CLIENT_EVENT, .event = e->packed, .epoch = at->epoch, .eid = at->eid, .recovered = c->replaying
        };
        if (c->replaying)
                ev->gap_opened_ns = c->down_at.ns;
        c->stats.events++;
        c->stats.recovered += c->replaying;
        if (c->told.n == 0 && !c->told.torn)
                return true;
        tcp_client_tell(c, ev); /* behind what this event made us tell */
        return false;
}

/* `hello` and `gap` are the server's word for this client alone; their offset is a place, not theirs. */
static bool on_event(struct client *c, const struct sio_packet *p, struct client_event *ev)
{
        struct sio_offset at = { 0 };
        struct event e;
        bool placed = !p->has_id && take_offset(c, p->data, &at);
        if (event_parse(placed ? buf_bytes(&c->event) : p->data, SIZE_MAX, &e) != 0) {
                malformed(c, "bad event");
                return false;
        }
        bool hello = event_is(&e, "hello"), gap = event_is(&e, "gap");
        if (!hello && !gap)
                return on_logged(c, &e, &at, ev);
        if (placed) {
                tcp_missed_seen(c, &at, at.eid);
                c->seen = at;
        }
        if (gap) {
                on_gap(c, &e);
                return false;
        }
        c->replaying = false;
        *ev = (struct client_event){ .kind = CLIENT_EVENT, .event = e.packed };
        tcp_client_tell(c, ev);
        return false;
}

/* ---- Socket.IO -------------------------------------------------------------------------------- */

static bool keep_text(struct buf *kept, struct bytes map, const char *key)
{
        struct bytes text;
        kept->n = 0;
        return pack_get_text(pack_map_text(map, key), &text) && buf_put(kept, text.at, text.n) == 0;
}

static void send_name(struct client *c)
{
        struct buf event = { 0 };
        int err = event_begin(&event, "name", 1);
        err = err ? err : pack_put_word(&event, c->config.name);
        struct sio_packet p = { .type = SIO_EVENT, .data = buf_bytes(&event) };
        if (err)
                tcp_client_down(c, "out of memory", false);
        else
                tcp_client_send_packet(c, &p);
        buf_free(&event);
}

/* The CONNECT reply. Same private id: all is as it was. Same id only: the server tells what was
 * missed. Neither: what was missed has to be reckoned. */
static void on_connected(struct client *c, struct bytes data)
{
        struct buf sid = { 0 }, pid = { 0 };
        if (c->state != TCP_CLIENT_JOINING || !keep_text(&sid, data, "sid")) {
                buf_free(&sid);
                malformed(c, "bad CONNECT reply");
                return;
        }
        bool recovery = keep_text(&pid, data, "pid");
        bool same = c->was_up && bytes_equal(buf_bytes(&sid), buf_bytes(&c->sid));
        bool whole = same && recovery && bytes_equal(buf_bytes(&pid), buf_bytes(&c->pid));
        buf_free(&c->sid);
        buf_free(&c->pid);
        c->sid = sid;
        c->pid = pid;
        c->at = MONO_NEVER;
        c->attempts = 0;
        c->same_session = c->replaying = same;
        c->stats.reconnects += c->was_up;
        struct client_event ev = { .kind = CLIENT_UP, .id = buf_bytes(&c->sid), .recovered = whole };
        tcp_client_tell(c, &ev);
        if (c->config.name && !whole)
                send_name(c);
        if (c->was_up && !same)
                tcp_missed_begin(c, recovery);
        if (c->was_up && !whole) {
                struct tcp_room *r;
                TAILQ_FOREACH(r, &c->rooms, link)
                tcp_call_add(c, TCP_CALL_REJOIN, bytes_of(r->name, r->n));
        }
        c->was_up = true;
        if (c->state != TCP_CLIENT_JOINING)
                return; /* memory was out */
        c->state = TCP_CLIENT_UP;
        tcp_calls_send(c);
}

static bool on_packet(struct client *c, const struct sio_packet *p, struct client_event *ev)
{
        if (!bytes_equal(p->nsp, bytes_text("/")))
                return false;
        if (c->state != TCP_CLIENT_UP && p->type != SIO_CONNECT && p->type != SIO_CONNECT_ERROR) {
                malformed(c, "packet before the CONNECT reply");
                return false;
        }
        switch (p->type) {
        case SIO_CONNECT:
                on_connected(c, p->data);
                return false;
        case SIO_DISCONNECT:
                tcp_client_down(c, "the server said goodbye", true);
                return false;
        case SIO_EVENT:
                return on_event(c, p, ev);
        case SIO_ACK:
                if (p->has_id)
                        tcp_calls_answer(c, p->id, p->data);
                return false;
        case SIO_CONNECT_ERROR:
                tcp_client_down(c, "the server refused", true);
                return false;
        case SIO_BINARY_EVENT:
        case SIO_BINARY_ACK:
                break;
        }
        return false;
}

static bool on_text(struct client *c, struct bytes text, const struct json_bins *bins, struct client_event *ev)
{
        struct sio_packet p;
        if (sio_parse_with(text, bins, &c->data, &p) == 0)
                return on_packet(c, &p, ev);
        malformed(c, "bad packet");
        return false;
}

/* The binary packet is whole: its text with its attachments. */
static bool on_attached(struct client *c, struct client_event *ev)
{
        struct json_bins bins = { .n = c->attachments };
        for (uint32_t i = 0; i < bins.n; i++) {
                size_t start = i ? c->attached_end[i - 1] : 0;
                bins.bin[i] = bytes_of(c->attached.at + start, c->attached_end[i] - start);
        }
        c->attachments = c->attached_n = 0;
        return on_text(c, buf_bytes(&c->header), &bins, ev);
}

static bool on_attachment(struct client *c, struct bytes body, struct client_event *ev)
{
        if (c->attachments == 0) {
                malformed(c, "binary out of turn");
                return false;
        }
        if (body.n > TCP_CLIENT_MESSAGE_MAX - c->attached.n) {
                malformed(c, "attachments too large");
                return false;
        }
        if (buf_put(&c->attached, body.at, body.n) != 0) {
                tcp_client_down(c, "out of memory", false);
                return false;
        }
        c->attached_end[c->attached_n++] = c->attached.n;
        return c->attached_n == c->attachments ? on_attached(c, ev) : false;
}

static bool on_message(struct client *c, const struct eio_packet *p, struct client_event *ev)
{
        if (p->binary)
                return on_attachment(c, p->body, ev);
        int n = c->attachments > 0 ? ERR_MALFORMED : sio_attachments(p->body);
        if (n == 0)
                return on_text(c, p->body, NULL, ev);
        c->header.n = c->attached.n = 0;
        if (n < 0) {
                malformed(c, "bad packet");
        } else if (buf_put(&c->header, p->body.at, p->body.n) != 0) {
                tcp_client_down(c, "out of memory", false);
        } else {
                c->attachments = (uint32_t)n;
                c->attached_n = 0;
        }
        return false;
}

/* ---- Engine.IO -------------------------------------------------------------------------------- */

static int put_auth(struct client *c, struct buf *auth)
{
        char offset[SIO_OFFSET_TEXT_MAX];
        bool back = c->pid.n > 0, placed = back && c->seen.epoch != 0;
        sio_offset_text(c->seen, offset);
        int err = pack_put_map(auth, 1u + (c->config.token != NULL) + back + placed);
        err = err ? err : pack_put_word(auth, "gaps");
        err = err ? err : pack_put_bool(auth, true);
        if (c->config.token) {
                err = err ? err : pack_put_word(auth, "token");
                err = err ? err : pack_put_word(auth, c->config.token);
        }
        if (back) {
                err = err ? err : pack_put_word(auth, "pid");
                err = err ? err : pack_put_text(auth, buf_bytes(&c->pid));
        }
        if (placed) {
                err = err ? err : pack_put_word(auth, "offset");
                err = err ? err : pack_put_word(auth, offset);
        }
        return err;
}

static void on_open(struct client *c, struct bytes body)
{
        struct eio_open open;
        struct buf auth = { 0 };
        if (c->state != TCP_CLIENT_ENGINE || eio_parse_open(body, &open) != 0) {
                malformed(c, "bad open packet");
                return;
        }
        c->ping_ns = open.ping_interval_ns + open.ping_timeout_ns;
        c->ping_by = mono_add(c->now, c->ping_ns);
        if (open.payload_bytes_max > 0)
                c->payload_bytes_max = open.payload_bytes_max;
        c->state = TCP_CLIENT_JOINING;
        if (put_auth(c, &auth) == 0)
                tcp_client_send_packet(c, &(struct sio_packet){ .type = SIO_CONNECT, .data = buf_bytes(&auth) });
        else
                tcp_client_down(c, "out of memory", false);
        buf_free(&auth);
}

static bool on_engine(struct client *c, const struct eio_packet *p, struct client_event *ev)
{
        switch (p->type) {
        case EIO_OPEN:
                on_open(c, p->body);
                return false;
        case EIO_PING:
                c->ping_by = mono_add(c->now, c->ping_ns);
                tcp_client_pong(c, WS_TEXT, bytes_text("3"));
                return false;
        case EIO_CLOSE:
                tcp_client_down(c, "closed by the server", false);
                return false;
        case EIO_MESSAGE:
                return on_message(c, p, ev);
        case EIO_PONG:
        case EIO_UPGRADE:
        case EIO_NOOP:
                return false;
        }
        return false;
}

/* ---- WebSocket and HTTP ----------------------------------------------------------------------- */

static bool on_frame(struct client *c, const struct ws_event *frame, struct client_event *ev)
{
        struct eio_packet p;
        switch (frame->got) {
        case WS_GOT_MESSAGE:
                if (eio_parse(frame->opcode == WS_BINARY, frame->payload, &c->data, &p) == 0)
                        return on_engine(c, &p, ev);
                malformed(c, "bad Engine.IO packet");
                return false;
        case WS_GOT_CLOSE:
                tcp_client_down(c, "closed by the server", false);
                return false;
        case WS_GOT_FAULT:
                malformed(c, ws_fault_text(frame->fault));
                return false;
        case WS_GOT_PING:
                tcp_client_pong(c, WS_PONG, frame->payload);
                return false;
        case WS_GOT_PONG:
        case WS_GOT_NOTHING:
                return false;
        }
        return false;
}

static void read_upgrade(struct client *c)
{
        size_t used;
        switch (tcp_upgrade_recv(&c->upgrade, c->in.at + c->in_at, c->in.n - c->in_at, &used)) {
        case TCP_UPGRADE_MORE:
                break;
        case TCP_UPGRADE_DONE:
                c->state = TCP_CLIENT_ENGINE;
                break;
        case TCP_UPGRADE_REFUSED:
                tcp_client_down(c, "the server refused the upgrade", true);
                return;
        case TCP_UPGRADE_BAD:
                malformed(c, "no WebSocket server there");
                return;
        }
        c->in_at += used;
}

bool tcp_stream_step(struct client *c, struct client_event *ev, bool *more)
{
        *more = tcp_client_connected(c) && c->in_at < c->in.n;
        if (!*more)
                return false;
        if (c->state == TCP_CLIENT_UPGRADE) {
                read_upgrade(c);
                return false;
        }
        struct ws_event frame;
        c->in_at += ws_recv(&c->ws, c->in.at + c->in_at, c->in.n - c->in_at, &frame);
        return on_frame(c, &frame, ev);
}
