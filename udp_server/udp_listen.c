/* listen: one session whose client hears the multicast group: what comes to it that way, and what still by unicast. */
#include "udp_server/udp_cut.h"
#include "udp_server/udp_session_inside.h"

void udp_listen_offer(struct udp_session *s, struct mono now)
{
        struct udp_group *g = s->shared->group;
        if (!g)
                return;
        if (!s->offer)
                s->offer = udp_group_offer(g, now, hub_epoch(app_hub(s->app)), udp_channel_find(s, UDP_REF_ALL)->room);
        if (s->offer)
                udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_GROUP, .group = udp_group_address(g) });
}

void udp_listen_channel(struct udp_session *s, struct udp_channel *c)
{
        if (s->listens && !c->group && c->ref != UDP_REF_OWN) /* which nobody else hears */
                c->group = udp_group_enter(s->shared->group, hub_epoch(app_hub(s->app)), c->room, &c->group_from);
        if (c->group)
                udp_ahead_uncover(s, c);
}

void udp_listen_channel_over(struct udp_channel *c)
{
        if (c->group)
                udp_group_leave(c->group);
        c->group = NULL;
}

static void stop(struct udp_session *s)
{
        s->listens = false;
        for (uint32_t i = 0; i < s->channels_n; i++)
                udp_listen_channel_over(&s->channel[i]);
}

void udp_listen_over(struct udp_session *s)
{
        stop(s);
        udp_group_withdraw(s->offer);
        s->offer = NULL;
}

void udp_listen_take(struct udp_session *s, struct mono now, const struct dgram_listen *m)
{
        bool on = m->on == 1 && s->offer;
        if (!on)
                stop(s);
        for (uint32_t i = 0; !on && i < s->channels_n; i++)
                udp_ahead_mode(s, now, &s->channel[i]);
        if (on && !s->listens) {
                s->listens = true;
                s->shared->stats->listens++;
                udp_group_round_trip(s->shared->group, s->rtt.srtt_ns);
                for (uint32_t i = 0; i < s->channels_n; i++)
                        udp_listen_channel(s, &s->channel[i]);
        }
        udp_session_say(s, &(struct dgram_msg){ .type = DGRAM_LISTEN, .listen = { on } });
}

/* The last seq of the piece that comes the same way as its first. */
static uint64_t same_way(const struct udp_channel *c, const struct piece *p, bool *by_group)
{
        uint64_t exception = room_exception(c->room, p->seq_first, p->seq_last);
        *by_group = p->seq_first >= c->group_from && exception != p->seq_first;
        if (*by_group)
                return exception - 1;
        if (p->seq_first >= c->group_from)
                return p->seq_first;
        return c->group_from <= p->seq_last ? c->group_from - 1 : p->seq_last;
}

bool udp_listen_cut(struct udp_session *s, const struct udp_channel *c, struct udp_batch *b, int i)
{
        bool by_group = false;
        uint64_t last = c->group ? same_way(c, &b->piece[i], &by_group) : 0;
        if (c->group && last < b->piece[i].seq_last) {
                struct piece rest;
                udp_cut_in_two(&b->piece[i], last, &rest);
                int behind = b->pieces_n < UDP_BATCH_PIECES ? b->pieces_n - i - 1 : b->pieces_n - i - 2;
                if (behind >= 0) { /* the last of a full batch is walked to again */
                        memmove(&b->piece[i + 2], &b->piece[i + 1], (size_t)behind * sizeof *b->piece);
                        b->piece[i + 1] = rest;
                }
                b->pieces_n = i + 2 + behind;
        }
        s->shared->stats->by_group += by_group;
        return by_group;
}

uint64_t udp_listen_given(const struct udp_channel *c, uint64_t given)
{
        if (!c->group)
                return given;
        uint64_t next = udp_group_next(c->group);
        next = next > c->group_from ? next : c->group_from;
        return next < given ? next : given;
}
