/* bin/udp_server: the UDP twin alone: sequenced datagrams with an application. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/base/options.h"
#include "core/base/units.h"
#include "core/chat/chat.h"
#include "core/service/service.h"
#include "udp_server/udp_server.h"

struct options {
        struct service_config service;
        struct udp_server_config server;
        const char *listen, *key_file;
};

static const char doc[] = "Broadcasts chat events over sequenced datagrams.\v"
                          "When it is ready it prints `listening udp ADDRESS`; SIGINT and SIGTERM stop it cleanly.\n"
                          "A session sends no faster than a TCP would on its path, unless --pace off says so.\n\n"
                          "  udp_server --listen 127.0.0.1:3001\n"
                          "  client udp://127.0.0.1:3001 --room tea";

enum { KEY_FILE = 256, KEY_PER_ADDRESS, KEY_PACE, KEY_GROUP, KEY_GROUP_IF, KEY_GROUP_RATE };

static const struct argp_option option_list[] = {
        { "listen", 'l', "ADDRESS", 0, "address and port to bind to (127.0.0.1:3001); port 0 picks one", 0 },
        { "key-file", KEY_FILE, "FILE", 0,
          "key that proves a RESET after a restart, made if it is not there (mode 0600); without it clients of the "
          "last run find out by silence",
          0 },
        { "per-address", KEY_PER_ADDRESS, "N", 0,
          "sessions of one address, of IPv6 of a /64 (64, the machine's own any number); many clients may stand behind "
          "one",
          0 },
        { "pace", KEY_PACE, "auto|off|RATE", 0,
          "how fast a session may send: what a TCP would take of its path (auto), that and no more than RATE, as in "
          "10mbit; or off: as fast as events come, for networks of your own (auto)",
          0 },
        { "multicast", KEY_GROUP, "GROUP:PORT", 0,
          "send rooms once to this IPv4 group, as in 232.1.1.1:5007, for all clients that hear it; the others, and "
          "repairs for one alone, by unicast (none)",
          0 },
        { "multicast-if", KEY_GROUP_IF, "IPV4", 0, "by the interface with this address (that of --listen)", 0 },
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
static void check_group(struct options *o)
{
        struct udp_server_config *s = &o->server;
        if (s->group.n == 0 && (s->group_by.n > 0 || s->group_rate > 0))
                options_fail("--multicast-if and --multicast-rate want --multicast");
        if (s->group.n > 0 && !sock_group_fits(&s->group, s->group_by.n > 0 ? &s->group_by : &s->listen))
                options_fail("--multicast: wants an IPv4 group, as in 232.1.1.1:5007, and a --listen address of IPv4");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct options *o = state->input;
        char text[64];
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &o->service;
                return 0;
        case 'l':
                o->listen = arg;
                return 0;
        case KEY_FILE:
                o->key_file = arg;
                return 0;
        case KEY_PER_ADDRESS:
                o->server.per_address = (uint32_t)options_count("per-address", arg, 1, UINT32_MAX);
                o->server.per_address_loopback = true;
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

static const uint8_t *read_key(const char *file, uint8_t key[UDP_KEY_BYTES])
{
        int err = udp_server_key(file, key);
        if (err)
                options_machine("--key-file %s: %s", file, err == ERR_SYSTEM ? strerror(errno) : "too short for a key");
        return key;
}

int main(int argc, char **argv)
{
        static const struct argp_child children[] = { { &service_argp, 0, NULL, 0 }, { 0 } };
        static const struct argp argp = { option_list, parse, NULL, doc, children, NULL, NULL };
        struct options o = { .service.handlers = &chat_handlers,
                             .server = udp_server_defaults(),
                             .listen = "127.0.0.1:3001" };
        log_name_set("udp_server");
        options_parse(&argp, argc, argv, &o);
        if (sock_addr_parse(o.listen, &o.server.listen) != 0)
                options_fail("--listen %s: not an address; write it as in 127.0.0.1:3001", o.listen);
        check_group(&o);
        uint8_t key[UDP_KEY_BYTES];
        if (o.key_file)
                o.server.reset_key = read_key(o.key_file, key);

        struct service *service;
        service_need(service_create(&o.service, &service), "start", "the service");
        struct udp_server *server = udp_server_serve(service, o.listen, &o.server);
        service_run(service);
        udp_server_tell(server);
        service_tell(service);
        udp_server_destroy(server);
        service_destroy(service);
        return EXIT_DONE;
}
