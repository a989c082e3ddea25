#include "bench/path.h"

#include <string.h>

#include "core/base/err.h"

static const struct path paths[] = {
        { "tcp", &tcp_transport, CLIENT_MODE_NACK_ORDERED, 20000 },
        { "udp-raw", &udp_transport, CLIENT_MODE_RAW, 21000 },
        { "udp-nack-ordered", &udp_transport, CLIENT_MODE_NACK_ORDERED, 22000 },
        { "udp-nack-unordered", &udp_transport, CLIENT_MODE_NACK_UNORDERED, 23000 },
        { "udp-fec-ordered", &udp_transport, CLIENT_MODE_FEC_ORDERED, 24000 },
        { "udp-fec-unordered", &udp_transport, CLIENT_MODE_FEC_UNORDERED, 25000 },
};
_Static_assert(sizeof paths / sizeof *paths == PATHS_MAX, "PATHS_MAX counts them");

static const struct path *find(const char *name, size_t n)
{
        if (n == 8 && memcmp(name, "udp-nack", n) == 0)
                return &paths[2];
        if (n == 7 && memcmp(name, "udp-fec", n) == 0)
                return &paths[4];
        for (int i = 0; i < PATHS_MAX; i++)
                if (strlen(paths[i].name) == n && memcmp(paths[i].name, name, n) == 0)
                        return &paths[i];
        return NULL;
}

const struct path *path_at(int i)
{
        return i >= 0 && i < PATHS_MAX ? &paths[i] : NULL;
}

int path_list(const char *text, const struct path *list[PATHS_MAX], const char **bad)
{
        int n = 0;
        for (const char *at = text; *at;) {
                size_t word_n = strcspn(at, ",");
                const struct path *p = find(at, word_n);
                *bad = at;
                if (!p)
                        return ERR_NOT_FOUND;
                for (int i = 0; i < n; i++)
                        if (list[i] == p)
                                return ERR_EXISTS;
                list[n++] = p;
                at += word_n;
                at += *at == ',';
        }
        return n > 0 ? n : ERR_MALFORMED;
}
