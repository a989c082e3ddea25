/* bin/udp_server: the UDP twin alone: sequenced datagrams with an application. */
#include "core/base/log.h"
#include "core/base/options.h"
#include "core/chat/chat.h"
#include "core/service/service.h"
#include "udp_server/udp_options.h"

struct options {
        struct service_config service;
        struct udp_options udp;
        const char *listen;
};

static const char doc[] = "Broadcasts chat events over sequenced datagrams.\v"
                          "When it is ready it prints `listening udp ADDRESS`; SIGINT and SIGTERM stop it cleanly. "
                          "A session sends no faster than a TCP would on its path, unless --pace off says so.\n\n"
                          "  udp_server --listen 127.0.0.1:3001\n"
                          "  client udp://127.0.0.1:3001 --room tea";

enum { KEY_PER_ADDRESS = 256 };

static const struct argp_option option_list[] = {
        { "listen", 'l', "ADDRESS", 0, "address and port to bind to (127.0.0.1:3001); port 0 picks one", 0 },
        { "per-address", KEY_PER_ADDRESS, "N", 0,
          "sessions of one address, of IPv6 of a /64 (64; of this machine any number); many clients may stand behind "
          "one",
          0 },
        { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct options *o = state->input;
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &o->udp;
                state->child_inputs[1] = &o->service;
                return 0;
        case 'l':
                o->listen = arg;
                return 0;
        case KEY_PER_ADDRESS:
                o->udp.server.per_address = (uint32_t)options_count("per-address", arg, 1, UINT32_MAX);
                o->udp.server.per_address_loopback = true;
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

int main(int argc, char **argv)
{
        static const struct argp_child children[] = { { &udp_argp, 0, NULL, 0 }, { &service_argp, 0, NULL, 0 }, { 0 } };
        static const struct argp argp = { option_list, parse, NULL, doc, children, NULL, NULL };
        struct options o = { .service.handlers = &chat_handlers,
                             .udp.server = udp_server_defaults(),
                             .listen = "127.0.0.1:3001" };
        log_name_set("udp_server");
        options_parse(&argp, argc, argv, &o);
        service_need_address("listen", o.listen, &o.udp.server.listen);
        udp_options_ready(&o.udp);

        struct service *service;
        service_need(service_create(&o.service, &service), "start", "the service");
        struct udp_server *server = udp_server_serve(service, o.listen, &o.udp.server);
        service_run(service);
        udp_server_tell(server);
        service_tell(service);
        udp_server_destroy(server);
        service_destroy(service);
        return EXIT_DONE;
}
