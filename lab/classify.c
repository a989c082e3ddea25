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
                *first_seq = m.data.seq;
                return true;
        }
        return false;
}
