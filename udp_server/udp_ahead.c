/* ahead: what a session is sent before it asks: copies and parity, where a room's shield (udp_shield.h) has them for a
 * fec mode. A copy is a repair that the server asks of itself. */
#include "udp_server/udp_session_inside.h"
#include "udp_server/udp_shield.h"

#define BARE_NS (300 * NS_PER_MS) /* longer, and one that is short of rate for a moment loses too much of it */

/* ---- modes --------------------------------------------------------------------------------- */

static void cover(struct udp_session *s, struct mono now, struct udp_channel *c)
{
        if (c->shield || c->group) /* what comes by the group is repaired there */
                return;
        c->shield = udp_shield_take(s->shared->shields, now, c->room, s->shared->encoding, hub_epoch(app_hub(s->app)));
        c->shield_next = c->shield ? udp_shield_items(c->shield) + 1 : 0;
        s->shielded_n += c->shield != NULL;
        c->shield_given = 0;
}

void udp_ahead_uncover(struct udp_session *s, struct udp_channel *c)
{
        udp_shield_drop(s->shared->shields, c->shield);
        s->shielded_n -= c->shield != NULL;
        c->shield = NULL;
}

void udp_ahead_mode(struct udp_session *s, struct mono now, struct udp_channel *c)
{
        bool fec = c->mode == DGRAM_MODE_FEC_ORDERED || c->mode == DGRAM_MODE_FEC_UNORDERED;
        if (!fec) {
                udp_ahead_uncover(s, c);
                return;
        }
        cover(s, now, c);
        cover(s, now, udp_channel_find(s, UDP_REF_OWN)); /* these were never asked for, but by whom is known now */
        cover(s, now, udp_channel_find(s, UDP_REF_ALL));
}

/* ---- finding ------------------------------------------------------------------------------- */

static void move_on(struct udp_channel *c, uint64_t item)
{
        c->shield_next = item;
        c->shield_given = 0;
}

/* What there is no rate for now is not sent later, nor what comes in the next moment. News that has to wait would go in
 * full datagrams, of which as many are lost: then the rate falls below what the news takes. */
static void leave_out(struct udp_session *s, struct udp_channel *c, uint64_t item)
{
        s->shared->stats->left_out += item - c->shield_next;
        s->shared->stats->bared += !mono_before(s->looked, s->bare_until);
        s->bare_until = mono_add(s->looked, BARE_NS);
        move_on(c, item);
}

/* The channel's next item, if all that it is for was sent; those that can be of no use are passed over. */
static const struct udp_shield_item *next_item(struct udp_session *s, struct udp_channel *c)
{
        uint64_t items = udp_shield_items(c->shield), cursor = member_cursor(s->member, c->room);
        if (items > UDP_SHIELD_ITEMS && c->shield_next <= items - UDP_SHIELD_ITEMS)
                leave_out(s, c, items - UDP_SHIELD_ITEMS + 1);
        for (; c->shield_next <= items; move_on(c, c->shield_next + 1)) {
                const struct udp_shield_item *item = udp_shield_item(c->shield, c->shield_next);
                bool ours = item->seq_first >= c->start; /* from others a member could make what was before its time */
                if (ours || !item->parity)
                        return item->seq_last < cursor ? item : NULL;
        }
        return NULL;
}

/* Looks at the rate as an event is begun: what is large leaves nothing of a burst, and is to have its parity. */
static void weigh(struct udp_session *s, struct mono now)
{
        if (s->shielded_n > 0 && member_behind(s->member, UINT64_MAX) && !member_half(s->member))
                s->ample = pace_ample(&s->pace, now);
}

void udp_ahead_read(struct udp_session *s, struct mono now)
{
        weigh(s, now);
        for (uint32_t i = 0; s->shielded_n > 0 && i < s->channels_n; i++) {
                struct udp_channel *c = &s->channel[i];
                const struct udp_shield_item *item;
                if (!c->shield)
                        continue;
                udp_shield_read(c->shield, now);
                while (!s->ample && next_item(s, c))
                        leave_out(s, c, c->shield_next + 1);
                for (; mono_before(now, s->bare_until) && next_item(s, c); move_on(c, c->shield_next + 1))
                        s->shared->stats->left_out++;
                while ((item = next_item(s, c)) && !item->parity && udp_again_begin(s, now)) {
                        uint64_t first = item->seq_first > c->start ? item->seq_first : c->start;
                        if (item->seq_last >= first)
                                udp_repair_later(s->repair, item->due, c->ref, place_first(first),
                                                 place_last(item->seq_last));
                        s->shared->stats->copies += item->seq_last >= first;
                        move_on(c, c->shield_next + 1);
                }
        }
        if (s->repair)
                udp_repair_ripen(s->repair, now);
}

/* Who has had more than everyone's share of it has the rest, too. */
static size_t bytes_for(const struct udp_session *s, const struct udp_channel *c, const struct udp_shield_item *item)
{
        bool lossy = !mono_is_never(s->lossy) && mono_since(s->looked, s->lossy) < UDP_SHIELD_LOSSY_NS;
        return lossy || c->shield_given >= item->bytes ? item->bytes_lossy : item->bytes;
}

void udp_ahead_find(struct udp_session *s, struct udp_batch *b)
{
        for (uint32_t i = 0; s->shielded_n > 0 && i < s->channels_n && b->pieces_n < UDP_BATCH_PIECES / 2; i++) {
                struct udp_channel *c = &s->channel[i];
                const struct udp_shield_item *item = c->shield ? next_item(s, c) : NULL;
                if (item && item->parity)
                        b->piece[b->pieces_n++] = (struct piece){ .kind = PIECE_BYTES,
                                                                  .room = c->room,
                                                                  .seq_first = item->seq_first,
                                                                  .seq_last = item->seq_last,
                                                                  .at = item->parity + c->shield_given,
                                                                  .n = bytes_for(s, c, item) - c->shield_given };
        }
        b->unasked_n = b->pieces_n;
}

void udp_ahead_gave(struct udp_session *s, const struct piece *p, size_t bytes)
{
        struct udp_channel *c = udp_channel_of(s, p->room);
        if (!c || !c->shield)
                return;
        c->shield_given += (uint32_t)bytes;
        s->shared->stats->parity_bytes += bytes;
        if (bytes < p->n)
                return; /* the rest of it is next */
        s->shared->stats->parity++;
        move_on(c, c->shield_next + 1);
}

/* ---- time ---------------------------------------------------------------------------------- */

bool udp_ahead_waits(struct udp_session *s)
{
        for (uint32_t i = 0; i < s->channels_n; i++)
                if (s->channel[i].shield && next_item(s, &s->channel[i]))
                        return true;
        return false;
}

/* What was due when it was looked at last waits for something else. */
struct mono udp_ahead_deadline(const struct udp_session *s)
{
        struct mono due = MONO_NEVER, at;
        for (uint32_t i = 0; s->shielded_n > 0 && i < s->channels_n; i++) {
                at = s->channel[i].shield ? udp_shield_deadline(s->channel[i].shield) : MONO_NEVER;
                if (mono_before(s->looked, at))
                        due = mono_min(due, at);
        }
        at = s->repair ? udp_repair_ripe_at(s->repair) : MONO_NEVER;
        return mono_before(s->looked, at) ? mono_min(due, at) : due;
}
