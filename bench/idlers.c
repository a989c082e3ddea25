#include "bench/idlers.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/err.h"

enum {
        ABREAST = 64,      /* at work together: each finds its answer there when its turn comes */
        PER_ADDRESS = 100, /* connections from one address, then the next one's */
        ADDRESSES = 1 << 14,
        WAIT_S = 10,      /* for anything that the server owes us */
        HEARD_MAX = 4096, /* an answer with all that comes along */
        SID_CHARS = 20,
        WHY_BYTES = 200,
};

/* ---- scripts ------------------------------------------------------------------------------ */

/* Client frames with a mask of zeros, so that they can be read here. */
#define FRAME(opcode, n) opcode n "\0\0\0\0"
#define TEXT(text, n)    FRAME("\x81", n) text
#define UPGRADE                                                                      \
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"  \
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
#define POLL(method) method " /socket.io/?EIO=4&transport=polling"
#define REST         " HTTP/1.1\r\nHost: localhost\r\n"
#define BODY(body)   REST "Content-Length: " body

/* One line of a script: say it, then read until the answer has come. SAY counts a literal's bytes. */
struct line {
        const char *say;
        size_t say_n;
        const char *hear; /* NULL: nothing is waited for */
        const char *sid;  /* said first, with the session's id and then `say` behind it; NULL: as it is */
};

#define SAY(text) .say = (text), .say_n = sizeof(text) - 1
#define LINES_MAX 5

enum ending { END_CLOSE, END_RESET };

struct script {
        struct line line[LINES_MAX];
        enum ending ending;
};

static const struct script websocket = { { { SAY(UPGRADE), .hear = "0{" } }, END_CLOSE };
static const struct script join = { { { SAY(TEXT("40", "\x82")), .hear = "40{" } }, END_CLOSE };

#define WEBSOCKET_JOINS                                        \
        {                                                      \
                SAY(UPGRADE TEXT("40", "\x82")), .hear = "40{" \
        }
#define POLLING_JOINS                                                                    \
        { SAY(POLL("GET") REST "\r\n"), .hear = "\"sid\":\"" },                          \
                { .sid = POLL("POST") "&sid=", SAY(BODY("2\r\n\r\n40")), .hear = "ok" }, \
        {                                                                                \
                .sid = POLL("GET") "&sid=", SAY(REST "\r\n"), .hear = "40{"              \
        }

static const struct script cycles[] = {
        { { WEBSOCKET_JOINS }, END_CLOSE },
        { { WEBSOCKET_JOINS }, END_RESET },
        { { WEBSOCKET_JOINS, { SAY(FRAME("\x88", "\x80")) } }, END_CLOSE },
        { { WEBSOCKET_JOINS, { SAY(TEXT("41", "\x82")) } }, END_CLOSE },
        { { WEBSOCKET_JOINS }, END_RESET },
        { { POLLING_JOINS, { .sid = POLL("POST") "&sid=", SAY(BODY("1\r\n\r\n1")), .hear = "ok" } }, END_CLOSE },
        { { WEBSOCKET_JOINS }, END_CLOSE },
        { { POLLING_JOINS, { .sid = POLL("GET") "&sid=", SAY(REST "\r\n") } }, END_RESET },
};
enum { CYCLE_KINDS = sizeof cycles / sizeof cycles[0] };

/* ---- one of them -------------------------------------------------------------------------- */

struct idler {
        int fd; /* -1: none */
        char sid[SID_CHARS + 1];
};

struct idlers {
        struct sock_addr to;
        uint32_t connections, connects; /* connects: how many so far */
        char why[WHY_BYTES];
        struct idler idler[];
};

__attribute__((format(printf, 2, 3))) static int fail(struct idlers *c, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vsnprintf(c->why, sizeof c->why, format, args);
        va_end(args);
        return ERR_SYSTEM;
}

/* Of 127.0.0.0/8 one after the other; the kernel's choice for other servers. */
static int leave_from_another_address(struct idlers *c, int fd)
{
        const struct sockaddr_in *to = (const struct sockaddr_in *)&c->to.at;
        int on = 1;
        if (to->sin_family != AF_INET || ntohl(to->sin_addr.s_addr) >> 24 != 127)
                return 0;
        uint32_t place = 256 + c->connects / PER_ADDRESS % ADDRESSES;
        struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 + place) };
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        return bind(fd, (struct sockaddr *)&from, sizeof from);
}

static int open_socket(struct idlers *c, struct idler *i)
{
        struct timeval wait = { .tv_sec = WAIT_S };
        i->fd = socket(c->to.at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (i->fd < 0)
                return fail(c, "no socket: %s", strerror(errno));
        (void)setsockopt(i->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        if (leave_from_another_address(c, i->fd) != 0 ||
            connect(i->fd, (const struct sockaddr *)&c->to.at, c->to.n) != 0)
                return fail(c, "connection %u: %s", c->connects, strerror(errno));
        c->connects++;
        (void)sock_nodelay_set(i->fd, true);
        return 0;
}

static void end(struct idler *i, enum ending ending)
{
        struct linger reset = { .l_onoff = 1 };
        if (i->fd < 0)
                return;
        if (ending == END_RESET)
                (void)setsockopt(i->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(i->fd);
        i->fd = -1;
}

static int say(struct idlers *c, const struct idler *i, const struct line *l)
{
        char request[512];
        int n = l->sid ? snprintf(request, sizeof request, "%s%s%s", l->sid, i->sid, l->say) : 0;
        ssize_t sent =
                l->sid ? send(i->fd, request, (size_t)n, MSG_NOSIGNAL) : send(i->fd, l->say, l->say_n, MSG_NOSIGNAL);
        return sent == (ssize_t)(l->sid ? (size_t)n : l->say_n) ? 0
                                                                : fail(c, "the server hung up: %s", strerror(errno));
}

/* Reads until the words are there and returns what follows them; what comes later is left unread. */
static int hear(struct idlers *c, struct idler *i, const char *words)
{
        char heard[HEARD_MAX + 1];
        size_t n = 0;
        const char *at = NULL;
        while (!at) {
                ssize_t got = n < HEARD_MAX ? recv(i->fd, heard + n, HEARD_MAX - n, 0) : 0;
                if (got <= 0)
                        return fail(c, "connection %u: instead of %s came %s", c->connects, words,
                                    got == 0 ? "the end" : strerror(errno));
                n += (size_t)got;
                at = memmem(heard, n, words, strlen(words));
        }
        heard[n] = '\0';
        if (strstr(words, "sid"))
                (void)snprintf(i->sid, sizeof i->sid, "%.*s", SID_CHARS, at + strlen(words));
        return 0;
}

/* ---- many abreast ------------------------------------------------------------------------- */

static const struct script *script_of(const struct script *scripts, uint32_t kinds, uint32_t n)
{
        return &scripts[n % kinds];
}

/* Lets n of them follow their scripts, line by line: all say it, then all hear. */
static int perform(struct idlers *c, struct idler *first, uint32_t n, const struct script *scripts, uint32_t kinds)
{
        int err = 0;
        for (int l = 0; l < LINES_MAX; l++) {
                for (uint32_t i = 0; !err && i < n; i++) {
                        const struct line *line = &script_of(scripts, kinds, i)->line[l];
                        if (line->say)
                                err = say(c, &first[i], line);
                }
                for (uint32_t i = 0; !err && i < n; i++) {
                        const struct line *line = &script_of(scripts, kinds, i)->line[l];
                        if (line->hear)
                                err = hear(c, &first[i], line->hear);
                }
        }
        return err;
}

static int open_sockets(struct idlers *c, struct idler *first, uint32_t n)
{
        int err = 0;
        for (uint32_t i = 0; !err && i < n; i++)
                err = open_socket(c, &first[i]);
        return err;
}

static uint32_t abreast(uint32_t left)
{
        return left < ABREAST ? left : ABREAST;
}

int idlers_open(struct idlers *c)
{
        int err = 0;
        for (uint32_t at = 0, n; !err && at < c->connections; at += n) {
                n = abreast(c->connections - at);
                err = open_sockets(c, &c->idler[at], n);
                err = err ? err : perform(c, &c->idler[at], n, &websocket, 1);
        }
        return err;
}

int idlers_join(struct idlers *c)
{
        int err = 0;
        for (uint32_t at = 0, n; !err && at < c->connections; at += n) {
                n = abreast(c->connections - at);
                err = perform(c, &c->idler[at], n, &join, 1);
        }
        return err;
}

int idlers_check(struct idlers *c)
{
        char byte;
        for (uint32_t i = 0; i < c->connections; i++) {
                ssize_t got = recv(c->idler[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
                if (got == 0 || (got < 0 && errno != EAGAIN))
                        return fail(c, "connection %u of %u was closed by the server", i, c->connections);
        }
        return 0;
}

void idlers_close(struct idlers *c)
{
        for (uint32_t i = 0; i < c->connections; i++)
                end(&c->idler[i], END_CLOSE);
}

int idlers_cycle(struct idlers *c, uint32_t cycles_n)
{
        struct idler team[ABREAST];
        int err = 0;
        for (uint32_t done = 0, n; !err && done < cycles_n; done += n) {
                n = abreast(cycles_n - done);
                for (uint32_t i = 0; i < n; i++)
                        team[i].fd = -1;
                err = open_sockets(c, team, n);
                err = err ? err : perform(c, team, n, cycles, CYCLE_KINDS);
                for (uint32_t i = 0; i < n; i++)
                        end(&team[i], script_of(cycles, CYCLE_KINDS, i)->ending);
        }
        return err;
}

/* ---- life --------------------------------------------------------------------------------- */

struct idlers *idlers_create(const struct sock_addr *to, uint32_t connections)
{
        struct idlers *c = calloc(1, sizeof *c + connections * sizeof c->idler[0]);
        if (!c)
                return NULL;
        c->to = *to;
        c->connections = connections;
        for (uint32_t i = 0; i < connections; i++)
                c->idler[i].fd = -1;
        return c;
}

void idlers_destroy(struct idlers *c)
{
        if (c)
                idlers_close(c);
        free(c);
}

const char *idlers_why(const struct idlers *c)
{
        return c->why;
}
