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
#include "core/wire/dgram_tail.h"

enum {
        TRIES = 100,  /* of each step of the handshake: the server answers only so many strangers a second */
        TRY_MS = 100, /* between two of them */
        ALL_REF = 2,  /* chan ref of everyone (UDP.md, ACCEPT) */
        READ_DATAGRAMS = 64,
};

/* ---- the handshake ------------------------------------------------------------------------ */

/* Reads what has come until it is a message of this type; m borrows from c->in. False: it has not
 * come within TRY_MS. */
static bool await(struct audience *c, const struct subscriber *s, uint8_t type, struct dgram_msg *m)
{
        while (audience_wait(s->fd, POLLIN, TRY_MS)) {
                ssize_t n = recv(s->fd, c->in, sizeof c->in, 0);
                struct bytes rest = bytes_of(c->in, n > 0 ? (size_t)n : 0), message;
                if (n <= 0 || dgram_check(rest) != DGRAM_GOOD)
                        continue;
                while (dgram_next(&rest, &message))
                        if (dgram_parse(message, m) == 0 && m->type == type)
                                return true;
        }
        return false;
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
        s->all_tag = answer.accept.all.tag;
        s->contig = answer.accept.all.start - 1;
        return 0;
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
        if (err)
                close(s->fd);
        return err;
}

/* ---- bursts ------------------------------------------------------------------------------- */

static void address(struct subscriber *s, struct dgram_msg *m)
{
        m->tag = s->tag;
        m->epoch = s->epoch;
        m->pktno = ++s->pktno;
}

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
        if (!c->config.bare && tag != s->all_tag)
                return 0; /* hello, in its own room */
        if (!c->config.bare && seq != s->contig + 1)
                return audience_fail(c, "subscriber %td got seq %llu after %llu", s - c->sub, (unsigned long long)seq,
                                     (unsigned long long)s->contig);
        s->contig = seq;
        *events = true;
        return audience_got(c, s, message);
}

static int take_message(struct audience *c, struct subscriber *s, struct bytes message, bool *events)
{
        uint8_t type = message.at[3];
        switch (type) {
        case DGRAM_DATA:
                return take_data(c, s, message, events);
        case DGRAM_GAP:
        case DGRAM_CLOSE:
        case DGRAM_RESET:
        case DGRAM_ERROR:
                return audience_fail(c, "subscriber %td got %s", s - c->sub, dgram_type_text(type));
        default: /* PUB_ACK, BEAT, PING, PONG */
                return 0;
        }
}

static int take_datagram(struct audience *c, struct subscriber *s, struct bytes datagram)
{
        struct bytes message;
        bool events = false;
        int err = 0;
        if (dgram_check(datagram) != DGRAM_GOOD)
                return audience_fail(c, "subscriber %td got a malformed datagram", s - c->sub);
        while (!err && dgram_next(&datagram, &message))
                err = take_message(c, s, message, &events);
        s->datagrams += events;
        return err;
}

static ptrdiff_t take(struct audience *c, struct subscriber *s)
{
        struct mmsghdr msg[READ_DATAGRAMS];
        struct iovec iov[READ_DATAGRAMS];
        enum { PLACE = AUDIENCE_READ_BYTES / READ_DATAGRAMS };
        for (int i = 0; i < READ_DATAGRAMS; i++) {
                iov[i] = (struct iovec){ c->in + i * PLACE, PLACE };
                msg[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
        }
        int n = recvmmsg(s->fd, msg, READ_DATAGRAMS, 0, NULL);
        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n < 0)
                return audience_fail(c, "subscriber %td: %s", s - c->sub, strerror(errno));
        ptrdiff_t bytes = 0;
        for (int i = 0; i < n; i++) {
                int err = take_datagram(c, s, bytes_of(c->in + i * PLACE, msg[i].msg_len));
                if (err)
                        return err;
                bytes += msg[i].msg_len;
        }
        return bytes;
}

/* A client that has all says so: the server then sends it no BEAT until there is news. */
static void rest(struct audience *c, struct subscriber *s)
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct writer w = writer_of(out, sizeof out);
        struct dgram_msg m = { .type = DGRAM_REPORT };
        if (c->config.bare)
                return;
        address(s, &m);
        m.report = (struct dgram_report){ .chan_ref = ALL_REF, .contig = s->contig, .highest = s->contig };
        dgram_put(&w, &m);
        (void)send(s->fd, out, writer_used(&w), 0);
}

static uint64_t packets(const struct subscriber *s)
{
        return s->datagrams;
}

const struct audience_way audience_udp = { open_one, compose, publish, take, rest, packets };
