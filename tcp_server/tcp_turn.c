/* tcp_turn: how much is read in one turn of the loop, and whose turn it is. EDGE.
 *
 * Heartbeats and all who are only sent to wait for a turn's end, so a turn reads for READ_NS at most,
 * however many flood us. While there is time everyone is read from at once. Whoever is not, has more, or
 * left something that can be taken now, queues; the queue is served in the next turn, behind the loop's
 * look at sockets and timers, each in it a helping and then to its end. What fills the logs ends a turn
 * as time does (hub_crowded), and it is the queue that keeps those who fill them from going first again.
 */
#include "tcp_server/tcp_server_inside.h"

enum { HELPING_BYTES = 8 << 10 }; /* while others wait */
#define READ_NS (4 * NS_PER_MS)

static bool over(const struct tcp_server *s)
{
        return !mono_before(loop_clock(), s->turn_over) || tcp_service_crowded(s->service);
}

static void come_again(struct tcp_server *s)
{
        alarm_set(&s->again, loop_clock()); /* at once, but not before the loop has looked around */
}

void turn_want(struct conn *c)
{
        if (c->hungry || !conn_take_desk(c)) /* without memory it is read from when the loop says so again */
                return;
        c->hungry = true;
        TAILQ_INSERT_TAIL(&c->server->hungry, c->desk, hungry_link);
        come_again(c->server);
}

void turn_want_no_more(struct conn *c)
{
        if (c->hungry)
                TAILQ_REMOVE(&c->server->hungry, c->desk, hungry_link);
        c->hungry = false;
}

bool turn_read(struct conn *c)
{
        struct tcp_server *s = c->server;
        if (mono_is_never(s->turn_over))
                s->turn_over = mono_add(loop_clock(), READ_NS);
        if (TAILQ_EMPTY(&s->hungry) && !over(s))
                return conn_serve(c, READ_BYTES);
        turn_want(c);
        return true;
}

void turn_want_polled(struct polled *p)
{
        if (p->dirty)
                return;
        p->dirty = p->hungry = true;
        TAILQ_INSERT_TAIL(&p->server->hungry_polled, p, dirty_link);
        come_again(p->server);
}

/* Those whose POSTs had to wait go on at the turn's end, each time another one first. */
static void serve_polled(struct tcp_server *s)
{
        struct polled *p = TAILQ_FIRST(&s->hungry_polled);
        if (!p)
                return;
        TAILQ_REMOVE(&s->hungry_polled, p, dirty_link);
        TAILQ_INSERT_TAIL(&s->hungry_polled, p, dirty_link);
        TAILQ_FOREACH(p, &s->hungry_polled, dirty_link)
        {
                p->hungry = false;
        }
        TAILQ_CONCAT(&s->dirty_polled, &s->hungry_polled, dirty_link);
        s->config.wake(s->config.wake_ctx);
}

static void on_again(void *ctx)
{
        struct tcp_server *s = ctx;
        struct desk *first;
        s->turn_over = mono_add(loop_clock(), READ_NS);
        serve_polled(s);
        while ((first = TAILQ_FIRST(&s->hungry)) && !over(s)) {
                struct conn *c = first->conn;
                turn_want_no_more(c);
                (void)conn_serve(c, TAILQ_EMPTY(&s->hungry) ? READ_BYTES : HELPING_BYTES);
        }
        if (!TAILQ_EMPTY(&s->hungry))
                come_again(s);
        s->config.wake(s->config.wake_ctx);
}

void turn_init(struct tcp_server *s)
{
        TAILQ_INIT(&s->hungry);
        TAILQ_INIT(&s->hungry_polled);
        s->turn_over = MONO_NEVER;
        alarm_init(&s->again, s->config.loop, on_again, s);
}

void turn_end(struct tcp_server *s)
{
        s->turn_over = MONO_NEVER;
}
