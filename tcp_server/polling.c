#include "tcp_server/polling.h"

#include "core/base/err.h"
#include "core/wire/eio_payload.h"
#include "core/wire/utf8.h"

enum {
        BODY_BYTES = 256 << 10, /* of one answer, from which on the rest waits for the next GET */
        TAKEN_BYTES = 64 << 10, /* of a POST in one turn */
        SLICES = 8,
};

/* A GET that comes just behind the `5` on another connection must not be served any more: it waits so
 * long before the probe's `6` answers it. */
static const int64_t NOOP_NS = 10 * NS_PER_MS;
static const int64_t PROBE_NS = 10 * NS_PER_S; /* the reference's upgradeTimeout */

/* ---- the table -------------------------------------------------------------------------------- */

static int digit(uint8_t c)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        const char *at = memchr(digits, c, sizeof digits - 1);
        return at ? (int)(at - digits) : 0;
}

static size_t bucket_of(const uint8_t *sid)
{
        return (size_t)(digit(sid[0]) * 64 + digit(sid[1]));
}

struct polling *polling_find(const struct polling_table *t, struct bytes sid)
{
        struct polling *p;
        if (sid.n != EIO_SID_CHARS)
                return NULL;
        LIST_FOREACH(p, &t->bucket[bucket_of(sid.at)], link)
        {
                if (memcmp(p->sid, sid.at, sid.n) == 0)
                        return p;
        }
        return NULL;
}

/* ---- life ------------------------------------------------------------------------------------- */

static void no_newcomer(struct polling *p)
{
        if (!p->newcomer)
                return;
        TAILQ_REMOVE(&p->table->newcomers, p, newcomer_link);
        p->table->newcomers_n--;
        p->newcomer = false;
}

static void welcome(struct polling *p, struct mono now)
{
        struct polling_table *t = p->table;
        if (t->newcomers_n == 0)
                TAILQ_INIT(&t->newcomers);
        TAILQ_INSERT_TAIL(&t->newcomers, p, newcomer_link);
        p->newcomer = true;
        if (++t->newcomers_n <= POLLING_NEWCOMERS_MAX)
                return;
        struct polling *oldest = TAILQ_FIRST(&t->newcomers);
        no_newcomer(oldest);
        if (!tcp_session_joined(oldest->session))
                tcp_session_lost(oldest->session, now, TCP_END_IDLE);
}

int polling_init(struct polling *p, struct polling_table *t, struct tcp_service *v, struct mono now,
                 const struct hub_sink *sink)
{
        *p = (struct polling){ .table = t, .noop_at = MONO_NEVER, .probe_by = MONO_NEVER };
        if (t->sessions >= POLLING_SESSIONS_MAX)
                return ERR_FULL;
        eio_sid(p->sid);
        p->session = tcp_session_create_polled(v, now, sink, p->sid);
        if (!p->session)
                return ERR_NO_MEMORY;
        LIST_INSERT_HEAD(&t->bucket[bucket_of((const uint8_t *)p->sid)], p, link);
        t->sessions++;
        welcome(p, now);
        return 0;
}

void polling_free(struct polling *p, struct mono now)
{
        LIST_REMOVE(p, link);
        p->table->sessions--;
        no_newcomer(p);
        tcp_session_destroy(p->session, now);
        buf_free(&p->packets);
}

static bool ended(const struct polling *p)
{
        return tcp_session_end(p->session) != TCP_END_NONE;
}

/* The server's own wish is told to the next GET; a client that broke the rules or the connection, or
 * fell silent, finds its session gone. */
static bool waits_to_tell(const struct polling *p)
{
        switch (tcp_session_end(p->session)) {
        case TCP_END_IDLE:
        case TCP_END_TAKEN:
        case TCP_END_SLOW:
        case TCP_END_OVERRUN:
        case TCP_END_MEMORY:
                return !tcp_session_done(p->session);
        default:
                return false;
        }
}

bool polling_done(const struct polling *p)
{
        bool answered = !p->get && !p->post && !p->websocket;
        return p->stage != POLLING_UPGRADED && ended(p) && answered && !waits_to_tell(p);
}

/* ---- requests --------------------------------------------------------------------------------- */

bool polling_get(struct polling *p, struct mono now, void *request)
{
        polling_expire(p, now);
        if (p->stage == POLLING_UPGRADED || (ended(p) && !waits_to_tell(p)))
                return false;
        if (p->get) {
                tcp_session_lost(p->session, now, TCP_END_LOST);
                return false;
        }
        p->get = request;
        if (p->packets_left) /* its next POST, a pong perhaps, has to wait for us */
                tcp_session_heard(p->session, now);
        if (p->stage == POLLING_PROBED)
                p->noop_at = mono_add(now, NOOP_NS);
        return true;
}

bool polling_post(struct polling *p, struct mono now, void *request)
{
        polling_expire(p, now);
        if (p->stage == POLLING_UPGRADED || ended(p))
                return false;
        if (p->post) {
                tcp_session_lost(p->session, now, TCP_END_LOST);
                return false;
        }
        p->post = request;
        return true;
}

static void post_over(struct polling *p)
{
        p->post = NULL;
        p->whole = p->packets_left = false;
        p->packets_at = 0;
        buf_free(&p->packets);
}

void polling_post_refused(struct polling *p)
{
        post_over(p);
}

void polling_packets(struct polling *p, struct mono now, struct bytes packets)
{
        if (!utf8_valid(packets))
                tcp_session_close(p->session, now, TCP_END_PARSE);
        else if (buf_put(&p->packets, packets.n > 0 ? packets.at : (const uint8_t *)"", packets.n) != 0)
                tcp_session_close(p->session, now, TCP_END_MEMORY);
        p->whole = true;
        p->packets_left = !ended(p);
}

void polling_gone(struct polling *p, struct mono now, void *request)
{
        if (request == p->websocket) {
                p->websocket = NULL;
                p->stage = POLLING_ALONE;
                p->noop_at = p->probe_by = MONO_NEVER;
                return;
        }
        tcp_session_lost(p->session, now, TCP_END_LOST);
        if (request == p->post)
                post_over(p);
        else
                p->get = NULL;
}

/* ---- the probe -------------------------------------------------------------------------------- */

bool polling_probe(struct polling *p, struct mono now, void *websocket)
{
        if (p->stage != POLLING_ALONE || ended(p))
                return false;
        p->stage = POLLING_ASKED;
        p->websocket = websocket;
        p->probe_by = mono_add(now, PROBE_NS);
        return true;
}

void polling_probed(struct polling *p, struct mono now)
{
        p->stage = POLLING_PROBED;
        p->noop_at = mono_add(now, NOOP_NS);
}

void polling_upgrade(struct polling *p)
{
        p->stage = POLLING_UPGRADED;
        p->websocket = NULL;
        p->noop_at = p->probe_by = MONO_NEVER;
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void take_packets(struct polling *p, struct mono now)
{
        struct bytes rest = bytes_of(p->packets.at + p->packets_at, p->packets.n - p->packets_at), packet;
        size_t enough = rest.n > TAKEN_BYTES ? rest.n - TAKEN_BYTES : 0;
        while (!ended(p) && rest.n >= enough && tcp_session_takes(p->session, now) && eio_payload_next(&rest, &packet))
                tcp_session_packet(p->session, now, packet);
        p->packets_left = rest.at && !ended(p);
        p->packets_at = p->packets.n - rest.n;
}

/* Moves what the session has to send into the body, whole entries as frames. */
static void fill(struct polling *p, struct mono now, struct buf *body)
{
        struct iovec v[SLICES];
        int n, err = 0;
        while (body->n < BODY_BYTES && (n = tcp_session_slices(p->session, now, v, SLICES)) > 0) {
                size_t bytes = 0;
                for (int i = 0; i < n; i++) {
                        bytes += v[i].iov_len;
                        err = err ? err : eio_payload_put(body, bytes_of(v[i].iov_base, v[i].iov_len));
                }
                tcp_session_sent(p->session, bytes);
                if (err) {
                        tcp_session_lost(p->session, now, TCP_END_MEMORY);
                        return;
                }
        }
}

/* Nobody polls: as far as the session can tell, the transport takes nothing. */
static void refuse_all(struct polling *p, struct mono now)
{
        struct iovec v[SLICES];
        if (tcp_session_slices(p->session, now, v, SLICES) > 0)
                tcp_session_sent(p->session, 0);
}

/* What the waiting GET is told, if anything. One that waits when the pong is overdue came too late to
 * save the session, by a hair perhaps: it is refused as one a moment later would be. */
static void fill_get(struct polling *p, struct mono now, struct buf *body)
{
        fill(p, now, body);
        if (tcp_session_end(p->session) == TCP_END_PEER) {
                tcp_session_lost(p->session, now, TCP_END_PEER); /* it said goodbye itself */
                body->n = 0;
                (void)buf_text(body, "6");
        } else if (body->n == 0 && ended(p)) {
                (void)buf_text(body, "1");
        } else if (body->n == 0 && !mono_before(now, p->noop_at)) {
                (void)buf_text(body, "6");
        }
}

static void answer(struct polling_answer *a, enum polling_answer_kind kind, void **request)
{
        *a = (struct polling_answer){ kind, *request };
        *request = NULL;
}

static bool next_post(struct polling *p, struct mono now, struct polling_answer *a)
{
        if (p->packets_left)
                take_packets(p, now);
        bool over = ended(p) || p->stage == POLLING_UPGRADED;
        if (!p->post || (!over && (!p->whole || p->packets_left)))
                return false;
        bool bad = over && tcp_session_end(p->session) != TCP_END_PEER;
        answer(a, bad ? POLLING_REFUSED : POLLING_OK, &p->post);
        post_over(p);
        return true;
}

static bool next_get(struct polling *p, struct mono now, struct polling_answer *a, struct buf *packets)
{
        if (!p->get && p->stage != POLLING_UPGRADED && !ended(p))
                refuse_all(p, now);
        if (!p->get)
                return false;
        packets->n = 0;
        bool refused = p->stage == POLLING_UPGRADED || tcp_session_end(p->session) == TCP_END_SILENT;
        if (!refused)
                fill_get(p, now, packets);
        if (packets->n == 0 && !refused)
                return false;
        answer(a, packets->n > 0 ? POLLING_PACKETS : POLLING_REFUSED, &p->get);
        return true;
}

bool polling_next(struct polling *p, struct mono now, struct polling_answer *a, struct buf *packets)
{
        if (next_post(p, now, a) || next_get(p, now, a, packets))
                return true;
        if (!p->websocket || (!ended(p) && mono_before(now, p->probe_by)))
                return false;
        *a = (struct polling_answer){ POLLING_DROP, p->websocket };
        polling_gone(p, now, p->websocket);
        return true;
}

/* ---- time ------------------------------------------------------------------------------------- */

struct mono polling_deadline(const struct polling *p)
{
        if (p->stage == POLLING_UPGRADED)
                return MONO_NEVER;
        struct mono soonest = mono_min(tcp_session_deadline(p->session), p->probe_by);
        return p->get ? mono_min(soonest, p->noop_at) : soonest;
}

void polling_expire(struct polling *p, struct mono now)
{
        if (p->stage != POLLING_UPGRADED)
                tcp_session_expire(p->session, now);
}
