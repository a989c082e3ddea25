/* bin/client: a terminal chat over either transport, or a pipe into one. */
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/phrase.h"
#include "client/talk.h"
#include "client/terminal.h"
#include "core/base/err.h"
#include "core/base/log.h"
#include "core/base/options.h"
#include "core/base/rng.h"
#include "core/chat/chat.h"
#include "core/loop/loop.h"

struct options {
        struct talk_config talk;
        struct client_url url;
        bool mode_given, url_given;
};

static const char doc[] =
        "Talks to a Twincast server from a terminal or a pipe."
        "\v"
        "URL is ws://HOST:PORT[/path/] (Socket.IO over TCP) or udp://HOST:PORT.\n\n"
        "On a terminal: what is typed is said in the room joined last, or to everyone; lost connections come back by "
        "themselves, missed events are recovered, and every gap is told. Commands:\n\n"
        "@"
        "\n"
        "In a pipe: each line is a message, and the end of input leaves once every message is answered. Messages of "
        "others go to standard output, remarks to standard error. With --json each line is an event, [\"name\", "
        "args...], and everything that happens is printed as one JSON object a line.\n\n"
        "Exit: 0 done; 1 (pipes) something was refused, unanswered or lost; 2 wrong usage; 3 no server there.\n\n"
        "  client ws://127.0.0.1:3000 --room tea --name Ann\n"
        "  echo hello | client udp://127.0.0.1:3001 --room tea";

enum { KEY_JSON = 256, KEY_MODE, KEY_TOKEN };

static const struct argp_option option_list[] = {
        { "room", 'r', "ROOM", 0, "join this room at first, and speak there", 0 },
        { "name", 'n', "NAME", 0, "what the others see before your words", 0 },
        { "mode", KEY_MODE, "MODE", 0,
          "udp: nack (ordered, repaired), nack-unordered, fec (repaired before it is asked for), fec-unordered or "
          "raw (nack)",
          0 },
        { "auth-token-file", KEY_TOKEN, "FILE", 0, "the file that holds the server's token, if it asks for one", 0 },
        { "json", KEY_JSON, 0, 0, "events in and out as lines of JSON", 0 },
        { 0 },
};

static const char *bounded(const char *option, const char *text, size_t max)
{
        if (*text == '\0' || strlen(text) > max)
                options_fail("--%s: 1 to %zu bytes of text", option, max);
        struct buf event = { 0 };
        if (phrase_verb(&event, option, bytes_text(text)) != 0)
                options_fail("--%s: this is not UTF-8", option);
        buf_free(&event);
        return text;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
        static const char *const modes[] = { "nack",          "nack-unordered", "raw",         "fec",
                                             "fec-unordered", "nack-ordered",   "fec-ordered", NULL };
        static const enum client_mode same[] = { CLIENT_MODE_NACK_ORDERED, CLIENT_MODE_FEC_ORDERED };
        struct options *o = state->input;
        const char *why;
        int word;
        switch (key) {
        case 'r':
                o->talk.room = bounded("room", arg, HUB_ROOM_NAME_MAX);
                return 0;
        case 'n':
                o->talk.engine.name = bounded("name", arg, CHAT_NAME_MAX);
                return 0;
        case KEY_MODE:
                word = options_word("mode", arg, modes);
                o->talk.engine.mode = word < CLIENT_MODES ? (enum client_mode)word : same[word - CLIENT_MODES];
                o->mode_given = true;
                return 0;
        case KEY_TOKEN:
                o->talk.engine.token = options_secret("auth-token-file", arg, APP_TOKEN_MAX);
                return 0;
        case KEY_JSON:
                o->talk.json = true;
                return 0;
        case ARGP_KEY_ARG:
                if (o->url_given)
                        options_fail("%s: one URL is enough", arg);
                if (client_url_parse(arg, &o->url, &why) != 0)
                        options_fail("%s: %s", arg, why);
                o->url_given = true;
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

/* The commands' list, which phrase keeps, in place of the @ in the text above. */
static char *fill_in(int key, const char *text, void *input)
{
        (void)input;
        const char *at = text ? strchr(text, '@') : NULL;
        if (key != ARGP_KEY_HELP_POST_DOC || !at)
                return (char *)(uintptr_t)text;
        struct buf out = { 0 };
        int err = buf_put(&out, text, (size_t)(at - text));
        err = err ? err : phrase_help(&out);
        err = err ? err : buf_put(&out, at + 1, strlen(at + 1) + 1);
        return err ? (char *)(uintptr_t)text : (char *)out.at;
}

static void check(struct options *o)
{
        if (!o->url_given)
                options_fail("where to? A URL is missing, as in ws://127.0.0.1:3000");
        if (o->mode_given && !o->url.transport->datagrams)
                options_fail("--mode: only udp:// has modes");
        o->talk.url = &o->url;
        o->talk.engine.reconnect = true;
        o->talk.engine.seed = rng_os_u64();
}

static void stop(void *ctx)
{
        struct talk **talk = ctx;
        talk_leave(*talk);
}

/* What to do about it, as far as that can be known. */
static void unreachable(const struct options *o, const char *why)
{
        const char *host = o->url.authority, *server = o->url.transport->datagrams ? "udp_server" : "tcp_server";
        if (strcmp(why, "Connection refused") == 0)
                options_machine("cannot reach %s: %s; `bin/%s --listen %s` starts a server there", host, why, server,
                                host);
        if (strncmp(why, "no answer", strlen("no answer")) == 0)
                options_machine("cannot reach %s: %s; is bin/%s running there, and does a firewall let %s through?",
                                host, why, server, o->url.transport->name);
        options_machine("cannot reach %s: %s", host, why);
}

static int run(const struct options *o)
{
        struct loop *loop = loop_create();
        struct talk *talk;
        const char *why = NULL, *host = o->url.authority;
        if (!loop)
                options_machine("cannot start: %s", err_text(ERR_NO_MEMORY));
        int err = talk_create(loop, &o->talk, &talk, &why);
        err = err ? err : loop_on_signals(loop, stop, &talk);
        if (err)
                options_machine("cannot reach %s: %s", host, why ? why : err_text(err));
        loop_run(loop);
        enum talk_end end = talk_end(talk, &why);
        talk_destroy(talk);
        loop_destroy(loop);
        if (end == TALK_UNREACHABLE)
                unreachable(o, why);
        return end == TALK_DONE ? EXIT_DONE : EXIT_EXPECTATION;
}

int main(int argc, char **argv)
{
        static const struct argp argp = { option_list, parse, "URL", doc, NULL, fill_in, NULL };
        struct options o = { 0 };
        log_name_set("client");
        options_parse(&argp, argc, argv, &o);
        check(&o);
        return run(&o);
}
