/* frame: a datagram as a row of messages, before any of them is parsed: do their lengths add up? */
#include <assert.h>

#include "core/wire/dgram.h"

static uint16_t be16(const uint8_t *at)
{
        return (uint16_t)(at[0] << 8 | at[1]);
}

static size_t header_bytes(uint8_t type)
{
        return dgram_has_pktno(type) ? DGRAM_SESSION_HEADER : DGRAM_HEADER;
}

/* One message's verdict; its length goes to *bytes. */
static enum dgram_verdict check_message(struct bytes left, size_t *bytes)
{
        if (left.n < 2 || be16(left.at) != DGRAM_MAGIC)
                return DGRAM_NO_MAGIC;
        if (left.n < DGRAM_HEADER)
                return DGRAM_BAD_LENGTH;
        if (left.at[2] != DGRAM_VERSION)
                return DGRAM_BAD_VERSION;
        *bytes = be16(left.at + 6);
        return *bytes >= header_bytes(left.at[3]) && *bytes <= left.n ? DGRAM_GOOD : DGRAM_BAD_LENGTH;
}

static enum dgram_verdict check_padding(struct bytes left)
{
        for (size_t i = 0; i < left.n; i++)
                if (left.at[i] != 0)
                        return DGRAM_BAD_PADDING;
        return DGRAM_GOOD;
}

enum dgram_verdict dgram_check(struct bytes datagram)
{
        struct bytes left = datagram;
        do {
                size_t bytes;
                enum dgram_verdict verdict = check_message(left, &bytes);
                if (verdict)
                        return verdict;
                left = bytes_of(left.at + bytes, left.n - bytes);
        } while (left.n > 0 && left.at[0] != 0);
        return check_padding(left);
}

bool dgram_next(struct bytes *rest, struct bytes *message)
{
        if (rest->n == 0 || rest->at[0] == 0)
                return false;
        size_t bytes = be16(rest->at + 6);
        assert(bytes >= DGRAM_HEADER && bytes <= rest->n);
        *message = bytes_of(rest->at, bytes);
        *rest = bytes_of(rest->at + bytes, rest->n - bytes);
        return true;
}

bool dgram_hello_other_version(struct bytes datagram, uint64_t *nonce)
{
        if (datagram.n < DGRAM_HELLO_BYTES || be16(datagram.at) != DGRAM_MAGIC)
                return false;
        if (datagram.at[2] == DGRAM_VERSION || datagram.at[3] != DGRAM_HELLO)
                return false;
        struct reader in = reader_of(datagram.at + DGRAM_HEADER, 8);
        *nonce = reader_u64(&in);
        return true;
}

bool dgram_session_head(struct bytes message, uint64_t *tag, uint32_t *epoch, uint32_t *pktno)
{
        if (message.n < DGRAM_SESSION_HEADER || !dgram_has_pktno(message.at[3]))
                return false;
        struct reader in = reader_of(message.at + 8, 16);
        *tag = reader_u64(&in);
        *epoch = reader_u32(&in);
        *pktno = reader_u32(&in);
        return true;
}
