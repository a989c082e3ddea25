#include "client/client_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/group_io.h"
#include "client/refusal.h"
#include "core/loop/loop.h"

enum {
        READ_BYTES = 64 << 10,
        READ_BYTES_TURN = 256 << 10, /* then the other sockets have their say */
        BATCH = 32,                  /* datagrams read by one call */
        DATAGRAM_BYTES = 2048,       /* more than any that is sent; the rest of a larger one is cut off */
        WRITE_BYTES = 16 << 10,
};
static const int64_t close_wait_ns = NS_PER_S; /* for the last words to a peer that does not read */

enum io_state { IO_CLOSED, IO_CONNECTING, IO_OPEN };

struct client_io {
        struct client_io_config config;
        const struct transport *t;
        struct client *engine;
        struct loop *loop;
        struct watch watch;
        struct alarm alarm;
        struct group_io group;
        int fd;
        enum io_state state;
        uint32_t to_at;         /* the address in use */
        uint32_t tried;         /* addresses, since one last answered */
        struct buf rest;        /* given by the engine, not taken by the kernel */
        struct mono close_by;   /* with `rest` unsent and the wish CLOSE */
        struct refusal refusal; /* UDP */
        bool told_open;         /* the engine thinks that its socket is open */
        bool up;                /* the engine has said UP on this socket */
        bool busy;              /* inside a turn */
        struct client_io_figures figures;
};

/* Not zeroed, whatever the compiler's flags: it is written by the kernel before it is read. */
#define SCRATCH __attribute__((uninitialized))

/* ---- events ----------------------------------------------------------------------------------- */

static bool drain(struct client_io *io, struct mono now)
{
        struct client_event ev;
        bool any = false;
        while (io->t->next(io->engine, &ev)) {
                if (ev.kind == CLIENT_UP || ev.kind == CLIENT_DOWN)
                        io->up = ev.kind == CLIENT_UP;
                io->config.event(io->config.owner, now, &ev);
                any = true;
        }
        return any;
}

/* ---- opening and closing ---------------------------------------------------------------------- */

static void set_state(struct client_io *io, enum io_state state)
{
        static const unsigned wants[] = { [IO_CLOSED] = 0, [IO_CONNECTING] = WATCH_WRITE, [IO_OPEN] = WATCH_READ };
        io->state = state;
        watch_want(&io->watch, wants[state]);
}

static void tell_drops(struct client_io *io)
{
        if (io->t->dropped)
                io->t->dropped(io->engine, client_io_figures(io).kernel_drops);
}

static void drop_socket(struct client_io *io)
{
        if (io->fd < 0)
                return;
        tell_drops(io);
        if (io->t->datagrams)
                io->figures.kernel_drops += sock_drops(io->fd);
        group_io_close(&io->group);
        watch_end(&io->watch);
        set_state(io, IO_CLOSED);
        close(io->fd);
        io->fd = -1;
        io->up = false;
        buf_free(&io->rest);
        io->close_by = MONO_NEVER;
}

/* The engine learns of it first, then the owner. */
static void lose(struct client_io *io, struct mono now, const char *why)
{
        drop_socket(io);
        io->tried = 0;
        io->told_open = false;
        io->t->closed(io->engine, now, why);
        drain(io, now);
        if (io->config.closed)
                io->config.closed(io->config.owner, now, why);
}

static const char *words(int number)
{
        const char *text = strerrordesc_np(number);
        return text ? text : "unknown error";
}

static int open_fd(struct client_io *io)
{
        const struct client_io_config *c = &io->config;
        const struct sock_addr *to = &c->to[io->to_at];
        if (io->t->datagrams)
                return sock_udp_connect(to, c->source_port, c->receive_bytes);
        int fd = sock_tcp_connect(to, c->source_port);
        if (fd >= 0 &&
            (sock_nodelay_set(fd, !c->nagle) < 0 || (c->congestion && sock_congestion_set(fd, c->congestion) < 0))) {
                int kept = errno;
                close(fd);
                errno = kept;
                return -1;
        }
        return fd;
}

static void note_opened(struct client_io *io, struct mono now)
{
        struct client_io_figures *f = &io->figures;
        struct sock_addr local;
        f->opens++;
        refusal_heard(&io->refusal);
        f->receive_bytes = sock_receive_bytes(io->fd);
        if (!io->t->datagrams) {
                f->nodelay = sock_nodelay(io->fd);
                sock_congestion(io->fd, f->congestion);
        }
        f->local_port = sock_local(io->fd, &local) == 0 ? sock_addr_port(&local) : 0;
        set_state(io, IO_OPEN);
        if (!io->told_open)
                io->t->opened(io->engine, now);
        io->told_open = true;
}

static void on_ready(void *ctx, unsigned what);
static void on_group(void *ctx, unsigned what);

/* Opens a socket to the address in turn, or to the next that does not fail at once; `number` says
 * what was wrong with the last one. With none left the engine is told. */
static void open_from(struct client_io *io, struct mono now, int number)
{
        for (; io->tried < io->config.to_n; io->tried++, io->to_at = (io->to_at + 1) % io->config.to_n) {
                io->fd = open_fd(io);
                if (io->fd >= 0) {
                        watch_init(&io->watch, io->loop, io->fd, on_ready, io);
                        if (io->t->datagrams)
                                note_opened(io, now);
                        else
                                set_state(io, IO_CONNECTING);
                        return;
                }
                number = errno;
        }
        io->figures.open_failures++;
        lose(io, now, words(number));
}

/* The address in use does not answer: the next one, if there is one left. On UDP the engine then
 * goes on as if nothing had been: what it repeats goes to the new address. */
static void try_next(struct client_io *io, struct mono now, int number)
{
        drop_socket(io);
        io->tried++;
        io->to_at = (io->to_at + 1) % io->config.to_n;
        open_from(io, now, number);
}

static void finish_connect(struct client_io *io, struct mono now)
{
        int number = sock_error(io->fd);
        if (number) {
                try_next(io, now, number);
                return;
        }
        io->tried = 0;
        note_opened(io, now);
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* Words from the network about the network (ICMP) may be late or a lie, and the engine notices silence
 * by itself. But refused before the session is up nobody is there, most likely, and waiting longer
 * would help nobody. */
static bool is_soft(struct client_io *io, struct mono now, int number)
{
        if (number == EAGAIN || number == EINTR)
                return true;
        if (!io->t->datagrams)
                return false;
        return number != ECONNREFUSED || (io->up && !refusal_said(&io->refusal, now));
}

static void take(struct client_io *io, struct mono now, const uint8_t *in, size_t n)
{
        io->t->recv(io->engine, now, in, n);
        drain(io, now);
}

/* Both return the bytes read, 0 when there is nothing more to read for now. */
static size_t read_datagrams(struct client_io *io)
{
        SCRATCH uint8_t space[BATCH][DATAGRAM_BYTES];
        struct iovec iov[BATCH];
        struct mmsghdr v[BATCH];
        memset(v, 0, sizeof v);
        for (int i = 0; i < BATCH; i++) {
                iov[i] = (struct iovec){ space[i], sizeof space[i] };
                v[i].msg_hdr.msg_iov = &iov[i];
                v[i].msg_hdr.msg_iovlen = 1;
        }
        int n = recvmmsg(io->fd, v, BATCH, 0, NULL);
        int number = errno;
        struct mono now = loop_clock();
        if (n < 0) {
                if (!is_soft(io, now, number))
                        try_next(io, now, number);
                return 0;
        }
        size_t bytes = 0;
        io->figures.reads++;
        refusal_heard(&io->refusal);
        for (int i = 0; i < n; i++) {
                bytes += v[i].msg_len + 1; /* an empty datagram is something read, too */
                take(io, now, space[i], v[i].msg_len);
        }
        return n == BATCH ? bytes : 0;
}

static size_t read_stream(struct client_io *io)
{
        SCRATCH uint8_t space[READ_BYTES];
        ssize_t n = recv(io->fd, space, sizeof space, 0);
        int number = errno;
        struct mono now = loop_clock();
        if (n > 0) {
                io->figures.reads++;
                take(io, now, space, (size_t)n);
        } else if (n == 0) {
                lose(io, now, "closed by the server");
        } else if (!is_soft(io, now, number)) {
                lose(io, now, words(number));
        }
        return n == sizeof space ? sizeof space : 0;
}

static void read_all(struct client_io *io)
{
        size_t total = 0, n = 1;
        while (n > 0 && total < READ_BYTES_TURN && io->state == IO_OPEN) {
                n = io->t->datagrams ? read_datagrams(io) : read_stream(io);
                total += n;
        }
}

/* ---- writing ---------------------------------------------------------------------------------- */

/* Gives the kernel n bytes and keeps what it does not take now. False: no more for now. */
static bool write_out(struct client_io *io, struct mono now, const uint8_t *at, size_t n)
{
        ssize_t sent = send(io->fd, at, n, MSG_NOSIGNAL);
        int number = errno;
        if (sent == (ssize_t)n) {
                io->figures.writes++;
                return true;
        }
        if (sent < 0 && number != EAGAIN && number != EINTR) {
                io->figures.lost_writes += io->t->datagrams;
                if (is_soft(io, now, number))
                        return true; /* as good as lost on the way */
                if (io->t->datagrams)
                        try_next(io, now, number);
                else
                        lose(io, now, words(number));
                return false;
        }
        io->figures.cut_writes++;
        size_t done = sent > 0 ? (size_t)sent : 0;
        if (buf_put(&io->rest, at + done, n - done) != 0 && !io->t->datagrams)
                lose(io, now, words(ENOMEM)); /* a stream with a hole would be worse */
        return false;
}

static bool write_rest(struct client_io *io, struct mono now)
{
        if (io->rest.n == 0)
                return true;
        struct buf rest = io->rest;
        io->rest = (struct buf){ 0 };
        bool done = write_out(io, now, rest.at, rest.n);
        buf_free(&rest);
        return done;
}

static void write_all(struct client_io *io, struct mono now)
{
        SCRATCH uint8_t space[WRITE_BYTES];
        size_t n;
        bool more = write_rest(io, now);
        while (more && io->state == IO_OPEN && (n = io->t->send(io->engine, now, space, sizeof space)) > 0)
                more = write_out(io, now, space, n);
        if (io->state == IO_OPEN)
                watch_want(&io->watch, WATCH_READ | (io->rest.n ? WATCH_WRITE : 0));
}

/* ---- a turn ----------------------------------------------------------------------------------- */

static void close_when_said(struct client_io *io, struct mono now)
{
        if (mono_is_never(io->close_by))
                io->close_by = mono_add(now, close_wait_ns);
        if (io->rest.n == 0 || io->state == IO_CONNECTING || !mono_before(now, io->close_by))
                lose(io, now, "closed");
}

static void set_alarm(struct client_io *io, struct mono now)
{
        struct mono at = mono_min(io->t->deadline(io->engine), io->close_by);
        if (io->state == IO_CLOSED && io->t->wish(io->engine) == CLIENT_OPEN)
                at = now;
        alarm_set(&io->alarm, at);
}

static void turn(struct client_io *io, struct mono now)
{
        bool may_open = io->state == IO_CLOSED;
        drain(io, now);
        do {
                if (may_open && io->t->wish(io->engine) == CLIENT_OPEN)
                        open_from(io, now, 0);
                may_open = false; /* once a turn: an engine that never tires must not spin here */
                if (io->state == IO_OPEN)
                        write_all(io, now);
                if (io->state != IO_CLOSED && io->t->wish(io->engine) == CLIENT_CLOSE)
                        close_when_said(io, now);
        } while (drain(io, now));
        group_io_follow(&io->group, io->loop, io->t, io->engine, io->fd, io->config.receive_bytes, on_group, io);
        set_alarm(io, now);
}

static void overhear(void *ctx, struct mono now, const uint8_t *in, size_t n)
{
        struct client_io *io = ctx;
        io->t->overheard(io->engine, now, in, n);
        drain(io, now);
}

static void on_group(void *ctx, unsigned what)
{
        struct client_io *io = ctx;
        size_t total = 0, n = 1;
        (void)what;
        io->busy = true;
        while (n > 0 && total < READ_BYTES_TURN && io->group.fd >= 0) {
                n = group_io_read(&io->group, overhear, io);
                total += n;
        }
        turn(io, loop_clock());
        io->busy = false;
}

static void on_ready(void *ctx, unsigned what)
{
        struct client_io *io = ctx;
        io->busy = true;
        if (io->state == IO_CONNECTING)
                finish_connect(io, loop_clock());
        else if (what & WATCH_READ)
                read_all(io);
        turn(io, loop_clock());
        io->busy = false;
}

static void on_ring(void *ctx)
{
        struct client_io *io = ctx;
        struct mono now = loop_clock();
        io->busy = true;
        tell_drops(io);
        if (!mono_before(now, io->t->deadline(io->engine)))
                io->t->expire(io->engine, now);
        turn(io, now);
        io->busy = false;
}

void client_io_turn(struct client_io *io)
{
        if (io->busy)
                return;
        io->busy = true;
        turn(io, loop_clock());
        io->busy = false;
}

/* ---- life ------------------------------------------------------------------------------------- */

struct client_io *client_io_create(struct loop *loop, const struct client_io_config *config)
{
        struct client_io *io = calloc(1, sizeof *io);
        if (!io)
                return NULL;
        *io = (struct client_io){
                .config = *config, .t = config->transport, .loop = loop, .fd = -1, .close_by = MONO_NEVER
        };
        group_io_init(&io->group);
        struct mono now = loop_clock();
        io->engine = io->t->create(&io->config.engine, now);
        if (!io->engine) {
                free(io);
                return NULL;
        }
        alarm_init(&io->alarm, loop, on_ring, io);
        alarm_set(&io->alarm, now);
        return io;
}

void client_io_destroy(struct client_io *io)
{
        if (!io)
                return;
        drop_socket(io);
        alarm_end(&io->alarm);
        io->t->destroy(io->engine);
        buf_free(&io->rest);
        free(io);
}

struct client *client_io_engine(struct client_io *io)
{
        return io->engine;
}

const struct transport *client_io_transport(const struct client_io *io)
{
        return io->t;
}

bool client_io_is_open(const struct client_io *io)
{
        return io->fd >= 0;
}

struct client_io_figures client_io_figures(const struct client_io *io)
{
        struct client_io_figures f = io->figures;
        f.kernel_drops += group_io_drops(&io->group);
        if (io->fd >= 0 && io->t->datagrams)
                f.kernel_drops += sock_drops(io->fd);
        return f;
}
