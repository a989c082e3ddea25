#include "client/udp_mend.h"

#include <stdlib.h>

struct kept {
        uint64_t seq; /* 0: none */
        uint16_t n, cap;
        uint8_t *at;
};

struct group {
        uint64_t base, mask; /* mask 0: none */
        uint8_t k, m;
        uint16_t bytes;
        uint8_t *symbol[DGRAM_FEC_M_MAX]; /* NULL: it did not come */
};

struct udp_mend {
        struct kept kept[UDP_MEND_EVENTS]; /* seq lies at seq % UDP_MEND_EVENTS */
        struct group group[UDP_MEND_GROUPS];
        uint32_t group_next; /* the oldest */
        uint64_t solved_seq[DGRAM_FEC_M_MAX];
        uint32_t solved_n, solved_told;
        uint16_t solved_bytes;
        uint8_t solved[DGRAM_FEC_M_MAX][FEC_SYMBOL_MAX];
};

struct udp_mend *udp_mend_create(void)
{
        return calloc(1, sizeof(struct udp_mend));
}

static void drop(struct group *g)
{
        for (int i = 0; i < DGRAM_FEC_M_MAX; i++)
                free(g->symbol[i]);
        *g = (struct group){ 0 };
}

void udp_mend_destroy(struct udp_mend *m)
{
        if (!m)
                return;
        for (int i = 0; i < UDP_MEND_EVENTS; i++)
                free(m->kept[i].at);
        for (int i = 0; i < UDP_MEND_GROUPS; i++)
                drop(&m->group[i]);
        free(m);
}

void udp_mend_keep(struct udp_mend *m, const struct dgram_msg *data)
{
        struct kept *e = &m->kept[data->data.seq % UDP_MEND_EVENTS];
        uint8_t symbol[FEC_SYMBOL_MAX];
        size_t n = fec_symbol(data, symbol);
        e->seq = 0;
        if (e->cap < n) {
                uint8_t *more = realloc(e->at, n);
                if (!more)
                        return;
                e->at = more;
                e->cap = (uint16_t)n;
        }
        memcpy(e->at, symbol, n);
        e->seq = data->data.seq;
        e->n = (uint16_t)n;
}

static const struct kept *find_kept(const struct udp_mend *m, uint64_t seq)
{
        const struct kept *e = &m->kept[seq % UDP_MEND_EVENTS];
        return e->seq == seq ? e : NULL;
}

/* How many events of a group are not here. */
static int missing(const struct udp_mend *m, uint64_t base, uint64_t mask)
{
        int n = 0;
        for (uint64_t left = mask; left; left &= left - 1)
                n += !find_kept(m, base + (uint64_t)__builtin_ctzll(left));
        return n;
}

/* ---- parity -------------------------------------------------------------------------------- */

static struct group *group_of(struct udp_mend *m, const struct dgram_fec *fec)
{
        for (int i = 0; i < UDP_MEND_GROUPS; i++)
                if (m->group[i].mask && m->group[i].base == fec->base)
                        return &m->group[i];
        struct group *g = &m->group[m->group_next++ % UDP_MEND_GROUPS];
        drop(g);
        *g = (struct group){ fec->base, fec->mask, fec->k, fec->m, (uint16_t)fec->symbol.n, { NULL } };
        return g;
}

enum udp_mend_verdict udp_mend_parity(struct udp_mend *m, const struct dgram_fec *fec)
{
        if (missing(m, fec->base, fec->mask) == 0)
                return UDP_MEND_USELESS;
        struct group *g = group_of(m, fec);
        if (g->mask != fec->mask || g->k != fec->k || g->m != fec->m || g->bytes != fec->symbol.n) {
                drop(g); /* one of the two is a lie: neither is believed */
                return UDP_MEND_USELESS;
        }
        if (!g->symbol[fec->idx] && (g->symbol[fec->idx] = malloc(fec->symbol.n)))
                memcpy(g->symbol[fec->idx], fec->symbol.at, fec->symbol.n);
        for (int i = 0; i < g->m; i++)
                if (!g->symbol[i])
                        return UDP_MEND_SOME;
        return UDP_MEND_ALL;
}

/* ---- solving ------------------------------------------------------------------------------- */

/* The code's number of an event is its rank among the group's. */
static void solve(struct udp_mend *m, struct group *g)
{
        struct fec_group f = { .k = g->k, .m = g->m, .bytes = g->bytes };
        uint8_t i = 0;
        uint32_t lost = 0;
        for (uint64_t left = g->mask; left; left &= left - 1, i++) {
                uint64_t seq = g->base + (uint64_t)__builtin_ctzll(left);
                const struct kept *e = find_kept(m, seq);
                if (e) {
                        f.data[i] = bytes_of(e->at, e->n);
                } else {
                        f.missing |= UINT64_C(1) << i;
                        m->solved_seq[lost++] = seq;
                }
        }
        for (i = 0; i < g->m; i++)
                f.parity[i] = g->symbol[i];
        m->solved_n = fec_solve(&f, m->solved);
        m->solved_bytes = g->bytes;
        m->solved_told = 0;
        drop(g);
}

/* Is there as much parity as there are events missing? A group that misses none is dropped. */
static bool solvable(const struct udp_mend *m, struct group *g)
{
        int lost = g->mask ? missing(m, g->base, g->mask) : 0, here = 0;
        if (g->mask && lost == 0)
                drop(g);
        for (int i = 0; i < g->m; i++)
                here += g->symbol[i] != NULL;
        return lost > 0 && lost <= here;
}

bool udp_mend_next(struct udp_mend *m, struct dgram_msg *data)
{
        for (int i = 0; i < UDP_MEND_GROUPS && m->solved_told == m->solved_n; i++)
                if (solvable(m, &m->group[i]))
                        solve(m, &m->group[i]);
        while (m->solved_told < m->solved_n) {
                uint32_t i = m->solved_told++;
                data->data.seq = m->solved_seq[i];
                if (fec_event(bytes_of(m->solved[i], m->solved_bytes), data))
                        return true;
        }
        return false;
}
