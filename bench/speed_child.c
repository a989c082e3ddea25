#include "bench/speed_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/err.h"

enum { READY_MS = 10000, LINE_MAX_BYTES = 256 };

/* ---- cores -------------------------------------------------------------------------------- */

static bool pin(int core)
{
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)core, &set);
        return sched_setaffinity(0, sizeof set, &set) == 0;
}

struct cores cores_take(void)
{
        struct cores c = { .server = -1, .clients = -1 };
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof set, &set) != 0)
                return c;
        for (int i = 0; i < CPU_SETSIZE && c.clients < 0; i++)
                if (CPU_ISSET((size_t)i, &set))
                        *(c.server < 0 ? &c.server : &c.clients) = i;
        c.apart = c.clients >= 0 && pin(c.clients);
        return c;
}

void cores_enter(const struct cores *c, int core)
{
        if (c->apart)
                (void)pin(core);
}

/* ---- limits ------------------------------------------------------------------------------- */

int child_files(uint64_t files, uint64_t *allowed)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return ERR_SYSTEM;
        *allowed = limit.rlim_max;
        if (limit.rlim_cur >= files)
                return 0;
        limit.rlim_cur = files;
        if (limit.rlim_max < files)
                limit.rlim_max = files;
        return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : ERR_SYSTEM;
}

/* ---- starting ----------------------------------------------------------------------------- */

static void become_measured(const struct cores *c, int keep, pid_t parent)
{
        static const struct sched_param none;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        if (keep > 3)
                close_range(3, (unsigned)keep - 1, 0);
        close_range(keep >= 3 ? (unsigned)keep + 1 : 3, ~0U, 0);
        cores_enter(c, c->server);
        (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

pid_t child_fork(const struct cores *c, int keep)
{
        pid_t parent = getpid();
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
                become_measured(c, keep, parent);
        return pid;
}

/* The path of a program beside this one. False when it does not fit. */
static bool beside_us(const char *name, char path[PATH_MAX])
{
        ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
        if (n < 0)
                return false;
        path[n] = '\0';
        char *slash = strrchr(path, '/');
        if (!slash || (size_t)(slash + 1 - path) + strlen(name) >= PATH_MAX)
                return false;
        strcpy(slash + 1, name);
        return true;
}

/* Reads one line, without its end. False when none comes. */
static bool read_line(int fd, char line[LINE_MAX_BYTES])
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        for (size_t n = 0; n + 1 < LINE_MAX_BYTES; n++) {
                if (poll(&p, 1, READY_MS) != 1 || read(fd, line + n, 1) != 1)
                        return false;
                line[n + 1] = '\0';
                if (line[n] == '\n') {
                        line[n] = '\0';
                        return true;
                }
        }
        return false;
}

static bool read_address(int fd, struct sock_addr *at)
{
        char line[LINE_MAX_BYTES];
        if (!read_line(fd, line) || strncmp(line, "listening ", 10) != 0)
                return false;
        const char *space = strrchr(line, ' ');
        return sock_addr_parse(space + 1, at) == 0;
}

pid_t child_start(const struct cores *c, const char *name, char *const *argv, struct sock_addr *at)
{
        char path[PATH_MAX];
        int out[2];
        if (!beside_us(name, path) || access(path, X_OK) != 0 || pipe2(out, O_CLOEXEC) != 0)
                return ERR_SYSTEM;
        pid_t pid = child_fork(c, out[1]);
        if (pid == 0) {
                dup2(out[1], STDOUT_FILENO);
                execv(path, argv);
                _exit(127);
        }
        close(out[1]);
        bool ready = pid > 0 && read_address(out[0], at);
        close(out[0]);
        if (ready)
                return pid;
        int why = pid < 0 ? errno : 0;
        child_stop(pid);
        errno = why;
        return ERR_SYSTEM;
}

void child_stop(pid_t pid)
{
        if (pid <= 0)
                return;
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}
