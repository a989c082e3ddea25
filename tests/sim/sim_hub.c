/* sim_hub: random histories, each step judged by the naive oracle.
 *
 * A row is a kind of world (how tight the logs are, who is in it, what happens often); each runs
 * over many seeds. SEEDS=n tries more of them; SEED=n runs that one alone and tells every step.
 */
#include "tests/sim/hub_links.h"
#include "tests/sim/hub_watch.h"

#include <sodium.h>

enum { OPERATIONS = 500, SEEDS_PER_ROW = 25, ALIVE_MAX = 10 };

struct sim_row {
        const char *name;
        struct hub_config config;
        uint32_t event_bytes, too_big;
        int64_t step_ns;                             /* the longest single move of time */
        int kinds;                                   /* of members: 1 stream, 2 message, 3 both */
        int publish, walk, move, member, link, time; /* how often what happens, in relation */
        int dispensable;                             /* per cent of events */
};

#define ROOMY .config = { .room_events_max = 10000 }
#define S     NS_PER_S
#define OFTEN .publish = 40, .walk = 30, .move = 12, .member = 3, .link = 8, .time = 7

static const struct sim_row rows[] = {
        { "streams in roomy logs", ROOMY, 90, 70, S / 2, 1, OFTEN, .dispensable = 10 },
        { "messages in roomy logs", ROOMY, 90, 60, S / 2, 2, OFTEN, .dispensable = 10 },
        { "streams overtaken by a log of 8 events", .config = { .room_events_max = 8 }, 90, 70, S / 2, 1, OFTEN,
          .dispensable = 10 },
        { "messages overtaken by a log of 8 events", .config = { .room_events_max = 8 }, 90, 60, S / 2, 2, OFTEN,
          .dispensable = 10 },
        { "a log of one event", .config = { .room_events_max = 1 }, 90, 60, S / 2, 3, OFTEN, .dispensable = 5 },
        { "logs bounded by bytes", .config = { .room_bytes_max = 2000 }, 400, 300, S / 2, 3, OFTEN, .dispensable = 5 },
        { "logs bounded by age", .config = { .age_ns_max = 4 * S, .retain_ns = 4 * S }, 90, 60, 3 * S, 3, OFTEN,
          .dispensable = 5 },
        { "logs bounded in all", .config = { .bytes_total_max = 40000 }, 900, 700, S / 2, 3, OFTEN, .dispensable = 5 },
        { "large events", .config = { .room_events_max = 30 }, 90000, 60000, S / 2, 3, OFTEN, .dispensable = 0 },
        { "nothing but rooms", .config = { .room_events_max = 12, .stays_max = 4 }, 60, 0, 2 * S, 3, .publish = 30,
          .walk = 10, .move = 50, .member = 3, .link = 5, .time = 2 },
        { "nothing but links", .config = { .room_events_max = 20 }, 60, 0, S / 2, 3, .publish = 40, .walk = 25,
          .move = 5, .member = 2, .link = 26, .time = 2, .dispensable = 25 },
};

/* ---- what may happen ------------------------------------------------------------------------ */

static void news(void *owner)
{
        struct peer *p = owner;
        p->news++;
}

static void wake(void *ctx)
{
        struct world *w = ctx;
        w->wakes++;
        must(w, w->wakes == 1, "woken twice in one turn");
}

static void op_add(struct world *w, const struct sim_row *row)
{
        int alive = 0;
        for (int i = 0; i < w->peers_n; i++)
                alive += w->peers[i].alive;
        if (alive == ALIVE_MAX || w->peers_n == MEMBERS)
                return;
        struct peer *p = &w->peers[w->peers_n];
        memset(p, 0, sizeof *p);
        p->place = w->peers_n;
        p->own_room = 1 + NAMED + p->place;
        p->encoding = row->kinds == 1 || (row->kinds == 3 && chance(w, 50)) ? (int)below(w, 2) : PER_ROOM;
        p->sink = (struct hub_sink){ news, p };
        p->m = hub_member_add(w->hub, name_of(w, p->own_room), p->encoding, &p->sink, p);
        must(w, p->m && member_user(p->m) == p && member_attached(p->m), "no member was made");
        must(w, bytes_equal(member_id(p->m), name_of(w, p->own_room)) && member_start(p->m) == w->head,
             "a member is not who it is");
        p->alive = p->attached = true;
        p->start = p->at = p->attached_at = w->head;
        p->stays[0] = (struct stay_seen){ 0, w->head, UINT64_MAX, { 0 } };
        p->stays[1] = (struct stay_seen){ p->own_room, w->head, UINT64_MAX, { 0 } };
        p->stays_n = 2;
        p->offset = chance(w, 50) ? w->head : 0; /* was there a `hello`? */
        for (int i = 0; i < w->peers_n; i++)
                must(w, !w->peers[i].alive || member_origin(w->peers[i].m) != member_origin(p->m),
                     "two members of one origin");
        must(w, member_origin(p->m) != 0, "an origin of 0");
        w->peers_n++;
        note(w, "member %d is added, encoding %d", p->place, p->encoding);
}

static void check_rooms_of(struct world *w, struct peer *p)
{
        struct bytes name;
        room_set told = 0;
        for (uint32_t i = 0; member_room_at(p->m, i, &name); i++) {
                for (int r = 0; r < ROOMS; r++)
                        told |= bytes_equal(name, name_of(w, r)) ? (room_set)1 << r : 0;
        }
        room_set now = rooms_now(p);
        must(w, told == (now & ~((room_set)1 | (room_set)1 << p->own_room)),
             "member %d is told to be in other rooms than it is", p->place);
        for (int r = 0; r < ROOMS; r++) {
                must(w, member_is_in(p->m, name_of(w, r)) == (now >> r & 1), "is member %d in '%s'?", p->place,
                     w->rooms[r].name);
                uint32_t n = 0;
                for (int i = 0; i < w->peers_n; i++)
                        n += w->peers[i].alive && (rooms_now(&w->peers[i]) >> r & 1);
                must(w, hub_room_members(w->hub, name_of(w, r)) == n,
                     "room '%s' counts %" PRIu32 " members, not %" PRIu32, w->rooms[r].name,
                     hub_room_members(w->hub, name_of(w, r)), n);
        }
}

static void op_move(struct world *w)
{
        struct peer *p = pick_peer(w);
        int room = pick_room(w);
        if (!p || p->stays_n == STAYS || room == p->own_room)
                return;
        bool in = rooms_now(p) >> room & 1;
        int named = __builtin_popcountll(rooms_now(p)) - 2;
        if (chance(w, 60)) {
                int err = hub_join(p->m, w->now, name_of(w, room));
                int good = in ? ERR_EXISTS : named >= (int)w->config.stays_max ? ERR_FULL : 0;
                if (err != ERR_FULL || good != 0 || kept_stays(w, p) < w->config.stays_max)
                        must(w, err == good, "a join gives %d, not %d", err, good);
                if (err == 0)
                        p->stays[p->stays_n++] = (struct stay_seen){ room, w->head, UINT64_MAX, { 0 } };
                note(w, "member %d joins '%s': %d", p->place, w->rooms[room].name, err);
        } else {
                int err = hub_leave(p->m, w->now, name_of(w, room));
                must(w, err == (in ? 0 : ERR_NOT_MEMBER), "a leave gives %d", err);
                for (int i = 0; i < p->stays_n; i++) {
                        if (p->stays[i].room == room && p->stays[i].left == UINT64_MAX) {
                                p->stays[i].left = w->head;
                                p->stays[i].left_at = w->now;
                        }
                }
                p->leaves++;
                note(w, "member %d leaves '%s': %d", p->place, w->rooms[room].name, err);
        }
        check_rooms_of(w, p);
}

static void op_publish(struct world *w, const struct sim_row *row)
{
        if (w->head + 1 >= EVENTS)
                return;
        struct event *e = &w->events[w->head + 1];
        struct peer *from = chance(w, 60) ? pick_peer(w) : NULL;
        *e = (struct event){ .eid = w->head + 1,
                             .n = 1 + below(w, chance(w, 80) ? row->event_bytes / 3 : row->event_bytes) };
        e->from = from ? from->place : -1;
        e->origin = from ? member_origin(from->m) : 0;
        e->own = chance(w, 50);
        e->dispensable = chance(w, (unsigned)row->dispensable);
        e->at = w->now;
        struct bytes names[4], except[2];
        struct publish p = { .rooms = names,
                             .except = except,
                             .from = from ? from->m : NULL,
                             .own = e->own,
                             .dispensable = e->dispensable };
        int known = 0;
        if (chance(w, 60)) {
                for (uint32_t n = chance(w, 60) ? 1 : 2 + (uint32_t)below(w, 3); p.rooms_n < n; p.rooms_n++) {
                        int room = pick_room(w);
                        known += !(e->rooms >> room & 1) && w->rooms[room].occupied;
                        e->rooms |= (room_set)1 << room;
                        names[p.rooms_n] = name_of(w, room);
                }
        }
        if (p.rooms_n == 0)
                e->rooms = 1;
        if (chance(w, 25)) {
                for (uint32_t n = 1 + (uint32_t)below(w, 2); p.except_n < n; p.except_n++) {
                        int room = pick_room(w);
                        e->except |= (room_set)1 << room;
                        except[p.except_n] = name_of(w, room);
                }
        }
        e->multi = known > 1;
        e->multi_sure = known > 1 || __builtin_popcountll(e->rooms) == 1;
        uint8_t *bytes = malloc(e->n);
        fill_event(w, e->eid, e->n, bytes);
        p.event = bytes_of(bytes, e->n);
        struct published out = { 0 };
        int err = hub_publish(w->hub, w->now, &p, &out);
        must(w, err == 0 && out.eid == e->eid && hub_head(w->hub) == e->eid, "publish gives %d, eid %" PRIu64, err,
             out.eid);
        memset(bytes, 0xee, e->n); /* it was copied */
        free(bytes);
        w->head++;
        for (int r = 0; r < ROOMS; r++) {
                struct room_seen *seen = &w->rooms[r];
                if (!(e->rooms >> r & 1) || !seen->occupied)
                        continue;
                e->seq[r] = ++seen->head_seq;
                must(w, e->seq[r] <= e->eid, "seq %" PRIu64 " of '%s' above its eid", e->seq[r], seen->name);
                if (__builtin_popcountll(e->rooms) == 1)
                        must(w, out.seq == e->seq[r] || (out.seq == 0 && p.rooms_n > 1),
                             "publish gives seq %" PRIu64 ", not %" PRIu64, out.seq, e->seq[r]);
        }
        must(w, __builtin_popcountll(e->rooms) == 1 || known < 2 || out.seq == 0, "seq %" PRIu64 " for several rooms",
             out.seq);
        note(w, "eid %" PRIu64 ": %zu bytes from %d%s%s to %#" PRIx64 " except %#" PRIx64, e->eid, e->n, e->from,
             e->own ? " own" : "", e->dispensable ? " dispensable" : "", e->rooms, e->except);
}

/* ---- time and news -------------------------------------------------------------------------- */

static void op_announce(struct world *w)
{
        hub_announce(w->hub);
        for (int i = 0; i < w->peers_n; i++) {
                struct peer *p = &w->peers[i];
                must(w, p->news <= p->leaves + (p->alive && p->attached), "member %d is told %u times of news", i,
                     p->news);
                bool due = false;
                for (uint64_t e = w->head; p->alive && p->attached && e > w->announced && e > p->attached_at; e--)
                        due |= owed(w, p, &w->events[e], false);
                must(w, p->news > 0 || !due || p->blocked, "member %d is not told of news", i);
                must(w, w->wakes == 1 || !due, "nobody was woken for the news of member %d", i);
                p->news = p->leaves = 0;
        }
        w->wakes = 0;
        w->announced = w->head;
        hub_announce(w->hub);
        for (int i = 0; i < w->peers_n; i++)
                must(w, w->peers[i].news == 0, "member %d is told of old news", i);
}

static void op_time(struct world *w, const struct sim_row *row)
{
        w->now = mono_add(w->now, (int64_t)below(w, (uint64_t)row->step_ns));
        hub_expire(w->hub, w->now);
        struct mono deadline = hub_deadline(w->hub);
        must(w, mono_before(w->now, deadline), "all that is too old is gone, and the deadline has passed");
        note(w, "it is %.3f s", (double)w->now.ns / 1e9);
        for (int r = 0; r < ROOMS; r++) {
                const struct peer *p = somebody_in(w, r);
                uint64_t eid = p ? eid_of_seq(w, r, room_tail_seq(member_room(p->m, name_of(w, r)))) : 0;
                must(w, !eid || deadline.ns <= w->events[eid].at.ns + w->config.age_ns_max,
                     "eid %" PRIu64 " grows too old before the deadline", eid);
        }
}

/* Who had to be forgotten above its own place can only be closed; the sessions do that. */
static void close_the_forgotten(struct world *w)
{
        for (int i = 0; i < w->peers_n; i++) {
                struct peer *p = &w->peers[i];
                if (p->alive && p->attached && !resumable(w, p, member_place(p->m)))
                        remove_peer(w, p);
        }
}

static void operate(struct world *w, const struct sim_row *row)
{
        const int weights[] = { row->publish, row->walk, row->move, row->member, row->link, row->time };
        int sum = 0, kind = 0;
        for (int i = 0; i < 6; i++)
                sum += weights[i];
        for (int left = (int)below(w, (uint64_t)sum); left >= weights[kind]; kind++)
                left -= weights[kind];
        struct peer *p;
        switch (kind) {
        case 0:
                op_publish(w, row);
                break;
        case 1:
                chance(w, 30) ? op_repair(w) : op_walk(w);
                break;
        case 2:
                op_move(w);
                break;
        case 3:
                if (chance(w, 70))
                        op_add(w, row);
                else if ((p = pick_peer(w)))
                        remove_peer(w, p);
                break;
        case 4:
                op_link(w);
                break;
        default:
                op_time(w, row);
        }
        look_at_rooms(w);
        look_at_stats(w);
        if (kind == 0 || kind == 5) {
                struct hub_stats s = hub_stats(w->hub);
                must(w, s.log_bytes + s.stream_bytes <= w->config.bytes_total_max,
                     "%" PRIu64 " bytes of log and %" PRIu64 " of streams are too many", s.log_bytes, s.stream_bytes);
        }
        close_the_forgotten(w);
        look_at_rooms(w);
        if (chance(w, 25))
                op_announce(w);
}

/* ---- a world from first to last ------------------------------------------------------------- */

static void begin(struct world *w, const struct sim_row *row, struct coder *coders)
{
        uint64_t events_max = row->config.room_events_max, bytes_max = row->config.room_bytes_max;
        w->config = row->config;
        w->config.epoch = (uint32_t)w->seed;
        w->hub = hub_create(&w->config);
        w->config.room_events_max = events_max ? events_max : 10000;
        w->config.room_bytes_max = bytes_max ? bytes_max : 16 << 20;
        w->config.age_ns_max = row->config.age_ns_max ? row->config.age_ns_max : 120 * S;
        w->config.retain_ns = row->config.retain_ns ? row->config.retain_ns : 120 * S;
        w->config.stays_max = row->config.stays_max ? row->config.stays_max : 64;
        w->pressed = row->config.bytes_total_max > 0;
        w->config.bytes_total_max = w->pressed ? row->config.bytes_total_max : 256 << 20;
        w->too_big = row->too_big ? row->too_big : SIZE_MAX;
        w->now = (struct mono){ 1000 * S };
        for (int r = 0; r < ROOMS; r++) {
                if (r == 0 || r > NAMED)
                        snprintf(w->rooms[r].name, sizeof w->rooms[r].name, r ? "m%d" : "", r - 1 - NAMED);
                else
                        snprintf(w->rooms[r].name, sizeof w->rooms[r].name, "r%d", r);
        }
        for (int i = 0; i < ENCODINGS; i++) {
                coders[i] = (struct coder){ w, i };
                struct hub_encoding e = {
                        .name = "test", .ctx = &coders[i], .per_room = i == PER_ROOM, .encode = encode
                };
                must(w, hub_encoding_add(w->hub, &e) == i, "encodings are numbered otherwise");
        }
        hub_wake_set(w->hub, wake, w);
        must(w, hub_epoch(w->hub) == w->config.epoch && hub_head(w->hub) == 0, "a new hub is not empty");
}

/* Everybody comes back and is given everything: then every event meant for a client was seen by
 * it or told to it as lost, and never both. */
static void settle(struct world *w, struct peer *p)
{
        if (!p->attached)
                attach(w, p);
        if (!p->alive)
                return;
        drain(w, p);
        if (p->encoding == PER_ROOM)
                return;
        client_sees(w, p, SIZE_MAX);
        for (uint64_t i = p->start + 1; i <= w->head; i++) {
                bool known = p->seen[i] || p->told[i] || (p->settled[i] & MAY_SKIP);
                must(w, known || !meant(p, &w->events[i]), "member %d was never told of eid %" PRIu64, p->place, i);
                must(w, !p->seen[i] || !p->told[i], "eid %" PRIu64 " was seen, and told as lost", i);
                must(w, !p->seen[i] || meant(p, &w->events[i]), "eid %" PRIu64 " was seen, and not meant", i);
        }
}

static void end(struct world *w)
{
        for (int i = 0; i < w->peers_n; i++) {
                if (w->peers[i].alive)
                        settle(w, &w->peers[i]);
        }
        for (int i = 0; i < w->peers_n; i++) {
                if (w->peers[i].alive)
                        remove_peer(w, &w->peers[i]);
        }
        struct hub_stats s = hub_stats(w->hub);
        must(w, s.members == 0 && s.stream_bytes == 0, "all have gone, and %" PRIu64 " bytes of streams stay",
             s.stream_bytes);
        hub_expire(w->hub, mono_add(w->now, w->config.age_ns_max + w->config.retain_ns + S));
        s = hub_stats(w->hub);
        must(w, s.log_bytes == 0 && s.rooms <= 1, "all is over, and %" PRIu64 " bytes in %" PRIu64 " rooms stay",
             s.log_bytes, s.rooms);
        must(w, mono_is_never(hub_deadline(w->hub)), "all is over, and there is a deadline");
        hub_destroy(w->hub);
}

static void run_seed(const struct sim_row *row, unsigned long seed, bool loud, struct world *sum)
{
        struct world w = { .row = row->name, .seed = seed, .loud = loud, .rng = rng_seeded(seed, row->name) };
        struct coder coders[ENCODINGS];
        w.events = calloc(EVENTS, sizeof *w.events);
        w.peers = calloc(MEMBERS, sizeof *w.peers);
        begin(&w, row, coders);
        for (int i = 0; i < 4; i++)
                op_add(&w, row);
        look_at_rooms(&w);
        for (w.op = 1; w.op <= OPERATIONS; w.op++)
                operate(&w, row);
        end(&w);
        sum->deliveries += w.deliveries, sum->gaps += w.gaps, sum->empty_gaps += w.empty_gaps;
        sum->repairs += w.repairs, sum->resumes += w.resumes, sum->copied += w.copied, sum->evicted += w.evicted;
        sum->left_alone += w.left_alone;
        free(w.events);
        free(w.peers);
}

static void run_row(void **state)
{
        const struct sim_row *row = *state;
        const char *one = getenv("SEED");
        unsigned long first = one ? strtoul(one, NULL, 10) : 1;
        unsigned long last = one ? first : harness_seeds(SEEDS_PER_ROW);
        struct world sum = { 0 };
        for (unsigned long seed = first; seed <= last; seed++)
                run_seed(row, seed, one != NULL, &sum);
        print_message("%" PRIu64 " deliveries, %" PRIu64 " gaps (%" PRIu64 " empty), %" PRIu64 " resumes, %" PRIu64
                      " repairs, %" PRIu64 " events evicted, %" PRIu64 " bytes copied\n",
                      sum.deliveries, sum.gaps, sum.empty_gaps, sum.resumes, sum.repairs, sum.evicted, sum.copied);
        assert_true(sum.deliveries > 0 && sum.left_alone > 0);
}

int main(void)
{
        if (sodium_init() < 0)
                return 1;
        return RUN_ROWS("hub", rows, run_row);
}
