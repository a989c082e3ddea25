/* udp_options: one table for udp_server and `lab serve`. */
#include "udp_server/udp_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/options.h"

enum { KEY_FILE = 256, KEY_PACE, KEY_GROUP, KEY_GROUP_IF, KEY_GROUP_RATE };

static const struct argp_option option_list[] = {
        { "key-file", KEY_FILE, "FILE", 0,
          "key that proves a RESET after a restart, made if it is not there (mode 0600); without it clients of the "
          "last run find out by silence",
          0 },
        { "pace", KEY_PACE, "auto|off|RATE", 0,
          "how fast a session may send: what a TCP would take of its path (auto), that and no more than RATE, as in "
          "10mbit; or off: as fast as events come, for networks of your own (auto)",
          0 },
        { "multicast", KEY_GROUP, "GROUP:PORT", 0,
          "send rooms once to this IPv4 group, as in 232.1.1.1:5007, for all clients that hear it; the others, and "
          "repairs for one alone, by unicast (none)",
          0 },
        { "multicast-if", KEY_GROUP_IF, "IPV4", 0,
          "send to the group by the interface with this address (the one listened on)", 0 },
        { "multicast-rate", KEY_GROUP_RATE, "BITRATE", 0,
          "so much goes to the group at most, whatever its links bear: it is not congestion controlled (1mbit)", 0 },
        { 0 },
};

static int64_t group_rate(const char *text)
{
        /* a datagram a second at least */
        return (int64_t)(options_bitrate("multicast-rate", text, 8 * DGRAM_BYTES_MAX, 100000000000) / 8);
}

/* The group must be one, and can be heard only where all addresses are IPv4. */
static void check_group(const struct udp_server_config *s)
{
        if (s->group.n == 0 && (s->group_by.n > 0 || s->group_rate > 0))
                options_fail("--multicast-if and --multicast-rate want --multicast");
        if (s->group.n > 0 && !sock_group_fits(&s->group, s->group_by.n > 0 ? &s->group_by : &s->listen))
                options_fail(
                        "--multicast: wants an IPv4 group, as in 232.1.1.1:5007, and an address of IPv4 to listen on");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct udp_options *o = state->input;
        char text[64];
        switch (key) {
        case KEY_FILE:
                o->key_file = arg;
                return 0;
        case KEY_PACE:
                if (pace_parse(arg, &o->server.pace) != 0)
                        options_fail("--pace %s: must be one of auto, off, or a rate, as in 10mbit", arg);
                return 0;
        case KEY_GROUP:
                if (sock_addr_parse(arg, &o->server.group) != 0)
                        options_fail("--multicast %s: not an address; write it as in 232.1.1.1:5007", arg);
                return 0;
        case KEY_GROUP_IF:
                snprintf(text, sizeof text, "%s:0", arg);
                if (sock_addr_parse(text, &o->server.group_by) != 0)
                        options_fail("--multicast-if %s: write it as in 192.0.2.1", arg);
                return 0;
        case KEY_GROUP_RATE:
                o->server.group_rate = group_rate(arg);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

const struct argp udp_argp = { option_list, parse, 0, 0, 0, 0, 0 };

static const uint8_t *read_key(const char *file, uint8_t key[UDP_KEY_BYTES])
{
        int err = udp_server_key(file, key);
        if (err)
                options_machine("--key-file %s: %s", file, err == ERR_SYSTEM ? strerror(errno) : "too short for a key");
        return key;
}

void udp_options_ready(struct udp_options *o)
{
        check_group(&o->server);
        if (o->key_file)
                o->server.reset_key = read_key(o->key_file, o->key);
}
