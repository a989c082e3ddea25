#include "lab/classify.h"

#include "core/base/bytes.h"

/* The common header of a datagram message, and where DATA has its seq. */
enum { MAGIC = 0x0e4c, VERSION = 1, HEADER = 16, TYPE_DATA = 0x30, DATA_SEQ_AT = 24 };

bool classify_dgram(const uint8_t *payload, size_t payload_bytes, uint64_t *first_seq)
{
        struct reader r = reader_of(payload, payload_bytes);
        while (reader_left(&r) >= HEADER) {
                struct reader head = reader_of(r.at, HEADER);
                uint16_t magic = reader_u16(&head);
                uint8_t version = reader_u8(&head), type = reader_u8(&head);
                reader_u16(&head); /* flags */
                uint16_t length = reader_u16(&head);
                if (magic != MAGIC || version != VERSION || length < HEADER)
                        return false;
                struct bytes message = reader_take(&r, length);
                if (r.failed)
                        return false;
                if (type != TYPE_DATA)
                        continue;
                struct reader body = reader_of(message.at, message.n);
                reader_take(&body, DATA_SEQ_AT);
                uint64_t seq = reader_u64(&body);
                if (body.failed)
                        return false;
                *first_seq = seq;
                return true;
        }
        return false;
}
