#include "core/chat/hub.h"

#include <assert.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/chat/hub_inside.h"

uint8_t hub_hash_key[16];

/* ---- eviction over all rooms ---------------------------------------------------------------- */

static void evict_oldest(struct hub *h)
{
        struct room *r = h->oldest->room;
        room_evict(r);
        room_unuse(r);
}

static bool over_budget(const struct hub_budget *b)
{
        uint64_t bytes = 0;
        for (const struct hub *h = b->hubs; h; h = h->next)
                bytes += h->stats.log_bytes + h->stats.stream_bytes;
        return bytes > b->bytes_max;
}

/* NULL: all logs are empty. */
static struct hub *with_oldest(const struct hub_budget *b)
{
        struct hub *found = NULL;
        for (struct hub *h = b->hubs; h; h = h->next)
                if (h->oldest && (!found || mono_before(h->oldest->t, found->oldest->t)))
                        found = h;
        return found;
}

static void keep_total(const struct hub_budget *b)
{
        struct hub *h;
        while (over_budget(b) && (h = with_oldest(b)))
                evict_oldest(h);
}

static bool expired(struct mono since, int64_t span_ns, struct mono now)
{
        return mono_since(now, since) >= span_ns;
}

void hub_expire(struct hub *h, struct mono now)
{
        while (h->oldest && expired(h->oldest->t, h->config.age_ns_max, now))
                evict_oldest(h);
        keep_total(h->budget);
        hub_forget_stays(h, now);
}

struct mono hub_deadline(const struct hub *h)
{
        struct mono at = MONO_NEVER;
        if (h->oldest)
                at = mono_add(h->oldest->t, h->config.age_ns_max);
        const struct stay *s = TAILQ_FIRST(&h->kept);
        if (s)
                at = mono_min(at, mono_add(s->left_at, h->config.retain_ns));
        return at;
}

/* ---- news --------------------------------------------------------------------------------- */

void hub_wake_set(struct hub *h, void (*wake)(void *ctx), void *ctx)
{
        h->wake = wake;
        h->wake_ctx = ctx;
}

void hub_nudge(struct hub *h)
{
        if (h->awake)
                return;
        h->awake = true;
        if (h->wake)
                h->wake(h->wake_ctx);
}

void hub_announce(struct hub *h)
{
        h->awake = h->crowded = false;
        h->budget->fresh_bytes -= h->fresh_bytes;
        h->fresh_bytes = 0;
        h->announces++;
        while (h->dirty) {
                struct room *r = h->dirty;
                h->dirty = r->next_dirty;
                r->dirty = false;
                r->events->fresh = r->events->fresh_bytes = 0;
                for (uint32_t i = 0; i < r->members; i++) {
                        struct member *m = r->member[i]->member;
                        stay_is_behind(r->member[i]);
                        if (m->attached && m->told_at != h->announces)
                                m->sink.news(m->sink.owner);
                        m->told_at = h->announces;
                }
        }
}

/* Between two of its flushes a member meets the news of two announces at most: half a log. Of all
 * logs together less, since what is encoded counts in their bound, too. */
static void count_fresh(struct room *r, const struct log_entry *e)
{
        struct hub *h = r->hub;
        struct room_events *ev = r->events;
        ev->fresh++;
        ev->fresh_bytes += e->body->n;
        h->fresh_bytes += e->body->n;
        h->budget->fresh_bytes += e->body->n;
        if (ev->fresh >= (h->config.room_events_max + 3) / 4 || ev->fresh_bytes >= h->config.room_bytes_max / 4 ||
            h->budget->fresh_bytes >= h->budget->bytes_max / 16)
                h->crowded = true;
}

bool hub_crowded(const struct hub *h)
{
        return h->crowded;
}

/* ---- publishing --------------------------------------------------------------------------- */

struct targets {
        struct room *room[HUB_TARGETS_MAX];
        struct room *except[HUB_TARGETS_MAX];
        uint64_t tag[HUB_TARGETS_MAX], except_tag[HUB_TARGETS_MAX];
        struct log_entry *entry[HUB_TARGETS_MAX];
        uint32_t rooms, excepts;
};

static void add_target(struct targets *t, struct room *r)
{
        for (uint32_t i = 0; i < t->rooms; i++)
                if (t->room[i] == r)
                        return;
        t->tag[t->rooms] = r->tag;
        t->room[t->rooms++] = r;
}

static int find_targets(struct hub *h, const struct publish *p, struct targets *t)
{
        struct room *r;
        int err = 0;
        t->rooms = t->excepts = 0;
        if (p->rooms_n == 0)
                add_target(t, h->everyone);
        for (uint32_t i = 0; !err && i < p->rooms_n; i++) {
                err = room_named(h, p->rooms[i], &r);
                if (r)
                        add_target(t, r);
        }
        for (uint32_t i = 0; !err && i < p->except_n; i++) {
                err = room_named(h, p->except[i], &r);
                if (!r)
                        continue;
                t->except[t->excepts] = r;
                t->except_tag[t->excepts++] = r->tag;
        }
        return err;
}

static int prepare_room(struct room *r)
{
        if (!r->events) {
                r->events = calloc(1, sizeof *r->events);
                if (!r->events)
                        return ERR_NO_MEMORY;
                r->events->log.seq_first = r->events->log.seq_next = r->first_seq;
        }
        return roomlog_reserve(&r->events->log);
}

/* Everything that can fail, before anything is changed. */
static int prepare(struct targets *t, struct bytes event)
{
        struct log_body *body = log_body_create(event);
        if (!body)
                return ERR_NO_MEMORY;
        int err = 0;
        uint32_t made = 0;
        for (; !err && made < t->rooms; made++) {
                t->entry[made] = log_entry_create(body, t->except_tag, t->excepts, t->tag, t->rooms);
                err = t->entry[made] ? prepare_room(t->room[made]) : ERR_NO_MEMORY;
        }
        log_body_drop(body);
        for (uint32_t i = 0; err && i < made; i++)
                log_entry_destroy(t->entry[i]);
        return err;
}

static void append(struct room *r, struct log_entry *e)
{
        struct hub *h = r->hub;
        e->room = r;
        e->older = h->newest;
        *(h->newest ? &h->newest->newer : &h->oldest) = e;
        h->newest = e;
        if (!room_logged(r))
                h->stats.log_bytes += room_footprint(r);
        roomlog_append(&r->events->log, e);
        r->events->last_eid = e->eid;
        h->stats.log_bytes += log_entry_footprint(e);
        count_fresh(r, e);
        if (!r->dirty) {
                r->dirty = true;
                r->next_dirty = h->dirty;
                h->dirty = r;
        }
}

int hub_publish(struct hub *h, struct mono now, const struct publish *p, struct published *out)
{
        struct targets t;
        if (p->rooms_n > HUB_TARGETS_MAX || p->except_n > HUB_TARGETS_MAX)
                return ERR_RANGE;
        if (p->event.n > h->config.event_bytes_max)
                return ERR_TOO_BIG;
        int err = find_targets(h, p, &t);
        err = err ? err : prepare(&t, p->event);
        if (err)
                return err;
        if (mono_is_never(h->epoch_start))
                h->epoch_start = now;
        *out = (struct published){ .eid = ++h->head };
        for (uint32_t i = 0; i < t.rooms; i++) {
                struct log_entry *e = t.entry[i];
                e->eid = h->head;
                e->t = now;
                e->t_us = (uint64_t)(mono_since(now, h->epoch_start) / NS_PER_US);
                e->origin = p->from ? p->from->origin : 0;
                e->own = p->own;
                e->dispensable = p->dispensable;
                append(t.room[i], e);
        }
        for (uint32_t i = 0; i < t.excepts; i++)
                t.except[i]->except_eid = h->head;
        if (t.rooms == 1 && p->rooms_n <= 1)
                out->seq = t.entry[0]->seq;
        if (p->from && !p->own)
                p->from->own_last_eid = h->head;
        h->stats.events++;
        for (uint32_t i = 0; i < t.rooms; i++) {
                room_keep_bounds(t.room[i]);
                room_unuse(t.room[i]);
        }
        hub_expire(h, now);
        hub_nudge(h);
        return 0;
}

/* ---- the hub itself ----------------------------------------------------------------------- */

static uint64_t at_least(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* A log holds four of the largest events, or a member could not be given one before the next evicts it: hub_crowded
 * asks for an announce at a quarter. In all there may be as many in streams, for each encoding. */
static void set_defaults(struct hub_config *c)
{
        if (!c->event_bytes_max)
                c->event_bytes_max = 1000000;
        if (!c->room_events_max)
                c->room_events_max = 10000;
        if (!c->room_bytes_max)
                c->room_bytes_max = at_least(16 << 20, 4 * (uint64_t)c->event_bytes_max);
        if (!c->age_ns_max)
                c->age_ns_max = 120 * NS_PER_S;
        if (!c->retain_ns)
                c->retain_ns = 120 * NS_PER_S;
        if (c->retain_ns < c->age_ns_max) /* an exception is judged by a stay for as long as its event lives */
                c->retain_ns = c->age_ns_max;
        if (!c->stays_max)
                c->stays_max = 64;
        if (c->stays_max > HUB_STAYS_MAX)
                c->stays_max = HUB_STAYS_MAX;
}

static void join_budget(struct hub *h)
{
        h->own.bytes_max = h->config.bytes_total_max;
        h->budget = h->config.budget ? h->config.budget : &h->own;
        if (!h->budget->bytes_max)
                h->budget->bytes_max = at_least(256 << 20, 16 * (uint64_t)h->config.event_bytes_max);
        h->next = h->budget->hubs;
        h->budget->hubs = h;
}

static void leave_budget(struct hub *h)
{
        struct hub **link = &h->budget->hubs;
        while (*link != h)
                link = &(*link)->next;
        *link = h->next;
        h->budget->fresh_bytes -= h->fresh_bytes;
}

struct hub *hub_create(const struct hub_config *config)
{
        static const uint8_t unset[sizeof hub_hash_key];
        assert(config->epoch != 0);
        if (memcmp(hub_hash_key, unset, sizeof unset) == 0)
                rng_os(hub_hash_key, sizeof hub_hash_key);
        struct hub *h = calloc(1, sizeof *h);
        if (!h)
                return NULL;
        h->config = *config;
        set_defaults(&h->config);
        TAILQ_INIT(&h->kept);
        LIST_INIT(&h->half);
        h->epoch_start = MONO_NEVER;
        h->next_origin = 1;
        h->everyone = room_create(h, bytes_of(NULL, 0), 0);
        if (!h->everyone) {
                free(h);
                return NULL;
        }
        join_budget(h);
        return h;
}

void hub_destroy(struct hub *h)
{
        if (!h)
                return;
        assert(h->stats.members == 0);
        while (h->oldest)
                evict_oldest(h);
        leave_budget(h);
        room_destroy(h->everyone);
        buf_free(&h->scratch);
        free(h);
}

uint32_t hub_epoch(const struct hub *h)
{
        return h->config.epoch;
}

uint64_t hub_head(const struct hub *h)
{
        return h->head;
}

int hub_encoding_add(struct hub *h, const struct hub_encoding *e)
{
        if (h->encodings == HUB_ENCODINGS_MAX)
                return ERR_FULL;
        h->encoding[h->encodings] = *e;
        return h->encodings++;
}

struct hub_stats hub_stats(const struct hub *h)
{
        return h->stats;
}

const char *gap_reason_text(enum gap_reason reason)
{
        static const char *const words[] = { NULL, "evicted", "excluded", "yours", "expired", "epoch", "too big" };
        return (unsigned)reason < sizeof words / sizeof *words ? words[reason] : NULL;
}
