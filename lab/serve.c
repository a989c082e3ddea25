#include "lab/serve.h"

#include "core/base/log.h"
#include "core/base/options.h"
#include "core/chat/chat.h"
#include "core/service/service.h"
#include "tcp_server/tcp_options.h"
#include "udp_server/udp_options.h"

struct options {
        struct service_config service;
        struct tcp_options tcp;
        struct udp_options udp;
        const char *tcp_listen, *udp_listen;
};

static const char doc[] = "Serves one hub on both paths: an event said on one is heard on both.\v"
                          "When it is ready it prints `listening tcp ADDRESS` and `listening udp ADDRESS`.\n\n"
                          "  lab serve --tcp 127.0.0.1:3000 --udp 127.0.0.1:3001";

enum { KEY_TCP = 256, KEY_UDP, KEY_SEED, KEY_PER_ADDRESS };

static const struct argp_option option_list[] = {
        { "tcp", KEY_TCP, "ADDRESS", 0, "listen for Socket.IO here (127.0.0.1:3000); port 0 picks one", 0 },
        { "udp", KEY_UDP, "ADDRESS", 0, "listen for datagrams here (127.0.0.1:3001); port 0 picks one", 0 },
        { "seed", KEY_SEED, "N", 0, "decides which path is flushed first in each turn (1)", 0 },
        { "per-address", KEY_PER_ADDRESS, "N", 0,
          "UDP sessions of one address, of IPv6 of a /64 (64; of this machine any number); of TCP connections it may "
          "have four times as many, and 1024 in any case; many clients may stand behind one",
          0 },
        { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct options *o = state->input;
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &o->tcp;
                state->child_inputs[1] = &o->udp;
                state->child_inputs[2] = &o->service;
                return 0;
        case KEY_TCP:
                o->tcp_listen = arg;
                return 0;
        case KEY_UDP:
                o->udp_listen = arg;
                return 0;
        case KEY_SEED:
                o->service.seed = options_count("seed", arg, 0, UINT64_MAX);
                return 0;
        case KEY_PER_ADDRESS:
                o->udp.server.per_address = (uint32_t)options_count("per-address", arg, 1, UINT32_MAX / 4);
                if (o->tcp.server.per_address_max < 4 * o->udp.server.per_address)
                        o->tcp.server.per_address_max = 4 * o->udp.server.per_address;
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

int serve_main(int argc, char **argv)
{
        static const struct argp_child children[] = { { &tcp_argp, 0, "Of the TCP twin, as tcp_server has them:", 40 },
                                                      { &udp_argp, 0, "Of the UDP twin, as udp_server has them:", 41 },
                                                      { &service_argp, 0, NULL, 0 },
                                                      { 0 } };
        static const struct argp argp = { option_list, parse, NULL, doc, children, NULL, NULL };
        struct options o = { .service = { .handlers = &chat_handlers, .seed = 1 },
                             .tcp.server = tcp_server_defaults(),
                             .udp.server = udp_server_defaults(),
                             .tcp_listen = "127.0.0.1:3000",
                             .udp_listen = "127.0.0.1:3001" };
        options_parse(&argp, argc, argv, &o);
        service_need_address("tcp", o.tcp_listen, &o.tcp.server.listen);
        service_need_address("udp", o.udp_listen, &o.udp.server.listen);
        tcp_options_service(&o.tcp, &o.service);
        udp_options_ready(&o.udp);

        struct service *service;
        struct web *web;
        service_need(service_create(&o.service, &service), "start", "the service");
        struct tcp_server *tcp = tcp_options_serve(&o.tcp, service, o.tcp_listen, &web);
        struct udp_server *udp = udp_server_serve(service, o.udp_listen, &o.udp.server);
        service_run(service);
        tcp_server_tell(tcp);
        udp_server_tell(udp);
        service_tell(service);
        udp_server_destroy(udp);
        tcp_server_destroy(tcp);
        web_destroy(web);
        service_destroy(service);
        return EXIT_DONE;
}
