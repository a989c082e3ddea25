/* reassembly: events that come in fragments, put together again within bounds.
 *
 * One per session and direction. An event under way is named by its channel and its number there
 * (DATA: the channel's tag and seq; PUB: 0 and the publish's id). Its memory is taken whole with its
 * first fragment, out of what one session may hold; a fragment is copied to its place once.
 *
 * Bounds: so many events, so many bytes, and REASSEMBLY_IDLE_NS without a new fragment. Where there
 * is no place, the event that is furthest from its turn goes: the highest number of the channel,
 * which may be the newcomer itself. Dropping the oldest instead would let a stream of large events
 * push each other out for ever; so the lowest always comes through.
 *
 * A fragment that contradicts those before it (another size, another stamp) is refused, once. When the
 * next one contradicts too, the first was the liar, and the event begins anew with what came last. So
 * one forged fragment costs one repair at most.
 *
 * DATA's fragments may have parity (fec.h: k is their count, the last one filled up with zeros). It is kept with the
 * event, within the same bounds, and when there is as much of it as there are fragments missing, these can be solved
 * for. Whether it was true, the event's checksum says.
 *
 * No I/O, no clock. Fragments are parsed ones: dgram_parse has proved idx, cnt and length.
 *
 * Source: the project's UDP wire spec, section 8 (limits); RFC 815 for the name of the problem.
 */
#ifndef CORE_WIRE_REASSEMBLY_H
#define CORE_WIRE_REASSEMBLY_H
#include <stdbool.h>
#include <stdint.h>

#include "core/base/bytes.h"
#include "core/base/mono.h"
#include "core/wire/fec.h"

enum { REASSEMBLY_EVENTS_MAX = 64 }; /* at once, whatever is asked for */
#define REASSEMBLY_IDLE_NS (INT64_C(2) * 1000000000)

struct reassembly_part {
        uint64_t channel, number;
        uint64_t stamp[3]; /* what all fragments of one event have in common; the caller's */
        uint16_t event_bytes;
        uint8_t idx, cnt;
        struct bytes bytes;
};

struct reassembly_event {
        uint64_t channel, number, stamp[3];
        uint64_t have; /* a bit for each fragment */
        struct mono fed;
        uint16_t event_bytes;
        uint8_t cnt;
        bool disputed;                    /* the last fragment contradicted this */
        uint8_t parity_n;                 /* so many of these came: */
        uint8_t *parity[DGRAM_FEC_M_MAX]; /* each DGRAM_FRAGMENT_BYTES; NULL: it did not come */

        uint8_t tries; /* the caller's own; 0, 0 and MONO_NEVER at first */
        uint16_t back;
        struct mono opened;
        uint8_t bytes[];
};

/* What several sessions may hold together: what events take of memory, and not of their bytes alone. */
struct reassembly_total {
        size_t bytes, bytes_max;
};

struct reassembly {
        struct reassembly_event *event[REASSEMBLY_EVENTS_MAX];
        uint32_t n, events_max;
        size_t bytes, bytes_max;
        struct reassembly_total *total; /* NULL: none */
};

/* total: borrowed; NULL: only the session's own bounds. */
void reassembly_init(struct reassembly *r, uint32_t events_max, size_t bytes_max, struct reassembly_total *total);
void reassembly_free(struct reassembly *r); /* a zeroed one too */

/* NULL: nothing of it has come. */
struct reassembly_event *reassembly_find(const struct reassembly *r, uint64_t channel, uint64_t number);

/* Begins the event that this is a fragment of; nothing of it is put yet. NULL: no place, or no memory. */
struct reassembly_event *reassembly_begin(struct reassembly *r, struct mono now, const struct reassembly_part *p);

/* May the event take this fragment? False once when it contradicts; false and *liar when it was the
 * second in a row: drop the event and begin it anew. */
bool reassembly_agrees(struct reassembly_event *e, const struct reassembly_part *p, bool *liar);

/* Copies the fragment, unless it was there. Returns true when the event is whole with it. */
bool reassembly_put(struct reassembly_event *e, struct mono now, const struct reassembly_part *p);

/* Fragments that have not come, as bits. */
uint64_t reassembly_missing(const struct reassembly_event *e);

/* Parity `row` of the event's fragments, DGRAM_FRAGMENT_BYTES of it; copied. False: it was there already, or there is
 * no place or memory for it; the event is as before. */
bool reassembly_put_parity(struct reassembly *r, struct reassembly_event *e, struct mono now, uint8_t row,
                           const uint8_t *symbol);

/* Solves for the fragments that are missing: *missing is which, as bits, and out[0], out[1], ... they, in that order,
 * each filled up with zeros to DGRAM_FRAGMENT_BYTES. The event is as before. returns how many; 0: more are missing than
 * there is parity */
uint32_t reassembly_solve(const struct reassembly_event *e, uint64_t *missing, uint8_t (*out)[FEC_SYMBOL_MAX]);

struct bytes reassembly_bytes(const struct reassembly_event *e); /* of a whole one; until it is dropped */

/* The event of the channel with the highest number above this one; NULL: there is none. */
struct reassembly_event *reassembly_behind(const struct reassembly *r, uint64_t channel, uint64_t number);

void reassembly_drop(struct reassembly *r, struct reassembly_event *e);

/* Some event that has had no new fragment for too long; NULL: none has. */
struct reassembly_event *reassembly_idle(const struct reassembly *r, struct mono now);
struct mono reassembly_deadline(const struct reassembly *r); /* when there will be one */

#endif
