/* service_options: what the command lines of all who serve an application have in common. */
#include <string.h>

#include "core/base/log.h"
#include "core/base/options.h"
#include "core/chat/chat.h"
#include "core/chat/echo.h"
#include "core/service/service.h"

static void take_namespace(struct service_config *config, const char *name)
{
        const char *at = name;
        while (*at > ' ' && *at <= '~' && *at != ',' && *at != '?')
                at++;
        if (name[0] != '/' || *at || at - name > HUB_ROOM_NAME_MAX)
                options_fail("--namespace %s: must begin with a slash, as in /news", name);
        if (strcmp(name, "/") == 0)
                options_fail("--namespace %s: is there anyway; name another, as in /news", name);
        if (config->more_n == SERVICE_NAMESPACES_MAX - 1)
                options_fail("--namespace %s: that is one too many; %d are enough", name, SERVICE_NAMESPACES_MAX - 1);
        config->more[config->more_n++] = name;
}

static const struct app_handlers *app_word(const char *name)
{
        static const char *const names[] = { "chat", "echo", NULL };
        static const struct app_handlers *const apps[] = { &chat_handlers, &echo_handlers };
        return apps[options_word("app", name, names)];
}

enum {
        KEY_APP = 0x1000,
        KEY_NAMESPACE,
        KEY_TOKEN,
        KEY_EVENTS,
        KEY_BYTES,
        KEY_TOTAL,
        KEY_AGE,
        KEY_RATE,
        KEY_BURST,
        KEY_ROOMS,
        KEY_ROOM_NAME,
        KEY_NAME,
        KEY_EVENT_NAME
};

enum { EVENTS_PER_S = 10000, EVENT_BURST = 10000, ROOM_NAME_MIN = APP_ID_CHARS /* a socket's own */ };

static const struct argp_option option_list[] = {
        { "verbose", 'v', 0, 0, "say on standard error what happens, and at the end what was counted", 0 },
        { 0, 0, 0, 0, "Which application is served, and to whom:", 49 },
        { "app", KEY_APP, "chat|echo", 0, "the application; echo is for conformance suites (chat)", 0 },
        { "namespace", KEY_NAMESPACE, "NSP", 0, "serve it in this namespace, too, as in /news; again for more", 0 },
        { "auth-token-file", KEY_TOKEN, "FILE", 0, "let in only who knows the token in this file (anyone)", 0 },
        { 0, 0, 0, 0, "How much of each room is kept for slow readers and for recovery:", 50 },
        { "log-events", KEY_EVENTS, "N", 0, "events in a room's log (10000)", 0 },
        { "log-bytes", KEY_BYTES, "SIZE", 0, "bytes of events in a room's log (16mib)", 0 },
        { "log-bytes-total", KEY_TOTAL, "SIZE", 0, "bytes of all logs together, in all namespaces (256mib)", 0 },
        { "log-age", KEY_AGE, "SPAN", 0, "age at which an event leaves every log (120s)", 0 },
        { 0, 0, 0, 0, "What one client may ask:", 51 },
        { "event-rate", KEY_RATE, "RATE", 0,
          "events a second, joins among them (10000/s); what comes faster waits, in order: over TCP it is not yet "
          "read, over UDP it is refused and said again",
          0 },
        { "event-burst", KEY_BURST, "N", 0, "events at once, from a client that was quiet before (10000)", 0 },
        { "rooms", KEY_ROOMS, "N", 0, "rooms that it may be in at once (64)", 0 },
        { "room-name-max", KEY_ROOM_NAME, "SIZE", 0, "length of a room's name (255b)", 0 },
        { "name-max", KEY_NAME, "SIZE", 0, "length of its display name (64b)", 0 },
        { "event-name-max", KEY_EVENT_NAME, "SIZE", 0, "length of an event's name (256b)", 0 },
        { 0 },
};

static error_t parse_log(int key, char *arg, struct hub_config *c)
{
        switch (key) {
        case KEY_EVENTS:
                c->room_events_max = options_count("log-events", arg, 1, 100000000);
                return 0;
        case KEY_BYTES:
                c->room_bytes_max = options_size("log-bytes", arg, 1024, UINT64_C(1) << 40);
                return 0;
        case KEY_TOTAL:
                c->bytes_total_max = options_size("log-bytes-total", arg, 1024, UINT64_C(1) << 40);
                return 0;
        case KEY_AGE:
                c->age_ns_max = options_span("log-age", arg, NS_PER_MS, 24 * 3600 * NS_PER_S);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
        struct service_config *c = state->input;
        switch (key) {
        case ARGP_KEY_INIT:
                c->limits = limits_defaults();
                c->event_rate = EVENTS_PER_S;
                c->event_burst = EVENT_BURST;
                return 0;
        case 'v':
                log_level_set(LOG_INFO);
                return 0;
        case KEY_APP:
                c->handlers = app_word(arg);
                return 0;
        case KEY_NAMESPACE:
                take_namespace(c, arg);
                return 0;
        case KEY_TOKEN:
                c->token = options_secret("auth-token-file", arg, APP_TOKEN_MAX);
                return 0;
        case KEY_RATE:
                c->event_rate = options_rate("event-rate", arg);
                return 0;
        case KEY_BURST:
                c->event_burst = (uint32_t)options_count("event-burst", arg, 1, 1000000);
                return 0;
        case KEY_ROOMS:
                c->limits.rooms_max = (uint32_t)options_count("rooms", arg, 1, HUB_STAYS_MAX);
                return 0;
        case KEY_ROOM_NAME:
                c->limits.room_name_max =
                        (uint32_t)options_size("room-name-max", arg, ROOM_NAME_MIN, HUB_ROOM_NAME_MAX);
                return 0;
        case KEY_NAME:
                c->limits.name_max = (uint32_t)options_size("name-max", arg, 1, 255);
                return 0;
        case KEY_EVENT_NAME:
                c->limits.event_name_max = (uint32_t)options_size("event-name-max", arg, 1, EVENT_NAME_MAX);
                return 0;
        case ARGP_KEY_ARG:
                options_fail("%s: takes options only; --help lists them", arg);
        default:
                return parse_log(key, arg, &c->hub);
        }
}

const struct argp service_argp = { option_list, parse, 0, 0, 0, 0, 0 };
