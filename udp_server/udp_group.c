#include "udp_server/udp_group.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "core/wire/backoff.h"
#include "core/wire/dgram_queue.h"
#include "core/wire/place.h"
#include "udp_server/udp_cut.h"
#include "udp_server/udp_repair.h"

enum {
        HEADERS_BYTES = 28, /* IPv4 and UDP, of each datagram */
        BURST_DATAGRAMS = 4,
        BEATS_LAST = 16, /* after the last event; everyone's go on */
        REPAIR_SHARE = 4,
};
#define AGG_NS        (5 * NS_PER_MS) /* from the first NACK to the repair: others' NACKs of neighbours go with it */
#define BURST_NS      (10 * NS_PER_MS)
#define BEAT_NS_FIRST (20 * NS_PER_MS)
#define BEAT_NS_MAX   (1 * NS_PER_S)
#define GRTT_NS_MIN   (1 * NS_PER_MS)
#define GRTT_NS_MAX   (1 * NS_PER_S)

struct udp_group_room {
        LIST_ENTRY(udp_group_room) link;
        struct udp_group *group;
        const struct room *room;
        uint32_t number, epoch;
        uint32_t offers, listeners;
        uint64_t next; /* place */
        int64_t beat_step_ns;
        struct mono beat_due; /* MONO_NEVER: until the next event */
        unsigned beats_left;
};

struct udp_group {
        struct udp_group_config config;
        struct udp_stats *stats;
        LIST_HEAD(, udp_group_room) rooms;
        uint32_t rooms_n, next_number;
        int64_t grtt_ns;
        struct mono grtt_at; /* when it last shrank */
        struct mono paid_to; /* what was sent is paid for at the rate up to here */
        bool waits;          /* there is more, once it is */
        struct dgram_queue queue;
        struct udp_repair repair; /* chan_ref: the room's number */
        struct mono repair_due;   /* the oldest of what is wanted has waited for others; */
        bool repairs_ripe;        /* it has */
};

/* ---- rooms -------------------------------------------------------------------------------- */

static struct udp_group_room *find_room(const struct udp_group *g, const struct room *room)
{
        struct udp_group_room *r;
        LIST_FOREACH(r, &g->rooms, link)
        if (r->room == room)
                return r;
        return NULL;
}

static struct udp_group_room *find_number(const struct udp_group *g, uint32_t number)
{
        struct udp_group_room *r;
        LIST_FOREACH(r, &g->rooms, link)
        if (r->number == number)
                return r;
        return NULL;
}

static struct udp_group_room *need_room(struct udp_group *g, uint32_t epoch, const struct room *room)
{
        struct udp_group_room *r = find_room(g, room);
        if (r || g->rooms_n == UDP_GROUP_ROOMS_MAX || !(r = calloc(1, sizeof *r)))
                return r;
        *r = (struct udp_group_room){
                .group = g, .room = room, .epoch = epoch, .beat_step_ns = BEAT_NS_FIRST, .beat_due = MONO_NEVER
        };
        r->number = ++g->next_number;
        LIST_INSERT_HEAD(&g->rooms, r, link);
        g->rooms_n++;
        return r;
}

static void unneed_room(struct udp_group_room *r)
{
        if (r->offers > 0 || r->listeners > 0)
                return;
        udp_repair_forget(&r->group->repair, r->number);
        LIST_REMOVE(r, link);
        r->group->rooms_n--;
        free(r);
}

struct udp_group_room *udp_group_offer(struct udp_group *g, struct mono now, uint32_t epoch, const struct room *room)
{
        struct udp_group_room *r = need_room(g, epoch, room);
        if (!r)
                return NULL;
        r->offers++;
        r->beat_due = mono_min(r->beat_due, mono_add(now, BEAT_NS_FIRST));
        return r;
}

void udp_group_withdraw(struct udp_group_room *r)
{
        if (!r)
                return;
        r->offers--;
        unneed_room(r);
}

struct udp_group_room *udp_group_enter(struct udp_group *g, uint32_t epoch, const struct room *room, uint64_t *from)
{
        struct udp_group_room *r = need_room(g, epoch, room);
        if (!r)
                return NULL;
        if (r->listeners++ == 0)
                r->next = place_first(room_head_seq(room) + 1);
        *from = place_seq(r->next) + (r->next != place_first(place_seq(r->next)));
        return r;
}

void udp_group_leave(struct udp_group_room *r)
{
        r->listeners--;
        if (r->listeners == 0)
                udp_repair_forget(&r->group->repair, r->number);
        unneed_room(r);
}

uint64_t udp_group_next(const struct udp_group_room *r)
{
        return place_seq(r->next);
}

/* ---- asked for ---------------------------------------------------------------------------- */

static bool is_wanted(const struct udp_repair *rep, uint32_t number, uint64_t from, uint64_t to)
{
        for (uint32_t i = 0; i < rep->want_n; i++)
                if (rep->want[i].chan_ref == number && rep->want[i].from <= from && to <= rep->want[i].to)
                        return true;
        return false;
}

/* Whole events, or some fragments of one. */
static struct dgram_range range_of(uint64_t from, uint64_t to)
{
        uint64_t seq = place_seq(from), bits = DGRAM_FRAGMENTS_BIT;
        if (from == place_first(seq) && to == place_last(place_seq(to)))
                return (struct dgram_range){ seq, place_seq(to) };
        for (uint64_t place = from; place <= to && place < place_last(seq); place++)
                bits |= UINT64_C(1) << (place - place_first(seq));
        return (struct dgram_range){ seq, bits };
}

static void say_ncf(struct udp_group_room *r, uint64_t from, uint64_t to)
{
        struct dgram_msg m = { .type = DGRAM_NCF, .tag = room_tag(r->room), .ncf = { .epoch = r->epoch, .n = 1 } };
        m.ncf.range[0] = range_of(from, to);
        r->group->stats->ncfs += dgram_queue_put(&r->group->queue, &m) == 0;
}

bool udp_group_want(struct udp_group_room *r, struct mono now, uint64_t from, uint64_t to)
{
        struct udp_group *g = r->group;
        uint64_t first = place_seq(from), last = place_seq(to), held;
        if (to >= r->next || first < room_tail_seq(r->room) || room_exception(r->room, first, last) <= last)
                return false;
        if (is_wanted(&g->repair, r->number, from, to))
                return true;
        if (g->repair.want_n == 0) {
                g->repair_due = mono_add(now, AGG_NS);
                g->repairs_ripe = false;
        }
        if (!udp_repair_want(&g->repair, now, g->grtt_ns + AGG_NS, r->number, from, to, &held))
                return false;
        if (held <= to - from) /* some of it was not sent again just now */
                say_ncf(r, from, to);
        return true;
}

/* ---- sending ------------------------------------------------------------------------------ */

static int64_t cost_ns(const struct udp_group *g, size_t bytes)
{
        return (int64_t)(bytes + HEADERS_BYTES) * NS_PER_S / g->config.rate;
}

static int64_t burst_ns(const struct udp_group *g)
{
        int64_t least = BURST_DATAGRAMS * cost_ns(g, DGRAM_BYTES_MAX);
        return least > BURST_NS ? least : BURST_NS;
}

/* Datagrams that may go now. */
static int may_send(const struct udp_group *g, struct mono now)
{
        int64_t credit = mono_since(now, g->paid_to) + burst_ns(g);
        credit = credit < burst_ns(g) ? credit : burst_ns(g);
        int64_t n = credit > 0 ? credit / (cost_ns(g, DGRAM_BYTES_MAX) + 1) + 1 : 0;
        return n < UDP_BATCH_DATAGRAMS ? (int)n : UDP_BATCH_DATAGRAMS;
}

static void find_repairs(struct udp_group *g, struct mono now, struct udp_batch *b)
{
        struct udp_repair *rep = &g->repair;
        g->repairs_ripe |= rep->want_n > 0 && !mono_before(now, g->repair_due);
        if (rep->want_n == 0 || !g->repairs_ripe || !udp_repair_may(rep, now))
                return;
        for (uint32_t i = 0; i < rep->want_n && b->pieces_n < UDP_BATCH_PIECES / 2;) {
                struct udp_repair_range w = rep->want[i];
                const struct udp_group_room *r = find_number(g, w.chan_ref);
                struct piece *p = b->piece + b->pieces_n;
                int n = room_read(r->room, g->config.encoding, place_seq(w.from), place_seq(w.to), p,
                                  UDP_BATCH_PIECES / 2 - b->pieces_n);
                for (int k = 0; k < n; k++)
                        udp_cut(&p[k], w.from, w.to);
                if (n == 0 || (n == 1 && (p->kind != PIECE_BYTES || p->n == 0))) {
                        rep->want[i] = rep->want[--rep->want_n]; /* nothing to be had; they will ask again */
                        continue;
                }
                i++;
                b->pieces_n += n;
        }
        b->repairs_n = b->pieces_n;
}

static bool has_news(const struct udp_group_room *r)
{
        return r->listeners > 0 && place_seq(r->next) <= room_head_seq(r->room);
}

static void find_news(struct udp_group *g, struct udp_batch *b)
{
        const struct udp_group_room *r;
        LIST_FOREACH(r, &g->rooms, link)
        {
                struct piece *p = b->piece + b->pieces_n;
                int n = has_news(r) ? room_read(r->room, g->config.encoding, place_seq(r->next), UINT64_MAX, p,
                                                UDP_BATCH_PIECES - b->pieces_n)
                                    : 0;
                if (n > 0)
                        udp_cut(p, r->next, UINT64_MAX);
                b->pieces_n += n;
        }
}

static void pack(struct udp_batch *b)
{
        for (int i = 0; i < b->pieces_n; i++) {
                if (b->piece[i].kind != PIECE_BYTES || b->piece[i].n == 0)
                        udp_batch_pass(b, i + 1);
                else if (!udp_batch_piece(b, i))
                        return;
        }
}

static void gave_repair(struct udp_group *g, struct mono now, const struct udp_group_room *r, const struct piece *p,
                        size_t bytes)
{
        if (p->kind != PIECE_BYTES) { /* not to be had any more: who asks again is told so by unicast */
                udp_repair_done(&g->repair, now, r->number, place_first(p->seq_first), place_last(p->seq_last));
                return;
        }
        if (bytes == 0)
                return;
        udp_repair_done(&g->repair, now, r->number, udp_cut_place(p->at, false), udp_cut_end(p, bytes));
        udp_repair_spend(&g->repair, bytes);
        g->stats->group_repairs++;
}

static void gave_news(struct mono now, struct udp_group_room *r, const struct piece *p, size_t bytes)
{
        if (p->kind != PIECE_BYTES || p->n == 0)
                r->next = place_first(p->seq_last + 1);
        else if (bytes > 0)
                r->next = udp_cut_end(p, bytes) + 1;
        r->beat_step_ns = BEAT_NS_FIRST;
        r->beat_due = mono_add(now, r->beat_step_ns);
        r->beats_left = BEATS_LAST;
}

static void apply(struct udp_group *g, struct mono now, const struct udp_batch *b, const struct udp_progress *end)
{
        buf_drop(&g->queue.ready, end->private_bytes);
        for (int i = 0; i <= end->piece && i < b->pieces_n; i++) {
                const struct piece *p = &b->piece[i];
                struct udp_group_room *r = find_room(g, p->room);
                size_t bytes = i < end->piece ? p->n : end->piece_bytes;
                if (i == end->piece && bytes == 0)
                        return;
                if (i < b->repairs_n)
                        gave_repair(g, now, r, p, bytes);
                else
                        gave_news(now, r, p, bytes);
        }
}

/* Something is to be sent, and may not yet. */
static bool waits(const struct udp_group *g)
{
        const struct udp_group_room *r;
        bool any = g->queue.ready.n > 0 || (g->repair.want_n > 0 && g->repairs_ripe);
        LIST_FOREACH(r, &g->rooms, link)
        any |= has_news(r);
        return any;
}

int udp_group_slices(struct udp_group *g, struct mono now, struct udp_batch *b)
{
        int may = may_send(g, now);
        for (bool passed = true; passed;) {
                udp_batch_begin(b);
                g->waits = may == 0 && waits(g);
                if (may == 0)
                        return 0;
                udp_batch_limit(b, may);
                if (!udp_batch_private(b, buf_bytes(&g->queue.ready)))
                        return b->n;
                find_repairs(g, now, b);
                find_news(g, b);
                pack(b);
                passed = b->n == 0 && b->now.piece > 0;
                if (passed) /* none of it is for all */
                        apply(g, now, b, &b->now);
        }
        return b->n;
}

void udp_group_sent(struct udp_group *g, struct mono now, struct udp_batch *b, int taken)
{
        struct mono oldest = mono_add(now, -burst_ns(g));
        if (mono_before(g->paid_to, oldest))
                g->paid_to = oldest;
        for (int i = 0; i < taken; i++) {
                g->paid_to = mono_add(g->paid_to, cost_ns(g, b->datagram[i].bytes));
                g->stats->group_datagrams++;
                g->stats->group_bytes += b->datagram[i].bytes;
        }
        if (taken > 0)
                apply(g, now, b, &b->datagram[taken - 1].end);
}

/* ---- time --------------------------------------------------------------------------------- */

void udp_group_round_trip(struct udp_group *g, int64_t rtt_ns)
{
        g->grtt_ns = rtt_ns > g->grtt_ns ? rtt_ns : g->grtt_ns;
        g->grtt_ns = g->grtt_ns < GRTT_NS_MAX ? g->grtt_ns : GRTT_NS_MAX;
}

/* It grows at once, and forgets those who have left: by a sixteenth each second. */
static void shrink(struct udp_group *g, struct mono now)
{
        for (; mono_since(now, g->grtt_at) >= NS_PER_S; g->grtt_at = mono_add(g->grtt_at, NS_PER_S))
                g->grtt_ns -= g->grtt_ns / 16;
        g->grtt_ns = g->grtt_ns > GRTT_NS_MIN ? g->grtt_ns : GRTT_NS_MIN;
}

/* 0 is unicast's. */
static uint16_t group_size(const struct udp_group_room *r)
{
        return r->listeners == 0 ? 1 : r->listeners < UINT16_MAX ? (uint16_t)r->listeners : UINT16_MAX;
}

/* The head is what was sent; 0, which tells nothing, while nobody has said that it hears it. */
static void say_beat(struct udp_group_room *r, struct mono now)
{
        struct udp_group *g = r->group;
        int64_t grtt_ms = (g->grtt_ns + NS_PER_MS - 1) / NS_PER_MS;
        struct dgram_msg m = { .type = DGRAM_BEAT,
                               .tag = room_tag(r->room),
                               .beat = { .epoch = r->epoch,
                                         .tail = room_tail_seq(r->room),
                                         .now_us = (uint64_t)(now.ns / NS_PER_US),
                                         .group = group_size(r),
                                         .grtt_ms = (uint16_t)grtt_ms,
                                         .k = BACKOFF_K } };
        m.beat.head = r->listeners > 0 ? udp_group_next(r) - 1 : 0;
        g->stats->beats += dgram_queue_put(&g->queue, &m) == 0;
}

struct mono udp_group_deadline(const struct udp_group *g)
{
        struct mono due = g->waits ? mono_add(g->paid_to, 1 - burst_ns(g)) : MONO_NEVER;
        const struct udp_group_room *r;
        LIST_FOREACH(r, &g->rooms, link)
        due = mono_min(due, r->beat_due);
        if (g->repair.want_n == 0)
                return due;
        if (!g->repairs_ripe)
                return mono_min(due, g->repair_due);
        return g->repair.tokens > 0 ? due : mono_min(due, udp_repair_deadline(&g->repair));
}

void udp_group_expire(struct udp_group *g, struct mono now)
{
        struct udp_group_room *r;
        shrink(g, now);
        LIST_FOREACH(r, &g->rooms, link)
        {
                if (mono_before(now, r->beat_due))
                        continue;
                say_beat(r, now);
                r->beats_left -= r->beats_left > 0;
                r->beat_step_ns = 2 * r->beat_step_ns < BEAT_NS_MAX ? 2 * r->beat_step_ns : BEAT_NS_MAX;
                bool on = r->offers > 0 || (r->listeners > 0 && r->beats_left > 0);
                r->beat_due = on ? mono_add(now, r->beat_step_ns) : MONO_NEVER;
        }
        udp_repair_may(&g->repair, now);
        g->repairs_ripe |= g->repair.want_n > 0 && !mono_before(now, g->repair_due);
        if (may_send(g, now) > 0)
                g->waits = false; /* whether or not the transport takes it yet */
}

/* ---- the group itself --------------------------------------------------------------------- */

struct dgram_group udp_group_address(const struct udp_group *g)
{
        return g->config.address;
}

struct udp_group *udp_group_create(const struct udp_group_config *config, struct udp_stats *stats, struct mono now)
{
        struct udp_group *g = calloc(1, sizeof *g);
        if (!g)
                return NULL;
        *g = (struct udp_group){ .config = *config, .stats = stats, .grtt_ns = GRTT_NS_MIN, .grtt_at = now };
        g->paid_to = mono_add(now, -burst_ns(g));
        LIST_INIT(&g->rooms);
        udp_repair_init(&g->repair, now, config->rate / REPAIR_SHARE + 1);
        return g;
}

void udp_group_destroy(struct udp_group *g)
{
        if (!g)
                return;
        dgram_queue_free(&g->queue);
        free(g);
}
