#include "bench/speed.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/audience.h"
#include "bench/payload.h"
#include "bench/speed_core.h"
#include "bench/speed_table.h"
#include "core/base/err.h"
#include "core/base/options.h"
#include "core/loop/loop.h"

enum {
        ROUNDS = 25,
        ROUNDS_MAX = 999,
        WARM_BURSTS = 10, /* windows open, segments grow */
        BURSTS_MIN = 2,   /* in a round */
        LIST_MAX = 2,
        SIDES_MAX = 3,
        OTHER_FILES = 64, /* of this process, besides sockets */
        SETTLE_MS = 3,    /* for a server to finish what follows its last send */
};

/* What a round of one server is to last. Short, so that the other's connections are never idle for
 * a retransmission timeout (200 ms): after that a TCP receiver acknowledges sixteen segments at
 * once, and at the sender's expense where both are on one host (+30 % at N=1,000, W=1). */
#define ROUND_NS       (80 * NS_PER_MS)
#define QUICK_ROUND_NS (30 * NS_PER_MS)
#define CORE_NS        (300 * NS_PER_MS)

struct list {
        uint32_t value[LIST_MAX], n;
};

struct options {
        bool tcp, udp;
        bool paced; /* udp_server as it is by default */
        struct list subscribers, sizes, bursts;
        uint32_t rounds;
        int64_t round_ns;
};

/* ---- one setting -------------------------------------------------------------------------- */

/* A server process and those who listen to it. */
struct side {
        const char *name;
        bool bare;
        pid_t pid;
        struct audience *audience;
        int64_t burst_ns; /* how long one takes, on the clock */
        double ns[ROUNDS_MAX];
};

enum { SERVER, BARE, UNPACED };

struct setting {
        const struct options *options;
        struct cores cores;
        enum speed_path path;
        struct sock_addr group; /* SPEED_MULTICAST */
        uint32_t subscribers, event_bytes, burst_events;
        struct side side[SIDES_MAX];
        uint32_t sides;
        struct batch batch;
        double ratio[ROUNDS_MAX], pace_ratio[ROUNDS_MAX];
};

static void drop_setting(struct setting *s)
{
        for (uint32_t i = 0; i < SIDES_MAX; i++) {
                audience_destroy(s->side[i].audience);
                child_stop(s->side[i].pid);
        }
        batch_free(&s->batch);
}

static int fail(const struct setting *s, const struct side *side, int code)
{
        fprintf(stderr, "bench speed: %s, N=%u, %u B, W=%u: %s\n", side->name, s->subscribers, s->event_bytes,
                s->burst_events, side->audience ? audience_why(side->audience) : "out of memory");
        return code;
}

static int warm_up(struct setting *s, struct side *side)
{
        struct mono start = loop_clock();
        for (int i = 0; i < WARM_BURSTS; i++) {
                if (i == WARM_BURSTS / 2)
                        start = loop_clock();
                if (audience_burst(side->audience) != 0)
                        return fail(s, side, EXIT_EXPECTATION);
                if (i < WARM_BURSTS / 2 && audience_rest(side->audience) != 0)
                        return fail(s, side, EXIT_EXPECTATION);
        }
        side->burst_ns = mono_since(loop_clock(), start) / (WARM_BURSTS - WARM_BURSTS / 2);
        return audience_rest(side->audience) == 0 ? 0 : fail(s, side, EXIT_EXPECTATION);
}

static int join(struct setting *s, struct side *side, const struct sock_addr *to)
{
        struct audience_config config = {
                .datagrams = s->path != SPEED_TCP,
                .bare = side->bare,
                .to = *to,
                .group = s->group,
                .subscribers = s->subscribers,
                .burst_events = s->burst_events,
                .event_bytes = s->event_bytes,
                .cores = s->cores,
        };
        side->audience = audience_create(&config);
        if (!side->audience || audience_connect(side->audience) != 0)
                return fail(s, side, EXIT_MACHINE);
        return warm_up(s, side);
}

/* Nothing slows a publisher down, nor a group. */
static int start_server(struct setting *s, struct side *side, bool paced)
{
        char group[SOCK_ADDR_TEXT_MAX] = "";
        static char *tcp[] = { "tcp_server",   "--listen", "127.0.0.1:0",   "--ping-interval", "3600s",
                               "--event-rate", "1000/ms",  "--event-burst", "1000000",         NULL };
        char *pace = paced ? "auto" : "off", *multicast = s->path == SPEED_MULTICAST ? "--multicast" : NULL;
        char *udp[] = { "udp_server", "--listen", "127.0.0.1:0", "--event-rate", "1000/ms", "--event-burst",
                        "1000000",    "--pace",   pace,          multicast,      group,     "--multicast-rate",
                        "100gbit",    NULL };
        char **argv = s->path == SPEED_TCP ? tcp : udp;
        if (s->path == SPEED_MULTICAST)
                sock_addr_text(&s->group, group);
        struct sock_addr at;
        side->name = argv[0];
        side->pid = child_start(&s->cores, argv[0], argv, &at);
        if (side->pid < 0) {
                fprintf(stderr, "bench speed: cannot start %s beside this program: %s\n", argv[0],
                        errno ? strerror(errno) : "it did not get ready");
                return EXIT_MACHINE;
        }
        return join(s, side, &at);
}

static int start_bare(struct setting *s, struct side *side)
{
        struct bare_config config = { .datagrams = s->path != SPEED_TCP,
                                      .subscribers = s->subscribers,
                                      .burst_bytes = audience_burst_bytes(s->side[SERVER].audience),
                                      .batch = &s->batch,
                                      .cores = s->cores };
        struct sock_addr at;
        side->name = "the bare server";
        side->bare = true;
        side->pid = bare_start(&config, &at);
        if (side->pid < 0) {
                fprintf(stderr, "bench speed: cannot start the bare server: %s\n", strerror(errno));
                return EXIT_MACHINE;
        }
        return join(s, side, &at);
}

static int start_both(struct setting *s)
{
        int code = start_server(s, &s->side[SERVER], s->options->paced);
        if (!code &&
            (audience_record(s->side[SERVER].audience, &s->batch) != 0 || audience_rest(s->side[SERVER].audience) != 0))
                code = fail(s, &s->side[SERVER], EXIT_EXPECTATION);
        s->sides = UNPACED;
        return code ? code : start_bare(s, &s->side[BARE]);
}

static int start_unpaced(struct setting *s)
{
        if (s->path != SPEED_UDP || !s->options->paced)
                return 0;
        s->sides++;
        return start_server(s, &s->side[UNPACED], false);
}

static int run_round(struct setting *s, struct side *side, uint32_t round, uint32_t bursts)
{
        if (round == 0 && audience_settle(side->audience) != 0)
                return fail(s, side, EXIT_EXPECTATION);
        int64_t before = loop_process_cpu_ns(side->pid);
        for (uint32_t i = 0; i < bursts; i++)
                if (audience_burst(side->audience) != 0)
                        return fail(s, side, EXIT_EXPECTATION);
        poll(NULL, 0, SETTLE_MS);
        int64_t spent = loop_process_cpu_ns(side->pid) - before;
        side->ns[round] = (double)spent / bursts / s->subscribers / s->burst_events;
        return audience_rest(side->audience) == 0 ? 0 : fail(s, side, EXIT_EXPECTATION);
}

static void progress(const struct setting *s, uint32_t round)
{
        if (!isatty(STDERR_FILENO))
                return;
        if (round < s->options->rounds)
                fprintf(stderr, "\r  %5u  %4u B  %3u  round %u of %u ", s->subscribers, s->event_bytes, s->burst_events,
                        round + 1, s->options->rounds);
        else
                fprintf(stderr, "\r%40s\r", "");
}

static uint32_t bursts_of_a_round(const struct setting *s)
{
        int64_t slowest_ns = 1;
        for (uint32_t i = 0; i < s->sides; i++)
                slowest_ns = s->side[i].burst_ns > slowest_ns ? s->side[i].burst_ns : slowest_ns;
        uint32_t bursts = (uint32_t)(s->options->round_ns / slowest_ns);
        return bursts > BURSTS_MIN ? bursts : BURSTS_MIN;
}

static int run_rounds(struct setting *s)
{
        uint32_t bursts = bursts_of_a_round(s);
        for (uint32_t i = 0; i < s->options->rounds; i++) {
                progress(s, i);
                for (uint32_t k = 0; k < s->sides; k++) {
                        int code = run_round(s, &s->side[(i + k) % s->sides], i, bursts);
                        if (code)
                                return code;
                }
                s->ratio[i] = s->side[SERVER].ns[i] / s->side[BARE].ns[i];
                if (s->sides > UNPACED)
                        s->pace_ratio[i] = s->side[SERVER].ns[i] / s->side[UNPACED].ns[i];
        }
        progress(s, s->options->rounds);
        return 0;
}

static double packet_events(const struct side *side, struct audience_figures before)
{
        struct audience_figures after = audience_figures(side->audience);
        uint64_t packets = after.packets - before.packets;
        return packets > 0 ? (double)(after.events - before.events) / (double)packets : 0;
}

static int run_setting(struct setting *s)
{
        int code = start_both(s);
        code = code ? code : start_unpaced(s);
        if (code)
                return code;
        struct side *server = &s->side[SERVER], *bare = &s->side[BARE];
        struct audience_figures of_server = audience_figures(server->audience),
                                of_bare = audience_figures(bare->audience);
        code = run_rounds(s);
        if (code)
                return code;
        struct speed_row row = {
                .subscribers = s->subscribers,
                .event_bytes = s->event_bytes,
                .burst_events = s->burst_events,
                .rounds = s->options->rounds,
                .server_ns = server->ns,
                .bare_ns = bare->ns,
                .ratio = s->ratio,
                .pace_ratio = s->sides > UNPACED ? s->pace_ratio : NULL,
                .server_packet_events = packet_events(server, of_server),
                .bare_packet_events = packet_events(bare, of_bare),
        };
        speed_table_row(stdout, &row);
        return 0;
}

/* By multicast the first setting of each burst is enough: to show what a datagram for all is worth. */
static int run_path(const struct options *o, const struct cores *cores, enum speed_path path,
                    const struct sock_addr *group)
{
        static struct setting s;
        uint32_t settings = path == SPEED_MULTICAST ? o->bursts.n : o->subscribers.n * o->sizes.n * o->bursts.n;
        int code = 0;
        speed_table_head(stdout, path, o->paced);
        fflush(stdout);
        for (uint32_t i = 0; i < settings && !code; i++) {
                s = (struct setting){ .options = o, .cores = *cores, .path = path, .group = *group };
                s.burst_events = o->bursts.value[i % o->bursts.n];
                s.event_bytes = o->sizes.value[i / o->bursts.n % o->sizes.n];
                s.subscribers = o->subscribers.value[i / o->bursts.n / o->sizes.n];
                code = run_setting(&s);
                drop_setting(&s);
        }
        return code;
}

static int run_multicast(const struct options *o, const struct cores *cores)
{
        struct sock_addr group;
        if (audience_group(&group))
                return run_path(o, cores, SPEED_MULTICAST, &group);
        printf("\nudp_server --multicast: skipped, a group on this machine's loopback is not heard here\n");
        return 0;
}

/* ---- many subscribers beside few ---------------------------------------------------------- */

static int run_growth(struct setting *few, struct setting *many)
{
        static double ratio[2][ROUNDS_MAX];
        int code = start_both(few);
        code = code ? code : start_both(many);
        uint32_t n = few->options->rounds;
        for (uint32_t i = 0; !code && i < n; i++) {
                struct setting *first = i % 2 ? many : few, *second = i % 2 ? few : many;
                for (int k = SERVER; !code && k <= BARE; k++) {
                        code = run_round(first, &first->side[k], i, bursts_of_a_round(first));
                        code = code ? code : run_round(second, &second->side[k], i, bursts_of_a_round(second));
                        ratio[k][i] = many->side[k].ns[i] / few->side[k].ns[i];
                }
        }
        if (!code)
                speed_table_growth(stdout, few->event_bytes, few->burst_events, ratio[SERVER], ratio[BARE], n);
        return code;
}

/* The servers of both stand at once, so that what the machine does besides comes to both alike. */
static int run_growths(const struct options *o, const struct cores *cores, enum speed_path path)
{
        static struct setting few, many;
        int code = 0;
        if (o->subscribers.n < 2)
                return 0;
        speed_table_growth_head(stdout, o->subscribers.value[0], o->subscribers.value[1]);
        for (uint32_t i = 0; !code && i < o->bursts.n; i++) {
                few = (struct setting){ .options = o, .cores = *cores, .path = path };
                few.burst_events = o->bursts.value[i];
                few.event_bytes = o->sizes.value[0];
                many = few;
                few.subscribers = o->subscribers.value[0];
                many.subscribers = o->subscribers.value[1];
                code = run_growth(&few, &many);
                drop_setting(&few);
                drop_setting(&many);
        }
        return code;
}

/* ---- the core alone ----------------------------------------------------------------------- */

static uint32_t largest(const struct list *l)
{
        uint32_t most = 0;
        for (uint32_t i = 0; i < l->n; i++)
                most = l->value[i] > most ? l->value[i] : most;
        return most;
}

static int run_core(const struct options *o)
{
        struct speed_core core;
        uint32_t members = largest(&o->subscribers), events = largest(&o->bursts), bytes = o->sizes.value[0];
        int64_t span_ns = o->round_ns < ROUND_NS ? QUICK_ROUND_NS : CORE_NS;
        if (speed_core_measure(members, events, bytes, span_ns, &core) != 0) {
                fprintf(stderr, "bench speed: out of memory\n");
                return EXIT_MACHINE;
        }
        printf("\nthe core alone (hub in this process, no sockets): N=%u, %u B, W=%u\n", members, bytes, events);
        printf("  %6.2f ns a delivery   publish, encode, announce, walk and advance: %.4f CPU s per million\n",
               core.delivery_ns, core.delivery_ns / 1e3);
        printf("  %6.0f ns an event     once, however many members (encoded %.2f times)\n", core.event_ns,
               core.encodes);
        printf("  %6.0f ns a member     once a turn, however many events (bytes copied for it: %llu)\n", core.member_ns,
               (unsigned long long)core.copied_bytes);
        return 0;
}

/* ---- command line ------------------------------------------------------------------------- */

static const char doc[] =
        "CPU per delivery of tcp_server and udp_server, beside a bare batch send of the same bytes in the same run.\v"
        "One subscriber publishes W events in one write; when all N have got them, the next W follow, so that every "
        "server gets the same batches however slow it is. Server processes run on one core, everything else on "
        "another. Trust the ratios; the seconds are this machine's. The whole takes about four minutes.\n\n"
        "  bench speed\n"
        "  bench speed --paths udp --subscribers 1000 --size 64b --outstanding 64";

enum { KEY_QUICK = 256, KEY_ROUNDS, KEY_PATHS, KEY_SUBSCRIBERS, KEY_SIZE, KEY_OUTSTANDING, KEY_PACE };

static const struct argp_option option_list[] = {
        { "quick", KEY_QUICK, 0, 0, "a few seconds: does it run, and is everything delivered?", 0 },
        { "rounds", KEY_ROUNDS, "N", 0, "measurements of each server in each setting (25)", 0 },
        { "paths", KEY_PATHS, "WHICH", 0, "tcp, udp or both (both)", 0 },
        { "subscribers", KEY_SUBSCRIBERS, "N", 0, "how many, this only (100 and 1000)", 0 },
        { "size", KEY_SIZE, "SIZE", 0, "size of an event's text, this only (64b and 1kib)", 0 },
        { "outstanding", KEY_OUTSTANDING, "W", 0, "events in a burst, this only (1 and 64)", 0 },
        { "pace", KEY_PACE, "auto|off", 0,
          "udp_server as it runs by default, beside itself unpaced (auto); or off: unpaced alone", 0 },
        { 0 },
};

static struct list only(uint64_t value)
{
        return (struct list){ { (uint32_t)value }, 1 };
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
        static const char *const paths[] = { "tcp", "udp", "both", NULL };
        static const char *const paces[] = { "off", "auto", NULL };
        struct options *o = state->input;
        switch (key) {
        case KEY_QUICK:
                o->rounds = 3;
                o->round_ns = QUICK_ROUND_NS;
                o->subscribers = only(50);
                return 0;
        case KEY_ROUNDS:
                o->rounds = (uint32_t)options_count("rounds", arg, 1, ROUNDS_MAX);
                return 0;
        case KEY_PATHS: {
                int which = options_word("paths", arg, paths);
                o->tcp = which != 1;
                o->udp = which != 0;
                return 0;
        }
        case KEY_SUBSCRIBERS:
                o->subscribers = only(options_count("subscribers", arg, 2, 10000));
                return 0;
        case KEY_SIZE:
                o->sizes = only(options_size("size", arg, PAYLOAD_BYTES_MIN, AUDIENCE_EVENT_BYTES_MAX));
                return 0;
        case KEY_OUTSTANDING:
                o->bursts = only(options_count("outstanding", arg, 1, BATCH_ENTRIES_MAX));
                return 0;
        case KEY_PACE:
                o->paced = options_word("pace", arg, paces) == 1;
                return 0;
        case ARGP_KEY_ARG:
                options_fail("%s: takes options only; --help lists them", arg);
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static void say_conditions(const struct options *o, const struct cores *cores)
{
        struct utsname u;
        uname(&u);
        printf("Server CPU per delivery, beside a bare batch send of the same bytes in the same run\n\n");
        printf("  machine  %s %s, %s, %ld cores\n", u.sysname, u.release, u.machine, sysconf(_SC_NPROCESSORS_ONLN));
        if (cores->apart)
                printf("  cores    servers pinned to core %d, subscribers and publishing to core %d\n", cores->server,
                       cores->clients);
        else
                printf("  cores    NOT pinned: there is one core for both, and figures move with the subscribers\n");
        printf("  method   W events published in one go, the next W when all N subscribers have got them;\n"
               "           %u rounds, servers and bare in turn; medians\n",
               o->rounds);
}

/* Three servers of the most subscribers, or two of each number. */
static void need_files(const struct list *l)
{
        uint32_t subscribers = largest(l);
        uint64_t need = SIDES_MAX * (uint64_t)subscribers + OTHER_FILES, allowed = 0;
        if (child_files(need, &allowed) != 0)
                options_machine("%u subscribers of three servers need %llu open files; this user may have %llu "
                                "(ulimit -n, limits.conf)",
                                subscribers, (unsigned long long)need, (unsigned long long)allowed);
}

int speed_main(int argc, char **argv)
{
        static const struct argp argp = { option_list, parse, NULL, doc, NULL, NULL, NULL };
        struct options o = { .tcp = true,
                             .udp = true,
                             .paced = true,
                             .subscribers = { { 100, 1000 }, 2 },
                             .sizes = { { 64, 1024 }, 2 },
                             .bursts = { { 1, 64 }, 2 },
                             .rounds = ROUNDS,
                             .round_ns = ROUND_NS };
        options_parse(&argp, argc, argv, &o);
        need_files(&o.subscribers);
        struct cores cores = cores_take();
        say_conditions(&o, &cores);
        int code = 0;
        for (enum speed_path path = SPEED_TCP; !code && path <= SPEED_UDP; path++) {
                if (path == SPEED_TCP ? !o.tcp : !o.udp)
                        continue;
                code = run_path(&o, &cores, path, &(struct sock_addr){ 0 });
                code = code ? code : run_growths(&o, &cores, path);
        }
        code = code || !o.udp ? code : run_multicast(&o, &cores);
        return code ? code : run_core(&o);
}
