/* ahead: what a session is sent before it asks: copies and parity, where a room's shield (udp_shield.h) has them for a
 * fec mode. A copy is a repair that the server asks of itself. */
#include <stdlib.h>

#include "udp_server/udp_session_inside.h"
#include "udp_server/udp_shield.h"

/* ---- modes --------------------------------------------------------------------------------- */

static void cover(struct udp_session *s, struct mono now, struct udp_channel *c)
{
        if (c->shield || c->group) /* what comes by the group is repaired there */
                return;
        c->shield = udp_shield_take(s->shared->shields, now, c->room, s->shared->encoding, hub_epoch(app_hub(s->app)));
        c->shield_next = c->shield ? udp_shield_items(c->shield) + 1 : 0;
        s->shielded_n += c->shield != NULL;
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

static bool make_repair(struct udp_session *s, struct mono now)
{
        if (s->repair)
                return true;
        s->repair = malloc(sizeof *s->repair);
        if (s->repair)
                udp_repair_init(s->repair, now, udp_rate_of_repairs(s));
        return s->repair != NULL;
}

/* The channel's next item, if all that it is for was sent; those that can be of no use are passed over. */
static const struct udp_shield_item *next_item(const struct udp_session *s, struct udp_channel *c)
{
        uint64_t items = udp_shield_items(c->shield), cursor = member_cursor(s->member, c->room);
        if (items > UDP_SHIELD_ITEMS && c->shield_next <= items - UDP_SHIELD_ITEMS)
                c->shield_next = items - UDP_SHIELD_ITEMS + 1;
        for (; c->shield_next <= items; c->shield_next++) {
                const struct udp_shield_item *item = udp_shield_item(c->shield, c->shield_next);
                bool ours = item->seq_first >= c->start; /* from others a member could make what was before its time */
                if (ours || !item->parity)
                        return item->seq_last < cursor ? item : NULL;
        }
        return NULL;
}

void udp_ahead_read(struct udp_session *s, struct mono now)
{
        for (uint32_t i = 0; s->shielded_n > 0 && i < s->channels_n; i++) {
                struct udp_channel *c = &s->channel[i];
                const struct udp_shield_item *item;
                if (!c->shield)
                        continue;
                udp_shield_read(c->shield, now);
                while ((item = next_item(s, c)) && !item->parity && make_repair(s, now)) {
                        uint64_t first = item->seq_first > c->start ? item->seq_first : c->start;
                        if (item->seq_last >= first)
                                udp_repair_later(s->repair, item->due, c->ref, place_first(first),
                                                 place_last(item->seq_last));
                        s->shared->stats->copies += item->seq_last >= first;
                        c->shield_next++;
                }
        }
        if (s->repair)
                udp_repair_ripen(s->repair, now);
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
                                                                  .at = item->parity,
                                                                  .n = item->bytes };
        }
        b->unasked_n = b->pieces_n;
}

/* What is left of a group's parity when the transport took only some is not worth waiting for. */
void udp_ahead_gave(struct udp_session *s, const struct piece *p, size_t bytes)
{
        struct udp_channel *c = udp_channel_of(s, p->room);
        if (!c || !c->shield || bytes == 0)
                return;
        c->shield_next++;
        s->shared->stats->parity++;
        s->shared->stats->parity_bytes += bytes;
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
