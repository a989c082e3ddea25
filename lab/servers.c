#include "lab/servers.h"

#include "core/base/err.h"
#include "core/base/mono.h"
#include "core/loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_MAX_MS = 2000, TEXT_MAX = 512 };
#define READY_NS_MAX (10 * NS_PER_S)

/* Finds `listening KIND ADDRESS` as a whole line. */
static bool find_address(const char *text, const char *kind, struct sock_addr *a)
{
        char start[32], address[SOCK_ADDR_TEXT_MAX];
        snprintf(start, sizeof start, "listening %s ", kind);
        const char *at = strstr(text, start);
        const char *end = at ? strchr(at, '\n') : NULL;
        if (!end)
                return false;
        at += strlen(start);
        snprintf(address, sizeof address, "%.*s", (int)(end - at), at);
        return sock_addr_parse(address, a) == 0;
}

/* Reads until both addresses have been said. */
static bool hear_addresses(struct servers *s, char why[SERVERS_WHY_MAX])
{
        char text[TEXT_MAX] = "";
        size_t n = 0;
        struct mono last = mono_add(loop_clock(), READY_NS_MAX);
        while (!find_address(text, "tcp", &s->tcp) || !find_address(text, "udp", &s->udp)) {
                int64_t left_ms = mono_since(last, loop_clock()) / NS_PER_MS;
                struct pollfd fd = { s->out_fd, POLLIN, 0 };
                int ready = left_ms > 0 ? poll(&fd, 1, (int)left_ms) : 0;
                if (ready < 0 && errno == EINTR)
                        continue;
                ssize_t got = ready > 0 ? read(s->out_fd, text + n, sizeof text - 1 - n) : 0;
                if (got <= 0) {
                        snprintf(why, SERVERS_WHY_MAX, "%s",
                                 ready > 0 ? "the servers ended before they listened"
                                           : "the servers did not listen within 10 s");
                        return false;
                }
                n += (size_t)got;
                text[n] = 0;
        }
        return true;
}

int servers_start(struct servers *s, const struct servers_config *config, char why[SERVERS_WHY_MAX])
{
        char seed[24], per_address[12];
        int out[2];
        *s = (struct servers){ .out_fd = -1 };
        snprintf(seed, sizeof seed, "%" PRIu64, config->seed);
        snprintf(per_address, sizeof per_address, "%" PRIu32, config->per_address);
        char *argv[] = { "lab",
                         "serve",
                         "--tcp",
                         (char *)config->tcp,
                         "--udp",
                         (char *)config->udp,
                         "--seed",
                         seed,
                         "--per-address",
                         per_address,
                         config->congestion ? "--congestion" : NULL,
                         (char *)config->congestion,
                         NULL };
        if (pipe2(out, O_CLOEXEC) < 0) {
                snprintf(why, SERVERS_WHY_MAX, "cannot make a pipe: %s", strerror(errno));
                return ERR_SYSTEM;
        }
        pid_t pid = netns_spawn(config->pair, &(struct netns_command){ .side = NETNS_NEAR,
                                                                       .file = "/proc/self/exe",
                                                                       .argv = argv,
                                                                       .stdout_fd = out[1],
                                                                       .keep_fd = -1,
                                                                       .own_group = true });
        close(out[1]);
        s->out_fd = out[0];
        s->pid = pid > 0 ? pid : 0;
        if (pid < 0)
                snprintf(why, SERVERS_WHY_MAX, "cannot start the servers: %s", strerror(errno));
        else if (hear_addresses(s, why))
                return 0;
        servers_stop(s);
        return ERR_SYSTEM;
}

bool servers_ended(struct servers *s, char why[SERVERS_WHY_MAX])
{
        int status;
        if (s->pid == 0 || waitpid(s->pid, &status, WNOHANG) != s->pid)
                return false;
        s->pid = 0;
        if (WIFSIGNALED(status))
                snprintf(why, SERVERS_WHY_MAX, "the servers were ended by signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
        else
                snprintf(why, SERVERS_WHY_MAX, "the servers ended by themselves with code %d", WEXITSTATUS(status));
        return true;
}

void servers_stop(struct servers *s)
{
        if (s->pid > 0) {
                struct pollfd ended = { pidfd_open(s->pid, 0), POLLIN, 0 };
                kill(s->pid, SIGTERM);
                if (ended.fd < 0 || poll(&ended, 1, STOP_MAX_MS) != 1)
                        kill(s->pid, SIGKILL);
                while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
                if (ended.fd >= 0)
                        close(ended.fd);
        }
        if (s->out_fd >= 0)
                close(s->out_fd);
        *s = (struct servers){ .out_fd = -1 };
}
