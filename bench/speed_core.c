#include "bench/speed_core.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/payload.h"
#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/chat/hub.h"
#include "core/event/event.h"
#include "core/event/pack.h"
#include "core/loop/loop.h"

enum { PIECES = 64, ID_BYTES = 24 };

struct rig {
        struct hub *hub;
        struct member **member;
        uint32_t members, news;
        struct buf event;
        int64_t publish_ns, walk_ns; /* processor time so far */
};

static int copy_entry(void *ctx, const struct hub_entry *entry, struct buf *out)
{
        (void)ctx;
        return buf_put(out, entry->event.at, entry->event.n);
}

static void on_news(void *owner)
{
        struct rig *r = owner;
        r->news++;
}

static int make_event(struct rig *r, uint32_t event_bytes)
{
        uint8_t *text = malloc(event_bytes);
        if (!text)
                return ERR_NO_MEMORY;
        payload_write(0, 0, (char *)text, event_bytes);
        int err = event_begin(&r->event, "speed", 1);
        err = err ? err : pack_put_text(&r->event, bytes_of(text, event_bytes));
        free(text);
        return err;
}

static int add_members(struct rig *r, uint32_t members)
{
        const struct hub_encoding copy = { .name = "copy", .encode = copy_entry };
        const struct hub_sink sink = { on_news, r };
        int encoding = hub_encoding_add(r->hub, &copy);
        r->member = calloc(members, sizeof *r->member);
        for (uint32_t i = 0; r->member && i < members; i++) {
                char id[ID_BYTES];
                snprintf(id, sizeof id, "member %u", i);
                r->member[i] = hub_member_add(r->hub, bytes_text(id), encoding, &sink, NULL);
                if (!r->member[i])
                        return ERR_NO_MEMORY;
                r->members++;
        }
        return r->member ? 0 : ERR_NO_MEMORY;
}

static void give(struct member *m)
{
        struct piece v[PIECES];
        int n;
        while ((n = member_walk(m, UINT64_MAX, v, PIECES)) > 0)
                for (int i = 0; i < n; i++)
                        member_advance(m, &v[i], v[i].n);
}

/* The first member's walk encodes for all: it counts with publishing. */
static int turn(struct rig *r, uint32_t events)
{
        struct published out;
        struct publish p = { .event = buf_bytes(&r->event), .own = true };
        int64_t t0 = loop_process_cpu_ns(0);
        int err = 0;
        for (uint32_t i = 0; !err && i < events; i++)
                err = hub_publish(r->hub, loop_clock(), &p, &out);
        hub_announce(r->hub);
        give(r->member[0]);
        int64_t t1 = loop_process_cpu_ns(0);
        for (uint32_t i = 1; i < r->members; i++)
                give(r->member[i]);
        r->publish_ns += t1 - t0;
        r->walk_ns += loop_process_cpu_ns(0) - t1;
        return err;
}

static int measure(struct rig *r, uint32_t events, int64_t span_ns, struct speed_core *out)
{
        uint32_t turns = 0;
        int err = turn(r, events); /* segments grow to their size first */
        struct hub_stats before = hub_stats(r->hub);
        for (r->publish_ns = r->walk_ns = 0; !err && r->publish_ns + r->walk_ns < span_ns; turns++)
                err = turn(r, events);
        if (err)
                return err;
        struct hub_stats after = hub_stats(r->hub);
        out->delivery_ns = (double)(r->publish_ns + r->walk_ns) / turns / events / r->members;
        out->member_ns = (double)r->walk_ns / turns / (r->members - 1);
        out->event_ns = (double)r->publish_ns / turns / events;
        out->encodes = (double)(after.encodes - before.encodes) / (double)(after.events - before.events);
        out->copied_bytes = after.copied_bytes;
        return 0;
}

int speed_core_measure(uint32_t members, uint32_t burst_events, uint32_t event_bytes, int64_t span_ns,
                       struct speed_core *out)
{
        struct rig r = { 0 };
        r.hub = hub_create(&(struct hub_config){ .epoch = 1 });
        int err = r.hub ? make_event(&r, event_bytes) : ERR_NO_MEMORY;
        err = err ? err : add_members(&r, members);
        err = err ? err : measure(&r, burst_events, span_ns, out);
        for (uint32_t i = 0; i < r.members; i++)
                hub_member_remove(r.member[i]);
        hub_destroy(r.hub);
        free(r.member);
        buf_free(&r.event);
        return err;
}
