#include "lab/netdev.h"

#include "core/base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_MAX = 16384 };

/* A netlink message under construction. */
struct request {
        struct nlmsghdr head;
        struct ifinfomsg link;
        uint8_t attributes[512];
};

static int set_address(int fd, const char *name, unsigned long what, const char *address)
{
        struct ifreq ifr = { 0 };
        strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
        struct sockaddr_in in = { .sin_family = AF_INET };
        inet_pton(AF_INET, address, &in.sin_addr);
        memcpy(&ifr.ifr_addr, &in, sizeof in);
        return ioctl(fd, what, &ifr);
}

/* Closes fd without touching errno, and turns a system call's answer into ours. */
static int finish(int fd, int result)
{
        int saved = errno;
        close(fd);
        errno = saved;
        return result < 0 ? ERR_SYSTEM : 0;
}

static void write_one(const char *path)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        ssize_t ignored = write(fd, "1", 1);
        (void)ignored;
        close(fd);
}

int netdev_route_socket(void)
{
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        return fd < 0 ? ERR_SYSTEM : fd;
}

/* Appends an attribute and returns it, so that a nest can be closed; callers stay far below the
 * room there is. */
static struct rtattr *append(struct request *r, unsigned short type, const void *data, size_t n)
{
        struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));
        a->rta_type = type;
        a->rta_len = (unsigned short)RTA_LENGTH(n);
        if (n > 0)
                memcpy(RTA_DATA(a), data, n);
        r->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len));
        return a;
}

static void close_nest(const struct request *r, struct rtattr *nest)
{
        nest->rta_len = (unsigned short)((const char *)r + r->head.nlmsg_len - (const char *)nest);
}

/* Sends the request and waits for its answer: its length, or -1 with errno from the kernel. */
static ssize_t ask(int fd, const struct request *r, void *answer, size_t answer_max)
{
        if (send(fd, r, r->head.nlmsg_len, 0) < 0)
                return -1;
        ssize_t n = recv(fd, answer, answer_max, 0);
        if (n < 0)
                return -1;
        const struct nlmsghdr *head = answer;
        if (!NLMSG_OK(head, (size_t)n)) {
                errno = EPROTO;
                return -1;
        }
        if (head->nlmsg_type != NLMSG_ERROR)
                return n;
        const struct nlmsgerr *refused = NLMSG_DATA(head);
        errno = -refused->error;
        return refused->error == 0 ? n : -1;
}

/* Asks on a socket of its own in this namespace, for an answer of yes or no. */
static int demand(const struct request *r)
{
        int fd = netdev_route_socket();
        if (fd < 0)
                return ERR_SYSTEM;
        char answer[REPLY_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
        return finish(fd, ask(fd, r, answer, sizeof answer) < 0 ? -1 : 0);
}

static struct request new_link(uint16_t flags)
{
        return (struct request){ .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                                           .nlmsg_type = RTM_NEWLINK,
                                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags },
                                 .link = { .ifi_family = AF_UNSPEC } };
}

static int give_address(const char *name, const char *address)
{
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return ERR_SYSTEM;
        bool ok = set_address(fd, name, SIOCSIFADDR, address) == 0 &&
                  set_address(fd, name, SIOCSIFNETMASK, "255.255.255.0") == 0;
        return finish(fd, ok ? 0 : -1);
}

int netdev_up(const char *name, const char *address, uint32_t mtu, uint32_t tx_queue)
{
        int err = give_address(name, address);
        if (err < 0)
                return err;
        /* Not by ioctl: SIOCSIFTXQLEN is refused to the root of a user namespace. */
        struct request r = new_link(0);
        r.link.ifi_flags = r.link.ifi_change = IFF_UP;
        append(&r, IFLA_IFNAME, name, strlen(name) + 1);
        append(&r, IFLA_MTU, &mtu, sizeof mtu);
        append(&r, IFLA_TXQLEN, &tx_queue, sizeof tx_queue);
        return demand(&r);
}

int netdev_lo_up(void)
{
        write_one("/proc/sys/net/ipv6/conf/all/disable_ipv6");
        write_one("/proc/sys/net/ipv6/conf/default/disable_ipv6");
        struct request r = new_link(0);
        r.link.ifi_flags = r.link.ifi_change = IFF_UP;
        append(&r, IFLA_IFNAME, "lo", sizeof "lo");
        return demand(&r);
}

int netdev_veth(const char *name, int peer_ns)
{
        struct request r = new_link(NLM_F_CREATE | NLM_F_EXCL);
        const struct ifinfomsg peer = { .ifi_family = AF_UNSPEC };
        append(&r, IFLA_IFNAME, name, strlen(name) + 1);
        struct rtattr *info = append(&r, IFLA_LINKINFO, NULL, 0);
        append(&r, IFLA_INFO_KIND, "veth", sizeof "veth");
        struct rtattr *data = append(&r, IFLA_INFO_DATA, NULL, 0);
        struct rtattr *other_end = append(&r, VETH_INFO_PEER, &peer, sizeof peer);
        append(&r, IFLA_IFNAME, name, strlen(name) + 1);
        append(&r, IFLA_NET_NS_FD, &peer_ns, sizeof peer_ns);
        close_nest(&r, other_end);
        close_nest(&r, data);
        close_nest(&r, info);
        return demand(&r);
}

int netdev_drops(int route_fd, const char *name, uint64_t *tx_dropped)
{
        struct request r = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                                       .nlmsg_type = RTM_GETLINK,
                                       .nlmsg_flags = NLM_F_REQUEST },
                             .link = { .ifi_family = AF_UNSPEC } };
        append(&r, IFLA_IFNAME, name, strlen(name) + 1);
        char answer[REPLY_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
        if (ask(route_fd, &r, answer, sizeof answer) < 0)
                return ERR_SYSTEM;
        struct nlmsghdr *head = (struct nlmsghdr *)answer;
        struct rtattr *a = IFLA_RTA(NLMSG_DATA(head));
        for (unsigned left = (unsigned)IFLA_PAYLOAD(head); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
                if (a->rta_type != IFLA_STATS64)
                        continue;
                struct rtnl_link_stats64 stats;
                memcpy(&stats, RTA_DATA(a), sizeof stats);
                *tx_dropped = stats.tx_dropped;
                return 0;
        }
        errno = ENODATA;
        return ERR_SYSTEM;
}
