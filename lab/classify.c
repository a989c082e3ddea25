#include "lab/classify.h"

#include "core/wire/dgram.h"

bool classify_dgram(const uint8_t *payload, size_t payload_bytes, uint64_t *first_seq)
{
        struct bytes rest = bytes_of(payload, payload_bytes), message;
        if (dgram_check(rest) != DGRAM_GOOD)
                return false;
        while (dgram_next(&rest, &message)) {
                struct dgram_msg m;
                if (dgram_parse(message, &m) != 0 || m.type != DGRAM_DATA)
                        continue;
                *first_seq = m.data.seq | (uint64_t)m.data.frag_idx << 57; /* above DGRAM_COUNT_MAX */
                return true;
        }
        return false;
}
