/* udp_parts_rig: events in fragments, and parity of them, to the tests of the client that puts them together. */
#ifndef TESTS_UNIT_UDP_PARTS_RIG_H
#define TESTS_UNIT_UDP_PARTS_RIG_H
#include "tests/unit/udp_client_rig.h"

enum { HEAD = 6 }; /* bytes of an event before its filler */

/* ["x", bin] of so many bytes, another filler for each seq. */
static inline struct bytes event_of(uint64_t seq, size_t bytes)
{
        static uint8_t event[DGRAM_EVENT_MAX];
        size_t bin = bytes - HEAD;
        memcpy(event, (const uint8_t[]){ 0x92, 0xA1, 'x', 0xC5, (uint8_t)(bin >> 8), (uint8_t)bin }, HEAD);
        for (size_t i = HEAD; i < bytes; i++)
                event[i] = (uint8_t)(i * 7 + i / 251 + seq);
        return bytes_of(event, bytes);
}

static inline struct bytes fragment_of(struct bytes event, uint8_t idx)
{
        return bytes_of(event.at + (size_t)idx * DGRAM_FRAGMENT_BYTES, dgram_fragment_bytes(event.n, idx));
}

/* idx from the event's count on: parity. */
static inline struct dgram_msg part(uint64_t seq, size_t bytes, uint8_t idx)
{
        static uint8_t symbol[DGRAM_FEC_M_MAX][DGRAM_FRAGMENT_BYTES];
        struct dgram_msg m = data(TEA_TAG, seq, 100 + seq, 0);
        struct bytes event = event_of(seq, bytes);
        uint8_t *to[DGRAM_FEC_M_MAX], cnt = dgram_fragments(bytes);
        m.data.crc32c = crc32c(event);
        m.data.event_bytes = (uint16_t)bytes;
        m.data.frag_idx = idx;
        m.data.frag_cnt = cnt;
        if (idx < cnt) {
                m.data.event = fragment_of(event, idx);
                return m;
        }
        memset(symbol, 0, sizeof symbol);
        for (int r = 0; r < DGRAM_FEC_M_MAX; r++)
                to[r] = symbol[r];
        for (uint8_t i = 0; i < cnt; i++)
                fec_add(cnt, DGRAM_FEC_M_MAX, i, fragment_of(event, i), to);
        m.data.event = bytes_of(symbol[idx - cnt], DGRAM_FRAGMENT_BYTES);
        return m;
}

static inline void say_part(struct end *e, uint64_t seq, size_t bytes, uint8_t idx)
{
        say(e, part(seq, bytes, idx));
}

static inline struct client_event told_whole(struct end *e, uint64_t seq, size_t bytes)
{
        struct client_event ev = next(e, CLIENT_EVENT);
        assert_int_equal(ev.seq, seq);
        assert_true(bytes_equal(ev.event, event_of(seq, bytes)));
        return ev;
}

#endif
