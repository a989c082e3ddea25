/* tcp_polled: one session that polling carries, at the edge: its alarm, its place in the turn, and the
 * way of its answers to the connections that wait for them. EDGE.
 */
#include <stdlib.h>

#include "tcp_server/tcp_server_inside.h"

enum { PACKETS_KEPT = 512 << 10 }; /* an answer is 256 KiB and one entry */

static struct polled *around(struct polling *p)
{
        return (struct polled *)((uint8_t *)p - offsetof(struct polled, polling));
}

static void on_news(void *owner)
{
        struct polled *p = owner;
        if (p->upgraded)
                conn_mark(p->upgraded);
        else
                polled_mark(p);
}

static void on_alarm(void *ctx)
{
        struct polled *p = ctx;
        polling_expire(&p->polling, loop_clock());
        polled_mark(p);
}

struct polled *polled_create(struct tcp_server *s, struct mono now, bool bare)
{
        struct polled *p = calloc(1, sizeof *p);
        if (!p || polling_init(&p->polling, &s->polled, s->service, now, &(struct hub_sink){ on_news, p }) != 0) {
                free(p);
                return NULL;
        }
        if (bare)
                tcp_session_bare(p->polling.session);
        p->server = s;
        alarm_init(&p->alarm, s->config.loop, on_alarm, p);
        return p;
}

struct polled *polled_find(struct tcp_server *s, struct bytes sid)
{
        struct polling *p = polling_find(&s->polled, sid);
        return p ? around(p) : NULL;
}

enum http_session polled_look_up(void *server, struct bytes sid)
{
        struct polled *p = polled_find(server, sid);
        if (!p)
                return HTTP_NO_SESSION;
        return p->upgraded ? HTTP_UPGRADED : HTTP_POLLED;
}

void polled_mark(struct polled *p)
{
        if (p->dirty)
                return;
        p->dirty = true;
        TAILQ_INSERT_TAIL(&p->server->dirty_polled, p, dirty_link);
        p->server->config.wake(p->server->config.wake_ctx);
}

/* Tells whoever waits and can be told now. */
static void tell(struct polled *p, struct mono now)
{
        struct polling_answer a;
        struct buf *packets = &p->server->packets;
        while (polling_next(&p->polling, now, &a, packets))
                conn_answer(a.request, now, a.kind, buf_bytes(packets));
        if (packets->cap > PACKETS_KEPT)
                buf_free(packets);
}

/* An upgraded one may end before its turn came to answer the requests that it was left with. */
void polled_destroy(struct polled *p, struct mono now)
{
        struct tcp_server *s = p->server;
        tell(p, now);
        if (p->dirty)
                TAILQ_REMOVE(p->hungry ? &s->hungry_polled : &s->dirty_polled, p, dirty_link);
        p->dirty = true; /* the session's last news find it marked */
        alarm_end(&p->alarm);
        polling_free(&p->polling, now);
        free(p);
}

/* Of its POST packets are left that can be taken in the next turn. */
static bool goes_on(const struct polled *p, struct mono now)
{
        return p->polling.packets_left &&
               (tcp_service_crowded(p->server->service) || tcp_session_takes(p->polling.session, now));
}

void polled_flush(struct polled *p, struct mono now)
{
        tell(p, now);
        if (polling_done(&p->polling)) {
                polled_destroy(p, now);
                return;
        }
        if (goes_on(p, now))
                turn_want_polled(p); /* the others are offered what it said, and have their turns */
        alarm_set(&p->alarm, polling_deadline(&p->polling));
}

void polled_upgrade(struct polled *p, struct conn *c)
{
        p->upgraded = c;
        polling_upgrade(&p->polling);
        tcp_session_deflate(p->polling.session, c->probe->ws.inflate);
        c->probe->ws.inflate = NULL;
        polled_mark(p);
}

void polled_close_all(struct tcp_server *s, struct mono now)
{
        for (int i = 0; i < POLLING_BUCKETS; i++) {
                struct polling *p;
                LIST_FOREACH(p, &s->polled.bucket[i], link)
                {
                        tcp_session_close(p->session, now, TCP_END_SHUTDOWN);
                }
        }
}

void polled_destroy_all(struct tcp_server *s, struct mono now)
{
        for (int i = 0; i < POLLING_BUCKETS; i++)
                while (!LIST_EMPTY(&s->polled.bucket[i]))
                        polled_destroy(around(LIST_FIRST(&s->polled.bucket[i])), now);
        buf_free(&s->packets);
}
