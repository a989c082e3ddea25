/* Messages that hold more than there is place for: all of it is there, in a message that is long enough, and it is
 * the count that is too high. */
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/wire/dgram.h"

static const struct many_row {
        const char *name;
        uint8_t type, least, most;
        size_t count, first, each; /* where the count ends (0: none is said); bytes before the first, and of each */
} many[] = {
        { "GAP", DGRAM_GAP, 1, DGRAM_RANGES_MAX, 29, 32, 16 },
        { "NACK", DGRAM_NACK, 1, DGRAM_RANGES_MAX, 29, 40, 16 },
        { "NCF", DGRAM_NCF, 1, DGRAM_RANGES_MAX, 21, 24, 16 },
        { "PUB_ACK", DGRAM_PUB_ACK, 1, DGRAM_ACKS_MAX, 24, 32, 32 },
        { "the id in ACCEPT", DGRAM_ACCEPT, 0, DGRAM_ID_MAX, 0, 151, 1 },
};

static uint8_t *message(uint8_t type, size_t bytes)
{
        uint8_t *at = calloc(1, bytes);
        const uint8_t head[] = { DGRAM_MAGIC >> 8, DGRAM_MAGIC & 0xFF, DGRAM_VERSION, type };
        memcpy(at, head, sizeof head);
        at[6] = (uint8_t)(bytes >> 8);
        at[7] = (uint8_t)bytes;
        return at;
}

static void run_many(void **state)
{
        const struct many_row *row = *state;
        struct dgram_msg m;
        for (uint8_t n = 0; n <= 2 * row->most; n++) {
                size_t bytes = row->first + n * row->each;
                uint8_t *at = message(row->type, bytes);
                for (size_t i = row->first + 7; i < bytes; i += 8) /* from 1 to 1, ... */
                        at[i] = 1;
                if (row->count > 0)
                        at[row->count] = n;
                bool good = n >= row->least && n <= row->most;
                assert_int_equal(dgram_parse(bytes_of(at, bytes), &m), good ? 0 : ERR_MALFORMED);
                free(at);
        }
}

/* Tail, head and start of its two channels have their bound, too: places are made of them. */
static void counters_of_accept(void **state)
{
        (void)state;
        static const size_t counters[] = { 87, 95, 103, 119, 127, 135 };
        struct dgram_msg m;
        for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
                uint8_t *at = message(DGRAM_ACCEPT, 151);
                at[counters[i]] = 1; /* 2^56 */
                assert_int_equal(dgram_parse(bytes_of(at, 151), &m), 0);
                at[counters[i]] = 2;
                assert_int_equal(dgram_parse(bytes_of(at, 151), &m), ERR_MALFORMED);
                free(at);
        }
}

int main(void)
{
        const struct CMUnitTest more[] = { cmocka_unit_test(counters_of_accept) };
        return RUN_ROWS("dgram many", many, run_many) + cmocka_run_group_tests_name("dgram many", more, NULL, NULL);
}
