#include "udp_server/udp_shield.h"

#include <assert.h>
#include <stdlib.h>

#include "core/wire/fec.h"
#include "udp_server/udp_hash.h"

#define WINDOW_NS     (200 * NS_PER_MS) /* over which events are counted, */
#define WINDOW_NS_MIN (20 * NS_PER_MS)  /* or, when there are many, */

enum {
        WINDOW_EVENTS = 40, /* so many of them */
        READ_PIECES = 16,
        M_MAX = 3 * UDP_SHIELD_M,
};

struct parity {
        uint8_t k, m, n; /* n: events in it; 0: no group is open */
        uint8_t few;     /* of the m, for everyone */
        uint64_t base, mask;
        size_t bytes; /* of the longest symbol */
        struct mono due;
        uint8_t symbol[M_MAX][FEC_SYMBOL_MAX];
};

/* Of one event in fragments, while these are read. */
struct large {
        uint64_t seq;
        uint8_t m, few;
        uint8_t symbol[DGRAM_FEC_M_MAX][DGRAM_FRAGMENT_BYTES];
};

struct udp_shield {
        UT_hash_handle hh;
        const struct room *room;
        uint32_t users, epoch;
        int encoding;
        uint64_t seq_next;  /* to be read */
        struct mono window; /* since when events are counted */
        uint64_t counted;
        int64_t rate;          /* events per second */
        struct mono lossy;     /* when some member reported so much loss last; MONO_NEVER: none has */
        struct parity *parity; /* made by the first group */
        struct large *large;   /* by the first event in fragments */
        uint64_t items;
        struct udp_shield_item item[UDP_SHIELD_ITEMS]; /* item n lies at n % UDP_SHIELD_ITEMS */
        uint8_t *memory[UDP_SHIELD_ITEMS];             /* of its parity; kept for the next one's */
        size_t memory_bytes[UDP_SHIELD_ITEMS];
};

/* ---- taken and dropped --------------------------------------------------------------------- */

struct udp_shield *udp_shield_take(struct udp_shields *all, struct mono now, const struct room *room, int encoding,
                                   uint32_t epoch)
{
        struct udp_shield *s;
        HASH_FIND_PTR(all->by_room, &room, s);
        if (!s) {
                s = calloc(1, sizeof *s);
                if (!s)
                        return NULL;
                s->room = room;
                s->encoding = encoding;
                s->epoch = epoch;
                s->window = now;
                s->lossy = MONO_NEVER;
                s->seq_next = room_head_seq(room) + 1;
                HASH_ADD_PTR(all->by_room, room, s);
                if (!s->hh.tbl) {
                        free(s);
                        return NULL;
                }
        }
        s->users++;
        return s;
}

void udp_shield_drop(struct udp_shields *all, struct udp_shield *s)
{
        if (!s || --s->users > 0)
                return;
        HASH_DELETE(hh, all->by_room, s);
        for (int i = 0; i < UDP_SHIELD_ITEMS; i++)
                free(s->memory[i]);
        free(s->parity);
        free(s->large);
        free(s);
}

/* ---- items --------------------------------------------------------------------------------- */

static struct udp_shield_item *add_item(struct udp_shield *s, uint64_t first, uint64_t last, struct mono due)
{
        struct udp_shield_item *item = &s->item[++s->items % UDP_SHIELD_ITEMS];
        *item = (struct udp_shield_item){ .seq_first = first, .seq_last = last, .due = due };
        return item;
}

/* Copies of what was read a moment ago go together. */
static void add_copies(struct udp_shield *s, struct mono now, uint64_t first, uint64_t last)
{
        struct udp_shield_item *before = s->items > 0 ? &s->item[s->items % UDP_SHIELD_ITEMS] : NULL;
        struct mono due = mono_add(now, UDP_SHIELD_COPY_NS);
        if (before && !before->parity && before->seq_last + 1 == first && mono_since(due, before->due) < NS_PER_MS)
                before->seq_last = last;
        else
                add_item(s, first, last, due);
}

/* Of so many bytes, for the next item's parity; NULL: no memory. */
static uint8_t *next_memory(struct udp_shield *s, size_t bytes)
{
        size_t slot = (s->items + 1) % UDP_SHIELD_ITEMS;
        if (s->memory_bytes[slot] < bytes) {
                uint8_t *more = realloc(s->memory[slot], bytes);
                if (!more)
                        return NULL;
                s->memory[slot] = more;
                s->memory_bytes[slot] = bytes;
        }
        return s->memory[slot];
}

static void add_parity(struct udp_shield *s, struct mono now, uint64_t first, uint64_t last, const uint8_t *parity,
                       size_t bytes, size_t bytes_lossy)
{
        struct udp_shield_item *item = add_item(s, first, last, now);
        item->parity = parity;
        item->bytes = bytes;
        item->bytes_lossy = bytes_lossy;
}

static void send_off(struct udp_shield *s, struct mono now)
{
        struct parity *p = s->parity;
        size_t each = DGRAM_FEC_BYTES + p->bytes, bytes = p->m * each;
        uint8_t *memory = next_memory(s, bytes);
        p->n = 0;
        if (!memory)
                return;
        struct writer w = writer_of(memory, bytes);
        for (uint8_t i = 0; i < p->m; i++)
                dgram_put(&w, &(struct dgram_msg){ .type = DGRAM_FEC,
                                                   .tag = room_tag(s->room),
                                                   .fec = { .epoch = s->epoch,
                                                            .k = p->k,
                                                            .m = p->m,
                                                            .idx = i,
                                                            .base = p->base,
                                                            .mask = p->mask,
                                                            .symbol = bytes_of(p->symbol[i], p->bytes) } });
        assert(!w.failed && writer_used(&w) == bytes);
        uint64_t last = p->base + 63 - (uint64_t)__builtin_clzll(p->mask);
        add_parity(s, now, p->base, last, memory, p->few * each, bytes);
}

/* The last of the event's fragments was added; m is that one. */
static void send_off_parts(struct udp_shield *s, struct mono now, const struct dgram_msg *m)
{
        struct large *l = s->large;
        size_t each = DGRAM_DATA_HEADER + DGRAM_FRAGMENT_BYTES, bytes = l->m * each;
        uint8_t *memory = next_memory(s, bytes);
        if (!memory)
                return;
        struct writer w = writer_of(memory, bytes);
        struct dgram_msg parity = *m;
        for (uint8_t i = 0; i < l->m; i++) {
                parity.data.frag_idx = (uint8_t)(m->data.frag_cnt + i);
                parity.data.event = bytes_of(l->symbol[i], DGRAM_FRAGMENT_BYTES);
                dgram_put(&w, &parity);
        }
        assert(!w.failed && writer_used(&w) == bytes);
        add_parity(s, now, l->seq, l->seq, memory, l->few * each, bytes);
}

/* ---- groups -------------------------------------------------------------------------------- */

/* How many symbols are made where so many are for everyone. */
static uint8_t with_more(const struct udp_shield *s, struct mono now, uint8_t few)
{
        bool lossy = !mono_is_never(s->lossy) && mono_since(now, s->lossy) < UDP_SHIELD_LOSSY_NS;
        int many = lossy ? few + (few + 1) / 2 : few;
        return (uint8_t)(many < DGRAM_FEC_M_MAX ? many : DGRAM_FEC_M_MAX);
}

static bool open_group(struct udp_shield *s, struct mono now, uint64_t seq)
{
        struct parity *p = s->parity;
        if (!p && !(p = s->parity = malloc(sizeof *p)))
                return false;
        uint8_t times = s->rate > UDP_SHIELD_FAST ? 2 : 1, few = UDP_SHIELD_M * times;
        *p = (struct parity){ .k = UDP_SHIELD_K * times,
                              .m = with_more(s, now, few),
                              .few = few,
                              .base = seq,
                              .due = mono_add(now, UDP_SHIELD_FLUSH_NS) };
        return true;
}

static void cover(struct udp_shield *s, struct mono now, const struct dgram_msg *m)
{
        uint8_t symbol[FEC_SYMBOL_MAX], *to[M_MAX];
        uint64_t seq = m->data.seq;
        if (s->parity && s->parity->n > 0 && seq - s->parity->base >= 64)
                send_off(s, now);
        if ((!s->parity || s->parity->n == 0) && !open_group(s, now, seq))
                return;
        struct parity *p = s->parity;
        size_t n = fec_symbol(m, symbol);
        for (uint8_t i = 0; i < p->m; i++)
                to[i] = p->symbol[i];
        fec_add(p->k, p->m, p->n++, bytes_of(symbol, n), to);
        p->mask |= UINT64_C(1) << (seq - p->base);
        p->bytes = n > p->bytes ? n : p->bytes;
        if (p->n == p->k)
                send_off(s, now);
}

/* Fragments come in their order, all of an event in one read. */
static void cover_part(struct udp_shield *s, struct mono now, const struct dgram_msg *m)
{
        const struct dgram_data *d = &m->data;
        uint8_t *to[DGRAM_FEC_M_MAX];
        if (!s->large && !(s->large = calloc(1, sizeof *s->large)))
                return;
        struct large *l = s->large;
        if (d->frag_idx == 0) {
                uint8_t few = (uint8_t)((d->frag_cnt + UDP_SHIELD_K - 1) / UDP_SHIELD_K);
                *l = (struct large){ .seq = d->seq, .m = with_more(s, now, few), .few = few };
        }
        if (l->seq != d->seq)
                return;
        for (uint8_t i = 0; i < l->m; i++)
                to[i] = l->symbol[i];
        fec_add(d->frag_cnt, l->m, d->frag_idx, d->event, to);
        if (d->frag_idx + 1 == d->frag_cnt)
                send_off_parts(s, now, m);
}

/* Copies are made of what is in one piece. */
static void read_piece(struct udp_shield *s, struct mono now, const struct piece *piece, bool copies)
{
        struct bytes rest = bytes_of(piece->at, piece->n), message;
        while (dgram_next(&rest, &message)) {
                struct dgram_msg m;
                if (dgram_parse(message, &m) != 0)
                        continue;
                if (m.data.frag_cnt > 1)
                        cover_part(s, now, &m);
                else if (copies)
                        add_copies(s, now, m.data.seq, m.data.seq);
                else
                        cover(s, now, &m);
        }
}

/* ---- reading ------------------------------------------------------------------------------- */

static void count(struct udp_shield *s, struct mono now, uint64_t events)
{
        int64_t span_ns = mono_since(now, s->window);
        s->counted += events;
        if (span_ns < WINDOW_NS && (s->counted < WINDOW_EVENTS || span_ns < WINDOW_NS_MIN))
                return;
        s->rate = (int64_t)((double)s->counted * NS_PER_S / (double)span_ns);
        s->counted = 0;
        s->window = now;
}

/* What some do not get is in no parity, nor is what the log lost. */
static void read_log(struct udp_shield *s, struct mono now, uint64_t head)
{
        struct piece piece[READ_PIECES];
        bool copies = s->rate < UDP_SHIELD_RATE;
        for (int n = READ_PIECES; s->seq_next <= head && n == READ_PIECES; s->seq_next = piece[n - 1].seq_last + 1) {
                n = room_read(s->room, s->encoding, s->seq_next, head, piece, READ_PIECES);
                for (int i = 0; i < n; i++)
                        if (piece[i].kind == PIECE_BYTES)
                                read_piece(s, now, &piece[i], copies);
                        else if (copies)
                                add_copies(s, now, piece[i].seq_first, piece[i].seq_last);
                if (n == 0)
                        return;
        }
}

void udp_shield_read(struct udp_shield *s, struct mono now)
{
        uint64_t head = room_head_seq(s->room);
        if (s->seq_next <= head) {
                count(s, now, head - s->seq_next + 1);
                read_log(s, now, head);
                s->seq_next = head + 1;
        }
        if (!mono_before(now, udp_shield_deadline(s)))
                send_off(s, now);
}

bool udp_shield_report(struct udp_shield *s, struct mono now, uint32_t came, uint32_t lost)
{
        uint64_t sent = (uint64_t)came + lost;
        bool much = sent > 0 && (uint64_t)lost * 100 >= sent * UDP_SHIELD_LOSSY;
        if (much)
                s->lossy = now;
        return much;
}

uint64_t udp_shield_items(const struct udp_shield *s)
{
        return s->items;
}

const struct udp_shield_item *udp_shield_item(const struct udp_shield *s, uint64_t n)
{
        bool kept = n > 0 && n <= s->items && s->items - n < UDP_SHIELD_ITEMS;
        return kept ? &s->item[n % UDP_SHIELD_ITEMS] : NULL;
}

struct mono udp_shield_deadline(const struct udp_shield *s)
{
        return s->parity && s->parity->n > 0 ? s->parity->due : MONO_NEVER;
}
