/* turns: what is said goes, and is done, in the order in which it was said. What comes too early the server keeps, if
 * it has place, and only what it lacks is said again. Else it refuses that, and it is said again behind what has to be
 * done first. */
#include "client/udp_client_inside.h"

enum { PARTS_FLIGHT_MAX = 128 << 10 /* bytes of events in fragments, not answered yet */ };

/* A publish, and nobody knows yet whether it is done. The name is apart: everything waits for that. */
static bool is_open(const struct udp_call *k)
{
        return k->kind == CALL_PUB && !k->names && k->answer_seq == 0;
}

/* The newest open publish before call i; NULL: none. */
static const struct udp_call *before(const struct client *c, uint32_t i)
{
        while (i-- > 0)
                if (is_open(c->call[i]))
                        return c->call[i];
        return NULL;
}

uint16_t udp_turns_back(const struct client *c, uint32_t i)
{
        const struct udp_call *last = c->call[i]->names ? NULL : before(c, i);
        return last ? (uint16_t)(c->call[i]->number - last->number) : 0;
}

/* Large events go a few at a time: what nobody paces must not fill the path. Of all, fewer once the server has said
 * that they are too many. */
static bool crowded(const struct client *c, const struct udp_call *k)
{
        size_t parts_bytes = 0;
        uint32_t pubs = 0;
        if (k->tries > 0)
                return false;
        for (uint32_t i = 0; i < c->calls_n; i++) {
                const struct udp_call *other = c->call[i];
                if (other == k || other->kind != CALL_PUB || other->tries == 0)
                        continue;
                pubs += is_open(other);
                parts_bytes += other->n > DGRAM_FRAGMENT_BYTES ? other->n : 0;
        }
        return pubs >= c->pubs_max ||
               (k->n > DGRAM_FRAGMENT_BYTES && parts_bytes > 0 && parts_bytes + k->n > PARTS_FLIGHT_MAX);
}

/* Must call k let this older one go first? The name, which `joined` bears; joins and leaves, which are answered before
 * anything is said, and in one room before the next of them; what was said, which is done before them. */
static bool lets_go_first(const struct udp_call *k, const struct udp_call *older)
{
        if (older->names)
                return true;
        if (k->kind == CALL_PUB)
                return older->kind != CALL_PUB || older->held || older->waits;
        return older->kind == CALL_PUB ? is_open(older)
                                       : bytes_equal(bytes_of(older->bytes, older->n), bytes_of(k->bytes, k->n));
}

bool udp_turns_wait(const struct client *c, uint32_t i, const struct udp_feed *f)
{
        const struct udp_call *k = c->call[i], *last = before(c, i);
        if (k->names)
                return false;
        for (uint32_t j = 0; j < i; j++)
                if (lets_go_first(k, c->call[j]))
                        return true;
        if (k->kind != CALL_PUB)
                return f && (f->ref == 0 || f->rejoins);
        if (last && k->number - last->number > UINT16_MAX) /* too far to be said */
                return true;
        return crowded(c, k) || (!c->recovered && udp_rooms_rejoining(c));
}

static bool is_wanted(const struct udp_call *k)
{
        return is_open(k) && !k->kept;
}

static void go_early(struct client *c, struct udp_call *k)
{
        k->due = c->now;
        k->again = true;
}

/* Open publishes from call i on that were sent, and are not kept, go again. */
static void go_again(struct client *c, uint32_t i)
{
        for (; i < c->calls_n; i++)
                if (is_wanted(c->call[i]) && c->call[i]->tries > 0)
                        go_early(c, c->call[i]);
}

/* What the server keeps goes again only when nothing before it does: then it should have been done. */
bool udp_turns_rest(const struct client *c, uint32_t i)
{
        for (uint32_t j = 0; c->call[i]->kept && j < i; j++)
                if (is_wanted(c->call[j]))
                        return true;
        return false;
}

/* Where nothing is kept, one that goes again takes with it all that went behind it: they are refused, most likely, for
 * want of it. Else each would be sent behind one that is refused already, and that would never end while more is said.
 */
void udp_turns_send(struct client *c, uint32_t i)
{
        struct udp_call *k = c->call[i];
        if (is_open(k) && k->pktno > 0 && c->keeps_none)
                go_again(c, i + 1);
        if (k->held)
                udp_calls_wake(c);
        k->held = false;
}

/* A publish that was sent as number `pktno` came too early: the first that the server has not done was lost, if it has
 * not gone again since. That is believed once, then it waits for its time, and all that is behind it. */
static void too_early(struct client *c, uint64_t done, uint32_t pktno)
{
        uint32_t i = 0;
        while (i < c->calls_n && !(is_wanted(c->call[i]) && (uint64_t)c->call[i]->number > done))
                i++;
        struct udp_call *lost = i < c->calls_n ? c->call[i] : NULL;
        if (!lost || lost->held || lost->tries == 0 || lost->pktno > pktno)
                return;
        if (lost->hurried)
                lost->held = true;
        else
                go_again(c, i);
        lost->hurried = true;
}

/* A try did not do it: without any of which that is not known it is as good as never sent. The fragments of a large one
 * are not counted so well. */
void udp_turns_not_now(struct client *c, uint32_t i, const struct dgram_ack *a)
{
        struct udp_call *k = c->call[i];
        bool newest = a->eid == k->pktno;
        if (k->tries == 0 || k->answer_seq > 0 || a->eid > UINT32_MAX)
                return;
        k->tries -= k->tries > 1 || k->n <= DGRAM_FRAGMENT_BYTES;
        k->first = k->tries > 0 ? c->now : MONO_NEVER;
        k->late = 0;
        k->due = newest ? c->now : k->due;
        k->kept = k->kept && !newest;
        if (a->status == DGRAM_CODE_ORDER) {
                c->keeps_none = true;
                too_early(c, a->seq, (uint32_t)a->eid);
        } else if (newest) {
                k->held = true;
                k->due = mono_add(c->now, resend_request_ns(&c->rtt, ++k->rated));
                c->pubs_max = c->pubs_max > 1 ? c->pubs_max / 2 : 1;
        }
}

/* What was said before it was lost on the way, if it has not gone again since. It counts as a try: the server may do it
 * without hearing of us again. */
void udp_turns_kept(struct client *c, uint32_t i, const struct dgram_ack *a)
{
        struct udp_call *k = c->call[i];
        if (k->tries == 0 || k->answer_seq > 0 || k->kept)
                return;
        c->keeps_none = false;
        k->kept = true;
        k->parts = 0;
        k->due = mono_add(c->now, resend_request_ns(&c->rtt, k->late));
        for (uint32_t j = 0; j < i; j++) {
                struct udp_call *lost = c->call[j];
                if (is_wanted(lost) && !lost->held && lost->tries > 0 && (uint64_t)lost->number > a->seq &&
                    lost->pktno < a->eid)
                        go_early(c, lost);
        }
}

void udp_turns_taken(struct client *c)
{
        c->pubs_max += c->pubs_max < CALLS_MAX;
}
