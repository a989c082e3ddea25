#include "lab/wire_tun.h"

#include "core/base/err.h"
#include "lab/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int try_open(struct wire_tun *t, const char *address, const char **step)
{
        *step = "open /dev/net/tun";
        t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (t->fd < 0)
                return ERR_SYSTEM;
        *step = "make a TUN device";
        struct ifreq ifr = { .ifr_name = WIRE_TUN_NAME, .ifr_flags = IFF_TUN | IFF_NO_PI };
        if (ioctl(t->fd, TUNSETIFF, &ifr) < 0)
                return ERR_SYSTEM;
        *step = "set the TUN device up";
        if (netdev_up(WIRE_TUN_NAME, address, WIRE_TUN_MTU, WIRE_TUN_QUEUE) < 0)
                return ERR_SYSTEM;
        *step = "open a route socket";
        t->route_fd = netdev_route_socket();
        return t->route_fd < 0 ? ERR_SYSTEM : 0;
}

int wire_tun_open(struct wire_tun *t, const char *address, const char **step)
{
        *t = WIRE_TUN_NONE;
        int err = try_open(t, address, step);
        if (err < 0) {
                int saved = errno;
                wire_tun_close(t);
                errno = saved;
        }
        return err;
}

void wire_tun_close(struct wire_tun *t)
{
        if (t->fd >= 0)
                close(t->fd);
        if (t->route_fd >= 0)
                close(t->route_fd);
        *t = WIRE_TUN_NONE;
}

int wire_tun_dropped(const struct wire_tun *t, uint64_t *packets)
{
        return netdev_drops(t->route_fd, WIRE_TUN_NAME, packets);
}
