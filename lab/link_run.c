#include "lab/link_run.h"

#include "bench/hist.h"
#include "core/base/err.h"
#include "core/base/log.h"
#include "core/loop/loop.h"
#include "lab/decision.h"
#include "lab/urgent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 32, PACKET_MAX = 65536, LINE_MAX_BYTES = 64 };

struct link_run {
        pid_t pid;
        int control_fd;
        struct link_summary *summary; /* shared with the process */
};

/* One direction, in the process. */
struct way {
        struct link *link;
        struct hist *late;
        int from_fd, to_fd;
        uint64_t delivered, write_failed;
};

struct pump {
        struct way way[LINK_DIRECTIONS];
        struct mono t0;
        int control_fd;
        char line[LINE_MAX_BYTES]; /* of the control pipe, as far as it has come */
        size_t line_n;
        bool ended;
        uint8_t packet[PACKET_MAX];
};

static volatile sig_atomic_t told_to_end;

static void on_sigterm(int number)
{
        (void)number;
        told_to_end = 1;
}

static void hand_on(struct pump *p, struct way *way, struct bytes packet, struct mono now)
{
        if (write(way->to_fd, packet.at, packet.n) < 0)
                way->write_failed++;
        else if (!mono_before(now, p->t0))
                way->delivered++;
}

static void deliver_due(struct pump *p, struct way *way)
{
        struct bytes packet;
        struct mono due;
        for (struct mono now = loop_clock(); link_pop(way->link, now, &packet, &due); now = loop_clock()) {
                hand_on(p, way, packet, now);
                if (!mono_before(due, p->t0))
                        hist_record(way->late, mono_since(now, due));
        }
}

static void take_in(struct pump *p, struct way *way)
{
        for (int i = 0; i < BATCH; i++) {
                ssize_t n = read(way->from_fd, p->packet, sizeof p->packet);
                if (n <= 0)
                        return;
                struct bytes packet = bytes_of(p->packet, (size_t)n);
                struct mono now = loop_clock();
                if (link_push(way->link, now, packet) == LINK_CLEAN)
                        hand_on(p, way, packet, now);
        }
}

static void obey(struct pump *p, const char *line)
{
        struct mono t0;
        if (strcmp(line, "end") == 0)
                p->ended = true;
        else if (sscanf(line, "t0 %" SCNd64, &t0.ns) == 1) {
                p->t0 = t0;
                for (int d = 0; d < LINK_DIRECTIONS; d++)
                        link_start(p->way[d].link, t0);
        }
}

static void hear_control(struct pump *p)
{
        char text[256];
        ssize_t n = read(p->control_fd, text, sizeof text);
        if (n == 0)
                p->ended = true;
        for (ssize_t i = 0; i < n; i++) {
                if (text[i] == '\n') {
                        p->line[p->line_n] = 0;
                        p->line_n = 0;
                        obey(p, p->line);
                } else if (p->line_n < sizeof p->line - 1) {
                        p->line[p->line_n++] = text[i];
                }
        }
}

/* Sleeps until a packet comes, one is due, or somebody speaks; at most until then. */
static int wait_for_work(struct pump *p, struct pollfd fds[LINK_DIRECTIONS + 1], const sigset_t *while_waiting)
{
        struct mono deadline = mono_min(link_deadline(p->way[LINK_DOWN].link), link_deadline(p->way[LINK_UP].link));
        struct timespec timeout = { 0 };
        int64_t span_ns = mono_is_never(deadline) ? 0 : mono_since(deadline, loop_clock());
        if (span_ns > 0)
                timeout = (struct timespec){ span_ns / NS_PER_S, span_ns % NS_PER_S };
        return ppoll(fds, LINK_DIRECTIONS + 1, mono_is_never(deadline) ? NULL : &timeout, while_waiting);
}

static void carry(struct pump *p)
{
        sigset_t while_waiting;
        sigemptyset(&while_waiting);
        struct pollfd fds[LINK_DIRECTIONS + 1] = { { p->way[0].from_fd, POLLIN, 0 },
                                                   { p->way[1].from_fd, POLLIN, 0 },
                                                   { p->control_fd, POLLIN, 0 } };
        while (!p->ended && !told_to_end) {
                int ready = wait_for_work(p, fds, &while_waiting);
                for (int d = 0; d < LINK_DIRECTIONS; d++)
                        deliver_due(p, &p->way[d]);
                if (ready <= 0)
                        continue;
                if (fds[LINK_DIRECTIONS].revents)
                        hear_control(p);
                for (int d = 0; d < LINK_DIRECTIONS; d++)
                        if (fds[d].revents)
                                take_in(p, &p->way[d]);
        }
}

static int write_whole(const char *path, int (*put)(FILE *f, const void *what), const void *what)
{
        FILE *f = fopen(path, "we");
        int err = f ? put(f, what) : -1;
        if (f && fclose(f) != 0)
                err = -1;
        if (err < 0)
                log_error("cannot write %s: %s", path, strerror(errno));
        return err < 0 ? ERR_SYSTEM : 0;
}

static int put_decisions(FILE *f, const void *what)
{
        const struct decision_log *log = what;
        char line[DECISION_LINE_MAX];
        fputs(decision_csv_header, f);
        for (size_t i = 0; i < decision_count(log); i++)
                fwrite(line, 1, decision_csv(decision_at(log, i), line), f);
        return ferror(f) ? -1 : 0;
}

static int put_text(FILE *f, const void *what)
{
        const struct buf *text = what;
        return fwrite(text->at, 1, text->n, f) == text->n ? 0 : -1;
}

/* Adds the way up to the way down's histogram, which both ways' own figures have been taken from. */
static struct report_dist late_together(const struct pump *p)
{
        hist_merge(p->way[LINK_DOWN].late, p->way[LINK_UP].late);
        return report_dist_of(p->way[LINK_DOWN].late);
}

static void sum_up(const struct pump *p, const struct link_run_config *config, const struct decision_log *log,
                   struct link_summary *s)
{
        s->t0 = p->t0;
        if (log) {
                s->decisions = decision_count(log);
                s->decisions_dropped = decision_dropped(log);
        }
        const struct wire_tun *from[LINK_DIRECTIONS] = { &config->near, &config->far };
        for (int d = 0; d < LINK_DIRECTIONS; d++) {
                const struct way *way = &p->way[d];
                struct link_way *out = &s->way[d];
                out->late_p50_ns = hist_quantile(way->late, .5);
                out->late_p99_ns = hist_quantile(way->late, .99);
                out->late_max_ns = hist_max(way->late);
                out->delivered = way->delivered;
                out->write_failed = way->write_failed;
                out->early_overflow = link_early_overflow(way->link);
                out->waiting = link_waiting(way->link);
                if (wire_tun_dropped(from[d], &out->device_dropped) < 0)
                        log_warn("the drops of a TUN device are not known: %s", strerror(errno));
                link_report_totals(way->link, out);
        }
        s->late = late_together(p);
}

static int write_results(const struct pump *p, const struct link_run_config *config, const struct decision_log *log,
                         const struct link_summary *s)
{
        int err = log ? write_whole(config->decisions_path, put_decisions, log) : 0;
        if (!config->result_path)
                return err;
        struct buf text = { 0 };
        struct link *const links[] = { p->way[LINK_DOWN].link, p->way[LINK_UP].link };
        int failed = link_report_json(&text, s, config->way, links);
        if (failed == 0)
                failed = write_whole(config->result_path, put_text, &text);
        buf_free(&text);
        return failed < 0 ? failed : err;
}

/* The links, before the fork: what can fail fails in front of the caller. */
static bool make_pump(struct pump *p, struct link_run_config *config, struct decision_log **log)
{
        *p = (struct pump){ .t0 = MONO_NEVER };
        *log = config->decisions_path ? decision_log_create(DECISIONS_MAX) : NULL;
        if (config->decisions_path && !*log)
                return false;
        for (int d = 0; d < LINK_DIRECTIONS; d++) {
                config->way[d].direction = (enum link_direction)d;
                config->way[d].log = *log;
                p->way[d] = (struct way){ .link = link_create(&config->way[d]),
                                          .late = hist_create(),
                                          .from_fd = d == LINK_DOWN ? config->near.fd : config->far.fd,
                                          .to_fd = d == LINK_DOWN ? config->far.fd : config->near.fd };
                if (!p->way[d].link || !p->way[d].late)
                        return false;
        }
        return true;
}

static void free_pump(struct pump *p, struct decision_log *log)
{
        for (int d = 0; d < LINK_DIRECTIONS; d++) {
                link_destroy(p->way[d].link);
                hist_destroy(p->way[d].late);
        }
        decision_log_destroy(log);
}

static int by_number(const void *a, const void *b)
{
        return *(const int *)a - *(const int *)b;
}

/* A pipe that we inherited and kept open would never end for its reader. */
static void close_all_but(int *keep, size_t n)
{
        qsort(keep, n, sizeof *keep, by_number);
        int next = STDERR_FILENO + 1;
        for (size_t i = 0; i < n; i++) {
                if (keep[i] > next)
                        close_range((unsigned)next, (unsigned)keep[i] - 1, 0);
                if (keep[i] >= next)
                        next = keep[i] + 1;
        }
        close_range((unsigned)next, ~0U, 0);
}

static void watch_signals(void)
{
        sigset_t terminate;
        sigemptyset(&terminate);
        sigaddset(&terminate, SIGTERM);
        sigprocmask(SIG_BLOCK, &terminate, NULL); /* heard in ppoll alone, so that none comes unnoticed */
        sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_sigterm }, NULL);
        signal(SIGINT, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
}

/* The process's whole life; returns its exit code. */
static int run(struct pump *p, const struct link_run_config *config, const struct decision_log *log,
               struct link_summary *summary)
{
        int keep[] = { config->near.fd, config->near.route_fd, config->far.fd, config->far.route_fd, p->control_fd };
        close_all_but(keep, sizeof keep / sizeof keep[0]);
        watch_signals();
        summary->fifo = urgent_become(URGENT_LINK);
        carry(p);
        urgent_become(URGENT_NOT);
        sum_up(p, config, log, summary);
        return write_results(p, config, log, summary) < 0;
}

/* Forks the process. It has the pipe's reading end, we the writing one. */
static int launch(struct link_run *r, struct pump *p, const struct link_run_config *config,
                  const struct decision_log *log)
{
        int control[2];
        if (pipe2(control, O_CLOEXEC) < 0)
                return ERR_SYSTEM;
        fflush(NULL);
        pid_t parent = getpid();
        r->pid = fork();
        if (r->pid == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
                        _exit(1);
                p->control_fd = control[0];
                _exit(run(p, config, log, r->summary));
        }
        close(control[0]);
        r->control_fd = control[1];
        if (r->pid > 0)
                return 0;
        close(control[1]);
        return ERR_SYSTEM;
}

static void free_run(struct link_run *r)
{
        if (r && r->summary && r->summary != MAP_FAILED)
                munmap(r->summary, sizeof *r->summary);
        free(r);
}

struct link_run *link_run_start(const struct link_run_config *config)
{
        struct link_run_config own = *config;
        struct decision_log *log = NULL;
        struct link_run *r = calloc(1, sizeof *r);
        struct pump *p = malloc(sizeof *p);
        bool ok = r && p && make_pump(p, &own, &log);
        if (r && p && !ok)
                errno = EINVAL;
        if (ok) {
                r->summary = mmap(NULL, sizeof *r->summary, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
                ok = r->summary != MAP_FAILED && launch(r, p, &own, log) == 0;
        }
        int saved = errno;
        if (p)
                free_pump(p, log);
        free(p);
        if (!ok) {
                free_run(r);
                r = NULL;
        }
        errno = saved;
        return r;
}

int link_run_t0(struct link_run *r, struct mono t0)
{
        return dprintf(r->control_fd, "t0 %" PRId64 "\n", t0.ns) < 0 ? ERR_SYSTEM : 0;
}

int link_run_end(struct link_run *r, struct link_summary *out)
{
        dprintf(r->control_fd, "end\n");
        close(r->control_fd);
        int status = -1;
        while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
                ;
        *out = *r->summary;
        free_run(r);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : ERR_SYSTEM;
}
