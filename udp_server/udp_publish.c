/* publish: one PUB, done once, however often it is sent; and its answer. */
#include "core/base/err.h"
#include "core/event/pack.h"
#include "udp_server/udp_session_inside.h"

static void answer(struct udp_session *s, const struct dgram_ack *ack)
{
        struct dgram_msg m = { .type = DGRAM_PUB_ACK, .pub_ack = { .n = 1, .ack = { *ack } } };
        udp_session_say(s, &m);
}

/* The server's own names, which nobody else may use. */
static bool reserved(const struct event *e)
{
        static const char *const names[] = { "hello", "joined", "left", "gap", "$ack" };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (event_is(e, names[i]))
                        return true;
        return false;
}

/* Joining and leaving over UDP are messages of their own: they make and end channels. */
static bool is_membership(const struct event *e)
{
        return event_is(e, "join") || event_is(e, "leave");
}

/* An answer of nothing but {eid, seq} fits into PUB_ACK. */
static bool is_place(const struct app_reply *reply, struct dgram_ack *ack)
{
        struct bytes map = buf_bytes(&reply->args);
        uint32_t pairs;
        struct bytes members;
        if (reply->args_n == 0)
                return true;
        if (reply->args_n != 1 || !pack_get_map(map, &pairs, &members) || pairs < 1 || pairs > 2)
                return false;
        if (!pack_get_u64(pack_map_text(map, "eid"), &ack->eid))
                return false;
        return pairs == 1 || pack_get_u64(pack_map_text(map, "seq"), &ack->seq);
}

/* Sends the answer as an event to the client's own room, where it is repaired and recovered. */
static void answer_by_event(struct udp_session *s, struct mono now, const struct app_reply *reply,
                            struct dgram_ack *ack)
{
        struct buf packed = { 0 };
        struct bytes own = member_id(s->member);
        struct published out;
        int err = event_begin(&packed, "$ack", reply->args_n + 1);
        err = err ? err : pack_put_u64(&packed, ack->pub_id);
        err = err ? err : buf_put(&packed, reply->args.at, reply->args.n);
        struct publish p = { .event = buf_bytes(&packed), .rooms = &own, .rooms_n = 1 };
        if (!err && packed.n > DGRAM_EVENT_MAX)
                err = ERR_TOO_BIG;
        err = err ? err : hub_publish(app_hub(s->app), now, &p, &out);
        ack->status = err == 0 ? DGRAM_CODE_OK : err == ERR_TOO_BIG ? DGRAM_CODE_TOO_BIG : DGRAM_CODE_FULL;
        ack->chan_ref = UDP_REF_OWN;
        ack->seq = err ? 0 : out.seq;
        ack->eid = err ? 0 : out.eid;
        buf_free(&packed);
}

static void call_app(struct udp_session *s, struct mono now, const struct event *e, struct dgram_ack *ack)
{
        struct app_reply reply = { 0 };
        app_event(s->app, udp_instance_socket(s->instance), now, e, &reply);
        if (!is_place(&reply, ack))
                answer_by_event(s, now, &reply, ack);
        buf_free(&reply.args);
}

static void publish_to(struct udp_session *s, struct mono now, const struct dgram_pub *pub, struct dgram_ack *ack)
{
        const struct udp_channel *c = udp_channel_find(s, pub->chan_ref);
        if (!c) {
                s->shared->stats->no_channel++;
                ack->status = DGRAM_CODE_NO_CHANNEL;
                return;
        }
        struct bytes name = room_name(c->room);
        struct published out;
        struct publish p = { .event = pub->event,
                             .rooms = &name,
                             .rooms_n = name.n > 0,
                             .from = s->member,
                             .own = pub->flags & DGRAM_PUB_OWN,
                             .dispensable = pub->flags & DGRAM_PUB_VOLATILE };
        if (hub_publish(app_hub(s->app), now, &p, &out) != 0) {
                ack->status = DGRAM_CODE_FULL;
                return;
        }
        ack->chan_ref = c->ref;
        ack->seq = out.seq;
        ack->eid = out.eid;
}

static void perform(struct udp_session *s, struct mono now, const struct dgram_pub *pub, bool paid,
                    struct dgram_ack *ack)
{
        struct event e;
        if (!paid && !udp_session_may(s, now, 1))
                ack->status = DGRAM_CODE_RATE;
        else if (event_parse(pub->event, DGRAM_EVENT_MAX, &e) != 0 || is_membership(&e))
                ack->status = DGRAM_CODE_MALFORMED;
        else if (pub->chan_ref == 0)
                call_app(s, now, &e, ack);
        else if (reserved(&e) || !app_takes(s->app, &e))
                ack->status = DGRAM_CODE_MALFORMED;
        else
                publish_to(s, now, pub, ack);
}

/* Not seen before, whole, and its turn. paid: it was counted as it came. */
static void publish(struct udp_session *s, struct mono now, const struct dgram_pub *pub, bool paid,
                    struct dgram_ack *ack)
{
        perform(s, now, pub, paid, ack);
        s->rated = ack->status == DGRAM_CODE_RATE;
        if (ack->status == DGRAM_CODE_OK)
                s->shared->stats->published++;
        else
                s->shared->stats->pub_refused++;
        if (ack->status == DGRAM_CODE_RATE)
                return;
        udp_pub_done(s->instance, pub);
        if (udp_pub_record(s->instance, ack) != 0) /* tried again, it may be done */
                s->shared->stats->no_memory++;
}

static bool is_last(const struct dgram_pub *pub)
{
        return pub->frag_idx + 1 == pub->frag_cnt;
}

/* Returns whether there is something to answer: that it is done, or, to the last fragment, what is missing. */
static bool publish_part(struct udp_session *s, struct mono now, const struct dgram_pub *pub, struct dgram_ack *ack)
{
        struct reassembly_event *e = udp_pub_parts_take(s, now, pub, &ack->seq);
        if (e) {
                struct dgram_pub whole = *pub;
                whole.event = reassembly_bytes(e);
                publish(s, now, &whole, e->back > 0, ack);
                udp_pub_parts_done(s, e);
                return true;
        }
        ack->status = DGRAM_CODE_PARTS;
        return is_last(pub) && ack->seq != 0;
}

/* Could it come to its turn, with no more before it than may be kept? While the one whose turn it is is over the rate,
 * what there is to spend is for that. */
static bool may_be_held(const struct udp_session *s, const struct dgram_pub *pub)
{
        struct dgram_ack known;
        return !s->rated && pub->back <= UDP_PARTS_EVENTS_MAX &&
               udp_pub_look(s->instance, pub->pub_id - pub->back, &known) == UDP_PUB_NEW;
}

/* Kept until it is its turn, if that may be: what it costs is counted now, once. Else the last fragment is not taken,
 * so that it cannot be whole. Returns as publish_part. */
static bool publish_early(struct udp_session *s, struct mono now, const struct dgram_pub *pub, uint64_t done,
                          struct dgram_ack *ack)
{
        struct reassembly_event *e = NULL;
        if (!is_last(pub) || may_be_held(s, pub))
                e = udp_pub_parts_take(s, now, pub, &ack->seq);
        if (!e && ack->seq != 0) {
                ack->status = DGRAM_CODE_PARTS;
                return is_last(pub);
        }
        bool first = e && e->back == 0;
        if (first && !udp_session_may(s, now, 1)) {
                udp_pub_parts_done(s, e);
                e = NULL;
        }
        if (e)
                udp_pub_parts_hold(s, e, pub->back);
        ack->status = e ? DGRAM_CODE_HELD : DGRAM_CODE_ORDER;
        ack->seq = done;
        s->shared->stats->pub_early += !e && is_last(pub);
        return first || is_last(pub);
}

/* Those that have waited for what was done just now. */
static void publish_held(struct udp_session *s, struct mono now)
{
        struct reassembly_event *e;
        while ((e = udp_pub_parts_ripe(s))) {
                struct dgram_pub pub = udp_pub_parts_whole(e);
                struct dgram_ack ack = { .pub_id = pub.pub_id };
                uint64_t done;
                if (udp_pub_turn(s->instance, &pub, &done) == UDP_PUB_NEW) {
                        publish(s, now, &pub, true, &ack);
                        answer(s, &ack);
                }
                udp_pub_parts_done(s, e);
        }
}

/* Not done before. */
static bool publish_new(struct udp_session *s, struct mono now, const struct dgram_pub *pub, struct dgram_ack *ack)
{
        uint64_t done = 0;
        enum udp_pub_verdict turn = udp_pub_turn(s->instance, pub, &done);
        if (turn == UDP_PUB_TOO_OLD) {
                s->shared->stats->pub_too_old += is_last(pub);
                ack->status = DGRAM_CODE_PUB_TOO_OLD;
                return is_last(pub);
        }
        if (turn == UDP_PUB_EARLY)
                return publish_early(s, now, pub, done, ack);
        if (pub->frag_cnt > 1 || udp_pub_parts_has(s, pub->pub_id))
                return publish_part(s, now, pub, ack);
        publish(s, now, pub, false, ack);
        return true;
}

static bool is_for_now(const struct dgram_ack *ack)
{
        return ack->status == DGRAM_CODE_RATE || ack->status == DGRAM_CODE_PARTS || ack->status == DGRAM_CODE_ORDER ||
               ack->status == DGRAM_CODE_HELD;
}

void udp_publish(struct udp_session *s, struct mono now, const struct dgram_pub *pub, uint32_t pktno)
{
        struct udp_stats *stats = s->shared->stats;
        struct dgram_ack ack = { .pub_id = pub->pub_id };
        bool answers = is_last(pub); /* once, however many fragments come again */
        enum udp_pub_verdict known = udp_pub_look(s->instance, pub->pub_id, &ack);
        switch (known) {
        case UDP_PUB_KNOWN:
                stats->duplicate_pubs += answers;
                if (ack.status == DGRAM_CODE_OK)
                        ack.status = DGRAM_CODE_DUPLICATE;
                break;
        case UDP_PUB_EARLY: /* not here */
        case UDP_PUB_TOO_OLD:
                stats->pub_too_old += answers;
                ack.status = DGRAM_CODE_PUB_TOO_OLD;
                break;
        case UDP_PUB_NEW:
                answers = publish_new(s, now, pub, &ack);
                break;
        }
        if (is_for_now(&ack))
                ack.eid = pktno;
        bool done = known == UDP_PUB_NEW && ack.status != DGRAM_CODE_PUB_TOO_OLD && !is_for_now(&ack);
        if (answers && (done || udp_limit_again(s, now)))
                answer(s, &ack);
        publish_held(s, now);
}
