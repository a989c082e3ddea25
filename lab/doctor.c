#include "lab/doctor.h"

#include "core/base/options.h"
#include "lab/netns.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FOUND_MAX = 256, FILES_WANTED = 4096, RMEM_WANTED = 1 << 20 };

/* One thing the lab can use. `probe` says whether it is there, and in `found` what it saw. */
struct check {
        const char *name;
        bool (*probe)(char found[FOUND_MAX]);
        const char *use, *cure;
        bool needed; /* without it there is no emulated path */
};

static bool say(char found[FOUND_MAX], bool answer, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool say(char found[FOUND_MAX], bool answer, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vsnprintf(found, FOUND_MAX, format, args);
        va_end(args);
        return answer;
}

/* Runs `probe` in a child, whose namespaces and priority are thrown away with it: its errno. */
static int errno_of(int (*probe)(void))
{
        pid_t pid = fork();
        if (pid == 0)
                _exit(probe() < 0 ? errno : 0);
        int status = 0;
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
                return errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static bool first_line(const char *path, char *line, int line_max)
{
        FILE *f = fopen(path, "re");
        bool ok = f && fgets(line, line_max, f);
        if (f)
                fclose(f);
        if (ok)
                line[strcspn(line, "\n")] = 0;
        return ok;
}

static bool probe_path(char found[FOUND_MAX])
{
        struct netns_pair pair;
        char why[NETNS_WHY_MAX];
        if (netns_create(&pair, why) < 0)
                return say(found, false, "%s", why);
        bool borrowed = pair.user_fd >= 0;
        netns_destroy(&pair);
        return say(found, true, "%s", borrowed ? "in a user namespace" : "by our own right");
}

static int make_network(void)
{
        return unshare(CLONE_NEWNET);
}

static int make_user_and_network(void)
{
        return unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

static bool probe_network(char found[FOUND_MAX])
{
        int err = errno_of(make_network);
        return say(found, err == 0, "%s", err == 0 ? "allowed" : strerror(err));
}

static bool probe_user(char found[FOUND_MAX])
{
        int err = errno_of(make_user_and_network);
        return say(found, err == 0, "%s", err == 0 ? "allowed" : strerror(err));
}

static bool probe_tun(char found[FOUND_MAX])
{
        bool ok = access("/dev/net/tun", R_OK | W_OK) == 0;
        return say(found, ok, "/dev/net/tun: %s", ok ? "can be opened" : strerror(errno));
}

static int take_fifo(void)
{
        const struct sched_param priority = { .sched_priority = 10 };
        return sched_setscheduler(0, SCHED_FIFO, &priority);
}

static bool probe_fifo(char found[FOUND_MAX])
{
        int err = errno_of(take_fifo);
        return say(found, err == 0, "SCHED_FIFO: %s", err == 0 ? "allowed" : strerror(err));
}

static bool can_choose(const char *congestion)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool ok =
                fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion)) == 0;
        if (fd >= 0)
                close(fd);
        return ok;
}

static bool probe_congestion(char found[FOUND_MAX])
{
        char names[128] = "unknown", by_default[32] = "unknown";
        first_line("/proc/sys/net/ipv4/tcp_available_congestion_control", names, sizeof names);
        first_line("/proc/sys/net/ipv4/tcp_congestion_control", by_default, sizeof by_default);
        bool ok = can_choose("cubic") && can_choose("reno");
        return say(found, ok, "%s; by default %s%s", names, by_default,
                   ok ? "" : "; cubic or reno cannot be chosen by us");
}

static bool probe_offload(char found[FOUND_MAX])
{
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), segment = 1200, on = 1;
        bool gso = fd >= 0 && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0;
        bool gro = fd >= 0 && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0;
        if (fd >= 0)
                close(fd);
        return say(found, gso && gro, "GSO %s, GRO %s", gso ? "yes" : "no", gro ? "yes" : "no");
}

static bool probe_rmem(char found[FOUND_MAX])
{
        char line[32] = "0";
        first_line("/proc/sys/net/core/rmem_max", line, sizeof line);
        return say(found, atol(line) >= RMEM_WANTED, "net.core.rmem_max is %s bytes", line);
}

static bool probe_files(char found[FOUND_MAX])
{
        struct rlimit limit = { 0 };
        getrlimit(RLIMIT_NOFILE, &limit);
        return say(found, limit.rlim_max >= FILES_WANTED, "%lu open files, at most %lu", (unsigned long)limit.rlim_cur,
                   (unsigned long)limit.rlim_max);
}

static bool probe_node(char found[FOUND_MAX])
{
        char version[64] = "";
        FILE *f = popen("node --version 2>/dev/null", "re");
        bool ok = f && fgets(version, sizeof version, f);
        if (f)
                pclose(f);
        version[strcspn(version, "\n")] = 0;
        return say(found, ok, "%s", ok ? version : "not found");
}

static const struct check checks[] = {
        { "emulated path", probe_path, "a bad network under both transports; else compare runs on loopback",
          "see the lines below", true },
        { "network namespaces", probe_network, "private networks with our own right",
          "run as root, or rely on user namespaces", false },
        { "user namespaces", probe_user, "private networks for an ordinary user",
          "sysctl kernel.unprivileged_userns_clone=1, or user.max_user_namespaces above 0", false },
        { "TUN device", probe_tun, "packets in and out of those networks",
          "modprobe tun; for ordinary users chmod 666 /dev/net/tun", false },
        { "real-time priority", probe_fifo, "packets delivered within 0.1 ms of their time on a busy machine",
          "run as root, or allow rtprio in /etc/security/limits.conf", false },
        { "congestion control", probe_congestion, "comparing with the TCP that is meant; the default may be bbr",
          "modprobe tcp_cubic; sysctl net.ipv4.tcp_allowed_congestion_control", false },
        { "UDP offload", probe_offload, "several datagrams a system call", "a kernel of 5.0 or later", false },
        { "receive buffers", probe_rmem, "bursts of datagrams without drops in the receiver",
          "sysctl net.core.rmem_max=4194304", false },
        { "open files", probe_files, "a thousand subscribers", "ulimit -n 4096, or limits.conf", false },
        { "node", probe_node, "the tests with real Socket.IO clients", "apt-get install nodejs", false },
};

static bool print_check(const struct check *c)
{
        char found[FOUND_MAX] = "";
        fflush(stdout); /* the probes fork */
        bool ok = c->probe(found);
        printf("%-4s %-19s %s. For %s.", ok ? "yes" : "no", c->name, found, c->use);
        if (!ok)
                printf(" Cure: %s.", c->cure);
        putchar('\n');
        return ok;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
        (void)state;
        if (key == ARGP_KEY_ARG)
                options_fail("%s: nothing more is wanted", arg);
        return ARGP_ERR_UNKNOWN;
}

int doctor_main(int argc, char **argv)
{
        static const struct argp argp = { NULL,
                                          parse,
                                          NULL,
                                          "Says what this machine allows. Exits with 3 when there can "
                                          "be no emulated path here.",
                                          NULL,
                                          NULL,
                                          NULL };
        options_parse(&argp, argc, argv, NULL);
        bool all_needed = true;
        for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
                if (!print_check(&checks[i]) && checks[i].needed)
                        all_needed = false;
        return all_needed ? 0 : EXIT_MACHINE;
}
