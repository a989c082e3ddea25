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

/* The same of the event that this is a fragment or parity of. */
static void mend_parts(struct client *c, struct mono now, struct udp_feed *f, const struct dgram_msg *m)
{
        uint8_t part[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX], last = 0;
        const struct reassembly_event *e = reassembly_find(&c->parts, m->tag, m->data.seq);
        uint64_t missing = 0, losses = f->gaps.losses;
        uint32_t n = e ? reassembly_solve(e, &missing, part) : 0;
        struct dgram_msg d = *m;
        for (uint32_t i = 0; i < n; i++, missing &= missing - 1) {
                d.data.frag_idx = last = (uint8_t)__builtin_ctzll(missing);
                d.data.event = bytes_of(part[i], dgram_fragment_bytes(d.data.event_bytes, last));
                f->mends = true;
                udp_rooms_data(c, now, &d);
                f->mends = false;
        }
        c->stats.mended += n > 0 && gaps_look(&f->gaps, d.data.seq, last) != GAPS_NEW;
        if (f->gaps.losses != losses)
                udp_meter_lost(&c->meter, now, c->rtt.srtt_ns);
}

void udp_parity_of_parts(struct client *c, struct mono now, struct udp_feed *f, const struct dgram_msg *m)
{
        c->more.parity++;
        if (!f->gaps.ahead || !udp_parts_parity(c, f, m))
                return;
        mend_parts(c, now, f, m);
        gaps_parity_of(&f->gaps, now, &c->rtt, m->data.seq);
}

void udp_parity_kept(struct client *c, struct mono now, struct udp_feed *f, const struct dgram_msg *m)
{
        if (!f->gaps.ahead || f->mends)
                return;
        if (m->data.frag_cnt > 1) {
                mend_parts(c, now, f, m);
                return;
        }
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
