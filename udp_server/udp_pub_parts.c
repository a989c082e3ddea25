/* parts: a PUB that comes in fragments, until it is whole; and one that comes before its turn, until that. */
#include <stdlib.h>

#include "udp_server/udp_session_inside.h"

static struct reassembly_part part_of(const struct dgram_pub *pub)
{
        return (struct reassembly_part){ .number = pub->pub_id,
                                         .stamp = { pub->chan_ref, pub->flags },
                                         .event_bytes = pub->event_bytes,
                                         .idx = pub->frag_idx,
                                         .cnt = pub->frag_cnt,
                                         .bytes = pub->event };
}

static void give_up(struct udp_session *s, struct reassembly_event *e)
{
        reassembly_drop(s->parts, e);
        s->shared->stats->pub_parts_dropped++;
}

static struct reassembly_event *under_way(struct udp_session *s, struct mono now, const struct reassembly_part *p)
{
        struct reassembly_event *e = reassembly_find(s->parts, 0, p->number), *last;
        bool liar = false;
        if (e && !reassembly_agrees(e, p, &liar)) {
                if (!liar)
                        return NULL;
                give_up(s, e);
                e = NULL;
        }
        while (!e && !(e = reassembly_begin(s->parts, now, p))) {
                if (!(last = reassembly_behind(s->parts, 0, p->number)))
                        return NULL;
                give_up(s, last);
        }
        return e;
}

static bool make(struct udp_session *s)
{
        if (!s->parts && (s->parts = malloc(sizeof *s->parts)))
                reassembly_init(s->parts, UDP_PARTS_EVENTS_MAX, UDP_PARTS_BYTES_MAX,
                                udp_instances_parts(s->shared->instances));
        return s->parts != NULL;
}

struct reassembly_event *udp_pub_parts_take(struct udp_session *s, struct mono now, const struct dgram_pub *pub,
                                            uint64_t *missing)
{
        struct reassembly_part p = part_of(pub);
        struct reassembly_event *e = make(s) ? under_way(s, now, &p) : NULL;
        *missing = 0;
        s->shared->stats->pub_parts++;
        s->shared->stats->pub_parts_refused += !e;
        if (!e)
                return NULL;
        if (reassembly_put(e, now, &p))
                return e;
        *missing = reassembly_missing(e);
        return NULL;
}

bool udp_pub_parts_has(const struct udp_session *s, uint64_t pub_id)
{
        return s->parts && reassembly_find(s->parts, 0, pub_id);
}

void udp_pub_parts_hold(struct udp_session *s, struct reassembly_event *e, uint16_t back)
{
        s->shared->stats->pub_held += e->back == 0;
        if (back > e->back) /* those between have been answered, or given up */
                e->back = back;
}

struct dgram_pub udp_pub_parts_whole(const struct reassembly_event *e)
{
        return (struct dgram_pub){ .pub_id = e->number,
                                   .chan_ref = (uint32_t)e->stamp[0],
                                   .frag_cnt = e->cnt,
                                   .event_bytes = e->event_bytes,
                                   .back = e->back,
                                   .flags = (uint16_t)e->stamp[1],
                                   .event = reassembly_bytes(e) };
}

static bool waits(const struct udp_session *s, const struct reassembly_event *e)
{
        struct dgram_pub pub = udp_pub_parts_whole(e);
        uint64_t done;
        return udp_pub_turn(s->instance, &pub, &done) == UDP_PUB_EARLY;
}

struct reassembly_event *udp_pub_parts_ripe(const struct udp_session *s)
{
        struct reassembly_event *ripe = NULL;
        for (uint32_t i = 0; s->parts && i < s->parts->n; i++) {
                struct reassembly_event *e = s->parts->event[i];
                if (e->back > 0 && (!ripe || e->number < ripe->number) && !waits(s, e))
                        ripe = e;
        }
        return ripe;
}

void udp_pub_parts_done(struct udp_session *s, struct reassembly_event *e)
{
        reassembly_drop(s->parts, e);
        if (s->parts->n == 0)
                udp_pub_parts_free(s);
}

void udp_pub_parts_expire(struct udp_session *s, struct mono now)
{
        struct reassembly_event *e;
        while (s->parts && (e = reassembly_idle(s->parts, now)))
                give_up(s, e);
        if (s->parts && s->parts->n == 0)
                udp_pub_parts_free(s);
}

struct mono udp_pub_parts_deadline(const struct udp_session *s)
{
        return s->parts ? reassembly_deadline(s->parts) : MONO_NEVER;
}

void udp_pub_parts_free(struct udp_session *s)
{
        if (s->parts)
                reassembly_free(s->parts);
        free(s->parts);
        s->parts = NULL;
}
