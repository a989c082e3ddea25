/* The audience's UDP twin: sequenced datagrams, without what repairs them: on this host's loopback a
 * datagram is lost only to a full buffer, which is then said. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/audience_inside.h"
#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "core/loop/loop.h"
#include "core/wire/dgram_tail.h"

enum {
        TRIES = 100,  /* of each step of the handshake: the server answers only so many strangers a second */
        TRY_MS = 100, /* between two of them */
        OWN_REF = 1,  /* chan refs of its own room and of everyone (UDP.md, ACCEPT) */
        ALL_REF = 2,
        READ_DATAGRAMS = 64,
        ANSWER_MS = 2, /* for the PINGs that follow REPORTs */
};
#define REPORT_NS NS_PER_S

static void address(struct subscriber *s, struct dgram_msg *m)
{
        m->tag = s->tag;
        m->epoch = s->epoch;
        m->pktno = ++s->pktno;
}

static void say(struct subscriber *s, struct dgram_msg *m)
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct writer w = writer_of(out, sizeof out);
        address(s, m);
        dgram_put(&w, m);
        (void)send(s->fd, out, writer_used(&w), 0); /* what the kernel has no place for is lost, as on any path */
}

static void pong(struct subscriber *s, const struct dgram_ping *ping)
{
        uint64_t now_us = (uint64_t)(loop_clock().ns / NS_PER_US);
        say(s, &(struct dgram_msg){ .type = DGRAM_PONG, .pong = { ping->t1, now_us, now_us } });
}

/* ---- the handshake ------------------------------------------------------------------------ */

/* The first PING comes with ACCEPT. What its answer takes is all that the server knows of the path, so it goes at
 * once: a slow one would be taken for a path that does not bear a burst. */
static void answer_ping(struct subscriber *s, const struct dgram_msg *m)
{
        s->tag = m->tag;
        s->epoch = m->epoch;
        pong(s, &m->ping);
}

/* Reads what has come until it is a message of this type; m borrows from c->in. False: it has not
 * come within TRY_MS. */
static bool await(struct audience *c, struct subscriber *s, uint8_t type, struct dgram_msg *m)
{
        struct dgram_msg other;
        bool found = false;
        while (!found && audience_wait(s->fd, POLLIN, TRY_MS)) {
                ssize_t n = recv(s->fd, c->in, sizeof c->in, 0);
                struct bytes rest = bytes_of(c->in, n > 0 ? (size_t)n : 0), message;
                if (n <= 0 || dgram_check(rest) != DGRAM_GOOD)
                        continue;
                while (dgram_next(&rest, &message)) {
                        if (dgram_parse(message, &other) != 0)
                                continue;
                        if (other.type == DGRAM_PING)
                                answer_ping(s, &other);
                        if (other.type == type)
                                *m = other;
                        found |= other.type == type;
                }
        }
        return found;
}

/* Says `in`, padded to at least bytes_min, until the answer comes. */
static int ask(struct audience *c, struct subscriber *s, const struct dgram_msg *in, size_t bytes_min, uint8_t type,
               struct dgram_msg *answer)
{
        uint8_t out[DGRAM_BYTES_MAX] = { 0 };
        struct writer w = writer_of(out, sizeof out);
        dgram_put(&w, in);
        size_t n = writer_used(&w) > bytes_min ? writer_used(&w) : bytes_min;
        for (int i = 0; i < TRIES; i++) {
                if (send(s->fd, out, n, 0) < 0)
                        return audience_fail(c, "the server took no handshake: %s", strerror(errno));
                if (await(c, s, type, answer))
                        return 0;
        }
        return audience_fail(c, "the server did not answer %s", dgram_type_text(in->type));
}

static int handshake(struct audience *c, struct subscriber *s)
{
        struct dgram_msg m = { .type = DGRAM_HELLO, .hello = { rng_os_u64(), DGRAM_VERSION } }, answer;
        int err = ask(c, s, &m, 0, DGRAM_COOKIE, &answer);
        if (err)
                return err;
        struct buf tail = { 0 };
        m = (struct dgram_msg){ .type = DGRAM_CONNECT, .connect.proof = answer.cookie };
        rng_os(m.connect.instance, sizeof m.connect.instance);
        err = dgram_connect_tail_put(&tail, &(struct dgram_connect_tail){ .space = bytes_text("/") });
        m.connect.tail = buf_bytes(&tail);
        err = err ? err : ask(c, s, &m, DGRAM_CONNECT_BYTES_MIN, DGRAM_ACCEPT, &answer);
        buf_free(&tail);
        if (err)
                return err;
        s->tag = answer.accept.session_tag;
        s->epoch = answer.epoch;
        s->own_tag = answer.accept.own.tag;
        s->all_tag = answer.accept.all.tag;
        s->contig = answer.accept.all.start - 1;
        return 0;
}

/* A second socket, as a client has one; from here on everyone's events come there. */
static int listen_to_group(struct audience *c, struct subscriber *s)
{
        struct sock_addr by;
        struct dgram_msg m = { .type = DGRAM_LISTEN, .listen = { 1 } }, answer;
        s->hears = sock_local(s->fd, &by)
                           ? -1
                           : sock_group_hear(&c->config.group, &c->config.to, &by, AUDIENCE_RECEIVE_BYTES);
        if (s->hears < 0)
                return audience_fail(c, "cannot hear the group: %s", strerror(errno));
        address(s, &m);
        int err = ask(c, s, &m, 0, DGRAM_LISTEN, &answer);
        if (err)
                close(s->hears);
        return err;
}

/* The bare server learns an address from one byte, and says so with one. */
static int greet_bare(struct audience *c, struct subscriber *s)
{
        uint8_t byte = 0;
        if (send(s->fd, &byte, 1, 0) == 1 && audience_wait(s->fd, POLLIN, AUDIENCE_WAIT_MS) &&
            recv(s->fd, &byte, 1, 0) == 1)
                return 0;
        return audience_fail(c, "the bare server does not answer");
}

static int open_one(struct audience *c, struct subscriber *s)
{
        s->fd = sock_udp_connect(&c->config.to, 0, AUDIENCE_RECEIVE_BYTES);
        if (s->fd < 0)
                return audience_fail(c, "no socket: %s", strerror(errno));
        int err = c->config.bare ? greet_bare(c, s) : handshake(c, s);
        if (!err && c->config.group.n > 0 && !c->config.bare)
                err = listen_to_group(c, s);
        s->report_due_ns = REPORT_NS / c->config.subscribers * (s - c->sub); /* not all at once */
        if (err)
                close(s->fd);
        return err;
}

/* ---- bursts ------------------------------------------------------------------------------- */

static int put_event(const struct audience *c, struct buf *event, uint32_t i)
{
        char text[AUDIENCE_EVENT_BYTES_MAX];
        payload_write(0, i, text, c->config.event_bytes);
        int err = event_begin(event, AUDIENCE_EVENT, 1);
        return err ? err : pack_put_text(event, bytes_of(text, c->config.event_bytes));
}

/* One message more, in the last datagram if it fits there. */
static int add_event(struct audience *c, struct buf *event, uint32_t i)
{
        event->n = 0;
        int err = put_event(c, event, i);
        uint8_t *room = err ? NULL : buf_room(&c->burst, DGRAM_BYTES_MAX);
        if (!room)
                return ERR_NO_MEMORY;
        struct dgram_msg m = { .type = DGRAM_PUB };
        address(&c->sub[0], &m);
        m.pub = (struct dgram_pub){ .pub_id = ++c->pubs, .frag_cnt = 1, .event_bytes = (uint16_t)event->n };
        m.pub.event = buf_bytes(event);
        struct writer w = writer_of(room, DGRAM_BYTES_MAX);
        if (!dgram_put(&w, &m))
                return ERR_TOO_BIG;
        size_t start = c->cuts > 1 ? c->cut[c->cuts - 2] : 0;
        c->burst.n += writer_used(&w);
        if (c->cuts == 0 || c->burst.n - start > DGRAM_BYTES_MAX)
                c->cuts++;
        c->cut[c->cuts - 1] = c->burst.n;
        return 0;
}

/* New numbers in every burst; the sizes stay. */
static int compose(struct audience *c)
{
        struct buf event = { 0 };
        int err = 0;
        c->burst.n = 0;
        c->cuts = 0;
        for (uint32_t i = 0; !err && i < c->config.burst_events; i++)
                err = add_event(c, &event, i);
        buf_free(&event);
        return err;
}

static int publish(struct audience *c)
{
        struct mmsghdr msg[BATCH_ENTRIES_MAX];
        struct iovec iov[BATCH_ENTRIES_MAX];
        for (int i = 0; i < c->cuts; i++) {
                size_t start = i > 0 ? c->cut[i - 1] : 0;
                iov[i] = (struct iovec){ c->burst.at + start, c->cut[i] - start };
                msg[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
        }
        int sent = sendmmsg(c->sub[0].fd, msg, (unsigned)c->cuts, 0);
        if (sent != c->cuts)
                return audience_fail(c, "the kernel took %d of %d datagrams of a burst", sent, c->cuts);
        return 0;
}

/* By its fixed offsets (UDP.md, section 2): what a subscriber costs here, it costs in every burst. */
static int take_data(struct audience *c, struct subscriber *s, struct bytes message, bool *events)
{
        struct reader in = reader_of(message.at + 8, message.n - 8);
        uint64_t tag = reader_u64(&in);
        (void)reader_u64(&in); /* epoch, origin */
        uint64_t seq = reader_u64(&in);
        if (in.failed)
                return audience_fail(c, "subscriber %td got a malformed DATA", s - c->sub);
        if (!c->config.bare && tag == s->own_tag)
                s->own = seq;
        if (!c->config.bare && tag != s->all_tag)
                return 0;
        if (!c->config.bare && seq != s->contig + 1)
                return audience_fail(c, "subscriber %td got seq %llu after %llu", s - c->sub, (unsigned long long)seq,
                                     (unsigned long long)s->contig);
        s->contig = seq;
        s->received++;
        *events = true;
        return audience_got(c, s, message);
}

static int take_message(struct audience *c, struct subscriber *s, struct bytes message, bool *events)
{
        struct dgram_msg m;
        uint8_t type = message.at[3];
        switch (type) {
        case DGRAM_DATA:
                return take_data(c, s, message, events);
        case DGRAM_GAP:
        case DGRAM_CLOSE:
        case DGRAM_RESET:
                return audience_fail(c, "subscriber %td got %s", s - c->sub, dgram_type_text(type));
        case DGRAM_ERROR:
                if (dgram_parse(message, &m) != 0)
                        return audience_fail(c, "subscriber %td got a malformed ERROR", s - c->sub);
                if (m.error.code == DGRAM_CODE_SLOW && !c->settled)
                        return 0;
                return audience_fail(c, "subscriber %td got ERROR: %s", s - c->sub, dgram_code_text(m.error.code));
        case DGRAM_PING:
                if (dgram_parse(message, &m) == 0)
                        pong(s, &m.ping);
                return 0;
        default: /* PUB_ACK, BEAT, PONG, LISTEN */
                return 0;
        }
}

static int take_datagram(struct audience *c, struct subscriber *s, struct mono now, struct bytes datagram)
{
        struct bytes message;
        size_t bytes = datagram.n;
        bool events = false;
        int err = 0;
        if (dgram_check(datagram) != DGRAM_GOOD)
                return audience_fail(c, "subscriber %td got a malformed datagram", s - c->sub);
        while (!err && dgram_next(&datagram, &message))
                err = take_message(c, s, message, &events);
        s->datagrams += events;
        if (events)
                udp_meter_came(&s->meter, now, bytes, true);
        return err;
}

static ptrdiff_t take_from(struct audience *c, struct subscriber *s, int fd)
{
        struct mmsghdr msg[READ_DATAGRAMS];
        struct iovec iov[READ_DATAGRAMS];
        enum { PLACE = AUDIENCE_READ_BYTES / READ_DATAGRAMS };
        for (int i = 0; i < READ_DATAGRAMS; i++) {
                iov[i] = (struct iovec){ c->in + i * PLACE, PLACE };
                msg[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
        }
        int n = recvmmsg(fd, msg, READ_DATAGRAMS, 0, NULL);
        struct mono now = loop_clock();
        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n < 0)
                return audience_fail(c, "subscriber %td: %s", s - c->sub, strerror(errno));
        ptrdiff_t bytes = 0;
        for (int i = 0; i < n; i++) {
                int err = take_datagram(c, s, now, bytes_of(c->in + i * PLACE, msg[i].msg_len));
                if (err)
                        return err;
                bytes += msg[i].msg_len;
        }
        return bytes;
}

static ptrdiff_t take(struct audience *c, struct subscriber *s)
{
        return take_from(c, s, s->hears);
}

/* ---- what the server hears of its paths ---------------------------------------------------- */

static void report(struct subscriber *s, uint32_t ref, uint64_t contig, uint32_t received)
{
        struct dgram_msg m = { .type = DGRAM_REPORT };
        m.report = (struct dgram_report){ .chan_ref = ref, .contig = contig, .highest = contig, .received = received };
        (void)udp_meter_tell(&s->meter, loop_clock(), 0, &m.report);
        say(s, &m);
}

static void report_all(struct subscriber *s)
{
        report(s, ALL_REF, s->contig, s->received);
}

static void flows(struct audience *c)
{
        for (uint32_t i = 0; !c->config.bare && i < c->config.subscribers; i++) {
                struct subscriber *s = &c->sub[i];
                if (c->flow_ns < s->report_due_ns)
                        continue;
                s->report_due_ns += REPORT_NS;
                report_all(s);
        }
}

/* A client that has all says so: the server then sends it no BEAT until there is news. */
static int rest(struct audience *c)
{
        ptrdiff_t n = 0;
        if (c->config.bare)
                return 0;
        for (uint32_t i = 0; i < c->connected; i++) {
                struct subscriber *s = &c->sub[i];
                report_all(s);
                if (s->own > 0)
                        report(s, OWN_REF, s->own, 1);
                s->own = 0;
        }
        (void)poll(NULL, 0, ANSWER_MS);
        for (uint32_t i = 0; i < c->connected && n >= 0; i++)
                while ((n = take_from(c, &c->sub[i], c->sub[i].fd)) > 0)
                        ;
        return (int)n;
}

static uint64_t packets(const struct subscriber *s)
{
        return s->datagrams;
}

const struct audience_way audience_udp = { open_one, compose, publish, take, flows, rest, packets };

/* ---- may it be by multicast? --------------------------------------------------------------- */

bool audience_group(struct sock_addr *group)
{
        struct sock_addr by;
        char text[SOCK_ADDR_TEXT_MAX];
        uint8_t byte = 0, any[4];
        rng_os(any, sizeof any);
        snprintf(text, sizeof text, "232.90.%u.%u:%u", any[0], any[1], 20000u + any[2] * 32u + any[3] % 32u);
        (void)sock_addr_parse(text, group);
        (void)sock_addr_parse("127.0.0.1:0", &by);
        int from = sock_udp_bind(&by, 0), to = -1;
        bool works = from >= 0 && sock_group_send(from, group, &by) == 0 && sock_local(from, &by) == 0 &&
                     (to = sock_group_hear(group, &by, &by, 0)) >= 0 &&
                     sendto(from, &byte, 1, 0, (const struct sockaddr *)&group->at, group->n) == 1 &&
                     audience_wait(to, POLLIN, TRY_MS);
        if (from >= 0)
                close(from);
        if (to >= 0)
                close(to);
        return works;
}
