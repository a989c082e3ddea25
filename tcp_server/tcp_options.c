/* tcp_options: one table for tcp_server and `lab serve`. */
#include "tcp_server/tcp_options.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "core/base/options.h"

enum { EVENT_GROWS = 64 << 10 }; /* from message to event: 4,096 short numbers; names and rooms around it */

enum {
        KEY_PATH = 256,
        KEY_RECOVERY,
        KEY_OVERRUN,
        KEY_INTERVAL,
        KEY_TIMEOUT,
        KEY_CONNECT,
        KEY_HEAD,
        KEY_BODY,
        KEY_PAYLOAD,
        KEY_CORS,
        KEY_ORIGIN,
        KEY_WEB,
        KEY_BUNDLE,
        KEY_CONGESTION,
        KEY_NODELAY,
        KEY_CONNECTIONS,
        KEY_DEFLATE,
        KEY_WINDOW,
        KEY_CONTEXT,
        KEY_THRESHOLD
};

static const struct argp_option option_list[] = {
        { "path", KEY_PATH, "PATH", 0, "where Socket.IO is served (/socket.io/)", 0 },
        { "recovery", KEY_RECOVERY, "on|off", 0, "connection state recovery (on; with the echo application off)", 0 },
        { "on-overrun", KEY_OVERRUN, "gap|close", 0,
          "what a reader gets that the log has overtaken (gap if its auth says {gaps: true}, else close)", 0 },
        { "ping-interval", KEY_INTERVAL, "SPAN", 0, "time between two heartbeats (25s)", 0 },
        { "ping-timeout", KEY_TIMEOUT, "SPAN", 0, "time for a client to answer one (20s)", 0 },
        { "connect-timeout", KEY_CONNECT, "SPAN", 0, "time for a client to join a namespace (45s)", 0 },
        { "head-timeout", KEY_HEAD, "SPAN", 0, "time for a request's head to be whole; then 408 (10s)", 0 },
        { "body-timeout", KEY_BODY, "SPAN", 0, "time for a request's body, from the end of its head; then 408 (60s)",
          0 },
        { "max-payload", KEY_PAYLOAD, "SIZE", 0, "largest message taken, up to 16mib (1000000b)", 0 },
        { "cors", KEY_CORS, "ORIGIN", 0, "tell browsers that pages of this origin may connect; * for any (none)", 0 },
        { "origin", KEY_ORIGIN, "ORIGIN", 0,
          "let pages of this origin connect, again for more, and refuse those of all others; * for any (any may, but "
          "browsers are not told)",
          0 },
        { "web", KEY_WEB, "DIR", 0, "serve the pages in this folder instead of the chat page", 0 },
        { "bundle", KEY_BUNDLE, "DIR", 0,
          "folder of socket.io.js and its sisters for browsers (the npm package that `make deps` installs)", 0 },
        { "congestion", KEY_CONGESTION, "NAME", 0, "TCP congestion control of every connection (the system's)", 0 },
        { "nodelay", KEY_NODELAY, "on|off", 0, "TCP_NODELAY: small messages leave at once (on)", 0 },
        { "deflate", KEY_DEFLATE, "on|off", 0,
          "compress WebSocket messages (permessage-deflate) with clients that offer it (off)", 0 },
        { "deflate-window", KEY_WINDOW, "N", 0,
          "with windows of 2^N bytes, 9 to 15 (15); a client that can only take smaller ones is sent plain messages",
          0 },
        { "deflate-context", KEY_CONTEXT, "none|client", 0,
          "client: clients may refer to their earlier messages, for a window of memory each (none)", 0 },
        { "deflate-threshold", KEY_THRESHOLD, "SIZE", 0, "send shorter messages plain (1kib)", 0 },
        { "connections", KEY_CONNECTIONS, "N", 0,
          "connections in all; the next gets 503 (as many as there are descriptors for)", 0 },
        { 0 },
};

/* It will stand in answers' headers, and is compared with what browsers say, which has no path. */
static const char *read_origin(const char *name, const char *text)
{
        const char *at = text, *scheme = strstr(text, "://");
        while (*at > ' ' && *at <= '~')
                at++;
        bool word = strcmp(text, "*") == 0 || strcmp(text, "null") == 0; /* null: files, and frames in a sandbox */
        if (*at || (scheme ? strchr(scheme + 3, '/') != NULL : !word))
                options_fail("--%s %s: must be an origin, as in https://example.org, or *", name, text);
        return text;
}

static void take_origin(struct tcp_options *o, const char *text)
{
        size_t n = 0;
        while (o->origins[n])
                n++;
        if (n == TCP_ORIGINS_MAX)
                options_fail("--origin %s: that is one too many; %d are enough", text, TCP_ORIGINS_MAX);
        o->origins[n] = read_origin("origin", text);
}

/* `*` makes a list of none: any page may, and is told so. */
static void apply_origins(struct tcp_options *o)
{
        bool any = false;
        for (size_t i = 0; o->origins[i]; i++)
                any = any || strcmp(o->origins[i], "*") == 0;
        if (o->origins[0] && o->server.cors_origin)
                options_fail("--cors and --origin: one is enough; --origin tells browsers, too");
        if (any)
                o->server.cors_origin = "*";
        else if (o->origins[0])
                o->server.origins = o->origins;
}

/* A folder that cannot be read is told with its option's name, before anything is started. */
static const char *read_folder(const char *name, const char *folder)
{
        DIR *d = opendir(folder);
        if (!d)
                options_machine("--%s %s: %s", name, folder, strerror(errno));
        closedir(d);
        return folder;
}

static error_t parse_deflate(int key, char *arg, struct tcp_config *c)
{
        static const char *const contexts[] = { "none", "client", NULL };
        struct ws_deflate_rules *rules = &c->deflate_rules;
        switch (key) {
        case KEY_DEFLATE:
                c->deflate = options_switch("deflate", arg);
                return 0;
        case KEY_WINDOW:
                rules->window_bits =
                        (uint8_t)options_count("deflate-window", arg, WS_WINDOW_BITS_MIN, WS_WINDOW_BITS_MAX);
                return 0;
        case KEY_CONTEXT:
                rules->client_context = options_word("deflate-context", arg, contexts) == 1;
                return 0;
        case KEY_THRESHOLD:
                rules->threshold_bytes = (uint32_t)options_size("deflate-threshold", arg, 1, 16 << 20);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct tcp_options *o = state->input;
        struct tcp_server_config *c = &o->server;
        static const char *const overruns[] = { "gap", "close", NULL };
        switch (key) {
        case KEY_PATH:
                if (arg[0] != '/' || arg[strlen(arg) - 1] != '/')
                        options_fail("--path %s: must begin and end with a slash, as in /socket.io/", arg);
                c->path = arg;
                return 0;
        case KEY_RECOVERY:
                c->session.recovery = options_switch("recovery", arg);
                return 0;
        case KEY_OVERRUN:
                c->session.overrun =
                        options_word("on-overrun", arg, overruns) == 0 ? TCP_OVERRUN_GAP : TCP_OVERRUN_CLOSE;
                return 0;
        case KEY_INTERVAL:
                c->session.ping_interval_ns = options_span("ping-interval", arg, NS_PER_MS, 3600 * NS_PER_S);
                return 0;
        case KEY_TIMEOUT:
                c->session.ping_timeout_ns = options_span("ping-timeout", arg, NS_PER_MS, 3600 * NS_PER_S);
                return 0;
        case KEY_CONNECT:
                c->session.connect_timeout_ns = options_span("connect-timeout", arg, NS_PER_MS, 3600 * NS_PER_S);
                return 0;
        case KEY_HEAD:
                c->head_timeout_ns = options_span("head-timeout", arg, NS_PER_MS, 3600 * NS_PER_S);
                return 0;
        case KEY_BODY:
                c->body_timeout_ns = options_span("body-timeout", arg, NS_PER_MS, 3600 * NS_PER_S);
                return 0;
        case KEY_PAYLOAD:
                c->session.payload_bytes_max = (uint32_t)options_size("max-payload", arg, 128, 16 << 20);
                return 0;
        case KEY_CORS:
                c->cors_origin = read_origin("cors", arg);
                return 0;
        case KEY_ORIGIN:
                take_origin(o, arg);
                return 0;
        case ARGP_KEY_SUCCESS:
                apply_origins(o);
                return 0;
        case KEY_WEB:
                o->web.pages = read_folder("web", arg);
                return 0;
        case KEY_BUNDLE:
                o->web.bundle = read_folder("bundle", arg);
                return 0;
        case KEY_CONGESTION:
                c->congestion = arg;
                return 0;
        case KEY_NODELAY:
                c->nodelay = options_switch("nodelay", arg);
                return 0;
        case KEY_CONNECTIONS:
                c->connections_max = (uint32_t)options_count("connections", arg, 1, INT32_MAX);
                return 0;
        default:
                return parse_deflate(key, arg, &c->session);
        }
}

const struct argp tcp_argp = { option_list, parse, 0, 0, 0, 0, 0 };

void tcp_options_service(const struct tcp_options *o, struct service_config *service)
{
        service_need_congestion(o->server.congestion);
        service->hub.event_bytes_max = o->server.session.payload_bytes_max + EVENT_GROWS;
}

struct tcp_server *tcp_options_serve(struct tcp_options *o, struct service *service, const char *address,
                                     struct web **web)
{
        o->web.path = o->server.path;
        service_need(web_load(&o->web, web), "read", "the files for browsers");
        o->server.web = *web;
        return tcp_server_serve(service, address, &o->server);
}
