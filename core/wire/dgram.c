#include "core/wire/dgram.h"

#include <assert.h>

#include "core/base/err.h"
#include "core/wire/dgram_codec.h"

/* ---- the list of types ---------------------------------------------------------- */

enum { LEVEL_UNKNOWN = 0, LEVEL_1 = 1 };

struct type_row {
        uint8_t level;
        bool broadcast;
};

static const struct type_row types[UINT8_MAX + 1] = {
#define TYPE_ROW(name, code, level, broadcast) [code] = { level, broadcast },
        DGRAM_TYPES(TYPE_ROW)
#undef TYPE_ROW
};

bool dgram_is_broadcast(uint8_t type)
{
        return types[type].broadcast;
}

bool dgram_has_pktno(uint8_t type)
{
        if (type == DGRAM_HELLO || type == DGRAM_COOKIE || type == DGRAM_CONNECT || type == DGRAM_RESET)
                return false;
        return types[type].level != LEVEL_UNKNOWN && !types[type].broadcast;
}

uint8_t dgram_fragments(size_t event_bytes)
{
        bool fits = event_bytes <= DGRAM_EVENT_MAX;
        return fits ? (uint8_t)((event_bytes + DGRAM_FRAGMENT_BYTES - 1) / DGRAM_FRAGMENT_BYTES) : 0;
}

size_t dgram_fragment_bytes(size_t event_bytes, uint8_t idx)
{
        size_t before = (size_t)idx * DGRAM_FRAGMENT_BYTES;
        if (before >= event_bytes)
                return 0;
        return event_bytes - before < DGRAM_FRAGMENT_BYTES ? event_bytes - before : DGRAM_FRAGMENT_BYTES;
}

/* ---- layouts, each once for both directions ----------------------------------------------- */

static void refuse_unless(struct codec *c, bool good)
{
        c->refused |= !good;
}

/* Counters start at 1. */
static bool is_count(uint64_t v)
{
        return v > 0 && v <= DGRAM_COUNT_MAX;
}

/* A fragment says of its event how long it is, and so how many there are and how long this one is.
 * In PUB and DATA alike, but that DATA's numbers from frag_cnt on are parity, as long as the longest of them. */
static void refuse_unless_fragment(struct codec *c, uint8_t idx, uint8_t cnt, uint16_t event_bytes, size_t n)
{
        bool parity = idx >= cnt;
        refuse_unless(c, cnt > 0 && cnt == dgram_fragments(event_bytes));
        refuse_unless(c, !parity || (cnt > 1 && idx - cnt < DGRAM_FEC_M_MAX));
        refuse_unless(c, n == (parity ? DGRAM_FRAGMENT_BYTES : dgram_fragment_bytes(event_bytes, idx)));
}

static void proof(struct codec *c, struct dgram_cookie *m)
{
        u64(c, &m->nonce);
        u8(c, &m->key_id);
        u8(c, &m->minute);
        reserved(c, 6);
        raw(c, m->cookie, sizeof m->cookie);
}

static void connect(struct codec *c, struct dgram_connect *m)
{
        proof(c, &m->proof);
        raw(c, m->instance, sizeof m->instance);
        rest(c, &m->tail);
}

static void channel(struct codec *c, struct dgram_channel *m)
{
        u64(c, &m->tag);
        u64(c, &m->tail);
        u64(c, &m->head);
        u64(c, &m->start);
        refuse_unless(c, m->tail <= DGRAM_COUNT_MAX && m->head <= DGRAM_COUNT_MAX && m->start <= DGRAM_COUNT_MAX);
}

static void accept(struct codec *c, struct dgram_accept *m)
{
        u64(c, &m->session_tag);
        u32(c, &m->origin);
        u16(c, &m->datagram_bytes_max);
        u16(c, &m->beat_ms);
        u16(c, &m->idle_s);
        u32(c, &m->repair_rate);
        u8(c, &m->key_id);
        raw(c, m->reset_token, sizeof m->reset_token);
        u64(c, &m->server_us);
        i64(c, &m->unix_offset_us);
        channel(c, &m->own);
        channel(c, &m->all);
        u64(c, &m->nonce);
        rest(c, &m->id);
        refuse_unless(c, m->id.n <= DGRAM_ID_MAX);
}

static void pub(struct codec *c, struct dgram_pub *m)
{
        u64(c, &m->pub_id);
        u32(c, &m->chan_ref);
        u8(c, &m->frag_idx);
        u8(c, &m->frag_cnt);
        u16(c, &m->event_bytes);
        u16(c, &m->back);
        u16(c, &m->flags);
        rest(c, &m->event);
        refuse_unless(c, m->frag_idx < m->frag_cnt);
        refuse_unless_fragment(c, m->frag_idx, m->frag_cnt, m->event_bytes, m->event.n);
}

static void pub_ack(struct codec *c, struct dgram_pub_ack *m)
{
        u8(c, &m->n);
        reserved(c, 7);
        refuse_unless(c, m->n >= 1 && m->n <= DGRAM_ACKS_MAX);
        for (unsigned i = 0; !c->refused && i < m->n; i++) {
                struct dgram_ack *a = &m->ack[i];
                u64(c, &a->pub_id);
                u16(c, &a->status);
                reserved(c, 2);
                u32(c, &a->chan_ref);
                u64(c, &a->seq);
                u64(c, &a->eid);
        }
}

static void data(struct codec *c, struct dgram_data *m)
{
        u32(c, &m->epoch);
        u32(c, &m->origin);
        u64(c, &m->seq);
        u64(c, &m->eid);
        u64(c, &m->t_us);
        u32(c, &m->crc32c);
        u16(c, &m->event_bytes);
        u8(c, &m->frag_idx);
        u8(c, &m->frag_cnt);
        rest(c, &m->event);
        refuse_unless(c, is_count(m->seq) && is_count(m->eid));
        refuse_unless_fragment(c, m->frag_idx, m->frag_cnt, m->event_bytes, m->event.n);
}

static void fec(struct codec *c, struct dgram_fec *m)
{
        uint8_t header = DGRAM_FEC_HEADER;
        uint16_t bytes = (uint16_t)m->symbol.n;
        u32(c, &m->epoch);
        u8(c, &m->k);
        u8(c, &m->m);
        u8(c, &m->idx);
        u8(c, &header);
        u64(c, &m->base);
        u64(c, &m->mask);
        u16(c, &bytes);
        reserved(c, 6);
        rest(c, &m->symbol);
        refuse_unless(c, m->k >= 1 && m->k <= DGRAM_FEC_K_MAX && m->m <= DGRAM_FEC_M_MAX && m->idx < m->m);
        refuse_unless(c, is_count(m->base) && m->base <= DGRAM_COUNT_MAX - DGRAM_FEC_K_MAX);
        refuse_unless(c, m->mask & 1 && __builtin_popcountll(m->mask) <= m->k);
        refuse_unless(c, header == DGRAM_FEC_HEADER && bytes == m->symbol.n);
        refuse_unless(c, bytes > DGRAM_FEC_HEADER && bytes <= DGRAM_FEC_HEADER + DGRAM_FRAGMENT_BYTES);
}

static void beat(struct codec *c, struct dgram_beat *m)
{
        u32(c, &m->epoch);
        u32(c, &m->beat_no);
        u64(c, &m->head);
        u64(c, &m->tail);
        u64(c, &m->now_us);
        u16(c, &m->group);
        u16(c, &m->grtt_ms);
        u8(c, &m->k);
        reserved(c, 3);
        refuse_unless(c, m->head <= DGRAM_COUNT_MAX && m->tail <= DGRAM_COUNT_MAX);
}

/* Bit 63 of `to` in NACK and NCF means fragments of one event; a GAP has no such bit. */
static void ranges(struct codec *c, struct dgram_range *range, unsigned n, bool fragments)
{
        for (unsigned i = 0; !c->refused && i < n; i++) {
                u64(c, &range[i].from);
                u64(c, &range[i].to);
                bool upright = is_count(range[i].to) && range[i].from <= range[i].to;
                bool parts = fragments && dgram_range_is_fragments(&range[i]);
                refuse_unless(c, is_count(range[i].from) && (upright || parts));
        }
}

static void ncf(struct codec *c, struct dgram_ncf *m)
{
        u32(c, &m->epoch);
        u16(c, &m->n);
        reserved(c, 2);
        refuse_unless(c, m->n >= 1 && m->n <= DGRAM_RANGES_MAX);
        ranges(c, m->range, m->n, true);
}

static void gap(struct codec *c, struct dgram_gap *m)
{
        u32(c, &m->chan_ref);
        u16(c, &m->n);
        u16(c, &m->reason);
        refuse_unless(c, m->n >= 1 && m->n <= DGRAM_RANGES_MAX);
        ranges(c, m->range, m->n, false);
}

static void nack(struct codec *c, struct dgram_nack *m)
{
        u32(c, &m->chan_ref);
        u16(c, &m->n);
        u8(c, &m->tries);
        reserved(c, 1);
        u64(c, &m->contig);
        refuse_unless(c, m->n >= 1 && m->n <= DGRAM_RANGES_MAX);
        ranges(c, m->range, m->n, true);
}

static void report(struct codec *c, struct dgram_report *m)
{
        u32(c, &m->chan_ref);
        u32(c, &m->loss_rate);
        u64(c, &m->contig);
        u64(c, &m->highest);
        u32(c, &m->received);
        u32(c, &m->lost_first_try);
        u32(c, &m->duplicates);
        u32(c, &m->kernel_drops);
        u32(c, &m->rate);
        u32(c, &m->delay_us);
        u32(c, &m->beat_no);
}

/* What rooms and their events are about. */
static void body_of_rooms(struct codec *c, struct dgram_msg *m)
{
        switch (m->type) {
        case DGRAM_JOIN:
                rest(c, &m->join.tail);
                return;
        case DGRAM_JOIN_OK:
                rest(c, &m->join_ok.tail);
                return;
        case DGRAM_LEAVE:
                u32(c, &m->leave.chan_ref);
                return;
        case DGRAM_LEAVE_OK:
                u32(c, &m->leave_ok.chan_ref);
                reserved(c, 4);
                u64(c, &m->leave_ok.end);
                refuse_unless(c, m->leave_ok.end <= DGRAM_COUNT_MAX);
                return;
        case DGRAM_PUB:
                pub(c, &m->pub);
                return;
        case DGRAM_PUB_ACK:
                pub_ack(c, &m->pub_ack);
                return;
        case DGRAM_DATA:
                data(c, &m->data);
                return;
        case DGRAM_FEC:
                fec(c, &m->fec);
                return;
        case DGRAM_BEAT:
                beat(c, &m->beat);
                return;
        case DGRAM_NCF:
                ncf(c, &m->ncf);
                return;
        case DGRAM_GAP:
                gap(c, &m->gap);
                return;
        case DGRAM_NACK:
                nack(c, &m->nack);
                return;
        case DGRAM_REPORT:
                report(c, &m->report);
                return;
        default:
                assert(!"a type of level 1");
        }
}

/* The body, from behind the header(s) to the message's end. What a session is about stands here. */
static void body(struct codec *c, struct dgram_msg *m)
{
        switch (m->type) {
        case DGRAM_HELLO:
                u64(c, &m->hello.nonce);
                u8(c, &m->hello.version_max);
                fill(c, DGRAM_HELLO_BYTES - DGRAM_HEADER - 9);
                return;
        case DGRAM_COOKIE:
                proof(c, &m->cookie);
                return;
        case DGRAM_CONNECT:
                connect(c, &m->connect);
                return;
        case DGRAM_ACCEPT:
                accept(c, &m->accept);
                return;
        case DGRAM_CLOSE:
                u16(c, &m->close.code);
                reserved(c, 2);
                return;
        case DGRAM_ERROR:
                u16(c, &m->error.code);
                u8(c, &m->error.in_reply_to);
                reserved(c, 1);
                u32(c, &m->error.pktno);
                return;
        case DGRAM_CHALLENGE:
                u64(c, &m->challenge.random);
                return;
        case DGRAM_RESPONSE:
                u64(c, &m->response.random);
                return;
        case DGRAM_PING:
                u64(c, &m->ping.t1);
                fill(c, DGRAM_PING_BYTES - DGRAM_SESSION_HEADER - 8);
                return;
        case DGRAM_PONG:
                u64(c, &m->pong.t1);
                u64(c, &m->pong.t2);
                u64(c, &m->pong.t3);
                return;
        case DGRAM_RESET:
                raw(c, m->reset.token, sizeof m->reset.token);
                return;
        case DGRAM_GROUP:
                raw(c, m->group.ip, sizeof m->group.ip);
                u16(c, &m->group.port);
                reserved(c, 2);
                return;
        case DGRAM_LISTEN:
                u8(c, &m->listen.on);
                reserved(c, 3);
                return;
        default:
                body_of_rooms(c, m);
        }
}

/* ---- reading ------------------------------------------------------------------------------ */

int dgram_parse(struct bytes message, struct dgram_msg *m)
{
        struct reader in = reader_of(message.at, message.n);
        struct codec c = { .in = &in };
        reader_take(&in, 3); /* magic and version were dgram_check's */
        m->type = reader_u8(&in);
        m->flags = reader_u16(&in);
        reader_take(&in, 2);
        m->tag = reader_u64(&in);
        m->epoch = m->pktno = 0;
        if (dgram_has_pktno(m->type)) {
                m->epoch = reader_u32(&in);
                m->pktno = reader_u32(&in);
        }
        if (in.failed)
                return ERR_MALFORMED;
        if (m->flags & DGRAM_SEALED || types[m->type].level != LEVEL_1)
                return ERR_UNSUPPORTED;
        body(&c, m);
        if (in.failed || c.refused || reader_left(&in) > 0)
                return ERR_MALFORMED;
        return 0;
}

/* ---- writing ------------------------------------------------------------------------------ */

bool dgram_put(struct writer *w, const struct dgram_msg *m)
{
        struct writer trial = *w;
        struct codec c = { .out = &trial };
        writer_u16(&trial, DGRAM_MAGIC);
        writer_u8(&trial, DGRAM_VERSION);
        writer_u8(&trial, m->type);
        writer_u16(&trial, m->flags);
        struct writer length = trial; /* not known before the body stands */
        writer_u16(&trial, 0);
        writer_u64(&trial, m->tag);
        if (dgram_has_pktno(m->type)) {
                writer_u32(&trial, m->epoch);
                writer_u32(&trial, m->pktno);
        }
        body(&c, (struct dgram_msg *)m); /* writing changes nothing in it */
        assert(!c.refused);
        size_t bytes = (size_t)(trial.at - w->at);
        if (trial.failed || bytes > UINT16_MAX)
                return false;
        writer_u16(&length, (uint16_t)bytes);
        *w = trial;
        return true;
}
