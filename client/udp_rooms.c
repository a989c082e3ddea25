/* rooms: the feeds of one client: joined, resumed, fed, asked for and reported. */
#include "client/udp_client_inside.h"

#define REPORT_NS     (1 * NS_PER_S)
#define REPORT_NS_MIN (200 * NS_PER_MS) /* between two of the same */

/* ---- the list ----------------------------------------------------------------------------- */

struct udp_feed *udp_room_find(const struct client *c, struct bytes name)
{
        struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        if (bytes_equal(udp_feed_name(f), name))
                return f;
        return NULL;
}

struct udp_feed *udp_room_tagged(const struct client *c, uint64_t tag)
{
        struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        if (f->tag == tag && f->epoch != 0)
                return f;
        return NULL;
}

static struct udp_feed *find_ref(const struct client *c, uint32_t ref)
{
        struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        if (f->ref == ref && ref != 0)
                return f;
        return NULL;
}

static struct udp_feed *add_feed(struct client *c, struct bytes name)
{
        struct udp_feed *f = udp_feed_create(name, c->config.mode, &c->held_bytes);
        if (f)
                LIST_INSERT_HEAD(&c->feeds, f, link);
        return f;
}

static void drop_feed(struct client *c, struct udp_feed *f)
{
        if (!f)
                return;
        c->stats.lost_first_try += f->gaps.lost_first_try;
        udp_parts_forget(c, f);
        LIST_REMOVE(f, link);
        udp_feed_destroy(f);
        udp_calls_wake(c);
}

void udp_rooms_finish(struct client *c)
{
        struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        udp_tell_end(c, f, GAPS_CLOSED, false);
}

void udp_rooms_free(struct client *c)
{
        while (!LIST_EMPTY(&c->feeds))
                drop_feed(c, LIST_FIRST(&c->feeds));
        c->own = c->all = NULL;
}

void udp_rooms_away(struct client *c, struct mono now)
{
        struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        {
                udp_parts_forget(c, f);
                udp_feed_away(f, now);
        }
}

/* ---- beginning ---------------------------------------------------------------------------- */

static void begin(struct client *c, struct mono now, struct udp_feed *f, uint32_t ref, uint32_t epoch, uint64_t tag,
                  uint64_t start, uint64_t head)
{
        bool fresh = f->epoch == 0;
        start = start ? start : 1; /* seqs count from 1, whatever a strange server says */
        if (!udp_feed_start(f, now, &c->rtt, epoch, tag, start, head)) {
                udp_tell_end(c, f, f->epoch == epoch ? GAPS_EVICTED : GAPS_EPOCH, true);
                udp_feed_anew(f, epoch, start);
                fresh = true;
        }
        if (fresh) /* what was sent before this answer is missing, or comes with it */
                gaps_beat(&f->gaps, now, &c->rtt, head, false);
        udp_tell_ready(c, f);
        f->ref = ref;
        f->origin = c->origin;
        f->rejoins = false;
        udp_calls_wake(c);
}

bool udp_rooms_rejoining(const struct client *c)
{
        const struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        if (f->rejoins && f != c->own && f != c->all)
                return true;
        return false;
}

bool udp_rooms_up(struct client *c, struct mono now, const struct dgram_accept *a, bool kept)
{
        struct udp_feed *f;
        if (c->own && !bytes_equal(udp_feed_name(c->own), a->id)) {
                udp_tell_end(c, c->own, GAPS_EPOCH, true);
                drop_feed(c, c->own);
                c->own = NULL;
        }
        LIST_FOREACH(f, &c->feeds, link)
        {
                f->rejoins = f->epoch != 0;
                if (f->epoch == c->epoch)
                        f->origin = c->origin; /* its events may come before JOIN is answered */
        }
        bool new_own = !c->own, new_all = !c->all;
        c->own = new_own ? add_feed(c, a->id) : c->own;
        c->all = new_all ? add_feed(c, bytes_of(NULL, 0)) : c->all;
        if (!c->own || !c->all) /* it would hear nothing, and not know */
                return false;
        if (new_own)
                begin(c, now, c->own, UDP_REF_OWN, c->epoch, a->own.tag, a->own.start, a->own.head);
        if (new_all || !c->recovered)
                begin(c, now, c->all, UDP_REF_ALL, c->epoch, a->all.tag, a->all.start, a->all.head);
        if (kept) /* the server waits to be asked, even by one who heard no ACCEPT before */
                c->own->rejoins = c->all->rejoins = true;
        c->resumes = 0;
        LIST_FOREACH(f, &c->feeds, link)
        c->resumes += f->rejoins;
        c->rejoin_due = now;
        c->rejoin_tries = 0;
        c->rejoin_req = c->next_req;
        return true;
}

static void say_join(struct client *c, struct dgram_join *join)
{
        struct buf tail = { 0 };
        join->req = c->next_req++;
        if (join->rooms_n > 0 && dgram_join_put(&tail, join) == 0) {
                udp_client_say(c, &(struct dgram_msg){ .type = DGRAM_JOIN, .join = { buf_bytes(&tail) } });
                c->more.joins++;
        }
        buf_free(&tail);
        join->rooms_n = 0;
}

/* Asks for the rooms of the last session, each from where it was, until all are answered. */
static void rejoin(struct client *c, struct mono now)
{
        enum { ROW_MAX = 32 }; /* of a row without its name */
        struct dgram_join join = { .resumes = c->resumes };
        size_t bytes = ROW_MAX;
        struct udp_feed *f;
        c->rejoin_due = MONO_NEVER;
        LIST_FOREACH(f, &c->feeds, link)
        {
                if (!f->rejoins)
                        continue;
                c->rejoin_due = now;
                if (join.rooms_n == DGRAM_JOIN_ROOMS_MAX || bytes + f->name_n + ROW_MAX > DGRAM_JOIN_TAIL_MAX) {
                        say_join(c, &join);
                        bytes = ROW_MAX;
                }
                join.room[join.rooms_n++] =
                        (struct dgram_join_room){ udp_feed_name(f), udp_wire_mode(f->mode), f->epoch, f->gaps.contig };
                bytes += f->name_n + ROW_MAX;
        }
        say_join(c, &join);
        c->rejoin_due = mono_add(c->rejoin_due, resend_request_ns(&c->rtt, ++c->rejoin_tries));
}

/* One row of an answer. Late answers to what was asked before a LEAVE, or in an earlier session, are
 * passed over: a feed begins only where it is waited for. */
static void joined_one(struct client *c, struct mono now, uint64_t req, const struct dgram_joined_room *row)
{
        struct udp_feed *f = udp_room_find(c, row->room);
        bool again = f && f->rejoins && req >= c->rejoin_req;
        bool called = udp_calls_is_join(c, req, row->room);
        if ((!again && !called) || udp_ref_gone(c, row->chan_ref))
                return;
        if (row->status != DGRAM_CODE_OK || row->start == 0) {
                if (again && (f == c->own || f == c->all))
                        return; /* nobody may refuse these: asked again */
                if (again) {
                        udp_tell_end(c, f, GAPS_CLOSED, true);
                        udp_tell_out(c, f, "not let in again");
                        drop_feed(c, f);
                }
                udp_calls_joined(c, row->room, row->status);
                return;
        }
        if (!f && !(f = add_feed(c, row->room)))
                return;
        if (f->ref == 0 || again) {
                begin(c, now, f, row->chan_ref, row->epoch, row->tag, row->start, row->head);
                if (f != c->own && f != c->all && !(again && c->recovered))
                        udp_client_tell(c, &(struct client_event){ .kind = CLIENT_JOINED, .room = udp_feed_name(f) });
        }
        udp_calls_joined(c, row->room, DGRAM_CODE_OK);
}

void udp_rooms_joined(struct client *c, struct mono now, struct bytes tail)
{
        struct dgram_join_ok ok;
        if (dgram_join_ok_parse(tail, &ok) != 0) {
                c->stats.malformed++;
                return;
        }
        for (uint32_t i = 0; i < ok.rooms_n; i++)
                joined_one(c, now, ok.req, &ok.room[i]);
}

void udp_rooms_drop(struct client *c, struct udp_feed *f)
{
        if (!f || f == c->own || f == c->all)
                return;
        udp_tell_end(c, f, GAPS_CLOSED, false);
        drop_feed(c, f);
}

bool udp_rooms_left(struct client *c, struct mono now, const struct dgram_leave_ok *m)
{
        struct udp_feed *f = find_ref(c, m->chan_ref);
        if (!f || f == c->own || f == c->all)
                return false;
        if (m->end > 1) /* what was still for us, and did not come, is missing */
                gaps_beat(&f->gaps, now, &c->rtt, m->end - 1, true);
        udp_tell_end(c, f, GAPS_CLOSED, false);
        if (!udp_calls_left(c, udp_feed_name(f)))
                udp_tell_out(c, f, "taken out by the server");
        drop_feed(c, f);
        return true;
}

/* ---- feeding ------------------------------------------------------------------------------ */

/* A hole is doubted, or no longer: the next PING comes at once. */
static void watch_doubt(struct client *c, struct mono now, struct udp_feed *f)
{
        bool doubts = gaps_doubts(&f->gaps);
        if (doubts && mono_is_never(f->doubted)) {
                f->doubted = now;
                c->more.doubts++;
                udp_pulse_doubt(c, now);
        } else if (!doubts) {
                f->doubted = MONO_NEVER;
        }
}

bool udp_rooms_doubt(const struct client *c)
{
        const struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        if (!mono_is_never(f->doubted))
                return true;
        return false;
}

bool udp_rooms_data(struct client *c, struct mono now, const struct dgram_msg *m)
{
        struct udp_feed *f = udp_room_tagged(c, m->tag);
        struct udp_told told;
        enum gaps_verdict verdict;
        if (!f)
                return false;
        if (m->data.epoch != f->epoch) {
                c->stats.wrong_epoch++;
                return true;
        }
        c->data_messages++;
        if (dgram_is_parity(&m->data)) {
                udp_parity_of_parts(c, now, f, m);
                return true;
        }
        if (udp_parts_take(c, f, m, &told, &verdict))
                udp_tell(c, f, &told);
        udp_parts_told(c);
        c->stats.duplicates += verdict == GAPS_DUPLICATE;
        c->stats.late += verdict == GAPS_LATE;
        udp_tell_ready(c, f);
        c->news_messages += verdict == GAPS_NEW && !f->mends;
        if (verdict == GAPS_NEW)
                udp_parity_kept(c, now, f, m);
        watch_doubt(c, now, f);
        if (udp_meter_changed(&c->meter, now, c->rtt.srtt_ns))
                f->report_due = now;
        else if (udp_overhear_to(c, f))
                udp_overhear_report(c, now, f);
        else if (mono_is_never(f->report_due))
                f->report_due = mono_add(now, REPORT_NS);
        return true;
}

static void report(struct client *c, struct mono now, struct udp_feed *f)
{
        int64_t since_beat = mono_is_never(f->beat_at) ? 0 : mono_since(now, f->beat_at) / NS_PER_US;
        struct dgram_msg m = { .type = DGRAM_REPORT,
                               .report = { .chan_ref = f->ref,
                                           .contig = f->gaps.contig,
                                           .highest = f->gaps.highest,
                                           .received = f->received,
                                           .lost_first_try = (uint32_t)f->gaps.lost_first_try,
                                           .duplicates = f->duplicates,
                                           .delay_us = (uint32_t)since_beat,
                                           .beat_no = f->beat_no } };
        if (udp_meter_tell(&c->meter, now, c->rtt.srtt_ns, &m.report))
                udp_pulse_ask(c, now);
        if (udp_client_say(c, &m) != 0) {
                f->report_due = mono_add(now, REPORT_NS_MIN);
                return;
        }
        c->more.reports++;
        f->reported = f->gaps.contig;
        f->reported_at = now;
        f->report_due = MONO_NEVER;
}

void udp_rooms_head(struct client *c, struct mono now, struct udp_feed *f, uint64_t head)
{
        gaps_beat(&f->gaps, now, &c->rtt, head, false);
        watch_doubt(c, now, f);
}

bool udp_rooms_beat(struct client *c, struct mono now, const struct dgram_msg *m)
{
        struct udp_feed *f = udp_room_tagged(c, m->tag);
        if (!f)
                return false;
        if (m->beat.epoch != f->epoch) {
                c->stats.wrong_epoch++;
                return true;
        }
        bool sure = !mono_is_never(f->doubted) && !mono_before(c->answered, f->doubted);
        gaps_beat(&f->gaps, now, &c->rtt, m->beat.head, sure);
        f->beat_at = now;
        f->beat_no = m->beat.beat_no;
        udp_tell_ready(c, f);
        watch_doubt(c, now, f);
        /* It has said so already? Then that was lost, or is still on its way. */
        bool fresh = f->reported != f->gaps.contig || mono_is_never(f->reported_at) ||
                     mono_since(now, f->reported_at) >= REPORT_NS_MIN;
        if (m->beat.group > 0)
                udp_hearing_beat(&c->hearing, &m->beat);
        if (m->beat.head == f->gaps.contig && fresh && m->beat.group > 0)
                udp_overhear_report(c, now, f);
        else if (m->beat.head == f->gaps.contig && fresh)
                report(c, now, f);
        return true;
}

void udp_rooms_gap(struct client *c, struct mono now, const struct dgram_gap *m)
{
        struct udp_feed *f = find_ref(c, m->chan_ref);
        if (!f || m->reason > GAPS_TOO_BIG || m->reason < GAPS_EVICTED)
                return;
        for (unsigned i = 0; i < m->n; i++)
                gaps_close(&f->gaps, now, &c->rtt, m->range[i].from, m->range[i].to, (uint8_t)m->reason);
        udp_tell_ready(c, f);
        watch_doubt(c, now, f);
}

/* ---- time --------------------------------------------------------------------------------- */

static void ask(struct client *c, struct mono now, struct udp_feed *f)
{
        struct dgram_msg m = { .type = DGRAM_NACK };
        uint8_t tries;
        uint32_t n = udp_overhear_turn(c, now, f) ? gaps_ask(&f->gaps, now, &c->rtt, m.nack.range, &tries) : 0;
        if (n == 0)
                return;
        if (udp_overhear_to(c, f))
                udp_overhear_await(c, now, f, m.nack.range, n);
        udp_parts_mask(c, f, m.nack.range, n);
        m.nack.chan_ref = f->ref;
        m.nack.n = (uint16_t)n;
        m.nack.tries = tries;
        m.nack.contig = f->gaps.contig;
        c->stats.nacks += udp_client_say(c, &m) == 0;
        if (tries > 1)
                udp_pulse_late(c, now);
}

void udp_rooms_light(struct client *c, struct mono now)
{
        struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        gaps_light(&f->gaps, now, &c->rtt, c->heard);
}

static void expire(struct client *c, struct mono now, struct udp_feed *f)
{
        uint64_t losses = f->gaps.losses;
        gaps_expire(&f->gaps, now, c->heard);
        if (f->gaps.losses != losses)
                udp_meter_lost(&c->meter, now, c->rtt.srtt_ns);
        if (udp_meter_changed(&c->meter, now, c->rtt.srtt_ns) && f->gaps.losses != losses)
                f->report_due = now;
}

void udp_rooms_work(struct client *c, struct mono now)
{
        struct udp_feed *f;
        if (!udp_calls_naming(c) && !mono_before(now, c->rejoin_due))
                rejoin(c, now);
        udp_parts_expire(c);
        LIST_FOREACH(f, &c->feeds, link)
        {
                if (f->ref == 0)
                        continue;
                expire(c, now, f);
                udp_tell_ready(c, f);
                ask(c, now, f);
                if (!mono_before(now, f->report_due))
                        report(c, now, f);
        }
}

struct mono udp_rooms_deadline(const struct client *c)
{
        struct mono due = mono_min(udp_calls_naming(c) ? MONO_NEVER : c->rejoin_due, reassembly_deadline(&c->parts));
        const struct udp_feed *f;
        LIST_FOREACH(f, &c->feeds, link)
        if (f->ref != 0)
                due = mono_min(due, mono_min(f->report_due, gaps_deadline(&f->gaps)));
        return due;
}
