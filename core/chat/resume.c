/* resume: a member that was away goes on from where it was. */
#include "core/base/err.h"
#include "core/chat/hub_inside.h"

bool member_resumable(const struct member *m, uint64_t offset_eid)
{
        uint64_t from = offset_eid > m->start_eid ? offset_eid : m->start_eid;
        return from >= m->floor_eid;
}

/* Sets the cursor to the first event after `from`; one seq before what is left of the log where
 * some are lost, which is how the walk sees a cursor that eviction has overtaken. */
static void rewind_stay(struct stay *s, uint64_t from)
{
        const struct room *r = s->room;
        uint64_t after = from > s->joined_eid ? from : s->joined_eid;
        uint64_t last = stay_last_eid(s);
        bool whole = (r->evicted_eid < last ? r->evicted_eid : last) <= after;
        s->past_eid = 0;
        stay_is_behind(s);
        if (!r->events)
                s->cursor = s->seq_begin;
        else if (whole)
                s->cursor = roomlog_after(&r->events->log, after);
        else
                s->cursor = (r->events->log.seq_first < s->seq_end ? r->events->log.seq_first : s->seq_end) - 1;
}

bool member_resume(struct member *m, uint64_t offset_eid)
{
        uint64_t from = offset_eid > m->start_eid ? offset_eid : m->start_eid;
        if (from > m->hub->head)
                from = m->hub->head;
        member_forget_half(m);
        m->at_eid = from;
        m->fresh_eid = m->hub->head;
        for (struct stay *s = m->stays; s; s = s->next)
                rewind_stay(s, from);
        return member_resumable(m, from) && !member_lost_some(m);
}

int member_resume_room(struct member *m, const struct room *r, uint64_t contig)
{
        bool found = false;
        if (contig > room_head_seq(r))
                return ERR_RANGE;
        for (struct stay *s = m->stays; s; s = s->next) {
                if (s->room != r)
                        continue;
                found = true;
                if (stay_half(s))
                        member_forget_half(m);
                s->past_eid = 0;
                stay_is_behind(s);
                s->cursor = contig + 1 > s->seq_begin ? contig + 1 : s->seq_begin;
        }
        m->fresh_eid = m->hub->head;
        return found ? 0 : ERR_NOT_MEMBER;
}
