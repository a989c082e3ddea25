#include "client/tcp_client.h"

#include <stdlib.h>

#include "client/tcp_client_inside.h"
#include "core/base/err.h"
#include "core/event/pack.h"

static const int64_t connect_ns = 20 * NS_PER_S; /* from an open socket to UP; socket.io-client's timeout */
static const int64_t backoff_ns = 100 * NS_PER_MS, backoff_ns_max = 5 * NS_PER_S;

void tcp_client_tell(struct client *c, const struct client_event *ev)
{
        event_queue_push(&c->told, ev); /* torn? The next pull ends it: whoever tells may hold what that would free */
}

/* ---- the wire --------------------------------------------------------------------------------- */

static void next_mask(struct client *c, uint8_t mask[4])
{
        uint32_t bits = (uint32_t)rng_u64(&c->masks);
        memcpy(mask, &bits, sizeof bits);
}

static void put_frame(struct client *c, enum ws_opcode opcode, struct bytes payload)
{
        uint8_t mask[4];
        next_mask(c, mask);
        if (ws_put(&c->out, opcode, payload, mask) != 0)
                tcp_client_down(c, "out of memory", false);
}

void tcp_client_say(struct client *c, struct bytes message)
{
        put_frame(c, WS_TEXT, message);
}

void tcp_client_pong(struct client *c, enum ws_opcode opcode, struct bytes payload)
{
        if (c->pongs++ < TCP_CLIENT_PONGS_MAX)
                put_frame(c, opcode, payload);
}

static bool speaks_frames(const struct client *c)
{
        return tcp_client_connected(c) && c->state != TCP_CLIENT_UPGRADE;
}

void tcp_client_send_packet(struct client *c, const struct sio_packet *p)
{
        struct json_bins bins = { 0 };
        c->text.n = 0;
        int err = buf_text(&c->text, "4");
        err = err ? err : sio_put(&c->text, p, &bins);
        if (err) {
                tcp_client_down(c, "out of memory", false);
                return;
        }
        tcp_client_say(c, buf_bytes(&c->text));
        for (uint32_t i = 0; i < bins.n && speaks_frames(c); i++)
                put_frame(c, WS_BINARY, bins.bin[i]);
}

static size_t out_left(const struct client *c)
{
        return c->out.n - c->out_at;
}

static size_t do_send(struct client *c, struct mono now, uint8_t *out, size_t out_max)
{
        c->now = now;
        size_t n = out_left(c) < out_max ? out_left(c) : out_max;
        if (n == 0)
                return 0;
        memcpy(out, c->out.at + c->out_at, n);
        c->out_at += n;
        c->stats.bytes_out += n;
        c->pongs = 0;
        if (c->out_at >= c->out.n / 2) { /* what was sent takes no more than what was not */
                buf_drop(&c->out, c->out_at);
                c->out_at = 0;
        }
        return n;
}

/* ---- going down, coming back ------------------------------------------------------------------ */

/* How long to wait before the next try: doubled each time, half as much more or less by chance. */
static int64_t backoff(struct client *c)
{
        int64_t span = backoff_ns << (c->attempts < 10 ? c->attempts : 10);
        if (span > backoff_ns_max)
                span = backoff_ns_max;
        c->attempts++;
        return (int64_t)((double)span * (0.5 + rng_unit(&c->jitter)));
}

static void drop_connection(struct client *c)
{
        tcp_stream_reset(c);
        c->ping_by = MONO_NEVER;
        c->at = MONO_NEVER;
}

/* DOWN is told for a connection that was up, and for the last one. */
static void tell_down(struct client *c, bool was_up)
{
        struct client_event ev = { .kind = CLIENT_DOWN, .final = c->final, .reason = c->reason };
        if (was_up || c->final)
                tcp_client_tell(c, &ev);
}

void tcp_client_down(struct client *c, const char *reason, bool fatal)
{
        bool up = c->state == TCP_CLIENT_UP;
        if (c->state >= TCP_CLIENT_CLOSING)
                return;
        bool farewell = speaks_frames(c) && out_left(c) == 0; /* nothing may stand inside a frame */
        c->state = TCP_CLIENT_CLOSING;
        c->reason = reason;
        c->final = c->final || fatal || !c->config.reconnect;
        c->out.n = c->out_at = 0;
        drop_connection(c);
        if (up)
                c->down_at = c->now;
        tcp_calls_lost(c);
        if (c->final)
                tcp_calls_over(c);
        tell_down(c, up);
        if (farewell)
                put_frame(c, WS_CLOSE, bytes_of(NULL, 0));
}

static void do_closed(struct client *c, struct mono now, const char *why)
{
        c->now = now;
        if (c->state < TCP_CLIENT_CLOSING)
                tcp_client_down(c, why, false);
        c->out.n = c->out_at = 0;
        if (c->state != TCP_CLIENT_CLOSING)
                return;
        c->state = c->final ? TCP_CLIENT_OVER : TCP_CLIENT_WAITING;
        c->at = c->final ? MONO_NEVER : mono_add(now, backoff(c));
}

static void do_opened(struct client *c, struct mono now)
{
        uint8_t key[WS_KEY_RAW];
        c->now = now;
        if (c->state != TCP_CLIENT_OPENING)
                return;
        rng_os(key, sizeof key);
        tcp_stream_reset(c);
        ws_init(&c->ws, WS_CLIENT, TCP_CLIENT_MESSAGE_MAX);
        c->state = TCP_CLIENT_UPGRADE;
        c->at = mono_add(now, connect_ns);
        if (tcp_upgrade_begin(&c->upgrade, c->config.host, c->config.path, key, &c->out) != 0)
                tcp_client_down(c, "out of memory", false);
}

static int do_bye(struct client *c, struct mono now)
{
        c->now = now;
        if (c->state == TCP_CLIENT_OVER || (c->state == TCP_CLIENT_CLOSING && c->final))
                return ERR_CLOSED;
        bool up = c->state == TCP_CLIENT_UP, connected = tcp_client_connected(c);
        if (up) {
                struct sio_packet leave = { .type = SIO_DISCONNECT };
                tcp_client_send_packet(c, &leave);
        }
        if (speaks_frames(c))
                put_frame(c, WS_CLOSE, bytes_of("\x03\xe8", 2)); /* 1000 */
        else
                c->out.n = c->out_at = 0;
        drop_connection(c);
        c->final = true;
        c->reason = "goodbye";
        c->state = connected || c->state == TCP_CLIENT_CLOSING ? TCP_CLIENT_CLOSING : TCP_CLIENT_OVER;
        tcp_calls_over(c);
        tell_down(c, up);
        return 0;
}

/* ---- time ------------------------------------------------------------------------------------- */

static struct mono do_deadline(const struct client *c)
{
        return mono_min(tcp_calls_deadline(c), mono_min(c->at, c->ping_by));
}

static void do_expire(struct client *c, struct mono now)
{
        c->now = now;
        tcp_calls_expire(c);
        if (!mono_before(now, c->ping_by))
                tcp_client_down(c, "ping timeout", false);
        if (mono_before(now, c->at))
                return;
        c->at = MONO_NEVER;
        if (c->state == TCP_CLIENT_WAITING)
                c->state = TCP_CLIENT_OPENING;
        else
                tcp_client_down(c, "timeout", false);
}

/* ---- the table -------------------------------------------------------------------------------- */

static enum client_wish do_wish(const struct client *c)
{
        if (c->state == TCP_CLIENT_OPENING)
                return CLIENT_OPEN;
        return c->state == TCP_CLIENT_CLOSING ? CLIENT_CLOSE : CLIENT_HOLD;
}

static int do_recv(struct client *c, struct mono now, const uint8_t *in, size_t in_bytes)
{
        c->now = now;
        if (!tcp_client_connected(c))
                return 0;
        c->stats.bytes_in += in_bytes;
        buf_drop(&c->in, c->in_at);
        c->in_at = 0;
        if (buf_put(&c->in, in, in_bytes) != 0)
                tcp_client_down(c, "out of memory", false);
        return 0;
}

/* An event could not be kept: coming back would go on behind it, and nobody would know. */
static void end_torn(struct client *c)
{
        c->final = true;
        if (c->state == TCP_CLIENT_OPENING || c->state == TCP_CLIENT_WAITING) {
                c->state = TCP_CLIENT_OVER;
                c->at = MONO_NEVER;
        } else {
                tcp_client_down(c, "out of memory", true);
        }
}

static bool do_next(struct client *c, struct client_event *ev)
{
        bool more = true;
        if (c->told.torn)
                end_torn(c);
        while (more) {
                if (event_queue_next(&c->told, ev))
                        return true;
                if (tcp_stream_step(c, ev, &more))
                        return true;
        }
        return event_queue_next(&c->told, ev);
}

static int64_t ask(struct client *c, struct mono now, enum tcp_call_kind kind, struct bytes bytes)
{
        c->now = now;
        return tcp_call_add(c, kind, bytes);
}

static int64_t do_join(struct client *c, struct mono now, struct bytes room)
{
        return ask(c, now, TCP_CALL_JOIN, room);
}

static int64_t do_leave(struct client *c, struct mono now, struct bytes room)
{
        return ask(c, now, TCP_CALL_LEAVE, room);
}

static int64_t do_call(struct client *c, struct mono now, struct bytes event)
{
        return ask(c, now, TCP_CALL_EVENT, event);
}

static struct client_stats do_stats(const struct client *c)
{
        return c->stats;
}

static void do_destroy(struct client *c)
{
        if (!c)
                return;
        tcp_stream_reset(c);
        tcp_calls_over(c);
        tcp_rooms_free(c);
        event_queue_free(&c->told);
        buf_free(&c->in);
        buf_free(&c->out);
        buf_free(&c->text);
        buf_free(&c->data);
        buf_free(&c->event);
        buf_free(&c->header);
        buf_free(&c->attached);
        buf_free(&c->sid);
        buf_free(&c->pid);
        free(c);
}

static struct client *do_create(const struct client_config *config, struct mono now)
{
        struct client *c = calloc(1, sizeof *c);
        if (!c)
                return NULL;
        c->config = *config;
        c->now = now;
        c->at = c->ping_by = c->down_at = MONO_NEVER;
        c->payload_bytes_max = TCP_CLIENT_SAY_MAX;
        c->jitter = rng_seeded(config->seed, "tcp reconnect");
        c->masks = rng_seeded(rng_os_u64(), "masks");
        event_queue_init(&c->told);
        TAILQ_INIT(&c->calls);
        TAILQ_INIT(&c->rooms);
        return c;
}

const struct transport tcp_transport = {
        .name = "tcp",
        .scheme = "ws",
        .datagrams = false,
        .create = do_create,
        .destroy = do_destroy,
        .wish = do_wish,
        .opened = do_opened,
        .closed = do_closed,
        .recv = do_recv,
        .send = do_send,
        .next = do_next,
        .deadline = do_deadline,
        .expire = do_expire,
        .join = do_join,
        .leave = do_leave,
        .call = do_call,
        .bye = do_bye,
        .stats = do_stats,
};
