/* bin/tcp_server: the TCP twin alone: a Socket.IO server with an application. */
#include "core/base/log.h"
#include "core/base/options.h"
#include "core/chat/chat.h"
#include "core/service/service.h"
#include "tcp_server/tcp_options.h"

struct options {
        struct service_config service;
        struct tcp_options tcp;
        const char *listen;
};

static const char doc[] =
        "Broadcasts chat events over Socket.IO, on WebSocket and HTTP long polling.\v"
        "Any socket.io-client 4 can connect. When it is ready it prints `listening tcp ADDRESS`; SIGINT "
        "and SIGTERM stop it cleanly.\n\n"
        "  tcp_server --listen 127.0.0.1:3000\n"
        "  client ws://127.0.0.1:3000 --room tea\n\n"
        "A browser that opens http://127.0.0.1:3000/ gets a chat page. Socket.IO's client for browsers is taken from "
        "--bundle, else from tests/e2e/node_modules beside the program; without it the page says so, all else works.";

enum { KEY_PER_ADDRESS = 256 };

static const struct argp_option option_list[] = {
        { "listen", 'l', "ADDRESS", 0, "address and port to listen on (127.0.0.1:3000); port 0 picks one", 0 },
        { "per-address", KEY_PER_ADDRESS, "N", 0,
          "connections of one address, of IPv6 of a /64; the next gets 429 (1024; of this machine any number); many "
          "clients may stand behind one",
          0 },
        { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct options *o = state->input;
        struct tcp_server_config *c = &o->tcp.server;
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &o->tcp;
                state->child_inputs[1] = &o->service;
                return 0;
        case 'l':
                o->listen = arg;
                return 0;
        case KEY_PER_ADDRESS:
                c->per_address_max = (uint32_t)options_count("per-address", arg, 1, UINT32_MAX);
                c->per_address_loopback = true;
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

int main(int argc, char **argv)
{
        static const struct argp_child children[] = { { &tcp_argp, 0, NULL, 0 }, { &service_argp, 0, NULL, 0 }, { 0 } };
        static const struct argp argp = { option_list, parse, NULL, doc, children, NULL, NULL };
        struct options o = { .service.handlers = &chat_handlers,
                             .tcp.server = tcp_server_defaults(),
                             .listen = "127.0.0.1:3000" };
        log_name_set("tcp_server");
        options_parse(&argp, argc, argv, &o);
        service_need_address("listen", o.listen, &o.tcp.server.listen);
        tcp_options_service(&o.tcp, &o.service);

        struct service *service;
        struct web *web;
        service_need(service_create(&o.service, &service), "start", "the service");
        struct tcp_server *server = tcp_options_serve(&o.tcp, service, o.listen, &web);
        service_run(service);
        tcp_server_tell(server);
        service_tell(service);
        tcp_server_destroy(server);
        web_destroy(web);
        service_destroy(service);
        return EXIT_DONE;
}
