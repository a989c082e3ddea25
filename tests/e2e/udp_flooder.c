/* udp_flooder: a client that was let in, and then says one thing as fast as it can.
 *
 *     udp_flooder TO FROM SEED RATE MS WHAT
 *
 * It answers PINGs, so that its path seems short. RATE is datagrams a second (0: as fast as it
 * goes); each holds as many messages as 1,200 bytes do. When the server has had enough and closes the session it
 * connects again, as a stranger, and goes on. First it says up to 200 events of 900 bytes to everyone, so that there is
 * something to ask for.
 *
 * Prints one line of JSON: what was sent and what came back, in bytes, how many sessions it took, for how long it sent
 * and for how long it listened.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/rng.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "core/wire/dgram.h"
#include "core/wire/dgram_tail.h"

enum { BATCH = 32, EVENTS = 200, EVENT_BYTES = 900, WAIT_MS = 100, REF_ALL = 2 };

struct flooder {
        struct rng rng;
        struct sockaddr_in there;
        int fd;
        int64_t rate, begun_ns, until_ns;
        uint64_t sent, bytes, back, back_bytes, sessions;
        struct dgram_cookie proof, proofs[2];
        uint64_t tag, head; /* of the session; of everyone's channel */
        uint32_t epoch, pktno;
        uint64_t pub_id;
        uint32_t turn; /* messages of this session */
        bool over;
        uint8_t instance[DGRAM_TOKEN], event[EVENT_BYTES];
        uint8_t in[2048];
};

static int64_t clock_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void die(const char *words)
{
        fprintf(stderr, "udp_flooder: %s\n", words);
        exit(1);
}

/* ---- messages ----------------------------------------------------------------------------- */

static uint64_t draw(struct flooder *f, uint64_t bound)
{
        return rng_below(&f->rng, bound);
}

static void put_join(struct dgram_msg *m, const struct dgram_join *join, struct buf *tail)
{
        m->type = DGRAM_JOIN;
        if (dgram_join_put(tail, join) != 0)
                die("no memory");
        m->join.tail = buf_bytes(tail);
}

static void say_join(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        static char names[DGRAM_JOIN_ROOMS_MAX][16];
        struct dgram_join j = { .req = f->turn, .rooms_n = DGRAM_JOIN_ROOMS_MAX };
        for (uint32_t i = 0; i < j.rooms_n; i++) {
                snprintf(names[i], sizeof names[i], "r%u", (unsigned)draw(f, 100000));
                j.room[i] = (struct dgram_join_room){ .room = bytes_text(names[i]), .mode = DGRAM_MODE_NACK_ORDERED };
        }
        put_join(m, &j, tail);
}

/* Into one room and out again. */
static void say_flap(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        struct dgram_join j = { .req = f->turn, .rooms_n = 1 };
        j.room[0] = (struct dgram_join_room){ .room = bytes_text("flap"), .mode = DGRAM_MODE_NACK_ORDERED };
        if (f->turn % 2)
                *m = (struct dgram_msg){ .type = DGRAM_LEAVE, .leave = { REF_ALL + 1 + f->turn / 2 } };
        else
                put_join(m, &j, tail);
}

static void say_ping(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        (void)tail;
        *m = (struct dgram_msg){ .type = DGRAM_PING, .ping = { f->turn } };
}

static void say_challenge(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        (void)tail;
        *m = (struct dgram_msg){ .type = DGRAM_CHALLENGE, .challenge = { rng_u64(&f->rng) } };
}

static void say_response(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        (void)tail;
        *m = (struct dgram_msg){ .type = DGRAM_RESPONSE, .response = { rng_u64(&f->rng) } };
}

static void nack(struct flooder *f, struct dgram_msg *m, uint32_t ref)
{
        *m = (struct dgram_msg){ .type = DGRAM_NACK, .nack = { .chan_ref = ref, .n = 1, .tries = 1 } };
        m->nack.range[0] = (struct dgram_range){ 1, DGRAM_COUNT_MAX };
        (void)f;
}

/* Everything there ever was, again and again. */
static void say_nack(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        (void)tail;
        nack(f, m, REF_ALL);
}

/* Every other event, so that there are as many ranges as can be. */
static void say_holes(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        (void)tail;
        nack(f, m, REF_ALL);
        m->nack.n = DGRAM_RANGES_MAX;
        for (unsigned i = 0; i < m->nack.n; i++) {
                uint64_t seq = 1 + draw(f, f->head + EVENTS);
                m->nack.range[i] = (struct dgram_range){ seq, seq + draw(f, 3) };
        }
}

static void report(struct flooder *f, struct dgram_msg *m, uint32_t rate, uint32_t loss)
{
        *m = (struct dgram_msg){ .type = DGRAM_REPORT,
                                 .report = { .chan_ref = REF_ALL,
                                             .loss_rate = loss,
                                             .received = f->turn,
                                             .lost_first_try = loss ? f->turn : 0,
                                             .rate = rate } };
}

/* All arrives, at 4 GB/s, and it asks for everything. */
static void say_greed(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        if (f->turn % 2)
                say_nack(f, m, tail);
        else
                report(f, m, UINT32_MAX, 0);
}

static void say_report(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        (void)tail;
        report(f, m, (uint32_t)(draw(f, 2) ? 0 : 1000000000), (uint32_t)(draw(f, 2) ? 0 : UINT32_MAX));
}

static void pub(struct flooder *f, struct dgram_msg *m, size_t bytes)
{
        *m = (struct dgram_msg){ .type = DGRAM_PUB,
                                 .pub = { .pub_id = ++f->pub_id,
                                          .chan_ref = REF_ALL,
                                          .frag_cnt = 1,
                                          .event_bytes = (uint16_t)bytes,
                                          .event = bytes_of(f->event, bytes) } };
}

static void say_pub(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        (void)tail;
        pub(f, m, 4);
        m->pub.event = bytes_of("\x92\xA1x\x01", 4);
}

/* One fragment of each of ever new events. */
static void say_parts(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        static const uint8_t zeros[DGRAM_FRAGMENT_BYTES];
        (void)tail;
        pub(f, m, sizeof zeros);
        m->pub.event_bytes = DGRAM_EVENT_MAX;
        m->pub.frag_cnt = dgram_fragments(DGRAM_EVENT_MAX);
        m->pub.frag_idx = (uint8_t)draw(f, m->pub.frag_cnt - 1u);
        m->pub.event = bytes_of(zeros, sizeof zeros);
}

static void say_connect(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        struct dgram_connect_tail t = { .space = bytes_text("/") };
        *m = (struct dgram_msg){ .type = DGRAM_CONNECT, .connect = { .proof = f->proof } };
        memcpy(m->connect.instance, f->instance, sizeof f->instance);
        if (dgram_connect_tail_put(tail, &t) != 0)
                die("no memory");
        m->connect.tail = buf_bytes(tail);
}

/* In and out, as somebody else each time, with one cookie. CLOSE needs the session's tag, so whoever is there is put
 * out by a newcomer at his address: another nonce, hence another cookie. */
static void say_churn(struct flooder *f, struct dgram_msg *m, struct buf *tail)
{
        memcpy(f->instance, &f->turn, sizeof f->turn);
        f->proof = f->proofs[f->turn % 2];
        say_connect(f, m, tail);
}

static const struct what {
        const char *name;
        void (*say)(struct flooder *f, struct dgram_msg *m, struct buf *tail);
} whats[] = {
        { "ping", say_ping },         { "challenge", say_challenge },
        { "response", say_response }, { "nack", say_nack },
        { "holes", say_holes },       { "greed", say_greed },
        { "report", say_report },     { "pub", say_pub },
        { "parts", say_parts },       { "join", say_join },
        { "flap", say_flap },         { "connect", say_connect },
        { "churn", say_churn },
};

/* ---- sending ------------------------------------------------------------------------------ */

/* Messages as many as fit, CONNECT alone and padded. Returns the datagram's bytes. */
static size_t fill(struct flooder *f, const struct what *what, uint8_t out[DGRAM_BYTES_MAX])
{
        struct writer w = writer_of(out, DGRAM_BYTES_MAX);
        for (bool more = true; more;) {
                struct dgram_msg m = { 0 };
                struct buf tail = { 0 };
                what->say(f, &m, &tail);
                m.tag = m.type == DGRAM_CONNECT ? 0 : f->tag;
                m.epoch = f->epoch;
                m.pktno = f->pktno + 1;
                more = dgram_put(&w, &m);
                f->pktno += more;
                f->turn += more;
                if (m.type == DGRAM_CONNECT) {
                        writer_zeros(&w, DGRAM_CONNECT_BYTES_MIN - writer_used(&w));
                        more = false;
                }
                buf_free(&tail);
        }
        return writer_used(&w);
}

static void send_to(struct flooder *f, const uint8_t *at, size_t n)
{
        if (send(f->fd, at, n, 0) != (ssize_t)n)
                return;
        f->sent++;
        f->bytes += n;
}

static void say(struct flooder *f, struct dgram_msg m)
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct writer w = writer_of(out, sizeof out);
        m.tag = dgram_has_pktno(m.type) ? f->tag : 0;
        m.epoch = f->epoch;
        m.pktno = ++f->pktno;
        dgram_put(&w, &m);
        if (m.type == DGRAM_CONNECT)
                writer_zeros(&w, DGRAM_CONNECT_BYTES_MIN - writer_used(&w));
        send_to(f, out, writer_used(&w));
}

/* The next datagram's message of that type; false: it does not come. */
static bool hear(struct flooder *f, uint8_t type, struct dgram_msg *m)
{
        int64_t until_ns = clock_ns() + WAIT_MS * 1000000LL;
        ssize_t n;
        while (clock_ns() < until_ns) {
                if ((n = recv(f->fd, f->in, sizeof f->in, 0)) < 0)
                        continue;
                f->back++;
                f->back_bytes += (uint64_t)n;
                struct bytes rest = bytes_of(f->in, (size_t)n), message;
                while (dgram_check(rest) == DGRAM_GOOD && dgram_next(&rest, &message))
                        if (dgram_parse(message, m) == 0 && m->type == type)
                                return true;
        }
        return false;
}

static void drain(struct flooder *f)
{
        ssize_t n;
        while ((n = recv(f->fd, f->in, sizeof f->in, MSG_DONTWAIT)) >= 0) {
                struct bytes rest = bytes_of(f->in, (size_t)n), message;
                f->back++;
                f->back_bytes += (uint64_t)n;
                while (dgram_check(rest) == DGRAM_GOOD && dgram_next(&rest, &message)) {
                        struct dgram_msg m;
                        f->over |= message.at[3] == DGRAM_CLOSE || message.at[3] == DGRAM_RESET;
                        if (message.at[3] == DGRAM_PING && dgram_parse(message, &m) == 0)
                                say(f, (struct dgram_msg){ .type = DGRAM_PONG, .pong = { .t1 = m.ping.t1 } });
                }
        }
}

/* ---- the program -------------------------------------------------------------------------- */

static void open_socket(struct flooder *f, const char *to, const char *from)
{
        char host[INET_ADDRSTRLEN] = "";
        uint16_t port = 0;
        if (sscanf(to, "%15[0-9.]:%" SCNu16, host, &port) != 2 || inet_pton(AF_INET, host, &f->there.sin_addr) != 1)
                die("not an address");
        f->there.sin_family = AF_INET;
        f->there.sin_port = htons(port);
        f->fd = socket(AF_INET, SOCK_DGRAM, 0);
        struct timeval wait = { 0, 100000 };
        struct sockaddr_in own = { .sin_family = AF_INET };
        if (inet_pton(AF_INET, from, &own.sin_addr) != 1)
                die("not an address");
        if (f->fd < 0 || bind(f->fd, (const struct sockaddr *)&own, sizeof own) != 0 ||
            connect(f->fd, (const struct sockaddr *)&f->there, sizeof f->there) != 0 ||
            setsockopt(f->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0)
                die("no socket");
}

/* HELLO until a COOKIE comes. */
static struct dgram_cookie cookie(struct flooder *f)
{
        struct dgram_msg m;
        for (int tries = 0; tries < 100; tries++) {
                say(f, (struct dgram_msg){ .type = DGRAM_HELLO, .hello = { rng_u64(&f->rng), DGRAM_VERSION } });
                if (hear(f, DGRAM_COOKIE, &m))
                        return m.cookie;
        }
        die("no COOKIE");
        return m.cookie;
}

/* CONNECT until ACCEPT comes, or the time is up. */
static void come_in(struct flooder *f)
{
        struct dgram_msg m = { 0 };
        bool in = false;
        f->pktno = f->turn = 0;
        f->pub_id = 0;
        for (size_t i = 0; i < sizeof f->instance; i++)
                f->instance[i] = (uint8_t)rng_u64(&f->rng);
        while (!in && (f->until_ns == 0 || clock_ns() < f->until_ns)) {
                struct buf tail = { 0 };
                f->proof = cookie(f);
                say_connect(f, &m, &tail);
                say(f, m);
                buf_free(&tail);
                in = hear(f, DGRAM_ACCEPT, &m);
        }
        if (!in)
                return;
        f->tag = m.accept.session_tag;
        f->epoch = m.epoch;
        f->head = m.accept.all.head;
        f->over = false;
        f->sessions++;
}

static void stock(struct flooder *f)
{
        struct buf event = { 0 };
        bool heard = false;
        if (event_begin(&event, "loot", 1) != 0 || pack_put_text(&event, bytes_of(f->event, EVENT_BYTES - 32)) != 0)
                die("no memory");
        for (int i = 0; i < EVENTS; i++) {
                struct dgram_msg m;
                pub(f, &m, event.n);
                m.pub.event = buf_bytes(&event);
                say(f, m);
                if (i % 50 == 49)
                        heard |= hear(f, DGRAM_PUB_ACK,
                                      &m); /* a busy server, or one that passes over the rest of them */
        }
        buf_free(&event);
        if (!heard)
                die("no PUB_ACK");
}

static void wait_for_rate(const struct flooder *f, uint64_t sent)
{
        int64_t due_ns = f->rate ? (int64_t)((double)sent * 1e9 / (double)f->rate) - (clock_ns() - f->begun_ns) : 0;
        if (due_ns > 0)
                nanosleep(&(struct timespec){ due_ns / 1000000000, due_ns % 1000000000 }, NULL);
}

static void flood(struct flooder *f, const struct what *what)
{
        uint8_t out[DGRAM_BYTES_MAX];
        uint64_t before = f->sent;
        bool slow = f->rate > 0 && f->rate < 100 * BATCH;
        while (clock_ns() < f->until_ns) {
                for (int i = 0; i < (slow ? 1 : BATCH); i++) {
                        size_t n = fill(f, what, out);
                        send_to(f, out, n);
                }
                drain(f);
                if (f->over)
                        come_in(f);
                wait_for_rate(f, f->sent - before);
        }
}

int main(int argc, char **argv)
{
        static struct flooder f;
        const struct what *what = NULL;
        for (size_t i = 0; argc == 7 && i < sizeof whats / sizeof *whats; i++)
                what = strcmp(argv[6], whats[i].name) == 0 ? &whats[i] : what;
        if (!what)
                return 2;
        f.rng = rng_seeded(strtoull(argv[3], NULL, 10), argv[6]); /* each an instance of its own */
        f.rate = strtoll(argv[4], NULL, 10);
        memset(f.event, 'l', sizeof f.event);
        open_socket(&f, argv[1], argv[2]);
        f.proofs[1] = cookie(&f);
        come_in(&f);
        f.proofs[0] = f.proof;
        stock(&f);
        drain(&f);
        f.sent = f.bytes = f.back = f.back_bytes = 0;
        f.begun_ns = clock_ns();
        f.until_ns = f.begun_ns + strtoll(argv[5], NULL, 10) * 1000000;
        flood(&f, what);
        int64_t took_ns = clock_ns() - f.begun_ns;
        nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
        drain(&f);
        int64_t heard_ns = clock_ns() - f.begun_ns;
        printf("{\"sent\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"messages\":%" PRIu32 ",\"back\":%" PRIu64
               ",\"back_bytes\":%" PRIu64 ",\"sessions\":%" PRIu64 ",\"ms\":%" PRId64 ",\"heard_ms\":%" PRId64 "}\n",
               f.sent, f.bytes, f.turn, f.back, f.back_bytes, f.sessions, took_ns / 1000000, heard_ns / 1000000);
        return 0;
}
