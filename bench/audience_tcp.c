/* The audience's TCP twin: Socket.IO's JSON form on WebSocket. */
#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/audience_inside.h"
#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/wire/ws_handshake.h"

enum { HEAD_MAX = 4096, SOL_TCP_LEVEL = 6 };

static const uint8_t mask[4] = { 0x5a, 0xc3, 0x96, 0x0f };

/* ---- the handshake ------------------------------------------------------------------------ */

static int send_text(struct audience *c, struct subscriber *s, const void *at, size_t n)
{
        if (send(s->fd, at, n, MSG_NOSIGNAL) != (ssize_t)n)
                return audience_fail(c, "the server took no handshake: %s", strerror(errno));
        return 0;
}

static int ask_upgrade(struct audience *c, struct subscriber *s)
{
        uint8_t raw[WS_KEY_RAW];
        char key[WS_KEY_TEXT + 1], request[512];
        rng_os(raw, sizeof raw);
        ws_key(raw, key);
        int n = snprintf(request, sizeof request,
                         "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
                         "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: %s\r\n\r\n",
                         key);
        return send_text(c, s, request, (size_t)n);
}

/* Reads the answer's head and not a byte more: frames may follow at once. */
static int read_head(struct audience *c, struct subscriber *s)
{
        char head[HEAD_MAX];
        ssize_t n = 0;
        const char *end = NULL;
        while (!end) {
                if (!audience_wait(s->fd, POLLIN, AUDIENCE_WAIT_MS))
                        return audience_fail(c, "no answer to the upgrade");
                n = recv(s->fd, head, sizeof head, MSG_PEEK);
                if (n <= 0 || n == sizeof head)
                        return audience_fail(c, "the upgrade was refused");
                end = memmem(head, (size_t)n, "\r\n\r\n", 4);
        }
        if (recv(s->fd, head, (size_t)(end + 4 - head), 0) < 0 || strncmp(head, "HTTP/1.1 101 ", 13) != 0)
                return audience_fail(c, "the upgrade was refused: %.60s", head);
        return 0;
}

static bool begins_with(struct bytes text, const char *word)
{
        size_t n = strlen(word);
        return text.n >= n && memcmp(text.at, word, n) == 0;
}

/* Reads messages until one begins so; what else comes is passed over. */
static int await(struct audience *c, struct subscriber *s, const char *beginning)
{
        uint8_t in[1];
        for (;;) {
                struct ws_event ev;
                if (!audience_wait(s->fd, POLLIN, AUDIENCE_WAIT_MS) || recv(s->fd, in, 1, 0) != 1)
                        return audience_fail(c, "the handshake broke off");
                ws_recv(&s->ws, in, 1, &ev);
                if (ev.got == WS_GOT_MESSAGE && begins_with(ev.payload, beginning))
                        return 0;
        }
}

static int enter_namespace(struct audience *c, struct subscriber *s)
{
        struct buf frame = { 0 };
        int err = ws_put(&frame, WS_TEXT, bytes_text("40"), mask);
        err = err ? err : send_text(c, s, frame.at, frame.n);
        buf_free(&frame);
        return err ? err : await(c, s, "40");
}

static int handshake(struct audience *c, struct subscriber *s)
{
        int err = ask_upgrade(c, s);
        err = err ? err : read_head(c, s);
        err = err ? err : await(c, s, "0");
        return err ? err : enter_namespace(c, s);
}

static uint64_t packets(const struct subscriber *s)
{
        struct tcp_info info = { 0 };
        socklen_t n = sizeof info;
        return getsockopt(s->fd, SOL_TCP_LEVEL, TCP_INFO, &info, &n) == 0 ? info.tcpi_data_segs_in : 0;
}

static int open_one(struct audience *c, struct subscriber *s)
{
        int bytes = AUDIENCE_RECEIVE_BYTES;
        s->fd = sock_tcp_connect(&c->config.to, 0);
        if (s->fd < 0)
                return audience_fail(c, "no socket: %s", strerror(errno));
        (void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
        int err = 0;
        if (!audience_wait(s->fd, POLLOUT, AUDIENCE_WAIT_MS) || (errno = sock_error(s->fd)) != 0)
                err = audience_fail(c, "cannot connect: %s", strerror(errno));
        (void)sock_nodelay_set(s->fd, true);
        if (!err && !c->config.bare)
                err = handshake(c, s);
        if (err)
                close(s->fd);
        return err;
}

/* ---- bursts ------------------------------------------------------------------------------- */

static int add_event(struct audience *c, uint32_t i)
{
        char text[AUDIENCE_EVENT_BYTES_MAX];
        struct buf packet = { 0 };
        payload_write(0, i, text, c->config.event_bytes);
        int err = buf_printf(&packet, "42[\"" AUDIENCE_EVENT "\",\"%.*s\"]", (int)c->config.event_bytes, text);
        err = err ? err : ws_put(&c->burst, WS_TEXT, buf_bytes(&packet), mask);
        buf_free(&packet);
        return err;
}

/* The same bytes every time. */
static int compose(struct audience *c)
{
        int err = 0;
        if (c->burst.n > 0)
                return 0;
        for (uint32_t i = 0; !err && i < c->config.burst_events; i++)
                err = add_event(c, i);
        return err;
}

static int publish(struct audience *c)
{
        for (size_t at = 0; at < c->burst.n;) {
                ssize_t n = send(c->sub[0].fd, c->burst.at + at, c->burst.n - at, MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN)
                        return audience_fail(c, "the server closed the publisher's connection");
                if (n < 0 && !audience_wait(c->sub[0].fd, POLLOUT, AUDIENCE_WAIT_MS))
                        return audience_fail(c, "the server reads nothing");
                at += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

/* The recorded entry is the server's frame, made again from what was in it. */
static int count(struct audience *c, struct subscriber *s, struct bytes message)
{
        struct buf frame = { 0 };
        int err = 0;
        if (!begins_with(message, "42[\"" AUDIENCE_EVENT "\","))
                return 0;
        if (c->record)
                err = ws_put(&frame, WS_TEXT, message, NULL);
        err = err ? err : audience_got(c, s, buf_bytes(&frame));
        buf_free(&frame);
        return err;
}

static ptrdiff_t take(struct audience *c, struct subscriber *s)
{
        ssize_t n = recv(s->fd, c->in, sizeof c->in, 0);
        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n <= 0)
                return audience_fail(c, "the server closed subscriber %td's connection", s - c->sub);
        for (size_t at = 0; at < (size_t)n;) {
                struct ws_event ev;
                at += ws_recv(&s->ws, c->in + at, (size_t)n - at, &ev);
                if (ev.got == WS_GOT_CLOSE || ev.got == WS_GOT_FAULT)
                        return audience_fail(c, "the server closed subscriber %td's WebSocket", s - c->sub);
                int err = ev.got == WS_GOT_MESSAGE ? count(c, s, ev.payload) : 0;
                if (err)
                        return err;
        }
        return n;
}

static void flows(struct audience *c)
{
        (void)c;
}

static int rest(struct audience *c)
{
        (void)c; /* heartbeats are far apart: speed.c asks the server for that */
        return 0;
}

const struct audience_way audience_tcp = { open_one, compose, publish, take, flows, rest, packets };
