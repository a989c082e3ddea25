#include "lab/netns.h"

#include "core/base/err.h"
#include "lab/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child that makes the namespaces sends back: the descriptors come beside it. */
struct message {
        int err; /* errno, 0: all is made */
        bool has_user;
        char step[64];
};

enum { FDS_MAX = 7 }; /* two networks, two TUNs with two descriptors each, perhaps a user namespace */

#define CLEAN_NAME "clean"
enum { CLEAN_MTU = 1500, CLEAN_QUEUE = 1000 };

static const char *const link_address[] = { NETNS_NEAR_LINK, NETNS_FAR_LINK };
static const char *const clean_address[] = { NETNS_NEAR_CLEAN, NETNS_FAR_CLEAN };

static const struct netns_pair no_pair = { -1, { -1, -1 }, { { -1, -1 }, { -1, -1 } } };

static int open_own(const char *path)
{
        return open(path, O_RDONLY | O_CLOEXEC);
}

static bool write_file(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
        close(fd);
        return ok;
}

/* Becomes root of a new user namespace; outside, we are who we were. */
static bool become_root_inside(struct netns_pair *pair, const char **step)
{
        char uid_map[32], gid_map[32];
        snprintf(uid_map, sizeof uid_map, "0 %u 1", (unsigned)geteuid());
        snprintf(gid_map, sizeof gid_map, "0 %u 1", (unsigned)getegid());
        *step = "make a user namespace";
        if (unshare(CLONE_NEWUSER) < 0)
                return false;
        *step = "map our user into the user namespace";
        write_file("/proc/self/setgroups", "deny"); /* wanted by kernels before gid_map; root need not */
        if (!write_file("/proc/self/uid_map", uid_map) || !write_file("/proc/self/gid_map", gid_map))
                return false;
        pair->user_fd = open_own("/proc/self/ns/user");
        return pair->user_fd >= 0;
}

/* Moves into a new network namespace; the first one decides whether we have the right by ourselves. */
static bool make_side(struct netns_pair *pair, enum netns_side side, const char **step)
{
        *step = "make a network namespace";
        if (unshare(CLONE_NEWNET) < 0) {
                if (errno != EPERM || side != NETNS_NEAR || !become_root_inside(pair, step))
                        return false;
                *step = "make a network namespace";
                if (unshare(CLONE_NEWNET) < 0)
                        return false;
        }
        pair->net_fd[side] = open_own("/proc/self/ns/net");
        if (pair->net_fd[side] < 0)
                return false;
        *step = "set the loopback device up";
        return netdev_lo_up() == 0 && wire_tun_open(&pair->tun[side], link_address[side], step) == 0;
}

static bool make_clean_path(const struct netns_pair *pair, const char **step)
{
        *step = "make a veth pair";
        if (setns(pair->net_fd[NETNS_NEAR], CLONE_NEWNET) < 0 || netdev_veth(CLEAN_NAME, pair->net_fd[NETNS_FAR]) < 0)
                return false;
        *step = "set the veth pair up";
        for (int side = 0; side < NETNS_SIDES; side++)
                if (setns(pair->net_fd[side], CLONE_NEWNET) < 0 ||
                    netdev_up(CLEAN_NAME, clean_address[side], CLEAN_MTU, CLEAN_QUEUE) < 0)
                        return false;
        return true;
}

/* The child's part: makes all and sends it through the socket. */
static void make_and_send(int socket_fd)
{
        struct netns_pair pair = no_pair;
        const char *step = "";
        bool ok = make_side(&pair, NETNS_NEAR, &step) && make_side(&pair, NETNS_FAR, &step) &&
                  make_clean_path(&pair, &step);
        struct message message = { .err = ok ? 0 : errno, .has_user = pair.user_fd >= 0 };
        snprintf(message.step, sizeof message.step, "%s", step);
        const int fds[FDS_MAX] = { pair.net_fd[0], pair.net_fd[1],       pair.tun[0].fd, pair.tun[0].route_fd,
                                   pair.tun[1].fd, pair.tun[1].route_fd, pair.user_fd };
        size_t fds_bytes = (message.has_user ? FDS_MAX : FDS_MAX - 1) * sizeof(int);
        char control[CMSG_SPACE(sizeof fds)] __attribute__((aligned(8))) = { 0 };
        struct iovec iov = { &message, sizeof message };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        if (ok) {
                m.msg_control = control;
                m.msg_controllen = CMSG_SPACE(fds_bytes);
                struct cmsghdr *c = CMSG_FIRSTHDR(&m);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(fds_bytes);
                memcpy(CMSG_DATA(c), fds, fds_bytes);
        }
        if (sendmsg(socket_fd, &m, MSG_NOSIGNAL) < 0)
                _exit(1);
}

static bool receive(int socket_fd, struct message *message, struct netns_pair *pair)
{
        int fds[FDS_MAX];
        char control[CMSG_SPACE(sizeof fds)] __attribute__((aligned(8)));
        struct iovec iov = { message, sizeof *message };
        struct msghdr m = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
        };
        ssize_t n;
        do
                n = recvmsg(socket_fd, &m, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        if (n != (ssize_t)sizeof *message || message->err != 0 || !c)
                return n == (ssize_t)sizeof *message && message->err != 0;
        memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
        *pair = (struct netns_pair){ message->has_user ? fds[6] : -1,
                                     { fds[0], fds[1] },
                                     { { fds[2], fds[3] }, { fds[4], fds[5] } } };
        return true;
}

static const char *cure(const struct message *message)
{
        if (strstr(message->step, "/dev/net/tun"))
                return message->err == ENOENT ? "load the tun module" : "run as root, or chmod 666 /dev/net/tun";
        if (strstr(message->step, "veth"))
                return "the kernel needs veth";
        return "run as root, or let the kernel give ordinary users user namespaces";
}

static int wait_for(pid_t pid)
{
        int status;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;
        return status;
}

static void close_both(const int fds[2])
{
        for (int i = 0; i < 2; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
}

int netns_create(struct netns_pair *pair, char why[NETNS_WHY_MAX])
{
        *pair = no_pair;
        int ends[2] = { -1, -1 };
        pid_t pid = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -1 : fork();
        if (pid == 0) {
                make_and_send(ends[1]);
                _exit(0);
        }
        if (pid < 0) {
                snprintf(why, NETNS_WHY_MAX, "cannot start the child that makes the namespaces: %s", strerror(errno));
                close_both(ends);
                return ERR_SYSTEM;
        }
        close(ends[1]);
        struct message message = { 0 };
        bool told = receive(ends[0], &message, pair);
        close(ends[0]);
        wait_for(pid);
        if (told && message.err == 0)
                return 0;
        if (told)
                snprintf(why, NETNS_WHY_MAX, "cannot %s: %s (%s)", message.step, strerror(message.err), cure(&message));
        else
                snprintf(why, NETNS_WHY_MAX, "the child that makes the namespaces ended without an answer");
        return ERR_SYSTEM;
}

void netns_destroy(struct netns_pair *pair)
{
        for (int side = 0; side < NETNS_SIDES; side++) {
                wire_tun_close(&pair->tun[side]);
                if (pair->net_fd[side] >= 0)
                        close(pair->net_fd[side]);
        }
        if (pair->user_fd >= 0)
                close(pair->user_fd);
        *pair = no_pair;
}

int netns_enter(const struct netns_pair *pair, enum netns_side side)
{
        if (pair->user_fd >= 0 && setns(pair->user_fd, CLONE_NEWUSER) < 0)
                return ERR_SYSTEM;
        return setns(pair->net_fd[side], CLONE_NEWNET) < 0 ? ERR_SYSTEM : 0;
}

/* The child's part of netns_spawn: only comes back when something was refused, with errno. */
static void become(const struct netns_pair *pair, const struct netns_command *command, pid_t parent)
{
        if (pair && netns_enter(pair, command->side) < 0)
                return;
        /* After netns_enter: new credentials clear it. The parent may have ended before that. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return;
        if (getppid() != parent)
                _exit(127);
        if (command->own_group && setpgid(0, 0) < 0)
                return;
        if (command->stdout_fd >= 0 && dup2(command->stdout_fd, STDOUT_FILENO) < 0)
                return;
        if (command->keep_fd >= 0 && fcntl(command->keep_fd, F_SETFD, 0) < 0)
                return;
        /* What we ignore or block ourselves is no business of the program's. */
        signal(SIGINT, SIG_DFL);
        signal(SIGPIPE, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvp(command->file ? command->file : command->argv[0], command->argv);
}

pid_t netns_spawn(const struct netns_pair *pair, const struct netns_command *command)
{
        int refused[2]; /* closed by a successful exec; else it carries errno */
        if (pipe2(refused, O_CLOEXEC) < 0)
                return ERR_SYSTEM;
        pid_t parent = getpid(), pid = fork();
        if (pid == 0) {
                become(pair, command, parent);
                int err = errno;
                ssize_t ignored = write(refused[1], &err, sizeof err);
                (void)ignored;
                _exit(127);
        }
        int err = pid < 0 ? errno : 0;
        close(refused[1]);
        ssize_t n = 0;
        while (pid > 0 && (n = read(refused[0], &err, sizeof err)) < 0 && errno == EINTR)
                ;
        if (n > 0)
                wait_for(pid);
        close(refused[0]);
        errno = err;
        return err != 0 ? ERR_SYSTEM : pid;
}
