#include "udp_server/udp_gate.h"

#include <stdlib.h>

#include "core/wire/dgram_tail.h"
#include "udp_server/udp_gate_inside.h"
#include "udp_server/udp_repair.h"
#include "udp_server/udp_shield.h"

enum {
        SESSIONS_MAX = 20000,
        PER_IP_MAX = 64,
        HELLOS_PER_S = 1000,
};

/* ---- peers -------------------------------------------------------------------------------- */

void udp_peer_mark(void *owner)
{
        struct udp_peer *p = owner;
        if (p->is_pending)
                return;
        p->is_pending = true;
        p->gate->pending_n++;
        TAILQ_INSERT_TAIL(&p->gate->pending, p, pending);
}

static void unmark(struct udp_peer *p)
{
        if (!p->is_pending)
                return;
        p->is_pending = false;
        p->gate->pending_n--;
        TAILQ_REMOVE(&p->gate->pending, p, pending);
}

static void set_due(struct udp_peer *p)
{
        udp_due_set(&p->gate->dues, &p->due, udp_session_deadline(p->session));
}

void udp_peer_note_addr(struct udp_peer *p)
{
        HASH_ADD_KEYPTR(by_addr, p->gate->by_addr, &p->path.addr, sizeof p->path.addr, p);
}

void udp_peer_forget_addr(struct udp_peer *p)
{
        if (p->by_addr.tbl)
                HASH_DELETE(by_addr, p->gate->by_addr, p);
        memset(&p->by_addr, 0, sizeof p->by_addr);
}

static void peer_free(struct udp_peer *p, struct mono now)
{
        struct udp_gate *g = p->gate;
        unmark(p);
        udp_due_set(&g->dues, &p->due, MONO_NEVER);
        if (p->by_tag.tbl)
                HASH_DELETE(by_tag, g->by_tag, p);
        udp_peer_forget_addr(p);
        admission_end(g->admission, p->source);
        udp_session_destroy(p->session, now);
        free(p);
}

static struct udp_peer *find_tag(const struct udp_gate *g, uint64_t tag)
{
        struct udp_peer *p;
        HASH_FIND(by_tag, g->by_tag, &tag, sizeof tag, p);
        return p;
}

struct udp_peer *udp_peer_at(const struct udp_gate *g, const struct udp_addr *addr)
{
        struct udp_peer *p;
        HASH_FIND(by_addr, g->by_addr, addr, sizeof *addr, p);
        return p;
}

/* Takes what admission granted. */
static struct udp_peer *peer_create(struct udp_gate *g, struct mono now, const struct udp_addr *from,
                                    const struct dgram_connect *connect, const struct dgram_connect_tail *tail,
                                    struct admission_source *source)
{
        struct udp_peer *p = calloc(1, sizeof *p);
        if (!p) {
                admission_end(g->admission, source);
                return NULL;
        }
        p->gate = g;
        p->due.owner = p;
        udp_path_init(&p->path, from);
        p->nonce = connect->proof.nonce;
        do
                p->tag = rng_os_u64();
        while (find_tag(g, p->tag));
        p->source = source;
        HASH_ADD(by_tag, g->by_tag, tag, sizeof p->tag, p);
        udp_peer_note_addr(p);
        struct hub_sink news = { udp_peer_mark, p };
        if (p->by_tag.tbl && p->by_addr.tbl && udp_dues_reserve(&g->dues, udp_gate_sessions(g)) == 0)
                p->session = udp_session_create(&g->shared, now, p->tag, connect, tail, &news);
        if (!p->session) {
                g->stats.no_memory++;
                peer_free(p, now);
                return NULL;
        }
        udp_peer_mark(p);
        set_due(p);
        return p;
}

/* ---- CONNECT ------------------------------------------------------------------------------ */

/* An ERROR for someone whose address is valid but who has no session: it bears his nonce as tag. */
static size_t refuse(const struct dgram_connect *connect, uint16_t code, uint8_t answer[DGRAM_COOKIE_BYTES])
{
        struct dgram_msg m = { .type = DGRAM_ERROR,
                               .tag = connect->proof.nonce,
                               .error = { .code = code, .in_reply_to = DGRAM_CONNECT } };
        return udp_stranger_put(&m, answer);
}

/* Is there a place for one session more? One that takes over its instance's, or its address, needs none.
 * Returns OK and what to give back, or why not. */
static uint16_t find_place(const struct udp_gate *g, const struct udp_addr *from, const struct dgram_connect *connect,
                           bool replaces, struct admission_source **source)
{
        const struct udp_instance *known = udp_instance_find(g->shared.instances, connect->instance);
        replaces = replaces || (known && udp_instance_session(known));
        switch (admission_ask(g->admission, from->ip, replaces, source)) {
        case ADMISSION_GRANTED:
                return DGRAM_CODE_OK;
        case ADMISSION_FULL:
                return DGRAM_CODE_FULL;
        case ADMISSION_ADDRESS:
                return DGRAM_CODE_LIMIT;
        }
        return DGRAM_CODE_FULL;
}

static bool allow(struct udp_gate *g, struct mono now, const struct udp_addr *from, struct app_refusal *refusal)
{
        struct app_visitor visitor = { 0 };
        memcpy(visitor.ip, from->ip, sizeof visitor.ip);
        return app_allow(g->shared.app, now, &visitor, refusal);
}

/* Whoever is known was let in before, though not from everywhere. */
static bool admit(struct udp_gate *g, struct mono now, const struct udp_addr *from, const struct dgram_connect *connect,
                  const struct dgram_connect_tail *tail)
{
        struct app_refusal refusal = { 0 };
        bool may = allow(g, now, from, &refusal) &&
                   (udp_instance_find(g->shared.instances, connect->instance) ||
                    app_admit(app_find(g->shared.app, tail->space), now, tail->auth, &refusal));
        buf_free(&refusal.data);
        g->stats.not_admitted += !may;
        return may;
}

static size_t answer_connect(struct udp_gate *g, struct mono now, const struct udp_addr *from,
                             const struct dgram_connect *connect, uint8_t answer[DGRAM_COOKIE_BYTES])
{
        struct dgram_connect_tail tail;
        if (!udp_cookie_check(&g->strangers.cookies, now, from, &connect->proof)) {
                g->stats.bad_cookie++;
                return 0;
        }
        if (dgram_connect_tail_parse(connect->tail, &tail) != 0) {
                g->stats.malformed++;
                return refuse(connect, DGRAM_CODE_MALFORMED, answer);
        }
        struct udp_peer *p = udp_peer_at(g, from);
        if (p && p->nonce == connect->proof.nonce) {
                udp_session_accept_again(p->session, now);
                udp_peer_mark(p);
                return 0;
        }
        if (!udp_instance_fits(g->shared.instances, connect->instance, app_find(g->shared.app, tail.space)))
                return refuse(connect, DGRAM_CODE_NO_CHANNEL, answer);
        if (!admit(g, now, from, connect, &tail))
                return refuse(connect, DGRAM_CODE_AUTH, answer);
        struct admission_source *source;
        uint16_t why = find_place(g, from, connect, p != NULL, &source);
        if (why) {
                g->stats.full++;
                return refuse(connect, why, answer);
        }
        if (admission_counts(g->admission, from->ip) && !udp_stranger_begins(&g->strangers, now, from)) {
                admission_end(g->admission, source);
                g->stats.begun_often++; /* it comes again */
                return 0;
        }
        if (p) /* someone new at this address, perhaps of the same instance, which then takes over */
                udp_peer_forget_addr(p);
        struct udp_peer *made = peer_create(g, now, from, connect, &tail, source);
        if (p)
                peer_free(p, now);
        return made ? 0 : refuse(connect, DGRAM_CODE_FULL, answer);
}

/* ---- receiving ---------------------------------------------------------------------------- */

static void count_verdict(struct udp_gate *g, enum dgram_verdict verdict)
{
        switch (verdict) {
        case DGRAM_NO_MAGIC:
                g->stats.no_magic++;
                break;
        case DGRAM_BAD_VERSION:
                g->stats.bad_version++;
                break;
        case DGRAM_BAD_LENGTH:
                g->stats.bad_length++;
                break;
        default:
                g->stats.bad_padding++;
                break;
        }
}

/* The session tag that every class S message of the datagram bears, and the highest pktno; false: they
 * differ, or there is none. */
static bool common_tag(struct bytes datagram, uint64_t *tag, uint32_t *newest)
{
        struct bytes message;
        bool found = false;
        while (dgram_next(&datagram, &message)) {
                uint64_t t;
                uint32_t epoch, pktno;
                if (!dgram_session_head(message, &t, &epoch, &pktno))
                        continue;
                if (found && t != *tag)
                        return false;
                *tag = t;
                *newest = found && *newest > pktno ? *newest : pktno;
                found = true;
        }
        return found;
}

void udp_peer_take(struct udp_peer *p, struct mono now, struct bytes datagram)
{
        udp_session_recv(p->session, now, datagram);
        udp_peer_mark(p);
        set_due(p);
}

static size_t recv_session(struct udp_gate *g, struct mono now, const struct udp_addr *from, struct bytes datagram,
                           uint8_t answer[DGRAM_COOKIE_BYTES])
{
        uint64_t tag = 0;
        uint32_t newest = 0;
        if (!common_tag(datagram, &tag, &newest)) {
                if (dgram_is_broadcast(datagram.at[3]))
                        g->stats.class_b++;
                else
                        g->stats.malformed++;
                return 0;
        }
        struct udp_peer *p = find_tag(g, tag);
        if (!p)
                return udp_stranger_reset(&g->strangers, now, from, tag, datagram.n, answer);
        if (!udp_addr_equal(&p->path.addr, from))
                return udp_move_recv(p, now, from, datagram, newest, answer);
        g->stats.stayed += udp_path_home(&p->path, datagram, newest);
        udp_peer_take(p, now, datagram);
        return 0;
}

size_t udp_gate_recv(struct udp_gate *g, struct mono now, const struct udp_addr *from, struct bytes datagram,
                     uint8_t answer[DGRAM_COOKIE_BYTES])
{
        g->stats.datagrams_in++;
        g->stats.bytes_in += datagram.n;
        enum dgram_verdict verdict = dgram_check(datagram);
        uint64_t nonce;
        if (verdict != DGRAM_GOOD) {
                count_verdict(g, verdict);
                if (verdict == DGRAM_BAD_VERSION && dgram_hello_other_version(datagram, &nonce))
                        return udp_stranger_hello(&g->strangers, now, from, nonce, DGRAM_VERSION_UNKNOWN, answer);
                return 0;
        }
        /* HELLO and CONNECT come alone; as anything but the first message they are not ours. */
        struct bytes rest = datagram, message;
        struct dgram_msg m;
        dgram_next(&rest, &message);
        if (message.at[3] != DGRAM_HELLO && message.at[3] != DGRAM_CONNECT)
                return recv_session(g, now, from, datagram, answer);
        if (dgram_parse(message, &m) != 0) {
                g->stats.malformed++;
                return 0;
        }
        if (m.type == DGRAM_HELLO && datagram.n < DGRAM_HELLO_BYTES) {
                g->stats.short_hello++;
                return 0;
        }
        if (m.type == DGRAM_HELLO)
                return udp_stranger_hello(&g->strangers, now, from, m.hello.nonce, 0, answer);
        if (datagram.n < DGRAM_CONNECT_BYTES_MIN) {
                g->stats.short_connect++;
                return 0;
        }
        return answer_connect(g, now, from, &m.connect, answer);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* The hub tells a room's members of its news in the same order each time, and who sends first finds the place
 * that is left in a queue on the way; so each flush begins elsewhere. Multiples of the golden ratio come to all
 * places alike, and are in step with nobody's pace. */
static void turn_round(struct udp_gate *g)
{
        uint32_t share = (uint32_t)(++g->flushes * UINT64_C(0x9E3779B97F4A7C15) >> 32); /* of 2^32 */
        for (uint64_t first = (uint64_t)share * g->pending_n >> 32; first > 0; first--) {
                struct udp_peer *p = TAILQ_FIRST(&g->pending);
                TAILQ_REMOVE(&g->pending, p, pending);
                TAILQ_INSERT_TAIL(&g->pending, p, pending);
        }
}

struct udp_peer *udp_gate_pending(struct udp_gate *g)
{
        if (!g->flushing)
                turn_round(g);
        g->flushing = g->pending_n > 0;
        return TAILQ_FIRST(&g->pending);
}

const struct udp_addr *udp_peer_addr(const struct udp_peer *p)
{
        return &p->path.addr;
}

/* Until there is news for it. */
static void rest(struct udp_peer *p)
{
        unmark(p);
        set_due(p);
}

/* What the next two will need, while this one is sent to: a session is found by its peer, and the rest by the
 * session, so each comes one step after the other. */
static void fetch_ahead(const struct udp_peer *p)
{
        const struct udp_peer *next = p->is_pending ? TAILQ_NEXT(p, pending) : NULL;
        const struct udp_peer *second = next ? TAILQ_NEXT(next, pending) : NULL;
        if (next)
                udp_session_fetch_rest(next->session);
        if (second)
                udp_session_fetch(second->session);
}

int udp_peer_slices(struct udp_peer *p, struct mono now, struct udp_batch *b)
{
        fetch_ahead(p);
        int n = udp_session_slices(p->session, now, b);
        if (n > 0)
                return n;
        if (udp_session_over(p->session, now)) {
                peer_free(p, now);
                return 0;
        }
        rest(p);
        return 0;
}

void udp_peer_sent(struct udp_peer *p, struct mono now, struct udp_batch *b, int taken)
{
        if (udp_session_sent(p->session, now, b, taken))
                rest(p);
}

void udp_gate_close(struct udp_gate *g, struct mono now, uint16_t code)
{
        struct udp_peer *p, *next;
        HASH_ITER(by_tag, g->by_tag, p, next)
        {
                udp_session_close(p->session, now, code, true);
                udp_peer_mark(p);
                set_due(p);
        }
}

/* ---- time --------------------------------------------------------------------------------- */

struct mono udp_gate_deadline(const struct udp_gate *g)
{
        struct mono due = mono_min(udp_dues_next_at(&g->dues), udp_instances_deadline(g->shared.instances));
        return g->shared.group ? mono_min(due, udp_group_deadline(g->shared.group)) : due;
}

void udp_gate_expire(struct udp_gate *g, struct mono now)
{
        struct udp_due *due;
        while ((due = udp_dues_due(&g->dues, now))) {
                struct udp_peer *p = due->owner;
                udp_session_expire(p->session, now);
                if (udp_session_over(p->session, now)) {
                        peer_free(p, now);
                        continue;
                }
                udp_peer_mark(p);
                set_due(p);
        }
        udp_instances_expire(g->shared.instances, now);
        if (g->shared.group)
                udp_group_expire(g->shared.group, now);
}

/* ---- the gate itself ---------------------------------------------------------------------- */

static uint32_t or_default(uint32_t v, uint32_t otherwise)
{
        return v ? v : otherwise;
}

struct udp_gate *udp_gate_create(const struct udp_gate_config *config, struct mono now)
{
        struct udp_gate *g = calloc(1, sizeof *g);
        if (!g)
                return NULL;
        g->config = *config;
        g->config.sessions_max = or_default(config->sessions_max, SESSIONS_MAX);
        g->config.per_ip_max = or_default(config->per_ip_max, PER_IP_MAX);
        g->shared = (struct udp_shared){ .app = config->app,
                                         .encoding = config->encoding,
                                         .stats = &g->stats,
                                         .shields = &g->shields,
                                         .repair_rate = or_default(config->repair_rate, UDP_REPAIR_RATE),
                                         .pace = config->pace,
                                         .idle_ns = 60 * NS_PER_S,
                                         .consent_ns = 30 * NS_PER_S };
        g->shared.instances = udp_instances_create(UDP_AWAY_MAX, UDP_AWAY_NS);
        g->admission = admission_create(&(struct admission_config){ .all_max = g->config.sessions_max,
                                                                    .per_address_max = g->config.per_ip_max,
                                                                    .loopback = g->config.per_ip_loopback });
        if (config->group.rate > 0)
                g->shared.group = udp_group_create(&config->group, &g->stats, now);
        if (!g->shared.instances || !g->admission || (config->group.rate > 0 && !g->shared.group)) {
                udp_group_destroy(g->shared.group);
                udp_instances_destroy(g->shared.instances);
                admission_destroy(g->admission);
                free(g);
                return NULL;
        }
        if (config->reset_key)
                memcpy(g->shared.reset_key, config->reset_key, UDP_KEY_BYTES);
        else
                rng_os(g->shared.reset_key, UDP_KEY_BYTES);
        udp_strangers_init(&g->strangers, now, &g->stats, g->shared.reset_key,
                           or_default(config->hellos_per_s, HELLOS_PER_S), g->config.per_ip_max);
        TAILQ_INIT(&g->pending);
        return g;
}

void udp_gate_destroy(struct udp_gate *g, struct mono now)
{
        if (!g)
                return;
        struct udp_peer *p, *next;
        HASH_ITER(by_tag, g->by_tag, p, next)
        peer_free(p, now);
        udp_instances_destroy(g->shared.instances);
        udp_group_destroy(g->shared.group);
        udp_dues_free(&g->dues);
        admission_destroy(g->admission);
        free(g);
}

struct udp_group *udp_gate_group(struct udp_gate *g)
{
        return g->shared.group;
}

uint32_t udp_gate_sessions(const struct udp_gate *g)
{
        return HASH_CNT(by_tag, g->by_tag);
}

const struct udp_stats *udp_gate_stats(const struct udp_gate *g)
{
        return &g->stats;
}
