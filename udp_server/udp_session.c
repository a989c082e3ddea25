#include "udp_server/udp_session.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/event/pack.h"
#include "udp_server/udp_session_inside.h"

#define RESUME_NS (30 * NS_PER_S) /* for JOIN to come, after which rooms not asked for are left */
#define LINGER_NS (1 * NS_PER_S)  /* for CLOSE to be sent */

/* ---- saying ------------------------------------------------------------------------------- */

void udp_session_say(struct udp_session *s, struct dgram_msg *m)
{
        int err = dgram_queue_put(&s->queue, m);
        if (err == ERR_FULL)
                s->slow = true; /* closed when whoever speaks has finished */
        else if (err)
                s->shared->stats->no_memory++;
}

static void close_if_slow(struct udp_session *s, struct mono now)
{
        if (!s->slow || s->state != UDP_UP)
                return;
        s->shared->stats->private_full++;
        udp_session_close(s, now, DGRAM_CODE_RATE, false); /* SLOW is said of paths, and has its client wait */
}

static void close_if_spent(struct udp_session *s, struct mono now)
{
        if (s->state == UDP_UP && (s->queue.pktno >= UDP_NUMBERS || udp_session_newest(s) >= UDP_NUMBERS))
                udp_session_close(s, now, DGRAM_CODE_LIMIT, false); /* its client comes back */
}

void udp_session_error(struct udp_session *s, uint16_t code, uint8_t in_reply_to, uint32_t pktno)
{
        struct dgram_msg m = { .type = DGRAM_ERROR, .error = { code, in_reply_to, pktno } };
        udp_session_say(s, &m);
}

static struct dgram_channel tuple(const struct udp_channel *c)
{
        return (struct dgram_channel){ room_tag(c->room), room_tail_seq(c->room), room_head_seq(c->room), c->start };
}

static void accept(struct udp_session *s, struct mono now)
{
        uint16_t flags = (uint16_t)((s->recovered ? DGRAM_RECOVERED : 0) | (s->pace.on ? DGRAM_PACED : 0));
        struct dgram_msg m = { .type = DGRAM_ACCEPT, .flags = flags };
        struct dgram_accept *a = &m.accept;
        a->session_tag = s->tag;
        a->origin = member_origin(s->member);
        a->datagram_bytes_max = DGRAM_BYTES_MAX;
        a->beat_ms = UDP_BEAT_MS;
        a->idle_s = (uint16_t)(s->shared->consent_ns / NS_PER_S);
        a->repair_rate = (uint32_t)udp_rate_of_repairs(s);
        udp_reset_token(s->shared->reset_key, s->tag, a->reset_token);
        a->server_us = (uint64_t)(now.ns / NS_PER_US);
        a->own = tuple(udp_channel_find(s, UDP_REF_OWN));
        a->all = tuple(udp_channel_find(s, UDP_REF_ALL));
        a->nonce = s->nonce;
        a->id = member_id(s->member);
        udp_session_say(s, &m);
}

/* ---- life --------------------------------------------------------------------------------- */

static void hello(struct udp_session *s, struct mono now)
{
        struct buf packed = { 0 };
        struct bytes own = member_id(s->member);
        struct published out;
        int err = event_begin(&packed, "hello", 1);
        err = err ? err : pack_put_map(&packed, 1);
        err = err ? err : pack_put_word(&packed, "id");
        err = err ? err : pack_put_text(&packed, own);
        struct publish p = { .event = buf_bytes(&packed), .rooms = &own, .rooms_n = 1 };
        if (err || hub_publish(app_hub(s->app), now, &p, &out) != 0)
                s->shared->stats->no_memory++;
        buf_free(&packed);
}

/* Finds the instance or makes it, and is its session from now on. */
static bool bind_instance(struct udp_session *s, struct mono now, const uint8_t id[DGRAM_TOKEN], struct bytes auth)
{
        const struct udp_shared *shared = s->shared;
        s->instance = udp_instance_find(shared->instances, id);
        if (!s->instance) {
                struct app_socket *socket =
                        app_connect(s->app, now, auth, shared->encoding, &s->news, (struct app_line){ 0 });
                if (!socket)
                        return false;
                s->instance = udp_instance_add(shared->instances, id, socket, s);
                if (!s->instance)
                        app_leave(socket, now, "transport error");
                return s->instance != NULL;
        }
        s->recovered = true;
        struct udp_session *before = udp_instance_session(s->instance);
        struct app_socket *socket = udp_instance_socket(s->instance);
        if (before)
                udp_instance_keep_breaker(s->instance, pace_breaker(&before->pace));
        udp_instance_here(s->instance, s);
        pace_resume(&s->pace, now, udp_instance_breaker(s->instance));
        if (!before) {
                app_return(socket, now, shared->encoding, &s->news);
                return true;
        }
        app_take_over(socket, now, shared->encoding, &s->news);
        before->instance = NULL;
        shared->stats->taken_over++;
        udp_session_close(before, now, DGRAM_CODE_OK, false);
        before->news.news(before->news.owner);
        return true;
}

static bool open_channels(struct udp_session *s)
{
        struct bytes all = { NULL, 0 };
        struct udp_channel *own = udp_channel_open(s, member_room(s->member, member_id(s->member)));
        if (own)
                own->awaited = s->recovered;
        struct udp_channel *everyone = own ? udp_channel_open(s, member_room(s->member, all)) : NULL;
        if (everyone)
                everyone->awaited = s->recovered;
        return everyone != NULL;
}

struct udp_session *udp_session_create(const struct udp_shared *shared, struct mono now, uint64_t tag,
                                       const struct dgram_connect *connect, const struct dgram_connect_tail *tail,
                                       const struct hub_sink *news)
{
        struct udp_session *s = aligned_alloc(_Alignof(struct udp_session), sizeof *s);
        if (!s)
                return NULL;
        *s = (struct udp_session){ .shared = shared };
        s->app = app_find(shared->app, tail->space);
        s->news = *news;
        s->tag = tag;
        s->nonce = connect->proof.nonce;
        s->queue = (struct dgram_queue){ .tag = tag, .epoch = hub_epoch(app_hub(s->app)) };
        s->heard = now;
        s->pinged = mono_add(now, -NS_PER_S);
        s->next_ref = UDP_REF_OWN;
        s->resume_until = s->lossy = MONO_NEVER;
        resend_init(&s->rtt);
        pace_init(&s->pace, now, shared->pace);
        if (!s->app || !bind_instance(s, now, connect->instance, tail->auth)) {
                free(s);
                return NULL;
        }
        udp_limit_begin(s, now);
        s->member = app_socket_member(udp_instance_socket(s->instance));
        if (!open_channels(s)) {
                udp_session_destroy(s, now);
                return NULL;
        }
        if (s->recovered)
                s->resume_until = mono_add(now, RESUME_NS);
        shared->stats->accepted++;
        shared->stats->recovered += s->recovered;
        accept(s, now);
        udp_listen_offer(s, now);
        udp_rate_ping(s, now);
        if (app_handlers(s->app)->greets)
                hello(s, now);
        return s;
}

/* Lets the instance go, for a while or for good. */
static void unbind(struct udp_session *s, struct mono now, const char *reason, bool goodbye)
{
        struct udp_instance *i = s->instance;
        udp_listen_over(s);
        udp_pub_parts_free(s);
        for (uint32_t k = 0; k < s->channels_n; k++)
                udp_ahead_uncover(s, &s->channel[k]);
        s->instance = NULL;
        s->member = NULL;
        if (i)
                udp_instance_keep_breaker(i, pace_breaker(&s->pace));
        if (i && (goodbye || app_socket_dismissed(udp_instance_socket(i))))
                udp_instance_leave(i, now, reason);
        else if (i)
                udp_instance_away(i, now, reason);
}

void udp_session_destroy(struct udp_session *s, struct mono now)
{
        if (!s)
                return;
        unbind(s, now, "transport close", false);
        dgram_queue_free(&s->queue);
        free(s->repair);
        for (uint32_t i = 0; i < s->channels_n; i++)
                room_release(s->channel[i].room);
        free(s->channel);
        free(s->parting);
        free(s);
}

void udp_session_close(struct udp_session *s, struct mono now, uint16_t code, bool goodbye)
{
        if (s->state == UDP_CLOSING)
                return;
        s->state = UDP_CLOSING;
        s->closed_at = now;
        s->queue.ready.n = 0; /* nothing before CLOSE matters any more, and it must fit */
        unbind(s, now, goodbye ? "client namespace disconnect" : "transport close", goodbye);
        udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_CLOSE, .close = { code } });
}

bool udp_session_over(const struct udp_session *s, struct mono now)
{
        return s->state == UDP_CLOSING && (s->queue.ready.n == 0 || mono_since(now, s->closed_at) >= LINGER_NS);
}

void udp_session_accept_again(struct udp_session *s, struct mono now)
{
        if (s->state != UDP_UP ||
            s->queue.ready.n > DGRAM_QUEUE_BYTES_MAX / 4) /* copies of a CONNECT keep nothing out */
                return;
        accept(s, now);
        udp_listen_offer(s, now);
}

/* ---- receiving ---------------------------------------------------------------------------- */

static void take_ping(struct udp_session *s, struct mono now, const struct dgram_ping *m)
{
        uint64_t now_us = (uint64_t)(now.ns / NS_PER_US);
        udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_PONG, .pong = { m->t1, now_us, now_us } });
        udp_channels_beat(s, now, true);
        udp_rate_ping(s, now);
}

static void dispatch(struct udp_session *s, struct mono now, const struct dgram_msg *m)
{
        if (!udp_limit_ask(s, now, m->type))
                return;
        switch ((enum dgram_type)m->type) {
        case DGRAM_PING:
                take_ping(s, now, &m->ping);
                return;
        case DGRAM_PONG:
                udp_rate_pong(s, now, &m->pong);
                return;
        case DGRAM_CHALLENGE:
                udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_RESPONSE, .response = m->challenge });
                return;
        case DGRAM_RESPONSE:
                s->shared->stats->responses++; /* the gate has looked at it */
                return;
        case DGRAM_JOIN:
                udp_channels_join(s, now, m->join.tail, m->pktno);
                return;
        case DGRAM_LEAVE:
                udp_channels_leave(s, now, m->leave.chan_ref, m->pktno);
                return;
        case DGRAM_LISTEN:
                udp_listen_take(s, now, &m->listen);
                return;
        case DGRAM_PUB:
                udp_publish(s, now, &m->pub, m->pktno);
                return;
        case DGRAM_NACK:
                udp_again_nack(s, now, &m->nack);
                return;
        case DGRAM_REPORT:
                udp_rate_report(s, now, &m->report);
                return;
        case DGRAM_CLOSE:
                udp_session_close(s, now, DGRAM_CODE_OK, true);
                return;
        default:
                s->shared->stats->unexpected++;
                return;
        }
}

/* May what this asks for find no place among what is still to be said? Then it is as good as lost on the way, and comes
 * again: that this server is late, or its socket full, ends no session. */
static bool has_no_place(const struct udp_session *s, const struct dgram_msg *m)
{
        return udp_session_crowded(s) && m->type != DGRAM_CLOSE && m->type != DGRAM_REPORT;
}

static void take(struct udp_session *s, struct mono now, struct bytes message)
{
        struct dgram_msg m;
        int err = dgram_parse(message, &m);
        if (has_no_place(s, &m)) {
                s->shared->stats->no_place++;
                return;
        }
        if (dgram_is_broadcast(m.type)) {
                s->shared->stats->class_b++;
                return;
        }
        if (dgram_has_pktno(m.type)) {
                if (seqwin_mark(&s->seen, m.pktno) != SEQWIN_NEW) {
                        s->shared->stats->replayed++;
                        return;
                }
                s->heard = now;
        }
        if (err == ERR_UNSUPPORTED) {
                s->shared->stats->level_2++;
        } else if (err) {
                s->shared->stats->malformed++;
                udp_session_error(s, DGRAM_CODE_MALFORMED, m.type, m.pktno);
        } else {
                dispatch(s, now, &m);
        }
}

void udp_session_recv(struct udp_session *s, struct mono now, struct bytes datagram)
{
        struct bytes message;
        while (s->state == UDP_UP && dgram_next(&datagram, &message)) {
                udp_channels_sweep(s, now, false);
                take(s, now, message);
                close_if_slow(s, now);
        }
        close_if_spent(s, now);
}

/* ---- its address -------------------------------------------------------------------------- */

uint32_t udp_session_newest(const struct udp_session *s)
{
        return s->seen.seq_end > 0 ? (uint32_t)(s->seen.seq_end - 1) : 0;
}

const struct resend *udp_session_rtt(const struct udp_session *s)
{
        return &s->rtt;
}

void udp_session_address(struct udp_session *s, struct dgram_msg *m)
{
        dgram_queue_address(&s->queue, m);
}

void udp_session_challenge(struct udp_session *s, uint64_t random)
{
        udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_CHALLENGE, .challenge = { random } });
}

/* Behind another port of the same address is most likely the same path (RFC 9000 9.4). What was sent since
 * the client left is lost: the BEATs say so. */
void udp_session_moved(struct udp_session *s, struct mono now, bool far)
{
        if (s->state != UDP_UP)
                return;
        if (far) {
                resend_init(&s->rtt);
                pace_move(&s->pace, now, &s->rtt);
        }
        udp_channels_sweep(s, now, false);
        udp_channels_beat(s, now, true);
        udp_parting_again(s, now);
        udp_rate_ping(s, now);
}

/* ---- time --------------------------------------------------------------------------------- */

struct mono udp_session_deadline(const struct udp_session *s)
{
        if (s->state == UDP_CLOSING)
                return mono_add(s->closed_at, LINGER_NS);
        struct mono due = mono_add(s->heard, s->shared->idle_ns);
        due = mono_min(due, s->resume_until);
        due = mono_min(due, udp_channels_deadline(s));
        due = mono_min(due, udp_parting_deadline(s));
        due = mono_min(due, udp_rate_deadline(s));
        due = mono_min(due, udp_pub_parts_deadline(s));
        due = mono_min(due, udp_ahead_deadline(s));
        return s->repair && s->repair->tokens <= 0 ? mono_min(due, udp_repair_deadline(s->repair)) : due;
}

void udp_session_expire(struct udp_session *s, struct mono now)
{
        if (s->state == UDP_CLOSING)
                return;
        s->looked = now; /* it will be, before anything is sent */
        if (mono_since(now, s->heard) >= s->shared->idle_ns) {
                s->shared->stats->idle++;
                udp_session_close(s, now, DGRAM_CODE_OK, false);
                return;
        }
        udp_channels_sweep(s, now, false);
        if (!mono_before(now, s->resume_until))
                udp_channels_settle(s, now);
        if (s->repair)
                udp_repair_may(s->repair, now);
        udp_pub_parts_expire(s, now);
        udp_channels_beat(s, now, false);
        udp_parting_expire(s, now);
        udp_rate_expire(s, now);
        close_if_slow(s, now);
}
