/* parity: what comes of it is taken as if it had come by itself, but for being counted as lost at first. */
#include "client/udp_client_inside.h"
#include "client/udp_mend.h"

/* Everything that can be solved for now. */
static void mend(struct client *c, struct mono now, struct udp_feed *f)
{
        struct dgram_msg m = { .tag = f->tag, .data = { .epoch = f->epoch } };
        while (udp_mend_next(f->mend, &m)) {
                uint64_t losses = f->gaps.losses;
                if (gaps_look(&f->gaps, m.data.seq, 0) != GAPS_NEW)
                        continue;
                f->mends = true;
                udp_rooms_data(c, now, &m);
                f->mends = false;
                c->stats.mended += gaps_look(&f->gaps, m.data.seq, 0) != GAPS_NEW;
                if (f->gaps.losses != losses)
                        udp_meter_lost(&c->meter, now, c->rtt.srtt_ns);
        }
}

void udp_parity_kept(struct client *c, struct mono now, struct udp_feed *f, const struct dgram_msg *m)
{
        if (!f->gaps.ahead || f->mends || m->data.frag_cnt > 1)
                return;
        if (!f->mend && !(f->mend = udp_mend_create()))
                return;
        udp_mend_keep(f->mend, m);
        mend(c, now, f);
}

bool udp_parity_take(struct client *c, struct mono now, const struct dgram_msg *m)
{
        struct udp_feed *f = udp_room_tagged(c, m->tag);
        const struct dgram_fec *fec = &m->fec;
        uint64_t last = fec->base + 63 - (uint64_t)__builtin_clzll(fec->mask);
        enum udp_mend_verdict verdict = UDP_MEND_USELESS;
        if (!f)
                return false;
        if (fec->epoch != f->epoch) {
                c->stats.wrong_epoch++;
                return true;
        }
        c->data_messages++; /* for the rate */
        c->more.parity++;
        if (!f->gaps.ahead)
                return true;
        if (last > f->gaps.contig && (f->mend || (f->mend = udp_mend_create()))) {
                udp_rooms_head(c, now, f, last);
                verdict = udp_mend_parity(f->mend, fec);
                mend(c, now, f);
        }
        gaps_parity(&f->gaps, now, &c->rtt, verdict == UDP_MEND_SOME ? fec->base - 1 : last);
        return true;
}
