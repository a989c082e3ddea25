/* tcp_missed: the client's rooms, and what a session that was lost for good missed in them.
 *
 * A server that knows the session tells its gaps itself. A server that does not (it restarted, or
 * the absence was too long) starts a new session: then each room, and everyone, missed all from the
 * last place seen to the first place that the new session shows; to an unknown end if the log is
 * another one, or if the server sends no places.
 */
#include <stdlib.h>

#include "client/tcp_client_inside.h"
#include "core/base/err.h"
#include "core/event/pack.h"

static struct tcp_room *find(const struct client *c, struct bytes name)
{
        struct tcp_room *r;
        TAILQ_FOREACH(r, &c->rooms, link)
        {
                if (bytes_equal(bytes_of(r->name, r->n), name))
                        return r;
        }
        return NULL;
}

int tcp_rooms_add(struct client *c, struct bytes name)
{
        if (find(c, name))
                return 0;
        struct tcp_room *r = malloc(sizeof *r + name.n);
        if (!r) {
                tcp_client_down(c, "out of memory", true); /* nobody would know where to come back to */
                return ERR_NO_MEMORY;
        }
        r->n = name.n;
        memcpy(r->name, name.at, name.n);
        TAILQ_INSERT_TAIL(&c->rooms, r, link);
        return 0;
}

void tcp_rooms_remove(struct client *c, struct bytes name)
{
        struct tcp_room *r = find(c, name);
        if (!r)
                return;
        TAILQ_REMOVE(&c->rooms, r, link);
        free(r);
}

void tcp_rooms_free(struct client *c)
{
        struct tcp_room *r;
        while ((r = TAILQ_FIRST(&c->rooms))) {
                TAILQ_REMOVE(&c->rooms, r, link);
                free(r);
        }
}

/* from: what was seen last; nothing is told when nothing lies between. */
static void tell_gap(struct client *c, struct bytes room, uint64_t to)
{
        const struct sio_offset *from = &c->missed_from;
        struct client_event ev = { .kind = CLIENT_GAP,
                                   .room = room,
                                   .unit = CLIENT_UNIT_EID,
                                   .epoch = from->epoch,
                                   .from = from->eid + 1,
                                   .to = to,
                                   .reason = "session lost",
                                   .gap_opened_ns = c->down_at.ns };
        if (to <= from->eid)
                return;
        c->stats.gaps++;
        tcp_client_tell(c, &ev);
}

/* Up to the place that is known now, if it is of the same log. */
static uint64_t end_of(const struct client *c, uint64_t eid)
{
        return c->seen.epoch != 0 && c->seen.epoch == c->missed_from.epoch ? eid : UINT64_MAX;
}

void tcp_missed_begin(struct client *c, bool offsets)
{
        c->missed = offsets;
        c->missed_from = c->seen;
        c->seen = (struct sio_offset){ 0 };
        if (!offsets)
                tell_gap(c, bytes_text(""), UINT64_MAX);
}

void tcp_missed_seen(struct client *c, const struct sio_offset *at, uint64_t before_eid)
{
        if (!c->missed)
                return;
        c->missed = false;
        tell_gap(c, bytes_text(""), at->epoch == c->missed_from.epoch ? before_eid : UINT64_MAX);
}

/* The answer may say at which eid the stay began; else it is the last place seen. */
void tcp_missed_rejoined(struct client *c, struct bytes room, struct bytes answer)
{
        uint64_t eid = c->seen.eid;
        if (c->same_session)
                return;
        pack_get_u64(pack_map_text(answer, "eid"), &eid);
        tell_gap(c, room, end_of(c, eid));
}

void tcp_missed_refused(struct client *c, struct bytes room)
{
        tell_gap(c, room, UINT64_MAX);
        tcp_client_tell(c, &(struct client_event){ .kind = CLIENT_OUT, .room = room, .reason = "not let in again" });
        tcp_rooms_remove(c, room);
}
