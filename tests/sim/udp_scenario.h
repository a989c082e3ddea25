/* udp_scenario: one simulated run of the UDP path, as data.
 *
 * Everything that happens to hub, gate and clients is in the struct: what the paths do, and a list
 * of deeds with their times. It is drawn from a seed, or read from a text of `key value` lines, so
 * that a run that fails can be had again, cut down (udp_shrink.h) and kept. What is still drawn
 * while it runs (which packet is lost) comes from its `seed`.
 *
 *     seed 77                        path 0 loss_ppm 50000
 *     clients 2                      deed 120000 publish who 0 rooms 2 n 20 ms 0 except 0
 */
#ifndef TESTS_SIM_UDP_SCENARIO_H
#define TESTS_SIM_UDP_SCENARIO_H
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/rng.h"

enum { CLIENTS_MAX = 4, ROOMS = 4, DEEDS_MAX = 512, SERVER = -1 };

/* X(name): what is done. */
#define DEEDS(X)                                                                                 \
        X(publish)  /* n bytes to `rooms` (bits; 0: everyone), but not to members of `except` */ \
        X(burst)    /* n events at once, of which client `who` hears nothing for ms */           \
        X(call)     /* client `who` publishes n bytes in room `rooms` */                         \
        X(ask)      /* client `who` asks the application */                                      \
        X(dark)     /* the path of client `who`, for ms */                                       \
        X(cut)      /* the socket of client `who` breaks */                                      \
        X(rebind)   /* the address that the server sees of client `who` changes */               \
        X(restart)  /* the server */                                                             \
        X(suspend)  /* client `who`, or the server, does not run for ms */                       \
        X(jump)     /* the clock of client `who`, or of the server, goes ms ahead */             \
        X(stranger) /* sends what client `who` sent, from elsewhere, with n bits turned over */  \
        X(move)     /* client `who` joins room `rooms`, or leaves it */                          \
        X(kick)     /* the application takes client `who` out of room `rooms` */

enum deed_kind {
#define DEED_ENUM(name) DEED_##name,
        DEEDS(DEED_ENUM)
#undef DEED_ENUM
                DEED_KINDS
};

static const char *const deed_names[DEED_KINDS] = {
#define DEED_NAME(name) #name,
        DEEDS(DEED_NAME)
#undef DEED_NAME
};

struct deed {
        int64_t at_us;
        enum deed_kind kind;
        int64_t who, rooms, n, ms, except;
};

/* Corruption on the way. */
enum rot {
        ROT_NONE,
        ROT_CAUGHT, /* by UDP's checksum: as good as lost */
        ROT_EVENTS, /* in events; the checksum let it pass */
        ROT_ALL,    /* anywhere; only bounds are held to then: no header is proof against it */
};

/* X(name, least): of one client. */
#define PATH_KNOBS(X)                                                     \
        X(delay_ms, 1)  /* one way */                                     \
        X(jitter_ms, 0) /* more: packets overtake each other */           \
        X(loss_ppm, 0)                                                    \
        X(doubles_ppm, 0)                                                 \
        X(burst_ppm, 0)     /* a burst of loss begins with this packet */ \
        X(burst_packets, 0) /* that many, about */                        \
        X(rot_ppm, 0)                                                     \
        X(slow_us, 0) /* the client takes so long over a datagram */      \
        X(joins, 0)   /* rooms at the start, as bits */

struct path_knobs {
#define PATH_FIELD(name, least) int64_t name;
        PATH_KNOBS(PATH_FIELD)
#undef PATH_FIELD
};

/* X(name, least): of the run. */
#define KNOBS(X)                                                                              \
        X(seed, INT64_MIN)                                                                    \
        X(mode, INT64_MIN) /* enum client_mode */                                             \
        X(clients, 1)                                                                         \
        X(blocks, 0)        /* the server's transport takes less than it is lent, at times */ \
        X(paced, 0)         /* the server's sessions are */                                   \
        X(evicts, 0)        /* events in a room's log; 0: enough */                           \
        X(keyless, 0)       /* a server started anew cannot prove it */                       \
        X(rot, 0)           /* enum rot */                                                    \
        X(fair, 0)          /* what paths like these lose must be repaired */                 \
        X(restless, 0)      /* clients change their address, and must keep their sessions */  \
        X(fault, INT64_MIN) /* of the simulation itself: see told_event */

struct scenario {
#define FIELD(name, least) int64_t name;
        KNOBS(FIELD)
#undef FIELD
        struct path_knobs path[CLIENTS_MAX];
        int deeds;
        struct deed deed[DEEDS_MAX];
};

/* Numbers by name, for whoever treats all alike. least: what makes a run simplest; INT64_MIN: left as it is. */
struct knob {
        const char *name;
        size_t at;
        int64_t least;
};

static const struct knob knobs[] = {
#define KNOB(name, least) { #name, offsetof(struct scenario, name), least },
        KNOBS(KNOB)
#undef KNOB
};

static const struct knob path_knobs[] = {
#define KNOB(name, least) { #name, offsetof(struct path_knobs, name), least },
        PATH_KNOBS(KNOB)
#undef KNOB
};

enum { KNOBS_N = sizeof knobs / sizeof *knobs, PATH_KNOBS_N = sizeof path_knobs / sizeof *path_knobs };

static int64_t *knob_of(struct scenario *s, const struct knob *k)
{
        return (int64_t *)(void *)((char *)s + k->at);
}

static int64_t *path_knob_of(struct path_knobs *p, const struct knob *k)
{
        return (int64_t *)(void *)((char *)p + k->at);
}

/* ---- as text --------------------------------------------------------------------------------- */

static void scenario_print(FILE *to, const struct scenario *s)
{
        struct scenario copy = *s;
        for (int k = 0; k < KNOBS_N; k++)
                fprintf(to, "%s %" PRId64 "\n", knobs[k].name, *knob_of(&copy, &knobs[k]));
        for (int i = 0; i < s->clients; i++)
                for (int k = 0; k < PATH_KNOBS_N; k++)
                        fprintf(to, "path %d %s %" PRId64 "\n", i, path_knobs[k].name,
                                *path_knob_of(&copy.path[i], &path_knobs[k]));
        for (int i = 0; i < s->deeds; i++) {
                const struct deed *d = &s->deed[i];
                fprintf(to,
                        "deed %" PRId64 " %s who %" PRId64 " rooms %" PRId64 " n %" PRId64 " ms %" PRId64
                        " except %" PRId64 "\n",
                        d->at_us, deed_names[d->kind], d->who, d->rooms, d->n, d->ms, d->except);
        }
}

static bool read_knob(const struct knob *table, int n, char *base, const char *name, int64_t value)
{
        for (int k = 0; k < n; k++) {
                if (strcmp(table[k].name, name) != 0)
                        continue;
                memcpy(base + table[k].at, &value, sizeof value);
                return true;
        }
        return false;
}

static bool read_deed(struct scenario *s, const char *line)
{
        char name[32];
        struct deed d = { 0 };
        if (s->deeds == DEEDS_MAX || sscanf(line,
                                            "deed %" SCNd64 " %31s who %" SCNd64 " rooms %" SCNd64 " n %" SCNd64
                                            " ms %" SCNd64 " except %" SCNd64,
                                            &d.at_us, name, &d.who, &d.rooms, &d.n, &d.ms, &d.except) != 7)
                return false;
        while (d.kind < DEED_KINDS && strcmp(deed_names[d.kind], name) != 0)
                d.kind++;
        s->deed[s->deeds++] = d;
        return d.kind < DEED_KINDS;
}

static bool read_line(struct scenario *s, const char *line)
{
        char name[32];
        int64_t value;
        unsigned i;
        if (*line == '#' || *line == '\n')
                return true;
        if (sscanf(line, "path %u %31s %" SCNd64, &i, name, &value) == 3)
                return i < CLIENTS_MAX && read_knob(path_knobs, PATH_KNOBS_N, (char *)&s->path[i], name, value);
        if (sscanf(line, "%31s %" SCNd64, name, &value) == 2 && strcmp(name, "deed") != 0)
                return read_knob(knobs, KNOBS_N, (char *)s, name, value);
        return read_deed(s, line);
}

/* Are all numbers such that a run can be made of them? */
static bool scenario_sound(const struct scenario *s)
{
        bool sound = s->clients >= 1 && s->clients <= CLIENTS_MAX && s->mode >= 0 && s->mode <= 4;
        for (int i = 0; i < s->deeds; i++) {
                const struct deed *d = &s->deed[i];
                sound &= d->who >= SERVER && d->who < s->clients && d->at_us >= (i ? d[-1].at_us : 0);
                sound &= d->rooms >= 0 && d->rooms < 1 << ROOMS && d->except >= 0 && d->except < ROOMS && d->n >= 0;
                sound &= d->who >= 0 || d->kind == DEED_suspend || d->kind == DEED_jump;
                sound &= d->rooms < ROOMS || d->kind == DEED_publish || d->kind == DEED_burst;
        }
        return sound;
}

/* returns 0, or the number of the line that cannot be read (or the last one: they do not fit together) */
static int scenario_read(FILE *from, struct scenario *s)
{
        char line[256];
        int n = 0;
        memset(s, 0, sizeof *s);
        while (fgets(line, sizeof line, from)) {
                n++;
                if (!read_line(s, line))
                        return n;
        }
        return scenario_sound(s) ? 0 : n + 1;
}

/* ---- drawn from a seed ------------------------------------------------------------------------- */

struct draw {
        struct scenario *s;
        struct rng rng;
        int64_t at_us, pause_us;
};

static int64_t drawn(struct draw *d, int64_t bound)
{
        return (int64_t)rng_below(&d->rng, (uint64_t)bound);
}

static bool one_in(struct draw *d, int64_t n)
{
        return drawn(d, n) == 0;
}

static void draw_path(struct draw *d, struct path_knobs *p)
{
        static const int64_t losses[] = { 0, 0, 10000, 20000, 50000, 100000, 250000 };
        bool fair = d->s->fair;
        p->delay_ms = 1 + drawn(d, 60);
        p->jitter_ms = one_in(d, 3) ? p->delay_ms : drawn(d, 3);
        p->loss_ppm = losses[drawn(d, fair ? 4 : 7)];
        p->doubles_ppm = one_in(d, 3) ? 50000 : 0;
        if (!fair && one_in(d, 4)) {
                p->burst_ppm = 1000 + drawn(d, 20000);
                p->burst_packets = 2 + drawn(d, 40);
        }
        if (d->s->rot != ROT_NONE)
                p->rot_ppm = drawn(d, fair ? 10000 : 100000);
        if (!fair && one_in(d, 6))
                p->slow_us = 100 + drawn(d, 20000);
        for (int r = 1; r < ROOMS; r++)
                p->joins |= one_in(d, 3) ? 0 : 1 << r;
}

static struct deed *draw_deed(struct draw *d, enum deed_kind kind)
{
        static struct deed spare;
        spare = (struct deed){ 0 };
        struct deed *deed = d->s->deeds < DEEDS_MAX ? &d->s->deed[d->s->deeds++] : &spare;
        *deed = (struct deed){ .at_us = d->at_us, .kind = kind, .who = drawn(d, d->s->clients) };
        return deed;
}

/* Now and then more than a datagram holds, and more than 65,535. */
static int64_t drawn_bytes(struct draw *d)
{
        return one_in(d, 40) ? drawn(d, 66000) : one_in(d, 20) ? 1200 : one_in(d, 10) ? drawn(d, 1000) : drawn(d, 60);
}

static void draw_publish(struct draw *d)
{
        struct deed *deed = draw_deed(d, DEED_publish);
        if (drawn(d, 3))
                deed->rooms = one_in(d, 5) ? drawn(d, 8) << 1 : 2 << drawn(d, 3);
        deed->except = one_in(d, 8) ? 1 + drawn(d, 3) : 0;
        deed->n = drawn_bytes(d);
}

/* Long enough for the client, the server, or recovery to give up. */
static void draw_night(struct draw *d, struct deed *dark)
{
        for (int64_t n = 1 + drawn(d, 8), i = 0; i < n; i++) {
                int64_t span_us = drawn(d, 40000) * 1000;
                dark->ms += span_us / 1000;
                d->at_us += span_us;
                draw_publish(d);
        }
}

static void draw_rare(struct draw *d)
{
        static const enum deed_kind kinds[] = { DEED_dark,    DEED_dark,   DEED_dark,     DEED_dark,    DEED_cut,
                                                DEED_rebind,  DEED_rebind, DEED_suspend,  DEED_suspend, DEED_jump,
                                                DEED_restart, DEED_burst,  DEED_stranger, DEED_move,    DEED_move,
                                                DEED_kick,    DEED_kick };
        if (d->s->restless) {
                draw_deed(d, DEED_rebind);
                d->at_us += 600000 + drawn(d, 1000000); /* no oftener than the server follows */
                return;
        }
        struct deed *deed = draw_deed(d, kinds[drawn(d, sizeof kinds / sizeof *kinds)]);
        bool both = deed->kind == DEED_suspend || deed->kind == DEED_jump;
        if (both && one_in(d, 2))
                deed->who = SERVER;
        if (both || deed->kind == DEED_dark)
                deed->ms = 1 + (one_in(d, 5) ? drawn(d, 12000) : drawn(d, 1000));
        if (deed->kind == DEED_jump)
                deed->ms = one_in(d, 5) ? drawn(d, 100000) : 10000;
        if (deed->kind == DEED_restart && one_in(d, 2))
                deed->kind = DEED_cut;
        if (deed->kind == DEED_dark && one_in(d, 20))
                draw_night(d, deed);
        if (deed->kind == DEED_burst) { /* more than is believed at once, at times */
                deed->n = one_in(d, 4) ? 1000 + drawn(d, 500) : 1 + drawn(d, 100);
                deed->rooms = one_in(d, 2) ? 0 : 2 << drawn(d, 3);
                deed->ms = 1 + drawn(d, 1000);
        }
        if (deed->kind == DEED_stranger)
                deed->n = drawn(d, 4);
        if (deed->kind == DEED_move || deed->kind == DEED_kick)
                deed->rooms = 1 + drawn(d, ROOMS - 1);
}

/* So many events in one room that there is parity for them. */
static void draw_stream(struct draw *d)
{
        int64_t rooms = 2 << drawn(d, 3), pause_us = 500 + drawn(d, 4000);
        for (int64_t n = 60 + drawn(d, 140); n > 0; n--) {
                draw_publish(d);
                if (d->s->deeds < DEEDS_MAX && !one_in(d, 20))
                        d->s->deed[d->s->deeds - 1].rooms = rooms;
                if (!d->s->fair && one_in(d, 50))
                        draw_rare(d);
                d->at_us += drawn(d, 2 * pause_us);
        }
}

static void scenario_draw(struct scenario *s, uint64_t seed)
{
        struct draw d = { .s = s, .rng = rng_seeded(seed, "scenario") };
        memset(s, 0, sizeof *s);
        s->seed = (int64_t)seed;
        s->mode = (int64_t)(seed % 5);
        s->fair = one_in(&d, 3);
        s->restless = s->fair && seed % 4 == 0;
        s->blocks = one_in(&d, 2);
        s->evicts = one_in(&d, 4) ? 40 : 0;
        s->keyless = one_in(&d, 2);
        s->paced = one_in(&d, 2);
        s->clients = 1 + drawn(&d, CLIENTS_MAX);
        if (one_in(&d, 4))
                s->rot = 1 + drawn(&d, s->fair ? ROT_EVENTS : ROT_ALL);
        for (int i = 0; i < s->clients; i++)
                draw_path(&d, &s->path[i]);
        d.pause_us = 1000 * (1 + drawn(&d, 40));
        if (s->mode >= 3 && one_in(&d, 2))
                draw_stream(&d);
        for (int64_t n = 50 + drawn(&d, 250); n > 0; n--) {
                int64_t dice = drawn(&d, s->fair ? 850 : 1000);
                if (dice < 700) {
                        draw_publish(&d);
                } else if (dice < 850) {
                        struct deed *deed = draw_deed(&d, drawn(&d, 4) ? DEED_call : DEED_ask);
                        deed->rooms = drawn(&d, ROOMS);
                        deed->n = drawn_bytes(&d);
                } else {
                        draw_rare(&d);
                }
                d.at_us += drawn(&d, 2 * d.pause_us);
        }
}

#endif
