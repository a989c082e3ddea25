#include "bench/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/crowd.h"
#include "bench/payload.h"
#include "client/client_io.h"
#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/base/units.h"
#include "core/event/pack.h"

#define ANSWER_NS   (3 * NS_PER_S)  /* for each address to answer somebody */
#define JOIN_NS     (15 * NS_PER_S) /* for all subscribers to be in the room */
#define AHEAD_NS    (1 * NS_PER_S)  /* from all joined to t0: joins have settled by then */
#define DRAIN_NS    (30 * NS_PER_S)
#define LOOK_NS     (20 * NS_PER_MS) /* between two looks at joins, accounts and goodbyes */
#define GOODBYE_NS  (500 * NS_PER_MS)
#define PROGRESS_NS (1 * NS_PER_S)

enum phase { JOINING, SAYING, DRAINING, LEAVING, OVER };

struct run {
        const struct run_config *config;
        struct loop *loop;
        struct crowd *crowd[PATHS_MAX];
        struct client_io *publisher;
        bool publisher_up;
        struct alarm look, say, progress;
        enum phase phase;
        struct mono since, t0, drained; /* since: the phase began */
        uint32_t run;                   /* the payloads' tag */
        uint32_t said, answered, refused;
        int64_t *call; /* of each event said */
        uint64_t kernel_drops;
        int err;
        char *why;
        struct buf event;
        char *payload;
};

static void fail(struct run *r, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void fail(struct run *r, int err, const char *format, ...)
{
        va_list args;
        if (r->err)
                return;
        va_start(args, format);
        vsnprintf(r->why, RUN_WHY_MAX, format, args);
        va_end(args);
        r->err = err;
        loop_stop(r->loop);
}

static void enter(struct run *r, enum phase phase, struct mono now)
{
        r->phase = phase;
        r->since = now;
}

/* ---- the publisher ------------------------------------------------------------------------ */

/* ["in", room, name, payload]: to all in the room; the publisher itself is not in it. */
static int make_call(struct run *r, uint32_t index)
{
        uint32_t bytes = r->config->plan->events[index].bytes;
        payload_write(r->run, index, r->payload, bytes);
        r->event.n = 0;
        int err = pack_put_array(&r->event, 4);
        if (!err)
                err = pack_put_word(&r->event, "in");
        if (!err)
                err = pack_put_word(&r->event, CROWD_ROOM);
        if (!err)
                err = pack_put_word(&r->event, CROWD_EVENT);
        if (!err)
                err = pack_put_text(&r->event, bytes_of(r->payload, bytes));
        return err;
}

/* Says what is due. Stops early when the transport wants answers first; an answer goes on here. */
static void say_due(struct run *r)
{
        const struct plan *plan = r->config->plan;
        struct client *engine = client_io_engine(r->publisher);
        struct mono now = loop_clock();
        while (r->said < plan->events_n && mono_since(now, r->t0) >= plan->events[r->said].at_ns) {
                int64_t call = make_call(r, r->said);
                if (call == 0)
                        call = client_io_transport(r->publisher)->call(engine, now, buf_bytes(&r->event));
                if (call == ERR_FULL)
                        break;
                if (call < 0) {
                        fail(r, (int)call, "the publisher cannot say event %u: %s", r->said, err_text((int)call));
                        return;
                }
                r->call[r->said] = call;
                for (int i = 0; i < r->config->paths; i++)
                        ledger_sent(crowd_ledger(r->crowd[i]), r->said, now);
                r->said++;
        }
        client_io_turn(r->publisher);
        if (r->said < plan->events_n)
                alarm_set(&r->say, mono_add(r->t0, plan->events[r->said].at_ns));
        else if (r->phase == SAYING)
                enter(r, DRAINING, now);
}

static void on_say(void *ctx)
{
        say_due(ctx);
}

/* The place that the log gave the event: {eid, seq}. The answer does not tell the log's epoch; a path
 * whose subscribers all miss the event would have it from nobody, so it is the one they hear. */
static void answered(struct run *r, const struct client_event *ev)
{
        struct bytes rest = ev->answer, item;
        struct ledger_place place = { 0 };
        uint32_t index = r->answered;
        while (index < r->said && r->call[index] != (int64_t)ev->call)
                index++;
        if (index == r->said)
                return; /* to another call than an event's */
        r->answered += index == r->answered;
        r->call[index] = -1;
        while (r->answered < r->said && r->call[r->answered] == -1)
                r->answered++;
        if (ev->status != CLIENT_OK || !pack_next(&rest, &item) ||
            !pack_get_u64(pack_map_text(item, "eid"), &place.eid)) {
                r->refused++;
                return;
        }
        (void)pack_get_u64(pack_map_text(item, "seq"), &place.seq);
        for (int i = 0; i < r->config->paths; i++) {
                place.epoch = crowd_epoch(r->crowd[i]);
                (void)ledger_placed(crowd_ledger(r->crowd[i]), index, place);
        }
}

static void on_publisher(void *owner, struct mono now, const struct client_event *ev)
{
        struct run *r = owner;
        (void)now;
        if (ev->kind == CLIENT_UP)
                r->publisher_up = true;
        else if (ev->kind == CLIENT_DOWN && ev->final && r->phase < LEAVING)
                fail(r, ERR_NOT_FOUND, "the publisher lost the server: %s", ev->reason ? ev->reason : "closed");
        else if (ev->kind == CLIENT_ANSWER)
                answered(r, ev);
}

/* ---- phases ------------------------------------------------------------------------------- */

/* The transport on which nobody has heard a word from the server, and what was wrong; NULL: there is none. */
static const struct transport *find_silent(const struct run *r, const char **trouble)
{
        const struct transport *silent = r->publisher_up ? NULL : &tcp_transport;
        *trouble = "no answer";
        for (int i = 0; i < r->config->paths; i++) {
                const struct transport *t = r->config->path[i]->transport;
                if (!silent && !crowd_answered(r->crowd[i]))
                        silent = t;
                if (t == silent && crowd_trouble(r->crowd[i]))
                        *trouble = crowd_trouble(r->crowd[i]);
        }
        return silent;
}

/* A server that is there says so at once; to wait longer would help only one that is being started. */
static bool is_answered(struct run *r, struct mono now)
{
        const struct run_config *c = r->config;
        const char *trouble;
        const struct transport *silent = find_silent(r, &trouble);
        char at[SOCK_ADDR_TEXT_MAX], tcp[SOCK_ADDR_TEXT_MAX], udp[SOCK_ADDR_TEXT_MAX];
        if (!silent || mono_since(now, r->since) <= ANSWER_NS)
                return true;
        sock_addr_text(silent->datagrams ? &c->udp : r->publisher_up ? &c->tcp : &c->publish, at);
        fail(r, ERR_NOT_FOUND, "nothing answers at %s %s (%s); `bin/lab serve --tcp %s --udp %s` starts both servers",
             silent->name, at, trouble, sock_addr_text(&c->tcp, tcp), sock_addr_text(&c->udp, udp));
        return false;
}

static void look_joining(struct run *r, struct mono now)
{
        char tcp[SOCK_ADDR_TEXT_MAX], udp[SOCK_ADDR_TEXT_MAX];
        const char *trouble = NULL;
        bool all = r->publisher_up;
        for (int i = 0; i < r->config->paths; i++) {
                const char *broken = crowd_broken(r->crowd[i]);
                if (broken) {
                        fail(r, ERR_NOT_FOUND, "%s", broken);
                        return;
                }
                bool joined = crowd_joined(r->crowd[i]) == r->config->subscribers;
                trouble = joined || trouble ? trouble : crowd_trouble(r->crowd[i]);
                all &= joined;
        }
        if (!all && !is_answered(r, now))
                return;
        if (!all && mono_since(now, r->since) > JOIN_NS) {
                fail(r, ERR_NOT_FOUND,
                     "not all subscribers could join within 15s (%s): is `lab serve` running on tcp %s and udp %s?",
                     trouble ? trouble : "no answer", sock_addr_text(&r->config->tcp, tcp),
                     sock_addr_text(&r->config->udp, udp));
                return;
        }
        if (!all)
                return;
        r->t0 = mono_add(now, AHEAD_NS);
        for (int i = 0; i < r->config->paths; i++)
                crowd_start(r->crowd[i], r->t0);
        if (r->config->started)
                r->config->started(r->config->ctx, r->t0);
        enter(r, SAYING, now);
        alarm_set(&r->say, mono_add(r->t0, r->config->plan->events[0].at_ns));
}

static uint64_t unaccounted(struct run *r)
{
        uint64_t rows = 0;
        for (int i = 0; i < r->config->paths; i++)
                rows += ledger_settle(crowd_ledger(r->crowd[i]));
        return rows;
}

static void look_draining(struct run *r, struct mono now)
{
        int64_t limit = r->config->drain_ns_max ? r->config->drain_ns_max : DRAIN_NS;
        bool done = unaccounted(r) == 0 && r->answered == r->said;
        if (!done && mono_since(now, r->since) < limit)
                return;
        r->drained = now;
        for (int i = 0; i < r->config->paths; i++)
                r->kernel_drops += crowd_kernel_drops(r->crowd[i]);
        if (r->config->ended)
                r->config->ended(r->config->ctx);
        enter(r, LEAVING, now);
        for (int i = 0; i < r->config->paths; i++)
                crowd_leave(r->crowd[i], now);
        (void)client_io_transport(r->publisher)->bye(client_io_engine(r->publisher), now);
        client_io_turn(r->publisher);
}

static void look_leaving(struct run *r, struct mono now)
{
        bool open = client_io_is_open(r->publisher);
        for (int i = 0; i < r->config->paths; i++)
                open |= crowd_is_open(r->crowd[i]);
        if (open && mono_since(now, r->since) < GOODBYE_NS)
                return;
        enter(r, OVER, now);
        loop_stop(r->loop);
}

static void on_look(void *ctx)
{
        struct run *r = ctx;
        struct mono now = loop_clock();
        if (r->phase == JOINING)
                look_joining(r, now);
        else if (r->phase == SAYING)
                say_due(r); /* only after ERR_FULL is something still due here */
        else if (r->phase == DRAINING)
                look_draining(r, now);
        else if (r->phase == LEAVING)
                look_leaving(r, now);
        alarm_set(&r->look, mono_add(now, LOOK_NS));
}

static void on_progress(void *ctx)
{
        struct run *r = ctx;
        struct mono now = loop_clock();
        const char *tail = isatty(STDERR_FILENO) ? "\033[K\r" : "\n";
        const struct plan *plan = r->config->plan;
        char at[UNITS_TEXT_MAX], of[UNITS_TEXT_MAX];
        alarm_set(&r->progress, mono_add(now, isatty(STDERR_FILENO) ? PROGRESS_NS : 5 * PROGRESS_NS));
        if (r->phase == JOINING)
                fprintf(stderr, "joining%s", tail);
        else if (r->phase == SAYING && mono_before(r->t0, now))
                fprintf(stderr, "%s of %s: %u of %u events said%s", units_span_text(mono_since(now, r->t0), at),
                        units_span_text(plan_span_ns(plan), of), r->said, plan->events_n, tail);
        else if (r->phase == DRAINING)
                fprintf(stderr, "draining: %llu events still without an outcome%s", (unsigned long long)unaccounted(r),
                        tail);
}

static void on_signal(void *ctx)
{
        fail(ctx, ERR_CLOSED, "stopped");
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int begin(struct run *r)
{
        const struct run_config *c = r->config;
        static char host[SOCK_ADDR_TEXT_MAX];
        r->run = (uint32_t)rng_os_u64();
        r->call = calloc(c->plan->events_n, sizeof *r->call);
        r->payload = malloc(UINT16_MAX + 1);
        r->loop = loop_create();
        if (!r->call || !r->payload || !r->loop || loop_on_signals(r->loop, on_signal, r) != 0)
                return ERR_NO_MEMORY;
        alarm_init(&r->look, r->loop, on_look, r);
        alarm_init(&r->say, r->loop, on_say, r);
        alarm_init(&r->progress, r->loop, on_progress, r);
        for (int i = 0; i < c->paths; i++)
                if (!(r->crowd[i] = crowd_create(r->loop, c, i, r->run)))
                        return ERR_NO_MEMORY;
        struct client_io_config io = {
                .transport = &tcp_transport,
                .engine = { .host = sock_addr_text(&c->publish, host), .path = "/socket.io/", .reconnect = true },
                .to = { c->publish },
                .to_n = 1,
                .event = on_publisher,
                .owner = r,
        };
        r->publisher = client_io_create(r->loop, &io);
        return r->publisher ? 0 : ERR_NO_MEMORY;
}

static void end(struct run *r)
{
        for (int i = 0; i < r->config->paths; i++)
                crowd_destroy(r->crowd[i]);
        client_io_destroy(r->publisher);
        alarm_end(&r->look);
        alarm_end(&r->say);
        alarm_end(&r->progress);
        loop_destroy(r->loop);
        buf_free(&r->event);
        free(r->payload);
        free(r->call);
}

static int write_file(const char *dir, const char *name, int (*write)(const void *what, FILE *out), const void *what,
                      char *why)
{
        char file[512];
        snprintf(file, sizeof file, "%s/%s", dir, name);
        FILE *out = fopen(file, "w");
        int err = out ? write(what, out) : ERR_SYSTEM;
        if (out && fclose(out) != 0)
                err = ERR_SYSTEM;
        if (err)
                snprintf(why, RUN_WHY_MAX, "cannot write %.160s: %.64s", file, strerror(errno));
        return err;
}

static int write_ledgers(const void *what, FILE *out)
{
        const struct run *r = what;
        int err = ledger_write_head(out);
        for (int i = 0; !err && i < r->config->paths; i++)
                err = ledger_write(crowd_ledger(r->crowd[i]), out);
        return err;
}

static int write_hist(const void *what, FILE *out)
{
        return hist_write(what, out);
}

static int write_files(struct run *r)
{
        const char *dir = r->config->out_dir;
        int err = dir ? write_file(dir, "ledger.csv", write_ledgers, r, r->why) : 0;
        for (int i = 0; dir && !err && i < r->config->paths; i++) {
                char name[64];
                snprintf(name, sizeof name, "latency-%s.hgrm", r->config->path[i]->name);
                struct hist *h = hist_create();
                if (!h)
                        return ERR_NO_MEMORY;
                ledger_delays(crowd_ledger(r->crowd[i]), h, NULL);
                err = write_file(dir, name, write_hist, h, r->why);
                hist_destroy(h);
        }
        return err;
}

static int conclude(struct run *r, struct report *report)
{
        struct utsname name;
        struct hist *late = hist_create();
        int err = late ? 0 : ERR_NO_MEMORY;
        (void)unaccounted(r); /* a goodbye settles what an engine still held */
        for (int i = 0; !err && i < r->config->paths; i++)
                err = crowd_report(r->crowd[i], r->crowd[0], report);
        if (err) {
                hist_destroy(late);
                return err;
        }
        ledger_lateness(crowd_ledger(r->crowd[0]), late);
        report->validity.generator.known = true;
        report->validity.generator.p99_ns_max = REPORT_LATE_P99_NS_MAX;
        report->validity.generator.late = report_dist_of(late);
        report->validity.udp_buffer = (struct report_drops){ true, r->kernel_drops };
        hist_destroy(late);
        if (uname(&name) == 0)
                snprintf(report->kernel, sizeof report->kernel, "%.64s %.64s", name.sysname, name.release);
        report->cores = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
        report->drain_ns = mono_since(r->drained, mono_add(r->t0, plan_span_ns(r->config->plan)));
        if (r->refused > 0)
                fprintf(stderr, "bench: the server refused %u of %u events\n", r->refused, r->said);
        for (int i = 0; i < r->config->paths; i++)
                ledger_complain(crowd_ledger(r->crowd[i]), 5, stderr);
        return write_files(r);
}

int run_measure(const struct run_config *config, struct report *report, char why[RUN_WHY_MAX])
{
        struct run r = { .config = config, .why = why };
        why[0] = '\0';
        int err = begin(&r);
        if (!err) {
                enter(&r, JOINING, loop_clock());
                alarm_set(&r.look, mono_add(r.since, LOOK_NS));
                if (config->progress)
                        alarm_set(&r.progress, mono_add(r.since, PROGRESS_NS));
                loop_run(r.loop);
                if (config->progress && isatty(STDERR_FILENO))
                        fputs("\033[K", stderr);
                err = r.err ? r.err : r.phase == OVER ? conclude(&r, report) : ERR_CLOSED;
        }
        if (err && !why[0])
                snprintf(why, RUN_WHY_MAX, "%s", err_text(err));
        end(&r);
        return err;
}
