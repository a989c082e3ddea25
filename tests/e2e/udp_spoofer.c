/* udp_spoofer: somebody at 256 addresses who sends to a UDP server what he should not, fast.
 *
 *     udp_spoofer TO sweep SEED RATE TAG PKTNO EPOCH CHANNEL KEY MINUTE
 *         every type at every length from 0 to 1,500, each with one of the lies below
 *     udp_spoofer TO flood SEED RATE TAG PKTNO EPOCH CHANNEL KEY MINUTE LIE SECONDS
 *         one lie (or `any`): RATE x SECONDS of them however long that takes, without a RATE what goes in SECONDS;
 * their types, lengths and addresses are drawn
 *
 * TO is an IPv4 loopback address with its port; in a sweep the type t is sent from
 * 127.0.t.1, so each has a /24 of its own. RATE is datagrams a second (0: as fast as it goes). TAG, PKTNO, EPOCH and
 * CHANNEL are of a live session of somebody else: the tag, the highest pktno it has used, the log's epoch, a room's
 * tag. KEY and MINUTE are of a COOKIE of now.
 *
 * Prints one line of JSON: what was sent and what came back, in all and for each type, in bytes.
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
#include "core/wire/dgram.h"

enum { TYPES = 256, LENGTHS = 1501, BATCH = 64, POOL = 1 << 16, QUIET_MS = 200 };

struct victim {
        uint64_t tag, channel;
        uint32_t pktno, epoch;
        uint8_t key_id, minute;
};

/* What a datagram's head says of it; what is behind is random, or zeros. */
struct head {
        uint16_t magic, flags, length;
        uint8_t version, type;
        uint64_t tag;
        uint32_t epoch, pktno; /* in CONNECT the nonce; behind it stand: */
        uint8_t key_id, minute;
};

struct way {
        uint64_t sent, bytes, back, back_bytes;
};

struct spoofer {
        struct rng rng;
        struct victim victim;
        int fd[TYPES];
        struct way way[TYPES];
        uint64_t sent, refused;
        int64_t rate, begun_ns;
        uint8_t pool[POOL + LENGTHS], zeros[LENGTHS];
};

/* ---- lies --------------------------------------------------------------------------------- */

static void honest(struct spoofer *s, struct head *h)
{
        (void)s, (void)h;
}

static void noise(struct spoofer *s, struct head *h)
{
        h->magic = (uint16_t)rng_u64(&s->rng);
        h->version = (uint8_t)rng_u64(&s->rng);
}

static void another_version(struct spoofer *s, struct head *h)
{
        h->version = (uint8_t)rng_u64(&s->rng);
}

static void another_length(struct spoofer *s, struct head *h)
{
        h->length = (uint16_t)(rng_below(&s->rng, 2) ? h->length + 1 - 2 * rng_below(&s->rng, 2) : rng_u64(&s->rng));
}

static void flags(struct spoofer *s, struct head *h)
{
        h->flags = (uint16_t)rng_u64(&s->rng);
        h->tag = 0;
}

static void old_pktno(struct spoofer *s, struct head *h)
{
        h->tag = s->victim.tag;
        h->pktno = (uint32_t)rng_below(&s->rng, s->victim.pktno + UINT64_C(1));
}

static void new_pktno(struct spoofer *s, struct head *h)
{
        h->tag = s->victim.tag;
        h->pktno = s->victim.pktno + 1 + (uint32_t)rng_below(&s->rng, 1000);
}

static void last_pktno(struct spoofer *s, struct head *h)
{
        h->tag = s->victim.tag;
        h->pktno = UINT32_MAX;
}

static void another_epoch(struct spoofer *s, struct head *h)
{
        new_pktno(s, h);
        h->epoch ^= 1u << rng_below(&s->rng, 32);
}

static void another_bit(struct spoofer *s, struct head *h)
{
        new_pktno(s, h);
        h->tag ^= UINT64_C(1) << rng_below(&s->rng, 64);
}

static void channel(struct spoofer *s, struct head *h)
{
        h->tag = s->victim.channel;
}

static void cookie(struct spoofer *s, struct head *h)
{
        h->key_id = s->victim.key_id;
        h->minute = s->victim.minute;
}

/* type, bytes: in a flood; ANY: drawn. padded: the message is its head alone, and zeros follow. */
enum { ANY = 0 };
static const struct lie {
        const char *name;
        void (*tell)(struct spoofer *s, struct head *h);
        uint8_t type;
        uint16_t bytes;
        bool padded;
} lies[] = {
        { "honest", honest, DGRAM_PING, 64, false }, /* but nobody has that tag */
        { "padded", honest, ANY, ANY, true },
        { "noise", noise, ANY, 64, false },
        { "version", another_version, ANY, ANY, false },
        { "length", another_length, ANY, ANY, false },
        { "flags", flags, ANY, ANY, false },
        { "old-pktno", old_pktno, DGRAM_PING, 64, false },
        { "new-pktno", new_pktno, DGRAM_PING, 64, false },
        { "last-pktno", last_pktno, ANY, ANY, false },
        { "epoch", another_epoch, ANY, ANY, false },
        { "bit", another_bit, DGRAM_PING, 64, false },
        { "channel", channel, DGRAM_DATA, 96, false },
        { "cookie", cookie, DGRAM_CONNECT, DGRAM_CONNECT_BYTES_MIN, false }, /* its key and minute, not its MAC */
        { "hello", honest, DGRAM_HELLO, DGRAM_HELLO_BYTES, false },          /* a good one; floods only */
};

enum { LIES = sizeof lies / sizeof *lies, SWEEP_LIES = LIES - 1 };

/* ---- sending ------------------------------------------------------------------------------ */

static int64_t clock_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void die(const char *words)
{
        perror(words);
        exit(1);
}

static void wait_for_rate(const struct spoofer *s)
{
        int64_t due_ns = s->rate ? (int64_t)((double)s->sent * 1e9 / (double)s->rate) - (clock_ns() - s->begun_ns) : 0;
        if (due_ns > 0)
                nanosleep(&(struct timespec){ due_ns / 1000000000, due_ns % 1000000000 }, NULL);
}

struct shot {
        uint8_t head[DGRAM_SESSION_HEADER + 2];
        struct iovec iov[2];
};

static void aim(struct spoofer *s, struct shot *shot, const struct lie *lie, uint8_t type, size_t bytes)
{
        uint64_t drawn = rng_u64(&s->rng);
        struct head h = { DGRAM_MAGIC,
                          0,
                          (uint16_t)bytes,
                          DGRAM_VERSION,
                          type,
                          rng_u64(&s->rng),
                          s->victim.epoch,
                          (uint32_t)drawn,
                          (uint8_t)(drawn >> 32),
                          (uint8_t)(drawn >> 40) };
        if (lie->padded)
                h.length = DGRAM_SESSION_HEADER;
        lie->tell(s, &h);
        struct writer w = writer_of(shot->head, sizeof shot->head);
        writer_u16(&w, h.magic);
        writer_u8(&w, h.version);
        writer_u8(&w, h.type);
        writer_u16(&w, h.flags);
        writer_u16(&w, h.length);
        writer_u64(&w, h.tag);
        writer_u32(&w, h.epoch);
        writer_u32(&w, h.pktno);
        writer_u8(&w, h.key_id);
        writer_u8(&w, h.minute);
        if (type == DGRAM_HELLO || type == DGRAM_CONNECT) /* those have none */
                memset(shot->head + 8, 0, 8);
        size_t head_bytes = bytes < sizeof shot->head ? bytes : sizeof shot->head;
        uint8_t *rest = lie->padded ? s->zeros : s->pool + rng_below(&s->rng, POOL);
        shot->iov[0] = (struct iovec){ shot->head, head_bytes };
        shot->iov[1] = (struct iovec){ rest, bytes - head_bytes };
}

static void hear(struct spoofer *s, int type)
{
        uint8_t in[2048];
        ssize_t n;
        while ((n = recv(s->fd[type], in, sizeof in, MSG_DONTWAIT)) >= 0) {
                s->way[type].back++;
                s->way[type].back_bytes += (uint64_t)n;
        }
}

/* Sends what was aimed, from one address. */
static void fire(struct spoofer *s, struct shot *shots, int n, int from)
{
        struct mmsghdr msgs[BATCH];
        memset(msgs, 0, sizeof msgs);
        for (int i = 0; i < n; i++) {
                msgs[i].msg_hdr.msg_iov = shots[i].iov;
                msgs[i].msg_hdr.msg_iovlen = 2;
        }
        wait_for_rate(s);
        for (int done = 0; done < n;) {
                int went = sendmmsg(s->fd[from], msgs + done, (unsigned)(n - done), 0);
                for (int i = 0; i < went; i++) {
                        s->way[from].sent++;
                        s->way[from].bytes += msgs[done + i].msg_len;
                }
                s->refused += went < 0;
                done += went > 0 ? went : 1;
        }
        s->sent += (uint64_t)n;
        hear(s, from);
}

static void sweep(struct spoofer *s)
{
        struct shot shots[BATCH];
        for (size_t from = 0; from < LENGTHS; from += BATCH)
                for (int type = 0; type < TYPES; type++) {
                        int n = 0;
                        for (; n < BATCH && from + (size_t)n < LENGTHS; n++)
                                aim(s, &shots[n], &lies[rng_below(&s->rng, SWEEP_LIES)], (uint8_t)type,
                                    from + (size_t)n);
                        fire(s, shots, n, type);
                }
}

static void flood(struct spoofer *s, const char *name, int64_t seconds)
{
        struct shot shots[BATCH];
        const struct lie *lie = NULL;
        for (int i = 0; i < LIES; i++)
                lie = strcmp(name, lies[i].name) == 0 ? &lies[i] : lie;
        if (!lie && strcmp(name, "any") != 0)
                exit(2);
        uint64_t most = s->rate ? (uint64_t)(s->rate * seconds) : UINT64_MAX;
        while (s->sent < most && (s->rate || clock_ns() - s->begun_ns < seconds * 1000000000)) {
                for (int i = 0; i < BATCH; i++) {
                        const struct lie *l = lie ? lie : &lies[rng_below(&s->rng, LIES)];
                        aim(s, &shots[i], l, l->type ? l->type : (uint8_t)rng_u64(&s->rng),
                            l->bytes ? l->bytes : rng_below(&s->rng, LENGTHS));
                }
                fire(s, shots, BATCH, (int)rng_below(&s->rng, TYPES));
        }
}

/* ---- the program -------------------------------------------------------------------------- */

static void open_sockets(struct spoofer *s, const char *to)
{
        char host[INET_ADDRSTRLEN] = "";
        uint16_t port = 0;
        struct sockaddr_in there = { .sin_family = AF_INET };
        if (sscanf(to, "%15[0-9.]:%" SCNu16, host, &port) != 2 || inet_pton(AF_INET, host, &there.sin_addr) != 1)
                exit(2);
        there.sin_port = htons(port);
        for (uint32_t type = 0; type < TYPES; type++) {
                struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F000001 + (type << 8)) };
                s->fd[type] = socket(AF_INET, SOCK_DGRAM, 0);
                if (s->fd[type] < 0 || bind(s->fd[type], (const struct sockaddr *)&own, sizeof own) != 0 ||
                    connect(s->fd[type], (const struct sockaddr *)&there, sizeof there) != 0)
                        die("udp_spoofer: socket");
        }
}

static void tell(struct spoofer *s, int64_t took_ns)
{
        struct way all = { 0 };
        for (int type = 0; type < TYPES; type++) {
                hear(s, type);
                all.sent += s->way[type].sent;
                all.bytes += s->way[type].bytes;
                all.back += s->way[type].back;
                all.back_bytes += s->way[type].back_bytes;
        }
        printf("{\"sent\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"back\":%" PRIu64 ",\"back_bytes\":%" PRIu64
               ",\"refused\":%" PRIu64 ",\"ms\":%" PRId64 ",\"types\":[",
               all.sent, all.bytes, all.back, all.back_bytes, s->refused, took_ns / 1000000);
        for (int type = 0; type < TYPES; type++)
                printf("%s[%" PRIu64 ",%" PRIu64 "]", type ? "," : "", s->way[type].bytes, s->way[type].back_bytes);
        puts("]}");
}

int main(int argc, char **argv)
{
        static struct spoofer s;
        bool floods = argc == 13 && strcmp(argv[2], "flood") == 0;
        if (!floods && !(argc == 11 && strcmp(argv[2], "sweep") == 0))
                return 2;
        s.rng = rng_seeded(strtoull(argv[3], NULL, 10), "spoofer");
        s.rate = strtoll(argv[4], NULL, 10);
        s.victim = (struct victim){ .tag = strtoull(argv[5], NULL, 10),
                                    .pktno = (uint32_t)strtoul(argv[6], NULL, 10),
                                    .epoch = (uint32_t)strtoul(argv[7], NULL, 10),
                                    .channel = strtoull(argv[8], NULL, 10),
                                    .key_id = (uint8_t)strtoul(argv[9], NULL, 10),
                                    .minute = (uint8_t)strtoul(argv[10], NULL, 10) };
        for (size_t i = 0; i + 8 <= sizeof s.pool; i += 8)
                memcpy(s.pool + i, &(uint64_t){ rng_u64(&s.rng) }, 8);
        open_sockets(&s, argv[1]);
        s.begun_ns = clock_ns();
        if (floods)
                flood(&s, argv[11], strtoll(argv[12], NULL, 10));
        else
                sweep(&s);
        int64_t took_ns = clock_ns() - s.begun_ns;
        nanosleep(&(struct timespec){ 0, QUIET_MS * 1000000L }, NULL); /* for the last answers */
        tell(&s, took_ns);
        return 0;
}
