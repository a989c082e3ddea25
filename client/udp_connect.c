/* connect: from nothing to a session (HELLO, CONNECT), and out of it: lost, or goodbye. */
#include "client/udp_client_inside.h"
#include "core/event/pack.h"

enum { HELLO_TRIES = 5, CONNECT_TRIES = 4, BYE_TRIES = 3 };

#define HELLO_NS      (1 * NS_PER_S)    /* first wait; twice doubled */
#define BYE_NS_MAX    (300 * NS_PER_MS) /* for the answer to each CLOSE; nobody likes to wait at the door */
#define REOPEN_NS_MIN (100 * NS_PER_MS)
#define REOPEN_NS_MAX (5 * NS_PER_S)
#define SLOW_NS_FINE  (300 * NS_PER_S) /* a session that stood for so long was no slow one's successor */

void udp_connect_hello(struct client *c, struct mono now)
{
        c->nonce = rng_os_u64();
        c->queue.ready.n = 0;
        udp_client_say(c, &(struct dgram_msg){ .type = DGRAM_HELLO, .hello = { c->nonce, DGRAM_VERSION } });
        c->state = UDP_COOKIE_WAIT;
        c->retry = mono_add(now, HELLO_NS << (c->tries < 2 ? c->tries : 2));
        c->tries++;
}

static int put_auth(const struct client *c, struct buf *auth)
{
        if (!c->config.token)
                return 0;
        int err = pack_put_map(auth, 1);
        err = err ? err : pack_put_word(auth, "token");
        return err ? err : pack_put_word(auth, c->config.token);
}

static void say_connect(struct client *c, struct mono now)
{
        struct buf auth = { 0 }, tail = { 0 };
        struct dgram_connect_tail t = { .space = bytes_text("/") };
        struct dgram_msg m = { .type = DGRAM_CONNECT, .connect = { .proof = c->cookie } };
        memcpy(m.connect.instance, c->instance, sizeof c->instance);
        c->queue.ready.n = 0;
        int err = put_auth(c, &auth);
        t.auth = buf_bytes(&auth);
        err = err ? err : dgram_connect_tail_put(&tail, &t);
        if (!err) {
                m.connect.tail = buf_bytes(&tail);
                udp_client_say(c, &m);
        }
        buf_free(&auth);
        buf_free(&tail);
        c->state = UDP_ACCEPT_WAIT;
        c->retry = mono_add(now, HELLO_NS << (c->tries < 2 ? c->tries : 2));
        c->tries++;
}

void udp_connect_lose(struct client *c, struct mono now, const char *reason, bool final)
{
        bool was_up = c->state == UDP_UP;
        final = final || !c->config.reconnect;
        c->queue.ready.n = 0;
        c->state = UDP_LOST;
        c->retry = c->ping_due = c->rejoin_due = MONO_NEVER;
        c->attempts = was_up ? 0 : c->attempts + 1;
        if (was_up)
                c->lost_at = now;
        int64_t wait = REOPEN_NS_MIN << (c->attempts < 6 ? c->attempts : 6);
        wait = wait < REOPEN_NS_MAX ? wait : REOPEN_NS_MAX;
        wait = wait / 2 + (int64_t)rng_below(&c->rng, (uint64_t)wait);
        c->reopen = final ? MONO_NEVER : mono_add(now, wait);
        udp_rooms_away(c, now);
        udp_hearing_begin(&c->hearing);
        if (final) {
                udp_rooms_finish(c);
                udp_calls_over(c);
        }
        udp_client_tell(c, &(struct client_event){ .kind = CLIENT_DOWN, .reason = reason, .final = final });
}

/* A tripped breaker stays so for a time (RFC 8084 4): who comes back at once would have the path sent a first window
 * again and again. The server remembers it as well; this one is for the path's sake. */
void udp_connect_slow(struct client *c, struct mono now)
{
        static const struct {
                int64_t ns;
                const char *words;
        } pause[] = {
                { 1 * NS_PER_S, "too much is lost on the way; staying away for 1 s" },
                { 2 * NS_PER_S, "too much is lost on the way; staying away for 2 s" },
                { 4 * NS_PER_S, "too much is lost on the way; staying away for 4 s" },
                { 8 * NS_PER_S, "too much is lost on the way; staying away for 8 s" },
                { 16 * NS_PER_S, "too much is lost on the way; staying away for 16 s" },
                { 30 * NS_PER_S, "too much is lost on the way; staying away for 30 s" },
        };
        unsigned last = sizeof pause / sizeof *pause - 1;
        c->slow_n = mono_since(now, c->up_at) < SLOW_NS_FINE ? c->slow_n : 0;
        unsigned n = c->slow_n < last ? c->slow_n : last;
        c->slow_n++;
        udp_connect_lose(c, now, pause[n].words, false);
        if (!mono_is_never(c->reopen)) /* all of a room lost it at once */
                c->reopen = mono_add(now, pause[n].ns + (int64_t)rng_below(&c->rng, (uint64_t)pause[n].ns / 2));
}

static void go_up(struct client *c, struct mono now, const struct dgram_msg *m)
{
        const struct dgram_accept *a = &m->accept;
        /* Known to the server, but under another id: it forgot us, then heard a CONNECT whose ACCEPT we did not. */
        bool same = bytes_equal(a->id, bytes_of(c->id, c->id_n));
        c->recovered = same && m->flags & DGRAM_RECOVERED && m->epoch == c->epoch;
        c->more.paced = m->flags & DGRAM_PACED;
        c->state = UDP_UP;
        c->epoch = m->epoch;
        c->origin = a->origin;
        c->idle_ns = (a->idle_s ? a->idle_s : 30) * NS_PER_S;
        c->id_n = a->id.n;
        memcpy(c->id, a->id.at, a->id.n);
        memcpy(c->reset_token, a->reset_token, sizeof c->reset_token);
        c->queue.ready.n = 0;
        c->queue.tag = a->session_tag;
        c->queue.epoch = m->epoch;
        c->queue.pktno = 0;
        c->seen = (struct seqwin){ 0 };
        memset(c->gone_ref, 0, sizeof c->gone_ref);
        seqwin_mark(&c->seen, m->pktno);
        c->stats.reconnects += c->attempts > 0 || c->ever_up;
        c->away_ns += c->ever_up ? mono_since(now, c->lost_at) : 0;
        c->ever_up = true;
        c->attempts = 0;
        c->heard = c->up_at = now;
        c->advised = false;
        c->meter = (struct udp_meter){ .kernel_drops = c->meter.kernel_drops };
        udp_pulse_up(c, now);
        c->retry = MONO_NEVER;
        udp_client_tell(c, &(struct client_event){
                                   .kind = CLIENT_UP, .id = bytes_of(c->id, c->id_n), .recovered = c->recovered });
        udp_calls_up(c, now);
        bool kept = m->flags & DGRAM_RECOVERED, named = !c->config.name || c->recovered;
        if (!udp_rooms_up(c, now, a, kept) || (!named && !udp_calls_name(c, now)))
                udp_connect_lose(c, now, "out of memory", true);
}

void udp_connect_take(struct client *c, struct mono now, const struct dgram_msg *m)
{
        if (m->type == DGRAM_COOKIE && c->state == UDP_COOKIE_WAIT && m->cookie.nonce == c->nonce) {
                if (m->flags & DGRAM_VERSION_UNKNOWN) {
                        udp_connect_lose(c, now, "the server speaks another version", true);
                        return;
                }
                c->cookie = m->cookie;
                c->tries = 0;
                say_connect(c, now);
        } else if (m->type == DGRAM_ACCEPT && c->state == UDP_ACCEPT_WAIT && m->accept.nonce == c->nonce) {
                go_up(c, now, m);
        } else if (m->type == DGRAM_ERROR && c->state == UDP_ACCEPT_WAIT && m->tag == c->nonce) {
                bool final = m->error.code == DGRAM_CODE_AUTH || m->error.code == DGRAM_CODE_NO_CHANNEL;
                bool crowded = m->error.code == DGRAM_CODE_LIMIT;
                udp_connect_lose(c, now,
                                 crowded ? "too many sessions from this address" : dgram_code_text(m->error.code),
                                 final);
        }
}

void udp_connect_expire(struct client *c, struct mono now)
{
        bool again = c->state == UDP_COOKIE_WAIT ? c->tries < HELLO_TRIES : c->tries < CONNECT_TRIES;
        if (mono_before(now, c->retry))
                return;
        if (again && c->state == UDP_COOKIE_WAIT) {
                udp_connect_hello(c, now);
        } else if (again) {
                say_connect(c, now);
        } else if (c->state == UDP_COOKIE_WAIT) {
                udp_connect_lose(c, now, "no answer", false);
        } else { /* the cookie may have grown too old */
                c->tries = 0;
                udp_connect_hello(c, now);
        }
}

void udp_connect_bye(struct client *c, struct mono now)
{
        int64_t wait = resend_request_ns(&c->rtt, 1);
        bool again = c->tries < BYE_TRIES;
        c->retry = again ? mono_add(now, wait < BYE_NS_MAX ? wait : BYE_NS_MAX) : MONO_NEVER;
        c->tries++;
        if (again)
                udp_client_say(c, &(struct dgram_msg){ .type = DGRAM_CLOSE });
}

/* A session that was begun for us, and that we do not want any more: only ACCEPT says what it is called. */
void udp_connect_late(struct client *c, struct mono now, const struct dgram_msg *m)
{
        if (m->accept.nonce != c->nonce || m->accept.session_tag == c->queue.tag)
                return;
        c->queue.tag = m->accept.session_tag;
        c->queue.epoch = m->epoch;
        c->queue.pktno = 0;
        c->tries = 0;
        udp_connect_bye(c, now);
}

void udp_connect_leave(struct client *c, struct mono now)
{
        enum udp_state from = c->state;
        c->queue.ready.n = 0;
        c->state = UDP_BYE;
        c->retry = MONO_NEVER;
        c->tries = 0;
        if (from == UDP_UP)
                udp_connect_bye(c, now);
        if (from != UDP_ACCEPT_WAIT)
                return;
        c->tries = BYE_TRIES;
        c->retry = mono_add(now, BYE_TRIES * BYE_NS_MAX);
}
